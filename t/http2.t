# HTTP/2 as frames, for what curl cannot be told to send: a body in many
# pieces, padded, broken off, on streams that share a connection, and a reader
# with a small window. Fault cases 18 and 54.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

# Frame types and flags (RFC 9113, section 6).
use constant {
    DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8,
    END_STREAM => 1, ACK => 1, END_HEADERS => 4, PADDED => 8,
};
use constant CANCEL => 8;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->start($t->head . $t->server('llm on; llm_cache edge;', h2 => 'h2',
    more => <<'END_MORE'));
        location /one/ {
            llm on;
            llm_limit one key=$http_x_key concurrency=1;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
END_MORE

# ---- a client ---------------------------------------------------------------

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    $payload //= '';
    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

sub padded {
    my ($flags, $stream, $bytes, $padding) = @_;
    return frame(DATA, $flags | PADDED, $stream,
        chr($padding) . $bytes . "\0" x $padding);
}

# A header as a literal that is neither indexed nor compressed (RFC 7541).
sub literal {
    my ($name, $value) = @_;
    return join '', "\0", map { chr(length) . $_ } $name, $value;
}

sub connection {
    my (%settings) = @_;
    my $c = $t->client('h2');
    $c->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(SETTINGS, 0, 0,
            join '', map { pack 'nN', $_, $settings{$_} } keys %settings));
    return { c => $c, in => '', next => 1 };
}

# Opens a stream; what is sent of the body is up to the caller.
sub ask {
    my ($h2, $path, @more) = @_;
    my $stream = $h2->{next};
    $h2->{next} += 2;
    my $head = '';
    my @head = (':method', 'POST', ':scheme', 'http', ':path', $path,
        ':authority', 'localhost', 'content-type', 'application/json', @more);
    while (my ($name, $value) = splice @head, 0, 2) {
        $head .= literal($name, $value);
    }
    $h2->{c}->write(frame(HEADERS, END_HEADERS, $stream, $head));
    return $stream;
}

# The next frame that says something: (type, flags, stream, payload).
sub next_frame {
    my ($h2) = @_;
    while (1) {
        while (length $h2->{in} < 9
            || length $h2->{in} < 9 + unpack 'N', "\0$h2->{in}") {
            my $bytes = $h2->{c}->bytes;
            return if !length $bytes;
            $h2->{in} .= $bytes;
        }
        my $size = unpack 'N', "\0$h2->{in}";
        my ($type, $flags, $stream) = unpack 'x3CCN', $h2->{in};
        my $payload = substr $h2->{in}, 9, $size;
        substr $h2->{in}, 0, 9 + $size, '';
        next if $type == WINDOW_UPDATE || $type == PING;
        if ($type == SETTINGS) {
            $h2->{c}->write(frame(SETTINGS, ACK, 0)) if !($flags & ACK);
            next;
        }
        return ($type, $flags, $stream, $payload);
    }
}

# Static table entries 8 to 14 are statuses; nginx writes others plainly.
my @known = (200, 204, 206, 304, 400, 404, 500);
sub status_of {
    my ($block) = @_;
    $block =~ s/^[\x20-\x3f]+//;    # a new size of the table
    return $1 if $block =~ /^[\x08\x48]\x03(\d{3})/;
    return $known[ord($block) - 0x88];
}

