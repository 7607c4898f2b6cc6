# What may choose: the state of a budget a model, the task a threshold of the
# semantic cache, the protocol a ladder; and patience: a first token after 20
# seconds by conf/llm_proxy.conf as it ships.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('llm_proxy.conf', slurp(root_dir() . '/conf/llm_proxy.conf')
    =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mgr);
# A word of output is a tenth of a cent, of "small" a thousandth of that.
$t->write_file('prices.json' => to_json({
    m     => { input_cost_per_token => 0, output_cost_per_token => 1e-3 },
    small => { input_cost_per_token => 0, output_cost_per_token => 1e-6 },
}));
$t->start($t->fill(($t->head =~ s/"test":/"state":"\$llm_budget_state","task":"\$llm_task","test":/r)
    . <<'END' . $t->server('llm on;', more => <<'MORE')));
    llm_prices prices.json;
    llm_embedder near lexical;
    llm_provider slow { api openai; url http://127.0.0.1:%%PORT:mock%%/v1;
        models slow; }
    llm_provider o { api openai; url http://127.0.0.1:%%PORT:mock%%/mock/status=500/v1;
        models first; }
    llm_provider o2 { api openai; url http://127.0.0.1:%%PORT:mock%%/v1;
        models gpt-second; }
    llm_provider a { api anthropic; url http://127.0.0.1:%%PORT:mock%%/mock/status=529/v1;
        models first; }
    llm_provider a2 { api anthropic; url http://127.0.0.1:%%PORT:mock%%/v1;
        models claude-second; }
    map $llm_budget_state $by_budget { volatile; ok m; default small; }
    map $llm_task $by_task { volatile; translation 0.9999; default 0.8; }
    map $llm_api $next { volatile; openai gpt-second; anthropic claude-second; }
END
        location /budget/ {
            llm on;
            llm_budget team key=team usd=0.1/day soft=50%;
            llm_model $by_budget;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /task/ {
            llm on;
            llm_cache edge;
            llm_semantic near threshold=$by_task precision=0.5;
            llm_semantic_guard off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /both/ {
            llm on;
            llm_fallback $next;
            include %%DIR%%/llm_proxy.conf;
        }
        location /slow/ {
            llm on;
            llm_first_byte_timeout 30s;
            include %%DIR%%/llm_proxy.conf;
        }
MORE

# On its way while all else is tried.
my $patient = $t->client(undef, timeout => 30);
$patient->send(POST => '/slow' . $t->path('chat'),
    body => $t->body_of('chat', model => 'slow', stream => 1),
    headers => ['X-Mock' => 'ttft=20500']);

# ---- a budget -------------------------------------------------------------------

{
    my @models;
    for (1 .. 4) {
        my ($r, $log) = $t->ask(chat => 'prompt=10,completion=30',
            in => '/budget', max_tokens => 30);
        is $r->status, 200, 'within the budget';
        push @models, from_json(($t->mock_log)[-1]{body})->{model};
    }
    is join(' ', @models), 'm m small small',
        'beyond the soft line the map of its state says who is asked';
}

# ---- a task ---------------------------------------------------------------------

sub found {
    my (@texts) = @_;
    my ($log, @said);
    for my $text (@texts) {
        (undef, $log) = $t->ask(chat => '', in => '/task', text => $text,
            model => 'm');
        push @said, $log->{cache};
    }
    return "$log->{task}: @said";
}
is found('How do I reset my password?', 'How can I reset my password?'),
    'qa: MISS SEMANTIC', 'a question is answered by a near one';
is found('Translate to German: how do I reset my password?',
    'Translate to German: how can I reset my password?'),
    'translation: MISS MISS', 'of a translation that is too far';

# ---- a protocol -------------------------------------------------------------------

for my $case ([chat => 'gpt-second'], [responses => 'gpt-second'],
    [messages => 'claude-second']) {
    my ($api, $second) = @$case;
    my ($r, $log) = $t->ask($api => '', in => '/both', model => 'first');
    is "$log->{status} $log->{served}", "200 $second",
        "$api: each protocol has rungs of its own";
}

# ---- the provider's own cache -------------------------------------------------------

{
    my @cached = (gen_ai_token_type => 'cached_input');
    my $before = $t->metric('gen_ai_client_token_usage_sum', @cached);
    $t->ask(chat => 'prompt=30,completion=2,cached=5', model => 'm');
    is $t->metric('gen_ai_client_token_usage_sum', @cached) - $before, 5,
        'tokens that came out of it are a metric';
}

# ---- patience -----------------------------------------------------------------------

{
    my $r = $patient->head;
    is $r->status, 200, 'a first token after 20 s';
    $patient->finish($r);
    ok $r->complete, 'and a whole answer';
    cmp_ok +($r->pieces)[0][0], '>', 20, 'which has been waited for';
}

$t->finish;
done_testing;
