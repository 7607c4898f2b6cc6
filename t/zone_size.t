# A zone of another size: money and rates come along, or the reload is refused
# (fault case 64).

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));

sub conf {
    my ($size) = @_;
    return ($t->head =~ s/edge:16m/edge:$size/r
            =~ s/"test":/"left":"\$llm_budget_remaining","test":/r)
        . 'llm on; llm_prices prices.json;'
        . $t->server('llm_budget team key=$http_x_key usd=1/month;'
            . ' llm_limit idle key=$http_x_idle requests=1000/s;');
}

# Another nginx, of one worker, with a zone of that size.
sub edge_of {
    my ($size) = @_;
    my $edge = LLM::Edge->new(workers => 1);
    $edge->mock;
    $edge->write_file('prices.json' => to_json({ m => {
        input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));
    $edge->start(conf($size));
    return $edge;
}

# Spends ten cents, what is left.
sub spend {
    my ($key, @headers) = @_;
    my (undef, $log) = $t->send_body(
        chat => $t->body_of('chat', max_tokens => 100),
        'prompt=0,completion=100', headers => ['X-Key' => $key, @headers]);
    return $log->{left};
}

# 1m has 256 accounts, 4m have 1024.
$t->start(conf('4m'));
my @keys = map { "key$_" } 1 .. 300;
my %left = map { $_ => spend($_) } @keys;
is_deeply [grep { $left{$_} ne '0.900000000' } @keys], [], 'spent';

$t->allow(qr/llm_zone "edge": .* a larger zone is needed/);
ok !$t->reload(conf('1m')), 'too small for what is spent: refused';
is spend('key1'), '0.800000000', 'and it goes on as it was';

ok $t->reload(conf('8m')), 'a larger one';
is_deeply [grep { spend($_) ne ($_ eq 'key1' ? '0.700000000'
        : '0.800000000') } @keys], [], 'has it all';

# A zone's size is a power of two more often than not; nginx's own pages in it
# must not cost half of the counters.
subtest 'a counter for each 5 KB' => sub {
    my $t = edge_of('2m');
    my @refused = grep {
        my ($r) = $t->send_body(chat => $t->body_of('chat',
                max_tokens => 1), 'prompt=0,completion=1',
            headers => ['X-Key' => "key$_"]);
        $r->status != 200;
    } 1 .. 410;
    is_deeply \@refused, [], '2m have 512, and hardly any is lost';
};

subtest 'what is idle takes no place' => sub {
    my $t = edge_of('4m');
    my $spend = sub {
        my (undef, $log) = $t->send_body(
            chat => $t->body_of('chat', max_tokens => 100),
            'prompt=0,completion=100', headers => [@_]);
        return $log->{left};
    };
    $spend->('X-Idle' => "idle$_") for 1 .. 300;
    is $spend->('X-Key' => 'k'), '0.900000000', 'spent';
    cmp_ok $t->metric('llm_limit_accounts'), '>', 100, 'many stand there idle';
    ok $t->reload(conf('1m')), 'a smaller zone';
    is $spend->('X-Key' => 'k'), '0.800000000', 'what counts came along';
    cmp_ok $t->metric('llm_limit_accounts'), '<', 10, 'and nothing else';
};

done_testing;
