# The ladder where another than proxy_pass is the client, or proxy_pass sends a
# body by a variable: each attempt is sent its own bytes, all of them, and a
# stream is not held back longer than it has to be.

use lib 't/lib';
use LLM::Test;
use LLM::Edge;

use IO::Socket::INET;
use Time::HiRes qw(sleep);

my $t = LLM::Edge->new(workers => 1);
$t->mock;

# Answers each connection in a process of its own until the test ends.
sub serve {
    my ($name, $answer) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $t->port($name), ReuseAddr => 1, Listen => 8) or die $!;
    push @{ $t->{started} }, LLM::Process->fork(sub {
        local $SIG{PIPE} = 'IGNORE';
        local $SIG{CHLD} = 'IGNORE';
        while (1) {
            my $c = $listen->accept or next;
            my $pid = fork // die $!;
            close $c, next if $pid;
            $c->autoflush;
            $answer->($c);
            close $c;
            POSIX::_exit(0);
        }
    });
    return;
}

# What a program behind a gateway would say: 500 to a model "bad", the second
# half of a stream when the test has seen the first.
my $go = "$t->{dir}/go";

sub respond {
    my ($body, $say) = @_;
    my $asked = eval { from_json($body) };
    my $model = $asked ? $asked->{model} : 'none';
    my $type  = "Content-Type: application/json\r\n\r\n";
    return $say->("Status: 400 Bad\r\n${type}{\"error\":{\"message\":\"cut\"}}")
        if !$asked;
    return $say->("Status: 500 Bad\r\n${type}{\"error\":{\"message\":\"no\"}}")
        if $model eq 'bad';
    my $choice = sub {
        my ($finish, @what) = @_;
        return to_json({ id => 'c', object => 'chat.completion', created => 1,
            model => $model, choices => [{ index => 0, @what,
                    finish_reason => $finish }],
            usage => { prompt_tokens => 3, completion_tokens => 4,
                total_tokens => 7 } });
    };
    return $say->("Status: 200 OK\r\n$type"
            . $choice->('stop', message => { content => $asked->{max_tokens},
                role => 'assistant' })) if !$asked->{stream};
    $say->("Status: 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    $say->('data: ' . $choice->(undef, delta => { content => 'a' }) . "\n\n");
    sleep 0.01 until -e $go;
    return $say->('data: ' . $choice->('stop', delta => { content => 'b' })
            . "\n\ndata: [DONE]\n\n");
}

sub record { pack('CCnnCC', 1, $_[0], $_[1], length $_[2], 0, 0) . $_[2] }

serve(scgi => sub {
    my ($c) = @_;
    local $/ = ':';
    my $size = <$c>;
    chop $size;
    read $c, my $head, $size + 1;
    my %head = split /\0/, substr $head, 0, -1;
    read $c, my $body, $head{CONTENT_LENGTH};
    respond($body, sub { print $c $_[0] });
});
serve(fastcgi => sub {
    my ($c) = @_;
    my ($body, $id) = ('', 0);
    while (read($c, my $head, 8) == 8) {
        my ($type, $size, $padding);
        (undef, $type, $id, $size, $padding) = unpack 'CCnnC', $head;
        read $c, my $bytes, $size + $padding;
        last if $type == 5 && !$size;
        $body .= substr $bytes, 0, $size if $type == 5;
    }
    respond($body, sub { print $c record(6, $id, $_[0]) });
    print $c record(6, $id, ''), record(3, $id, "\0" x 8);
});

$t->start($t->head . <<'END');
    map "$content_length" $long { volatile; default ""; }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        llm on;
        llm_fallback other-model;
        llm_set max_tokens 1234;
        # Evaluated before anything is edited.
        llm_cache_bypass $long;
        llm_cache edge;
        scgi_param CONTENT_LENGTH $content_length;
        scgi_param SCGI 1;
        fastcgi_param CONTENT_LENGTH $content_length;
        location /scgi/ { scgi_pass 127.0.0.1:%%PORT:scgi%%; }
        location /fastcgi/ { fastcgi_pass 127.0.0.1:%%PORT:fastcgi%%; }
        location /outer/ {
            proxy_pass http://127.0.0.1:%%PORT:mock%%/scgi/;
            location /outer/v1/ { scgi_pass 127.0.0.1:%%PORT:scgi%%; }
        }
        location /body/ {
            llm_cache_version "$request_body";
            proxy_set_body $request_body;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/mock/status=500,times=1/;
        }
        location = /metrics { llm_metrics; }
    }
END

for my $in (qw(scgi fastcgi)) {
    for my $model (qw(good bad)) {
        my $want = $model eq 'bad' ? 'other-model' : 'good';
        my ($r, $log) = $t->ask('chat', '', in => "/$in", model => $model);
        is $r->status, 200, "$in, $model: answered";
        is $r->json->{model}, $want, "$in, $model: by the right one";
        is $r->json->{choices}[0]{message}{content}, 1234,
            "$in, $model: as it was edited";
        is $log->{upstream}, $model eq 'bad' ? '500 : 200' : '200',
            "$in, $model: attempts";
        unlink $go;
        my $c = $t->client;
        $c->send(POST => "/$in" . $t->path('chat'),
            body => $t->body_of('chat', model => $model, stream => 1));
        $r = $c->head;
        like $c->next_event($r)->{data}, qr/"a"/,
            "$in, $model: the first event comes before the second is made";
        open my $f, '>', $go or die $!;
        close $f;
        $c->finish($r);
        ok $r->complete, "$in, $model: the stream is whole";
        is(($r->events)[-1]{data}, '[DONE]', "$in, $model: to its end");
    }
}

{
    my ($r, $log) = $t->ask('chat', '', in => '/body', model => 'one');
    is $r->status, 200, 'proxy_set_body $request_body: the next rung';
    is $log->{upstream}, '500 : 200', 'two attempts';
    is_deeply [map { join ' ', @{ from_json($_->{body}) }{qw(model max_tokens)} }
            $t->mock_log], ['one 1234', 'other-model 1234'],
        'each is asked for its own model, as it was edited';
}
# The path of a proxy_pass is not that of a kin in a location within.
{
    my $body = $t->body_of('chat', model => 'good');
    for my $in (qw(scgi outer)) {
        my ($r, $log) = $t->send_body(chat => $body, '', in => "/$in");
        is $r->status, 200, "$in: answered";
        is $log->{cache}, 'MISS', "$in: not by what another path was told";
    }
}
$t->finish;
done_testing;
