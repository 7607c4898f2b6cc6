# Where nginx itself ends an attempt of the ladder by proxy_read_timeout, or tries
# another server of the same upstream within one (proxy_next_upstream): what the
# server before has announced is no word of the next one's.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Time::HiRes qw(sleep time);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    . "Connection: close\r\n\r\n";
my %chunk = (id => 'c', object => 'chat.completion.chunk', model => 'm');
my $chunk = sub { 'data: ' . to_json({ %chunk, @_ }) . "\n\n" };
my $role = $chunk->(choices => [{ index => 0, finish_reason => undef,
    delta => { role => 'assistant', content => '' } }]);
my $whole = $role . $chunk->(choices => [{ index => 0,
    finish_reason => 'stop', delta => { content => 'yes' } }])
    . "data: [DONE]\n\n";

# Announces and breaks off; says nothing for so long, then answers.
$t->upstream(broken => sub { print { $_[0] } $head, $role; });
for my $wait (7, 30) {
    $t->upstream("slow$wait" => sub {
        sleep $wait / 10;
        print { $_[0] } $head, $whole;
    });
}
$t->start($t->head . <<'END' . $t->server('llm on;', more => <<'MORE'));
    upstream soon { server 127.0.0.1:%%PORT:broken%% max_fails=0;
                    server 127.0.0.1:%%PORT:slow7%% max_fails=0; }
    upstream late { server 127.0.0.1:%%PORT:broken%% max_fails=0;
                    server 127.0.0.1:%%PORT:slow30%% max_fails=0; }
    proxy_next_upstream error timeout non_idempotent;
    map $llm_upstream_model $slow { volatile; one delay=2000; default ""; }
END
        llm on;
        llm_first_byte_timeout 1500ms;
        llm_idle_timeout 300ms;
        location /soon/v1/ {
            llm_fallback other;
            proxy_pass http://soon/v1/;
        }
        location /read/v1/ {
            llm_fallback two;
            proxy_read_timeout 300ms;
            proxy_set_header X-Mock $slow;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /alone/v1/ {
            llm_fallback two on=http_429;
            proxy_read_timeout 300ms;
            proxy_set_header X-Mock $slow;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /late/v1/ {
            llm_fallback other;
            proxy_pass http://late/v1/;
        }
MORE

# Both orders, as the servers take turns.
for (1, 2) {
    my ($r, $log) = $t->ask('chat', '', in => '/soon', stream => 1);
    is $r->status, 200, 'the next server answers';
    ok $r->complete, 'whole';
    like $r->body, qr/"yes"/, 'its own answer';
    is(() = $r->body =~ /"assistant"/g, 1, 'and nothing of the one before');
    like $log->{upstream}, qr/^(?:\d+, )?200$/, 'in one attempt';
}
# proxy_read_timeout keeps its meaning: it ends an attempt.
for my $stream (0, 1) {
    my ($r, $log) = $t->ask('chat', '', in => '/read', stream => $stream,
        model => 'one');
    is $r->status, 200, 'a time-out of nginx goes on';
    is $log->{served}, 'two', 'to the next rung';
    is $log->{upstream}, '504 : 200', 'as one';
    ($r, $log) = $t->ask('chat', '', in => '/alone', stream => $stream,
        model => 'one');
    is $r->status, 504, 'unless on= leaves it out';
    is $r->json->{error}{type}, 'timeout_error', 'and is told as one';
}
is $t->metric('llm_upstream_attempts_total', outcome => 'timeout'), 4,
    'counted';
my $from = time;
my ($r, $log) = $t->ask('chat', '', in => '/late', stream => 1);
cmp_ok time - $from, '<', 5, 'llm_first_byte_timeout is its clock';
isnt $r->status, 200, 'and there is no answer of either';
$t->allow(qr/llm_first_byte_timeout/);
$t->finish;
done_testing;
