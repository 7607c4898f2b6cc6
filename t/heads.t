# Heads that wait for their body or leave in another's place, beside nginx's
# own: add_header, proxy_cache, X-Accel-Limit-Rate, proxy_cache_lock, handlers
# that answer at once.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Time::HiRes qw(sleep time);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

my $page  = '<html><title>Sign in</title>';
my $error = '{"error":{"message":"Overloaded"}}';
# name => [status, type, more head, body, bytes that its head promises more]
my %case = (
    page   => [200, 'text/html', '', $page, 0],
    torn   => [200, 'text/html', '', $page, 50],
    moved  => [307, 'text/html', "Location: http://inner.example/\r\n", $page, 0],
    blanks => [200, 'text/html', '', " \r\n\t ", 50],
    silent => [200, 'text/html', '', "\n", 50],
    begun  => [200, 'text/html', '', ' {"id":', 50],
    empty  => [204, 'text/html', '', '', 0],
    slowed => [500, 'application/json', "X-Accel-Limit-Rate: 50\r\n", $error, 0],
);
$t->upstream(odd => sub {
    my ($c, $head) = @_;
    my ($name) = $head =~ m{^POST /odd/(\w+)/};
    my ($status, $type, $more, $body, $missing) = @{ $case{$name} };
    $more .= 'Content-Length: ' . (length($body) + $missing) . "\r\n"
        unless $status == 204;
    print $c "HTTP/1.1 $status Odd\r\nContent-Type: $type\r\n",
        "X-Theirs: 1\r\n${more}Connection: close\r\n\r\n";
    sleep 0.02;
    print $c $body;
    sleep($name eq 'silent' ? 3 : 0.05);
});

my $map = <<'END';
    map $llm_upstream_model $at {
        volatile;
        "~^(?<knobs>.*)!(?<more>.*)$" http://127.0.0.1:%%PORT:mock%%/mock/$more$uri;
        "~^odd-(?<case>\w+)$"  http://127.0.0.1:%%PORT:odd%%/odd/$case$uri;
        default  http://127.0.0.1:%%PORT:mock%%$uri;
    }
    proxy_cache_path %%DIR%%/kept keys_zone=kept:1m;
END
sub location {
    my ($name, $lines) = @_;
    return "location /$name/ { llm on; $lines proxy_pass \$at; }\n";
}
my $headers = 'add_header X-Good 1; add_header X-Always 1 always;';
my $cache   = 'proxy_cache kept; proxy_cache_methods POST;
    proxy_cache_valid 200 307 1m; proxy_cache_key $http_x_key;
    add_header X-Cached $upstream_cache_status always;';
