# conf/llm_proxy.conf as it ships, but for the name of the CA file, against
# an upstream that speaks TLS with a certificate of a private CA: verified,
# by name, with SNI, over kept connections and reused sessions.

use lib 't/lib';
use LLM::Certificate;
use LLM::Test;
use LLM::Edge;

my $t = LLM::Edge->new(workers => 1);
plan(skip_all => 'openssl is not there') unless $t->has_program('openssl');
$t->mock;
my $dir = $t->dir;

certificate($t, 'ours',     'good',   'llm.test', 'localhost');
certificate($t, 'ours',     'other',  'other.test');
certificate($t, 'somebody', 'forged', 'llm.test');

my $key = $t->write_file('provider.key', "sk-tls\n");
chmod 0600, $key;
my $proxy = slurp(root_dir . '/conf/llm_proxy.conf');
my $bundle = '/etc/ssl/certs/ca-certificates.crt';
is +(() = $proxy =~ /\Q$bundle\E/g), 1, "the machine's CA bundle is named";
$proxy =~ s/\Q$bundle\E/$dir\/ours.pem/;
$t->write_file('llm_proxy.conf', $proxy);

my ($providers, $fronts) = ('', '');
for my $name (qw(good other forged short)) {
    my $cert = $name eq 'short' ? 'good' : $name;
    my $keep = $name eq 'short' ? 'keepalive_timeout 0;' : '';
    $providers .= <<"END";
    upstream $name { server 127.0.0.1:%%PORT:$name%%; keepalive 4; }
    llm_provider $name {
        api      openai;
        upstream $name scheme=https base=/v1 host=llm.test;
        key      provider.key;
        models   $name-model;
    }
END
    $fronts .= <<"END";
    server {
        listen 127.0.0.1:%%PORT:$name%% ssl;
        server_name localhost llm.test;
        $keep
        ssl_certificate     %%DIR%%/$cert.pem;
        ssl_certificate_key %%DIR%%/$cert.key;
        access_log %%DIR%%/front.log front;
        location / { proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
END
}

$t->start($t->head . <<'END' . $providers . $fronts . <<'END');
    log_format front '$server_port $ssl_server_name $ssl_protocol '
        '$ssl_session_reused $connection $http_host $http_connection.';
END
    llm_provider literal {
        api    openai;
        url    https://localhost:%%PORT:good%%/v1;
        key    provider.key;
        models literal-model;
    }
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/access.log llm;
        location / {
            llm on;
            include llm_proxy.conf;
        }
    }
END

my $asked = 0;
my @front;

# Asks; the lines that the TLS server wrote meanwhile are in @front.
sub ask {
    my ($model, %more) = @_;
    my $before = $t->lines('front.log');
    my ($r, $log) = $t->ask(chat => '', model => $model, %more);
    if ($r->status == 200) {
        wait_until { $t->lines('front.log') > $before };
    }
    my @all = $t->lines('front.log');
    @front = @all[$before .. $#all];
    return $r;
}

# ---- verified, by the provider's name ----------------------------------------

my $port = $t->port('good');
is ask('good-model')->status, 200, 'a certificate of the private CA';
like $front[0], qr/^$port llm\.test TLSv1\.[23] \. \d+ llm\.test \S*\.$/,
    'SNI and Host are the name of the provider';
my ($saw) = $t->mock_log;
is $saw->{headers}{authorization}, 'Bearer sk-tls', 'with the key';

my ($first) = $front[0] =~ / (\d+) llm\.test/;
for (1 .. 3) {
    is ask('good-model')->status, 200, 'again';
    like $front[0], qr/ $first llm\.test /, 'over the same connection';
}
my $r = ask('good-model', stream => 1);
is $r->status, 200, 'a stream';
is +($r->events)[-1]{data}, '[DONE]', 'to its end';

# ---- sessions are reused where connections are not -----------------------------

is ask('short-model')->status, 200, 'a server that keeps no connection';
like $front[0], qr/ \. \d+ llm\.test /, 'a new session';
is ask('short-model')->status, 200, 'again';
like $front[0], qr/ r \d+ llm\.test /, 'the session is reused';

# ---- a literal host ---------------------------------------------------------------

is ask('literal-model')->status, 200, 'a literal host and port';
like $front[0], qr/^$port localhost \S+ \. \d+ localhost:$port /,
    'SNI without the port, Host with it';
my ($kept) = $front[0] =~ / (\d+) localhost:/;
is ask('literal-model')->status, 200, 'again';
like $front[0], qr/ $kept localhost:/, 'over the same connection';

# ---- refused ------------------------------------------------------------------------

$t->mock_reset;
for my $name (qw(other forged)) {
    my $r = ask("$name-model");
    is $r->status, 502, "$name: not the provider's certificate";
    unlike $r->body, qr/sk-tls|CN=/, 'nothing is told';
}
is $t->mock_count, 0, 'and nothing was sent';
like $t->log, qr/upstream SSL certificate does not match "llm\.test"/,
    'another name is told';
like $t->log, qr/upstream SSL certificate verify error/,
    'another CA is told';
unlike $t->log, qr/sk-tls/, 'no key in the log';

done_testing;
