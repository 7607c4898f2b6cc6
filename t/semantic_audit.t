# Audits: semantic hits that are asked upstream as well, off the client's
# connection. Agreement changes nothing, a disagreement takes the pair apart,
# and what was asked is paid for.

use lib 't/lib';
use LLM::Test;

my $chat = '/v1/chat/completions';
my @same = ('How do I reset my password?', 'How can I reset my password?');
my @other = ('How much is a bag of 20 kg of rice?',
    'How much is a bag of 25 kg of rice?');

my $t = LLM::Test->new(workers => 1);
$t->mock;
$t->write_file('prices', to_json({ m => { litellm_provider => 'openai',
    mode => 'chat', input_cost_per_token => 1e-6,
    output_cost_per_token => 2e-6 } }));
$t->write_file('key', "sk-provider\n");
chmod 0600, $t->dir . '/key';
$t->start(<<'END');
    llm_zone edge:16m;
    llm_prices %%DIR%%/prices;
    llm_embedder near lexical;
    llm_provider one {
        api openai;
        url http://127.0.0.1:%%PORT:mock%%/v1;
        key %%DIR%%/key;
        models p-*;
        header X-From edge;
    }
    llm_provider two {
        api anthropic;
        url http://127.0.0.1:%%PORT:mock%%/v1;
        key %%DIR%%/key;
        models a-*;
    }
    llm on;
    llm_cache edge;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / {
            llm_semantic near audit=100%
                audit_url=http://127.0.0.1:%%PORT:mock%%/v1/;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /blind/ {
            llm_semantic near precision=0.3 threshold=0.7 audit=100%
                audit_url=http://127.0.0.1:%%PORT:mock%%/v1;
            llm_semantic_guard off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /broken/ {
            llm_semantic near audit=100%
                audit_url=http://127.0.0.1:%%PORT:mock%%/mock/status=500/v1;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /nowhere/ {
            llm_semantic near audit=100%;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /default/ {
            llm_semantic near
                audit_url=http://127.0.0.1:%%PORT:mock%%/v1;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /never/ {
            llm_semantic near audit=0%
                audit_url=http://127.0.0.1:%%PORT:mock%%/v1;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location = /metrics { llm_metrics; }
        location = /purge { allow 127.0.0.1; llm_purge; }
    }
END

my $case = 0;

sub ask {
    my ($text, %o) = @_;
    my $in = delete $o{in} // '';
    my $headers = delete $o{headers} // [];
    return $t->post("$in$chat", { model => 'm', messages => [
        { role => 'system', content => "case $case" },
        { role => 'user', content => $text }], %o }, @$headers);
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }

sub audited {
    my ($how) = @_;
    my ($n) = $t->get('/metrics')->body
        =~ /^llm_semantic_audited_total\{agreed="$how"\} (\d+)/m;
    return $n // 0;
}

sub spent {
    my $sum = 0;
    $sum += $_ for $t->get('/metrics')->body
        =~ /^llm_cost_usd_total\S* (\S+)$/mg;
    return $sum;
}

subtest 'agreement' => sub {
    ask($same[0], temperature => 0.5);
    my ($spent, $count) = (spent(), $t->mock_count);
    my $r = ask($same[1], temperature => 0.5, stream => JSON::PP::true(),
        stream_options => { include_usage => JSON::PP::true() },
        headers => [Authorization => 'Bearer client']);
    is word($r), 'MISS', 'another tenant';
    $r = ask($same[1], temperature => 0.5, stream => JSON::PP::true(),
        stream_options => { include_usage => JSON::PP::true() });
    is word($r), 'SEMANTIC', 'a hit';
    ok wait_until { audited('yes') == 1 }, 'audited';
    my @asked = $t->mock_log;
    is scalar @asked, $count + 2, 'asked once';
    my $audit = $asked[-1];
    is $audit->{path}, $chat, 'the same path';
    my $body = from_json($audit->{body});
    ok !$body->{stream}, 'not as a stream';
    is $body->{stream_options}, undef, 'nor with its options';
    is $body->{temperature}, 0.5, 'the rest as it was';
    is $body->{messages}[1]{content}, $same[1], 'the new wording';
    is $audit->{headers}{authorization}, undef, 'without a credential';
    ok spent() > $spent, 'and paid for';
    is word(ask($same[1], temperature => 0.5)), 'SEMANTIC', 'the pair stays';
    ok wait_until { audited('yes') == 2 }, 'an alias is audited as well';
};

subtest 'disagreement' => sub {
    $case++;
    ask($other[0], in => '/blind');
    my $r = ask($other[1], in => '/blind');
    is word($r), 'SEMANTIC', 'a wrong hit';
    ok wait_until { audited('no') == 1 }, 'is found out';
    is word(ask($other[1], in => '/blind')), 'MISS',
        'neither alias nor vector stands';
    is word(ask($other[0], in => '/blind')), 'HIT',
        'the first answer itself does';
    like $t->log, qr/an audited hit was wrong/, 'logged';
};

# Whichever of the two is stored next.
subtest 'a pair that was found wrong does not come back' => sub {
    $case++;
    my @apart = ('How much is a bag of 30 kg of salt?',
        'How much is a bag of 35 kg of salt?');
    my $no    = audited('no');
    my $first = ask($apart[0], in => '/blind');
    is word(ask($apart[1], in => '/blind')), 'SEMANTIC', 'a wrong hit';
    ok wait_until { audited('no') == $no + 1 }, 'is found out';
    is word(ask($apart[1], in => '/blind')), 'MISS',
        'the new wording gets an answer of its own';
    is word(ask($apart[1], in => '/blind')), 'HIT', 'which stands';
    my $entry = ask($apart[0], in => '/blind')->header('x-llm-entry');
    is $t->post('/purge', { id => $entry })->status, 200,
        'the first answer goes';
    my $r = ask($apart[0], in => '/blind');
    is $r->header('x-c'), 'MISS veto:audited',
        'it is not answered from the second one either';
    is audited('no'), $no + 1, 'nothing more to audit';
    like $t->get('/metrics')->body,
        qr/^llm_semantic_vetoes_total\{reason="audited"\} 1$/m, 'counted';
    is word(ask($apart[0], in => '/blind')), 'HIT', 'it has its own again';
};

# The other protocols: each at its own path, in its own words.
subtest 'other protocols' => sub {
    my %body = (
        messages  => sub { { max_tokens => 100, messages => [
            { role => 'user', content => $_[0] }] } },
        responses => sub { { store => JSON::PP::false(), input => $_[0] } },
    );
    my $asked = sub {
        my ($api, $model, $in, @headers) = @_;
        $case++;
        my $of = sub { $t->post("$in/v1/$api", { model => $model,
                stream => JSON::PP::true(), metadata => {},
                ($api eq 'messages' ? (system => "case $case")
                    : (instructions => "case $case")),
                $body{$api}->($_[0])->%* }, @headers) };
        my ($yes, $unknown) = (audited('yes'), audited('unknown'));
        $of->($same[0]);
        is word($of->($same[1])), 'SEMANTIC', "$api: a hit";
        ok wait_until { audited('yes') + audited('unknown') > $yes + $unknown },
            'audited';
        is audited('unknown'), $unknown, 'with an answer that can be read';
        my $audit = ($t->mock_log)[-1];
        is $audit->{path}, "/v1/$api", 'at its path';
        ok !from_json($audit->{body})->{stream}, 'not as a stream';
        return $audit;
    };
    my $audit = $asked->('responses', 'm', '');
    is $audit->{headers}{'anthropic-version'}, undef, 'without a version';
    ok !from_json($audit->{body})->{store}, 'and is not kept there';
    $audit = $asked->('messages', 'm', '');
    is $audit->{headers}{'anthropic-version'}, '2023-06-01', 'with a version';
    is $audit->{headers}{'x-api-key'}, undef, 'and without a key';
    $audit = $asked->('messages', 'a-1', '/nowhere',
        'anthropic-version' => '2024-01-01');
    is $audit->{headers}{'x-api-key'}, 'sk-provider', "a provider's key";
    is $audit->{headers}{'anthropic-version'}, '2024-01-01',
        "the client's own version";
};

subtest 'at the provider, with its key' => sub {
    $case++;
    my @p = (model => 'p-1', in => '/nowhere');
    ask($same[0], @p);
    my $yes = audited('yes');
    is word(ask($same[1], @p)), 'SEMANTIC', 'a hit';
    ok wait_until { audited('yes') == $yes + 1 }, 'audited';
    my $audit = ($t->mock_log)[-1];
    is $audit->{headers}{authorization}, 'Bearer sk-provider', 'its key';
    is $audit->{headers}{'x-from'}, 'edge', 'its header';
};

# One in a hundred: of 1500, no fewer than 1 and no more than 45 but once in
# three million runs.
subtest 'by default some are audited' => sub {
    $case++;
    ask($same[0], in => '/default');
    my $yes = audited('yes');
    my $hits = grep { word(ask($same[1], in => '/default')) eq 'SEMANTIC' }
        1 .. 1500;
    is $hits, 1500, 'hits';
    ok wait_until { audited('yes') > $yes }, 'some are';
    cmp_ok audited('yes') - $yes, '<=', 45, 'most are not';
};

subtest 'unknown, and none at all' => sub {
    $case++;
    ask($same[0], in => '/broken');
    is word(ask($same[1], in => '/broken')), 'SEMANTIC', 'a hit';
    ok wait_until { audited('unknown') == 1 }, 'the upstream fails';
    is word(ask($same[1], in => '/broken')), 'SEMANTIC', 'the pair stays';
    ok wait_until { audited('unknown') == 2 };
    for my $in ('/nowhere', '/never') {
        $case++;
        ask($same[0], in => $in);
        my $count = $t->mock_count;
        is word(ask($same[1], in => $in)), 'SEMANTIC', "a hit: $in";
        is word(ask($same[0], in => $in)), 'HIT', 'later';
        is $t->mock_count, $count, 'nobody is asked';
    }
};

done_testing;
