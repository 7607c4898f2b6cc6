#!/usr/bin/perl
# The whole proxy beside plain nginx, measured in one run: see bench/README.md.
#
#   LLM_MODULE  ngx_llm_module.so; without it our rows are skipped
#   LLM_NGINX   nginx (default /usr/sbin/nginx)
#   LLM_MOCK    the mock upstream (default build/mock_upstream)
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Bench::Processes;
use Bench::Streams;
use Digest::SHA qw(sha256_hex);
use Getopt::Long qw(GetOptions);

my %option = (rounds => 5, seconds => 1, connections => 32, streams => 300,
              cases => '1k/1k,60k/1k,100k/1k,100k/100k', only => '.');
GetOptions(\%option, 'rounds=i', 'seconds=i', 'connections=i', 'streams=i',
           'cases=s', 'only=s')
    or die "usage: proxy.pl [--rounds N] [--seconds S] [--connections N]"
    . " [--streams N] [--cases REQUEST/ANSWER,...] [--only REGEX]\n";
my ($wrk) = grep { -x } map { "$_/wrk" } split /:/, $ENV{PATH};
die "wrk is not installed\n" if !$wrk;

# ------------------------------------------------------------ the variants

my $upstream = start_mock();
my @variants = (
    {name => 'return 200', kind => 'same'},
    {name => 'proxy_cache', kind => 'same'},
    {name => 'proxy_pass', kind => 'unique'},
    {name => 'llm miss', kind => 'unique', ours => 1},
    {name => 'llm miss, routed', kind => 'unique', ours => 1},
    {name => 'llm miss, judged', kind => 'unique', ours => 1,
     apart => 'judged'},
    {name => 'llm limits', kind => 'unique', ours => 1, apart => 'limits'},
    {name => 'llm miss, new zone', kind => 'unique', ours => 1,
     apart => 'filling'},
    {name => 'llm hit JSON', kind => 'same', ours => 1},
    {name => 'llm hit SSE', kind => 'same', ours => 1, stream => 1},
);
$_->{port} = free_port() for @variants;

# Why a variant cannot run in a case; empty when it can.
sub reason {
    my ($case, $variant) = @_;
    return $skipped if $variant->{ours} && $skipped;
    return 'not asked for' if $variant->{name} !~ /$option{only}/;
    # The offsets in a cache file's header are 16 bits wide.
    return 'a key of proxy_cache ends at 64 KB'
        if $variant->{name} eq 'proxy_cache' && $case->{request} > 62_000;
    return '';
}

my %variant = map { $_->{name} => $_ } @variants;
my @ratios = (
    ['llm miss', 'proxy_pass', 0.80],
    ['llm miss, routed', 'llm miss', 0.95],
    ['llm miss, judged', 'llm miss', undef],
    ['llm limits', 'llm miss', 0.95],
    ['llm miss, new zone', 'proxy_pass', undef],
    ['llm hit JSON', 'proxy_cache', 1.20],
    ['llm hit JSON', 'return 200', 0.70],
    ['llm hit SSE', 'return 200', undef],
);

