# Budgets, keys and prices while the world around them changes: reloads, dead
# workers, keys that come to their end, files that are links, other prices,
# clients in other countries.

use lib 't/lib';
use LLM::Edge;
use LLM::Mmdb;
use LLM::Test;

use Digest::SHA qw(sha256_hex);
use POSIX qw(strftime);
use Time::HiRes qw(time);

my $t = LLM::Edge->new(workers => 2);
$t->mock;

sub price { { input_cost_per_token => 0, output_cost_per_token => $_[0] } }

# A link to a file in a directory that is replaced whole, as Kubernetes
# mounts its secrets.
my $version = 0;
sub link_to {
    my ($name, $bytes) = @_;
    my $at = 'v' . ++$version;
    mkdir $t->dir . "/$at" or die $!;
    $t->write_file("$at/$name", $bytes);
    symlink $at, $t->dir . '/next' or die $!;
    rename $t->dir . '/next', $t->dir . "/$name.d" or die $!;
}

sub keys_of {
    return to_json({ keys => [map { { key_sha256 => sha256_hex($_->[0]),
        name => $_->[0], tenant => 'acme',
        $_->[1] ? (expires => strftime('%Y-%m-%dT%H:%M:%SZ',
            gmtime $_->[1])) : () } } @_] });
}

$t->write_file('prices.json' => to_json({ m => price(1e-3),
    listed => price(1e-3), both => price(1e-3) }));
$t->write_file('own.json' => to_json({ both => price(5e-3),
    own => price(2e-3) }));
$t->write_file('country.mmdb', country_base('127.0.0.0/8' => 'SE/EU',
    '192.0.2.0/24' => 'DE/EU', '2001:db8::/32' => 'JP/AS'));
link_to('keys.json' => keys_of(['first']));

my $conf = ($t->head =~ s/"test":/"state":"\$llm_budget_state","left":"\$llm_budget_remaining","cost":"\$llm_cost_usd","limit":"\$llm_limit","country":"\$llm_country","test":/r)
    . 'llm on; llm_prices prices.json own.json; llm_geoip country.mmdb;'
    . 'real_ip_header X-Forwarded-For; set_real_ip_from 127.0.0.0/8;'
    . $t->server('llm_budget team key=$http_x_key usd=1/month;'
        . ' llm_budget short key=$http_x_key usd=0.5/hour;', more => <<'MORE');
        location /country/v1/ {
            llm_budget country key=$llm_country usd=0.1/day;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
MORE
$t->start($conf);

sub one {
    my ($in, $key, $tokens, %o) = @_;
    my $headers = delete $o{headers} // [];
    return $t->send_body(chat => $t->body_of('chat',
            max_tokens => $tokens, %o), "prompt=0,completion=$tokens",
        in => $in, headers => ['X-Key' => $key, @$headers]);
}

sub hold {
    my ($key, $tokens) = @_;
    my $c = $t->client;
    $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
            max_tokens => $tokens, stream => 1),
        headers => ['X-Key' => $key, 'X-Test' => "hold$key",
            'X-Mock' => "events=400,size=4000,gap=20,completion=$tokens"]);
    my $r = $c->head;
    is $r->status, 200, 'a stream';
    return ($c, $r);
}

subtest 'a reload in mid-window' => sub {
    my (undef, $log) = one('', reloaded => 100);
    is $log->{left}, '0.400000000', 'spent';
    my ($c, $r) = hold(reloaded => 200);
    ok $t->reload($conf), 'a reload';
    (undef, $log) = one('', reloaded => 50);
    is $log->{left}, '0.150000000',
        'what was spent before, and what is held by the old worker';
    $c->finish($r);
    ok $r->complete, 'the old worker brings its stream to the end (case 65)';
    $c->close;
    $t->logged('holdreloaded');
    (undef, $log) = one('', reloaded => 50);
    is $log->{left}, '0.100000000', 'and charges the same account';
    ok $t->reload($conf =~ s|usd=1/month|usd=2/month|r
        =~ s|usd=0\.5/hour|usd=0.6/hour|r), 'more money in the same window';
    (undef, $log) = one('', reloaded => 50);
    is $log->{left}, '0.150000000', 'what was spent stays spent';
    ok $t->reload($conf), 'back';
};

