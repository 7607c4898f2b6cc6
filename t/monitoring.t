# conf/monitoring: what finance and operators look at. A Prometheus of the
# machine scrapes an edge that has work; every expression of the dashboard and
# of the alerting rules is asked of it.

use lib 't/lib';
use LLM::Test;

use Digest::SHA qw(sha256_hex);

my $t = LLM::Test->new(workers => 2);
plan(skip_all => 'prometheus is not installed')
    if !$t->has_program('prometheus') || !$t->has_program('promtool');
my $folder    = root_dir . '/conf/monitoring';
my $dashboard = from_json(slurp("$folder/grafana.json"));

# The CA bundle of the machine is not for this test.
my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);
$t->write_file('prices.json' => to_json({ 'gpt-4o' =>
    { input_cost_per_token => 1e-4, output_cost_per_token => 1e-3 } }));
$t->write_file('keys.json' => to_json({ keys => [map +{
    key_sha256 => sha256_hex("sk-$_"), name => $_, tenant => "t-$_",
    budgets => $_ eq 'poor' ? { day => 0.05 } : {},
}, qw(rich poor)] }));

$t->mock;
$t->start(<<'END');
    llm_zone edge:16m;
    llm_keys %%DIR%%/keys.json;
    llm_prices %%DIR%%/prices.json;
    llm_embedder near lexical;
    llm_provider own {
        api openai;
        url http://127.0.0.1:%%PORT:mock%%/v1;
        models gpt-4o;
    }
    llm on;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location /v1/ {
            llm_cache edge;
            llm_semantic near audit=0%;
            include %%DIR%%/llm_proxy.conf;
        }
        location = /metrics { llm off; llm_metrics; }
    }
END
$t->write_file('prometheus.yml' => $t->fill(<<"END"));
global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }
rule_files: ['$folder/rules.yml']
scrape_configs:
  - job_name: edge
    static_configs: [{ targets: ['127.0.0.1:%%PORT:http%%'] }]
END

sub ask {
    my ($key, $text, %more) = @_;
    my $headers = delete $more{headers} // [];
    return $t->post('/v1/chat/completions',
        { model => 'gpt-4o', max_tokens => 10, %more,
            messages => [{ role => 'user', content => $text }] },
        Authorization => "Bearer sk-$key", @$headers)->status;
}

# All that can happen on a day.
sub a_day {
    my ($round) = @_;
    is ask(rich => "How do I reset my password, $round?"), 200, 'a miss';
    is ask(rich => "How do I reset my password, $round?"), 200, 'a hit';
    is ask(rich => "How can I reset my password, $round?"), 200, 'a near one';
    is ask(rich => "Is $round even?", stream => JSON::PP::true()), 200,
        'a stream';
    is ask(rich => "Is it ${round}1?"), 200, 'stored';
    is ask(rich => "Is it ${round}2?"), 200, 'no number for another';
    is ask(rich => "no usage $round", headers => ['X-Mock' => 'usage=none']),
        200, 'usage that is estimated';
    is ask(rich => "fault $round", headers => ['X-Mock' => 'status=400']),
        400, 'an error';
    is ask(nobody => 'Who am I?'), 401, 'an unknown key';
    ask(poor => "more and more, $round, $_") for 1 .. 10;
    is ask(poor => "and more, $round"), 429, 'a budget that is gone';
}

my $data = $t->dir . '/prometheus';
my $server = LLM::Process->start(['prometheus',
    '--config.file=' . $t->dir . '/prometheus.yml',
    "--storage.tsdb.path=$data", '--log.level=error',
    '--web.listen-address=127.0.0.1:' . $t->port('prometheus')],
    $t->dir . '/prometheus.out');

sub query {
    my ($expression) = @_;
    my $form = 'query=' . $expression =~ s/([^\w.])/sprintf '%%%02X', ord $1/ger;
    my $r = eval { $t->client('prometheus')->request(
        POST => '/api/v1/query', body => $form, close => 1, headers =>
        ['Content-Type' => 'application/x-www-form-urlencoded'])->json };
    return $r // { status => 'no answer' };
}

sub value { (query($_[0])->{data}{result}[0] // {})->{value}[1] // 0 }

# Increases are seen from the second scrape on.
a_day(1);
# Its first look at the targets comes after five seconds.
ok((wait_until { value('sum(llm_requests_total)') > 0 } 30), 'it is scraped');
a_day(2);
my $metrics = $t->get('/metrics')->body;
like $metrics, qr/^llm_budget_crossed_total\{.*"hard"/m, 'a budget was crossed';
my $requests = 0;
$requests += $1 while $metrics =~ /^llm_requests_total\{.*\} (\d+)$/mg;
ok((wait_until { value('sum(llm_requests_total)') >= $requests } 30),
    'and scraped again');

# Nothing is audited here.
my %may_be_empty = map { $_ => 1 } 'Audited hits that were wrong';

sub metrics_of {
    my ($expression) = @_;
    $expression =~ s/\bby \([^)]*\)//g;
    return $expression =~ /\b((?:llm|gen_ai)_\w+)/g;
}

my (%named, @panels);
for my $panel (grep { $_->{type} ne 'row' } @{ $dashboard->{panels} }) {
    push @panels, $panel;
    for my $target (@{ $panel->{targets} }) {
        my $expression = $target->{expr};
        $named{$_} = $panel->{title} for metrics_of($expression);
        $expression =~ s/\$__rate_interval/1m/g;
        $expression =~ s/\$__range/5m/g;
        $expression =~ s/\$tenant/.*/g;
        my $r = query($expression);
        is $r->{status}, 'success', "$panel->{title}: an expression"
            or diag $r->{error} // '', "\n$expression";
        my $said = grep { $_->{value}[1] ne 'NaN' } @{ $r->{data}{result} // [] };
        ok $said, "$panel->{title}: says something" or diag $expression
            if !$may_be_empty{ $panel->{title} };
    }
}
cmp_ok scalar @panels, '>=', 20, 'the dashboard has its panels';
is scalar(keys %{ { map { $_->{id} => 1 } @{ $dashboard->{panels} } } }),
    scalar @{ $dashboard->{panels} }, 'each with an id of its own';

my ($status, $said) = $t->command(qw(promtool check rules), "$folder/rules.yml");
is $status, 0, 'promtool takes the rules' or diag $said;
my $rules = $t->client('prometheus')->request(GET => '/api/v1/rules',
    close => 1)->json;
my @rules = map { @{ $_->{rules} } } @{ $rules->{data}{groups} };
cmp_ok scalar @rules, '>=', 10, 'all rules are there';
for my $rule (@rules) {
    is $rule->{health}, 'ok', "$rule->{name} is evaluated"
        or diag $rule->{lastError};
    $named{$_} = $rule->{name} for metrics_of($rule->{query});
}
ok((wait_until {
    my $alerts = $t->client('prometheus')->request(GET => '/api/v1/alerts',
        close => 1)->json->{data}{alerts};
    grep { $_->{labels}{alertname} eq 'LlmBudgetGone'
        && $_->{state} eq 'firing' } @$alerts;
} 30), 'a budget that is gone is an alert');

# README names every metric there is (readme.t); these must be among them.
my $readme = slurp(root_dir . '/README.md');
for my $name (sort keys %named) {
    (my $family = $name) =~ s/_(?:bucket|sum|count)$//;
    ok $readme =~ /^\| `\Q$family\E` \|/m, "$name ($named{$name}) is a metric";
}

$server->stop('TERM', 10);
done_testing;
