# An upstream that repeats the credential that it was sent in its errors: the
# client must not read the provider's key there, however the bytes come.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

my $t   = LLM::Edge->new(workers => 1);
my $key = 'sk-ours-0123456789abcdef';
chmod 0600, $t->write_file($_, "$key\n") for 'openai.key', 'anthropic.key';
my $stars = '*' x length $key;

my %type = (json => 'application/json', sse => 'text/event-stream',
    text => 'text/plain');

# What the upstream was sent, as its two kinds of header carry it, or a header
# that the operator has named.
sub credential_in {
    my ($head) = @_;
    return $1 if $head =~ /^api-key: (.*?)\r$/im;
    return $1 if $head =~ /^x-gateway: Basic (.*?)\r$/im;
    return $1 if $head =~ /^openai-beta: (.*?)\r$/im;
    return $1 if $head =~ /^authorization: Bearer (.*?)\r$/im;
    return $head =~ /^x-api-key: (.*?)\r$/im ? $1 : 'none';
}

sub chunk { sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

# The body says how it is to be answered: `user` is the recipe.
$t->upstream(echo => sub {
    my ($c, $head, $body) = @_;
    my $how  = from_json(from_json($body)->{user});
    my $sent = credential_in($head);
    my $text = $how->{text} =~ s/KEY/$sent/gr;
    my $line = $how->{line}
        ? "WWW-Authenticate: Bearer error=\"$sent\"\r\n" : '';
    my @part = ($text);
    if ($how->{split}) {
        my $at = index($text, $sent) + int(length($sent) / 2);
        @part = (substr($text, 0, $at), substr($text, $at));
    }
    @part = split //, $text if $how->{bytes};    # chunks of one
    my $framing = $how->{frame} eq 'length'
        ? 'Content-Length: ' . length($text) : $how->{frame} eq 'chunked'
        ? 'Transfer-Encoding: chunked' : 'X-Frame: none';
    print $c "HTTP/1.1 $how->{status} Some\r\nContent-Type: $how->{type}\r\n"
        . "$framing\r\n${line}Connection: close\r\n\r\n";
    for my $part (@part) {
        print $c $how->{frame} eq 'chunked' ? chunk($part) : $part;
        select undef, undef, undef, 0.005 if $how->{split};
    }
    print $c "0\r\n\r\n" if $how->{frame} eq 'chunked';
});

my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
$proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
$t->write_file('llm_proxy.conf', $proxy);
my $http = $t->head . <<'END';
    llm_cooldown max_fails=1000 fail_timeout=1ms;
    proxy_cache_path %%DIR%%/cache keys_zone=kept:1m;
    llm_provider o { api openai; url http://127.0.0.1:%%PORT:echo%%/v1;
        key openai.key; models m; }
    llm_provider a { api anthropic; url http://127.0.0.1:%%PORT:echo%%/v1;
        key anthropic.key; models m; }
    llm_provider named { api openai; url http://127.0.0.1:%%PORT:echo%%/v1;
        header api-key az-9876543210fedcba98765; models named; }
    llm_provider basic { api openai; url http://127.0.0.1:%%PORT:echo%%/v1;
        key client;
        header X-Gateway "Basic Z2F0ZXdheTpzZWNyZXQx"; models basic; }
    llm_provider beta { api openai; url http://127.0.0.1:%%PORT:echo%%/v1;
        header OpenAI-Beta assistants=v2; models beta; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        location / {
            llm on;
            include %%DIR%%/llm_proxy.conf;
        }
        location /renamed/ {
            llm on;
            llm_model m;
            llm_model_response requested;
            include %%DIR%%/llm_proxy.conf;
        }
        location /ladder/ {
            llm on;
            llm_fallback m;
            llm_first_byte_timeout 5s;
            include %%DIR%%/llm_proxy.conf;
        }
        location /kept/ {
            llm on;
            proxy_cache kept;
            proxy_cache_methods POST;
            proxy_cache_key $request_body;
            proxy_cache_valid any 1m;
            include %%DIR%%/llm_proxy.conf;
        }
    }
END
$t->start($http);

# The answer to a recipe.
sub answer {
    my ($api, %how) = @_;
    my $in     = delete $how{in} // '';
    my $stream = delete $how{stream};
    my $model  = delete $how{model} // 'm';
    %how = (status => 200, frame => 'length', type => $type{json}, %how);
    my $body = $t->body_of($api, model => $model, stream => $stream,
        user => to_json(\%how));
    return ($t->send_body($api, $body, '', in => $in), $body);
}

my %error = (
    chat => '{"error":{"message":"Nothing here for KEY.",'
        . '"type":"some_error","code":null}}',
    messages => '{"type":"error","error":{"type":"some_error",'
        . '"message":"nothing here for KEY"}}',
);

# The bytes of a text with the key masked, as the client is to get them.
sub masked { $_[0] =~ s/KEY/$stars/gr }
sub plain  { $_[0] =~ s/KEY/$key/gr }

sub cuts {
    my ($frame) = @_;
    return ({}, { split => 1 }, $frame eq 'chunked' ? { bytes => 1 } : ());
}

for my $api ('chat', 'messages') {
    for my $status (400, 500, 200) {
        for my $frame ('length', 'chunked', 'close') {
            for my $cut (cuts($frame)) {
                my $text = "$error{$api}\n";
                my ($r) = answer($api, status => $status, frame => $frame,
                    text => $text, %$cut);
                my $name = "$api $status $frame "
                    . (keys %$cut ? (keys %$cut)[0] : 'whole');
                is $r->status, $status, "$name: the status";
                is $r->body, masked($text), 'the key is masked';
                ok $r->complete, 'the answer is whole';
                is $r->header('content-length'), length plain($text),
                    'and its length what it was' if $frame eq 'length';
            }
        }
    }
}

{
    my ($r) = answer(chat => status => 401, text => 'Incorrect key: KEY');
    is $r->status, 502, 'what is wrong with our account is ours';
    unlike $r->body, qr/key/, 'and nothing of it is told';
}

# ---- credentials in headers of the operator's own ---------------------------

for my $case ([named => 'az-9876543210fedcba98765'],
    [basic => 'Z2F0ZXdheTpzZWNyZXQx']) {
    my ($model, $secret) = @$case;
    for my $status (400, 500, 200) {
        for my $cut (cuts('chunked')) {
            my ($r) = answer(chat => status => $status, frame => 'chunked',
                text => $error{chat}, model => $model, line => 1, %$cut);
            is $r->body,
                $error{chat} =~ s/KEY/'*' x length $secret/er,
                "$model $status: the header's value is masked";
            is $r->header('www-authenticate'), 'Bearer error="'
                . '*' x length($secret) . '"', 'in a line too'
                if $status != 200;
        }
    }
}
{
    my ($r) = answer(chat => status => 400, text => $error{chat},
        model => 'beta');
    is $r->body, $error{chat} =~ s/KEY/assistants=v2/r,
        'what is no credential is told';
}

# ---- a body that is an error by what it is not ------------------------------

for my $text ('{"detail":"KEY is wrong"}', 'KEY is wrong',
    '{"message":"KEY KEY","error":{"code":"KEY"}}') {
    for my $in ('', '/renamed', '/ladder') {
        my ($r) = answer(chat => text => $text, frame => 'chunked', in => $in,
            split => 1);
        # What is called JSON and is none is not passed on where it is waited
        # for.
        if ($in eq '/ladder' && $text !~ /^\{/) {
            is $r->status, 502, "no JSON$in: $text";
            unlike $r->body, qr/\Q$key\E/, 'and nothing of it is told';
            next;
        }
        is $r->body, masked($text), "no answer$in: $text";
    }
    my ($r) = answer(chat => text => $text, type => $type{text});
    is $r->body, masked($text), 'by another type';
}
{
    my $text = '<html>KEY</html>';
    my ($r) = answer(chat => status => 502, type => 'text/html', line => 1,
        text => $text);
    is $r->body, masked($text), 'an HTML page';
    is $r->header('www-authenticate'), qq{Bearer error="$stars"},
        'a line of its head';
}

# ---- streams ----------------------------------------------------------------

my $begin = 'data: ' . to_json({ id => 'c', object => 'chat.completion.chunk',
    model => 'm', choices => [{ index => 0, delta => { content => 'KEY' } }] })
    . "\n\n";
for my $in ('', '/renamed', '/ladder') {
    for my $opening ($begin, '') {
        for my $text ("data: $error{chat}\n\n",
            "event: error\ndata: $error{chat}\n\n", "data: $error{chat}",
            "event: error\ndata: no JSON KEY\n\n", ": KEY\n\n",
            "$error{chat}\n", "data: $error{chat}\nid: KEY",
            "data: $error{chat}\n\nid: KEY") {
            for my $cut ({ split => 1 }, { bytes => 1 }) {
                my ($r) = answer(chat => type => $type{sse}, stream => 1,
                    text => "$opening$text", frame => 'chunked', in => $in,
                    %$cut);
                my $body = $r->body;
                $body =~ s/^\Q${\ plain($opening)}\E// if $opening;
                my $told = $text =~ s/\n/ /gr;
                unlike $body, qr/\Q$key\E/, "masked$in: $told";
                next if $in eq '/ladder' || $text !~ /^(?:data|event).*\n\n\z/s;
                is $body, masked($text), 'with all its other bytes';
            }
        }
    }
}
{
    my $text = "event: error\ndata: $error{messages}\n\n";
    my ($r) = answer(messages => type => $type{sse}, stream => 1,
        text => $text, frame => 'chunked', split => 1);
    is $r->body, masked($text), "an Anthropic event, its other bytes kept";
    ($r) = answer(chat => type => $type{sse}, text => "data: $error{chat}\n\n",
        frame => 'chunked', split => 1);
    unlike $r->body, qr/\Q$key\E/, 'a stream for which nobody has asked';
    ($r) = answer(chat => type => $type{sse}, stream => 1, status => 400,
        text => "data: $error{chat}\n\n", frame => 'chunked', split => 1);
    is $r->body, masked("data: $error{chat}\n\n"), 'with a status of its own';
}

# ---- good answers -----------------------------------------------------------

my $good = to_json({ id => 'c', object => 'chat.completion', model => 'm',
    error => undef, choices => [{ index => 0, finish_reason => 'stop',
        message => { role => 'assistant', content => 'KEY' } }],
    usage => { prompt_tokens => 1, completion_tokens => 1,
        total_tokens => 2 } });
for my $frame ('length', 'chunked', 'close') {
    for my $cut (cuts($frame)) {
        my ($r, $log) = answer(chat => text => $good, frame => $frame, %$cut);
        is $r->body, plain($good), "a good answer is left as it is: $frame";
        is $log->{out}, 1, 'and read';
    }
}
{
    my $end = $begin =~ s/"delta":\{.*?\}/"delta":{},"finish_reason":"stop"/r;
    my $text = $begin . $end . "data: [DONE]\n\n";
    my ($r) = answer(chat => type => $type{sse}, stream => 1, text => $text,
        frame => 'chunked', split => 1);
    is $r->body, plain($text), 'a stream too';
}

# ---- kept by nginx ----------------------------------------------------------

{
    my %how = (status => 400, text => $error{chat}, frame => 'length');
    my ($r, undef, $body) = answer(chat => %how, in => '/kept');
    is $r->body, masked($error{chat}), 'before proxy_cache';
    ($r) = $t->send_body(chat => $body, '', in => '/kept');
    is $r->body, masked($error{chat}), 'and out of it';
}

unlike $t->log . $t->file('access.log'), qr/\Q$key\E/, 'nor in a log';
$t->allow(qr/llm: attempt/);
$t->finish;
done_testing;
