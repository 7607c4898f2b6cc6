# What nginx -t says to llm_limit, llm_budget, llm_keys, llm_snapshot,
# llm_limit_fail, llm_prices and llm_tag; and what a location has of the
# levels round it, where money must not vanish.

use lib 't/lib';
use LLM::Check;
use LLM::Edge;
use LLM::Test;

my $t = LLM::Test->new(workers => 1);
$t->allow(qr/./);    # refusals are what is asked for here
my %price = (input_cost_per_token => 1e-6, output_cost_per_token => 1e-6);
$t->write_file('prices.json' => to_json({ m => \%price, small => \%price }));
$t->write_file('keys.json'   => to_json({ keys => [] }));
$t->write_file('few.json'    => to_json({ m => \%price }));

my $zone   = 'llm_zone z:4m;';
my $prices = 'llm_prices prices.json;';

sub conf {
    my ($http, $inside) = @_;
    return "    $http\n    server {\n        listen 127.0.0.1:%%PORT:x%%;\n"
        . "        location / { $inside }\n    }\n";
}

sub wrong_http { my ($http, @what) = @_; refused($t, conf($http, ''), @what) }
sub wrong {
    my ($inside, $words) = @_;
    refused($t, conf("$zone $prices", $inside), $inside, $words);
}

# ---- limits and budgets -------------------------------------------------

my $key = 'key=$http_x_key';
wrong("llm_limit a/b $key requests=1/m;", qr/"a\/b" is no name: letters/);
wrong('llm_limit ' . 'n' x 65 . " $key requests=1/m;", qr/1 to 64 characters/);
wrong("llm_limit \"\" $key requests=1/m;", qr/1 to 64 characters/);
wrong("llm_limit llm_keys $key requests=1/m;", qr/limits of the key file/);
wrong('llm_limit a requests=1/m;', qr/"a" needs key=/);
wrong('llm_limit a key= requests=1/m;', qr/is empty: name a variable/);
wrong("llm_limit a $key dry_run;", qr/"a" limits nothing/);
wrong("llm_limit a $key tokens=1/m burst=5;", qr/burst= without requests=/);
wrong("llm_limit a $key requests=1/m cap;", qr/cap or ceiling= without/);
wrong("llm_limit a $key requests=1/m ceiling=5;", qr/cap or ceiling= without/);
wrong("llm_limit a $key request=1/m;", qr/"request=1\/m" is no parameter/);
wrong("llm_limit a $key requests=1/week;", qr/a rate per s, m, h or d/);
wrong("llm_limit a $key concurrency=0;", qr/must be a positive number/);
wrong("llm_limit a $key requests=1/m nodes=$_;", qr/must be 1 to 10000/)
    for 0, 10001, 'x';
wrong("llm_limit a $key requests=1/m requests=2/m;", qr/"requests=2\/m"/);
wrong("llm_limit a $key requests=1/m; llm_limit a $key requests=1/m;",
    qr/"llm_limit" directive is duplicate/);
wrong("llm_limit a $key requests=1/m; llm_limit a $key requests=2/m;",
    qr/"a" stands elsewhere with other parameters/);
wrong("llm_budget a usd=1/day;", qr/"a" needs key=/);
wrong("llm_budget a $key soft=50%;", qr/"a" needs usd=/);
wrong("llm_budget a $key usd=1;", qr/an amount and a window/);
wrong("llm_budget a $key usd=-1/day;", qr/must not be negative/);
wrong("llm_budget a $key usd=0.0000000001/day;", qr/at most nine digits/);
wrong("llm_budget a $key usd=1/day soft=$_;", qr/must be 1% to 100%/)
    for '0%', '101%', '80';
wrong("llm_budget a $key usd=1/day tz=Mars/Base;", qr/"tz=Mars\/Base"/);
wrong("llm_budget a $key usd=1/day exceed=$_;", qr/"reject" or "model:NAME"/)
    for 'small', 'model:';
wrong("llm_budget a $key usd=1/day exceed=model:\$arg_m;",
    qr/names no model; variables/);
wrong("llm_budget a $key usd=1/day exceed=model:none;",
    qr/"exceed=model:none" has no price/);
wrong("llm_budget a $key usd=1/day hard=2;", qr/is no parameter/);
wrong("llm_budget a $key usd=1/day; llm_budget a $key usd=1/day;",
    qr/"llm_budget" directive is duplicate/);
taken($t, conf("$zone $prices llm_budget a $key usd=1/day;",
        "llm_limit a $key requests=1/m burst=3 tokens=1k/m cap ceiling=9"
            . " concurrency=2 nodes=2 dry_run; llm_budget a $key usd=1/day;"),
    'a limit and a budget of one name, a budget twice');
