# The harness itself, against nginx without the module.

use lib 't/lib';
use LLM::Test;

use Time::HiRes qw(time sleep);

sub stream {
    my ($c, $head) = @_;
    my ($gap) = $head =~ /gap=(\d+)/;
    my ($cut) = $head =~ /(cut)/;
    print $c "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n",
        "Transfer-Encoding: chunked\r\n\r\n";
    for my $n (1 .. 3) {
        my $event = "data: {\"n\":$n}\n\n";
        printf $c "%x\r\n%s\r\n", length $event, $event;
        sleep(($gap // 0) / 1000);
        return if $cut;
    }
    print $c "0\r\n\r\n";
}

my $conf = <<'END';
    server {
        listen 127.0.0.1:%%PORT:http%%;
        listen 127.0.0.1:%%PORT:h2%% http2;
        location / { return 200 "worker $pid\n"; }
        location /echo {
            client_body_buffer_size 64k;
            client_max_body_size 8m;
            proxy_pass http://127.0.0.1:%%PORT:echo%%;
        }
        location /stream {
            proxy_pass http://127.0.0.1:%%PORT:stream%%;
            proxy_http_version 1.1;
            proxy_buffering off;
        }
    }
END

for my $workers (1, 2, 4) {
    my $t = LLM::Test->new(plain => 1, workers => $workers);
    $t->upstream(stream => \&stream);
    $t->upstream(echo => sub {
        my ($c, $head, $body) = @_;
        print $c "HTTP/1.1 200 OK\r\nContent-Length: ", length $body,
            "\r\nConnection: close\r\n\r\n$body";
    });
    $t->start($conf);
    is scalar(my @pids = $t->worker_pids), $workers, "$workers workers";

    my $r = $t->get('/');
    is $r->status, 200, 'status';
    like $r->body, qr/^worker \d+\n$/, 'body';
    is $r->header('content-length'), length $r->body, 'header';
    ok $r->complete, 'complete';

    my $c = $t->client;
    $c->request(GET => '/') for 1 .. 3;
    $c->write(join '', map { $c->format_request(GET => "/$_") } 1 .. 3);
    is $c->read->status, 200, "pipelined $_" for 1 .. 3;
    ok !$c->readable(0.05), 'nothing more';

    my $big = 'x' x 1_000_000;
    is $t->request(POST => '/echo', chunked => ['ab', 'cd'])->body, 'abcd',
        'chunked request';
    ok $t->post('/echo', $big)->body eq $big, 'a large body there and back';
    is_deeply $t->post('/echo', { a => [1, 'x'] })->json, { a => [1, 'x'] },
        'JSON';

    my $kept = $t->client;
    $kept->send(GET => '/stream', headers => { 'X-Mock' => 'gap=100' });
    $r = $kept->head;
    my @events;
    while (my $e = $kept->next_event($r)) {
        push @events, $e;
    }
    is_deeply [map { $_->{data} } @events], [map { qq({"n":$_}) } 1 .. 3],
        'events';
    ok $events[2]{time} - $events[0]{time} > 0.15, 'each at its own time';
    ok $r->complete, 'stream complete';
    is $kept->request(GET => '/')->status, 200, 'keep-alive after a stream';

    $r = $t->get('/stream', 'X-Mock' => 'cut');
    is $r->error, 'closed', 'a cut stream is seen';
    ok !$r->complete, 'not complete';
    $t->client->tap_reset;
}

sub LLM::Http::tap_reset {
    my $c = shift;
    $c->send(GET => '/stream', headers => { 'X-Mock' => 'gap=100' });
    $c->head;
    $c->reset;
}

my $t = LLM::Test->new(plain => 1);
$t->upstream($_ => \&stream) for qw(stream echo);

my ($ok, $said) = $t->check($conf);
is $ok, 1, "nginx -t: $said";
($ok, $said) = $t->check("    server { listen nowhere:x; }\n");
is $ok, 0, 'nginx -t refuses';
like $said, qr/invalid port .*check\.conf:\d+/, 'and says where';

$t->start($conf);
my $first = $t->get('/')->body;
ok $t->reload($conf =~ s/worker \$pid/reloaded/r), 'reload';
is $t->get('/')->body, "reloaded\n", 'the new configuration';
ok $t->drained, 'old workers are gone';

$t->allow(qr/unknown directive "nonsense"/);
ok !$t->reload("    nonsense on;\n"), 'a refused reload is told';
is $t->get('/')->body, "reloaded\n", 'the old configuration goes on';

my ($victim) = $t->worker_pids;
ok $t->kill_worker($victim), 'a killed worker has a successor';
ok !(grep { $_ == $victim } $t->worker_pids), 'another process';
is $t->get('/')->status, 200, 'which answers';

my @c = map { $t->client } 1, 2;
$c[1]->request(GET => '/');
$c[0]->send(GET => '/stream', headers => { 'X-Mock' => 'gap=50' });
$t->reload($conf);
is scalar(() = $c[0]->read->events), 3, 'a stream survives a reload';
is $c[1]->closed, 'closed', 'an idle connection is closed by it';

SKIP: {
    skip 'curl is not installed', 2 unless $t->has_program('curl');
    my $r = $t->h2(GET => '/', port => 'h2');
    is $r->status, 200, 'HTTP/2';
    like $r->body, qr/^worker \d+/, 'and its body';
}

my $start = time;
ok !(wait_until { return 0 } 0.2), 'wait_until gives up';
ok time - $start < 1, 'in time';

# What finish() is there for: found by a harness that is not asked to assert.
my $sick = LLM::Test->new(plain => 1);
$sick->start("    server { listen 127.0.0.1:%%PORT:http%%; }\n");
kill KILL => ($sick->worker_pids)[0];
wait_until { return scalar $sick->complaints };
like join('', $sick->complaints), qr/\[alert\].*exited on signal 9/,
    'an alert is seen';
$sick->allow(qr/exited on signal 9/);
is scalar(() = $sick->complaints), 0, 'unless it was allowed';
my $lost = LLM::Process->fork(sub { fork; sleep 60 });
wait_until { return scalar LLM::Process::children($lost->pid) };
ok $lost->stop('TERM', 2), 'a process ends';
is scalar(() = $lost->kill_group), 1, 'what it left is found';

{
    my $day = 'llm_budget a key=x usd=1/day;';
    my $left = \&LLM::Test::window_left;
    is $left->($day, 86400 * 9 - 5), 5, 'seconds until midnight';
    is $left->('llm_budget a usd=1/hour;', 3600 * 9 - 7), 7, 'or the hour';
    is $left->('llm_limit a key=x requests=1/m;', 5), undef, 'no budget';
}

done_testing;
