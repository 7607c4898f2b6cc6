# What clients send: bodies in every framing, malformed ones, paths. Fault
# cases 1 to 22. The mock's log is the witness of what went upstream.

use lib 't/lib';
use LLM::Test;

use Time::HiRes qw(time);

my $t = LLM::Test->new(workers => 1);
$t->mock;
my $proxy = 'proxy_pass http://127.0.0.1:%%PORT:mock%%;';
my $conf  = <<"END";
    llm_zone edge:32m;
    llm on;
    llm_cache edge;
    llm_cache_max_size 4m;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    client_max_body_size 32m;
    client_body_buffer_size 16k;
    add_header X-C "\$llm_cache_status \$llm_cache_reason" always;
    add_header X-Key \$llm_cache_key always;
    add_header X-Model \$llm_model always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        listen 127.0.0.1:%%PORT:h2%% http2;
        client_header_timeout 2s;
        location / { $proxy }
        location /file/ {
            rewrite ^/file/(.*) /\$1 break;
            client_body_in_file_only clean;
            $proxy
        }
        location /single/ {
            rewrite ^/single/(.*) /\$1 break;
            client_body_in_single_buffer on;
            client_body_buffer_size 8m;
            $proxy
        }
        location /unbuffered/ {
            rewrite ^/unbuffered/(.*) /\$1 break;
            proxy_request_buffering off;
            $proxy
        }
        location /small/ { client_max_body_size 10k; $proxy }
        location /slow/ {
            client_body_timeout 1s;
            llm_limit slow key=\$http_x_key tokens=1000/h;
            llm_limit places key=\$http_x_key concurrency=21;
            $proxy
        }
        location /pass/ { llm_passthrough on; $proxy }
        location /openai/ { llm_api openai; $proxy }
        location /off/ {
            rewrite ^/off/(.*) /\$1 break;
            llm off;
            $proxy
        }
        location /v1/admin { deny all; $proxy }
        location = /metrics { llm_metrics; }
    }
END
$t->start($t->fill($conf));

my %path = (
    chat        => '/v1/chat/completions',
    completions => '/v1/completions',
    responses   => '/v1/responses',
    messages    => '/v1/messages',
    embeddings  => '/v1/embeddings',
);
my $chat   = $path{chat};
my $number = 0;

sub text { return 'question ' . ++$number }

sub said {
    my ($text, $more) = @_;
    return '{"model":"m","max_tokens":9999,"messages":[{"role":"user",'
        . qq("content":"$text"}]) . ($more // '') . '}';
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }

# A 400 in the protocol's form, and nothing went upstream.
sub refused {
    my ($what, $body, $uri, $status) = @_;
    $uri //= $chat;
    my $r = $t->post($uri, $body);
    is $r->status, $status // 400, $what;
    is $r->header('content-type'), 'application/json', 'as JSON';
    my $json = $r->json;
    if ($uri =~ /messages/) {
        is $json->{type}, 'error', 'Anthropic\'s envelope';
        is $json->{error}{type}, 'invalid_request_error', 'type';
    } else {
        is_deeply [sort keys %{ $json->{error} }],
            [qw(code message param type)], 'OpenAI\'s four keys';
        is $json->{error}{type}, 'invalid_request_error', 'type';
    }
    return $r;
}

sub nothing_upstream { is $t->mock_count, 0, 'nothing went upstream' }

# What the mock saw of the last request.
sub seen { return ($t->mock_log)[-1] }

