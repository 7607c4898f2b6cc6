package LLM::Certificate;

# Private authorities and certificates of theirs, made by openssl in a test's
# directory: CA.pem and CA.key, NAME.pem and NAME.key.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(certificate);

sub openssl {
    my ($t, @words) = @_;
    my ($status, $said) = $t->command('openssl', @words);
    die "openssl @words: $said" if $status != 0;
    return;
}

# A certificate for these host names by that authority, which is made when it
# is not there.
sub certificate {
    my ($t, $ca, $name, @hosts) = @_;
    my $dir = $t->dir;
    openssl($t, qw(req -x509 -newkey rsa:2048 -nodes -days 2 -keyout),
        "$dir/$ca.key", '-out', "$dir/$ca.pem", '-subj', "/CN=$ca",
        '-addext', 'basicConstraints=critical,CA:TRUE')
        unless -e "$dir/$ca.pem";
    openssl($t, qw(req -newkey rsa:2048 -nodes -keyout), "$dir/$name.key",
        '-out', "$dir/$name.csr", '-subj', "/CN=$name");
    $t->write_file("$name.ext", 'subjectAltName='
        . join(',', map { "DNS:$_" } @hosts) . "\n");
    openssl($t, qw(x509 -req -days 2 -CAcreateserial -in), "$dir/$name.csr",
        '-CA', "$dir/$ca.pem", '-CAkey', "$dir/$ca.key", '-extfile',
        "$dir/$name.ext", '-out', "$dir/$name.pem");
    return;
}

1;
