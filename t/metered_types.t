# What answers cost that come under another Content-Type than they should, or
# under none: what can be read is charged as it says, what cannot by its bytes.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 1);
my $usage = '"usage":{"prompt_tokens":30,"completion_tokens":12,'
    . '"total_tokens":42}';
my $chunk = '{"id":"c1","object":"chat.completion.chunk","created":1,'
    . '"model":"m","choices":';
my %body = (
    json   => '{"id":"c1","object":"chat.completion","created":1,'
        . '"model":"m","choices":[{"index":0,"finish_reason":"stop",'
        . '"message":{"role":"assistant","content":"' . 'word ' x 12
        . '"}}],' . $usage . '}',
    untold => '{"id":"c1","object":"chat.completion","created":1,'
        . '"model":"m","choices":[{"index":0,"finish_reason":"stop",'
        . '"message":{"role":"assistant","content":"' . 'word ' x 40
        . '"}}]}',
    stream => join('', map { "data: $_\n\n" }
        $chunk . '[{"index":0,"delta":{"content":"' . 'word ' x 12
            . '"},"finish_reason":"stop"}]}', $chunk . "[],$usage}",
        '[DONE]'),
    page   => '<html><body>' . 'Sign in. ' x 50 . '</body></html>',
    bom    => "\xef\xbb\xbf<!doctype html>",
    blank  => " \r\n\t<html></html>",
    login  => '<html><form>',
    long   => 'x' x 200_000,
    error  => '{"error":{"message":"no","type":"server_error"}}',
);
my $login = "Set-Cookie: portal=1\r\nCache-Control: public, max-age=3600\r\n"
    . "Expires: Thu, 01 Jan 2037 00:00:00 GMT\r\nRefresh: 0; url=/login\r\n"
    . "Location: /login\r\nETag: \"p\"\r\nContent-Language: en\r\n"
    . "Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT\r\nX-Portal: yes\r\n";
# X-Answer: status, body's name, Content-Type.
$t->upstream(provider => sub {
    my ($c, $head) = @_;
    my ($status, $name, $type) =
        $head =~ /^X-Answer: (\d+) (\w+) ?(.*?)\r$/mi;
    my $bytes = $body{$name} // '';
    print $c "HTTP/1.1 $status Fine\r\n",
        $name eq 'login' ? $login : '', length $type ? "Content-Type: $type\r\n" : '',
        'Content-Length: ', length $bytes, "\r\nConnection: close\r\n\r\n",
        $bytes;
});
$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 1e-3, output_cost_per_token => 1e-3,
    input_cost_per_token_priority => 3e-3,
    output_cost_per_token_priority => 3e-3 } }));
