# What nginx -t says to llm_embedder, llm_semantic and llm_semantic_guard, and
# what their parameters do that no other test has: critical= and named vetoes.

use lib 't/lib';
use LLM::Check;
use LLM::Test;

my $t = LLM::Test->new(workers => 1);
$t->allow(qr/./);    # refusals are what is asked for here
$t->write_file('terms.txt' => "basic | pro, professional\n");
$t->write_file('latin.txt' => "basic | pro\ncaf\xe9 | tea\n");
$t->write_file('long.txt'  => "basic | a term of more than five words\n");
$t->write_file('no.pem'    => "none\n");

sub conf {
    my ($http, $inside) = @_;
    return "    llm_zone z:4m;\n    $http\n    server {\n"
        . "        listen 127.0.0.1:%%PORT:x%%;\n"
        . "        location / { llm on; llm_cache z; $inside }\n    }\n";
}

my $near = 'llm_embedder near lexical;';
sub embedder { refused($t, conf($_[0], ''), @_) }
sub semantic { refused($t, conf($near, $_[0]), @_) }

# ---- refused ------------------------------------------------------------

embedder("$near $near", qr/"llm_embedder" directive is duplicate/);
embedder('llm_embedder off lexical;', qr/"off" cannot be a name/);
embedder('llm_embedder a guess;', qr/"llm_embedder a": no such encoder: it is lexical/);
embedder('llm_embedder a lexical size=3;', qr/"size=3" is no parameter/);
embedder('llm_embedder a model=m;', qr/needs a type \(minilm.*or url=/);
embedder('llm_embedder a path=x;', qr/"x" is for encoders with files/);
embedder('llm_embedder a lexical url=http://127.0.0.1/;',
    qr/"lexical" stands beside url=/);
embedder('llm_embedder a url=http://127.0.0.1/;', qr/with url= needs model=/);
embedder('llm_embedder a url=ftp://127.0.0.1/ model=m;',
    qr/"llm_embedder a": /);
embedder("llm_embedder a url=http://127.0.0.1/ model=m dims=$_;",
    qr/"dims=\Q$_\E" is out of range/) for 0, 100000, 'x';
embedder("llm_embedder a url=http://127.0.0.1/ model=m timeout=$_;",
    qr/"timeout=$_" is no time/) for 0, 'soon';
embedder('llm_embedder a url=https://127.0.0.1/ model=m ca=no.pem;',
    qr/no\.pem" holds no certificate in PEM form/);
embedder('llm_embedder a url=https://127.0.0.1/ model=m ca=none.pem;',
    qr/none\.pem/);
embedder('llm_embedder a url=http://127.0.0.1/ model=m key=none.key;',
    qr/none\.key/);
embedder('llm_embedder a minilm path=. precision=fp16;',
    qr/must be "int8" or "fp32"/);
embedder("llm_embedder a minilm path=. precision=$_;", qr/"llm_embedder a": /)
    for qw(int8 fp32);

semantic('llm_semantic far;', qr/"far" is no "llm_embedder" of the lines/);
semantic('llm_semantic near; llm_semantic near;',
    qr/"llm_semantic" directive is duplicate/);
semantic('llm_semantic off; llm_semantic near;',
    qr/"llm_semantic" directive is duplicate/);
semantic('llm_semantic off audit=1%;', qr/"audit=1%" stands beside off/);
semantic("llm_semantic near $_;", qr/"\Q$_\E" must be a number from 0 to 1/)
    for qw(precision=1.1 threshold=2 precision=high threshold=0.0000001);
semantic("llm_semantic near max_chars=$_;", qr/is out of range/)
    for 0, 65537, 'x';
semantic('llm_semantic near max_temperature=warm;', qr/is no number/);
semantic("llm_semantic near $_=yes;", qr/"$_=yes" must be "on" or "off"/)
    for qw(normalize critical);
semantic("llm_semantic near audit=$_;", qr/must be 0% to 100%/)
    for qw(5 101% % x%);
semantic('llm_semantic near audit_url=127.0.0.1;', qr/"audit_url=127/);
semantic('llm_semantic near depth=2;', qr/"depth=2" is no parameter/);
semantic('llm_semantic near audit=1% audit=2%;', qr/"audit=2%"/);

semantic('llm_semantic_guard off; llm_semantic_guard name;',
    qr/"llm_semantic_guard" directive is duplicate/);
semantic('llm_semantic_guard names;', qr/"names" is no guard: number, unit,/);
semantic('llm_semantic_guard off name;', qr/"off" is no guard/);
semantic('llm_semantic_guard terms=none.txt;', qr/none\.txt/);
semantic('llm_semantic_guard terms=latin.txt;', qr/latin\.txt:2: not UTF-8/);
semantic('llm_semantic_guard terms=long.txt;',
    qr/long\.txt:1: a term of more than 5 words/);
taken($t, conf($near, 'llm_semantic near precision=0.9 threshold=1 audit=100%'
            . ' critical=off normalize=off max_chars=65536 max_temperature=0;'
            . ' llm_semantic_guard terms=terms.txt;'), 'all that is right');

# ---- what they do -------------------------------------------------------

my $edge = LLM::Test->new(workers => 1);
$edge->mock;
$edge->start(<<'END');
    llm_zone edge:16m;
    llm_embedder near lexical;
    llm on;
    llm_cache edge;
    llm_cache_version $uri;
    llm_critical medical;
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        llm_semantic near precision=0.5 threshold=0.3 audit=0% normalize=off;
        location /usual/ { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /critical/ {
            llm_semantic near precision=0.5 threshold=0.3 audit=0%
                normalize=off critical=on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /named/ {
            llm_semantic_guard name number;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /watched/ {
            llm observe;
            llm_semantic near precision=0.5 threshold=0.97 audit=0%
                normalize=off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location = /metrics { llm_metrics; }
        location /unguarded/ {
            llm_semantic_guard off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
    }
END

# What the second text is told once the first one is stored.
sub met {
    my ($in, @texts) = @_;
    return (map {
        $edge->post("/$in/v1/chat/completions", to_json({ model => 'm',
            messages => [{ role => 'user', content => $_ }] }))->header('x-c')
    } @texts)[-1];
}

my $dose = 'hat is the usual dose of aspirin for a grown person?';
is met(usual => "W$dose", "Please, w$dose"), 'MISS no_entry',
    'a critical request is no near hit';
is met(critical => "W$dose", "Please, w$dose"), 'SEMANTIC semantic',
    'but with critical=on at a cosine of 0.99';
like met(critical => 'What is the usual dose of aspirin for the grown person?'),
    qr/^MISS below:0\.9/, 'and not below that';

my @lamps   = map { "How many lamps does hall $_ of the museum have?" } 4, 5;
my @soy     = ('Which of the sauces contain soy?',
    'Which of the sauces are soy free?');
is met(usual => @lamps), 'MISS veto:number', 'all vetoes: a number';
is met(usual => @soy), 'MISS veto:negation', 'and a negation';
is met(named => @lamps), 'MISS veto:number', 'a veto that is named';
unlike met(named => @soy), qr/veto/, 'keeps back what it is for alone';
unlike met(unguarded => $_->@*), qr/veto/, 'none with off'
    for \@lamps, \@soy;

# What is watched is measured down to 0.7, whatever the threshold.
my @road = ('How do I mend a flat bicycle tyre at home?',
    'How do I mend a flat bicycle tyre at the home?');
like met(watched => @road), qr/^MISS below:0\.9/, 'below its threshold';
my $body = $edge->get('/metrics')->body;
like $body, qr/^llm_semantic_observed_total\{threshold="0\.70"\} 1$/m,
    'a lower one would have served it';
unlike $body, qr/^llm_semantic_observed_total\{threshold="0\.98"\} 1$/m,
    'as one of 0.98 would not';
$edge->finish;
done_testing;
