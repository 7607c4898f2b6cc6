# llm_keys with 60,000 keys: while a changed file is taken up the event loop
# does next to nothing of the work.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Digest::SHA qw(sha256_hex);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

my @hashes = map { sha256_hex("key $_") } 1 .. 60_000;

sub write_keys {
    my ($plan) = @_;
    my $n = 0;
    $t->write_file('keys.new' => '{"keys": [' . join(",\n", map {
        ++$n;
        qq({"key_sha256": "$_", "name": "key$n", "tenant": "tenant)
            . $n % 1000 . qq(", "plan": "$plan", "models": ["gpt-4o*"], )
            . '"limits": {"requests": "100/m", "tokens": "100000/m"}, '
            . '"budgets": {"day": 10, "month": 100}, "tags": {"team": "red"}}'
    } @hashes) . ']}');
    rename $t->dir . '/keys.new', $t->dir . '/keys.json' or die $!;
    return;
}

write_keys('silver');
$t->start($t->head . $t->watch_witness
        . "    llm_keys keys.json;\n    llm on;\n" . $t->server(''));

# Nanoseconds of CPU time: of the thread that runs the loop, and of all that
# the process has ever had.
my ($pid) = $t->worker_pids;
sub spent {
    my ($loop) = slurp("/proc/$pid/task/$pid/schedstat") =~ /^(\d+)/;
    my @stat = split ' ', slurp("/proc/$pid/stat") =~ s/.*\)//r;
    return ($loop, ($stat[11] + $stat[12]) * 1e7);
}

my $loads = sub {
    $t->get('/metrics')->body
        =~ /^llm_watch_loads_total\{file="keys",result="loaded"\} (\d+)/m
        ? $1 : 0;
};
my ($loop, $all) = spent();
for my $plan ('gold', 'silver') {
    my $before = $loads->();
    write_keys($plan);
    my $seen = wait_until { $loads->() > $before } 20;
    ok $seen, "taken up: $plan";
}
ok $t->looked_at, 'the replaced ones are free';
my @now = spent();
$loop = ($now[0] - $loop) / 1e6;
$all  = ($now[1] - $all) / 1e6;
diag sprintf 'twice 60,000 keys: %d ms on the loop, %d in all', $loop,
    $all;
cmp_ok $loop, '<', $all / 5, 'reading and freeing are for other threads';

done_testing;