subtest 'words of a budget that begin a new account' => sub {
    my $left = sub { (one('', words => 100))[1]{left} };
    my $one = $conf =~ s|; llm_budget short.*?;|;|r;
    ok $t->reload($one), 'one budget';
    is $left->(), '0.900000000', 'spent';
    ok $t->reload($one =~ s|usd=1/month|usd=1/month tz=Asia/Tokyo|r),
        'a month that began at another instant';
    is $left->(), '0.900000000', 'begins anew';
    ok $t->reload($one =~ s|llm_budget team|llm_budget crew|r),
        'another name';
    is $left->(), '0.900000000', 'too';
    ok $t->reload($one), 'the old words';
    is $left->(), '0.800000000', 'go on where they stood';
    ok $t->reload($conf), 'back';
};

subtest 'a killed worker gives back what it held (cases 58, 75)' => sub {
    my ($c, $r) = hold(killed => 400);
    is $t->metric('llm_reservations'), 1, 'held';
    my ($first) = one('', killed => 200);
    is from_json(($t->mock_log)[-1]{body})->{max_tokens}, 100,
        'the rest is what the other gets';
    my $start = time;
    ok $t->kill_worker($_), "worker $_ is killed" for $t->worker_pids;
    soon { $t->metric('llm_reservations') == 0 } 'what it held comes back', 10;
    note sprintf 'after %.1f s', time - $start;
    my (undef, $log) = one('', killed => 50);
    # The mock upstream does not heed its maximum.
    is $log->{left}, '0.250000000', 'and can be spent';
    $t->allow(qr/exited on signal 9/);
};

subtest 'worker_shutdown_timeout cuts a stream (case 67)' => sub {
    my $t = LLM::Edge->new(workers => 1,
        shutdown_timeout => '1s');
    $t->mock;
    $t->write_file('prices.json' => to_json({ m => price(1e-3) }));
    my $small = ($t->head =~ s/"test":/"left":"\$llm_budget_remaining","cost":"\$llm_cost_usd","test":/r)
        . 'llm on; llm_prices prices.json;'
        . $t->server('llm_budget team key=$http_x_key usd=1/month;');
    $t->start($small);
    my $c = $t->client;
    $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
            max_tokens => 400, stream => 1),
        headers => ['X-Key' => 'cut', 'X-Test' => 'shut',
            'X-Mock' => 'endless,gap=10']);
    my $r = $c->head;
    $c->next_event($r) for 1 .. 20;
    ok $t->reload($small), 'a reload';
    $c->finish($r);
    my $log = $t->logged('shut');
    cmp_ok $log->{cost}, '>', 0.005, "what was generated: $log->{cost}";
    cmp_ok $log->{cost}, '<', 0.4, 'and not what was held';
    my $settled = wait_until { $t->metric('llm_reservations') == 0 };
    ok $settled, 'nothing is held';
    $t->finish;
};

subtest 'half a connection closed by the client (case 55)' => sub {
    my $c = $t->client;
    $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
            max_tokens => 400, stream => 1),
        headers => ['X-Key' => 'half', 'X-Test' => 'half',
            'X-Mock' => 'endless,gap=10']);
    my $r = $c->head;
    $c->next_event($r) for 1 .. 20;
    shutdown $c->{socket}, 1;
    my $log = $t->logged('half');
    cmp_ok $log->{cost}, '>', 0.005, "counts as gone: pays $log->{cost}";
    cmp_ok $log->{cost}, '<', 0.4, 'and not what was held';
    soon { $t->metric('llm_reservations') == 0 } 'nothing is held';
};

subtest 'logs that cannot be written (case 85)' => sub {
    plan skip_all => 'no /dev/full' unless -c '/dev/full';
    my $full = LLM::Edge->new(workers => 1);
    $full->mock;
    $full->write_file('prices.json' => to_json({ m => price(1e-3) }));
    $full->start($full->head . 'llm on; llm_prices prices.json;'
        . $full->server('llm_budget team key=$http_x_key usd=0.1/month;'
            . ' access_log /dev/full llm; error_log /dev/full info;'));
    my @statuses = map { $full->post($full->path('chat'),
        $full->body_of('chat', max_tokens => 40), 'X-Key' => 'full',
        'X-Mock' => 'prompt=0,completion=40')->status } 1 .. 4;
    is "@statuses", '200 200 200 429', 'the budget is kept all the same';
    $full->allow(qr{/dev/full});
    $full->finish;
};

