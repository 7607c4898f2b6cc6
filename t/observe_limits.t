# llm observe beside limits: what only watches neither refuses nor falls,
# whatever the ledger, the prices and the cache have to say.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

# ---- a known body whose model has dear cache writes -------------------------

{
    my $t = LLM::Edge->new(workers => 1);
    $t->mock;
    $t->write_file('prices.json', to_json({ m => {
        input_cost_per_token => 1e-6, output_cost_per_token => 2e-6,
        cache_creation_input_token_cost => 1.25e-6,
        cache_read_input_token_cost => 1e-7 } }));
    $t->start($t->head . 'llm_prices %%DIR%%/prices.json;'
        . $t->server('llm observe; llm_cache edge; '
            . 'llm_budget b key=$http_x_k usd=1/day;'));
    my ($before) = $t->worker_pids;
    my @key = (headers => ['X-K' => 'a']);
    $t->ask('chat', '', @key);
    for my $time (2 .. 5) {
        my ($r) = $t->send_body('chat', $t->{last}[1], '', @key);
        is $r->status, 200, "the same body, time $time";
    }
    my ($after) = $t->worker_pids;
    is $after, $before, 'one worker has answered them all';
    $t->finish;
}

# ---- what would have been saved ----------------------------------------------

{
    my $t = LLM::Edge->new(workers => 1);
    $t->mock;
    $t->write_file('prices.json', to_json({
        m     => { input_cost_per_token => 1e-5, output_cost_per_token => 1e-5 },
        small => { input_cost_per_token => 1e-6, output_cost_per_token => 1e-6 },
    }));
    my $fields = '"cost":"$llm_cost_usd","saved":"$llm_saved_usd",';
    $t->start(($t->head =~ s/"test":/$fields"test":/r)
        . 'llm_prices %%DIR%%/prices.json;'
        . $t->server('llm observe; llm_cache edge; llm_model small;'));
    my $told = sub {
        my (undef, $log) = @_;
        return "$log->{cache} $log->{cost} $log->{saved}";
    };
    my $knobs = 'prompt=900,completion=100';
    is $told->($t->ask('chat', $knobs)), 'MISS 0.010000000 0.009000000',
        'by the small model, that was not asked';
    is $told->($t->send_body('chat', $t->{last}[1], $knobs)),
        'HIT 0.010000000 0.010000000', 'all of it by a hit that was none';
    is $t->metric('llm_observed_saved_usd_total', kind => 'route'), 0.009,
        'counted by route';
    is $t->metric('llm_observed_saved_usd_total', kind => 'hit'), 0.01,
        'and by hit';
    is $t->metric('llm_observed_saved_tokens_total', type => 'input'), 900,
        'and in tokens';
    is $t->metric('llm_cost_usd_total'), 0.02, 'while both have been paid';
    is $t->metric("llm_saved_${_}_total"), 0, "no $_ are saved"
        for qw(usd tokens);
    $t->finish;
}

# ---- a ledger without room --------------------------------------------------

for my $case (['llm observe', ''], ['llm on', 'dry_run']) {
    my ($mode, $dry) = @$case;
    my $t = LLM::Edge->new(workers => 1);
    $t->mock;
    $t->allow(qr/./);
    $t->start(($t->head =~ s/edge:16m/edge:1m/r)
        . $t->server("$mode; llm_limit c key=\$http_x_k requests=1/h "
            . "concurrency=1 $dry; llm_limit d key=\$http_x_k tokens=1/h $dry;"));
    my $body = $t->body_of('chat');
    my %status;
    for my $i (1 .. 600) {
        my $r = $t->post('/v1/chat/completions', $body,
            headers => ['X-K' => "key$i"]);
        $status{ $r->status }++;
    }
    is join(' ', map { "$_:$status{$_}" } sort keys %status), '200:600',
        "$mode $dry: a full ledger refuses nobody";
    $t->finish;
}
done_testing;
