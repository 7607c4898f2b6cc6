# $llm_prefix: conversations keep their replica while they grow, many spread
# evenly. llm_provider_cache: what it puts into the request, and what not.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

my $t = LLM::Edge->new(workers => 2);
$t->mock;
my $replicas = join '', map {
    qq(server { listen 127.0.0.1:%%PORT:r$_%%; location / {
        default_type application/json;
        return 200 '{"replica":$_,"choices":[]}'; } }\n)
} 0 .. 3;
my $servers = join ' ', map {"server 127.0.0.1:%%PORT:r$_%%;"} 0 .. 3;
$t->start($t->fill($t->head . <<"END"));
    llm on;
    upstream replicas { hash \$llm_prefix consistent; $servers }
    $replicas
    server {
        listen 127.0.0.1:%%PORT:http%%;
        add_header X-Prefix \$llm_prefix always;
        location / { proxy_pass http://replicas; }
        location /mark/ {
            llm_provider_cache on;
            rewrite ^/mark(/.*) \$1 break;
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
    }
END

my $client = $t->client;

sub ask_chat {
    my ($path, @messages) = @_;
    return $client->request(POST => "$path/v1/chat/completions",
        body => to_json({ model => 'm', messages => \@messages }));
}

sub user { { role => 'user', content => $_[0] } }

for my $n (1 .. 5) {
    my @talk = ({ role => 'system', content => 'Be kind.' }, user("talk $n"));
    my $first = ask_chat('', @talk);
    like $first->header('x-prefix'), qr/^[0-9a-f]{16}$/, 'a short name';
    for my $turn (1 .. 4) {
        push @talk, { role => 'assistant', content => 'yes' },
            user("and $turn");
        my $r = ask_chat('', @talk);
        is $r->header('x-prefix'), $first->header('x-prefix'),
            "talk $n, turn $turn: the same name";
        is $r->json->{replica}, $first->json->{replica}, 'and replica';
    }
}

my %count;
$count{ ask_chat('', user("question $_"))->json->{replica} }++ for 1 .. 400;
is scalar(keys %count), 4, 'all replicas are used';
ok !(grep { $_ < 50 || $_ > 160 } values %count),
    'about evenly: ' . join ' ', map {"$_: $count{$_}"} sort keys %count;

# ---- the provider's cache -----------------------------------------------

sub marked {
    my ($api, $body, @headers) = @_;
    my $r = $t->post('/mark' . $t->path($api), $body, @headers);
    is $r->status, 200, "$api is answered" or diag $r->body;
    return ($t->mock_log)[-1]{body};
}

my $chat = '{"model":"m","messages":[{"role":"user","content":"x"}]}';
my ($key) = marked(chat => $chat) =~ /^\{"prompt_cache_key":"(\w+)","model"/;
like $key, qr/^[0-9a-f]{32}$/, 'a key of no meaning';
my $more = $chat =~ s/\]/,{"role":"assistant","content":"y"}]/r;
is marked(chat => $more), "{\"prompt_cache_key\":\"$key\"," . substr($more, 1),
    'that stays as the conversation grows';
unlike marked(chat => $chat, Authorization => 'Bearer a'), qr/$key/,
    'and is another for another tenant';
my $own = '{"prompt_cache_key":"mine",' . substr $chat, 1;
is marked(chat => $own), $own, 'the client\'s own stays';

my $system = 'long ' x 300;
$system x= 3;    # 4.5 KB, of which the log keeps the first 4
my $plain = '{"model":"m","max_tokens":5,"system":[{"type":"text","text":"'
    . $system . '"}],"messages":[{"role":"user","content":"x"}]}';
like marked(messages => $plain),
    qr/"system":\[\{"cache_control":\{"type":"ephemeral"\},"type":"text"/,
    'a long system text is marked';
is(($t->mock_log)[-1]{body_length}, length($plain)
        + length('"cache_control":{"type":"ephemeral"},'), 'and nothing else');
my $short = $plain =~ s/long .* "/short"/r;
is marked(messages => $short), $short, 'a short one is not';

done_testing;
