# conf/cookbook/: every recipe as it ships passes nginx -t without a word, and
# does what README says of it, the mock's log as witness.

use lib 't/lib';
use LLM::Edge;
use LLM::Mmdb;
use LLM::Test;

use Digest::SHA ();
use File::Basename qw(basename);
use IO::Socket::INET ();

my $book = root_dir . '/conf/cookbook';
my %recipe = map { basename($_) =~ /^\d\d-([\w-]+)\.conf$/ ? ($1 => $_) : () }
    glob "'$book'/*.conf";
my %done;

# A second upstream, where two are needed.
my $second = LLM::Edge->new(workers => 1);
$second->mock;

# A directory with what a recipe names. The CA bundle of the machine is not
# for this test.
sub kitchen {
    my $s = LLM::Edge->new(workers => 1);
    $s->mock;
    mkdir $s->dir . "/$_" for qw(modules prompts tmp);
    symlink LLM::Test->module, $s->dir . '/modules/ngx_llm_module.so'
        or die "symlink: $!";
    $s->write_file('prices.json', slurp("$book/prices.json"));
    $s->write_file('prompts/' . basename($_), slurp($_))
        for glob "'$book'/prompts/*";
    $s->write_file('country.mmdb', country_base('127.0.0.0/8' => 'SE/EU',
        '192.0.2.0/24' => 'US/NA', '198.51.100.0/24' => 'XX/AS'));
    my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
    $proxy =~ s/^proxy_ssl_(?:verify|verify_depth|trusted_certificate)\s.*\n//mg;
    $s->write_file('llm_proxy.conf', $proxy);
    for my $name (qw(first second)) {
        $s->write_file("$name.key", "sk-of-the-$name\n");
        chmod 0600, $s->dir . "/$name.key" or die "chmod: $!";
    }
    return $s;
}

