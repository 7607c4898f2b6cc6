# llm_snapshot: two nginx with one file. The one that began first writes it,
# the other leaves it alone and says so until it may; a reload, a killed
# worker and an upgrade of the binary are still the same nginx.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $first  = LLM::Edge->new(workers => 2);
my $second = LLM::Edge->new(workers => 2);
$first->mock;
$second->{ports}{mock} = $first->port('mock');
my $file = $first->dir . '/state/snapshot';
$_->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }))
    for $first, $second;
my $conf = ($first->head =~ s/"test":/"left":"\$llm_budget_remaining","test":/r)
    . "llm on; llm_prices prices.json; llm_snapshot $file 1s;"
    . $first->server('llm_budget team key=$http_x_team usd=1/month;');
my $words = qr/llm_snapshot: ".*snapshot" is another nginx's/;

sub spend {
    my ($t, $tokens) = @_;
    return ($t->send_body(chat => $t->body_of('chat', max_tokens => $tokens),
            "completion=$tokens", headers => ['X-Team' => 'a']))[1]{left};
}

sub count {
    my ($t, $result) = @_;
    return $t->metric('llm_snapshots_total', result => $result);
}

sub writes {
    my ($t) = @_;
    my $before = count($t, 'written');
    return wait_until { count($t, 'written') > $before } 10;
}

$first->start($conf);
is spend($first, 100), '0.900000000', 'the first one';
ok writes($first), 'writes the file';
$second->start($conf);
is spend($second, 500), '0.400000000', 'the second one reads it';
my $failed = wait_until { count($second, 'failed') > 1 } 10;
ok $failed, 'cannot write';
is count($second, 'written'), 0, 'and does not';
is scalar(() = $second->log =~ /$words/g), 1, 'it says so, once a worker';

$first->kill_worker;
ok $first->reload && $first->drained, 'the first one is reloaded';
ok writes($first), 'and goes on, as after a killed worker';
unlike $first->log, $words, 'it is the same nginx';
is count($second, 'written'), 0, 'the other one has still written nothing';
$first->stop;
ok writes($second), 'when the first one has ended the second one writes';
$second->stop;
$second->start($conf);
is spend($second, 1), '0.399000000', 'and finds what it wrote';
$second->stop;

# Another file takes effect with a reload, its directory is made.
$first->start($conf);
my $other = $first->dir . '/other/snapshot';
ok $first->reload($conf =~ s/\Q$file\E/$other/r), 'another file';
my $there = wait_until { -s $other } 10;
ok $there, 'is written';
ok $first->drained, 'the old workers are gone';
$second->start($conf);
ok writes($second), 'the one before is free';
unlike substr($second->log, -2000), $words, 'and nobody complains';
$_->finish for $first, $second;

done_testing;
