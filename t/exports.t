# The module shows nginx the three tables that it looks up, and nothing else:
# no symbol of ours or of a library's can meet another module's.

use lib 't/lib';
use LLM::Test;

if (!LLM::Test->has_program('nm')) {
    plan(skip_all => 'nm (binutils) is not installed');
}

my $module = LLM::Test->module;
open my $nm, '-|', 'nm', '-D', '--defined-only', $module
    or die "nm: $!";
my @names = sort map { (split)[-1] } <$nm>;
close $nm;
is "@names", 'ngx_module_names ngx_module_order ngx_modules',
    'what the module exports';

done_testing;
