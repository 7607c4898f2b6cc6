# A key that only root can read: the master reads it, the workers do not, and
# nobody makes a noise about it.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

plan skip_all => 'workers of another user need root' if $> != 0;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
chmod 0755, $t->dir;
my $key = $t->write_file('key', "sk-first\n");
chmod 0600, $key;

my $late = $t->write_file('late', "sk-revoked\n");
chmod 0600, $late;
$t->upstream(choosy => sub {
    my ($c, $head) = @_;
    my $good = $head =~ /^Authorization: Bearer sk-good\r$/mi;
    my $body = $good
        ? to_json({ id => 'c', object => 'chat.completion', model => 'late',
            choices => [{ index => 0, finish_reason => 'stop',
                message => { role => 'assistant', content => 'yes' } }] })
        : to_json({ error => { message => 'no', code => 'invalid_api_key' } });
    print $c 'HTTP/1.1 ', ($good ? '200 OK' : '401 Unauthorized'),
        "\r\nContent-Type: application/json\r\nConnection: close\r\n",
        'Content-Length: ', length $body, "\r\n\r\n", $body;
});

my $http = $t->head . $t->watch_witness . <<'END';
    llm_provider o { api openai; models m; key key;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    llm_provider l { api openai; models late; key late;
        url http://127.0.0.1:%%PORT:choosy%%/v1; }
    llm_cooldown fail_timeout=5m;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / {
            llm on;
            proxy_pass $llm_provider_url;
            proxy_set_header Authorization $llm_provider_authorization;
        }
        location = /metrics { llm_metrics; }
    }
END
$t->write_file('access.log', '');
my $group = getgrgid((getpwnam 'nobody')[3]);
my $whole = $t->configuration($http)
    =~ s/^user root;/user nobody $group;/mr;
$t->start(undef, whole => $whole);

sub sent {
    $t->post('/v1/chat/completions', $t->body_of('chat'));
    return +($t->mock_log)[-1]{headers}{authorization};
}
sub told { scalar grep { /\[$_[0]\].*llm_provider "o": key/ } $t->lines('error.log') }

is sent(), 'Bearer sk-first', 'the key that the master has read';
ok +(wait_until { told('notice') || told('error') } 6), 'one line about it'
    or diag $t->log;
ok $t->looked_at, 'all workers have looked at their files';
is told('notice'), 1, 'of worker 0 alone';
is told('error'), 0, 'and no error';
$t->write_file('key', "sk-second\n");
chmod 0600, $key;
ok $t->looked_at, 'and again';
is sent(), 'Bearer sk-first', 'a new one is not read by a worker';
is told('error'), 0, 'which is no error';
$t->write_file('nginx.conf', $whole);
ok $t->reload, 'a reload';
is sent(), 'Bearer sk-second', 'takes it over';

# A provider that is left alone for its key is asked again with another one.
sub late {
    my $r = $t->post('/v1/chat/completions',
        $t->body_of('chat', model => 'late'));
    return join ' ', $r->status, ($r->json->{error} // {})->{code} // ();
}
late();
is late(), '503 upstream_cooldown', 'a key that is refused';
ok $t->reload, 'a reload';
is late(), '503 upstream_cooldown', 'with the same key';
$t->write_file('late', "sk-good\n");
chmod 0600, $late;
ok $t->reload, 'and one';
is late(), '200', 'with another';
$t->finish;
done_testing;