my $locations = '';
for ([free => 'llm_cache edge;'], [watched => 'llm observe;
        llm_budget plain key=$http_x_key usd=10/month;'],
    [named => 'llm_model_response requested;
        llm_budget plain key=$http_x_key usd=10/month;'],
    [hurried => 'llm_set service_tier priority;
        llm_budget plain key=$http_x_key usd=10/month;']) {
    $locations .= $t->location(@$_, port => 'provider');
}
# Where nobody answers: a page, words of nginx's own, or another upstream.
$locations .= $t->location("dead_$_->[0]", "error_page 502 $_->[1];"
    . ' llm_budget plain key=$http_x_key usd=10/month;', port => 'nobody')
    for ['page', '=200 /page.html'], ['words', '=200 /words'],
    ['other', '= @other'];
$locations .= <<'END';
        location = /page.html { root %%DIR%%; }
        location = /words {
            default_type application/json;
            return 200 '{"sorry":true}';
        }
        location @other { proxy_pass http://127.0.0.1:%%PORT:provider%%; }
END
$t->write_file('page.html' => $body{page});
$t->start(($t->head =~ s/"test":/"left":"\$llm_budget_remaining","cost":"\$llm_cost_usd","test":/r)
    . 'llm on; llm_prices prices.json;'
    . ($t->server('llm_cache edge; llm_cache_scope $http_x_key;'
            . ' llm_budget plain key=$http_x_key usd=10/month;',
            more => $locations) =~ s/PORT:mock/PORT:provider/r));

my $count = 0;
# (what was answered, its log line)
sub one {
    my ($answer, %o) = @_;
    my $api = delete $o{api} // 'chat';
    my $in = delete $o{in} // '';
    return $t->send_body($api, $t->body_of($api, max_tokens => 300, %o), '',
        in => $in, headers => ['X-Key' => 'k' . ++$count,
            'X-Answer' => $answer]);
}
sub invalid { $t->metric('llm_errors_total', kind => 'upstream_invalid') }
sub guessed { $t->metric('llm_usage_estimated_total') }

my @stored = ('application/json', 'Application/JSON ; charset=utf-8',
    'application/json charset=utf-8', "application/json\t",
    'application/json, application/json', 'text/json; charset=utf-8',
    'application/problem+json');
my @read = ('', 'text/plain; charset=utf-8', 'application/octet-stream',
    'text/html', 'nonsense');
for my $in ('', '/watched', '/named') {
    my ($bad, $estimated) = (invalid(), guessed());
    for my $type (@stored, @read) {
        my ($r, $log) = one("200 json $type", in => $in);
        is $r->body, $body{json}, "$in: \"$type\": passes as it is";
        is $log->{cost}, '0.042000000', "$in: \"$type\": costs what it says";
        is $log->{left}, '9.958000000', "$in: \"$type\": and no more";
        is $log->{estimated}, '0', "$in: \"$type\": as it says";
        next if $in;
        my $kept = grep { $_ eq $type } @stored;
        is $log->{reason}, $kept ? 'no_entry' : 'no_store:content_type',
            "\"$type\": " . ($kept ? 'stored' : 'not stored');
        is $r->header('cache-status'), 'ngx_llm; fwd=miss'
            . ($kept ? '; stored' : ''), "\"$type\": and so it is said";
    }
    my @events = ('text/event-stream', 'Text/Event-Stream ;charset=utf-8',
        'text/event-stream charset=utf-8', @read);
    for my $type (@events) {
        my ($r, $log) = one("200 stream $type", in => $in, stream => 1);
        like $r->body, qr/word .*\[DONE\]/s, "$in: a stream, \"$type\"";
        ok $r->complete, "$in: a stream, \"$type\": whole";
        is $log->{cost}, '0.042000000', "$in: a stream, \"$type\": is paid";
        is $log->{estimated}, '0', "$in: a stream, \"$type\": as it says";
    }
    is invalid(), $bad, "$in: all of them are answers";
    is guessed(), $estimated, "$in: that tell their usage";
}
for my $type (@stored, @read) {
    my $before = guessed();
    my (undef, $log) = one("200 untold $type");
    cmp_ok $log->{cost}, '>', 0.03, "\"$type\": no usage: $log->{cost}";
    cmp_ok $log->{cost}, '<', 0.2, "\"$type\": by its text";
    is $log->{estimated}, '1', "\"$type\": and flagged";
    is guessed() - $before, 1, "\"$type\": and counted";
    (undef, $log) = one("200 error $type");
    is $log->{left}, '10.000000000', "\"$type\": an error costs nothing";
}
# What nobody can read (case 35) is charged by its size, but never for more than
# was held; where nothing was held nothing is known of it.
for my $stream (0, 1) {
    for my $name (qw(page long)) {
        for my $type ('text/html', 'application/octet-stream', '') {
            my ($bad, $before) = (invalid(), guessed());
            my $what = "$name, \"$type\", stream=$stream";
            my ($r, $log) = one("200 $name $type", stream => $stream);
            my $portal = $name eq 'page' && $type eq 'text/html';
            is $r->status, $portal ? 502 : 200, "$what: status";
            is $portal ? $r->json->{error}{type} : $r->body,
                $portal ? 'server_error' : $body{$name}, "$what: body";
            ok $r->complete, "$what: whole";
            cmp_ok $log->{cost}, '>', 0.05, "$what: costs: $log->{cost}";
            cmp_ok $log->{cost}, '<', 0.35, "$what: not more than was held";
            is sprintf('%.9f', 10 - $log->{cost}), $log->{left},
                "$what: of its budget";
            is $log->{estimated}, '1', "$what: flagged";
            is guessed() - $before, 1, "$what: counted";
            is invalid() - $bad, 1, "$what: as no answer of a model";
            is $log->{reason}, 'no_store:content_type', "$what: not stored";
            ($r, $log) = one("200 $name $type", stream => $stream,
                in => '/free');
            is "$log->{in}$log->{out}", '', "$what: without a budget";
        }
    }
}
{
    my (undef, $log) = one('200 json text/event-stream', stream => 1);
    cmp_ok $log->{cost}, '>', 0.04, "JSON as a stream: $log->{cost}";
    cmp_ok $log->{cost}, '<', 0.35, 'not more than was held';
}
# HTML that begins as a page does is no answer, and no client's to read.
for my $case (['page', 'Text/HTML; charset=utf-8'], ['bom', 'text/html'],
    ['blank', 'text/html'], ['page', 'text/html', in => '/named'],
    ['page', 'text/html', api => 'messages']) {
    my ($name, $type, @o) = @$case;
    my ($r) = one("200 $name $type", @o);
    my $what = join ' ', $name, $type, @o;
    is $r->status, 502, "case 35: $what";
    like $r->json->{error}{message}, qr/a page of HTML/, 'says what it was';
    is $r->json->{type} // '', "@o" =~ /messages/ ? 'error' : '',
        "in the client's protocol";
    is $r->header('content-type'), 'application/json', 'and as such';
    ok $r->complete, 'whole';
}
{
    my ($r) = one('200 login text/html');
    is $r->status, 502, 'a page with much of a head';
    is $r->header($_), '', "nothing of it: $_"
        for $login =~ /^([\w-]+): /gm;
    my @status = $r->header_values('cache-status');
    is scalar @status, 1, 'our own stands there once';
    like $status[0], qr/^ngx_llm; fwd=/, 'as with any miss';
}
for my $name (qw(page json)) {
    my ($r) = one("200 $name text/html", in => '/watched');
    is $r->status . $r->body, "200$body{$name}", "observe: $name passes";
}
is +(one('404 page text/html'))[0]->status, 404, 'an error stays what it is';
is +(one('200 none text/html'))[0]->status, 200, 'nothing is no page';
# Other kinds of success are no less paid for; they are not stored.
for my $status (201, 202, 203) {
    for my $in ('', '/watched') {
        my ($r, $log) = one("$status json application/json", in => $in);
        is $r->status, $status, "$status$in passes";
        is $log->{cost}, '0.042000000', "$status$in: costs what it says";
        is $log->{reason}, $in ? 'off' : 'no_store:status',
            "$status$in: not stored";
        is $r->header('cache-status') // '', $in ? '' : 'ngx_llm; fwd=miss',
            "$status$in: nor said to be";
        ($r, $log) = one("$status stream text/event-stream", in => $in,
            stream => 1);
        is $log->{cost}, '0.042000000', "$status$in: a stream too";
    }
}
{
    my ($r, $log) = one('204 none');
    is $r->status, 204, 'nothing at all';
    is $log->{left}, '10.000000000', 'costs nothing';
}
{
    my (undef, $log) = one('200 json application/json', in => '/hurried');
    is $log->{cost}, '0.126000000',
        'a tier that the operator asks for, where the answer names none';
}
# No model has made what nginx says itself when its upstream has failed.
for my $where ('page', 'words') {
    my $before = guessed();
    my ($r, $log) = one('200 json application/json', in => "/dead_$where");
    is $r->status, 200, "error_page to $where";
    unlike $r->body, qr/chat\.completion/, "$where: nginx's own";
    is $log->{left}, '10.000000000', "$where: costs nothing";
    is guessed(), $before, "$where: and nothing is guessed";
}
{
    my (undef, $log) = one('200 json application/json', in => '/dead_other');
    is $log->{cost}, '0.042000000', 'another upstream behind it is paid';
    (undef, $log) = one('200 page text/html', in => '/dead_other');
    cmp_ok $log->{cost}, '>', 0.05, 'whatever it says';
}
is $t->metric('llm_reservations'), 0, 'nothing is held';

done_testing;
