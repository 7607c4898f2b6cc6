# A good citizen with what is ours: nginx's own means keep their meaning for
# requests that the module answers, refuses and sends on.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 1);
$t->mock;
my @mirrored = $t->dir . '/mirrored';
$t->upstream(copy => sub {
    my ($c, $head, $body) = @_;
    open my $f, '>>', $mirrored[0] or die;
    syswrite $f, "$body\n";
    print $c "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n";
});
# An upstream that answers nothing but X-Accel-Redirect.
$t->upstream(accel => sub {
    my ($c) = @_;
    print $c "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /said\r\n",
        "Content-Type: application/json\r\nContent-Length: 2\r\n",
        "Connection: close\r\n\r\n{}";
});
mkdir $t->dir . '/html';
$t->write_file('html/page.json' => qq({"page":"file"}\n));
$t->write_file(users => "u:{PLAIN}p\n");
$t->start(<<'END');
    llm_zone z:8m;
    llm on;
    llm_cache z;
    llm_cache_scope "";
    llm_cache_private off;
    limit_req_zone $server_port zone=few:1m rate=1r/m;
    proxy_cache_path %%DIR%%/pc keys_zone=pc:1m use_temp_path=off;
    log_format l '$http_x_test|$status|$llm_cache_status|$llm_cache_reason|'
        '$llm_model|$llm_prompt_tokens|$llm_completion_tokens|'
        '$llm_finish_reason';
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    client_max_body_size 1m;
    client_body_timeout 1s;
    upstream mock { server 127.0.0.1:%%PORT:mock%%; keepalive 8; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        listen 127.0.0.1:%%PORT:h2%% http2;
        root %%DIR%%/html;
        access_log %%DIR%%/access.log l;
        location /v1/ { proxy_pass http://mock; }
        location /deny/ { deny all; proxy_pass http://mock/; }
        location /basic/ { auth_basic x; auth_basic_user_file %%DIR%%/users;
            proxy_pass http://mock/; }
        location /any/ { satisfy any; deny all; auth_basic x;
            auth_basic_user_file %%DIR%%/users; proxy_pass http://mock/; }
        location /request/ { auth_request /check; proxy_pass http://mock/; }
        location = /check { internal;
            if ($http_x_let = "in") { return 204; } return 403; }
        location /limit/ { limit_req zone=few burst=1 nodelay; proxy_pass http://mock/; }
        location /slowly/ { limit_rate 20k;
            proxy_pass http://mock/mock/bigheader=3000/; }
        location /copied/ { mirror /copy; proxy_pass http://mock/; }
        location = /copy { internal;
            proxy_pass http://127.0.0.1:%%PORT:copy%%/; }
        location /zip/ { gzip on; gzip_min_length 1;
            gzip_types application/json text/event-stream; gzip_proxied any;
            proxy_pass http://mock/; }
        location /sub/ { sub_filter "You said" "They said";
            sub_filter_types *; proxy_pass http://mock/; }
        location /named/ { proxy_pass http://mock/;
            error_page 400 413 415 408 504 = @named; }
        location @named { return 290 "named $llm_cache_reason\n"; }
        location /file/ { proxy_pass http://mock/;
            error_page 400 413 415 502 504 /page.json; }
        location /equal/ { proxy_pass http://mock/;
            error_page 400 413 415 504 =299 /page.json; }
        location /said/err { return 200 "said err\n"; }
        location /return/ { proxy_pass http://127.0.0.1:1/;
            error_page 400 415 502 504 /said/err; }
        location = /said { return 200 "{\"said\":1}\n"; }
        location /dead/ { proxy_pass http://127.0.0.1:1/; }
        location /second/ { proxy_pass http://127.0.0.1:1/;
            proxy_intercept_errors on; error_page 502 = @second; }
        location @second { rewrite ^/second(.*) $1 break;
            proxy_pass http://mock; }
        location /accel/ { proxy_pass http://127.0.0.1:%%PORT:accel%%/; }
        location /rw/ { rewrite ^/rw(/.*)$ $1 last; }
        location /try/ { llm off; try_files /none @try; }
        location @try { rewrite ^/try(.*) $1 break; proxy_pass http://mock; }
        location /early/ { try_files /none @early; }
        location @early { rewrite ^/early(.*) $1 break;
            proxy_pass http://mock; }
        location /cached/ { proxy_cache pc; proxy_cache_methods POST;
            proxy_cache_key "$uri$request_body"; proxy_cache_valid 1m;
            llm_cache off; add_header X-C $upstream_cache_status;
            proxy_pass http://mock/; }
        location /more/ { llm_server_timing on;
            add_header X-Seen "$llm_cache_status" always;
            proxy_pass http://mock/; }
    }
    server {
        listen 127.0.0.1:%%PORT:closed%%;
        location /v1/ { deny all; proxy_pass http://mock; }
    }
END

my $path = 'v1/chat/completions';
my $n    = 0;

sub chat {
    my ($text, %more) = @_;
    return to_json({ model => 'm', %more,
        messages => [{ role => 'user', content => $text }] });
}

sub logged {
    my ($test) = @_;
    my $line = wait_until {
        (grep { /^\Q$test\E\|/ } $t->lines('access.log'))[0];
    } or return {};
    my %seen;
    @seen{qw(test status cache reason model in out finish)}
        = split /\|/, $line, -1;
    return \%seen;
}

# An answer that is in the cache from now on.
my $known = chat('known');
my $first = $t->post("/$path", $known);
is $first->status, 200, 'first: from the upstream';
like $first->header('cache-status'), qr/fwd=miss/, 'a miss';

sub is_hit {
    my ($r, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $r->status, 200, "$name: 200";
    like $r->header('cache-status'), qr/ngx_llm; hit/, "$name: a hit";
    ok $r->body eq $first->body, "$name: the answer"
        or diag $r->body;
}

# ---- a hit slips past nobody --------------------------------------------

is_hit $t->post("/$path", $known), 'no check';

# Asked with what opens the place, so that the answer is in the cache under
# its key; then without.
sub guarded {
    my ($place, $status, @key) = @_;
    my $ask = sub { $t->post("/$place/$path", $known, @_) };
    my $miss = $ask->(@key);
    is $miss->status, 200, "$place: let in";
    my $hit = $ask->(@key);
    like $hit->header('cache-status'), qr/hit/, "$place: a hit";
    is $hit->body, $miss->body, "$place: with the answer";
    my $asked = $t->mock_count;
    my $r = $ask->();
    is $r->status, $status, "$place: refused although it is stored";
    unlike $r->body, qr/You said/, "$place: without the answer";
    is $t->mock_count, $asked, "$place: the upstream is not asked";
}

guarded(basic   => 401, Authorization => 'Basic dTpw');
guarded(any     => 401, Authorization => 'Basic dTpw');
guarded(request => 403, 'X-Let' => 'in');
guarded(limit   => 503);
is $t->client('closed')->request(POST => "/$path", body => $known, close => 1)
    ->status, 403, 'deny all refuses a hit';
my $asked = $t->mock_count;
is $t->post("/deny/$path", chat('refused'))->status, 403,
    'deny all refuses a new question';
is $t->mock_count, $asked, 'and the upstream is not asked';

# ---- conditional and partial requests --------------------------------------

for my $condition (['If-Match' => '"x"'], ['If-None-Match' => '*'],
        ['If-Modified-Since' => 'Mon, 01 Jan 2035 00:00:00 GMT'],
        ['If-Unmodified-Since' => 'Mon, 01 Jan 2001 00:00:00 GMT'],
        ['Range' => 'bytes=0-3']) {
    is_hit $t->post("/$path", $known, @$condition), "hit with $condition->[0]";
}

# Where proxy_cache stands nginx looks at them on misses, too.
for my $condition (['If-Match' => '"x"'], ['If-None-Match' => '*'],
        ['If-Unmodified-Since' => 'Mon, 01 Jan 2001 00:00:00 GMT']) {
    my $r = $t->post("/cached/$path", chat("asked with $condition->[0]"),
        @$condition, 'X-Test' => $condition->[0]);
    is $r->status, 200, "miss with $condition->[0]";
    like $r->body, qr/You said/, 'is answered';
    cmp_ok logged($condition->[0])->{out}, '>', 0, 'and metered';
}

# ---- filters behind and before us ------------------------------------------

for my $stream (0, 1) {
    my $body = chat('zipped', $stream ? (stream => JSON::PP::true()) : ());
    my ($want, @got);
    $want = $t->post("/zip/$path", $body);
    for my $name ('miss or hit', 'hit') {
        my $r = $t->post("/zip/$path", $body, 'Accept-Encoding' => 'gzip');
        is $r->header('content-encoding'), 'gzip',
            "gzip on compresses a $name, stream $stream";
        require IO::Uncompress::Gunzip;
        IO::Uncompress::Gunzip::gunzip(\$r->body, \my $out);
        push @got, $out;
    }
    is $got[0], $want->body, 'the same text' if !$stream;
    is $got[1], $got[0], 'twice';
}
{
    my @seen = map { $t->post("/sub/$path", chat('subs')) } 1 .. 2;
    like $_->body, qr/They said/, 'sub_filter acts on a miss and a hit'
        for @seen;
    is $seen[1]->body, $seen[0]->body, 'in the same way';
    like $t->post("/$path", chat('subs'))->body, qr/You said/,
        'the store keeps what the upstream said';
    my $ask = chat('timed');
    my @r = map { $t->post("/more/$path", $ask) } 1 .. 2;
    is_deeply [map { $_->header('x-seen') } @r], [qw(MISS HIT)],
        'add_header with $llm_cache_status';
    like $_->header('server-timing'), qr/^llm;dur=\d+\.\d{3}$/, 'Server-Timing'
        for @r;
    is $t->post("/$path", $ask)->header('server-timing'), '', 'only on request';
    is $t->post("/more/$path", '{')->header('x-seen'), 'MISS' x 0,
        'no status where nothing was looked up';
}
{
    my $ask = chat('both caches');
    my @r = map { $t->post("/cached/$path", $ask) } 1 .. 2;
    is_deeply [map { $_->header('x-c') } @r], [qw(MISS HIT)],
        'proxy_cache beside us';
    is $r[1]->body, $r[0]->body, 'the same body';
    $ask = chat('both caches', stream => JSON::PP::true());
    @r = map { $t->post("/cached/$path", $ask) } 1 .. 2;
    is $r[1]->body, $r[0]->body, 'the same stream';
    is_deeply [map { $_->header('x-c') } @r], [qw(MISS HIT)],
        'proxy_cache of streams';
}

for my $stream (0, 1) {
    my $ask = chat('slowly', $stream ? (stream => JSON::PP::true()) : ());
    my $r = $t->post("/slowly/$path", $ask);
    is $r->status, 200, "limit_rate, stream $stream";
    ok $r->complete, 'a whole answer behind a large head';
}

# ---- mirror -----------------------------------------------------------------

{
    my $prompt = chat('to be copied');
    is $t->post("/copied/$path", '{"model": "secret prompt"')->status, 400,
        'a refused request';
    is $t->post("/copied/$path", chat('nobody'), 'Cache-Control' =>
            'only-if-cached')->status, 504, 'another';
    is $t->post("/copied/$path", $prompt)->status, 200, 'a miss';
    is $t->post("/copied/$path", $prompt)->status, 200, 'a hit';
    ok wait_until { (() = slurp($mirrored[0]) =~ /to be copied/g) == 2 },
        'mirror copies what was answered';
    unlike slurp($mirrored[0]), qr/secret prompt|nobody/,
        'and nothing that was refused';
}

# ---- error_page ---------------------------------------------------------

my @gzip = ('Content-Encoding' => 'gzip');
my %wrong = (
    400 => sub { $t->post("/$_[0]/$path", '{"model":') },
    415 => sub { $t->post("/$_[0]/$path", 'x', @gzip) },
    413 => sub { $t->request(POST => "/$_[0]/$path",
            chunked => [('x' x 100_000) x 12]) },
    504 => sub { $t->post("/$_[0]/$path", chat('never asked ' . ++$n),
            'Cache-Control' => 'only-if-cached') },
);
for my $status (sort keys %wrong) {
    my $ask = $wrong{$status};
    my $r = $ask->('named');
    is $r->status, 290, "error_page $status to a named location";
    like $r->body, qr/^named /, 'whose answer it is';
    $r = $ask->('file');
    is $r->status, $status == 415 || $status != 0 ? $status : 0,
        "error_page $status to a file keeps the status";
    is $r->body, qq({"page":"file"}\n), 'its body is the file';
    $r = $ask->('equal');
    is $r->status, 299, "error_page $status =299";
    is $r->body, qq({"page":"file"}\n), 'its body is the file';
    next if $status == 413;
    $r = $ask->('return');
    is $r->body, "said err\n", "error_page $status to a return";
    $r = $ask->('dead');
    is $r->status, $status, "$status without error_page";
    ok $r->json->{error}{message}, 'in the protocol of the client';
}
{
    my $r = $t->post("/return/$path", chat('dead'));
    is $r->status, 502, 'error_page 502 to a return: its status';
    is $r->body, "said err\n", 'and its body';
    $r = $t->post("/file/none/$path", chat('x'), 'X-Mock' => 'status=502');
    is $r->status, 502, "the upstream's own error";
    ok $r->json->{error}, 'passes';
    $r = $t->post("/dead/$path", chat('dead'));
    is $r->status, 502, 'an upstream that is not there';
    ok $r->json->{error}{message}, 'in the protocol of the client';
    my $ask = chat('second try');
    $r = $t->post("/second/$path", $ask, 'X-Test' => 'second');
    is $r->status, 200, 'error_page to another upstream';
    like $r->json->{choices}[0]{message}{content}, qr/second try/,
        'which got the body';
    unlike $r->header('cache-status'), qr/hit/, 'not out of the cache';
    is logged('second')->{status}, 200, 'logged';
    is logged('second')->{model}, 'm', 'with its model';
}

# A body that does not come: 408, in its own time, however it is shown.
for my $place ('named', 'dead') {
    my $c = $t->client;
    $c->write("POST /$place/$path HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    my $r = eval { $c->read };
    ok !$r || $r->status == 408 || $r->status == 0 || $r->status == 290,
        "case 7: a body that stays away ends the request at /$place/";
    ok wait_until { $t->file('access.log') =~ /\|408\|/ }, 'and is logged';
}

# ---- internal redirects -------------------------------------------------

is_hit $t->post("/rw/$path", $known), 'rewrite … last into our location';
is $t->post("/try/$path", $known)->status, 200, 'try_files, switched on';
is_hit $t->post("/try/$path", $known), 'in its named location';
for my $i (1, 2) {
    my $r = $t->post("/early/$path", $known);
    is $r->status, 200, 'try_files, switched on before it';
    unlike $r->header('cache-status'), qr/hit/, 'keeps nothing';
}
{
    my $r = $t->post("/accel/$path", chat('accel'));
    is $r->status, 200, 'X-Accel-Redirect from the upstream';
    is $r->body, qq({"said":1}\n), 'is followed';
    $r = $t->post("/accel/$path", chat('accel'));
    unlike $r->header('cache-status'), qr/hit/, 'and not stored';
}

# ---- connections --------------------------------------------------------

{
    my $c = $t->client;
    for my $i (1 .. 3) {
        is_hit $c->request(POST => "/$path", body => $known), "kept $i";
        is $c->request(POST => "/$path", body => '{')->status, 400,
            'kept after a refusal';
        is $c->request(POST => "/$path", body => chat('new ' . ++$n))->status,
            200, 'kept after a miss';
        is $c->request(GET => '/page.json')->status, 200, 'a file';
    }
    my @ask = (
        [POST => "/$path", body => $known],
        [POST => "/$path", body => '[1,'],
        [POST => "/$path", body => chat('piped', stream => JSON::PP::true())],
        [POST => "/$path", chunked => [$known =~ /(.{1,7})/gs]],
        [GET => '/page.json'],
        [POST => "/$path", body => 'zzz', headers => { @gzip }],
        [POST => "/$path", body => $known],
    );
    $c->write(join '', map { $c->format_request(@$_) } @ask);
    my @r = map { $c->read } @ask;
    is_deeply [map { $_->status } @r], [200, 400, 200, 200, 200, 415, 200],
        'pipelined';
    is $r[0]->body, $first->body, 'a hit';
    ok $r[2]->complete, 'a stream, whole';
    is $r[3]->body, $first->body, 'a hit for a chunked body';
    is $r[6]->body, $first->body, 'a hit after all that';
    ok !$c->readable(0.05), 'and nothing more';
}

# One byte at a time, so that the body is whole in a turn of its own and a
# refusal is the end of the request.
for my $body ($known, '{"model":', chat('slow'), 'x' x 20) {
    my $c = $t->client;
    my $text = $c->format_request(POST => "/$path", body => $body);
    $c->write(substr $text, 0, -5);
    select undef, undef, undef, 0.05;
    $c->write(substr $text, -5);
    my $r = $c->read;
    like $r->status, qr/^(?:200|400)$/, 'a body in two turns';
    is_hit $c->request(POST => "/$path", body => $known), 'kept';
    $c->send(POST => "/$path", body => $body, headers => { 'X' => 'y' });
    $c->reset;
}

SKIP: {
    skip 'curl is not installed', 1 unless $t->has_program('curl');
    my $r = $t->h2(POST => "/$path", body => $known, port => 'h2');
    is_hit $r, 'HTTP/2';
    my $ask = chat('over two', stream => JSON::PP::true());
    my @r = map { $t->h2(POST => "/$path", body => $ask, port => 'h2') } 1, 2;
    is $_->status, 200, 'HTTP/2 stream' for @r;
    like $r[1]->header('cache-status'), qr/hit/, 'then a hit';
    is $t->h2(POST => "/$path", body => '{', port => 'h2')->status, 400,
        'HTTP/2, a refusal';
    # curl may report the reset of the stream instead of the answer.
    $r = $t->h2(POST => "/deny/$path", body => $known, port => 'h2');
    like $r->status, qr/^(?:403|0)$/, 'HTTP/2, deny all';
    unlike $r->body, qr/You said/, 'gives nothing away';
    my $large = chat('y' x 300_000);
    is $t->h2(POST => "/$path", body => $large, port => 'h2')->status, 200,
        'HTTP/2, a large body';
    is_hit $t->h2(POST => "/$path", body => $known, port => 'h2'), 'still';
}

done_testing;
