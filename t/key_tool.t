# ./run key: makes virtual keys that llm_keys knows.

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Digest::SHA qw(sha256_hex);

my $t    = LLM::Edge->new(workers => 1);
my $file = $t->dir . '/keys.json';

# (exit status, standard output, standard error)
sub key {
    my @arguments = @_;
    my $dir = $t->dir;
    my $p = LLM::Process->fork(sub {
        open STDOUT, '>', "$dir/key.out" or die $!;
        open STDERR, '>', "$dir/key.err" or die $!;
        exec root_dir . '/run', 'key', @arguments;
    });
    my $status = $p->wait(20);
    return ($status >> 8, slurp("$dir/key.out"), slurp("$dir/key.err"));
}

my @new = ('new', '--file', $file);
my ($status, $first, $said) = key(@new, '--name', 'gina', '--tenant', 'acme',
    '--plan', 'gold', '--budget', '0.5/day', '--budget', '10/month',
    '--requests', '3/h', '--models', 'gpt-4o*,m', '--tag', 'team=a "b"');
is $status, 0, 'a key is made';
like $first, qr/\Ask-llm-[A-Za-z0-9]{43}\n\z/, 'and printed alone';
chomp $first;
unlike $said . slurp($file), qr/\Q$first\E/, 'once';
my $json = from_json(slurp($file));
is_deeply $json, { keys => [{ key_sha256 => sha256_hex($first),
    name => 'gina', tenant => 'acme', plan => 'gold',
    budgets => { day => 0.5, month => 10 }, limits => { requests => '3/h' },
    models => ['gpt-4o*', 'm'], tags => { team => 'a "b"' } }] },
    'the file that was not there has it';
is sprintf('%o', (stat $file)[2] & 0777), '644', 'and workers may read it';

my ($text, $mode) = (<<'END', 0600);
{ "note": {"keys": ["]"]},
	"keys" : [ {"key_sha256":"HASH", "name":"a]\"",
      "tenant" :"t"} ] , "z":0 }
END
$text =~ s/"note.*?\},\s*//s;
$text =~ s/, "z":0//;
$text =~ s/HASH/sha256_hex('own')/e;
open my $f, '>', $file or die $!;
print $f $text;
close $f;
chmod $mode, $file;
my ($before, $after) = $text =~ /(.*"t"\})(.*)/s;
($status, my $second) = key(@new, '--name', "b\xc3\xb6", '--tenant', 't');
chomp $second;
is slurp($file), "$before,\n  " . qq({"key_sha256": "${\ sha256_hex($second)}")
    . qq(, "name": "b\xc3\xb6", "tenant": "t"}\n) . $after,
    'what stood there stays byte for byte';
is sprintf('%o', (stat $file)[2] & 0777), '600', 'and keeps its mode';
isnt $first, $second, 'another key';

# Many at a time lose none.
my @all = map {
    my $n = $_;
    LLM::Process->fork(sub {
        open STDOUT, '>', $t->dir . "/one.$n";
        open STDERR, '>', '/dev/null';
        exec root_dir . '/run', 'key', @new, '--name', "n$n", '--tenant', 't';
    })
} 1 .. 8;
$_->wait(30) for @all;
my %hashes = map { $_->{key_sha256} => 1 } @{ from_json(slurp($file))->{keys} };
is scalar(grep { chomp(my $key = slurp($t->dir . "/one.$_"));
    $hashes{ sha256_hex($key) } } 1 .. 8), 8, 'eight at a time are eight';
opendir my $d, $t->dir or die $!;
is scalar(grep { /^\.keys/ } readdir $d), 0, 'nothing is left beside it';

($status, my $list) = key('list', '--file', $file);
is $status, 0, 'list';
like $list, qr/^\w{12} b\xc3\xb6 t$/m, 'names them';
unlike $list, qr/\Q$second\E/, 'not the keys';

