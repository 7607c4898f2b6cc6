# What the upstream is asked decides, not what the client asked: on the
# cache's key, on what may be cached, on what is reserved.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
my %location = (
    force => 'llm_set temperature 0;',
    cap   => 'llm_set max_tokens 100 cap;',
    usual => 'llm_set top_p 0.5 default;',
    cold  => 'llm_set temperature 0; llm_cache_max_temperature 0.2;',
    hot   => 'llm_set temperature 1; llm_cache_max_temperature 0.2;',
    kept  => 'llm_set store true;',
    let   => 'llm_set store false; llm_cache_scope "";',
    two   => 'llm_set temperature $arg_t;'
        . ' llm_cache_max_temperature 0.2;',
    search => 'llm_set enable_search true;',
    wide  => 'llm_set web_search_options.search_context_size low;',
    best  => 'llm_set n 1; llm_set best_of 5;'
        . ' llm_limit best key=$http_x_key tokens=400/h;',
    many  => 'llm_set n 5; llm_limit many key=$http_x_key tokens=400/h;',
    one   => 'llm_set n 1 cap; llm_limit one key=$http_x_key tokens=400/h;',
);
$t->start($t->fill($t->head . <<'END' . $t->server('', more => join "\n",
    llm on;
    llm_cache edge;
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
END
    map { "location /$_/ { $location{$_} rewrite ^/\\w+(/.*) \$1 break;"
        . ' proxy_pass http://127.0.0.1:%%PORT:mock%%; }' }
    sort keys %location)));

# What became of a question of that number with these members.
my $asked = 0;
sub chat {
    my ($where, $more, @headers) = @_;
    my $r = $t->post("/$where/v1/chat/completions",
        qq({"model":"m","messages":[{"role":"user","content":"q $asked"}])
        . ($more eq '' ? '' : ",$more") . '}', @headers);
    return $r->status == 200 ? $r->header('x-c') =~ s/ ?$//r : $r->status;
}

sub complete {
    my ($where, $max_tokens) = @_;
    my $r = $t->post("/$where/v1/completions",
        qq({"model":"m","prompt":"q","max_tokens":$max_tokens}),
        'X-Key' => $max_tokens);
    return $r->status == 200 ? $r->header('x-c') =~ s/ ?$//r : $r->status;
}

sub respond {
    my ($where, $more) = @_;
    my $r = $t->post("/$where/v1/responses",
        qq({"model":"m","input":"q $asked"$more}));
    return $r->header('x-c') =~ s/ ?$//r;
}

# ---- one entry ------------------------------------------------------------

$asked++;
is chat(force => '"temperature":0.7'), 'MISS no_entry', 'a first client';
is chat(force => ''), 'HIT exact', 'who sends none gets the same answer';
is chat(force => '"temperature":1.3'), 'HIT exact', 'another temperature, too';
is chat(force => '"temperature":0'), 'HIT exact', 'and what is forced';
is chat(force => '"temperature":0,"seed":1'), 'MISS no_entry',
    'what is not forced counts';

$asked++;
is chat(cap => '"max_tokens":5000'), 'MISS no_entry', 'above the cap';
is chat(cap => ''), 'HIT exact', 'without a limit';
is chat(cap => '"max_tokens":100'), 'HIT exact', 'at the cap';
is chat(cap => '"max_tokens":99'), 'MISS no_entry', 'below it';

$asked++;
is chat(usual => ''), 'MISS no_entry', 'by default';
is chat(usual => '"top_p":0.5'), 'HIT exact', 'what is the default';
is chat(usual => '"top_p":0.6'), 'MISS no_entry', 'something else';

# ---- what may be cached -----------------------------------------------------

$asked++;
is chat(cold => '"temperature":1.5'), 'MISS no_entry',
    'a temperature that the upstream never sees is no reason';
is chat(cold => '"temperature":1.5'), 'HIT exact', 'it is stored';
is chat(hot => '"temperature":0'), 'BYPASS gate:temperature',
    'the one that it does see is';
is chat(hot => ''), 'BYPASS gate:temperature', 'whoever sends none';

$asked++;
is chat(kept => ''), 'BYPASS gate:store',
    'what the operator has stored at the provider is not shared';
is chat(kept => '"store":false'), 'BYPASS gate:store', 'whatever is sent';
is chat(let => '"store":true'), 'MISS no_entry', 'and the other way round';
is respond(let => ',"store":true'), 'MISS no_entry', 'responses';
is respond(let => ''), 'HIT exact', 'without the word';

$asked++;
is chat(search => ''), 'BYPASS gate:enable_search',
    'what the operator has the provider look up is not kept';
is chat(search => '"enable_search":false'), 'BYPASS gate:enable_search',
    'whatever is sent';
is chat(wide => ''), 'BYPASS gate:web_search_options',
    'nor where a part of a member makes it so';

# The body is known by now: its reading must not hold another route's values.
$asked++;
is chat(two => '"temperature":0.1'), 'MISS no_entry', 'as the client says';
is chat(two => '"temperature":0.1'), 'HIT exact', 'known';
is chat(hot => '"temperature":0.1'), 'BYPASS gate:temperature',
    'the same bytes by another location';
is chat(two => '"temperature":0.1'), 'HIT exact', 'and back';

# ---- what is reserved -------------------------------------------------------

$asked++;
is chat(many => '"max_tokens":100', 'X-Key' => 'a'), 429,
    'five answers of a hundred tokens do not fit into four hundred';
is chat(many => '"max_tokens":50', 'X-Key' => 'b'), 'MISS no_entry',
    'five of fifty do';
is complete(best => 100), 429, 'the best of five of a hundred, neither';
is complete(best => 50), 'MISS no_entry', 'but of fifty';
is chat(one => '"n":5,"max_tokens":100', 'X-Key' => 'a'), 'MISS no_entry',
    'who wants five and gets one needs room for one';

$t->stop;
done_testing;
