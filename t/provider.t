# llm_provider: what nginx -t says to it, and what a provider is asked by way
# of conf/llm_proxy.conf, with the mock's log as witness.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Digest::SHA qw(sha256_hex);

my $t = LLM::Edge->new(workers => 1);
$t->mock;
my $dir = $t->dir;

sub key_file {
    my ($name, $text) = @_;
    my $path = $t->write_file($name, $text);
    chmod 0600, $path;
    return $path;
}

key_file('openai.key',    "sk-our-openai\n");
key_file('anthropic.key', "  sk-our-anthropic  \n\n");
key_file('second.key',    "sk-our-second\n");
key_file('empty.key',     "\n");
key_file('two.key',       "sk-secret-1\nsk-secret-2\n");

# The CA bundle of the machine is not for this test.
my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);

# ---- nginx -t -----------------------------------------------------------

my $checker = LLM::Test->new(workers => 1);
$checker->allow(qr/./);
$checker->write_file($_, $t->file($_))
    for qw(openai.key empty.key two.key second.key);
chmod 0600, glob $checker->dir . '/*.key';

# Refused with these words at this line of `conf`, counted from 0.
sub refused {
    my ($conf, $words, $line) = @_;
    my ($ok, $said) = $checker->check("$conf\n"
        . '    server { listen 127.0.0.1:%%PORT:x%%; }');
    my $name = $conf =~ s/\s+/ /gr;
    is $ok, 0, "refused: $name";
    my ($emerg) = grep { /\[emerg\]/ } split /\n/, $said;
    like $emerg // $said, $words, 'with words that help';
    unlike $said, qr/sk-secret/, 'and without a key';
    my $text = $checker->file('check.conf');
    my $at = () = substr($text, 0, index $text, $checker->fill($conf)) =~ /\n/g;
    $at += 1 + ($line // 0);
    like $emerg // '', qr/check\.conf:$at$/, "at line $at";
}

sub block { "llm_provider p {\n$_[0]\n}" }

my $good = "api openai;\nurl http://127.0.0.1:1/v1;\nmodels m;";
refused("llm_provider \"a b\" {\n$good\n}", qr/"llm_provider".*letters/);
refused(block('nonsense x;'), qr/"nonsense" of "llm_provider".*none of/, 1);
refused(block('api gemini;'), qr/"api".*"openai" or "anthropic"/, 1);
refused(block('resolve on; resolve on;'), qr/"resolve".*twice/, 1);
refused(block($good) . "\n" . block($good) =~ s/ p / P /r,
    qr/provider "P" is there twice/, 5);
refused(block('api openai; api openai;'), qr/"api".*twice/, 1);
refused(block('api;'), qr/"api".*number of arguments/, 1);
refused(block('url ftp://x/;'), qr/"url".*https:\/\//, 1);
refused(block('url https://u:p@x/;'), qr/"url".*user name/, 1);
refused(block('url https://x/?a=b;'), qr/"url".*base path/, 1);
refused(block('url https://$host/;'), qr/"url".*no host/, 1);
refused(block("url http://127.0.0.1/;\nupstream u;"),
    qr/"upstream".*one "url" or "upstream"/, 2);
refused(block('upstream u path=/v1;'), qr/"upstream".*base=/, 1);
refused(block('upstream u scheme=tcp;'), qr/"upstream".*https/, 1);
refused("llm_provider p {\n$good\nkey none.key;\n}",
    qr/"key".*none\.key.*No such file/, 5);
refused("llm_provider p {\n$good\nkey empty.key;\n}",
    qr/"key".*empty\.key.*is empty/, 5);
refused("llm_provider p {\n$good\nkey two.key;\n}",
    qr/"key".*two\.key.*one key alone/, 5);
refused("llm_provider p {\n$good\nkey openai.key; key second.key;\n}",
    qr/"key".*twice/, 4);
refused(block('models "a b";'), qr/"models".*without spaces/, 1);
refused(block('header Host x;'), qr/"header".*Host.*not for/, 1);
refused(block('header Authorization x;'), qr/"header".*Authorization/, 1);
refused(block('header "a b" x;'), qr/"header".*no header name/, 1);
refused(block('weight -1;'), qr/"weight".*0 to 65535/, 1);
refused(block('weight 70000;'), qr/"weight".*0 to 65535/, 1);
refused(block('max_context 0;'), qr/"max_context".*tokens/, 1);
refused(block('resolve maybe;'), qr/"resolve"/, 1);
refused(block("url http://127.0.0.1:1/;\nmodels m;"), qr/needs "api openai"/);
refused(block("api openai;\nmodels m;"), qr/"p" has no url/);
refused(block("api openai;\nurl http://127.0.0.1:1/;"), qr/"p" has no models/);
refused(block("api openai;\nmodels m;\nupstream nowhere;"),
    qr/"p": there is no upstream "nowhere"/);
refused(block($good) . "\n" . block($good), qr/"p" is there twice/, 5);
refused(block("$good\nweight 0;"), qr/every provider has a weight of 0/);
refused(block('url http://nobody.invalid/v1; api openai; models m;'),
    qr/host not found in upstream "nobody\.invalid:80"/, 2);

{
    my $where = "server {\nlisten 127.0.0.1:%%PORT:x%%;\nllm on;\n"
        . "llm_provider_required on;\nllm_fallback m ;\n}";
    my $with = sub { $where =~ s/llm_fallback m \K/$_[0]/r . block($good) };
    refused($with->('nobodys'),
        qr/"llm_fallback": no llm_provider has the model "nobodys"/, 4);
    my $own = sub { $where =~ s/llm_fallback m /llm_model $_[0]/r . block($good) };
    refused($own->('nobodys'),
        qr/"llm_model": no llm_provider has the model "nobodys"/, 4);
    for my $fine ('m', '$http_x_model', '""') {
        my ($ok, $said) = $checker->check($own->($fine));
        ok $ok, "llm_model $fine is taken" or diag $said;
    }
    my ($ok, $said) = $checker->check($with->('$arg_x'));
    is $ok, 1, 'a variable may be anything' or diag $said;
}
{
    chmod 0644, $checker->dir . '/openai.key';
    my ($ok, $said) = $checker->check("llm_provider p {\n$good\n"
        . "key openai.key;\n}\nserver { listen 127.0.0.1:%%PORT:x%%; }");
    is $ok, 1, 'a key that everybody may read is taken' or diag $said;
    like $said, qr/\[warn\].*"key".*openai\.key can be read by everybody/,
        'with a warning';
    unlike $said, qr/sk-our/, 'that does not hold it';
}
$checker->write_file('lines.inc', "$good\n");
$checker->write_file('wrong.inc', "\nwieght 1;\n");
{
    my ($ok, $said) = $checker->check(block('include lines.inc;')
        . "\nserver { listen 127.0.0.1:%%PORT:x%%; }");
    is $ok, 1, 'include in an llm_provider' or diag $said;
    ($ok, $said) = $checker->check(block("$good\ninclude wrong.inc;"));
    like $said, qr/"wieght" of "llm_provider".*wrong\.inc:2$/m,
        'what is wrong there is told with its own file and line';
    ($ok, $said) = $checker->check(block("$good\ninclude none.inc;"));
    like $said, qr/none\.inc" failed.*No such file/, 'a file that is not there';
}
{
    my ($ok, $said) = $checker->check(block($good) =~ s/url.*?;/upstream u;/r
        . "\nupstream u { server 127.0.0.1:1; }\n"
        . 'server { listen 127.0.0.1:%%PORT:x%%; }');
    is $ok, 1, 'an upstream may stand behind the provider' or diag $said;
}

# Whoever watches chooses nobody: each request would be a 500.
refused(block($good) . "\nserver {\nlisten 127.0.0.1:%%PORT:x%%;\n"
    . "location / {\nllm observe;\nproxy_pass \$llm_provider_url;\n}\n}",
    qr/"llm observe" chooses no provider.*"proxy_pass" of its own/, 9);

# ---- what a provider is asked ---------------------------------------------

my $mock = 'http://127.0.0.1:%%PORT:mock%%';
my $head = $t->head =~ s/("upstream":"\$upstream_status")/$1,"provider":"\$llm_provider","state":"\$llm_provider_state"/r;

symlink "$dir/openai.key", "$dir/linked.key" or die $!;
key_file('wrong.key', "sk-our-wrong\n");


$t->start($head . <<"END" . <<'END');
    llm_provider openai {
        api     openai;
        url     $mock/mock/cached=1/v1;
        key     linked.key;
        models  gpt-4o gpt-4o-*;
        header  OpenAI-Organization org-ours;
        header  X-Edge one;
    }
    llm_provider anthropic {
        api     anthropic;
        url     $mock/v1/;
        key     anthropic.key;
        models  claude-*;
    }
    llm_provider local {
        api      openai;
        upstream pool base=/v1 host=llm.local;
        models   llama;
    }
    llm_provider theirs {
        api     openai;
        url     $mock/v1;
        key     client;
        models  own;
    }
    llm_provider one   { api openai; url $mock/mock/cached=2/v1; weight 3; models both; }
    llm_provider two   { api openai; url $mock/mock/cached=3/v1; weight 1; models both; }
    llm_provider none  { api openai; url $mock/mock/cached=4/v1; weight 0; models both drained; }
    llm_provider busy  { api openai; url $mock/mock/status=429,retry_after=2/v1; weight 1000; models shared busy; }
    llm_provider idle  { api openai; url $mock/v1; models shared; }
    llm_provider wrong { api openai; url $mock/mock/status=401/v1; key wrong.key; weight 1000; models keyed; }
    llm_provider right { api openai; url $mock/v1; models keyed; }
    llm_provider dead  { api openai; url http://127.0.0.1:%%PORT:nobody%%/v1; weight 1000; models failing; }
    llm_provider alive { api openai; url $mock/v1; models failing; }
    upstream pool { server 127.0.0.1:%%PORT:mock%%; keepalive 4; }
END
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        location / {
            llm on;
            include %%DIR%%/llm_proxy.conf;
        }
        location /own/ {
            llm on;
            llm_provider_required on;
            llm_passthrough on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /files/ {
            root %%DIR%%/html;
            llm on;
            llm_provider_required on;
        }
        location = /metrics { access_log off; llm_metrics; }
    }
END

# Asks, and what the mock saw of it: (response, log line, mock's record).
sub ask {
    my ($api, $model, %more) = @_;
    $t->mock_reset;
    my ($r, $log) = $t->ask($api, '', model => $model, %more);
    return ($r, $log, $t->mock_log);
}

my @THEIRS = (Authorization => 'Bearer sk-client', 'x-api-key' => 'sk-client',
    Cookie => 'sid=sk-client', 'OpenAI-Organization' => 'org-client',
    'api-key' => 'sk-client', (map { $_ => 'sk-client' }
        qw(X-Goog-Api-Key Proxy-Authorization X-Auth-Token
            Ocp-Apim-Subscription-Key cf-aig-authorization)),
    'X-Edge' => 'client', 'X-Other' => 'kept');

{
    my ($r, $log, @saw) = ask(chat => 'gpt-4o', headers => [@THEIRS],
        args => 'beta=true');
    is $r->status, 200, 'answered';
    is @saw, 1, 'asked once';
    my ($saw) = @saw;
    like $saw->{path}, qr{^/mock/cached=1/v1/chat/completions\?beta=true$},
        'the base, the path behind /v1, the arguments';
    my $h = $saw->{headers};
    is $h->{authorization}, 'Bearer sk-our-openai', 'our key';
    is $h->{'x-api-key'}, undef, 'no other';
    is $h->{cookie}, undef, 'no cookie';
    is $h->{'api-key'}, undef, 'no credential of another kind';
    is $h->{'openai-organization'}, 'org-ours', "the operator's header";
    is $h->{'x-edge'}, 'one', "instead of the client's";
    is $h->{'x-other'}, 'kept', 'other headers pass';
    is $h->{host}, '127.0.0.1:' . $t->port('mock'), 'the Host of the url';
    unlike to_json($saw), qr/sk-client|org-client/, "nothing of the client's";
    is $log->{provider}, 'openai', '$llm_provider';
    is $log->{state}, 'closed', '$llm_provider_state';
}
for my $prefix ('/openai', '/a/b') {
    my ($r, undef, $saw) = ask(chat => 'gpt-4o-mini', in => $prefix);
    is $saw->{path}, '/mock/cached=1/v1/chat/completions',
        "$prefix is not the provider's";
}
{
    my ($r, $log, $saw) = ask(messages => 'claude-x', headers => [@THEIRS]);
    is $r->status, 200, 'a message';
    is $saw->{path}, '/v1/messages', 'its path';
    my $h = $saw->{headers};
    is $h->{'x-api-key'}, 'sk-our-anthropic', 'the key, trimmed';
    is $h->{authorization}, undef, 'and no other';
    is $h->{'anthropic-version'}, '2023-06-01', 'a version when there is none';
    (undef, undef, $saw) = ask(messages => 'claude-x',
        headers => ['anthropic-version' => '2026-10-21']);
    is $saw->{headers}{'anthropic-version'}, '2026-10-21', "the client's";
}
{
    my (undef, $log, $saw) = ask(chat => 'llama', headers => [@THEIRS]);
    is $saw->{headers}{host}, 'llm.local', 'an upstream with a name for it';
    is $saw->{headers}{authorization}, undef, 'no key: no credential passes';
    is $saw->{headers}{'x-api-key'}, undef, 'of either kind';
    is $log->{provider}, 'local', 'by name';
}
{
    my (undef, undef, $saw) = ask(chat => 'own', headers => [@THEIRS]);
    is $saw->{headers}{authorization}, 'Bearer sk-client',
        '"key client": theirs';
    is $saw->{headers}{'openai-organization'}, 'org-client', 'whole';
    is $saw->{headers}{cookie}, undef, 'but no cookie';
}

# ---- nothing of where is the client's (22) ---------------------------------

for my $uri ('//evil.example/v1/chat/completions',
    '/v1/../v1/chat/completions', '/x/%2e%2e/v1/chat/completions',
    '/v1/chat/completions#@evil.example') {
    $t->mock_reset;
    my $body = $t->body_of(chat => (model => 'gpt-4o'));
    my $r = $t->request(POST => $uri, body => $body,
        headers => [Host => 'evil.example', 'X-Forwarded-Host' => 'evil']);
    is $r->status, 200, "22: $uri";
    my ($saw) = $t->mock_log;
    like $saw->{path}, qr{^/mock/cached=1/v1/chat/completions$}, 'the path';
    is $saw->{headers}{host}, '127.0.0.1:' . $t->port('mock'), 'the host';
}

# ---- whom nobody has --------------------------------------------------------

for my $model ('nope', 'drained', 'claude-x') {
    my ($r, $log, @saw) = ask(chat => $model);
    is $r->status, 404, "$model: nobody has it";
    is $r->json->{error}{code}, 'model_not_found', 'in the protocol';
    is @saw, 0, 'nobody was asked';
}
{
    my ($r) = ask(messages => 'gpt-4o');
    is $r->status, 404, 'nor in this protocol';
    is $r->json->{error}{type}, 'not_found_error', 'which has its own words';
}

# ---- weights ----------------------------------------------------------------

{
    $t->mock_reset;
    my %got;
    for (1 .. 60) {
        my (undef, $log) = $t->ask(chat => '', model => 'both');
        $got{ $log->{provider} }++;
    }
    is join(' ', sort keys %got), 'one two', 'none of weight 0';
    cmp_ok $got{one}, '>', $got{two}, "by weight: $got{one} to $got{two}";
    my %on = map { $_->{connection} => 1 } $t->mock_log;
    cmp_ok keys %on, '<=', 2, 'connections are kept';
}

# ---- one that fails ---------------------------------------------------------

{
    my ($r, $log, @saw) = ask(chat => 'failing', stream => 1);
    is $r->status, 200, 'the other provider answers';
    is $log->{provider}, 'alive', 'and it is its name that is logged';
    is @saw, 1, 'asked once';
    $t->allow(qr/llm: attempt|connect\(\) failed/);
}

# ---- cooldown ---------------------------------------------------------------

$t->allow(qr/llm: attempt/);

# 42: a provider that says when to come back is left alone until then.
{
    # By its weight it is asked first, but once in a thousand times.
    my ($r, $log, @saw);
    for (1 .. 3) {
        ($r, $log, @saw) = ask(chat => 'shared');
        last if $saw[0]{status} == 429;
    }
    is $r->status, 200, '42: the other provider answers';
    is join(' ', map { $_->{status} } @saw), '429 200', 'after a 429';
    is $log->{provider}, 'idle', 'its name';
    for (1 .. 5) {
        ($r, $log, @saw) = ask(chat => 'shared');
        is scalar(@saw), 1, 'the first one is left alone';
        is $log->{provider}, 'idle', 'for the other';
    }
    ($r, $log, @saw) = ask(chat => 'busy');
    is $r->status, 429, 'another model is not: its 429 is delivered';
    is $log->{state}, 'open', 'and its state is known';
    ($r, undef, @saw) = ask(chat => 'busy');
    is $r->status, 503, 'nobody else has it';
    is @saw, 0, 'and it is not hammered';
    ok +(wait_until {
        my (undef, undef, @saw) = ask(chat => 'shared');
        @saw == 2;
    } 6), 'after its time one request tries it again';
    (undef, undef, @saw) = ask(chat => 'shared');
    is @saw, 1, 'and it is left alone again';
}

# 41: a provider that refuses our key, until there is another key.
{
    my ($r, $log, @saw) = ask(chat => 'keyed');
    is $r->status, 200, '41: the other provider answers';
    is join(' ', map { $_->{status} } @saw), '401 200', 'after a 401';
    (undef, undef, @saw) = ask(chat => 'keyed');
    is @saw, 1, 'the first one is left alone';
    key_file('wrong.key', "sk-our-newer\n");
    ok +(wait_until {
        (undef, undef, @saw) = ask(chat => 'keyed');
        @saw == 2;
    } 8), 'with another key it is asked at once';
    is $saw[0]{headers}{authorization}, 'Bearer sk-our-newer', 'with that';
}

# ---- models ------------------------------------------------------------------

sub models {
    my ($uri, @headers) = @_;
    $t->mock_reset;
    my $r = $t->request(GET => $uri, headers => \@headers);
    is $t->mock_count, 0, "$uri: nobody is asked";
    return $r;
}

{
    my $r = models('/v1/models');
    is $r->status, 200, 'the list';
    is $r->header('content-type'), 'application/json', 'as JSON';
    my $list = $r->json;
    is $list->{object}, 'list', 'in its form';
    is join(' ', map { $_->{id} } @{ $list->{data} }),
        'gpt-4o llama own both shared busy keyed failing',
        'names, no globs, none that is drained';
    is $list->{data}[0]{owned_by}, 'openai', 'and whose they are';
    is models('/openai/v1/models/llama')->json->{id}, 'llama', 'one of it';
    $r = models('/v1/models/nope');
    is $r->status, 404, 'or none';
    is $r->json->{error}{code}, 'model_not_found', 'in the protocol';
    $r = models('/v1/models', 'anthropic-version' => '2023-06-01');
    is to_json($r->json), '{"data":[],"first_id":null,"has_more":false,'
        . '"last_id":null}', 'of the other protocol there are globs only';
    $r = $t->request(HEAD => '/v1/models', headers => []);
    is $r->status, 200, 'HEAD';
    is $r->body, '', 'has no body';
}

# ---- what is no LLM request ---------------------------------------------------

# It has no provider, so it has no place to go to.
mkdir "$dir/html";
$t->write_file('html/files/x.txt', 'x') if mkdir "$dir/html/files";

sub sent {
    my ($method, $uri, @more) = @_;
    $t->mock_reset;
    my $r = $t->request($method => $uri, headers => \@more,
        $method =~ /^P/ ? (body => '{}') : ());
    return wantarray ? ($r, $t->mock_count) : $r;
}
for my $case ([HEAD => '/v1/chat/completions'], [GET => '/v1/messages'],
    [PUT => '/v1/chat/completions'], [GET => '/v1/files'],
    [POST => '/v1/files'], [DELETE => '/v1/models/x']) {
    my ($r, $asked) = sent(@$case);
    is $r->status, 404, "@$case: 404";
    is $asked, 0, 'nobody is asked';
    is $r->header('content-type'), 'application/json', 'in JSON';
    is $r->body, '', 'without a body' if $case->[0] eq 'HEAD';
}
{
    my ($r) = sent(POST => '/v1/chat/completions', 'Content-Type' =>
        'text/plain');
    is $r->status, 415, 'a prompt of another type: 415';
    my ($kept, $asked) = sent(GET => '/own/v1/files');
    is $asked, 1, 'llm_passthrough: where the operator says';
    is sent(GET => '/files/x.txt')->status, 200, 'a file of nginx\'s own';
    unlike $t->log, qr/invalid URL prefix/, 'and no error of proxy_pass';
}

# ---- a key that changes -----------------------------------------------------

sub authorization {
    my (undef, undef, $saw) = ask(chat => 'gpt-4o');
    return $saw->{headers}{authorization};
}

symlink "$dir/second.key", "$dir/next.key" or die $!;
rename "$dir/next.key", "$dir/linked.key" or die $!;
ok +(wait_until { authorization() eq 'Bearer sk-our-second' } 10),
    'a swapped link is seen';
$t->kill_worker;
is authorization(), 'Bearer sk-our-second',
    'by a worker in the place of a dead one from its first request';
key_file('second.key', "sk-secret-1\nsk-secret-2\n");
ok +(wait_until { authorization(); $t->log =~ /linked\.key.*one key alone/ } 10),
    'a broken one is told';
is authorization(), 'Bearer sk-our-second', 'and the old one stays in use';
$t->allow(qr/llm_provider "openai".*one key alone/);
unlike $t->log, qr/sk-(?:our|secret)/, 'no key in the log';

# ---- models of a key ----------------------------------------------------------

my $keyed = LLM::Test->new(workers => 1);
$keyed->write_file('llm_proxy.conf', $proxy);
$keyed->write_file('keys.json', to_json({ keys => [
    { name => 'some', tenant => 't', models => ['gpt-4o', 'x-*'],
        key_sha256 => sha256_hex('edge-some') },
    { name => 'all', tenant => 't', key_sha256 => sha256_hex('edge-all') },
] }));
$keyed->start(<<'END');
    llm_zone z:4m;
    llm_keys keys.json;
    llm_provider p { api openai; url http://127.0.0.1:1/v1; models gpt-4o o3 x-1; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / { llm on; include %%DIR%%/llm_proxy.conf; }
    }
END

sub listed {
    my ($key, $uri) = @_;
    my $r = $keyed->get($uri // '/v1/models', Authorization => "Bearer $key");
    return $r->status if $r->status != 200;
    my $list = $r->json;
    return join ' ', map { $_->{id} } $list->{data} ? @{ $list->{data} } : $list;
}

is listed('edge-some'), 'gpt-4o x-1', 'what the key may use';
is listed('edge-all'), 'gpt-4o o3 x-1', 'all, where it may all';
is listed('edge-none'), 401, 'an unknown key has none';
is listed('edge-some', '/v1/models/o3'), 404, 'nor is another one told';
is listed('edge-all', '/v1/models/o3'), 'o3', 'but to whom may';

done_testing;
