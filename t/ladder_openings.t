# How answers begin, byte by byte: what a rung's first bytes may look like
# before it is known whether it answers or has failed; clocks that run out at
# every stop; clients that leave at every stop.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Compress::Zlib ();
use Time::HiRes qw(sleep time);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

my $error = '{"error":{"message":"Overloaded","type":"overloaded_error"}}';
my $good  = '{"id":"x","object":"chat.completion.chunk","created":1,'
    . '"model":"one","choices":[{"index":0,"delta":{"content":"said \"error\""'
    . '},"finish_reason":null}],"error":null}';
my $role  = '{"id":"x","object":"chat.completion.chunk","created":1,'
    . '"model":"one","choices":[{"index":0,"delta":{"role":"assistant",'
    . '"content":"","refusal":null},"logprobs":null,"finish_reason":null}]}';
my $azure = '{"id":"","object":"","created":0,"model":"","choices":[],'
    . '"prompt_filter_results":[{"prompt_index":0}]}';
my $last  = '{"id":"x","object":"chat.completion.chunk","created":1,'
    . '"model":"one","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
my $end   = "data: $last\n\ndata: [DONE]\n\n";
my $bom   = "\xef\xbb\xbf";
my $page  = "$bom\n<!doctype html><title>Sign in</title>";
my $json  = '{"id":"x","object":"chat.completion","created":1,"model":"one",'
    . '"choices":[{"index":0,"message":{"role":"assistant","content":"<b>"},'
    . '"finish_reason":"stop"}]}';

