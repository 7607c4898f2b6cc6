# Encoders from files, and what becomes of vectors when workers die, the
# configuration changes and the zone is full: nginx -t names the tensor,
# vectors of two encoders never meet, nothing is lost but near matches.

use lib 't/lib';
use LLM::Test;

my $chat = '/v1/chat/completions';
my @pair = ('How do I reset my password?', 'How can I reset my password?');

# A safetensors file of f32 tensors: name => [shape, values].
sub safetensors {
    my (%tensors) = @_;
    my ($data, @heads) = ('');
    for my $name (sort keys %tensors) {
        my ($shape, $values) = @{ $tensors{$name} };
        my $begin = length $data;
        $data .= pack 'f<*', @$values;
        push @heads, sprintf '"%s":{"dtype":"F32","shape":[%s],'
            . '"data_offsets":[%d,%d]}', $name, join(',', @$shape), $begin,
            length $data;
    }
    my $head = '{' . join(',', @heads) . '}';
    return pack('Q<', length $head) . $head . $data;
}

my @words = qw([UNK] how do i can reset my password ? what is the number of
    question);

sub tokenizer {
    my $n = 0;
    return to_json({ version => '1.0', truncation => undef, padding => undef,
        added_tokens => [],
        normalizer => { type => 'BertNormalizer', clean_text => \1,
            handle_chinese_chars => \1, strip_accents => undef,
            lowercase => \1 },
        pre_tokenizer => { type => 'BertPreTokenizer' },
        post_processor => undef, decoder => undef,
        model => { type => 'WordPiece', unk_token => '[UNK]',
            continuing_subword_prefix => '##', max_input_chars_per_word => 100,
            vocab => { map { $_ => $n++ } @words } } });
}

sub numbers {
    my ($count, $seed) = @_;
    return [map { $seed = ($seed * 1103515245 + 12345) % 2147483648;
        $seed / 1073741824 - 1 } 1 .. $count];
}

# A model2vec directory.
sub static_model {
    my ($t, $name, $seed, $dims) = @_;
    mkdir $t->dir . "/$name";
    $t->write_file("$name/tokenizer.json", tokenizer());
    $t->write_file("$name/config.json", '{"normalize":true}');
    $t->write_file("$name/model.safetensors", safetensors(
        embeddings => [[scalar @words, $dims],
            numbers(@words * $dims, $seed)]));
    return $t->dir . "/$name";
}

sub conf {
    my ($embedder, %o) = @_;
    my $zone = $o{zone} // '8m';
    my $semantic = defined $embedder ? "llm_embedder near $embedder;" : '';
    my $on = defined $embedder
        ? 'llm_semantic near precision=0.2 threshold=0.6 audit=0%;'
        . 'llm_semantic_guard off;' : '';
    return <<"END";
    llm_zone edge:$zone;
    $semantic
    llm on;
    llm_cache edge;
    $on
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    add_header X-C "\$llm_cache_status \$llm_cache_reason" always;
    add_header X-Pid \$pid always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location = /metrics { llm_metrics; }
    }
END
}

my $case = 0;

sub ask {
    my ($t, $text) = @_;
    return $t->post($chat, { model => 'm', messages => [
        { role => 'system', content => "case $case" },
        { role => 'user', content => $text }] });
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }

sub metric {
    my ($t, $name) = @_;
    my ($value) = $t->get('/metrics')->body =~ /^\Q$name\E (\S+)$/m;
    return $value // 0;
}

subtest 'files that are none' => sub {
    my $t = LLM::Test->new;
    my $dir = static_model($t, 'good', 1, 16);
    my ($ok, $said) = $t->check("llm_zone z:8m; llm_embedder a static path=$dir;");
    ok $ok, 'a good one' or diag $said;
    my %wrong = (
        'cut off' => [substr(slurp("$dir/model.safetensors"), 0, -8),
            qr/model\.safetensors/],
        'without its head' => ["\xff" x 64, qr/model\.safetensors/],
        'of one dimension' => [safetensors(embeddings => [[scalar @words],
            numbers(scalar @words, 1)]), qr/embeddings/],
        'too few rows' => [safetensors(embeddings => [[2, 16],
            numbers(32, 1)]), qr/embeddings/],
        'another tensor' => [safetensors(weight => [[2, 16],
            numbers(32, 1)]), qr/embeddings/],
        empty => ['', qr/model\.safetensors/],
    );
    for my $how (sort keys %wrong) {
        $t->write_file('good/model.safetensors', $wrong{$how}[0]);
        my ($ok, $said) =
            $t->check("llm_zone z:8m; llm_embedder a static path=$dir;");
        ok !$ok, $how;
        like $said, $wrong{$how}[1], 'is named';
        like $said, qr/"llm_embedder a"/, 'with the directive';
    }
    for my $kind (qw(static minilm)) {
        my ($ok, $said) =
            $t->check("llm_zone z:8m; llm_embedder a $kind path=/none;");
        ok !$ok, "no directory: $kind";
        like $said, qr{/none}, 'is named';
    }
};

