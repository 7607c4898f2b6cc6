package Bench::Processes;
# What the whole-proxy bench starts (the mock upstream, nginx), watches and
# ends again, and the small arithmetic of its figures. $skipped says why the
# module's rows cannot be measured, empty when they can; $dir is thrown away
# at the end.
use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Time::HiRes qw(sleep);

our @EXPORT = qw($skipped $dir free_port median quantile spew bytes_of cpu
                 start_mock answer_to upstream_count start_nginx stop);

my $root = abs_path(dirname(__FILE__) . '/../../..');
my $nginx = $ENV{LLM_NGINX} // '/usr/sbin/nginx';
my $binary = $ENV{LLM_MOCK} // "$root/build/mock_upstream";
my $module = $ENV{LLM_MODULE} // '';
die "no nginx at $nginx (LLM_NGINX)\n" if !-x $nginx;
die "no mock upstream at $binary (LLM_MOCK)\n" if !-x $binary;
our $skipped = !$module    ? 'LLM_MODULE is not set'
             : !-r $module ? "no module at $module"
                           : '';

# What this starts ends in END, so that a die in the middle leaves nothing.
our $dir = tempdir('llm-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
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
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP PIPE);

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

# A raw exchange over a connection of its own: all that comes back.
sub answer_to {
    my ($port, $request) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port)
        or die "connect: $!";
    print $socket $request;
    local $/;
    return <$socket> // '';
}

# How many requests the mock upstream has seen.
sub upstream_count {
    my ($port) = @_;
    return answer_to($port, "GET /mock/count HTTP/1.0\r\n\r\n")
        =~ /\r\n\r\n(\d+)/ ? $1 : die "no count\n";
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

# Ends what was started under that name.
sub stop {
    my ($name) = @_;
    my $process = delete $pid{$name} or return;
    kill TERM => $process;
    waitpid $process, 0;
    return;
}

1;
