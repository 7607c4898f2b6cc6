# A provider that sends elsewhere: no client is told where, the next rung is
# asked, and at the end it is 502 in the client's protocol.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->allow(qr/llm: attempt \d+ failed/);

# The status is in the path, the body a page or nothing.
$t->upstream(moved => sub {
    my ($c, $head) = @_;
    my ($status) = $head =~ m{^POST /(\d+)};
    if ($status == 0) {
        # What clients of an HTTP/0.9 answer take for its head.
        print $c "\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        return;
    }
    my $body = $status == 307 ? '' : '<html>moved to inner.example</html>';
    print $c "HTTP/1.1 $status Moved\r\n",
        "Location: http://inner.example:8443/secret\r\n",
        "Set-Cookie: portal=1\r\nRefresh: 0; url=/login\r\n",
        "Content-Type: text/html\r\nContent-Length: ", length $body,
        "\r\nConnection: close\r\n\r\n$body";
});
my $key = $t->write_file('key', "sk-ours\n");
chmod 0600, $key;
my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);

my $moved = 'http://127.0.0.1:%%PORT:moved%%';
my $mock  = 'http://127.0.0.1:%%PORT:mock%%';
my $http  = $t->head . <<"END";
    llm_provider away { api openai; url $moved/307/v1; key key;
        models gone shared; weight 65535; }
    llm_provider here { api openai; url $mock/v1; key key;
        models shared other; }
    map \$llm_upstream_model \$at {
        volatile;
        "~^moved-(?<code>\\d+)\$" $moved/\$code\$uri;
        default                 $mock\$uri;
    }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        llm on;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location /plain/ { proxy_pass \$at; }
        location /ladder/ { llm_fallback two; proxy_pass \$at; }
        location /status/ { llm_fallback two on=http_5xx; proxy_pass \$at; }
        location /watched/ { llm observe; proxy_pass \$at; }
        location /paged/ { error_page 502 = \@own; proxy_pass \$at; }
        location /followed/ {
            proxy_intercept_errors on;
            error_page 307 = \@own;
            proxy_pass \$at;
        }
        location \@own { return 418 "the operator's page\\n"; }
        location /provider/ { include %%DIR%%/llm_proxy.conf; }
        location = /metrics { access_log off; llm_metrics; }
    }
END
$t->start($http);

# 502, with nothing of where it was sent.
sub is_kept_back {
    my ($r, $name, $type) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $r->status, 502, "$name: 502";
    my $json = eval { $r->json } // {};
    is $json->{error}{type}, $type // 'server_error',
        "$name: in the protocol";
    is $r->header($_), '', "$name: no $_"
        for qw(location set-cookie refresh);
    unlike $r->body, qr/inner/, "$name: nothing of its page";
    ok $r->complete, "$name: whole";
    return;
}

for my $status (300, 301, 302, 303, 307, 308, 399) {
    my $bad = $t->metric('llm_errors_total', kind => 'upstream_invalid');
    for my $stream (0, 1) {
        my ($r, $log) = $t->ask('chat', '', in => '/plain',
            model => "moved-$status", stream => $stream);
        is_kept_back($r, "$status, stream=$stream");
        is $log->{out}, '', "$status: nobody has made an answer";
    }
    is $t->metric('llm_errors_total', kind => 'upstream_invalid') - $bad, 2,
        "$status: counted";
    my ($r) = $t->ask('messages', '', in => '/plain',
        model => "moved-$status");
    is_kept_back($r, "$status, Anthropic", 'api_error');
    my $log;
    for my $stream (0, 1) {
        ($r, $log) = $t->ask('chat', '', in => '/ladder',
            model => "moved-$status", stream => $stream);
        is $r->status, 200, "$status: the next rung answers";
        is $r->header('location'), '', "$status: nothing of the first";
        is $log->{upstream}, "$status : 200", "$status: \$upstream_status";
    }
    ($r, $log) = $t->ask('chat', '', in => '/status',
        model => "moved-$status");
    is_kept_back($r, "$status, no word for it");
    is $log->{upstream}, $status, "$status: asked once";
    ($r) = $t->ask('chat', '', in => '/paged', model => "moved-$status");
    is $r->body, "the operator's page\n", "$status: error_page of 502";
    ($r) = $t->ask('chat', '', in => '/watched', model => "moved-$status");
    is $r->status, $status, "$status: llm observe changes nothing";
    like $r->header('location'), qr/inner/, "$status: not a header";
}
# nginx takes an interim answer for the answer, and sends what stands behind
# its head as it is: the client reads another head there, of whoever wrote it.
for my $status ('0', 100, 101, 102, 199) {
    for my $stream (0, 1) {
        my $log;
        my ($r) = $t->ask('chat', '', in => '/plain',
            model => "moved-$status", stream => $stream);
        is_kept_back($r, "$status, stream=$stream");
        ($r, $log) = $t->ask('chat', '', in => '/ladder',
            model => "moved-$status", stream => $stream);
        is $r->status, 200, "$status: the next rung answers";
        ($r) = $t->ask('chat', '', in => '/status',
            model => "moved-$status", stream => $stream);
        is_kept_back($r, "$status, stream=$stream, no word for it");
    }
    my ($r) = $t->ask('chat', '', in => '/paged', model => "moved-$status");
    is $r->body, "the operator's page\n", "$status: error_page of 502";
}
SKIP: {
    # What stands behind the answer is no answer to another request.
    my $c = $t->client;
    $c->write(LLM::Http->format_request(POST => '/plain' . $t->path('chat'),
            body => $t->body_of('chat', model => 'moved-103')));
    $c->{timeout} = 3;
    my $end = eval { $c->closed } // 'open';
    skip 'nginx knows 103', 1 unless $c->{in} =~ m{^HTTP/1.1 103};
    is $end, 'closed', '103: the connection ends behind it';
}
{
    my ($r) = $t->ask('chat', '', in => '/followed', model => 'moved-307');
    is $r->body, "the operator's page\n",
        'proxy_intercept_errors: the operator decides';
    ($r) = $t->ask('chat', '', in => '/plain', model => 'moved-304');
    is $r->status, 304, '304 sends nowhere';
}
{
    my ($r, $log) = $t->ask('chat', '', in => '/provider', model => 'shared');
    is $r->status, 200, 'another provider of the model answers';
    is $log->{upstream}, '307 : 200', 'behind the one that sends away';
    for (1 .. 6) {
        ($r) = $t->ask('chat', '', in => '/provider', model => 'gone');
    }
    is $r->status, 503, 'and cools down as one that has failed';
    is $r->json->{error}{code}, 'upstream_cooldown', 'so it is said';
}
$t->finish;
done_testing;
