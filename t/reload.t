# Reloads, killed workers, an upgrade of the binary, one process alone: the
# cache and the counters stay exact and nobody's request is lost.

use lib 't/lib';
use LLM::Test;

use LLM::Process;
use Time::HiRes qw(sleep time);

my $path = '/v1/chat/completions';

sub conf {
    my ($zone, $more) = @_;
    $more //= '';
    return <<"END";
    llm_zone $zone;
    llm_metrics_models m;
    client_body_buffer_size 16k;
    server {
        listen 127.0.0.1:%%PORT:http%% backlog=1024;
        location /v1/ {
            llm on; llm_cache @{[$zone =~ /^(\w+)/]}; llm_cache_private off;
            llm_cache_scope "";
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location = /metrics { llm_metrics; }
        location = /status { llm_status; }
        $more
    }
END
}

sub chat {
    my ($text, %more) = @_;
    return to_json({ model => 'm', %more,
        messages => [{ role => 'user', content => $text }] });
}

# The sum over every series of a counter whose labels match.
sub total {
    my ($t, $name, $labels) = @_;
    my $sum = 0;
    for (split /\n/, $t->get('/metrics')->body) {
        next unless /^\Q$name\E(?:\{(.*)\})? (\S+)$/;
        my ($set, $value) = ($1 // '', $2);
        $sum += $value if !$labels || $set =~ $labels;
    }
    return $sum;
}

# Processes that ask until they are told to stop. Each line of their files is
# one answer: status, whole or not, from the cache or not.
sub load {
    my ($t, $processes, %o) = @_;
    my $dir = $t->dir;
    unlink "$dir/stop", glob "$dir/load.*";
    my @p = map {
        my $name = $_;
        LLM::Process->fork(sub {
            open my $out, '>', "$dir/load.$name" or die;
            $out->autoflush(1);
            for (my $i = 0; !-e "$dir/stop"; $i++) {
                my $r = eval {
                    $t->request(POST => $path, body => chat($i % 3
                            ? 'asked by all ' . $i % 5 : "only $name $i",
                            $i % 2 ? (stream => JSON::PP::true()) : ()))
                };
                print $out join(' ', $r ? $r->status : 0,
                    $r && $r->complete ? 'whole' : 'cut',
                    $r && $r->header('cache-status') =~ /hit/ ? 'hit'
                    : 'miss'), "\n";
                sleep($o{pause} // 0.002);
            }
            POSIX::_exit(0);
        })
    } 1 .. $processes;
    push @{ $t->{started} }, @p;
    return sub {
        open my $f, '>', "$dir/stop" or die;
        wait_until { !grep { $_->running } @p } 20;
        my @lines = split /\n/, join '', map { slurp("$dir/load.$_") }
            1 .. $processes;
        return {
            all   => scalar @lines,
            good  => scalar(grep { /^200 whole/ } @lines),
            hits  => scalar(grep { /^200 whole hit/ } @lines),
            wrong => [grep { !/^200 whole/ } @lines],
        };
    };
}

# ---- fifty reloads under load (fault case 65) -------------------------------

{
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    $t->start(conf('z:16m'));
    is $t->post($path, chat('before'))->status, 200, 'before';
    my $done  = load($t, 2);
    my $start = time;
    for (1 .. 50) {
        $t->reload or die 'refused';
    }
    diag sprintf '50 reloads in %.1f s', time - $start;
    my $made = $done->();
    ok $made->{all} > 100, "$made->{all} requests during 50 reloads";
    is_deeply $made->{wrong}, [], 'all answered, all whole';
    ok $t->drained(15), 'old workers have ended';
    is total($t, 'llm_requests_total'), $made->{all} + 1,
        'every request is counted once';
    is total($t, 'llm_requests_total', qr/cache="HIT"/), $made->{hits},
        'every hit is counted once';
    is total($t, 'llm_overhead_seconds_count'), $made->{all} + 1,
        'and its time';
    like $t->post($path, chat('before'))->header('cache-status'), qr/hit/,
        'what was stored before is still there';
    is total($t, 'llm_cache_corrupt_total'), 0, 'nothing corrupt';

    # A configuration that is wrong changes nothing.
    $t->allow(qr/unknown directive "llm_nonsense"/,
        qr/unknown zone "y" in "llm_cache"/);
    for my $wrong ('llm_nonsense on;',
        'location /x/ { llm_cache y; }') {
        ok !$t->reload(conf('z:16m', $wrong)), "refused: $wrong";
        like $t->post($path, chat('before'))->header('cache-status'), qr/hit/,
            'goes on with what it has';
    }
    ok $t->reload(conf('z:16m')), 'and is taken when it is right';
    is total($t, 'llm_requests_total'), $made->{all} + 4, 'counters go on';

    # Streams that are open while all changes around them.
    my @streams = map { $t->client } 1 .. 8;
    my $number  = 0;
    $_->send(POST => $path, body => chat('stream ' . ++$number,
            stream => JSON::PP::true()), headers => {
            'X-Mock' => 'events=20,gap=60' }) for @streams;
    my @heads = map { $_->head } @streams;
    my @next  = (
        ['the same',         'z:16m'],
        ['another size',     'z:24m'],
        ['another name',     'y:24m'],
        ['and back',         'z:16m'],
    );
    for my $next (@next) {
        ok $t->reload(conf($next->[1])), "reload with streams: $next->[0]";
        my $zone = $t->get('/status')->json->{zone};
        my ($name, $size) = $next->[1] =~ /(\w+):(\d+)m/;
        is_deeply $zone, { name => $name, bytes => $size * 1024 * 1024 },
            'llm_status tells of the zone';
        my @r = map { $t->post($path, chat("now $next->[0]")) } 1, 2;
        is $r[0]->status, 200, 'serves';
        like $r[1]->header('cache-status'), qr/hit/, 'and stores';
    }
    for my $i (0 .. $#streams) {
        my @events;
        while (my $e = $streams[$i]->next_event($heads[$i])) {
            push @events, $e;
        }
        ok $heads[$i]->complete, "stream $i is whole after the reloads";
        is $events[-1]{data}, '[DONE]', 'to its last event';
    }
    ok $t->drained(15), 'old workers have ended';
}

# ---- killed workers ---------------------------------------------------------

{
    my $t = LLM::Test->new(workers => 2);
    $t->mock;
    $t->start(conf('z:8m'));
    my $done = load($t, 3);
    for (1 .. 12) {
        sleep 0.1;
        my ($pid) = (sort { $a <=> $b } $t->worker_pids)[$_ % 2];
        ok $t->kill_worker($pid), "killed worker $pid has a successor";
    }
    my $made = $done->();
    ok $made->{good} > 100, "$made->{good} answers while workers were killed";
    my $lost = $made->{all} - $made->{good};
    ok $lost <= 12 * 3, "$lost requests died with them";
    # A worker can die between an answer's last byte and its count; one that
    # lives may not have come to it when another one is asked here.
    my $counted;
    wait_until {
        $counted = total($t, 'llm_requests_total');
        $counted >= $made->{good} - 12;
    };
    ok $counted >= $made->{good} - 12 && $counted <= $made->{all},
        "counted once: $counted of $made->{good} to $made->{all}";
    is total($t, 'llm_cache_corrupt_total'), 0, 'nothing corrupt';
    my @pids = $t->worker_pids;
    my %seen;
    for my $i (1 .. 200) {
        my $ask = chat("after the kills $i");
        my @r = map { $t->post($path, $ask) } 1, 2;
        $seen{ $r[1]->header('cache-status') =~ /hit/ ? 'hit' : 'miss' }++;
    }
    is_deeply \%seen, { hit => 200 }, 'no lock is lost: all is stored and found';
    # The last request is counted once it is logged, maybe by another worker
    # than the one that is asked here.
    wait_until { total($t, 'llm_requests_total') >= $counted + 400 };
    my $now = total($t, 'llm_requests_total');
    ok $now >= $counted + 400 && $now <= $made->{all} + 400,
        "counters go on: $now";
}

# ---- an upgrade of the binary (fault case 66) -------------------------------

# nginx heeds USR2 only as a daemon that was started by its full path.
{
    my $t   = LLM::Test->new(workers => 1);
    my $dir = $t->dir;
    $t->mock;
    $t->write_file('nginx.conf', $t->configuration(conf('z:8m')));
    my $pid_in = sub { slurp("$dir/$_[0]") =~ /^(\d+)$/m ? $1 : 0 };
    my ($status, $said) = $t->daemon;
    is $status, 0, 'started as a daemon' or diag $said;
    my $old = wait_until { $pid_in->('nginx.pid') };
    my $new;
    # A sanitizer's library must be preloaded, and nginx hands that on to no
    # new binary.
    my $seen = $ENV{LLM_SANITIZED}
        || eval { upgrade($t, $pid_in, $old, \$new); 1 };
    diag $@ if !$seen;
    for my $pid (grep { $_ } $old, $new) {
        kill QUIT => $pid;
    }
    ok((wait_until { !grep { $_ && kill 0 => $_ } $old, $new } 10),
        'both masters have ended');
}

sub upgrade {
    my ($t, $pid_in, $old, $new) = @_;
    is $t->post($path, chat('old'))->status, 200, 'the old binary serves';
    kill USR2 => $old;
    ok((wait_until { $pid_in->('nginx.pid.oldbin') == $old
            && $pid_in->('nginx.pid') && $pid_in->('nginx.pid') != $old } 10),
        'USR2: a second master');
    $$new = $pid_in->('nginx.pid');
    wait_until { $t->worker_pids >= 1 };
    my (%worker, $hits);
    wait_until {
        my $r = $t->post($path, chat('both'));
        die 'not served' if $r->status != 200;
        $hits += $r->header('cache-status') =~ /hit/;
        $worker{ $t->get('/status')->json->{pid} }++;
        $hits && keys %worker >= 2;
    } 10;
    is scalar(keys %worker), 2, 'both serve at the same time';
    ok $hits, 'with hits';
    kill QUIT => $old;
    ok((wait_until { !kill 0 => $old } 10), 'the old master ends');
    is $t->post($path, chat('after'))->status, 200, 'the new one serves';
    like $t->post($path, chat('after'))->header('cache-status'), qr/hit/,
        'and stores';
}

# ---- one process alone, one worker, four (fault cases 70, 71) ---------------

{
    my $t = LLM::Test->new(workers => 0, main => 'master_process off;');
    $t->mock;
    $t->start('', whole => $t->configuration(conf('z:8m'))
        =~ s/worker_processes 0/worker_processes 1/r);
    wait_until { eval { $t->get('/status') } };
    my $ask = chat('alone');
    is $t->post($path, $ask)->status, 200, 'master_process off: served';
    like $t->post($path, $ask)->header('cache-status'), qr/hit/, 'and a hit';
    is total($t, 'llm_requests_total'), 2, 'and counted';
}

for my $workers (1, 4) {
    my $t = LLM::Test->new(workers => $workers);
    $t->mock;
    $t->start(conf('z:8m'));
    for my $i (1 .. 20) {
        my @r = map { $t->post($path, chat("$i of many")) } 1 .. 3;
        is join(' ', map { $_->header('cache-status') =~ /; (hit|fwd)/ } @r),
            'fwd hit hit', "question $i, $workers workers";
    }
    my %pid;
    wait_until {
        my $status = $t->get('/status')->json;
        $pid{ $status->{pid} } = 1;
        keys %pid == $workers;
    } 3;
    my @totals = map { total($t, 'llm_requests_total') } 1 .. 8;
    is_deeply \@totals, [(60) x 8], 'every worker tells the same sum';
}

# ---- workers of another user --------------------------------------------------

SKIP: {
    skip 'only root can start workers of another user', 1 if $> != 0;
    skip 'there is no user www-data', 1 if !defined getpwnam 'www-data';
    my $t = LLM::Test->new(workers => 2);
    chmod 0755, $t->dir;
    $t->write_file(secret => 'ab' x 32);
    chmod 0600, $t->dir . '/secret';
    $t->mock;
    my $conf = conf('z:8m') =~ s/llm_zone/llm_secret secret;\n    llm_zone/r;
    $t->start('', whole => $t->configuration($conf)
        =~ s/user root;/user www-data;/r);
    is_deeply [map { (stat "/proc/$_")[4] } $t->worker_pids],
        [(scalar getpwnam 'www-data') x 2], 'workers run as www-data';
    for my $ask (chat('small'), chat('l' x 200_000)) {
        my @r = map { $t->post($path, $ask) } 1, 2;
        is $r[0]->status, 200, 'served';
        like $r[1]->header('cache-status'), qr/hit/, 'a hit';
    }
    ok $t->kill_worker, 'a killed worker';
    like $t->post($path, chat('small'))->header('cache-status'), qr/hit/,
        'leaves the zone to its successor';
}

done_testing;
