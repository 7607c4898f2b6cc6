# What nginx -t says to llm_model, llm_set, llm_system, llm_model_response and
# llm_provider_cache: file, line, and words that help.

use lib 't/lib';
use LLM::Test;

my $t   = LLM::Test->new(workers => 1);
my $dir = $t->dir;
$t->allow(qr/./);    # refusals are what is asked for here
$t->write_file('kind.txt'   => "Be kind.\n");
$t->write_file('blank.txt'  => " \n\n");
$t->write_file('latin.txt'  => "caf\xe9\n");
$t->write_file('nul.txt'    => "a\0b\n");
$t->write_file('large.txt'  => 'x' x (1024 * 1024 + 1));
$t->write_file('exact.txt'  => 'x' x (1024 * 1024));

sub location {
    my ($inside, $server) = @_;
    return "    server {\n        listen 127.0.0.1:%%PORT:x%%;\n        "
        . ($server // '') . "\n        location / { $inside }\n    }\n";
}

sub refused {
    my ($inside, $words) = @_;
    my $conf = location($inside);
    my ($ok, $said) = $t->check($conf);
    is $ok, 0, "refused: $inside";
    my ($emerg) = grep { /\[emerg\]/ } split /\n/, $said;
    like $emerg // $said, $words, 'with words that help';
    my $text = $t->file('check.conf');
    my $line = 1 + (() = substr($text, 0, index $text, $inside) =~ /\n/g);
    like $emerg // '', qr/ in \Q$dir\E\/check\.conf:$line$/, 'and its line';
}

sub taken {
    my ($inside, $server) = @_;
    my ($ok, $said) = $t->check(location($inside, $server));
    ok $ok, "taken: $inside" or diag $said;
}

refused('llm_model;', qr/invalid number of arguments in "llm_model"/);
refused('llm_model a b;', qr/invalid number of arguments/);
refused('llm_model a; llm_model b;', qr/"llm_model" directive is duplicate/);
refused('llm_model ' . 'm' x 257 . ';', qr/"llm_model": "m+" is no model's/);
refused("llm_model \"a\tb\";", qr/is no model's name/);
refused("llm_model caf\xe9;", qr/is no model's name/);
taken('llm_model gpt-4o;');
taken('llm_model "";', 'llm_model gpt-4o;');
taken('llm_model $llm_model-mini;');
taken('llm_model openai/gpt-4o;');

refused('llm_set top_p;', qr/invalid number of arguments in "llm_set"/);
refused('llm_set top_p 1 cap 2;', qr/invalid number of arguments/);
refused('llm_set top_p 1 lower;',
    qr/"llm_set": "lower": one of default, cap, force is needed/);
refused("llm_set $_ 1;", qr/"llm_set": "\Q$_\E": this member is not for/)
    for qw(model messages system instructions prompt input tools stream
    stream_options.include_usage);
refused('llm_set "" 1;', qr/"llm_set": "": a name is missing/);
refused("llm_set $_ 1;", qr/"llm_set": "\Q$_\E": a name is missing/)
    for qw(a. .a a..b);
refused('llm_set a.b.c.d.e 1;', qr/more than 4 names/);
refused('llm_set "a b" 1;', qr/character that is not allowed/);
refused("llm_set $_;", qr/"llm_set": .*an object or an array/)
    for q(a '{"b":1}'), q(a '[1]');
refused("llm_set a $_;", qr/"llm_set": .*not a JSON value/)
    for qw(01 +1 .5 1. 0x10), q('"open');
refused('llm_set a "";', qr/"llm_set": "": there is no value/);
refused("llm_set a caf\xe9;", qr/"llm_set": .*not UTF-8/);
refused('llm_set max_tokens many cap;', qr/only a number can be a cap/);
refused('llm_set max_tokens null cap;', qr/only a number can be a cap/);
refused("llm_set max_tokens $_;", qr/"llm_set": .*: a limit of tokens is a num/)
    for qw(many true), q('"5"');
refused("llm_set max_completion_tokens $_ cap;",
    qr/"llm_set": "\Q$_\E": a limit of tokens/) for qw(0 -5 1.5 1e999);
refused('llm_set top_p 1; llm_set top_p 0.5;',
    qr/"llm_set": "top_p" is set twice in this way/);
refused('llm_set max_tokens 5; llm_set max_output_tokens 6;',
    qr/"max_output_tokens" is set twice in this way, as "max_tokens" before/);
refused('llm_set reasoning_effort low; llm_set reasoning.effort high;',
    qr/"reasoning.effort" is set twice in this way, as "reasoning_effort"/);
refused('llm_set a 1; llm_set a.b 1;',
    qr/"llm_set": of "a" and "a.b" one lies in the other/);
refused('llm_set reasoning.effort low; llm_set reasoning x;',
    qr/one lies in the other/);
taken('llm_set top_p 1; llm_set top_p 0.5 cap; llm_set top_p 0.1 default;');
taken('llm_set max_tokens $arg_limit cap; llm_set service_tier flex;');
taken(q(llm_set stop '"5"' force; llm_set a.b.c.d -1e3;));
taken('llm_set seed null; llm_set store false force;');
taken('llm_set max_tokens -1; llm_set max_tokens 1 cap;',
    'llm_set max_output_tokens null; llm_set a.max_tokens x;');

refused('llm_system;', qr/invalid number of arguments in "llm_system"/);
refused('llm_system on;', qr/"llm_system": "on" is not understood/);
refused('llm_system set kind.txt;', qr/"llm_system": "set" is not underst/);
refused('llm_system prepend kind.txt when=1;',
    qr/"llm_system": "when=1" is not understood.*if=condition/);
refused('llm_system prepend kind.txt if=;', qr/"if=" is not understood/);
refused('llm_system prepend none.txt;',
    qr{"llm_system": opening "\Q$dir\E/none.txt" failed.*No such file});
refused('llm_system prepend .;', qr/"llm_system": reading .* failed/);
refused('llm_system prepend $arg_file;',
    qr/"llm_system" directive takes a file's name without variables/);
refused('llm_system prepend blank.txt;', qr/"llm_system": .*no text/);
refused('llm_system prepend latin.txt;', qr/"llm_system": .*not UTF-8/);
refused('llm_system prepend nul.txt;', qr/"llm_system": .*holds a NUL/);
refused('llm_system prepend large.txt;', qr/"llm_system": .*larger than 1/);
refused('llm_system off; llm_system prepend kind.txt;', qr/off beside a te/);
refused('llm_system prepend kind.txt; llm_system off;', qr/off beside a te/);
taken('llm_system prepend kind.txt; llm_system append exact.txt;');
taken("llm_system replace $dir/kind.txt if=\$arg_x;");
taken('llm_system off;', 'llm_system append kind.txt;');

refused('llm_model_response client;', qr/invalid value "client"/);
refused('llm_model_response served; llm_model_response served;',
    qr/"llm_model_response" directive is duplicate/);
refused('llm_provider_cache 1;', qr/"on" or "off"/);
taken('llm_provider_cache on;');
taken('llm_model_response served; llm_provider_cache off;');
taken('llm_model_response requested;');

done_testing;
