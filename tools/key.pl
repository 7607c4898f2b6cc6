#!/usr/bin/perl
# Virtual keys for llm_keys: makes one, or lists those of a file. Core Perl.
#
#   key.pl new --name N --tenant T [--plan P] [--models a*,b] [--expires I]
#              [--budget 50/day]... [--requests 60/m] [--tokens 100k/m]
#              [--concurrency 5] [--tag name=value]... [--file keys.json]
#   key.pl list [--file keys.json]
#
# The key goes to the standard output once and is kept nowhere; the file gets
# its SHA-256. What stands in the file stays byte for byte, the new entry
# follows the last one. The file is replaced whole or not at all, so nginx
# never reads half of it; it takes it up within two seconds.

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use Fcntl qw(:DEFAULT :flock);
use File::Basename qw(basename dirname);
use Getopt::Long qw(GetOptionsFromArray);
use IO::Handle;
use JSON::PP;
use Time::Local qw(timegm_modern);

# What the module takes, no more.
my $name_size   = 128;
my $most_tags   = 16;
my $most_models = 256;

sub fail {
    print STDERR "key: @_\n";
    exit 1;
}

sub read_file {
    my ($path) = @_;
    open my $f, '<:raw', $path or fail("$path: $!");
    local $/;
    return scalar(<$f>) // '';
}

# 43 characters of 62: 256 bits, none likelier than another.
sub random_key {
    my @letters = ('A' .. 'Z', 'a' .. 'z', 0 .. 9);
    open my $random, '<:raw', '/dev/urandom' or fail("/dev/urandom: $!");
    my $text = '';
    while (length $text < 43) {
        sysread($random, my $byte, 1) or fail('no random bytes');
        my $number = ord $byte;
        $text .= $letters[$number % 62] if $number < 248;
    }
    return "sk-llm-$text";
}

sub is_plain {
    my ($text, $least) = @_;
    return length $text >= $least && length $text <= $name_size
        && $text !~ /[\x00-\x1f\x7f]/ && utf8::decode(my $copy = $text);
}

sub quoted {
    my ($text) = @_;
    utf8::decode($text);
    return JSON::PP->new->utf8->allow_nonref->encode($text);
}

sub budgets_of {
    my %windows;
    for my $budget (@_) {
        my ($usd, $window) =
            $budget =~ m{^(\d{1,9}(?:\.\d{1,9})?)/(hour|day|week|month)$}
            or fail("--budget $budget: must be like 50/day, of hour, day,"
            . ' week and month');
        fail("--budget $budget: there are two for a $window")
            if exists $windows{$window};
        $windows{$window} = $usd =~ s/^0+(?=\d)//r;
    }
    return join ', ', map { quoted($_) . ": $windows{$_}" } sort keys %windows;
}

# An instant that the calendar has.
sub is_instant {
    my ($year, $month, $day, $hour, $minute, $second, $east) = $_[0] =~
        /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:Z|[+-](\d\d:\d\d))$/
        or return 0;
    return 0 if defined $east && $east !~ /^(?:[01]\d|2[0-3]):[0-5]\d$/;
    return defined eval {
        timegm_modern($second, $minute, $hour, $day, $month - 1, $year);
    };
}

sub limits_of {
    my ($o) = @_;
    my @limits;
    for my $name (qw(requests tokens)) {
        my $rate = $o->{$name} // next;
        $rate =~ m{^[1-9]\d{0,11}[km]?/(?:s|m|h|d|second|minute|hour|day)$}
            or fail("--$name $rate: must be like 60/m");
        push @limits, quoted($name) . ': ' . quoted($rate);
    }
    if (defined(my $count = $o->{concurrency})) {
        $count =~ /^[1-9]\d{0,8}$/
            or fail("--concurrency $count: must be a number");
        push @limits, qq{"concurrency": $count};
    }
    return join ', ', @limits;
}

sub tags_of {
    my %tags;
    for my $tag (@_) {
        my ($name, $value) = $tag =~ /^([^=]+)=(.*)$/s
            or fail("--tag $tag: must be like team=search");
        fail("--tag $tag: has a character that is not allowed")
            unless is_plain($name, 1) && is_plain($value, 0);
        $tags{$name} = $value;
    }
    fail("--tag: there are more than $most_tags") if keys %tags > $most_tags;
    return join ', ', map { quoted($_) . ': ' . quoted($tags{$_}) }
        sort keys %tags;
}

# The entry as it stands in the file.
sub entry_of {
    my ($hash, $o) = @_;
    my @members = (qq{"key_sha256": "$hash"});
    for my $name (qw(name tenant plan)) {
        my $text = $o->{$name} // next;
        is_plain($text, 1) or fail("--$name: must be 1 to $name_size bytes"
            . ' without control characters');
        push @members, quoted($name) . ': ' . quoted($text);
    }
    if (defined $o->{models}) {
        my @models = split /,/, $o->{models};
        is_plain($_, 1) or fail("--models: \"$_\" is no name") for @models;
        fail("--models: there are more than $most_models")
            if @models > $most_models;
        push @members, '"models": [' . join(', ', map { quoted($_) } @models)
            . ']';
    }
    if (defined $o->{expires}) {
        is_instant($o->{expires})
            or fail("--expires: must be like 2030-12-31T23:59:59Z");
        push @members, '"expires": ' . quoted($o->{expires});
    }
    my %objects = (limits => limits_of($o),
        budgets => budgets_of(@{ $o->{budget} }), tags => tags_of(@{ $o->{tag} }));
    push @members, map { quoted($_) . ": {$objects{$_}}" }
        grep { length $objects{$_} } qw(limits budgets tags);
    return '{' . join(', ', @members) . '}';
}

