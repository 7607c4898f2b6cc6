package LLM::Response;

# An answer as LLM::Http read it. `complete` tells whether its body came to
# the end that its framing announced; if not, `error` is 'closed' or 'reset'.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT_OK = qw(sse_events);

sub new {
    my ($class, $head, $time) = @_;
    my ($line, @lines) = split /\r\n/, $head;
    my ($version, $status, $reason) = $line =~ m{^(HTTP/\S+) (\d{3}) ?(.*)$}
        or die "not a status line: $line\n";
    my @headers = map { [/^([^:]+):[ \t]*(.*)$/] } @lines;
    return bless {
        raw_head => $head,
        version  => $version,
        status   => $status,
        reason   => $reason,
        headers  => \@headers,
        body     => '',
        pieces   => [],
        unread   => '',
        time     => $time,
    }, $class;
}

# What stands for an answer when none came.
sub none {
    my ($class, $error, $bytes) = @_;
    return bless {
        status => 0, headers => [], body => $bytes, pieces => [],
        unread => '', error  => $error, time => 0, raw_head => '',
    }, $class;
}

sub status   { $_[0]{status} }
sub body     { $_[0]{body} }
sub complete { $_[0]{complete} ? 1 : 0 }
sub error    { $_[0]{error} }
sub time     { $_[0]{time} }        # of the head
sub pieces   { @{ $_[0]{pieces} } } # [seconds, bytes]
sub early    { @{ $_[0]{early} // [] } }
sub trailers { $_[0]{trailers} // '' }

# Values of a header joined by ', ', '' when it is absent.
sub header {
    my ($s, $name) = @_;
    return join ', ', $s->header_values($name);
}

sub header_values {
    my ($s, $name) = @_;
    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $s->{headers} };
}

sub header_names {
    my $s = shift;
    return map { lc $_->[0] } @{ $s->{headers} };
}

sub json {
    my $s    = shift;
    my $json = eval { JSON::PP->new->utf8->decode($s->{body}) };
    die "not JSON ($@): " . substr($s->{body}, 0, 500) . "\n" if $@;
    return $json;
}

sub events {
    my $s = shift;
    return sse_events($s->{body});
}

sub add {
    my ($s, $piece, $time) = @_;
    $s->{body}   .= $piece;
    $s->{unread} .= $piece;
    push @{ $s->{pieces} }, [$time, $piece];
}

# The next whole event that has come, with the time of its last byte.
sub take_event {
    my $s = shift;
    while ($s->{unread} =~ s/^(.*?(?:\r\n\r\n|\n\n|\r\r))//s) {
        my ($event) = sse_events($1);
        next unless $event;
        $event->{time} = $s->{pieces}[-1][0];
        return $event;
    }
    return undef;
}

# Whole events with data: {event, data, raw}. Comments alone are no event.
sub sse_events {
    my ($body) = @_;
    my @events;
    while ($body =~ s/^(.*?(?:\r\n\r\n|\n\n|\r\r))//s) {
        my $raw = $1;
        my ($type, @data) = ('');
        for my $line (split /\r\n|\n|\r/, $raw) {
            if ($line =~ /^data(?:: ?(.*))?$/) {
                push @data, $1 // '';
            } elsif ($line =~ /^event: ?(.*)$/) {
                $type = $1;
            }
        }
        push @events, { event => $type, data => join("\n", @data), raw => $raw }
            if @data;
    }
    return @events;
}

1;
