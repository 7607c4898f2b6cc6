#!/usr/bin/perl
# The mock upstream, spoken to directly: every class of knob.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select;
use JSON::PP;
use LLM::MockClient;
use Test::More;

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

done_testing;
