#!/usr/bin/perl
# Whole semantic hits through nginx, one worker: encode, search, judge, answer,
# nothing of it remembered as an alias. Beside them an exact hit, an alias and
# `return 200`, how long the turns of the worker's event loop were, and how
# long it kept a plain request waiting meanwhile. See bench/README.md.
#
#   LLM_MODULE, LLM_NGINX, LLM_MOCK  as for proxy.pl
#   LLM_LOOP_TURNS_SO  the library that measures turns (loop_turns.cpp)
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Bench::Processes;
use Cwd qw(abs_path);
use Getopt::Long qw(GetOptions);

my %option = (seconds => 3, connections => '1,4,16', model =>
    "$FindBin::Bin/../models/all-MiniLM-L6-v2");
GetOptions(\%option, 'seconds=i', 'connections=s', 'model=s')
    or die "usage: semantic_proxy.pl [--seconds S] [--connections N,...]"
    . " [--model DIR]\n";
my ($wrk) = grep { -x } map { "$_/wrk" } split /:/, $ENV{PATH};
die "wrk is not installed\n" if !$wrk;
die "$skipped\n" if $skipped;
$option{model} = abs_path($option{model}) // $option{model};

my %embedder = (lexical => 'lexical');
$embedder{minilm} = "minilm path=$option{model} timeout=2s"
    if -f "$option{model}/model.safetensors";

my $upstream = start_mock();
my $stored   = 'When do you open Saturdays?';
my %asked    = (minilm => 'What time do you open on Saturday?',
                lexical => 'When do you open on Saturdays?');

sub body_of {
    my ($text) = @_;
    return qq({"model":"m","messages":[{"role":"user","content":"$text"}]});
}

sub status_of {
    my ($port, $body, $measure) = @_;
    my $request = join '', "POST /v1/chat/completions HTTP/1.0\r\n",
        "Content-Type: application/json\r\n",
        $measure ? "X-Measure: 1\r\n" : '',
        'Content-Length: ', length $body, "\r\n\r\n$body";
    return answer_to($port, $request) =~ /^X-C: (\w*)/m ? $1 : 'nothing';
}

sub script {
    my ($name, $body, $measure) = @_;
    my $more = $measure ? 'wrk.headers["X-Measure"] = "1"' : '';
    return spew("$dir/$name.lua", <<"END");
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
$more
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[$body]]
done = function(summary, latency, requests)
    io.write(string.format("RESULT %d %d %d %d %d\\n",
        summary.requests / (summary.duration / 1e6),
        latency:percentile(50), latency:percentile(99), latency.max,
        summary.errors.status))
end
END
}

# Requests a second, p50, p99, the longest (us).
sub load {
    my ($port, $script, $connections, $seconds) = @_;
    my $said = `$wrk -t1 -c$connections -d${seconds}s -s $script \\
        http://127.0.0.1:$port/ 2>&1`;
    my @figures = $said =~ /^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/m
        or die "wrk: $said\n";
    die "errors: $said\n" if $figures[4];
    return @figures[0 .. 3];
}

# The counters of loop_turns.cpp, and what they say about the time since they
# were zeroed.
my $turns_size  = 2003 * 8;
my $loop_turns  = $ENV{LLM_LOOP_TURNS_SO}
    // "$FindBin::Bin/../build/core/libloop_turns.so";
my $turns_file  = -r $loop_turns ? "$dir/turns" : '';
my @turns_names = ('evts/turn', 'turn p99', 'turn max');
$ENV{LLM_LOOP_TURNS} = $turns_file;
spew($turns_file, "\0" x $turns_size) if $turns_file;

# In place: the worker has the file mapped.
sub zero_turns {
    open my $out, '+<:raw', $turns_file or die "$turns_file: $!";
    print $out "\0" x $turns_size;
    close $out or die "$turns_file: $!";
    return;
}

sub turns {
    open my $in, '<:raw', $turns_file or die "$turns_file: $!";
    read $in, my ($bytes), $turns_size;
    my ($turns, $events, $longest, @buckets) = unpack 'Q*', $bytes;
    die "no turn was counted by $loop_turns\n" if !$turns;
    my ($seen, $p99) = (0, 0);
    while (($seen += $buckets[$p99]) < 0.99 * $turns) {
        $p99++;
    }
    return (sprintf('%.1f', $events / $turns), $p99 + 1,
        sprintf '%d', $longest / 1000);
}

printf '%-8s %-14s %5s %9s %9s %9s %9s %9s' . ' %9s' x @turns_names . "\n", 'encoder',
    'what', 'conn', 'req/s', 'p50 us', 'p99 us', 'ping p99', 'ping max',
    @turns_names;
for my $name (sort keys %embedder) {
    my $port = free_port();
    my $conf = <<"END";
llm_zone edge:64m;
llm_embedder near $embedder{$name};
llm on;
llm_cache edge;
llm_semantic near audit=0%;
add_header X-C \$llm_cache_status always;
server {
    listen 127.0.0.1:$port;
    keepalive_requests 100000000;
    location / {
        llm_no_cache \$http_x_measure;
        proxy_pass http://127.0.0.1:$upstream;
    }
    location /ping { llm off; return 200 "pong"; }
}
END
    {
        local $ENV{LD_PRELOAD} = $turns_file ? $loop_turns : '';
        start_nginx($name, $conf);
    }
    my $exact = body_of($stored);
    my $near  = body_of($asked{$name});
    status_of($port, $exact);
    my $ping = spew("$dir/ping.lua", <<'END');
wrk.path = "/ping"
done = function(summary, latency, requests)
    io.write(string.format("PING %d %d\n", latency:percentile(99), latency.max))
end
END
    for my $row (['semantic hit', $near, 1], ['alias', $near, 0],
        ['exact hit', $exact, 0]) {
        my ($what, $body, $measure) = @$row;
        my $status = status_of($port, $body, $measure);
        die "$name: $status instead of a hit\n"
            if $status ne ($what eq 'exact hit' ? 'HIT' : 'SEMANTIC');
        report($name, $what, $port, script('load', $body, $measure), $_,
            $ping) for split /,/, $option{connections};
    }
    stop($name);
}

sub report {
    my ($name, $what, $port, $script, $connections, $ping) = @_;
    zero_turns() if $turns_file;
    open my $beside, '-|', "$wrk -t1 -c1 -d$option{seconds}s -s $ping"
        . " http://127.0.0.1:$port/ 2>&1" or die "wrk: $!";
    my @figures = load($port, $script, $connections, $option{seconds});
    my $said = do { local $/; <$beside> };
    close $beside;
    my @pings = $said =~ /^PING (\d+) (\d+)/m;
    my @turns = $turns_file ? turns() : ('-') x @turns_names;
    printf '%-8s %-14s %5d %9d %9d %9d %9s %9s' . ' %9s' x @turns . "\n",
        $name, $what, $connections, @figures[0 .. 2], @pings, @turns;
    return;
}
