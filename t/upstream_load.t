# Streams under pressure: slow readers, endless answers, many at once. The
# memory of a worker stays flat and none is lost.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Errno qw(EAGAIN EINPROGRESS EINTR);
use IO::Select;
use IO::Socket::INET;

use constant MIB => 1 << 20;

my ($soft, $hard) = map { chomp; $_ eq 'unlimited' ? 1 << 20 : $_ }
    `sh -c 'ulimit -n; ulimit -Hn'`;
my $files = $hard < 16384 ? $hard : 16384;
my $t = LLM::Edge->new(workers => 1, main => "worker_rlimit_nofile $files;");
$t->mock('--no-record');
my $http = $t->head . $t->server('llm on; llm_cache edge;', more => <<'END');
        location /stalled/ {
            llm on;
            send_timeout 500ms;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
END
# 2,000 streams are 4,000 connections.
my $whole = $t->configuration($http);
$whole =~ s/worker_connections \d+/worker_connections 8192/ or die;
$t->start(undef, whole => $whole);
my ($worker) = $t->worker_pids;

# A client whose socket takes little at a time.
sub slow_client {
    my ($uri, $knobs, $test, %more) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'tcp') or die $!;
    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 16384;
    connect $socket, Socket::pack_sockaddr_in($t->port('http'),
        Socket::inet_aton('127.0.0.1')) or die $!;
    binmode $socket;
    syswrite $socket, LLM::Http->format_request(POST => $uri,
        body => $t->body_of('chat', stream => 1, %more), close => 1,
        headers => { 'X-Mock' => $knobs, 'X-Test' => $test });
    return $socket;
}

# Bytes that the mock has written and nginx has not read.
sub queued {
    my $mock = sprintf '0100007F:%04X', $t->port('mock');
    my $sum  = 0;
    for my $line (split /\n/, slurp('/proc/net/tcp')) {
        my ($local, $remote, $out, $in) = $line =~
            /^\s*\d+: (\S+) (\S+) \w+ (\w+):(\w+)/ or next;
        $sum += hex $out if $local eq $mock;
        $sum += hex $in  if $remote eq $mock;
    }
    return $sum;
}

# Reads it all: how many bytes, and the last ones.
sub drain {
    my ($socket, $enough) = @_;
    my ($size, $tail) = (0, '');
    while (my $n = sysread $socket, my $piece, 1 << 18) {
        $size += $n;
        $tail = substr $tail . $piece, -200;
        last if $enough && $size > $enough;
    }
    return ($size, $tail);
}

# An untroubled stream first, so that what is made once is there.
$t->ask('chat', 'events=1000,size=100000', stream => 1);

{
    my $before = $t->memory_of($worker);
    my $stalled = slow_client($t->path('chat'), 'endless,split=333',
        'unread');
    my ($before_it, $same) = (0, 0);
    soon {
        my $now = queued();
        $same = $now > 0 && $now == $before_it ? $same + 1 : 0;
        $before_it = $now;
        $same == 50;
    } 'case 53: nothing moves between the upstream and nginx', 20;
    my $held = $t->memory_of($worker) - $before;
    close $stalled;
    cmp_ok $held, '<', 4 * MIB,
        'case 53: a client that does not read holds its upstream back: '
        . int($held / 1024) . ' KB';
    $t->logged('unread');

    $before = $t->memory_of($worker);
    my $socket = slow_client($t->path('chat'),
        'events=200000,size=200000000', 'slow');
    my ($size, $tail) = drain($socket);
    my $after = $t->memory_of($worker) - $before;
    cmp_ok $size, '>', 200_000_000, "case 53: 200 MB came: $size";
    like $tail, qr/data: \[DONE\]\n\n\r\n0\r\n\r\n\z/, 'case 53: to the end';
    cmp_ok $after, '<', 16 * MIB, 'case 53: memory is flat after 200 MB: '
        . int($after / 1024) . ' KB';
    my $log = $t->logged('slow');
    is $log->{reason}, 'no_store:size', 'case 53: too large to be stored';
}
{
    # One byte a write, so that every event is put together from pieces.
    my $before = $t->memory_of($worker);
    my $socket = slow_client($t->path('chat'),
        'endless,split=700', 'endless');
    my ($size) = drain($socket, 40 * MIB);
    my $grown = $t->memory_of($worker) - $before;
    cmp_ok $grown, '<', 8 * MIB,
        'case 39: an endless stream of torn events: '
        . int($grown / 1024) . ' KB after 40 MB';
    close $socket;
    my $log = $t->logged('endless');
    is "$log->{estimated} $log->{reason}", '1 no_store:aborted',
        'case 39: ends with its client, estimated';
}
{
    my $before = $t->metric('llm_errors_total', kind => 'client_abort');
    my $socket = slow_client('/stalled' . $t->path('chat'), 'endless',
        'stalled');
    my $log = $t->logged('stalled');
    is $log->{estimated}, 1, 'a reader that stalls: send_timeout ends it';
    is $t->metric('llm_errors_total', kind => 'client_abort') - $before, 1,
        'a reader that stalls: the client\'s doing, not the upstream\'s';
}

# ---- many at once -------------------------------------------------------

# So many streams on one worker: (whole ones, most at once, bytes).
sub crowd {
    my ($count, $knobs) = @_;
    my (%in, $most, $whole, $bytes);
    my $poll = IO::Select->new;
    my $port = $t->port('http');
    for my $n (1 .. $count) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $port) or die "connect: $!";
        syswrite $socket, LLM::Http->format_request(
            POST => $t->path('chat'), close => 1,
            body => $t->body_of('chat', stream => 1, model => 'crowd'),
            headers => { 'X-Mock' => $knobs });
        $in{$socket} = '';
        $poll->add($socket);
    }
    $most = $poll->count;
    my $memory = $t->memory_of($worker);
    while ($poll->count) {
        my @ready = $poll->can_read(10) or last;
        for my $socket (@ready) {
            my $n = sysread $socket, my $piece, 65536;
            if ($n) {
                $bytes += $n;
                $in{$socket} = substr $in{$socket} . $piece, -60;
                next;
            }
            $whole++ if $in{$socket} =~ /data: \[DONE\]\n\n\r\n0\r\n\r\n\z/;
            $poll->remove($socket);
            close $socket;
        }
    }
    return ($whole // 0, $most, $memory);
}

SKIP: {
    my $count = 2000;
    skip "only $soft and $hard open files", 7
        if $soft < $count + 200 || $files < 2 * $count + 200;
    my $complete = $t->metric('llm_stream_ends_total', how => 'complete');
    my $before = $t->memory_of($worker);
    my ($whole, $most, $memory) = crowd($count, 'ttft=2500,gap=100,events=10');
    is $most, $count, "$count streams at once on one worker";
    is $whole, $count, 'none is lost';
    my $each = int(($memory - $before) / $count / 1024);
    cmp_ok $each, '<', 60, "each takes $each KB";
    ok wait_until {
        $t->metric('llm_stream_ends_total', how => 'complete') - $complete
            == $count
    }, 'each is counted once';
    # What the allocator keeps of a crowd settles with the second one.
    my @after;
    for my $n (2, 3) {
        ($whole) = crowd($count, 'gap=20,events=10');
        is $whole, $count, "crowd $n: none is lost";
        push @after, $t->memory_of($worker);
    }
    my $grown = $after[1] - $after[0];
    cmp_ok $grown, '<', 16 * MIB,
        'memory is flat: ' . int($grown / 1024) . ' KB';
}

done_testing;
