# A good citizen: what is not ours leaves nginx byte for byte as without the
# module, in both directions. Every raw request goes to an nginx that has not
# loaded the module and to servers with llm off, on and observe.

use lib 't/lib';
use LLM::Test;

use IO::Compress::Gzip qw(gzip);
use IO::Socket::INET;
use Socket qw(SHUT_WR);

my $chat = to_json({ model => 'm',
    messages => [{ role => 'user', content => 'hello' }] });

# ---- the upstream: answers with the bytes that it was sent ------------------

sub rest_of {
    my ($c, $head, $body) = @_;
    return $body unless $head =~ /^transfer-encoding:\s*chunked/mi;
    # The pieces depend on the moment, their sum does not.
    while (defined(my $line = <$c>)) {
        my $size = $line =~ /^([0-9a-f]+)\r?$/i ? hex $1 : 0;
        last if !$size;
        read $c, my ($piece), $size;
        $body .= $piece;
        <$c>;
    }
    return "(dechunked)$body";
}

sub echo {
    my ($c, $head, $body) = @_;
    my $said = $head . rest_of($c, $head, $body);
    my ($path) = $head =~ m{^\S+ (\S+)};
    my %more = (
        accel => "X-Accel-Redirect: /p/after\r\n",
        gz    => "Content-Encoding: gzip\r\n",
        range => "Accept-Ranges: bytes\r\nETag: \"e\"\r\n",
    );
    my ($kind) = $path =~ m{^/(\w+)};
    my $status = $path =~ /status=(\d+)/ ? "$1 Said" : '200 OK';
    gzip(\(my $plain = $said), \$said, -Time => 0) if $kind eq 'gz';
    my $type = $path =~ /json/ ? 'application/json'
        : $path =~ /sse/ ? 'text/event-stream' : 'text/plain';
    $said = "data: {\"usage\":1}\n\ndata: [DONE]\n\n" if $path =~ /sse/;
    print $c "HTTP/1.1 $status\r\nContent-Type: $type\r\n",
        $more{$kind} // '', 'Content-Length: ', length $said,
        "\r\nConnection: close\r\n\r\n", $head =~ /^HEAD/ ? '' : $said;
}

# ---- the same servers, with and without -------------------------------------

