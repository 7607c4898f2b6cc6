#!/usr/bin/perl
# The mock upstream, spoken to directly over sockets: every protocol's form
# and every class of knob. Stands alone: core Perl and the binary (LLM_MOCK).
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(time);

use constant PATIENCE => 4;

my $root = abs_path(dirname(__FILE__) . '/..');
my $binary = $ENV{LLM_MOCK} // "$root/build/mock_upstream";
plan skip_all => "no mock upstream at $binary (LLM_MOCK)" if !-x $binary;

my $pid = open my $mock, '-|', $binary, '--port', 0, '--with-parent'
    or die "cannot start $binary: $!";
my $first = <$mock>;
my ($port) = $first =~ /^mock upstream on 127\.0\.0\.1:(\d+)$/
    or die "unexpected first line: $first";
# Naming $mock here keeps perl from waiting for the child before it is told.
END { local $?; kill(TERM => $pid), close $mock if $pid; }

my $json = JSON::PP->new->utf8->canonical;

sub dial {
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => PATIENCE,
    ) or die "connect: $!";
    binmode $socket;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    return $socket;
}

# Reads until the peer ends, `$done->(bytes)` or the patience is over.
# Answers (bytes, end), end being eof, reset, done or timeout.
sub slurp {
    my ($socket, $done) = @_;
    my ($bytes, $until) = ('', time + PATIENCE);
    my $ready = IO::Select->new($socket);
    while (time < $until) {
        next if !$ready->can_read(0.5);
        my $got = sysread $socket, $bytes, 65536, length $bytes;
        return ($bytes, 'reset') if !defined $got;
        return ($bytes, 'eof') if $got == 0;
        return ($bytes, 'done') if $done && $done->($bytes);
    }
    return ($bytes, 'timeout');
}

sub request_text {
    my ($method, $path, $body, %headers) = @_;
    my $text = "$method $path HTTP/1.1\r\nHost: mock\r\n";
    $text .= "Content-Length: " . length($body) . "\r\n" if $method eq 'POST';
    $text .= "$_: $headers{$_}\r\n" for sort keys %headers;
    return "$text\r\n" . ($method eq 'POST' ? $body : '');
}

# Undoes chunked coding; answers (body, trailers), undef when it is cut short.
sub unchunk {
    my ($rest) = @_;
    my $out = '';
    while ($rest =~ s/^([0-9a-f]+)\r\n//) {
        my $size = hex $1;
        return ($out, $rest) if $size == 0;
        return (undef, $out . $rest) if length $rest < $size + 2;
        $out .= substr $rest, 0, $size, '';
        $rest =~ s/^\r\n//;
    }
    return (undef, $out);
}

