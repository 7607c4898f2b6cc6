# llm_snapshot when a reload changes the zone: the file belongs to the zone
# that goes on counting, however late a worker of the old one ends.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use IO::Socket::INET;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));
my $file = $t->dir . '/state/snapshot';

# Only who ends writes.
sub conf {
    my ($zone, $more) = @_;
    return ($t->head =~ s/edge:16m/$zone/r
            =~ s/"test":/"left":"\$llm_budget_remaining","test":/r)
        . 'llm on; llm_prices prices.json; llm_snapshot state/snapshot 1d;'
        . $t->server('llm_budget team key=$http_x_key usd=1/month;')
        . ($more // '');
}

sub spend {
    my ($key, $tokens) = @_;
    my (undef, $log) = $t->send_body(
        chat => $t->body_of('chat', max_tokens => $tokens),
        "prompt=0,completion=$tokens", headers => ['X-Key' => $key]);
    return $log->{left};
}

# A stream that goes on until end_of() is called.
sub begin {
    my ($name) = @_;
    my $c = $t->client;
    $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
            stream => 1, max_tokens => 100),
        headers => ['X-Key' => $name, 'X-Test' => $name,
            'X-Mock' => 'endless,gap=20']);
    my $r = $c->head;
    is $r->status, 200, "$name: a stream in an old worker";
    return $c;
}
sub end_of {
    my ($c, $name) = @_;
    $c->reset;
    $t->logged($name);
    ok $t->drained, "$name: the old worker ends";
}

$t->start(conf('edge:4m'));
is spend(a => 100), '0.900000000', 'spent in the old zone';
for my $case (['another size', 'edge:8m'], ['another name', 'other:8m']) {
    my ($name, $zone) = @$case;
    my $before = spend(a => 1);
    my $c = begin($name);
    ok $t->reload(conf($zone)), "$name: a reload";
    my $left = spend(a => 100);
    unlink $file;
    end_of($c, $name);
    ok !-e $file, "$name: the file is not the old worker's any more";
    is $left, sprintf('%.9f', $before - 0.1), "$name: what was spent is there";
    is spend(a => 1), sprintf('%.9f', $left - 0.001), "$name: it goes on";
}
$t->stop;
ok -s $file, 'the new one writes it';
$t->start(conf('other:8m'));
my $left = spend(a => 1);
like $left, qr/^0\.\d+$/, 'what was spent is back';

# A reload that fails after its zone was made leaves the old one in charge.
my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
    or die "listen: $!";
my $in_the_way = $taken->sockport;
$t->allow(qr/127\.0\.0\.1:$in_the_way/, qr/still could not bind/);
ok !$t->reload(conf('other:4m', "server { listen 127.0.0.1:$in_the_way; }")),
    'a reload that fails at a port';
my $failed = wait_until { $t->log =~ /still could not bind/ } 10;
ok $failed, 'at the last attempt';
is spend(a => 100), sprintf('%.9f', $left - 0.1), 'the old zone goes on';
unlink $file;
$t->write_file('nginx.conf', $t->configuration(conf('other:8m')));
$t->stop;
ok -s $file, 'and is written';
$t->start(conf('other:8m'));
is spend(a => 1), sprintf('%.9f', $left - 0.101), 'with what was spent there';

done_testing;
