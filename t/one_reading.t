# Requests and answers that two readers could take in two ways: headers that
# are sent twice, charsets, identities beside the protocols' own credentials,
# a stream for a client that asked for none.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 1);
$t->mock;
$t->start(<<'END');
    llm_zone edge:8m;
    llm on;
    llm_cache edge;
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / {
            proxy_buffering off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT:buffered%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
    server {
        listen 127.0.0.1:%%PORT:bare%%;
        llm off;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
END

my $chat   = '/v1/chat/completions';
my $number = 0;

sub body {
    return to_json({ model => 'gpt-4o-mini', messages => [
        { role => 'user', content => 'Question ' . ++$number }], @_ });
}

# With these headers and no others that the client would add.
sub ask {
    my ($body, $headers, $port) = @_;
    return $t->client($port // 'http')->request(POST => $chat,
        body => $body, headers => $headers, close => 1);
}

my @json = ('Content-Type' => 'application/json');

subtest 'case 13: an encoding behind a harmless one' => sub {
    my $body = body();
    my $r = ask($body, [@json, 'Content-Encoding' => 'identity',
        'Content-Encoding' => 'gzip']);
    is $r->status, 415, 'refused';
    is ref $r->json->{error}, 'HASH', 'in the protocol';
    is ask($body, [@json, 'Content-Encoding' => 'identity'])->status, 200,
        'identity is none';
};

subtest 'case 15: types that we cannot be sure of pass untouched' => sub {
    my $body = body();
    is ask($body, [@json])->header('x-c'), 'MISS no_entry', 'JSON is ours';
    for my $type ('application/json; charset=utf-16',
        'application/json;charset="shift_jis"',
        'application/json; a=b ; CHARSET=utf-7',
        'application/json; charset = utf-7', "application/json;charset\t=utf-7",
        q{application/json; charset*=utf-7''}, 'application/json; charset*0=utf-7',
        'application/json; a=b, charset=utf-7') {
        my $r = ask($body, ['Content-Type' => $type]);
        is $r->header('x-c') // '', '', "$type is not ours";
    }
    my $r = ask($body, [@json, 'Content-Type' => 'text/plain']);
    isnt $r->header('x-c') // '', 'HIT exact', 'two types are not ours';
    for my $type ('application/json; charset=utf-8',
        'application/json;charset="UTF-8"', 'Application/JSON ; charset=utf8',
        'application/json;') {
        is ask($body, ['Content-Type' => $type])->header('x-c'), 'HIT exact',
            "$type is ours";
    }
};

subtest 'identities beside the credentials' => sub {
    my $body = body();
    is ask($body, [@json])->header('x-c'), 'MISS no_entry',
        'anonymous, stored';
    for my $name (qw(Proxy-Authorization X-Goog-Api-Key X-Auth-Token
        Ocp-Apim-Subscription-Key cf-aig-authorization X-LiteLLM-API-Key
        Helicone-Auth x-portkey-api-key Cf-Access-Jwt-Assertion
        CF-Access-Client-Secret apikey X-Forwarded-Access-Token)) {
        is ask($body, [@json, $name => 'me'])->header('x-c'),
            'BYPASS gate:identity', "$name keeps to itself";
    }
    my @bearer = (Authorization => 'Bearer a', 'X-Auth-Token' => 'k');
    is ask($body, [@json, @bearer])->header('x-c'), 'MISS no_entry',
        'a credential decides';
    is ask($body, [@json, @bearer, 'X-Auth-Token' => 'l'])->header('x-c'),
        'HIT exact', 'alone';
    for my $name (qw(X-LiteLLM-API-Key x-portkey-api-key X-Goog-Api-Key
        Ocp-Apim-Subscription-Key apikey)) {
        my @mine = (@bearer, $name => "my $name");
        is ask($body, [@json, @mine])->header('x-c'), 'MISS no_entry',
            "but for $name, which goes before it for some";
        is ask($body, [@json, @mine])->header('x-c'), 'HIT exact',
            "$name: whose own answers are his";
    }
};

subtest 'a stream for who asked for none passes as it is' => sub {
    for my $port (qw(http buffered)) {
        my $body = body();
        my @ask  = ([@json, 'X-Mock' => 'ctype=text/event-stream']);
        my $r    = ask($body, @ask, $port);
        is $r->body, ask($body, @ask, 'bare')->body, "$port: its bytes";
        is $r->complete, 1, "$port: its end";
        unlike ask($body, [@json, 'Cache-Control' => 'only-if-cached'])
            ->header('x-c'), qr/HIT/, "$port: not stored";
    }
};

done_testing;
