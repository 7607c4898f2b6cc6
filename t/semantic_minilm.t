# A BERT in files, small and random and made here, so that what the real one
# goes through in nginx is tested where that is not: nginx -t tells which
# tensor is wrong, near matches as JSON and as streams, a vector that comes
# after its request has gone on, thresholds by what is asked for.

use lib 't/lib';
use LLM::Test;

my $chat = '/v1/chat/completions';
my @pair = ('How do I reset my password?', 'How can I reset my password?');
my @words = (qw([PAD] [UNK] [CLS] [SEP] [MASK] how do i can reset my password
    ? what is the number translate into german to : good morning evening),
    'a' .. 'h');

# So many numbers between -size and size, by repetition.
sub floats {
    my ($count, $seed, $size, $around) = @_;
    my @some = map { $seed = ($seed * 1103515245 + 12345) % 2147483648;
        ($seed / 1073741824 - 1) * $size + $around } 1 .. 4001;
    my $block = pack 'f<*', @some;
    return substr $block x (1 + $count / @some), 0, 4 * $count;
}

# name => [rows, columns], in the order of the file.
sub tensors {
    my ($hidden, $inner, $layers) = @_;
    my @all = (['embeddings.word_embeddings.weight', scalar @words, $hidden],
        ['embeddings.position_embeddings.weight', 512, $hidden],
        ['embeddings.token_type_embeddings.weight', 2, $hidden]);
    my $norm   = sub { push @all, ["$_[0].weight", $hidden],
        ["$_[0].bias", $hidden] };
    my $linear = sub { push @all, ["$_[0].weight", $_[1], $_[2]],
        ["$_[0].bias", $_[1]] };
    $norm->('embeddings.LayerNorm');
    for my $n (0 .. $layers - 1) {
        my $in = "encoder.layer.$n";
        $linear->("$in.attention.self.$_", $hidden, $hidden)
            for qw(query key value);
        $linear->("$in.attention.output.dense", $hidden, $hidden);
        $norm->("$in.attention.output.LayerNorm");
        $linear->("$in.intermediate.dense", $inner, $hidden);
        $linear->("$in.output.dense", $hidden, $inner);
        $norm->("$in.output.LayerNorm");
    }
    return @all;
}

sub safetensors {
    my ($data, $seed, @heads) = ('', 1);
    for my $tensor (@_) {
        my ($name, @shape) = @$tensor;
        my $count = 1;
        $count *= $_ for @shape;
        my $is_norm = $name =~ /LayerNorm\.weight$/;
        my $begin = length $data;
        $data .= floats($count, $seed++, $is_norm ? 0.1
            : @shape == 2 ? 1.7 / sqrt $shape[1] : 0.1, $is_norm ? 1 : 0);
        push @heads, sprintf '"%s":{"dtype":"F32","shape":[%s],'
            . '"data_offsets":[%d,%d]}', $name, join(',', @shape), $begin,
            length $data;
    }
    my $head = '{' . join(',', @heads) . '}';
    return pack('Q<', length $head) . $head . $data;
}

sub minilm {
    my ($t, $name, $hidden, $inner, $layers) = @_;
    mkdir $t->dir . "/$name";
    $t->write_file("$name/config.json", to_json({ model_type => 'bert',
        hidden_act => 'gelu', hidden_size => $hidden,
        num_hidden_layers => $layers, num_attention_heads => $hidden / 32,
        intermediate_size => $inner, vocab_size => scalar @words,
        max_position_embeddings => 512, type_vocab_size => 2,
        layer_norm_eps => 1e-12 }));
    $t->write_file("$name/vocab.txt", join '', map { "$_\n" } @words);
    $t->write_file("$name/model.safetensors",
        safetensors(tensors($hidden, $inner, $layers)));
    return $t->dir . "/$name";
}

my $t = LLM::Test->new(workers => 4);
$t->mock;
my $small = minilm($t, 'small', 64, 128, 2);
my $large = minilm($t, 'large', 384, 1536, 6);

