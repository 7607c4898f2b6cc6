# llm_alert: what is sent, how it is signed, what a bad receiver costs.

use lib 't/lib';
use LLM::Test;
use LLM::Mmdb;

use Digest::SHA qw(hmac_sha256_hex);
use Time::HiRes qw(sleep time);

my $secret = 'correct horse battery';

# Every request the receiver gets goes into a file of its own; `answer` says
# what it answers.
sub receiver {
    my ($t, $name, $answer) = @_;
    my $dir = $t->dir . "/$name";
    mkdir $dir;
    $t->upstream($name => sub {
        my ($c, $head, $body) = @_;
        return if $body eq '';    # the connection was given up
        my $file = sprintf '%s/%.6f-%d', $dir, time, $$;
        open my $f, '>:raw', "$file.part" or die $!;
        print $f $head, $body;
        close $f;
        rename "$file.part", $file;
        print $c $answer->($head, $body);
    });
    return $t;
}

sub received {
    my ($t, $name) = @_;
    return map {
        my ($head, $body) = split /\r\n\r\n/, slurp($_), 2;
        { head => $head, body => $body, %{ from_json($body) } }
    } grep { !/\.part$/ } sort glob $t->dir . "/$name/*";
}

sub fine { "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n" }
sub status {
    "HTTP/1.1 $_[0] X\r\nContent-Length: 0\r\nConnection: close\r\n"
        . ($_[1] // '') . "\r\n";
}

sub server {
    return <<'END';
    llm_zone z:8m;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location = /metrics { llm_metrics; }
        location = /test { llm_alert_test; }
        location / { return 200 "ok\n"; }
    }
END
}

sub total {
    my ($t, %labels) = @_;
    my $sum = 0;
    for my $line (split /\n/, $t->get('/metrics')->body) {
        my ($inside, $value) = $line =~ /^llm_alerts_total\{(.*)\} (\d+)/
            or next;
        my $fits = 1;
        $fits &&= $inside =~ /\b$_="\Q$labels{$_}\E"/ for keys %labels;
        $sum += $value if $fits;
    }
    return $sum;
}

sub header {
    my ($request, $name) = @_;
    return $request->{head} =~ /^\Q$name\E: (.*?)\r?$/mi ? $1 : undef;
}

# ---- what arrives -------------------------------------------------------

{
    my $t = LLM::Test->new(workers => 2);
    receiver($t, hook => \&fine);
    $t->write_file(key => "$secret\n");
    my $conf = 'llm_alert url=http://127.0.0.1:%%PORT:hook%%/path/token?x=y '
        . 'secret=./key events=start,soft;' . "\n" . server();
    $t->start($conf);
    ok((wait_until { received($t, 'hook') == 1 }), 'one alert for the start');
    my ($start) = received($t, 'hook');
    is $start->{event}, 'start', 'of this event';
    is $start->{workers}, 2, 'with its fields';
    like $start->{time}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'its time';
    like $start->{id}, qr/^[0-9a-f]{32}$/, 'an id';
    ok length $start->{host}, 'the host';
    like $start->{head}, qr{^POST /path/token\?x=y HTTP/1\.1\r\n}, 'POST';
    is header($start, 'Content-Type'), 'application/json', 'JSON';
    is header($start, 'Expect'), undef, 'nobody waits for 100 Continue';
    my $time = header($start, 'X-LLM-Timestamp');
    ok abs($time - time) < 10, 'signed now';
    is header($start, 'X-LLM-Signature'),
        'sha256=' . hmac_sha256_hex("$time.$start->{body}", $secret),
        'the signature is that of time and body';
    is header($start, 'X-Hub-Signature-256'),
        'sha256=' . hmac_sha256_hex($start->{body}, $secret),
        'and one of the body alone';

    is $t->get('/test')->status, 405, 'llm_alert_test wants a POST';
    is $t->post('/test', 'whatever')->status, 202, 'a test alert';
    ok((wait_until { received($t, 'hook') == 2 }), 'arrives');
    is +(received($t, 'hook'))[1]{event}, 'test', 'as such';
    isnt +(received($t, 'hook'))[1]{id}, $start->{id}, 'by another id';
    ok((wait_until { total($t, event => 'test', result => 'sent') == 1 }),
        'counted as sent');
    is total($t, event => 'start', result => 'sent'), 1, 'the start too';
    is total($t, event => 'start', result => 'suppressed'), 1,
        'the other worker held its own back';

    ok $t->kill_worker, 'a killed worker';
    ok((wait_until { total($t, event => 'start', result => 'suppressed') == 2 }),
        'has a successor that holds its own back, too');
    is scalar(received($t, 'hook')), 2, 'is no start within the minute';
    ok $t->reload, 'a reload';
    ok((wait_until { received($t, 'hook') == 3 }), 'is one');

    # Many at once, to one endpoint, in order and each once.
    is $t->post('/test', 'x')->status, 202, 'another' for 1 .. 30;
    ok((wait_until { received($t, 'hook') == 33 } 10), 'all arrive');
    my %ids = map { $_->{id} => 1 } received($t, 'hook');
    is keys %ids, 33, 'each once';
    my $log = $t->log;
    ok index($log, $secret) < 0, 'the secret is not in the log';
    ok index($log, 'token') < 0, 'nor the path';
}

