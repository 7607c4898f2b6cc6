# What nginx -t says to llm_model, llm_set, llm_system, llm_model_response and
# llm_provider_cache: file, line, and words that help.

use lib 't/lib';
use LLM::Check;
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

sub wrong {
    my ($inside, $words) = @_;
    return refused($t, location($inside), $inside, $words);
}

sub right {
    my ($inside, $server) = @_;
    return taken($t, location($inside, $server), $inside);
}

wrong('llm_model;', qr/invalid number of arguments in "llm_model"/);
wrong('llm_model a b;', qr/invalid number of arguments/);
wrong('llm_model a; llm_model b;', qr/"llm_model" directive is duplicate/);
wrong('llm_model ' . 'm' x 257 . ';', qr/"llm_model": "m+" is no model's/);
wrong("llm_model \"a\tb\";", qr/is no model's name/);
wrong("llm_model caf\xe9;", qr/is no model's name/);
right('llm_model gpt-4o;');
right('llm_model "";', 'llm_model gpt-4o;');
right('llm_model $llm_model-mini;');
right('llm_model openai/gpt-4o;');

wrong('llm_set top_p;', qr/invalid number of arguments in "llm_set"/);
wrong('llm_set top_p 1 cap 2;', qr/invalid number of arguments/);
wrong('llm_set top_p 1 lower;',
    qr/"llm_set": "lower": one of default, cap, force is needed/);
wrong("llm_set $_ 1;", qr/"llm_set": "\Q$_\E": this member is not for/)
    for qw(model messages system instructions prompt input tools stream
    stream_options.include_usage);
wrong('llm_set "" 1;', qr/"llm_set": "": a name is missing/);
wrong("llm_set $_ 1;", qr/"llm_set": "\Q$_\E": a name is missing/)
    for qw(a. .a a..b);
wrong('llm_set a.b.c.d.e 1;', qr/more than 4 names/);
wrong('llm_set "a b" 1;', qr/character that is not allowed/);
wrong("llm_set $_;", qr/"llm_set": .*an object or an array/)
    for q(a '{"b":1}'), q(a '[1]');
wrong("llm_set a $_;", qr/"llm_set": .*not a JSON value/)
    for qw(01 +1 .5 1. 0x10), q('"open');
wrong('llm_set a "";', qr/"llm_set": "": there is no value/);
wrong("llm_set a caf\xe9;", qr/"llm_set": .*not UTF-8/);
wrong('llm_set max_tokens many cap;', qr/only a number can be a cap/);
wrong('llm_set max_tokens null cap;', qr/only a number can be a cap/);
wrong("llm_set max_tokens $_;", qr/"llm_set": .*: a limit of tokens is a num/)
    for qw(many true), q('"5"');
wrong("llm_set max_completion_tokens $_ cap;",
    qr/"llm_set": "\Q$_\E": a limit of tokens/) for qw(0 -5 1.5 1e999);
wrong('llm_set top_p 1; llm_set top_p 0.5;',
    qr/"llm_set": "top_p" is set twice in this way/);
wrong('llm_set max_tokens 5; llm_set max_output_tokens 6;',
    qr/"max_output_tokens" is set twice in this way, as "max_tokens" before/);
wrong('llm_set reasoning_effort low; llm_set reasoning.effort high;',
    qr/"reasoning.effort" is set twice in this way, as "reasoning_effort"/);
wrong('llm_set a 1; llm_set a.b 1;',
    qr/"llm_set": of "a" and "a.b" one lies in the other/);
wrong('llm_set reasoning.effort low; llm_set reasoning x;',
    qr/one lies in the other/);
right('llm_set top_p 1; llm_set top_p 0.5 cap; llm_set top_p 0.1 default;');
right('llm_set max_tokens $arg_limit cap; llm_set service_tier flex;');
right(q(llm_set stop '"5"' force; llm_set a.b.c.d -1e3;));
right('llm_set seed null; llm_set store false force;');
right('llm_set max_tokens -1; llm_set max_tokens 1 cap;',
    'llm_set max_output_tokens null; llm_set a.max_tokens x;');

wrong('llm_system;', qr/invalid number of arguments in "llm_system"/);
wrong('llm_system on;', qr/"llm_system": "on" is not understood/);
wrong('llm_system set kind.txt;', qr/"llm_system": "set" is not underst/);
wrong('llm_system prepend kind.txt when=1;',
    qr/"llm_system": "when=1" is not understood.*if=condition/);
wrong('llm_system prepend kind.txt if=;', qr/"if=" is not understood/);
wrong('llm_system prepend none.txt;',
    qr{"llm_system": opening "\Q$dir\E/none.txt" failed.*No such file});
wrong('llm_system prepend .;', qr/"llm_system": reading .* failed/);
wrong('llm_system prepend $arg_file;',
    qr/"llm_system" directive takes a file's name without variables/);
wrong('llm_system prepend blank.txt;', qr/"llm_system": .*no text/);
wrong('llm_system prepend latin.txt;', qr/"llm_system": .*not UTF-8/);
wrong('llm_system prepend nul.txt;', qr/"llm_system": .*holds a NUL/);
wrong('llm_system prepend large.txt;', qr/"llm_system": .*larger than 1/);
wrong('llm_system off; llm_system prepend kind.txt;', qr/off beside a te/);
wrong('llm_system prepend kind.txt; llm_system off;', qr/off beside a te/);
right('llm_system prepend kind.txt; llm_system append exact.txt;');
right("llm_system replace $dir/kind.txt if=\$arg_x;");
right('llm_system off;', 'llm_system append kind.txt;');

wrong('llm_model_response client;', qr/invalid value "client"/);
wrong('llm_model_response served; llm_model_response served;',
    qr/"llm_model_response" directive is duplicate/);
wrong('llm_provider_cache 1;', qr/"on" or "off"/);
right('llm_provider_cache on;');
right('llm_model_response served; llm_provider_cache off;');
right('llm_model_response requested;');

done_testing;
