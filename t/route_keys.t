# A key that is for some models: what its owner asks for, or what the operator
# makes of that, must be one of them.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Digest::SHA qw(sha256_hex);

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('keys.json' => to_json({ keys => [
    { key_sha256 => sha256_hex('some'), name => 'some', tenant => 't',
        models => ['gpt-4o*', 'fast'] },
    { key_sha256 => sha256_hex('all'), name => 'all', tenant => 't' },
] }));
my $ladder = <<'END';
        location /ladder/ {
            llm_fallback backup;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
END
my $server = $t->server('llm_model $model;', more => $ladder);
$t->start($t->fill($t->head . <<'END' . $server));
    llm_keys keys.json;
    llm on;
    map $llm_model $model {
        volatile; fast small; cheap gpt-4o-mini; default "";
    }
END

sub asked {
    my ($api, $model, $key) = @_;
    my $before = $t->mock_count;
    my $r = $t->post($t->path($api), $t->body_of($api, model => $model),
        Authorization => "Bearer $key");
    my $seen = $t->mock_count > $before
        ? from_json(($t->mock_log)[-1]{body})->{model} : undef;
    return ($r, $seen);
}

for my $case (['gpt-4o', 'gpt-4o'], ['fast', 'small'],
    ['cheap', 'gpt-4o-mini']) {
    my ($r, $seen) = asked(chat => $case->[0], 'some');
    is $r->status, 200, "$case->[0] is for this key" or diag $r->body;
    is $seen, $case->[1], 'and goes upstream by its name';
}
for my $api (qw(chat responses messages embeddings completions)) {
    my ($r, $seen) = asked($api => 'gpt-5', 'some');
    is $r->status, 404, "$api: another model is not";
    is $seen, undef, 'nothing goes upstream';
    my $error = $r->json->{error};
    if ($api eq 'messages') {
        is $error->{type}, 'not_found_error', 'in its words';
    } else {
        is $error->{code}, 'model_not_found', 'in its words';
        is $error->{param}, 'model', 'about the model';
    }
    ($r, $seen) = asked($api => 'gpt-5', 'all');
    is $seen, 'gpt-5', 'a key without a list may use all';
}

# Who is asked when that one fails is the operator's word, as is what a budget
# comes down to.
{
    my $r = $t->post('/ladder/v1/chat/completions',
        $t->body_of('chat', model => 'gpt-4o'),
        Authorization => 'Bearer some', 'X-Mock' => 'status=500,times=1');
    is $r->status, 200, 'a further rung is not asked for by the client';
    is $r->json->{model}, 'backup', 'and need not be the key\'s';
}

done_testing;
