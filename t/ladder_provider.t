# The ladder over providers: a model on several of them, cooldown, what a
# provider asks for, prompts that are too long; and what a budget says to the
# next rung. The mock's log says who was asked.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
my $key = $t->write_file('key', "sk-ours\n");
chmod 0600, $key;

my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);
$t->write_file('prices.json', to_json({
    map { ($_ => { input_cost_per_token => 1e-6, output_cost_per_token =>
        { tin => 1e-6, gold => 1e-2, platinum => 5,
            ever => 1e-2 }->{$_}, max_tokens => 1000,
        litellm_provider => 'openai', mode => 'chat' }) } qw(tin gold platinum ever)
}));

# Each test has providers and models of its own: what one has taught the
# cooldown is nothing to the others.
my $mock = 'http://127.0.0.1:%%PORT:mock%%';
my $providers = '';

sub provider {
    my ($name, $knobs, $models, $more) = @_;
    my $path = length $knobs ? "/mock/$knobs/v1" : '/v1';
    $providers .= "    llm_provider $name { api openai; url $mock$path; "
        . "key key; models $models; @{[$more // '']} }\n";
    return;
}

provider('denied',  'status=401',               'auth', 'weight 1000;');
provider('granted', '',                         'auth backup');
provider('refused', 'status=401',               'first second');
provider('busy',    'status=429,retry_after=2', 'storm');
provider('busy_ms', 'status=429,retry_after_ms=1500', 'storm_ms', 'weight 1;');
provider('small',   'status=400,code=context_length_exceeded', 'short',
    'max_context 8000;');
provider('little',  '', 'shorter', 'max_context 4000;');
provider('large',   '', 'long',    'max_context 200000;');
provider('few',  'status=400,code=context_length_exceeded', 'twin',
    'max_context 8000; weight 1000;');
provider('many', '', 'twin', 'max_context 200000;');
provider('out',  'status=429,retry_after=60', 'rich', 'max_context 200000;');
provider('filter',  'status=400,code=content_filter', 'filtered');
provider('broken',  'status=500', 'broken');
provider('ill',     'status=500', 'pair', 'weight 1000;');
provider('well',    '',           'pair');
provider('half',    'cut=2,events=20,size=200', 'half');
provider('metal',   'status=500', 'tin0 tin');
provider('plain',   '', 'gold platinum');
provider('endless', 'endless,gap=1', 'ever');
my $alone = 'api openai; url http://127.0.0.1:%%PORT:nobody%%/v1; models flap;';
$providers .= "    llm_provider flapping { $alone }\n";

my $conf = ($t->head =~ s/"upstream":/"provider":"\$llm_provider","upstream":/r)
    . $providers . <<'END';
    llm_prices %%DIR%%/prices.json;
    proxy_cache_path %%DIR%%/kept keys_zone=kept:1m;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        include %%DIR%%/llm_proxy.conf;
        llm on;
        location / { llm_fallback backup; include %%DIR%%/llm_proxy.conf; }
        location /same/ { llm_fallback second; include %%DIR%%/llm_proxy.conf; }
        location /alone/ { include %%DIR%%/llm_proxy.conf; }
        location /one/ { llm_fallback on=off; include %%DIR%%/llm_proxy.conf; }
        location /long/ {
            llm_fallback shorter long backup;
            include %%DIR%%/llm_proxy.conf;
        }
        location /rich/ {
            llm_fallback rich shorter;
            include %%DIR%%/llm_proxy.conf;
        }
        location /paid/ {
            llm_fallback $arg_to;
            llm_budget team key=$http_x_team usd=1/day;
            include %%DIR%%/llm_proxy.conf;
        }
        location /paid_page/ {
            llm_fallback $arg_to;
            llm_budget team key=$http_x_team usd=1/day;
            error_page 429 /own.txt;
            include %%DIR%%/llm_proxy.conf;
        }
        location = /own.txt { return 429 "the operator's page\n"; }
        location /paid_buffered/ {
            llm_budget team key=$http_x_team usd=1/day;
            include %%DIR%%/llm_proxy.conf;
            proxy_cache_methods POST;
            proxy_cache kept;
            proxy_cache_valid 200 1m;
            proxy_cache_key $http_x_test;
        }
        location = /metrics { llm off; access_log off; llm_metrics; }
    }
END
$conf =~ s/^        include .*llm_proxy.conf;\n        llm on;/        llm on;/m;
$t->start($conf);

my @STREAM = (stream => 1);

