#!/usr/bin/perl
# The mock upstream, spoken to directly: every protocol's form and errors.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use LLM::MockClient;
use Test::More;

subtest 'chat, JSON' => sub {
    my $answer = ask($CHAT, chat("h\x{e9}llo"));
    is $answer->{status}, 200, 'status';
    like $answer->{head}, qr{^Content-Type: application/json\r?$}m, 'type';
    like $answer->{head}, qr{^x-request-id: req_[0-9a-f]{32}\r?$}m, 'id';
    my $data = data($answer);
    like $data->{id}, qr/^chatcmpl-\w{29}$/, 'answer id';
    is $data->{object}, 'chat.completion', 'object';
    is $data->{model}, 'gpt-4o-mini', 'model';
    my $choice = $data->{choices}[0];
    is $choice->{message}{content}, "You said: h\x{e9}llo", 'text';
    is $choice->{message}{role}, 'assistant', 'role';
    ok exists $choice->{message}{refusal}, 'refusal is there';
    is $choice->{finish_reason}, 'stop', 'finish';
    my $usage = $data->{usage};
    is $usage->{total_tokens},
        $usage->{prompt_tokens} + $usage->{completion_tokens}, 'total';
    is ask($CHAT, chat("h\x{e9}llo"))->{body}, $answer->{body}, 'twice alike';
    isnt data(ask($CHAT, chat('other')))->{id}, $data->{id}, 'ids differ';
};

