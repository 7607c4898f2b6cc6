# The ladder and what is odd: methods, heads and bodies that do not fit, empty
# answers, compressed errors, slow uploads, clients and workers that go at the
# wrong moment, TLS that fails, subrequests. The mock's log is the witness.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Time::HiRes qw(sleep time);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

# The knobs of a model are in its name; `tls!` is asked by https, where nobody
# speaks it, `raw!NAME` is answered by the script below.
my $head = $t->head =~ s/llm_metrics_models m;/llm_metrics_models m two;/r;
my $map = <<'END';
    map $llm_upstream_model $at {
        volatile;
        "~^tls!"                     https://127.0.0.1:%%PORT:http%%$uri;
        "~^raw!"                     http://127.0.0.1:%%PORT:raw%%$uri;
        "~^[a-z0-9]+!(?<knobs>.*)$"  http://127.0.0.1:%%PORT:mock%%/mock/$knobs$uri;
        default                      http://127.0.0.1:%%PORT:mock%%$uri;
    }
    upstream both {
        server 127.0.0.1:%%PORT:raw%% max_fails=0;
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
    }
END

sub location {
    my ($name, $lines, $fallback) = @_;
    $fallback //= 'two';
    return <<"END";
        location /$name/ {
            llm on;
            llm_cache edge;
            llm_fallback $fallback;
            proxy_pass \$at;
            $lines
        }
END
}

my $more = join '',
    location(plain => ''),
    location(small => 'proxy_buffer_size 4k; proxy_buffers 8 4k;
        proxy_busy_buffers_size 8k;'),
    location(off => '', 'two on=off'),
    location(direct => 'proxy_request_buffering off;
        client_body_buffer_size 8k;'),
    location(asks => 'auth_request /inner/v1/models;'),
    location(mirrors => 'mirror /copy;'),
    location(ssi => 'ssi on; ssi_types application/json;'),
    location(inner => 'proxy_pass_request_body off;
        proxy_set_header Content-Length "";');
$more .= <<'END';
        location = /copy {
            internal;
            llm on;
            llm_fallback two;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/mock/status=500/v1/chat/completions;
        }
        location /next/ {
            llm on;
            llm_fallback two;
            proxy_next_upstream error timeout http_503 non_idempotent;
            proxy_pass http://both;
        }
END
my $http = $head . $map . $t->server('llm on; llm_fallback two;', more => $more,
    h2 => 'h2') . <<'END';
    server {
        listen 127.0.0.1:%%PORT:keyed%%;
        access_log %%DIR%%/access.log llm;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / {
            llm on;
            llm_limit all key=all requests=100/h tokens=1000k/h
                concurrency=50;
            llm_fallback two;
            proxy_pass $at;
        }
    }
END

# Answers by the model's name, in raw bytes.
my %raw = (
    'raw!empty'  => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Content-Length: 0\r\n\r\n",
    'raw!blank'  => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Connection: close\r\n\r\n",
    'raw!chunks' => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    'raw!spaces' => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Content-Length: 3\r\n\r\n \n ",
    'raw!events' => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        . "Content-Length: 0\r\n\r\n",
    'raw!204'    => "HTTP/1.1 204 No Content\r\n\r\n",
    'raw!503'    => "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    'raw!103'    => "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        . "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
);
$t->upstream(raw => sub {
    my ($c, undef, $body) = @_;
    my ($model) = $body =~ /"model":"([^"]*)"/;
    print $c $raw{$model} // $raw{'raw!503'};
});
$t->start($http);

my @STREAM = (stream => 1);

sub asked {
    return join ' ', map { $_->{body} =~ /"model":"([^"]*)"/ } $t->mock_log;
}
sub fresh { $t->mock_reset; return }

# One request that `two` answers as if nothing had been.
sub falls_back {
    my ($name, $model, %o) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    fresh();
    my ($r, $log) = $t->ask(chat => '', in => '/plain', model => $model, %o);
    is $r->status, 200, "$name: answered";
    ok $r->complete, "$name: a whole answer";
    is $log->{served}, 'two', "$name: by the next rung";
    like $log->{upstream}, qr/ : 200$/, "$name: in \$upstream_status";
    return ($r, $log);
}

# ---- methods ------------------------------------------------------------------

