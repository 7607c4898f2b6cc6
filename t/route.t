# What the upstream is asked instead: llm_model, llm_set, llm_system through
# nginx, the mock's log as witness. What is not edited leaves byte for byte.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Compress::Zlib ();

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('kind.txt'  => "Be \"kind\".\n");
$t->write_file('brief.txt' => "Be brief.\n");
my $conf = $t->head . <<'END';
    map $llm_model $by_alias { volatile; fast gpt-4o-mini; deep o3; default ""; }
    map $http_x_user $told   { volatile; default ""; "~^a" 1; }
    split_clients $http_x_user $variant { 50% a; * b; }
    map $variant $by_variant { volatile; a small-a; b small-b; }
    llm on;
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    add_header X-Asked $llm_model always;
    add_header X-Up $llm_upstream_model always;
END
my %location = (
    plain   => '',
    alias   => 'llm_model $by_alias;',
    split   => 'llm_model $by_variant;',
    header  => 'llm_model $http_x_model;',
    fixed   => 'llm_model gpt-4o-mini;',
    quote   => q(llm_model 'a"b\\\\c';),
    limit   => 'llm_set max_tokens 100 cap; llm_set top_p 0.5 default;',
    force   => 'llm_set temperature 0; llm_set service_tier flex;'
        . ' llm_set a.b true; llm_set a.c null;',
    effort  => 'llm_set reasoning_effort low;',
    think   => 'llm_set thinking.budget_tokens 2000 cap;',
    top_k   => 'llm_set top_k 5 cap;',
    both    => 'llm_model $by_alias; llm_set max_tokens 100 cap;',
    capped  => 'llm_set max_tokens $http_x_cap cap;',
    own     => 'llm_set temperature $http_x_temperature;'
        . ' llm_set seed $http_x_seed cap; llm_cache edge;',
    before  => 'llm_system prepend kind.txt;',
    after   => 'llm_system append kind.txt;',
    instead => 'llm_system replace kind.txt;',
    some    => 'llm_system prepend kind.txt if=$told;'
        . ' llm_system append brief.txt if=$http_x_brief; llm_cache edge;',
    cached  => 'llm_model $http_x_model; llm_cache edge;',
);
$t->start($t->fill($conf . $t->server('', more => join "\n        ",
    map { "location /$_/ { $location{$_} rewrite ^/\\w+(/.*) \$1 break;"
        . ' proxy_pass http://127.0.0.1:%%PORT:mock%%; }' }
    sort keys %location)));

# Sends a body to a location; (response, the bytes that the mock was sent).
sub through {
    my ($where, $api, $body, @headers) = @_;
    my $before = $t->mock_count;
    my $r = $t->post("/$where" . $t->path($api), $body, @headers);
    return ($r, $t->mock_count > $before ? ($t->mock_log)[-1]{body} : undef);
}

sub becomes {
    my ($where, $api, $body, $expected, @headers) = @_;
    my ($r, $seen) = through($where, $api, $body, @headers);
    is $r->status, 200, "/$where/ $api" or diag $r->body;
    is $seen, $expected, 'these bytes go upstream';
    return $r;
}

my %odd = (
    chat => ' { "x" : [1, 2.50,"\u00e9"] , "model" : "fast",'
        . "\n\t" . '"messages":[ {"role":"user","content":"h\u0069"}] } ',
    completions => '{"prompt":"hi","model":"fast" ,"y":1e3}',
    responses   => '{"store":false, "input":"hi","model":"fast" }',
    messages => '{"max_tokens": 50,"model":"fast","messages":'
        . '[{"role":"user","content":"hi"}]}',
    embeddings => '{"input":["a", "b"], "model":"fast"}',
);

# ---- the model ----------------------------------------------------------

for my $api (sort keys %odd) {
    my $r = becomes(plain => $api, $odd{$api}, $odd{$api});
    is $r->header('x-up'), 'fast', 'the model that was asked for';
    (my $edited = $odd{$api}) =~ s/"fast"/"gpt-4o-mini"/;
    $r = becomes(alias => $api, $odd{$api}, $edited);
    is $r->header('x-asked'), 'fast', 'the alias';
    is $r->header('x-up'), 'gpt-4o-mini', 'and what it stands for';
    (my $other = $odd{$api}) =~ s/"fast"/"slow"/;
    becomes(alias => $api, $other, $other);
    is $t->post('/alias' . $t->path($api), $odd{$api})->json->{model},
        'gpt-4o-mini', 'the answer says who made it';
}
becomes(quote => chat => '{"model":"m","messages":[{"role":"user","content":"x"}]}',
    '{"model":"a\"b\\\\c","messages":[{"role":"user","content":"x"}]}');

