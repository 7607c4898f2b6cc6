# Metering: what an answer cost, read from every protocol and form while its
# bytes pass; estimates where the upstream said nothing; each settled once.

use lib 't/lib';
use LLM::Test;
use Time::HiRes qw(sleep);

use IO::Uncompress::Gunzip qw(gunzip);

use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->start($t->head
    . $t->server('llm on; llm_cache edge; llm_cache_scope "";',
        more => <<'END'));
        location /ranges/ { llm on; llm_cache edge; proxy_force_ranges on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /watched/ { llm observe; llm_cache edge;
            proxy_force_ranges on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%; }
END

sub stream { return (stream => 1) }

# A model whose bytes per token nobody has learned.
my $models = 0;
sub untaught { return 'untaught-' . ++$models }

# ---- what is reported ---------------------------------------------------

for my $api (qw(chat completions responses messages)) {
    my $whole = $api eq 'messages' ? 30 + 5 : 30;
    for my $form ([json => ()], [stream => stream()]) {
        my ($name, @form) = @$form;
        my ($before_in, $before_out) = ($t->tokens('input'),
            $t->tokens('output'));
        my ($r, $log) = $t->ask($api, 'prompt=30,completion=12,cached=5',
            @form);
        is $r->status, 200, "$api $name";
        is $log->{out}, 12, "$api $name: output";
        is $log->{cached}, 5, "$api $name: cached";
        is $log->{estimated}, 0, "$api $name: reported, not estimated";
        is $t->tokens('input') - $before_in, $log->{in},
            "$api $name: input counted once";
        is $t->tokens('output') - $before_out, 12,
            "$api $name: output counted once";
        my $gzip = ask_gzip($api, @form);
        is_deeply [@$gzip{qw(in out cached estimated)}],
            [@$log{qw(in out cached estimated)}],
            "case 36: $api $name, gzip: the same figures";
    }
}

{
    my ($r, $log) = $t->ask('embeddings', 'prompt=9');
    is "$log->{in} $log->{out} $log->{estimated}", '9 0 0', 'embeddings';
}

# Who asks for a part has all of it made.
for my $form ([json => ()], [stream => stream()]) {
    my ($name, @form) = @$form;
    my @part = (headers => [Range => 'bytes=0-20']);
    my ($r, $log) = $t->ask('chat', 'prompt=30,completion=12', @form,
        in => '/ranges', @part);
    is $r->status, 200, "Range, $name: the whole answer";
    ok length $r->body > 21, "Range, $name: is sent";
    is "$log->{in} $log->{out} $log->{estimated}", '30 12 0',
        "Range, $name: and metered";
    is +($t->again)[1]{cache}, 'HIT', "Range, $name: and stored";
    ($r, $log) = $t->ask('chat', 'te=length', @form, in => '/watched',
        @part);
    is $r->status, 206, "Range, $name, observe: a part, as without us";
    is $log->{reason}, 'no_store:status', "Range, $name, observe: not stored";
}

# A gzip'd answer that came unasked is read, and passed.
sub ask_gzip {
    my ($api, @form) = @_;
    my $body = $t->body_of($api, @form);
    my $test = $t->next_test;
    my @headers = ('X-Mock' => 'prompt=30,completion=12,cached=5,gzip');
    my $r = $t->post($t->path($api), $body, @headers, 'X-Test' => $test);
    is $r->header('content-encoding'), 'gzip', "case 36: $api is encoded";
    my $bytes = $r->body;
    ok gunzip(\$bytes, \my $plain), "case 36: $api decodes";
    like $plain, qr/You/, "case 36: $api holds the answer";
    return $t->logged($test);
}

# ---- include_usage ------------------------------------------------------

for my $api (qw(chat completions)) {
    $t->mock_reset;
    my ($r, $log, $body) = $t->ask($api, 'prompt=30,completion=12', stream());
    my ($seen) = $t->mock_log;
    is_deeply from_json($seen->{body})->{stream_options},
        { include_usage => JSON::PP::true() }, "T2: $api: usage is asked for";
    my %without = %{ from_json($seen->{body}) };
    delete $without{stream_options};
    is to_json(\%without), to_json(from_json($body)),
        "T2: $api: nothing else changed";
    my @events = $r->events;
    is $events[-1]{data}, '[DONE]', "T2: $api: the stream ends as it should";
    ok !(grep { $_->{data} =~ /"choices":\[\]/ } @events),
        "T2: $api: the chunk is withheld from who did not ask";
    is $log->{out}, 12, "T2: $api: and metered";

    $t->mock_reset;
    ($r, $log, $body) = $t->ask($api, 'prompt=30,completion=12', stream(),
        stream_options => { include_usage => JSON::PP::true() });
    ($seen) = $t->mock_log;
    is $seen->{body}, $body, "T2: $api: a client that asks: the same bytes";
    my ($usage) = grep { $_->{data} =~ /"choices":\[\]/ } $r->events;
    is from_json($usage->{data})->{usage}{completion_tokens}, 12,
        "T2: $api: and sees the chunk";
    is $log->{out}, 12, "T2: $api: metered too";

    $t->mock_reset;
    ($r, $log) = $t->ask($api, 'prompt=30,completion=12', stream(),
        stream_options => { include_usage => JSON::PP::false() });
    ($seen) = $t->mock_log;
    ok from_json($seen->{body})->{stream_options}{include_usage},
        "T2: $api: false becomes true upstream";
    ok !(grep { $_->{data} =~ /"choices":\[\]/ } $r->events),
        "T2: $api: and stays false for the client";
}

# ---- how usage comes ----------------------------------------------------

for my $how (qw(double every last_choice early)) {
    my ($case) = { double => 'case 27', every => 'case 27, T4',
        last_choice => 'T1', early => 'case 29' }->{$how};
    for my $api (qw(chat completions)) {
        my $before = $t->tokens('output');
        my ($r, $log) = $t->ask($api, "prompt=30,completion=12,usage=$how",
            stream());
        is "$log->{in} $log->{out} $log->{estimated}", '30 12 0',
            "$case: $api: usage=$how";
        is $t->tokens('output') - $before, 12, "$case: $api: charged once";
        is(($r->events)[-1]{data}, '[DONE]', "$case: $api: ends well");
    }
}
{
    my ($r, $log) = $t->ask('chat', 'prompt=30,completion=12,usage=after_done',
        stream());
    is "$log->{in} $log->{out} $log->{estimated}", '30 12 0',
        'case 29: usage after [DONE] is read';
    is(($r->events)[-1]{data}, '[DONE]',
        'case 29: and not passed: nothing follows [DONE]');
    like $r->body, qr/data: \[DONE\]\n\n\z/, 'case 29: to the byte';
}
for my $api (qw(chat completions responses messages)) {
    for my $form ([json => ()], [stream => stream()]) {
        my ($name, @form) = @$form;
        my $before = $t->metric('llm_usage_estimated_total',
            reason => 'missing');
        my ($r, $log) = $t->ask($api, 'size=400,usage=none', @form,
            model => untaught());
        is $log->{estimated}, 1, "case 28, T8: $api $name: flagged";
        cmp_ok $log->{in}, '>', 0, "case 28: $api $name: input of bytes";
        cmp_ok abs($log->{out} - 100), '<=', 30,
            "case 28: $api $name: output of bytes ($log->{out})";
        is $t->metric('llm_usage_estimated_total', reason => 'missing')
            - $before, 1, "case 28: $api $name: counted";
    }
}
for my $how (qw(absurd huge negative string float null)) {
    for my $api (qw(chat messages responses)) {
        for my $form ([json => ()], [stream => stream()]) {
            my ($name, @form) = @$form;
            my ($in, $out) = ($t->tokens('input'), $t->tokens('output'));
            my ($r, $log) = $t->ask($api, "size=400,usage=$how", @form,
                model => untaught());
            is $log->{estimated}, 1,
                "case 30: $api $name: usage=$how is not believed";
            cmp_ok $log->{out}, '>', 50,
                "case 30: $api $name: usage=$how: never lower";
            cmp_ok $log->{out}, '<', 300,
                "case 30: $api $name: usage=$how: nor absurd";
            is $t->tokens('input') - $in, $log->{in},
                "case 30: $api $name: usage=$how: counted as logged";
        }
    }
}
{
    my ($r, $log) = $t->ask('messages', 'prompt=60,completion=12,revise',
        stream());
    is "$log->{in} $log->{out} $log->{estimated}", '60 12 0',
        'case 31, T3: a revised input replaces, never adds';
    ($r, $log) = $t->ask('messages',
        'prompt=60,completion=12,cached=7,cache_write=3,ping', stream());
    my ($start) = grep { $_->{event} eq 'message_start' } $r->events;
    my $usage = from_json($start->{data})->{message}{usage};
    is $log->{in}, $usage->{input_tokens}
        + $usage->{cache_read_input_tokens}
        + $usage->{cache_creation_input_tokens},
        'T5: input holds what was read from and written to the cache';
    is $log->{cached}, 7, 'T5: cached tokens';
    is $t->tokens('cache_write'), 3, 'T5: cache writes are counted';
}
{
    my ($r, $log) = $t->ask('chat', 'prompt=0,completion=0,usage=null,size=0',
        stream());
    is $log->{estimated}, 1, 'T7: null is missing';
    ($r, $log) = $t->ask('chat', 'prompt=0,completion=0');
    is "$log->{in} $log->{out} $log->{estimated}", '0 0 0',
        'T7: an explicit 0 is 0';
}
{
    my ($r, $log) = $t->ask('responses', 'finish=length,completion=12',
        stream());
    is "$log->{out} $log->{estimated}", '12 0',
        'T6: response.incomplete carries usage';
    is $log->{reason}, 'no_store:finish', 'case 48: length is not stored';
}

# ---- hits ---------------------------------------------------------------

{
    my $body = $t->body_of('chat');
    my @ask  = ($t->path('chat'), $body, 'X-Mock' => 'prompt=30,completion=12');
    $t->post(@ask, 'X-Test' => 'hit0');
    my ($in, $saved) = ($t->tokens('input'),
        $t->metric('llm_saved_tokens_total', type => 'output'));
    my $r = $t->post(@ask, 'X-Test' => 'hit1');
    my $log = $t->logged('hit1');
    is $log->{cache}, 'HIT', 'T10: a hit';
    is "$log->{in} $log->{out}", '30 12', 'T10: tells what it replaced';
    is $t->tokens('input'), $in, 'T10: is no spend';
    is $t->metric('llm_saved_tokens_total', type => 'output') - $saved, 12,
        'T10: but savings';
}

# ---- time ---------------------------------------------------------------

{
    my $count = 'gen_ai_server_time_to_first_token_seconds';
    my $each  = 'gen_ai_server_time_per_output_token_seconds';
    my @before = map { $t->metric("${_}_count"), $t->metric("${_}_sum") }
        $count, $each;
    my ($r, $log) = $t->ask('chat', 'ttft=150,gap=20,events=10,completion=10',
        stream());
    cmp_ok $log->{ttft}, '>=', 0.145, "ttft is measured ($log->{ttft})";
    cmp_ok $log->{ttft}, '<', 1, 'ttft is no more';
    my @after = map { $t->metric("${_}_count"), $t->metric("${_}_sum") }
        $count, $each;
    is $after[0] - $before[0], 1, 'ttft: one observation';
    cmp_ok abs($after[1] - $before[1] - $log->{ttft}), '<', 0.001,
        'ttft: the same figure in the metrics';
    is $after[2] - $before[2], 1, 'time per token: one observation';
    my $per = $after[3] - $before[3];
    cmp_ok $per, '>', 0.015, "time per token is measured ($per)";
    cmp_ok $per, '<', 0.1, 'time per token is no more';
}

# ---- aborts -------------------------------------------------------------

sub abort_test {
    my ($name, $knobs, $want, @form) = @_;
    my $body = $t->body_of('chat', @form, model => untaught());
    my $test = $t->next_test;
    my %before = (
        in  => $t->tokens('input'),
        est => $t->metric('llm_usage_estimated_total', reason => 'aborted'),
        err => $t->metric('llm_errors_total', kind => 'client_abort'),
        n   => $t->mock_count,
    );
    my $c = $t->client;
    $c->send(POST => $t->path('chat'), body => $body,
        headers => { 'X-Mock' => $knobs, 'X-Test' => $test });
    $want->($c, sub { wait_until { $t->mock_count > $before{n} } });
    $c->reset;
    my $log = $t->logged($test);
    is $log->{estimated}, 1, "$name: flagged as estimated";
    cmp_ok $log->{in}, '>', 0, "$name: the prompt is billed";
    is $t->tokens('input') - $before{in}, $log->{in}, "$name: counted once";
    is $t->metric('llm_usage_estimated_total', reason => 'aborted')
        - $before{est}, 1, "$name: the estimate is counted";
    is $t->metric('llm_errors_total', kind => 'client_abort') - $before{err},
        1, "$name: the abort is counted";
    ok wait_until {
        my ($seen) = grep { ($_->{headers}{'x-test'} // '') eq $test }
            $t->mock_log;
        $seen && $seen->{closed_early};
    }, "$name: the upstream is let go";
    my $again = $t->post($t->path('chat'), $body, 'X-Test' => "again-$test");
    is $t->logged("again-$test")->{cache}, 'MISS', "$name: nothing was stored";
    return $log;
}

{
    # At 10 ms a token, as a model's pace is before any answer of it.
    my $log = abort_test('case 50: abort before the first byte', 'delay=5000',
        sub { $_[1]->(); sleep 0.5 });
    cmp_ok $log->{out}, '>=', 45, "case 50: half a second's work: $log->{out}";
    cmp_ok $log->{out}, '<', 300, 'case 50: and not the whole reservation';
    $t->mock_reset;

    $log = abort_test('case 51, T9: abort in mid-stream',
        'gap=20,events=1000,size=60000', sub {
            my $c = shift;
            my $r = $c->head;
            $c->next_event($r) for 1 .. 10;
        }, stream());
    cmp_ok $log->{out}, '>', 50, "case 51: what came is estimated: $log->{out}";
    cmp_ok $log->{out}, '<', 2000, 'case 51: but not the whole reservation';

    $log = abort_test('case 51: abort before the head of a stream',
        'delay=5000', sub { $_[1]->() }, stream());
    is $log->{out}, 0, 'case 51: nothing was generated, it would be seen';
}
{
    # [DONE] has come, the connection stays open: complete, settled, stored.
    my $body = $t->body_of('chat', stream());
    my $c = $t->client;
    $c->send(POST => $t->path('chat'), body => $body, headers => {
        'X-Mock' => 'prompt=30,completion=12,noclose', 'X-Test' => 'done' });
    my $r = $c->head;
    while (my $event = $c->next_event($r)) {
        last if $event->{data} eq '[DONE]';
    }
    $c->reset;
    my $log = $t->logged('done');
    is "$log->{in} $log->{out} $log->{estimated}", '30 12 0',
        'abort after [DONE]: what was reported counts';
    $t->post($t->path('chat'), $body, 'X-Test' => 'done2');
    is $t->logged('done2')->{cache}, 'HIT', 'abort after [DONE]: it was stored';
}

done_testing;