for my $method ('HEAD', 'GET', 'OPTIONS') {
    fresh();
    my $r = $t->request($method => '/plain' . $t->path('chat'));
    is $t->mock_count, 1, "$method: one attempt";
    is +($t->mock_log)[-1]{method}, $method, "$method: as it came";
    is $r->body, '', 'HEAD: no body' if $method eq 'HEAD';
}
{
    fresh();
    my $c = $t->client('keyed');
    my $r = $c->request(HEAD => $t->path('chat'));
    is $r->status, 404, 'HEAD where limits apply: refused';
    $r = $c->request(POST => $t->path('chat'),
        body => $t->body_of('chat', model => 'one!status=500'));
    is $r->status, 200, 'and the connection goes on, with a ladder';
    is asked(), 'one!status=500 two', 'of two attempts';
}

# ---- limits -------------------------------------------------------------------

{
    my @left = map {
        my ($r) = $t->ask(chat => '', server => 'keyed', model => $_);
        $r->header('x-ratelimit-remaining-requests');
    } 'one', 'one!status=500', 'one!status=429', 'one';
    is_deeply [map { $left[0] - $_ } @left], [0 .. 3],
        'a ladder is one request to the limits, however many attempts';
}

# ---- heads and first bytes that do not fit ----------------------------------

for my $form ([], \@STREAM) {
    my $kind = @$form ? 'stream' : 'JSON';
    falls_back("a head larger than proxy_buffer_size, $kind",
        'one!bigheader=9000', in => '/small', @$form);
}
{
    fresh();
    my ($r) = $t->ask(chat => '', in => '/off', model => 'one!bigheader=90000');
    is $r->status, 502, 'on=off: a head that is too large is a clean 502';
    ok length $r->json->{error}{message}, 'in the protocol';
    is asked(), 'one!bigheader=90000', 'of one attempt';
}

# ---- 103 ----------------------------------------------------------------------

SKIP: {
    my (undef, $said) = $t->command($t->nginx, '-v');
    my ($major, $minor) = $said =~ m{nginx/(\d+)\.(\d+)};
    skip "nginx $major.$minor takes 103 for the answer", 4
        if $major == 1 && $minor < 29;
    # A 100 that nobody asked for is the answer to every nginx.
    falls_back('103 before a 500', 'raw!103');
}

# ---- answers without an answer ------------------------------------------------

falls_back("an empty 200: $_", "raw!$_") for qw(empty blank chunks spaces);
falls_back('an empty stream', 'raw!events', @STREAM);
falls_back('JSON of nothing where a stream was asked for', 'raw!empty',
    @STREAM);
{
    my ($r, $log) = $t->ask(chat => '', in => '/off', model => 'raw!empty');
    is $r->status, 200, 'on=off: an empty 200 passes as it is';
    like $log->{reason}, qr/^no_store:/, 'and is not stored';
    ($r, $log) = $t->ask(chat => '', in => '/plain', model => 'raw!204');
    is $r->status, 204, 'a 204 has no body and is one';
}

# ---- compressed errors ----------------------------------------------------------

for my $knobs ('status=500,gzip', 'error200,gzip', 'status=429,gzip,te=chunked') {
    falls_back("compressed: $knobs", "one!$knobs");
    unlike +($t->mock_log)[0]{headers}{'accept-encoding'} // '', qr/gzip/,
        'though nobody asked for it';
}
falls_back('compressed: the first event', 'one!error200,gzip', @STREAM);
{
    # The words count: a filter is nobody else's matter, too long is.
    for my $gzip ('', ',gzip') {
        fresh();
        my $model = "one!status=400,code=content_filter$gzip";
        my ($r) = $t->ask(chat => '', in => '/plain', model => $model,
            headers => ['Accept-Encoding' => 'gzip']);
        is $r->status, 400, "content filter$gzip: told";
        is asked(), $model, "content filter$gzip: asked once";
    }
}

# ---- bodies on their way ------------------------------------------------------

{
    # Who is asked takes the head and reads no body.
    my $deaf = LLM::Test->new(workers => 1);
    my $stuck = IO::Socket::INET->new(Listen => 8, ReuseAddr => 1,
        LocalAddr => '127.0.0.1', LocalPort => 0) or die $!;
    my $port = $stuck->sockport;
    $deaf->start(<<"END");
    llm_zone z:4m;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        client_max_body_size 64m;
        location / {
            llm on;
            llm_fallback two;
            llm_deadline 1s;
            proxy_pass http://127.0.0.1:$port;
        }
    }
