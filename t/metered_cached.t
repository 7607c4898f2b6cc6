# What nginx's own proxy_cache answers was bought once: it costs no tokens and
# no money, whatever nginx calls it; what it asks the provider for is paid.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 2);
# A provider whose answers are good for no time. What it does next stands in
# a file; how often it was asked, and whether only for news, in another.
my ($does, $asked) = map { $t->dir . "/$_" } qw(does asked);
$t->upstream(provider => sub {
    my ($c, $head, $body) = @_;
    my $stream = $body =~ /"stream":true/;
    # More of it than nginx reads at a time, and 90 tokens.
    my $large = $body =~ /left/;
    # Nothing of it is text but its end.
    my $word = $body =~ /thinks/ ? '' : 'word ';
    my $pad = $large ? '"pad":"' . 'x' x 3000 . '",' : '';
    my $what = slurp($does);
    open my $f, '>>', $asked or die $!;
    syswrite $f, $head =~ /^if-none-match:/mi ? "news\n" : "all\n";
    close $f;
    my ($status, @head) = ('200 OK', 'ETag: "1"', 'Cache-Control: max-age=1');
    my $usage = $large
        ? '"usage":{"prompt_tokens":30,"completion_tokens":90}'
        : '"usage":{"prompt_tokens":30,"completion_tokens":12}';
    my $json = '{"id":"c1","object":"chat.completion","created":1,'
        . '"model":"m","choices":[{"index":0,"finish_reason":"stop",'
        . '"message":{"role":"assistant","content":"' . 'word ' x 12
        . '"}}],' . $pad x 90 . $usage . '}';
    if ($stream) {
        push @head, 'Content-Type: text/event-stream';
        my $chunk = '{"id":"c1","object":"chat.completion.chunk",'
            . qq{"created":1,"model":"m",$pad"choices":};
        my $delta = '[{"index":0,"delta":{"content":"';
        my $words = 'word ' x ($body =~ /long/ ? 4000 : 12);
        $json = join '', map { "data: $_\n\n" }
            $large ? map { qq($chunk$delta$word"}}]}) } 1 .. 90 : (),
            "$chunk$delta$words" . '"},"finish_reason":"stop"}]}',
            "${chunk}[],$usage}", '[DONE]';
    } else {
        push @head, 'Content-Type: application/json';
    }
    ($status, $json) = ('304 Not Modified', '')
        if $what eq 'same' && $head =~ /^if-none-match:/mi;
    ($status, $json) = ('500 Internal Server Error', '{}')
        if $what eq 'fails';
    push @head, 'Content-Length: ' . length $json if $status !~ /^304/;
    wait_until { slurp($does) ne 'holds' };
    my $begin = $what eq 'waits' ? 200 : length $json;
    print $c join "\r\n", "HTTP/1.1 $status", @head, 'Connection: close', '',
        substr $json, 0, $begin;
    wait_until { slurp($does) ne 'waits' };
    print $c substr $json, $begin;
});
sub provider_does {
    $t->write_file(does => $_[0]);
    unlink $asked;
}
sub was_asked { join ' ', split /\n/, slurp($asked) }

$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 1e-3, output_cost_per_token => 1e-3 } }));
my $cache = 'proxy_cache kept; proxy_cache_methods POST;'
    . ' proxy_cache_key $http_x_text; proxy_ignore_headers Vary;'
    . ' add_header X-Cached $upstream_cache_status always;';
my $paid = 'llm_budget plain key=$http_x_key usd=1/month;'
    . ' llm_limit rate key=$http_x_key tokens=10k/d;';
my $locations = '';
for ([plain => $paid], [revalidated => "$paid proxy_cache_revalidate on;"],
    [stale => "$paid proxy_cache_use_stale http_500;"],
    [background => "$paid proxy_cache_use_stale updating;"
        . ' proxy_cache_background_update on;'],
    [watched => "$paid llm observe;"], [unpaid => '']) {
    my ($name, $lines) = @$_;
    $locations .= $t->location($name, "postpone_output 0; $cache $lines",
        port => 'provider');
}
$t->start(($t->head =~ s/"test":/"left":"\$llm_budget_remaining","cost":"\$llm_cost_usd","saved":"\$llm_saved_usd","test":/r)
    . 'llm on; llm_prices prices.json;'
    . ' proxy_cache_path %%DIR%%/kept keys_zone=kept:1m;'
    . $t->server('', more => $locations));

my $count = 0;
sub someone { 'k' . ++$count }

# (what nginx's cache says, the log's line, the answer)
sub one {
    my ($in, $key, $text, %o) = @_;
    my $kept = delete $o{kept} // "$in $text";
    my ($r, $log) = $t->send_body(chat => $t->body_of('chat',
            max_tokens => 100, text => $text, %o), '', in => "/$in",
        headers => ['X-Key' => $key, 'X-Text' => $kept]);
    return ($r->header('x-cached'), $log, $r);
}