subtest 'case 1: malformed JSON' => sub {
    $t->mock_reset;
    my @bad = ('{', '{"model":', '{"model":"m"', '{"model":"m",}', '{,}',
        '{"a" "b"}', '{"a":}', '{"a":1 "b":2}', "{'a':1}", '{a:1}',
        '{"a":01}', '{"a":+1}', '{"a":.1}', '{"a":1.}', '{"a":1e}',
        '{"a":0x1}', '{"a":NaN}', '{"a":Infinity}', '{"a":-}', '{"a":--1}',
        '{"a":tru}', '{"a":True}', '{"a":nul}', '{"a":"\x"}',
        '{"a":"\u12"}', '{"a":"\u12zz"}', '{"a":"', '{"a":"\\', '[1,]',
        '{"a":[1,]}', '{"a":[1}', '{"a":{]}', '{"a":1}}', '{"a":1}]',
        "{\"a\":\"\n\"}", "{\"a\":\"\t\"}", "{\"a\":\"\0\"}", '/* */{}',
        '{} // x', '{"a":1,,"b":2}', ':', ',', '"', '\\', '{"a":"b":"c"}',
        "\0", "{\"a\":1\0}", '[[[', '}{');
    for my $bad (@bad) {
        (my $name = $bad) =~ s/[^ -~]/?/g;
        refused($name, $bad);
    }
    for my $api (sort keys %path) {
        refused("$api: cut in the middle", '{"model":"m","input":',
            $path{$api});
        refused("$api: not an object", $_, $path{$api})
            for '[]', '1', '"x"', 'null', 'true';
        my $prompt = $api eq 'responses' ? 'x' : 'prompt';
        refused("$api: no model",
            qq({"messages":[],"input":"x","$prompt":"x"}), $path{$api});
    }
    refused('wrong types', said('x', ",$_"))
        for '"stream":1', '"stream":"true"', '"temperature":"hot"',
            '"stream_options":[]', '"n":"2"';
    refused('messages must be an array', '{"model":"m","messages":{}}');
    nothing_upstream();
};

subtest 'case 2: deep nesting' => sub {
    $t->mock_reset;
    for my $open ('[', '{"a":', '[{"a":') {
        my $start = time;
        refused("100,000 times $open", '{"model":"m","x":' . $open x 100_000);
        ok time - $start < 2, 'at once';
    }
    my $closed = '[' x 100_000 . ']' x 100_000;
    refused('balanced', said('x', qq(,"x":$closed)));
    nothing_upstream();
    my $deep = '[' x 100 . ']' x 100;
    is $t->post($chat, said(text(), qq(,"x":$deep)))->status, 200,
        'what is nested as people do passes';
};

subtest 'case 3, 4: bytes that are no text, and numbers beyond all' => sub {
    my @odd = ("\xff", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82",
        '\ud800', '\udc00', '\ud800\ud800', '\ud800x', '\udc00\ud800');
    for my $odd (@odd) {
        (my $name = $odd) =~ s/([^ -~])/sprintf '<%02x>', ord $1/ge;
        my $body = said(text() . $odd);
        $t->mock_reset;
        my @status = map { $t->post($chat, $body)->status } 1 .. 3;
        is "@status", '400 400 400', "$name is refused, each time";
        nothing_upstream();
    }
    my $in_key = said(text(), ",\"\xff\":1");
    is $t->post($chat, $in_key)->status, 400, 'in a key';
    for my $number ('1e999', '-1e999', '1e-999', '123456789012345678901234',
        '-0', '0e0', '9223372036854775808', '1.000000000000000005') {
        for my $name (qw(seed temperature max_tokens n)) {
            my $body = said(text(), qq(,"$name":$number));
            $body =~ s/"max_tokens":9999,// if $name eq 'max_tokens';
            my @status = map { $t->post('/off' . $chat, $body)->status } 1;
            is $t->post($chat, $body)->status, $status[0],
                "case 6: $name $number is the upstream's to judge";
            is seen()->{body}, $body, 'which sees it as it was written';
        }
    }
};

