# The official clients, from npm, as they come: t/sdk/*.mjs ask nginx for
# every kind of answer, as a miss and as a hit, in each form after each form.
#
# LLM_SDK_DIRECT=1 asks the mock upstream itself: what fails then is not
# nginx's doing.

use lib 't/lib';
use LLM::Test;

use File::Copy qw(copy);
use File::Path qw(make_path);

my @clients = (
    ['openai.mjs', 'openai'],
    ['openai.mjs', 'openai-4'],
    ['anthropic.mjs', '@anthropic-ai/sdk'],
    ['anthropic.mjs', 'anthropic-0'],
    ['ai.mjs'],
    ['ladder.mjs'],
    ['near.mjs'],
);

my $direct = $ENV{LLM_SDK_DIRECT};
my $home   = build_dir . '/sdk';
my $node   = 'node';
my $t      = LLM::Test->new(plain => $direct);

# Into build/sdk: what npm said, '' when all is well.
sub npm_install {
    my ($status, $out) = $t->command(qw(npm install --no-audit --no-fund
        --no-package-lock --loglevel=error --fetch-retries=1 --prefix), $home,
        @_);
    return $status
        ? 'npm install failed: ' . substr $out =~ s/\s+/ /gr, 0, 300 : '';
}

# The packages, once for one package.json. The clients need Node 20; where it
# is older, as Debian's, npm has a newer one.
sub install {
    for my $program (qw(node npm)) {
        return "$program is not installed" unless $t->has_program($program);
    }
    my (undef, $version) = $t->command(qw(node --version));
    my ($major) = $version =~ /^v(\d+)/;
    my $old = ($major // 0) < 20;
    $node = "$home/node_modules/node/bin/node" if $old;
    make_path $home;
    my $wanted = slurp(root_dir . '/t/sdk/package.json');
    if (slurp("$home/installed") ne $wanted || ($old && !-x $node)) {
        diag 'npm installs the clients into build/sdk';
        copy(root_dir . '/t/sdk/package.json', $home) or die $!;
        my $problem = npm_install()
            || ($old ? npm_install('--no-save', 'node@22') : '');
        return $problem if $problem;
        copy("$home/package.json", "$home/installed") or die $!;
    }
    for my $script (qw(lib openai anthropic ai ladder near)) {
        copy(root_dir . "/t/sdk/$script.mjs", $home) or die "$script: $!";
    }
    return '';
}

if (my $reason = install()) {
    plan skip_all => $reason;
}

sub rungs {
    my ($name, $fallback) = @_;
    return "        location /$name/ { llm on; llm_fallback $fallback; "
        . "proxy_pass \$at; }\n";
}

my $mock_url = 'http://127.0.0.1:' . $t->mock;
$t->write_file('prices.json' => to_json({ cut => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));
my $rungs = rungs(ladder => 'two')
    . join '', map { rungs("down$_", "two!status=$_") } 429, 503;
chmod 0600, $t->write_file('key', "sk-ours\n");
$t->start(<<'END' =~ s/%%RUNGS%%/$rungs/r) unless $direct;
    llm_zone edge:32m;
    llm_prices prices.json;
    llm_embedder near lexical;
    map $llm_upstream_model $at {
        volatile;
        "~^[a-z]+!(?<knobs>.*)$"  http://127.0.0.1:%%PORT:mock%%/mock/$knobs$uri;
        default                   http://127.0.0.1:%%PORT:mock%%$uri;
    }
    llm_provider denied { api openai; models pair; key key; weight 1000;
        url http://127.0.0.1:%%PORT:mock%%/mock/status=401/v1; }
    llm_provider granted { api openai; models pair; key key;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    llm_provider refused { api anthropic; models pair; key key; weight 1000;
        url http://127.0.0.1:%%PORT:mock%%/mock/status=401/v1; }
    llm_provider allowed { api anthropic; models pair; key key;
        url http://127.0.0.1:%%PORT:mock%%/v1; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        client_body_buffer_size 1m;
        location /v1/ {
            llm             on;
            llm_cache       edge;
            llm_cache_scope $http_x_scope;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Accept-Encoding "";
        }
        location /near/v1/ {
            llm             on;
            llm_cache       edge;
            llm_cache_scope $http_x_scope;
            llm_semantic    near audit=0%;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /cut/v1/ {
            llm        on;
            llm_budget cut key=$http_x_team usd=0.1/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
%%RUNGS%%
        location /pair/ {
            llm on;
            proxy_pass $llm_provider_url;
            proxy_set_header Host $llm_provider_host;
            proxy_set_header Authorization $llm_provider_authorization;
            proxy_set_header X-Api-Key $llm_provider_api_key;
        }
    }
END
my $url = $direct ? $mock_url : 'http://127.0.0.1:' . $t->port('http');

for my $client (@clients) {
    my ($script, @args) = @$client;
    next if $direct && $script =~ /^(?:ladder|near)\.mjs$/;
    local $ENV{LLM_URL}      = $url;
    local $ENV{LLM_MOCK_URL} = $mock_url;
    local $ENV{LLM_DIRECT}   = $direct ? 1 : '';
    my ($status, $out) = $t->command($node, "$home/$script", @args);
    my ($passed, $finished) = (0, 0);
    for my $line (split /\n/, $out) {
        if ($line =~ /^(not )?ok - (.*)/) {
            ok !$1, $2;
            $passed++ unless $1;
        } elsif ($line eq 'done') {
            $finished = 1;
        } else {
            diag $line;
        }
    }
    ok $status == 0 && $finished && $passed > 20,
        "@$client came to its end ($passed passed)";
}

done_testing;