my $lock = "$cache proxy_cache_lock on; proxy_cache_lock_timeout 700ms;";
my $more = join '', location(plain => $headers),
    location(direct => "$headers proxy_buffering off;"),
    location(timed => "$headers proxy_read_timeout 400ms;"),
    location(ladder => 'llm_fallback two;'),
    location(cached => $cache), location(locked => $lock),
    location(deadline => "$lock llm_deadline 300ms;"),
    location(first => "$lock llm_first_byte_timeout 300ms; llm_fallback two;"),
    location(stored => 'proxy_store %%DIR%%/stored.txt;
        llm_limit some key=$remote_addr tokens=300/h ceiling=100;'),
    'location /purge/ { llm on; llm_deadline 5s; llm_purge; }';
$t->start($t->head . $map . $t->server('llm on;', h2 => 'h2', more => $more));

# ---- in the place of what is no answer ---------------------------------------

my %says = (page => qr/HTML/, torn => qr/HTML/, moved => qr/elsewhere/,
    blanks => qr/no valid/);
for my $in ('plain', 'direct') {
    for my $name (sort keys %says) {
        my ($r, $log) = $t->ask('chat', '', in => "/$in",
            model => "odd-$name");
        is $r->status, 502, "$in, $name: 502";
        is $log->{status}, 502, "$in, $name: logged as that";
        ok $r->complete, "$in, $name: whole";
        my $json = eval { $r->json } // {};
        like $json->{error}{message} // '', $says{$name},
            "$in, $name: in the protocol";
        is $r->header('x-always'), '1', "$in, $name: add_header always";
        is $r->header('x-good'), '', "$in, $name: add_header of answers";
        is $r->header('x-theirs'), '', "$in, $name: nothing of theirs";
    }
    my ($r) = $t->ask('chat', '', in => "/$in", model => 'odd-begun');
    is $r->status, 200, "$in: what has begun to answer";
    ok !$r->complete, "$in: and broke off";
}
{
    my ($r, $log) = $t->ask('chat', '', in => '/timed', model => 'odd-silent');
    is $r->status, 504, 'silent behind blanks: 504';
    ok $r->complete, 'silent behind blanks: whole';
    my $json = eval { $r->json } // {};
    like $json->{error}{message} // '', qr/in time/,
        'silent behind blanks: in the protocol';
}
SKIP: {
    skip 'no curl', 12 unless $t->has_program('curl');
    for my $in ('plain', 'direct') {
        for my $name (sort keys %says) {
            my $r = $t->h2(POST => "/$in" . $t->path('chat'), port => 'h2',
                body => $t->body_of('chat', model => "odd-$name"));
            is $r->status, 502, "HTTP/2: $in, $name: 502";
            ok $r->complete, "HTTP/2: $in, $name: whole";
        }
    }
}
for my $in ('plain', 'direct') {
    my $c = $t->client;
    for my $model ('odd-empty', 'odd-page', 'two') {
        $c->send(POST => "/$in" . $t->path('chat'),
            body => $t->body_of('chat', model => $model));
        my $r = $c->head;
        $c->finish($r);
        is $r->status, { 'odd-empty' => 204, 'odd-page' => 502, two => 200 }
            ->{$model}, "$in: $model on one connection";
    }
}
for my $name ('page', 'moved') {
    my @key = (headers => ['X-Key' => $name], in => '/cached');
    my ($r) = $t->ask('chat', '', @key, model => "odd-$name");
    is $r->status, 502, "proxy_cache, $name: 502";
    is $r->header('x-cached'), 'MISS', "proxy_cache, $name: a miss";
    ($r) = $t->ask('chat', '', @key, model => 'two');
    is $r->status, 200, "proxy_cache, $name: is not kept";
    ($r) = $t->ask('chat', '', @key, model => 'two');
    is $r->header('x-cached'), 'HIT', "proxy_cache, $name: the answer is";
}

{
    # The copy for a file is read on to its end, or is none.
    my ($r) = $t->ask('chat', '', in => '/stored', stream => 1,
        model => 'one!endless,gap=1', max_tokens => 50);
    is $r->status, 200, 'proxy_store: a stream';
    like $r->body, qr/"finish_reason":"length"/, 'proxy_store: is cut by us';
    ok !-e "$t->{dir}/stored.txt", 'proxy_store: the half of it is not kept';
}

# ---- what an attempt leaves behind ---------------------------------------------

for my $stream (0, 1) {
    my $start = time;
    my ($r) = $t->ask('chat', '', in => '/ladder', model => 'odd-slowed',
        stream => $stream);
    is $r->status, 200, "X-Accel-Limit-Rate, stream=$stream: the next rung";
    cmp_ok time - $start, '<', 3,
        "X-Accel-Limit-Rate, stream=$stream: was the first one's";
}

# ---- clocks of who waits for proxy_cache_lock ----------------------------------

sub behind_another {
    my ($in, $knobs) = @_;
    $t->mock_reset;
    my @key   = (headers => { 'X-Key' => $in });
    my $first = $t->client;
    $first->send(POST => '/locked' . $t->path('chat'), @key,
        body => $t->body_of('chat', model => 'one!delay=3000'));
    wait_until { $t->mock_count == 1 };
    my $start = time;
    my $c     = $t->client;
    $c->send(POST => "/$in" . $t->path('chat'), @key,
        body => $t->body_of('chat', model => "one!$knobs"));
    my $r = $c->head;
    $c->finish($r);
    $first->reset;
    return ($r, time - $start);
}
{
    my ($r, $took) = behind_another(deadline => 'delay=2500');
    is $r->status, 504, 'llm_deadline holds behind proxy_cache_lock';
    cmp_ok $took, '<', 2, 'llm_deadline: soon after the lock';
    ($r, $took) = behind_another(first => 'delay=2500');
    is $r->status, 200, 'llm_first_byte_timeout holds behind it, too';
    like $r->body, qr/"model":"two"/, 'llm_first_byte_timeout: the next rung';
    cmp_ok $took, '<', 3, 'llm_first_byte_timeout: soon after the lock';
    ($r, $took) = behind_another(first => 'delay=100');
    like $r->body, qr/"model":"one/, 'and counts from where it is asked';
}

# ---- a handler that answers at once --------------------------------------------

{
    my ($answer) = eval { $t->request(POST => '/purge' . $t->path('chat'),
        body => $t->body_of('chat')) };
    ok $answer && $answer->complete, 'what is no proxy_pass ends at once';
}
$t->finish;
done_testing;
