# llm_keys: who is let in, as whom, and what is said to the others.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Digest::SHA qw(sha256_hex);

my $t = LLM::Edge->new(workers => 2);
$t->mock;

my %good = (key_sha256 => sha256_hex('good'), name => 'gina',
    tenant => 'acme', plan => 'gold', tags => { team => 'red', cost => '7' });

sub write_keys {
    my @more = @_;
    # Moved into its place, as an operator's tools do it.
    $t->write_file('keys.new' => to_json({ keys => [@more] }));
    rename $t->dir . '/keys.new', $t->dir . '/keys.json' or die $!;
}

my @keys = (
    \%good,
    { key_sha256 => sha256_hex('old'), name => 'o', tenant => 'acme',
        expires => '2020-01-01T00:00:00Z' },
    { key_sha256 => sha256_hex('later'), name => 'l', tenant => 'acme',
        expires => '2999-01-01T00:00:00+02:00' },
    { key_sha256 => sha256_hex('some'), name => 's', tenant => 'acme',
        models => ['gpt*'] },
    { key_sha256 => sha256_hex('off'), name => 'd', tenant => 'acme',
        disabled => JSON::PP::true() },
);
write_keys(@keys);
my $conf = $t->head . $t->watch_witness . <<'END' . $t->server('', more => <<'MORE');
    llm_keys keys.json;
    llm on;
    log_format who escape=json '{"test":"$http_x_test","key":"$llm_key",'
        '"tenant":"$llm_tenant","plan":"$llm_plan","team":"$llm_key_tag_team",'
        '"cost":"$llm_key_tag_cost","none":"$llm_key_tag_none"}';
