package LLM::Process;

# A child in a process group of its own, so that whatever it starts can be
# found and ended; it gets TERM when the test itself dies.

use strict;
use warnings;

use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

# prctl's number; without one a killed test may leave processes.
my %prctl = (x86_64 => 157, aarch64 => 167);
my $prctl = $prctl{ (POSIX::uname())[4] };

sub fork {
    my ($class, $code) = @_;
    my $parent = $$;
    my $pid    = CORE::fork // die "fork: $!";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        setpgrp 0, 0;
        syscall $prctl, 1, 15, 0, 0, 0 if $prctl;    # PR_SET_PDEATHSIG
        POSIX::_exit(1) if getppid != $parent;
        eval { $code->() };
        print STDERR $@ if $@;
        POSIX::_exit(1);
    }
    setpgrp $pid, $pid;
    return bless { pid => $pid }, $class;
}

# Starts a command with its output in a file.
sub start {
    my ($class, $command, $out) = @_;
    return $class->fork(sub {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $out or die "$out: $!";
        open STDERR, '>&', \*STDOUT;
        exec { $command->[0] } @$command or die "$command->[0]: $!\n";
    });
}

sub pid { $_[0]{pid} }

sub running {
    my $s = shift;
    return 0 if defined $s->{status};
    if (waitpid($s->{pid}, WNOHANG) == $s->{pid}) {
        $s->{status} = $?;
        return 0;
    }
    return 1;
}

# The exit status ($?), or undef if it still runs after so many seconds.
sub wait {
    my ($s, $seconds) = @_;
    my $end = time + $seconds;
    while ($s->running) {
        return undef if time > $end;
        sleep 0.005;
    }
    return $s->{status};
}

# Sends the signal and waits; true when the process ended in time.
sub stop {
    my ($s, $signal, $seconds) = @_;
    kill $signal => $s->{pid} if $s->running;
    return 1 if defined $s->wait($seconds);
    kill KILL => $s->{pid};
    $s->wait(5);
    return 0;
}

# Kills what is left of the group; returns what was there.
sub kill_group {
    my $s = shift;
    my @left = _select(sub { $_[1] == $s->{pid} });
    kill KILL => $_ for @left;
    return @left;
}

sub children {
    my ($parent) = @_;
    return _select(sub { $_[0] == $parent });
}

# Living processes that the code accepts by (parent, group).
sub _select {
    my ($accept) = @_;
    opendir my $d, '/proc' or return ();
    my @pids;
    for my $pid (sort { $a <=> $b } grep { /^\d+$/ } readdir $d) {
        open my $f, '<', "/proc/$pid/stat" or next;
        my $stat = <$f> // next;
        my ($state, $ppid, $group) = $stat =~ /.*\) (\S) (\d+) (\d+)/ or next;
        next if $state eq 'Z' || $state eq 'X';
        push @pids, $pid if $accept->($ppid, $group);
    }
    return @pids;
}

sub title {
    my ($pid) = @_;
    open my $f, '<', "/proc/$pid/cmdline" or return '';
    local $/;
    return <$f> // '';
}

1;
