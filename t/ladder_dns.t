# Case 84: a provider's name is resolved anew while requests run, by a DNS
# server of ours: its address changes, it does not answer, the name is gone.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

# A DNS server for A records. The file `zone` holds what it says: an address,
# "none" (there is no such name), "silent". Each query is a line in `queries`.
my $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die $!;
my $dns_port = $udp->sockport;

sub says {
    my ($words) = @_;
    $t->write_file('zone.new', $words);
    rename "$t->{dir}/zone.new", "$t->{dir}/zone" or die $!;
    return;
}
says('127.0.0.1');

push @{ $t->{started} }, LLM::Process->fork(sub {
    while (defined $udp->recv(my $query, 512)) {
        my $words = slurp("$t->{dir}/zone");
        my ($id, $rest) = unpack 'a2 x10 a*', $query;
        my ($name, $type) = $rest =~ /^((?:[^\0].*?)?\0)(..)/s or next;
        open my $f, '>>', "$t->{dir}/queries";
        print $f unpack('n', $type), "\n";
        close $f;
        next if $words eq 'silent';
        my @address = $words =~ /^[\d.]+$/ && unpack('n', $type) == 1
            ? split /\./, $words : ();
        my $answer = $id . pack('n5', $words eq 'none' ? 0x8183 : 0x8180, 1,
            @address ? 1 : 0, 0, 0) . substr($rest, 0, length($name) + 4);
        $answer .= pack('n3 N n C4', 0xc00c, 1, 1, 1, 4, @address)
            if @address;
        $udp->send($answer);
    }
});
close $udp;

# Two places with one port, told apart by what they say.
for my $n (2, 3) {
    my $listen = IO::Socket::INET->new(Listen => 16, ReuseAddr => 1,
        LocalAddr => "127.0.0.$n", LocalPort => $t->port('place')) or die $!;
    push @{ $t->{started} }, LLM::Process->fork(sub {
        $SIG{PIPE} = 'IGNORE';
        while (my $c = $listen->accept) {
            my $length = 0;
            while (defined(my $line = <$c>)) {
                $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
                last if $line eq "\r\n";
            }
            read $c, my $body, $length if $length;
            my $text = to_json({ id => 'x', object => 'chat.completion',
                created => 1, model => "place-$n", choices => [{ index => 0,
                message => { role => 'assistant', content => 'hi' },
                finish_reason => 'stop' }] });
            print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                . 'Content-Length: ' . length($text)
                . "\r\nConnection: close\r\n\r\n$text";
            close $c;
        }
    });
    close $listen;
}

my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);
my $conf = $t->head . <<"END";
    llm_provider moving { api openai; models m;
        url http://llm.example:%%PORT:place%%/v1; resolve on; }
    llm_provider still { api openai; models two;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        resolver 127.0.0.1:$dns_port ipv6=off valid=2s;
        resolver_timeout 1s;
        llm on;
        location / { include %%DIR%%/llm_proxy.conf; }
        location /ladder/ {
            llm_fallback two;
            include %%DIR%%/llm_proxy.conf;
        }
        location /hasty/ {
            llm_fallback two;
            llm_first_byte_timeout 300ms;
            include %%DIR%%/llm_proxy.conf;
        }
        location = /metrics { llm off; access_log off; llm_metrics; }
    }
END

# ---- the name is not looked up when nginx starts ---------------------------

says('none');
my ($ok, $said) = $t->check($conf);
ok $ok, 'nginx -t: a name that does not resolve now' or diag $said;
{
    # Nor ever, where nobody can be asked for it.
    my $none = $conf =~ s/^\s*resolver 127.*\n//mr;
    ($ok, $said) = $t->check($none);
    ok !$ok, 'resolve on without any resolver: refused';
    like $said, qr/\[emerg\].*"moving": "resolve on" needs .*check\.conf:\d+$/m,
        'and where';
    my $some = $none =~ s{(location /ladder/ \{)}
        {$1 resolver 127.0.0.1:$dns_port;}r;
    ($ok, $said) = $t->check($some);
    ok $ok, 'in one of its locations: taken';
    like $said, qr/\[warn\].*"moving" has "resolve on" .*llm_proxy\.conf:\d+$/m,
        'with a warning';
    ($ok, $said) = $t->check($none =~ s/llm\.example/127.0.0.1/r);
    ok $ok, 'an address is no name';
    unlike $said, qr/resolver/, 'and needs no word';
}
says('127.0.0.2');
$t->start($conf);

sub place {
    my ($in) = @_;
    my ($r, $log) = $t->ask('chat', '', in => $in // '');
    return ($r->status == 200 ? $r->json->{model} : $r->status, $log);
}

is +(place())[0], 'place-2', 'case 84: resolved while requests run';
says('127.0.0.3');
is +(place())[0], 'place-2', 'case 84: for as long as it is valid';
ok +(wait_until { (place())[0] eq 'place-3' }),
    'case 84: then the new address is asked';
says('silent');
is +(place())[0], 'place-3', 'case 84: the resolver is down: the last good';
my ($got, $log);
ok +(wait_until { ($got, $log) = place('/ladder'); $got eq 'two' } 8),
    'case 84: when that is too old, the next rung';
like $log->{upstream}, qr/200$/, 'case 84: in $upstream_status';
($got, $log) = place('/hasty');
is $got, 'two', 'case 84: a clock that runs out while a name is looked up';
($got) = place();
is $got, 502, 'case 84: without a next rung one clean error';
says('none');
is +(place('/ladder'))[0], 'two', 'case 84: the name is gone: the next rung';
cmp_ok $t->metric('llm_upstream_attempts_total', provider => 'moving',
    outcome => 'connect'), '>=', 1, 'case 84: it counts as no connection';
says('127.0.0.2');
ok +(wait_until { (place())[0] eq 'place-2' } 20),
    'case 84: all is well again';
{
    # A client that leaves while a name is looked up.
    sleep 3.2;
    says('silent');
    my $test = $t->next_test;
    my $c    = $t->client;
    $c->send(POST => '/v1/chat/completions', body => $t->body_of('chat'),
        headers => { 'X-Test' => $test });
    sleep 0.2;
    $c->reset;
    like $t->logged($test)->{status}, qr/^(?:499|502)$/,
        'case 84: a client that leaves while a name is looked up';
    is $t->metric('llm_reservations'), 0, 'nothing is left';
}
$t->finish;
done_testing;