# One exchange on a connection of its own.
sub ask {
    my ($path, $body, $knobs, %headers) = @_;
    my $socket = dial();
    $headers{'X-Mock'} = $knobs if $knobs;
    $headers{Connection} //= 'close';
    my $start = time;
    my $method = delete $headers{METHOD} // 'POST';
    $body = $json->encode($body) if ref $body;
    syswrite $socket, request_text($method, $path, $body // '', %headers);
    my ($bytes, $end) = slurp($socket);
    my ($head, $rest) = split /\r\n\r\n/, $bytes, 2;
    my %answer = (
        head => $head // '', raw => $rest // '', end => $end,
        seconds => time - $start, bytes => $bytes,
    );
    ($answer{status}) = $answer{head} =~ m{^HTTP/1\.[01] (\d+)};
    if ($answer{head} =~ /^transfer-encoding: chunked/mi) {
        ($answer{body}, $answer{trailers}) = unchunk($answer{raw});
        $answer{whole} = defined $answer{body};
        $answer{body} //= $answer{trailers};
    } else {
        my ($length) = $answer{head} =~ /^content-length: (\d+)/mi;
        $answer{body} = $answer{raw};
        $answer{whole} = !defined $length || $length == length $answer{raw};
    }
    return \%answer;
}

sub data { return ref $_[0]{body} ? $_[0]{body} : $json->decode($_[0]{body}) }

# The events of a stream: [name, data]; anything else but comments fails.
sub events {
    my ($answer) = @_;
    my @events;
    for my $block (split /\n\n/, $answer->{body}) {
        my ($name, @data) = ('');
        for my $line (split /\n/, $block) {
            $name = $1 if $line =~ /^event: (.*)/;
            push @data, $1 if $line =~ /^data: ?(.*)/;
        }
        push @events, [$name, join "\n", @data] if @data;
    }
    return @events;
}

sub text_of {
    my $text = '';
    for my $event (@_) {
        next if $event->[1] eq '[DONE]';
        my $part = eval { $json->decode($event->[1]) } or next;
        next if ref $part ne 'HASH' || ref $part->{choices} ne 'ARRAY';
        my $delta = ($part->{choices}[0] // {})->{delta} // {};
        $text .= $delta->{content} // '';
    }
    return $text;
}

sub chat {
    my ($text, %more) = @_;
    return {model => 'gpt-4o-mini',
            messages => [{role => 'user', content => $text}], %more};
}

my $true = JSON::PP::true;
my $CHAT = '/v1/chat/completions';
my $STREAM = chat('one two', stream => $true,
                  stream_options => {include_usage => $true});
my $WEATHER = {type => 'object', required => ['city', 'days', 'unit'],
               properties => {city => {type => 'string'},
                              days => {type => 'integer', minimum => 3},
                              unit => {enum => ['celsius', 'kelvin']}}};

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

subtest 'clocks' => sub {
    my $late = ask($CHAT, chat('x'), 'delay=120');
    ok $late->{seconds} >= 0.12, 'delay';
    my $slow = ask($CHAT, $STREAM, 'gap=30');
    my $gaps = () = events($slow);
    ok $slow->{seconds} >= 0.03 * ($gaps - 1), 'gap';
    is text_of(events($slow)), 'You said: one two', 'text of a slow one';
    ok ask($CHAT, $STREAM, 'ttft=100')->{seconds} >= 0.1, 'ttft';
};

subtest 'size and events' => sub {
    my $big = data(ask($CHAT, chat('x'), 'size=100000'));
    is length $big->{choices}[0]{message}{content}, 100_000, 'size';
    my @events = events(ask($CHAT, $STREAM, 'size=100000,events=50'));
    is length text_of(@events), 100_000, 'size of a stream';
    is scalar(grep { $_->[1] =~ /"delta":\{"content":"[^"]/ } @events), 50,
        'events';
    @events = events(ask($CHAT, $STREAM, 'events=20'));
    is scalar(grep { $_->[1] =~ /"delta":\{"content":"[^"]/ } @events), 20,
        'events without size';
    is data(ask($CHAT, chat('x'), 'model=served'))->{model}, 'served', 'model';
};

subtest 'the form of the stream' => sub {
    my $plain = ask($CHAT, $STREAM)->{body};
    is ask($CHAT, $STREAM, 'split=1')->{body}, $plain, 'split=1';
    is ask($CHAT, $STREAM, 'split=7,pause=1')->{body}, $plain, 'split, pause';
    my $crlf = ask($CHAT, $STREAM, 'crlf')->{body};
    like $crlf, qr/\r\n\r\n$/, 'CRLF';
    $crlf =~ s/\r//g;
    is $crlf, $plain, 'CRLF changes nothing else';
    (my $cr = ask($CHAT, $STREAM, 'cr')->{body}) =~ tr/\r/\n/;
    is $cr, $plain, 'CR';
    is ask($CHAT, $STREAM, 'bom')->{body}, "\xef\xbb\xbf$plain", 'BOM';
    (my $nospace = $plain) =~ s/^data: /data:/mg;
    is ask($CHAT, $STREAM, 'nospace')->{body}, $nospace, 'no space';
    my $noisy = ask($CHAT, $STREAM, 'comments,idlines')->{body};
    like $noisy, qr/^: MOCK PROCESSING\n\nid: 0\nretry: 1000\ndata: /, 'noise';
    my @lines = events(ask($CHAT, $STREAM, 'multiline'));
    like $lines[1][1], qr/,\n/, 'two data lines';
    is text_of(@lines), 'You said: one two', 'their text';
    my @padded = events(ask($CHAT, $STREAM, 'padding'));
    like join('', map { $_->[1] } @padded), qr/ \}|\} +/, 'padding';
    is $padded[-1][1], '[DONE]', 'the end is not padded';
    is text_of(@padded), 'You said: one two', 'its text';
    my @broken = events(ask($CHAT, $STREAM, 'malformed'));
    is scalar(grep { !eval { $json->decode($_->[1]) } } @broken), 2,
        'one malformed chunk beside [DONE]';
    like ask($CHAT, $STREAM, 'obfuscation')->{body}, qr/"obfuscation":"\w+"/,
        'obfuscation';
    my $huge = ask($CHAT, $STREAM, 'hugeline=300000');
    my ($line) = sort { $b <=> $a } map { length } split /\n/, $huge->{body};
    ok $line > 300_000, 'huge line';
    ok $huge->{whole}, 'and a clean end';
    is length text_of(events($huge)), 300_000
        + length('You said: one two two'), 'it is valid JSON';
};