my $link = $t->dir . '/link.json';
symlink 'keys.json', $link or die $!;
($status, my $linked) = key('new', '--file', $link, '--name', 'linked',
    '--tenant', 't');
chomp $linked;
ok -l $link, 'a link to the file stays a link';
like slurp($file), qr/${\ sha256_hex($linked)}/, 'and the file has the key';

for my $case (
    [[@new, '--name', 'x'], qr/--tenant is needed/],
    [[@new, '--name', '', '--tenant', 't'], qr/--name: must/],
    [[@new, '--name', "a\nb", '--tenant', 't'], qr/--name: must/],
    [[@new, '--name', 'x', '--tenant', 't', '--budget', '-5/day'],
        qr/--budget -5\/day: must/],
    [[@new, '--name', 'x', '--tenant', 't', '--budget', '5/year'],
        qr/--budget 5\/year: must/],
    [[@new, '--name', 'x', '--tenant', 't', '--requests', 'many'],
        qr/--requests many: must/],
    # nginx would refuse the whole file for it.
    [[@new, '--name', 'x', '--tenant', 't', '--requests',
        '9999999999999999999/s'], qr/--requests 9+\/s: must/],
    [[@new, '--name', 'x', '--tenant', 't', '--expires',
        '2030-02-30T00:00:00Z'], qr/--expires: must/],
    [[@new, '--name', 'x', '--tenant', 't', '--expires',
        '2030-02-20T00:00:00+25:00'], qr/--expires: must/],
    [[@new, '--name', 'x', '--tenant', 't', '--models',
        join ',', 1 .. 257], qr/--models: there are more than 256/],
    [[@new, '--name', 'x', '--tenant', 't',
        map { ('--tag', "t$_=1") } 1 .. 17], qr/--tag: there are more than 16/],
    [['new', '--file', '/nonexistent/k', '--name', 'x', '--tenant', 't'],
        qr/nonexistent/],
) {
    my ($arguments, $words) = @$case;
    my $was = slurp($file);
    my ($status, $out, $said) = key(@$arguments);
    is $status, 1, "@$arguments[3 .. $#$arguments] is refused";
    like $said, $words, 'why';
    is $out, '', 'no key is shown';
    is slurp($file), $was, 'the file is as it was';
}
for my $bad ('{', '[]', '{"keys": 3}', '{"Keys": []}') {
    my $path = $t->write_file('bad.json', $bad);
    my ($status, $out) = key('new', '--file', $path, '--name', 'x',
        '--tenant', 't');
    is "$status$out", '1', "a file of $bad is refused";
    is slurp($path), $bad, 'and stays';
}
is((key())[0], 2, 'without a word: how to');
is((key('new', 'x', '--name', 'a'))[0], 2, 'with one too many');

# What it made is what nginx reads.
$t->mock;
$t->write_file('prices.json' => '{"m": {"input_cost_per_token": 0,'
    . ' "output_cost_per_token": 1e-6}}');
unlink $file;
my (undef, $key) = key(@new, '--name', 'gina', '--tenant', 'acme',
    '--budget', '0.5/day', '--budget', '1.25/week', '--requests', '2/h',
    '--tokens', '1m/d', '--concurrency', '2', '--plan', 'p', '--tag', 'a=b',
    '--models', 'm', '--expires', '2099-01-01T00:00:00+01:00');
chomp $key;
$t->start($t->head . 'llm on; llm_keys keys.json; llm_prices prices.json;'
    . $t->server(''));
sub asked {
    return $t->post('/v1/chat/completions', $t->body_of('chat'),
        Authorization => "Bearer $_[0]")->status;
}
is join(' ', map { asked($key) } 1 .. 3), '200 200 429', 'its limits hold';
(undef, my $late) = key(@new, '--name', 'late', '--tenant', 'acme');
chomp $late;
my $good = wait_until { asked($late) == 200 };
ok $good, 'a key made later is soon good';

done_testing;