# A large body is edited in its bytes, whatever it stands in.
for my $size (2_000, 200_000, 3_000_000) {
    my $body = '{"messages":[{"role":"user","content":"' . 'a\u0062' x
        ($size / 7) . '"}], "model": "fast"}';
    (my $edited = $body) =~ s/"fast"}$/"gpt-4o-mini"}/;
    my $r = $t->request(POST => '/alias/v1/chat/completions', body => $body,
        chunked => 0);
    my $log = ($t->mock_log)[-1];
    is $r->status, $size < 1_000_000 ? 200 : 413, "$size bytes";
    next if $r->status != 200;
    is $log->{body_length}, length $edited, 'its length';
    is $log->{body_crc32}, sprintf('%08x', Compress::Zlib::crc32($edited)),
        'its bytes';
}

# A variant by the user, the same for each of his requests.
my %variant;
for my $user (1 .. 40) {
    my ($r, $body) = through(split => chat => $odd{chat}, 'X-User' => $user);
    my ($model) = $body =~ /"model" : "(small-[ab])"/;
    $variant{$model // 'none'}++;
    is $r->header('x-up'), $model, 'the variant is in the variable'
        if $user < 3;
    my (undef, $again) =
        through(split => chat => $odd{chat}, 'X-User' => $user);
    is $again, $body, 'and stays' if $user < 3;
}
is join(' ', sort keys %variant), 'small-a small-b', 'both variants';

# What only a variable can get wrong.
becomes(header => chat => $odd{chat}, $odd{chat});
becomes(header => chat => $odd{chat}, $odd{chat}, 'X-Model' => "caf\xe9");
like $t->log, qr/\[warn\].*"llm_model" came out as what is no model's name/,
    'is told';
becomes(header => chat => $odd{chat}, $odd{chat}, 'X-Model' => 'x' x 300);

# ---- parameters ---------------------------------------------------------

sub chat_with { '{"model":"m",' . $_[0] . '"messages":[{"role":"user","content":"x"}]}' }

my %limit = (
    chat      => 'max_tokens', completions => 'max_tokens',
    responses => 'max_output_tokens', messages => 'max_tokens');
for my $api (sort keys %limit) {
    my $name = $limit{$api};
    my $rest = $api eq 'messages' || $api eq 'chat' ? '"messages":[{"role":"user","content":"x"}]'
        : $api eq 'completions' ? '"prompt":"p"' : '"input":"p","store":false';
    my $body = sub { '{"model":"m", ' . ($_[0] // '') . $rest . '}' };
    becomes(limit => $api, $body->("\"$name\" : 4096,\"top_p\":1 ,"),
        $body->("\"$name\" : 100,\"top_p\":1 ,"));
    my $fine = $body->("\"$name\":99,\"top_p\":null,");
    (my $filled = $fine) =~ s/null/0.5/;
    becomes(limit => $api, $fine, $filled);
    becomes(limit => $api, $body->(),
        "{\"$name\":100,\"top_p\":0.5," . substr $body->(), 1);
}
becomes(limit => chat => chat_with('"max_completion_tokens":5000,"top_p":1,'),
    chat_with('"max_completion_tokens":100,"top_p":1,'));
becomes(limit => embeddings => $odd{embeddings}, $odd{embeddings});
becomes(both => chat => '{"model":"deep","messages":[{"role":"user","content":"x"}]}',
    '{"max_completion_tokens":100,"model":"o3","messages":[{"role":"user","content":"x"}]}');

becomes(force => chat => chat_with('"temperature":1,"a":{"b":0},'),
    '{"service_tier":"flex",' . substr chat_with(
        '"temperature":0,"a":{"c":null,"b":true},'), 1);
becomes(effort => chat => chat_with('"reasoning_effort":"high",'),
    chat_with('"reasoning_effort":"low",'));
becomes(effort => responses => '{"model":"m","input":"x","store":false}',
    '{"reasoning":{"effort":"low"},"model":"m","input":"x","store":false}');
becomes(think => messages => '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],'
        . '"thinking":{"type":"enabled","budget_tokens":9000}}',
    '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],'
        . '"thinking":{"type":"enabled","budget_tokens":2000}}');
becomes(think => messages => $odd{messages}, $odd{messages});

# A cap that is none would take the limit away from some servers.
for my $cap ('0', '-1', '5.5', 'many') {
    my $body = chat_with('"max_tokens":100,');
    becomes(capped => chat => $body, $body, 'X-Cap' => $cap);
}
like $t->log, qr/\[warn\].*"llm_set max_tokens" is left out: a limit of tokens/,
    'is told';
becomes(capped => chat => chat_with('"max_tokens":100,'),
    chat_with('"max_tokens":50,'), 'X-Cap' => '50');

# A wrong type is the client's fault, in its own words; nothing goes upstream.
sub refused {
    my ($where, $api, $body, $words) = @_;
    my ($r, $seen) = through($where, $api, $body);
    is $r->status, 400, "/$where/ $api: refused";
    is $seen, undef, 'nothing goes upstream';
    my $error = $r->json->{error};
    like $error->{message}, $words, 'with words';
    is $error->{type}, 'invalid_request_error', 'of this type';
    is $r->json->{type}, 'error', 'in its envelope' if $api eq 'messages';
    return $error;
}
for my $value ('"5"', '{}', 'true') {
    my $error = refused(top_k => chat => chat_with("\"top_k\":$value,"),
        qr/^'top_k' must be a number\.$/);
    is $error->{param}, 'top_k', 'and the parameter';
    refused(top_k => messages => '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],'
            . "\"top_k\":$value}", qr/'top_k' must be a number/);
}
refused(force => chat => chat_with('"a":7,'), qr/^'a' must be an object\.$/);
refused(effort => responses =>
        '{"model":"m","input":"x","store":false,"reasoning":"high"}',
    qr/'reasoning' must be an object/);
refused(before => messages =>
        '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"system":7}',
    qr/'system' must be a string or an array/);
refused(before => responses =>
        '{"model":"m","input":"x","store":false,"instructions":["a"]}',
    qr/'instructions' must be a string/);

# ---- the operator's words -----------------------------------------------

my $kind = '"Be \"kind\"."';
(my $told = $odd{chat}) =~
    s/"messages":\[/"messages":[{"role":"system","content":$kind},/;
becomes($_ => chat => $odd{chat}, $told) for qw(before after instead);
my $own = '{"model":"m","messages":[{"role":"system","content":"h\u0069" },'
    . '{"role":"user","content":"q"},{"role":"system","content":"late"}]}';
becomes(before => chat => $own, $own =~ s/"h\\u/"Be \\"kind\\".\\n\\nh\\u/r);
becomes(after => chat => $own,
    $own =~ s/0069" \}/0069\\n\\nBe \\"kind\\"." }/r);
becomes(instead => chat => $own,
    '{"model":"m","messages":[{"role":"system","content":' . $kind
        . ' },{"role":"user","content":"q"}]}');
becomes(before => responses => $odd{responses},
    "{\"instructions\":$kind," . substr $odd{responses}, 1);
becomes(before => messages => $odd{messages},
    "{\"system\":$kind," . substr $odd{messages}, 1);
my $blocks = '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"system":[{"type":'
    . '"text","text":"a","cache_control":{"type":"ephemeral"}} ]}';
becomes(after => messages => $blocks, $blocks =~
        s/ \]\}$/ ,{"type":"text","text":$kind}]}/r);
