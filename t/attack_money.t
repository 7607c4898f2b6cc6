# Random traffic of all kinds against a plain model: what each account has
# lost at the end is what its requests have cost, and those cost what the
# upstream has made for them. LLM_SEED=N makes another run.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

srand($ENV{LLM_SEED} // 1);

my $t = LLM::Edge->new(workers => 2);
$t->mock;
# Nano-dollars a token.
my %price = (dear => [3000, 7000], m => [1000, 2000], cheap => [10, 20]);
$t->write_file('prices.json' => to_json({ map { $_ => {
    input_cost_per_token => $price{$_}[0] / 1e9,
    output_cost_per_token => $price{$_}[1] / 1e9 } } keys %price }));
# The second server of the pair is asked when the first one says no.
my %budgets = (
    own => 'llm_budget own key=$http_x_key usd=0.2/month',
    org => 'llm_budget org key=$http_x_org usd=0.5/month tz=Asia/Kathmandu',
    some => 'llm_budget some key=$http_x_key usd=9/day nodes=3',
    poor => 'llm_budget poor key=$http_x_poor usd=0.01/month',
    dry => 'llm_budget dry key=$http_x_key usd=0.001/week dry_run',
);
my %nano = (own => 2e8, org => 5e8, some => 3e9);
my $budgets = join ' ', map { "$_;" } values %budgets;
my $limits = 'llm_limit rate key=$http_x_key requests=100000/h'
    . ' tokens=9m/d concurrency=50;';
my %lines = (
    plain   => '',
    ladder  => 'llm_fallback dear m cheap on=error,timeout,http_429,http_5xx;',
    timed   => 'llm_fallback dear m; llm_first_byte_timeout 150ms;',
    smaller => 'llm_budget soft key=$http_x_key usd=0.5/month soft=10%'
        . ' exceed=model:cheap;',
    capped  => 'llm_limit some key=$http_x_key tokens=1m/d cap;',
    named   => 'llm_model_response requested;',
    cached  => 'llm_cache edge; llm_cache_scope $http_x_key;',
    both    => 'llm_fallback dear m cheap; llm_budget both key=$http_x_key'
        . ' usd=0.3/month soft=5% exceed=model:cheap;',
    pair    => 'proxy_next_upstream error timeout http_500 http_429'
        . ' non_idempotent;',
    buffered => 'proxy_buffering on; proxy_ignore_client_abort on;',
);
my $locations = join '', map { <<"END" } sort keys %lines;
        location /$_/v1/ {
            $lines{$_}
            $budgets $limits
            proxy_pass http://@{[$_ eq 'pair' ? 'pair' : '127.0.0.1:%%PORT:mock%%']}/v1/;
        }
END
$locations .= "location /only_$_/v1/ { $budgets{$_};"
    . ' proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/; }' for keys %budgets;
my $conf = ($t->head =~ s/"test":/"cost":"\$llm_cost_usd","left":"\$llm_budget_remaining","test":/r)
    . 'llm on; llm_prices prices.json;'
    . ' upstream pair { server 127.0.0.1:%%PORT:mock%% max_fails=0;'
    . ' server 127.0.0.1:%%PORT:mock%% max_fails=0; }'
    . $t->server('', more => $locations);
$t->start($conf);

sub pick { $_[rand @_] }
sub nano { sprintf '%.0f', ($_[0] || 0) * 1e9 }

# What the upstream does: knobs, and whether the answer comes to its end.
my @faults = (
    ['', 1], ['', 1], ['', 1], ['usage=double', 1], ['usage=after_done', 1],
    ['split=7', 1], ['crlf,comments', 1], ['gzip', 1], ['te=close', 1],
    ['ctype=text/plain', 1],
    ['usage=none', 0], ['cut=3', 0], ['reset=2', 0], ['cut=2,midcut', 0],
    ['done=none', 0], ['error_at=2', 0], ['usage=huge', 0],
    ['status=500', -1], ['status=429', -1], ['status=400', -1],
    ['error200', -1],
    # The second attempt is answered without the other knobs.
    ['status=500,times=1', 2], ['status=429,times=1', 2],
);

my (%spent, %orgs, %poor, @open);
my $refused = 0;
my ($exact, $guessed) = (0, 0);
my $asked = 0;
my @keys = map { "k$_" } 1 .. 6;

sub send_one {
    my $in = pick(sort keys %lines);
    my $key = pick(@keys);
    my ($knobs, $whole) = @{ pick(@faults) };
    my $stream = rand() < 0.6;
    my $api = pick(qw(chat chat messages responses completions));
    my $max = 20 + int rand 300;
    my ($in_tokens, $out) = (int rand 400, 1 + int rand $max);
    my $slow = rand() < 0.4;
    my $test = 'r' . ++$asked;
    my $model = pick(sort keys %price);
    my %max = $api eq 'responses' ? (max_output_tokens => $max)
        : (max_tokens => $max);
    my $c = $t->client;
    # Who has little is served as much as its maximum says.
    my $poor = rand() < 0.3;
    my @knobs = ($poor ? () : ("prompt=$in_tokens", "completion=$out",
        "size=" . (3 * $out)), length $knobs ? $knobs : (),
        $slow ? 'gap=2' : (), rand() < 0.1 ? 'delay=200' : ());
    $c->send(POST => "/$in" . $t->path($api),
        body => $t->body_of($api, model => $model, stream => $stream,
            text => rand() < 0.1 ? 'again' : "q$asked " . 'word ' x rand 300,
            %max),
        headers => ['X-Key' => $key, 'X-Org' => 'o' . (substr($key, 1) & 1),
            $poor ? ('X-Poor' => "p$key") : (), 'X-Test' => $test,
            'X-Mock' => join(',', @knobs)]);
    push @open, { c => $c, test => $test, key => $key,
        whole => $poor && $whole >= 0 ? 2 : $whole, poor => $poor,
        leaves => rand() < 0.25, in => $in_tokens, out => $out,
        at => $in, api => $api, stream => $stream, knobs => "@knobs" };
}

sub end_one {
    my $one = splice @open, rand @open, 1;
    my $c = $one->{c};
    if ($one->{leaves}) {
        eval {
            if (rand() < 0.7) {
                my $r = $c->head;
                $c->next_event($r) if $one->{stream} && $r->status == 200
                    && rand() < 0.7;
            }
        };
        $c->reset;
    } else {
        eval { $c->read };
        $c->close;
    }
    my $log = $t->logged($one->{test});
    my $cost = nano($log->{cost});
    $spent{ $one->{key} } += $cost;
    $poor{ $one->{key} } += $cost if $one->{poor};
    $refused++ if $log->{status} == 429 && $one->{poor};
    $orgs{ substr($one->{key}, 1) & 1 } += $cost;
    my $said = "$one->{test} $one->{at} $one->{api}"
        . ($one->{stream} ? ' stream' : '') . " $one->{knobs}: "
        . "$log->{status} $log->{served} $log->{in}/$log->{out} $cost"
        . ($log->{estimated} ? ' estimated' : '');
    my $price = $price{ $log->{served} } or return;
    if ($log->{status} >= 400) {
        # Who timed out, or was left by its client, may have had the prompt,
        # and be at work on the answer.
        my $early = $log->{status} =~ /^(?:499|504)$/;
        my $most = $early ? 1000 * $price->[0] + 320 * $price->[1] : 0;
        ok $cost <= $most, "an error costs nothing: $said" if $cost > $most;
        return;
    }
    return if $log->{cache} eq 'HIT' && $cost == 0;
    if (!$log->{estimated}) {
        $exact++;
        my ($in, $out) = $one->{whole} == 2 || $cost == 0
            ? @$log{qw(in out)} : @$one{qw(in out)};
        my $made = ($in || 0) * $price->[0] + ($out || 0) * $price->[1];
        is $cost, $made, "costs what was made: $said" if $cost != $made;
        ok 0, "nothing is free: $said" if $cost == 0 && $one->{whole} == 1;
        return;
    }
    $guessed++;
    my $most = 3 * (1000 * $price->[0] + 500 * $price->[1]);
    ok 0, "a guess within reason: $said" if $cost > $most;
    ok 0, "a whole answer is no guess: $said"
        if $one->{whole} == 1 && !$one->{leaves} && $log->{cost};
}

for my $round (1 .. 4) {
    for (1 .. 120) {
        send_one();
        end_one() while @open > 12;
    }
    if ($round % 2) {
        ok $t->reload($conf), "round $round: a reload in the midst of it";
    }
}
end_one() while @open;
ok $t->drained, 'old workers end';
my $none = wait_until { $t->metric('llm_reservations') == 0 };
ok $none, 'nothing is held';
# As the ledger has it, asked for what costs nothing.
my $left_of = sub {
    my ($budget, @headers) = @_;
    my (undef, $log) = $t->send_body(chat => $t->body_of('chat',
            max_tokens => 1, model => 'cheap'), 'status=400',
        in => "/only_$budget", headers => [@headers]);
    return nano($log->{left});
};
for my $key (@keys) {
    is $nano{$_} - $left_of->($_, 'X-Key' => $key), $spent{$key},
        "$key: \"$_\" has lost what its requests have cost"
        for grep { $spent{$key} < $nano{$_} } qw(own some);
}
for my $org (sort keys %orgs) {
    is $nano{org} - $left_of->(org => 'X-Org' => "o$org"), $orgs{$org},
        "so has the organisation o$org" if $orgs{$org} < $nano{org};
}
my $beyond = 0;
for my $key (sort keys %poor) {
    my $over = $poor{$key} - 10_000_000;
    $beyond += $over if $over > 0;
}
note sprintf 'those with a cent together went %.6f USD beyond', $beyond / 1e9;
cmp_ok $beyond, '<=', nano($t->metric('llm_budget_overspent_usd_total')),
    'and the metric knows of it';
cmp_ok $refused, '>', 0, "$refused of them were refused";
my $all = 0;
$all += $_ for values %spent;
is nano($t->metric('llm_cost_usd_total')), $all, 'so say the metrics';
cmp_ok $exact, '>', 50, "$exact exact, $guessed estimated of $asked";
done_testing;
