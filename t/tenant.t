# $llm_tenant: one name for one credential, whichever worker answers, with a
# zone and without one.

use lib 't/lib';
use LLM::Test;

my $server = <<'END';
    log_format tenant '$pid $llm_tenant';
    server {
        listen 127.0.0.1:%%PORT:http%%;
        access_log %%DIR%%/tenants.log tenant;
        location / { llm on; return 204; }
        location /v1/ { llm on;
            proxy_pass http://127.0.0.1:%%PORT:mock%%; }
    }
END

# The names of `count` requests, each on a connection of its own, and the
# workers that gave them.
sub names {
    my ($zone, $count) = @_;
    my $t = LLM::Test->new(workers => 4);
    $t->mock;
    $t->start($zone . $server);
    my (%names, %workers);
    for my $n (1 .. 40) {
        for (1 .. $count) {
            $t->post('/v1/chat/completions',
                { model => 'm', messages => [{ role => 'user',
                    content => "question $n" }] },
                Authorization => 'Bearer one-and-the-same',
                Connection => 'close');
        }
        my @lines = $t->lines('tenants.log');
        %workers = map { (split / /)[0] => 1 } @lines;
        %names   = map { (split / /)[1] => 1 } @lines;
        last if keys %workers > 1;
    }
    $t->finish;
    return (\%names, \%workers);
}

for my $zone ('', "llm_zone z:2m;\n") {
    my $what = $zone ? 'with a zone' : 'without a zone';
    my ($names, $workers) = names($zone, 10);
    cmp_ok scalar(keys %$workers), '>', 1, "$what: several workers answered";
    is scalar(keys %$names), 1, "$what: they name the tenant alike";
    like((keys %$names)[0], qr/^[0-9a-f]{32}$/, "$what: by an HMAC");
}

done_testing;
