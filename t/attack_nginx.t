# The ladder beside what else a location may hold: mirror, bodies in files,
# proxy_request_buffering off, proxy_cache, named locations, clients that wait
# for 100. Nothing of it may mix bytes, answer twice or lose an attempt.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use Digest::MD5 qw(md5_hex);
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(sleep);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

my $map = <<'END';
    map $llm_upstream_model $at {
        volatile;
        "~^[a-z0-9]+!(?<knobs>.*)$"  http://127.0.0.1:%%PORT:mock%%/mock/$knobs$uri;
        dead     http://127.0.0.1:%%PORT:nobody%%$uri;
        default  http://127.0.0.1:%%PORT:mock%%$uri;
    }
    upstream several {
        server 127.0.0.1:%%PORT:nobody%% max_fails=0;
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
        keepalive 8;
    }
    map $llm_upstream_model $path {
        volatile;
        "~^[a-z0-9]+!(?<knobs2>.*)$"  /mock/$knobs2$uri;
        default  $uri;
    }
    proxy_cache_path %%DIR%%/kept keys_zone=kept:1m;
END

sub location {
    my ($name, $lines, %o) = @_;
    my $rungs = $o{rungs} // 'two';
    my $to    = $o{to}    // '$at';
    return <<"END";
        location /$name/ {
            llm on;
            llm_fallback $rungs;
            client_max_body_size 32m;
            $lines
            proxy_pass $to;
        }
END
}

my $cache = 'proxy_cache kept; proxy_cache_methods POST;
    add_header X-Cached $upstream_cache_status always;';