refused($t, conf($prices, "llm_limit a $key requests=1/m;"), 'llm_limit',
    qr/need "llm_zone/);
refused($t, conf($zone, "llm_budget a $key usd=1/day;"), 'llm_budget',
    qr/"llm_budget" needs "llm_prices file"/);
my $many = join ' ', map { "llm_limit a$_ $key requests=1/m;" } 1 .. 9;
my $more = $many =~ s/ a(\d)/ b$1/gr;
my ($ok, $said) = $t->check(conf("$zone $many", $more));
ok !$ok, 'too many in one place, most of them inherited';
like $said, qr/more than \d+ limits and budgets apply here/, 'are counted';

# ---- files --------------------------------------------------------------

wrong_http("$zone llm_keys keys.json; llm_keys keys.json;", 'llm_keys',
    qr/"llm_keys" directive is duplicate/);
wrong_http("$zone llm_keys none.json;", 'llm_keys', qr/none\.json/);
wrong_http("$zone llm_keys keys.json credential=;", 'llm_keys',
    qr/must be credential=\$variable/);
wrong_http("$zone llm_keys keys.json cred=\$arg_k;", 'llm_keys',
    qr/must be credential=\$variable/);
wrong_http('llm_keys keys.json;', 'llm_keys', qr/"llm_keys" needs "llm_zone/);
wrong_http('llm_snapshot s;', 'llm_snapshot', qr/needs "llm_zone/);
wrong_http("$zone llm_snapshot s; llm_snapshot s;", 'llm_snapshot',
    qr/"llm_snapshot" directive is duplicate/);
wrong_http("$zone llm_snapshot \"\";", 'llm_snapshot', qr/"" is no file/);
wrong_http("$zone llm_snapshot snapshots/;", 'llm_snapshot',
    qr/is a directory: name a file in it/);
wrong_http("$zone llm_snapshot s $_;", 'llm_snapshot',
    qr/must be a time of 1s to 1d/) for '500ms', '2d', 'often';
wrong_http('llm_limit_fail shut;', 'llm_limit_fail', qr/"open" or "closed"/);
wrong_http('llm_limit_fail open; llm_limit_fail open;', 'llm_limit_fail',
    qr/"llm_limit_fail" directive is duplicate/);

wrong_http("$prices $prices", 'llm_prices',
    qr/"llm_prices" directive is duplicate/);
wrong_http('llm_prices unknown=deny;', 'llm_prices', qr/needs a file/);
wrong_http('llm_prices prices.json unknown=free;', 'llm_prices',
    qr/"unknown=deny" or "unknown=zero"/);
wrong_http('llm_prices prices.json few.json none.json;', 'llm_prices',
    qr/takes two files at the most/);
wrong_http('llm_prices none.json;', 'llm_prices', qr/none\.json/);
taken($t, conf("$zone llm_prices few.json prices.json unknown=deny;",
        "llm_budget a $key usd=1/day exceed=model:small;"),
    'a price in either file');

# ---- tags ---------------------------------------------------------------

wrong("llm_tag $_ x;", qr/is no name for a tag/)
    for qw(tenant model kind _a 1a a-b), 'a' x 65, '""';
wrong('llm_tag a x; llm_tag a y;', qr/"llm_tag" directive is duplicate/);
my $tags = join ' ', map { "llm_tag t$_ x;" } 1 .. 20;
wrong($tags, qr/"llm_tag" takes at most \d+ names in all/);

# ---- inheritance --------------------------------------------------------

my $edge = LLM::Edge->new(workers => 1);
$edge->mock;
$edge->write_file('prices.json' => to_json({ m => \%price }));
$edge->start($edge->head . <<'END' . $edge->server(<<'MORE', more => <<'INNER'));
    llm_prices %%DIR%%/prices.json;
    llm on;
    llm_tag level http;
    llm_tag http http;
    llm_limit http key=$http_x_key requests=5/d;
END
            llm_tag level location;
            llm_tag location location;
            llm_limit location key=$http_x_key requests=3/d;
            llm_budget location key=$http_x_key usd=1/day;
MORE
        llm_tag level server;
        llm_limit http key=$http_x_key requests=5/d;
        location /outer/ {
            llm_budget outer key=$http_x_key usd=0.000001/day;
            location /outer/inner/v1/ {
                llm_tag level inner;
                llm_limit inner key=$http_x_key requests=100/d;
                llm_budget inner key=$http_x_key usd=1/day;
                proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
            }
        }
INNER

sub statuses {
    my ($in, $key, $n) = @_;
    return join ' ', map {
        ($edge->ask('chat', '', in => $in,
                headers => ['X-Key' => $key], max_tokens => 20))[0]->status
    } 1 .. $n;
}

is statuses('', 'one', 4), '200 200 200 429', 'the narrower one refuses';
is statuses('', 'one', 3), '429 429 429', 'and takes nothing of the others';
is statuses('/outer/inner', 'two', 2), '429 429',
    "an outer location's budget holds within";
like $edge->get('/metrics')->body, qr/^llm_cost_usd_total\{(?=.*level="location")
    (?=.*http="http")(?=.*location="location").*\} /mx,
    'tags of all levels, the inner value of one name';
$edge->finish;
done_testing;
