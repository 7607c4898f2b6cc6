# How hard a request is: levels, tasks and critical subjects through nginx in
# every protocol and language, what the operator adds, and what nginx -t says.

use utf8;
use lib 't/lib';
use LLM::Test;

use LLM::Edge;

binmode $_, ':utf8' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $t = LLM::Edge->new(workers => 1);
$t->mock;
$t->write_file(words => "# ours\nzylophon*\n[0.5]\nquux\n");
$t->write_file(secret => "project orion\n");

# Further than LLM::Edge's log, and a choice by level that the upstream sees.
my $head = $t->head . <<'END';
    log_format hard escape=json '{"test":"$http_x_test","status":"$status",'
        '"score":"$llm_complexity","level":"$llm_complexity_level",'
        '"task":"$llm_task","critical":"$llm_critical",'
        '"cache":"$llm_cache_status"}';
    map $llm_complexity_level $choice {
        volatile;
        simple small;
        medium middle;
        default large;
    }
END

sub location {
    my ($path, $lines) = @_;
    return <<"END";
        location $path/v1/ {
            access_log %%DIR%%/access.log hard;
            proxy_set_header X-Choice \$choice;
            llm on;
            $lines
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
END
}

$t->start($head . $t->server('llm on;', more => join '',
    location('', 'llm_cache edge; llm_cache_scope "";'),
    location('/critical', 'llm_critical legal medical complaint money;'),
    location('/every', 'llm_critical on "pattern=top secret*";'),
    location('/own', 'llm_complexity_signal acme weight=0.9 "flux capacitor*";'
        . 'llm_complexity_signal domain file=%%DIR%%/words;'
        . 'llm_critical "pattern=top secret*" file=%%DIR%%/secret;'),
    location('/levels', 'llm_complexity_levels 0.001 0.002 0.003;'),
    location('/weights', join ' ', map { "llm_complexity_signal $_ weight=0;" }
        qw(reasoning code domain ambiguity depth task)),
    location('/replaced',
        'llm_complexity_signal domain replace "zylophon*";'),
    <<'END',
        location /outer/ {
            llm_critical legal;
            llm_complexity_levels 0.001 0.002 0.003;
END
    location('/outer/inherits', ''),
    location('/outer/replaces', 'llm_critical off;'),
    location('/outer/levels', 'llm_complexity_levels 0.9 0.95 1;'),
    '        }',
) =~ s{location /v1/ \{.*?\n        \}\n}{}sr);

# (log line, what the upstream was told)
sub said {
    my ($text, %o) = @_;
    my $api = delete $o{api} // 'chat';
    $t->mock_reset;
    my ($r, $log) = $t->ask($api, delete $o{knobs} // '', text => $text, %o);
    my ($seen) = $t->mock_log;
    $log->{choice} = $seen->{headers}{'x-choice'} if $seen;
    return $log;
}

sub level_is {
    my ($text, $level, %o) = @_;
    my $log = said($text, %o);
    is $log->{level}, $level, substr("$level: $text", 0, 70)
        or diag "score $log->{score}";
    return $log;
}

# ---- levels -------------------------------------------------------------

my $hard = <<'END';
Design a distributed rate limiter for several regions. Prove that it never
admits more than the limit, analyze its failure modes, and write the code:
```go
func allow(key string) bool { return len(key) == 0 && !full; }
```
END

for my $api (qw(chat completions responses messages embeddings)) {
    for my $stream (0, 1) {
        next if $stream && $api eq 'embeddings';
        my %o = (api => $api, stream => $stream);
        my $log = level_is("What time is it in Paris? $api $stream",
            'simple', %o);
        is $log->{status}, 200, "$api answers";
        is $log->{choice}, 'small', "$api: a map chooses the small model";
        like $log->{score}, qr/^0\.[012]\d\d$/, "$api: three decimals";
        $log = level_is("$hard $api $stream", 'specialized', %o);
        is $log->{choice}, 'large', "$api: a map chooses the large model";
        like $log->{score}, qr/^(?:1\.000|0\.[89]\d\d)$/, "$api: the score";
    }
}

level_is('¿Qué hora es en París?', 'simple');
level_is('Который час в Париже?', 'simple');
level_is('Cât este ceasul la Paris?', 'simple');
level_is('Explica cómo funciona un frigorífico y por qué hace ruido.',
    'medium');
level_is('Explica como funciona un frigorifico y por que hace ruido.',
    'medium');
level_is('Explică cum funcționează un frigider și de ce face zgomot.',
    'medium');
level_is('Докажи, что корень из двух иррационален.', 'complex');

{
    my $body = $t->body_of('chat', text => 'the same question twice');
    my ($r, $log) = $t->send_body('chat', $body, '');
    ($r, my $hit) = $t->send_body('chat', $body, '');
    is $hit->{cache}, 'HIT', 'a hit';
    is $hit->{score}, $log->{score}, 'a hit has its score too';
}

# ---- tasks --------------------------------------------------------------

my %task = (
    'Translate "good night" into German.'                 => 'translation',
    "How do you say 'thank you' in Japanese?"             => 'translation',
    'Подведи итог этого текста'                           => 'summarization',
    'List all phone numbers mentioned in the following text: 555'
        => 'extraction',
    'Summarize this text: it rained all day long.'        => 'summarization',
    'Извлеки даты из письма: 3 мая и 9 июня.'             => 'extraction',
    '¿El sentimiento es positivo o negativo? Me gustó.'   => 'classification',
    'Scrie o funcție în Python care sortează o listă.'    => 'code',
    'Solve this puzzle step by step and prove the result' => 'reasoning',
    'Who discovered penicillin?'                          => 'qa',
    'Hello, nice to meet you!'                            => 'chat',
);
is said($_)->{task}, $task{$_}, "$task{$_}: $_" for sort keys %task;

# ---- critical -----------------------------------------------------------

my %critical = (
    'Me duele el pecho y no puedo respirar'                 => 'medical',
    'Nu pot să respir și mă doare în piept'                 => 'medical',
    'Не могу дышать'                                        => 'medical',
    "I can't breathe, my chest hurts"                       => 'medical',
    'Vreau să transfer 500 lei în contul fratelui'          => 'money',
    'Переведи 500 на счет брата'                            => 'money',
    'Transferă 500 de lei lui Ion'             => 'money',
    'Vreau să transfer 2000 de euro mamei'     => 'money',
    'Я подам на вас в суд'                     => 'legal',
    'Мы подали на застройщика в суд'           => 'legal',
    'Can I sue my landlord?'                   => 'legal',
    'Quiero hablar con un abogado'             => 'legal',
    'Хочу подать жалобу на вашего сотрудника'  => 'complaint',
    'Ma doare pieptul si am dureri in piept'   => 'medical',
    'Transfer 500 euros to my brother'         => 'money',
    'Переведи 500 рублей маме'                 => 'money',
    'Transfer $500 to Bob'                     => 'money',
    'Please transfer 1,500 to my landlord'     => 'money',
    'Send $40.50 to Anna'                      => 'money',
    'Move €2000 from savings to checking'      => 'money',
    'Transfer five hundred dollars to Bob'     => 'money',
    'Transfiere $500 a Juan'                   => 'money',
    'Quiero enviar 1.500 a mi hermano'         => 'money',
    'Manda 200€ a Ana'                         => 'money',
    'Переведи 500 на карту Ивана'              => 'money',
    'Отправь 1 500 руб. брату'                 => 'money',
    'Переведите $500 на мой счёт'              => 'money',
    'Transferă 500 către Ion'                  => 'money',
    'Trimite 200 lui Andrei'                   => 'money',
    'Transfer $5,000 to Bob'                   => 'money',
    'Move $5,000 from checking to savings'     => 'money',
    'Envía 5.000 a mi hermano'                 => 'money',
    'Переведи 5 000 на карту Ивана'            => 'money',
    'Trimite 5.000 lui Andrei'                 => 'money',
    'Pay my electricity bill'                  => 'money',
    'Retira 1000 euros de mi cuenta'           => 'money',
    'Отправь 200 долларов Ивану'               => 'money',
    'Сними 1000 евро с карты'                  => 'money',
    'Верните мне деньги'                       => 'money',
    'Vreau o rambursare'                       => 'complaint',
    'My baby has a fever of 40 degrees'        => 'medical',
    'Virează 1.500 în contul meu de economii'  => 'money',
);
for my $text (sort keys %critical) {
    my $log = level_is($text, 'specialized', in => '/critical');
    is $log->{critical}, $critical{$text}, 'the class';
    is $log->{score}, '1.000', 'rule beats score';
    is $log->{choice}, 'large', 'never a small model';
    is said($text)->{critical}, '', 'only where it is asked for';
}
is said($_, in => '/critical')->{critical}, '', "not critical: $_" for
    'What time is it?', 'Translate 5 sentences to German',
    'Move 3 files to the archive folder', 'Переведи 5 предложений на английский',
    'Transfer these photos to my phone', 'Send me 3 examples';

is said($_->[0], in => '/every')->{critical}, $_->[1], "llm_critical on: $_->[1]"
    for ['Can I sue my landlord?', 'legal'], ['Tell me a top secret', 'custom'],
    ['Transfer $500 to Bob', 'money'], ['Turn the light on', ''];

# ---- the operator's -----------------------------------------------------

level_is('the Flux Capacitors', 'specialized', in => '/own');
level_is('the flux', 'simple', in => '/own');
is said('zylophonist', in => '/own')->{score}, '0.201',
    'a term from a file makes its signal full';
is said('quux', in => '/own')->{score}, '0.101', 'or has its own strength';
is said('zylophonist')->{score}, '0.001', 'elsewhere it says nothing';
is said('about Project Orion', in => '/own')->{critical}, 'custom',
    'a critical file';
is said('this is TOP-SECRETS', in => '/own')->{critical}, 'custom',
    'a critical pattern';
level_is('Explain it', 'specialized', in => '/levels');
level_is($hard, 'simple', in => '/weights');
is said('theorem', in => '/replaced')->{score}, '0.001', 'terms replaced';
is said('zylophonist', in => '/replaced')->{score}, '0.201', 'by these';

my $log = level_is('Can I sue my landlord?', 'specialized',
    in => '/outer/inherits');
is $log->{critical}, 'legal', 'rules are inherited';
$log = said('Can I sue my landlord?', in => '/outer/replaces');
is $log->{critical}, '', 'directive by directive';
level_is('Explain it', 'specialized', in => '/outer/replaces');
level_is('Explain it', 'simple', in => '/outer/levels');
is said('Can I sue my landlord?', in => '/outer/levels')->{critical}, 'legal',
    'whichever of them stands there';

# ---- what stands around -------------------------------------------------

{
    my $tool = { type => 'function', function => { name => 'f' } };
    my $plain = said('and now?')->{score};
    is said('and now?', tools => [$tool])->{score} - $plain, '0.05', 'tools';
    is said('and now?', response_format => { type => 'json_object' })
        ->{score} - $plain, '0.05', 'a form of the answer';
    is said('and now?', messages => [
        (map { { role => $_ % 2 ? 'assistant' : 'user', content => 'x' } }
            0 .. 11), { role => 'user', content => 'and now?' },
    ])->{score} - $plain, '0.1', 'turns';
}

# ---- faults -------------------------------------------------------------

is said('no text', messages => [{ role => 'assistant', content => 'x' }])
    ->{level}, 'simple', 'nothing that the user said';
is said('x' x 300_000)->{score}, '0.100', 'a long text of one word';
is said(('x' x 300_000) . ' eigenvalue cohomology')->{score}, '0.300',
    'the end of a long text is read';
{
    my ($r, $log) = $t->send_body('chat', '{"model":', '');
    is $r->status, 400, 'a body that is none';
    is $log->{level}, '', 'has no level';
}

# ---- nginx -t -----------------------------------------------------------

my $c = LLM::Test->new(workers => 1);
$c->allow(qr/./);
my $dir = $c->dir;
$c->write_file(latin => "good\nb\xe4d\n");
$c->write_file(empty => "# nothing\n");
$c->write_file(odd   => "fine\n\na*b\n");

sub refused {
    my ($lines, $words) = @_;
    my ($ok, $said) = $c->check("    $lines\n"
        . "    server { listen 127.0.0.1:%%PORT:x%%; }\n");
    is $ok, 0, "refused: $lines";
    my ($emerg) = grep { /\[emerg\]/ } split /\n/, $said;
    like $emerg // $said, $words, 'with words that help';
    like $emerg // '', qr/ in \Q$dir\E\/check\.conf:\d+$/, 'and a place';
}

my $signal = 'llm_complexity_signal';
refused("$signal domain weight=1.5;", qr/"weight=1.5": a weight is.*0 to 1/);
refused("$signal domain weight=-1;", qr/"weight=-1": a weight is/);
refused("$signal domain weight=;", qr/"weight=": a weight is/);
refused("$signal domain weight=0.1 weight=0.2;",
    qr/"weight=0.2": the weight is there twice/);
refused("$signal domain wieght=0.5;",
    qr/"wieght=0.5": not understood; known are weight=/);
refused("$signal domain file=$dir/none;", qr/none.*No such file/i);
refused("$signal domain file=$dir;", qr/"\Qfile=$dir\E": /);
refused("$signal domain file=$dir/latin;",
    qr{\Q$dir/latin:2\E: not UTF-8 at byte 2 of the line});
refused("$signal domain file=$dir/empty;", qr/empty: no terms/);
refused("$signal domain file=$dir/odd;", qr{\Q$dir/odd:3\E: a \* stands});
refused("$signal domain \"a*b\";", qr/"a\*b": a \* stands at the end/);
refused("$signal domain '...';", qr/needs a letter/);
refused("$signal length pattern;", qr/"length" is measured/);
refused("$signal Domain weight=0.5;", qr/"Domain": the name of a signal/);
refused("$signal domian deed;", qr/"domian" is new and has no weight/);
refused("$signal domian weight=0.5;", qr/"domian" is new and has neither/);
refused("$signal domain replace;", qr/"domain" are replaced by none/);
refused("$signal domain;", qr/invalid number of arguments/);
refused(join(' ', map { "$signal $_ weight=0;" } qw(length reasoning code
        domain ambiguity depth task turns tools structured images context)),
    qr/every signal has the weight 0/);
refused('llm_critical legl;', qr/"legl": unknown; "legal" is near/);
refused('llm_critical class=legal;', qr/"class=legal": not understood/);
refused("llm_critical file=$dir/latin;", qr/not UTF-8/);
refused("llm_critical $_;", qr/says off beside other words/)
    for 'off legal', 'legal off', 'on off', 'legal; llm_critical off';
refused('llm_critical;', qr/invalid number of arguments/);
refused('llm_complexity_levels 0.6 0.3 0.8;', qr/three rising numbers/);
refused('llm_complexity_levels 0.3 0.6 1.8;', qr/"1.8": a number from 0 to 1/);
refused('llm_complexity_levels 0.3 0.6;', qr/invalid number of arguments/);
refused('llm_complexity_levels .1 .2 .3; llm_complexity_levels .1 .2 .3;',
    qr/duplicate/);

done_testing;
