package LLM::Check;

# What nginx -t says to a configuration: for tests of directives.

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

our @EXPORT = qw(refused taken);

# Refused with these words, in the line that begins with $at.
sub refused {
    my ($t, $conf, $at, $words) = @_;
    my ($ok, $said) = $t->check($conf);
    is $ok, 0, "refused: $at";
    my ($emerg) = grep { /\[emerg\]/ } split /\n/, $said;
    like $emerg // $said, $words, 'with words that help';
    my $text = $t->file('check.conf');
    my $line = 1 + (() = substr($text, 0, index $text, $at) =~ /\n/g);
    my $dir  = $t->dir;
    return like $emerg // '', qr/ in \Q$dir\E\/check\.conf:$line$/,
        'and its line';
}

sub taken {
    my ($t, $conf, $name) = @_;
    my ($ok, $said) = $t->check($conf);
    return ok($ok, "taken: $name") || diag $said;
}

1;
