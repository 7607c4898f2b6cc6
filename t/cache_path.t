# The path of proxy_pass in the cache's key, over reloads: of those that nginx
# refuses half way nothing stays.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 1);
$t->mock;

sub conf {
    my ($model, $more) = @_;
    return <<"END";
    llm_zone edge:16m;
    llm on;
    llm_cache edge;
    add_header X-C "\$llm_cache_status" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location /v1/ {
            proxy_pass http://127.0.0.1:%%PORT:mock%%/mock/model=$model/v1/;
        }
        $more
    }
END
}

sub ask {
    my $r = $t->post('/v1/chat/completions', to_json({ model => 'm',
        messages => [{ role => 'user', content => 'Where does it go?' }] }));
    return join ' ', $r->header('X-C'), $r->json->{model};
}

$t->start(conf(a => ''));
is ask(), 'MISS a', 'a path';
is ask(), 'HIT a', 'meets itself';
$t->allow(qr/\[emerg\]/);
for my $wrong (
    'location /x/ { proxy_pass http://127.0.0.1:1/y/; nonsense; }',
    'location /x/ { proxy_pass http://127.0.0.1:1/; proxy_pass http://z; }',
    'location ~ /x/ { proxy_pass http://127.0.0.1:1/y/; }',
) {
    ok !$t->reload(conf(b => $wrong)), "refused: $wrong";
    is ask(), 'HIT a', 'what stood there before goes on';
}
ok $t->reload(conf(b => '')), 'a good one is taken';
is ask(), 'MISS b', 'another path';
is ask(), 'HIT b', 'meets itself';
ok $t->reload(conf(a => '')), 'and back';
is ask(), 'HIT a', 'to what is still in the zone';
$t->finish;
done_testing;