END
        location /who/v1/ {
            access_log %%DIR%%/access.log who;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /open/ {
            llm_passthrough on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /watched/ {
            llm observe;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /sent/ {
            error_page 401 404 = @sent;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /tried/ {
            llm observe;
            try_files /none @sent;
        }
        location /page/ {
            error_page 401 /words;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location @sent { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location = /words { proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/models; }
        location = /status { llm_status; }
MORE
$t->start($conf);

# What a client gets and what the mock has seen of it.
sub asked {
    my ($api, @headers) = @_;
    my $before = $t->mock_count;
    my $r = $t->post($t->path($api), $t->body_of($api), @headers);
    return ($r, $t->mock_count - $before);
}

sub reload_of_keys {
    my ($what, @keys) = @_;
    my $before = $t->metric('llm_watch_loads_total', file => 'keys');
    write_keys(@keys);
    return wait_until {
        $t->metric('llm_watch_loads_total', file => 'keys') > $before
    } 5;
}

subtest 'who is let in' => sub {
    for my $case (
        ['Bearer',     Authorization => 'Bearer good'],
        ['bearer',     Authorization => 'bearer  good'],
        ['x-api-key',  'x-api-key' => 'good'],
        ['api-key',    'api-key' => 'good'],
        ['an empty Bearer beside it', Authorization => 'Bearer ',
            'x-api-key' => 'good'],
        ['another scheme beside it', Authorization => 'Basic dTpw',
            'x-api-key' => 'good'],
        ['a later end', Authorization => 'Bearer later'],
    ) {
        my ($name, @headers) = @$case;
        my ($r, $seen) = asked(chat => @headers);
        is $r->status, 200, $name;
        is $seen, 1, "$name goes upstream";
    }
};

subtest 'models to go on with' => sub {
    for my $case ([some => 400, 'another'], [good => 200, 'any'],
            [some => 200]) {
        my ($key, $status, @further) = @$case;
        my $r = $t->post($t->path('chat'), $t->body_of('chat',
            model => 'gpt-4o', models => \@further),
            Authorization => "Bearer $key");
        is $r->status, $status, "$key @further";
    }
    for my $case ([some => 404], [good => 200]) {
        my ($key, $status) = @$case;
        my ($r) = $t->ask('chat', '', model => 'gpt-4o,o1',
            headers => [Authorization => "Bearer $key"]);
        is $r->status, $status, "$key: two models in one name";
    }
};

subtest 'who is sent on is let in nowhere else' => sub {
    for my $in (qw(sent tried)) {
        $t->mock_reset;
        my ($r) = $t->ask('chat', '', in => "/$in");
        is $r->status, 401, "$in: no key, no answer";
        is $t->mock_count, 0, "$in: nothing goes upstream";
        ($r) = $t->ask('chat', '', in => "/$in",
            headers => [Authorization => 'Bearer good']);
        is $r->status, 200, "$in: with one it is answered";
    }
    for my $path ('/v1/files', '/v1/chat/completions') {
        $t->mock_reset;
        my @more = (headers => ['X-Test' => 'other'], close => 1);
        my $r = $t->client->request(GET => "/tried$path", @more);
        is $r->status, 401, "GET $path: nor with what is no LLM request";
        is $t->mock_count, 0, "GET $path: nothing goes upstream";
    }
    my ($r) = $t->ask('chat', '', in => '/page');
    is $r->status, 401, 'a page for the refusal';
    like $r->body, qr/"object":"list"/, 'is the operator\'s';
};

subtest 'who is not, in both protocols' => sub {
    for my $case (
        ['missing',  'No API key'],
        ['missing',  'No API key', Authorization => 'Bearer '],
        ['missing',  'No API key', Authorization => ''],
        ['missing',  'No API key', 'x-api-key' => ''],
        ['unknown',  'not valid', Authorization => 'Bearer goo'],
        ['unknown',  'not valid', Authorization => 'Bearer Good'],
        ['unknown',  'not valid', Authorization => 'Basic good'],
        ['unknown',  'not valid', 'x-api-key' => 'good,'],
        ['unknown',  'not valid', Authorization => 'Bearer wrong',
            'x-api-key' => 'good'],
        ['unknown',  'not valid', Authorization => 'Bearer '
                . sha256_hex('good')],
        ['expired',  'expired', Authorization => 'Bearer old'],
        ['disabled', 'disabled', Authorization => 'Bearer off'],
    ) {
        my ($reason, $word, @headers) = @$case;
        my $name = "$reason (@headers)";
        my $before = $t->metric('llm_key_refused_total', reason => $reason);
        for my $api (qw(chat messages)) {
            my ($r, $seen) = asked($api => @headers);
            is $r->status, 401, "$api: $name";
            is $seen, 0, 'nothing goes upstream';
            my $json = $r->json;
            like $json->{error}{message}, qr/$word/, 'says why';
            if ($api eq 'chat') {
                is_deeply [sort keys %{ $json->{error} }],
                    [qw(code message param type)], "OpenAI's four keys";
                is $json->{error}{code}, 'invalid_api_key', 'code';
            } else {
                is $json->{type}, 'error', "Anthropic's envelope";
                is $json->{error}{type}, 'authentication_error', 'type';
            }
            unlike $r->body . $r->{raw_head}, qr/good|wrong|Good/,
                'repeats nothing';
        }
        is $t->metric('llm_key_refused_total', reason => $reason),
            $before + 2, 'counted';
    }
};

subtest 'as whom' => sub {
    my ($r, $log) = $t->send_body(chat => $t->body_of('chat'), '',
        in => '/who', headers => [Authorization => 'Bearer good']);
    is_deeply $log, { test => $log->{test}, key => 'gina', tenant => 'acme',
        plan => 'gold', team => 'red', cost => '7', none => '' },
        'name, tenant, plan and tags';
    ($r, $log) = $t->send_body(chat => $t->body_of('chat'), '',
        in => '/who', headers => [Authorization => 'Bearer nobody']);
    is $log->{key} . $log->{tenant} . $log->{plan} . $log->{team}, '',
        'nobody is nobody';
};

subtest 'no open door (fault case 22)' => sub {
    my @key = (Authorization => 'Bearer good');
    for my $case (
        ['GET of a known path', 404, GET => '/v1/chat/completions'],
        ['HEAD', 404, HEAD => '/v1/chat/completions'],
        ['DELETE', 404, DELETE => '/v1/responses/1'],
        ['unknown path', 404, POST => '/v1/files', body => '{}'],
        ['//', 200, POST => '//v1//chat/completions',
            body => $t->body_of('chat')],
        ['multipart', 415, POST => '/v1/chat/completions', body => '--x',
            type => 'multipart/form-data; boundary=x'],
        ['text', 415, POST => '/v1/chat/completions', body => '{}',
            type => 'text/plain'],
        ['gzip', 415, POST => '/v1/chat/completions', body => 'x',
            coding => 'gzip'],
    ) {
        my ($name, $status, $method, $uri, %o) = @$case;
        my @more;
        push @more, 'Content-Type' => $o{type} if $o{type};
        push @more, 'Content-Encoding' => $o{coding} if $o{coding};
        my $before = $t->mock_count;
        my $r = $t->request($method => $uri, body => $o{body},
            headers => [@key, @more]);
        is $r->status, $status, $name;
        is $t->mock_count - $before, $status == 200 ? 1 : 0, "$name: upstream";
        is $r->body, '', "$name: no body" if $method eq 'HEAD';
        $r = $t->request($method => $uri, body => $o{body},
            headers => \@more);
        is $r->status, 401, "$name without a key is not even that";
        is $t->mock_count - $before, $status == 200 ? 1 : 0, "$name: nor";
    }
    my $r = $t->request(GET => '/open/v1/models', headers => \@key);
    is $r->status, 200, 'passthrough: with a key';
    $r = $t->request(GET => '/open/mock/count');
    is $r->status, 401, 'passthrough: not without one';
    $r = $t->request(GET => '/open/mock/count', headers => \@key);
    is $r->status, 200, 'passthrough: what is not ours passes';
    $r = $t->post('/watched/v1/chat/completions', $t->body_of('chat'));
    is $r->status, 200, 'observe: without a key too';
    is $t->get('/metrics')->status, 200, 'metrics are the operator\'s';
    is $t->get('/status')->status, 200, 'status too';
};

subtest 'never in a log' => sub {
    asked(chat => Authorization => 'Bearer sk-secret-of-somebody');
    asked(chat => Authorization => 'Bearer good');
    my $all = $t->log . $t->file('access.log') . $t->get('/metrics')->body
        . $t->get('/status')->body;
    unlike $all, qr/sk-secret|Bearer/, 'no credential anywhere';
    my $hash = sha256_hex('sk-secret-of-somebody');
    unlike $all, qr/$hash/, 'nor its hash';
};

subtest 'the file is followed' => sub {
    is((asked(chat => Authorization => 'Bearer new'))[0]->status, 401,
        'not there yet');
    my $start = Time::HiRes::time();
    write_keys(@keys, { key_sha256 => uc sha256_hex('new'), name => 'n',
        tenant => 't' });
    # Both workers, many connections.
    soon {
        !grep { (asked(chat => Authorization => 'Bearer new'))[0]->status
            != 200 } 1 .. 6
    } 'a new key is good';
    cmp_ok Time::HiRes::time() - $start, '<=', 2, 'within two seconds';
    my $failed = $t->metric('llm_watch_loads_total', result => 'failed');
    $t->write_file('keys.new' => "{\"keys\": [\n  {\"name\": 3}]}");
    rename $t->dir . '/keys.new', $t->dir . '/keys.json';
    soon {
        $t->metric('llm_watch_loads_total', result => 'failed') > $failed
    } 'a bad file is counted';
    is((asked(chat => Authorization => 'Bearer new'))[0]->status, 200,
        'the old keys stay') for 1 .. 6;
    ok $t->looked_at, 'and looked at once more';
    my @lines = grep { /\[error\].*keys\.json/ } split /\n/, $t->log;
    is scalar(@lines), 1, 'one line says so';
    like $lines[0], qr/line 2: .*what it held before stays/, 'and where';
    unlink $t->dir . '/keys.json';
    ok $t->looked_at, 'a file that is gone';
    is((asked(chat => Authorization => 'Bearer new'))[0]->status, 200,
        'they stay without a file too');
    write_keys(@keys);
    soon {
        !grep { (asked(chat => Authorization => 'Bearer new'))[0]->status
            != 401 } 1 .. 6
    } 'a key that was taken out is not good any more';
};

subtest 'nginx -t' => sub {
    my $key = to_json(\%good);
    for my $case (
        ['a hash twice', qr/line 3: keys\[1\]: "key_sha256" is that of keys\[0\]/,
            "{\"keys\": [\n$key,\n$key]}"],
        ['a negative budget', qr/line 1: "day" must/, to_json({ keys => [
            { %good, budgets => { day => -5 } }] })],
        ['a budget that is text', qr/"week" must/, to_json({ keys => [
            { %good, budgets => { week => 'much' } }] })],
        ['an unknown zone', qr/"tz" must be a time zone/, to_json({ keys => [
            { %good, budgets => { day => 5, tz => 'Europe/Nowhere' } }] })],
        ['a zone outside', qr/"tz" must be a time zone/, to_json({ keys => [
            { %good, budgets => { day => 5, tz => '../../etc/passwd' } }] })],
        ['a bad rate', qr/"requests" must/, to_json({ keys => [
            { %good, limits => { requests => '5/fortnight' } }] })],
        ['no tenant', qr/needs "tenant"/, to_json({ keys => [
            { key_sha256 => $good{key_sha256}, name => 'x' }] })],
        ['a key instead of its hash', qr/64 hexadecimal/, to_json({ keys => [
            { %good, key_sha256 => 'sk-plain-text' }] })],
        ['an unknown member', qr/"budget" is not known/, to_json({ keys => [
            { %good, budget => 5 }] })],
        ['no date', qr/"expires" must be an instant/, to_json({ keys => [
            { %good, expires => 'tomorrow' }] })],
        ['no JSON', qr/keys-bad\.json/, '{"keys": ['],
        ['no list', qr/"keys" must be a list/, '{"keys": {}}'],
        ['empty', qr/keys-bad\.json/, ''],
    ) {
        my ($name, $words, $text) = @$case;
        $t->write_file('keys-bad.json', $text);
        my ($ok, $said) = $t->check("llm_zone z:2m; llm_keys keys-bad.json;");
        ok !$ok, "$name is refused";
        like $said, qr/"llm_keys".*keys-bad\.json/, "$name: which file";
        like $said, $words, "$name: why";
        like $said, qr/check\.conf:\d+/, "$name: where";
        unlike $said, qr/sk-plain-text/, 'without its text';
    }
    for my $case (
        ['no file', 'llm_zone z:2m; llm_keys none.json;', qr/none\.json/],
        ['no zone', 'llm_keys keys.json;', qr/"llm_keys" needs "llm_zone/],
        ['twice', 'llm_zone z:2m; llm_keys keys.json; llm_keys keys.json;',
            qr/duplicate/],
        ['another argument', 'llm_zone z:2m; llm_keys keys.json key=$x;',
            qr/must be credential=/],
        ['no variable', 'llm_zone z:2m; llm_keys keys.json credential=$nope;',
            qr/unknown "nope"/],
    ) {
        my ($name, $conf, $words) = @$case;
        my ($ok, $said) = $t->check($conf);
        ok !$ok, "$name is refused";
        like $said, $words, "$name: why";
    }
};

subtest 'credential= takes a variable' => sub {
    $t->reload($conf =~ s/(llm_keys keys.json);/$1 credential=\$http_x_own;/r);
    my ($r) = asked(chat => 'X-Own' => 'good');
    is $r->status, 200, 'from where it says';
    ($r) = asked(chat => 'X-Own' => 'bad', Authorization => 'Bearer good');
    is $r->status, 401, 'and from there alone';
    ($r) = asked(chat => Authorization => 'Bearer good');
    is $r->status, 401, 'also when it is empty';
    like $r->json->{error}{message}, qr/No API key/, 'which is none';
};

done_testing;
