# llm_tokens: what is held before an answer is the prompt's exact count where
# a rank file has the model, an estimate elsewhere; streams without usage; and
# what nginx -t says to wrong files.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use MIME::Base64 qw(encode_base64);

my $t = LLM::Edge->new(workers => 2);
$t->mock;

sub ranks {
    my $rank = 0;
    return join '', map { encode_base64($_, '') . ' ' . $rank++ . "\n" }
        (map { chr } 0 .. 255), @_;
}
# Words for "hello", the roles and the mock's answer; and one token a byte.
$t->write_file('o200k_words.tiktoken', ranks(qw(us er he ll hell hello user
        Yo You), ' s', ' sa', 'id', ' said', ' h', ' he', ' hell', ' hello'));
$t->write_file('bytes.tiktoken', ranks());

my $llm_tokens = <<'END';
    llm_tokens o200k_words.tiktoken models=words-*,one-more;
    llm_tokens bytes.tiktoken models=bytes-* encoding=cl100k;
END
$t->start($t->head . $llm_tokens . $t->server('llm on;', more => <<'END'));
        location /held/v1/ {
            llm on;
            llm_limit held key=$http_x_key tokens=1000000/h;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
END

# The tokens that a request's prompt takes of a limit that nobody has used.
my $count = 0;
sub held {
    my ($api, %body) = @_;
    my $r = $t->post('/held' . $t->path($api), $t->body_of($api,
            $api eq 'embeddings' ? () : (max_tokens => 100), %body),
        'X-Key' => 'k' . ++$count);
    is $r->status, 200, "$api is served";
    return 1_000_000 - $r->header('x-ratelimit-remaining-tokens')
        - ($api eq 'embeddings' ? 0 : 100);
}

subtest 'prompts are counted' => sub {
    # 3 a message, the role, the text, 3 for the answer.
    is held(chat => model => 'words-1', text => 'hello'), 8, 'a word';
    is held(chat => model => 'one-more', text => 'hello hello'), 9, 'two';
    is held(chat => model => 'bytes-1', text => 'hello'), 3 + 4 + 5 + 3,
        'by another file';
    is held(chat => model => 'words-1', messages => [
            { role => 'user', name => 'hello', content => 'hello' },
            { role => 'user', content => [{ type => 'text',
                text => "\x{41f}\x{1f642}" }] }]),
        3 + 1 + 1 + 2 + 3 + 1 + 6 + 3, 'parts, a name, bytes of UTF-8';
    is held(chat => model => 'words-1', text => '<|endoftext|>'),
        3 + 1 + 13 + 3, 'special tokens are text';
    is held(completions => model => 'words-1', text => 'hello hello'), 2,
        'completions: the text alone';
    is held(embeddings => model => 'words-1', text => 'hello hello'), 2,
        'embeddings too';
    is held(messages => model => 'words-1', text => 'hello'), 8, 'messages';
    is held(responses => model => 'words-1', text => 'hello',
            max_output_tokens => 100, max_tokens => undef), 8, 'responses';
};

subtest 'other models are estimated' => sub {
    is held(chat => model => 'unknown-1', text => 'hello'), 5,
        'a quarter of a byte, and four a message';
    is held(chat => model => 'unknown-2', text => 'hello' x 100), 129,
        'nothing is known of it';
};

# A rest that is not counted: the work on the event loop is bounded.
subtest 'a long text is counted in part' => sub {
    my $held = held(chat => model => 'bytes-2', text => 'x ' x 100_000);
    cmp_ok $held, '>', 32_000 + 160_000 / 4, "the beginning: $held";
    cmp_ok $held, '<', 33_000 + 170_000 / 4, 'the rest estimated';
    $held = held(chat => model => 'bytes-3', text => 'x' x 100_000);
    is $held, 3 + 3 + (100_000 + 4) / 4,
        'one word of 100 KB is not begun, nor what stands behind it';
};

subtest 'streams without usage' => sub {
    my (undef, $log) = $t->ask('chat', 'usage=none', stream => 1,
        model => 'words-2', text => 'hello');
    is "$log->{out} $log->{estimated}", '4 1',
        'You, said, :, hello: what came, flagged as unreported';
    (my $r, $log) = $t->ask('chat', 'usage=none,cut=3,size=300', stream => 1,
        model => 'bytes-4', text => 'hello');
    my $text = join '', map { $_->{choices}[0]{delta}{content} // '' }
        map { from_json($_->{data}) } grep { $_->{data} =~ /^\{"id/ }
        sse_events($r->body);
    cmp_ok length $text, '>', 5, 'a stream that is cut off has text';
    is "$log->{out} $log->{estimated}", length($text) . ' 1',
        'which is counted by the byte';
};

# ---- nginx -t -----------------------------------------------------------

my $dir = $t->dir;
sub refused {
    my ($line, $words) = @_;
    my ($ok, $said) = $t->check("    llm_tokens $line;\n");
    is $ok, 0, "refused: $line";
    like $said, qr/\[emerg\].*"llm_tokens": .*$words.*check\.conf:\d+/,
        'and why';
}

my $m = 'models=gpt-*';
$t->write_file('o200k_bad.tiktoken', ranks() . "aGVsbG8= 256\nnothing\n");
$t->write_file('o200k_twice.tiktoken', ranks('he', 'he'));
$t->write_file('o200k_short.tiktoken', "aGVsbG8= 256\n");
refused("o200k_bad.tiktoken $m",
    qr/"\Q$dir\E\/o200k_bad\.tiktoken": line 258: must be a token in base64/);
refused("o200k_twice.tiktoken $m",
    qr/o200k_twice\.tiktoken": line 258: the token has a rank already/);
refused("o200k_short.tiktoken $m", qr/the single byte 0x00 has no rank/);
refused("o200k_none.tiktoken $m", qr/o200k_none\.tiktoken.*No such file/);
refused("o200k_words.tiktoken encoding=o200k", qr/needs "models="/);
refused("o200k_words.tiktoken $m encoding=p50k",
    qr/"encoding=p50k" must be "encoding=cl100k" or "encoding=o200k"/);
refused("o200k_words.tiktoken $m encoding=o200k encoding=cl100k",
    qr/"encoding=cl100k" is a second encoding/);
refused("o200k_words.tiktoken $m speed=9", qr/no parameter "speed=9"/);
refused('o200k_words.tiktoken models=a,,b', qr/models: "" /);
refused("bytes.tiktoken $m",
    qr/does not tell its encoding; add "encoding=cl100k"/);

for my $good ("o200k_words.tiktoken $m", "bytes.tiktoken $m encoding=o200k",
    "$dir/o200k_words.tiktoken models=a models=b,c encoding=cl100k_base") {
    my ($ok, $said) = $t->check("    llm_tokens $good;\n");
    is $ok, 1, "taken: $good" or diag $said;
}

done_testing;
