# A stream that goes beyond what is paid for is ended in mid-content, in the
# words of its protocol: the upstream does not keep to its maximum.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));
$t->start(($t->head =~ s/"test":/"cost":"\$llm_cost_usd","left":"\$llm_budget_remaining","test":/r)
    . 'llm on; llm_prices prices.json;' . $t->server(<<'END', more => <<'MORE'));
            llm_budget team key=$http_x_team usd=0.1/month;
            llm_cache edge;
            llm_cache_scope $http_x_team;
END
        location /rate/v1/ {
            llm_limit tokens key=$http_x_team tokens=300/h ceiling=100;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
MORE

my $count = 0;

# What a cut stream says at its end: (finish, usage, the client's words).
my %end = (
    chat => sub {
        my @events = @_;
        is pop(@events)->{data}, '[DONE]', 'chat: [DONE]';
        my @chunks = map { from_json($_->{data}) } @events;
        my $usage = $chunks[-1]{usage};
        is_deeply $chunks[-1]{choices}, [], 'chat: the usage chunk';
        is_deeply $chunks[-2]{choices}, [{ index => 0, delta => {},
            finish_reason => 'length' }], 'chat: finish_reason';
        is $chunks[-2]{id}, $chunks[0]{id}, 'chat: one id';
        is $chunks[-2]{object}, 'chat.completion.chunk', 'chat: object';
        my $text = join '', map { $_->{choices}[0]{delta}{content} // '' }
            grep { @{ $_->{choices} } } @chunks;
        return ($usage->{completion_tokens}, $text);
    },
    completions => sub {
        my @events = @_;
        is pop(@events)->{data}, '[DONE]', 'completions: [DONE]';
        my @chunks = map { from_json($_->{data}) } @events;
        is $chunks[-2]{choices}[0]{finish_reason}, 'length',
            'completions: finish_reason';
        my $text = join '', map { $_->{choices}[0]{text} // '' }
            grep { @{ $_->{choices} } } @chunks;
        return ($chunks[-1]{usage}{completion_tokens}, $text);
    },
    messages => sub {
        my @data = map { from_json($_->{data}) } @_;
        is join(' ', map { $_->{type} } @data[-3 .. -1]),
            'content_block_stop message_delta message_stop',
            'messages: how it ends';
        is $data[-2]{delta}{stop_reason}, 'max_tokens',
            'messages: stop_reason';
        my %open;
        for my $event (@data) {
            $open{ $event->{index} }++
                if $event->{type} eq 'content_block_start';
            $open{ $event->{index} }--
                if $event->{type} eq 'content_block_stop';
        }
        is_deeply [grep { $_ } values %open], [], 'messages: no open block';
        is join(' ', grep { $_[$_]{event} ne $data[$_]{type} } 0 .. $#data),
            '', 'messages: events have their names';
        my $text = join '', map { $_->{delta}{text} // '' }
            grep { $_->{type} eq 'content_block_delta' } @data;
        return ($data[-2]{usage}{output_tokens}, $text);
    },
    responses => sub {
        my @data = map { from_json($_->{data}) } @_;
        is $data[-1]{type}, 'response.incomplete', 'responses: how it ends';
        is $_[-1]{event}, 'response.incomplete', 'responses: by its name';
        my $response = $data[-1]{response};
        is $response->{status}, 'incomplete', 'responses: status';
        is $response->{incomplete_details}{reason}, 'max_output_tokens',
            'responses: reason';
        is $response->{id}, $data[0]{response}{id}, 'responses: one id';
        # The mock upstream says the same piece again, by the same number.
        my $from = $data[-5]{sequence_number};
        is join(' ', map { $_->{sequence_number} } @data[-5 .. -1]),
            join(' ', $from .. $from + 4), 'responses: in sequence';
        my $text = join '', map { $_->{delta} // '' }
            grep { $_->{type} eq 'response.output_text.delta' } @data;
        is join(' ', map { $_->{type} =~ s/^response\.//r } @data[-4 .. -2]),
            'output_text.done content_part.done output_item.done',
            'responses: what is open is closed';
        is $data[-4]{text}, $text, 'responses: the text';
        is_deeply $response->{output}, [$data[-2]{item}],
            'responses: the item in the output';
        is $data[-2]{item}{status}, 'incomplete', 'responses: its status';
        is $data[-2]{item}{content}[0]{text}, $text, 'responses: its text';
        return ($response->{usage}{output_tokens}, $text);
    },
);

for my $in ('', '/rate') {
    for my $api (sort keys %end) {
        $t->mock_reset;
        my $name = "$api$in";
        my $team = 'team' . ++$count;
        my %more = $api eq 'messages' ? (max_tokens => 50)
            : $api eq 'responses' ? (max_output_tokens => 50)
            : (max_tokens => 50, stream_options => {
                include_usage => JSON::PP::true() });
        my $body = $t->body_of($api, stream => 1, %more);
        my $c = $t->client;
        $c->send(POST => $in . $t->path($api), body => $body,
            headers => ['X-Team' => $team, 'X-Test' => $team,
                'X-Mock' => 'endless,gap=1']);
        my $r = $c->read;
        is $r->status, 200, "$name: a stream";
        ok $r->complete, "$name: is ended as HTTP wants it";
        my ($tokens, $text) = $end{$api}->($r->events);
        cmp_ok $tokens, '>', 20, "$name: usage is told: $tokens";
        my $log = $t->logged($team);
        is $log->{out}, $tokens, "$name: and is what is billed";
        ok abs($tokens - length($text) / 4) < $tokens / 2,
            "$name: for what was sent: " . length $text;
        cmp_ok $tokens, '<', $in ? 400 : 160, "$name: not far beyond";
        is $log->{finish}, '', "$name: it did not finish by itself"
            if $log->{finish} ne 'length';
        like $log->{reason}, qr/^(?:no_store:ceiling|off)$/,
            "$name: it is not stored" unless $in;
        my $let_go = wait_until { ($t->mock_log)[0]{closed_early} };
        ok $let_go, "$name: the upstream is let go";
        $r = $c->request(POST => $in . $t->path($api),
            body => $t->body_of($api, $api eq 'responses' ? () :
                (max_tokens => 20)),
            headers => ['X-Team' => "other$team"]);
        is $r->status, 200, "$name: the connection serves on";
        is $t->metric('llm_reservations'), 0, "$name: nothing is held";
    }
}
is $t->metric('llm_stream_ends_total', how => 'ceiling'), 8,
    'eight are counted';

# What is held grows with the answer as long as there is something left.
my $c = $t->client;
$c->send(POST => '/rate/v1/chat/completions',
    body => $t->body_of('chat', stream => 1),
    headers => ['X-Team' => 'grows', 'X-Mock' => 'events=60,size=700,gap=1']);
my $r = $c->read;
my @events = $r->events;
is from_json($events[-2]{data})->{choices}[0]{finish_reason}, 'stop',
    'an answer beyond the ceiling= that has room goes to its own end'
    or diag substr $r->body, -600;

done_testing;
