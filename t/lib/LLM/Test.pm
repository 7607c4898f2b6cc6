package LLM::Test;

# The harness of the black-box tests, on core Perl. A test file:
#
#   use LLM::Test;                       # strict, warnings, Test::More too
#   my $t = LLM::Test->new(workers => 2);
#   $t->mock;                            # the mock upstream, port "mock"
#   $t->start(<<'END');                  # the inside of http {}
#   llm_zone z:8m;
#   server { listen 127.0.0.1:%%PORT:http%%; ... }
#   END
#   my $r = $t->post('/v1/chat/completions', $body, 'X-Mock' => 'delay=5');
#   is $r->status, 200;
#   done_testing;
#
# %%PORT:name%% is a free port, the same for a name within one object,
# %%DIR%% a directory of the object's own, %%MODULE%% the module's path.
#
# done_testing stops what every object started and asserts: nginx ended by
# itself, no process is left, and no error log holds an [alert], [crit] or
# [emerg] nor a sanitizer's word, but for what allow() named. Workers run as
# who started the test, root or not.
#
# Environment: LLM_MODULE, LLM_MOCK, LLM_NGINX, LLM_BUILD (all set by ./run
# test), LLM_SANITIZED=1 by ./run asan; LLM_TEST_LEAVE=1 keeps the directories.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter ();
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(WNOHANG);
use Scalar::Util qw(weaken);
use Test::More import => [qw(ok is)];
use Time::HiRes qw(sleep time);

use LLM::Http;
use LLM::Process;
use LLM::Response qw(sse_events);

our @EXPORT = qw(wait_until soon to_json from_json sse_events slurp done_testing
    root_dir build_dir);

my $root  = abs_path(dirname(__FILE__) . '/../../..');
my $build = $ENV{LLM_BUILD} // "$root/build";
my @live;

sub import {
    my $class = shift;
    strict->import;
    warnings->import;
    my $to = caller;
    no strict 'refs';
    for my $name (@Test::More::EXPORT) {
        next if $name =~ /^\W/ || $name eq 'done_testing';
        *{"${to}::$name"} = \&{"Test::More::$name"};
    }
    *{"${to}::TODO"} = \${"${to}::TODO"};
    *{"${to}::$_"}   = \&{$_} for @EXPORT;
}

# ---- plain helpers ------------------------------------------------------

sub root_dir  { $root }
sub build_dir { $build }

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
sub to_json   { $json->encode($_[0]) }
sub from_json { $json->decode($_[0]) }

sub slurp {
    my ($path) = @_;
    open my $f, '<:raw', $path or return '';
    local $/;
    return scalar(<$f>) // '';
}

