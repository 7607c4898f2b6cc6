#!/usr/bin/perl
# The whole proxy beside plain nginx, measured in one run: see bench/README.md.
#
#   LLM_MODULE  ngx_llm_module.so; without it our rows are skipped
#   LLM_NGINX   nginx (default /usr/sbin/nginx)
#   LLM_MOCK    the mock upstream (default build/mock_upstream)
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Getopt::Long qw(GetOptions);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time sleep);

my %option = (rounds => 5, seconds => 1, connections => 32, streams => 300,
              cases => '1k/1k,60k/1k,100k/1k,100k/100k');
GetOptions(\%option, 'rounds=i', 'seconds=i', 'connections=i', 'streams=i',
           'cases=s')
    or die "usage: proxy.pl [--rounds N] [--seconds S] [--connections N]"
    . " [--streams N] [--cases REQUEST/ANSWER,...]\n";

my $root = abs_path(dirname(__FILE__) . '/..');
my $nginx = $ENV{LLM_NGINX} // '/usr/sbin/nginx';
my $binary = $ENV{LLM_MOCK} // "$root/build/mock_upstream";
my $module = $ENV{LLM_MODULE} // '';
die "no nginx at $nginx (LLM_NGINX)\n" if !-x $nginx;
die "no mock upstream at $binary (LLM_MOCK)\n" if !-x $binary;
my ($wrk) = grep { -x } map { "$_/wrk" } split /:/, $ENV{PATH};
die "wrk is not installed\n" if !$wrk;
my $skipped = !$module      ? 'LLM_MODULE is not set'
            : !-r $module   ? "no module at $module"
                            : '';

# What this starts ends in END, so that a die in the middle leaves nothing.
my $dir = tempdir('llm-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $owner = $$;
my (%pid, $mock_output);
END {
    if (defined $owner && $$ == $owner) {
        local $?;
        for my $name (sort keys %pid) {
            kill TERM => $pid{$name};
            waitpid $pid{$name}, 0;
        }
        close $mock_output if $mock_output;
    }
}
$SIG{$_} = sub { exit 1 } for qw(INT TERM);

# ---------------------------------------------------------------- machinery

sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or die "no free port: $!";
    return $socket->sockport;
}

sub median {
    my @sorted = sort { $a <=> $b } grep { defined } @_ or return;
    my $middle = int(@sorted / 2);
    return @sorted % 2 ? $sorted[$middle]
                       : ($sorted[$middle - 1] + $sorted[$middle]) / 2;
}