END
    my $start = time;
    my $r = $deaf->post('/v1/chat/completions',
        $t->body_of('chat', text => 'x' x 20_000_000));
    my $took = time - $start;
    is $r->status, 504, 'llm_deadline in the midst of an upload: 504';
    ok length $r->json->{error}{message}, 'in the protocol';
    cmp_ok $took, '<', 4, 'in time';
    $deaf->allow(qr/llm_deadline has passed/);
    $deaf->finish;
}
for my $size (100, 200_000) {
    my ($r) = falls_back("proxy_request_buffering off, $size bytes",
        'one!status=500', in => '/direct', text => 'y' x $size);
    my @length = map { $_->{body_length} } $t->mock_log;
    is $length[0] - $length[1], length('one!status=500') - length('two'),
        'the whole body again, with the other name';
}
{
    fresh();
    my $c = $t->client;
    my $body = $t->body_of('chat', model => 'one!status=500',
        text => 'z' x 50_000);
    my @pieces = unpack '(a7000)*', $body;
    $c->send(POST => '/direct' . $t->path('chat'), chunked => \@pieces);
    my $r = $c->head;
    $c->finish($r);
    is $r->status, 200, 'proxy_request_buffering off, in chunks: answered';
    is $r->json->{model}, 'two', 'by the next rung';
    is $t->mock_count, 2, 'of two attempts';
}

# ---- clients, workers and configurations that go ------------------------------

{
    # About when the first attempt fails: a little before, after, or between.
    fresh();
    for my $i (0 .. 29) {
        my $c = $t->client('keyed');
        $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
            model => 'one!status=500,delay=40', stream => $i % 2));
        sleep 0.03 + $i * 0.0008;
        $i % 3 ? $c->close : $c->reset;
    }
    ok +(wait_until { $t->metric('llm_reservations') == 0 }),
        'clients that leave between two attempts hold nothing';
    my ($r, $log) = $t->ask(chat => '', in => '/plain', model => 'one');
    is $log->{served}, 'one', 'the worker is well';
}
{
    fresh();
    my @waiting = map {
        my $c = $t->client('keyed');
        $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
            model => "one!status=500,times=1,delay=$_"));
        $c;
    } 10, 4000;
    ok +(wait_until { $t->mock_count == 3 }), 'one on its second rung, one not';
    is $t->metric('llm_reservations'), 2, 'both hold what they may cost';
    ok $t->kill_worker, 'the worker is killed';
    ok +(wait_until { $t->metric('llm_reservations') == 0 } 10),
        'what both rungs held comes back';
    my ($r, $log) = $t->ask(chat => '', in => '/plain', model => 'one!status=500');
    is $log->{served}, 'two', 'its successor climbs';
}

# ---- TLS that fails --------------------------------------------------------------

falls_back('no TLS there', 'tls!x');
falls_back('no TLS there, a stream', 'tls!x', @STREAM);

# ---- among nginx's own ------------------------------------------------------------

{
    fresh();
    my ($r, $log) = $t->ask(chat => '', in => '/next', model => 'raw!503');
    is $log->{served}, 'raw!503', 'proxy_next_upstream: another server first';
    is $t->mock_count, 1, 'which is asked once';
    like $log->{upstream}, qr/^(?:503, )?200$/, 'within one rung';
}
{
    my ($r, $log) = falls_back('auth_request', 'one!status=500', in => '/asks');
    my @all = $t->mock_log;
    is scalar(grep { $_->{method} eq 'GET' || !$_->{body_length} } @all), 1,
        'a subrequest is asked once, and is no rung';
    ($r, $log) = falls_back('mirror', 'one!status=500,delay=50',
        in => '/mirrors');
    ok +(wait_until { scalar(grep { $_->{path} =~ m{^/mock/status=500/} }
        $t->mock_log) == 1 }), 'the mirrored copy is asked once';
    ($r, $log) = falls_back('ssi', 'one!status=500', in => '/ssi');
    is $r->json->{model}, 'two', 'a filter behind it sees one answer';
}
SKIP: {
    skip 'no curl', 3 unless $t->has_program('curl');
    for my $model ('one!bigheader=90000', 'raw!empty', 'tls!x') {
        my $r = $t->h2(POST => '/plain' . $t->path('chat'), port => 'h2',
            body => $t->body_of('chat', model => $model, @STREAM));
        like $r->body, qr/"model":"two"/, "HTTP/2: $model";
    }
}

$t->allow(qr/upstream sent too big header|SSL_do_handshake|llm: attempt/);
$t->finish;
done_testing;
