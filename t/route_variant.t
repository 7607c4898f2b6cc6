# llm_variant: which side of an experiment a request is on, in the log and as
# a label of requests, tokens, money and time; and what nginx -t says to it.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
$t->write_file('prices.json' => to_json({
    map { $_ => { input_cost_per_token => 1e-6, output_cost_per_token => 1e-6 } }
        qw(m small large),
}));
my $head = $t->head =~ s/"test":/"variant":"\$llm_variant","test":/r;
$t->start($t->fill($head . <<'END' . $t->server(<<'LINES', more => <<'MORE')));
    llm_prices prices.json;
    llm_metrics_models small large;
    split_clients $http_x_user $side { 50% new; * old; }
    map $side $choice { new small; old large; }
    map $llm_complexity_level $hard { volatile; simple easy; default hard; }
END
        llm on;
        llm_cache edge;
        llm_cache_scope "";
        llm_model $choice;
        llm_variant $side new old;
LINES
        location /any/ {
            llm on;
            llm_variant $arg_v one two;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /hard/ {
            llm on;
            llm_variant $hard easy hard;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
        location /fixed/ {
            llm on;
            llm_variant canary;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
            location /fixed/none/ {
                llm_variant "";
                proxy_pass http://127.0.0.1:%%PORT:mock%%/;
            }
        }
        location /watched/ {
            llm observe;
            llm_variant watched;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
MORE

# A user on each side, as nginx's own hash has it.
my %user;
for my $name ('a' .. 'z') {
    my (undef, $log) = $t->ask(chat => '', in => '/any', args => 'v=one',
        headers => ['X-User' => $name]);
    is $log->{variant}, 'one', 'in the log' if $name eq 'a';
    (undef, $log) = $t->ask(chat => '', headers => ['X-User' => $name]);
    $user{ $log->{variant} } = $name;
    last if keys %user == 2;
}
is join(' ', sort keys %user), 'new old', 'both sides have users';

my $kinds = 'llm_requests_total';
for my $side ('new', 'old') {
    my %model = (new => 'small', old => 'large');
    my @mine  = (variant => $side);
    my %before = map { $_ => $t->metric($_, @mine) } $kinds,
        'gen_ai_client_token_usage_sum', 'llm_cost_usd_total',
        'gen_ai_server_request_duration_seconds_count',
        'gen_ai_server_time_to_first_token_seconds_count',
        'gen_ai_server_time_per_output_token_seconds_count';
    my ($r, $log) = $t->ask(chat => 'prompt=30,completion=12', stream => 1,
        headers => ['X-User' => $user{$side}]);
    is $log->{served}, $model{$side}, "$side: its model";
    is $log->{variant}, $side, 'in the log';
    my %grown = map { $_ => $t->metric($_, @mine) - $before{$_} } keys %before;
    is $grown{$kinds}, 1, 'its requests';
    is $grown{gen_ai_client_token_usage_sum}, 42, 'its tokens';
    cmp_ok abs($grown{llm_cost_usd_total} - 42e-6), '<', 1e-9, 'its money';
    is $grown{"gen_ai_server_${_}_seconds_count"}, 1, "its time: $_"
        for qw(request_duration time_to_first_token time_per_output_token);
    is $t->metric('gen_ai_client_token_usage_sum', @mine,
        gen_ai_request_model => $model{$side eq 'new' ? 'old' : 'new'}), 0,
        'none of it with the other side\'s model';

    # What comes out of the cache is on the same side, and saves there.
    ($r, $log) = $t->again;
    is "$log->{cache} $log->{variant}", "HIT $side", 'a hit';
    is $t->metric($kinds, @mine, cache => 'HIT'), 1, 'is counted there';
    cmp_ok $t->metric('llm_saved_usd_total', @mine, kind => 'hit'), '>', 0,
        'and what it saved';
}
{
    my @errors = (error_type => 'upstream_error', variant => 'new');
    $t->ask(chat => 'status=500', headers => ['X-User' => $user{new}]);
    is $t->metric('gen_ai_server_request_duration_seconds_count', @errors), 1,
        'its errors';
}

# Only names that the operator has written are labels.
for my $case ('one', 'two', '', 'three', 'x' x 300, "one'") {
    my (undef, $log) = $t->ask(chat => '', in => '/any', args => "v=$case");
    my $label = $case =~ /^(one|two|)$/ ? $case : 'other';
    is $log->{variant}, $label, 'variant ' . substr $case, 0, 8;
}
is $t->metric($kinds, variant => 'other'), 3, 'all else is one label';
is $t->metric($kinds, variant => 'three'), 0, 'and not what a client says';

is +($t->ask(chat => '', in => '/hard', text => 'What time is it?'))[1]{variant},
    'easy', 'it may go by what the body says';
is +($t->ask(chat => '', in => '/fixed'))[1]{variant}, 'canary', 'a literal';
is +($t->ask(chat => '', in => '/fixed/none'))[1]{variant}, '', 'and none';
is +($t->ask(chat => '', in => '/watched'))[1]{variant}, 'watched', 'observe';
is $t->metric($kinds, variant => 'watched'), 1, 'is counted too';
ok $t->metric($kinds) > $t->metric($kinds, variant => 'other'),
    'without one there is no such label';

# ---- nginx -t -----------------------------------------------------------------

$t->allow(qr/llm_variant|number of arguments/);
sub said {
    my ($line) = @_;
    my ($ok, $said) = $t->check("server { listen 127.0.0.1:%%PORT:x%%; $line }");
    my ($emerg) = $said =~ /\[emerg\] (.*)/;
    return $ok ? 'taken' : $emerg;
}
my $many = join ' ', map { "v$_" } 1 .. 17;
like said("llm_variant $_->[0];"), $_->[1], "refused: $_->[0]" for
    ['$arg_v', qr/"llm_variant": the names that "\$arg_v" may come to are miss/],
    ['a b', qr/"llm_variant": "a" is one name already/],
    ['$arg_v a a', qr/"llm_variant": "a" is named twice/],
    ["\$arg_v $many", qr/"llm_variant" directive takes 16 names at the most/],
    ['$arg_v ' . 'x' x 65, qr/"llm_variant": "x+" is no name/],
    ["\"a\tb\"", qr/"llm_variant": "a\tb" is no name/],
    ['$arg_v ""', qr/"llm_variant": "" is no name/],
    ['a; llm_variant b', qr/"llm_variant" directive is duplicate/],
    ['', qr/invalid number of arguments in "llm_variant"/];
is said("llm_variant $_;"), 'taken', "taken: $_" for 'a', '""', '$arg_v a b',
    '$arg_v ' . 'x' x 64;

$t->finish;
done_testing;
