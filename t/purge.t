# llm_purge: by entry, answer, tag, tenant, model, all; as JSON and as a
# query; what was under way when it came; that it stops nobody for long.

use lib 't/lib';
use LLM::Test;

use Time::HiRes qw(time);

my $entries = $ENV{LLM_TEST_ENTRIES} // 20_000;

my $t = LLM::Test->new(workers => 1);
$t->mock;
my $proxy = 'proxy_pass http://127.0.0.1:%%PORT:mock%%;';
$t->start($t->fill(<<"END"));
    llm_zone edge:256m;
    llm on;
    llm_cache edge;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream mock {
        server 127.0.0.1:%%PORT:mock%%;
        keepalive 32;
    }
    keepalive_requests 1000000;
    add_header X-C "\$llm_cache_status \$llm_cache_reason" always;
    add_header X-Tenant \$llm_tenant always;
    log_format llm '\$http_x_test|\$llm_cache_reason';
    map \$http_x_tag \$many { volatile; default \$http_x_tag; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        listen 127.0.0.1:%%PORT:h2%% http2;
        access_log %%DIR%%/access.log llm;
        llm_cache_tag \$http_x_tag \$http_x_topic;
        location / { proxy_pass http://mock; }
        location /quiet/ { access_log off; proxy_pass http://mock; }
        location = /purge { llm_purge; }
        location = /file { client_body_in_file_only clean; llm_purge; }
        location = /denied { deny all; llm_purge; }
        location = /ping { access_log off; return 204; }
        location = /metrics { access_log off; llm_metrics; }
    }
END

my $chat   = '/v1/chat/completions';
my $number = 0;

sub body_of {
    my (%more) = @_;
    return { model => 'm', messages => [
        { role => 'user', content => 'question ' . ++$number }], %more };
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }

# Stores an answer and gives its request again.
sub stored {
    my ($body, @headers) = @_;
    my $r = $t->post($chat, $body, @headers);
    is word($r), 'MISS', 'stored';
    return [$body, @headers];
}

sub ask { word($t->post($chat, @{ $_[0] })) }

# How many went.
sub purge {
    my ($body, $query) = @_;
    my $r = $t->post('/purge' . ($query // ''), $body // '');
    is $r->status, 200, 'purged';
    is $r->header('content-type'), 'application/json', 'JSON';
    return $r->json->{purged};
}

sub counted {
    my ($n) = $t->get('/metrics')->body =~ /^llm_purged_entries_total (\d+)/m;
    return $n // 0;
}

subtest 'by id: an entry, an answer' => sub {
    my ($one, $other) = map { stored(body_of()) } 1, 2;
    my $hit   = $t->post($chat, @$one);
    my $entry = $hit->header('x-llm-entry');
    is purge({ id => $entry }), 1, 'the entry of a hit';
    is ask($one), 'MISS', 'it is gone';
    is ask($other), 'HIT', 'nothing else is';
    is purge({ id => $entry }), 0, 'an old name names nothing';
    is ask($one), 'HIT', 'least of all its successor';

    my $id = $t->post($chat, @$one)->json->{id};
    is purge({ id => $id }), 1, 'an answer\'s own id';
    is ask($one), 'MISS', 'marked wrong';
    is purge({ id => $_ }), 0, "an id of nobody: $_"
        for 'chatcmpl-nobody', '0' x 24, 'f' x 24, "\x{1}", 'x' x 5000;
    is ask($other), 'HIT', 'still there';
};

subtest 'by tag' => sub {
    my $a  = stored(body_of(), 'X-Tag' => 'a');
    my $ab = stored(body_of(), 'X-Tag' => 'a', 'X-Topic' => 'b');
    my $b  = stored(body_of(), 'X-Topic' => 'b');
    my $odd = stored(body_of(), 'X-Tag' => 'a+b c/%&"');
    is purge({ tag => 'c' }), 0, 'a tag of nobody';
    is purge({ tag => 'A' }), 0, 'case counts';
    is purge({ tag => 'a' }), 2, 'both that have it';
    is ask($_), 'MISS', 'gone' for $a, $ab;
    is ask($_), 'HIT', 'not the others' for $b, $odd;
    is purge({ tag => 'a+b c/%&"' }), 1, 'any text is a tag';
    is ask($odd), 'MISS', 'gone';
    is purge('', '?tag=a%2Bb%20c%2F%25%26%22'), 1, 'in a query too';
    is purge('', '?tag=b'), 2, 'plain in a query';
    my @each = map { stored(body_of(), 'X-Tag' => $_) } qw(one two three);
    is purge('', '?tag=one&tag=two'), 2, 'twice in a query';
    is join(' ', map { ask($_) } @each), 'MISS MISS HIT', 'both';
};

subtest 'by tenant, model, all' => sub {
    my @one = (Authorization => 'Bearer one');
    my @two = (Authorization => 'Bearer two');
    my @a = map { stored(body_of(), @one) } 1 .. 3;
    my @b = map { stored(body_of(), @two) } 1 .. 2;
    my $tenant = $t->post($chat, @{ $a[0] })->header('x-tenant');
    like $tenant, qr/^[0-9a-f]{32}$/, '$llm_tenant';
    is purge({ tenant => $tenant }), 3, 'case 95: a tenant';
    is ask($_), 'MISS', 'gone' for @a;
    is ask($_), 'HIT', 'not another\'s' for @b;
    is purge({ tenant => 'Bearer two' }), 0, 'a credential is no tenant';

    my @x = map { stored(body_of(model => $_)) } qw(x x y);
    is purge({ model => 'x' }), 2, 'a model';
    is join(' ', map { ask($_) } @x), 'MISS MISS HIT', 'and no other';

    ok purge({ all => JSON::PP::true() }) >= 8, 'all';
    is ask($_), 'MISS', 'gone' for @a, @b, @x;
    is purge('', '?all=1'), 8, 'all by a query';
    is purge('', '?all=1'), 0, 'nothing is left';
    for my $way (['', '?all'], ['', '?tag=none&all'], ['{"all":1}']) {
        stored(body_of());
        is purge(@$way), 1, "all as @$way";
    }
    my $kept = stored(body_of());
    is purge({ all => JSON::PP::false() }), 0, 'all: false is nothing';
    is purge('', '?all=0'), 0, 'all=0 too';
    is purge('{"all":0}'), 0, 'as JSON too';
    is ask($kept), 'HIT', 'kept';
};

subtest 'several at once, counted once' => sub {
    my $before = counted();
    my @tagged = map { stored(body_of(model => 'z'), 'X-Tag' => 't') } 1 .. 3;
    my $other  = stored(body_of(model => 'z'));
    my $only   = stored(body_of(), 'X-Tag' => 't');
    is purge({ tag => 't', model => 'z' }), 5, 'a tag or a model';
    is ask($_), 'MISS', 'gone' for @tagged, $other, $only;
    is purge('', '?tag=t&model=z&tag=u'), 5, 'as a query';
    is purge({ all => JSON::PP::true(), tag => 't', model => 'm' }), counted()
        - $before - 10, 'with all';
};

subtest 'errors' => sub {
    my $kept = stored(body_of());
    my %bad = (
        '{}' => qr/say what to purge/, '{' => qr/./, '[]' => qr/object/,
        '"all"' => qr/object/, '{"everything":true}' => qr/known members/,
        '{"all":2}' => qr/true or false/, '{"all":"yes"}' => qr/true or/,
        '{"tag":1}' => qr/strings/, '{"tag":null}' => qr/strings/,
        '{"tag":["a"]}' => qr/strings/, '{"tag":""}' => qr/./,
        '{"id":""}' => qr/./, '{"model":""}' => qr/./,
        '{"tenant":""}' => qr/./, '{"tag":"a","tag":"b"}' => qr/./,
        '{"all":true}x' => qr/./, '{"all":true,"x":1}' => qr/known/,
        '{"tag":"","all":true}' => qr/./, "{\"tag\":\"\xff\"}" => qr/./,
    );
    for my $body (sort keys %bad) {
        my $r = $t->post('/purge', $body);
        is $r->status, 400, $body =~ s/[^ -~]/?/gr;
        like $r->json->{error}, $bad{$body}, 'says why';
    }
    for my $query ('', '?', '?nothing=1', '?tag=', '?id=', '?alls=1',
                   '?all=', '?all=yes', '?ALL', '?all.', '?tag=a&all=') {
        is $t->post("/purge$query", '')->status, 400, "query \"$query\"";
    }
    is $t->request($_ => '/purge?all=1')->status, 405, "$_ is not allowed"
        for qw(GET HEAD PUT DELETE);
    is $t->post('/denied', { all => JSON::PP::true() })->status, 403,
        'deny all';
    is $t->post('/denied?all=1', '')->status, 403, 'with a query too';
    is ask($kept), 'HIT', 'nothing was purged';
    $kept = stored(body_of(), 'X-Tag' => 'kept');
    is $t->post('/purge', '{"tag":"kept","id":""}')->status, 400,
        'one of two is wrong';
    is $t->post('/purge?tag=kept&model=', '')->status, 400, 'in a query';
    is ask($kept), 'HIT', 'nothing was purged';
};

subtest 'bodies in every form' => sub {
    my $all = '{"tag":"form"}';
    my %how = (
        chunked => sub { $t->request(POST => '/purge',
            chunked => [split //, $all]) },
        file => sub { $t->post('/file', $all) },
        'white space' => sub { $t->post('/purge', "\n " . $all . "\n") },
        'no type' => sub { $t->post('/purge', $all,
            'Content-Type' => 'text/plain') },
        large => sub { $t->post('/purge', $all . ' ' x 500_000) },
    );
    for my $how (sort keys %how) {
        my $one = stored(body_of(), 'X-Tag' => 'form');
        is $how{$how}->()->json->{purged}, 1, $how;
        is ask($one), 'MISS', 'gone';
        purge({ tag => 'form' });
    }
    SKIP: {
        skip 'curl is not installed', 2 unless $t->has_program('curl');
        stored(body_of(), 'X-Tag' => 'form');
        my $r = $t->h2(POST => '/purge', port => 'h2', body => $all);
        is $r->json->{purged}, 1, 'HTTP/2';
    }
    my $c = $t->client;
    is $c->request(POST => '/purge', body => $all)->status, 200, 'keep-alive'
        for 1 .. 3;
};

subtest 'what was under way is not stored afterwards' => sub {
    my @by = ({ all => JSON::PP::true() }, { tag => 'late' },
        { model => 'm' });
    for my $by (@by) {
        for my $stream (JSON::PP::false(), JSON::PP::true()) {
            my $body = body_of(stream => $stream);
            my $name = 'late' . $number;
            my $c = $t->client;
            my $asked = $t->mock_count;
            $c->send(POST => $chat, body => to_json($body), headers => {
                'X-Mock' => 'delay=300', 'X-Tag' => 'late',
                'X-Test' => $name });
            wait_until { $t->mock_count > $asked };
            purge($by);
            my $r = $c->read;
            is $r->status, 200, 'the answer itself arrives';
            ok $r->complete, 'whole';
            my $line = wait_until {
                (grep { /^$name\|/ } $t->lines('access.log'))[0];
            };
            is $line, "$name|no_store:purged", to_json($by) . " came between";
            is ask([$body, 'X-Tag' => 'late']), 'MISS', 'not stored';
            is ask([$body, 'X-Tag' => 'late']), 'HIT', 'but the next one is';
        }
    }
    my $body = body_of();
    my $c = $t->client;
    my $asked = $t->mock_count;
    $c->send(POST => $chat, body => to_json($body),
        headers => { 'X-Mock' => 'delay=200' });
    wait_until { $t->mock_count > $asked };
    purge({ tag => 'of somebody else' });
    $c->read;
    is ask([$body]), 'HIT', 'a purge of others does not touch it';
};

# Requests written ahead on one connection, answers counted.
sub fill {
    my ($count) = @_;
    my $c    = $t->client;
    my $left = $count;
    my $done = 0;
    while ($left > 0) {
        my $batch = $left < 50 ? $left : 50;
        $left -= $batch;
        $c->write(join '', map { $c->format_request(POST => "/quiet$chat",
            body => '{"model":"m","messages":[{"role":"user","content":"'
                . ++$number . '"}]}') } 1 .. $batch);
        for (1 .. $batch) {
            $done++ if $c->read->status == 200;
        }
    }
    return $done;
}

subtest "a purge of $entries entries stops nobody for long" => sub {
    for my $by ({ model => 'm' }, { all => JSON::PP::true() }) {
        purge({ all => JSON::PP::true() });
        is fill($entries), $entries, 'stored';
        my $purge = $t->client(http => timeout => 60);
        my $other = $t->client;
        $other->request(GET => '/ping');
        my ($worst, $turns, $start) = (0, 0, time);
        $purge->send(POST => '/purge', body => to_json($by));
        while (!$purge->readable(0)) {
            my $sent = time;
            $other->request(GET => '/ping');
            my $took = time - $sent;
            $worst = $took if $took > $worst;
            $turns++;
        }
        my $took   = time - $start;
        my $purged = $purge->read->json->{purged};
        ok $purged > $entries * 0.99, "$purged went by " . to_json($by);
        note sprintf '%d entries in %.1f ms; %d other requests meanwhile, '
            . 'the slowest %.1f ms', $purged, $took * 1000, $turns,
            $worst * 1000;
        ok $worst < 0.25, 'others were answered in time';
        is purge($by), 0, 'nothing is left';
    }
};

subtest 'many purges at once cost little more than one' => sub {
    fill($entries);
    my $time = sub {
        my @clients = map { $t->client(http => timeout => 60) } 1 .. $_[0];
        my $start = time;
        $clients[$_]->send(POST => '/purge',
            body => to_json({ tag => "nobody's $_" })) for 0 .. $#clients;
        is scalar(grep { $_->read->json->{purged} == 0 } @clients), $_[0],
            "$_[0] answered";
        return time - $start;
    };
    my ($one) = sort { $a <=> $b } map { $time->(1) } 1 .. 5;
    my $many  = $time->(200);
    note sprintf 'one %.1f ms, 200 at once %.1f ms', map { $_ * 1000 } $one,
        $many;
    cmp_ok $many, '<', 60 * ($one + 0.002), 'not as many times as much';
};

done_testing;
