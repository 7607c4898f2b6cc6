# llm_geoip: where clients are, by the address that realip leaves, and what a
# bad file does (fault case 83).

use lib 't/lib';
use LLM::Test;
use LLM::Mmdb;

use IO::Socket::IP;

sub base {
    my %more = @_;
    return country_base(
        '127.0.0.0/8'     => 'SE/EU',
        '::1/128'         => 'NO/EU',
        '192.0.2.0/24'    => 'DE/EU',
        '198.51.100.0/24' => 'US/NA',
        '2001:db8::/32'   => 'JP/AS',
        %more);
}

sub conf {
    my ($geoip) = @_;
    return ($geoip // 'llm_geoip country.mmdb;') . <<'END';

    llm_zone z:8m;
    map $llm_country $refused { volatile; default 0; US 1; }
    map $llm_continent $backend { volatile; default other; EU europe; }
    real_ip_header X-Forwarded-For;
    set_real_ip_from 127.0.0.0/8;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / {
            if ($refused) { return 403; }
            return 200 "$remote_addr $llm_country/$llm_continent $backend\n";
        }
        location = /who { return 200 "$pid $llm_country"; }
        location = /metrics { llm_metrics; }
    }
    server {
        listen unix:%%DIR%%/socket;
        set_real_ip_from unix:;
        location / { return 200 "$llm_country/$llm_continent\n"; }
    }
END
}

