# What is held is held for the model that is asked, also where the first
# attempt is not the first rung because that one is in cooldown.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('prices.json', to_json({
    cheap => { input_cost_per_token => 1e-9, output_cost_per_token => 1e-9 },
    dear  => { input_cost_per_token => 1e-5, output_cost_per_token => 1e-5 },
}));
$t->start($t->head . <<'END');
    llm_prices %%DIR%%/prices.json;
    llm_provider first { api openai; models cheap;
        url http://127.0.0.1:%%PORT:mock%%/mock/status=401/v1; }
    llm_provider second { api openai; models dear;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        location /v1/ {
            llm on;
            llm_fallback dear;
            llm_budget b key=$http_x_key usd=0.001/day;
            proxy_pass $llm_provider_url$is_args$args;
        }
        location /smaller/v1/ {
            llm on;
            llm_fallback dear;
            llm_budget smaller key=$http_x_key usd=0.001/day
                exceed=model:cheap;
            proxy_pass $llm_provider_url$is_args$args;
        }
        location = /metrics { llm_metrics; }
    }
END

sub ask {
    my ($key, %more) = @_;
    return $t->ask('chat', '', headers => ['X-Key' => $key], model => 'cheap',
        %more);
}

# Opens the cooldown, and shows what the ladder does: 100 tokens of the dear
# model are all that the budget has.
for my $state ('fails', 'is left alone') {
    $t->mock_reset;
    my ($r, $log) = ask("a $state");
    is $r->status, 200, "the first $state: the dear model answers";
    is $log->{served}, 'dear', 'truthfully';
    my $asked = from_json(($t->mock_log)[-1]{body});
    cmp_ok $asked->{max_tokens} // 0, '>', 0, 'with a maximum';
    cmp_ok $asked->{max_tokens} // 1e9, '<=', 100, 'that the budget can pay';
    ($r) = ask("b $state", max_tokens => 5000, n => 200);
    is $r->status, 429, 'what it cannot pay is refused';
}
# The ladder has chosen the model: the budget's own smaller one, which may be
# the one that has failed, is not asked in its place.
$t->mock_reset;
my ($r) = ask('c', in => '/smaller', max_tokens => 5000, n => 200);
is $r->status, 429, 'a budget that names a smaller model refuses a rung';
is scalar(grep { from_json($_->{body})->{model} eq 'dear' } $t->mock_log), 0,
    'which is not asked';
($r, my $log) = ask('c', in => '/smaller');
is $r->status, 200, 'and goes where it can be paid';
is $log->{served}, 'dear', 'to the model of the ladder';
is $t->metric('llm_reservations'), 0, 'nothing is held in the end';
$t->finish;
done_testing;
