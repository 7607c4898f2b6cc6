# What a loss of power leaves of a file that is replaced: the old one or the
# new one, whole. So its bytes are on the disk before it gets its name; and
# who was told that it is done finds the new one, so the folder is synced too.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 2);
my $preload = $t->preload('syncs');
my $list    = $t->dir . '/syncs';

# Runs the code with everything started in it watched below this folder.
sub watched {
    my ($folder, $code) = @_;
    local $ENV{LD_PRELOAD}      = $preload;
    local $ENV{LLM_SYNCS}       = $list;
    local $ENV{LLM_SYNCS_UNDER} = $folder;
    return $code->();
}

# Each replacement of the file: what was done to the temporary one up to its
# rename, and to the folder after that. Several in a row of one kind are one.
sub replacements {
    my ($path) = @_;
    my ($folder) = $path =~ m{^(.*)/};
    my (%before, @all);
    for my $line ($t->lines('syncs')) {
        my ($what, $from, $to) = split / /, $line;
        if ($what eq 'rename' && $to eq $path) {
            push @all, [@{ delete $before{$from} // [] }, 'rename'];
        } elsif ($from eq $folder && @all) {
            push @{ $all[-1] }, "$what folder";
        } elsif (($before{$from}[-1] // '') ne $what) {
            push @{ $before{$from} }, $what;
        }
    }
    return map { "@$_" } @all;
}
my $safe = 'write fsync rename fsync folder';

# ---- llm_snapshot ---------------------------------------------------------

$t->mock;
my $file = $t->dir . '/state/snapshot';
for my $case (['while nginx runs', '1s'], ['when it ends', '1d']) {
    my ($when, $interval) = @$case;
    unlink $list;
    watched($t->dir . '/state', sub {
        $t->start($t->head . "llm on; llm_snapshot state/snapshot $interval;"
            . $t->server('llm_limit rate key=$http_x_key requests=100/d;'));
    });
    $t->post($t->path('chat'), $t->body_of('chat'), 'X-Key' => $_) for 1 .. 3;
    soon { replacements($file) > 0 } "written $when", 10 if $interval eq '1s';
    $t->stop;
    my @all = replacements($file);
    ok @all, "written $when";
    is join("\n", grep { $_ ne $safe } @all), '', 'each time safely';
}

# ---- ./run key ------------------------------------------------------------

my $keys = $t->dir . '/keys.json';
for my $name (qw(first second)) {
    unlink $list;
    my ($status, $said) = watched($t->dir, sub {
        $t->command(root_dir . '/run', qw(key new --tenant t --name), $name,
            '--file', $keys);
    });
    is $status, 0, "the $name key is made" or diag $said;
    is join("\n", replacements($keys)), $safe, 'and is on the disk';
}
# It is shown when it is there to stay: not before.
{
    unlink $list;
    my $out = $t->dir . '/shown';
    my $p = watched($t->dir, sub {
        LLM::Process->start([root_dir . '/run', qw(key new --tenant t --name
            third --file), $keys], $out);
    });
    is $p->wait(20), 0, 'a third';
    my @lines  = $t->lines('syncs');
    my ($shown) = grep { $lines[$_] eq "write $out" } 0 .. $#lines;
    my ($there) = grep { $lines[$_] eq 'fsync ' . $t->dir } 0 .. $#lines;
    ok defined $shown && defined $there && $there < $shown,
        'is shown once it is on the disk' or diag "@lines";
}

done_testing;
