# Near matches by an endpoint of /v1/embeddings: what it is asked and how
# often, that requests which wait share a call, and that no request is lost
# when it is slow, down or wrong.

use lib 't/lib';
use LLM::Test;

use Time::HiRes qw(time);

my $chat = '/v1/chat/completions';
my @pair = ('How do I reset my password?', 'How can I reset my password?');

my $t = LLM::Test->new(workers => 1);
$t->mock;
$t->write_file('key', "sk-first\n");
$t->upstream(odd => sub {
    my ($c, $head, $body) = @_;
    my $answer = '{"data":[{"index":0,"embedding":[0,0,0,0,0,0,0,0]}]}';
    print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
        'Content-Length: ', length $answer, "\r\n\r\n$answer";
});
$t->upstream(picky => sub {
    my ($c, $head, $body) = @_;
    my @texts = @{ from_json($body)->{input} };
    my $bad   = @texts > 1 && grep { /poison/ } @texts;
    my $one   = '[' . join(',', 1 .. 16) . ']';
    my $answer = $bad ? '{"error":{"message":"no"}}'
        : '{"data":[' . join(',', map { qq({"embedding":$one}) } @texts)
        . ']}';
    my $status = $bad || grep({ /poison/ } @texts) ? '400 No' : '200 OK';
    print $c "HTTP/1.1 $status\r\nContent-Type: application/json\r\n",
        'Content-Length: ', length $answer, "\r\n\r\n$answer";
});

my $mock = 'http://127.0.0.1:%%PORT:mock%%';
my %endpoint = (
    good   => "url=$mock/v1/embeddings key=%%DIR%%/key timeout=2s",
    small  => "url=$mock/v1/embeddings dims=64 timeout=2s",
    late   => "url=$mock/mock/delay=60/v1/embeddings timeout=3s",
    slow   => "url=$mock/mock/delay=1500/v1/embeddings timeout=100ms",
    longer => "url=$mock/mock/delay=700/v1/embeddings timeout=5s",
    down   => 'url=http://127.0.0.1:%%PORT:nobody%%/v1/embeddings',
    failing => "url=$mock/mock/status=500/v1/embeddings timeout=2s",
    odd    => 'url=http://127.0.0.1:%%PORT:odd%%/v1/embeddings timeout=2s',
    picky  => 'url=http://127.0.0.1:%%PORT:picky%%/v1/embeddings timeout=2s',
);
my @names = sort keys %endpoint;
$t->start(join '', "llm_zone edge:16m;\n",
    (map { "llm_embedder $_ $endpoint{$_} model=text-embedding-3-small;\n" }
        @names),
    <<'END',
    llm on;
    llm_cache edge;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    log_format near '$http_x_test $status $llm_cache_status';
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    add_header X-Similarity "$llm_similarity" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log near;
        location = /metrics { llm_metrics; }
END
    (map { "location /$_/ {\n"
        . "llm_semantic $_ precision=0.3 threshold=0.6 audit=0%;\n"
        . "proxy_pass $mock;\n}\n" } @names),
    "}\n");

my $case = 0;

sub body_of {
    my ($text) = @_;
    return to_json({ model => 'm', messages => [
        { role => 'system', content => "case $case" },
        { role => 'user', content => $text }] });
}

sub ask {
    my ($in, $text, @headers) = @_;
    return $t->post("/$in$chat", body_of($text), @headers);
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }

sub calls { grep { $_->{path} =~ /embeddings/ } $t->mock_log }

sub metric {
    my ($name) = @_;
    my ($value) = $t->get('/metrics')->body =~ /^\Q$name\E (\S+)$/m;
    return $value // 0;
}

subtest 'what the endpoint is asked' => sub {
    $t->mock_reset;
    my $first = ask(good => $pair[0]);
    is $first->header('x-c'), 'MISS no_entry', 'nothing is there';
    my $r = ask(good => $pair[1]);
    is $r->header('x-c'), 'SEMANTIC semantic', 'met';
    is $r->body, $first->body, 'the stored answer';
    like $r->header('x-similarity'), qr/^0\.[6-9]\d\d$/, 'similarity';
    my @calls = calls();
    is scalar @calls, 2, 'one call a wording';
    is $calls[0]{path}, '/v1/embeddings', 'its path';
    my $asked = from_json($calls[0]{body});
    is_deeply $asked, { model => 'text-embedding-3-small',
        input => [$pair[0]], encoding_format => 'base64' }, 'its body';
    is $calls[0]{headers}{authorization}, 'Bearer sk-first', 'its key';
    is $calls[0]{connection}, $calls[1]{connection}, 'one connection';
    is metric('llm_semantic_encode_seconds_count'), 2, 'timed';

    is ask(good => $pair[1])->header('x-c'), 'SEMANTIC alias', 'an alias';
    is scalar(calls()), 2, 'is not sent';
    $case++;
    is word(ask(good => $pair[0])), 'MISS', 'the text in another partition';
    is scalar(calls()), 2, 'is remembered';
    is word(ask(good => $pair[1])), 'SEMANTIC', 'and met there';
    is scalar(calls()), 2, 'as is the other';
};

subtest 'dims=' => sub {
    $t->mock_reset;
    ask(small => $pair[0]);
    is word(ask(small => $pair[1])), 'SEMANTIC', 'met';
    is from_json((calls())[0]{body})->{dimensions}, 64, 'asked for';
};

