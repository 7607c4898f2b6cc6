package LLM::Http;

# An HTTP/1.1 client on a raw socket, for tests that must see what really
# passes: keep-alive, pipelining, single writes, chunked bodies with the time
# of each piece, answers cut short, aborts.
#
#   my $c = LLM::Http->new(port => 8080);
#   my $r = $c->request(POST => '/v1/x', body => '{}', headers => {A => 'b'});
#   is $r->status, 200;  is_deeply $r->json, {...};  ok $r->complete;
#
#   $c->send(POST => '/v1/x', body => '{"stream":true}');
#   $r = $c->head;                          # the body is still to come
#   while (my $e = $c->next_event($r)) {    # {event, data, time, raw}
#   }
#   $c->reset;                              # RST; $c->close: FIN
#
# Times are seconds since the request was sent. Everything dies after
# `timeout` seconds without a byte (10).

use strict;
use warnings;

use Errno qw(ECONNRESET EINTR EPIPE);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);
use Time::HiRes qw(time);

use LLM::Response;

sub new {
    my ($class, %o) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => $o{host} // '127.0.0.1',
        PeerPort => $o{port},
        Timeout  => 5,
    ) or die "connect to port $o{port}: $@\n";
    binmode $socket;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    return bless {
        socket  => $socket,
        select  => IO::Select->new($socket),
        timeout => $o{timeout} // 10,
        in      => '',
        sent    => time,
    }, $class;
}

