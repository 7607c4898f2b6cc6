# The ladder among nginx's own: proxy_next_upstream, keepalive, HTTP/2,
# clients that leave, reloads; and streams of odd form.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;

my $head = $t->head;
$head =~ s/llm_metrics_models m;/llm_metrics_models m one two three;/;
# The knobs of a model are in its name: one!status=429 and so on.
my $map = <<'END';
    upstream kept { server 127.0.0.1:%%PORT:mock%%; keepalive 4; }
    upstream pair {
        server 127.0.0.1:%%PORT:nobody%% max_fails=0;
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
    }
    upstream twice {
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
    }
    map $llm_upstream_model $path {
        volatile;
        "~^[a-z0-9]+!(?<knobs>.*)$"  /mock/$knobs$uri;
        default  $uri;
    }
END

sub location {
    my ($name, $upstream, $lines) = @_;
    return <<"END";
        location /$name/ {
            llm on;
            llm_cache edge;
            llm_fallback two;
            $lines
            proxy_pass http://$upstream\$path;
        }
END
}

my $more = join '', location(kept => 'kept', ''),
    location(pair => 'pair', ''),
    location(twice => 'twice', 'proxy_next_upstream http_500 http_429
        non_idempotent;'),
    location(slow => 'kept', 'llm_first_byte_timeout 5s;'),
    location(alike => 'kept', 'proxy_pass_header X-None;
        add_header X-Seen $llm_upstream_model always;');
my $http = $head . $map . $t->server('llm on; llm_fallback two;',
    h2 => 'h2', more => $more);
$t->start($http);

my @STREAM = (stream => 1);
my @APIS   = qw(chat completions responses messages);

sub asked {
    return map { from_json($_->{body})->{model} } $t->mock_log;
}

# ---- several servers, connections that are kept ----------------------------

{
    for (1 .. 4) {
        my ($r, $log) = $t->ask('chat', '', in => '/pair', model => 'one');
        is $log->{served}, 'one', 'a server of the same upstream comes first';
    }
    $t->mock_reset;
    my ($r, $log) = $t->ask('chat', '', in => '/twice',
        model => 'one!status=500');
    is join(' ', asked()), 'one!status=500 one!status=500 two',
        'proxy_next_upstream first, then the next rung';
    is $log->{upstream}, '500, 500 : 200', '$upstream_status tells it all';
    is $log->{served}, 'two', 'the next rung answers';
    $t->mock_reset;
    ($r, $log) = $t->ask('chat', '', in => '/twice', @STREAM,
        model => 'one!status=429,times=1');
    is $log->{served}, 'one!status=429,times=1', 'the same model elsewhere';
    is $log->{upstream}, '429, 200', 'within one rung';
    ok $r->complete, 'a whole stream';

    $t->mock_reset;
    for my $i (1 .. 3) {
        my ($r) = $t->ask('chat', '', in => '/kept', @STREAM,
            model => 'one!status=500');
        is $r->status, 200, "keepalive upstream, $i";
        ($r) = $t->ask('chat', '', in => '/kept', model => 'one');
        is $r->status, 200, "keepalive upstream, plain, $i";
    }
    my %connections = map { $_->{connection} => 1 } $t->mock_log;
    cmp_ok scalar(keys %connections), '<=', 6,
        'connections of good answers are kept';
}
{
    my ($r) = $t->ask('chat', '', in => '/alike', model => 'one!status=429');
    is_deeply [$r->header_values('x-seen')], ['two'],
        'add_header runs once, for the answer';
    is scalar(() = $r->header_values('content-type')), 1, 'one Content-Type';
    is scalar(() = $r->header_values('cache-status')), 1, 'one Cache-Status';
    like $r->header('cache-status'), qr/fwd=miss/, 'a miss';
    unlike $r->header('cache-status'), qr/stored/, 'case 45: not stored';
}

# ---- HTTP/2 -----------------------------------------------------------------

SKIP: {
    skip 'no curl', 10 unless $t->has_program('curl');
    for my $knobs ('status=500', 'reset=0', 'error200') {
        for my $form ('JSON', 'stream') {
            my $r = $t->h2(POST => '/kept' . $t->path('chat'), port => 'h2',
                body => $t->body_of('chat', $form eq 'stream' ? @STREAM : (),
                    model => "one!$knobs", text => 'z' x 30_000));
            is $r->status, 200, "HTTP/2: $knobs, $form";
            ok $r->complete, "HTTP/2: $knobs, $form: whole";
            like $r->body, qr/"model":"two"/, "HTTP/2: $knobs: by the next";
        }
    }
    my $r = $t->h2(POST => '/kept' . $t->path('chat'), port => 'h2',
        body => $t->body_of('chat', @STREAM,
            model => 'one!cut=2,events=20,size=200'));
    is $r->error, 'curl ' . (92 << 8), 'HTTP/2: a cut is RST_STREAM';
}

# ---- clients that leave -----------------------------------------------------

for my $knobs ('delay=5000', 'ttft=5000') {
    $t->mock_reset;
    my $before = $t->metric('llm_errors_total', kind => 'client_abort');
    my $test   = $t->next_test;
    my $c      = $t->client;
    $c->send(POST => '/slow' . $t->path('chat'),
        body => $t->body_of('chat', @STREAM, model => "one!$knobs"),
        headers => { 'X-Test' => $test });
    ok wait_until { $t->mock_count == 1 }, "case 56: $knobs: is asked";
    $c->reset;
    my $log = $t->logged($test);
    is $log->{status}, 499, "case 56: $knobs: logged as an abort";
    is $t->mock_count, 1, "case 56: $knobs: nobody else is asked";
    is $t->metric('llm_errors_total', kind => 'client_abort') - $before, 1,
        "case 56: $knobs: counted";
    ok wait_until { ($t->mock_log)[0]{closed_early} },
        "case 56: $knobs: the upstream is let go";
}
{
    # During the second attempt.
    $t->mock_reset;
    my $test = $t->next_test;
    my $c    = $t->client;
    my ($body) = $t->body_of('chat', model => 'one!status=500');
    # Every request is delayed by now, the second too.
    $t->client('mock')->request(POST => '/mock/knobs', body => 'delay=300',
        close => 1);
    $c->send(POST => '/slow' . $t->path('chat'), body => $body,
        headers => { 'X-Test' => $test });
    ok wait_until { $t->mock_count == 2 }, 'case 50: the second attempt';
    $c->reset;
    my $log = $t->logged($test);
    is $log->{status}, 499, 'case 50: an abort in the second attempt';
    is $log->{upstream}, '500 : -', 'case 50: its upstream';
    $t->mock_reset;
    my ($r) = $t->ask('chat', '', in => '/slow', model => 'one!status=500');
    is $r->status, 200, 'case 50: the next request is served';
}

# ---- streams of odd form ----------------------------------------------------

# False for an event that no client can read: it is skipped.
sub whole {
    my ($data) = $_[0] =~ /^data: (.*)$/m or return 1;
    return $data eq '[DONE]' || eval { JSON::PP::decode_json($data); 1 };
}

for my $form ('crlf', 'cr', 'bom', 'comments', 'multiline', 'idlines',
    'split=1', 'te=close', 'http10', 'malformed', 'done=none', 'gzip') {
    for my $api (qw(chat messages responses)) {
        # Only its last event says that a response is whole.
        next if $api eq 'responses' && $form eq 'done=none';
        my ($r, $log, $body) = $t->ask($api, '', @STREAM, in => '/kept',
            model => "one!$form", $api eq 'chat'
            ? (stream_options => { include_usage => JSON::PP::true() }) : ());
        ok $r->complete, "S7, S8: $api, $form: passes";
        my $bare = $t->client('mock')->request(
            POST => "/mock/$form" . $t->path($api), body => $body,
            close => 1);
        my $sent = $bare->body;
        $sent = join '', grep { whole($_) } split /(?<=\n\n)/, $sent
            if $form eq 'malformed';
        ok $r->body eq $sent, "S7, S8: $api, $form: byte for byte";
        like $log->{upstream}, qr/^200$/, "S7, S8: $api, $form: one attempt";
    }
}

# ---- a reload in the midst --------------------------------------------------

{
    $t->mock_reset;
    my @clients = map {
        my $c = $t->client;
        $c->send(POST => '/slow' . $t->path('chat'),
            body => $t->body_of('chat', @STREAM,
                model => 'one!delay=1500,status=500'));
        $c
    } 1 .. 3;
    ok wait_until { $t->mock_count == 3 }, 'reload: three are waiting';
    ok $t->reload($http), 'reload: in the midst of the first attempts';
    for my $c (@clients) {
        my $r = $c->head;
        $c->finish($r);
        ok $r->complete, 'reload: a whole answer';
        like $r->body, qr/"model":"two"/, 'reload: of the next rung';
    }
    ok $t->drained, 'reload: the old worker ends';
}
$t->finish;
done_testing;