sub from {
    my ($t, $address, $uri) = @_;
    return $t->get($uri // '/', 'X-Forwarded-For' => $address)->body;
}

sub loads {
    my ($t, $result) = @_;
    my $text = $t->get('/metrics')->body;
    return $text =~
        /^llm_watch_loads_total\{file="geoip",result="$result"\} (\d+)/m
        ? $1 : 0;
}

# Until every worker places this address there.
sub everywhere {
    my ($t, $address, $country) = @_;
    my %seen;
    return wait_until {
        my ($pid, $found) = split / /, from($t, $address, '/who');
        $seen{$pid} = 1 if $found eq $country;
        keys %seen == 2;
    } 10;
}

# Of all workers together.
sub threads {
    my ($t) = @_;
    my @threads = map { glob "/proc/$_/task/*" } $t->worker_pids;
    return scalar @threads;
}

# Another file of the same name, as a download does it.
sub replace {
    my ($t, $bytes) = @_;
    $t->write_file('country.new', $bytes);
    rename $t->dir . '/country.new', $t->dir . '/country.mmdb' or die $!;
}

# ---- who is where -------------------------------------------------------

my $t = LLM::Test->new(workers => 2);
$t->write_file('country.mmdb', base());
$t->start($t->watch_witness . conf());

is $t->get('/')->body, "127.0.0.1 SE/EU europe\n", 'the address itself';
is from($t, '192.0.2.77'), "192.0.2.77 DE/EU europe\n", 'after realip';
is from($t, '2001:db8::7'), "2001:db8::7 JP/AS other\n", 'IPv6';
is from($t, '::ffff:192.0.2.1'), "::ffff:192.0.2.1 DE/EU europe\n",
    'IPv4 in IPv6';
is from($t, '203.0.113.1'), "203.0.113.1 / other\n", 'who is nowhere';
is from($t, 'nonsense'), "127.0.0.1 SE/EU europe\n", 'no address';
is $t->get('/', 'X-Forwarded-For' => '198.51.100.1')->status, 403,
    'a country can be refused';
is loads($t, 'loaded'), 0, 'nothing has changed';
is threads($t), 2, 'a worker that watches a file has one thread';

{
    my $c = IO::Socket::UNIX->new($t->dir . '/socket');
    print $c "GET / HTTP/1.0\r\n\r\n";
    my $answer = do { local $/; <$c> };
    like $answer, qr{\r\n\r\n/\n$}, 'a socket of the machine is nowhere';
}

SKIP: {
    skip 'no IPv6 here', 1 if !IO::Socket::IP->new(Listen => 1,
        LocalAddr => '::1', LocalPort => 0);
    my $v6 = LLM::Test->new(workers => 1);
    $v6->write_file('country.mmdb', base());
    $v6->start(<<'END');
    llm_geoip country.mmdb;
    server {
        listen [::]:%%PORT:http%% ipv6only=off;
        location / { return 200 "$llm_country\n"; }
    }
END
    is $v6->get('/')->body, "SE\n", 'IPv4 on an IPv6 socket';
    my $c = IO::Socket::IP->new(PeerAddr => '::1',
        PeerPort => $v6->port('http'));
    print $c "GET / HTTP/1.0\r\n\r\n";
    my $answer = do { local $/; <$c> };
    like $answer, qr/\r\n\r\nNO\n$/, 'IPv6';
}

# ---- another file -------------------------------------------------------

replace($t, country_base('192.0.2.0/24' => 'AT/EU'));
ok everywhere($t, '192.0.2.1', 'AT'), 'a new file is taken by all workers';
ok((wait_until { loads($t, 'loaded') == 1 }), 'counted');
ok((wait_until { threads($t) == 2 }), 'the threads that read it have ended');

replace($t, substr base(), 0, 300);
ok((wait_until { loads($t, 'failed') == 1 } 8), 'half a file is refused');
ok $t->looked_at, 'and looked at once more';
my @errors = grep { /\[error\]/ } $t->lines('error.log');
is scalar(@errors), 1, 'with one line in the log';
like $errors[0], qr{llm: "/.*country\.mmdb": not a whole MaxMind DB: },
    'that tells file and reason';
like $errors[0], qr{; what it held before stays$}, 'and what now';
is from($t, '192.0.2.1'), "192.0.2.1 AT/EU europe\n", 'the old one stays';

unlink $t->dir . '/country.mmdb';
ok((wait_until { loads($t, 'failed') == 2 } 8), 'a file that is gone, too');
is from($t, '192.0.2.1'), "192.0.2.1 AT/EU europe\n", 'the old one stays';
ok !$t->reload(conf()), 'a reload without the file is refused';
$t->allow(qr/\[emerg\].*"llm_geoip": .*country\.mmdb: No such file/);
is from($t, '192.0.2.1'), "192.0.2.1 AT/EU europe\n", 'the old one stays';

# Cut where it lies: who maps the file itself would die of SIGBUS.
replace($t, base());
ok everywhere($t, '192.0.2.1', 'DE'), 'and comes back';
my @pids = sort $t->worker_pids;
open my $f, '+<', $t->dir . '/country.mmdb' or die $!;
truncate $f, 0;
close $f;
is from($t, '192.0.2.1'), "192.0.2.1 DE/EU europe\n", 'cut in place'
    for 1 .. 10;
ok((wait_until { loads($t, 'failed') == 3 } 8), 'seen');
is_deeply [sort $t->worker_pids], \@pids, 'and no worker has died';

replace($t, base('203.0.113.0/24' => 'FR/EU'));
ok $t->reload(conf()), 'a reload with a good file';
is from($t, '203.0.113.1'), "203.0.113.1 FR/EU europe\n", 'is served by it';
ok $t->reload(conf('')), 'a reload without the directive';
is $t->get('/')->body, "127.0.0.1 / other\n", 'the variables are empty';

# ---- nginx -t -------------------------------------------------------------

{
    my $c = LLM::Test->new(workers => 1);
    $c->allow(qr/./);
    my $asn = base();
    $asn =~ s/iso_code/iso_cods/g;
    $asn =~ s/\x44code/\x44cods/g;
    $c->write_file('asn', $asn);
    $c->write_file('page', "<html>Please sign in</html>\n");
    $c->write_file('empty', '');
    $c->write_file('half', substr base(), 0, 300);
    $c->write_file('good', base());
    for (['none', qr/"llm_geoip": .*none: No such file/],
        ['.',     qr/"llm_geoip": .*: not a regular file/],
        ['page',  qr/"llm_geoip": .*page": not a whole MaxMind DB/],
        ['empty', qr/"llm_geoip": .*empty": not a whole MaxMind DB/],
        ['half',  qr/"llm_geoip": .*half": not a whole MaxMind DB/],
        ['asn',   qr/"llm_geoip": .*a base of type "Test-Country" knows no/],
        ['good; llm_geoip good', qr/"llm_geoip" directive is duplicate/]) {
        my ($file, $words) = @$_;
        my ($ok, $said) = $c->check(conf("llm_geoip $file;"));
        is $ok, 0, "refused: llm_geoip $file";
        like $said, $words, 'with words that help';
        like $said, qr/check\.conf:\d+/, 'and the place';
    }
    my ($ok, $said) = $c->check(conf('llm_geoip good;'));
    is $ok, 1, 'a good one is taken' or diag $said;
}

done_testing;
