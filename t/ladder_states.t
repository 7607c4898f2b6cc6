# Who is left alone, and how one learns of it: metrics, llm_status, the alert;
# contexts from the price file; odd waits that a provider asks for; a storm
# through a provider that flaps, with every attempt accounted for.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Time::HiRes qw(sleep time);

my $t = LLM::Edge->new(workers => 2);
$t->mock;
my $key = $t->write_file('key', "sk-ours\n");
chmod 0600, $key;
my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);

my %context = (tiny => 4000, small => 8000, huge => 200_000, plain => 1000,
    flap => 2000);
$t->write_file('prices.json', to_json({ map { ($_ => {
    input_cost_per_token => 1e-6, output_cost_per_token => 1e-6,
    max_input_tokens => $context{$_}, litellm_provider => 'openai',
    mode => 'chat' }) } keys %context }));

$t->upstream(hook => sub {
    my ($c, $head, $body) = @_;
    open my $f, '>>', "$t->{dir}/alerts" or die $!;
    syswrite $f, "$body\n";
    print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
});

my $mock = 'http://127.0.0.1:%%PORT:mock%%';
my $providers = '';
sub provider {
    my ($name, $knobs, $models) = @_;
    my $path = length $knobs ? "/mock/$knobs/v1" : '/v1';
    $providers .= "    llm_provider $name { api openai; url $mock$path; "
        . "key key; models $models; }\n";
    return;
}
provider('denied', 'status=401', 'auth');
provider('spent', 'status=429,quota', 'quota');
provider('long', 'status=400,code=context_length_exceeded', 'small');
provider('good', '', 'huge tiny plain backup backup-*');
my $conf = ($t->head =~ s/"upstream":/"provider":"\$llm_provider",'
    '"state":"\$llm_provider_state","upstream":/r) . $providers . <<'END';
    llm_prices %%DIR%%/prices.json;
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/ events=provider;
    upstream flap {
        server 127.0.0.1:%%PORT:flap%%;
        keepalive 16;
    }
    llm_provider flapping { api openai; upstream flap base=/v1; models flap; }
    llm_provider odd { api openai; url http://127.0.0.1:%%PORT:odd%%/v1;
        models o0 o1 o2 o3 o4 o5 o6 o7 o8; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        llm on;
        client_body_buffer_size 4k;
        client_max_body_size 8m;
        keepalive_requests 100000;
        location / { llm_fallback backup; include %%DIR%%/llm_proxy.conf; }
        location /alone/ { include %%DIR%%/llm_proxy.conf; }
        location /larger/ {
            llm_fallback tiny huge on=off;
            include %%DIR%%/llm_proxy.conf;
        }
        location /paid/ {
            llm_fallback plain;
            llm_budget team key=$http_x_team usd=100/day;
            include %%DIR%%/llm_proxy.conf;
        }
        location = /metrics { llm off; access_log off; llm_metrics; }
        location = /status { llm off; access_log off; llm_status; }
    }
END

# Answers a chat by its model's number: the wait that it asks for.
my @asked = ('-5', '99999999999999999999', 'soon', '1e9', '0', '3.5',
    'Wed, 21 Oct 2099 07:28:00 GMT', 'nan', '');
$t->upstream(odd => sub {
    my ($c, $head, $body) = @_;
    my ($n) = $body =~ /"model":"o(\d)"/;
    my $text = '{"error":{"message":"slow down","type":"rate_limit"}}';
    print $c "HTTP/1.1 429 Too Many Requests\r\nRetry-After: $asked[$n]\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($text) . "\r\nConnection: close\r\n\r\n$text";
});
# Fails three of ten requests, and once thirty in a row, each worker of
# nginx's on kept connections.
{
    my $listen = IO::Socket::INET->new(Listen => 128, ReuseAddr => 1,
        LocalAddr => '127.0.0.1', LocalPort => $t->port('flap')) or die $!;
    my $p = LLM::Process->fork(sub {
        $SIG{CHLD} = 'IGNORE';
        $SIG{PIPE} = 'IGNORE';
        my $serial = 0;
        while (my $c = $listen->accept) {
            $serial++;
            next if fork;
            $c->autoflush(1);
            my $n = 0;
            while (1) {
                my $length = 0;
                my $seen   = 0;
                while (defined(my $line = <$c>)) {
                    $seen = 1;
                    $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
                    last if $line eq "\r\n";
                }
                last unless $seen;
                read $c, my $body, $length if $length;
                my $kind = ($serial * 3 + $n++) % 10;
                # A streak that no run of luck avoids.
                my $asked = -s "$t->{dir}/flaps" // 0;
                $kind = 3 if $asked >= 300 && $asked < 330;
                # One byte a request: appended, so that no two are lost.
                open my $f, '>>', "$t->{dir}/flaps";
                syswrite $f, $kind;
                close $f;
                if ($kind == 7) {
                    last;
                }
                my ($status, $text) = ('200 OK', '{"id":"x","object":'
                    . '"chat.completion","created":1,"model":"flap","choices":'
                    . '[{"index":0,"message":{"role":"assistant","content":'
                    . '"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens"'
                    . ':3,"completion_tokens":1,"total_tokens":4}}');
                ($status, $text) = ('500 Oops', '{"error":{"message":"x"}}')
                    if $kind == 3;
                ($status, $text) = ('200 OK', '{"error":{"message":"x",'
                    . '"type":"server_error"}}') if $kind == 5;
                print $c "HTTP/1.1 $status\r\nContent-Type: application/json"
                    . "\r\nContent-Length: " . length($text) . "\r\n\r\n$text";
            }
            POSIX::_exit(0);
        }
    });
    push @{ $t->{started} }, $p;
    close $listen;
}
$t->start($conf);

sub state_of {
    my ($provider, $model) = @_;
    my @found = grep { $_->{name} eq $provider }
        @{ $t->get('/status')->json->{providers} };
    return $found[0] unless defined $model;
    return (grep { $_->{name} eq $model } @{ $found[0]{models} })[0];
}

# ---- states --------------------------------------------------------------

is state_of('denied')->{state}, 'closed', 'llm_status: all is well';
is state_of('denied')->{retry_ms}, undef, 'llm_status: nothing to wait for';
is $t->metric('llm_provider_state', provider => 'denied', model => 'auth'), 0,
    'metrics: the same';
{
    my ($r, $log) = $t->ask('chat', '', model => 'auth');
    is $r->status, 200, 'case 41: answered';
    is state_of('denied')->{state}, 'open', 'llm_status: left alone';
    cmp_ok state_of('denied')->{retry_ms}, '>', 1000, 'and for how long';
    is state_of('denied', 'auth')->{state}, 'open', 'its model too';
    is $t->metric('llm_provider_state', provider => 'denied'), 4,
        'metrics: the provider and its model, 2 each';
    ok +(wait_until { $t->file('alerts') =~ /\n/ }), 'case 41: an alert';
    my ($alert) = map { from_json($_) } $t->lines('alerts');
    is_deeply [@$alert{qw(event provider reason)}], ['provider', 'denied',
        'auth'], 'case 41: which says who and why';
    unlike $t->file('alerts'), qr/sk-ours|Incorrect|token/i,
        'case 41: and nothing else of it';
    my $before = $t->metric('llm_provider_refused_total');
    ($r, $log) = $t->ask('chat', '', model => 'auth');
    cmp_ok $t->metric('llm_provider_refused_total'), '>', $before,
        'metrics: an attempt that is not made';
    ($r, $log) = $t->ask('chat', '', model => 'auth', in => '/alone');
    is $r->status, 503, 'nobody else has it';
    is "$log->{provider} $log->{state}", ' open', 'nobody is asked, and why';
    ($r, $log) = $t->ask('chat', '', model => 'quota');
    is $log->{served}, 'backup', 'a spent quota: the next rung';
    is state_of('spent')->{state}, 'open', 'a spent quota: left alone';
    is scalar($t->lines('alerts')), 1, 'a second alert is held back';
    is state_of('good', 'backup-*'), undef, 'globs have no state of their own';
}

# ---- contexts ------------------------------------------------------------

for my $size (10, 30_000, 2_000_000) {
    $t->mock_reset;
    my ($r, $log, $body) = $t->ask('chat', '', in => '/larger',
        model => 'small', text => 'c' x $size);
    is $r->status, 200, "context, $size: a larger one, whatever on= says";
    is $log->{served}, 'huge', "context, $size: as the price file knows";
    my @saw = $t->mock_log;
    is scalar(@saw), 2, "context, $size: nobody smaller";
    my $want = $body =~ s/"model":"small"/"model":"huge"/r;
    is $saw[-1]{body_length}, length $want, "context, $size: the whole body";
    $t->client('mock')->request(POST => $t->path('chat'), body => $want,
        close => 1);
    is $saw[-1]{body_crc32}, ($t->mock_log)[-1]{body_crc32},
        "context, $size: byte for byte";
}

# ---- what providers ask for ----------------------------------------------

for my $n (0 .. $#asked) {
    my ($r, $log) = $t->ask('chat', '', model => "o$n");
    is $log->{served}, 'backup', "Retry-After: '$asked[$n]': the next rung";
    my $state = state_of('odd', "o$n");
    my $wait  = $state->{retry_ms} // 0;
    cmp_ok $wait, '<=', 3_600_000, "Retry-After: '$asked[$n]': bounded: $wait";
    my $least = { 2 => 5000, 7 => 5000, 8 => 5000, 5 => 1500,
        6 => 3_000_000 }->{$n} // 0;
    cmp_ok $wait, '>=', $least, "Retry-After: '$asked[$n]': at least $least";
}

# ---- a storm through one that flaps --------------------------------------

{
    my %fds  = map { $_ => scalar(() = glob "/proc/$_/fd/*") } $t->worker_pids;
    my $from = time;
    my $n    = 0;
    my %status;
    my $total = $ENV{LLM_STORM} // 1500;
    my @clients = map { $t->client } 1 .. 8;
    $t->mock_reset;
    my $attempts = sub { $t->metric('llm_upstream_attempts_total', @_) };
    my @before = ($attempts->(provider => 'flapping'),
        $attempts->(provider => 'good'));
    my %memory;
    while ($n < $total) {
        for my $c (@clients) {
            $c->send(POST => '/paid/v1/chat/completions',
                body => $t->body_of('chat', model => 'flap', max_tokens => 9),
                headers => { 'X-Team' => 'storm' });
            $n++;
        }
        for my $c (@clients) {
            my $r = $c->head;
            $c->finish($r);
            $status{ $r->status . ($r->complete ? '' : ' cut') }++;
        }
        if ($n == 400) {
            %memory = map { $_ => $t->memory_of($_) } $t->worker_pids;
        }
    }
    is join(' ', map { "$_:$status{$_}" } sort keys %status), "200:$n",
        "case 42: $n requests, each one clean answer";
    my $flaps = length $t->file('flaps');
    cmp_ok $flaps, '<', $n, "the flapping one is left alone at times: $flaps";
    cmp_ok $flaps, '>', 0, 'and asked at times';
    # A kept connection that is closed under a request: nginx asks again.
    my $sevens = () = $t->file('flaps') =~ /7/g;
    my $made   = $attempts->(provider => 'flapping') - $before[0];
    cmp_ok $made, '<=', $flaps, 'no attempt is counted twice';
    cmp_ok $made, '>=', $flaps - $sevens, 'nor is one lost';
    is $attempts->(provider => 'good') - $before[1], $t->mock_count,
        "the other one's are what its log says";
    my $failed = () = $t->file('flaps') =~ /[35]/g;
    is $attempts->(provider => 'flapping', outcome => 'server')
        + $attempts->(provider => 'flapping', outcome => 'error_in_200'),
        $failed, 'failures by their kind';
    is $t->metric('llm_reservations'), 0, 'nothing stays reserved';
    $_->close for @clients;
    ok +(wait_until {
        my $more = 0;
        $more += (() = glob "/proc/$_/fd/*") - $fds{$_} for keys %fds;
        $more <= 40;
    }), 'no descriptor is left but those of kept connections';
    for my $pid ($ENV{LLM_SANITIZED} ? () : keys %memory) {
        cmp_ok $t->memory_of($pid) - $memory{$pid}, '<', 4 << 20,
            "worker $pid: memory is flat";
    }
    diag sprintf '%d requests in %.1f s, %d at the flapping one', $n,
        time - $from, $flaps;
}

# ---- a worker killed, a reload, while a rung is tried ---------------------

{
    $t->mock_reset;
    $t->client('mock')->request(POST => '/mock/knobs', body => 'delay=1500',
        close => 1);
    my @clients = map {
        my $c = $t->client;
        $c->send(POST => '/paid/v1/chat/completions',
            body => $t->body_of('chat', model => 'small', max_tokens => 9),
            headers => { 'X-Team' => 'killed' });
        $c
    } 1 .. 6;
    ok +(wait_until { $t->metric('llm_reservations') == 6 }),
        'six are on their way';
    ok $t->kill_worker, 'a worker is killed';
    ok $t->kill_worker(($t->worker_pids)[0]), 'and another one';
    ok +(wait_until { $t->metric('llm_reservations') == 0 } 10),
        'what was reserved comes back';
    is state_of('denied')->{state} =~ /^(?:open|half_open)$/ ? 1 : 0, 1,
        'the cooldown is remembered';
    $t->client('mock')->request(POST => '/mock/knobs', body => 'delay=0',
        close => 1);
    $t->mock_reset;
    ok $t->reload($conf), 'a reload';
    like state_of('spent')->{state}, qr/open/, 'remembers it too';
    my ($r) = $t->ask('chat', '', model => 'auth');
    is $r->status, 200, 'and all goes on';
}
$t->finish;
done_testing;