sub servers {
    my ($up, $copy, %server) = @_;
    my $text = <<"END";
    limit_req_zone \$server_port\$uri zone=one:1m rate=1r/m;
    proxy_cache_path %%DIR%%/pc keys_zone=pc:1m use_temp_path=off;
    proxy_intercept_errors on;
    client_max_body_size 1m;
    upstream echo { server 127.0.0.1:$up; }
END
    while (my ($port, $llm) = each %server) {
        $text .= <<"END";
    server {
        listen 127.0.0.1:%%PORT:$port%%;
        listen 127.0.0.1:%%PORT:h2$port%% http2;
        root %%DIR%%/html;
        port_in_redirect off;
        $llm
        location /p/ { proxy_pass http://echo/e/; }
        location /keep/ { proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_pass http://echo/e/; }
        location /unbuffered/ { proxy_http_version 1.1;
            proxy_request_buffering off; proxy_buffering off;
            proxy_pass http://echo/e/; }
        location /tofile/ { client_body_in_file_only clean;
            proxy_pass http://echo/e/; }
        location /zip/ { gzip on; gzip_types *; gzip_min_length 1;
            gzip_proxied any; proxy_pass http://echo/e/; }
        location /unzip/ { gunzip on; proxy_pass http://echo/gz/; }
        location /range/ { proxy_force_ranges on;
            proxy_pass http://echo/range/; }
        location /auth/ { auth_request /check; proxy_pass http://echo/e/; }
        location = /check { internal; proxy_pass http://echo/e/check;
            proxy_pass_request_body off;
            proxy_set_header Content-Length ""; }
        location /copied/ { mirror /copy; proxy_pass http://echo/e/; }
        location = /copy { internal;
            proxy_pass http://127.0.0.1:$copy/\$server_port; }
        location /ssi/ { ssi on; alias %%DIR%%/html/ssi/; error_page 405
            =200 \$uri; }
        location /added/ { addition_types *; add_before_body /p/before;
            add_after_body /p/after; proxy_pass http://echo/e/; }
        location /sub/ { sub_filter HTTP changed; sub_filter_types *;
            sub_filter_once off; proxy_pass http://echo/e/; }
        location /head/ { add_header X-More "a\$http_x_more" always;
            proxy_pass http://echo/e/; }
        location /accel/ { proxy_pass http://echo/accel/; }
        location /err/ { error_page 404 /404.html;
            error_page 418 = \@named; error_page 403 =200 /ok.txt;
            proxy_pass http://echo/e/; }
        location \@named { proxy_pass http://echo; }
        location /gone/ { error_page 502 504 /down.txt;
            proxy_pass http://127.0.0.1:1; }
        location /closed/ { proxy_pass http://127.0.0.1:1; }
        location /try/ { try_files /none /p/tried; }
        location /rw/ { rewrite ^/rw/(.*) /p/\$1 last; }
        location /any/ { satisfy any; deny all; auth_basic x;
            auth_basic_user_file %%DIR%%/users; proxy_pass http://echo/e/; }
        location /deny/ { deny all; proxy_pass http://echo/e/; }
        location /limit/ { limit_req zone=one; proxy_pass http://echo/e/; }
        location /cached/ { proxy_cache pc; proxy_cache_methods GET POST;
            proxy_cache_key "\$server_port\$uri\$request_body";
            proxy_cache_valid 1m; add_header X-C \$upstream_cache_status;
            proxy_pass http://echo/e/; }
        location /said/ { return 200 "said \$request_method\\n"; }
    }
END
    }
    return $text;
}

my $plain = LLM::Test->new(plain => 1, workers => 1);
my $t     = LLM::Test->new(workers => 1);
$plain->upstream(up => \&echo);
my $copies = $plain->dir . '/copies';
$plain->upstream(copy => sub {
    my ($c, $head, $body) = @_;
    open my $f, '>>', $copies or die;
    syswrite $f, $head . rest_of($c, $head, $body) . "\n--\n";
    print $c "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n";
});

my %page = (
    'html/static.txt'  => join('', map { "line $_\n" } 1 .. 500),
    'html/404.html'    => "the page of a 404\n",
    'html/ok.txt'      => "all right\n",
    'html/down.txt'    => "down\n",
    'html/ssi/page'    =>
        "a <!--# include virtual=\"/p/in\" --> <!--# echo var=\"uri\" -->\n",
    'html/v1/chat/completions' => "a file of that name\n",
);
for my $s ($plain, $t) {
    mkdir $s->dir . "/$_" for qw(html html/ssi html/v1 html/v1/chat);
    $s->write_file($_ => $page{$_}) for keys %page;
    $s->write_file(users => "u:{PLAIN}p\n");
    utime 1e9, 1e9, $s->dir . "/$_" for keys %page;
}

my @modes = qw(off on observe);
$plain->start(servers($plain->port('up'), $plain->port('copy'), http => ''));
$t->start("    llm_zone z:4m;\n" . servers($plain->port('up'),
        $plain->port('copy'), map { $_ => "llm $_; llm_cache z;" } @modes));

# What a raw request brings, less what the moment decides.
sub raw {
    my ($s, $port, $bytes) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $s->port($port)) or die "connect: $!";
    binmode $c;
    $c->autoflush(1);
    for my $piece (ref $bytes ? @$bytes : $bytes) {
        print $c $piece;
        select undef, undef, undef, 0.05 if ref $bytes;
    }
    local $SIG{ALRM} = sub { die "no end of the answer\n" };
    alarm 10;
    my $all = do { local $/; <$c> } // '';
    alarm 0;
    $all =~ s/^Date: [^\r\n]*\r\n//mg;
    $all =~ s/(?<!\d)\Q@{[$s->port($port)]}\E(?!\d)/PORT/g;
    return $all;
}

sub text {
    my ($method, $uri, $body, @headers) = @_;
    my $head = "$method $uri HTTP/1.1\r\nHost: x\r\n";
    $head .= "$_\r\n" for @headers;
    $head .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
    return "${head}Connection: close\r\n\r\n" . ($body // '');
}

sub chunked {
    my ($uri, $type, @pieces) = @_;
    return "POST $uri HTTP/1.1\r\nHost: x\r\nContent-Type: $type\r\n"
        . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } @pieces)
        . "0\r\n\r\n";
}

sub same {
    my ($name, $bytes, @only) = @_;
    my $want = raw($plain, 'http', $bytes);
    like $want, qr{^HTTP/1\.1 \d\d\d }, "$name: an answer"
        unless $bytes =~ m{^(?:GET /nothing)};
    for my $mode (@only ? @only : @modes) {
        my $got = eval { raw($t, $mode, $bytes) } // $@;
        ok $got eq $want, "$name: as without us, llm $mode"
            or diag "wanted:\n$want\ngot:\n$got";
    }
}

my $ours = 'v1/chat/completions';
my $json = 'Content-Type: application/json';
my @places = qw(p keep unbuffered tofile zip unzip range auth copied ssi added
    sub head accel err gone closed try rw any deny cached said nowhere);

# Requests that are not ours, at a path that would be.
for my $place (@places) {
    my $uri = "/$place/$ours";
    same("GET /$place/", text(GET => $uri));
    same("a form to /$place/", text(POST => $uri, 'a=b&c=d',
            'Content-Type: application/x-www-form-urlencoded'));
    # Ours, but switched off.
    same("POST JSON to /$place/", text(POST => $uri, $chat, $json), 'off');
}
same("page with an include", text(GET => '/ssi/page'));
for my $place (qw(p zip unzip range said)) {
    my $uri = "/$place/$ours";
    same("HEAD /$place/", text(HEAD => $uri));
    same("range of /$place/", text(GET => $uri, undef, 'Range: bytes=3-9'));
    same("gzip of /$place/", text(GET => $uri, undef,
            'Accept-Encoding: gzip'));
    same("JSON elsewhere in /$place/", text(POST => "/$place/v1/models",
            $chat, $json));
}
for my $method (qw(OPTIONS PUT DELETE PATCH PROPFIND)) {
    same("$method with JSON", text($method, "/p/$ours", $chat, $json));
}
same('multipart', text(POST => "/p/$ours",
        "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n1\r\n--b--",
        'Content-Type: multipart/form-data; boundary=b'));
same('a static file', text(GET => '/static.txt'));
same('a range of a file', text(GET => '/static.txt', undef,
        'Range: bytes=10-20'));
same('a file unchanged', text(GET => '/static.txt', undef,
        'If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT'));
same('JSON to a static file', text(POST => "/$ours", $chat, $json), 'off');
same("error $_", text(GET => "/err/status=$_/$ours"))
    for 200, 400, 403, 404, 418, 429, 500;
same("JSON, error $_", text(POST => "/err/status=$_/$ours", $chat, $json),
    'off') for 403, 404, 418;
same('a wrong password', text(GET => "/any/$ours", undef,
        'Authorization: Basic eDp5'));
same('the right password', text(GET => "/any/$ours", undef,
        'Authorization: Basic dTpw'));
same("limited, request $_", text(GET => "/limit/$ours")) for 1, 2;
same("beside proxy_cache, request $_", text(GET => "/cached/$ours?json"))
    for 1, 2;
same('an event stream', text(GET => "/p/sse/$ours"));
same('an event stream to a form', text(POST => "/p/sse/$ours", 'a=b',
        'Content-Type: application/x-www-form-urlencoded'));

my $big = join '', map { "line $_ of a large body\n" } 1 .. 8000;
for my $place (qw(p unbuffered tofile copied)) {
    for my $type ('text/plain', 'application/x-www-form-urlencoded') {
        same("large $type to /$place/", text(POST => "/$place/$ours", $big,
                "Content-Type: $type"));
        same("chunked $type to /$place/",
            chunked("/$place/$ours", $type, $big =~ /(.{1,9000})/gs));
    }
    same("chunked JSON to /$place/", chunked("/$place/$ours",
            'application/json', $chat =~ /(.{1,9})/gs), 'off');
}
same('a body in pieces', [map { "$_" } text(POST => "/unbuffered/$ours",
            'abcdefgh', 'Content-Type: text/plain') =~ /(.{1,60})/gs]);
same('too large', text(POST => "/p/$ours", 'x' x 1_100_000,
        'Content-Type: text/plain'));
same('expect', text(POST => "/p/$ours", 'abc', 'Content-Type: text/plain',
        'Expect: 100-continue'));
same('HTTP/1.0', "POST /p/$ours HTTP/1.0\r\n"
        . "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nab");
same('pipelined', "GET /said/a HTTP/1.1\r\nHost: x\r\n\r\n"
        . "POST /p/$ours HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        . "Content-Type: text/plain\r\n\r\nab" . text(GET => '/static.txt'));
same('no request', "GET /p/$ours HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");

# The mirror got the same bodies, whoever sent them.
my %copied;
wait_until {
    %copied = ();
    for my $copy (split /\n--\n/, slurp($copies)) {
        my ($port) = $copy =~ m{^\S+ /(\d+)} or next;
        push @{ $copied{$port} }, $copy =~ s/(?<!\d)$port(?!\d)/PORT/gr;
    }
    my %count = map { $_ => scalar @{ $copied{$_} } } keys %copied;
    ($count{ $plain->port('http') } // 0) == 8
        && ($count{ $t->port('off') } // 0) == 8
        && ($count{ $t->port('on') } // 0) == 6
        && ($count{ $t->port('observe') } // 0) == 6;
};
my @want = sort @{ $copied{ $plain->port('http') } };
is scalar(@want), 8, 'the mirror was sent requests';
ok((grep { /a large body/ } @want), 'with their bodies');
is_deeply [sort @{ $copied{ $t->port('off') } }], \@want,
    'the mirror gets the same, llm off';
for my $mode (qw(on observe)) {
    is_deeply [sort @{ $copied{ $t->port($mode) } }],
        [grep { !m{^Content-Type: application/json}m } @want],
        "the mirror gets the same, llm $mode";
}

# ---- HTTP/2 -------------------------------------------------------------

SKIP: {
    skip 'curl is not installed', 1 unless $t->has_program('curl');
    my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
    my @ask  = (
        [GET => "/p/$ours"], [GET => '/static.txt'],
        [POST => "/zip/$ours", body => $big, headers => [@form]],
        [POST => "/unbuffered/$ours", body => $big, headers => [@form]],
        [GET => "/deny/$ours"], [GET => "/nowhere"],
        [POST => "/p/$ours", body => $chat, off => 1],
        [POST => "/unbuffered/$ours", body => $chat, off => 1],
    );
    for my $ask (@ask) {
        my ($method, $uri, %o) = @$ask;
        my $h2 = sub {
            my ($s, $port) = @_;
            my $r = $s->h2($method, $uri, %o, port => "h2$port",
                curl => $o{off} ? [] : ['-H', 'Content-Type:',
                    map { ('-H', "Content-Type: $_") }
                    $o{headers} ? 'text/plain' : ()]);
            return ($r->{raw_head} =~ s/^date: [^\n]*\n//mir) . $r->body
                =~ s/(?<!\d)\Q@{[$s->port("h2$port")]}\E(?!\d)/PORT/gr;
        };
        my $want = $h2->($plain, 'http');
        for my $mode ($o{off} ? 'off' : @modes) {
            my $got = $h2->($t, $mode);
            ok $got eq $want, "HTTP/2 $method $uri: llm $mode"
                or diag "wanted:\n$want\ngot:\n$got";
        }
    }
}

done_testing;
