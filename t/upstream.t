# What comes from upstream, and what does not: cuts, errors, odd forms, odd
# heads. The numbers are those of the fault cases.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->upstream(pings => sub {
    my ($c) = @_;
    print $c "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n",
        "Connection: close\r\n\r\n: ping\n\n";
    # Nothing comes after it until it has arrived.
    wait_until { -e $t->dir . '/pinged' } 10;
    print $c qq(data: {"choices":[{"index":0,"delta":{"content":"x"},),
        qq("finish_reason":"stop"}]}\n\ndata: [DONE]\n\n);
});
# Bytes that only a decoder of brotli or zstd could read.
my $unreadable = join '', map { chr($_ * 7 % 256) } 1 .. 5000;
$t->upstream(coded => sub {
    my ($c, $head) = @_;
    my ($coding) = $head =~ /^X-Coding: (.+?)\r$/mi;
    my $type = $head =~ /^X-Type: (\S+)/mi ? $1 : 'application/json';
    print $c "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n",
        "Content-Encoding: $coding\r\nConnection: close\r\n",
        'Content-Length: ', length $unreadable, "\r\n\r\n", $unreadable;
});
$t->start($t->head
    . $t->server('llm on; llm_cache edge;', h2 => 'h2', more => <<'END'));
        location /short/ {
            llm on;
            llm_cache edge;
            proxy_read_timeout 300ms;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /small/ {
            llm on;
            llm_cache edge;
            llm_event_max_size 8k;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /unbuffered/ {
            llm on;
            llm_cache edge;
            proxy_buffering off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /dead/ {
            llm on;
            llm_cache edge;
            proxy_pass http://127.0.0.1:%%PORT:nobody%%;
        }
        location /page/ {
            llm on;
            error_page 502 /own.txt;
            proxy_pass http://127.0.0.1:%%PORT:nobody%%;
        }
        location = /own.txt { return 502 "the operator's page\n"; }
        location /little/ {
            llm on;
            client_max_body_size 64;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /denied/ {
            llm on;
            deny all;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /pings/ {
            llm on;
            proxy_pass http://127.0.0.1:%%PORT:pings%%;
        }
        location /coded/ {
            llm on;
            llm_cache edge;
            proxy_pass http://127.0.0.1:%%PORT:coded%%;
        }
        location /internal/ {
            internal;
            default_type application/json;
            return 200 '{"secret":true}';
        }
END

my @STREAM = (stream => 1);

# The protocol's error, read from the last event of a broken stream.
sub last_error {
    my ($api, $r) = @_;
    my ($event) = ($r->events)[-1] or return 'no event';
    my $data = eval { from_json($event->{data}) } or return 'no JSON';
    return $data->{error}{code} if $api eq 'chat' || $api eq 'completions';
    return 'no error event' if $event->{event} ne 'error';
    return $api eq 'messages' ? $data->{error}{type} : $data->{code};
}

sub not_stored {
    my ($name) = @_;
    my ($r, $log) = $t->again;
    is $log->{cache}, 'MISS', "$name: nothing was stored";
}

# ---- cuts ---------------------------------------------------------------

for my $cut (['case 23' => 'cut=4'], ['case 23' => 'cut=4,midcut'],
    ['case 23' => 'cut=4,te=close'], ['case 24' => 'reset=4'],
    ['case 24' => 'reset=4,midcut'], ['case 23' => 'cut=4,midcut,split=7']) {
    my ($case, $knobs) = @$cut;
    for my $api (qw(chat completions responses messages)) {
        my $name = "$case: $api: $knobs";
        my $kind = 'upstream_cut';
        my $before = $t->metric('llm_errors_total', kind => $kind);
        my $ends = $t->metric('llm_stream_ends_total', how => $kind);
        my ($r, $log) = $t->ask($api, "events=20,size=200,$knobs", @STREAM);
        is $r->status, 200, $name;
        my $want = $api eq 'messages' ? 'api_error' : 'upstream_cut';
        is last_error($api, $r), $want, "$name: the error event";
        ok !$r->complete, "$name: and no clean end";
        ok !(grep { !eval { from_json($_->{data}) } } $r->events),
            "$name: no event is torn";
        is $log->{reason}, 'no_store:truncated', "$name: the reason";
        is $log->{estimated}, 1, "$name: estimated";
        is $t->metric('llm_errors_total', kind => $kind) - $before, 1,
            "$name: counted";
        is $t->metric('llm_stream_ends_total', how => $kind) - $ends, 1,
            "$name: its end is counted";
        not_stored($name);
    }
}
for my $knobs ('cut=2', 'reset=2') {
    my ($r, $log) = $t->ask('chat', "size=5000,$knobs");
    ok !$r->complete, "JSON, $knobs: no clean end";
    is $log->{reason}, 'no_store:truncated', "JSON, $knobs: the reason";
    is $log->{estimated}, 1, "JSON, $knobs: estimated";
    not_stored("JSON, $knobs");
}
SKIP: {
    skip 'no curl', 4 unless $t->has_program('curl');
    my $body = $t->body_of('chat', @STREAM);
    my $r;
    # curl forgets what it has not handed on when the reset comes in the same
    # read, so more than one attempt may be needed to see the event.
    my $seen = wait_until {
        $r = $t->h2(POST => $t->path('chat'), port => 'h2', body => $body,
            headers => ['X-Mock' => 'cut=4,events=20,size=200,gap=10']);
        ($r->error // '') ne 'curl ' . (92 << 8)
            || (last_error('chat', $r) // '') eq 'upstream_cut';
    };
    is $r->error, 'curl ' . (92 << 8), 'S4: HTTP/2: RST_STREAM';
    ok $seen, 'S4: HTTP/2: the error event';
    $r = $t->h2(POST => $t->path('chat'), port => 'h2', body => $body);
    ok $r->complete, 'S4: HTTP/2: a whole answer ends well';
    is(($r->events)[-1]{data}, '[DONE]', 'S4: HTTP/2: with its terminator');
}

# ---- ends ---------------------------------------------------------------

for my $api (qw(chat completions messages)) {
    my ($r, $log) = $t->ask($api, 'done=none', @STREAM);
    ok $r->complete, "case 25, S8: $api: a clean end without terminal event";
    unlike $r->body, qr/"error"/, "case 25: $api: no error is made of it";
    is $log->{reason}, 'no_store:truncated', "case 25: $api: the reason";
    not_stored("case 25: $api");
}
{
    my $text = "[DONE]\n\ndata: [DONE]\n\nand more";
    my ($r, $log) = $t->ask('chat', '', @STREAM, text => $text);
    my $said = join '', map {
        from_json($_->{data})->{choices}[0]{delta}{content} // ''
    } grep { $_->{data} ne '[DONE]' } $r->events;
    is $said, "You said: $text", 'case 26: [DONE] as text ends nothing';
    ($r, $log) = $t->again;
    is $log->{cache}, 'HIT', 'case 26: the answer was stored whole';
    $said = join '', map {
        from_json($_->{data})->{choices}[0]{delta}{content} // ''
    } grep { $_->{data} ne '[DONE]' } $r->events;
    is $said, "You said: $text", 'case 26: and comes back whole';
}
{
    my $before = $t->metric('llm_errors_total', kind => 'upstream_timeout');
    my ($r, $log) = $t->ask('chat', 'cut=4,noclose,events=20,size=200',
        @STREAM, in => '/short');
    is last_error('chat', $r), 'upstream_timeout',
        'timeout in mid-stream: the error event';
    ok !$r->complete, 'timeout in mid-stream: no clean end';
    is $log->{reason}, 'no_store:truncated', 'timeout: the reason';
    is $log->{estimated}, 1, 'timeout: estimated';
    ($r, $log) = $t->ask('chat', 'cut=4,noclose,size=5000', in => '/short');
    ok !$r->complete, 'timeout in a JSON answer: no clean end';
    ($r, $log) = $t->ask('chat', 'delay=3000', in => '/short');
    is $r->status, 504, 'case 43: timeout before the first byte';
    is $r->header('content-type'), 'application/json', 'case 43: JSON';
    ok length $r->json->{error}{message}, 'case 43: the client\'s protocol';
    is $log->{estimated}, 1, 'case 43: the model had the prompt: estimated';
    is $t->metric('llm_errors_total', kind => 'upstream_timeout') - $before,
        3, 'case 43: all three are counted as timeouts';
}

# ---- errors -------------------------------------------------------------

for my $api (qw(chat completions responses messages embeddings)) {
    my ($r, $log) = $t->ask($api, 'error200');
    is $r->status, 200, "case 33: $api: an error in a 200 passes";
    is $log->{reason}, 'no_store:error', "case 33: $api: is not stored";
    is "$log->{in}$log->{out}", '', "case 33: $api: costs nothing";
    not_stored("case 33: $api");
    next if $api eq 'embeddings';
    ($r, $log) = $t->ask($api, 'error_at=9,events=20,size=200', @STREAM);
    is $log->{reason}, 'no_store:error', "case 33: $api: nor in a stream";
    cmp_ok $log->{out}, '>', 0, "case 33: $api: what came before is billed";
    not_stored("case 33: $api, stream");
}
{
    my ($r, $log) = $t->ask('chat', 'status=400,errsse', @STREAM);
    is $r->status, 400, 'case 34: an error status as a stream keeps it';
    like $r->body, qr/data: \[DONE\]/, 'case 34: and its body';
    is $log->{reason}, 'no_store:status', 'case 34: not stored';
    not_stored('case 34');
}
{
    my $before = $t->metric('llm_errors_total', kind => 'upstream_invalid');
    my ($r, $log) = $t->ask('chat',
        'ctype=text/html,prompt=30,completion=12');
    is $log->{reason}, 'no_store:content_type', 'case 35: html is not stored';
    # A page is none: t/metered_types.t.
    is "$log->{in} $log->{out}", '30 12', 'case 35: an answer all the same';
    is $t->metric('llm_errors_total', kind => 'upstream_invalid') - $before,
        0, 'case 35: and counted as such';
    not_stored('case 35');
}
for my $status (401, 403, 404, 429, 500, 503, 529) {
    my ($r, $log) = $t->ask('chat', "status=$status,retry_after=7,leak");
    is $r->status, $status, "case 41, 42: $status passes";
    is $r->header('retry-after'), 7, "case 42: $status: with Retry-After";
    ok length $r->json->{error}{message}, "case 42: $status: with its body";
    is $log->{reason}, 'no_store:status', "case 42: $status: not stored";
    unlike $r->header('cache-status'), qr/stored/,
        "case 42: $status: and not said to be";
    not_stored("case 42: $status");
}
for my $api (qw(chat messages)) {
    my ($r, $log) = $t->ask($api, '', in => '/dead');
    is $r->status, 502, "case 43: $api: nobody listens";
    is $r->header('content-type'), 'application/json', "case 43: $api: JSON";
    is $r->json->{error}{type}, $api eq 'chat' ? 'server_error' : 'api_error',
        "case 43: $api: the client's protocol";
    is $r->json->{type} // '', $api eq 'chat' ? '' : 'error',
        "case 43: $api: its envelope";
    is $r->header('content-length'), length $r->body,
        "case 43: $api: whole";
    is "$log->{in}$log->{out}", '', "case 43: $api: costs nothing";
}
is $t->metric('llm_errors_total', kind => 'upstream_unreachable'), 2,
    'case 43: counted as unreachable';
{
    my ($r) = $t->ask('chat', '', in => '/page');
    is $r->body, "the operator's page\n", 'error_page stays the operator\'s';
    $t->mock_reset;
    for my $api (qw(chat messages)) {
        ($r) = $t->ask($api, '', in => '/little', text => 'x' x 100);
        is $r->status, 413, "413: $api";
        is $r->header('content-type'), 'application/json', "413: $api: JSON";
        is $r->json->{error}{type}, $api eq 'chat' ? 'invalid_request_error'
            : 'request_too_large', "413: $api: the client's protocol";
        ($r) = $t->ask($api, '', in => '/denied');
        is $r->status, 403, "403: $api";
        ok length $r->json->{error}{message}, "403: $api: in JSON";
    }
    is $t->mock_count, 0, 'none of them reached the upstream';
    $r = $t->request(GET => '/denied/x');
    like $r->body, qr/<html>/, 'a request that is not ours keeps its page';
}

# ---- forms --------------------------------------------------------------

my %usage = (stream_options => { include_usage => JSON::PP::true() });
for my $form ('crlf', 'cr', 'nospace', 'bom', 'comments', 'multiline',
    'idlines', 'padding', 'split=1', 'split=3', 'split=1,crlf', 'obfuscation',
    'bom,crlf,nospace,comments,idlines,split=2', 'events=3000,size=30000',
    'http10', 'te=close', 'trailers') {
    for my $api (qw(chat messages responses)) {
        my $name = "case 37, S1: $api: $form";
        my %more = (text => "gr\x{fc}\x{df} \x{1F600} \x{4e16} " . rand,
            @STREAM, $api eq 'chat' ? %usage : ());
        my ($r, $log, $body) = $t->ask($api, $form, %more);
        my $bare = $t->client('mock')->request(POST => $t->path($api),
            body => $body, headers => { 'X-Mock' => $form }, close => 1);
        ok $r->body eq $bare->body, "$name: byte for byte";
        ok $r->complete, "$name: a clean end";
        is "$log->{estimated} $log->{reason}", '0 no_entry',
            "$name: understood";
        my ($again, $hit) = $t->again;
        is $hit->{cache}, 'HIT', "$name: and stored";
    }
}
{
    my ($r, $log) = $t->ask('chat', 'malformed', @STREAM, %usage);
    my @data = map { $_->{data} } $r->events;
    is $data[-1], '[DONE]', 'S7: a malformed chunk does not end the stream';
    is scalar(grep { !/^\{.*\}$/s } @data), 1, 'S7: it is skipped';
    like $log->{reason}, qr/^no_store:/, 'S7: and is not stored';
}
{
    # Reading of what was sent event by event, whatever proxy_buffering says.
    for my $in ('', '/unbuffered') {
        my $c = $t->client;
        $c->send(POST => $in . $t->path('chat'),
            body => $t->body_of('chat', @STREAM),
            headers => { 'X-Mock' => 'gap=60,events=6' });
        my $r = $c->head;
        my @times;
        while (my $event = $c->next_event($r)) {
            push @times, $event->{time};
        }
        cmp_ok $times[4] - $times[0], '>', 0.15,
            "S3: events pass one by one ($in)";
    }
    my $c = $t->client;
    $c->send(POST => '/pings' . $t->path('chat'),
        body => $t->body_of('chat', @STREAM));
    my $r = $c->head;
    is $c->more($r), ": ping\n\n", 'S10: a heartbeat';
    $t->write_file('pinged', '');
    cmp_ok(($r->pieces)[0][0], '<', 0.3, 'S10: passes at once');
    $c->finish($r);
    ok $r->complete, 'S10: and the rest';
}
{
    my ($r, $log, $body) = $t->ask('chat', 'hugeline=900000', @STREAM,
        %usage);
    my $bare = $t->client('mock')->request(POST => $t->path('chat'),
        body => $body, headers => { 'X-Mock' => 'hugeline=900000' },
        close => 1);
    ok $r->body eq $bare->body, 'case 37: an event of 900 KB passes';
    is $log->{estimated}, 0, 'case 37: and is understood';

    my $before = $t->metric('llm_errors_total', kind => 'upstream_invalid');
    for my $api (qw(chat messages responses)) {
        ($r, $log) = $t->ask($api, 'hugeline=100000000', @STREAM,
            in => '/small');
        ok !$r->complete, "case 38: $api: an endless line is broken off";
        is last_error($api, $r), $api eq 'messages' ? 'api_error'
            : 'upstream_event_too_large', "case 38: $api: the error event";
        cmp_ok length $r->body, '<', 20_000, "case 38: $api: nothing of it";
        is $log->{reason}, 'no_store:size', "case 38: $api: the reason";
        not_stored("case 38: $api");
    }
    is $t->metric('llm_errors_total', kind => 'upstream_invalid') - $before,
        3, 'case 38: counted';
    ok wait_until {
        3 == grep { $_->{headers}{'x-mock'} && $_->{closed_early}
            && $_->{headers}{'x-mock'} eq 'hugeline=100000000' } $t->mock_log;
    }, 'case 38: the upstream is let go';
}

for my $coding ('br', 'zstd', 'compress', 'gzip, br', 'x' x 100) {
    for my $type (qw(application/json text/event-stream)) {
        my $name = 'case 36: ' . substr($coding, 0, 10) . " $type";
        my ($r, $log) = $t->ask('chat', '', in => '/coded', headers =>
            ['Accept-Encoding' => 'br', 'X-Coding' => $coding,
            'X-Type' => $type]);
        is $r->header('content-encoding'), $coding, "$name: passes as it is";
        ok $r->body eq $unreadable, "$name: byte for byte";
        is "$log->{reason} $log->{estimated}", 'no_store:encoding 1',
            "$name: is not stored and its usage estimated";
        my ($api, $body) = @{ $t->{last} };
        unlike $t->post('/coded' . $t->path($api), $body, 'X-Coding' => 'br')
            ->header('cache-status'), qr/hit/, "$name: nor found again";
    }
}

# ---- heads --------------------------------------------------------------

{
    my $before = $t->metric('llm_errors_total', kind => 'upstream_invalid');
    my ($r, $log) = $t->ask('chat', 'bigheader=100000');
    is $r->status, 502, 'case 40: a head that is too large';
    ok length $r->json->{error}{message}, 'case 40: said in JSON';
    like $log->{reason}, qr/^no_store:/, 'case 40: not stored';
    is $t->metric('llm_errors_total', kind => 'upstream_invalid') - $before,
        1, 'case 40: counted';
    # nginx decides which length holds, and whether the head may pass.
    ($r, $log) = $t->ask('chat', 'dupcl', in => '/short');
    like $log->{reason}, qr/^no_store:/,
        'case 40: an answer of two lengths is not stored';
    # 103 is understood from 1.29 on (figures.t). Before, nginx takes it for
    # the answer's own head; all the same it is no answer to be kept.
    ($r, $log) = $t->ask('chat', 'early_hints', in => '/short');
    unlike $log->{reason}, qr/^(?!no_store)/, 'case 40: nor one after a 103'
        if $log->{status} != 200;
    ($r, $log) = $t->ask('chat', 'crheader', in => '/short');
    unlike $r->{raw_head}, qr/\r(?!\n)/, 'case 49: no bare CR in a header';
}
for my $form ([], [@STREAM]) {
    my (undef, $log) = $t->ask('chat', 'finish=' . 'f' x 3000, @$form);
    is $log->{finish}, 'other', 'case 48: no text of an upstream is logged';
}
for my $finish (qw(length content_filter)) {
    for my $form ([], [@STREAM]) {
        my ($r, $log) = $t->ask('chat', "finish=$finish", @$form);
        is "$log->{finish} $log->{reason}", "$finish no_store:finish",
            "case 48: $finish";
        not_stored("case 48: $finish");
    }
}
{
    my ($r, $log) = $t->ask('chat', 'model=m-2026-01-01');
    is "$log->{model} $log->{served}", 'm m-2026-01-01',
        'case 48: the served model is told';
    ($r, $log) = $t->ask('chat', 'setcookie', @STREAM);
    ok length $r->header('set-cookie'), 'case 49: a cookie passes';
    ($r, $log) = $t->again;
    is $log->{cache}, 'HIT', 'case 49: the answer was stored';
    is $r->header('set-cookie'), '', 'case 49: the cookie was not';

    ($r, $log) = $t->ask('chat', 'xaccel=/internal/x');
    is $r->body, '{"secret":true}', 'case 49: X-Accel-Redirect is nginx\'s';
    is $log->{reason}, 'no_store:rerouted', 'case 49: its target is not stored';
    not_stored('case 49');
}

done_testing;