subtest 'usage' => sub {
    my $of = sub { map { $_->{usage} } grep { ref $_->{usage} }
        map { $json->decode($_->[1]) } grep { $_->[1] ne '[DONE]' }
        events(ask($CHAT, $STREAM, "usage=$_[0]")) };
    is scalar($of->('none')), 0, 'none';
    my @double = $of->('double');
    is scalar @double, 2, 'double';
    ok $double[0]{completion_tokens} < $double[1]{completion_tokens}, 'grows';
    my @every = $of->('every');
    ok @every > 5, 'every';
    ok $every[-1]{completion_tokens} >= $every[0]{completion_tokens},
        'cumulative';
    my @last = events(ask($CHAT, $STREAM, 'usage=last_choice'));
    my $end = $json->decode($last[-2][1]);
    ok $end->{choices}[0]{finish_reason} && $end->{usage}, 'last_choice';
    my @after = events(ask($CHAT, $STREAM, 'usage=after_done'));
    is $after[-2][1], '[DONE]', 'after_done';
    my @early = events(ask($CHAT, $STREAM, 'usage=early'));
    like $early[1][1], qr/"choices":\[\],"usage":\{/, 'early';
    my %form = (absurd => qr/"prompt_tokens":1000000000000000000,/,
                negative => qr/"prompt_tokens":-\d+,/,
                string => qr/"prompt_tokens":"\d+",/,
                float => qr/"prompt_tokens":\d+\.5,/,
                huge => qr/"prompt_tokens":1e999,/,
                null => qr/"prompt_tokens":null,/);
    like ask($CHAT, chat('x'), "usage=$_")->{body}, $form{$_}, $_
        for sort keys %form;
    is data(ask($CHAT, chat('x'), 'usage=none'))->{usage}, undef, 'none, JSON';
    is data(ask($CHAT, chat('x'), 'prompt=9,completion=5'))->{usage}
        {total_tokens}, 14, 'numbers';
    my $claude = {%{chat('x y')}, stream => $true};
    my @deltas = grep { $_->[0] eq 'message_delta' }
        events(ask('/v1/messages', $claude, 'usage=every'));
    ok @deltas > 2, 'messages, every';
    my @late = events(ask('/v1/messages', $claude, 'usage=after_done'));
    is $late[-1][0], 'message_delta', 'messages, after_done';
};

subtest 'bad ends' => sub {
    my $whole = ask($CHAT, $STREAM);
    my @all = events($whole);
    my $cut = ask($CHAT, $STREAM, 'cut=3');
    is scalar(events($cut)), 3, 'cut=3';
    ok !$cut->{whole}, 'no last chunk';
    is $cut->{end}, 'eof', 'FIN';
    my $mid = ask($CHAT, $STREAM, 'cut=3,midcut');
    unlike $mid->{body}, qr/\n\n$/, 'mid-event';
    is index($whole->{body}, substr $mid->{body}, 0, 200), 0, 'same start';
    my $bytes = ask($CHAT, $STREAM, 'cut_bytes=100');
    ok !$bytes->{whole}, 'cut_bytes';
    is length $bytes->{body}, 100, 'exactly';
    my $short = ask($CHAT, chat('x'), 'cut=1');
    ok !$short->{whole}, 'a JSON answer cut';
    my $reset = ask($CHAT, $STREAM, 'reset=2');
    is $reset->{end}, 'reset', 'RST';
    is scalar(events($reset)), 2, 'after two events';
    my @open = events(ask($CHAT, $STREAM, 'done=none'));
    isnt $open[-1][1], '[DONE]', 'done=none';
    is $#open, $#all - 1, 'all else is there';
    my @failed = events(ask($CHAT, $STREAM, 'error_at=2'));
    is scalar @failed, 3, 'error_at=2';
    ok $json->decode($failed[-1][1])->{error}{message}, 'an error object';
    my @claude = events(ask('/v1/messages', {%{chat('x')}, stream => $true},
                            'error_at=2'));
    is $claude[-1][0], 'error', 'in its protocol';
    my $fake = ask($CHAT, chat('x'), 'error200');
    is $fake->{status}, 200, 'error200';
    ok data($fake)->{error}, 'error in the body';
    my @only = events(ask($CHAT, $STREAM, 'error200'));
    is scalar @only, 1, 'one event';
    like $only[0][1], qr/^\{"error":/, 'the error';
    my $socket = dial();
    syswrite $socket, request_text('POST', $CHAT, $json->encode($STREAM),
                                   'X-Mock' => 'endless');
    my ($read, $how) = slurp($socket, sub { length $_[0] > 2_000_000 });
    is $how, 'done', 'endless';
    close $socket;
    my $held = dial();
    syswrite $held, request_text('POST', $CHAT, $json->encode($STREAM),
                                 'X-Mock' => 'cut=2,noclose');
    (undef, $how) = slurp($held, sub { () = $_[0] =~ /data:/g; });
    is $how, 'done', 'noclose begins';
    ok !IO::Select->new($held)->can_read(0.2), 'and stays silent';
};

subtest 'the form of the HTTP answer' => sub {
    my $old = ask($CHAT, $STREAM, 'http10');
    like $old->{head}, qr{^HTTP/1\.0 200}, 'http10';
    unlike $old->{head}, qr/^(?:content-length|transfer-encoding)/mi,
        'no length';
    is $old->{end}, 'eof', 'ends by closing';
    like ask($CHAT, $STREAM, 'te=length')->{head}, qr/^Content-Length: \d/m,
        'te=length';
    like ask($CHAT, chat('x'), 'te=chunked')->{head}, qr/chunked/, 'chunked';
    my @lengths = ask($CHAT, chat('x'), 'dupcl')->{head}
        =~ /^Content-Length: (\d+)/mg;
    is scalar @lengths, 2, 'dupcl';
    isnt $lengths[0], $lengths[1], 'contradictory';
    my $hints = ask($CHAT, chat('x'), 'early_hints');
    like $hints->{bytes}, qr{^HTTP/1.1 103 .*?\r\n\r\nHTTP/1.1 200}s,
        'early hints';
    my $trailers = ask($CHAT, $STREAM, 'trailers');
    like $trailers->{trailers}, qr/^X-Mock-Trailer: end/, 'trailers';
    like ask($CHAT, chat('x'), 'bigheader=9000')->{head}, qr/^X-Big: b{9000}/m,
        'bigheader';
    my $leaky = ask($CHAT, chat('x'),
                    'setcookie,xaccel=/secret,leak,ctype=text/html,cc=private');
    like $leaky->{head}, qr/^\Q$_\E/m, $_ for 'Set-Cookie: mock=1',
        'X-Accel-Redirect: /secret', 'Alt-Svc: h3', 'Content-Type: text/html',
        'Cache-Control: private';
    require IO::Uncompress::Gunzip;
    my ($in, $out) = (ask($CHAT, $STREAM, 'gzip')->{body});
    IO::Uncompress::Gunzip::gunzip(\$in, \$out);
    is $out, ask($CHAT, $STREAM)->{body}, 'gzip';
    $in = ask($CHAT, chat('x'), 'gzip=ask', 'Accept-Encoding' => 'gzip, br');
    like $in->{head}, qr/^Content-Encoding: gzip/m, 'gzip=ask';
    unlike ask($CHAT, chat('x'), 'gzip=ask')->{head}, qr/gzip/, 'not asked';
};

subtest 'HTTP requests' => sub {
    my $body = $json->encode(chat('hi'));
    my $one = request_text('POST', $CHAT, $body);
    my $socket = dial();
    syswrite $socket, $one x 3;
    my ($bytes) = slurp($socket, sub { 3 == (() = $_[0] =~ /fp_.*?\}\}\}/g) });
    is scalar(() = $bytes =~ m{HTTP/1.1 200}g), 3, 'pipelining, keep-alive';
    my $chunked = "POST $CHAT HTTP/1.1\r\nHost: m\r\nConnection: close\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . join('', map { "1;x=y\r\n$_\r\n" } split //, $body)
        . "0\r\nX-Trailer: t\r\n\r\n";
    $socket = dial();
    for my $part (unpack '(a17)*', $chunked) { syswrite $socket, $part }
    ($bytes) = slurp($socket);
    like $bytes, qr/You said: hi/, 'chunked body';
    my $large = chat('x' x 3_000_000);
    like ask($CHAT, $large)->{body}, qr/You said: x{512}"/, 'large body';
    $socket = dial();
    syswrite $socket, request_text('POST', $CHAT, '', Expect => '100-continue')
        =~ s/Content-Length: 0/"Content-Length: " . length $body/er;
    ($bytes) = slurp($socket, sub { $_[0] =~ /100 Continue\r\n\r\n/ });
    like $bytes, qr/^HTTP\/1.1 100/, '100 Continue';
    syswrite $socket, $body;
    ($bytes) = slurp($socket, sub { $_[0] =~ /\}\}\}/ });
    like $bytes, qr/You said: hi/, 'and the answer';
    $socket = dial();
    syswrite $socket, "POST $CHAT HTTP/1.0\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
    ($bytes, my $end) = slurp($socket);
    is $end, 'eof', 'HTTP/1.0 closes';
    unlike $bytes, qr/chunked/, 'and is not chunked';
    for my $wrong ("POST / HTTP/1.1\r\nContent-Length: 1\r\n"
                   . "Transfer-Encoding: chunked\r\n\r\n",
                   "GARBAGE\r\n\r\n", "POST / HTTP/1.1\r\n"
                   . "Content-Length: 99999999999\r\n\r\n") {
        $socket = dial();
        syswrite $socket, $wrong;
        ($bytes) = slurp($socket);
        like $bytes, qr{^HTTP/1.1 (?:400|505|413)}, 'refused';
    }
};

