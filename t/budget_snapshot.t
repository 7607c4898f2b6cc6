# llm_snapshot: what is spent stays spent when nginx is started anew, or its
# binary is upgraded; a damaged file never stops the start (fault cases 66,
# 69, 81).

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Fcntl qw(LOCK_EX);
use Time::HiRes qw(sleep);

my $t = LLM::Edge->new(workers => 2);
$t->mock;
$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));
my $conf = ($t->head =~ s/"test":/"left":"\$llm_budget_remaining","tenant":"\$llm_tenant","test":/r)
    . 'llm on; llm_prices prices.json; llm_snapshot state/snapshot 1s;'
    # 404: an alert is given up at once.
    . 'llm_alert url=http://127.0.0.1:%%PORT:mock%%/alert events=file_failed;'
    . $t->server('llm_budget team key=$http_x_team usd=1/month;'
    . ' llm_limit rate key=$http_x_team requests=100/d;');
my $file = $t->dir . '/state/snapshot';

sub spend {
    my ($team, $tokens) = @_;
    my ($r, $log) = $t->send_body(chat => $t->body_of('chat',
            max_tokens => $tokens), "completion=$tokens",
        headers => ['X-Team' => $team, Authorization => 'Bearer x']);
    return ($r, $log);
}

sub restart {
    $t->stop;
    $_[0]->() if $_[0];
    $t->start($conf);
}

$t->start($conf);
my ($r, $log) = spend(a => 400);
my $tenant = $log->{tenant};
is $log->{left}, '0.600000000', 'spent';
restart();
ok -s $file, 'the snapshot is there';
is sprintf('%o', (stat $file)[2] & 0777), '600', 'for nobody else';
like $t->log, qr/\d+ accounts of ".*snapshot" are back/, 'the log tells';
($r, $log) = spend(a => 100);
is $log->{left}, '0.500000000', 'case 69: what was spent is still spent';
is $log->{tenant}, $tenant, 'tenants keep their names';
is $r->header('x-ratelimit-remaining-requests'), 98, 'rates go on too';

# KILL: the last one that was written counts.
my $seen = (stat $file)[9];
my $written = wait_until { (stat $file)[9] > $seen + 1 } 8;
ok $written, 'it is written by the second';
my @workers = $t->worker_pids;
kill KILL => $t->master_pid, @workers;
$t->{nginx}->wait(5);
delete $t->{nginx};
$t->allow(qr/exited on signal/);
$t->start($conf);
($r, $log) = spend(a => 100);
is $log->{left}, '0.400000000', 'after kill -9 of all';

