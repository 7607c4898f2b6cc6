# The ladder: one request, several attempts, one clean answer or one clean
# error. The numbers are those of the fault cases; the mock's log says who was
# asked for what.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;

# Where a model lives: /mock/KNOBS before the path makes the mock fail. The
# knobs of a model are in its name: m!status=429 and so on.
my $head = $t->head;
$head =~ s/llm_metrics_models m;/llm_metrics_models m one two three;/;
my $map = <<'END';
    map $llm_upstream_model $at {
        volatile;
        "~^[a-z0-9]+!(?<knobs>.*)$"  http://127.0.0.1:%%PORT:mock%%/mock/$knobs$uri;
        dead     http://127.0.0.1:%%PORT:nobody%%$uri;
        default  http://127.0.0.1:%%PORT:mock%%$uri;
    }
END

sub location {
    my ($name, $lines) = @_;
    return <<"END";
        location /$name/ {
            llm on;
            llm_cache edge;
            $lines
            proxy_pass \$at;
        }
END
}

my $more = join '',
    location(plain => 'llm_fallback two;'),
    location(three => 'llm_fallback $arg_b $arg_c;'),
    location(page => 'llm_fallback two; error_page 429 502 503 504 /own.txt;
        proxy_intercept_errors on;'),
    location(pages => 'llm_fallback $arg_b; error_page 429 502 /own.txt;'),
    location(unbuffered => 'llm_fallback two; proxy_buffering off;'),
    location(narrow => 'llm_fallback two; proxy_buffer_size 4k;
        proxy_buffers 8 4k; proxy_busy_buffers_size 8k;'),
    location(none => 'llm_fallback two on=off;'),
    location(rate => 'llm_fallback two on=http_429;'),
    location(kept => 'llm_fallback two; llm_cache_fallback on;'),
    location(first => 'llm_fallback $arg_b; llm_first_byte_timeout 1s;'),
    location(idle => 'llm_fallback two; llm_idle_timeout 800ms;'),
    location(dead => 'llm_fallback $arg_b; llm_deadline 1s;');
$more .= location(late => 'llm_deadline 700ms; error_page 504 /own.txt;');
$more .= location(watched => 'llm_fallback two; llm_deadline 500ms;')
    =~ s/llm on;/llm observe;/r;
$more .= 'location = /own.txt { return 418 "the operator\'s page\n"; }';

$t->start($head . $map . $t->server('llm on; llm_fallback two;',
    h2 => 'h2', more => $more));

my @STREAM = (stream => 1);
my @APIS   = qw(chat completions responses messages);

# Every attempt that the mock has seen: model and knobs, in order.
sub asked {
    return map { from_json($_->{body})->{model} } $t->mock_log;
}

sub fresh { $t->mock_reset; return }

# ---- an answer from the next rung -----------------------------------------

for my $api (@APIS, 'embeddings') {
    for my $form ($api eq 'embeddings' ? 'JSON' : ('JSON', 'stream')) {
        my @form = $form eq 'stream' ? @STREAM : ();
        for my $knobs ('status=429,retry_after=7', 'status=500', 'status=503',
            'status=529', 'error200', 'status=500,gzip', 'reset=0',
            'status=502,te=close', 'status=503,te=chunked') {
            my $name = "case 42, 33: $api, $form, $knobs";
            fresh();
            my ($r, $log) = $t->ask($api, '', @form, in => '/plain',
                model => "one!$knobs");
            is $r->status, 200, $name;
            ok $r->complete, "$name: a whole answer";
            is join(' ', asked()), "one!$knobs two", "$name: two attempts";
            is $log->{served}, 'two', "$name: a truthful model";
            is $log->{model}, "one!$knobs", "$name: what was asked for";
            unlike $r->body, qr/told to fail/, "$name: nothing of the error";
            is $r->header('retry-after'), '', "$name: nor of its head";
            is $log->{reason}, 'no_store:fallback', "case 45: $name";
        }
    }
}
{
    my ($r, $log) = $t->again;
    is $log->{cache}, 'MISS', 'case 45: not stored under the first model';
    fresh();
    ($r, $log) = $t->ask('chat', '', in => '/kept', model => 'one!status=500');
    is $log->{reason}, 'no_entry', 'llm_cache_fallback: may be stored';
    ($r, $log) = $t->again;
    is $log->{cache}, 'HIT', 'llm_cache_fallback: is stored';
    is $r->json->{model}, 'two', 'llm_cache_fallback: the model is truthful';
}
{
    # The body that goes out again is the client's, but for the model.
    fresh();
    my $text = "gr\x{fc}\x{df} " . 'x' x 50_000;
    my ($r, $log, $body) = $t->ask('chat', '', in => '/plain',
        model => 'one!status=500', text => $text);
    my @bytes = map { [$_->{body_length}, $_->{body_crc32}] } $t->mock_log;
    (my $want = $body) =~ s/"one!status=500"/"two"/;
    is $bytes[1][0], length $want, 'the second body: its length';
    my $bare = $t->client('mock')->request(POST => $t->path('chat'),
        body => $want, close => 1);
    is $bytes[1][1], ($t->mock_log)[-1]{body_crc32}, 'and its bytes';

    # A body in a file, in chunks.
    fresh();
    $text = 'y' x 100_000;
    ($r, $log) = $t->ask('chat', '', in => '/plain', @STREAM,
        model => 'one!status=500', text => $text);
    is $r->status, 200, 'a body that stood in a file is sent again';
    is join(' ', asked()), '', 'more than the mock keeps'
        if 0;
    is $t->mock_count, 2, 'a body in a file: two attempts';
    ok $r->complete, 'a body in a file: a whole answer';
}
{
    # Three rungs, and all of them down.
    fresh();
    my ($r, $log) = $t->ask('chat', '', in => '/three', model => 'one!status=429',
        args => 'b=two!error200&c=three');
    is $log->{served}, 'three', 'the third rung';
    is join(' ', asked()), 'one!status=429 two!error200 three',
        'each was asked once';
    is $log->{upstream}, '429 : 200 : 200', '$upstream_status tells it all';
    fresh();
    ($r, $log) = $t->ask('chat', '', in => '/three', model => 'one!status=500',
        args => 'b=two!status=529&c=three!status=429,retry_after=9');
    is $r->status, 429, 'case 47: all are down: the last answer';
    is $r->header('retry-after'), 9, 'case 47: with its Retry-After';
    ok length $r->json->{error}{message}, 'case 47: with its body';
    is "$log->{in}$log->{out}", '', 'case 47: costs nothing';
    is $t->mock_count, 3, 'case 47: each was asked once';
    ($r, $log) = $t->ask('chat', '', in => '/three', model => 'dead',
        args => 'b=dead');
    is $r->status, 502, 'case 47: nobody listens';
    ok length $r->json->{error}{message}, 'case 47: in the client\'s protocol';
    ($r, $log) = $t->ask('messages', '', in => '/three', model => 'dead',
        args => 'b=two');
    is $r->status, 200, 'case 43: connection refused: the next one';
    is $log->{upstream}, '502 : 200', 'case 43: in $upstream_status';
}

# ---- what is not tried again ----------------------------------------------

for my $knobs ('status=400', 'status=404', 'status=422',
    'status=400,code=content_filter', 'status=400,code=context_length_exceeded') {
    for my $api (qw(chat messages)) {
        fresh();
        my ($r, $log) = $t->ask($api, '', in => '/plain',
            model => "one!$knobs");
        my ($status) = $knobs =~ /status=(\d+)/;
        is $r->status, $status, "$api: $knobs is the client's to mend";
        ok length $r->json->{error}{message}, "$api: $knobs: with its body";
        is $t->mock_count, 1, "$api: $knobs: one attempt";
    }
}
for my $case (['none', 'status=500', 500], ['rate', 'status=500', 500],
    ['rate', 'status=429', 200], ['rate', 'reset=0', 502]) {
    my ($in, $knobs, $want) = @$case;
    fresh();
    my ($r) = $t->ask('chat', '', in => "/$in", model => "one!$knobs");
    is $r->status, $want, "on=: $in, $knobs";
    is $t->mock_count, $want == 200 ? 2 : 1, "on=: $in, $knobs: attempts";
}
for my $api (@APIS) {
    # The first event that is more than an announcement binds us.
    my $said = $api eq 'responses' ? 5 : $api eq 'completions' ? 1 : 3;
    fresh();
    my ($r, $log) = $t->ask($api, '', @STREAM, in => '/plain',
        model => "one!cut=$said,events=20,size=200");
    is $r->status, 200, "case 44: $api: cut after the first event";
    ok !$r->complete, "case 44: $api: no clean end";
    is $t->mock_count, 1, "case 44: $api: nothing is spliced";
    like $r->body, qr/"error"/, "case 44: $api: the error event";
    fresh();
    ($r, $log) = $t->ask($api, '', @STREAM, in => '/plain',
        model => 'one!cut=0,comments,events=20,size=200');
    is $r->status, 200, "$api: cut before the first event";
    ok $r->complete, "$api: a whole answer of the next one";
    is join(' ', asked()), 'one!cut=0,comments,events=20,size=200 two',
        "$api: which was asked";
    unlike $r->body, qr/"error":\{/, "$api: and no word of the first";
    next if $api eq 'completions';
    fresh();
    ($r, $log) = $t->ask($api, '', @STREAM, in => '/plain',
        model => 'one!cut=1,events=20,size=200');
    ok $r->complete, "$api: cut behind an announcement: a whole answer";
    is $t->mock_count, 2, "$api: of the next one";
    unlike $r->body, qr/"error":\{|"one!/, "$api: and no word of the first";
}

# ---- usage ----------------------------------------------------------------

{
    fresh();
    my ($in, $out) = ($t->tokens('input'), $t->tokens('output'));
    my ($r, $log) = $t->ask('chat', '', @STREAM, in => '/plain',
        model => 'one!status=500');
    is $t->tokens('input') - $in, $log->{in}, 'usage is billed once: in';
    is $t->tokens('output') - $out, $log->{out}, 'usage is billed once: out';
    is $log->{estimated}, 0, 'usage: as the provider said';
    is $t->metric('gen_ai_client_token_usage_count',
        gen_ai_request_model => 'one'), 0, 'usage: nothing for the first';
    cmp_ok $t->metric('gen_ai_client_token_usage_count',
        gen_ai_request_model => 'two'), '>', 0, 'usage: the second\'s';
}

is $t->metric('llm_upstream_attempts_total', outcome => 'content_filter'), 1,
    'attempts are counted by what became of them';
cmp_ok $t->metric('llm_upstream_attempts_total', outcome => 'answered'), '>',
    50, 'and those that answered';

# ---- clocks ---------------------------------------------------------------

for my $form ('JSON', 'stream') {
    my @form = $form eq 'stream' ? @STREAM : ();
    fresh();
    my ($r, $log) = $t->ask('chat', '', @form, in => '/first',
        model => 'one!delay=6000', args => 'b=two');
    is $r->status, 200, "case 46: $form: no first byte in time";
    is $log->{served}, 'two', "case 46: $form: the next one answers";
    is $log->{upstream}, '504 : 200', "case 46: $form: in \$upstream_status";
    fresh();
    ($r, $log) = $t->ask('chat', '', @form, in => '/first',
        model => 'one!delay=6000', args => 'b=two!delay=6000');
    is $r->status, 504, "case 46: $form: nobody in time";
    ok length $r->json->{error}{message}, "case 46: $form: in JSON";
    is $t->mock_count, 2, "case 46: $form: both were asked";
    ok wait_until {
        2 == grep { $_->{closed_early} } $t->mock_log;
    }, "case 46: $form: both were let go";
    fresh();
    my $from = Time::HiRes::time();
    ($r, $log) = $t->ask('chat', '', @form, in => '/dead',
        model => 'one!delay=5000', args => 'b=two');
    is $r->status, 504, "llm_deadline: $form: over all attempts";
    cmp_ok Time::HiRes::time() - $from, '<', 4, "llm_deadline: $form: in time";
    is $t->mock_count, 1, "llm_deadline: $form: nobody is asked too late";
}
{
    fresh();
    my ($r, $log) = $t->ask('chat', '', @STREAM, in => '/first',
        model => 'one!ttft=6000', args => 'b=two');
    is $log->{served}, 'two', 'case 46: a head without an event is no answer';
    ($r, $log) = $t->ask('chat', '', @STREAM, in => '/idle',
        model => 'one!cut=4,noclose,events=20,size=200');
    ok !$r->complete, 'llm_idle_timeout: no clean end';
    like $r->body, qr/upstream_timeout/, 'llm_idle_timeout: the error event';
    is $log->{reason}, 'no_store:truncated', 'llm_idle_timeout: not stored';
    ($r, $log) = $t->ask('chat', '', @STREAM, in => '/idle',
        model => 'one!gap=100,events=8');
    ok $r->complete, 'llm_idle_timeout: events that come in time pass';
    fresh();
    for my $api (@APIS) {
        ($r, $log) = $t->ask($api, '', @STREAM, in => '/dead',
            model => 'one!endless,gap=20', args => 'b=two');
        ok !$r->complete, "case 39: $api: an endless stream is broken off";
        like $r->body, qr/"error"/, "case 39: $api: the error event";
        is $log->{estimated}, 1, "case 39: $api: what came is billed";
        is $log->{reason}, 'no_store:truncated', "case 39: $api: not stored";
    }
    ok wait_until {
        4 == grep { $_->{closed_early} } $t->mock_log;
    }, 'case 39: the upstream is let go';
}

# ---- nginx's own ----------------------------------------------------------

{
    fresh();
    my ($r, $log) = $t->ask('chat', '', in => '/page', model => 'one!status=429');
    is $log->{served}, 'two', 'error_page: not for an attempt that is not the last';
    is $r->status, 200, 'error_page: with proxy_intercept_errors';
    ($r) = $t->ask('chat', '', in => '/pages', model => 'one!status=429',
        args => 'b=dead');
    is $r->body, "the operator's page\n", 'error_page: for the last';
    ($r) = $t->ask('chat', '', in => '/pages', model => 'dead', args => 'b=two');
    is $r->status, 200, 'error_page: not for a connection refused before that';
    my $c = $t->client;
    for my $model ('one!status=500', 'one', 'dead', 'one!status=429,gzip') {
        $r = $c->request(POST => '/page' . $t->path('chat'),
            body => $t->body_of('chat', model => $model));
        is $r->status, 200, "the client's connection stays: $model";
    }
}
{
    my $before = $t->metric('llm_errors_total', kind => 'upstream_timeout');
    my ($r) = $t->ask('chat', '', in => '/late', model => 'one!delay=6000');
    is $r->body, "the operator's page\n", 'error_page: for a deadline';
    is $t->metric('llm_errors_total', kind => 'upstream_timeout') - $before,
        1, 'which is counted as a time-out';
    fresh();
    ($r) = $t->ask('chat', '', in => '/watched', model => 'one!status=500');
    is $r->status, 500, 'llm observe: leaves traffic as it is';
    is $t->mock_count, 1, 'llm observe: one attempt';
    ($r) = $t->ask('chat', '', in => '/watched', model => 'one!delay=900');
    is $r->status, 200, 'llm observe: no clock runs';
}
for my $in ('plain', 'unbuffered') {
    fresh();
    my $c = $t->client;
    $c->send(POST => "/$in" . $t->path('chat'),
        body => $t->body_of('chat', @STREAM,
            model => 'one!status=500', text => 'x' x 40));
    my $r = $c->head;
    $c->finish($r);
    ok $r->complete, "$in: whole";
    $c->send(POST => "/$in" . $t->path('chat'),
        body => $t->body_of('chat', @STREAM, model => 'one!gap=60,events=6'));
    $r = $c->head;
    my @times;
    while (my $event = $c->next_event($r)) {
        push @times, $event->{time};
    }
    cmp_ok $times[4] - $times[0], '>', 0.15, "$in: events pass one by one";
}
{
    fresh();
    my ($r, $log) = $t->ask('chat', '', @STREAM, in => '/narrow',
        model => 'one!hugeline=30000');
    ok $r->complete, 'a first event larger than proxy_buffer_size passes';
    is $log->{served}, 'one!hugeline=30000', 'and binds us';
    is $t->mock_count, 1, 'once';
}
$t->finish;
done_testing;