sub request_body {
    my ($size, $stream, $mark) = @_;
    my $head = '{"model":"gpt-4o-mini","temperature":0,'
        . ($stream ? '"stream":true,' : '')
        . '"messages":[{"role":"system","content":"';
    my $tail = qq("},{"role":"user","content":"question $mark"}]});
    my $filler = $size - length($head) - length $tail;
    my $prose = 'The quick brown fox jumps over the lazy dog. ';
    my $text = $filler > 0
        ? substr($prose x (1 + $filler / length $prose), 0, $filler) : '';
    return $head . $text . $tail;
}

# A number in the place of MARK makes every body another one.
sub lua_script {
    my ($case, $variant) = @_;
    my $unique = $variant->{kind} eq 'unique';
    my $body = request_body($case->{request}, $variant->{stream}, 'MARK');
    my ($before, $after) = split /MARK/, $body;
    my $knobs = "size=$case->{text}";
    my $common = <<"END";
local headers = {["Content-Type"] = "application/json",
                 ["Authorization"] = "Bearer sk-bench",
                 ["X-Mock"] = "$knobs"}
local before = [[$before]]
local after = [[$after]]
local path = "/v1/chat/completions"
END
    return $common . ($unique ? <<'END' : <<'END');
local count = 0
function init(args) count = tonumber(args[1]) end
function request()
    count = count + 1
    local body = before .. string.format("%012d", count) .. after
    return wrk.format("POST", path, headers, body)
end
END
local fixed
function init(args)
    fixed = wrk.format("POST", path, headers, before .. "0" .. after)
end
function request() return fixed end
END
}

# A chat request over a connection of its own; answers the body.
sub fetch {
    my ($port, $body, $knobs) = @_;
    my $length = length $body;
    my $answer = answer_to($port,
        "POST /v1/chat/completions HTTP/1.0\r\nHost: bench\r\n"
        . "Content-Type: application/json\r\nX-Mock: $knobs\r\n"
        . "Content-Length: $length\r\n\r\n$body");
    $answer =~ s/^HTTP\S+ 200 .*?\r\n\r\n//s
        or die "port $port: " . substr($answer, 0, 300) . "\n";
    return $answer;
}

# nginx takes no word over 4 KB, so the bytes of `return` come as constants
# of several maps.
sub return_conf {
    my ($bytes) = @_;
    my ($maps, $value) = ('', '');
    my $count = 0;
    for my $part (unpack '(a3000)*', $bytes) {
        die "the answer does not fit nginx's quotes" if $part =~ /['\\\$]/;
        $maps .= "    map \"\" \$part$count { default '$part'; }\n";
        $value .= "\${part$count}";
        ++$count;
    }
    return ($maps, $value);
}

# What a routed request is asked for: three maps, of which two make edits and
# the third one arms the ladder. The cap stands above the longest answer: what
# is cut is not stored.
sub routing_maps {
    return <<'END';
    map $llm_model $routed {
        volatile; gpt-4o-mini gpt-5-mini; fast gpt-5-nano; default "";
    }
    map $llm_stream $limit { volatile; 1 40000; default 30000; }
    map $llm_model $next   { volatile; gpt-4o-mini gpt-4o; default gpt-5; }
END
}

sub conf_for {
    my ($case) = @_;
    my ($maps, $value) = return_conf($case->{answer});
    my $conf = $maps . <<"END";
    upstream mock { server 127.0.0.1:$upstream; keepalive 64; }
    proxy_cache_path $dir/$case->{label}.cache keys_zone=stock:32m;
END
    $conf .= "    llm_zone bench:64m;\n" . routing_maps() if !$skipped;
    my $pass = 'proxy_pass http://mock;';
    my $ours = "llm on; llm_cache bench; llm_cache_scope \"\"; $pass";
    my %inside = (
        'return 200' => "return 200 \"$value\";",
        'proxy_cache' => "proxy_cache stock; proxy_cache_methods POST;"
            . ' proxy_cache_key $request_body; proxy_cache_valid 200 1h;'
            . ' proxy_buffer_size 256k; proxy_buffers 4 256k;'
            . " proxy_busy_buffers_size 256k; $pass",
        'proxy_pass' => $pass,
        'llm miss, routed' => 'llm_model $routed; llm_set max_tokens $limit'
            . " cap; llm_fallback \$next; $ours",
        map { ($_ => $ours) } 'llm miss', 'llm hit JSON', 'llm hit SSE',
    );
    for my $variant (grep { !$_->{apart} } @variants) {
        next if $variant->{ours} && $skipped;
        my $metrics = $variant->{ours}
            ? ' location = /metrics { llm_metrics; }' : '';
        $conf .= "    server { listen 127.0.0.1:$variant->{port} backlog=1024;"
            . " location / { $inside{$variant->{name}} }$metrics }\n";
    }
    return $conf;
}

# The same miss with a key, three limits and two nested budgets. The ceiling
# stands above the longest answer: what is cut is not stored. A key file
# counts for all of nginx, so this one has an nginx of its own.
sub limits_conf {
    my $price = '"input_cost_per_token": 1e-7, "output_cost_per_token": 1e-7';
    spew("$dir/prices.json", qq({"gpt-4o-mini": {$price}}));
    my $entry = join ', ', map { qq("$_->[0]": "$_->[1]") }
        ['key_sha256', sha256_hex('sk-bench')], ['name', 'bench'],
        ['tenant', 'bench'];
    spew("$dir/keys.json", qq({"keys": [{$entry}]}));
    return <<"END";
    upstream mock { server 127.0.0.1:$upstream; keepalive 64; }
    llm_zone bench:64m;
    llm_keys $dir/keys.json;
    llm_prices $dir/prices.json;
    server {
        listen 127.0.0.1:$variant{'llm limits'}{port} backlog=1024;
        location = /metrics { llm_metrics; }
        location / {
            llm on; llm_cache bench; llm_cache_scope "";
            llm_limit key key=\$llm_key requests=900m/m tokens=900000m/m
                      ceiling=100k;
            llm_limit plan key=\$llm_tenant requests=900m/m concurrency=10k;
            llm_limit route key=\$uri requests=900m/m;
            llm_budget team key=\$llm_key usd=900000/day;
            llm_budget company key=\$llm_tenant usd=9000000/month;
            proxy_pass http://mock;
        }
    }
END
}

# A map that reads $llm_complexity_level, wherever it is used, has every
# request of an nginx judged: this one has an nginx of its own, too.
sub judged_conf {
    return <<"END";
    upstream mock { server 127.0.0.1:$upstream; keepalive 64; }
    llm_zone bench:64m;
    map \$llm_complexity_level \$judged {
        volatile; simple gpt-5-nano; medium gpt-5-mini; default gpt-5;
    }
    server {
        listen 127.0.0.1:$variant{'llm miss, judged'}{port} backlog=1024;
        location = /metrics { llm_metrics; }
        location / {
            llm on; llm_cache bench; llm_cache_scope "";
            llm_model \$judged;
            proxy_pass http://mock;
        }
    }
END
}

# A zone so large that no run fills it: each answer is stored in memory that
# nobody has touched before.
sub filling_conf {
    return <<"END";
    upstream mock { server 127.0.0.1:$upstream; keepalive 64; }
    llm_zone bench:512m;
    server {
        listen 127.0.0.1:$variant{'llm miss, new zone'}{port} backlog=1024;
        location / {
            llm on; llm_cache bench; llm_cache_scope "";
            proxy_pass http://mock;
        }
    }
END
}

# ---------------------------------------------------------- requests/second

sub run_wrk {
    my ($case, $variant, $round) = @_;
    my $worker = $case->{worker}{$variant->{apart} // 'shared'};
    my $asked = upstream_count($upstream);
    my $before = cpu($worker);
    my $url = "http://127.0.0.1:$variant->{port}";
    my $text = `$wrk -t1 -c$option{connections} -d$option{seconds}s --latency \\
        -s $case->{script}{$variant->{name}} $url -- ${round}00000000`;
    my $spent = cpu($worker) - $before;
    my ($requests) = $text =~ /(\d+) requests in/ or die "wrk said: $text";
    my ($rate) = $text =~ m{Requests/sec:\s+([\d.]+)};
    my %unit = (us => 1, ms => 1e3, s => 1e6, m => 6e7);
    my ($p50, $p99) = map {
        $text =~ /^\s+$_%\s+([\d.]+)(us|ms|s|m)$/m ? $1 * $unit{$2} : undef
    } 50, 99;
    my $errors = 0;
    $errors += $1 if $text =~ /Non-2xx or 3xx responses: (\d+)/;
    $errors += $_
        for map { /(\d+)/g } $text =~ /Socket errors: (.*)/;
    die "no request was answered by $variant->{name}\n" if !$requests;
    $asked = upstream_count($upstream) - $asked;
    return {rate => $rate, p50 => $p50, p99 => $p99, errors => $errors,
            requests => $requests,
            cpu => $spent * 1e6 / $requests, asked => $asked / $requests};
}

# How many entries have made room for others.
sub evictions {
    my ($port) = @_;
    return answer_to($port, "GET /metrics HTTP/1.0\r\n\r\n")
        =~ /^llm_cache_evictions_total (\d+)/m ? $1 : die "no metrics\n";
}

# A cache is full for nearly all of its life: then a miss evicts, and no page
# of the zone is touched for the first time.
sub fill_zone {
    my ($case, $variant) = @_;
    for my $run (1 .. 120) {
        return if evictions($variant->{port}) > 0;
        run_wrk($case, $variant, 100 + $run);
    }
    die "the zone of $variant->{name} does not fill\n";
}

sub measure_case {
    my ($case) = @_;
    my @active = grep { !reason($case, $_) } @variants;
    for my $variant (@active) {
        (my $file = "$dir/$case->{label}-$variant->{name}.lua") =~ tr/ /_/;
        $case->{script}{$variant->{name}} =
            spew($file, lua_script($case, $variant));
    }
    for my $variant (grep { $_->{kind} eq 'same' } @active) {
        my $body = request_body($case->{request}, $variant->{stream}, 0);
        fetch($variant->{port}, $body, "size=$case->{text}") for 1, 2;
    }
    for my $variant (grep { $_->{name} =~ /^llm (?:miss|miss, judged|limits)$/ }
                     @active) {
        fill_zone($case, $variant);
    }
    for my $round (1 .. $option{rounds}) {
        for my $variant (@active) {
            push @{$case->{runs}{$variant->{name}}},
                run_wrk($case, $variant, $round);
        }
        print STDERR "$case->{label}: round $round of $option{rounds}\n";
    }
}

# ------------------------------------------------------------------- table

sub cell { return defined $_[1] ? sprintf($_[0], $_[1]) : '-' }

sub row { printf "%-10s  %-28s %10s %10s %10s %10s  %s\n", @_ }

# A hit that asked the upstream, or a miss that did not, is no measurement of
# what its name says. wrk does not count what is under way when it ends, up to
# one request a connection.
sub astray {
    my ($case, $variant) = @_;
    my $expected = $variant->{kind} eq 'unique' ? 1 : 0;
    my $runs = $case->{runs}{$variant->{name}};
    return grep {
        abs($_->{asked} - $expected)
            > 0.02 + $expected * $option{connections} / $_->{requests}
    } @$runs;
}

# CPU time decides: when the machine is busy, requests a second say little
# about nginx.
sub judge {
    my ($rate, $cpu, $target) = @_;
    return $cpu >= $target
        ? ($rate >= $target ? 'reached' : 'reached by CPU time')
        : ($rate >= $target ? 'reached by req/s only' : 'NOT reached');
}

sub print_ratio {
    my ($case, $over, $under, $target) = @_;
    my ($a, $b) = @{$case->{runs}}{$over, $under};
    my $what = "$over / $under";
    if (!$a || !$b) {
        my ($why) = grep { $_ } map { reason($case, $variant{$_}) } $over,
            $under;
        row($case->{label}, $what, ('-') x 4, "skipped: $why");
        return;
    }
    my $rate = median(map { $a->[$_]{rate} / $b->[$_]{rate} } 0 .. $#$a);
    my $cpu = median(map { $b->[$_]{cpu} / $a->[$_]{cpu} } 0 .. $#$a);
    my $verdict = (grep { astray($case, $variant{$_}) } $over, $under)
            ? 'INVALID, see the rows'
        : !defined $target ? ''
        : sprintf '>= %.2f: %s', $target, judge($rate, $cpu, $target);
    row($case->{label}, $what, cell('%.2f', $rate), '-', '-',
        cell('%.2f', $cpu), $verdict);
}

sub print_runs {
    my ($case, $variant) = @_;
    my $runs = $case->{runs}{$variant->{name}};
    if (!$runs) {
        row($case->{label}, $variant->{name}, ('-') x 4,
            'skipped: ' . reason($case, $variant));
        return;
    }
    my $errors = 0;
    $errors += $_->{errors} for @$runs;
    my %middle = map {
        my $key = $_;
        ($key => median(map { $_->{$key} } @$runs))
    } qw(rate p50 p99 cpu asked);
    my @notes = $errors ? "$errors ERRORS" : ();
    push @notes, sprintf '%.2f of them reached the upstream', $middle{asked}
        if astray($case, $variant);
    row($case->{label}, $variant->{name}, cell('%.0f', $middle{rate}),
        cell('%.0f', $middle{p50}), cell('%.0f', $middle{p99}),
        cell('%.1f', $middle{cpu}), join ', ', @notes);
}

sub print_stream {
    my ($what, $times, $target) = @_;
    if ($times->{llm}) {
        my $added = median(@{$times->{llm}}) - median(@{$times->{bare}});
        row('stream', "added $what, us", '-', cell('%.1f', $added), '-', '-',
            "<= $target: " . ($added <= $target ? 'reached' : 'NOT reached'));
    } else {
        row('stream', "added $what, us", ('-') x 4, "skipped: $skipped");
    }
    for my $name (sort keys %$times) {
        row('stream', "$what, $name, us", '-',
            map({ cell('%.1f', quantile($_, @{$times->{$name}})) } 0.5, 0.99),
            '-', '');
    }
}

my @cases;
for my $label (split /,/, $option{cases}) {
    my ($request, $answer) = map { bytes_of($_) } split m{/}, $label;
    # The mock's envelope round the text is some 590 bytes.
    my %case = (label => $label =~ tr{/}{-}r, request => $request,
                text => $answer > 700 ? $answer - 590 : 100);
    $case{answer} = fetch($upstream, request_body($request, 0, 0),
                          "size=$case{text}");
    my %conf = (shared => conf_for(\%case));
    @conf{qw(limits judged filling)} =
        (limits_conf(), judged_conf(), filling_conf())
        if !$skipped;
    $case{worker}{$_} = start_nginx("$case{label}-$_", $conf{$_})
        for keys %conf;
    measure_case(\%case);
    stop("$case{label}-$_") for keys %conf;
    push @cases, \%case;
}
my ($first, $each) = measure_streams($option{streams});

row('case', 'what', 'req/s', 'p50 us', 'p99 us', 'CPU us', '');
for my $case (@cases) {
    print_ratio($case, @$_) for @ratios;
}
print_stream('TTFT', $first, 100);
print_stream('time an event', $each, 10);
for my $case (@cases) {
    print_runs($case, $_) for @variants;
}
