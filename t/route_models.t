# /v1/models with llm_model_list: the names that clients may ask for and no
# provider has, aliases above all; each key sees those that it may use.

use lib 't/lib';
use LLM::Test;

use Digest::SHA qw(sha256_hex);

my $t = LLM::Test->new(workers => 1);
$t->mock;
$t->write_file('llm_proxy.conf', slurp(root_dir() . '/conf/llm_proxy.conf')
    =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mgr);
$t->write_file('keys.json', to_json({ keys => [
    { name => 'small', tenant => 't', models => ['gpt-4o-mini', 'claude*'],
        key_sha256 => sha256_hex('k-small') },
    { name => 'alias', tenant => 't', models => ['deep'],
        key_sha256 => sha256_hex('k-alias') },
    { name => 'all', tenant => 't', key_sha256 => sha256_hex('k-all') },
] }));
$t->start($t->fill(<<'END'));
    llm_zone z:4m;
    llm_keys keys.json;
    llm_provider o { api openai; url http://127.0.0.1:%%PORT:mock%%/v1;
        models gpt-4o-mini gpt-5*; }
    llm_provider a { api anthropic; url http://127.0.0.1:%%PORT:mock%%/v1;
        models claude-*; }
    map $llm_model $choice {
        volatile; fast gpt-4o-mini; deep gpt-5; claude claude-9; lost nobody;
        default "";
    }
    map $llm_model $kept { fast gpt-4o-mini; deep gpt-5; default ""; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        llm on;
        llm_model $choice;
        llm_model_list fast deep claude lost gpt-5-nano gpt-4o-mini;
        location / { include %%DIR%%/llm_proxy.conf; }
        location /kept/ {
            llm_model $kept;
            include %%DIR%%/llm_proxy.conf;
        }
        location /off/ { llm_model_list off; include %%DIR%%/llm_proxy.conf; }
        location /plain/ { proxy_pass http://127.0.0.1:%%PORT:mock%%/; }
        location /plain/none/ {
            llm_model_list off;
            llm_passthrough on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /watched/ {
            llm observe;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
    }
END

# The names that a key is told, or the status.
sub listed {
    my ($key, $uri, @headers) = @_;
    my $r = $t->get($uri // '/v1/models', Authorization => "Bearer k-$key",
        @headers);
    return $r->status if $r->status != 200;
    my $list = $r->json;
    return join ' ', map { $_->{id} } $list->{data} ? @{ $list->{data} } : $list;
}

is listed('all'), 'gpt-4o-mini fast deep gpt-5-nano',
    'names of providers, aliases, and what globs have; no other protocol\'s';
is listed('small'), 'gpt-4o-mini fast', 'an alias of what the key may use';
is listed('alias'), 'deep', 'an alias that the key may use itself';
is listed('all', '/v1/models', 'anthropic-version' => '2023-06-01'), 'claude',
    'those of the other protocol';
is listed('small', '/v1/models/fast'), 'fast', 'one of them';
is listed('small', '/v1/models/deep'), 404, 'none of the others';
is listed('all', '/v1/models/lost'), 404, 'an alias of nothing is none';
is listed('all', '/kept/v1/models'), 'gpt-4o-mini fast deep gpt-5-nano',
    'a map that keeps its values is asked for each name';
is listed('all', '/off/v1/models'), 'gpt-4o-mini', 'off: those of providers';
is listed('small', '/plain/v1/models'), 'fast claude gpt-4o-mini',
    'without providers the list alone';
is $t->mock_count, 0, 'nobody is asked for any of that';
is listed('all', '/plain/none/v1/models/x'), 'x', 'or the upstream';
is listed('all', '/watched/v1/models/x'), 'x', 'llm observe: the upstream too';
is $t->mock_count, 2, 'which is asked';

# What is listed may be asked for, and what is not may not.
sub status_of {
    my ($key, $model) = @_;
    return $t->post('/v1/chat/completions', to_json({ model => $model,
        messages => [{ role => 'user', content => "hi $key" }] }),
        Authorization => "Bearer k-$key")->status;
}
is status_of(small => 'fast'), 200, 'fast';
is status_of(small => 'deep'), 404, 'deep is not for the small key';
is status_of(alias => 'deep'), 200, 'but for whose it is';
is status_of(all => 'lost'), 404, 'lost';

# ---- nginx -t -----------------------------------------------------------------

$t->allow(qr/llm_model_list|number of arguments/);
sub said {
    my ($line) = @_;
    my ($ok, $said) = $t->check("server { listen 127.0.0.1:%%PORT:x%%; $line }");
    my ($emerg) = $said =~ /\[emerg\] (.*)/;
    return $ok ? 'taken' : $emerg;
}
like said("llm_model_list $_->[0];"), $_->[1], "refused: $_->[0]" for
    ['a a', qr/"llm_model_list": "a" is named twice in .*check\.conf:\d/],
    ['""', qr/"llm_model_list": "" is no name/],
    ['x' x 257, qr/"llm_model_list": "x+" is no name/],
    ["\"a\tb\"", qr/is no name/],
    ['a; llm_model_list b', qr/"llm_model_list" directive is duplicate/],
    ['', qr/invalid number of arguments in "llm_model_list"/];
{
    my $where = sub { "llm_provider p { api openai; models m g-*; "
        . "url http://127.0.0.1:1; }\nserver { listen 127.0.0.1:%%PORT:x%%; "
        . "llm on; llm_provider_required on;\n$_[0] }" };
    my ($ok, $said) = $t->check($where->('llm_model_list g-1 fast;'));
    like $said, qr/"llm_model_list": no llm_provider has the model "fast"/,
        'a name that nothing is made of and nobody has';
    for my $good ('llm_model_list m g-1;', 'llm_model m; llm_model_list fast;',
        'llm_model $arg_m; llm_model_list fast;') {
        ($ok, $said) = $t->check($where->($good));
        ok $ok, "taken: $good" or diag $said;
    }
}
is said("llm_model_list $_;"), 'taken', "taken: $_" for qw(off a), 'a/b c:1';

$t->finish;
done_testing;