# Workers that end write one after the other, what they find when it is
# their turn: the state of an earlier one must not come last. Who may read the
# directory cannot keep them waiting.
open my $directory, '<', $t->dir . '/state' or die $!;
flock $directory, LOCK_EX or die $!;
is sprintf('%o', ((stat "$file.lock")[2] // 0) & 0777), '600',
    'the lock is for nobody else';
open my $turn, '<', "$file.lock" or die $!;
flock $turn, LOCK_EX or die $!;
my $stream = $t->client;
$stream->send(POST => '/v1/chat/completions', body => $t->body_of('chat',
        stream => 1, max_tokens => 300),
    headers => ['X-Team' => 'turn', 'X-Test' => 'turn',
        'X-Mock' => 'pause=500,completion=100']);
wait_until { $t->metric('llm_reservations') > 0 };
my ($inode, $before_all) = ((stat $turn)[1], slurp($file));
my @ending = $t->worker_pids;
kill QUIT => $t->master_pid;
$t->logged('turn');
my $waiting = wait_until {
    (() = slurp('/proc/locks') =~ /-> FLOCK .*:$inode /g) == @ending;
} 10;
ok $waiting, 'each worker waits for its turn';
ok slurp($file) eq $before_all, 'nothing has been written meanwhile';
close $turn;
$t->{nginx}->wait(15);
delete $t->{nginx};
$t->start($conf);
($r, $log) = spend(turn => 1);
is $log->{left}, '0.899000000', 'what was spent last is in the file';
close $directory;

# Where it cannot be written somebody is told before it is needed.
rename $t->dir . '/state', $t->dir . '/elsewhere' or die $!;
my $failed = wait_until {
    $t->metric('llm_snapshots_total', result => 'failed') > 0
        && $t->metric('llm_alerts_total', event => 'file_failed') > 0;
} 10;
ok $failed, 'a snapshot that cannot be written is counted and alerted';
like $t->log, qr/llm_snapshot: creating ".*": No such file/, 'and logged';
rename $t->dir . '/elsewhere', $t->dir . '/state' or die $!;
my $good_ones = $t->metric('llm_snapshots_total', result => 'written');
my $again = wait_until {
    $t->metric('llm_snapshots_total', result => 'written') > $good_ones
} 10;
ok $again, 'and goes on when it can';

# Held by a stream that the restart ends: it counts as spent.
my $c = $t->client;
$c->send(POST => '/v1/chat/completions', body => $t->body_of('chat',
        stream => 1, max_tokens => 300),
    headers => ['X-Team' => 'held', 'X-Mock' => 'endless,gap=200']);
my $head = $c->head;
is $head->status, 200, 'a stream';
my $before = (stat $file)[9];
$written = wait_until { (stat $file)[9] > $before + 1 } 8;
kill KILL => $t->master_pid, $t->worker_pids;
$t->{nginx}->wait(5);
delete $t->{nginx};
$t->start($conf);
($r, $log) = spend(held => 1);
is $log->{left}, '0.699000000', 'what was held is taken for spent';

# Damage of all kinds.
my $good = slurp($file);
my @bad = (
    ['cut short' => substr($good, 0, length($good) - 9), qr/damaged/],
    ['one bit in its head' => (substr($good, 0, 4)
            . chr(ord(substr $good, 4, 1) ^ 1) . substr $good, 5),
        qr/starting with nothing spent|damaged/],
    ['empty' => '', qr/starting with nothing spent/],
    ['text' => "hello\n" x 100, qr/starting with nothing spent/],
    ['random' => join('', map { chr int rand 256 } 1 .. 5000),
        qr/starting with nothing spent/],
);
for my $bad (@bad) {
    my ($name, $bytes, $words) = @$bad;
    my $length = length $t->log;
    restart(sub {
        open my $f, '>:raw', $file or die $!;
        print $f $bytes;
    });
    like substr($t->log, $length), $words, "$name: nginx starts and says so";
    ($r) = spend($name => 10);
    is $r->status, 200, "$name: and serves";
    is slurp("$file.bad"), $bytes, 'what could not be read is kept aside'
        if substr($t->log, $length) =~ /nothing spent/;
    unlink "$file.bad";
}
restart(sub { unlink $file; mkdir $file });
like $t->log, qr/snapshot.*starting with nothing spent/, 'a directory';
ok rmdir "$file.bad", 'is kept aside';
restart(sub {
    open my $f, '>>:raw', $file or die $!;
    truncate $f, 2 << 30;
});
like $t->log, qr/more than \d+ bytes.*nothing spent/, 'one without end';
is -s "$file.bad", 2 << 30, 'is kept aside too';
unlink "$file.bad";
$t->stop;
unlink $file;
$t->start($conf);
is((spend(a => 10))[1]{left}, '0.990000000', 'no file is a fresh start');

$t->stop;

if ($ENV{LLM_SANITIZED}) {    # nginx hands no LD_PRELOAD to a new binary
    done_testing;
    exit;
}

# USR2: the new binary starts with what the snapshot tells it. nginx heeds
# the signal only as a daemon that was started by its full path.
my $dir    = $t->dir;
my $pid_in = sub { slurp("$dir/$_[0]") =~ /^(\d+)$/m ? $1 : 0 };
my ($status, $said) = $t->daemon;
is $status, 0, 'a daemon' or diag $said;
my ($old, $new) = (wait_until { $pid_in->('nginx.pid') }, 0);
wait_until { LLM::Process::children($old) >= 2 } 10;
my $upgraded = eval {
    spend(b => 300);
    my $at = (stat $file)[9] // 0;
    wait_until { ((stat $file)[9] // 0) > $at + 1 } 8;
    kill USR2 => $old;
    wait_until {
        $new = $pid_in->('nginx.pid');
        $new && $new != $old && LLM::Process::children($new) >= 2;
    } 10 or die "no new master\n";
    kill QUIT => $old;
    wait_until { !kill 0 => $old } 15 or die "the old master stays\n";
    $log = (spend(b => 100))[1];
    is $log->{left}, '0.600000000', 'what was spent is handed over';
    $log = (spend(a => 100))[1];
    is $log->{left}, '0.890000000', 'of all';
    1;
};
ok $upgraded, 'USR2' or diag $@;
unlike $t->log, qr{is another nginx}, "both of them write";
kill QUIT => $_ for grep { $_ && kill 0 => $_ } $old, $new;
my $ended = wait_until { !grep { $_ && kill 0 => $_ } $old, $new } 15;
ok $ended, 'both masters have ended';

done_testing;