subtest 'a key that ends in the middle of traffic' => sub {
    my $with_keys = $conf =~ s/llm on;/llm on; llm_keys keys.json.d\/keys.json;/r;
    link_to('keys.json' => keys_of(['first'], ['ends', time + 4]));
    ok $t->reload($with_keys), 'keys';
    my $seen = sub {
        (one('', $_[0] => 1, headers =>
            [Authorization => "Bearer $_[0]"]))[0]->status;
    };
    my ($c, $r);
    is $seen->('ends'), 200, 'good until then';
    my $held = $t->client;
    $held->send(POST => $t->path('chat'), body => $t->body_of('chat',
            max_tokens => 50, stream => 1),
        headers => [Authorization => 'Bearer ends', 'X-Mock' => 'events=80,'
            . 'size=800,gap=100,completion=9']);
    my $stream = $held->head;
    is $stream->status, 200, 'a stream begins before';
    soon { $seen->('ends') == 401 } 'and no longer', 8;
    is $seen->('first'), 200, 'the others go on';
    $held->finish($stream);
    ok $stream->complete, 'what had begun comes to its end';

    # Swapped by its directory's link.
    link_to('keys.json' => keys_of(['second']));
    soon { $seen->('second') == 200 && $seen->('second') == 200 }
        'a link to another directory is a change';
    soon { $seen->('first') == 401 && $seen->('first') == 401 }
        'for every key';
    # Not what the master has read when it began.
    $t->kill_worker($_) for $t->worker_pids;
    is join(' ', map { $seen->('first') } 1 .. 6), '401 ' x 5 . '401',
        'a worker in the place of a dead one knows of it from the first';
    my $failed = sub { $t->metric('llm_watch_loads_total', file => 'keys',
        result => 'failed') };
    my $before = $failed->();
    link_to('keys.json' => '{"keys": 5}');
    soon { $failed->() > $before } 'which is looked at';
    is join(' ', map { $seen->('second') } 1 .. 8), '200 ' x 7 . '200',
        'a link to a bad file is not';
    $t->allow(qr/keys\.json/);
    ok $t->reload($conf), 'back';
};

subtest 'prices of the second file go before' => sub {
    my %cost = map {
        my (undef, $log) = one('', "p$_" => 10, model => $_);
        $_ => $log->{cost};
    } qw(listed both own);
    is_deeply \%cost, { listed => '0.010000000', both => '0.050000000',
        own => '0.020000000' }, 'each at its own';
    my ($r) = one('', someone => 10, model => 'mystery');
    is $r->status, 404, 'unknown: denied';
    my $unpriced = $t->metric('llm_unpriced_requests_total');
    ok $t->reload($conf =~ s/own\.json;/own.json unknown=zero;/r), 'or';
    ($r, my $log) = one('', someone => 10, model => 'mystery');
    is $r->status, 200, 'unknown=zero: served';
    is $log->{left}, '0.500000000', 'for nothing';
    is $log->{cost}, '', 'of unknown cost';
    is $t->metric('llm_unpriced_requests_total'), $unpriced + 1, 'counted';
    ok $t->reload($conf), 'back';
};

subtest 'a budget for each country' => sub {
    my @from = map { [headers => ['X-Forwarded-For' => $_]] }
        qw(192.0.2.1 192.0.2.99 2001:db8::7 203.0.113.1);
    my (undef, $log) = one('/country', x => 60, @{ $from[0] });
    is "$log->{country} $log->{left}", 'DE 0.040000000', 'one address';
    (undef, $log) = one('/country', y => 40, @{ $from[1] });
    is "$log->{country} $log->{left}", 'DE 0.000000000',
        'another of the same country';
    my ($r) = one('/country', z => 20, @{ $from[0] });
    is $r->status, 429, 'its money is gone';
    (undef, $log) = one('/country', x => 60, @{ $from[2] });
    is "$log->{country} $log->{left}", 'JP 0.040000000',
        'another country, by IPv6';
    ($r, $log) = one('/country', x => 60, @{ $from[3] });
    is $r->status, 200, 'who is nowhere';
    is "$log->{country} $log->{left}", ' ', 'has none';
};

done_testing;
