# llm_model_response, bodies without a model, $llm_route and the metric of the
# operator's texts: what a route shows to clients, logs and scrapes.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Digest::SHA ();

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file('kind.txt'  => "Be kind.\n");
$t->write_file('brief.txt' => "Be brief.\n");
my $conf = $t->head . <<'END';
    map $llm_model $by_alias { volatile; fast gpt-4o-mini; default ""; }
    add_header X-Route $llm_route always;
    add_header X-Up $llm_upstream_model always;
END
my $requested = 'llm on; llm_model_response requested;';
my %location = (
    shown   => "$requested llm_model \$by_alias; llm_cache edge;",
    through => "$requested llm_model \$by_alias; proxy_buffering off;",
    served  => 'llm on; llm_model $by_alias; llm_cache edge;',
    named   => 'llm on; llm_model one; llm_cache edge;',
    header  => "$requested llm_model \$http_x_model; llm_cache edge;",
    observe => 'llm observe; llm_model_response requested;'
        . ' llm_model $by_alias; llm_cache edge;',
    texts   => 'llm on; llm_cache edge; llm_system prepend kind.txt;'
        . ' llm_system append brief.txt if=$http_x_brief;',
    texts_observe => 'llm observe; llm_system prepend kind.txt;',
    down    => "$requested llm_model one; llm_fallback two;",
);
$t->start($t->fill($conf . $t->server('', more => join "\n        ",
    map { "location /$_/ { $location{$_} rewrite ^/\\w+(/.*) \$1 break;"
        . ' proxy_pass http://127.0.0.1:%%PORT:mock%%; }' }
    sort keys %location)));

my @APIS  = qw(chat completions responses messages);
my @FORMS = (map({ [$_, 0] } @APIS, 'embeddings'), map { [$_, 1] } @APIS);

# All that an answer says about its model, each name once.
sub names_in {
    my %seen = map { $_ => 1 } $_[0] =~ /"model"\s*:\s*"([^"]*)"/g;
    return join ' ', sort keys %seen;
}

# ---- the name that clients see --------------------------------------------

for my $form (@FORMS) {
    my ($api, $stream) = @$form;
    my $name = $api . ($stream ? ', stream' : '');
    for my $knobs ('', 'te=chunked', 'te=close', 'split=7', 'pretty',
        'size=100000') {
        next if $stream && $knobs eq 'pretty';
        my ($r, $log, $body) = $t->ask($api, $knobs, in => '/through',
            model => 'fast', stream => $stream);
        is $r->status, 200, "$name, $knobs" or diag $r->body;
        ok $r->complete, 'a whole answer';
        is names_in($r->body), 'fast', 'the name that was asked for';
        is $log->{served}, 'gpt-4o-mini', 'the log knows who made it';
        my ($plain) = $t->send_body($api, $body, $knobs, in => '/served');
        (my $want = $plain->body) =~ s/"gpt-4o-mini"/"fast"/g;
        is $r->body, $want, 'nothing else is changed';
    }
    my ($r, $log) = $t->ask($api, '', in => '/through', stream => $stream,
        model => 'gpt-4o-mini');
    is names_in($r->body), 'gpt-4o-mini', "$name: the same name stays";
}

