# llm_limit: requests, tokens and concurrency, exact over four workers.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Time::HiRes qw(sleep time);

my $t = LLM::Edge->new(workers => 4);
$t->mock;

my $locations = '';
sub location_of { $locations .= $t->location(@_) }
my $key = 'key=$http_x_key';
location_of(rate    => "llm_limit rate $key requests=20/h;");
location_of(burst   => "llm_limit burst $key requests=1000/h burst=5;");
location_of(second  => "llm_limit second $key requests=2/s burst=1;");
location_of(streams => "llm_limit streams $key concurrency=3;");
location_of(tokens  => "llm_limit tokens $key tokens=1000/h;");
location_of(capped  => "llm_limit capped $key tokens=1000/h cap;");
location_of(ceiling => "llm_limit ceiling $key tokens=1000/h ceiling=50;");
location_of(nested  => "llm_limit wide $key requests=100/h;"
    . ' llm_limit narrow key=$http_x_team requests=2/h;'
    . " llm_limit volume $key tokens=100/h;");
location_of(dry     => "llm_limit dry $key requests=2/h dry_run;"
    . " llm_limit drytokens $key tokens=10/h concurrency=5 dry_run;");
location_of(watched => "llm observe; llm_limit watched $key requests=2/h;");
location_of(cached  => "llm_cache edge; llm_cache_scope \$http_x_key;"
    . " llm_limit paid $key tokens=100/h;");
location_of(model   => 'llm_limit model key=$llm_model requests=2/h;');
location_of(mapped  => 'llm_limit mapped key=$by_model requests=2/h;');
location_of(nodes   => "llm_limit nodes $key requests=20/h nodes=4;"
    . " llm_limit nodetokens $key tokens=1000/h nodes=4;");
location_of(single  => "llm_cache edge; llm_cache_scope \"\";"
    . " llm_limit single $key concurrency=1;");
location_of(paged => "llm_limit paged $key requests=1/h;"
    . ' error_page 429 /wait;');
location_of(named => "llm_limit named $key requests=1/h;"
    . ' error_page 429 @wait;');
location_of(instead => "llm_limit instead $key requests=1/h;"
    . ' error_page 429 = @wait;');
$locations .= <<'END';
        location = /wait { llm off; return 200 "slow down"; }
        location @wait { llm off; return 200 "slow down"; }
END
my $conf = ($t->head =~ s/edge:16m/edge:%%SIZE%%/r) . <<'END' . $t->server(<<'MORE', more => $locations);
    llm on;
    map $llm_model $by_model { volatile; default ""; ~^small small; }
END
            llm_limit plain key=$http_x_key requests=1000/h;