# The bytes of a request. Options: body, headers (a hash, or a list of pairs
# when order or repetition matters), chunked (a list of pieces instead of
# body), close, host, version.
sub format_request {
    my ($class, $method, $uri, %o) = @_;
    my $h     = $o{headers} // {};
    my @pairs = ref $h eq 'HASH' ? map { ($_ => $h->{$_}) } sort keys %$h : @$h;
    my $names = lc join "\n", '', @pairs[grep { $_ % 2 == 0 } 0 .. $#pairs], '';
    my $text  = "$method $uri " . ($o{version} // 'HTTP/1.1') . "\r\n";
    $text .= 'Host: ' . ($o{host} // 'localhost') . "\r\n"
        unless $names =~ /\nhost\n/;
    $text .= "Content-Type: application/json\r\n"
        if (defined $o{body} || $o{chunked}) && $names !~ /\ncontent-type\n/;
    while (my ($name, $value) = splice @pairs, 0, 2) {
        $text .= "$name: $value\r\n";
    }
    $text .= "Connection: close\r\n" if $o{close};
    if ($o{chunked}) {
        $text .= "Transfer-Encoding: chunked\r\n\r\n";
        $text .= sprintf "%x\r\n%s\r\n", length, $_
            for grep { length } @{ $o{chunked} };
        return $text . "0\r\n\r\n";
    }
    if (defined $o{body} && $names !~ /\ncontent-length\n/) {
        $text .= 'Content-Length: ' . length($o{body}) . "\r\n";
    }
    return $text . "\r\n" . ($o{body} // '');
}

# Writes raw bytes; returns how many the other side took.
sub write {
    my ($s, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $done = 0;
    $s->{sent} = time;
    while ($done < length $bytes) {
        $s->{select}->can_write($s->{timeout}) or die "timeout in write\n";
        my $n = syswrite $s->{socket}, $bytes, 65536, $done;
        if (!defined $n) {
            next if $!{EINTR};
            last;
        }
        $done += $n;
    }
    return $done;
}

sub send {
    my ($s, $method, $uri, %o) = @_;
    push @{ $s->{methods} }, $method;
    return $s->write($s->format_request($method, $uri, %o));
}

# Reads what is there into the buffer: the number of bytes, 0 at the end.
sub _fill {
    my $s = shift;
    return 0 if $s->{eof};
    my @ready = $s->{select}->can_read($s->{timeout});
    die "timeout: no byte for $s->{timeout} s\n" unless @ready;
    my $n = sysread $s->{socket}, $s->{in}, 65536, length $s->{in};
    return $n if $n;
    return $s->_fill if !defined $n && $!{EINTR};
    $s->{eof}   = 1;
    $s->{error} = defined $n ? 'closed' : $!{ECONNRESET} ? 'reset' : "$!";
    return 0;
}

# Bytes as they come, for a protocol of the caller's own; '' at the end.
sub bytes {
    my $s = shift;
    return '' if !length $s->{in} && !$s->_fill;
    return substr $s->{in}, 0, length $s->{in}, '';
}

# Is there a byte (or the end) within so many seconds?
sub readable {
    my ($s, $seconds) = @_;
    return length $s->{in} || scalar $s->{select}->can_read($seconds // 0);
}

# Has the other side closed? Reads (and keeps) what still comes.
sub closed {
    my $s = shift;
    1 while $s->_fill;
    return $s->{error};
}

# The head of the next answer, informational ones set aside.
sub head {
    my $s      = shift;
    my $method = shift @{ $s->{methods} } // 'GET';
    my @early;
    while (1) {
        while ((my $end = index $s->{in}, "\r\n\r\n") < 0) {
            next if $s->_fill;
            return LLM::Response->none($s->{error}, $s->{in});
        }
        my $end  = index $s->{in}, "\r\n\r\n";
        my $text = substr $s->{in}, 0, $end + 4, '';
        my $r    = LLM::Response->new($text, time - $s->{sent});
        if ($r->status < 200 && $r->status != 101) {
            push @early, $r;
            next;
        }
        $r->{early} = \@early;
        $r->{left}  = _framing($r, $method);
        $r->{complete} = 1 if defined $r->{left} && $r->{left} eq '0';
        return $r;
    }
}

# Bytes of body to come: a number, 'chunked', or undef for "until the end".
sub _framing {
    my ($r, $method) = @_;
    return 0 if $method eq 'HEAD' || $r->status =~ /^(204|304)$/;
    return 'chunked' if lc($r->header('transfer-encoding')) eq 'chunked';
    my $length = $r->header('content-length');
    return length $length ? $length : undef;
}

# The next piece of the body, decoded, or undef at its end.
sub more {
    my ($s, $r) = @_;
    return undef if $r->{complete} || $r->{error};
    my $piece;
    if (!defined $r->{left}) {
        $piece = $s->_piece_until_end($r);
    } elsif ($r->{left} eq 'chunked') {
        $piece = $s->_piece_of_chunks($r);
    } else {
        $piece = $s->_piece_of_length($r);
    }
    return undef unless defined $piece;
    $r->add($piece, time - $s->{sent});
    return $piece;
}

sub _cut {
    my ($s, $r) = @_;
    $r->{error} = $s->{error};
    return undef;
}

sub _piece_until_end {
    my ($s, $r) = @_;
    if (!length $s->{in} && !$s->_fill) {
        return $s->_cut($r) if $s->{error} ne 'closed';
        $r->{complete} = 1;
        return undef;
    }
    return substr $s->{in}, 0, length $s->{in}, '';
}

sub _piece_of_length {
    my ($s, $r) = @_;
    return $s->_cut($r) if !length $s->{in} && !$s->_fill;
    my $piece = substr $s->{in}, 0, $r->{left}, '';
    $r->{left} -= length $piece;
    $r->{complete} = 1 if $r->{left} == 0;
    return $piece;
}

sub _piece_of_chunks {
    my ($s, $r) = @_;
    while (!$r->{chunk}) {
        if ($s->{in} =~ s/^(?:\r\n)?([0-9a-fA-F]+)[^\r\n]*\r\n//) {
            $r->{chunk} = hex $1;
            push @{ $r->{chunk_sizes} }, $r->{chunk};
            last if $r->{chunk};
            return $s->_trailers($r);
        }
        return $s->_cut($r) unless $s->_fill;
    }
    return $s->_cut($r) if !length $s->{in} && !$s->_fill;
    my $piece = substr $s->{in}, 0, $r->{chunk}, '';
    $r->{chunk} -= length $piece;
    return $piece;
}

sub _trailers {
    my ($s, $r) = @_;
    while ($s->{in} !~ s/^((?:[^\r\n]+\r\n)*)\r\n//) {
        return $s->_cut($r) unless $s->_fill;
    }
    $r->{trailers} = $1;
    $r->{complete} = 1;
    return undef;
}

# Reads the rest of the answer's body.
sub finish {
    my ($s, $r) = @_;
    1 while defined $s->more($r);
    return $r;
}

sub read {
    my $s = shift;
    return $s->finish($s->head);
}

sub request {
    my $s = shift;
    $s->send(@_);
    return $s->read;
}

# The next event of a text/event-stream answer, or undef at its end.
sub next_event {
    my ($s, $r) = @_;
    while (1) {
        my $event = $r->take_event;
        return $event if $event;
        return undef unless defined $s->more($r);
    }
}

sub close {
    my $s = shift;
    CORE::close $s->{socket};
    return $s;
}

sub shutdown_write {
    my $s = shift;
    shutdown $s->{socket}, 1;
    return $s;
}

# Ends the connection by RST.
sub reset {
    my $s = shift;
    setsockopt $s->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    CORE::close $s->{socket};
    return $s;
}

1;