sub quantile {
    my ($part, @values) = @_;
    my @sorted = sort { $a <=> $b } @values;
    return $sorted[int($part * $#sorted)];
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $text;
    close $out or die "$file: $!";
    return $file;
}

sub bytes_of {
    my ($text) = @_;
    $text =~ /^(\d+)(k?)$/ or die "not a size: $text\n";
    return $1 * ($2 ? 1024 : 1);
}

# CPU time of a process in seconds: nanoseconds where the kernel has them,
# clock ticks elsewhere.
sub cpu {
    my ($process) = @_;
    if (open my $in, '<', "/proc/$process/schedstat") {
        my ($ns) = split ' ', <$in>;
        return $ns / 1e9 if $ns;
    }
    open my $in, '<', "/proc/$process/stat" or return;
    my @field = split ' ', (<$in> =~ s/^.*\) //r);
    return ($field[11] + $field[12]) / 100;
}

sub start_mock {
    $pid{mock} = open $mock_output, '-|', $binary, '--port', 0,
        '--with-parent', '--no-record' or die "$binary: $!";
    my $line = <$mock_output> // '';
    $line =~ /:(\d+)$/ or die "the mock upstream did not start\n";
    return $1;
}

# How many requests the mock upstream has seen.
sub upstream_count {
    my ($port) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port)
        or die "connect: $!";
    print $socket "GET /mock/count HTTP/1.0\r\n\r\n";
    local $/;
    return <$socket> =~ /\r\n\r\n(\d+)/ ? $1 : die "no count\n";
}

sub start_nginx {
    my ($name, $conf) = @_;
    my $prefix = "$dir/$name";
    mkdir $prefix or die "$prefix: $!";
    mkdir "$prefix/logs";
    my $user = $> == 0 ? "user root;\n" : '';
    my $load = $skipped ? '' : "load_module " . abs_path($module) . ";\n";
    spew("$prefix/nginx.conf", <<"END");
${load}${user}worker_processes 1;
daemon off;
pid $prefix/nginx.pid;
error_log $prefix/error.log warn;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    client_body_buffer_size 1m;
    client_max_body_size 4m;
    client_body_temp_path $prefix/body;
    proxy_temp_path $prefix/proxy;
    fastcgi_temp_path $prefix/fastcgi;
    uwsgi_temp_path $prefix/uwsgi;
    scgi_temp_path $prefix/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
$conf
}
END
    my @command = ($nginx, '-p', $prefix, '-c', "$prefix/nginx.conf",
                   '-e', "$prefix/error.log");
    my $check = join ' ', map { quotemeta } @command, '-t';
    my $said = `$check 2>&1`;
    die "nginx -t: $said" if $?;
    my $child = fork // die "fork: $!";
    if ($child == 0) {
        exec @command or die "$nginx: $!";
    }
    $pid{$name} = $child;
    for (1 .. 100) {
        sleep 0.05;
        open my $in, '<', "/proc/$child/task/$child/children" or last;
        my ($worker) = split ' ', (<$in> // '');
        return $worker if $worker;
    }
    die "nginx did not start, see $prefix/error.log\n";
}

# ------------------------------------------------------------ the variants

my $upstream = start_mock();
my @variants = (
    {name => 'return 200', kind => 'same'},
    {name => 'proxy_cache', kind => 'same'},
    {name => 'proxy_pass', kind => 'unique'},
    {name => 'llm miss', kind => 'unique', ours => 1},
    {name => 'llm hit JSON', kind => 'same', ours => 1},
    {name => 'llm hit SSE', kind => 'same', ours => 1, stream => 1},
);
$_->{port} = free_port() for @variants;

# Why a variant cannot run in a case; empty when it can.
sub reason {
    my ($case, $variant) = @_;
    return $skipped if $variant->{ours} && $skipped;
    # The offsets in a cache file's header are 16 bits wide.
    return 'a key of proxy_cache ends at 64 KB'
        if $variant->{name} eq 'proxy_cache' && $case->{request} > 62_000;
    return '';
}

my %variant = map { $_->{name} => $_ } @variants;
my @ratios = (
    ['llm miss', 'proxy_pass', 0.80],
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

# A raw exchange over a connection of its own; answers the body.
sub fetch {
    my ($port, $body, $knobs) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port)
        or die "connect: $!";
    my $length = length $body;
    print $socket "POST /v1/chat/completions HTTP/1.0\r\nHost: bench\r\n"
        . "Content-Type: application/json\r\nX-Mock: $knobs\r\n"
        . "Content-Length: $length\r\n\r\n$body";
    local $/;
    my $answer = <$socket> // '';
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

sub conf_for {
    my ($case) = @_;
    my ($maps, $value) = return_conf($case->{answer});
    my $conf = $maps . <<"END";
    upstream mock { server 127.0.0.1:$upstream; keepalive 64; }
    proxy_cache_path $dir/$case->{label}.cache keys_zone=stock:32m;
END
    $conf .= "    llm_zone bench:256m;\n" if !$skipped;
    my $pass = 'proxy_pass http://mock;';
    my $ours = "llm on; llm_cache bench; llm_cache_scope \"\"; $pass";
    my %inside = (
        'return 200' => "return 200 \"$value\";",
        'proxy_cache' => "proxy_cache stock; proxy_cache_methods POST;"
            . ' proxy_cache_key $request_body; proxy_cache_valid 200 1h;'
            . ' proxy_buffer_size 256k; proxy_buffers 4 256k;'
            . " proxy_busy_buffers_size 256k; $pass",
        'proxy_pass' => $pass,
        map { ($_ => $ours) } 'llm miss', 'llm hit JSON', 'llm hit SSE',
    );
    for my $variant (@variants) {
        next if $variant->{ours} && $skipped;
        $conf .= "    server { listen 127.0.0.1:$variant->{port} backlog=1024;"
            . " location / { $inside{$variant->{name}} } }\n";
    }
    return $conf;
}

# ---------------------------------------------------------- requests/second

sub run_wrk {
    my ($case, $variant, $round) = @_;
    my $worker = $case->{worker};
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
    for my $round (1 .. $option{rounds}) {
        for my $variant (@active) {
            push @{$case->{runs}{$variant->{name}}},
                run_wrk($case, $variant, $round);
        }
        print STDERR "$case->{label}: round $round of $option{rounds}\n";
    }
}

# ------------------------------------------------- streams, event by event

# This process is client and upstream at once: it measures how long a byte
# takes through nginx without a second clock or a scheduler in between.
sub stream_conf {
    my ($port, %listen) = @_;
    my $conf = "    upstream self { server 127.0.0.1:$port; keepalive 8; }\n";
    $conf .= "    llm_zone bench:64m;\n" if !$skipped;
    for my $name (sort keys %listen) {
        my $ours = $name eq 'llm'
            ? 'llm on; llm_cache bench; llm_cache_scope "";' : '';
        $conf .= "    server { listen 127.0.0.1:$listen{$name};"
            . " location / { $ours proxy_pass http://self; } }\n";
    }
    return $conf;
}

sub read_until {
    my ($socket, $pattern) = @_;
    my $bytes = '';
    while ($bytes !~ $pattern) {
        IO::Select->new($socket)->can_read(5) or die "no byte for 5 s\n";
        sysread $socket, $bytes, 65536, length $bytes
            or die "the peer left: $bytes\n";
    }
    return $bytes;
}

sub chunk { return sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

sub event_text {
    my ($id, $delta, $finish) = @_;
    return qq(data: {"id":"chatcmpl-$id","object":"chat.completion.chunk",)
        . qq("created":1700000000,"model":"gpt-4o-mini","choices":[{"index":0,)
        . qq("delta":$delta,"finish_reason":$finish}]}\n\n);
}

sub upstream_side {
    my ($listener, $kept, $client) = @_;
    my $select = IO::Select->new($listener, values %$kept);
    while (my @ready = $select->can_read(5)) {
        for my $socket (@ready) {
            if ($socket == $listener) {
                my $new = $listener->accept or next;
                setsockopt $new, IPPROTO_TCP, TCP_NODELAY, 1;
                $kept->{fileno $new} = $new;
                $select->add($new);
                next;
            }
            my $got = sysread $socket, my $bytes, 65536;
            return $socket if $got && $bytes =~ /\}$/;
            if (!$got) {
                $select->remove($socket);
                delete $kept->{fileno $socket};
            }
        }
    }
    die "the request did not reach the upstream\n";
}

# One stream of 32 events; answers (µs to the first event, µs an event).
sub one_stream {
    my ($client, $listener, $kept, $number) = @_;
    my $body = qq({"model":"gpt-4o-mini","stream":true,"messages":[{"role":)
        . qq("user","content":"stream $number"}]});
    my $start = time;
    syswrite $client, "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
    my $server = upstream_side($listener, $kept);
    syswrite $server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . chunk(event_text($number, '{"role":"assistant","content":""}',
                           'null'));
    read_until($client, qr/"role":"assistant"/);
    my $first = time - $start;
    my @each;
    for my $k (1 .. 32) {
        my $text = chunk(event_text($number, qq({"content":" word$k."}),
                                    'null'));
        my $sent = time;
        syswrite $server, $text;
        read_until($client, qr/ word$k\./);
        push @each, time - $sent;
    }
    syswrite $server, chunk(event_text($number, '{}', '"stop"'))
        . chunk("data: [DONE]\n\n") . "0\r\n\r\n";
    read_until($client, qr/\r\n0\r\n\r\n$/);
    return ($first * 1e6, map { $_ * 1e6 } @each);
}

sub measure_streams {
    my $listener = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
                                         LocalAddr => '127.0.0.1')
        or die "listen: $!";
    my %port = (bare => free_port());
    $port{llm} = free_port() if !$skipped;
    start_nginx('streams', stream_conf($listener->sockport, %port));
    my (%client, %kept, %first, %each);
    for my $name (keys %port) {
        $client{$name} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                               PeerPort => $port{$name})
            or die "connect: $!";
        setsockopt $client{$name}, IPPROTO_TCP, TCP_NODELAY, 1;
    }
    for my $number (1 .. $option{streams}) {
        for my $name (sort keys %port) {
            my ($first, @rest) =
                one_stream($client{$name}, $listener, \%kept, $number);
            next if $number <= 10;  # caches and connections get warm
            push @{$first{$name}}, $first;
            push @{$each{$name}}, @rest;
        }
    }
    return (\%first, \%each);
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
        : sprintf '>= %.2f: %s', $target,
          $rate >= $target ? 'reached'
        : $cpu >= $target  ? 'reached by CPU time' : 'NOT reached';
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
    $case{worker} = start_nginx($case{label}, conf_for(\%case));
    measure_case(\%case);
    my $done = delete $pid{$case{label}};
    kill TERM => $done;
    waitpid $done, 0;
    push @cases, \%case;
}
my ($first, $each) = measure_streams();

row('case', 'what', 'req/s', 'p50 us', 'p99 us', 'CPU us', '');
for my $case (@cases) {
    print_ratio($case, @$_) for @ratios;
}
print_stream('TTFT', $first, 100);
print_stream('time an event', $each, 10);
for my $case (@cases) {
    print_runs($case, $_) for @variants;
}
