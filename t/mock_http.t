#!/usr/bin/perl
# The mock upstream, spoken to directly: HTTP requests, log, workers.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use IO::Socket::INET;
use JSON::PP;
use LLM::MockClient;
use Test::More;

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