sub decoded {
    my ($path, $text) = @_;
    my $json = eval { JSON::PP->new->utf8->decode($text) };
    fail("$path: is no JSON: " . ($@ =~ s/ at \S+ line \d+\.?\n?//r))
        unless defined $json;
    fail("$path: must be an object with a list \"keys\"")
        unless ref $json eq 'HASH' && ref $json->{keys} eq 'ARRAY';
    return $json;
}

# Where in the valid text the list "keys" of the outermost object ends: the
# place behind its last entry, or behind its bracket when it is empty.
sub end_of_list {
    my ($text) = @_;
    my ($depth, $in_list, $last, $word) = (0, 0, 0, '');
    while ($text =~ /\G\s*("(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+)/gc) {
        my ($token, $end) = ($1, pos $text);
        if ($in_list && $depth == 2 && $token eq ']') {
            return $last;
        }
        $depth++ if $token =~ /^[\[{]$/;
        $depth-- if $token =~ /^[\]}]$/;
        if (!$in_list && $depth == 2 && $token eq '[' && $word eq '"keys"') {
            $in_list = 1;
        }
        $word = $token if $depth == 1 && $token =~ /^"/;
        $last = $end if $in_list;
    }
    return undef;
}

sub with_entry {
    my ($path, $text, $entry) = @_;
    return qq({"keys": [\n  $entry\n]}\n) unless defined $text;
    my $known = @{ decoded($path, $text)->{keys} };
    my $end = end_of_list($text) // fail("$path: has no list \"keys\"");
    my $rest = substr $text, $end;
    return substr($text, 0, $end) . ($known ? ',' : '') . "\n  $entry"
        . ($rest =~ /^\s*\n/ ? '' : "\n") . $rest;
}

# One at a time: whoever comes second reads what the first has written.
sub lock_directory {
    my ($path) = @_;
    sysopen my $lock, dirname($path), O_RDONLY
        or fail(dirname($path) . ": $!");
    flock $lock, LOCK_EX or fail(dirname($path) . ": $!");
    return $lock;
}

sub replace_file {
    my ($path, $text, $directory) = @_;
    my @old  = stat $path;
    my $new  = dirname($path) . '/.' . basename($path) . ".$$";
    # Hashes of random keys are no secrets, and nginx's workers read them.
    my $mode = @old ? $old[2] & 07777 : 0644;
    sysopen my $f, $new, O_WRONLY | O_CREAT | O_EXCL, 0600
        or fail("$new: $!");
    my $done = (print $f $text) && $f->flush;
    $done &&= chown $old[4], $old[5], $new if @old && $> == 0;
    $done &&= chmod $mode, $new;
    $done &&= $f->sync && close $f;
    $done &&= rename $new, $path;
    # The key that is shown next is to be there after a loss of power, too; not
    # every file system can say that of a directory (EINVAL).
    return if $done && ($directory->sync || $!{EINVAL});
    my $why = $!;
    unlink $new;
    fail("$path: $why");
}

sub make_key {
    my ($o) = @_;
    fail("--$_ is needed") for grep { !defined $o->{$_} } qw(name tenant);
    my $key   = random_key();
    my $entry = entry_of(sha256_hex($key), $o);
    # A link stays one: what it leads to is replaced.
    $o->{file} = abs_path($o->{file}) // $o->{file} if -l $o->{file};
    my $lock  = lock_directory($o->{file});
    my $old   = -e $o->{file} ? read_file($o->{file}) : undef;
    replace_file($o->{file}, with_entry($o->{file}, $old, $entry), $lock);
    print "$key\n";
    print STDERR "key: \"$o->{name}\" of \"$o->{tenant}\" stands in"
        . " $o->{file}; the key itself is shown this once\n";
}

sub list_keys {
    my ($o) = @_;
    my $json = JSON::PP->new->utf8->canonical;
    for my $key (@{ decoded($o->{file}, read_file($o->{file}))->{keys} }) {
        my $more = join ' ', map {
            "$_=" . (ref $key->{$_} && !JSON::PP::is_bool($key->{$_})
                ? $json->encode($key->{$_}) : $key->{$_})
        } grep { !/^(?:key_sha256|name|tenant)$/ } sort keys %$key;
        my $line = join ' ', substr($key->{key_sha256} // '', 0, 12),
            $key->{name} // '', $key->{tenant} // '', $more;
        utf8::encode($line) if utf8::is_utf8($line);
        print $line =~ s/\s+$//r, "\n";
    }
}

my %o = (file => 'keys.json', budget => [], tag => []);
my @arguments = @ARGV;
my $what = shift @arguments // '';
local $SIG{__WARN__} = sub { print STDERR 'key: ', @_ };
GetOptionsFromArray(\@arguments, \%o, 'name=s', 'tenant=s', 'plan=s',
    'models=s', 'expires=s', 'budget=s@', 'requests=s', 'tokens=s',
    'concurrency=s', 'tag=s@', 'file=s') && !@arguments
    && $what =~ /^(?:new|list)$/
    or do {
    print STDERR <<'END';
usage: ./run key new --name N --tenant T [--plan P] [--models a*,b]
           [--expires 2030-12-31T23:59:59Z] [--budget 50/day]...
           [--requests 60/m] [--tokens 100k/m] [--concurrency 5]
           [--tag name=value]... [--file keys.json]
       ./run key list [--file keys.json]
END
    exit 2;
    };
$what eq 'new' ? make_key(\%o) : list_keys(\%o);
