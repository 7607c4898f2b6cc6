# llm_budget: money is reserved before and charged after; nobody overspends,
# not even by racing (fault case 74).

use lib 't/lib';
use LLM::Edge;
use LLM::Test;
use Time::HiRes qw(sleep);

use Digest::SHA qw(sha256_hex);

my $t = LLM::Edge->new(workers => 4);
$t->mock;

# A word of output is a tenth of a cent, prompts are free; "cheap" is a
# hundredth of that, "whole" has both prices.
sub prices {
    return to_json({
        sample_spec => { input_cost_per_token => 'text' },
        free  => { input_cost_per_token => 0, output_cost_per_token => 1e-3 },
        cheap => { input_cost_per_token => 0, output_cost_per_token => 1e-5 },
        whole => { input_cost_per_token => 1e-3,
            output_cost_per_token => 1e-3 },
        seconds => { input_cost_per_second => 1e-3 },
        half => { input_cost_per_token => 1e-3 },
        @_,
    });
}
$t->write_file('prices.json' => prices());
$t->write_file('keys.json' => to_json({ keys => [
    { key_sha256 => sha256_hex('gina'), name => 'gina', tenant => 'acme',
        budgets => { day => 0.05, month => '1.5' }, models => ['free'] },
    { key_sha256 => sha256_hex('karl'), name => 'karl', tenant => 'acme',
        limits => { requests => '3/h', concurrency => 2 } },
] }));

my $locations = '';
sub location_of { $locations .= $t->location(@_) }
my $key = 'key=$http_x_key';
location_of(last    => "llm_budget last $key usd=1/month;");
location_of(race    => "access_log off; llm_budget last $key usd=1/month;");
location_of(nested  => "llm_budget team $key usd=0.1/day;"
    . ' llm_budget organisation key=$http_x_org usd=0.15/month;'
    . ' llm_limit beside key=$http_x_key requests=100/h;');
location_of(smaller => "llm_budget smaller $key usd=0.1/day soft=50%"
    . ' exceed=model:cheap;');
location_of(soft    => "llm_budget softly $key usd=0.1/day soft=50%;");
location_of(dry     => "llm_budget dry $key usd=0.01/day dry_run;");
location_of(tried   => "llm_budget dry $key usd=0.01/day dry_run;"
    . " llm_budget counts $key usd=1/day;");
location_of(watched => "llm observe; llm_budget watched $key usd=0.01/day;");
location_of(cached  => "llm_budget cached $key usd=0.1/day;"
    . ' llm_cache edge; llm_cache_scope $http_x_key;');
location_of(nodes   => "llm_budget nodes $key usd=1/day nodes=10;");
location_of(zoned   => "llm_budget zoned $key usd=1/week tz=Asia/Kathmandu;");
location_of(tagged  => "llm_tag feature \$http_x_feature;"
    . ' llm_baseline whole; llm_cache edge; llm_cache_scope $http_x_key;');
location_of(many    => 'access_log off; llm_tag feature $http_x_feature;');
my $conf = ($t->head =~ s/"test":/"state":"\$llm_budget_state","left":"\$llm_budget_remaining","cost":"\$llm_cost_usd","saved":"\$llm_saved_usd","limit":"\$llm_limit","test":/r)
    . 'llm on; llm_prices prices.json;'
    . $t->server('', more => $locations);
$t->start($conf);

my $count = 0;
sub someone { 'k' . ++$count }