# Calls the code until it gives a true value, which is returned; false after
# so many seconds (5).
sub wait_until(&;$) {
    my ($code, $seconds) = @_;
    my $end = time + ($seconds // 5);
    while (1) {
        my $value = $code->();
        return $value if $value || time > $end;
        sleep 0.01;
    }
}

# A test that passes once the code gives a true value within so many seconds.
sub soon(&$;$) {
    my ($code, $name, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok &wait_until($code, $seconds), $name;
}

sub done_testing {
    $_->finish for grep { defined } @live;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::done_testing(@_);
}

# ---- the object ---------------------------------------------------------

# Options: workers (2), plain (without the module), log_level (info),
# main (lines for the main level of the configuration), shutdown_timeout (30s).
sub new {
    my ($class, %o) = @_;
    my $s = bless {
        workers => 2, log_level => 'info', main => '',
        shutdown_timeout => '30s', %o,
        dir     => tempdir('llm-XXXXXX', TMPDIR => 1,
            CLEANUP => !$ENV{LLM_TEST_LEAVE}),
        ports   => {},
        started => [],
        allowed => [],
        owner   => $$,
    }, $class;
    # Where an nginx of nginx.org logs until it is told otherwise.
    mkdir "$s->{dir}/logs" or die "mkdir: $!";
    push @live, $s;
    weaken $live[-1];
    return $s;
}

sub dir { $_[0]{dir} }

# Below the ports that the kernel gives to outgoing connections, so that
# none of those takes it before nginx does.
my $next_port = 10_000 + $$ * 41 % 20_000;

sub port {
    my ($s, $name) = @_;
    return $s->{ports}{$name} //= _free_port();
}

sub _free_port {
    for (1 .. 1000) {
        $next_port = 10_000 if ++$next_port > 32_000;
        return $next_port if IO::Socket::INET->new(
            Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $next_port,
            ReuseAddr => 1);
    }
    die "no free port\n";
}

# Error-log lines that match are not held against the test.
sub allow {
    my ($s, @patterns) = @_;
    push @{ $s->{allowed} }, @patterns;
    return $s;
}

sub module { $ENV{LLM_MODULE} // "$build/ngx_llm_module.so" }
sub nginx  { $ENV{LLM_NGINX}  // '/usr/sbin/nginx' }

sub fill {
    my ($s, $text) = @_;
    $text =~ s/%%PORT:(\w+)%%/$s->port($1)/ge;
    $text =~ s/%%DIR%%/$s->{dir}/g;
    $text =~ s/%%MODULE%%/$s->module/ge;
    return $text;
}

sub write_file {
    my ($s, $name, $text) = @_;
    open my $f, '>:raw', "$s->{dir}/$name" or die "$name: $!";
    print $f $s->fill($text);
    close $f or die "$name: $!";
    return "$s->{dir}/$name";
}

# The whole configuration round the inside of http {}. Short temporary
# paths, no access log unless the text names one.
sub configuration {
    my ($s, $http) = @_;
    my $dir  = $s->{dir};
    my $head = $s->{plain} ? '' : qq{load_module "} . $s->module . qq{";\n};
    $head .= "user root;\n" if $> == 0;
    my $temp = join '', map { "    ${_}_temp_path $dir/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);
    return $head . <<"END";
pid $dir/nginx.pid;
error_log $dir/error.log $s->{log_level};
worker_processes $s->{workers};
worker_shutdown_timeout $s->{shutdown_timeout};
$s->{main}
events {
    worker_connections 4096;
}
http {
$temp    access_log off;
$http
}
END
}

# nginx -t: (1 or 0, what it said).
sub check {
    my ($s, $http) = @_;
    return $s->check_file($s->write_file('check.conf',
            $s->configuration($http)));
}

sub check_file {
    my ($s, $path, @more) = @_;
    my $out = "$s->{dir}/check.out";
    unlink "$s->{dir}/check.err";    # nginx adds to what it has said before
    my $p = LLM::Process->start([$s->nginx, '-t', '-p', $s->{dir}, '-c', $path,
        '-e', "$s->{dir}/check.err", @more], $out);
    my $status = $p->wait(30);
    return (defined $status && $status == 0 ? 1 : 0,
        slurp($out) . slurp("$s->{dir}/check.err"));
}

# Starts nginx and returns once it listens; dies with its words if it does
# not. `whole` instead of http text: a configuration of one's own.
# Seconds until a window of the budgets in a configuration ends, at midnight
# (UTC) or with the hour; undef without budgets.
sub window_left {
    my ($conf, $now) = @_;
    return undef unless $conf =~ /llm_budget .*?usd=/s;
    my $window = $conf =~ m{usd=[^;]*/hour} ? 3600 : 86400;
    return $window - int($now) % $window;
}

# A test that counts money begins behind the end of a window that is near.
sub keep_off_window_end {
    my $left = window_left($_[0], time) // return;
    return if $left > 40;
    Test::More::diag("the window of a budget ends in $left s: waiting");
    sleep $left + 0.1;
}

sub start {
    my ($s, $http, %o) = @_;
    my $text = $o{whole} // $s->configuration($http);
    keep_off_window_end($text);
    my $conf = $s->write_file('nginx.conf', $text);
    unlink "$s->{dir}/nginx.pid";
    my $p = LLM::Process->start([$s->nginx, '-p', $s->{dir}, '-c', $conf, '-e',
        "$s->{dir}/error.log", '-g', 'daemon off;'], "$s->{dir}/stderr");
    wait_until { -s "$s->{dir}/nginx.pid" || !$p->running } 20;
    die 'nginx did not start: ' . slurp("$s->{dir}/stderr") . $s->log . "\n"
        unless $p->running && -s "$s->{dir}/nginx.pid";
    wait_until { $s->worker_pids >= $s->{workers} } 10
        or die "workers did not start: " . $s->log . "\n";
    $s->{nginx} = $p;
    return $s;
}

sub master_pid { $_[0]{nginx}->pid }

# Worker processes that take requests: not those that shut down, no cache
# manager.
sub worker_pids {
    my $s = shift;
    my ($master) = slurp("$s->{dir}/nginx.pid") =~ /(\d+)/ or return ();
    return grep { LLM::Process::title($_) =~ /worker process\0*$/ }
        LLM::Process::children($master);
}

# HUP, with another configuration when given. True once only workers with the
# new one take requests, false when nginx refused it (see log).
sub reload {
    my ($s, $http) = @_;
    my %old = map { $_ => 1 } $s->worker_pids;
    my $emerg = () = $s->log =~ /\[emerg\]/g;
    $s->write_file('nginx.conf', $s->configuration($http)) if defined $http;
    kill HUP => $s->master_pid;
    my $refused;
    wait_until {
        $refused = (() = $s->log =~ /\[emerg\]/g) > $emerg;
        my @now = $s->worker_pids;
        return $refused || @now >= $s->{workers} && !grep { $old{$_} } @now;
    } 15 or die "reload took no effect: " . $s->log . "\n";
    return !$refused;
}

# Waits until the workers of before a reload have ended.
sub drained {
    my ($s, $seconds) = @_;
    return wait_until {
        !grep { LLM::Process::title($_) =~ /shutting down/ }
            LLM::Process::children($s->master_pid)
    } $seconds // 10;
}

# Kills one worker (default: the first, by KILL) and waits for its successor.
sub kill_worker {
    my ($s, $pid, $signal) = @_;
    $pid    //= ($s->worker_pids)[0];
    $signal //= 'KILL';
    my %old = map { $_ => 1 } $s->worker_pids;
    $s->allow(qr/worker process $pid exited on signal/,
        qr/was locked by $pid/);
    kill $signal => $pid;
    return wait_until {
        my @now = $s->worker_pids;
        @now >= $s->{workers} && !grep { $_ == $pid } @now
    } 10;
}

# Everything that was written to the error log, and by sanitizers.
sub log {
    my $s = shift;
    return slurp("$s->{dir}/error.log");
}

sub file { slurp("$_[0]{dir}/$_[1]") }

# Whole lines only: the last one may be on its way.
sub lines {
    my ($s, $name) = @_;
    my $text = $s->file($name);
    $text =~ s/[^\n]*\z//;
    return split /\n/, $text;
}

sub complaints {
    my $s = shift;
    my @bad = grep { /\[(?:alert|crit|emerg)\]|Sanitizer|runtime error:/ }
        split /\n/, $s->log . slurp("$s->{dir}/stderr");
    for my $allowed (@{ $s->{allowed} }) {
        @bad = grep { $_ !~ $allowed } @bad;
    }
    return @bad;
}

# Stops nginx: QUIT, so that it must come to its end by itself.
sub stop {
    my ($s, $signal) = @_;
    my $p = delete $s->{nginx} or return 1;
    my $ended = $p->stop($signal // 'QUIT', 15);
    my @left = $p->kill_group;
    return $ended && !@left;
}

# Stops all and asserts that nothing went wrong unseen.
sub finish {
    my $s = shift;
    return if $s->{finished}++ || $$ != $s->{owner};
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    if ($s->{nginx}) {
        ok $s->stop, 'nginx ended and left no process';
    }
    for my $p (splice @{ $s->{started} }) {
        $p->stop('TERM', 5);
        $p->kill_group;
    }
    is join("\n", $s->complaints), '', 'nothing bad in the error log';
}

# ---- who answers --------------------------------------------------------

# The mock upstream; options go to its command line.
sub mock {
    my ($s, @options) = @_;
    return $s->{mock_port} if $s->{mock_port};
    my $program = $ENV{LLM_MOCK} // "$build/mock_upstream";
    my $out     = "$s->{dir}/mock.out";
    my $p = LLM::Process->start([$program, '--port', 0, @options], $out);
    push @{ $s->{started} }, $p;
    my $port = wait_until {
        die "the mock did not start: " . slurp($out) . "\n" unless $p->running;
        slurp($out) =~ /^mock upstream on 127\.0\.0\.1:(\d+)$/m ? $1 : 0;
    } or die "the mock did not tell its port: " . slurp($out) . "\n";
    return $s->{mock_port} = $s->{ports}{mock} = $port;
}

# What the mock was asked, oldest first: method, path, headers, body, ...
sub mock_log {
    my $s = shift;
    my $r = $s->client('mock')->request(GET => '/mock/log', close => 1);
    return @{ $r->json };
}

sub mock_count {
    my $s = shift;
    my $r = $s->client('mock')->request(GET => '/mock/count', close => 1);
    return $r->json + 0;
}

sub mock_reset {
    my $s = shift;
    $s->client('mock')->request(POST => '/mock/reset', body => '', close => 1);
    return $s;
}

# A scripted upstream: one process a connection, called with the socket, the
# request's head and its body.
sub upstream {
    my ($s, $name, $answer) = @_;
    my $listen = IO::Socket::INET->new(Listen => 64, ReuseAddr => 1,
        LocalAddr => '127.0.0.1', LocalPort => $s->port($name))
        or die "listen: $!";
    push @{ $s->{started} }, LLM::Process->fork(sub {
        $SIG{CHLD} = 'IGNORE';
        while (1) {
            my $c = $listen->accept or next;
            next if fork;
            $SIG{PIPE} = 'DEFAULT';
            $c->autoflush(1);
            my ($head, $length) = ('', 0);
            while (defined(my $line = <$c>)) {
                $head .= $line;
                $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
                last if $line eq "\r\n";
            }
            read $c, my $body, $length if $length;
            $answer->($c, $head, $body // '');
            close $c;
            POSIX::_exit(0);
        }
    });
    return $s;
}

# ---- asking -------------------------------------------------------------

# A connection to a named port (default "http").
sub client {
    my ($s, $name, %o) = @_;
    return LLM::Http->new(port => $s->port($name // 'http'), %o);
}

# One request on a connection of its own.
sub request {
    my ($s, $method, $uri, %o) = @_;
    return $s->client('http')->request($method, $uri, close => 1, %o);
}

sub get {
    my ($s, $uri, @headers) = @_;
    return $s->request(GET => $uri, headers => \@headers);
}

# The body is bytes, or a structure that becomes JSON.
sub post {
    my ($s, $uri, $body, @headers) = @_;
    $body = to_json($body) if ref $body;
    return $s->request(POST => $uri, body => $body, headers => \@headers);
}

# A program of the machine (curl, promtool, node): (exit status, its output
# with the errors). Nothing that it started lives on.
sub command {
    my ($s, @command) = @_;
    my ($status, $said, $process) = $s->_run(@command);
    $process->kill_group;
    return ($status, $said);
}

# nginx as a daemon: the same of the process that is started. The daemon may
# still be in its group when that ends; who starts it ends it.
sub daemon {
    my ($s, @options) = @_;
    my ($status, $said) = $s->_run($s->nginx, '-p', $s->{dir}, '-c',
        "$s->{dir}/nginx.conf", '-e', "$s->{dir}/error.log", @options);
    return ($status, $said);
}

sub _run {
    my ($s, @command) = @_;
    my $out = "$s->{dir}/command.out";
    my $p = LLM::Process->start(\@command, $out);
    my $status = $p->wait(300);
    return ($status // -1, slurp($out), $p);
}

# Watched files (llm_keys, llm_geoip, a provider's key): when has nginx looked
# at them again? watch_witness gives a line for http {} that names one more,
# looked_at changes that and returns once it was taken up, twice: between the
# two every worker has looked at each file, which it does once a second. The
# server on port "http" must have its llm_metrics at /metrics.
sub watch_witness {
    my $s = shift;
    $s->_change_witness;
    return "llm_prices witness.json;\n";
}

sub _change_witness {
    my $s     = shift;
    my $price = ++$s->{witness} * 1e-9;
    $s->write_file('witness.new', to_json({ witness => {
        input_cost_per_token => $price, output_cost_per_token => $price } }));
    rename "$s->{dir}/witness.new", "$s->{dir}/witness.json" or die $!;
}

sub looked_at {
    my $s    = shift;
    my $seen = sub {
        $s->get('/metrics')->body =~ /^llm_watch_loads_total
            \{file="prices",result="loaded"\}\ (\d+)/mx ? $1 : 0;
    };
    for (1, 2) {
        my $before = $seen->();
        $s->_change_witness;
        wait_until { $seen->() > $before } 10 or return 0;
    }
    return 1;
}

# t/lib/NAME.c as a library for LD_PRELOAD; the test is skipped where that
# cannot be made.
sub preload {
    my ($s, $name) = @_;
    Test::More::plan(skip_all => "no compiler for $name.c")
        unless $s->has_program('cc');
    my ($status, $said) = $s->command(qw(cc -shared -fPIC -O1 -Wall -Werror -o),
        "$s->{dir}/$name.so", "$root/t/lib/$name.c", '-ldl');
    Test::More::plan(skip_all => "$name.c is not compiled: $said") if $status;
    return "$s->{dir}/$name.so";
}

sub has_program {
    my (undef, $name) = @_;
    return scalar grep { -x "$_/$name" } split /:/, $ENV{PATH};
}

# One request over HTTP/2 without TLS, by curl. The server must listen with
# http2. Returns an LLM::Response.
sub h2 {
    my ($s, $method, $uri, %o) = @_;
    my @headers = @{ $o{headers} // [] };
    my @args    = ('-s', '-i', '--http2-prior-knowledge', '-X', $method);
    while (my ($name, $value) = splice @headers, 0, 2) {
        push @args, '-H', "$name: $value";
    }
    if (defined $o{body}) {
        my $path = "$s->{dir}/h2.body";
        open my $f, '>:raw', $path or die $!;
        print $f $o{body};
        close $f;
        push @args, '--data-binary', "\@$path", '-H',
            'Content-Type: application/json';
    }
    my $port = $s->port($o{port} // 'http');
    my ($status, $out) = $s->command('curl', @args, @{ $o{curl} // [] },
        "http://127.0.0.1:$port$uri");
    return LLM::Response->none("curl $status", $out)
        unless $out =~ s{^(HTTP/2 \d+.*?\r\n\r\n)}{}s;
    my $r = LLM::Response->new($1, 0);
    $r->{complete} = $status == 0;
    $r->{error}    = "curl $status" if $status;
    $r->add($out, 0);
    return $r;
}

# A test that dies or is stopped leaves nothing running.
sub DESTROY {
    my $s = shift;
    return if $$ != $s->{owner} || $s->{finished};
    local ($?, $@);
    $_->stop('TERM', 3) && $_->kill_group
        for grep { defined } delete $s->{nginx}, @{ $s->{started} };
}

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 130 };

END {
    my $status = $?;
    for my $s (grep { defined && $$ == $_->{owner} } @live) {
        my @bad = $s->complaints;
        Test::More::diag("error log: $_") for $s->{finished} ? () : @bad;
        $s->DESTROY;
    }
    $? = $status;
}

1;