# A recipe at work; further changes as pairs of what stands there and what is
# to stand there.
sub cook {
    my ($name, @changes) = @_;
    my $text = slurp($recipe{$name} // die "no recipe $name\n");
    $done{$name} = 1;
    my $globals = $> == 0 ? "user root;\n" : '';
    my $s = kitchen();
    my ($ok, $said) = $s->check_file(
        $s->write_file('check.conf', $globals . $text));
    ok $ok, "$name: nginx takes it" or diag $said;
    unlike $said, qr/\[(?:warn|error)\]/, 'without a word';
    while (my ($old, $new) = splice @changes, 0, 2) {
        $text =~ s/\Q$old\E/$new/g or die "$name has no $old\n";
    }
    my $other = $second->port('mock');
    $text =~ s/127\.0\.0\.1:8080/127.0.0.1:%%PORT:http%%/g;
    $text =~ s/127\.0\.0\.1:8000/127.0.0.1:%%PORT:mock%%/g;
    $text =~ s/127\.0\.0\.1:8001/127.0.0.1:$other/g;
    $second->mock_reset;
    return $s->start('', whole => $globals . $text);
}

# Asks: the response, and what the upstream was asked.
sub ask {
    my ($s, $api, $members, @headers) = @_;
    my $before = $s->mock_count;
    my $r = $s->post($s->path($api), $members, @headers);
    my $seen = $s->mock_count > $before ? ($s->mock_log)[-1] : undef;
    return ($r, $seen ? from_json($seen->{body}) : undef, $seen);
}

sub chat {
    my ($text, %more) = @_;
    return { model => 'any', messages => [{ role => 'user',
        content => $text }], %more };
}

my $count = 0;
sub new_text { 'word ' . ++$count }

sub log_line {
    my ($s, $pattern) = @_;
    my ($line) = wait_until { grep { /$pattern/ } $s->lines('access.log') } 5;
    return ok $line, "the log says $pattern"
        || diag $s->file('access.log');
}

sub complexity {
    my $s = cook('complexity');
    for my $case (
        ['What is the capital of France?', 'gpt-4o-mini', 'simple critical=-?'],
        ['Design a sharded, replicated key-value store step by step: compare'
            . ' Raft and Paxos, prove that the protocol is safe, analyse the'
            . ' failure modes and then write the replication in C++ with'
            . ' tests. Explain why each decision was made.', 'gpt-5', ''],
        ['I want to sue you.', 'gpt-5', 'specialized critical=legal'],
        ) {
        my ($r, $body) = ask($s, chat => chat($case->[0]));
        is $r->status, 200, substr $case->[0], 0, 30;
        is $body->{model}, $case->[1], 'goes to that model';
        log_line($s, qr/$case->[2] any -> \Q$case->[1]\E, by \Q$case->[1]\E$/);
    }
    return $s;
}

sub task {
    my $s = cook('task');
    my %model = (
        'Translate to Spanish: good morning' => 'gpt-4o',
        'Write a Python function that reverses a linked list' => 'gpt-5',
        'Hello!'                             => 'gpt-4o-mini',
    );
    for my $text (sort keys %model) {
        my ($r, $body) = ask($s, chat => chat($text));
        is $body->{model}, $model{$text}, $text;
        ($r) = ask($s, chat => chat($text)) for 1, 2;
        my $status = $r->header('cache-status');
        like $status, $text eq 'Hello!' ? qr/fwd=miss$/
            : $text =~ /^Tr/ ? qr/hit; ttl=(?:604800|60479\d)/
            : qr/hit; ttl=3(?:600|59\d)/, 'is kept as long as it is good';
    }
    return $s;
}

sub split_test {
    my $s = cook('split');
    my %seen;
    for my $key (1 .. 60) {
        my @models = map {
            my (undef, $body) = ask($s, chat => chat(new_text()),
                Authorization => "Bearer sk-$key");
            $body->{model};
        } 1, 2;
        is $models[1], $models[0], "key $key stays" if $key < 5;
        $seen{ $models[0] }++;
    }
    is join(' ', sort keys %seen), 'gpt-4o-mini gpt-5-mini', 'both variants';
    ok $seen{'gpt-5-mini'} < 25, 'the new one is the rarer';
    log_line($s, qr/ new [0-9a-f]{32} gpt-5-mini \d+\+\d+ tokens 0\.\d+ USD/);
    for my $side (qw(new old)) {
        ok $s->metric($_, variant => $side) > 0, "$_ of the $side one"
            for qw(llm_requests_total gen_ai_client_token_usage_sum
            llm_cost_usd_total gen_ai_server_request_duration_seconds_count);
    }
    return $s;
}

sub aliases {
    my $s = cook('aliases');
    my %model = (fast => 'gpt-4o-mini', deep => 'o3', own => 'own');
    for my $alias (sort keys %model) {
        for my $stream (JSON::PP::false(), JSON::PP::true()) {
            my $text = new_text();
            my ($r, $body) = ask($s, chat => chat($text, model => $alias,
                stream => $stream));
            is $body->{model}, $model{$alias}, "$alias is $model{$alias}";
            my %names = map { $_ => 1 } $r->body =~ /"model":"([^"]+)"/g;
            is join(' ', keys %names), $alias, 'the answer says the alias';
        }
        log_line($s, qr/ 200 $alias -> $model{$alias}, by $model{$alias}$/);
    }
    my $nameless = chat(new_text());
    delete $nameless->{model};
    my ($r, $body) = ask($s, chat => $nameless);
    is $body->{model}, 'gpt-4o-mini', 'who names none gets the usual one';
    is join(' ', map { $_->{id} } @{ $s->get('/v1/models')->json->{data} }),
        'fast deep gpt-4o-mini o3', 'the list tells the names';
    return $s;
}

sub time_of_day {
    my $s = cook('time-of-day', '~T(?:2[23]|0[0-5]):' => '~T\d\d:');
    my (undef, $body) = ask($s, chat => chat(new_text()));
    is "$body->{model} $body->{service_tier}", 'gpt-5-night flex', 'at night';
    log_line($s, qr/night=1 any -> gpt-5-night$/);
    $s->finish;
    $s = cook('time-of-day', '~T(?:2[23]|0[0-5]):' => '~T24:');
    (undef, $body) = ask($s, chat => chat(new_text()));
    is $body->{model}, 'any', 'by day';
    ok !exists $body->{service_tier}, 'in the usual tier';
    my ($pattern) = slurp($recipe{'time-of-day'}) =~ /"~(T\S+)"/;
    is join(' ', grep { sprintf('2026-01-02T%02d:00:00', $_) =~ $pattern }
        0 .. 23), '0 1 2 3 4 5 22 23', 'the hours of the night';
    return $s;
}

sub country {
    my $s = cook('country');
    my $text = new_text();
    my ($r, $body) = ask($s, chat => chat($text));
    is $body->{model}, 'mistral-large', 'in Europe: the model there';
    is $second->mock_count, 0, 'and nobody elsewhere';
    log_line($s, qr/ 200 SE eu any -> mistral-large$/);
    for my $where ('192.0.2.7', '203.0.113.5') {
        $second->mock_reset;
        $text = new_text() if $where =~ /^203/;
        ($r, $body) = ask($s, chat => chat($text),
            'X-Forwarded-For' => $where);
        is $r->status, 200, "$where: answered";
        is $body, undef, 'not in Europe, and not from its cache';
        is $second->mock_count, 1, 'but elsewhere';
        is from_json(($second->mock_log)[-1]{body})->{model}, 'any',
            'by the model that was asked for';
    }
    ($r, $body) = ask($s, chat => chat(new_text()),
        'X-Forwarded-For' => '198.51.100.1');
    is $r->status, 403, 'a country that is refused';
    return $s;
}