subtest 'case 5: names that stand twice' => sub {
    $t->mock_reset;
    refused('model', '{"model":"cheap","messages":[],"model":"gpt-5"}');
    refused('the same value', '{"model":"m","messages":[],"model":"m"}');
    refused('an escaped name', '{"model":"m","messages":[],"mod\u0065l":"n"}');
    refused('an unknown name', said('x', ',"a":1,"a":1'));
    refused('further down', said('x', ',"a":{"b":[{"c":1,"c":2}]}'));
    refused('in a message', '{"model":"m","messages":[{"role":"user",'
            . '"content":"a","content":"b"}]}');
    refused('by case alone', said('x', ',"Model":"n"'));
    refused('by case, and the only one', '{"MODEL":"m","messages":[]}');
    refused('with a long s', said('x', ",\"me\xc5\xbf" . "sages\":[]"));
    refused('Anthropic', said('x', ',"model":"n"'), $path{messages});
    nothing_upstream();
    is $t->post($chat, said(text(), ',"a":{"model":"x"},"A":1'))->status, 200,
        'elsewhere a name is just a name';
};

subtest 'case 7: models' => sub {
    $t->mock_reset;
    my $with = sub { qq({"model":$_[0],"messages":[]}) };
    refused("model $_", $with->($_)) for '1', 'null', 'true', '[]', '{}',
        '["m"]', '""', '"a\nb"', '"a\u0000"', '"\u001b[31m"', '"\u007f"',
        '"' . 'm' x 1_000_000 . '"';
    nothing_upstream();
    my $model = 'org/' . 'm' x 200 . '" x="1} \\\\';
    my $r = $t->post($chat, said(text()) =~ s/"m"/to_json($model)/er);
    is $r->status, 200, 'an odd one passes';
    my $metrics = $t->get('/metrics')->body;
    unlike $metrics, qr/org\//, 'and is no label of a metric';
    unlike $metrics, qr/mmmm/, 'nor are the refused ones';
};