MORE
sub sized { my ($size, $text) = @_; return ($text // $conf) =~ s/%%SIZE%%/$size/r }
$t->start(sized('16m'));

my $count = 0;
sub someone { 'k' . ++$count }

# Many at once, each on its own connection: all statuses.
sub at_once {
    my ($in, $n, $key, %o) = @_;
    my @clients = map { $t->client } 1 .. $n;
    for my $c (@clients) {
        $c->send(POST => "/$in/v1/chat/completions",
            body => $t->body_of('chat', %{ $o{body} // {} }),
            headers => ['X-Key' => $key, 'X-Mock' => $o{knobs} // 'delay=20'],
            close => 1);
    }
    return map { $_->read } @clients;
}

sub one {
    my ($in, $key, %o) = @_;
    my $api = delete $o{api} // 'chat';
    my @headers = ('X-Key' => $key, @{ delete $o{headers} // [] });
    my $knobs = delete $o{knobs};
    push @headers, 'X-Mock' => $knobs if $knobs;
    return $t->post("/$in" . $t->path($api), $t->body_of($api, %o), @headers);
}

# What drains of an account while refused requests hold it is not given back:
# it has drained after as long again as they held it.
sub as_long_again {
    my ($ask) = @_;
    my $start = time;
    $ask->();
    soon { $t->metric('llm_reservations') == 0 } 'nothing is held';
    sleep time - $start;
}

sub served { scalar grep { $_->status == 200 } @_ }

sub refused_well {
    my ($r, $what) = @_;
    is $r->status, 429, "$what: refused";
    is $r->json->{error}{code}, 'rate_limit_exceeded', "$what: code";
    like $r->header('Retry-After'), qr/^[1-9]\d*$/, "$what: Retry-After";
    like $r->header('retry-after-ms'), qr/^[1-9]\d*$/, "$what: in ms";
    my $ms = $r->header('retry-after-ms') || 0;
    my $s  = $r->header('Retry-After') || 0;
    ok $s * 1000 >= $ms && ($s - 1) * 1000 < $ms, "$what: both the same";
}

subtest 'requests: exact over all workers' => sub {
    my $k = someone;
    my @all = at_once(rate => 60, $k);
    is served(@all), 20, 'twenty of sixty are served';
    my ($refused) = grep { $_->status == 429 } @all;
    refused_well($refused, 'requests');
    is $refused->header('x-ratelimit-limit-requests'), 20, 'limit';
    is $refused->header('x-ratelimit-remaining-requests'), 0, 'remaining';
    like $refused->header('x-ratelimit-reset-requests'), qr/^(59m\d|1h0m0s)/,
        'reset';
    my %left = map { $_->header('x-ratelimit-remaining-requests') => 1 }
        grep { $_->status == 200 } @all;
    is join(' ', sort { $a <=> $b } keys %left), join(' ', 0 .. 19),
        'each is told what is left';
    is served(one(rate => someone)), 1, 'another key has its own';
    is $t->metric('llm_limit_requests_total', limit => 'rate',
        result => 'refused'), 40, 'forty are counted';
};

subtest 'burst' => sub {
    is served(at_once(burst => 12, someone)), 5, 'burst=5';
    my $k = someone;
    my @r = map { one(second => $k) } 1 .. 3;
    is served(@r), 1, 'one, then it takes half a second';
    # Real time: whether what it says is true is what is asked.
    is $r[1]->header('x-should-retry'), 'true', 'waiting helps';
    sleep $r[1]->header('retry-after-ms') / 1000 + 0.05;
    is one(second => $k)->status, 200, 'the time that it says is enough';
};

subtest 'concurrency' => sub {
    my $k = someone;
    my @streams = map {
        my $c = $t->client;
        $c->send(POST => '/streams/v1/chat/completions',
            body => $t->body_of('chat', stream => 1),
            headers => ['X-Key' => $k, 'X-Mock' => 'endless,gap=10']);
        my $r = $c->head;
        is $r->status, 200, 'a stream is open';
        $c;
    } 1 .. 3;
    my $r = one(streams => $k);
    refused_well($r, 'a fourth');
    is one(streams => someone)->status, 200, 'somebody else may';
    (shift @streams)->reset;
    soon { one(streams => $k)->status == 200 }
        'one that is broken off makes room (fault case 51)';
    $_->close for @streams;
    soon { $t->metric('llm_reservations') == 0 } 'nothing is held';
};

subtest 'tokens' => sub {
    my $k = someone;
    my $r = one(tokens => $k, max_tokens => 500,
        knobs => 'prompt=100,completion=200');
    is $r->status, 200, 'fits';
    is $r->header('x-ratelimit-limit-tokens'), 1000, 'limit';
    is $r->header('x-ratelimit-limit-requests'), 500,
        'of what is not limited here the upstream speaks for itself';
    my $left = $r->header('x-ratelimit-remaining-tokens');
    ok $left < 500 && $left > 400, "reserved is the estimate: $left are left";
    $r = one(tokens => $k, max_tokens => 100,
        knobs => 'prompt=1,completion=1');
    $left = $r->header('x-ratelimit-remaining-tokens');
    ok $left > 560 && $left < 605, "300 were charged: $left are left";
    $r = one(tokens => $k, max_tokens => 800);
    refused_well($r, 'tokens');
    is $r->header('x-should-retry'), 'false', 'nobody waits that long';
    my $before = $t->mock_count;
    $r = one(tokens => $k, max_tokens => 5000);
    is $r->status, 429, 'more than there ever is';
    is $r->header('x-should-retry'), 'false', 'waiting is pointless';
    like $r->json->{error}{message}, qr/may take, at any time/, 'told so';
    is $t->mock_count, $before, 'nothing went upstream';
    $r = one(tokens => $k, max_tokens => 5000, api => 'messages');
    is $r->json->{type}, 'error', "Anthropic's envelope";
    is $r->json->{error}{type}, 'rate_limit_error', 'in its word';
    $r = one(tokens => $k, max_tokens => 500);
    is $r->status, 200, 'who was refused has not paid';
    is one(tokens => someone)->status, 429,
        'without a maximum the usual answer is asked for';
    is one(ceiling => someone)->status, 200, 'or the ceiling=';
};

subtest 'cap: what was granted stands in the request' => sub {
    my %member = (chat => 'max_completion_tokens',
        completions => 'max_tokens', messages => 'max_tokens',
        responses => 'max_output_tokens');
    for my $api (sort keys %member) {
        for my $named (0, 1) {
            my %o = $named ? ($member{$api} => 5000) : ();
            next if $api eq 'messages' && !$named;
            my $r = one(capped => someone, api => $api, %o);
            is $r->status, 200, "$api is served";
            my $body = from_json(($t->mock_log)[-1]{body});
            my ($cap) = grep { defined } @$body{qw(max_completion_tokens
                max_tokens max_output_tokens)};
            ok defined $cap && $cap > 900 && $cap < 1000,
                "$api" . ($named ? ' of 5000' : '') . ': capped at '
                . ($cap // 'nothing');
        }
        my $r = one(capped => someone, api => $api, $member{$api} => 7);
        my $body = from_json(($t->mock_log)[-1]{body});
        is $body->{ $member{$api} }, 7, "$api: less is left alone";
    }
    my $k = someone;
    one(capped => $k, max_tokens => 10, knobs => 'prompt=1,completion=990');
    my $r = one(capped => $k, max_tokens => 10);
    is $r->status, 429, 'no answer of three words';
};

subtest 'nested: all or nothing' => sub {
    my ($k, $k2) = (someone, someone);
    my @team = (headers => ['X-Team' => 'nested'], max_tokens => 5);
    is one(nested => $k, @team)->status, 200, 'first';
    is one(nested => $k, @team)->status, 200, 'second';
    for (1 .. 3) {
        my $r = one(nested => $k, @team);
        is $r->status, 429, 'the narrow one refuses';
        like $r->json->{error}{message}, qr/"narrow"/, 'and is named';
    }
    my $r = one(nested => $k, headers => ['X-Team' => someone],
        max_tokens => 5);
    is $r->header('x-ratelimit-remaining-requests'), 1,
        'the tightest is told';
    is one(nested => $k2, @team)->status, 429, 'the team is out';
    as_long_again(sub {
        $r = one(nested => $k2, headers => ['X-Team' => '']);
        is $r->status, 429, 'too many tokens';
        like $r->json->{error}{message}, qr/"volume" on tokens/, 'says so';
    });
    $r = one(nested => $k2, headers => ['X-Team' => ''], max_tokens => 5);
    is $r->header('x-ratelimit-limit-requests'), 100, 'an empty key is none';
    is $r->header('x-ratelimit-remaining-requests'), 99,
        'the refused took nothing of the wide one';
};

subtest 'dry_run and observe' => sub {
    my $k = someone;
    my @r = map { one(dry => $k) } 1 .. 5;
    is served(@r), 5, 'dry: all are served';
    is join(' ', map { $_->header('x-ratelimit-limit-requests') } @r),
        join(' ', (500) x 5), 'and told nothing but the upstream\'s own';
    is $t->metric('llm_limit_requests_total', limit => 'dry',
        result => 'would_refuse'), 3, 'three would have been refused';
    is $t->metric('llm_limit_requests_total', limit => 'drytokens',
        result => 'would_refuse'), 5, 'and five for their tokens';
    is served(map { one(watched => $k) } 1 .. 5), 5, 'observe: all';
    is $t->metric('llm_limit_requests_total', limit => 'watched'), 3,
        'three would have been';
};

subtest 'a hit costs nothing and is served when all is gone' => sub {
    my $k = someone;
    my @ask = (cached => $k, max_tokens => 20, text => 'again and again');
    my $r = one(@ask, knobs => 'prompt=50,completion=49');
    like $r->header('Cache-Status'), qr/stored/, 'a miss';
    $r = one(cached => $k, max_tokens => 20);
    is $r->status, 429, 'all is gone';
    is $r->header('Cache-Status'), 'ngx_llm; detail=REFUSED',
        'neither a hit nor forwarded';
    for (1 .. 3) {
        $r = one(@ask);
        is $r->status, 200, 'the stored answer is there';
        like $r->header('Cache-Status'), qr/hit/, 'as a hit';
    }
    $r = one(@ask, stream => 1);
    like $r->header('Cache-Status'), qr/hit/, 'as a stream too';
};

subtest 'keys of the body' => sub {
    my $m = someone;
    my @r = map { one(model => 'x', model => $m) } 1 .. 4;
    is served(@r), 2, 'two of a model';
    is one(model => 'x', model => someone)->status, 200, 'another model';
    @r = map { one(mapped => 'x', model => "small-$_") } 1 .. 4;
    is served(@r), 2, 'a volatile map of them';
    is served(map { one(mapped => 'x', model => 'big') } 1 .. 4), 4,
        'an empty key is not limited';
    is served(map { one(rate => '') } 1 .. 25), 25, 'nor an empty header';
};

subtest 'refused and failed requests' => sub {
    my $k = someone;
    as_long_again(sub {
        for my $body ('{', '{"model":3}') {
            is $t->post('/rate/v1/chat/completions', $body, 'X-Key' => $k)
                ->status, 400, 'no request at all';
        }
    });
    my $r = one(rate => $k);
    is $r->header('x-ratelimit-remaining-requests'), 19, 'took nothing';
    $r = one(tokens => $k, max_tokens => 900, knobs => 'status=500');
    is $r->status, 500, 'the upstream failed';
    soon { $t->metric('llm_reservations') == 0 } 'it is over';
    is one(tokens => $k, max_tokens => 900)->status, 200,
        'its tokens are there again';
    my $c = $t->client;
    $c->send(POST => '/tokens/v1/chat/completions',
        body => $t->body_of('chat', stream => 1, max_tokens => 900),
        headers => ['X-Key' => ($k = someone),
            'X-Mock' => 'gap=5,events=400,size=4000']);
    my $head = $c->head;
    $c->next_event($head) for 1 .. 30;
    $c->reset;
    soon { $t->metric('llm_reservations') == 0 } 'an abort';
    $r = one(tokens => $k, max_tokens => 20);
    my $left = $r->header('x-ratelimit-remaining-tokens');
    ok $left < 960 && $left > 200,
        "is billed what was generated (fault case 51): $left are left";
};

subtest 'one after the other in the only place' => sub {
    my %body = (hit => $t->body_of('chat', text => 'the same'),
        'stream of a hit' => $t->body_of('chat', text => 'the same',
            stream => 1),
        'no request' => '{', 'not read' => "\x1f\x8b");
    my %more = ('not read' => ['Content-Encoding' => 'gzip']);
    my %expected = ('no request' => 400, 'not read' => 415);
    for my $name (sort keys %body) {
        my %seen;
        for (1 .. 400) {
            # A connection each, so that any worker may have it.
            $seen{ $t->client->request(POST => '/single/v1/chat/completions',
                body => $body{$name}, headers => ['X-Key' => 'single',
                    @{ $more{$name} // [] }], close => 1)->status }++;
        }
        is_deeply \%seen, { $expected{$name} // 200 => 400 },
            "$name: nobody meets himself";
    }
};

subtest 'an error_page for 429' => sub {
    for my $in ('paged', 'named') {
        my $k = someone;
        is one($in => $k)->status, 200, 'one passes';
        my $r = one($in => $k);
        is $r->status . ' ' . $r->body, '429 slow down', "$in: its own words";
        for my $name (qw(Retry-After retry-after-ms
            x-ratelimit-reset-requests)) {
            my @said = $r->header_values($name);
            is @said, 1, "$in: $name";
        }
        is $r->header('x-ratelimit-limit-requests'), 1, "$in: the limit";
    }
    my $k = someone;
    one(instead => $k);
    my $r = one(instead => $k);
    is $r->status, 200, 'another answer instead';
    is $r->header('Retry-After'), '', 'is no refusal';
};

subtest 'nodes=' => sub {
    my $k = someone;
    my @r = at_once(nodes => 12, $k, body => { max_tokens => 1 });
    is served(@r), 5, 'a fourth of the requests';
    my $r = one(nodes => someone, max_tokens => 1);
    is $r->header('x-ratelimit-limit-tokens'), 250, 'and of the tokens';
};

subtest 'a killed worker (fault cases 58, 75)' => sub {
    my $k = someone;
    my @streams = map {
        my $c = $t->client;
        $c->send(POST => '/streams/v1/chat/completions',
            body => $t->body_of('chat', stream => 1),
            headers => ['X-Key' => $k, 'X-Mock' => 'endless,gap=50']);
        $c->head;
        $c;
    } 1 .. 3;
    is one(streams => $k)->status, 429, 'all three are taken';
    $t->kill_worker($_) for $t->worker_pids;
    my $start = time;
    soon { one(streams => $k)->status == 200 } 'they come back', 10;
    cmp_ok time - $start, '<', 3, 'within three seconds';
    soon { $t->metric('llm_reservations') == 0 } 'all of them';
    like $t->log, qr/worker \d+ is gone, \d reservations of it came back/,
        'a line says so';
};

subtest 'reload in mid-window (fault case 64)' => sub {
    my $k = someone;
    is served(map { one(rate => $k) } 1 .. 15), 15, 'fifteen of twenty';
    my $c = $t->client;
    $c->send(POST => '/streams/v1/chat/completions',
        body => $t->body_of('chat', stream => 1),
        headers => ['X-Key' => $k, 'X-Mock' => 'events=60,size=600,gap=50']);
    my $head = $c->head;
    ok $t->reload, 'reload';
    is $t->metric('llm_reservations'), 1, 'the stream is still held';
    is served(map { one(rate => $k) } 1 .. 10), 5, 'five more';
    $c->finish($head);
    ok $head->complete, 'the old worker brings its stream to the end';
    soon { $t->metric('llm_reservations') == 0 } 'and gives it back';

    $k = someone;
    is served(map { one(rate => $k) } 1 .. 15), 15, 'fifteen of twenty';
    ok $t->reload(sized('20m')), 'another size of the zone';
    is served(map { one(rate => $k) } 1 .. 10), 5, 'keeps what is taken';
    ok $t->reload(sized('20m', $conf =~ s{requests=20/h;}{requests=30/h;}r)),
        'other numbers';
    is served(map { one(rate => $k) } 1 .. 20), 10, 'count at once';
};

subtest 'a ledger that is full' => sub {
    for my $fail ('closed', 'open') {
        my $small = LLM::Edge->new(workers => 1);
        $small->{mock_port} = $small->{ports}{mock} = $t->port('mock');
        $small->start($small->head =~ s/16m/1m/r
            . "llm_limit_fail $fail; llm on;"
            . $small->server('llm_limit many key=$http_x_key requests=1/h;'));
        my %seen;
        my $c;
        for my $n (1 .. 6000) {
            $c = $small->client if $n % 500 == 1;
            my $r = $c->request(POST => '/v1/embeddings', headers =>
                ['X-Key' => "n$n"], body => '{"model":"m","input":"x"}');
            $seen{ $r->status }++;
            last if $seen{503};
        }
        my $result = $fail eq 'open' ? 'passed' : 'refused';
        my $number = $small->metric('llm_limit_unchecked_total',
            result => $result);
        is $number, $small->metric('llm_limit_unchecked_total'), $result;
        $fail eq 'open' ? cmp_ok($number, '>', 1000, 'each of them counts')
                        : is($number, 1, 'counted');
        my $line =
            qr/limits of \d+ requests could not be checked,.* "$fail"/;
        soon { $small->log =~ $line } 'a line says so (fault case 61)';
        is scalar(() = $small->log =~ /$line/g), 1, 'one a minute';
        if ($fail eq 'open') {
            is $seen{503}, undef, 'open: served all the same';
            is $seen{200}, 6000, 'all';
        } else {
            is $seen{503}, 1, 'closed: 503 when there is no room'
                or diag explain \%seen;
            my $r = $c->request(POST => '/v1/embeddings', headers =>
                ['X-Key' => 'n1'], body => '{"model":"m","input":"x"}');
            is $r->status, 429, 'who is known is still limited';
        }
        $small->finish;
    }
};

subtest 'who has a budget goes on in a ledger that is full' => sub {
    my $small = LLM::Edge->new(workers => 1);
    $small->{mock_port} = $small->{ports}{mock} = $t->port('mock');
    $small->write_file('prices.json' => to_json({
        m => { input_cost_per_token => 1e-6 } }));
    $small->start($small->head =~ s/16m/1m/r
        . 'llm on; llm_prices prices.json;' . $small->server(
            'llm_limit rate key=$http_x_key requests=60000/m concurrency=5;'
            . 'llm_budget money key=$http_x_key usd=1/month;'));
    my $c = $small->client;
    my $ask = sub {
        return $c->request(POST => '/v1/embeddings', headers =>
            ['X-Key' => "n$_[0]"], body => '{"model":"m","input":"x"}')->status;
    };
    my (@known, @others);
    push @{ $ask->($_) == 200 ? \@known : \@others }, $_ for 1 .. 500;
    cmp_ok scalar @known, '>=', 200, 'so many find room';
    is join(' ', grep { $ask->($_) != 200 } @known), '', 'and keep it';
    is join(' ', grep { $ask->($_) != 503 } @others), '',
        'the others are refused';
    $small->finish;
};

done_testing;