sub budget {
    my $s = cook('budget', 'usd=50/day' => 'usd=0.02/day');
    my ($kept, %seen, $last);
    for my $turn (1 .. 400) {
        my $text = new_text();
        my ($r, $body) = ask($s, chat => chat($text, model => 'gpt-4o',
            max_tokens => 200), Authorization => 'Bearer sk-spender',
            'X-Mock' => 'prompt=200,completion=150');
        $kept //= $text;
        $last = $r;
        last if $r->status != 200;
        $seen{ $body->{model} }++;
    }
    ok $seen{'gpt-4o'} > 2, 'the large model while there is money';
    ok $seen{'gpt-4o-mini'} > 2, 'the small one when little is left';
    is $last->status, 429, 'then none';
    is $last->json->{error}{type}, 'insufficient_quota', 'in the right words'
        or diag $last->body;
    log_line($s, qr/ 200 \w+ soft gpt-4o -> gpt-4o-mini 0\.\d+ USD/);
    my ($r, $body) = ask($s, chat => chat($kept, model => 'gpt-4o',
        max_tokens => 200), Authorization => 'Bearer sk-spender');
    is $r->status, 200, 'what is in the cache is still answered';
    is $body, undef, 'by nobody';
    ($r, $body) = ask($s, chat => chat(new_text(), model => 'gpt-4o'),
        Authorization => 'Bearer sk-saver');
    is $body->{model}, 'gpt-4o', 'another tenant has its own money';
    return $s;
}

sub fallback {
    my $s = cook('fallback');
    my ($r, $body, $seen) = ask($s, chat => chat(new_text(),
        model => 'gpt-4o'));
    is $r->json->{model}, 'gpt-4o', 'the first provider answers';
    my %headers = map { lc $_->[0] => $_->[1] } _pairs($seen);
    is $headers{authorization}, 'Bearer sk-of-the-first', 'with its key';
    is $second->mock_count, 0, 'nobody else is asked';
    $s->finish;
    $s = cook('fallback', '127.0.0.1:8000/v1'
        => '127.0.0.1:8000/mock/status=503/v1');
    ($r) = ask($s, chat => chat(new_text(), model => 'gpt-4o'));
    is $r->status, 200, 'the first provider fails';
    is $r->json->{model}, 'gpt-4o', 'the same model of the second';
    log_line($s, qr/ 200 gpt-4o -> gpt-4o at second \(503 : 200\)$/);
    is $s->metric('llm_upstream_attempts_total', provider => 'first',
        outcome => 'overloaded'), 1, 'counted';
    $s->finish;
    $s = cook('fallback', '127.0.0.1:8000/v1'
            => '127.0.0.1:8000/mock/status=503/v1',
        'models gpt-4o llama-*;' => 'models llama-*;');
    ($r) = ask($s, chat => chat(new_text(), model => 'gpt-4o',
        stream => JSON::PP::true()));
    is $r->status, 200, 'a stream';
    like $r->body, qr/"model":"llama-3\.3-70b".*\[DONE\]/s,
        'by the last model of all';
    is join(' ', map { from_json($_->{body})->{model} } $s->mock_log),
        'gpt-4o gpt-4o-mini', 'after the others';
    return $s;
}

# [name, value] of the headers that the mock was sent.
sub _pairs {
    my ($seen) = @_;
    my $headers = $seen->{headers};
    return ref $headers eq 'HASH'
        ? map { [$_, $headers->{$_}] } keys %$headers
        : map { ref $_ ? $_ : [split /:\s*/, $_, 2] } @$headers;
}

sub replicas {
    my $s = cook('replicas');
    my %who;
    for my $n (1 .. 40) {
        my @talk = ({ role => 'user', content => "talk $n" });
        my @at;
        for my $turn (1 .. 3) {
            my $before = $second->mock_count;
            $s->post('/v1/chat/completions',
                { model => 'm', messages => \@talk });
            push @at, $second->mock_count > $before ? 'second' : 'first';
            push @talk, { role => 'assistant', content => 'so' },
                { role => 'user', content => "turn $turn" };
        }
        is join(' ', @at), "$at[0] $at[0] $at[0]", "talk $n stays" if $n < 8;
        $who{ $at[0] }++;
    }
    ok !(grep { $_ < 8 } values %who) && keys %who == 2,
        'both have about as many: ' . join ' ', %who;
    log_line($s, qr/ 200 [0-9a-f]{16} 127\.0\.0\.1:\d+ cached=\d+$/);
    return $s;
}

