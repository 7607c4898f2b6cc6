# What an operator sees: metrics that promtool takes and whose labels are
# closed sets, llm_status, every variable.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 2);
$t->mock;
my @names = qw(api operation stream model upstream_model tenant finish_reason
    overhead ttft cache_status cache_reason cache_key prompt_tokens
    completion_tokens cached_tokens usage_estimated);
my $format = join ',', map { qq("$_":"\$llm_$_") } @names;
$t->start(<<"END");
    llm_zone z:8m;
    llm_metrics_models known served;
    log_format l escape=json '{"test":"\$http_x_test",$format}';
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log l;
        location / { llm on; llm_cache z;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /odd/ { llm on; llm_cache z;
            add_header X-Served \$llm_upstream_model;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/mock/model=a%0d%0aX-Evil:%201/; }
        location = /metrics { llm_metrics; }
        location = /status { llm_status; }
        location = /plain { return 204; }
    }
END

my $n = 0;
my %text = (
    '/v1/chat/completions' => sub {
        { messages => [{ role => 'user', content => $_[0] }] } },
    '/v1/completions' => sub { { prompt => $_[0] } },
    '/v1/embeddings'  => sub { { input => $_[0] } },
    '/v1/responses'   => sub { { input => $_[0],
            store => JSON::PP::false() } },
    '/v1/messages'    => sub { { max_tokens => 50,
            messages => [{ role => 'user', content => $_[0] }] } },
);