sub paths {
    return map { $_->{path} =~ m{^(?:/mock/([^/]+))?/v1} ? $1 // 'plain' : '?' }
        $t->mock_log;
}

# ---- on= without models -----------------------------------------------------

for my $case (['/one', 500, 'status=500'],
    ['/alone', 200, 'status=500 plain']) {
    my ($path, $status, $asked) = @$case;
    $t->mock_reset;
    my ($r) = $t->ask('chat', '', model => 'pair', in => $path);
    is $r->status, $status, "$path: one provider fails, another would not";
    is join(' ', paths()), $asked, "$path: who was asked";
}

# ---- 401 on one of two ------------------------------------------------------

for my $form ('JSON', 'stream') {
    my @form = $form eq 'stream' ? @STREAM : ();
    $t->mock_reset;
    my ($r, $log) = $t->ask('chat', '', @form, model => 'auth');
    is $r->status, 200, "case 41: $form: 401 on one of two";
    is $log->{provider}, 'granted', "case 41: $form: the other one answers";
    is $log->{reason}, 'off', "case 41: $form: the same model";
    my @asked = paths();
    is $asked[-1], 'plain', "case 41: $form: the last that was asked";
    cmp_ok scalar(@asked), '<=', 2, "case 41: $form: once each";
}
{
    $t->mock_reset;
    my ($r) = $t->ask('chat', '', model => 'auth') for 1 .. 5;
    is join(' ', paths()), join(' ', ('plain') x 5),
        'case 41: the whole provider is left alone at once';
    is $t->metric('llm_provider_cooldowns_total', provider => 'denied',
        change => 'opened'), 1, 'case 41: counted';
}

{
    # Nobody is left for the second model: it is at the same provider.
    my ($r) = $t->ask('chat', '', in => '/same', model => 'first');
    is $r->status, 502, 'case 41: of our account the client learns nothing';
    unlike $r->body, qr/mock/i, 'case 41: nor what the provider said of it';
}

# ---- 429 --------------------------------------------------------------------

{
    $t->mock_reset;
    my ($r, $log) = $t->ask('chat', '', model => 'storm');
    is $log->{served}, 'backup', 'case 42: 429: the next rung';
    for (1 .. 20) {
        ($r, $log) = $t->ask('chat', '', model => 'storm');
        is $r->status, 200, 'case 42: in the storm';
    }
    is scalar(grep { /429/ } paths()), 1,
        'case 42: the busy one is not hammered, by no worker';
    is scalar(paths()), 22, 'case 42: the backup has all the rest';

    # Nobody else has it: told at once, with the provider's own wait.
    $t->mock_reset;
    ($r, $log) = $t->ask('chat', '', model => 'storm', in => '/alone');
    is $r->status, 503, 'case 47: all that have the model are in cooldown';
    is $r->json->{error}{code}, 'upstream_cooldown', 'case 47: says so';
    like $r->header('retry-after'), qr/^[12]$/, 'case 47: says when';
    is $t->mock_count, 0, 'case 47: nobody was asked';
    ok wait_until {
        ($r) = $t->ask('chat', '', model => 'storm', in => '/alone');
        $r->status == 429;
    }, 'Retry-After is over: the provider is asked again';
    cmp_ok scalar(paths()), '<=', 2, 'by one probe';

    $t->mock_reset;
    for (1 .. 5) {
        ($r, $log) = $t->ask('chat', '', model => 'storm_ms');
        is $log->{served}, 'backup', 'retry-after-ms: honoured';
    }
    is scalar(grep { /429/ } paths()), 1, 'retry-after-ms: one was enough';
}

# ---- what is wrong with the request -----------------------------------------

{
    $t->mock_reset;
    my ($r, $log) = $t->ask('chat', '', model => 'short', in => '/long');
    is $r->status, 200, 'context too long: answered';
    is $log->{served}, 'long', 'by the rung with a larger context';
    is join(' ', paths()),
        'status=400,code=context_length_exceeded plain',
        'and nobody smaller was asked';
    ($r, $log) = $t->ask('chat', '', model => 'short');
    is $r->status, 400, 'context too long, and nobody larger';
    is $r->json->{error}{code}, 'context_length_exceeded', 'is told as it is';
    $t->mock_reset;
    ($r, $log) = $t->ask('chat', '', model => 'twin', in => '/one');
    is "@{[paths()]}", 'status=400,code=context_length_exceeded plain',
        'context too long: a larger provider of the same model, on= or not';
    is $log->{provider}, 'many', 'answers';
    for my $asked ('429', 'in cooldown') {
        $t->mock_reset;
        ($r, $log) = $t->ask('chat', '', model => 'short', in => '/rich');
        unlike "@{[paths()]}", qr/plain/,
            "the larger one is $asked: nobody smaller is asked";
        is $r->status, $asked eq '429' ? 429 : 400, 'and the client is told';
    }
    $t->mock_reset;
    ($r, $log) = $t->ask('chat', '', model => 'filtered');
    is $r->status, 400, 'content filter: told as it is';
    is $t->mock_count, 1, 'content filter: not tried elsewhere';
    ($r) = $t->ask('chat', '', model => 'nobodys');
    is $r->status, 404, 'a model that nobody has';
    is $r->json->{error}{code}, 'model_not_found', 'is told in JSON';
}

# ---- flapping ---------------------------------------------------------------

{
    for (1 .. 8) {
        my ($r, $log) = $t->ask('chat', '', model => 'broken');
        is $log->{served}, 'backup', 'a broken one is left for the next';
    }
    $t->mock_reset;
    my ($r) = $t->ask('chat', '', model => 'broken');
    is join(' ', paths()), 'plain', 'after some failures it is not asked';
    for (1 .. 5) {
        ($r) = $t->ask('chat', '', @STREAM, model => 'half', in => '/alone');
        ok !$r->complete, 'streams that are cut';
    }
    ($r) = $t->ask('chat', '', @STREAM, model => 'half', in => '/alone');
    is $r->status, 503, 'count as failures too';
}

# ---- budgets ----------------------------------------------------------------

{
    my %team = (in => '/paid', headers => ['X-Team' => 'a'],
        max_tokens => 1000, model => 'tin');
    $t->mock_reset;
    my ($r, $log) = $t->ask('chat', '', %team, args => 'to=platinum');
    is $t->mock_count, 1, 'a rung that the budget cannot pay is not asked';
    is $r->status, 429, 'the request is refused';
    ok length $r->json->{error}{message}, 'in the client\'s protocol';
    is "$log->{in}$log->{out}", '', 'and costs nothing';
    is $log->{upstream}, '500', 'after one attempt';

    $t->mock_reset;
    ($r, $log) = $t->ask('chat', '', %team, args => 'to=gold');
    is $log->{served}, 'gold', 'one that it can pay is';
    my @limits = map { from_json($_->{body})->{max_tokens} } $t->mock_log;
    is $limits[0], 1000, 'tin may write what it wants';
    cmp_ok $limits[1], '<', 101, 'gold what the budget has left: ' . $limits[1];
    cmp_ok $limits[1], '>', 80, 'with nothing held for the first attempt';
}
{
    my $c = $t->client;
    my @ask = (POST => '/paid_page' . $t->path('chat') . '?to=platinum',
        headers => ['X-Team' => 'page'], body => $t->body_of('chat',
            model => 'tin', max_tokens => 1000));
    for my $time (1, 2) {
        my $r = $c->request(@ask);
        is $r->body, "the operator's page\n",
            'error_page for a rung that the budget cannot pay';
    }
    is $t->metric('llm_reservations'), 0, 'nothing is held any more';
}
for my $in ('paid', 'paid_buffered') {
    for my $api (qw(chat)) {
        # A provider that does not keep to the limit it was told.
        $t->mock_reset;
        my $c = $t->client;
        $c->send(POST => "/$in" . $t->path($api),
            body => $t->body_of($api, @STREAM, model => 'ever'),
            headers => { 'X-Team' => "b$in", 'X-Test' => "cut $in" });
        my $r = $c->head;
        $c->finish($r);
        ok $r->complete, "$in: a stream is ended at the money's end";
        my @events = $r->events;
        is $events[-1]{data}, '[DONE]', "$in: by the protocol's own words";
        my @reasons = grep { defined } map {
            my $e = eval { from_json($_->{data}) };
            $e ? $e->{choices}[0]{finish_reason} : undef
        } @events;
        is join(' ', @reasons), 'length', "$in: and says why";
        my $log = $t->logged("cut $in");
        cmp_ok $log->{out}, '<', 400, "$in: what was generated is billed";
        ok wait_until {
            my ($saw) = $t->mock_log;
            $saw->{closed_early};
        }, "$in: the upstream is let go";
        my $again = $c->request(POST => "/$in" . $t->path($api),
            body => $t->body_of($api, model => 'auth'),
            headers => { 'X-Team' => "other$in" });
        ok $again->status > 0, "$in: the client's connection stays";
    }
}
$t->finish;
done_testing;
