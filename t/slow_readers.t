# Clients that do not read: send_timeout, and those that leave when nginx has
# all of a large answer already. They are clients that have left; what has come
# in is paid for by its size, a hit by nobody.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Time::HiRes qw(sleep);

my $t = LLM::Edge->new(workers => 1);
$t->mock;
my $answer = to_json({ id => 'x', object => 'chat.completion', created => 1,
    model => 'm', choices => [{ index => 0, finish_reason => 'stop',
        message => { role => 'assistant', content => 'word ' x 400_000 } }],
    usage => { prompt_tokens => 10, completion_tokens => 400_000,
        total_tokens => 400_010 } });
for my $length ('Content-Length: ' . length($answer) . "\r\n", '') {
    $t->upstream($length ? 'big' : 'bare' => sub {
        my ($c) = @_;
        print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
            "${length}Connection: close\r\n\r\n$answer";
    });
}
my $lines = 'llm on; llm_cache edge; llm_cache_max_size 8m;
    llm_limit some key=$http_x_key tokens=10000000/h;';
my $http = $t->head . $t->server('llm on;', more =>
    $t->location(timed => "$lines send_timeout 500ms;", port => 'big')
    . $t->location(left => $lines, port => 'big')
    . $t->location(timed2 => "$lines send_timeout 500ms;", port => 'bare')
    . $t->location(left2 => $lines, port => 'bare')
    . $t->location(stream => 'llm on; send_timeout 500ms;'));
$http =~ s/edge:16m/edge:128m/;
$http =~ s/(listen \S+);/$1 sndbuf=16k;/;
$t->start($http);

# Sends a question, reads nothing and leaves at once, or does not: the log
# line.
sub without_reading {
    my ($in, $body, $leaves, %o) = @_;
    my $test = $t->next_test;
    my $c    = $t->client;
    $c->send(POST => "/$in" . $t->path('chat'), body => $body, headers =>
        ['X-Test' => $test, 'X-Mock' => $o{knobs} // '', 'X-Key' => $in]);
    if ($leaves) {
        sleep 0.5;
        $c->reset;
    }
    return $t->logged($test);
}
sub aborts { $t->metric('llm_errors_total', kind => 'client_abort') }

my $seen = 0;
for my $in ('timed', 'left', 'timed2', 'left2') {
    my $log = without_reading($in, $t->body_of('chat', max_tokens => 600_000), $in =~ /left/);
    is $log->{reason}, 'no_store:aborted', "$in: has left";
    is aborts(), ++$seen, "$in: is counted as that";
    is $log->{estimated}, '1', "$in: an estimate";
    cmp_ok $log->{out}, '>', 200_000, "$in: of the whole answer";
    cmp_ok $log->{out}, '<', 800_000, "$in: and no more";

    my $body = $t->body_of('chat', max_tokens => 600_000);
    my ($r)  = $t->send_body('chat', $body, '', in => "/$in");
    is length $r->body, length $answer, "$in: who reads has it all";
    my $spent = $t->tokens('output');
    $log = without_reading($in, $body, $in =~ /left/);
    is $log->{cache}, 'HIT', "$in: a hit";
    is $t->tokens('output'), $spent, "$in: costs nothing";
    is aborts(), ++$seen, "$in: and is one that has left";
}
{
    my $log = without_reading('stream',
        $t->body_of('chat', stream => 1), 0, knobs => 'endless,gap=0');
    is aborts(), ++$seen, 'a stream: has left';
    is $log->{estimated}, '1', 'a stream: an estimate';
}
is $t->metric('llm_reservations'), 0, 'nothing is held';
$t->finish;
done_testing;