sub control {
    my ($method, $path, $body) = @_;
    my $answer = ask($path, $body // '', '', METHOD => $method);
    return $answer->{body};
}

sub wait_for {
    my ($condition) = @_;
    my $until = time + PATIENCE;
    while (time < $until) {
        my $value = $condition->();
        return $value if $value;
        select undef, undef, undef, 0.02;
    }
    return;
}

subtest 'the log' => sub {
    control('POST', '/mock/reset');
    is control('GET', '/mock/count') + 0, 0, 'reset';
    ask($CHAT, chat('hi'), '', Authorization => 'Bearer k');
    is control('GET', '/mock/count') + 0, 1, 'count';
    my $log = wait_for(sub {
        my $list = $json->decode(control('GET', '/mock/log'));
        $list->[0]{finished} ? $list : undef;
    });
    my $entry = $log->[0];
    my $body = $json->encode(chat('hi'));
    is $entry->{method}, 'POST', 'method';
    is $entry->{path}, $CHAT, 'path';
    is $entry->{api}, 'chat', 'api';
    is $entry->{headers}{authorization}, 'Bearer k', 'headers';
    is $entry->{body_length}, length $entry->{body}, 'body length';
    is_deeply $json->decode($entry->{body}), chat('hi'), 'body';
    ok !$entry->{closed_early}, 'not closed early';
    ok $entry->{bytes_sent} > 500, 'bytes sent';

    my $socket = dial();
    syswrite $socket, request_text('POST', $CHAT, $json->encode($STREAM),
                                   'X-Mock' => 'endless,gap=5');
    slurp($socket, sub { length $_[0] > 3000 });
    close $socket;
    my $left = wait_for(sub {
        my $list = $json->decode(control('GET', '/mock/log'));
        $list->[1]{finished} ? $list->[1] : undef;
    });
    ok $left && $left->{closed_early}, 'an endless stream ends with its peer';
    control('POST', '/mock/knobs', 'status=418');
    is ask($CHAT, chat('x'))->{status}, 418, 'knobs for all';
    ask($CHAT, chat('x')) for 1 .. 3;
    control('POST', '/mock/reset');
    is ask($CHAT, chat('x'))->{status}, 200, 'reset forgets them';
    for (1 .. 1100) { last if !ask($CHAT, chat('x')) }
    my $list = $json->decode(control('GET', '/mock/log'));
    is scalar @$list, 1000, 'the last thousand';
    is $list->[-1]{id} - $list->[0]{id}, 999, 'in order';
};

subtest 'several workers, a log file' => sub {
    my $dir = File::Temp::tempdir(CLEANUP => 1);
    my $child = open my $many, '-|', $binary, '--port', 0, '--workers', 2,
        '--log', "$dir/log", '--latency-ms', 30, '--with-parent'
        or die "cannot start $binary: $!";
    my ($other) = <$many> =~ /:(\d+)$/;
    my $first_port = $port;
    $port = $other;
    my @answers = map { ask($CHAT, chat("n$_")) } 1 .. 8;
    $port = $first_port;
    is scalar(grep { $_->{status} == 200 } @answers), 8, 'all answered';
    is scalar(grep { $_->{seconds} < 0.03 } @answers), 0, '--latency-ms';
    my $lines = wait_for(sub {
        open my $in, '<', "$dir/log" or return;
        my @lines = <$in>;
        return @lines == 8 ? \@lines : undef;
    });
    is_deeply [sort map { $json->decode($json->decode($_)->{body})
                              ->{messages}[0]{content} } @{$lines // []}],
        [map { "n$_" } 1 .. 8], 'every request has its line';
    kill TERM => $child;
    close $many;
    ok !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $other),
        'the workers end with it';
    is system("$binary --port x 2>/dev/null") >> 8, 2, 'wrong option';
    is system("$binary --port 0 --knobs nonsense=1 2>/dev/null") >> 8, 2,
        'wrong knob';
};

done_testing;