subtest 'a new key is taken over' => sub {
    $t->write_file('key', "sk-second\n");
    my $n = 0;
    ok wait_until {
        $t->mock_reset;
        ask(good => 'key ' . $n++);
        ((calls())[0]{headers}{authorization} // '') eq 'Bearer sk-second';
    } 10;
};

subtest 'texts that wait together go out together' => sub {
    $t->mock_reset;
    $case++;
    my @clients = map { $t->client } 1 .. 24;
    my @words   = qw(alpha beta gamma delta);
    for my $n (0 .. $#clients) {
        $clients[$n]->send(POST => "/late$chat",
            body => body_of("The $words[$n % 4] number " . int($n / 4)));
    }
    for my $c (@clients) {
        is $c->finish($c->head)->status, 200, 'answered';
    }
    my @calls = calls();
    my @texts = map { @{ from_json($_->{body})->{input} } } @calls;
    ok @calls <= 12, 'in few calls' or diag scalar @calls;
    my %seen;
    $seen{$_}++ for @texts;
    is scalar(keys %seen), 24, 'all of them';
};

subtest 'a text that is under way is not sent again' => sub {
    $t->mock_reset;
    $case++;
    my @clients = map { $t->client } 1 .. 5;
    my $send = sub { $_[0]->send(POST => "/longer$chat",
        body => body_of('How large is one text?')) };
    $send->($clients[0]);
    ok wait_until { scalar calls() }, 'it is asked for';
    $case++, $send->($_) for @clients[1 .. 4];
    is word($_->finish($_->head)), 'MISS', 'answered' for @clients;
    is scalar(calls()), 1, 'one call';
    is metric('llm_semantic_unencoded_total'), 0, 'all of them have a vector';
};

subtest 'the client leaves while it waits (fault case 68)' => sub {
    $case++;
    $t->mock_reset;
    my @clients = map { $t->client } 1 .. 3;
    $_->send(POST => "/longer$chat", body => body_of($pair[0]),
        headers => { 'X-Test' => 'gone' }) for @clients;
    ok wait_until { scalar calls() }, 'the endpoint is asked';
    # The one worker has answered this after it has read what came before.
    metric('llm_semantic_unencoded_total');
    $clients[0]->reset;
    $clients[1]->close;
    is word($clients[2]->finish($clients[2]->head)), 'MISS',
        'the one that stays';
    ok wait_until { $t->file('access.log') =~ /^gone 499 /m }, 'is logged';
    is word(ask(longer => $pair[1])), 'SEMANTIC', 'and all goes on';
};

subtest 'case 78, slow: a miss within the timeout, then left alone' => sub {
    $t->mock_reset;
    for my $n (1 .. 8) {
        my $start = time;
        my $r = ask(slow => "slow $n");
        is $r->status, 200, 'answered';
        is $r->header('x-c'), 'MISS encoder', 'without the vector';
        ok time - $start < 1, 'in time';
    }
    my $start = time;
    ok calls() < 8, 'the endpoint is left alone' or diag scalar calls();
    ok metric('llm_semantic_unencoded_total') >= 8, 'counted';
    like $t->log, qr/"llm_embedder slow" gives no vectors/, 'told once';
    my $told = () = $t->log =~ /"llm_embedder slow" gives/g;
    is $told, 1, 'not eight times';
};

for my $how (qw(down failing odd)) {
    subtest "case 78, no request is lost: $how" => sub {
        for my $n (1 .. 7) {
            my $r = ask($how => "$how $n");
            is $r->status, 200, 'answered';
            is $r->header('x-c'), 'MISS encoder', 'without the vector';
        }
        is word(ask($how => "$how 1")), 'HIT', 'exact hits as ever';
        is word(ask($how => "Hello! $how 1.")), 'HIT', 'normalised ones too';
        my $told = () = $t->log =~ /"llm_embedder $how" gives no vectors/g;
        is $told, 1, 'told once';
    };
}

subtest 'one text that is refused spoils nothing' => sub {
    $case++;
    my @clients = map { $t->client } 1 .. 6;
    for my $n (0 .. $#clients) {
        $clients[$n]->send(POST => "/picky$chat",
            body => body_of($n == 3 ? 'poison in here' : "harmless $n"));
    }
    my @r = map { $_->finish($_->head) } @clients;
    is $_->status, 200, 'answered' for @r;
    is scalar(grep { $_->header('x-c') eq 'MISS encoder' } @r), 1,
        'one alone has no vector';
};

subtest 'nor do those that ask for it together' => sub {
    my @texts = map { /^\d$/ ? "plain $_" : 'poison twice' } qw(1 p p 2 p 3);
    my @clients = map { $t->client } @texts;
    for my $n (0 .. $#clients) {
        $case++;
        $clients[$n]->send(POST => "/picky$chat", body => body_of($texts[$n]));
    }
    my @r = map { $_->finish($_->head) } @clients;
    is scalar(grep { $_->header('x-c') eq 'MISS encoder' } @r), 3,
        'those three have no vector';
};

subtest 'nginx -t' => sub {
    my @wrong = (
        ['url=http://127.0.0.1/', qr/needs model=/],
        ['url=ftp://127.0.0.1/ model=m', qr/http/],
        ['url=http://u:p@127.0.0.1/ model=m', qr/llm_embedder a/],
        ['url=http://127.0.0.1/ model=m key=/none', qr{/none}],
        ['url=http://127.0.0.1/ model=m ca=/none', qr{/none}],
        ['url=http://127.0.0.1/ model=m ca=%%DIR%%/key', qr/PEM/],
        ['url=http://127.0.0.1/ model=m dims=0', qr/out of range/],
        ['url=http://127.0.0.1/ model=m timeout=x', qr/no time/],
        ['lexical url=http://127.0.0.1/ model=m', qr/stands beside url=/],
    );
    for my $wrong (@wrong) {
        my ($ok, $said) = $t->check("llm_zone z:8m; llm_embedder a $$wrong[0];");
        ok !$ok, $wrong->[0];
        like $said, $wrong->[1], 'and why' or diag $said;
    }
};

$t->allow(qr/gives no vectors/);
done_testing;
