# Near matches among many: 24,000 questions in one partition, asked by several
# processes over many connections at a time. Each near question has the answer
# to its own original, searches of so many vectors run on threads, the workers'
# memory stays flat, a purge leaves none.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Digest::MD5 qw(md5);
use List::Util qw(sum0);
use Time::HiRes qw(time);

use constant MIB => 1 << 20;

my $here  = 18_000;     # so many are searched on the event loop
my $all   = 24_000;     # and so many on threads
my $asked = 3_000;

my $t = LLM::Edge->new(workers => 2);
$t->mock('--no-record');
$t->start(<<'END');
    llm_zone edge:512m;
    llm_embedder near lexical;
    llm on;
    llm_cache edge;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    keepalive_requests 1000000;
    upstream mock {
        server 127.0.0.1:%%PORT:mock%%;
        keepalive 64;
    }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        llm_semantic near precision=0.3 threshold=0.6 audit=0%;
        add_header X-C "$llm_cache_status" always;
        location / { proxy_pass http://mock; }
        location = /purge { llm_purge; }
        location = /metrics { llm_metrics; }
    }
END

# Six words of eight letters that no other question has.
sub words {
    my ($n) = @_;
    my @sounds = map { my $c = $_; map { "$c$_" } qw(a e i o) }
        qw(b d f g k l m n p r s t v z qu ch);
    my @bytes = map { $_ % 64 } unpack 'C*', md5("a$n") . md5("b$n");
    return join ' ', map { join '', @sounds[splice @bytes, 0, 4] } 1 .. 6;
}
sub original { 'How do I ' . words($_[0]) . '?' }
sub near     { 'How can I ' . words($_[0]) . '?' }

sub body_of {
    return to_json({ model => 'm',
        messages => [{ role => 'user', content => $_[0] }] });
}

# What became of one: cache status and what the answer says.
sub outcome {
    my ($r) = @_;
    my ($said) = $r->body =~ /"content":"You said: ([^"]*)"/;
    return join "\t", $r->header('x-c') || $r->status, $said // '';
}

# Asks them in two processes, over 16 connections each: the outcomes, in
# order.
sub outcomes {
    my (@texts) = @_;
    my $share = int((@texts + 1) / 2);
    my @parts = ([splice @texts, 0, $share], \@texts);
    my @processes = map {
        my $n = $_;
        LLM::Process->fork(sub {
            ask_all($t->dir . "/out.$n", @{ $parts[$n] });
            POSIX::_exit(0);
        })
    } 0, 1;
    is $_->wait(60), 0, 'a client has its answers' for @processes;
    return map { split /\n/, $t->file("out.$_") } 0, 1;
}

sub ask_all {
    my ($path, @texts) = @_;
    my @clients = map { $t->client } 1 .. 16;
    open my $out, '>', $path or die $!;
    while (my @batch = splice @texts, 0, 4 * @clients) {
        my @sent = map { [$clients[$_ % @clients], $batch[$_]] } 0 .. $#batch;
        $_->[0]->send(POST => '/v1/chat/completions', body => body_of($_->[1]))
            for @sent;
        print $out outcome($_->[0]->read), "\n" for @sent;
    }
    close $out or die $!;
}

# How often the threads beside the event loops have begun to wait: once for
# each search that one was woken for.
sub thread_turns {
    my $turns = 0;
    for my $pid ($t->worker_pids) {
        for my $task (grep { !m{/$pid$} } glob "/proc/$pid/task/*") {
            $turns += $1 if slurp("$task/status")
                =~ /^voluntary_ctxt_switches:\s*(\d+)/m;
        }
    }
    return $turns;
}

sub private_bytes {
    return sum0(map { slurp("/proc/$_/status") =~ /^RssAnon:\s*(\d+)/m
            ? $1 * 1024 : 0 } $t->worker_pids);
}

# So many near questions, one after the other: how many had the right answer.
sub right_ones {
    my $c = $t->client;
    return scalar grep {
        my $r = $c->request(POST => '/v1/chat/completions',
            body => body_of(near($_)));
        outcome($r) eq "SEMANTIC\t" . original($_);
    } @_;
}

sub fill {
    my ($from, $to) = @_;
    my $start = time;
    my @seen  = outcomes(map { original($_) } $from .. $to - 1);
    is scalar(grep { $seen[$_] eq "MISS\t" . original($from + $_) } 0 .. $#seen),
        $to - $from, "questions $from to $to: each has an answer of its own";
    note sprintf '%d misses/s', ($to - $from) / (time - $start);
}

fill(0, 2000);
my $memory = private_bytes();
fill(2000, $here);
soon { $t->metric('llm_semantic_vectors') == $here } 'as many vectors';
my $turns = thread_turns();
is right_ones(map { $_ * 300 + 7 } 0 .. 49), 50, 'near ones have their answers';
is thread_turns(), $turns, 'found on the event loop';

fill($here, $all);
soon { $t->metric('llm_semantic_vectors') == $all } 'as many vectors';
is $t->metric('llm_semantic_partitions'), 1, 'in one partition';
$turns = thread_turns();
is right_ones(map { $_ * 300 + 11 } 0 .. 49), 50,
    'near ones have their answers';
cmp_ok thread_turns() - $turns, '>=', 50, 'found on threads';

my @numbers = map { $_ * 7 + 3 } 0 .. $asked - 1;
my $start   = time;
my @seen    = outcomes(map { near($_) } @numbers);
my $rate    = $asked / (time - $start);
is scalar(grep { $seen[$_] eq "SEMANTIC\t" . original($numbers[$_]) }
    0 .. $#seen), $asked, 'all at a time, too';
diag sprintf '%d near hits/s among %d vectors', $rate, $all;
cmp_ok $rate, '>', 100, 'at a speed that is of use';

my $grown = private_bytes() - $memory;
cmp_ok $grown, '<', 16 * MIB, sprintf 'memory is flat: %+d KB for two workers',
    $grown / 1024;
my $entries = $t->metric('llm_cache_entries');
diag sprintf '%d answers and aliases of %d bytes, %d vectors of %d bytes',
    $entries, $t->metric('llm_cache_bytes') / $entries, $all,
    $t->metric('llm_semantic_bytes') / $all;
is $t->metric('llm_cache_evictions_total'), 0, 'the zone holds them all';

is $t->post('/purge?all=1', '')->status, 200, 'a purge of all';
is $t->metric('llm_cache_entries'), 0, 'leaves none';
@seen = outcomes(map { near($_) } @numbers[0 .. 299]);
is scalar(grep { $seen[$_] eq "MISS\t" . near($numbers[$_]) } 0 .. $#seen),
    300, 'and no near question is answered from it';

done_testing;
