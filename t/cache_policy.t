# What the exact cache keeps, for how long, and who may say so: the
# operator's directives, the client's Cache-Control, what is never stored.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 2);
$t->mock;
my $proxy = 'proxy_pass http://127.0.0.1:%%PORT:mock%%;';
$t->start($t->fill(<<"END"));
    llm_zone edge:16m;
    llm on;
    llm_cache edge;
    llm_cache_private off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    log_format llm '\$http_x_test|\$llm_cache_status|\$llm_cache_reason|'
        '\$llm_completion_tokens|\$llm_finish_reason|\$status';
    add_header X-C "\$llm_cache_status \$llm_cache_reason" always;
    map \$http_x_valid \$valid { volatile; default \$http_x_valid; }
    map \$llm_model \$by_model { volatile; m 1h; default 0; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        location / { $proxy }
        location /off/ { llm_cache off; $proxy }
        location /llmoff/ { llm off; $proxy }
        location /observe/ { llm observe; $proxy }
        location /bare/ { llm off; $proxy }
        location /short/ { llm_cache_valid 1s; $proxy }
        location /zero/ { llm_cache_valid 0; $proxy }
        location /var/ { llm_cache_valid \$valid; $proxy }
        location /model/ { llm_cache_valid \$by_model; $proxy }
        location /bypass/ {
            llm_cache_bypass \$http_x_bypass \$arg_bypass;
            $proxy
        }
        location /nocache/ { llm_no_cache \$http_x_no_cache; $proxy }
        location /size/ { llm_cache_max_size 2k; $proxy }
        location /cold/ { llm_cache_max_temperature 0.7; $proxy }
        location /zerotemp/ { llm_cache_max_temperature 0; $proxy }
        location /deaf/ { llm_cache_control off; $proxy }
        location /timing/ { llm_server_timing on; $proxy }
        location = /metrics { access_log off; llm_metrics; }
    }
END

my $chat   = '/v1/chat/completions';
my $number = 0;
my $test   = 0;

sub body_of {
    my (%more) = @_;
    return { model => 'm', messages => [
        { role => 'user', content => 'question ' . ++$number }], %more };
}

sub true  { JSON::PP::true() }
sub false { JSON::PP::false() }