# A name server that says for every name what the file says; empty: nothing.
sub name_server {
    my ($s, $file) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'udp',
        LocalAddr => '127.0.0.1', LocalPort => 0) or die "udp: $!";
    push @{ $s->{started} }, LLM::Process->fork(sub {
        while (my $from = $socket->recv(my $query, 512)) {
            my $address = slurp($file);
            next if $address !~ /\S/;
            my ($id) = unpack 'n', $query;
            my $question = substr $query, 12;
            $question = substr $question, 0, index($question, "\0") + 5;
            my $answer = pack('n6', $id, 0x8180, 1, 1, 0, 0) . $question
                . pack('nnnNn', 0xc00c, 1, 1, 1, 4)
                . pack('C4', split /\./, $address =~ s/\s//gr);
            $socket->send($answer, 0, $from);
        }
    });
    return $socket->sockport;
}

sub addresses {
    my $names = LLM::Edge->new(workers => 1);
    my $file  = $names->write_file('address', '127.0.0.1');
    my $port  = name_server($names, $file);
    my $say   = sub {
        $names->write_file('address.new', $_[0]);
        rename "$file.new", $file or die "rename: $!";
    };
    # The same port at another address is somebody else.
    my $other = <<'END';
    server {
        listen 127.0.0.2:%%PORT:mock%%;
        access_log off;
        location / { return 418; }
    }
END
    my $s = cook('addresses', 'resolver         127.0.0.53 valid=30s'
            => "resolver 127.0.0.1:$port valid=2s",
        'llm.example:8000' => 'llm.example:%%PORT:mock%%',
        "    server {\n" => "$other    server {\n");
    my $status = sub {
        my ($r) = ask($s, chat => chat(new_text()));
        return $r->status;
    };
    is $status->(), 200, 'case 84: the name is asked for';
    log_line($s, qr/ eu 127\.0\.0\.1:\d+$/);
    $say->('');
    is $status->(), 200, 'case 84: without a resolver the last address stays';
    $say->('127.0.0.2');
    ok((wait_until { $status->() == 418 } 8),
        'case 84: a new address is taken when the old one has expired');
    $say->('127.0.0.1');
    ok((wait_until { $status->() == 200 } 8), 'and the next one');
    $names->finish;
    return $s;
}

sub prompt_cache {
    my $s = cook('prompt-cache');
    my %seen;
    for my $key (1 .. 30) {
        my (undef, $body) = ask($s, chat => chat(new_text()),
            Authorization => "Bearer sk-$key");
        my $first = $body->{messages}[0];
        is $first->{role}, 'system', 'the instructions come first'
            if $key == 1;
        is $body->{temperature}, 0.2, 'and a temperature' if $key == 1;
        ok length $body->{prompt_cache_key}, 'with a key for the cache'
            if $key == 1;
        $seen{ $first->{content} =~ /three sentences/ ? 'brief' : 'kind' }++;
    }
    is join(' ', sort keys %seen), 'brief kind', 'both wordings';
    for my $wording (sort keys %seen) {
        my $version = substr Digest::SHA::sha256_hex(
            slurp("$book/prompts/$wording.txt") =~ s/\n\z//r), 0, 8;
        log_line($s, qr/ 200 $wording $version \d+ prompt tokens/);
        is $s->metric('llm_system_requests_total', version => $version),
            $seen{$wording}, "$wording: counted by version";
    }
    my $long = 'All that is known about chairs. ' x 150;
    $s->post($s->path('messages'), '{"model":"claude","max_tokens":9,'
        . "\"system\":[{\"type\":\"text\",\"text\":\"$long\"}],"
        . '"messages":[{"role":"user","content":"hi"}]}');
    like +($s->mock_log)[-1]{body},
        qr/furniture.*\{"cache_control":\{"type":"ephemeral"\},"type"/,
        'Anthropic: the stable part is marked';
    return $s;
}

my %cook = (
    'complexity'   => \&complexity, 'task'      => \&task,
    'split'        => \&split_test, 'aliases'   => \&aliases,
    'time-of-day'  => \&time_of_day, 'country'  => \&country,
    'budget'       => \&budget,     'fallback'  => \&fallback,
    'replicas'     => \&replicas,   'addresses' => \&addresses,
    'prompt-cache' => \&prompt_cache,
);
for my $name (sort keys %cook) {
    subtest $name => sub { $cook{$name}->()->finish };
}
is join(' ', sort keys %recipe), join(' ', sort keys %done),
    'every recipe was cooked';
$second->finish;

done_testing;