my $more = join '',
    location(mirrored => 'mirror /copy; client_body_buffer_size 8k;'),
    location(copied => 'mirror /copy_mock; client_body_buffer_size 8k;'),
    location(infile => 'client_body_in_file_only on;'),
    location(clean => 'client_body_in_file_only clean;'),
    location(unbuffered => 'proxy_request_buffering off;
        client_body_buffer_size 8k;'),
    location(cached => "$cache proxy_cache_valid any 1m;
        proxy_cache_key \$http_x_key;"),
    location(locked => "$cache proxy_cache_valid 200 1m; proxy_cache_lock on;
        proxy_cache_use_stale error timeout updating http_500 http_429;
        proxy_cache_key \$http_x_key;"),
    location(servers => 'client_body_buffer_size 8k;',
        to => 'http://several$path'),
    location(named => 'error_page 502 = @fallback;', rungs => '$arg_b'),
    location(caught => 'error_page 429 500 = @fallback;
        proxy_intercept_errors on;');
$more .= <<'END';
        location = /copy { internal; llm off;
            client_max_body_size 32m;
            proxy_pass http://127.0.0.1:%%PORT:slow%%/copy; }
        location = /copy_mock { internal; llm off;
            client_max_body_size 32m;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/mock/delay=300/v1/chat/completions; }
        location @fallback { llm off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%; }
END
$t->start($t->head . $map . $t->server('llm on; llm_fallback two;',
    h2 => 'h2', more => $more));

my @STREAM = (stream => 1);

sub asked {
    return map { from_json($_->{body})->{model} } $t->mock_log;
}
sub fresh { $t->mock_reset; return }

# ---- mirror ------------------------------------------------------------------

{
    # The copy is still being sent from the body's file when the first
    # attempt fails and the body is edited for the second.
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $t->port('slow'), ReuseAddr => 1, Listen => 8) or die $!;
    setsockopt $listen, SOL_SOCKET, SO_RCVBUF, 8192;
    my $go  = "$t->{dir}/go";
    my $out = "$t->{dir}/copy.out";
    my $p   = LLM::Process->fork(sub {
        my $c = $listen->accept;
        my ($body, $length) = ('', 0);
        while (defined(my $line = <$c>)) {
            $length = $1 if $line =~ /^content-length:\s*(\d+)/i;
            last if $line eq "\r\n";
        }
        sleep 0.02 until -e $go;
        while (length $body < $length) {
            read($c, $body, $length - length $body, length $body) or last;
        }
        print $c "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        $c->flush;
        open my $f, '>', "$out.new";
        print $f length($body) . ' ' . md5_hex($body);
        close $f;
        rename "$out.new", $out;
        sleep 0.2;
        POSIX::_exit(0);
    });
    push @{ $t->{started} }, $p;
    fresh();
    my $test = $t->next_test;
    my $body = $t->body_of('chat', model => 'one!status=500',
        text => join '', map { "line $_ " } 1 .. 1_000_000);
    my $c = $t->client;
    $c->send(POST => '/mirrored' . $t->path('chat'), body => $body,
        headers => { 'X-Test' => $test });
    # nginx ends a request when its copies have ended.
    ok wait_until { $t->mock_count == 2 }, 'mirror: two attempts';
    # Whoever gets the file's number now would be read instead.
    my @more = map { my $x = $t->client; $x->write('POST '); $x } 1 .. 3;
    open my $f, '>', $go;
    close $f;
    my $r = $c->head;
    $c->finish($r);
    is $r->status, 200, 'mirror: the second attempt answers';
    ok +(wait_until { -e $out } 8), 'mirror: the copy comes to its end';
    is slurp($out), length($body) . ' ' . md5_hex($body),
        'mirror: the copy is the whole body, byte for byte';
    is $t->logged($test)->{status}, 200, 'mirror: logged';
}
for my $text ('short', 'x' x 60_000) {
    fresh();
    my ($r, $log) = $t->ask('chat', '', in => '/copied',
        model => 'one!status=429', text => $text);
    is $r->status, 200, 'mirror: answered';
    is $log->{served}, 'two', 'mirror: by the next rung';
    ok +(wait_until { $t->mock_count == 3 } 5), 'mirror: one copy, two attempts';
}

# ---- bodies ------------------------------------------------------------------

for my $in ('infile', 'clean', 'unbuffered', 'servers') {
    for my $size (10, 30_000, 3_000_000) {
        for my $form ('JSON', 'stream') {
            fresh();
            my ($r, $log, $body) = $t->ask('chat', '', in => "/$in",
                $form eq 'stream' ? @STREAM : (),
                model => 'one!status=500', text => 'z' x $size);
            my $name = "$in, $size, $form";
            is $r->status, 200, $name;
            ok $r->complete, "$name: whole";
            my @saw = $t->mock_log;
            is scalar(@saw), 2, "$name: two attempts";
            like $log->{upstream}, qr/^(?:502, )?500 : (?:502, )?200$/,
                "$name: upstream";
            next if $form eq 'stream';
            my $want = $body =~ s/"one!status=500"/"two"/r;
            $t->client('mock')->request(POST => $t->path('chat'),
                body => $want, close => 1);
            is $saw[1]{body_crc32}, ($t->mock_log)[-1]{body_crc32},
                "$name: the second body";
        }
    }
}
for my $in ('unbuffered', 'infile', 'servers') {
    # In pieces; with Expect.
    fresh();
    my $body = $t->body_of('chat', model => 'one!status=503',
        text => 'q' x 50_000);
    my $r = $t->client->request(POST => "/$in" . $t->path('chat'),
        chunked => [unpack '(a7000)*', $body]);
    is $r->status, 200, "$in: chunked";
    like $r->body, qr/"model":"two"/, "$in: chunked: the next rung";
    is $t->mock_count, 2, "$in: chunked: two attempts";
    fresh();
    my $c = $t->client;
    my $text = LLM::Http->format_request(POST => "/$in" . $t->path('chat'),
        body => $body, headers => { Expect => '100-continue' });
    my ($head, $rest) = $text =~ /^(.*?\r\n\r\n)(.*)$/s;
    $c->write($head);
    sleep 0.05;
    $c->write($rest);
    $r = $c->head;
    $c->finish($r);
    is $r->status, 200, "$in: Expect: 100-continue";
    like $r->body, qr/"model":"two"/, "$in: Expect: the next rung";
    is $t->mock_count, 2, "$in: Expect: two attempts";
}
SKIP: {
    skip 'no curl', 6 unless $t->has_program('curl');
    for my $in ('unbuffered', 'infile', 'servers') {
        my $r = $t->h2(POST => "/$in" . $t->path('chat'), port => 'h2',
            body => $t->body_of('chat', model => 'one!status=503',
                text => 'h' x 200_000));
        is $r->status, 200, "HTTP/2: $in";
        like $r->body, qr/"model":"two"/, "HTTP/2: $in: the next rung";
    }
}

# ---- proxy_cache -------------------------------------------------------------

for my $form ('JSON', 'stream') {
    my @form = $form eq 'stream' ? @STREAM : ();
    fresh();
    my @key = (headers => ['X-Key' => "c$form"], in => '/cached', @form);
    my ($r, $log) = $t->ask('chat', '', @key, model => 'one!status=500');
    is $r->status, 200, "proxy_cache, $form: the next rung";
    is $log->{upstream}, '500 : 200', "proxy_cache, $form: two attempts";
    is $r->header('x-cached'), 'MISS', "proxy_cache, $form: a miss";
    my $first = $r->body;
    ($r, $log) = $t->again;
    is $r->status, 200, "proxy_cache, $form: again";
    is $r->body, $first, "proxy_cache, $form: the same answer";
    is $t->mock_count, 2, "proxy_cache, $form: kept";
    is $r->header('x-cached'), 'HIT', "proxy_cache, $form: a hit";
}
for my $form ('JSON', 'stream') {
    my @form = $form eq 'stream' ? @STREAM : ();
    fresh();
    my @clients = map {
        my $c = $t->client;
        $c->send(POST => '/locked' . $t->path('chat'),
            body => $t->body_of('chat', @form, text => 'same',
                model => 'one!delay=200,status=500'),
            headers => { 'X-Key' => "k$form" });
        $c
    } 1 .. 6;
    for my $c (@clients) {
        my $r = $c->head;
        $c->finish($r);
        is $r->status, 200, "proxy_cache_lock, $form";
        ok $r->complete, "proxy_cache_lock, $form: whole";
        like $r->body, qr/"model":"two"/, "proxy_cache_lock, $form: served";
    }
}

# ---- where else a request may go ---------------------------------------------

{
    fresh();
    my ($r, $log) = $t->ask('chat', '', in => '/named', model => 'dead',
        args => 'b=two');
    is $log->{served}, 'two', 'error_page =@name: the ladder comes first';
    is $t->mock_count, 1, 'error_page =@name: once';
    fresh();
    ($r, $log) = $t->ask('chat', '', in => '/named', model => 'dead',
        args => 'b=dead');
    is $r->status, 200, 'error_page =@name: then the named location';
    ok $r->complete, 'error_page =@name: whole';
    is $t->mock_count, 1, 'error_page =@name: asked once';
    fresh();
    ($r, $log) = $t->ask('chat', '', in => '/named', model => 'one!cut=0',
        args => 'b=dead', @STREAM);
    is $r->status, 200, 'error_page =@name: after two that broke: answered';
    is $log->{upstream}, '502 : 502 : 200', 'error_page =@name: by the third';
    is $t->mock_count, 2, 'error_page =@name: after two that broke';
    fresh();
    ($r, $log) = $t->ask('chat', '', in => '/caught', model => 'one!status=500');
    is $log->{served}, 'two', 'intercepted: the ladder comes first';
    is $t->mock_count, 2, 'intercepted: two attempts';
}
is $t->metric('llm_reservations'), 0, 'nothing is reserved';
$t->finish;
done_testing;