subtest 'nginx -t tells which tensor' => sub {
    my $whole = slurp("$small/model.safetensors");
    my @all   = tensors(64, 128, 2);
    my $with  = sub {
        my ($wanted, @shape) = @_;
        return safetensors(grep { @$_ > 1 }
            map { $_->[0] eq $wanted ? [$wanted, @shape] : $_ } @all);
    };
    my $query = 'encoder.layer.1.attention.self.query.weight';
    my $bias  = 'encoder.layer.0.intermediate.dense.bias';
    my @wrong = (
        ['a tensor of another shape', $with->($query, 64, 32), $query],
        ['turned on its side', $with->('encoder.layer.0.output.dense.weight',
            128, 64), 'encoder.layer.0.output.dense.weight'],
        ['one that is missing', $with->($bias), $bias],
        ['too few words', $with->($all[0][0], 5, 64), $all[0][0]],
        ['cut off', substr($whole, 0, -100), undef],
        ['cut off in its head', substr($whole, 0, 300), undef],
        ['empty', '', undef],
    );
    my $conf = "llm_zone z:8m;\nllm_embedder a minilm path=$small;\n";
    my ($ok, $said) = $t->check($conf);
    ok $ok, 'a good one' or diag $said;
    for my $wrong (@wrong) {
        my ($how, $bytes, $tensor) = @$wrong;
        $t->write_file('small/model.safetensors', $bytes);
        ($ok, $said) = $t->check($conf);
        ok !$ok, $how;
        like $said, qr{\Q$small/model.safetensors\E}, 'the file is named';
        like $said, qr/"?\Q$tensor\E"?/, 'and the tensor' if $tensor;
        like $said, qr/"llm_embedder a".* in \S+:\d+/s,
            'the directive, and its line' or diag $said;
    }
    $t->write_file('small/model.safetensors', $whole);
};

