# llm_alert of budgets and keys: once for each crossing, from all workers
# together, with what an operator has to know and nothing secret.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(time);

my $t = LLM::Edge->new(workers => 4);
$t->mock;
my $dir = $t->dir . '/hook';
mkdir $dir;
$t->upstream(hook => sub {
    my ($c, $head, $body) = @_;
    return if $body eq '';
    my $file = sprintf '%s/%.6f-%d', $dir, time, $$;
    open my $f, '>:raw', "$file.part" or die $!;
    print $f $body;
    close $f;
    rename "$file.part", $file;
    print $c "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
});

# Alerts of one kind, oldest first.
sub received {
    my ($event) = @_;
    return grep { $_->{event} eq $event } map { from_json(slurp($_)) }
        grep { !/\.part$/ } sort glob "$dir/*";
}

$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));
$t->write_file('keys.json' => to_json({ keys => [{ name => 'gina',
    key_sha256 => sha256_hex('sk-gina'), tenant => 'acme' },
    { name => 'own', key_sha256 => sha256_hex('sk-own'), tenant => 'acme',
        budgets => { month => 0.1 } },
    { name => 'odd', key_sha256 => sha256_hex('sk-odd'), tenant => 'acme' }
] }));
$t->start($t->head . <<'END' . $t->server('llm_budget team key=$llm_key usd=0.1/month soft=50%;', more => <<'MORE'));
    llm on;
    llm_keys keys.json;
    llm_prices prices.json;
    llm_alert url=http://127.0.0.1:%%PORT:hook%%/ events=soft,hard,key_invalid;
END
        location /dry/v1/ {
            llm_budget dry key=$llm_key usd=0.01/month dry_run;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
        location /odd/v1/ {
            llm_budget odd key=$http_x_team usd=0.02/month;
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
MORE

sub asked {
    my ($key, %o) = @_;
    my $in = delete $o{in} // '';
    return $t->post("$in/v1/chat/completions",
        $t->body_of('chat', max_tokens => 20, %o),
        Authorization => "Bearer $key", 'X-Mock' => 'completion=20')->status;
}

asked('sk-gina', in => '/dry', max_tokens => 5);
is asked('sk-gina') , 200, 'spent' for 1 .. 2;
is $t->metric('llm_budget_crossed_total', budget => 'team'), 0,
    'below the soft line';
asked('sk-gina');
my $told = wait_until { received('soft') >= 1 };
ok $told, 'the soft line';
asked('sk-gina') for 1 .. 20;
$told = wait_until { received('hard') >= 1 };
ok $told, 'the end of the money';
asked('sk-gina') for 1 .. 20;
for my $event ('soft', 'hard') {
    my @all = received($event);
    my $one = $all[0];
    is $one->{budget}, 'team', "$event: which budget";
    is $one->{key}, 'gina', "$event: of whom";
    is $one->{tenant}, 'acme', "$event: whose tenant";
    like $one->{limit_usd}, qr/^0\.10*$/, "$event: of how much";
    my ($start, $end) = @$one{qw(window_start window_end)};
    ok defined $start && defined $end, "$event: in which window";
}

is asked('sk-nobody'), 401, 'a key that is not known' for 1 .. 5;
$told = wait_until { received('key_invalid') >= 1 };
ok $told, 'is told';
my @invalid = received('key_invalid');
is $invalid[0]{reason}, 'unknown', 'why';
# A budget of the key's own entry.
asked('sk-own') for 1 .. 4;
my @own;
my $found = sub {
    my ($budget, $event) = @_;
    @own = grep { $_->{budget} eq $budget } received($event);
    return scalar @own;
};
$told = wait_until { $found->('llm_keys/month', 'soft') };
ok $told, "a key's own budget has the usual soft line";
asked('sk-own') for 1 .. 2;
$told = wait_until { $found->('llm_keys/month', 'hard') };
ok $told, 'and an end';
is $own[0]{key}, 'own', 'of whom: its name, not its hash';

# A client's bytes are told as far as they are text.
$t->post('/odd/v1/chat/completions', $t->body_of('chat', max_tokens => 20),
    Authorization => 'Bearer sk-odd', 'X-Team' => qq{\xfft"eam\xc3},
    'X-Mock' => 'completion=20') for 1 .. 2;
$told = wait_until { $found->('odd', 'hard') };
ok $told, 'a key that is no UTF-8 leaves the alert readable';
is $own[0]{key}, qq{\x{fffd}t"eam\x{fffd}}, 'with what is readable of it';
# Workers that end have sent what they had to.
ok $t->stop, 'nginx ends';
is scalar(received('key_invalid')), 1, 'a bad key: once a minute';
my %times;
$times{"$_->{event} $_->{budget} $_->{key}"}++ for map { received($_) } qw(soft hard);
my $odd = qq{\x{fffd}t"eam\x{fffd}};
is_deeply \%times, { map { ("soft $_" => 1, "hard $_" => 1) }
    'team gina', 'team own', 'llm_keys/month own', "odd $odd" },
    'each crossing once over four workers, and none of a dry run';
my $all = join '', map { slurp($_) } glob "$dir/*";
unlike $all, qr/sk-|${\ sha256_hex('sk-nobody')}|question/,
    'no credential and no text in any of them';

done_testing;
