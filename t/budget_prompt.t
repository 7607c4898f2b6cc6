# What is held for a prompt is what an upstream reads of it: however it is
# spelt, and wherever in the body it stands.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('prices.json' => to_json({
    m => { input_cost_per_token => 1e-3, output_cost_per_token => 1e-3,
        cache_creation_input_token_cost => 1e-2,
        cache_creation_input_token_cost_above_1hr => 1e-1 },
    speaking => { input_cost_per_token => 0, output_cost_per_token => 1e-3,
        output_cost_per_audio_token => 1 },
    fast => { input_cost_per_token => 0, output_cost_per_token => 1e-3,
        output_cost_per_token_priority => 1 },
}));
$t->start($t->head . 'llm on; llm_prices prices.json;'
    . $t->server('', more => $t->location(
        dollar => 'llm_budget dollar key=$http_x_key usd=1/month;')));

# Whether a dollar is enough for it, and for the same with an escape in place
# of the first letter of $word.
my $count = 0;
sub status_of {
    my ($api, $body) = @_;
    return $t->post('/dollar' . $t->path($api), $body, 'X-Key' => ++$count,
        'X-Mock' => 'prompt=1,completion=1')->status;
}
sub is_dear {
    my ($name, $api, $word, %body) = @_;
    my $body = to_json({ model => 'm', max_tokens => 16,
        messages => [{ role => 'user', content => 'w' }], %body });
    is status_of($api, $body), 429, $name;
    my $escape = sprintf '"\\u%04x', ord $word;
    my $tail = substr $word, 1;
    $body =~ s/"\Q$word\E"/$escape$tail"/g or die "no $word";
    is status_of($api, $body), 429, "$name, escaped";
}

sub content { messages => [{ role => 'user', content => [@_] }] }
is status_of(chat => to_json({ model => 'm', max_tokens => 16,
    content({ type => 'text', text => 'w' }) })), 200, 'a word is cheap';
is_dear('an image', chat => 'image_url', content({ type => 'image_url',
    image_url => { url => 'https://example.org/a.png' } }));
is_dear('a document', messages => 'document', content({ type => 'document',
    source => { type => 'url', url => 'https://example.org/a.pdf' } }));
# About 400 tokens, at the price of writing and at that for an hour.
my $text = 'word ' x 400;
my @system = (type => 'text', text => $text);
is status_of(messages => to_json({ model => 'm', max_tokens => 16,
    system => [{ @system }], content({ type => 'text', text => '<ü>' }) })),
    200, 'a system prompt';
is_dear('that is written', messages => 'cache_control', system => [
    { @system, cache_control => { type => 'ephemeral' } }]);
is_dear('speech', chat => 'audio', model => 'speaking',
    modalities => ['text', 'audio'], audio => { voice => 'a' });
is_dear('priority', chat => 'priority', model => 'fast',
    service_tier => 'priority');

# What is no message, and is read or charged all the same.
my @long = (description => 'property of the thing ' x 2000);
my %beside = (
    chat => {
        response_format => { type => 'json_schema', json_schema => {
            name => 'a', schema => { type => 'object', @long } } },
        prediction => { type => 'content', content => "@long" },
        documents => [{ text => "@long" }],
        data_sources => [{ type => 'azure_search', parameters => {
            role_information => "@long" } }],
        chat_template => "@long",
    },
    responses => {
        text => { format => { type => 'json_schema', name => 'a',
            schema => { type => 'object', @long } } },
        prompt => { id => 'p', variables => { word => "@long" } },
    },
    messages => {
        output_config => { format => { type => 'json_schema',
            schema => { type => 'object', @long } } },
        output_format => { type => 'json_schema',
            schema => { type => 'object', @long } },
        mcp_servers => [{ type => 'url', name => "@long", url => 'u' }],
    },
);
for my $api (sort keys %beside) {
    my $maximum = $api eq 'responses' ? 'max_output_tokens' : 'max_tokens';
    for my $member (sort keys %{ $beside{$api} }) {
        my %body = (model => 'm', $maximum => 16);
        $body{$api eq 'responses' ? 'input' : 'messages'} =
            [{ role => 'user', content => 'w' }];
        is status_of($api => to_json(\%body)), 200, "$api";
        $body{$member} = $beside{$api}{$member};
        is status_of($api => to_json(\%body)), 429, "$api: $member";
    }
}

$t->stop;
is_deeply [$t->complaints], [], 'the error log is clean';
done_testing;