subtest 'reload with another encoder' => sub {
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    my ($one, $two) = map { static_model($t, "m$_", $_, 8 * $_) } 1, 2;
    $t->start(conf("static path=$one"));
    is word(ask($t, $pair[0])), 'MISS', 'stored by the first';
    is word(ask($t, $pair[1])), 'SEMANTIC', 'met';
    ok $t->reload(conf("static path=$two")), 'reload';
    $t->drained;
    is word(ask($t, 'How can I reset my password ??')), 'MISS',
        'vectors of the first are not compared';
    is word(ask($t, $pair[0])), 'HIT', 'what was asked before is known';
    is word(ask($t, 'How do i reset password ?')), 'SEMANTIC',
        'the second has its own';
    ok $t->reload(conf("static path=$one")), 'and back';
    $t->drained;
    is word(ask($t, 'How do i reset password?')), 'SEMANTIC',
        'those of the first still stand';
    ok $t->reload(conf(undef)), 'without';
    $t->drained;
    is word(ask($t, $pair[1])), 'MISS', 'aliases are none without llm_semantic';
};

subtest 'a reload that switches it off for a location' => sub {
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    my $on = conf('lexical');
    $t->start($on);
    $case++;
    is word(ask($t, $pair[0])), 'MISS', 'stored with it';
    is word(ask($t, $pair[1])), 'SEMANTIC', 'met';
    for my $how ('off', 'near normalize=off', 'near max_chars=5') {
        ok $t->reload($on =~ s/llm_semantic near [^;]*/llm_semantic $how/r),
            "llm_semantic $how";
        $t->drained;
        is word(ask($t, $pair[0])), 'HIT', 'the same question has its answer';
        is word(ask($t, lc $pair[0])), 'MISS', 'another wording has none'
            if $how eq 'off';
    }
    ok $t->reload($on), 'and on';
    $t->drained;
    is word(ask($t, $pair[0])), 'HIT', 'as before';
};

subtest 'a zone that was made without' => sub {
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    $t->start(conf(undef));
    is word(ask($t, $pair[0])), 'MISS', 'stored';
    ok $t->reload(conf('lexical')), 'reload with near matches';
    $t->drained;
    like $t->log, qr/was made without room for vectors/, 'a warning';
    is word(ask($t, $pair[1])), 'MISS', 'does nothing';
    is word(ask($t, $pair[1])), 'HIT', 'the rest goes on';
};

subtest 'four workers, killed ones, a full zone' => sub {
    my $t = LLM::Test->new(workers => 4);
    $t->mock;
    $t->start(conf('lexical', zone => '1m'));
    $t->allow(qr/exited on signal 9/);
    my $bad = 0;
    for my $n (1 .. 400) {
        my $text = "What is the number of question $n in the book?";
        $bad++ if ask($t, $text)->status != 200;
        $t->kill_worker if $n % 100 == 0;
    }
    is $bad, 0, 'all were answered';
    ok metric($t, 'llm_semantic_vectors') > 0, 'vectors are there';
    ok metric($t, 'llm_cache_entries') > 0, 'entries too';
    $case++;
    is word(ask($t, $pair[0])), 'MISS', 'stored at last';
    is word(ask($t, $pair[1])), 'SEMANTIC', 'and met' for 1 .. 8;
    my @pids = map { ask($t, $pair[1])->header('x-pid') } 1 .. 40;
    my %seen = map { $_ => 1 } @pids;
    ok keys %seen > 1, 'by more workers than one';
};

subtest 'killed while they insert' => sub {
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    $t->start(conf('lexical'));
    $t->allow(qr/exited on signal 9/);
    for my $round (1 .. 4) {
        my @clients = map { $t->client } 1 .. 16;
        my $n = 0;
        $_->send(POST => $chat, body => to_json({ model => 'm', messages => [
            { role => 'user', content => "round $round number " . $n++ }] }))
            for @clients;
        $t->kill_worker;
        $case++;
        is word(ask($t, $pair[0])), 'MISS', 'stored after it';
        is word(ask($t, $pair[1])), 'SEMANTIC', 'and met';
    }
};

subtest 'the real one' => sub {
    my $dir = root_dir . '/models/all-MiniLM-L6-v2';
    unless (-f "$dir/model.safetensors") {
        plan skip_all => './run model has not fetched all-MiniLM-L6-v2';
    }
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    $t->start(<<"END");
    llm_zone edge:8m;
    llm_embedder near minilm path=$dir timeout=2s;
    llm on;
    llm_cache edge;
    llm_semantic near audit=0%;
    add_header X-C "\$llm_cache_status \$llm_cache_reason" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location = /metrics { llm_metrics; }
    }
END
    is word(ask($t, 'When do you open Saturdays?')), 'MISS', 'stored';
    is word(ask($t, 'What time do you open on Saturday?')), 'SEMANTIC', 'met';
    is word(ask($t, 'Pro plan price?')), 'MISS', 'stored';
    like ask($t, 'Enterprise plan price?')->header('x-c'),
        qr/^MISS (?:veto|below):/, 'not met';
    my @clients = map { $t->client } 1 .. 16;
    $clients[$_]->send(POST => $chat, body => to_json({ model => 'm',
        messages => [{ role => 'user',
            content => "What is number $_ on the list?" }] }))
        for 0 .. $#clients;
    is $_->finish($_->head)->status, 200, 'many at a time' for @clients;
};

done_testing;
