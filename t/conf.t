# What nginx -t says to every directive: wrong literals are refused with file
# and line and words that help, right ones and their inheritance are taken.

use lib 't/lib';
use LLM::Test;

use File::Basename qw(basename);

my $t   = LLM::Test->new(workers => 1);
my $dir = $t->dir;
$t->allow(qr/./);    # refusals are what is asked for here
$t->write_file(short  => "abc\n");
$t->write_file(secret => ('ab' x 32) . "\n");
$t->write_file(long   => 'x' x 5000);
$t->write_file(empty  => '');

# ---- refused ------------------------------------------------------------

sub http     { return "    $_[0]\n    server { listen 127.0.0.1:%%PORT:x%%; }\n" }
sub location {
    my ($inside, $http) = @_;
    return '    ' . ($http // '') . "\n    server {\n"
        . "        listen 127.0.0.1:%%PORT:x%%;\n"
        . "        location / { $inside }\n    }\n";
}

# Refused with these words, at this line counted from the first of http {}.
sub refused {
    my ($conf, $words, $line) = @_;
    my ($ok, $said) = $t->check($conf);
    my $name = $conf =~ /(llm\S* ?[^;]*;.*)/ ? $1 : 'configuration';
    is $ok, 0, "refused: $name";
    my ($emerg) = grep { /\[emerg\]/ } split /\n/, $said;
    like $emerg // $said, $words, 'with words that help';
    my $file = "$dir/check.conf";
    return like $emerg // '', qr/ in \Q$file\E:\d+$/, 'in this file'
        if ($line // 0) eq 'any';
    my $at = () = substr($t->file('check.conf'), 0,
        index($t->file('check.conf'), $t->fill($conf))) =~ /\n/g;
    $at += 1 + ($line // 0);
    like $emerg // '', qr/ in \Q$file\E:$at$/, "at line $at";
}

my $zone = 'llm_zone z:4m;';

refused(http('llm_zone z;'), qr/invalid zone "z".*name:size/);
refused(http('llm_zone :8m;'), qr/invalid zone ":8m".*name:size/);
refused(http('llm_zone off:8m;'), qr/"llm_zone".*cannot be named "off"/);
refused(http('llm_zone z:;'), qr/invalid zone size "z:"/);
refused(http('llm_zone z:8q;'), qr/invalid zone size "z:8q"/);
refused(http('llm_zone z:-8m;'), qr/invalid zone size "z:-8m"/);
refused(http('llm_zone z:8m:x;'), qr/invalid zone size/);
refused(http('llm_zone z:0;'), qr/too small.*1m/);
refused(http('llm_zone z:1023k;'), qr/too small.*1m/);
refused(http("llm_zone z:4m; llm_zone z:4m;"), qr/"llm_zone".*duplicate/);
refused(http("llm_zone z:4m;\n    llm_zone y:4m;"), qr/"llm_zone".*duplicate/,
    1);
refused(http('llm_zone;'), qr/invalid number of arguments in "llm_zone"/);
refused(http('llm_zone a:4m b:4m;'), qr/invalid number of arguments/);
refused(http("limit_req_zone \$uri zone=z:1m rate=1r/s;\n    $zone"),
    qr/zone "z" is already declared for a different use/, 1);
refused(location($zone), qr/"llm_zone" directive is not allowed here/, 3);

refused(http('llm_secret none;'), qr/"llm_secret".*none.*failed.*No such/);
refused(http('llm_secret short;'), qr/"llm_secret".*must hold 16 to 4096/);
refused(http('llm_secret empty;'), qr/"llm_secret".*must hold 16 to 4096/);
refused(http('llm_secret long;'), qr/"llm_secret".*must hold 16 to 4096/);
refused(http("llm_secret secret; llm_secret secret;"), qr/duplicate/);
refused(http('llm_secret .;'), qr/"llm_secret"/);
refused(location('llm_secret secret;'), qr/not allowed here/, 3);

refused(location('llm maybe;'),
    qr/invalid value "maybe" in "llm" directive.*"off", "on", "observe"/, 3);
refused(location('llm;'), qr/invalid number of arguments in "llm"/, 3);
refused(location('llm on; llm on;'), qr/"llm" directive is duplicate/, 3);
refused(location('if ($arg_x) { llm on; }'),
    qr/"llm" directive is not allowed here/, 3);
refused(location('llm_api google;'),
    qr/"google" in "llm_api" directive.*"auto", "openai", "anthropic"/, 3);
refused(location('llm_model_response asked;'),
    qr/"asked" in "llm_model_response" directive.*"served", "requested"/, 3);
refused(location('llm_model_list off fast;'),
    qr/"llm_model_list" directive says off beside names/, 3);
refused(http('llm_snapshot money;'), qr/"llm_snapshot" needs "llm_zone/);
$t->write_file('keys.json', '{"keys": []}');
refused(http('llm_keys keys.json;'), qr/"llm_keys" needs "llm_zone/);
refused(location('llm_provider_required on;'),
    qr/"llm_provider_required" needs an "llm_provider"/, 3);
$t->write_file('broken.json', "{\n\n,}");
refused(http("$zone $_ broken.json;"),
    qr/"$_".*line 3: a member's name expected/) for qw(llm_keys llm_prices);
refused(location('llm_passthrough yes;'),
    qr/invalid value "yes" in "llm_passthrough" directive.*"on" or "off"/, 3);
refused(location('llm_server_timing 1;'), qr/"on" or "off"/, 3);
refused(location("llm_event_max_size $_;"),
    qr/"llm_event_max_size" directive invalid value/, 3) for '1x', '-1', 'big';
refused(location('llm_event_max_size 1023;'),
    qr/"llm_event_max_size" directive must be at least 1k/, 3);

refused(location('llm_cache z;'), qr/"llm_cache z" needs "llm_zone z:size"/,
    3);
refused(location('llm_cache y;', $zone), qr/unknown zone "y" in "llm_cache"/,
    3);
refused(location('llm_cache "";', $zone), qr/name of an "llm_zone" or "off"/,
    3);
refused(location('llm_cache z; llm_cache z;', $zone), qr/duplicate/, 3);
refused(location('llm_cache z z;', $zone), qr/invalid number/, 3);
refused(location("llm_cache_valid $_;", $zone), qr/invalid time "\Q$_\E" in "llm_cache_valid"/,
    3) for '1q', '-1', 'forever';
refused(location('llm_cache_valid 1m; llm_cache_valid 1m;'), qr/duplicate/,
    3);
refused(location("llm_cache_max_size $_;"),
    qr/"llm_cache_max_size" directive invalid value/, 3) for '1x', '-1';
refused(location("llm_cache_max_temperature $_;"),
    qr/invalid temperature "\Q$_\E"/, 3) for '-1', 'hot', '0.1234', '1,5';
refused(location('llm_cache_max_temperature 1; llm_cache_max_temperature 1;'),
    qr/duplicate/, 3);
refused(location("$_ maybe;"), qr/"on" or "off"/, 3)
    for qw(llm_cache_control llm_cache_private);
refused(location("$_;"), qr/invalid number of arguments in "$_"/, 3)
    for qw(llm_cache_scope llm_cache_version llm_cache_bypass llm_no_cache
    llm_cache_tag);
refused(location('llm_cache_tag ' . join(' ', map { "t$_" } 1 .. 17) . ';'),
    qr/"llm_cache_tag".* takes at most 16 tags/, 'any');
refused(location('llm_cache_scope a; llm_cache_scope b;'), qr/duplicate/, 3);

for my $handler (qw(llm_purge llm_metrics llm_status)) {
    refused(location("proxy_pass http://127.0.0.1:1; $handler;"),
        qr/"$handler" directive .*another content handler.*of its own/, 3);
    my $later = location("$handler;\n    proxy_pass http://127.0.0.1:1;");
    refused($later, qr/"$handler" stands beside another content handler/, 3);
    refused(location("$handler; $handler;"), qr/"$handler" directive/, 3);
    refused(location("$handler on;"), qr/invalid number of arguments/, 3);
    refused(http("$handler;"), qr/"$handler" directive is not allowed here/);
}
refused(location('llm_metrics_models a;'), qr/not allowed here/, 3);
refused(http('llm_metrics_models;'), qr/invalid number of arguments/);
refused(http('llm_nonsense on;'), qr/unknown directive "llm_nonsense"/);

# A variable that nobody defines is known only once all is read: nginx names
# it without a line, for its own directives too.
for my $directive (qw(llm_cache_scope llm_cache_version llm_cache_valid
        llm_cache_bypass llm_no_cache llm_cache_tag)) {
    my ($ok, $said) = $t->check(location("$directive \$no_such_thing;"));
    is $ok, 0, "$directive of an unknown variable is refused";
    like $said, qr/unknown "no_such_thing" variable/, 'and named';
}

# ---- taken --------------------------------------------------------------

sub taken {
    my ($conf, $name) = @_;
    my ($ok, $said) = $t->check($conf);
    is $ok, 1, "taken: $name" or diag $said;
}

taken(http("llm_zone z:$_;"), "a zone of $_") for qw(1m 1024k 64M 1g 3000000);
taken(http('llm_secret secret;'), 'a secret file below the prefix');
taken(http("llm_secret $dir/secret;"), 'a secret file by its full path');
taken(location("llm $_;"), "llm $_") for qw(on off observe);
taken(location("llm_api $_;"), "llm_api $_") for qw(auto openai anthropic);
taken(location("llm_cache_valid $_;"), "llm_cache_valid $_")
    for qw(0 1s 10m 1d2h 3600 $arg_x);
taken(location("llm_cache_max_temperature $_;"),
    "llm_cache_max_temperature $_") for qw(0 0.5 1 2.125);
taken(location('llm_cache_tag ' . join(' ', map { "t$_" } 1 .. 16) . ';'),
    'sixteen tags');
taken(location('llm_event_max_size 1k;'), 'the smallest event');
taken(location('llm on; llm_cache off;'), 'no cache');
taken(location("return 200 \"$_\";"), $_)
    for map { "\$llm_$_" } qw(api operation stream model upstream_model tenant
    finish_reason overhead ttft cache_status cache_reason cache_key
    prompt_tokens completion_tokens cached_tokens usage_estimated);

{
    # As many as nginx takes without the module.
    my ($ok, $said) = $t->check(http(join "\n",
        map { "map \$uri \$a_variable_of_the_operators_$_ { default 1; }" }
            1 .. 40));
    is $ok, 1, 'forty variables of the operator';
    unlike $said, qr/variables_hash/, 'find room beside ours';
}

my $every = <<'END';
        llm on; llm_api auto; llm_passthrough off; llm_server_timing on;
        llm_event_max_size 1m; llm_cache z; llm_cache_scope a $arg_b;
        llm_cache_version v1; llm_cache_valid 1h; llm_cache_bypass $arg_c;
        llm_no_cache $arg_d; llm_cache_max_size 64k;
        llm_cache_max_temperature 1; llm_cache_control on;
        llm_cache_private on; llm_cache_tag x;
END
taken(<<"END", 'every directive at every level');
    $zone
    llm_metrics_models gpt-4o gpt-4o-mini;
    llm_metrics_models claude;
$every
    server {
        listen 127.0.0.1:%%PORT:x%%;
$every
        location / {
$every
            location /in { $every }
            location /off { llm off; llm_cache off; }
        }
        location = /m { llm_metrics; }
        location = /s { llm_status; }
        location = /p { llm_purge; }
    }
END

my $root = root_dir;
$t->write_file(basename($_), slurp($_)) for glob "$root/conf/*.json";
for my $file (sort glob "$root/conf/*.conf") {
    my $text = slurp($file);
    next unless $text =~ /^\s*http\s*\{/m;
    $text =~ s{modules/ngx_llm_module\.so}{%%MODULE%%};
    mkdir "$dir/$_" for qw(tmp logs);    # logs/: nginx.org's default
    my $path = $t->write_file(basename($file), $text);
    my ($ok, $said) = $t->check_file($path, '-g', $> ? '' : 'user root;');
    is $ok, 1, 'conf/' . basename($file) . ' passes nginx -t' or diag $said;
}

# ---- inheritance, as seen from outside ------------------------------------

$t->mock;
$t->start(<<'END');
    llm_zone z:4m;
    llm_cache z;
    llm_cache_private off;
    proxy_set_header Connection "";
    proxy_http_version 1.1;
    add_header X-Seen "$llm_cache_status $llm_cache_reason" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        llm on;
        location /v1/ { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /nested/ {
            llm_cache off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
            location /nested/cached/ {
                llm_cache z;
                proxy_pass http://127.0.0.1:%%PORT:mock%%;
            }
        }
        location /off/ { llm off; proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
END
my $body = { model => 'm',
    messages => [{ role => 'user', content => 'inherited?' }] };
sub cache_status { $t->post("$_[0]/v1/chat/completions", $body)
        ->header('cache-status') }
like cache_status(''), qr/fwd=miss/, 'server and http level';
like cache_status(''), qr/hit/, 'a hit';
unlike cache_status('/nested'), qr/hit/, 'llm_cache off in a location';
like cache_status('/nested/cached'), qr/ngx_llm/, 'on again below';
is cache_status('/off'), '', 'llm off';

# ---- without a zone -------------------------------------------------------

my $bare = LLM::Test->new(workers => 1);
$bare->mock;
$bare->start(<<'END');
    log_format l '$llm_model $llm_prompt_tokens $llm_completion_tokens';
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log l;
        location / { llm on; proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location = /metrics { access_log off; llm_metrics; }
        location = /status { access_log off; llm_status; }
        location = /purge { access_log off; llm_purge; }
    }
END
for my $stream (0, 1) {
    my $r = $bare->post('/v1/chat/completions', { %$body,
            $stream ? (stream => JSON::PP::true()) : () });
    is $r->status, 200, 'served without a zone';
    ok $r->complete, 'whole';
    is $r->header('x-llm-entry'), '', 'not from a cache';
}
like wait_until { $bare->file('access.log') =~ /^(.*\n.*\n)/ ? $1 : '' },
    qr/^m \d+ \d+\nm \d+ \d+\n/, 'metered into variables';
is $bare->get('/metrics')->status, 200, 'llm_metrics without a zone';
is $bare->get('/status')->json->{zone}, undef, 'llm_status without a zone';
ok $bare->post('/purge', { all => JSON::PP::true() })->status,
    'llm_purge without a zone';

done_testing;
