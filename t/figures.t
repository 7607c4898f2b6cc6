# What is promised in figures, each against another in the same run: a hit's
# time against nginx's own answer, sums of tokens against what clients were
# told, a worker's memory against itself; and answers cut inside an encoding.

use lib 't/lib';
use LLM::Test;

use Time::HiRes qw(time);

use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
my $on = 'llm on; llm_cache edge; llm_cache_scope "";';
$t->start($t->head . $t->server("$on keepalive_requests 100000;",
    more => <<'END'));
        location = /plain { return 200 "plain"; }
END

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2] }

# ---- a hit ----------------------------------------------------------------

{
    my $uri  = $t->path('chat');
    my $body = $t->body_of('chat');
    $t->post($uri, $body);
    my $client = $t->client;
    my %took;
    for my $round (1 .. 220) {
        for my $asked ('/plain', $uri) {
            my $start = time;
            my $r = $client->request(POST => $asked, body => $body,
                headers => ['Content-Type' => 'application/json']);
            push @{ $took{$asked} }, time - $start if $round > 20;
            die "status of $asked: " . $r->status if $r->status != 200;
        }
    }
    my ($plain, $hit) = map { 1e6 * median(@{ $took{$_} }) } '/plain', $uri;
    is $t->metric('llm_cache_requests_total', status => 'HIT'), 220,
        'all of them were hits';
    cmp_ok $hit, '<', $plain + 500, sprintf
        'a hit takes less than 500 us more than `return 200`: %.0f, %.0f',
        $hit, $plain;
}

# ---- tokens ---------------------------------------------------------------

# The usage that an answer tells its client, as (input, output).
sub told {
    my ($r) = @_;
    my @said = $r->header('content-type') =~ /event-stream/
        ? map { $_->{data} eq '[DONE]' ? () : from_json($_->{data}) } $r->events
        : $r->json;
    my ($input, $output) = (0, 0);
    for my $one (@said) {
        my $usage = $one->{usage} // $one->{response}{usage}
            // $one->{message}{usage} // next;
        $input = $usage->{prompt_tokens} // $usage->{input_tokens} // $input;
        $output = $usage->{completion_tokens} // $usage->{output_tokens}
            // $output;
    }
    return ($input, $output);
}

{
    my @before = map { $t->tokens($_) } qw(input output);
    my @sum    = (0, 0);
    my @apis   = qw(chat completions responses messages);
    my $client = $t->client;
    for my $i (1 .. 200) {
        my $api    = $apis[$i % 4];
        my $stream = $i % 8 > 3;
        my %more   = !$stream ? () : $api =~ /^c/
            ? (stream => 1, stream_options => { include_usage =>
                JSON::PP::true() })
            : (stream => 1);
        my $knobs = 'prompt=' . (7 + $i) . ',completion=' . (3 + 2 * $i);
        my $r = $client->request(POST => $t->path($api),
            body => $t->body_of($api, %more),
            headers => ['Content-Type' => 'application/json',
                'X-Mock' => $knobs]);
        my @told = told($r);
        $sum[$_] += $told[$_] for 0, 1;
    }
    my @expected = (0, 0);
    $expected[0] += 7 + $_, $expected[1] += 3 + 2 * $_ for 1 .. 200;
    is_deeply \@sum, \@expected, 'what the mock said reached the clients';
    my @counted = map { $t->tokens($_) } qw(input output);
    is_deeply [map { $counted[$_] - $before[$_] } 0, 1], \@sum,
        'the sums of 200 mixed answers are those of their usage';
}

# A client that did not ask for usage still sees the null that OpenAI then
# puts into each chunk: the bytes are the upstream's, the SDKs take it so.
{
    my ($r) = $t->ask(chat => 'prompt=3,completion=4', stream => 1);
    my @chunks = map { $_->{data} } grep { $_->{data} ne '[DONE]' } $r->events;
    is scalar(grep { ref from_json($_)->{usage} } @chunks), 0,
        'no chunk tells the usage that only we asked for';
}

# ---- memory ---------------------------------------------------------------

sub own_memory {
    my ($kilobytes) = slurp("/proc/$_[0]/status") =~ /^RssAnon:\s*(\d+)/m;
    return $kilobytes;
}

{
    my ($worker) = $t->worker_pids;
    my $client = $t->client;
    my $ask = sub {
        my ($i) = @_;
        my $api = (qw(chat responses messages))[$i % 3];
        my $r = $client->request(POST => $t->path($api),
            body => $t->body_of($api, $i % 2 ? (stream => 1) : ()),
            headers => ['Content-Type' => 'application/json',
                'X-Mock' => 'size=2000']);
        die 'status ' . $r->status if $r->status != 200;
    };
    $ask->($_) for 1 .. 600;
    my $before = own_memory($worker);
    $ask->($_) for 1 .. 3000;
    my $grown = own_memory($worker) - $before;
    cmp_ok $grown, '<', 512,
        "memory is flat over 3000 streams and misses: $before + $grown KB";
}

# ---- cut inside an encoding -----------------------------------------------

for my $form ([stream => 1], []) {
    my $name = @$form ? 'a stream' : 'JSON';
    my ($r, $log) = $t->ask(chat => 'gzip,te=close,cut=2', @$form);
    is $log->{reason}, @$form ? 'no_store:truncated' : 'no_store:malformed',
        "case 36: $name, gzip cut by a clean FIN: not stored";
    next if !@$form;
    ok !$r->complete, "case 36: $name ends broken";
    ($r, $log) = $t->ask(chat => 'gzip,te=close', @$form);
    ok $r->complete, "case 36: $name that is whole ends whole";
    is $log->{reason}, 'no_entry', 'and is stored';
}

# ---- early hints ----------------------------------------------------------

SKIP: {
    my ($status, $said) = $t->command($t->nginx, '-v');
    my ($major, $minor) = $said =~ m{nginx/(\d+)\.(\d+)};
    skip "case 40: nginx $major.$minor does not know 103 Early Hints", 2
        if $major == 1 && $minor < 29;
    my ($r, $log) = $t->ask(chat => 'early_hints,prompt=3,completion=4');
    is $r->status, 200, 'case 40: 103 before the answer';
    is $log->{out}, 4, 'case 40: the answer is read';
}

$t->finish;
done_testing;
