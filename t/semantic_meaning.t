# Questions that look alike and mean another thing, and those that a courtesy
# alone tells apart, through nginx. The location takes near matches at a low
# precision and threshold, so that what keeps them apart is the veto it names.

use lib 't/lib';
use LLM::Test;
use utf8;

binmode $_, ':utf8' for Test::More->builder->output,
    Test::More->builder->failure_output;

my $t = LLM::Test->new(workers => 1);
$t->mock;
$t->start(<<'END');
    llm_zone edge:16m;
    llm_embedder near lexical;
    llm on;
    llm_cache edge;
    llm_semantic near precision=0.5 threshold=0.3 audit=0%;
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    add_header X-Similarity "$llm_similarity" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
        location /plain/ {
            llm_semantic near audit=0%;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
    }
END

my $case = 0;

sub ask {
    my ($text, $in) = @_;
    return $t->post("$in/v1/chat/completions", to_json({
        model    => 'm',
        messages => [{ role => 'system', content => "case $case" },
                     { role => 'user', content => $text }],
    }));
}

# What the second text is told once the first one is stored.
sub met {
    my ($first, $second, $in) = @_;
    $case++;
    like ask($first, $in // '')->header('x-c'), qr/^MISS/, "stored: $first";
    return ask($second, $in // '');
}

subtest 'look-alikes' => sub {
    my @apart = (
        ['veto:number', 'What is the largest lake in Asia?',
            'What is the second largest lake in Asia?'],
        ['veto:negation', 'Which of the sauces contain soy?',
            'Which of the sauces are soy free?'],
        ['veto:name', 'What is the best way to use polish?',
            'What is the best way to use Polish?'],
        ['veto:name', 'What is the capital of Guinea?',
            'What is the capital of Equatorial Guinea?'],
        ['veto:antonym', 'Can I leave the office at noon?',
            'Must I leave the office at noon?'],
        ['veto:antonym', 'How was the bridge at the harbour built?',
            'When was the bridge at the harbour built?'],
        ['veto:antonym', 'Are all the seats on the train heated?',
            'Are some seats on the train heated?'],
        ['veto:order', 'Who trained the nurse at the clinic?',
            'Who did the nurse train at the clinic?'],
        ['veto:order', 'Can my agent fire me by mail?',
            'Can I fire my agent by mail?'],
        ['veto:date', 'Was the pool at the hotel heated?',
            'Will the pool at the hotel be heated?'],
        ['veto:number', '¿Cuál es el lago más grande de Asia?',
            '¿Cuál es el segundo lago más grande de Asia?'],
        ['veto:antonym', 'Могу ли я уйти раньше?',
            'Должен ли я уйти раньше?'],
        ['veto:antonym', 'Pot pleca mai devreme?',
            'Trebuie să plec mai devreme?'],
    );
    for my $pair (@apart) {
        my ($reason, $one, $two) = @$pair;
        is met($one, $two)->header('x-c'), "MISS $reason", $two;
        is met($two, $one)->header('x-c'), "MISS $reason", $one;
    }
};

subtest 'the same in other words' => sub {
    my @same = (
        ['Who painted the chapel in the valley?',
            'Who was the chapel in the valley painted by?'],
        ['Which of the sauces are soy free?',
            'Which of the sauces are free of soy?'],
        ['How do I turn the heater off at night?',
            'How do I turn off the heater at night?'],
        ['Who is in the 3rd row of the hall?',
            'Who is in the third row of the hall?'],
        ['what is the capital of turkey', 'What is the capital of Turkey?'],
    );
    for my $pair (@same) {
        like met(@$pair)->header('x-c'), qr/^(?:SEMANTIC|HIT)/, $pair->[1];
    }
};

# A courtesy is no part of what is turned into a vector.
subtest 'courtesies tell no questions apart' => sub {
    my $r = met('How do I reset my password?',
        'Good morning! How can I reset my password? Many thanks.', '/plain');
    is $r->header('x-c'), 'SEMANTIC semantic', 'met';
    my $bare = met('How do I reset my password?',
        'How can I reset my password?', '/plain');
    is $r->header('x-similarity'), $bare->header('x-similarity'),
        'as near as without them';
    is met('How do I say good morning in Welsh?',
        'How do I say good evening in Welsh?')->header('x-c') =~ /^MISS/, 1,
        'but where they are what is asked about they stay';
};

done_testing;
