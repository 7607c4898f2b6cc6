# ./run itself: the demo from its start to its end, and every configuration
# in conf/.

use lib 't/lib';
use LLM::Test;

use Fcntl qw(:flock);
use File::Path qw(make_path remove_tree);

my $root = root_dir;
plan skip_all => 'the module is not in ' . build_dir
    unless -f LLM::Test->module;

# ---- conf/ ----------------------------------------------------------------

my $t = LLM::Test->new;
make_path map { $t->dir . "/$_" } qw(modules tmp);
symlink LLM::Test->module, $t->dir . '/modules/ngx_llm_module.so' or die $!;
my @globals = $> == 0 ? ('-g', 'user root;') : ();
for my $conf (glob "'$root'/conf/*.conf") {
    next unless slurp($conf) =~ /^http \{/m;    # llm_proxy.conf is a part
    my ($ok, $said) = $t->check_file($conf, @globals);
    ok $ok, "nginx -t of $conf" or diag $said;
}

# ---- help and what is wrong -----------------------------------------------

my ($status, $out) = $t->command("$root/run", 'help');
is $status, 0, 'help';
like $out, qr/\Q$_\E/, "help tells of $_"
    for qw(build test bench fuzz asan LLM_PORT LLM_UPSTREAM OPENAI_API_KEY);
($status, $out) = $t->command("$root/run", 'nonsense');
is $status >> 8, 2, 'an unknown word ends with 2';

SKIP: {
    skip 'LLM_BUILD is not what ./run builds', 1
        if build_dir ne "$root/build";
    only_one();
    demo();
    taken();
    wishes();
}

# Either the ./run test that runs this holds the lock, or we do.
sub only_one {
    open my $lock, '>>', "$root/build/test.lock" or die $!;
    flock $lock, LOCK_EX | LOCK_NB;
    my ($status, $out) = $t->command("$root/run", 'test', 'nothing');
    is $status >> 8, 1, 'a second ./run test in one tree is refused';
    like $out, qr/another \.\/run test is under way/, 'and says why';
}

sub start_demo {
    my ($out, %env) = @_;
    local %ENV = (%ENV, OPENAI_API_KEY => '', LLM_UPSTREAM => '', %env);
    push @{ $t->{started} }, my $demo = LLM::Process->start(["$root/run"], $out);
    return $demo;
}

sub demo {
    my $out  = $t->dir . '/demo.out';
    my $demo = start_demo($out, LLM_PORT => $t->port('http'));
    wait_until { slurp($out) =~ /^Requests:/m || !$demo->running } 60;
    ok $demo->running, 'the demo runs' or diag slurp($out);
    like slurp($out), qr/^curl .*\Q:${\ $t->port('http')}\E/m, 'lines to try';

    my $body = { model => 'gpt-4o-mini',
        messages => [{ role => 'user', content => 'Hello' }] };
    my @cache;
    for (1, 2) {
        my $r = $t->post('/v1/chat/completions', $body);
        is $r->json->{choices}[0]{message}{role}, 'assistant', "answer $_";
        push @cache, $r->header('cache-status');
    }
    unlike $cache[0], qr/hit/, 'the first is a miss';
    like $cache[1], qr/^ngx_llm; *hit/, 'the second is a hit';
    my $r = $t->post('/v1/chat/completions', { %$body,
        stream => JSON::PP::true });
    is +($r->events)[-1]{data}, '[DONE]', 'as a stream';
    like $r->header('cache-status'), qr/^ngx_llm; *hit/, 'a hit too';
    is $t->get('/metrics')->status, 200, 'metrics';
    ok $t->get('/status')->json, 'status';

    my $shown = wait_until {
        my @lines = slurp($out) =~ /^\S+T\S+ 200 (MISS|HIT) gpt-4o-mini/mg;
        @lines == 3 && "@lines" } 5;
    is $shown, 'MISS HIT HIT', 'a line for each request'
        or diag slurp($out);

    my $dir = "$root/build/demo/" . $t->port('http');
    my ($nginx) = slurp("$dir/nginx.pid") =~ /(\d+)/;
    my @all = ($nginx, LLM::Process::children($demo->pid),
        LLM::Process::children($nginx));
    ok @all > 3, 'master, workers, mock upstream, tail';
    kill TERM => $demo->pid;
    ok defined $demo->wait(10), 'TERM ends it';
    is join(' ', grep { kill 0 => $_ } @all), '', 'and everything with it';
    ok !-e "$dir/nginx.conf", 'no configuration with a key stays';
    remove_tree $dir;
}

sub taken {
    my $holder = IO::Socket::INET->new(Listen => 1,
        LocalAddr => '127.0.0.1') or die $!;
    my $out  = $t->dir . '/taken.out';
    my $demo = start_demo($out, LLM_PORT => $holder->sockport);
    my $status = $demo->wait(60);
    is $status >> 8, 1, 'a port that is taken ends it';
    like slurp($out), qr/port \d+ is taken.*LLM_PORT=/, 'with words that help';
    unlike slurp($out), qr/^== /m, 'before anything is built';
}

sub wishes {
    my %wrong = (
        LLM_PORT       => [qw(abc 0 65536 -1 127.0.0.1:8080 99999999999)],
        LLM_UPSTREAM   => [qw(host http:// ftp://h:1 http://h/api http://h;x)],
        OPENAI_API_KEY => ['sk-a"b'],
    );
    for my $name (sort keys %wrong) {
        for my $value (@{ $wrong{$name} }) {
            my $out  = $t->dir . '/wrong.out';
            my $demo = start_demo($out, LLM_PORT => $t->port('http'),
                $name => $value);
            is $demo->wait(60) >> 8, 1, "$name=$value ends it";
            like slurp($out), qr/\Arun: $name \S+ .*\n\z/,
                'with one line that names it';
        }
    }
}

done_testing;
