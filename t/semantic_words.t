# Words of the zone's own traffic: where every question names one product, that
# two name it is no evidence that they ask the same. All workers count
# together, and a reload forgets nothing.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 2);
$t->mock;
$t->start(<<'END');
    llm_zone edge:16m;
    llm_embedder near lexical;
    llm on;
    llm_cache edge;
    llm_semantic near audit=0%;
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
END

# Questions under one system text are near to one another, others never.
sub ask {
    my ($system, $text) = @_;
    return $t->post('/v1/chat/completions', to_json({
        model    => 'm',
        messages => [{ role => 'system', content => $system },
                     { role => 'user', content => $text }],
    }))->header('x-c') // '';
}

my %pair = (
    product => ['Which Zentrix bag fits a bike?',
                'Which Zentrix bag fits my bike best?'],
    plain   => ['How do I reset my password?', 'How can I reset my password?'],
);

sub met {
    my ($kind, $round) = @_;
    like ask("$kind $round", $pair{$kind}[0]), qr/^MISS/, 'stored';
    return ask("$kind $round", $pair{$kind}[1]);
}

subtest 'before there is traffic, a rare name in common says much' => sub {
    is met(product => 1), 'SEMANTIC semantic', 'the product';
    is met(plain => 1), 'SEMANTIC semantic', 'anything else';
};

# What a help desk is asked.
ask("customer $_", "Please tell me about part $_ of the Zentrix")
    for 1 .. 1000;

subtest 'where all write it, it says little' => sub {
    like met(product => 2), qr/^MISS below:0\.8/, 'the product';
    is met(plain => 2), 'SEMANTIC semantic', 'anything else';
};

subtest 'a wording that was let in before is judged anew' => sub {
    like ask('product 1', $pair{product}[1]), qr/^MISS/, 'the product';
    is ask('plain 1', $pair{plain}[1]), 'SEMANTIC alias', 'anything else';
};

subtest 'a reload forgets nothing' => sub {
    $t->reload;
    like met(product => 3), qr/^MISS below:0\.8/, 'the product';
    is met(plain => 3), 'SEMANTIC semantic', 'anything else';
};

done_testing;