my $distil = ($ENV{LLM_BUILD} // root_dir . '/build') . '/core/distil';
my $table  = $t->dir . '/table';

subtest 'a static encoder made of it' => sub {
    my ($status, $said) = $t->command($distil, $small, $table, 32);
    is $status, 0, 'made' or diag $said;
    my ($size) = unpack 'Q<', slurp("$table/model.safetensors");
    is from_json(substr slurp("$table/model.safetensors"), 8, $size)
        ->{embeddings}{shape}[1], 32, 'of so many dimensions';
    ($status, $said) = $t->command($distil, $t->dir . '/none', $table);
    isnt $status, 0, 'of a model that is not there none';
    like $said, qr{/none}, 'which is named';
    ($status, $said) = $t->command($distil, $small, "$small/config.json");
    isnt $status, 0, 'nor where it cannot be written';
    like $said, qr{\Q$small/config.json\E: cannot be written}, 'which is said';
    isnt +($t->command($distil, $small, $table, $_))[0], 0, "dimensions: $_"
        for qw(0 -8 x 5000);
};

my $location = sub {
    my ($name, $embedder, $knobs) = @_;
    return <<"END";
        location /$name/ {
            llm_semantic $embedder audit=0% threshold=0.5 precision=0.05;
            proxy_pass http://127.0.0.1:%%PORT:mock%%$knobs;
        }
END
};
$t->start(<<"END" . $location->(fast => 'late', '/') . $location->(table => 'table', '/') . $location->(slow => 'late', '/mock/delay=700/') . <<'END');
    llm_zone edge:16m;
    llm_embedder near minilm path=$small timeout=5s;
    llm_embedder late minilm path=$large timeout=1ms;
    llm_embedder table static path=$table;
    llm on;
    llm_cache edge;
    llm_semantic_guard off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    add_header X-C "\$llm_cache_status \$llm_cache_reason" always;
    add_header X-Task "\$llm_task" always;
    map \$llm_task \$floor { volatile; translation 0.9999; default 0.5; }
    map \$llm_task \$right { volatile; translation 1; default 0.05; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / {
            llm_semantic near audit=0% threshold=0.5 precision=0.05;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /floor/ {
            llm_semantic near audit=0% threshold=\$floor precision=0.05;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /right/ {
            llm_semantic near audit=0% threshold=0.5 precision=\$right;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
END
        location = /metrics { llm_metrics; }
    }
END

my $case = 0;

sub ask {
    my ($text, %o) = @_;
    my $in = delete $o{in} // '';
    return $t->post("$in$chat", { model => 'm', messages => [
        { role => 'system', content => "case $case" },
        { role => 'user', content => $text }], %o });
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }

sub metric {
    my ($name) = @_;
    my ($value) = $t->get('/metrics')->body =~ /^\Q$name\E (\S+)$/m;
    return $value // 0;
}

subtest 'by words alone' => sub {
    $case++;
    is word(ask($pair[0], in => '/table')), 'MISS', 'stored';
    is word(ask($pair[1], in => '/table')), 'SEMANTIC', 'met';
    is word(ask('Translate into German: good evening', in => '/table')),
        'MISS', 'other words are far';
    $case++;
};

subtest 'as JSON and as a stream, by four workers' => sub {
    my $first = ask($pair[0]);
    is word($first), 'MISS', 'stored';
    my $r = ask($pair[1]);
    is $r->header('x-c'), 'SEMANTIC semantic', 'met';
    is $r->body, $first->body, 'the same bytes';
    for (1 .. 12) {
        $case++;
        ask($pair[0]);
        $r = ask($pair[1], stream => JSON::PP::true());
        is word($r), 'SEMANTIC', 'met as a stream';
        is $r->body, ask($pair[0], stream => JSON::PP::true())->body,
            'the same events';
    }
};

subtest 'it computes on threads' => sub {
    for my $pid ($t->worker_pids) {
        my @threads = glob "/proc/$pid/task/*";
        cmp_ok scalar @threads, '>', 1, "worker $pid";
    }
};

# Kilobytes of a process's memory, by what smaps(5) calls it.
sub kilobytes {
    my ($pid, $what) = @_;
    my ($kb) = slurp("/proc/$pid/smaps_rollup") =~ /^\Q$what\E:\s+(\d+) kB/m;
    return $kb;
}

subtest 'workers share the weights' => sub {
    my $weights = 6 * (4 * 384 * 384 + 2 * 384 * 1536) / 1024;
    for my $pid ($t->worker_pids) {
        cmp_ok kilobytes($pid, 'Shared_Dirty'), '>', $weights, "worker $pid";
    }
};

subtest 'threshold and precision by $llm_task' => sub {
    my @translate = ('Translate into German: good morning',
        'Translate to German: good morning');
    for my $in ('/floor', '/right') {
        $case++;
        ask($pair[0], in => $in);
        my $r = ask($pair[1], in => $in);
        is word($r), 'SEMANTIC', "$in: a question";
        $case++;
        ask($translate[0], in => $in);
        $r = ask($translate[1], in => $in);
        is $r->header('x-task'), 'translation', 'another task';
        like $r->header('x-c'), qr/^MISS below:/, 'asks for more';
    }
};

# About 200 words: some ten milliseconds of work.
my $long = join ' ', map { $words[5 + $_ * 7 % (@words - 5)] } 1 .. 200;

for my $in ('/slow', '/fast') {
    subtest "a vector that comes too late still serves: $in" => sub {
        $case++;
        my $before = metric('llm_semantic_vectors');
        my $r = ask("$long ? how", in => $in);
        is $r->status, 200, 'answered';
        is $r->header('x-c'), 'MISS encoder', 'nobody waited for the vector';
        ok wait_until { metric('llm_semantic_vectors') == $before + 1 },
            $in eq '/slow' ? 'it was there before the answer'
            : 'it comes when the answer is stored already';
        is word(ask("$long ? how", in => $in)), 'HIT', 'and the answer stands';
    };
}

$t->allow(qr/gives no vectors/);
done_testing;
