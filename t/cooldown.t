# llm_cooldown: after how many failures a provider is left alone, and for how
# long; what nginx -t says to it; llm_cache_valid by $llm_task.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
$t->allow(qr/llm: attempt \d+ failed/);
my $key = $t->write_file('key', "sk-ours\n");
chmod 0600, $key;
my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);

# An error inside a 200, by the model that is asked for.
my %error = (
    bad_code   => '"message":"Provider returned error","code":400',
    bad_type   => '"message":"x","type":"BadRequestError","param":null,"code":400',
    bad_prompt => '"message":"x","type":"invalid_request_error","code":null',
    bad_length => '"message":"This model\'s maximum context length is 8192 '
        . 'tokens","type":"BadRequestError","code":400',
    own_fault  => '"message":"x","type":"server_error","code":null',
    own_code   => '"message":"x","code":502',
);
$t->upstream(picky => sub {
    my ($c, $head, $body) = @_;
    my ($model, $at) = $body =~ /"model":"(\w+)-(json|first|late)"/;
    my $error = "{\"error\":{$error{$model}}}";
    my $text  = $error;
    if ($at ne 'json') {
        $text = "data: $error\n\ndata: [DONE]\n\n";
        $text = 'data: {"id":"x","object":"chat.completion.chunk","created":1,'
            . '"model":"m","choices":[{"index":0,"delta":{"content":"Hello"},'
            . '"finish_reason":null}]}' . "\n\n$text" if $at eq 'late';
    }
    print $c "HTTP/1.1 200 OK\r\nContent-Type: ",
        $at eq 'json' ? 'application/json' : 'text/event-stream',
        "\r\nContent-Length: ", length $text,
        "\r\nConnection: close\r\n\r\n$text";
});

sub conf {
    my ($cooldown) = @_;
    my $mock = 'http://127.0.0.1:%%PORT:mock%%';
    return $t->head . <<"END";
    $cooldown
    llm_provider broken { api openai; url $mock/mock/status=500/v1;
        key key; models m; }
    llm_provider lame { api openai; url $mock/mock/status=502/v1;
        key key; models later; }
    llm_provider picky { api openai; url http://127.0.0.1:%%PORT:picky%%/v1;
        key key; models *-json *-first *-late; }
    llm_provider own { api openai; upstream machines; models mine; }
    upstream machines { server 127.0.0.1:%%PORT:mock%%; }
    map \$llm_upstream_model \$where {
        volatile; mine /mock/status=500; default "";
    }
    map \$llm_task \$kept { volatile; code 0s; default 1h; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        llm on;
        location / { include %%DIR%%/llm_proxy.conf; }
        location /own/ {
            llm_fallback two;
            proxy_pass http://machines\$where\$uri;
        }
        location /kept/ {
            llm_cache edge;
            llm_cache_scope "";
            llm_cache_valid \$kept;
            proxy_pass $mock/;
        }
    }
END
}

# How many of the next requests ask the provider before it is left alone.
sub asked_before_rest {
    my ($model, $most) = @_;
    my $asked = 0;
    for (1 .. $most) {
        $t->mock_reset;
        my ($r) = $t->ask('chat', '', model => $model);
        my $count = () = $t->mock_log;
        if ($r->status == 503) {
            is $count, 0, 'nobody is asked while it is left alone';
            is $r->json->{error}{code}, 'upstream_cooldown', 'told so';
            return $asked;
        }
        $asked += $count;
    }
    return $asked;
}

$t->start(conf('llm_cooldown max_fails=2 fail_timeout=400ms max_time=800ms;'));
is asked_before_rest('m', 6), 2, 'two failures, whoever of the workers saw them';
wait_until {
    $t->mock_reset;
    $t->ask('chat', '', model => 'm');
    scalar(() = $t->mock_log);
};
ok scalar(() = $t->mock_log), 'asked again after its time';

$t->reload(conf('llm_cooldown max_fails=1000;'));
is asked_before_rest('later', 8), 8, 'a reload changes the numbers';

# ---- errors inside a 200 ------------------------------------------------------

$t->reload(conf('llm_cooldown max_fails=2 fail_timeout=1m max_time=1m;'));
for my $model (sort keys %error) {
    for my $at ('json', 'first', 'late') {
        my @status = map {
            my ($r) = $t->ask('chat', '', model => "$model-$at",
                $at eq 'json' ? () : (stream => 1));
            $r->status;
        } 1 .. 5;
        is "@status", $model =~ /^bad/ ? '200 200 200 200 200'
            : '200 200 503 503 503',
            "$model, $at: " . ($model =~ /^bad/ ? 'the client has caused it'
            : 'a failure');
    }
}

# ---- llm_cache_valid by $llm_task -------------------------------------------

sub twice {
    my ($text) = @_;
    my $body = to_json({ model => 'x', messages => [
        { role => 'user', content => $text } ] });
    my @status;
    for (1, 2) {
        my $r = $t->post('/kept/v1/chat/completions', $body);
        push @status, $r->header('cache-status') =~ /; hit/ ? 'hit' : 'miss';
    }
    return join ' ', @status;
}
is twice('Write a Python function that sorts a list of dictionaries by a key'
    . ' and add unit tests for it.'), 'miss miss', 'code is not kept';
is twice('What are your opening hours?'), 'miss hit', 'all else is';

# ---- a proxy_pass of the operator's own ---------------------------------------

# Its upstream has a name as a provider, and so a cooldown.
$t->reload(conf('llm_cooldown max_fails=2;'));
$t->mock_reset;
for (1 .. 6) {
    my ($r, $log) = $t->ask('chat', '', in => '/own', model => 'mine');
    is "$log->{status} $log->{served}", '200 two', 'the next rung answers';
}
is scalar(grep { $_->{status} == 500 } $t->mock_log), 2,
    'and after two failures it alone is asked';

# ---- what nginx -t says -----------------------------------------------------

for my $case (
    ['', ''], ['llm_cooldown max_time=1m;', ''],
    ['llm_cooldown fail_timeout=1s max_fails=1000;', ''],
    ['llm_cooldown;', qr/number of arguments/],
    ['llm_cooldown fail_timeout=10s max_time=5s;',
        qr/max_time= is the longest .* shorter than fail_timeout=/],
    ['llm_cooldown max_time=5s;', qr/shorter than fail_timeout=/],
    ['llm_cooldown max_fails=0;', qr/"max_fails=0" is none of/],
    ['llm_cooldown max_fails=1001;', qr/"max_fails=1001" is none of/],
    ['llm_cooldown max_fails=x;', qr/"max_fails=x" is none of/],
    ['llm_cooldown fail_timeout=;', qr/"fail_timeout=" is none of/],
    ['llm_cooldown fail_timeout=0;', qr/"fail_timeout=0" is none of/],
    ['llm_cooldown max_time=25h;', qr/"max_time=25h" is none of/],
    ['llm_cooldown max_time=1s max_time=2s;', qr/"max_time=2s" is none of/],
    ['llm_cooldown fast;', qr/"fast" is none of/],
    ['llm_cooldown "";', qr/"" is none of/],
    ['llm_cooldown max_fails=1; llm_cooldown max_fails=2;', qr/is duplicate/],
) {
    my ($lines, $expected) = @$case;
    my ($ok, $said) = $t->check(conf($lines));
    $expected eq '' ? ok($ok, "good: $lines") || diag($said)
                    : like($said, $expected, "told: $lines");
}

$t->finish;
done_testing;