subtest 'chat, stream' => sub {
    my $answer = ask($CHAT, $STREAM);
    like $answer->{head}, qr{^Content-Type: text/event-stream; charset=utf-8}m,
        'type';
    ok $answer->{whole}, 'ends cleanly';
    my @events = events($answer);
    is $events[-1][1], '[DONE]', 'done';
    is scalar(grep { $_->[0] ne '' } @events), 0, 'no event names';
    my @chunks = map { $json->decode($_->[1]) } @events[0 .. $#events - 1];
    is $chunks[0]{choices}[0]{delta}{role}, 'assistant', 'role first';
    is text_of(@events), 'You said: one two', 'text';
    is_deeply $chunks[-1]{choices}, [], 'usage chunk has no choices';
    ok $chunks[-1]{usage}{total_tokens} > 0, 'usage';
    is scalar(grep { !exists $_->{usage} } @chunks), 0, 'usage key on all';
    is $chunks[-2]{choices}[0]{finish_reason}, 'stop', 'finish';
    my $data = data(ask($CHAT, chat('one two')));
    is $chunks[0]{id}, $data->{id}, 'same id as the JSON form';
    is_deeply $chunks[-1]{usage}, $data->{usage}, 'same usage';
    my $bare = ask($CHAT, chat('one two', stream => $true));
    unlike $bare->{body}, qr/"usage"/, 'no usage unless asked';
};

subtest 'chat: tools, schema, n, logprobs, caps' => sub {
    my $tool = {type => 'function', function => {name => 'get_weather',
                                                 parameters => $WEATHER}};
    my $forced = chat('hi', tools => [$tool], tool_choice => 'required');
    my $choice = data(ask($CHAT, $forced))->{choices}[0];
    is $choice->{finish_reason}, 'tool_calls', 'finish';
    is $choice->{message}{content}, undef, 'no text';
    my $calls = $choice->{message}{tool_calls};
    is scalar @$calls, 1, 'one call';
    is_deeply $json->decode($calls->[0]{function}{arguments}),
        {city => 'text', days => 3, unit => 'celsius'}, 'arguments';
    my $auto = chat('call get_weather twice', tools => [$tool]);
    $calls = data(ask($CHAT, $auto))->{choices}[0]{message}{tool_calls};
    is scalar @$calls, 2, 'two calls';
    isnt $calls->[0]{id}, $calls->[1]{id}, 'ids differ';
    my %arguments;
    for my $event (events(ask($CHAT, {%$auto, stream => $true}))) {
        my $part = eval { $json->decode($event->[1]) } or next;
        for my $call (@{$part->{choices}[0]{delta}{tool_calls} // []}) {
            $arguments{$call->{index}} .= $call->{function}{arguments};
        }
    }
    is $arguments{$_}, $calls->[$_]{function}{arguments}, "fragments of $_"
        for 0, 1;
    my $quiet = data(ask($CHAT, chat('hi', tools => [$tool])));
    is $quiet->{choices}[0]{finish_reason}, 'stop', 'auto, not asked';

    my $format = {type => 'json_schema', json_schema =>
                  {name => 'w', schema => $WEATHER}};
    my $shaped = data(ask($CHAT, chat('hi', response_format => $format)));
    is_deeply $json->decode($shaped->{choices}[0]{message}{content}),
        {city => 'text', days => 3, unit => 'celsius'}, 'schema';
    my $many = data(ask($CHAT, chat('hi', n => 3, logprobs => $true,
                                    top_logprobs => 2)));
    is scalar @{$many->{choices}}, 3, 'n';
    is $many->{choices}[2]{index}, 2, 'index';
    my $probs = $many->{choices}[0]{logprobs}{content};
    is join('', map { $_->{token} } @$probs), 'You said: hi', 'tokens';
    is scalar @{$probs->[0]{top_logprobs}}, 2, 'top_logprobs';
    my $short = data(ask($CHAT, chat('a long text ' x 9, max_tokens => 4)));
    is $short->{choices}[0]{finish_reason}, 'length', 'cap';
    is length $short->{choices}[0]{message}{content}, 16, 'cut';
};

subtest 'completions' => sub {
    my $body = {model => 'm', prompt => ['a', 'b'], logprobs => 1};
    my $data = data(ask('/openai/v1/completions', $body));
    is $data->{object}, 'text_completion', 'object';
    is $data->{choices}[1]{text}, 'You said: b', 'batch';
    is_deeply $data->{choices}[0]{logprobs}{text_offset}, [0, 3, 9],
        'offsets';
    my @events = events(ask('/v1/completions', {%$body, prompt => 'a',
        stream => $true, stream_options => {include_usage => $true}}));
    is $events[-1][1], '[DONE]', 'done';
    is_deeply $json->decode($events[-2][1])->{choices}, [], 'usage chunk';
    is join('', map { $json->decode($_->[1])->{choices}[0]{text} }
            @events[0 .. $#events - 2]), 'You said: a', 'text';
};

subtest 'embeddings' => sub {
    my $body = {model => 'e', input => ['red cat', 'red dog', 'q'],
                dimensions => 64};
    my $data = data(ask('/v1/embeddings', $body));
    is scalar @{$data->{data}}, 3, 'batch';
    is $data->{data}[2]{index}, 2, 'index';
    my @vectors = map { $_->{embedding} } @{$data->{data}};
    is scalar @{$vectors[0]}, 64, 'dimensions';
    my $dot = sub { my $s = 0; $s += $_[0][$_] * $_[1][$_] for 0 .. 63; $s };
    ok abs($dot->($vectors[0], $vectors[0]) - 1) < 1e-3, 'unit length';
    ok $dot->($vectors[0], $vectors[1]) > $dot->($vectors[0], $vectors[2]),
        'shared words are near';
    my $packed = data(ask('/v1/embeddings', {%$body, input => 'red cat',
                                             encoding_format => 'base64'}));
    require MIME::Base64;
    my @floats = unpack 'f<*',
        MIME::Base64::decode_base64($packed->{data}[0]{embedding});
    ok abs($floats[5] - $vectors[0][5]) < 1e-6, 'base64 is the same vector';
    is data(ask('/v1/embeddings', {model => 'e', input => [[1, 2], [3]]}))
        ->{usage}{total_tokens}, 3, 'token arrays';
    is ask('/v1/embeddings', {%$body, dimensions => -1})->{status}, 400,
        'bad dimensions';
};

subtest 'responses' => sub {
    my $body = {model => 'm', input => 'hi'};
    my $data = data(ask('/v1/responses', $body));
    is $data->{object}, 'response', 'object';
    is $data->{output}[0]{content}[0]{text}, 'You said: hi', 'text';
    is $data->{usage}{total_tokens},
        $data->{usage}{input_tokens} + $data->{usage}{output_tokens}, 'usage';
    my $answer = ask('/v1/responses', {%$body, stream => $true});
    my @events = events($answer);
    unlike $answer->{body}, qr/\[DONE\]/, 'no [DONE]';
    is_deeply [map { $_->[0] } @events[0 .. 3]],
        [qw(response.created response.in_progress response.output_item.added
            response.content_part.added)], 'the first four';
    is_deeply [map { $_->[0] } @events[-4 .. -1]],
        [qw(response.output_text.done response.content_part.done
            response.output_item.done response.completed)], 'the last four';
    my @parts = map { $json->decode($_->[1]) } @events;
    is_deeply [map { $_->{sequence_number} } @parts], [0 .. $#parts],
        'sequence numbers';
    is_deeply [map { $_->{type} } @parts], [map { $_->[0] } @events],
        'types are the event names';
    is_deeply $parts[-1]{response}, $data, 'completed holds the JSON form';
    my $tool = {type => 'function', name => 'f', parameters => $WEATHER};
    my $call = data(ask('/v1/responses', {%$body, tools => [$tool],
                                          tool_choice => 'required'}));
    is $call->{output}[0]{type}, 'function_call', 'call';
    my $cut = data(ask('/v1/responses', $body, 'finish=length'));
    is $cut->{status}, 'incomplete', 'incomplete';
    my $shaped = data(ask('/v1/responses', {%$body, text => {format =>
        {type => 'json_schema', name => 'w', schema => $WEATHER}}}));
    is $json->decode($shaped->{output}[0]{content}[0]{text})->{days}, 3,
        'schema';
};

subtest 'messages' => sub {
    my $body = {model => 'claude', max_tokens => 99,
                messages => [{role => 'user', content =>
                              [{type => 'text', text => 'hi you'}]}]};
    my $plain = ask('/v1/messages', $body);
    like $plain->{head}, qr/^request-id: req_/m, 'request-id';
    my $data = data($plain);
    is_deeply $data->{content}, [{type => 'text', text => 'You said: hi you'}],
        'content';
    is $data->{stop_reason}, 'end_turn', 'stop reason';
    my $answer = ask('/v1/messages', {%$body, stream => $true},
                     'thinking,ping,revise');
    my @events = events($answer);
    unlike $answer->{body}, qr/\[DONE\]/, 'no [DONE]';
    is $events[0][0], 'message_start', 'start';
    is $events[-1][0], 'message_stop', 'stop';
    is scalar(grep { $_->[0] eq 'ping' } @events), 1, 'ping';
    my ($end) = map { $json->decode($_->[1]) }
        grep { $_->[0] eq 'message_delta' } @events;
    my $start = $json->decode($events[0][1])->{message};
    ok $end->{usage}{input_tokens} > $start->{usage}{input_tokens}, 'revised';
    like $answer->{body}, qr/"signature_delta"/, 'thinking is signed';
    my $tool = {name => 'f', input_schema => $WEATHER};
    my $forced = {%$body, tools => [$tool], tool_choice => {type => 'any'}};
    my $call = data(ask('/v1/messages', $forced));
    is $call->{stop_reason}, 'tool_use', 'tool use';
    my $fragments = join '', map { $_->{delta}{partial_json} // '' }
        map { $json->decode($_->[1]) }
        events(ask('/v1/messages', {%$forced, stream => $true}));
    is_deeply $json->decode($fragments), $call->{content}[0]{input}, 'input';
    is data(ask('/v1/messages/count_tokens', $body))->{input_tokens},
        $data->{usage}{input_tokens}, 'count_tokens';
    my $refused = data(ask('/v1/messages', $body, 'refusal'));
    is $refused->{stop_reason}, 'refusal', 'refusal';
};

subtest 'models, errors, wrong requests' => sub {
    my $list = data(ask('/v1/models', '', '', METHOD => 'GET'));
    is $list->{object}, 'list', 'list';
    is data(ask('/v1/models/x', '', '', METHOD => 'GET'))->{id}, 'x', 'one';
    is ask($CHAT, '', '', METHOD => 'GET')->{status}, 405, 'GET';
    is ask('/nowhere', '{}')->{status}, 404, 'unknown path';
    for my $empty (ask('/v1/models', '', '', METHOD => 'HEAD'),
                   ask($CHAT, '', '', METHOD => 'HEAD'),
                   ask($CHAT, chat('x'), 'status=204')) {
        is $empty->{raw}, '', "no body with $empty->{status}";
    }
    my $bad = ask($CHAT, '{"model":');
    is $bad->{status}, 400, 'malformed';
    is_deeply [sort keys %{data($bad)->{error}}],
        [qw(code message param type)], 'the four keys';
    is ask($CHAT, ('[' x 100_000))->{status}, 400, 'deep';
    is ask($CHAT, "\xff\x00\"\\")->{status}, 400, 'any bytes';
    my $limit = ask($CHAT, chat('x'),
                    'status=429,retry_after=7,retry_after_ms=90');
    is $limit->{status}, 429, 'rate limited';
    like $limit->{head}, qr/^retry-after: 7\r\nretry-after-ms: 90/m, 'retry';
    is data($limit)->{error}{code}, 'rate_limit_exceeded', 'code';
    my $busy = ask('/v1/messages', chat('x'), 'status=529');
    is data($busy)->{error}{type}, 'overloaded_error', 'overloaded';
    is data($busy)->{type}, 'error', 'envelope';
    like ask($CHAT, chat('x'), 'nonsense=1')->{body}, qr/unknown knob/,
        'unknown knob';
    is ask("/mock/status=503$CHAT", chat('x'))->{status}, 503, 'by path';
    is_deeply [map { ask($CHAT, chat('x'), 'status=500,times=2')->{status} }
               1 .. 3], [500, 500, 200], 'times';
    my $sse = ask($CHAT, chat('x'), 'status=400,errsse');
    is $sse->{status}, 400, 'status of an error as SSE';
    like $sse->{body}, qr/\[DONE\]\n\n$/, 'its end';
};

done_testing;
