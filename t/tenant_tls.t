# A client certificate says who asks, as a credential does: without one such a
# request keeps out of the cache that anonymous clients share.

use lib 't/lib';
use LLM::Test;
use LLM::Certificate;

my $t = LLM::Test->new(workers => 1);
plan(skip_all => 'openssl is not there') unless $t->has_program('openssl');
plan(skip_all => 'curl is not there')    unless $t->has_program('curl');
certificate($t, 'ca', 'edge', 'localhost');
certificate($t, 'ca', 'client', 'client.example');
$t->mock;
$t->start(<<'END');
    llm_zone edge:16m;
    server {
        listen 127.0.0.1:%%PORT:tls%% ssl;
        ssl_certificate     %%DIR%%/edge.pem;
        ssl_certificate_key %%DIR%%/edge.key;
        ssl_client_certificate %%DIR%%/ca.pem;
        ssl_verify_client optional;
        llm on;
        llm_cache edge;
        add_header X-C "$llm_cache_status $llm_cache_reason" always;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /scoped/ {
            llm_cache_scope $ssl_client_s_dn;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
    }
END

my @cert = ('--cert', $t->dir . '/client.pem', '--key', $t->dir . '/client.key');

sub told {
    my ($in, @options) = @_;
    my $body = to_json({ model => 'm', messages => [
        { role => 'user', content => 'Who am I?' }] });
    my ($status, $said) = $t->command('curl', '-sk', '-i', @options,
        '-H', 'Content-Type: application/json', '-d', $body,
        'https://127.0.0.1:' . $t->port('tls') . "$in/v1/chat/completions");
    return $said =~ /^X-C: (.*?)\r$/mi ? $1 : "curl $status: $said";
}

is told(''), 'MISS no_entry', 'without a certificate';
is told(''), 'HIT exact', 'the answer is shared';
is told('', @cert), 'BYPASS gate:identity', 'not with one';
is told('', @cert), 'BYPASS gate:identity', 'nor is it stored';
my @key = ('-H', 'Authorization: Bearer somebody');
is told('', @cert, @key), 'MISS no_entry', 'a credential names its owner';
is told('', @cert, @key), 'HIT exact', 'whose answers these are';
is told('/scoped', @cert), 'MISS no_entry', 'and so may a scope';
is told('/scoped', @cert), 'HIT exact', 'of the certificate';
is told('/scoped'), 'MISS no_entry', 'which others do not have';
$t->finish;
done_testing;
