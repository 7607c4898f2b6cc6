# Near matches through nginx, by the lexical embedder, which needs no file:
# what meets and what never does, what a hit looks like, that a wording is
# looked up once and then known, and what ends with the answer. Endpoints and
# models: semantic_remote.t, semantic_model.t. Fault cases 76 to 79, 88 to 90.

use lib 't/lib';
use LLM::Test;

my @pair  = ('How do I reset my password?', 'How can I reset my password?');
my @reply = (plain => 0, stream => 1);
my %path  = (
    chat        => '/v1/chat/completions',
    completions => '/v1/completions',
    responses   => '/v1/responses',
    messages    => '/v1/messages',
);

my $t = LLM::Test->new(workers => 2);
$t->mock;
$t->write_file('terms', "gold | silver\n");
$t->start(<<'END');
    llm_zone edge:16m;
    llm_embedder near lexical;
    llm_embedder two lexical;
    llm on;
    llm_cache edge;
    llm_semantic near;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    add_header X-Similarity "$llm_similarity" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /terms/ {
            llm_semantic_guard terms=%%DIR%%/terms;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /blind/ {
            llm_semantic near precision=0.5 threshold=0.8;
            llm_semantic_guard off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /strict/ {
            llm_semantic near threshold=0.999;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /var/ {
            llm_semantic near threshold=$http_x_th precision=$http_x_pr;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /cold/ {
            llm_semantic near max_temperature=0.5 max_chars=60;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /plain/ {
            llm_semantic near normalize=off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /off/ {
            llm_semantic off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /short/ {
            llm_cache_valid 2s;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /observe/ {
            llm observe;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location = /purge { allow 127.0.0.1; llm_purge; }
        location = /metrics { llm_metrics; }
    }
END

my $case = 0;

# A body whose system prompt is this case's own, so that cases do not meet.
sub body_of {
    my ($text, %more) = @_;
    my $api    = delete $more{api}    // 'chat';
    my $system = delete $more{system} // "case $case";
    my @said = ({ role => 'user', content => $text });
    if (my $history = delete $more{history}) {
        unshift @said, @$history;
    }
    my %body = (model => 'm', %more);
    if ($api eq 'chat') {
        $body{messages} = [{ role => 'system', content => $system }, @said];
    } elsif ($api eq 'messages') {
        @body{qw(system messages)} = ($system, \@said);
        $body{max_tokens} //= 99;
    } elsif ($api eq 'responses') {
        @body{qw(instructions input)} = ($system, $text);
        $body{store} //= JSON::PP::false();
    }
    return to_json(\%body);
}

sub ask {
    my ($text, %o) = @_;
    my $in      = delete $o{in}      // '';
    my $headers = delete $o{headers} // [];
    my $api     = $o{api} // 'chat';
    return $t->post("$in$path{$api}", body_of($text, %o), @$headers);
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }
sub why  { (split / /, $_[0]->header('x-c'))[1] // '' }
sub said { $_[0]->json->{choices}[0]{message}{content} }

sub metric {
    my ($name, $labels) = @_;
    my $sum = 0;
    for (split /\n/, $t->get('/metrics')->body) {
        my ($given, $value) = /^\Q$name\E(?:\{(.*)\})? (\S+)$/ or next;
        $sum += $value if !defined $labels || ($given // '') =~ $labels;
    }
    return $sum;
}

# Stores the answer to the one text, then asks the other.
sub second {
    my ($first, $second, %o) = @_;
    my %first = %{ delete $o{first} // {} };
    $case++;
    my $r = ask($first, %o, %first);
    is word($r), 'MISS', 'stored' or diag $r->header('x-c');
    return ask($second, %o);
}

# Each differs from the others in a number, so that none is served.
subtest 'of long texts fewer are judged' => sub {
    my $long = 'The printer in the office on the third floor stops. ' x 17;
    for (['', 4], [$long, 3]) {
        my ($text, $judged) = @$_;
        $case++;
        ask("${text}Does the warranty last $_ days?") for 11 .. 15;
        my $before = metric('llm_semantic_candidates_total');
        my $r = ask("${text}Does the warranty last 16 days?");
        is why($r), 'veto:number', 'looked at and kept back';
        is metric('llm_semantic_candidates_total'), $before + $judged,
            "$judged of ${\ length $text} characters and more";
    }
};

subtest 'a near question is answered from memory' => sub {
    my $encoded = metric('llm_semantic_encode_seconds_count');
    my $asked   = $t->mock_count;
    my @near    = map { metric('llm_semantic_similarity_bucket', $_) }
        qr/"0\.5"/, qr/"\+Inf"/;
    my $first   = ask($pair[0]);
    is word($first), 'MISS', 'nothing is there yet';
    is $first->header('x-similarity') // '', '', 'nothing is near';
    my $r = ask($pair[1]);
    is $r->header('x-c'), 'SEMANTIC semantic', 'status and reason';
    is $r->body, $first->body, 'the stored answer, byte for byte';
    like $r->header('x-similarity'), qr/^0\.[89]\d\d$/, '$llm_similarity';
    like $r->header('cache-status'),
        qr/^ngx_llm; hit; ttl=\d+; detail=SEMANTIC$/, 'Cache-Status';
    like $r->header('age'), qr/^\d+$/, 'Age';
    ok length $r->header('x-llm-entry') // '', 'X-LLM-Entry';
    is $t->mock_count, $asked + 1, 'one request went upstream';
    is metric('llm_semantic_encode_seconds_count'), $encoded + 2,
        'both wordings were encoded';
    is metric('llm_cache_requests_total', qr/"SEMANTIC"/), 1, 'counted';
    is metric('llm_semantic_similarity_bucket', qr/"\+Inf"/), $near[1] + 1,
        'how near it was is counted';
    is metric('llm_semantic_similarity_bucket', qr/"0\.5"/), $near[0],
        'where it belongs';

    my $again = ask($pair[1]);
    is $again->header('x-c'), 'SEMANTIC alias', 'known from now on';
    is $again->body, $first->body, 'the same answer';
    is $again->header('x-similarity'), $r->header('x-similarity'),
        'as near as it was';
    is $again->header('x-llm-entry'), $r->header('x-llm-entry'),
        'the entry of the first wording';
    is metric('llm_semantic_encode_seconds_count'), $encoded + 2,
        'without the encoder';
    is ask($pair[0])->header('x-c'), 'HIT exact', 'the first one is exact';
};

subtest 'case, marks and greetings do not need an encoder' => sub {
    my $r = second('How do I pay?', 'Hi, how do I  pay? Thanks!');
    is $r->header('x-c'), 'HIT normalized', 'status and reason';
    like $r->header('cache-status'), qr/; hit; .*detail=NORMALIZED$/,
        'Cache-Status';
    my $encoded = metric('llm_semantic_encode_seconds_count');
    is word(ask('HOW DO I PAY')), 'HIT', 'again';
    is metric('llm_semantic_encode_seconds_count'), $encoded, 'no encoder';
    isnt second('How do I pay?', 'HOW DO I PAY', in => '/plain')
        ->header('x-c'), 'HIT normalized', 'normalize=off';
};

subtest 'case 88, 89: no near match crosses a wall' => sub {
    my $tool = sub {
        return [{ type => 'function', function => { name => $_[0],
            parameters => { type => 'object', properties => {} } } }];
    };
    my @history = map { [{ role => 'user', content => $_ },
        { role => 'assistant', content => 'Yes.' }] } 'Hello there', 'Bye';
    my @walls = (
        [tenant => { headers => [Authorization => 'Bearer one'] },
            { headers => [Authorization => 'Bearer two'] }],
        ['system prompt' => { system => 'You are a bank.' },
            { system => 'You are a baker.' }],
        [history => { history => $history[0] }, { history => $history[1] }],
        ['no history' => { history => $history[0] }, {}],
        [temperature => { temperature => 0.1 }, { temperature => 0.2 }],
        [model => { model => 'm' }, { model => 'n' }],
        [location => { in => '' }, { in => '/blind' }],
        [protocol => { api => 'chat' }, { api => 'responses' }],
        [tools => { tools => $tool->('a') }, {}],
        ['max_tokens' => { max_tokens => 10 }, { max_tokens => 20 }],
        ['response_format' => { response_format => { type => 'text' } },
            { response_format => { type => 'json_object' } }],
    );
    for my $wall (@walls) {
        my ($what, $one, $other) = @$wall;
        $case++;
        is word(ask($pair[0], %$one)), 'MISS', "$what: stored";
        is word(ask($pair[1], %$other)), 'MISS', "$what: not met";
        next if $what eq 'tools';
        is word(ask($pair[1], %$one)), 'SEMANTIC', "$what: met within";
    }
};

subtest 'case 90: who may not be answered by a near match is told why' => sub {
    my %gate = (
        'gate:n'           => { n => 2 },
        'gate:freshness'   => { text => 'What is the weather like today?' },
        'gate:personal'    =>
            { text => 'Is card 4111 1111 1111 1111 a valid one?' },
        'gate:action'      => { text => 'Please cancel my subscription.' },
        'gate:tools'       => { tools => [{ type => 'function',
            function => { name => 'f' } }] },
        'gate:temperature' => { in => '/cold', temperature => 0.7 },
        'gate:long'        => { in => '/cold', text => 'word ' x 20 },
        'gate:media'       => { text => [{ type => 'image_url',
            image_url => { url => 'data:image/png;base64,AA==' } },
            { type => 'text', text => 'What is it?' }] },
    );
    for my $reason (sort keys %gate) {
        my %o = %{ $gate{$reason} };
        $case++;
        my $r = ask(delete $o{text} // $pair[0], %o);
        is $r->header('x-c'), "MISS $reason", $reason;
    }
    is ask($pair[0], in => '/off')->header('x-c'), 'MISS no_entry', 'off';
};

subtest 'case 90: what differs in substance is another question' => sub {
    my %veto = (
        'veto:number' => ['How much is a bag of 20 kg of rice?',
            'How much is a bag of 25 kg of rice?'],
        'veto:negation' => ['Can I use the card abroad when it is locked?',
            'Can I use the card abroad when it is not locked?'],
        'veto:antonym' => ['How do I enable dark mode in the app settings?',
            'How do I disable dark mode in the app settings?'],
    );
    for my $reason (sort keys %veto) {
        my $n = metric('llm_semantic_vetoes_total');
        my $r = second(@{ $veto{$reason} });
        is $r->header('x-c'), "MISS $reason", $reason;
        is metric('llm_semantic_vetoes_total'), $n + 1, 'counted';
        my ($short) = $reason =~ /:(.*)/;
        ok metric('llm_semantic_vetoes_total', qr/"$short"/), 'by reason';
    }
    my @terms = ('What does the gold plan of yours include exactly?',
        'What does the silver plan of yours include exactly?');
    is why(second(@terms, in => '/terms')), 'veto:term', 'a terms file';
    is word(second(@{ $veto{'veto:antonym'} }, in => '/blind')), 'SEMANTIC',
        'llm_semantic_guard off';
};

subtest 'case 90: thresholds' => sub {
    my $r = second(@pair, in => '/strict');
    is word($r), 'MISS', 'below the threshold';
    my ($hundredths) = $r->header('x-similarity') =~ /^(0\.\d\d)/;
    is why($r), "below:$hundredths", 'and how near it was';

    $r = second(@pair, headers => ['X-LLM-Threshold' => '0.999']);
    is word($r), 'MISS', 'a client raises it';
    $r = second(@pair, in => '/strict',
        headers => ['X-LLM-Threshold' => '0.1']);
    is word($r), 'MISS', 'but does not lower it';
    for my $wrong ('x', '2', '-1', '1e9', '0.1.1', '0.99999999', '9' x 100) {
        is word(second(@pair, headers => ['X-LLM-Threshold' => $wrong])),
            'MISS', "what cannot be read counts as 1: $wrong";
    }
    is word(second(@pair, headers => ['X-LLM-Threshold' => ''])), 'SEMANTIC',
        'an empty header says nothing';
    is ask($pair[1])->header('x-c'), 'SEMANTIC alias', 'an alias';
    is word(ask($pair[1], headers => ['X-LLM-Threshold' => '0.999'])),
        'MISS', 'is held to the threshold of who asks';

    is word(second(@pair, in => '/var', headers => ['X-Th' => '0.999'])),
        'MISS', 'a variable';
    is word(second(@pair, in => '/var', headers => ['X-Pr' => '1'])),
        'MISS', 'precision by a variable';
    is word(second(@pair, in => '/var')), 'SEMANTIC', 'an empty one';
    is word(second(@pair, in => '/var', headers => ['X-Th' => 'many'])),
        'MISS', 'a wrong one is as strict as can be';
    is word(second(@pair, in => '/var', headers => ['X-Pr' => '0,9'])),
        'MISS', 'a wrong precision too';
    like $t->log, qr/"threshold" of "llm_semantic" came out as "many"/,
        'is logged';
};

subtest 'a client that wants a fresh answer' => sub {
    my @fresh = (headers => ['Cache-Control' => 'no-cache']);
    my $r = second(@pair, first => {}, @fresh[0 .. -1]);
    is word($r), 'SEMANTIC', 'met';
    is word(ask($pair[1], @fresh)), 'BYPASS', 'no-cache: asked upstream';
    is word(ask($pair[1])), 'HIT', 'and the new answer is stored';
    $case++;
    is word(ask($pair[0], @fresh)), 'BYPASS', 'stored by a refresh';
    is word(ask($pair[1])), 'SEMANTIC', 'near matches find that too';
    is word(ask(uc $pair[0])), 'HIT', 'and normalised ones';
    $case++;
    is word(ask($pair[0])), 'MISS', 'stored';
    soon { ask($pair[0])->header('age') >= 2 } 'it is two seconds old';
    is word(ask($pair[1], headers => ['Cache-Control' => 'max-age=1'])),
        'EXPIRED', 'max-age holds for near matches';
    is word(ask($pair[1])), 'HIT', 'the fresh one was stored';
};

subtest 'streams and JSON, every protocol' => sub {
    for my $api (sort keys %path) {
        next if $api eq 'completions';
        for my $form (0, 1) {
            my @stream = $form ? (stream => JSON::PP::true()) : ();
            $case++;
            my $first = ask($pair[0], api => $api);
            is word($first), 'MISS', "$api: stored";
            my $r = ask($pair[1], api => $api, @stream);
            is word($r), 'SEMANTIC', "$api: met";
            if ($form) {
                like $r->header('content-type'), qr{^text/event-stream},
                    'as a stream';
                my $exact = ask($pair[0], api => $api, @stream);
                is word($exact), 'HIT', 'exact';
                is $r->body, $exact->body, 'the same events';
            } else {
                is $r->body, $first->body, 'the same bytes';
            }
        }
    }
    my $r = second('How do I reset my password?',
        'How can I reset my password?', api => 'chat',
        first => { stream => JSON::PP::true() });
    is word($r), 'SEMANTIC', 'stored by a stream';
    like said($r), qr/password/, 'whole';
};

subtest 'what a caller says of himself is his own' => sub {
    my @who = map { (metadata => { who => $_ }) } 'one', 'two';
    $case++;
    ask($pair[0], api => 'responses', @who[0, 1]);
    my $r = ask($pair[1], api => 'responses', @who[2, 3]);
    is word($r), 'SEMANTIC', 'met';
    is $r->json->{metadata}{who}, 'two', 'his own words';
};

subtest 'only-if-cached takes a near match' => sub {
    my @only = (headers => ['Cache-Control' => 'only-if-cached']);
    $case++;
    ask($pair[0]);
    my $asked = $t->mock_count;
    is ask($pair[1], @only)->header('x-c'), 'SEMANTIC semantic', 'a new wording';
    is ask($pair[1], @only)->header('x-c'), 'SEMANTIC alias', 'and known then';
    my $r = ask('Which colours has the flag of Chad?', @only);
    is $r->status, 504, 'another question';
    is why($r), 'client:only_if_cached', 'is refused';
    is ask($pair[1], headers => ['Cache-Control' =>
        'only-if-cached, no-cache'])->status, 504, 'nor with no-cache';
    is $t->mock_count, $asked, 'nothing went upstream';
    is word(ask('Which colours has the flag of Chad?')), 'MISS',
        'nothing was stored of it';
};

subtest 'an alias ends with its entry' => sub {
    my $r = second(@pair, in => '/short');
    is word($r), 'SEMANTIC', 'met';
    is ask($pair[1], in => '/short')->header('x-c'), 'SEMANTIC alias',
        'known';
    my ($ttl) = $r->header('cache-status') =~ /ttl=(\d+)/;
    ok $ttl <= 2, 'no longer than the entry';
    wait_until { ask($pair[1], in => '/short',
        headers => ['Cache-Control' => 'only-if-cached'])->status == 504 } 6;
    my $asked = $t->mock_count;
    isnt word(ask($pair[1], in => '/short')), 'SEMANTIC', 'expired';
    is $t->mock_count, $asked + 1, 'and asked anew';

    for my $what ('the entry', 'all') {
        $r = second(@pair);
        is word($r), 'SEMANTIC', 'met';
        is why(ask($pair[1])), 'alias', 'known';
        my $vectors = metric('llm_semantic_vectors');
        my $args = $what eq 'all' ? 'all=1'
            : 'id=' . $r->header('x-llm-entry');
        my $purged = $t->request(POST => "/purge?$args");
        is $purged->status, 200, "purged: $what" or diag $purged->body;
        is word(ask($pair[1])), 'MISS', 'alias and vector are gone';
        is word(ask(uc $pair[0])), 'SEMANTIC', 'the new one is found';
    }
};

subtest 'llm observe tells, and touches nothing' => sub {
    my $would = metric('llm_semantic_observed_total');
    my $r = second(@pair, in => '/observe');
    is $r->header('x-c'), 'SEMANTIC semantic', 'would have been one';
    like said($r), qr/How can/, 'the upstream answered';
    is $r->header('cache-status') // '', '', 'untouched';
    my ($tenths) = $r->header('x-similarity') =~ /^(0\.\d)/;
    my $body = $t->get('/metrics')->body;
    like $body, qr/^llm_semantic_observed_total\{threshold="0\.70"\} 1$/m,
        'a low threshold would have served it';
    unlike $body, qr/^llm_semantic_observed_total\{threshold="0\.98"\} 1$/m,
        'a high one not';
};

subtest 'nginx -t' => sub {
    my $latin = $t->dir . '/latin.txt';
    open my $file, '>:raw', $latin or die $!;
    print {$file} "basic | pro\ncaf\xe9 | tea\n";
    close $file or die $!;
    my $http = "llm_zone z:8m;\n";
    my @wrong = (
        ['llm_embedder a b;', qr/minilm, static/],
        ['llm_embedder a lexical; llm_embedder a lexical;', qr/duplicate/],
        ['llm_embedder off lexical;', qr/cannot be a name/],
        ['llm_embedder a lexical x=1;', qr/"x=1" is no parameter/],
        ['llm_embedder a model=m;', qr/needs a type/],
        ['llm_semantic nobody;', qr/is no "llm_embedder"/],
        ['llm_embedder a lexical; llm_semantic a threshold=2;',
            qr/"threshold=2" must be a number from 0 to 1/],
        ['llm_embedder a lexical; llm_semantic a audit=1;', qr/0% to 100%/],
        ['llm_embedder a lexical; llm_semantic a audit=101%;',
            qr/0% to 100%/],
        ['llm_embedder a lexical; llm_semantic a max_chars=0;',
            qr/out of range/],
        ['llm_embedder a lexical; llm_semantic a threshold=1 threshold=0;',
            qr/"threshold=0" is there twice/],
        ['llm_embedder a url=http://127.0.0.1/ model=m model=n;',
            qr/"model=n" is there twice/],
        ['llm_embedder a url=http://127.0.0.1/ model=m path=conf;',
            qr/"conf" is for encoders with files/],
        ['llm_embedder a lexical; llm_semantic off audit=1%;',
            qr/"audit=1%" stands beside off/],
        ['llm_semantic_guard number terms=/none terms=/no;',
            qr/"terms=\/no" is there twice/],
        ['llm_semantic_guard sense;', qr/"sense" is no guard: number/],
        ['llm_semantic_guard terms=/none;', qr{/none}],
        ["llm_semantic_guard terms=$latin;",
            qr/terms=.*latin.*:2: not UTF-8 in .*:\d+$/m],
    );
    for my $wrong (@wrong) {
        my ($ok, $said) = $t->check("$http$wrong->[0]");
        ok !$ok, $wrong->[0];
        like $said, $wrong->[1], 'and why';
    }
    # Where no cache is on it does nothing.
    my $idle = qr/\[warn\].*"llm_semantic" has no effect.* in \S+:\d+$/m;
    for my $case (
        [1, 'server { location /a/ { llm_semantic a; } }'],
        [1, 'llm_semantic a; server { location /a/ { llm_cache off; } }'],
        [1, 'llm_cache z; server { location /a/ { llm_semantic a;
            llm_cache off; } }'],
        [0, 'llm_semantic a; server { location /a/ { llm_cache z; } }'],
        [0, 'llm_cache z; server { location /a/ { llm_semantic a; } }'],
        [0, 'server { llm_semantic a; location / { location /a/ {
            llm_cache z; } } }'],
        [0, 'server { location /a/ { llm_semantic off; } }']) {
        my ($idles, $lines) = @$case;
        my ($ok, $said) = $t->check(
            "llm_zone z:8m; llm_embedder a lexical; $lines");
        ok $ok, "$lines: is taken" or diag $said;
        $idles ? like $said, $idle, 'with a warning'
            : unlike $said, qr/has no effect/, 'without a warning';
    }
    my ($ok, $said) = $t->check('llm_embedder a lexical;');
    ok !$ok, 'without a zone';
    like $said, qr/"llm_embedder a" needs "llm_zone/, 'and why';
};

$t->allow(qr/"many"/);
done_testing;
