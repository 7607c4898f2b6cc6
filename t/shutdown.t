# A worker that shuts down while something beside its clients is under way:
# an audit, an alert, a vector from an endpoint, none of which answers.

use lib 't/lib';
use LLM::Test;

use Time::HiRes qw(sleep time);

my $chat = '/v1/chat/completions';
my @same = ('How do I reset my password?', 'How can I reset my password?');

sub started {
    my ($t) = @_;
    $t->mock;
    my $never = 'http://127.0.0.1:%%PORT:mock%%/mock/delay=30000/v1';
    return $t->start(<<"END");
    llm_zone edge:16m;
    llm_embedder near lexical;
    llm_embedder far url=$never/embeddings model=e timeout=25s;
    llm_alert url=$never/alert events=hard timeout=25s;
    llm on;
    llm_cache edge;
    server {
        listen 127.0.0.1:%%PORT:http%%;
        location / {
            llm_semantic near audit=100% audit_url=$never;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location /far/ {
            llm_semantic far;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location = /alert { llm_alert_test; }
    }
END
}

sub body_of { to_json({ model => 'm',
    messages => [{ role => 'user', content => $_[0] }] }) }

# What is under way, by what it is called.
my %under_way = (
    audit => sub {
        my ($t) = @_;
        $t->post($chat, body_of($_)) for @same;
    },
    alert => sub { $_[0]->post('/alert', '') },
    'vector that a client waits for' => sub {
        my ($t) = @_;
        my $c = $t->client;
        $c->send(POST => "/far$chat", body => body_of('What is a cat?'));
        return $c;
    },
);
for my $what (sort keys %under_way) {
    my $t = LLM::Test->new(workers => 1, shutdown_timeout => '1s');
    started($t);
    my $kept = $under_way{$what}->($t);
    ok wait_until {
        grep { $_->{path} =~ /delay=30000|alert|embeddings/ } $t->mock_log
    }, "$what: is under way";
    my $start = time;
    ok $t->stop, "$what: QUIT ends nginx";
    cmp_ok time - $start, '<', 5, "$what: by worker_shutdown_timeout";
    cmp_ok time - $start, '>', 0.5, "$what: not before it";
    $t->finish;

    $t = LLM::Test->new(workers => 1, shutdown_timeout => '1s');
    started($t);
    $kept = $under_way{$what}->($t);
    sleep 0.1;
    $t->reload;
    ok $t->drained(5), "$what: a reload ends the worker in time";
    $kept = $under_way{$what}->($t);
    sleep 0.1;
    $start = time;
    ok $t->stop('TERM'), "$what: TERM ends nginx";
    cmp_ok time - $start, '<', 2, "$what: TERM, at once";
    $t->finish;
}
done_testing;