sub ask {
    my ($path, $text, %o) = @_;
    my $test = 'test' . ++$n;
    my $r = $t->post(($o{in} // '') . $path, { model => 'known', %{ $text{$path}->($text) },
            %{ $o{body} // {} } }, 'X-Test' => $test,
        %{ $o{headers} // {} });
    my $line = wait_until {
        (grep { /"test":"$test"/ } $t->lines('access.log'))[0];
    } or die "no log line of $test\n";
    return ($r, from_json($line));
}

# ---- variables ------------------------------------------------------------

my %bearer = (headers => { Authorization => 'Bearer key-of-mine' });
my ($r, $v) = ask('/v1/chat/completions', 'first', %bearer);
is $r->status, 200, 'a miss';
is $v->{api}, 'openai', '$llm_api';
is $v->{operation}, 'chat', '$llm_operation';
is $v->{stream}, '0', '$llm_stream';
is $v->{model}, 'known', '$llm_model';
is $v->{upstream_model}, $r->json->{model}, '$llm_upstream_model';
like $v->{tenant}, qr/^\S+$/, '$llm_tenant';
unlike $v->{tenant}, qr/key-of-mine/, 'which is not the key';
is $v->{finish_reason}, $r->json->{choices}[0]{finish_reason},
    '$llm_finish_reason';
like $v->{overhead}, qr/^0\.\d{6}$/, '$llm_overhead';
is $v->{cache_status}, 'MISS', '$llm_cache_status';
is $v->{cache_reason}, 'no_entry', '$llm_cache_reason';
like $v->{cache_key}, qr/^[0-9a-f]{64}$/, '$llm_cache_key';
is $v->{prompt_tokens}, $r->json->{usage}{prompt_tokens},
    '$llm_prompt_tokens';
is $v->{completion_tokens}, $r->json->{usage}{completion_tokens},
    '$llm_completion_tokens';
like $v->{cached_tokens}, qr/^\d+$/, '$llm_cached_tokens';
is $v->{usage_estimated}, '0', '$llm_usage_estimated';

my ($hit, $w) = ask('/v1/chat/completions', 'first', %bearer);
is $w->{cache_status}, 'HIT', 'a hit: $llm_cache_status';
is $w->{cache_key}, $v->{cache_key}, 'the same key';
is $w->{tenant}, $v->{tenant}, 'the same tenant';
is $w->{finish_reason}, $v->{finish_reason}, 'its finish reason';
my (undef, $x) = ask('/v1/chat/completions', 'first',
    headers => { Authorization => 'Bearer another' });
isnt $x->{tenant}, $v->{tenant}, 'another key: another tenant';
isnt $x->{cache_key}, $v->{cache_key}, 'and another cache key';
is $x->{cache_status}, 'MISS', 'and no hit';

my ($s, $y) = ask('/v1/chat/completions', 'streamed',
    body => { stream => JSON::PP::true() },
    headers => { 'X-Mock' => 'ttft=30' });
ok $s->complete, 'a stream';
is $y->{stream}, '1', '$llm_stream of it';
like $y->{ttft}, qr/^\d+\.\d{6}$/, '$llm_ttft of it';
ok $y->{ttft} >= 0.025, 'not before the first token';
is $y->{completion_tokens} > 0, 1, 'its tokens';

my (undef, $m) = ask('/v1/messages', 'to the other family');
is $m->{api}, 'anthropic', '$llm_api of messages';
my (undef, $e) = ask('/v1/chat/completions', 'no usage',
    headers => { 'X-Mock' => 'usage=none' });
is $e->{usage_estimated}, '1', 'estimated where nothing was said';

for my $i (1, 2) {
    my ($odd, $z) = ask('/v1/chat/completions', 'odd', in => '/odd');
    like $odd->json->{model}, qr/\r\n/, "a model's name with a line end, $i";
    is scalar $odd->header_values('x-evil'), 0, 'makes no header';
    is $odd->header('x-served'), 'known', 'the one that was asked for stands';
    is $z->{upstream_model}, 'known', 'in the log too';
    is $z->{cache_status}, $i == 1 ? 'MISS' : 'HIT', 'miss, then hit';
}

$t->get('/plain', 'X-Test' => 'plain');
my $plain = from_json(wait_until {
    (grep { /"test":"plain"/ } $t->lines('access.log'))[0] });
is $plain->{$_}, '', "\$llm_$_ is empty where nothing is ours" for @names;

# ---- metrics --------------------------------------------------------------

ask($_, 'for the metrics') for sort keys %text;
ask($_, 'streamed', body => { stream => JSON::PP::true() })
    for grep { !/embeddings/ } sort keys %text;
ask('/v1/chat/completions', "model $_", body => { model => $_ },
    headers => { 'X-Mock' => 'model=evil-' . $n })
    for "x\"y\\z\n", 'a{b="c"}', map { "client-model-$_" } 1 .. 30;
ask('/v1/chat/completions', 'error', headers => { 'X-Mock' => 'status=500' });
$t->post('/v1/chat/completions', '{"model":');
ask('/v1/chat/completions', 'bypass', headers =>
    { 'Cache-Control' => 'no-cache, client-word-1' });

my $metrics = $t->get('/metrics');
is $metrics->status, 200, 'llm_metrics';
like $metrics->header('content-type'), qr{^text/plain; version=0\.0\.4},
    'in the type that Prometheus asks for';
unlike $metrics->body, qr/client-model|evil|client-word|y\\|a\{b/,
    'no word of a client is a label';
like $metrics->body, qr/gen_ai_request_model="other"/, 'they are other';
like $metrics->body, qr/gen_ai_request_model="known"/, 'but what is named';
for my $line (grep { !/^#/ } split /\n/, $metrics->body) {
    next if $line =~ /^[a-z_]+(?:\{(?:[a-z_]+="[^"\\\n]*",?)+\})? [-+.\de]+$/;
    fail "a strange line: $line";
}
my %values;
my $body = $metrics->body;
while ($body =~ /(\w+)="([^"]*)"/g) {
    $values{$1}{$2}++ if $1 ne 'le';
}
ok keys %{ $values{$_} } <= 40, "label $_ has few values: "
    . keys %{ $values{$_} } for sort keys %values;
is $t->post('/metrics', '')->status, 405, 'GET and HEAD alone';
my $head = $t->request(HEAD => '/metrics');
is $head->status, 200, 'HEAD';
is $head->body, '', 'without a body';

SKIP: {
    skip 'promtool is not installed', 2 unless $t->has_program('promtool');
    my $file = $t->write_file('metrics.txt', $metrics->body);
    my ($status, $said) = $t->command('sh', '-c',
        'promtool check metrics < "$1"', 'sh', $file);
    is $status, 0, 'promtool takes the metrics';
    is $said, '', 'and has nothing to say';
}

# ---- status ---------------------------------------------------------------

my $status = $t->get('/status');
is $status->status, 200, 'llm_status';
is $status->header('content-type'), 'application/json', 'as JSON';
my $told = $status->json;
like $told->{version}, qr/^\d+\.\d+/, 'its version';
like $told->{nginx}, qr/^1\.\d+\.\d+$/, 'that of nginx';
ok((grep { $_ == $told->{pid} } $t->worker_pids), 'which worker answers');
is_deeply $told->{zone}, { name => 'z', bytes => 8 * 1024 * 1024 }, 'its zone';
my $families = $told->{metrics};
for my $name (qw(llm_requests_total llm_cache_requests_total
        llm_cache_entries llm_cache_bytes llm_cache_capacity_bytes
        llm_cache_evictions_total llm_cache_recovered_total
        gen_ai_client_token_usage)) {
    ok $families->{$name}, "it holds $name";
}
my %sum = (status => 0, metrics => 0);
$sum{status} += $_->{value} for @{ $families->{llm_requests_total}{series} };
$sum{metrics} += $_
    for $metrics->body =~ /^llm_requests_total\{[^}]*\} (\d+)$/mg;
is $sum{status}, $sum{metrics}, 'both tell the same';

done_testing;
