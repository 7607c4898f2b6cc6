# Nothing goes unmetered, or for less than it takes, through a location where
# a budget stands: whatever can be read as a prompt is counted or refused.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 1);
$t->mock;

# A token of either kind is a thousandth of a dollar.
$t->write_file('prices.json' => to_json({ map { $_ => {
    input_cost_per_token => 1e-3, output_cost_per_token => 1e-3 } }
    qw(m small text) }));
$t->write_file('short.txt', "Be brief.\n");
$t->write_file('long.txt', 'word ' x 800);
my $key = 'key=$http_x_key';
$t->start(($t->head =~ s/"test":/"state":"\$llm_budget_state","left":"\$llm_budget_remaining","cost":"\$llm_cost_usd","limit":"\$llm_limit","saved":"\$llm_saved_usd","test":/r)
    . 'llm on; llm_prices prices.json;'
    . 'map $llm_budget_state $narrow { volatile; soft $http_x_key;'
    . ' hard $http_x_key; default ""; }'
    . $t->server("llm_budget plain $key usd=100/month;"
        . ' client_max_body_size 8m; client_body_buffer_size 16k;',
        h2 => 'h2', more => <<"CONF"));
        location /open/v1/ {
            llm_passthrough on;
            llm_budget plain $key usd=100/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /other/v1/ {
            llm_passthrough on;
            llm_api anthropic;
            llm_budget plain $key usd=100/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /file/v1/ {
            client_body_in_file_only clean;
            client_max_body_size 8m;
            llm_budget plain $key usd=100/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /sent/v1/ {
            llm_budget first $key usd=0.1/month;
            error_page 400 429 = \@sent;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location \@sent {
            rewrite ^/sent(/.*)\$ \$1 break;
            llm_model small;
            llm_budget second $key usd=0.19/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /round/v1/ {
            try_files /nothing \@round;
        }
        location \@round {
            rewrite ^/round(/.*)\$ \$1 break;
            llm_budget round $key usd=1/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /short/v1/ {
            llm_system replace short.txt;
            llm_budget plain $key usd=100/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /long/v1/ {
            llm_system prepend long.txt;
            llm_budget plain $key usd=100/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /strict/v1/ {
            llm_budget strict $key usd=0.1/month soft=50%;
            llm_limit narrow key=\$narrow requests=1/h;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
CONF

my $count = 0;
sub someone { 'k' . ++$count }

sub one {
    my ($in, $key, $knobs, %o) = @_;
    my $api = delete $o{api} // 'chat';
    return $t->send_body($api, $t->body_of($api, max_tokens => 50, %o),
        $knobs, in => $in, headers => ['X-Key' => $key]);
}

# What reached the upstream, and a request to any location.
sub reached {
    my ($method, $uri, %o) = @_;
    my $before = $t->mock_count;
    my $r = $t->client->request($method => $uri, %o, close => 1);
    return ($r->status, $t->mock_count - $before);
}

subtest 'what cannot be read is refused, llm_passthrough or not' => sub {
    my $body = $t->body_of('chat');
    my $path = $t->path('chat');
    for my $in ('', '/open') {
        for my $case (
            ['text', 415, 'Content-Type' => 'text/plain'],
            ['a form', 415, 'Content-Type' => 'multipart/form-data; boundary=x'],
            ['two types', 415, 'Content-Type' => 'application/json',
                'Content-Type' => 'text/plain'],
            ['another charset', 415,
                'Content-Type' => 'application/json; charset=utf-16'],
            ['gzip', 415, 'Content-Type' => 'application/json',
                'Content-Encoding' => 'gzip'],
            ['two encodings', 415, 'Content-Type' => 'application/json',
                'Content-Encoding' => 'identity', 'Content-Encoding' => 'br'],
        ) {
            my ($name, $status, @headers) = @$case;
            is_deeply [reached(POST => "$in$path", body => $body,
                headers => \@headers)], [$status, 0], "$name$in";
        }
    }
    is_deeply [reached(POST => "/other$path", body => $body)], [404, 0],
        'a protocol that is not spoken here';
    for my $method (qw(GET HEAD PUT DELETE OPTIONS PATCH)) {
        is_deeply [reached($method => $path)], [404, 0], $method;
    }
    is_deeply [reached(GET => $path, headers => [Upgrade => 'websocket',
        Connection => 'Upgrade'])], [404, 0], 'WebSocket';
    for my $alike ("$path/", uc $path, '/V1/Chat/Completions//', "$path%0a",
        "$path%20", "$path;a=b", "/v1;x/chat;y/completions/;z", "$path%09/",
        "$path%0d%0a") {
        is_deeply [reached(POST => "/open$alike", body => $body)], [404, 0],
            "as a lenient upstream reads it: $alike";
    }
    my $answers = 'gen_ai_server_request_duration_seconds_count';
    my $before  = $t->metric($answers);
    is_deeply [reached(GET => '/open/v1/models')], [200, 1],
        'llm_passthrough: other traffic passes';
    is $t->metric($answers) - $before, 0, 'and is no answer of a model';
};

subtest 'where memory has run out nothing passes unmetered' => sub {
    plan skip_all => 'a sanitizer ends a program that has no memory'
        if $ENV{LLM_SANITIZED};
    my $limit = sub {
        my ($more) = @_;
        for my $worker ($t->worker_pids) {
            open my $in, '<', "/proc/$worker/status" or die "status: $!";
            my ($kib) = join('', <$in>) =~ /^VmSize:\s+(\d+)/m;
            my $bytes = $more ? ($kib << 10) + $more : 'unlimited';
            system(prlimit => "--pid=$worker", "--as=$bytes:") == 0
                or die "prlimit: $?";
        }
    };
    $t->allow(qr/malloc\(\d+\) failed/);
    my @big = (POST => '/file' . $t->path('chat'),
        body => $t->body_of('chat', text => 'x' x 7_000_000));
    $limit->(4 << 20);
    is_deeply [reached(@big)], [500, 0], 'with a budget: refused';
    $limit->(0);
    is_deeply [reached(@big)], [200, 1], 'and served when there is some';
    like $t->log, qr/\[error\].*llm: unexpected failure/, 'and logged';
};

subtest 'however it comes it is charged' => sub {
    my $charged = sub { sprintf '%.3f', 100 - $_[0]{left} };
    my $k = someone;
    my (undef, $log) = one('', $k, 'prompt=30,completion=12');
    is $charged->($log), '0.042', 'plainly';
    (undef, $log) = one('/file', $k, 'prompt=30,completion=12');
    is $charged->($log), '0.084', 'from a file';
    (undef, $log) = one('', $k, 'prompt=30,completion=12', text => 'x' x 3e5);
    is $charged->($log), '0.126', 'a prompt that lies in a file';
    my $body = $t->body_of('chat', max_tokens => 50);
    my $r = $t->h2(POST => $t->path('chat'), port => 'h2', body => $body,
        headers => ['X-Key' => $k, 'X-Test' => 'two',
            'X-Mock' => 'prompt=30,completion=12']);
    is $r->status, 200, 'HTTP/2';
    is $charged->($t->logged('two')), '0.168', 'is charged';
    my $c = $t->client;
    $c->write('POST ' . $t->path('chat') . " HTTP/1.1\r\nHost: x\r\n"
        . "X-Key: $k\r\nX-Test: chunked\r\nConnection: close\r\n"
        . "X-Mock: prompt=30,completion=12\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . join('', map { sprintf "%x\r\n%s\r\n", length, $_ }
            $body =~ /(.{1,7})/gs) . "0\r\n\r\n");
    is $c->read->status, 200, 'chunked, without a type';
    is $charged->($t->logged('chunked')), '0.210', 'is charged';
    for my $usage (qw(none negative string null huge)) {
        $k = someone;
        for my $stream (0, 1) {
            (undef, $log) = one('', $k, "usage=$usage,size=400",
                stream => $stream);
        }
        cmp_ok $charged->($log), '>=', 0.1,
            "usage that is $usage costs what was said";
    }
    is $t->metric('llm_reservations'), 0, 'nothing is held';
};

subtest 'as much is held as may be taken' => sub {
    my $held = sub {
        my ($api, %more) = @_;
        my $k = someone;
        my $c = $t->client;
        $c->send(POST => $t->path($api), body => $t->body_of($api, %more),
            headers => ['X-Key' => $k, 'X-Test' => "h$k",
                'X-Mock' => 'delay=3000']);
        my $seen = wait_until { $t->metric('llm_reservations') == 1 };
        # Another of the same key sees what is left.
        (undef, my $log) = one('', $k, 'prompt=0,completion=0',
            max_tokens => 1);
        $c->reset;
        $t->logged("h$k");
        return $seen ? sprintf '%.0f', (100 - $log->{left}) * 1000 : 'nothing';
    };
    my $near = sub {
        my ($got, $wanted, $name) = @_;
        ok $got >= $wanted && $got < $wanted + 40, "$name: $got";
    };
    $near->($held->(chat => (max_tokens => 500)), 500, 'max_tokens');
    $near->($held->(chat => (max_tokens => 500, n => 3)), 1500, 'n');
    $near->($held->(chat => (max_tokens => 1, max_completion_tokens => 500)),
        500, 'the larger of two maxima');
    $near->($held->(chat => (max_tokens => -1)), 4096,
        'a negative maximum is none');
    $near->($held->(completions => (max_tokens => 500, best_of => 4)), 2000,
        'best_of');
    $near->($held->(responses => (max_output_tokens => 500)), 500,
        'max_output_tokens');
};

subtest 'who leaves before the first byte' => sub {
    for my $stream (0, 1) {
        my $k = someone;
        my $c = $t->client;
        $c->send(POST => $t->path('chat'), body => $t->body_of('chat',
                max_tokens => 900, stream => $stream, model => 'small',
                text => 'word ' x 800),
            headers => ['X-Key' => $k, 'X-Test' => "l$k",
                'X-Mock' => 'delay=5000']);
        my $seen = wait_until { $t->metric('llm_reservations') == 1 };
        ok $seen, 'held';
        $c->reset;
        my $log = $t->logged("l$k");
        cmp_ok $log->{cost}, '>', 0.5, "case 50: pays the prompt: $log->{cost}";
        cmp_ok $log->{cost}, '<', 1.5, 'and not what was held';
    }
};

subtest 'sent on by error_page and try_files' => sub {
    my $k = someone;
    my @spent = (max_tokens => 90, text => 'a');
    my ($r, $log) = one('/sent', $k, 'prompt=0,completion=90', @spent);
    is $r->status, 200, 'the first budget';
    is $log->{left}, '0.010000000', 'pays';
    for my $left ('0.100000000', '0.010000000') {
        ($r, $log) = one('/sent', $k, 'prompt=0,completion=90', @spent,
            text => $left);
        is $r->status, 200, 'where it is gone the next one';
        is $log->{left}, $left, 'pays';
        is $log->{served}, 'small', 'for its own model';
    }
    my $before = $t->mock_count;
    ($r, $log) = one('/sent', $k, 'prompt=0,completion=90', @spent);
    is $r->status, 429, 'until it is gone too';
    is $log->{limit}, 'second', 'by its name';
    ($r) = $t->send_body(chat => '{"model": "m", "messages": 5}', '',
        in => '/sent', headers => ['X-Key' => $k]);
    is $r->status, 400, 'what cannot be read is not asked elsewhere';
    is $t->mock_count, $before, 'nothing went upstream';
    is $t->metric('llm_reservations'), 0, 'nothing is held';

    ($r) = one('/round', $k, '');
    is $r->status, 500, 'from a location without limits to one with them';
    is $t->mock_count, $before, 'nothing passes';
    like $t->log, qr/limits stand in a location that the request came to/,
        'and the log says why';
    $t->allow(qr/limits stand in a location/);
};

subtest 'stricter at the soft line' => sub {
    my $k = someone;
    my @ask = ('/strict', $k, 'prompt=0,completion=15');
    my @all = map { [one(@ask, max_tokens => 15, text => $_)] } 'a' .. 'f';
    is join(' ', map { $_->[1]{state} } @all[0 .. 3]), 'ok ok ok soft',
        'four to beyond the line';
    is join(' ', map { $_->[0]->status } @all), '200 200 200 200 200 429',
        'then one an hour';
    is $all[5][1]{limit}, 'narrow', 'by the limit that is for that';
};

subtest 'the operator\'s texts' => sub {
    my @ask = (model => 'text', max_tokens => 16);
    my ($r, $log) = one('/long', someone, 'prompt=1100,completion=1', @ask);
    is $r->status, 200, 'a long one';
    cmp_ok $log->{saved}, '<', -0.5, "costs: $log->{saved}";
    is $t->metric('llm_saved_usd_total', kind => 'edit'), 0, 'saves nothing';
    my $k = someone;
    my $body = to_json({ model => 'text', max_tokens => 99_000, messages => [
        { role => 'system', content => 'word ' x 8000 },
        { role => 'user', content => 'hi' }] });
    ($r, $log) = $t->send_body(chat => $body, 'prompt=20,completion=1',
        in => '/short', headers => ['X-Key' => $k]);
    is $r->status, 200, 'one in the place of a longer one';
    cmp_ok $log->{saved}, '>', 5, "saves: $log->{saved}";
    my $metric = $t->metric('llm_saved_usd_total', kind => 'edit');
    ok abs($metric - $log->{saved}) < 1e-6, 'and is told by its kind';
    is $log->{cost}, '0.021000000', 'at what it cost';
    my $asked = from_json(($t->mock_log)[-1]{body});
    is $asked->{messages}[0]{content}, 'Be brief.', 'it went upstream';
    is $asked->{max_tokens}, 99_000,
        'and what it replaced took no money from the answer';
};

done_testing;
