# `llm observe` changes nothing: what the client gets is, byte for byte, what
# it gets from nginx without the module, while variables and metrics say what
# would have happened. And proxy_cache, before and behind, comes to no harm.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
my $cache = <<'END';
        location /cached/ {
            %s
            proxy_cache pc;
            proxy_cache_methods POST;
            proxy_cache_key $request_body;
            proxy_cache_valid 200 1m;
            add_header X-Proxy-Cache $upstream_cache_status;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /unbuffered/ {
            %s
            proxy_buffering off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /short/ {
            %s
            proxy_read_timeout 300ms;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /dead/ {
            %s
            proxy_pass http://127.0.0.1:%%PORT:nobody%%;
        }
END
sub with { (my $c = $cache) =~ s/%s/$_[0]/g; return $c }
my $observe = 'llm observe; llm_cache edge;';
my $on      = 'llm on; llm_cache edge;';
$t->start("    proxy_cache_path %%DIR%%/pc keys_zone=pc:1m;\n" . $t->head
    . $t->server($observe, more => with($observe))
    . $t->server('', name => 'bare', more => with(''))
    . $t->server($on, name => 'on', more => with($on)));

# All that came, less what tells the time.
sub raw {
    my ($server, $uri, $body, $knobs) = @_;
    my $c = $t->client($server);
    my $test = $t->next_test;
    $c->send(POST => $uri, body => $body, close => 1,
        headers => ['X-Mock' => $knobs, 'X-Test' => $test,
            'Accept-Encoding' => 'gzip']);
    my $r = $c->read;
    $c->close;
    (my $head = $r->{raw_head}) =~ s/^Date: .*\r\n//mi;
    return ($head, $r->body, $r->complete, $test);
}

my %reason = (
    ''          => '0 MISS no_entry',
    'cut=3'     => '1 MISS no_store:truncated',
    'error200'  => '0 MISS no_store:error',
    'status=429,retry_after=3' => '0 MISS no_store:status',
);
for my $knobs ('', 'gzip', 'cut=3', 'cut=3,midcut', 'cut=3,te=close',
    'error200', 'error_at=2', 'status=429,retry_after=3', 'status=500',
    'status=400,errsse', 'ctype=text/html', 'crlf', 'bom,split=1', 'comments',
    'usage=none', 'usage=after_done', 'done=none', 'malformed',
    'hugeline=300000', 'te=length', 'te=close', 'http10', 'trailers',
        'setcookie', 'cc=no-store', 'bigheader=100000',
    'events=2000,size=20000') {
    for my $api (qw(chat messages responses)) {
        for my $stream (0, 1) {
            for my $in ('', $knobs eq '' || $knobs eq 'cut=3'
                ? ('/unbuffered', '/dead') : ()) {
                my $body = $t->body_of($api, stream => $stream,
                    $stream && $api eq 'chat' ? (stream_options =>
                        { include_usage => JSON::PP::true() }) : ());
                my $uri  = $in . $t->path($api);
                my $name = "observe: $uri stream=$stream $knobs";
                my @seen = raw('http', $uri, $body, $knobs);
                my @bare = raw('bare', $uri, $body, $knobs);
                is $seen[0], $bare[0], "$name: the head";
                ok $seen[1] eq $bare[1], "$name: the body";
                is $seen[2], $bare[2], "$name: its end";
                my $log = $t->logged($seen[3]);
                next if $in eq '/dead' || !$reason{$knobs};
                is "$log->{estimated} $log->{cache} $log->{reason}",
                    $reason{$knobs}, "$name: what would have happened";
            }
        }
    }
}
{
    my $body = $t->body_of('chat');
    $t->mock_reset;
    raw('http', $t->path('chat'), $body, 'prompt=30,completion=12');
    my (undef, undef, undef, $test) = raw('http', $t->path('chat'), $body,
        'prompt=30,completion=12');
    my $log = $t->logged($test);
    is "$log->{cache} $log->{reason}", 'HIT exact',
        'observe: tells what would have been a hit';
    is $t->mock_count, 2, 'observe: which went upstream all the same';
    is "$log->{in} $log->{out}", '30 12', 'observe: and is metered';
    my @log = $t->mock_log;
    is $log[0]{body}, $body, 'observe: the upstream got the same body';
    raw('bare', $t->path('chat'), $body, 'prompt=30,completion=12');
    my $bare = ($t->mock_log)[-1];
    delete $_->{headers}{'x-test'} for @log, $bare;
    is_deeply $log[0]{headers}, $bare->{headers},
        'observe: and the same headers';
    is $t->metric('llm_cache_requests_total', status => 'HIT'), 1,
        'observe: the metrics say so too';
}
{
    # Malformed bodies are the upstream's to judge.
    my ($head, $body, undef, $test) =
        raw('http', $t->path('chat'), '{"model":', '');
    my ($bare_head, $bare_body) =
        raw('bare', $t->path('chat'), '{"model":', '');
    is "$head$body", "$bare_head$bare_body", 'observe: a malformed request';
    is $t->logged($test)->{reason}, 'gate:malformed',
        'observe: says that it would have been refused';
}

# ---- proxy_cache in the same location -----------------------------------

for my $server (qw(http on)) {
    for my $stream (0, 1) {
        my $uri  = '/cached' . $t->path('chat');
        my $body = $t->body_of('chat', stream => $stream,
            $stream ? (stream_options =>
                { include_usage => JSON::PP::true() }) : ());
        my $bare = $t->client('mock')->request(POST => $t->path('chat'),
            body => $body, close => 1, headers => { 'X-Mock' => 'size=9000' });
        $t->mock_reset;
        for my $n (1 .. 3) {
            my ($head, $got, $complete, $test) =
                raw($server, $uri, $body, 'size=9000');
            ok $got eq $bare->body && $complete,
                "proxy_cache, $server, stream=$stream, $n: the bytes"
                if $server eq 'http' || $n == 1;
            is $t->logged($test)->{cache}, $n == 1 ? 'MISS' : 'HIT',
                "proxy_cache, $server, stream=$stream, $n: our cache";
        }
        is $t->mock_count, 1, "proxy_cache, $server: asked once";
    }
}
{
    # A stream that was cut is in nobody's cache.
    my $uri  = '/cached' . $t->path('chat');
    my $body = $t->body_of('chat', stream => 1);
    my ($head, $got, $complete) = raw('on', $uri, $body,
        'cut=3,events=20,size=200');
    ok !$complete, 'proxy_cache: a cut stream has no clean end';
    like $got, qr/upstream_cut/, 'proxy_cache: but the error event';
    ($head, $got, $complete) = raw('on', $uri, $body, '');
    like $head, qr/X-Proxy-Cache: MISS/i, 'proxy_cache: it was not stored';
    ok $complete, 'proxy_cache: the next one is whole';
}

done_testing;