# An entry keeps the name of who made it, and shows whichever is asked for.
for my $form (@FORMS) {
    my ($api, $stream) = @$form;
    my $name = $api . ($stream ? ', stream' : '');
    my ($r, $log) = $t->ask($api, '', in => '/shown', model => 'fast',
        stream => $stream);
    is "$log->{cache} " . names_in($r->body), 'MISS fast', "$name: a miss";
    ($r, $log) = $t->again;
    is "$log->{cache} " . names_in($r->body), 'HIT fast', "$name: a hit";
    is $log->{served}, 'gpt-4o-mini', 'whose log knows who made it';
    ok $r->complete, 'and is whole';
    my $body = $t->{last}[1];
    ($r, $log) = $t->send_body($api, $body, '', in => '/served');
    is "$log->{cache} " . names_in($r->body), 'HIT gpt-4o-mini',
        "$name: the same entry where the truth is shown";
    (my $other = $body) =~ s/"fast"/"quick"/;
    ($r, $log) = $t->send_body($api, $other, '', in => '/header',
        headers => ['X-Model' => 'gpt-4o-mini']);
    is "$log->{cache} " . names_in($r->body), 'HIT quick',
        "$name: and under another alias";
    next if $api eq 'embeddings';
    my $turned = $stream ? $body =~ s/"stream":true/"stream":false/r
        : $body =~ s/^\{/{"stream":true,/r;
    ($r, $log) = $t->send_body($api, $turned, '', in => '/shown');
    is "$log->{cache} " . names_in($r->body), 'HIT fast',
        "$name: and in the other form";
}

# What cannot be read as it passes, and what is no answer, stays as it is.
for my $api (@APIS) {
    my ($r, $log) = $t->ask($api, 'gzip', in => '/through', model => 'fast');
    is $r->header('content-encoding'), 'gzip', "$api: compressed";
    is $log->{served}, 'gpt-4o-mini', 'is read, and passes';
    ($r) = $t->ask($api, 'status=500', in => '/through', model => 'fast');
    is $r->status, 500, "$api: an error passes";
    ($r) = $t->ask($api, 'malformed', in => '/through', model => 'fast');
    is $r->status, 200, "$api: what is no JSON passes";
    ok length $r->body, 'with its bytes';
    ($r) = $t->ask($api, 'cut=1', in => '/through', model => 'fast');
    ok !$r->complete, "$api: a cut answer stays one";
    ($r) = $t->ask($api, '', in => '/through', model => 'fast',
        stream => 1, headers => ['X-Mock' => 'crlf,comments,idlines,bom']);
    is names_in($r->body), 'fast', "$api: an odd stream";
}
{
    my ($r, $log) = $t->ask('chat', '', in => '/down',
        model => 'any', headers => ['X-Mock' => 'status=500,times=1']);
    is names_in($r->body), 'any', 'an answer of another rung too';
    is $log->{served}, 'two', 'and the log says whose it is';
    my $c = $t->client;
    $r = $c->request(POST => '/through/v1/chat/completions', close => 1,
        version => 'HTTP/1.0', body => $t->body_of('chat', model => 'fast'));
    is names_in($r->body), 'fast', 'HTTP/1.0';
}

# ---- a body without a model -----------------------------------------------

sub without {
    my ($api) = @_;
    my $body = from_json($t->body_of($api));
    delete $body->{model};
    return to_json($body);
}

sub seen { from_json(($t->mock_log)[-1]{body}) }

for my $api (@APIS, 'embeddings') {
    my $body = without($api);
    my $before = $t->mock_count;
    my ($r, $log) = $t->send_body($api, $body, '', in => '/named');
    is $r->status, 200, "$api: a body without a model" or diag $r->body;
    is +(seen())->{model}, 'one', 'gets that of the route';
    (my $want = $body) =~ s/^\{/{"model":"one",/;
    is +($t->mock_log)[-1]{body}, $want, 'in front, the rest as it was';
    is "$log->{model}|$log->{served}", '|one', 'it asked for none';
    ($r, $log) = $t->send_body($api, $want, '', in => '/named');
    is $log->{cache}, 'HIT', 'as if it had said so';
    $before = $t->mock_count;
    for my $where ('/shown', '/served', '') {
        ($r) = $t->send_body($api, $body, '',
            in => $where eq '' ? '/texts' : $where);
        is $r->status, 400, "$api: refused where none is found ($where)";
        my $error = $r->json->{error};
        is $error->{message}, "You must provide a 'model'.", 'in its words';
        is $error->{type}, 'invalid_request_error', 'of this type';
        is $error->{param}, 'model', 'about the model' if $api ne 'messages';
    }
    is $t->mock_count, $before, 'nothing went upstream';
    ($r, $log) = $t->send_body($api, without($api), '', in => '/header',
        headers => ['X-Model' => 'two']);
    is names_in($r->body), 'two', 'nobody asked for another name';
    ($r) = $t->send_body($api, $body =~ s/^\{/{"model":7,/r, '',
        in => '/named');
    is $r->status, 400, 'a model that is no string is refused as ever';
}

# ---- the route that would have been taken ---------------------------------

for my $form (@FORMS) {
    my ($api, $stream) = @$form;
    my ($r, $log, $body) = $t->ask($api, '', in => '/served',
        model => 'fast', stream => $stream);
    is $r->header('x-route'), 'gpt-4o-mini', "$api: where it goes";
    ($r, $log) = $t->ask($api, '', in => '/served', model => 'other');
    is $r->header('x-route'), 'other', 'or the client\'s own';
    ($r, $log, $body) = $t->ask($api, '', in => '/observe',
        model => 'fast', stream => $stream);
    is +($t->mock_log)[-1]{body}, $body, "$api: observe changes nothing";
    is $r->header('x-route'), 'gpt-4o-mini', 'tells the route';
    is $r->header('x-up'), 'fast', 'and what was really asked for';
    is "$log->{cache} $log->{served}", 'MISS fast', 'and who answered';
    is names_in($r->body), 'fast', 'as it was';
    ($r, $log) = $t->send_body($api, $body, '', in => '/observe');
    is $log->{cache}, 'HIT', 'what it would have answered again';
    ($r, $log) = $t->send_body($api, $body, '', in => '/served');
    is "$log->{cache} $log->{served}", 'MISS gpt-4o-mini',
        'the answer of another model is none of the route\'s';
}

# ---- texts by version -----------------------------------------------------

my ($kind, $brief) = map { substr Digest::SHA::sha256_hex($_), 0, 8 }
    'Be kind.', 'Be brief.';
sub count { $t->metric('llm_system_requests_total', @_) }

for my $api (qw(chat responses messages)) {
    my @before = map { count(version => $_) } $kind, $brief;
    $t->ask($api, '', in => '/texts');
    $t->again;
    $t->ask($api, '', in => '/texts', headers => ['X-Brief' => 1]);
    is count(version => $kind) - $before[0], 3,
        "$api: requests by text, hits too";
    is count(version => $brief) - $before[1], 1, 'each text of several';
}
my $before = count();
$t->ask('completions', '', in => '/texts');
$t->ask('embeddings', '', in => '/texts');
$t->ask('chat', '', in => '/texts_observe');
$t->send_body('chat', '{"model":"m"}', '', in => '/texts');
is count(), $before,
    'none where there is no place, nothing is done, or all is refused';

done_testing;
