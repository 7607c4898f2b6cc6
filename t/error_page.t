# What is refused or fails where error_page has sent a request to, and what
# nginx's own limits say: the client's protocol speaks.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->port('dead');
my $limit = 'llm_limit page key=$http_x_key requests=1/h;';
my $here  = 'proxy_pass http://127.0.0.1:%%PORT:mock%%;';
my $more  = <<"END";
    error_page 401 429 502 504 = \@page;
    location /named/ { llm on; deny all; error_page 403 = \@page; $here }
    location /kept/ { llm on; deny all; error_page 403 \@page; $here }
    location /server/ { llm on; auth_request /no; $here }
    location /dead/ { llm on; auth_request /no;
        error_page 401 = \@dead; $here }
    location /late/ { llm on; auth_request /no;
        error_page 401 = \@late; $here }
    location /after/ { llm on; llm_limit first key=\$http_x_key tokens=9000/h;
        error_page 502 \@after; proxy_pass http://127.0.0.1:%%PORT:dead%%; }
    location /later/ { llm on; deny all; error_page 403 \@after; $here }
    location \@after { llm on; error_page 599 /x;
        llm_limit first key=\$http_x_key tokens=9000/h;
        rewrite ^/\\w+(/v1/.*) \$1 break; $here }
    location = /no { error_page 599 /x; return 401; }
    location \@page { llm on; $limit
        rewrite ^/\\w+(/v1/.*) \$1 break; $here }
    location \@dead { llm on; error_page 502 = \@page;
        proxy_pass http://127.0.0.1:%%PORT:dead%%; }
    location \@late { llm on; error_page 504 = \@page; llm_deadline 100ms;
        rewrite ^/\\w+(/v1/.*) \$1 break; $here }
END
my $own = join '', map { "location /own$_/ { llm on; error_page 599 /x;
    limit_req_status $_; limit_req zone=slow; $here }\n" } 429, 503;
$t->start($t->head . "limit_req_zone \$uri zone=slow:1m rate=1r/m;\n"
    . $t->server('llm on;', more => $more)
    . $t->server('llm on;', name => 'own', more => $own));

sub error_of {
    my ($r) = @_;
    my $json = eval { $r->json } // {};
    return $json->{error}{message} // $r->body;
}

# ---- refused where error_page leads to -----------------------------------------

for my $in ('named', 'kept', 'server') {
    my @to  = (in => "/$in", headers => ['X-Key' => $in]);
    my ($r) = $t->ask('chat', '', @to);
    is $r->status, $in eq 'kept' ? 403 : 200, "$in: the page answers";
    my $log;
    ($r, $log) = $t->ask('chat', '', @to);
    is $r->status, 429, "$in: refused there";
    is $log->{status}, 429, "$in: logged as that";
    is $r->header('content-type'), 'application/json', "$in: JSON";
    like error_of($r), qr/The limit "page"/, "$in: says why";
    cmp_ok $r->header('retry-after') || 0, '>', 0, "$in: and when to come back";
}

# ---- failed there ---------------------------------------------------------------

$t->allow(qr/Connection refused/);
{
    my ($r) = $t->ask('chat', '', in => '/dead');
    is $r->status, 502, 'an upstream that is down behind error_page';
    like error_of($r), qr/could not be reached/, '... in the protocol';
    ($r) = $t->ask('chat', 'delay=500', in => '/late');
    is $r->status, 504, 'llm_deadline behind error_page';
    like error_of($r), qr/did not answer in time/, '... in the protocol';
}

# ---- an answer from there ---------------------------------------------------------

# Without "=" its status is that of the failure; it is paid for all the same.
for my $in ('after', 'later') {
    for my $stream (0, 1) {
        my $spent = $t->tokens('output');
        my ($r, $log) = $t->ask('chat', '', in => "/$in", stream => $stream,
            headers => ['X-Key' => $in]);
        is $r->status, $in eq 'after' ? 502 : 403, "$in, $stream: the status";
        like $r->body, qr/"choices"/, "$in, $stream: the page's answer";
        cmp_ok $log->{out} || 0, '>', 0, "$in, $stream: its tokens";
        is $t->tokens('output'), $spent + $log->{out},
            "$in, $stream: are counted";
    }
}

# ---- nginx's own limits ----------------------------------------------------------

for my $status (429, 503) {
    my @to = (in => "/own$status", server => 'own');
    $t->ask('chat', '', @to);
    my ($r) = $t->ask('chat', '', @to);
    is $r->status, $status, "limit_req: $status";
    like error_of($r), qr/at the moment; try again later/,
        "limit_req, $status: says so";
    unlike error_of($r), qr/upstream/, "limit_req, $status: no upstream's";
}
$t->finish;
done_testing;