# ---- fault case 80: bad receivers ---------------------------------------

# Without a zone, without a secret, a receiver nobody is behind.
{
    my $t = LLM::Test->new(workers => 1);
    $t->start(<<'END' . server() =~ s/.*llm_zone.*\n//r);
    llm_alert url=http://127.0.0.1:%%PORT:dead%%/hook/token;
END
    is $t->post('/test', 'x')->status, 202, 'a dead receiver' for 1 .. 3;
    ok((wait_until { $t->log =~ /llm_alert: .*does not take alerts/ }),
        'is named in the log');
    is $t->get('/')->status, 200, 'requests go on';
    my $lines = () = $t->log =~ /does not take alerts/g;
    is $lines, 1, 'once';
    like $t->log, qr/127\.0\.0\.1:\d+ does not take alerts: .*connect/i,
        'with host and reason';
    unlike $t->log, qr/token/, 'without the path';
    my $began = time;
    ok $t->stop, 'nginx ends';
    ok time - $began < 3, 'at once';
}

# Statuses: 500 is tried again with the same bytes, a redirect is not
# followed and not tried again.
{
    my $t = LLM::Test->new(workers => 1);
    my $dir = $t->dir;
    receiver($t, hook => sub {
        my @seen = glob "$dir/hook/*";
        return @seen < 2 ? status(500) : fine();
    });
    receiver($t, moved => sub {
        return status(307, 'Location: http://127.0.0.1:' . $t->port('end')
            . "/latest/meta-data\r\n");
    });
    receiver($t, end => \&fine);
    $t->start(<<"END" . server());
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/ "secret=$secret";
    llm_alert url=http://127.0.0.1:%%PORT:moved%%/ "secret=$secret";
END
    is $t->post('/test', 'x')->status, 202, 'asked';
    ok((wait_until { received($t, 'hook') == 2 } 8), '500 is tried again');
    my @tries = received($t, 'hook');
    is $tries[0]{body}, $tries[1]{body}, 'with the same body';
    my @times = map { header($_, 'X-LLM-Timestamp') } @tries;
    ok $times[0] < $times[1], 'at a later time';
    is header($tries[1], 'X-LLM-Signature'),
        'sha256=' . hmac_sha256_hex("$times[1].$tries[1]{body}", $secret),
        'signed anew';
    ok((wait_until { total($t, result => 'sent') == 1 }), 'sent');
    ok((wait_until { $t->log =~ /takes alerts again/ }), 'and said so');
    is scalar(received($t, 'moved')), 1, 'a redirect is not tried again';
    is scalar(received($t, 'end')), 0, 'nor followed';
    is total($t, result => 'failed'), 1, 'but counted as failed';
    like $t->log, qr/does not take alerts: status 307/, 'and named';
}

# A slow receiver: the queue is bounded, what is too much is dropped, no
# request waits, and a worker that ends does not wait for the queue.
{
    my $t = LLM::Test->new(workers => 1);
    receiver($t, hook => sub { sleep 0.4; return fine() });
    $t->start(<<'END' . server());
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/ timeout=1s;
END
    my ($worst, $c) = (0, $t->client);
    for (1 .. 100) {
        my $began = time;
        $c->request(POST => '/test', body => 'x');
        $worst = time - $began if time - $began > $worst;
    }
    ok $worst < 0.3, "no request waits ($worst s)";
    my $dropped = total($t, result => 'dropped');
    ok $dropped >= 34 && $dropped <= 36, "$dropped of 100 dropped";
    my $began = time;
    ok $t->reload, 'a reload with a full queue';
    ok $t->drained(10), 'the old worker ends';
    ok time - $began < 5, 'in bounded time';
    is total($t, result => 'dropped') + total($t, result => 'sent')
        + total($t, result => 'failed'), 100, 'every alert is counted once';
}

# A receiver that accepts and says nothing.
{
    my $t = LLM::Test->new(workers => 1);
    receiver($t, hook => sub { sleep 20; return '' });
    $t->start(<<'END' . server());
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/ timeout=300ms;
END
    $t->post('/test', 'x');
    ok((wait_until { $t->log =~ /does not take alerts: timed out/ }),
        'its time is up');
    is $t->get('/')->status, 200, 'requests go on';
    $t->post('/test', 'x') for 1 .. 3;
    my $began = time;
    ok $t->stop, 'nginx ends';
    ok time - $began < 3, 'at once';
}

# An answer without end.
{
    my $t = LLM::Test->new(workers => 1);
    receiver($t, hook => sub {
        return "HTTP/1.1 200 OK\r\n\r\n" . 'x' x 200_000;
    });
    $t->start(<<'END' . server());
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/;
END
    $t->post('/test', 'x');
    ok((wait_until { $t->log =~ /the answer is larger than 65536 bytes/ }),
        'a large answer is not read to its end');
}

# A name that does not resolve, a receiver that speaks no TLS.
{
    my $t = LLM::Test->new(workers => 1);
    $t->start(<<'END' . server());
    llm_alert url=http://nobody.invalid/hook;
    llm_alert url=https://127.0.0.1:%%PORT:http%%/;
END
    $t->post('/test', 'x');
    ok((wait_until { (() = $t->log =~ /does not take alerts/g) == 2 } 12),
        'both fail');
    like $t->log, qr/nobody\.invalid:80 does not take .*resolve/i, 'by name';
    like $t->log, qr/127\.0\.0\.1:\d+ does not take alerts: .*SSL/i, 'by TLS';
}

# ---- connections ----------------------------------------------------------

# One is used again as long as it lives, and one that has died meanwhile
# loses nothing. Also with one process alone.
for my $main ('', 'master_process off;') {
    my $t = LLM::Test->new(workers => 1, main => $main);
    my $conf = <<'END' . server();
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/;
    log_format hook "$connection";
    keepalive_timeout 2s;
    server {
        listen 127.0.0.1:%%PORT:hook%%;
        access_log %%DIR%%/hook.log hook;
        location / { return 204; }
    }
END
    if ($main) {
        $t->{workers} = 0;
        $t->start('', whole => $t->configuration($conf)
            =~ s/worker_processes 0/worker_processes 1/r);
        wait_until { eval { $t->get('/') } };
    } else {
        $t->start($conf);
    }
    for my $round (1, 2) {
        my $before = $t->lines('hook.log');
        for my $i (1 .. 5) {
            $t->post('/test', 'x');
            wait_until { $t->lines('hook.log') == $before + $i };
        }
        my @lines = $t->lines('hook.log');
        my %connections = map { $_ => 1 } @lines[$before .. $#lines];
        is scalar(@lines), $before + 5, "round $round: each arrives once";
        is keys %connections, 1, 'over one connection';
        sleep 2.3 if $round == 1;
    }
}

# TERM does not wait for anybody, nor leave anything open.
{
    my $t = LLM::Test->new(workers => 1);
    receiver($t, hook => sub { sleep 20; return '' });
    $t->start(<<'END' . server());
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/ timeout=30s;
END
    $t->post('/test', 'x') for 1 .. 3;
    ok((wait_until { received($t, 'hook') == 1 }), 'one is on its way');
    my $began = time;
    ok $t->stop('TERM'), 'TERM ends nginx';
    ok time - $began < 3, 'at once';
}

# Without a free connection an alert waits for its next turn.
{
    my $t = LLM::Test->new(workers => 1);
    $t->allow(qr/worker_connections are not enough/);
    receiver($t, hook => sub { sleep 0.3; return fine() });
    my $conf = join('', map { <<"END" } 1 .. 4) . server();
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/$_;
END
    $t->start('', whole => $t->configuration($conf)
        =~ s/worker_connections \d+/worker_connections 5/r);
    $t->post('/test', 'x');
    ok((wait_until { received($t, 'hook') == 4 } 10), 'all arrive');
    like $t->log, qr/take alerts: worker_connections are not enough/,
        'though there was no room for all';
}

# ---- what happens to files --------------------------------------------------

{
    my $t = LLM::Test->new(workers => 2);
    receiver($t, hook => \&fine);
    $t->write_file('country.mmdb', country_base('192.0.2.0/24' => 'DE/EU'));
    $t->start(<<'END' . server());
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/ events=file_failed;
    llm_geoip country.mmdb;
END
    $t->write_file('country.mmdb', 'x');
    ok((wait_until { received($t, 'hook') } 8), 'a bad file is told');
    ok((wait_until {
        total($t, event => 'file_failed', result => 'suppressed') == 1
    } 8), 'and by the other worker, too, which holds it back');
    my @all = received($t, 'hook');
    is scalar(@all), 1, 'once over all workers';
    is $all[0]{event}, 'file_failed', 'by its event';
    is $all[0]{file}, 'geoip', 'by name';
    like $all[0]{path}, qr/country\.mmdb$/, 'with its path';
    like $all[0]{reason}, qr/not a whole MaxMind DB/, 'with the reason';
}

# ---- TLS ------------------------------------------------------------------

SKIP: {
    my $t = LLM::Test->new(workers => 1);
    my $dir = $t->dir;
    skip 'there is no openssl', 1 if !$t->has_program('openssl');
    my ($status, $said) = $t->command(qw(openssl req -x509 -newkey rsa:2048
        -nodes -days 2 -subj /CN=127.0.0.1 -addext
        subjectAltName=IP:127.0.0.1 -keyout), "$dir/tls.key", '-out',
        "$dir/tls.crt");
    is $status, 0, 'a certificate of our own' or diag $said;
    $t->start(<<'END' . server());
    llm_alert url=https://127.0.0.1:%%PORT:tls%%/known ca=tls.crt;
    llm_alert url=https://127.0.0.1:%%PORT:tls%%/unknown;
    log_format hook "$request";
    server {
        listen 127.0.0.1:%%PORT:tls%% ssl;
        ssl_certificate     tls.crt;
        ssl_certificate_key tls.key;
        access_log %%DIR%%/hook.log hook;
        location / { return 200; }
    }
END
    $t->post('/test', 'x');
    ok((wait_until { $t->lines('hook.log') }), 'arrives');
    ok((wait_until { $t->log =~ /does not take alerts: .*certificate/i }),
        'who is not known is not told');
    is join('', $t->lines('hook.log')), 'POST /known HTTP/1.1',
        'certificates are verified';
}

# ---- nginx -t ---------------------------------------------------------------

{
    my $t = LLM::Test->new(workers => 1);
    $t->allow(qr/./);
    $t->write_file(short => "abc\n");
    $t->write_file(empty => "\n");
    $t->write_file(good  => "good enough\n");
    my $refused = sub {
        my ($lines, $words, $http) = @_;
        my ($ok, $said) = $t->check("$lines\n" . ($http // server()));
        is $ok, 0, "refused: $lines";
        like $said, $words, 'with words that help';
        like $said, qr/check\.conf:\d+/, 'and the place';
        unlike $said, qr/token/, 'and without what may be secret';
    };
    my $url = 'url=http://h/token';
    $refused->("llm_alert $_->[0];", $_->[1]) for (
        ['events=soft',              qr/"llm_alert": url= is missing/],
        ['url=ftp://h/token',        qr/url= is wrong: neither http/],
        ['url=h/token',              qr/url= is wrong/],
        ['url=http://u:token@h/',    qr/url= is wrong: a user or a password/],
        ['url=http://h/#token',      qr/url= is wrong: a fragment/],
        ['"url=http://h/to ken"',    qr/url= is wrong: white space/],
        ["$url $url",                qr/url= stands twice/],
        ["$url events=soft,hart",    qr/there is no event "hart", only start/],
        ["$url events=",             qr/there is no event ""/],
        ["$url events=test",         qr/there is no event "test"/],
        ["$url timeout=99ms",        qr/timeout=99ms is not between/],
        ["$url timeout=2m",          qr/timeout=2m is not between/],
        ["$url timeout=x",           qr/timeout=x is not between/],
        ["$url secret=short",        qr/secret= names a file/],
        ["$url secret=./empty",      qr/secret= must have 1 to 4096 bytes/],
        ["$url secret=./none",       qr/secret=: .*none: No such file/],
        ["$url secret=",             qr/secret= must have 1 to 4096/],
        ["$url ca=none",             qr/ca=: .*none: No such file/],
        ["$url ca=good",             qr/ca=".*good" holds no certificate/],
        ["$url retries=token",       qr/unknown parameter "retries"/],
    ) ;
    $refused->('', qr/"llm_alert_test" needs an "llm_alert url=/);
    $refused->("llm_alert $url;",
        qr/"llm_alert" directive is not allowed here/,
        "server { listen 127.0.0.1:%%PORT:http%%; llm_alert $url; }");
    for my $right ($url, "$url secret=./good events=soft,hard,key_invalid,"
        . 'start,file_failed timeout=100ms',
        'url=https://[::1]:8443/x?y=z secret=0123456789') {
        my ($ok, $said) = $t->check("llm_alert $right;\n" . server());
        is $ok, 1, "taken: $right" or diag $said;
        unlike $said, qr/less than 8/, 'without a warning';
    }
    for my $short ('./short', 'abc') {
        my ($ok, $said) = $t->check("llm_alert $url secret=$short;\n"
            . server());
        is $ok, 1, "taken: $short" or diag $said;
        like $said, qr/\[warn\].*secret= of less than 8 bytes/, 'and told';
    }
}

done_testing;