for my $form ('JSON', 'stream') {
    my @form = $form eq 'stream' ? (stream => 1) : ();
    for my $in ('plain', 'watched') {
        my $name = "$form, $in";
        provider_does('answers');
        my ($k, $other, $text) = (someone, someone, "a $form");
        my ($said, $log) = one($in, $k, $text, @form);
        is $said, 'MISS', "$name: asked for the first time";
        is $log->{cost}, '0.042000000', "$name: costs what it costs";
        my %before = map { $_ => $t->metric($_) } qw(llm_cost_usd_total
            llm_usage_estimated_total gen_ai_client_token_usage_sum
            llm_saved_tokens_total llm_stream_ends_total
            gen_ai_server_request_duration_seconds_count);
        my $saved = $t->metric('llm_saved_usd_total', kind => 'hit');
        ($said, $log, my $r) = one($in, $other, $text, @form);
        is $said, 'HIT', "$name: out of proxy_cache";
        is was_asked(), 'all', "$name: the provider was not asked";
        is $log->{cost}, '0.000000000', "$name: costs nothing";
        is $log->{saved}, '0.042000000', "$name: and saves";
        is $log->{left}, '1.000000000', "$name: of nobody's money";
        ok $r->complete, "$name: comes whole";
        like $r->body, qr/\[DONE\]/, "$name: to its end" if @form;
        my $tokens = $r->header('x-ratelimit-remaining-tokens');
        my (undef, undef, $next) = one($in, $other, $text, @form);
        is $next->header('x-ratelimit-remaining-tokens'), $tokens,
            "$name: takes no tokens" if $in eq 'plain';
        is $t->metric('llm_reservations'), 0, "$name: nothing is held";
        is $t->metric($_), $before{$_}, "$name: $_ stays" for
            qw(llm_cost_usd_total llm_usage_estimated_total
            gen_ai_client_token_usage_sum
            gen_ai_server_request_duration_seconds_count);
        is $t->metric('llm_saved_tokens_total')
            - $before{llm_saved_tokens_total}, 84,
            "$name: tokens that were not bought are counted";
        ok abs($t->metric('llm_saved_usd_total', kind => 'hit')
            - $saved - 0.084) < 1e-6, "$name: and their money";
    }
}
# nginx brings to its end what it keeps, whoever has left, unless nothing has
# come yet. An answer that comes in one piece is made by then all the same.
for (['JSON'], ['JSON', 'holds'], ['stream'],
    ['stream', 'waits', ' thinks']) {
    my ($kind, $does, $how) = (@$_[0], @$_[1] // 'waits', @$_[2] // '');
    provider_does($does);
    my $form = "$kind $does$how";
    my ($k, $text, $id) = (someone, "left $form", $form =~ tr/ //dr);
    my @form = $kind eq 'stream' ? (stream => 1) : ();
    my $c = $t->client;
    $c->send(POST => '/plain' . $t->path('chat'), body => $t->body_of('chat',
            max_tokens => 100, text => $text, @form),
        headers => ['X-Key' => $k, 'X-Text' => "plain $text",
            'X-Test' => "left$id"]);
    if ($does eq 'waits') {
        is $c->head->status, 200, "$form: it begins";
    } else {
        my $came = wait_until { was_asked() };
        ok $came, "$form: the provider is at work";
    }
    my $gone = sub { scalar(() = $t->log =~ /client (?:closed prematurely|prematurely closed)/g) };
    my $before = $gone->();
    $c->reset;
    my $seen = wait_until { $gone->() > $before };
    ok $seen, "$form: nginx sees that the client has left";
    provider_does('answers');
    my $log = $t->logged("left$id");
    cmp_ok $log->{cost}, '>=', 0.02, "$form: who left pays: $log->{cost}";
    cmp_ok $log->{out}, '>=', 60, "$form: about all that was made";
    cmp_ok $log->{out}, '<=', 100, "$form: and no more than was held";
    is $log->{estimated}, '1', "$form: by its size";
    is +(one(plain => someone, $text, @form))[0], 'HIT',
        "$form: for it was brought to its end" if $does eq 'waits';
}
{
    my ($k, $text) = (someone, 'a long one');
    provider_does('answers');
    my @form = (stream => 1, kept => 'long');
    my $first = (one(unpaid => $k, $text, @form))[2];
    my ($said, undef, $r) = one(plain => $k, $text, @form, max_tokens => 1);
    is $said, 'HIT', 'one that takes more than there is';
    is $r->body, $first->body, 'is not cut off for that: it costs nothing';
}
{
    my ($k, $text) = (someone, 'news');
    provider_does('same');
    one(revalidated => $k, $text);
    my ($said, $log);
    wait_until {
        ($said, $log) = one(revalidated => someone, $text);
        $said eq 'REVALIDATED';
    };
    is $said, 'REVALIDATED', 'the provider has nothing new';
    is was_asked(), 'all news', 'and has made nothing';
    is $log->{cost}, '0.000000000', 'for nothing';
    is $log->{left}, '1.000000000', 'of nobody\'s money';
    provider_does('answers');
    wait_until {
        ($said, $log) = one(revalidated => someone, $text);
        $said eq 'EXPIRED';
    };
    is $said, 'EXPIRED', 'something new';
    is $log->{cost}, '0.042000000', 'is paid';
}
{
    my ($k, $text) = (someone, 'old');
    provider_does('answers');
    one(stale => $k, $text);
    provider_does('fails');
    my ($said, $log);
    wait_until {
        ($said, $log) = one(stale => someone, $text);
        $said eq 'STALE';
    };
    is $said, 'STALE', 'an old one in the place of an error';
    is $log->{cost}, '0.000000000', 'for nothing';
    is $log->{left}, '1.000000000', 'of nobody\'s money';
}
{
    my ($k, $text) = (someone, 'behind');
    provider_does('answers');
    one(background => $k, $text);
    provider_does('answers');
    my ($said, $log);
    wait_until {
        ($said, $log) = one(background => someone, $text);
        $said ne 'HIT';
    };
    is $said, 'STALE', 'an old one while another is fetched';
    my $fetched = wait_until { was_asked() };
    ok $fetched, 'the provider is asked, behind the answer';
    is $log->{cost}, '0.042000000', 'whoever had it fetched pays for it';
    is $t->metric('llm_reservations'), 0, 'nothing is held';
}

done_testing;
