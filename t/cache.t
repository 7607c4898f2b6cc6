# The exact cache's walls: which requests meet and which never do, who shares
# an answer, and that one entry serves both forms. What is not stored, times
# and switches: cache_policy.t; shared memory: cache_zone.t.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 2);
$t->mock;
$t->start(<<'END');
    llm_zone edge:16m;
    llm on;
    llm_cache edge;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    upstream other { server 127.0.0.1:%%PORT:mock%%; }
    upstream paths { server 127.0.0.1:%%PORT:mock%%; }
    map $http_x_backend $backend {
        volatile;
        default 127.0.0.1:%%PORT:mock%%;
    }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /all/ {
            llm_cache_scope "";
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /two/ {
            llm_cache_scope $http_x_team $http_x_user;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /team/ {
            llm_cache_scope "$http_x_team:$llm_tenant";
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /same/ {
            llm_cache_scope $llm_tenant;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /version/ {
            llm_cache_version "$http_x_version";
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /var/ { proxy_pass http://$backend; }
        location /rewritten/ {
            rewrite ^/rewritten/(.*) /$1 break;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT:paths%%;
        server_name a;
        location /v1/ { proxy_pass http://paths/mock/model=a/v1/; }
        location /if/ {
            proxy_pass http://paths/mock/model=i/;
            if ($http_x_other) { proxy_pass http://paths; }
            if ($http_x_same) { set $nothing 1; }
        }
        location /break/ {
            proxy_pass http://paths/mock/model=k/;
            rewrite ^/break/b/(.*) /mock/model=b/$1 break;
        }
        location /in/ {
            location /in/a/ { proxy_pass http://paths/mock/model=a/; }
            proxy_pass http://paths/;
        }
        location = /exact/v1/chat/completions {
            proxy_pass http://paths/mock/model=a/v1/chat/completions;
        }
    }
    server {
        listen 127.0.0.1:%%PORT:paths%%;
        server_name b;
        location /v1/ { proxy_pass http://paths/mock/model=b/v1/; }
        location / { proxy_pass http://paths; }
    }
    server {
        listen 127.0.0.1:%%PORT:second%%;
        server_name second;
        location / { proxy_pass http://other; }
        location /var/ { proxy_pass http://$backend; }
    }
    server {
        listen 127.0.0.1:%%PORT:third%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /var/ { proxy_pass http://$backend; }
    }
    server {
        listen 127.0.0.2:%%PORT:http%%;
        listen *:%%PORT:fourth%%;
        location /var/ { proxy_pass http://$backend; }
    }
    server {
        listen 127.0.0.1:%%PORT:fourth%%;
        location /var/ { proxy_pass http://$backend; }
    }
END

my %path = (
    chat        => '/v1/chat/completions',
    completions => '/v1/completions',
    responses   => '/v1/responses',
    messages    => '/v1/messages',
    embeddings  => '/v1/embeddings',
);
my $chat   = $path{chat};
my $number = 0;

# A text that nobody has asked for before.
sub text { return 'question ' . ++$number }

# A request's body as text, so that what stands in it is known by the byte.
sub body_of {
    my ($api, $text, $more) = @_;
    $more = defined $more && length $more ? ",$more" : '';
    my $said = qq("messages":[{"role":"user","content":"$text"}]);
    my $max  = $more =~ /"max_tokens"/ ? '' : '"max_tokens":99,';
    return qq({"model":"m",$said$more}) if $api eq 'chat';
    return qq({"model":"m",$max$said$more}) if $api eq 'messages';
    return qq({"model":"m","prompt":"$text"$more}) if $api eq 'completions';
    return qq({"model":"m","input":"$text"$more}) if $api eq 'embeddings';
    return qq({"model":"m","store":false,"input":"$text"$more});
}

sub word { return (split / /, $_[0]->header('x-c'))[0] // '' }

# Asks twice and gives the two words.
sub both {
    my ($first, $second) = @_;
    my @r = map { $t->post(@$_) } $first, $second;
    is $_->status, 200, 'answered' for grep { $_->status != 200 } @r;
    return join ' ', map { word($_) } @r;
}

sub meet {
    my ($what, $first, $second) = @_;
    is both($first, $second), 'MISS HIT', "meet: $what";
}

sub differ {
    my ($what, $first, $second) = @_;
    is both($first, $second), 'MISS MISS', "never meet: $what";
}

subtest 'equal requests meet' => sub {
    my $base = sub { body_of(chat => $_[0], '"temperature":0.5') };
    my %same = (
        'white space' => sub {
            my $b = $base->($_[0]);
            $b =~ s/([{}\[\]:,])/ $1\n\t/g;
            return "\r\n $b ";
        },
        'key order' => sub {
            return qq({"temperature":0.5,"messages":[{"content":"$_[0]",)
                . qq("role":"user"}],"model":"m"});
        },
        'escapes' => sub {
            my $b = $base->($_[0]);
            $b =~ s/question/\\u0071uestio\\u006e/;
            $b =~ s/"role"/"\\u0072ole"/;
            return $b;
        },
        map({ my $more = $_;
              ($more => sub {
                  body_of(chat => $_[0], "\"temperature\":0.5,$more") })
        } '"stream":true', '"stream":false', '"stream":null',
            '"stream":true,"stream_options":{"include_usage":true}',
            '"user":"u"', '"metadata":{"a":"b"}', '"user":"v","metadata":{}',
            '"store":false', '"safety_identifier":"s"',
            '"prompt_cache_key":"k"'),
    );
    for my $what (sort keys %same) {
        my $text = text();
        meet($what, [$chat, $base->($text)], [$chat, $same{$what}->($text)]);
    }
    my $text = text();
    meet('surrogates and their character',
        [$chat, body_of(chat => "$text \\ud83d\\ude00 \\u00e9 \\/")],
        [$chat, body_of(chat => "$text \xf0\x9f\x98\x80 \xc3\xa9 /")]);
    $text = text();
    meet('messages, metadata',
        [$path{messages}, body_of(messages => $text)],
        [$path{messages}, body_of(messages => $text,
             '"metadata":{"user_id":"u"},"stream":true')]);
};

subtest 'whatever can change the answer keeps requests apart' => sub {
    my %openai = map { $_ => 1 } qw(chat completions);
    my @any = ('"temperature":0', '"temperature":0.0', '"temperature":null',
        '"top_p":0.5', '"seed":1', '"stop":["x"]', '"max_tokens":7',
        '"logit_bias":{"1":1}', '"presence_penalty":1',
        '"frequency_penalty":1', '"service_tier":"flex"', '"n":2',
        '"top_k":3', '"min_p":0.1', '"repetition_penalty":1.1',
        '"ignore_eos":true', '"unknown_to_everybody":0',
        '"unknown_to_everybody":null', '"guided_json":{"a":{"user":"x"}}');
    my %own = (
        chat => [@any, '"max_completion_tokens":7', '"logprobs":true',
            '"response_format":{"type":"json_object"}', '"tools":[]',
            '"tools":[{"type":"function","function":{"name":"f"}}]',
            '"tool_choice":"none"', '"reasoning_effort":"low"',
            '"verbosity":"low"', '"modalities":["text"]',
            '"chat_template_kwargs":{"thinking":true}',
            '"parallel_tool_calls":false',
            '"documents":[{"text":"d"}]', '"prediction":null'],
        completions => [@any, '"suffix":"s"', '"echo":true', '"best_of":2'],
        messages => ['"system":"s"', '"temperature":0', '"top_k":1',
            '"thinking":{"type":"disabled"}', '"stop_sequences":["x"]',
            '"tools":[{"name":"f","input_schema":{}}]',
            '"tool_choice":{"type":"auto"}', '"service_tier":"auto"',
            '"user":"u"', '"max_tokens":7'],
        responses => ['"instructions":"s"', '"temperature":0',
            '"reasoning":{"effort":"low"}', '"truncation":"auto"',
            '"include":[]', '"text":{"format":{"type":"text"}}',
            '"max_output_tokens":7', '"top_logprobs":1'],
        embeddings => ['"dimensions":8', '"encoding_format":"base64"',
            '"input_type":"query"'],
    );
    for my $api (sort keys %own) {
        for my $more (@{ $own{$api} }) {
            my $text = text();
            differ("$api, $more", [$path{$api}, body_of($api => $text)],
                [$path{$api}, body_of($api => $text, $more)]);
        }
    }
};

subtest 'so do the text and its order' => sub {
    my $said = sub {
        return '{"model":"m","messages":['
            . join(',', map { qq({"role":"$_->[0]","content":$_->[1]}) } @_)
            . ']}';
    };
    my @pairs = (
        ['a space', 'x y', 'x  y'], ['case', 'x', 'X'],
        ['an escaped and a plain backslash', '\\\\u0041', 'A'],
        ['a null character', 'a\\u0000', 'a'],
        ['white space at the end', 'a', 'a '],
    );
    for my $pair (@pairs) {
        my $text = text();
        differ($pair->[0], map { [$chat, body_of(chat => "$text$_")] }
            @$pair[1, 2]);
    }
    my $text = text();
    differ('case 8: NFC and NFD', [$chat, body_of(chat => "$text\xc3\xa9")],
        [$chat, body_of(chat => "${text}e\xcc\x81")]);
    $text = text();
    differ('order of messages',
        [$chat, $said->(['user', qq("$text")], ['user', '"b"'])],
        [$chat, $said->(['user', '"b"'], ['user', qq("$text")])]);
    $text = text();
    differ('role', [$chat, $said->(['user', qq("$text")])],
        [$chat, $said->(['assistant', qq("$text")])]);
    $text = text();
    differ('a text and its part',
        [$chat, $said->(['user', qq("$text")])],
        [$chat, $said->(['user', qq([{"type":"text","text":"$text"}])])]);
    my $image = sub {
        my ($url) = @_;
        return $said->(['user', qq([{"type":"text","text":"$text"},)
                . qq({"type":"image_url","image_url":{"url":"$url"}}])]);
    };
    $text = text();
    differ('case 89: another image', [$chat, $image->('data:,a')],
        [$chat, $image->('data:,b')]);
    $text = text();
    differ('case 89: another system prompt',
        map { [$chat, $said->(['system', qq("$_")], ['user', qq("$text")])] }
            'a', 'b');
    $text = text();
    differ('model', [$chat, body_of(chat => $text)],
        [$chat, body_of(chat => $text) =~ s/"m"/"M"/r]);
    $text = text();
    differ('user within a message', map {
        [$chat, qq({"model":"m","messages":[{"role":"user","content":)
            . qq("$text","user":"$_"}]})] } 'a', 'b');
};

subtest 'case 6: numbers are what was written' => sub {
    for my $pair (['1', '1.0'], ['1e999', '1e998'], ['-0', '0'],
        ['9223372036854775808', '9223372036854775807'],
        ['1.000000000000000005', '1'], ['0.1', '0.10']) {
        my $text = text();
        differ("$pair->[0] and $pair->[1]",
            map { [$chat, body_of(chat => $text, qq("seed":$_))] } @$pair);
    }
};

subtest 'headers that are part of the request' => sub {
    my $ask = sub { [$path{messages}, body_of(messages => $_[0]),
        @_[1 .. $#_]] };
    for my $name (qw(anthropic-version anthropic-beta OpenAI-Organization
        OpenAI-Project OpenAI-Beta)) {
        my $text = text();
        differ("$name and none", $ask->($text), $ask->($text, $name => 'a'));
        $text = text();
        differ("$name", $ask->($text, $name => 'a'),
            $ask->($text, $name => 'b'));
        $text = text();
        meet("$name in any case", $ask->($text, lc $name => 'a'),
            $ask->($text, uc $name => 'a'));
    }
    for my $name (qw(anthropic-beta OpenAI-Beta)) {
        my $text = text();
        differ("a second $name", $ask->($text, $name => 'a'),
            $ask->($text, $name => 'a', $name => 'b'));
        $text = text();
        differ("a first $name", $ask->($text, $name => 'b'),
            $ask->($text, $name => 'a', $name => 'b'));
    }
    my $text = text();
    differ('one value under another name',
        $ask->($text, 'OpenAI-Organization' => 'a'),
        $ask->($text, 'OpenAI-Project' => 'a'));
    $text = text();
    differ('a forged line', $ask->($text, 'anthropic-version' => 'a',
            'anthropic-beta' => 'b'),
        $ask->($text, 'anthropic-version' => "a anthropic-beta=b"));
    $text = text();
    meet('headers that say nothing about the answer', $ask->($text),
        $ask->($text, 'User-Agent' => 'x', 'X-Request-Id' => 'y',
            'Accept' => 'text/plain'));
};

subtest 'another target, another upstream' => sub {
    my $text = text();
    my $body = body_of(chat => $text);
    is word($t->post($_, $body)), 'MISS', $_
        for $chat, "/openai$chat", "/deployments/a$chat",
        "/deployments/b$chat", "$chat?api-version=1", "$chat?api-version=2";
    is word($t->post("/rewritten/deployments/a$chat", $body)), 'HIT',
        'a rewritten path is what the upstream sees';
    is word($t->post($chat, $body)), 'HIT', 'and the same one meets';
    my $at = sub {
        my ($port, $uri) = @_;
        return word($t->client($port)->request(POST => $uri, body => $body,
            close => 1));
    };
    is $at->(second => $chat), 'MISS', 'another upstream';
    is $at->(third => $chat), 'HIT', 'another server, the same upstream';
    is $at->(http => "/var$chat"), 'MISS', 'a variable upstream';
    is $at->(http => "/var$chat"), 'HIT', 'meets itself';
    is $at->(second => "/var$chat"), 'MISS', 'not one of another server';
    is $at->(third => "/var$chat"), 'MISS', 'nor of one without a name';
    my $host = sub {
        my ($port, $host) = @_;
        return word($t->client($port, host => $host)->request(
            POST => "/var$chat", body => $body, close => 1));
    };
    is $host->(http => '127.0.0.2'), 'MISS', 'nor at another address';
    is $host->(fourth => '127.0.0.1'), 'MISS', 'that shares no port';
    is $host->(fourth => '127.0.0.2'), 'MISS', 'or shares a socket';
    is $host->(fourth => '127.0.0.2'), 'HIT', 'and meets itself';
    is $host->(fourth => '127.0.0.3'), 'HIT', 'by any of its addresses';
    $text = text();
    my $said = qq("messages":[{"role":"user","content":"$text"}]);
    my $both = qq({"model":"m","max_tokens":9,"prompt":"$text",$said});
    is word($t->post($path{$_}, $both)), 'MISS', "$_ meets no other protocol"
        for qw(chat completions messages);
};

subtest 'the path that proxy_pass itself asks for' => sub {
    my $body = body_of(chat => text());
    my $ask = sub {
        my ($host, $uri, @headers) = @_;
        my $r = $t->client('paths')->request(POST => $uri, body => $body,
            headers => [Host => $host, @headers], close => 1);
        is $r->status, 200, "$host $uri";
        return word($r) . ' ' . $r->json->{model};
    };
    is $ask->(a => $chat), 'MISS a', 'a server with a path of its own';
    is $ask->(b => $chat), 'MISS b', 'another one with another path';
    is $ask->(a => $chat), 'HIT a', 'the first meets itself';
    is $ask->(b => "/mock/model=a$chat"), 'HIT a',
        'and whoever asks for the same';
    is $ask->(a => "/in/a$chat"), 'HIT a', 'a location within another';
    is $ask->(a => "/exact$chat"), 'HIT a', 'one for a single path';
    is $ask->(b => $chat . '?v=2'), 'MISS b', 'arguments count';
    is $ask->(b => $chat . '?v=2'), 'HIT b', 'beside it';
    is $ask->(a => "/in$chat"), 'MISS m', 'a path of "/"';
    is $ask->(a => "/if$chat"), 'MISS i', 'what stands beside an "if"';
    is $ask->(a => "/if$chat", 'X-Other' => 1), 'MISS m',
        'is not what stands in it';
    is $ask->(a => "/if$chat", 'X-Same' => 1), 'HIT i',
        'but for one that says nothing of it';
    is $ask->(a => "/break$chat"), 'MISS k', 'what is rewritten';
    is $ask->(a => "/break/b$chat"), 'HIT b', 'is asked as it is then';
};

subtest 'one entry serves both forms' => sub {
    my %told = (
        chat => sub { $_[0]{choices}[0]{message}{content} },
        completions => sub { $_[0]{choices}[0]{text} },
        responses => sub { $_[0]{output}[0]{content}[0]{text} },
        messages => sub { $_[0]{content}[0]{text} },
    );
    my %streamed = (
        chat => sub { join '', map { $_->{choices}[0]{delta}{content} // '' }
            @_ },
        completions => sub { join '', map { $_->{choices}[0]{text} // '' }
            @_ },
        responses => sub { join '', map { $_->{delta} // '' }
            grep { $_->{type} eq 'response.output_text.delta' } @_ },
        messages => sub { join '', map { $_->{delta}{text} // '' }
            grep { $_->{type} eq 'content_block_delta' } @_ },
    );
    for my $api (sort keys %told) {
        for my $stored (0, 1) {
            my $text = text();
            my %ask  = (0 => body_of($api => $text),
                1 => body_of($api => $text, '"stream":true'));
            is word($t->post($path{$api}, $ask{$stored})), 'MISS',
                "$api, stored from " . ($stored ? 'a stream' : 'JSON');
            $t->mock_reset;
            my $json = $t->post($path{$api}, $ask{0});
            is $json->header('content-type'), 'application/json', 'JSON';
            is word($json), 'HIT', 'is a hit';
            is $json->header('content-length'), length $json->body, 'length';
            is $told{$api}->($json->json), "You said: $text", 'its text';
            my $sse = $t->post($path{$api}, $ask{1});
            like $sse->header('content-type'), qr{^text/event-stream},
                'stream';
            is word($sse), 'HIT', 'is a hit';
            my @data = map { $_->{data} } $sse->events;
            if ($api eq 'chat' || $api eq 'completions') {
                is pop @data, '[DONE]', 'ends as it must';
            } else {
                unlike $sse->body, qr/\[DONE\]/, 'no [DONE]';
            }
            is $streamed{$api}->(map { from_json($_) } @data),
                "You said: $text", 'its text';
            is $t->mock_count, 0, 'nobody else was asked';
        }
    }
    my $text = text();
    my $stored = $t->post($path{embeddings}, body_of(embeddings => $text));
    my $again  = $t->post($path{embeddings}, body_of(embeddings => $text));
    is word($again), 'HIT', 'embeddings';
    is $again->body, $stored->body, 'byte for byte';
};

subtest 'case 57: usage is in a stream when it was asked for' => sub {
    my $text  = text();
    my $asked = '"stream":true,"stream_options":{"include_usage":true}';
    my $first = $t->post($chat, body_of(chat => $text));
    my $usage = $first->json->{usage};
    my $plain = $t->post($chat, body_of(chat => $text, '"stream":true'));
    unlike $plain->body, qr/"usage":\{/, 'not asked for';
    my @chunk = map { from_json($_->{data}) }
        grep { $_->{data} ne '[DONE]' }
        $t->post($chat, body_of(chat => $text, $asked))->events;
    is_deeply $chunk[-1]{usage}, $usage, 'asked for';
    is_deeply $chunk[-1]{choices}, [], 'in a chunk of its own';
    is $_->{id}, $first->json->{id}, 'one id' for @chunk[0, -1];
};

subtest 'case 88: tenants' => sub {
    my $body;
    my $ask = sub {
        my ($uri, @headers) = @_;
        return word($t->post("$uri$chat", $body, @headers));
    };
    my @a = (Authorization => 'Bearer a');
    my @b = (Authorization => 'Bearer b');
    $body = body_of(chat => text());
    is $ask->('', @a), 'MISS', 'one';
    is $ask->('', @b), 'MISS', 'another';
    is $ask->(''), 'MISS', 'nobody';
    is $ask->('', @$_), 'HIT', "each has his own (@$_)" for \@a, \@b, [];
    is $ask->('', 'x-api-key' => 'a'), 'HIT', 'one key, another header';
    is $ask->('', Authorization => 'bearer  a'), 'HIT',
        'the scheme in any case';
    is $ask->('', Authorization => 'Bearer ', 'x-api-key' => 'b'), 'HIT',
        'an empty credential is none';
    is $ask->('', Authorization => $_), 'HIT', "and nobody (\"$_\")"
        for 'Bearer', 'Bearer ';
    is $ask->('', 'x-api-key' => $_), 'MISS', "another key ($_)"
        for 'A', 'a ' . 'b', 'c';
    is $ask->('', 'api-key' => 'd'), 'MISS', 'a key in api-key';
    is $ask->('', Authorization => 'Basic a'), 'MISS', 'another scheme';
    is $ask->('', Authorization => 'Bearera'), 'MISS', 'not a Bearer';

    is $ask->('', @a, 'x-api-key' => 'x'), 'MISS', 'a second credential';
    is $ask->('', @a, 'x-api-key' => 'y'), 'MISS', 'keeps apart';
    is $ask->('', @a, 'x-api-key' => 'x'), 'HIT', 'and meets itself';
    is $ask->('', @a, 'x-api-key' => 'a'), 'HIT', 'said twice is one';

    for my $twice ([@a, Authorization => 'Bearer z'],
        ['x-api-key' => 'a', 'x-api-key' => 'z']) {
        isnt $ask->('', @$twice), 'HIT', "said differently twice: @$twice";
    }

    for my $cookie ('session=1', 'session=2', 'session=1') {
        my $r = $t->post($chat, $body, Cookie => $cookie);
        is $r->header('x-c'), 'BYPASS gate:identity',
            'whom a cookie names is nobody we know';
    }
    is $ask->('', @a, Cookie => 'x=1'), 'HIT', 'a credential decides';
};

subtest 'llm_cache_scope' => sub {
    my $body = body_of(chat => text());
    my $ask = sub {
        my ($uri, @headers) = @_;
        return word($t->post("$uri$chat", $body, @headers));
    };
    is $ask->('/all', Authorization => 'Bearer a'), 'MISS', '"" stores';
    is $ask->('/all', @$_), 'HIT', '"" shares with all'
        for [], [Authorization => 'Bearer b'], [Cookie => 'c=d'];

    my @seen = (['a', 'b'], ['b', 'a'], ['ab', ''], ['', 'ab'], ['', ''],
        ['a', ''], ['a,b', ''], ['a scope=b', ''], ['a%0ascope=b', ''],
        ['a=b', ''], ['a%3db', ''], ["a\tb", ''], ['a:b', 'c'],
        ['a', 'b:c']);
    for my $values (@seen) {
        my @headers = ('X-Team' => $values->[0], 'X-User' => $values->[1]);
        is $ask->('/two', @headers), 'MISS', "forged nothing: @$values";
        is $ask->('/two', @headers), 'HIT', 'but meets itself';
    }
    is $ask->('/two', Authorization => 'Bearer x', 'X-Team' => 'a',
        'X-User' => 'b'), 'HIT', 'the credential is not in it';

    my @c = (Authorization => 'Bearer c');
    is $ask->('/same', @c), 'MISS', 'the default, written out';
    is $ask->('/same', @c, 'x-api-key' => 'x'), 'MISS',
        'keeps a second credential apart';
    is $ask->('/same', @c), 'HIT', 'meets itself';
    is $ask->('/same', Cookie => 'c=d'), 'BYPASS', 'and knows no cookie';
    is $t->post("/same$chat", $body)->header('cache-control'), 'private',
        'private, whoever it is';

    is $ask->('/team', 'X-Team' => 'a', Authorization => 'Bearer a'), 'MISS',
        'a scope that holds the tenant';
    is $ask->('/team', 'X-Team' => 'a', Authorization => 'Bearer b'), 'MISS',
        'keeps tenants apart';
};

subtest 'llm_cache_version' => sub {
    my $body = body_of(chat => text());
    my $ask  = sub {
        return word($t->post("/version$chat", $body, 'X-Version' => $_[0]));
    };
    is $ask->($_), 'MISS', "version $_" for 1, 2, '1 ' . '2';
    is $ask->($_), 'HIT', "again version $_" for 1, 2;
    is word($t->post("/version$chat", $body)), 'MISS', 'without one';
};

subtest 'private to a tenant' => sub {
    my $body = body_of(chat => text());
    for my $word (qw(MISS HIT)) {
        my $r = $t->post($chat, $body, Authorization => 'Bearer p');
        is $r->header('x-c') =~ s/ .*//r, $word, $word;
        is $r->header('cache-control'), 'private', 'private';
    }
    for my $word (qw(MISS HIT)) {
        my $r = $t->post("/all$chat", $body);
        is word($r), $word, "shared, $word";
        is $r->header('cache-control'), '', 'not private';
    }
    is $t->post("/two$chat", $body, 'X-Team' => 'z')
        ->header('cache-control'), '', 'a scope without the tenant';
    is $t->post("/team$chat", $body, Authorization => 'Bearer q')
        ->header('cache-control'), 'private', 'a scope with the tenant';
    my %said = ('public, max-age=60' => 'private',
        'public%2cs-maxage=9' => 'private', 'no-store' => 'private, no-store',
        'no-cache' => 'private, no-cache');
    for my $cc (sort keys %said) {
        is $t->post($chat, body_of(chat => text()),
            'X-Mock' => 'cc=' . $cc =~ s/[, ]+/%2c/gr)
            ->header('cache-control'), $said{$cc}, "the upstream's $cc";
    }
};

subtest 'what a caller is echoed is his own' => sub {
    for my $stored (0, 1) {
        my $text = text();
        my $ask  = sub {
            my ($more, $stream) = @_;
            my $r = $t->post($path{responses}, body_of(responses => $text,
                $more . ($stream ? ',"stream":true' : '')));
            return $r unless $stream;
            my ($end) = map { from_json($_->{data}) }
                grep { $_->{event} eq 'response.completed' } $r->events;
            return $end->{response};
        };
        my $mine = '"metadata":{"secret":"one"},"user":"first@example"';
        $ask->($mine, $stored);
        for my $stream (0, 1) {
            my $answer = $ask->('"metadata":{"b":"2"}', $stream);
            $answer = $answer->json unless $stream;
            is_deeply $answer->{metadata}, { b => '2' }, 'metadata';
            unlike to_json($answer), qr/first.example|secret/,
                'nothing of another caller';
        }
    }
};

done_testing;