becomes($_ => completions => $odd{completions}, $odd{completions})
    for qw(before instead);
becomes($_ => embeddings => $odd{embeddings}, $odd{embeddings})
    for qw(after instead);

# ---- the cache's key ----------------------------------------------------

sub word {
    my ($where, $body, @headers) = @_;
    my $r = $t->post("/$where/v1/chat/completions", $body, @headers);
    return (split / /, $r->header('x-c'))[0];
}

my $question = $t->body_of('chat');
is word(own => $question), 'MISS', 'as the client says';
is word(own => $question), 'HIT', 'is kept';
is word(own => $question, 'X-Temperature' => 0), 'MISS', 'another parameter';
is word(own => $question, 'X-Temperature' => 0), 'HIT', 'has its own entry';
is word(own => $question, 'X-Temperature' => '"0"'), 'MISS', 'a string too';
is word(own => $question, 'X-Seed' => 5), 'MISS', 'a cap that is put in';
is word(own => $question, 'X-Seed' => 6), 'MISS', 'another';
is word(own => $question, 'X-Seed' => 6), 'HIT', 'and the same';
is word(own => $question, 'X-Seed' => 'six'), 'HIT',
    'a value that cannot be used is left out';
like $t->log, qr/\[warn\].*"llm_set seed" is left out: only a number/,
    'which is told';

$question = $t->body_of('chat');
is word(some => $question), 'MISS', 'no text';
is word(some => $question, 'X-User' => 'anna'), 'MISS', 'one text';
is word(some => $question, 'X-User' => 'abel'), 'HIT', 'the same text';
is word(some => $question, 'X-User' => 'bert'), 'HIT', 'none again';
is word(some => $question, 'X-Brief' => 1), 'MISS', 'another text';
is word(some => $question, 'X-Brief' => 1, 'X-User' => 'a'), 'MISS', 'both';
is word(some => $question, 'X-Brief' => '0'), 'HIT', 'if=0 is no';

$question = $t->body_of('chat');
is word(cached => $question, 'X-Model' => 'one'), 'MISS', 'a model';
is word(cached => $question, 'X-Model' => 'one'), 'HIT', 'is kept';
is word(cached => $question, 'X-Model' => 'two'), 'MISS', 'another is not it';
is word(cached => $question), 'MISS', 'nor is the client\'s';
my $named = $question =~ s/"model":"m"/"model":"one"/r;
is word(cached => $named, 'X-Model' => 'one'), 'HIT',
    'what it was called by the client does not matter';
is word(cached => $named), 'HIT', 'and who names it himself has the same answer';

done_testing;
