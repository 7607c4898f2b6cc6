# An answer stands in the cache before its last byte is with the client: who
# asks again at once, on another connection and another worker, gets a hit.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 4);
$t->mock;
$t->start(<<'END');
    llm_zone edge:8m;
    server {
        listen 127.0.0.1:%%PORT:http%% reuseport;
        location / { llm on; llm_cache edge;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
END

my %missed;
for my $n (1 .. 300) {
    for my $stream (JSON::PP::false(), JSON::PP::true()) {
        my $body = { model => 'm', stream => $stream,
            messages => [{ role => 'user', content => "$n $stream" }] };
        my ($first, $second) = map {
            $t->post('/v1/chat/completions', $body)->header('cache-status')
        } 1, 2;
        $missed{ $stream ? 'stream' : 'json' }++
            if $first !~ /fwd=miss/ || $second !~ /; hit/;
    }
}
is_deeply \%missed, {}, 'every second request is a hit';

done_testing;