sub one {
    my ($in, $key, %o) = @_;
    my $api = delete $o{api} // 'chat';
    my @headers = ('X-Key' => $key, @{ delete $o{headers} // [] });
    my $knobs = delete $o{knobs};
    return $t->send_body($api, $t->body_of($api, model => 'free', %o),
        $knobs, in => "/$in", headers => \@headers);
}

# Many requests of one maximum, 100 connections at a time, all statuses.
sub race {
    my ($in, $key, $all, %o) = @_;
    my %seen;
    while ($all > 0) {
        my $n = $all < 250 ? $all : 250;
        $all -= $n;
        my @clients = map { $t->client } 1 .. $n;
        $_->send(POST => "/$in/v1/chat/completions",
            body => $t->body_of('chat', max_tokens => 20, %o),
            headers => ['X-Key' => $key, 'X-Mock' => $o{knobs}
                // 'delay=50,prompt=9,completion=20'], close => 1)
            for @clients;
        $seen{ $_->read->status }++ for @clients;
    }
    return \%seen;
}

for my $workers (4, 2) {
    subtest "1,000 on the last dollar, $workers workers" => sub {
        if ($workers != 4) {
            $t->{workers} = $workers;
            ok $t->reload($conf), 'reload';
            # Where a worker was taken away, connections of the rest go on.
            $t->drained;
        }
        my $k = someone;
        my $seen = race(race => $k, 1000, model => 'free');
        note explain $seen;
        is $seen->{200}, 50, 'free prompts: served is what the dollar pays';
        is $seen->{429}, 950, 'the others are refused';
        my (undef, $log) = one(last => $k, max_tokens => 20);
        is $log->{left}, '0.000000000', 'not a nano-dollar more';
        is $log->{state}, 'hard', 'and the state says so';
        is $t->metric('llm_budget_overspent_usd_total'), 0, 'so is the metric'
            if $workers == 4;
        $k = someone;
        $seen = race(race => $k, 400, model => 'whole');
        my $spent = ($seen->{200} // 0) * 29;
        diag sprintf 'with a prompt price: %d served for %.3f USD of 1.000'
            . ' (%d workers)', $seen->{200}, $spent / 1000, $workers;
        cmp_ok $spent, '<=', 1000 + 29 * 3, 'what is overspent is an estimate';
        is $t->metric('llm_reservations'), 0, 'nothing is held any more';
    };
}

subtest 'a refusal' => sub {
    my $k = someone;
    my ($r, $log) = one(last => $k, max_tokens => 990,
        knobs => 'completion=990');
    is $r->status, 200, 'almost all';
    is $log->{cost}, '0.990000000', 'its cost';
    is $log->{left}, '0.010000000', 'a cent is left';
    is $log->{state}, 'soft', 'which is beyond the soft line';
    my $before = $t->mock_count;
    ($r, $log) = one(last => $k);
    is $r->status, 429, 'that pays for no answer';
    is $r->json->{error}{code}, 'insufficient_quota', "OpenAI's word";
    is $r->json->{error}{type}, 'insufficient_quota', 'twice';
    is $r->header('x-should-retry'), 'false', 'waiting is pointless';
    like $r->header('Retry-After'), qr/^\d{3,}$/, 'until the month ends';
    is $log->{limit}, 'last', 'the log names the budget';
    is $t->mock_count, $before, 'nothing went upstream';
    ($r) = one(last => $k, api => 'messages');
    is $r->json->{type}, 'error', "Anthropic's envelope";
    is $r->json->{error}{type}, 'rate_limit_error', "and Anthropic's word";
    ($r) = one(last => $k, max_tokens => 10);
    is $r->status, 200, 'the last cent can be spent';
};

subtest 'a cap goes upstream' => sub {
    for my $api (qw(chat messages responses completions)) {
        my ($r) = one(last => someone, api => $api,
            $api eq 'messages' ? (max_tokens => 50_000) : ());
        is $r->status, 200, "$api: served";
        my $body = from_json(($t->mock_log)[-1]{body});
        my ($cap) = grep { defined } @$body{qw(max_completion_tokens
            max_tokens max_output_tokens)};
        is $cap, 1000, "$api: what a dollar pays stands in the request";
    }
};

subtest 'aborted (fault cases 50, 51)' => sub {
    my $k = someone;
    my $c = $t->client;
    $c->send(POST => '/last/v1/chat/completions',
        body => $t->body_of('chat', stream => 1, max_tokens => 900,
            model => 'free'),
        headers => ['X-Key' => $k, 'X-Test' => "a$k",
            'X-Mock' => 'gap=5,events=400,size=4000']);
    my $head = $c->head;
    $c->next_event($head) for 1 .. 40;
    $c->reset;
    my $log = $t->logged("a$k");
    cmp_ok $log->{cost}, '>', 0.01, "what was generated: $log->{cost}";
    cmp_ok $log->{cost}, '<', 0.6, 'is billed and not all that was held';
    is sprintf('%.9f', 1 - $log->{cost}), $log->{left}, 'and nothing else';
    $k = someone;
    $c = $t->client;
    $c->send(POST => '/last/v1/chat/completions',
        body => $t->body_of('chat', max_tokens => 900, model => 'free'),
        headers => ['X-Key' => $k, 'X-Test' => "b$k",
            'X-Mock' => 'delay=5000']);
    soon { $t->metric('llm_reservations') == 1 } 'held';
    sleep 0.3;
    $c->reset;
    $log = $t->logged("b$k");
    cmp_ok $log->{left}, '<', 0.98, "before the first byte of a whole answer:"
        . " what was made in that time: $log->{left} are left";
    cmp_ok $log->{left}, '>', 0.5, 'and not all that was held';
    soon { $t->metric('llm_reservations') == 0 } 'nothing is held';
};

subtest 'nested scopes' => sub {
    my ($k, $org) = (someone, someone);
    my @org = (headers => ['X-Org' => $org]);
    my ($r, $log) = one(nested => $k, @org, max_tokens => 90,
        knobs => 'completion=90');
    is $log->{left}, '0.010000000', 'the tightest is told';
    ($r, $log) = one(nested => $k, @org, max_tokens => 16);
    is $r->status, 429, 'the team has not enough';
    is $log->{limit}, 'team', 'the team';
    ($r, $log) = one(nested => (my $other = someone), @org, max_tokens => 60,
        knobs => 'completion=60');
    is $r->status, 200, 'another team has';
    is $log->{left}, '0.000000000', 'its refusal took nothing of the'
        . ' organisation, which is out now';
    ($r, $log) = one(nested => someone, @org, max_tokens => 16);
    is $log->{limit}, 'organisation', 'for a third team too';
    ($r, $log) = one(nested => someone, max_tokens => 60,
        knobs => 'completion=60');
    is $log->{left}, '0.040000000', 'without an organisation there is none';
};

subtest 'soft line, smaller model' => sub {
    my $k = someone;
    my ($r, $log) = one(soft => $k, max_tokens => 40, knobs => 'completion=40');
    is $log->{state}, 'ok', 'below';
    ($r, $log) = one(soft => $k, max_tokens => 20, knobs => 'completion=20');
    is $log->{state}, 'soft', 'above';
    ($r, $log) = one(soft => $k, max_tokens => 20, knobs => 'completion=20');
    is $log->{state}, 'soft', 'still';
    is $t->metric('llm_budget_crossed_total', budget => 'softly',
        line => 'soft'), 1, 'crossed once';
    ($r, $log) = one(soft => $k, max_tokens => 20, knobs => 'completion=20');
    is $log->{state}, 'hard', 'gone';
    ($r, $log) = one(soft => $k, max_tokens => 20);
    is $r->status, 429, 'so';
    one(soft => $k, max_tokens => 20);
    is $t->metric('llm_budget_crossed_total', budget => 'softly',
        line => 'hard'), 1, 'refused once for the metric';

    $k = someone;
    my @models;
    for my $n (1 .. 4) {
        ($r, $log) = one(smaller => $k, max_tokens => 30,
            knobs => 'completion=30');
        is $r->status, 200, "request $n";
        push @models, from_json(($t->mock_log)[-1]{body})->{model};
    }
    is "@models", 'free free cheap cheap',
        'at the soft line the smaller model is asked';
    is $log->{cost}, '0.000300000', 'at its price';
    is $log->{saved}, '0.029700000', 'which is what is saved';
    ($r, $log) = one(smaller => $k, api => 'embeddings',
        knobs => 'prompt=1');
    is from_json(($t->mock_log)[-1]{body})->{model}, 'free',
        'vectors of another model are of no use';
    ($r, $log) = one(smaller => someone, max_tokens => 4000);
    is from_json(($t->mock_log)[-1]{body})->{model}, 'free',
        'a long one is shortened first';
};

subtest 'dry_run, observe, hits, nodes, zones' => sub {
    my $k = someone;
    my ($r, $log);
    ($r, $log) = one(dry => $k, max_tokens => 20, knobs => 'completion=20')
        for 1 .. 3;
    is $r->status, 200, 'dry: served';
    is $t->metric('llm_limit_requests_total', limit => 'dry'), 3, 'counted';
    is "$log->{state}$log->{left}", '', 'and steers nothing by a variable';
    ($r, $log) = one(tried => $k, max_tokens => 20, knobs => 'completion=20');
    is "$log->{state} $log->{left}", 'ok 0.980000000',
        'beside one that counts that one alone is told';
    my $body = from_json(($t->mock_log)[-1]{body});
    is $body->{max_tokens}, 20, 'and not capped';
    ($r) = one(watched => $k, max_tokens => 20) for 1 .. 2;
    is $r->status, 200, 'observe: served';
    my @same = (max_tokens => 80, text => 'the same again');
    one(cached => $k, @same, knobs => 'completion=80');
    ($r) = one(cached => $k, max_tokens => 80, text => 'z');
    is from_json(($t->mock_log)[-1]{body})->{max_tokens}, 20,
        'what is left is granted';
    ($r, $log) = one(cached => $k, @same);
    is $r->status, 200, 'a hit is served with nothing left';
    is $log->{cost}, '0.000000000', 'and is free';
    is $log->{saved}, '0.080000000', 'and saves';
    ($r, $log) = one(nodes => $k, max_tokens => 10,
        knobs => 'completion=10');
    is $log->{left}, '0.090000000', 'nodes=10: a tenth of the money';
    ($r, $log) = one(zoned => $k, max_tokens => 10, knobs => 'completion=10');
    is $log->{left}, '0.990000000', 'a window of another time zone';
};

subtest 'models to go on with' => sub {
    for my $more ([models => ['free', 'whole']], [fallbacks => ['whole']],
            ["mod\\u0065ls" => ['whole']], [Fallbacks => ['whole']],
            [context_window_fallbacks => [{ cheap => ['whole'] }]],
            [context_window_fallback_dict => { cheap => 'whole' }]) {
        my $body = $t->body_of('chat', model => 'cheap', max_tokens => 16,
            more => $more->[1]) =~ s/"more"/"$more->[0]"/r;
        my ($r) = $t->send_body('chat', $body, '', in => '/last',
            headers => ['X-Key' => someone]);
        is $r->status, 400, "$more->[0]: they have other prices";
        ($r) = $t->send_body('chat', $body, '', in => '/tagged');
        is $r->status, 200, "$more->[0]: without a budget nobody minds";
    }
    my ($r) = one(last => someone, models => [], max_tokens => 16);
    is $r->status, 200, 'none is none';
};

subtest 'unknown models' => sub {
    my $before = $t->mock_count;
    my ($r) = one(last => someone, model => 'mystery');
    is $r->status, 404, 'are not asked';
    is $r->json->{error}{code}, 'model_not_priced', 'and why';
    is $t->mock_count, $before, 'nothing went upstream';
    is $t->metric('llm_unpriced_requests_total'), 1, 'counted';
    for my $model ('seconds', 'half') {
        ($r) = one(last => someone, model => $model);
        is $r->status, 404, "nor is one without a price for tokens: $model";
        is $r->json->{error}{code}, 'model_not_priced', 'for that reason';
    }
    ($r) = one(last => someone, model => 'half', api => 'embeddings');
    is $r->status, 200, 'embeddings need a price for their input alone';
    is $t->metric('llm_unpriced_requests_total'), 3, 'counted too';
    # A new price file, a bad one and one more.
    my $loads = $t->metric('llm_watch_loads_total', file => 'prices');
    my $swap = sub {
        $t->write_file('prices.new' => $_[0]);
        rename $t->dir . '/prices.new', $t->dir . '/prices.json' or die $!;
        return wait_until {
            my $now = $t->metric('llm_watch_loads_total', file => 'prices');
            my $more = $now > $loads;
            $loads = $now if $more;
            $more;
        } 5;
    };
    ok $swap->(prices(mystery => { input_cost_per_token => 0,
        output_cost_per_token => 2e-3 })), 'new prices';
    my $k = someone;
    soon { !grep { $_->status != 200 } map {
        (one(last => someone, model => 'mystery', max_tokens => 1))[0]
    } 1 .. 4 } 'are good for all workers';
    (undef, my $log) = one(last => $k, model => 'mystery', max_tokens => 10,
        knobs => 'completion=10');
    is $log->{cost}, '0.020000000', 'at their rate';
    ok $swap->(prices(mystery => { output_cost_per_token => -1 })), 'a bad file';
    (undef, $log) = one(last => $k, model => 'mystery', max_tokens => 10,
        knobs => 'completion=10');
    is $log->{cost}, '0.020000000', 'changes nothing (fault case 82)';
    like $t->log, qr/prices\.json.*mystery.*output_cost_per_token/,
        'and is named with model and member';

    # A stream that began at a price ends at it, though the model is gone.
    $k = someone;
    my $c = $t->client;
    $c->send(POST => '/last/v1/chat/completions', body => $t->body_of('chat',
            stream => 1, max_tokens => 10, model => 'mystery'),
        headers => ['X-Key' => $k, 'X-Test' => "gone$k",
            'X-Mock' => 'events=60,size=700,gap=100,completion=10']);
    my $head = $c->head;
    ok $swap->(prices()), 'the model goes';
    soon { !grep { $_->status != 404 } map {
        (one(last => someone, model => 'mystery', max_tokens => 1))[0]
    } 1 .. 6 } 'from all workers';
    $c->finish($head);
    ok $head->complete, 'a stream of before';
    $c->close;
    $t->logged("gone$k");
    (undef, $log) = one(last => $k, model => 'cheap', max_tokens => 1,
        knobs => 'completion=0');
    is $log->{left}, '0.980000000', 'was charged at the price of before';
};

subtest 'who, what for, and no end of them' => sub {
    my $k = someone;
    my @ask = (max_tokens => 10, text => 'tagged');
    my ($r, $log) = one(tagged => $k, @ask, knobs => 'prompt=10,completion=10',
        headers => ['X-Feature' => 'search']);
    is $log->{cost}, '0.010000000', 'cost';
    is $log->{saved}, '0.010000000', 'saved against llm_baseline';
    ($r, $log) = one(tagged => $k, @ask, headers => ['X-Feature' => 'search']);
    is $log->{saved}, '0.020000000', 'a hit saves it all';
    is $t->metric('llm_cost_usd_total', model => 'free', feature => 'search'),
        0.01, 'cost by tag';
    is $t->metric('llm_saved_usd_total', kind => 'hit', feature => 'search'),
        0.02, 'saved by hits';
    is $t->metric('llm_saved_usd_total', kind => 'route',
        feature => 'search'), 0.01, 'and by the route';
    my $c;
    my $cost = $t->metric('llm_cost_usd_total');
    for my $n (1 .. 5000) {
        $c = $t->client if $n % 500 == 1;
        $c->request(POST => '/many/v1/chat/completions',
            body => $t->body_of('chat', model => 'free', max_tokens => 1),
            headers => ['X-Mock' => 'prompt=0,completion=1',
                'X-Key' => $k, 'X-Feature' => "f$n\x7f" . 'x' x 40]);
    }
    my $page = $t->get('/metrics')->body;
    my $lines = () = $page =~ /^llm_cost_usd_total\{/mg;
    cmp_ok $lines, '<=', 4097, "5,000 values are $lines series";
    my $sum = $t->metric('llm_cost_usd_total');
    is sprintf('%.3f', $sum - $cost), '5.000', 'no money is lost by it';
    like $page, qr/^llm_cost_usd_total\{.*feature="other"/m,
        'the rest is "other"';
};

subtest 'a key with a budget of its own' => sub {
    $t->reload($conf =~ s/llm on;/llm on; llm_keys keys.json;/r);
    my @gina = (headers => [Authorization => 'Bearer gina']);
    my ($r, $log) = one(tagged => 'x', @gina, max_tokens => 30,
        knobs => 'prompt=1,completion=30');
    is $r->status, 200, 'within it';
    is $log->{left}, '0.020000000', 'the smaller of two windows';
    is $t->metric('llm_cost_usd_total', tenant => 'acme'), 0.03,
        'on its tenant\'s account';
    ($r, $log) = one(tagged => 'x', @gina, max_tokens => 40);
    is from_json(($t->mock_log)[-1]{body})->{max_tokens}, 20, 'shortened';
    one(tagged => 'x', @gina, max_tokens => 20, knobs => 'completion=15');
    ($r, $log) = one(nested => 'x', @gina, max_tokens => 40);
    is $r->status, 429, 'and refused, here too';
    is $log->{limit}, 'llm_keys/day', 'by its name';
    my @karl = (headers => [Authorization => 'Bearer karl'], max_tokens => 1);
    is join(' ', map { (one(tagged => 'x', @karl))[0]->status } 1 .. 4),
        '200 200 200 429', 'a rate of its own';
};

subtest 'nginx -t' => sub {
    my $ok = 'llm_zone z:2m; llm_prices prices.json;';
    for my $case (
        ['negative', 'usd=-5/day', qr/"usd=-5\/day" must/],
        ['text', 'usd=much/day', qr/must/],
        ['no window', 'usd=5', qr/must be an amount and a window/],
        ['another window', 'usd=5/year', qr/of hour, day, week and month/],
        ['unknown zone', 'usd=5/day tz=Mars/Base', qr/tz=Mars\/Base/],
        ['soft', 'usd=5/day soft=120%', qr/must be 1% to 100%/],
        ['exceed', 'usd=5/day exceed=model:', qr/"reject" or "model:NAME"/],
        ['exceed of a variable', 'usd=5/day exceed=model:$llm_model',
            qr/names no model/],
        ['exceed without a price', 'usd=5/day exceed=model:mystery',
            qr/"exceed=model:mystery" has no price/],
        ['no usd', 'soft=80%', qr/needs usd=/],
        ['two amounts', 'usd=5/day usd=9/month', qr/"usd=9\/month" is there twice/],
        ['dry twice', 'usd=5/day dry_run dry_run', qr/"dry_run" is there twice/],
        ['nodes', 'usd=5/day nodes=0', qr/must be 1 to 10000/],
        ['a word', 'usd=5/day hard=90%', qr/no parameter/],
    ) {
        my ($name, $text, $words) = @$case;
        my ($fine, $said) = $t->check(
            "$ok server { llm_budget b key=\$http_x_a $text; }");
        ok !$fine, "$name is refused";
        like $said, $words, "$name: why";
        like $said, qr/check\.conf:\d+/, "$name: where";
    }
    for my $case (
        ['no key', "$ok llm_budget b usd=5/day;", qr/needs key=/],
        ['an empty key', "$ok llm_budget b key= usd=5/day;", qr/is empty/],
        ['an empty key in quotes', "$ok llm_limit b key=\"\" requests=1/s;",
            qr/is empty/],
        ['an empty name', "$ok llm_limit \"\" key=\$uri requests=1/s;",
            qr/is no name/],
        ['no prices', 'llm_zone z:2m; llm_budget b key=$uri usd=5/day;',
            qr/needs "llm_prices file"/],
        ['no zone', 'llm_limit b key=$uri requests=5/s;',
            qr/need "llm_zone/],
        ['the name of what a key has', "$ok llm_limit llm_keys key=\$uri"
            . ' requests=5/s;', qr/"llm_keys" is what the limits/],
        ['a directory', "$ok llm_snapshot state/;", qr/is a directory/],
        ['an interval', "$ok llm_snapshot s 99999999d;", qr/of 1s to 1d/],
        ['nothing', "$ok llm_limit b key=\$uri burst=5;",
            qr/limits nothing|burst= without/],
        ['the same name with other numbers', "$ok"
            . ' llm_limit b key=$uri requests=5/s;'
            . ' server { llm_limit b key=$uri requests=6/s; }',
            qr/stands elsewhere with other parameters/],
        ['a word for what has no price',
            'llm_zone z:2m; llm_prices prices.json unknown=ask;',
            qr/"unknown=ask" must be "unknown=deny" or "unknown=zero"/],
        ['prices twice', 'llm_zone z:2m; llm_prices prices.json prices.json;',
            qr/"prices\.json" is there twice/],
        ['two rates', "$ok llm_limit b key=\$uri requests=5/s requests=9/s;",
            qr/"requests=9\/s" is there twice/],
        ['a rate', "$ok llm_limit b key=\$uri requests=5;", qr/must/],
        ['zero', "$ok llm_limit b key=\$uri concurrency=0;", qr/must/],
        ['open and closed', 'llm_limit_fail closed; llm_limit_fail open;',
            qr/"llm_limit_fail" directive is duplicate/],
        ['too many', $ok . join('', map {
            "llm_limit l$_ key=\$uri requests=5/s;" } 1 .. 12),
            qr/limits and budgets apply here/],
    ) {
        my ($name, $text, $words) = @$case;
        my ($fine, $said) = $t->check($text . ' server { }');
        ok !$fine, "$name is refused";
        like $said, $words, "$name: why";
    }
    for my $bad ('{"m": {"input_cost_per_token": "0.1"}}',
        '{"m": {"input_cost_per_token": -1}}',
        '{"m": {"input_cost_per_token": 1e309}}', '[]', '{', '') {
        $t->write_file('bad.json', $bad);
        my ($fine, $said) = $t->check('llm_zone z:2m; llm_prices bad.json;');
        ok !$fine, "prices $bad";
        like $said, qr/"llm_prices".*bad\.json/, 'which file';
    }
};

done_testing;