subtest 'case 9: what is not one JSON value' => sub {
    $t->mock_reset;
    my $good = said('x');
    refused('a byte order mark', "\xef\xbb\xbf$good");
    refused('UTF-16', join '', map { "$_\0" } split //, $good);
    refused('something behind it', "$good x");
    refused('a NUL behind it', "$good\0");
    refused('two values', "$good$good");
    refused('two lines', "$good\n$good\n");
    refused('nothing', '', $path{$_}) for sort keys %path;
    refused('white space', " \r\n\t ");
    my $r = $t->request(POST => $chat,
        headers => { 'Content-Type' => 'application/json' });
    is $r->status, 400, 'no body at all';
    $r = $t->request(POST => $chat, chunked => []);
    is $r->status, 400, 'an empty chunked body';
    nothing_upstream();
    is $t->post($chat, " \r\n\t" . said(text()) . "\r\n ")->status, 200,
        'white space round it is fine';
};

subtest 'case 10: a body that is too large' => sub {
    $t->mock_reset;
    my $c = $t->client;
    my $start = time;
    $c->write("POST /small$chat HTTP/1.1\r\nHost: a\r\n"
        . "Content-Type: application/json\r\n"
        . "Content-Length: 100000000\r\n\r\n");
    my $r = $c->read;
    is $r->status, 413, 'refused by its announced length';
    ok time - $start < 2, 'before it was sent';
    is $r->json->{error}{type}, 'invalid_request_error', 'in OpenAI\'s form';
    is $t->post("/small$path{messages}", 'x' x 20_000)->json->{error}{type},
        'request_too_large', 'in Anthropic\'s form';
    is $t->request(POST => "/small$chat", chunked => [('x' x 4000) x 5])
        ->status, 413, 'refused when it grows';
    nothing_upstream();
};

subtest 'more values than any prompt has' => sub {
    $t->mock_reset;
    for my $api ('chat', 'messages') {
        my $r = $t->post($path{$api},
            said('x', ',"x":[' . '1,' x 1_100_000 . '1]'));
        is $r->status, 413, "$api: refused";
        like $r->json->{error}{message}, qr/more than 1048576 JSON values/,
            'told so';
        is $r->json->{error}{type}, $api eq 'chat' ? 'invalid_request_error'
            : 'request_too_large', 'in its form';
    }
    nothing_upstream();
    is $t->post($chat, said('x', ',"x":[' . '1,' x 900_000 . '1]'))->status,
        200, 'less is read';
    is $t->post($chat, said(',[{' x 1_000_000))->status, 200,
        'and text is no values';
};

subtest 'case 11: wherever the body stands, it is the same' => sub {
    for my $size (10, 1000, 20_000, 300_000, 10_000_000) {
        my $body = said(text() . 'x' x $size);
        $t->mock_reset;
        $t->client('mock')->request(POST => $chat, body => $body, close => 1);
        my $direct = seen();
        my $r = $t->post($chat, $body);
        is word($r), 'MISS', "$size bytes";
        is seen()->{body_crc32}, $direct->{body_crc32},
            'the upstream sees the same bytes';
        is seen()->{body_length}, length $body, 'and length';
        my $key = $r->header('x-key');
        for my $where ('/file', '/single', '/unbuffered') {
            my $r = $t->post("$where$chat", $body);
            is word($r), 'HIT', "in $where";
            is $r->header('x-key'), $key, 'the same key';
        }
        my @pieces = unpack '(a7001)*', $body;
        is word($t->request(POST => $chat, chunked => \@pieces)), 'HIT',
            'chunked';
        is word($t->request(POST => "/file$chat", chunked => \@pieces)),
            'HIT', 'chunked into a file';
    }
    for my $where ('', '/file', '/single', '/unbuffered') {
        my $body = said(text() . 'y' x 100_000, ',"stream":true');
        $t->mock_reset;
        my $r = $t->request(POST => "$where$chat",
            chunked => [unpack '(a50000)*', $body]);
        is $r->status, 200, "an edited body from $where";
        (my $edited = $body)
            =~ s/^\{/{"stream_options":{"include_usage":true},/;
        is seen()->{body_length}, length $edited, 'its length upstream';
        $t->client('mock')->request(POST => $chat, body => $edited,
            close => 1);
        my @log = $t->mock_log;
        is $log[0]{body_crc32}, $log[1]{body_crc32},
            'nothing but the edit was changed';
    }
};

subtest 'case 12: framing' => sub {
    my $body = said(text());
    is word($t->post($chat, $body)), 'MISS', 'stored';
    my $raw = sub {
        my ($head, $rest) = @_;
        my $c = $t->client;
        $c->write("POST $chat HTTP/1.1\r\nHost: a\r\n"
            . "Content-Type: application/json\r\nConnection: close\r\n"
            . "$head\r\n$rest");
        return $c->read;
    };
    my @half = (substr($body, 0, 20), substr $body, 20);
    my $chunks = join '', map { sprintf "%x;ext=\"a b\"\r\n%s\r\n", length,
        $_ } @half;
    is word($raw->("Transfer-Encoding: chunked\r\n", "${chunks}0\r\n\r\n")),
        'HIT', 'chunk extensions';
    is word($raw->("Transfer-Encoding: chunked\r\nTrailer: X-T\r\n",
        "${chunks}0\r\nX-T: 1\r\n\r\n")), 'HIT', 'trailers';
    is word($t->request(POST => $chat, chunked => [split //, $body])), 'HIT',
        'byte by byte';
    $t->mock_reset;
    my $length = length $body;
    for my $bad ("Content-Length: $length\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: $length\r\n",
        "Content-Length: -1\r\n", "Content-Length: 1x\r\n") {
        my $r = $raw->($bad, "${chunks}0\r\n\r\n");
        is $r->status, 400, $bad =~ s/\r\n/ /gr;
    }
    is $raw->("Transfer-Encoding: gzip, chunked\r\n", '')->status, 501,
        'another transfer coding';
    is $raw->("Transfer-Encoding: chunked\r\n", "zz\r\nx\r\n0\r\n\r\n")
        ->status, 400, 'a chunk size that is none';
    nothing_upstream();
};

subtest 'case 13: an encoded body' => sub {
    $t->mock_reset;
    my @gzip = ('Content-Encoding' => 'gzip');
    my $r = $t->post($chat, said('x'), @gzip);
    is $r->status, 415, 'is not taken';
    is $r->json->{error}{type}, 'invalid_request_error', 'in OpenAI\'s form';
    is $t->post($path{messages}, said('x'), @gzip)->json->{type}, 'error',
        'in Anthropic\'s';
    nothing_upstream();
    $r = $t->post("/pass$chat", said('x'), @gzip);
    is $t->mock_count, 1, 'llm_passthrough lets it through';
    is $r->header('cache-status'), '', 'unseen';
    is word($t->post($chat, said(text()), 'Content-Encoding' => 'identity')),
        'MISS', 'identity is none';
};

subtest 'case 14, 15: content types' => sub {
    my %ours = ('application/json' => 1, 'application/json; charset=utf-8' => 1,
        'Application/JSON' => 1, 'application/vnd.x+json' => 1,
        'text/plain' => 0, 'multipart/form-data; boundary=x' => 0,
        'application/x-www-form-urlencoded' => 0, 'application/jsonl' => 0);
    for my $type (sort keys %ours) {
        my $body = said(text());
        $t->mock_reset;
        my @r = map { $t->post($chat, $body, 'Content-Type' => $type) } 1, 2;
        is word($r[1]), $ours{$type} ? 'HIT' : '', $type;
        is $t->mock_count, $ours{$type} ? 1 : 2, 'asked upstream';
        is seen()->{body}, $body, 'with the same bytes';
    }
    my $body = said(text());
    my $c = $t->client;
    $c->write("POST $chat HTTP/1.1\r\nHost: a\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
    is word($c->read), 'MISS', 'none at all counts as JSON';
    $body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
        . "{\"model\":\r\n--x--\r\n";
    $t->post('/v1/audio/transcriptions', $body,
        'Content-Type' => 'multipart/form-data; boundary=x');
    is seen()->{body}, $body, 'files pass as they are';
};

subtest 'case 16: slow clients hold nothing upstream' => sub {
    $t->mock_reset;
    my @c = map { $t->client } 1 .. 20;
    $_->write("POST /slow$chat HTTP/1.1\r\nHost: a\r\n"
        . "X-Key: k\r\n"
        . "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        . '{"model":') for @c;
    my $half = $t->client;
    $half->write("POST $chat HTTP/1.1\r\nHost:");
    is $t->post($chat, said(text()))->status, 200, 'others are served';
    is $t->mock_count, 1, 'nothing of the slow ones went upstream';
    my @key = ('X-Key' => 'k');
    is $t->post("/slow$chat", said(text()) =~ s/9999/900/r, @key)->status,
        200, 'they hold no tokens';
    push @c, $t->client;
    $c[-1]->write("POST /slow$chat HTTP/1.1\r\nHost: a\r\nX-Key: k\r\n"
        . "Content-Length: 1000\r\n\r\n{");
    my $full = sub {
        $t->post("/slow$chat", said(text()) =~ s/9999/9/r, @key)->status
    };
    ok wait_until { $full->() == 429 }, 'but places of concurrency=';
    is $_->closed, 'closed', 'they are closed' for @c;
    is $half->closed, 'closed', 'so is who does not come to the end of a head';
    is $full->(), 200, 'and its places are free again';
    ok !(grep { $_->{body} !~ /\}\z/ } $t->mock_log),
        'nothing of theirs went upstream later';
    is $t->get('/metrics')->body =~ /^llm_reservations(?:\{.*\})? (\S+)/m
        && $1, 0, 'nothing stays reserved';
    $t->mock_reset;
    my $aborted = $t->client;
    $aborted->write("POST $chat HTTP/1.1\r\nHost: a\r\n"
        . "Content-Length: 1000\r\n\r\n{\"model\":");
    $aborted->reset;
    is $t->post($chat, said(text()))->status, 200, 'a client that left';
    is $t->mock_count, 1, 'is nobody';
};

subtest 'case 17: methods, Expect, HTTP/1.0' => sub {
    my $body = said(text());
    my $c = $t->client;
    $c->write("POST $chat HTTP/1.1\r\nHost: a\r\n"
        . "Content-Type: application/json\r\nExpect: 100-continue\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n");
    ok $c->readable(5), 'the body is asked for';
    $c->write($body);
    my $r = $c->read;
    is_deeply [map { $_->status } $r->early], [100], '100 Continue';
    is word($r), 'MISS', 'then the answer';
    $c->write("POST $chat HTTP/1.0\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
    $r = $c->read;
    is word($r), 'HIT', 'HTTP/1.0';
    is $c->closed, 'closed', 'and its end';
    for my $method (qw(GET HEAD OPTIONS PUT DELETE PATCH)) {
        my @r = map { $t->request($method => $_, $method eq 'PUT'
            || $method eq 'PATCH' ? (body => $body) : ()) }
            $chat, "/off$chat";
        is $r[0]->status, $r[1]->status, "$method is not ours";
        is $r[0]->body, $r[1]->body, 'its answer passes';
        is $r[0]->header('cache-status'), '', 'unmarked';
    }
    is $t->request(HEAD => $chat)->body, '', 'HEAD has no body';
    $c = $t->client;
    $c->send(HEAD => $chat);
    $c->send(POST => $chat, body => $body);
    $c->read;
    is word($c->read), 'HIT', 'and confuses no answer behind it';
};

subtest 'case 18: HTTP/2' => sub {
    plan(skip_all => 'curl is not installed') unless $t->has_program('curl');
    for my $size (10, 100_000, 10_000_000) {
        my $body = said(text() . 'z' x $size);
        $t->mock_reset;
        my $r = $t->h2(POST => $chat, port => 'h2', body => $body);
        is $r->status, 200, "$size bytes";
        is word($r), 'MISS', 'a miss';
        is seen()->{body_length}, length $body, 'all of it upstream';
        is word($t->post($chat, $body)), 'HIT', 'meets HTTP/1.1';
        my $hit = $t->h2(POST => "/file$chat", port => 'h2', body => $body);
        is word($hit), 'HIT', 'from a file';
        is $hit->body, $r->body, 'the same bytes';
    }
    my $stream = said(text(), ',"stream":true');
    for my $word (qw(MISS HIT)) {
        my $r = $t->h2(POST => $chat, port => 'h2', body => $stream);
        is word($r), $word, "stream, $word";
        is +($r->events)[-1]{data}, '[DONE]', 'its end';
    }
    my $r = $t->h2(POST => $chat, port => 'h2', body => '{');
    is $r->status, 400, 'malformed';
    is $r->json->{error}{type}, 'invalid_request_error', 'in its form';
    is $t->h2(POST => $chat, port => 'h2', body => '')->status, 400, 'empty';
    $r = $t->h2(POST => $chat, port => 'h2', body => said(text()),
        headers => ['Proxy-Connection' => 'x', 'X-' . 'y' x 500 => 'z',
            'Accept-Encoding' => '']);
    is $r->status, 200, 'headers with unusual names';
    $t->mock_reset;
    $t->h2(POST => $chat, port => 'h2', body => said('x' x 1_000_000),
        curl => ['--limit-rate', '100k', '--max-time', '0.5']);
    is $t->post($chat, said(text()))->status, 200, 'a reset in the body';
    is $t->mock_count, 1, 'leaves nothing upstream';
};

subtest 'case 19: addresses in a message are nobody\'s business' => sub {
    my $image = sub {
        my ($url) = @_;
        return '{"model":"m","messages":[{"role":"user","content":['
            . '{"type":"text","text":"' . text() . '"},{"type":"image_url",'
            . qq("image_url":{"url":"$url"}}]}]});
    };
    $t->mock_reset;
    my $mock = $t->port('mock');
    is $t->post($chat, $image->("http://127.0.0.1:$mock/v1/models"))->status,
        200, 'an address';
    is $t->mock_count, 1, 'is not followed';
    my $data = 'data:image/png;base64,' . 'A' x 4_000_000;
    is $t->post($chat, $image->($data))->status, 200, 'a large data: URL';
    is word($t->post($chat, said(text()))), 'MISS', 'and on it goes';
};

subtest 'case 20, 21: large requests take time in proportion' => sub {
    my $message = '{"role":"user","content":"hello there"}';
    my $tool = '{"type":"function","function":{"name":"f","parameters":'
        . '{"type":"object","properties":{"a":{"type":"string"}}}}}';
    my %body = (
        '100,000 messages' => '{"model":"m","messages":['
            . join(',', ($message) x 100_000) . ']}',
        '10,000 tools' => said(text(), ',"tools":['
            . join(',', ($tool) x 10_000) . ']'),
        '100,000 members' => said(text(), ',"x":{'
            . join(',', map { qq("k$_":$_) } reverse 1 .. 100_000) . '}'),
        '1 MB of one character' => said(text() . 'a' x 1_000_000),
        '1 MB of another' => said(text() . "\xe2\x80\x8b" x 350_000),
        '1 MB of escapes' => said(text() . '\u200b' x 170_000),
    );
    for my $what (sort keys %body) {
        my $start = time;
        is word($t->post($chat, $body{$what})), 'MISS', $what;
        my $hit = $t->post($chat, $body{$what});
        is word($hit), 'HIT', 'and again';
        ok time - $start < 5, 'in time';
    }
};

subtest 'case 22: paths' => sub {
    my $body = said(text());
    my @same = ('//v1/chat/completions', '/v1/./chat/completions',
        '/v1/x/../chat/completions', '/v1/%63hat/completions',
        '/v1%2fchat/completions', '/v1/chat/completions?a=b',
        '/v1/chat/completions#x', '/any/prefix/v1/chat/completions');
    for my $uri (@same) {
        my $r = $t->post($uri, $body);
        is word($r), 'MISS', "$uri is ours";
        is $r->header('x-model'), 'm', 'and read';
    }
    my @other = ('/v1/Chat/Completions', '/v1/chat/completions/',
        '/v1/chat/completions%00', '/v1/chat/completions;x',
        '/v1/chatcompletions',
        '/v1/chat/completions%20', '/v1/threads/t/messages');
    for my $uri (@other) {
        my $r = $t->post($uri, $body);
        is $r->header('cache-status'), '', "$uri is not";
    }
    for my $uri ('/v1/admin/chat/completions',
        '/v1/chat/../admin/chat/completions', '/v1//admin/chat/completions',
        '/v1/%61dmin/v1/chat/completions',
        '/v1/x/%2e%2e/admin/chat/completions') {
        $t->mock_reset;
        is $t->post($uri, $body)->status, 403, "$uri is denied";
        nothing_upstream();
    }
    is $t->post('/../v1/chat/completions', $body)->status, 400,
        'above the root';
    my $base = said(text());
    is word($t->post($chat, $base)), 'MISS', 'stored';
    for my $host ('localhost', 'evil.example', 'x:1') {
        my $r = $t->request(POST => $chat, body => $base, host => $host);
        is word($r), 'HIT', "Host: $host changes nothing";
    }
    is $t->request(POST => $chat, body => $base, host => 'x/#@y')->status,
        400, 'a Host with a slash';
    is $t->post("/openai$path{messages}", said(text()))
        ->header('cache-status'), '', 'llm_api openai: no messages';
};

done_testing;