# name => [who answers, framing, the pieces of the body, more head]
my %case = (
    comments     => [two => 'chunked', [(": ping\n\n") x 40]],
    comments_tcp => [two => 'close',   [(": ping\n\n") x 40]],
    nothing      => [two => 'chunked', []],
    nothing_tcp  => [two => 'close',   []],
    nothing_len  => [two => 'length',  ['']],
    bom_error    => [two => 'chunked', ["${bom}data: $error\n\n"]],
    crlf_error   => [two => 'chunked', ["data: $error\r\n\r\n"]],
    cr_error     => [two => 'chunked', ["data: $error\r\r"]],
    named_error  => [two => 'chunked', ["event: error\ndata: $error\n\n"]],
    late_error   => [two => 'chunked',
        [": hello\n\n", ":\n\n", "retry: 5\n\n", "id: 3\n\n", "data: $error\n\n"]],
    multi_error  => [two => 'chunked', ["data: {\"error\":\ndata: {\"message\":"
            . "\"x\",\"type\":\"server_error\"}}\n\n"]],
    open_error   => [two => 'chunked', ["data: $error"]],
    drip_error   => [two => 'chunked', [split //, "data: $error\n\n"]],
    drip_tcp     => [two => 'close',   [split //, "data: $error\n\n"]],
    gzip_error   => [two => 'length',
        [Compress::Zlib::memGzip("data: $error\n\n")], "Content-Encoding: gzip\r\n"],
    json_error   => [two => 'length', [$error], '', 'application/json'],
    json_split   => [two => 'chunked', [split //, $error], '', 'application/json'],
    page         => [two => 'length', ['<html>'], '', 'text/html'],
    page_drip    => [two => 'chunked', [split //, $page], '',
        'Text/HTML; charset=utf-8'],
    page_tcp     => [two => 'close', [split //, $page], '', 'text/html'],
    page_gzip    => [two => 'length', [Compress::Zlib::memGzip($page)],
        "Content-Encoding: gzip\r\n", 'text/html'],
    page_gzdrip  => [two => 'chunked',
        [split //, Compress::Zlib::memGzip($page)],
        "Content-Encoding: gzip\r\n", 'text/html'],
    page_blank   => [two => 'chunked', [" \r\n", "\t\n", '<html>'], '',
        'text/html'],
    no_page      => [one => 'length', [$json], '', 'text/html'],
    no_page_drip => [one => 'chunked', [split //, $json], '', 'text/html'],
    blank_answer => [one => 'chunked', [' ', "\r\n", " \t", split //, $json],
        '', 'text/html'],
    long_blank   => [one => 'chunked', [(' ' x 100) x 50, $json], '',
        'text/html'],
    no_json      => [two => 'length', ['busy'], '', 'application/json'],
    torn_json    => [two => 'chunked', [split //, substr $json, 0, -1], '',
        'application/json'],
    good_json    => [one => 'chunked', [split //, "\r\n$json\n"], '',
        'application/json'],
    bad_chunk    => [two => 'raw', ["zz\r\nhello\r\n0\r\n\r\n"],
        "Transfer-Encoding: chunked\r\n"],
    huge_chunk   => [two => 'raw', ["ffffffffffffffffff\r\n"],
        "Transfer-Encoding: chunked\r\n"],
    big_head     => [two => 'chunked', ["data: $good\n\n$end"],
        'X-Big: ' . 'x' x 20_000 . "\r\n"],
    no_http      => [two => 'wild', ["SSH-2.0-OpenSSH_9.2\r\n"]],
    no_http2     => [two => 'wild', ["\0\1\2 nothing\r\n\r\n"]],
    said_error   => [one => 'chunked', ["data: $good\n\n", $end]],
    drip_good    => [one => 'chunked', [split //, "data: $good\n\n$end"]],
    bom_good     => [one => 'chunked', ["${bom}data: $good\n\n$end"]],
    cr_good      => [one => 'chunked', ["data: $good\r\rdata: $last\r\rdata: [DONE]\r\r"]],
    long_comment => [one => 'chunked', [': ' . 'c' x 30_000 . "\n\n",
        "data: $good\n\n$end"]],
    error_behind => [one => 'chunked', [': ' . 'c' x 30_000 . "\n\n",
        "data: $error\n\n"]],
    # What only announces an answer is none.
    role_error   => [two => 'chunked', ["data: $role\n\n",
        "data: $error\n\n"]],
    role_drip    => [two => 'chunked', [split //,
        "data: $role\n\n: ping\n\ndata: $error\n\n"]],
    azure_error  => [two => 'chunked', ["data: $azure\n\ndata: $role\n\n",
        "data: $error\n\n"]],
    role_alone   => [two => 'chunked', ["data: $role\n\n"]],
    role_tcp     => [two => 'close', ["data: $role\n\n"]],
    role_good    => [one => 'chunked', ["data: $role\n\n",
        "data: $good\n\n$end"]],
    role_late    => [one => 'chunked', ["data: $role\n\n",
        ': ' . 'c' x 30_000 . "\n\n", "data: $good\n\n$end"]],
    hints        => [one => 'early', ["data: $good\n\n$end"]],
);

$t->upstream(odd => sub {
    my ($c, $head) = @_;
    my ($name) = $head =~ m{^POST /odd/(\w+)/};
    my (undef, $framing, $pieces, $more, $type) = @{ $case{$name} };
    $more //= '';
    $type //= 'text/event-stream';
    my $early = $framing eq 'early';
    if ($framing eq 'wild') {
        print $c @$pieces;
        return;
    }
    $more .= 'Content-Length: ' . length(join '', @$pieces) . "\r\n"
        if $framing eq 'length';
    $more .= "Transfer-Encoding: chunked\r\n"
        if $framing eq 'chunked' || $early;
    print $c "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" if $early;
    print $c "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n${more}"
        . "Connection: close\r\n\r\n";
    for my $piece (@$pieces) {
        my $bytes = $framing eq 'chunked' || $early
            ? sprintf("%x\r\n%s\r\n", length $piece, $piece) : $piece;
        print $c $bytes;
        sleep 0.0005 if @$pieces > 20;
    }
    print $c "0\r\n\r\n" if $framing eq 'chunked' || $early;
});

my $map = <<'END';
    map $llm_upstream_model $at {
        volatile;
        "~^(?<knobs>.*)!(?<more>.*)$" http://127.0.0.1:%%PORT:mock%%/mock/$more$uri;
        "~^odd-(?<case>\w+)$"  http://127.0.0.1:%%PORT:odd%%/odd/$case$uri;
        dead     http://127.0.0.1:%%PORT:nobody%%$uri;
        default  http://127.0.0.1:%%PORT:mock%%$uri;
    }
END
sub location {
    my ($name, $lines) = @_;
    return "location /$name/ { llm on; llm_fallback \$arg_b \$arg_c; $lines "
        . "proxy_pass \$at; }\n";
}
my $small = 'proxy_buffer_size 8k; proxy_buffers 8 8k;
    proxy_busy_buffers_size 16k;';
my $more = join '', location(plain => $small),
    location(direct => "$small proxy_buffering off;"),
    location(now => 'llm_deadline 1ms;'),
    location(short => 'llm_deadline 700ms;'),
    location(paged => 'error_page 502 = @own;'),
    location(clocks => 'llm_first_byte_timeout 300ms; llm_deadline 750ms;');
$more .= location(first => 'llm_first_byte_timeout 300ms;
    proxy_read_timeout 600ms;');
$more .= location(idle => 'llm_idle_timeout 400ms;');
$more .= 'location /alone/ { llm on; proxy_pass $at; }';
$more .= 'location @own { return 418 "the operator\'s page\n"; }';
$t->start($t->head . $map . $t->server('llm on;', more => $more));
my ($worker) = $t->worker_pids;
my @STREAM = (stream => 1);

# ---- first bytes -------------------------------------------------------------

for my $name (sort keys %case) {
    for my $in ('plain', 'direct') {
        my ($who, undef, undef, undef, $type) = @{ $case{$name} };
        $t->mock_reset;
        my ($r, $log) = $t->ask('chat', '', ($type // '') =~ /json/ ? () : @STREAM,
            in => "/$in", model => "odd-$name", args => 'b=two');
        is $r->status, 200, "$name, $in: answered";
        is $t->mock_count, $who eq 'two' ? 1 : 0, "$name, $in: attempts";
        if ($who eq 'two') {
            ok $r->complete, "$name, $in: whole";
            is $log->{served}, 'two', "$name, $in: by the next rung";
            unlike $r->body, qr/Overloaded|ping|"one"/,
                "$name, $in: nothing of the first";
        } elsif ($name ne 'error_behind') {
            ok $r->complete, "$name, $in: whole";
            my $text = join '', $name eq 'long_comment'
                || ref $case{$name}[2] ? @{ $case{$name}[2] } : ();
            is length $r->body, length $text, "$name, $in: byte for byte";
        } else {
            like $r->body, qr/Overloaded/, "$name, $in: told as it is";
            isnt $log->{reason}, 'no_entry', "$name, $in: and not kept";
        }
    }
}

for my $in ('plain', 'direct') {
    my ($r) = $t->ask('chat', '', in => "/$in", model => 'odd-no_http',
        args => 'b=odd-no_http2');
    is $r->status, 502, "$in: no HTTP on the last rung either";
    ok length $r->json->{error}{message}, "$in: one clean error";
}

for my $stream (0, 1) {
    for my $name (grep { /page/ } sort keys %case) {
        my ($who, undef, $pieces) = @{ $case{$name} };
        my ($r) = $t->ask('chat', '', in => '/alone', model => "odd-$name",
            stream => $stream);
        is $r->status, $who eq 'two' ? 502 : 200,
            "case 35: $name, nobody else, stream=$stream";
        ok $r->complete, "$name: whole";
    }
    for my $name (qw(blank_answer long_blank)) {
        my ($r, $log) = $t->ask('chat', '', in => '/alone',
            model => "odd-$name", stream => $stream);
        is $r->body, join('', @{ $case{$name}[2] }),
            "$name, nobody else, stream=$stream: byte for byte";
        is $log->{finish}, 'stop', "$name: and read" unless $stream;
    }
}

for my $rungs ('', 'b=odd-page') {
    my @o = (in => '/plain', args => $rungs);
    my ($r) = $t->ask('chat', '', @o, model => 'odd-page');
    is $r->status, 502, "case 35: a page, '$rungs': no answer";
    is $r->json->{error}{type}, 'server_error', 'in the protocol\'s words';
    for my $name (qw(page page_drip page_tcp page_gzip)) {
        ($r) = $t->ask('chat', '', @o, in => '/paged', model => "odd-$name");
        is $r->body, "the operator's page\n", "$name, '$rungs': error_page";
        is $r->status, 418, 'with its status';
        is $r->header('content-encoding'), '', 'and nothing of the page';
    }
}
{
    my ($r) = $t->ask('chat', '', in => '/paged', model => 'odd-no_page_drip');
    is $r->body, $json, 'what is only called HTML passes';
}

# ---- clocks ------------------------------------------------------------------

for my $form ('JSON', 'stream') {
    my @form = $form eq 'stream' ? @STREAM : ();
    for my $model ('dead', 'one!delay=3000', 'one!status=500') {
        my ($r, $log) = $t->ask('chat', '', @form, in => '/now',
            model => $model, args => 'b=two!delay=3000&c=three!delay=3000');
        is $r->status, 504, "llm_deadline 1ms, $form, $model: 504";
        ok length $r->json->{error}{message}, "llm_deadline 1ms, $form: in JSON";
    }
    $t->mock_reset;
    my $from = time;
    my ($r, $log) = $t->ask('chat', '', @form, in => '/short',
        model => 'one!status=500', args => 'b=two!status=429&c=three!delay=9000');
    is $r->status, 504, "$form: the deadline passes during rung 3";
    cmp_ok time - $from, '<', 3, "$form: in time";
    is $t->mock_count, 3, "$form: three were asked";
    is $log->{upstream}, '500 : 429 : 504', "$form: \$upstream_status";
    ok +(wait_until { ($t->mock_log)[-1]{closed_early} }),
        "$form: the third is let go";
    $t->mock_reset;
    ($r, $log) = $t->ask('chat', '', @form, in => '/clocks',
        model => 'one!delay=9000',
        args => 'b=two!delay=9000&c=three!delay=9000');
    is $r->status, 504, "$form: both clocks";
    is $log->{upstream}, '504 : 504 : 504', "$form: each attempt has its own";
    is $t->mock_count, 3, "$form: within one deadline";
}

{
    # Who has said that an answer is coming has begun in time.
    for my $api ('chat', 'responses', 'messages') {
        $t->mock_reset;
        my ($r, $log) = $t->ask($api, '', @STREAM, in => '/first',
            model => 'one!gap=400,events=1', args => 'b=two');
        ok $r->complete, "$api: an announcement, then silence: whole";
        is $log->{upstream}, '200', "$api: by the first that was asked";
    }
}

{
    # But the silence behind that has its limit.
    for my $api ('chat', 'responses', 'messages') {
        $t->mock_reset;
        my $from = time;
        my ($r, $log) = $t->ask($api, '', @STREAM, in => '/idle',
            model => 'one!gap=3000,events=1', args => 'b=two');
        cmp_ok time - $from, '<', 2, "$api: llm_idle_timeout ends it";
        ok $r->complete, "$api: a whole answer";
        is $log->{served}, 'two', "$api: of the next rung";
        is $t->mock_count, 2, "$api: behind one in vain";
        ($r, $log) = $t->ask($api, '', @STREAM, in => '/idle',
            model => 'one!gap=200,events=4', args => 'b=two');
        like $log->{served}, qr/^one/, "$api: shorter ones are none";
        ok $r->complete, "$api: and its answer is whole";
    }
}

# ---- clients that leave ------------------------------------------------------

sub descriptors { scalar(() = glob "/proc/$worker/fd/*") }
{
    $t->ask('chat', '', in => '/short', model => 'one', args => 'b=two');
    my $before = descriptors();
    my $aborts = $t->metric('llm_errors_total', kind => 'client_abort');
    my $n = 0;
    for my $case (
        ['one!delay=400',            0.05], ['one!ttft=400',  0.05],
        ['one!status=500,delay=100', 0.15], ['one!gap=50,events=40', 0.25],
        ['one!status=429,delay=60',  0.06], ['one!status=500', 0.001],
        ['one',                      0],    ['dead',          0.001]) {
        my ($model, $wait) = @$case;
        for my $form ([], [@STREAM]) {
            for my $how ('reset', 'close') {
                my $test = $t->next_test;
                my $c    = $t->client;
                $c->send(POST => '/plain/v1/chat/completions?b=two!delay=300',
                    body => $t->body_of('chat', @$form, model => $model),
                    headers => { 'X-Test' => $test });
                sleep $wait;
                $c->$how;
                my $log = $t->logged($test);
                like $log->{status}, qr/^(?:499|200)$/,
                    "case 50, 56: $model, $how: no fault of anybody's";
                $n++;
            }
        }
    }
    ok +(wait_until { descriptors() <= $before }),
        'case 56: no descriptor is left';
    cmp_ok $t->metric('llm_errors_total', kind => 'client_abort') - $aborts,
        '>', $n / 3, 'case 56: aborts are counted as such';
    is $t->metric('llm_upstream_attempts_total', outcome => 'client_gone') >= 0
        ? 1 : 0, 1, 'and are attempts of that kind';
    is(($t->worker_pids)[0], $worker, 'one and the same worker all the time');
}
$t->finish;
done_testing;
