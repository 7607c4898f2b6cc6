# One zone, many workers: answers are shared, survive a killed worker, and a
# full zone evicts instead of failing. Fault cases 58, 61, 63, 91, 92.

use lib 't/lib';
use LLM::Test;

use Time::HiRes qw(time);

my $chat = '/v1/chat/completions';

sub conf {
    my ($size, $more) = @_;
    $more //= '';
    return <<"END";
    llm_zone edge:$size;
    llm on;
    llm_cache edge;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    keepalive_requests 1000000;
    upstream mock {
        server 127.0.0.1:%%PORT:mock%%;
        keepalive 16;
    }
    add_header X-C "\$llm_cache_status \$llm_cache_reason" always;
    add_header X-Pid \$pid always;
    server {
        listen 127.0.0.1:%%PORT:http%% reuseport;
        $more
        location / { proxy_pass http://mock; }
        location = /pid { return 200 \$pid; }
        location = /metrics { llm_metrics; }
    }
END
}

sub body_of {
    my ($text, $more) = @_;
    $more //= '';
    return qq({"model":"m","messages":[{"role":"user","content":"$text"}])
        . "$more}";
}

sub word { (split / /, $_[0]->header('x-c'))[0] // '' }
sub told { $_[0]->json->{choices}[0]{message}{content} }

# A connection to each of the workers.
sub each_worker {
    my ($t, $workers) = @_;
    my %at;
    wait_until {
        my $c   = $t->client;
        my $pid = $c->request(GET => '/pid')->body;
        $at{$pid} //= $c;
        keys %at == $workers;
    } 20;
    return map { $at{$_} } sort keys %at;
}

for my $workers (2, 4) {
    my $t = LLM::Test->new(workers => $workers);
    $t->mock;
    $t->start(conf('16m'));
    my @at = each_worker($t, $workers);
    is scalar @at, $workers, "all of $workers workers found";
    for my $n (0 .. $workers - 1) {
        my $body = body_of("by worker $n");
        my $r = $at[$n]->request(POST => $chat, body => $body);
        is word($r), 'MISS', "worker $n stores";
        for my $other (@at) {
            my $hit = $other->request(POST => $chat, body => $body);
            is word($hit), 'HIT', 'any worker answers';
            is $hit->body, $r->body, 'the same bytes';
        }
    }
    my $counted = () = $t->get('/metrics')->body
        =~ /^llm_cache_requests_total\{[^}]*"HIT"[^}]*\} (\d+)/mg;
    is $counted, 1, 'one series for all';
}

subtest 'case 58: workers killed at any instant' => sub {
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    $t->start(conf('8m'));
    my $load = LLM::Process->fork(sub {
        my $n = 0;
        while (1) {
            eval {
                my $c = $t->client;
                for (1 .. 50) {
                    my $text = 'load ' . ($n++ * 7919 % 3000);
                    $c->request(POST => $chat, body => body_of($text));
                }
            };
        }
    });
    my ($right, $wrong, $hits) = (0, 0, 0);
    for my $round (1 .. 8) {
        ok $t->kill_worker, "round $round: a successor";
        my $end = time + 0.3;
        while (time < $end) {
            my $text = 'load ' . int rand 3000;
            my $r = eval { $t->post($chat, body_of($text)) };
            next unless $r && $r->status == 200 && $r->complete;
            $hits++ if word($r) eq 'HIT';
            told($r) eq "You said: $text" ? $right++ : $wrong++;
        }
    }
    $load->stop('KILL', 5);
    is $wrong, 0, "no wrong answer among $right, $hits of them hits";
    ok $hits > 0, 'hits among them';
    my @at = each_worker($t, 2);
    my $body = body_of('after all');
    $at[0]->request(POST => $chat, body => $body);
    is word($_->request(POST => $chat, body => $body)), 'HIT',
        'all workers answer' for @at;
    my $n = () = $t->get('/metrics')->body =~ /^llm_/mg;
    ok $n > 10, 'metrics stand';
};

subtest 'case 61: a full zone' => sub {
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    $t->start(conf('2m', 'llm_cache_max_size 64k;'));
    my $c = $t->client;
    my ($count, $bad) = (6000, 0);
    for my $n (1 .. $count) {
        my $r = $c->request(POST => $chat, body => body_of("fill $n"));
        $bad++ if $r->status != 200 || told($r) ne "You said: fill $n";
    }
    is $bad, 0, "$count answers were served";
    my $last = $c->request(POST => $chat, body => body_of("fill $count"));
    is word($last), 'HIT', 'the newest stands';
    is word($c->request(POST => $chat, body => body_of('fill 1'))), 'MISS',
        'the oldest went';
    my $metrics = $t->get('/metrics')->body;
    my ($evicted) = $metrics =~ /^llm_cache_evict\S* (\d+)/m;
    ok $evicted > 1000, 'evictions are counted';
    my $hot = body_of('hot');
    $c->request(POST => $chat, body => $hot) for 1, 2;
    my $kept = 0;
    for my $n (1 .. 2000) {
        $c->request(POST => $chat, body => body_of("wave $n"));
        $kept++ if $n % 50 == 0
            && word($c->request(POST => $chat, body => $hot)) eq 'HIT';
    }
    is $kept, 40, 'what is asked for again and again is kept';

    my %large = map { $_ => body_of("large $_", ',"stream":true') } 1 .. 60;
    for my $n (sort keys %large) {
        my $r = $c->request(POST => $chat, body => $large{$n},
            headers => { 'X-Mock' => 'size=40000,events=4' });
        is $r->status, 200, "large $n" if $r->status != 200;
    }
    my $r = $c->request(POST => $chat, body => $large{60});
    like word($r), qr/^(?:HIT|MISS)$/, 'answers of another size find room';
    $bad = 0;
    for my $n (1 .. 500) {
        my $text = 'small ' . $n % 50;
        my $r = $c->request(POST => $chat, body => body_of($text));
        $bad++ if told($r) ne "You said: $text";
    }
    is $bad, 0, 'and small ones after them';
    my $lines = () = $t->log =~ /\n/g;
    ok $lines < 300, "the error log stays short ($lines lines)";
};

subtest 'case 63: an answer larger than there is room' => sub {
    my $t = LLM::Test->new(workers => 1);
    $t->mock;
    $t->start(conf('1m', 'llm_cache_max_size 8m;'));
    my $body = body_of('x');
    for (1, 2) {
        my $r = $t->post($chat, $body, 'X-Mock' => 'size=2000000');
        is length told($r), 2_000_000, 'is served';
        is word($r), 'MISS', 'and not stored';
    }
    is told($t->post($chat, body_of('y'))), 'You said: y', 'a small one too';
    is word($t->post($chat, body_of('y'))), 'HIT', 'which is stored';
};

subtest 'a small zone' => sub {
    my $t = LLM::Test->new(workers => 1);
    $t->mock;
    $t->start(conf('1m', 'llm_cache_max_size 16k;'));
    my $c = $t->client;
    my $bad = 0;
    for my $n (1 .. 3000) {
        my $r = $c->request(POST => $chat, body => body_of("fill $n"));
        $bad++ if $r->status != 200 || told($r) ne "You said: fill $n";
    }
    is $bad, 0, '1m: thousands of entries are served';
    is word($c->request(POST => $chat, body => body_of('fill 3000'))), 'HIT',
        'the newest stands';
};

subtest 'huge pages are asked for' => sub {
    plan skip_all => 'this kernel has none'
        if !-e '/sys/kernel/mm/transparent_hugepage/shmem_enabled';
    my $t = LLM::Test->new(workers => 1);
    $t->mock;
    $t->start(conf('16m'));
    my ($pid) = $t->worker_pids;
    open my $in, '<', "/proc/$pid/smaps" or die "smaps: $!";
    my @shared = grep { /^Size: +(\d+) kB/m && $1 >= 16384 && /^\S+ rw-s /m }
        split /^(?=[0-9a-f]+-)/m, do { local $/; <$in> };
    is scalar @shared, 1, 'the zone is one mapping';
    like $shared[0], qr/^VmFlags:.* hg\b/m, 'of pages as large as they come';
};

subtest 'case 91, 92: many keys that differ in a bit' => sub {
    my $t = LLM::Test->new(workers => 1);
    $t->mock;
    $t->start(conf('16m'));
    my $c = $t->client;
    my %seen;
    my $bad = 0;
    for my $n (0 .. 999) {
        my $body = body_of('same', qq(,"seed":$n));
        my $r = $c->request(POST => $chat, body => $body);
        $bad++ if word($r) ne 'MISS';
        $seen{ $r->json->{id} }++;
    }
    is $bad, 0, 'a thousand seeds are a thousand requests';
    is scalar keys %seen, 1000, 'and answers';
};

done_testing;
