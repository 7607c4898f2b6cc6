# How long a provider is left alone when it says so, in every form that
# providers have for that: our 503 tells the client. And who opens nothing: a
# client that leaves, a deadline that others have used up, words that one
# client alone has to answer for.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use POSIX qw(strftime);
use Time::HiRes qw(sleep);

my $t = LLM::Edge->new(workers => 2);
$t->mock;
$t->allow(qr/llm: attempt \d+ failed|llm_deadline has passed|llm_first_byte/);
$t->write_file('llm_proxy.conf', slurp(root_dir() . '/conf/llm_proxy.conf')
    =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mgr);

sub rfc3339 {
    my ($seconds, $offset) = @_;
    my ($hours, $sign) = (abs($offset // 0), ($offset // 0) < 0 ? '-' : '+');
    return strftime('%Y-%m-%dT%H:%M:%S', gmtime(time + $seconds
        + 3600 * ($offset // 0)))
        . (defined $offset ? sprintf '%s%02d:00', $sign, $hours : 'Z');
}

# [api, headers of the failure, seconds, its status if not 429]
my @spent   = ('x-ratelimit-remaining-requests: 0');
my @waiting = (
    [openai => sub { 'Retry-After: 40' }, 40],
    [openai => sub { strftime 'Retry-After: %a, %d %b %Y %H:%M:%S GMT',
        gmtime(time + 50) }, 50],
    [openai => sub { 'retry-after-ms: 29500' }, 30],
    [openai => sub { ('retry-after-ms: 60000', 'Retry-After: 5') }, 60],
    [openai => sub { (@spent, 'x-ratelimit-reset-requests: 35s') }, 35],
    [openai => sub { (@spent, 'x-ratelimit-reset-requests: 1m15.5s') }, 76],
    [openai => sub { (@spent, 'x-ratelimit-reset-requests: 31') }, 31],
    [openai => sub { ('x-ratelimit-remaining-requests: 7',
        'x-ratelimit-reset-requests: 5s', 'x-ratelimit-remaining-tokens: 0',
        'x-ratelimit-reset-tokens: 6m0s') }, 360],
    [openai => sub { (@spent, 'x-ratelimit-reset-requests: ' . (time + 45)) },
        45],
    [anthropic => sub { ('anthropic-ratelimit-requests-remaining: 0',
        'anthropic-ratelimit-requests-reset: ' . rfc3339(55)) }, 55],
    [anthropic => sub { ('anthropic-ratelimit-input-tokens-remaining: 0',
        'anthropic-ratelimit-input-tokens-reset: ' . rfc3339(65, 2)) }, 65],
    [anthropic => sub { 'anthropic-ratelimit-unified-reset: ' . (time + 33) },
        33],
    [anthropic => sub { 'retry-after: 70' }, 70],
    [openai => sub { 'Retry-After: 99999999' }, 3600],    # an hour at the most
    [openai => sub { 'Retry-After: 20' }, 20, 500],
    [openai => sub { 'Retry-After: 22' }, 22, 502],
    [openai => sub { 'Retry-After: 23' }, 23, 503],
);
sub status_of { $waiting[$_[0]][3] // 429 }

$t->upstream(busy => sub {
    my ($c, undef, $body) = @_;
    my ($n) = $body =~ /"model":"w(\d+)"/;
    my $text = '{"error":{"message":"slow down","type":"rate_limit_error"}}';
    print $c join "\r\n", 'HTTP/1.1 ' . status_of($n) . ' No',
        $waiting[$n][1]->(), 'Content-Type: application/json',
        'Content-Length: ' . length $text, 'Connection: close', '', $text;
});
# What one request was refused for.
my %refused = (
    xai => [403, '{"code":"The caller does not have permission to execute '
        . 'the specified operation","error":"Content violates usage '
        . 'guidelines. Failed check: SAFETY_CHECK_TYPE_X"}'],
    router => [403, '{"error":{"code":403,"message":"m requires moderation. '
        . 'Your input was flagged for \"x\"."}}'],
    large => [429, '{"error":{"message":"Request too large for m on tokens '
        . 'per min (TPM): Limit 30000, Requested 50000.","type":"tokens",'
        . '"code":"rate_limit_exceeded"}}'],
    spent => [400, '{"type":"error","error":{"type":"invalid_request_error",'
        . '"message":"Your credit balance is too low to access the API."}}'],
    google => [400, '[{"error":{"code":400,"message":"API key not valid. '
        . 'Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]'],
);
# Some send the body a while after the head.
$t->upstream(picky => sub {
    my ($c, undef, $body) = @_;
    my ($late, $name) = $body =~ /"model":"(late_)?(\w+)"/;
    my ($status, $text) = $body =~ /short/ ? (200, '{"choices":[]}')
        : @{ $refused{$name} };
    print $c join "\r\n", "HTTP/1.1 $status X",
        'Content-Type: application/json', 'Content-Length: ' . length $text,
        'Connection: close', '', '';
    sleep 0.05 if $late;
    print $c $text;
});
my $providers = join '', map {
    "    llm_provider p$_ { api $waiting[$_][0]; models w$_;\n"
        . "        url http://127.0.0.1:%%PORT:busy%%; }\n"
} 0 .. $#waiting;
$t->start($t->fill($t->head . $providers . <<'END'));
    llm_cooldown max_fails=2;
    llm_provider slow { api openai; models slow;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    llm_provider stuck { api openai; models stuck;
        url http://127.0.0.1:%%PORT:mock%%/mock/delay=20000/v1; }
    llm_provider late { api openai; models late;
        url http://127.0.0.1:%%PORT:mock%%/mock/delay=1000/v1; }
    llm_provider chatty { api openai; models chatty;
        url http://127.0.0.1:%%PORT:mock%%/mock/gap=50,events=200/v1; }
    llm_provider picky { api openai; models xai router large late_large
        late_router late_xai; url http://127.0.0.1:%%PORT:picky%%/v1; }
    llm_provider spent { api openai; models spent;
        url http://127.0.0.1:%%PORT:picky%%/v1; }
    llm_provider late_spent { api openai; models late_spent;
        url http://127.0.0.1:%%PORT:picky%%/v1; }
    llm_provider google { api openai; models google;
        url http://127.0.0.1:%%PORT:picky%%/v1; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        llm on;
        location / { include %%DIR%%/llm_proxy.conf; }
        location /rest/ {
            llm_fallback late;
            llm_first_byte_timeout 2500ms;
            llm_deadline 3s;
            include %%DIR%%/llm_proxy.conf;
        }
        location /spent/ {
            llm_fallback slow;
            include %%DIR%%/llm_proxy.conf;
        }
        location /cut/ { llm_deadline 700ms; include %%DIR%%/llm_proxy.conf; }
        location = /metrics { llm off; access_log off; llm_metrics; }
    }
END

for my $n (0 .. $#waiting) {
    my ($api, $says, $seconds) = @{ $waiting[$n] };
    my ($name) = join ', ', $says->();
    $api = $api eq 'openai' ? 'chat' : 'messages';
    my ($r, $log) = $t->ask($api => '', model => "w$n");
    my $status = status_of($n);
    is $r->status, $status, "$name: the client is told the $status";
    ($r, $log) = $t->ask($api => '', model => "w$n");
    is $log->{upstream}, '', 'and nobody is asked again';
    is $r->status, 503, 'until then it is 503';
    my $left = $r->header('retry-after');
    ok $left >= $seconds - 3 && $left <= $seconds,
        "for as long as it said: $left of $seconds s";
    is $r->header('x-should-retry'), $seconds > 62 ? 'false' : 'true',
        'no client sleeps for longer than a minute'
        if $seconds < 60 || $seconds > 62;
    my $ms = $r->header('retry-after-ms');
    ok $ms > 1000 * $left - 1000 && $ms <= 1000 * $left, 'and to the ms';
}

# ---- clients that leave -----------------------------------------------------------

for my $i (1 .. 6) {
    my $c = $t->client;
    $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
        model => 'slow', $i % 2 ? (stream => 1) : ()),
        headers => ['X-Mock' => $i % 3 ? 'delay=5000' : 'ttft=5000']);
    ok +(wait_until { $t->mock_count == $i }), 'is asked';
    $i % 2 ? $c->reset : $c->close;
}
ok +(wait_until { 6 == grep { $_->{closed_early} } $t->mock_log }),
    'all have left';
my ($r, $log) = $t->ask(chat => '', model => 'slow');
is $r->status, 200, 'case 56: who leaves is no failure of the provider';

# ---- a deadline that others have used up ------------------------------------------

my @asked = map { [$t->ask(chat => '', in => '/rest', model => 'stuck')] } 1 .. 3;
is $asked[1][1]{upstream}, '504 : 504', 'who is second has the rest of it';
is $asked[2][1]{upstream}, '200', 'and is no failure: the first is';
is $asked[2][0]->status, 200, 'so there is an answer';
@asked = map { [$t->ask(chat => '', in => '/cut', model => 'chatty',
    stream => 1)] } 1 .. 3;
is $asked[2][0]->status, 200, 'an answer that takes longer is no failure';
ok !$asked[2][0]->complete, 'though it is cut';

# ---- what one client has said -----------------------------------------------------

for my $name (map { ($_, "late_$_") } qw(large router xai)) {
    my ($r) = $t->ask(chat => '', model => $name, text => 'bad');
    my ($status, $text) = @{ $refused{ $name =~ s/^late_//r } };
    is $r->status, $status, "$name: refused";
    is $r->body, $text, "$name: in the provider's words";
    ($r) = $t->ask(chat => '', model => $name, text => 'short');
    is $r->status, 200, "$name: the next one is answered";
}

# ---- a 400 that is of the account ---------------------------------------------------

for my $name (qw(spent google)) {
    ($r, $log) = $t->ask(chat => '', in => '/spent', model => $name);
    is $r->status, 200, "41: $name: answered";
    is $log->{upstream}, '400 : 200', "41: $name: by the next rung";
    ($r, $log) = $t->ask(chat => '', model => $name);
    is $log->{upstream}, '', "41: $name: left alone until it is looked after";
    unlike $r->body, qr/credit|key/, "41: $name: no matter of the client's";
}
($r) = $t->ask(chat => '', model => 'late_spent');
is $r->status, 502, '41: a body that comes behind its head is waited for';
unlike $r->body, qr/credit/, '41: so the account stays our own';
($r, $log) = $t->ask(chat => '', model => 'late_spent');
is $log->{upstream}, '', '41: and is left alone';

$t->finish;
done_testing;
