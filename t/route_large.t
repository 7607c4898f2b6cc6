# Large bodies that are edited: in memory they go out in pieces, from a file as
# a copy. Both are the same bytes, on every attempt, to every kind of upstream.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('kind.txt', "Be kind.\n");
my $location = sub {
    my ($name, $lines) = @_;
    return <<"END";
        location /$name/ {
            llm on;
            llm_model \$renamed;
            llm_set max_tokens 100 cap;
            llm_set user edge;
            llm_system append kind.txt;
            llm_fallback two;
            client_max_body_size 16m;
            proxy_next_upstream http_500 non_idempotent;
            $lines
            proxy_pass http://pair\$path;
        }
END
};
my $more = $location->(memory => 'client_body_buffer_size 16m;')
    . $location->(file => 'client_body_in_file_only clean;');
$t->start($t->fill($t->head . <<'END'
    upstream pair {
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
        server 127.0.0.1:%%PORT:mock%% max_fails=0;
    }
    map $llm_model $renamed { volatile; fast one; default ""; }
    map $llm_upstream_model $path {
        volatile;
        "~^[a-z0-9]+!(?<knobs>.*)$"  /mock/$knobs/v1/chat/completions;
        default                      /v1/chat/completions;
    }
END
    . $t->server('llm on;', h2 => 'h2', more => $more)));

# What the mock was sent, an attempt each: its length and sum.
sub sent {
    my ($in, $body, @how) = @_;
    $t->mock_reset;
    my $r = $t->request(POST => "/$in/v1/chat/completions", body => $body,
        @how);
    is $r->status, 200, "/$in/: " . length($body) . ' bytes';
    return join ' ', map {"$_->{body_length}:$_->{body_crc32}"} $t->mock_log;
}

sub body {
    my ($size, $model) = @_;
    my $text = substr 'a long question, ' x (1 + $size / 16), 0, $size;
    return '{"messages":[{"role":"system","content":"Short."},'
        . "{\"role\":\"user\",\"content\":\"$text\"}], \"max_tokens\": 5000,"
        . "\"model\" : \"$model\" }";
}

for my $size (100, 16_000, 16_384, 17_000, 200_000, 4_000_000) {
    for my $model ('fast', 'one!status=500') {
        my $body  = body($size, $model);
        my $here  = sent(memory => $body);
        my $there = sent(file => $body);
        is $here, $there, "$size, $model: the same bytes";
        my @attempts = split / /, $here;
        is scalar(@attempts), $model eq 'fast' ? 1 : 3, 'of so many attempts';
        next if @attempts == 1;
        is $attempts[1], $attempts[0], 'another server gets the same';
        isnt $attempts[2], $attempts[0], 'another rung another model';
    }
}
{
    my $body = body(300_000, 'fast');
    is sent(memory => $body, chunked => [unpack '(a9000)*', $body]),
        sent(memory => $body), 'it came in chunks';
}
SKIP: {
    skip 'no curl', 2 unless $t->has_program('curl');
    my $body = body(300_000, 'one!status=500');
    my $want = sent(memory => $body);
    $t->mock_reset;
    my $r = $t->h2(POST => '/memory/v1/chat/completions', port => 'h2',
        body => $body);
    is $r->status, 200, 'HTTP/2';
    is join(' ', map {"$_->{body_length}:$_->{body_crc32}"} $t->mock_log),
        $want, 'the same';
}

$t->finish;
done_testing;
