# A model costs what its provider takes for it, whose name stands before the
# model's in LiteLLM's file: also before anybody is asked, for a hit, and for
# the model that savings are counted against.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

sub price { { input_cost_per_token => $_[0], output_cost_per_token => $_[0] } }

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('prices.json', to_json({
    'alone/only'  => price(1e-3),     # this provider's name alone
    'dearer/both' => price(2e-3), both => price(1e-3),
    'rare/both'   => price(9e-3),
    nobodys       => price(1e-3),
}));
my $log = $t->head =~ s/"test":/"cost":"\$llm_cost_usd","saved":"\$llm_saved_usd","left":"\$llm_budget_remaining","test":/r;
$t->start($log . <<'END');
    llm_prices %%DIR%%/prices.json;
    llm_provider alone { api openai; models only;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    llm_provider rare { api openai; models both; weight 1;
        url http://127.0.0.1:%%PORT:mock%%/mock/status=500/v1; }
    llm_provider dearer { api openai; models both; weight 65000;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    llm_provider other { api openai; models nobodys;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        llm on;
        llm_cache edge;
        llm_budget b key=$http_x_key usd=1/day;
        location /v1/ { proxy_pass $llm_provider_url$is_args$args; }
        location /routed/v1/ {
            llm_model nobodys;
            proxy_pass $llm_provider_url$is_args$args;
        }
        location /baseline/v1/ {
            llm_baseline both;
            proxy_pass $llm_provider_url$is_args$args;
        }
        location = /metrics { llm off; llm_metrics; }
    }
END

my $key = 0;
sub ask {
    my ($model, $in) = @_;
    my ($r, $log) = $t->ask('chat', 'prompt=10,completion=10',
        model => $model, max_tokens => 20, in => $in // '',
        headers => ['X-Key' => ++$key]);
    is $r->status, 200, "$model is asked for";
    return $log;
}
sub again { ($t->again)[1] }

for (['only', '0.020000000'], ['both', '0.040000000']) {
    my ($model, $cost) = @$_;
    my $log = ask($model);
    is $log->{cost}, $cost, '  at the price of its provider';
    is 1 - $log->{left}, 0 + $cost, '  which the budget has paid';
    is $log->{saved}, '0.000000000', '  with nothing saved';
    $log = again();
    is $log->{cache}, 'HIT', '  asked again it is a hit';
    is $log->{saved}, $cost, '  and saves just that';
}
# Another model was asked: against the price of the client's at its provider.
is ask('both', '/routed')->{saved}, '0.020000000', 'routing saves';
is ask('only', '/routed')->{saved}, '0.000000000', 'or does not';
is ask('only', '/baseline')->{saved}, '0.020000000', 'against a baseline';
is again()->{saved}, '0.040000000', 'a hit, too';
$t->finish;
done_testing;
