package LLM::MockClient;
# A client of the mock upstream over plain sockets, for its own tests: starts
# the binary (LLM_MOCK, else build/mock_upstream), ends it with the test, and
# shows every byte of an answer. Core Perl only; knows nothing of nginx.
use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(time);

use constant PATIENCE => 4;

our @EXPORT = qw($binary $port $json $true $CHAT $STREAM $WEATHER
                 dial slurp request_text ask data events text_of chat
                 control wait_for);

my $root = abs_path(dirname(__FILE__) . '/../../..');
our $binary = $ENV{LLM_MOCK} // "$root/build/mock_upstream";
plan skip_all => "no mock upstream at $binary (LLM_MOCK)" if !-x $binary;

my $pid = open my $mock, '-|', $binary, '--port', 0, '--with-parent'
    or die "cannot start $binary: $!";
my $first = <$mock>;
our ($port) = $first =~ /^mock upstream on 127\.0\.0\.1:(\d+)$/
    or die "unexpected first line: $first";
# Naming $mock here keeps perl from waiting for the child before it is told.
END { local $?; kill(TERM => $pid), close $mock if $pid; }

our $json = JSON::PP->new->utf8->canonical;

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

our $true = JSON::PP::true;
our $CHAT = '/v1/chat/completions';
our $STREAM = chat('one two', stream => $true,
                  stream_options => {include_usage => $true});
our $WEATHER = {type => 'object', required => ['city', 'days', 'unit'],
               properties => {city => {type => 'string'},
                              days => {type => 'integer', minimum => 3},
                              unit => {enum => ['celsius', 'kelvin']}}};

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

1;
