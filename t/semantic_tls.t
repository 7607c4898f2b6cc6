# An embeddings endpoint behind TLS, with a certificate of a private CA: it is
# verified against ca=, by name; what does not stand that is asked for nothing,
# and the request goes on as a miss.

use lib 't/lib';
use LLM::Certificate;
use LLM::Test;

my $t = LLM::Test->new(workers => 1);
plan(skip_all => 'openssl is not there') unless $t->has_program('openssl');
$t->mock;
my $dir = $t->dir;

certificate($t, 'ours',     'good',   'localhost');
certificate($t, 'ours',     'named',  'other.test');
certificate($t, 'somebody', 'forged', 'localhost');

my $fronts = join '', map { <<"END" } qw(good named forged);
    server {
        listen 127.0.0.1:%%PORT:$_%% ssl;
        ssl_certificate     %%DIR%%/$_.pem;
        ssl_certificate_key %%DIR%%/$_.key;
        location / {
            llm off;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
    }
END

# Which endpoint, and whom it is verified against.
my %endpoint = (
    good    => ['good',   "ca=$dir/ours.pem"],
    other   => ['good',   "ca=$dir/somebody.pem"],
    public  => ['good',   ''],
    named   => ['named',  "ca=$dir/ours.pem"],
    forged  => ['forged', "ca=$dir/ours.pem"],
);
my @names = sort keys %endpoint;
$t->start("llm_zone edge:16m;\n"
    . join('', map { "llm_embedder $_ url=https://localhost:%%PORT:"
        . "$endpoint{$_}[0]%%/v1/embeddings model=m timeout=5s "
        . "$endpoint{$_}[1];\n" } @names)
    . <<'END' . join('', map { <<"END" } @names) . "}\n$fronts");
    llm on;
    llm_cache edge;
    add_header X-C "$llm_cache_status $llm_cache_reason" always;
    server {
        listen 127.0.0.1:%%PORT:http%%;
END
        location /$_/ {
            llm_semantic $_ precision=0.3 threshold=0.6 audit=0%;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/;
        }
END

sub ask {
    my ($in, $text) = @_;
    return $t->post("/$in/v1/chat/completions", { model => 'm',
        messages => [{ role => 'system', content => $in },
            { role => 'user', content => $text }] });
}

sub calls { scalar grep { $_->{path} =~ /embeddings/ } $t->mock_log }

my @pair = ('How do I reset my password?', 'How can I reset my password?');

is ask(good => $pair[0])->header('x-c'), 'MISS no_entry', 'stored';
is ask(good => $pair[1])->header('x-c'), 'SEMANTIC semantic',
    'of the CA that is named: met';
is calls(), 2, 'asked over TLS';

for my $how (qw(other public named forged)) {
    $t->mock_reset;
    for my $text (@pair) {
        my $r = ask($how => $text);
        is $r->status, 200, "$how: answered";
        is $r->header('x-c'), 'MISS encoder', "$how: without a vector";
    }
    is calls(), 0, "$how: nothing was sent";
    my $told = () = $t->log =~ /"llm_embedder $how" gives no vectors/g;
    is $told, 1, "$how: told once";
}

$t->allow(qr/gives no vectors|SSL_do_handshake\(\) failed/);
done_testing;
