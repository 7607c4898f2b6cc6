# The house keeps its form: who may include whom, what stays at the door,
# how long a file may be, what does not belong into the tree.

use lib 't/lib';
use LLM::Test;

use File::Find qw(find);

my $root = root_dir;

# Left to right; a room may use every room further right, and beside it only
# what %beside names.
my @order = (
    [qw(exchange)], [qw(semantic limit route)], [qw(cache price tokens geo)],
    [qw(api)], [qw(sse json)], [qw(watch shm metrics)], [qw(base)],
);
my %beside = ('route limit' => 1);
my %rank;
for my $i (0 .. $#order) {
    $rank{$_} = $i for @{ $order[$i] };
}

sub allowed {
    my ($from, $to) = @_;
    return 0 unless defined $rank{$from} && defined $rank{$to};
    return $from eq $to || $rank{$from} < $rank{$to} || $beside{"$from $to"};
}

ok allowed(qw(cache api)), 'rightwards is allowed';
ok !allowed(qw(api cache)), 'leftwards is not';
ok !allowed(qw(sse json)), 'sideways is not';
ok allowed(qw(route limit)), 'but where it is named';

my @files;
find({
    no_chdir => 1,
    wanted   => sub {
        my $name = substr $_, length($root) + 1 if length > length $root;
        if (defined $name && -d && $name =~ m{^(?:build|\.git|models)|node_modules$
            |^tests/fuzz/corpus$}x) {
            $File::Find::prune = 1;
            return;
        }
        push @files, $name if -f && $name ne q(.git);
    },
}, $root);
@files = sort @files;
my @sources = grep { m{^(?:src|ngx_llm_module)/.*\.[ch]pp$} } @files;
ok @sources > 10, scalar(@sources) . ' source files';

sub lines {
    my ($name) = @_;
    return split /^/, slurp("$root/$name");
}

my (@arrows, @door, @long, @pragma, @places);
for my $name (@sources) {
    my ($top, $room) = $name =~ m{^(src)/(\w+)/\w+\.[ch]pp$};
    ($top, $room) = ('ngx_llm_module', 'the door')
        if $name =~ m{^ngx_llm_module/\w+\.[ch]pp$};
    if (!$top || $top eq 'src' && !defined $rank{$room}) {
        push @places, $name;
        next;
    }
    my @lines = lines($name);
    push @pragma, $name
        if $name =~ /\.hpp$/ && !grep { /^#pragma once$/ } @lines;
    for my $line (@lines) {
        my ($open, $path) = $line =~ /^\s*#\s*include\s*([<"])([^>"]+)/ or next;
        if ($top eq 'src' && $path =~ m{^(?:ngx_|curl/|hiredis|ngx_llm_module/)}) {
            push @door, "$name: $path";
        } elsif ($open eq '"') {
            my ($to) = $path =~ m{^src/(\w+)/\w+\.hpp$};
            my $fine = $top eq 'src' ? $to && allowed($room, $to)
                : $to || $path =~ m{^ngx_llm_module/\w+\.hpp$};
            push @arrows, "$name: $path" unless $fine;
        }
    }
}
is "@arrows", '', 'every include points right, from the root of the tree';
is "@door", '', 'nginx, curl and hiredis stay at the door';
is "@places", '', 'every source file lies in a known room';
is "@pragma", '', 'every header has its #pragma once';

for my $name (grep { /\.(?:[ch]pp|pm|t|pl|mjs|sh)$|^run$/ } @files) {
    my $count = lines($name);
    push @long, "$name: $count" if $count > 600;
}
is "@long", '', 'no file is longer than 600 lines';

# In pieces, so that this file does not find itself.
my @never = (
    qr{/wo[r]k/(?:main|shared)},
    qr{registry\.npm[j]s},
    qr{(?://|#)\s*(?:TO[D]O|FIX[M]E|XX[X])\b},
    qr{^(?:<{7}|>{7}) },
);
my @found;
for my $name (grep { -T "$root/$_" } @files) {
    my $n = 0;
    for my $line (lines($name)) {
        $n++;
        push @found, "$name:$n" if grep { $line =~ $_ } @never;
    }
}
is "@found", '', 'no path of one machine, no marker of unfinished work';

done_testing;