# Reads a stream to its end: (status, body, how it ended). With a step, the
# window grows by so many bytes whenever all of it is used.
sub answer {
    my ($h2, $want, $step) = @_;
    my ($status, $body, $room) = (0, '', $step // 0);
    while (my ($type, $flags, $stream, $payload) = next_frame($h2)) {
        return ($status, $body, 'goaway') if $type == GOAWAY;
        next if $stream != $want;
        return ($status, $body, 'reset') if $type == RST_STREAM;
        $status = status_of($payload) if $type == HEADERS;
        if ($type == DATA) {
            $body .= $payload;
            $room -= length $payload;
            die "more than the window\n" if $step && $room < 0;
            if ($step && $room == 0) {
                $room = $step;
                $h2->{c}->write(frame(WINDOW_UPDATE, 0, $want,
                        pack 'N', $step));
            }
        }
        return ($status, $body, 'end') if $flags & END_STREAM;
    }
    return ($status, $body, 'closed');
}

my $chat = $t->path('chat');
sub alive { is $t->post($chat, $t->body_of('chat'))->status, 200, $_[0] }

# ---- tests ------------------------------------------------------------------

subtest 'case 18: a body spread over frames with padding' => sub {
    my $body = $t->body_of('chat');
    my $stored = $t->post($chat, $body)->body;
    my @ways = (
        ['a frame a byte' => map { [$_, 0] } split //, $body],
        ['padding of every length'
            => map { [substr($body, $_, 1), $_ % 256] } 0 .. length($body) - 1],
        ['frames of padding alone'
            => ['', 255], [$body, 7], ['', 255], ['', 0]],
    );
    my $h2 = connection();
    for my $way (@ways) {
        my ($name, @pieces) = @$way;
        $t->mock_reset;
        my $stream = ask($h2, $chat);
        $h2->{c}->write(padded(0, $stream, @$_)) for @pieces;
        $h2->{c}->write(frame(DATA, END_STREAM, $stream));
        my ($status, $answer, $end) = answer($h2, $stream);
        is "$status $end", '200 end', $name;
        is $answer, $stored, 'the body is the same, and so the answer';
        is $t->mock_count, 0, 'from memory';
    }
};

subtest 'case 18: streams of one connection, their bodies mixed' => sub {
    my $h2 = connection();
    my (%body, %text);
    for my $n (1 .. 5) {
        my $stream = ask($h2, $chat);
        $text{$stream} = "mixed $n";
        $body{$stream} = $t->body_of('chat', text => $text{$stream});
    }
    my @streams = sort { $a <=> $b } keys %body;
    my $longest = (sort { $b <=> $a } map { length } values %body)[0];
    for my $at (0 .. $longest) {
        for my $stream (@streams) {
            next if $at > length $body{$stream};
            $h2->{c}->write(frame(DATA, $at == length $body{$stream}
                    ? END_STREAM : 0, $stream, substr $body{$stream}, $at, 1));
        }
    }
    my (%status, %answer, %ended);
    while (keys %ended < @streams) {
        my ($type, $flags, $stream, $payload) = next_frame($h2) or last;
        $status{$stream} = status_of($payload) if $type == HEADERS;
        $answer{$stream} .= $payload if $type == DATA;
        $ended{$stream} = 1 if $type != GOAWAY && $flags & END_STREAM;
    }
    for my $stream (@streams) {
        is $status{$stream}, 200, $text{$stream};
        like $answer{$stream}, qr/You said: $text{$stream}"/,
            'is answered with its own';
    }
};

subtest 'case 18: RST_STREAM in the body' => sub {
    $t->mock_reset;
    my $h2   = connection();
    my $body = $t->body_of('chat');
    my @key  = ('x-key', 'reset');
    for my $sent (0, 1, length($body) - 1) {
        my $stream = ask($h2, "/one$chat", @key);
        $h2->{c}->write(padded(0, $stream, substr($body, 0, $sent), 9))
            if $sent;
        $h2->{c}->write(frame(RST_STREAM, 0, $stream, pack 'N', CANCEL));
    }
    my $stream = ask($h2, "/one$chat", @key);
    $h2->{c}->write(frame(DATA, END_STREAM, $stream, $body));
    my ($status, undef, $end) = answer($h2, $stream);
    is "$status $end", '200 end', 'another stream goes on, its place is free';
    is $t->mock_count, 1, 'the broken ones are nobody to the upstream';
    is $t->metric('llm_reservations'), 0, 'and hold nothing';
};

subtest 'case 18: RST_STREAM in the answer' => sub {
    my $h2     = connection();
    my $stream = ask($h2, "/one$chat", 'x-key', 'late', 'x-mock',
        'gap=20,events=1000,size=60000');
    $h2->{c}->write(frame(DATA, END_STREAM, $stream,
            $t->body_of('chat', stream => 1)));
    my $pieces = 0;
    while ($pieces < 5) {
        my ($type) = next_frame($h2) or last;
        $pieces++ if $type == DATA;
    }
    $h2->{c}->write(frame(RST_STREAM, 0, $stream, pack 'N', CANCEL));
    ok wait_until { $t->metric('llm_reservations') == 0 },
        'what it held is given back';
    $stream = ask($h2, "/one$chat", 'x-key', 'late');
    $h2->{c}->write(frame(DATA, END_STREAM, $stream, $t->body_of('chat')));
    my ($status, undef, $end) = answer($h2, $stream);
    is "$status $end", '200 end', 'the connection is as good as before';
};

subtest 'case 18: a body that is not as long as it was said' => sub {
    $t->mock_reset;
    my $body = $t->body_of('chat');
    for my $more (-1, 1) {
        my $h2     = connection();
        my $stream = ask($h2, $chat, 'content-length', length($body) + $more);
        $h2->{c}->write(frame(DATA, END_STREAM, $stream, $body));
        my ($status, undef, $end) = answer($h2, $stream);
        ok $status == 400 || $end ne 'end', "$more: refused ($status $end)";
    }
    is $t->mock_count, 0, 'and goes nowhere';
    alive('others are served');
};

subtest 'case 18: headers with unusual names' => sub {
    for my $name ('proxy-connection', 'x' x 120, '_', 'x_y', "x-\x7f",
        'content-type', 'x-api-key', 'cookie') {
        my $h2     = connection();
        my $stream = ask($h2, $chat, $name, 'a', $name, 'b');
        $h2->{c}->write(frame(DATA, END_STREAM, $stream,
                $t->body_of('chat')));
        my ($status, undef, $end) = answer($h2, $stream);
        ok $status == 200 || $status == 400 || $end ne 'end',
            "$name: $status $end";
    }
    alive('and none of them did harm');
};

subtest 'case 54: a reader with a small window' => sub {
    my $body = $t->body_of('chat', stream => 1);
    $t->post($chat, $body);
    my $plain = $t->post($chat, $body)->body;    # a hit, as those to come
    for my $window (1000, 7, 1) {
        my $h2     = connection(4, $window);
        my $stream = ask($h2, $chat);
        $h2->{c}->write(frame(DATA, END_STREAM, $stream, $body));
        my ($status, $answer, $end) = answer($h2, $stream, $window);
        is "$status $end", '200 end', "$window bytes at a time";
        ok $answer eq $plain, 'byte for byte';
    }
    my $h2     = connection(4, 0);
    my $stream = ask($h2, $chat, 'x-mock', 'events=2000,size=400000');
    $h2->{c}->write(frame(DATA, END_STREAM, $stream,
            $t->body_of('chat', stream => 1)));
    my ($type) = next_frame($h2);
    is $type, HEADERS, 'no window at all: the head comes';
    alive('and others are served meanwhile');
};

done_testing;
