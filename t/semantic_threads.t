# Which embedders give a worker threads: those that compute for long. The
# others find their near matches on the event loop, and no thread of nginx's
# pool stands idle for them.

use lib 't/lib';
use LLM::Test;

my $chat = '/v1/chat/completions';
my @pair = ('How do I reset my password?', 'How can I reset my password?');

sub threads {
    my ($t) = @_;
    my @threads = map { glob "/proc/$_/task/*" } $t->worker_pids;
    return scalar @threads;
}

# An nginx with the embedder, and what its near match said.
sub met {
    my ($zone, $embedder) = @_;
    my $t = LLM::Test->new(workers => 1);
    $t->mock;
    $t->start(<<"END");
    llm_zone edge:$zone;
    llm_embedder near $embedder;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        llm on;
        llm_cache edge;
        llm_semantic near precision=0.3 threshold=0.6 audit=0%;
        add_header X-C "\$llm_cache_status" always;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
END
    my @r = map { $t->post($chat, to_json({ model => 'm', messages => [
        { role => 'user', content => $_ }] })) } @pair;
    return ($t, $r[1]->header('x-c'));
}

my $endpoint = 'url=http://127.0.0.1:%%PORT:mock%%/v1/embeddings model=m '
    . 'timeout=5s';
for my $embedder ('lexical', $endpoint) {
    my ($t, $word) = met('16m', $embedder);
    is $word, 'SEMANTIC', (split / /, $embedder)[0] . ': a near match';
    is threads($t), 1, 'without a second thread';
}

for my $embedder ('lexical', $endpoint) {
    my ($t, $word) = met('512m', $embedder);
    is $word, 'SEMANTIC', 'a large zone';
    cmp_ok threads($t), '>', 1, 'has threads for long searches';
}

done_testing;
