package Bench::Streams;
# What nginx adds to a stream, event by event, with the module and without.
use strict;
use warnings;

use Bench::Processes;
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

our @EXPORT = qw(measure_streams);

# This process is client and upstream at once: it measures how long a byte
# takes through nginx without a second clock or a scheduler in between.
sub stream_conf {
    my ($port, %listen) = @_;
    my $conf = "    upstream self { server 127.0.0.1:$port; keepalive 8; }\n";
    $conf .= "    llm_zone bench:64m;\n" if !$skipped;
    for my $name (sort keys %listen) {
        my $ours = $name eq 'llm'
            ? 'llm on; llm_cache bench; llm_cache_scope "";' : '';
        $conf .= "    server { listen 127.0.0.1:$listen{$name};"
            . " location / { $ours proxy_pass http://self; } }\n";
    }
    return $conf;
}

sub read_until {
    my ($socket, $pattern) = @_;
    my $bytes = '';
    while ($bytes !~ $pattern) {
        IO::Select->new($socket)->can_read(5) or die "no byte for 5 s\n";
        sysread $socket, $bytes, 65536, length $bytes
            or die "the peer left: $bytes\n";
    }
    return $bytes;
}

sub chunk { return sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

sub event_text {
    my ($id, $delta, $finish) = @_;
    return qq(data: {"id":"chatcmpl-$id","object":"chat.completion.chunk",)
        . qq("created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,)
        . qq("delta":$delta,"finish_reason":$finish}]}\n\n);
}

sub upstream_side {
    my ($listener, $kept, $client) = @_;
    my $select = IO::Select->new($listener, values %$kept);
    while (my @ready = $select->can_read(5)) {
        for my $socket (@ready) {
            if ($socket == $listener) {
                my $new = $listener->accept or next;
                setsockopt $new, IPPROTO_TCP, TCP_NODELAY, 1;
                $kept->{fileno $new} = $new;
                $select->add($new);
                next;
            }
            my $got = sysread $socket, my $bytes, 65536;
            return $socket if $got && $bytes =~ /\}$/;
            if (!$got) {
                $select->remove($socket);
                delete $kept->{fileno $socket};
            }
        }
    }
    die "the request did not reach the upstream\n";
}

# One stream of 32 events; answers (µs to the first event, µs an event).
sub one_stream {
    my ($client, $listener, $kept, $number) = @_;
    my $body = qq({"model":"gpt-4o-mini","stream":true,"messages":[{"role":)
        . qq("user","content":"stream $number"}]});
    my $start = time;
    syswrite $client, "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
    my $server = upstream_side($listener, $kept);
    syswrite $server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . chunk(event_text($number, '{"role":"assistant","content":""}',
                           'null'));
    read_until($client, qr/"role":"assistant"/);
    my $first = time - $start;
    my @each;
    for my $k (1 .. 32) {
        my $text = chunk(event_text($number, qq({"content":" word$k."}),
                                    'null'));
        my $sent = time;
        syswrite $server, $text;
        read_until($client, qr/ word$k\./);
        push @each, time - $sent;
    }
    syswrite $server, chunk(event_text($number, '{}', '"stop"'))
        . chunk("data: [DONE]\n\n") . "0\r\n\r\n";
    read_until($client, qr/\r\n0\r\n\r\n$/);
    return ($first * 1e6, map { $_ * 1e6 } @each);
}

# Answers two maps, bare or llm -> list of microseconds: to the first event,
# and for an event.
sub measure_streams {
    my ($streams) = @_;
    my $listener = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
                                         LocalAddr => '127.0.0.1')
        or die "listen: $!";
    my %port = (bare => free_port());
    $port{llm} = free_port() if !$skipped;
    start_nginx('streams', stream_conf($listener->sockport, %port));
    my (%client, %kept, %first, %each);
    for my $name (keys %port) {
        $client{$name} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                               PeerPort => $port{$name})
            or die "connect: $!";
        setsockopt $client{$name}, IPPROTO_TCP, TCP_NODELAY, 1;
    }
    for my $number (1 .. $streams) {
        for my $name (sort keys %port) {
            my ($first, @rest) =
                one_stream($client{$name}, $listener, \%kept, $number);
            next if $number <= 10;  # caches and connections get warm
            push @{$first{$name}}, $first;
            push @{$each{$name}}, @rest;
        }
    }
    return (\%first, \%each);
}

1;
