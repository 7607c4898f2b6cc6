# README.md and conf/: what they say is what is there. Every directive,
# variable, reason and metric of the code stands in README and none else;
# its configurations load, its commands do what it shows.

use lib 't/lib';
use LLM::Test;

my $root   = root_dir;
my $readme = slurp("$root/README.md");

sub code { join '', map { slurp("$root/$_") } @_ }

sub sorted { join ' ', sort @_ }

# The text below a heading, up to the next one of its level or above.
sub section {
    my ($level, $title) = @_;
    my $marks = '#' x $level;
    my ($text) = $readme =~ /^$marks \Q$title\E\n(.*?)(?=^#{1,$level} |\z)/ms;
    return $text // die "no section $title\n";
}

# Rows of the tables in a text, each a list of cells.
sub rows {
    my ($text) = @_;
    return map { [split /\s*\|\s*/, $_] }
        grep { !/^[-|]+$/ } $text =~ /^\| *(.*?) *\|$/mg;
}

# ---- directives -----------------------------------------------------------

sub contexts_of {
    my ($flags) = @_;
    return 'http, server, location' if $flags =~ /kEverywhere/;
    return join ', ', map { $flags =~ /NGX_HTTP_$_->[0]_CONF/ ? $_->[1] : () }
        [MAIN => 'http'], [SRV => 'server'], [LOC => 'location'];
}

my %directive;
my $tables = code(map { s/^\Q$root\E\///r }
    glob "'$root'/ngx_llm_module/conf_*.cpp");
while ($tables =~ /\{ngx_string\("(llm\w*)"\),\s*([^}]*?)\bNGX_CONF_/g) {
    $directive{$1} = contexts_of($2);
}
ok keys %directive > 15, 'directives of the code were found';

my %told;
my $directives = section(2, 'Directives');
for my $entry (split /^(?=#### )/m, $directives) {
    my ($name) = $entry =~ /^#### (\w+)\n/ or next;
    $told{$name} = 1;
    like $entry, qr/^\*\*Syntax:\*\* `$name`/m, "$name: syntax";
    like $entry, qr/^\*\*Default:\*\* \S/m, "$name: default";
    my ($context) = $entry =~ /^\*\*Context:\*\* (.*)$/m;
    is $context, $directive{$name}, "$name: context";
    like $entry, qr/^\*\*Context:\*\* .*\n\n\w/m, "$name: what it does";
}
is sorted(keys %told), sorted(keys %directive), 'every directive, no other';

# ---- variables ------------------------------------------------------------

my %variable = map { $_ => 1 } code(map { s/^\Q$root\E\///r }
    glob "'$root'/ngx_llm_module/*.cpp") =~ /\{"(llm_\w+)",/g;
my @variables = keys %variable;
ok @variables > 10, 'variables of the code were found';
is sorted(section(2, 'Variables') =~ /^#### \$(\w+)$/mg), sorted(@variables),
    'every variable, no other';

my %known = map { $_ => 1 } @variables;
my @conf  = map { s/^\Q$root\E\///r } glob "'$root'/conf/*.conf";
my @recipes = map { s/^\Q$root\E\///r } glob "'$root'/conf/cookbook/*.conf";
ok index($readme, "($_)") > 0, "README tells of $_" for @conf, @recipes;
is join(' ', grep { !$known{$_} && !/^llm_key_tag_/ } code('README.md', @conf, @recipes)
    =~ /\$(llm_\w+)/g),
    '', 'no variable is named that there is not';
my @named = code(@conf, @recipes) =~ /^\s*(llm\w*)\s+[^;{]*;/mg;
is join(' ', grep { !$directive{$_} && !/^llm_json$/ } @named), '',
    'nor a directive in conf/';

# ---- reasons --------------------------------------------------------------

sub body_of {
    my ($text, $name) = @_;
    my ($body) = $text =~ /^\S.*\b\Q$name\E\([^;]*?\{\n(.*?)^\}/ms
        or die "no function $name\n";
    return $body;
}

my $lookup  = code('src/exchange/lookup.cpp', 'src/exchange/exchange.cpp',
    'src/exchange/near.cpp');
my $settle  = code('src/exchange/settle.cpp', 'src/exchange/keep.cpp',
    'src/exchange/record.cpp');
my $response = code('src/exchange/response.cpp');
my %reason;
$reason{$_} = 1 for
    grep({ !/:$/ } map { /"([^"]+)"/g } $lookup =~ /reason_ = ([^;]*);/g),
    map({ /"([^"]+)"/g } $lookup =~ /no_hit\(CacheStatus::\w+,([^;]+)\);/g),
    body_of($lookup, 'reason_of') =~ /return "([^"]+)"/g;
$reason{"no_store:$_"} = 1 for
    map { /"([a-z_]+)"/g }
    body_of($settle, 'why_not_stored') =~ /(return [^;]*;)/g,
    body_of($response, 'why_not_stored') =~ /(return [^;]*;)/g,
    body_of($settle, 'refusal_reason') =~ /(return [^;]*;)/g,
    body_of($settle, 'Exchange::put')  =~ /(return [^;]*;)/g;
$reason{"gate:$_"} = 1 for
    code('src/api/request.cpp')
        =~ /\{"(\w+)",[^}]*&Reader::read_effect\}/g,
    code('src/api/request.cpp', 'src/api/request_effects.cpp')
        =~ /"(tools:\w+)"/g;
$reason{$_} = 1 for code('src/semantic/gate.cpp') =~ /"(gate:\w+)"/g,
    code('src/semantic/guards.cpp', 'src/exchange/near.cpp')
        =~ /"(veto:\w+)"/g;
$reason{'below:0.93'} = 1;
my @reasons = map { $_->[0] =~ /`([^`]+)`/g } rows(section(3, 'Reasons'));
is sorted(@reasons), sorted(keys %reason), 'every cache reason, no other';

# ---- signals ----------------------------------------------------------------

my %weight = code('src/route/signals.cpp') =~ /^    \{"(\w+)", (\d+)\},$/gm;
is_deeply { map { $_->[0] =~ tr/`//dr => 1000 * $_->[1] }
        grep { $_->[1] =~ /^[\d.]+$/ } rows(section(3, 'complexity directives')) },
    \%weight, 'every signal and its weight, no other';

# ---- metrics --------------------------------------------------------------

my $families = code('src/metrics/families.cpp');
my %common   = map { $_ => 1 }
    $families =~ /constexpr Label k\w+\{"(gen_ai_\w+)"/g;
my %named    = $families =~ /constexpr Label (k\w+)\{("\w+")/g;
delete @named{ grep { $common{ $named{$_} =~ tr/"//dr } } keys %named };
my %labels;
while ($families =~ /constexpr Label (k\w+)\[\] = \{(.*?)\};/gs) {
    my ($name, $list) = ($1, $2);
    $list =~ s/\b$_\b/$named{$_}/g for keys %named;
    $labels{$name} = [grep { !$common{$_} } $list =~ /"(\w+)"/g];
}
my (%family, %row);
while ($families =~ /=\s*(counter|gauge|histogram)\(\s*"(\w+)"(.*?)\);/gs) {
    my ($type, $name, $rest) = ($1, $2, $3);
    my ($labels) = $rest =~ /\b(k\w+Labels)\b/;
    $family{$name} = join ' ', $type, $labels ? @{ $labels{$labels} } : ();
}
$family{$1} = 'counter'
    while $families =~ /= \{\s*"(\w+)",[^}]*?Type::kCounter, \{\}/g;
# Those of money have a label for each llm_tag, and then the variant.
my $money = code('src/exchange/billing.cpp');
while ($money =~ /= money\("(\w+)",.*?(\w+_labels_)\);/gs) {
    my ($name, $which) = ($1, $2);
    my ($list) = $money =~ /\b$which\{(.*?\})\}/s;
    $family{$name} = join ' ', 'counter', $list =~ /\{"(\w+)"/g, 'llm_tag',
        'variant';
}
for my $row (rows(section(2, 'Metrics'))) {
    my ($name, $type, $labels, $what) = @$row;
    next if $name eq 'Metric';
    $row{ $name =~ tr/`//dr } = join ' ', $type, $labels =~ /`(\w+)`/g;
    ok length $what, "$name: what";
}
is_deeply \%row, \%family, 'every metric with its type and labels, no other';

# ---- headers --------------------------------------------------------------

my @added = code(map { s/^\Q$root\E\///r } glob "'$root'/ngx_llm_module/*.cpp")
    =~ /add_(?:header|if_any)\(\s*r, "([\w-]+)"|Bytes\("([\w-]*request-id)"\)/g;
my %added = map { $_ => 1 } grep { defined } @added;
my @headers = map { $_->[0] =~ /`([^`]+)`/g } rows(section(2, 'Headers'));
is sorted(@headers), sorted(keys %added), 'every header that is added';

# ---- links, words, code blocks --------------------------------------------

# As GitHub numbers them: the second heading of a name ends in -1.
my (%anchor, %seen, @doubled);
for my $heading ($readme =~ /^(#+ .+)$/mg) {
    my ($level, $text) = $heading =~ /^(#+) (.+)/;
    my $slug = lc($text) =~ s/[^\w -]//gr =~ tr/ /-/r;
    my $before = $seen{$slug}++;
    push @doubled, $text if $before && length $level < 4;
    $anchor{ '#' . $slug . ($before ? "-$before" : '') } = 1;
}
is sorted(@doubled), '', 'no section bears the name of an earlier one';
my ($index) = $directives =~ /\A(.*?)^### /ms;
is sorted($index =~ /\[(\w+)\]\(#\1\)/g), sorted(keys %directive),
    'the list of directives has every one';
for my $link ($readme =~ /\]\(([^)]+)\)/g) {
    ok $link =~ /^#/ ? $anchor{$link} : -e "$root/$link", "$link is there";
}

# Who runs several nodes must not have to read far to know what that costs.
my ($first) = section(2, 'Keys, limits, budgets') =~ /\A\s*(.*?)\n\n/s;
like $first, qr/N\s+edges\b.*\bN\s+times\s+the\s+rates\b.*\bN\s+times\s+the\s+money/s,
    'limits begin with what several nodes let through';
like $first, qr/`nodes=N`.*`llm_limit`.*`llm_budget`/s,
    'and with what keeps them to their share';

my $help = `'$root/run' help`;
for my $word (grep { $_ ne 'help' } $readme =~ m{\./run (\w+)}g) {
    like $help, qr{^\./run $word\b}m, "./run $word is a command";
}
like $help, qr/^$_=/m, "./run knows $_" for $readme =~ /`((?:LLM|OPENAI)_\w+)/g;

my (@block, $last);
while ($readme =~ /^```(\w+)\n(.*?)^```$/msg) {
    my ($language, $text) = ($1, $2);
    if ($language eq 'text' && $last && $last->{text} =~ /^curl/) {
        $last->{shown} = $text;
    }
    push @block, $last = { language => $language, text => $text };
}

my $t = LLM::Test->new(workers => 1);
for my $block (grep { $_->{language} =~ /^(?:ba)?sh$/ } @block) {
    my $file = $t->write_file('block.sh', $block->{text});
    my ($status, $said) = $t->command('bash', '-n', $file);
    is $status, 0, 'the shell takes: ' . ($block->{text} =~ /(.*)/)[0]
        or diag $said;
}
my ($install) = $readme =~ /apt-get install ((?:[^\n]*\\\n)*[^\n]*)/;
my ($needed)  = slurp("$root/run") =~ /^build_packages='([^']*)'/m;
my %install = map { $_ => 1 } split ' ', $install;
is sorted(grep { !$install{$_} } split ' ', $needed), '',
    'building by hand takes every package that ./run takes';

is slurp("$root/LICENSE") =~ /Apache License\s+Version 2\.0, January 2004/, 1,
    'LICENSE';

# ---- configurations -------------------------------------------------------

unless (-f LLM::Test->module) {
    SKIP: { skip 'the module is not in ' . build_dir, 1 }
    done_testing;
    exit;
}

sub prepare {
    my $s = shift;
    mkdir $s->dir . "/$_" for qw(modules tmp);
    symlink LLM::Test->module, $s->dir . '/modules/ngx_llm_module.so'
        or die "symlink: $!";
    return $s;
}

# A block of README with what has to stand round it.
sub check_block {
    my $text = shift;
    my ($first) = $text =~ /^(\w+)/;
    return $t->check_file($t->write_file('main.conf', "pid check.pid;\n"
        . "error_log error.log;\n${text}events {\n}\n"))
        if $first eq 'load_module';
    $text = "location / {\n$text}\n"
        if $first !~ /^(?:server|map|log_format|upstream|llm_zone|location
            |split_clients)$/x;
    $text = "server {\n$text}\n" if $text =~ /^location/;
    $text =~ s/127\.0\.0\.1:8080/127.0.0.1:%%PORT:http%%/;
    return $t->check($text);
}

prepare($t);
for my $block (grep { $_->{language} eq 'nginx' } @block) {
    my ($ok, $said) = check_block($block->{text});
    ok $ok, 'nginx takes: ' . ($block->{text} =~ /(.*)/)[0] or diag $said;
}
my $globals = $> == 0 ? "user root;\n" : '';
# llm_proxy.conf is a part, and t/cookbook.t has the recipes.
for my $conf (grep { slurp("$root/$_") =~ /^http \{/m } @conf) {
    my $s = prepare(LLM::Test->new(workers => 1));
    my ($ok, $said) = $s->check_file("$root/$conf",
        $globals ? ('-g', 'user root;') : ());
    ok $ok, "nginx takes $conf" or diag $said;
}

# ---- the first configuration and its curl lines ---------------------------

# Seconds and names of entries in what README shows stand for any.
sub shown_is {
    my ($got, $shown, $name) = @_;
    my $pattern = join '\w+', map { quotemeta }
        split /(?<=ttl=)\d+|(?<=Age: )\d+|\b[0-9a-f]{24}\b/, $shown, -1;
    like $got, qr/\A$pattern\s*\z/, $name;
}

# Where a configuration listens and asks becomes the test's.
sub at_home {
    my $text = shift;
    $text =~ s/127\.0\.0\.1:8080/127.0.0.1:%%PORT:http%%/g;
    $text =~ s/127\.0\.0\.1:800[01]/127.0.0.1:%%PORT:mock%%/g;
    return $text;
}

SKIP: {
    skip 'no curl', 1 unless $t->has_program('curl');
    $t->mock;
    my ($first) = grep { $_->{language} eq 'nginx'
            && $_->{text} =~ /^llm_zone/ } @block;
    $t->start(at_home($first->{text}));
    my @lines = grep { $_->{shown} } @block;
    ok @lines >= 6, 'lines to try were found';
    for my $line (@lines) {
        my $command = $line->{text} =~ s/127\.0\.0\.1:8080/
            '127.0.0.1:' . $t->port('http')/gerx;
        my (undef, $said) = $t->command('sh', '-c', $command);
        my ($name) = $line->{shown} =~ /(.*)/;
        shown_is($said =~ tr/\r//dr, $line->{shown}, "shown: $name");
    }
    is $t->mock_count, 2, 'two of the requests went upstream';
}

# ---- conf/ at work --------------------------------------------------------

sub start_conf {
    my ($name) = @_;
    my $s = prepare(LLM::Test->new(workers => 1));
    $s->mock;
    return $s->start('', whole =>
        $globals . at_home(slurp("$root/conf/$name")));
}

my $chat = '/v1/chat/completions';
my $body = { model => 'gpt-4o-mini',
    messages => [{ role => 'user', content => 'a word of the prompt' }] };

sub cache_status { $_[0]->header('cache-status') }

sub log_lines {
    my ($s, $count) = @_;
    my @lines;
    wait_until { @lines = $s->lines('access.log');
        @lines >= $count };
    return @lines;
}

sub json_log {
    my $s = start_conf('log.conf');
    my $secret = 'sk-do-not-log-me';
    $s->post($chat, $body, Authorization => "Bearer $secret") for 1, 2;
    my $r = $s->post($chat, { %$body, stream => JSON::PP::true, n => 1 },
        'X-Mock' => 'usage=none');
    like $r->header('server-timing'), qr/^llm;dur=\d+\.\d{3}$/,
        'log.conf: Server-Timing';
    $s->post($chat, '{"model":');
    $s->get('/v1/models');
    my @raw = log_lines($s, 5);
    is @raw, 5, 'log.conf: a line a request';
    my @log = map { from_json($_) } @raw;
    my %common = (tenant => $log[0]{tenant}, model => 'gpt-4o-mini',
        upstream_model => 'gpt-4o-mini', operation => 'chat', status => 200,
        finish_reason => 'stop', estimated => JSON::PP::false,
        stream => JSON::PP::false);
    my %want = (%common, cache_status => 'MISS', cache_reason => 'no_entry');
    is_deeply { map { $_ => $log[0]{$_} } keys %want }, \%want,
        'log.conf: a miss';
    %want = (%common, cache_status => 'HIT', cache_reason => 'exact',
        ttft => undef);
    is_deeply { map { $_ => $log[1]{$_} } keys %want }, \%want,
        'log.conf: a hit';
    like $log[0]{tenant}, qr/^[0-9a-f]{32}$/, 'log.conf: tenant';
    like $log[0]{request_id}, qr/^[0-9a-f]{32}$/, 'log.conf: request id';
    is +(grep { $log[0]{$_} > 0 } qw(prompt_tokens completion_tokens
        overhead ttft bytes_sent)), 5, 'log.conf: numbers';
    ok $log[2]{stream}, 'log.conf: a stream';
    ok $log[2]{estimated}, 'log.conf: without usage it is an estimate';
    is $log[3]{cache_reason}, 'gate:malformed', 'log.conf: a refusal';
    is $log[3]{prompt_tokens}, undef, 'log.conf: no numbers there';
    is $log[4]{estimated}, undef, 'log.conf: nor where nothing is handled';
    unlike join('', @raw, $s->log), qr/\Q$secret\E|word of the prompt/,
        'neither log has a credential or a prompt';
    $s->finish;
}

sub observing {
    my $s = start_conf('observe.conf');
    my @r = map { $s->post($chat, $body) } 1 .. 3;
    is $s->mock_count, 3, 'observe.conf: all go upstream';
    is +(grep { $_->header('cache-status') || $_->header('cache-control') }
        @r), 0, 'observe.conf: no header is added';
    my @lines = log_lines($s, 3);
    like $lines[0], qr/ 200 would be MISS \(no_entry\) gpt-4o-mini \d+\+\d+ /,
        'observe.conf: would be a miss';
    like $lines[2], qr/ 200 would be HIT \(exact\) gpt-4o-mini \d+\+\d+ /,
        'observe.conf: would be a hit';
    like $s->get('/metrics')->body,
        qr/^llm_cache_requests_total\{status="HIT",reason="exact"\} 2$/m,
        'observe.conf: metrics tell it';
    $s->finish;
}

sub caching {
    my $s   = start_conf('cache.conf');
    my @key = (Authorization => 'Bearer sk-alice');
    my $ask = sub { cache_status($s->post($chat, @_)) };
    $ask->($body, @key);
    like $ask->($body, @key), qr/hit; ttl=3600$/,
        'cache.conf: an hour by the map';
    like $ask->($body, @key, 'X-No-Cache' => 1), qr/fwd=bypass$/,
        'cache.conf: X-No-Cache is answered anew, and not stored';
    like $ask->($body), qr/fwd=bypass$/, "cache.conf: no key, $_" for 1, 2;
    like $ask->({ %$body, model => 'gpt-preview' }, @key), qr/fwd=miss$/,
        "cache.conf: not stored, $_" for 1, 2;
    like $ask->({ %$body, temperature => 1.5 }, @key), qr/fwd=bypass$/,
        'cache.conf: too warm';
    my $embed = { model => 'text-embedding-3-small', input => 'x' };
    my $r;
    $r = $s->post('/v1/embeddings', $embed, @key) for 1, 2;
    like cache_status($r), qr/hit; ttl=2592000$/,
        'cache.conf: 30 days for embeddings';
    $r = $s->post('/purge', { tag => 'team:' });
    is_deeply $r->json, { purged => 0 }, 'cache.conf: no such tag';
    my ($site) = slurp("$root/conf/cache.conf") =~ /llm_cache_tag\s+"(\w+:)/;
    $r = $s->post('/purge', { tag => $site });
    is_deeply $r->json, { purged => 2 }, 'cache.conf: purged by tag';
    like $ask->($body, @key), qr/fwd=miss; stored$/, 'cache.conf: gone';
    is $s->get('/purge')->status, 405, 'cache.conf: no purge by GET';
    $s->finish;
}

# ---- what the text claims -------------------------------------------------

my $claims = <<'END';
    llm_zone z:16m;
    llm_cache z;
    server {
        listen 127.0.0.1:%%PORT:plain%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        llm on;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /gz/ {
            llm_passthrough on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /deny/ {
            deny all;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /small/ {
            client_max_body_size 10;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /down/ { proxy_pass http://127.0.0.1:%%PORT:nobody%%; }
        location /nocache/ {
            llm_cache off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location = /purge { llm_purge; }
        location = /status { llm_status; }
    }
END

sub decisions {
    my $s = shift;
    for my $method (qw(GET HEAD OPTIONS PUT)) {
        $s->mock_reset;
        my $r = $s->request($method, $chat);
        my ($seen) = $s->mock_log;
        is "$seen->{method} $seen->{path}", "$method $chat",
            "case 17: $method passes to the upstream";
        is cache_status($r), '', "case 17: $method is not handled";
    }
    my $text = to_json($body);
    my $c = $s->client;
    $c->write("POST $chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        . length($text) . "\r\nConnection: close\r\n\r\n$text");
    like cache_status($c->read), qr/^ngx_llm; /, 'case 15: no type is JSON';
    $s->mock_reset;
    my $r = $s->post($chat, "--x\r\n\r\n$text\r\n--x--\r\n",
        'Content-Type' => 'multipart/form-data; boundary=x');
    is cache_status($r), '', 'case 14: multipart passes unhandled';
    is $s->mock_count, 1, 'case 14: to the upstream';
    $r = $s->post($chat, $body, 'Content-Encoding' => 'gzip');
    is $r->status, 415, 'case 13: a compressed body';
    is $s->mock_count, 1, 'case 13: does not go upstream';
    $s->post("/gz$chat", $body, 'Content-Encoding' => 'gzip');
    is $s->mock_count, 2, 'case 13: llm_passthrough lets it pass';
    $r = $s->post($chat, $body, 'X-Mock' => 'ctype=text/html',
        'Authorization' => 'Bearer portal');
    is $r->status, 200, 'case 35: a 200 of another type passes';
    $r = $s->post($chat, $body, 'Authorization' => 'Bearer portal');
    like cache_status($r), qr/fwd=miss/, 'case 35: and was not stored';
    my %error = (down => 502, deny => 403, small => 413);
    for my $place (sort keys %error) {
        $r = $s->post("/$place$chat", $body);
        is $r->status, $error{$place}, "nginx's own error: $place";
        is sorted(keys %{ $r->json->{error} }), 'code message param type',
            "in OpenAI's protocol";
    }
    $r = $s->post('/down/v1/messages', { %$body, max_tokens => 9 });
    is $r->json->{type}, 'error', "or Anthropic's";
}

# What README calls the default of each directive.
sub defaults {
    my $s = shift;
    my ($default) = section(2, 'Directives')
        =~ /^#### llm_cache_max_size\n.*?\*\*Default:\*\* `(\d)m`/ms;
    my $near = 16 << 10;
    for my $more (-$near, $near) {
        my $size = ($default << 20) + $more;
        my @ask  = ($chat, { %$body, seed => $size },
            'X-Mock' => "size=$size");
        $s->post(@ask);
        my $want = $more < 0 ? qr/hit/ : qr/fwd=miss/;
        like cache_status($s->post(@ask)), $want,
            "llm_cache_max_size: an answer of $size bytes";
    }
    ($default) = section(2, 'Directives')
        =~ /^#### llm_event_max_size\n.*?\*\*Default:\*\* `(\d)m`/ms;
    for my $more (-$near, $near) {
        my $size = ($default << 20) + $more;
        my $r = $s->post($chat, { %$body, stream => JSON::PP::true },
            'X-Mock' => "hugeline=$size", 'Cache-Control' => 'no-store');
        is $r->complete, $more < 0 ? 1 : 0,
            "llm_event_max_size: an event of $size bytes";
    }
    my $warm = { %$body, temperature => 2 };
    $s->post($chat, $warm);
    my $r = $s->post($chat, $warm);
    like cache_status($r), qr/hit; ttl=3600$/,
        'llm_cache_max_temperature: any; llm_cache_valid: an hour';
    is $r->header('server-timing'), '', 'llm_server_timing: off';
    is $r->header('cache-control'), 'private', 'llm_cache_private: on';
    is cache_status($s->client('plain')->request(POST => $chat,
            body => to_json($body))), '', 'llm: off';
    is cache_status($s->post("/nocache$chat", $body)), '', 'llm_cache: off';
}

sub identities {
    my $s = shift;
    my $ask = sub { cache_status($s->post($chat, $body, @_)) };
    $ask->();
    like $ask->(), qr/hit/, 'case 88: anonymous clients share';
    like $ask->(Cookie => 'a=b'), qr/fwd=bypass/, 'case 88: but no cookies';
    my @alice = (Authorization => 'Bearer sk-alice');
    like $ask->(@alice), qr/fwd=miss/, 'case 88: a key is somebody else';
    like $ask->(@alice), qr/hit/, 'case 88: and meets itself';
    like $ask->(@alice, 'x-api-key' => 'other'), qr/fwd=miss/,
        'case 88: a further credential counts';
}

sub purging {
    my $s = shift;
    my $stored = $s->post($chat, $body)->json;
    my $hit    = $s->post($chat, $body);
    is_deeply $hit->json, $stored, 'case 57: a hit keeps id and created';
    my $entry = $hit->header('x-llm-entry');
    is $s->post('/purge', { id => $entry })->body, qq({"purged":1}\n),
        'case 95: purged by X-LLM-Entry';
    $s->post($chat, $body);
    is $s->request(POST => "/purge?id=$stored->{id}")->body,
        qq({"purged":1}\n), 'case 95: purged by the id of the answer';
    is $s->post($chat, $body, 'Cache-Control' => 'only-if-cached')->status,
        504, 'case 93: only-if-cached';
}

sub reloading {
    my $s = shift;
    $s->post($chat, $body);
    $s->reload($claims);
    like cache_status($s->post($chat, $body)), qr/hit/,
        'a reload keeps the answers';
    $s->reload($claims =~ s/z:16m/z:17m/r);
    is $s->get('/status')->json->{zone}{bytes}, 17 << 20, 'another size';
    like cache_status($s->post($chat, $body)), qr/fwd=miss/,
        'starts empty';
}

sub claims {
    for my $claim (\&decisions, \&defaults, \&identities, \&purging,
        \&reloading) {
        my $s = LLM::Test->new(workers => 1);
        $s->mock;
        $s->start($claims);
        $claim->($s);
        $s->finish;
    }
}

json_log();
observing();
caching();
claims();

done_testing;
