package LLM::Harness;

# prove --harness LLM::Harness: as always, and every skip's reason goes as a
# line into the file that $LLM_SKIPS names.

use strict;
use warnings;

use parent 'TAP::Harness';

sub new {
    my ($class, @args) = @_;
    my $s = $class->SUPER::new(@args);
    $s->callback(made_parser => sub {
        my ($parser, $job) = @_;
        my $file = ref $job eq 'ARRAY' ? $job->[1] : $job->description;
        my $note = sub {
            my $result = shift;
            return unless $result->has_skip;
            my $what = $result->is_plan ? $file : "$file " . $result->number;
            _append("$what: " . ($result->explanation // 'no reason'));
        };
        $parser->callback(plan => $note);
        $parser->callback(test => $note);
    });
    return $s;
}

sub _append {
    my $line = shift;
    my $path = $ENV{LLM_SKIPS} or return;
    open my $f, '>>', $path or die "$path: $!";
    print $f "$line\n";
    close $f;
}

1;
