# What nginx -t says to llm_fallback and the clocks.

use lib 't/lib';
use LLM::Test;

my $t = LLM::Test->new(workers => 1);
$t->allow(qr/./);

# The words of the emerg line, and its line counted from the first of `conf`.
sub verdict {
    my ($conf) = @_;
    my ($ok, $said) = $t->check($conf);
    return ('', 0) if $ok;
    my ($emerg) = grep { /\[emerg\]/ } split /\n/, $said;
    my $text = $t->file('check.conf');
    my $at = () = substr($text, 0, index $text, $t->fill($conf)) =~ /\n/g;
    my ($line) = ($emerg // '') =~ /check\.conf:(\d+)$/;
    return ($emerg // $said, ($line // 0) - $at);
}

sub server {
    return "    server {\n        listen 127.0.0.1:%%PORT:x%%;\n"
        . "        llm on;\n        $_[0]\n    }\n";
}

my $providers = <<'END';
    llm_provider o { api openai; url http://127.0.0.1:1/v1; models gpt both; }
    llm_provider a { api anthropic; url http://127.0.0.1:1; models claude both; }
END

for my $good ('llm_fallback a b;', 'llm_fallback $arg_a b on=error,http_429;',
    'llm_fallback off;', 'llm_fallback a on=off;', 'llm_deadline 90s;',
    'llm_first_byte_timeout 20s; llm_idle_timeout 30s; llm_cache_fallback on;',
    'llm_fallback a on=http_5xx,http_529,error_in_200,timeout;',
    'llm_model a; llm_fallback b;', 'llm_model $arg_m; llm_fallback b;') {
    my ($said) = verdict(server($good));
    is $said, '', "good: $good";
}
for my $good ('llm_fallback gpt both;', 'llm_api openai; llm_fallback gpt both;',
    'llm_fallback x claude both y;', 'llm_model claude; llm_fallback both;',
    'llm_fallback gpt $arg_m;', 'llm_api openai; llm_model $arg_m; '
    . 'llm_fallback gpt;', 'llm_api anthropic; llm_fallback claude;',
    'llm_api openai; llm_fallback x;') {
    my ($said) = verdict($providers . server($good));
    is $said, '', "good with providers: $good";
}
for my $case (
    ['llm_fallback;', qr/number of arguments/],
    ['llm_fallback "";', qr/"llm_fallback": "" is no model's name/],
    ["llm_fallback caf\xe9;", qr/no model's name: 1 to \d+ bytes of UTF-8/],
    ["llm_fallback \"a\tb\";", qr/is no model's name/],
    ['llm_fallback a b a;', qr/"llm_fallback" names "a" twice/],
    ['llm_fallback a on=nonsense;', qr/"on=nonsense".*comma-separated/],
    ['llm_fallback a on=;', qr/"on=".*comma-separated/],
    ['llm_fallback a on=off,error;', qr/"on=off,error".*off alone/],
    ['llm_fallback a on=error on=timeout;', qr/must stand once/],
    ['llm_fallback off a;', qr/"llm_fallback": off stands alone/],
    ['llm_fallback a off on=error;', qr/"llm_fallback": off stands alone/],
    ['llm_fallback a; llm_fallback b;', qr/"llm_fallback" directive is dupl/],
    ['llm_model a; llm_fallback b a;', qr/"llm_fallback" names "a".*llm_model/],
    ['llm_deadline soon;', qr/"llm_deadline" directive invalid value/],
    ['llm_idle_timeout -1;', qr/"llm_idle_timeout" directive invalid value/],
    ['llm_first_byte_timeout;', qr/number of arguments/],
    ['llm_cache_fallback maybe;', qr/invalid value "maybe"/],
    [join(' ', 'llm_fallback', map { "m$_" } 1 .. 17) . ';', qr/at most 16/],
) {
    my ($said, $line) = verdict(server($case->[0]));
    like $said, $case->[1], "refused: $case->[0]";
    is $line, 4, 'in its line';
}
{
    # Named at one level, needed at another: the line is where it stands.
    my ($said, $line) = verdict($providers . "    llm_model nobodys;\n"
        . server('location /v1/ { llm_provider_required on; }'));
    like $said, qr/"llm_model": no llm_provider/, 'an inherited llm_model';
    is $line, 3, 'in its own line';
    for my $good ('llm_model gpt; llm_provider_required on;',
        'llm_model nobodys;', 'llm_model $arg_m; llm_provider_required on;') {
        ($said) = verdict($providers . server($good));
        is $said, '', "good: $good";
    }
}
for my $case (['llm_api openai; llm_fallback claude;', qr/another protocol/],
    ['llm_api anthropic; llm_fallback gpt;', qr/another protocol/],
    ['llm_fallback gpt claude;',
        qr/the llm_provider of "claude" speaks another protocol than that of "gpt"/],
    ['llm_model claude; llm_fallback both x gpt;',
        qr/of "gpt" speaks another protocol than that of "claude"/],
    ['llm_fallback x gpt both $arg_m claude;',
        qr/of "claude" speaks another protocol than that of "gpt"/],
    ['llm_provider_required on; llm_fallback nobodys;', qr/no llm_provider/],
    ['llm_provider_required on; llm_model nobodys;',
        qr/"llm_model": no llm_provider has the model "nobodys"/],
    ['llm_budget b key=x usd=1/day exceed=model:nobodys; '
        . 'llm_provider_required on;',
        qr/"llm_budget": no llm_provider has the model "nobodys"/]) {
    my ($said, $line) = verdict($providers . server($case->[0]));
    like $said, $case->[1], "refused with providers: $case->[0]";
    is $line, 6, 'in its line';
}
$t->finish;
done_testing;