sub word   { (split / /, $_[0]->header('x-c'))[0] // '' }
sub reason { (split / /, $_[0]->header('x-c'))[1] // '' }

# The words of as many requests as are given, to one place.
sub words {
    my ($prefix, $body, @headers) = @_;
    return join ' ', map { word($t->post("$prefix$chat", $body, @$_)) }
        @headers ? @headers : ([], []);
}

# One request and what the log says of it at its end.
sub logged {
    my ($uri, $body, @headers) = @_;
    my $name = 'test' . ++$test;
    my $r = $t->post($uri, $body, @headers, 'X-Test' => $name);
    my $line = wait_until {
        (grep { /^$name\|/ } $t->lines('access.log'))[0];
    } or die "$name is not in the log\n";
    my %log;
    @log{qw(test cache reason out finish status)} = split /\|/, $line, -1;
    return wantarray ? (\%log, $r) : \%log;
}

subtest 'llm_cache off, llm off' => sub {
    for my $where ('/off', '/llmoff') {
        my $body = body_of();
        for (1, 2) {
            my $r = $t->post("$where$chat", $body);
            is $r->status, 200, "$where";
            is $r->header($_), '', "no $_" for qw(cache-status age x-llm-entry);
        }
    }
    $t->mock_reset;
    words('/off', body_of());
    is $t->mock_count, 2, 'all goes upstream';
};

subtest 'llm_cache_valid' => sub {
    my $body = body_of();
    my $first = $t->post("/short$chat", $body);
    is word($first), 'MISS', 'stored for a second';
    my $hit = $t->post("/short$chat", $body);
    SKIP: {
        skip 'the machine is slow', 3 if word($hit) ne 'HIT';
        like $hit->header('cache-status'), qr/^ngx_llm; hit; ttl=1$/, 'ttl';
        like $hit->header('age'), qr/^[01]$/, 'Age';
        is $hit->body, $first->body, 'the same bytes';
    }
    my $late = wait_until {
        my $r = $t->post("/short$chat", $body,
            'Cache-Control' => 'no-store');
        word($r) eq 'EXPIRED' ? $r : 0;
    };
    is reason($late), 'expired', 'it expires';
    like $late->header('cache-status'), qr/fwd=stale/, 'and is told so';
    is word($t->post("/short$chat", $body)), 'EXPIRED', 'stored once more';
    is word($t->post("/short$chat", $body)), 'HIT', 'and hit';

    is words('/zero', body_of()), 'MISS MISS', 'case 95: 0 stores nothing';
    unlike $t->post("/zero$chat", body_of())->header('cache-status'),
        qr/stored/, 'nor says so';

    my @valid = map { ['X-Valid' => $_] } ('1h') x 2;
    is words('/var', body_of(), @valid), 'MISS HIT', 'by a variable';
    my %none = (nonsense => 1, '-5' => 1, '' => 1, '1x' => 1, '0' => 0,
        '99999999999999999999y' => 1);
    for my $value (sort keys %none) {
        my $before = () = $t->log =~ /llm_cache_valid" came out as/g;
        my @h = (['X-Valid' => $value]) x 2;
        is words('/var', body_of(), @h), 'MISS MISS',
            "case 95: \"$value\" stores nothing";
        my $after = () = $t->log =~ /llm_cache_valid" came out as/g;
        is $after > $before ? 1 : 0, $none{$value}, 'and is logged if wrong';
    }
    is words('/model', body_of()), 'MISS HIT', 'by a map of the model';
    is words('/model', body_of(model => 'x')), 'MISS MISS', 'another model';
};

subtest 'llm_cache_bypass, llm_no_cache' => sub {
    my $body = body_of();
    is words('/bypass', $body, [], [], ['X-Bypass' => 1], ['X-Bypass' => 0],
        ['X-Bypass' => '']), 'MISS HIT BYPASS HIT HIT', 'bypass';
    my $r = $t->post("/bypass$chat?bypass=x", $body);
    is $r->header('x-c'), 'BYPASS bypass', 'any of them';
    is $r->header('cache-status'), 'ngx_llm; fwd=bypass; stored',
        'it is stored';
    is word($t->post("/bypass$chat?bypass=", $body)), 'MISS',
        'under its own target';

    $body = body_of();
    $t->post("/bypass$chat", $body, 'X-Mock' => 'size=20');
    $t->post("/bypass$chat", $body, 'X-Mock' => 'size=30', 'X-Bypass' => 1);
    is length $t->post("/bypass$chat", $body)
        ->json->{choices}[0]{message}{content}, 30,
        'what a bypass stored is what hits';

    my @no = ('X-No-Cache' => 1);
    $body = body_of();
    is words('/nocache', $body, [@no], [], [@no], []), 'MISS MISS HIT HIT',
        'llm_no_cache looks up and does not store';
    is $t->post("/nocache$chat", body_of(), @no)->header('cache-status'),
        'ngx_llm; fwd=miss', 'and does not claim to';
};

subtest 'llm_cache_max_size' => sub {
    for my $stream (false, true) {
        my $log = logged("/size$chat", body_of(stream => $stream),
            'X-Mock' => 'size=4000');
        is $log->{reason}, 'no_store:size', 'case 87: too large';
        is words('/size', body_of(stream => $stream)), 'MISS HIT', 'small';
    }
    my $body = body_of(stream => true);
    is words('/size', $body, (['X-Mock' => 'size=4000']) x 2), 'MISS MISS',
        'a large one never hits';
};

subtest 'llm_cache_max_temperature' => sub {
    my %word = (0 => 'MISS HIT', 0.7 => 'MISS HIT', 0.701 => 'BYPASS BYPASS',
        1 => 'BYPASS BYPASS', 2 => 'BYPASS BYPASS');
    is words('/cold', body_of(temperature => $_ + 0)), $word{$_}, "at $_"
        for sort keys %word;
    is words('/cold', body_of()), 'BYPASS BYPASS', 'absent counts as 1';
    is words('/cold', body_of(temperature => undef)), 'BYPASS BYPASS',
        'null too';
    is $t->post("/cold$chat", body_of())->header('x-c'),
        'BYPASS gate:temperature', 'and says why';
    is words('/zerotemp', body_of(temperature => 0)), 'MISS HIT', '0 at 0';
    is words('/zerotemp', body_of(temperature => 0.001)), 'BYPASS BYPASS',
        'more at 0';
    is words('', body_of(temperature => 2)), 'MISS HIT',
        'any temperature by default';
    my $huge = to_json(body_of()) =~ s/^\{/{"temperature":1e999,/r;
    is words('/cold', $huge), 'BYPASS BYPASS', 'case 6: beyond a double';
};

subtest 'case 93: Cache-Control of the client' => sub {
    my $with = sub { ['Cache-Control' => $_[0]] };
    my $body = body_of();
    is words('', $body, [], $with->('no-cache'), $with->('max-age=0'), []),
        'MISS BYPASS BYPASS HIT', 'no-cache, max-age=0';
    my $r = $t->post($chat, $body, 'Cache-Control' => 'No-Cache');
    is $r->header('x-c'), 'BYPASS client:no_cache', 'in any case';
    is $r->header('cache-status'), 'ngx_llm; fwd=request; stored', 'told';

    $body = body_of();
    $t->post($chat, $body, 'X-Mock' => 'size=20');
    $t->post($chat, $body, 'X-Mock' => 'size=30', @{ $with->('no-cache') });
    is length $t->post($chat, $body)->json->{choices}[0]{message}{content},
        30, 'no-cache renews the entry';

    $body = body_of();
    is words('', $body, $with->('no-store'), [], $with->('no-store')),
        'MISS MISS HIT', 'no-store is not stored, and may be answered';
    $body = body_of();
    is words('', $body, [], $with->('max-age=3600'),
        $with->('min-fresh=60'), $with->('min-fresh=999999'),
        $with->('min-fresh=999999999999999999999'), $with->('max-age=x'),
        $with->('max-age="60"'), $with->('foo, max-stale=3, bar="no-cache"')),
        'MISS HIT HIT EXPIRED EXPIRED HIT HIT HIT', 'max-age, min-fresh';
    is $t->post($chat, $body, @{ $with->('min-fresh=99999') })
        ->header('x-c'), 'EXPIRED client:min_fresh', 'its reason';
    is words('', $body, ['Cache-Control' => 'foo',
        'Cache-Control' => 'no-cache']), 'BYPASS', 'a second header counts';

    my $aged = body_of();
    $t->post($chat, $aged);
    my $old = wait_until {
        my $r = $t->post($chat, $aged, 'Cache-Control' =>
            'max-age=1, no-store');
        word($r) eq 'EXPIRED' ? $r : 0;
    };
    is reason($old), 'client:max_age', 'older than max-age';
    like $old->header('cache-status'), qr/fwd=request/, 'is the request';
    like $t->post($chat, $aged)->header('age'), qr/^[1-9]\d*$/, 'Age grows';

    $t->mock_reset;
    my $only = $with->('only-if-cached');
    for my $case ([$chat, body_of()], [$chat, body_of(stream => true)]) {
        $r = $t->post(@$case, @$only);
        is $r->status, 504, 'only-if-cached';
        is $r->header('content-type'), 'application/json', 'as JSON';
        is $r->json->{error}{type}, 'timeout_error', 'OpenAI\'s words';
        is $r->header('cache-status'), 'ngx_llm; detail=ONLY_IF_CACHED',
            'nothing was forwarded';
        is reason($r), 'client:only_if_cached', 'reason';
    }
    $r = $t->post('/v1/messages', body_of(max_tokens => 9), @$only);
    is $r->json->{type}, 'error', 'in Anthropic\'s form';
    is $t->post($chat, body_of(), 'Cache-Control' =>
        'only-if-cached, no-cache')->status, 504, 'with no-cache';
    is $t->post($chat, body_of(web_search_options => {}), @$only)->status,
        504, 'what is never cached';
    is $t->mock_count, 0, 'nothing went upstream';
    is word($t->post($chat, $aged, @$only)), 'HIT', 'a hit is a hit';

    $body = body_of();
    is words('/deaf', $body, [], $with->('no-cache'), $with->('max-age=0'),
        $with->('only-if-cached'), $with->('min-fresh=99999')),
        'MISS HIT HIT HIT HIT', 'llm_cache_control off';
    is $t->post("/deaf$chat", body_of(), @$only)->status, 200, 'no 504';
    is words('/deaf', body_of(), ($with->('no-store')) x 2), 'MISS HIT',
        'no-store neither';
};

subtest 'Cache-Status, Age' => sub {
    my $body = body_of();
    my $r = $t->post($chat, $body);
    is $r->header('cache-status'), 'ngx_llm; fwd=miss; stored', 'miss';
    is $r->header('age'), '', 'no Age';
    is $r->header('x-llm-entry'), '', 'no entry';
    $r = $t->post($chat, $body);
    like $r->header('cache-status'), qr/^ngx_llm; hit; ttl=(3600|3599)$/,
        'hit';
    is scalar($r->header_values('cache-status')), 1, 'once';
    like $r->header('age'), qr/^\d+$/, 'Age';
    like $r->header('x-llm-entry'), qr/^[0-9a-f]{24}$/, 'entry';
    like $r->header('x-request-id'), qr/\S/, 'a request id';
    is $t->post($chat, body_of(), 'X-Mock' => 'status=500')
        ->header('cache-status'), 'ngx_llm; fwd=miss', 'an error';
    is $t->post($chat, body_of(), 'X-Mock' => 'ctype=text%2fhtml')
        ->header('cache-status'), 'ngx_llm; fwd=miss', 'no answer';
    like $t->post("/timing$chat", body_of())->header('server-timing'),
        qr/^llm;dur=\d+\.\d{3}$/, 'Server-Timing';
};

subtest 'requests with effects are not stored' => sub {
    my @responses = map { ['/v1/responses',
        { model => 'm', input => 'q' . ++$number, store => false, %$_ }] }
        { store => true }, { background => true },
        { previous_response_id => 'resp_1' }, { conversation => 'conv_1' },
        { tools => [{ type => 'web_search' }] },
        { tools => [{ type => 'mcp', server_label => 'x' }] },
        { tools => [{ type => 'code_interpreter' }] },
        { tools => [{ type => 'file_search' }] },
        { tools => [{ type => 'never heard of' }] };
    my @chat = map { [$chat, body_of(%$_)] } { store => true },
        { web_search_options => {} };
    my @messages = map { ['/v1/messages', body_of(max_tokens => 9, %$_)] }
        { tools => [{ type => 'web_search_20250305', name => 'w' }] },
        { mcp_servers => [{ url => 'x' }] };
    for my $case (@responses, @chat, @messages) {
        my @r = map { $t->post(@$case) } 1, 2;
        is join(' ', map { word($_) } @r), 'BYPASS BYPASS',
            reason($r[0]) . ' ' . to_json($case->[1]);
        like reason($r[0]), qr/^gate:/, 'reason';
    }
    my $plain = { model => 'm', input => 'q' . ++$number };
    is join(' ', map { word($t->post('/v1/responses', $plain)) } 1, 2),
        'MISS HIT', 'within a tenant a response may be stored by OpenAI';
};

subtest 'finish reasons' => sub {
    my %kept = (stop => 1, tool_calls => 1, length => 0, content_filter => 0,
        nonsense => 0);
    for my $finish (sort keys %kept) {
        for my $stream (false, true) {
            my $log = logged($chat, body_of(stream => $stream),
                'X-Mock' => "finish=$finish");
            is $log->{reason}, $kept{$finish} ? 'no_entry' : 'no_store:finish',
                "case 48: $finish, " . ($stream ? 'stream' : 'JSON');
        }
    }
    %kept = (end_turn => 1, tool_use => 1, stop_sequence => 1,
        max_tokens => 0, pause_turn => 0, refusal => 0);
    for my $finish (sort keys %kept) {
        my $log = logged('/v1/messages', body_of(max_tokens => 9),
            'X-Mock' => "finish=$finish");
        is $log->{reason}, $kept{$finish} ? 'no_entry' : 'no_store:finish',
            "case 48: $finish";
    }
};

subtest 'case 87: what is not whole is not stored' => sub {
    my %why = (
        'cut=3' => 'truncated', 'cut=2,midcut' => 'truncated',
        'reset=3' => 'truncated', 'error200' => 'error',
        'error_at=2' => 'error', 'status=500' => 'status',
        'ctype=text%2fhtml' => 'content_type',
    );
    for my $knobs (sort keys %why) {
        my $body = body_of(stream => true);
        my $log = logged($chat, $body, 'X-Mock' => $knobs);
        is $log->{reason}, "no_store:$why{$knobs}", "stream, $knobs";
        is word($t->post($chat, $body)), 'MISS', 'and never hits';
    }
    for my $knobs ('cut_bytes=40', 'status=429', 'error200', 'malformed') {
        my $body = body_of();
        my $log = logged($chat, $body, 'X-Mock' => $knobs);
        like $log->{reason}, qr/^no_store:/, "JSON, $knobs: $log->{reason}";
        is word($t->post($chat, $body)), 'MISS', 'and never hits';
    }
    my $body = body_of(stream => true);
    my $c = $t->client;
    $c->send(POST => $chat, body => to_json($body),
        headers => { 'X-Mock' => 'gap=50,events=40', 'X-Test' => 'aborted' });
    $c->next_event($c->head);
    $c->reset;
    my $line = wait_until {
        (grep { /^aborted\|/ } $t->lines('access.log'))[0];
    };
    like $line, qr/\|no_store:aborted\|/, 'a client that left';
    is word($t->post($chat, $body)), 'MISS', 'and never hits';
};

# Fault case 52.
subtest 'who asked first leaves' => sub {
    my $body = body_of(stream => true);
    my ($first, $second) = ($t->client, $t->client);
    for my $c ($first, $second) {
        $c->send(POST => $chat, body => to_json($body),
            headers => { 'X-Mock' => 'gap=30,events=20' });
    }
    $first->next_event($first->head);
    my $head = $second->head;
    $first->reset;
    my @data;
    while (my $event = $second->next_event($head)) {
        push @data, $event->{data};
    }
    is $data[-1], '[DONE]', 'who asked for the same has all of it';
    cmp_ok scalar(@data), '>=', 20, 'every event';
    is word($t->post($chat, $body)), 'HIT', 'and it is kept';
};

subtest 'llm observe' => sub {
    $t->mock_reset;
    my $body = body_of();
    my @at_mock;
    for my $word (qw(MISS HIT HIT)) {
        my ($log, $r) = logged("/observe$chat", $body,
            'Accept-Encoding' => 'gzip');
        is $log->{cache}, $word, "would be a $word";
        is $log->{reason}, $word eq 'HIT' ? 'exact' : 'no_entry', 'reason';
        my $bare = $t->post("/bare$chat", $body,
            'Accept-Encoding' => 'gzip', 'X-Test' => 'x');
        is $r->body, $bare->body, 'the same bytes';
        my @names = map { [grep { $_ !~ /^(?:x-c|date)$/ }
            $_->header_names] } $r, $bare;
        is_deeply $names[0], $names[1], 'the same headers';
    }
    is $t->mock_count, 6, 'all went upstream';
    my @log = $t->mock_log;
    for my $pair ([0, 1], [2, 3], [4, 5]) {
        my @lines = map { [grep { !/x-test|connection/i }
            @{ $_->{header_lines} // [] }] } @log[@$pair];
        is_deeply $lines[0], $lines[1], 'upstream saw the same headers';
        is $log[$pair->[0]]{body}, $log[$pair->[1]]{body}, 'the same body';
    }
    my $stream = body_of(stream => true);
    for my $word (qw(MISS HIT)) {
        my ($log, $r) = logged("/observe$chat", $stream);
        is $log->{cache}, $word, "stream: $word";
        is $r->body, $t->post("/bare$chat", $stream)->body, 'the same bytes';
    }
    for my $bad ('{"model":', '{"model":"m","model":"n","messages":[]}') {
        my ($log, $r) = logged("/observe$chat", $bad);
        is $r->status, $t->post("/bare$chat", $bad)->status,
            'what is malformed passes';
        is $log->{reason}, 'gate:malformed', 'and would have been refused';
    }
    my ($log, $r) = logged("/observe$chat", body_of(),
        'Cache-Control' => 'only-if-cached');
    is $r->status, 200, 'only-if-cached passes';
    like $t->get('/metrics')->body,
        qr/llm_cache_requests_total\{[^}]*HIT[^}]*exact/i, 'counted';
};

subtest 'a hit to HEAD, GET and ranges' => sub {
    my $body = body_of();
    $t->post($chat, $body);
    my $r = $t->post($chat, $body, Range => 'bytes=0-3',
        'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT',
        'If-None-Match' => '*');
    is $r->status, 200, 'ranges and conditions are nothing to a POST';
    is word($r), 'HIT', 'a hit';
    $t->mock_reset;
    $r = $t->request(HEAD => $chat);
    is $r->body, '', 'HEAD has no body';
    is $r->header('cache-status'), '', 'and nothing to do with the cache';
    is $t->mock_count, 1, 'it went upstream';
    my $c = $t->client;
    is $c->request(POST => $chat, body => to_json($body))->status, 200,
        'keep-alive' for 1 .. 3;
    $c->write(join '', map { $c->format_request(POST => $chat,
        body => to_json($body)) } 1 .. 3);
    is word($c->read), 'HIT', 'pipelined' for 1 .. 3;
};

subtest 'case 86: identical requests at one time' => sub {
    $t->mock_reset;
    my $body = body_of();
    my @c = map { $t->client } 1 .. 4;
    $_->send(POST => $chat, body => to_json($body),
        headers => { 'X-Mock' => 'delay=300' }) for @c;
    is word($_->read), 'MISS', 'each is asked upstream' for @c;
    is $t->mock_count, 4, 'none waits for another';
    is word($t->post($chat, $body)), 'HIT', 'the last one stands';
};

subtest 'case 94: a miss and a hit can be told apart by their owner alone'
    => sub {
    my $body = body_of();
    $t->post($chat, $body, Authorization => 'Bearer owner');
    is word($t->post($chat, $body, Authorization => 'Bearer spy')), 'MISS',
        'another tenant learns nothing';
};

done_testing;
