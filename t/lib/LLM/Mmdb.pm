package LLM::Mmdb;

# A writer of tiny MaxMind DB files (https://maxmind.github.io/MaxMind-DB/):
# an IPv6 tree with records of 24 bits, countries as GeoLite2 has them.
#
#   country_base('192.0.2.0/24' => 'DE/EU', '2001:db8::/32' => 'JP/AS')
#
# gives the file's bytes.

use strict;
use warnings;

use Exporter qw(import);
use Socket qw(AF_INET AF_INET6 inet_pton);

our @EXPORT = qw(country_base);

sub _control {
    my ($type, $size) = @_;
    return $type > 7 ? chr($size) . chr($type - 7) : chr($type << 5 | $size);
}

sub _text { _control(2, length $_[0]) . $_[0] }

sub _number {
    my ($number, $type) = @_;
    my $bytes = pack('N', $number) =~ s/^\0+//r;
    return _control($type, length $bytes) . $bytes;
}

sub _map {
    my @members = @_;
    my $out = _control(7, @members / 2);
    while (my ($name, $value) = splice @members, 0, 2) {
        $out .= _text($name) . $value;
    }
    return $out;
}

# The bits of a network, as of IPv6.
sub _bits {
    my ($network) = @_;
    my ($address, $length) = split m{/}, $network;
    my $v6 = $address =~ /:/;
    my $bytes = inet_pton($v6 ? AF_INET6 : AF_INET, $address);
    ($bytes, $length) = ("\0" x 12 . $bytes, $length + 96) if !$v6;
    return split //, substr unpack('B128', $bytes), 0, $length;
}

sub country_base {
    my ($data, @nodes, %place) = ('', [undef, undef]);
    while (my ($network, $where) = splice @_, 0, 2) {
        $place{$where} //= do {
            my $at = length $data;
            my ($country, $continent) = split m{/}, $where;
            $data .= _map(
                continent => _map(code     => _text($continent)),
                country   => _map(iso_code => _text($country)));
            $at;
        };
        my $node = 0;
        my @bits = _bits($network);
        my $last = pop @bits;
        for my $bit (@bits) {
            if (!defined $nodes[$node][$bit]) {
                push @nodes, [undef, undef];
                $nodes[$node][$bit] = $#nodes;
            }
            $node = $nodes[$node][$bit];
        }
        $nodes[$node][$last] = \$place{$where};
    }
    my $tree = '';
    for my $record (map { @$_ } @nodes) {
        my $value = !defined $record ? @nodes
            : ref $record ? @nodes + 16 + $$record : $record;
        $tree .= substr pack('N', $value), 1;
    }
    return $tree . "\0" x 16 . $data . "\xab\xcd\xefMaxMind.com" . _map(
        node_count    => _number(scalar @nodes, 6),
        record_size   => _number(24, 5),
        ip_version    => _number(6, 5),
        database_type => _text('Test-Country'),
        languages     => _control(11, 0),
        binary_format_major_version => _number(2, 5),
        binary_format_minor_version => _number(0, 5),
        build_epoch => _number(1_700_000_000, 9),
        description => _map());
}

1;
