# llm_budget by the calendar: the edges of its windows in time zones, on days
# whose clocks change, and a wall clock that steps (fault case 72).

use lib 't/lib';
use LLM::Edge;
use LLM::Test;

use Time::Local qw(timegm);

my $t = LLM::Edge->new(workers => 2);
my $clock = $t->dir . '/clock';
my $preload = $t->preload('clock');

sub turn {
    my ($seconds) = @_;
    open my $f, -e $clock ? '+<:raw' : '>:raw', $clock or die $!;
    syswrite $f, pack 'q', $seconds;
}

# The wall clock shows this instant, UTC.
sub set {
    my ($text) = @_;
    my ($y, $mo, $d, $h, $m, $s) =
        $text =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/ or die $text;
    turn(timegm($s, $m, $h, $d, $mo - 1, $y) - time);
}

turn(0);
$t->mock;
$t->write_file('prices.json' => to_json({ m => {
    input_cost_per_token => 0, output_cost_per_token => 1e-3 } }));
my $locations = join '', map {
    my ($name, $lines) = @$_;
    <<"END" } (
        location /$name/v1/ {
            $lines
            proxy_pass http://127.0.0.1:%%PORT:mock%%/v1/;
        }
END
    ['hour',   'llm_budget hour key=$http_x_key usd=1/hour;'],
    ['nepal',  'llm_budget nepal key=$http_x_key usd=1/hour'
        . ' tz=Asia/Kathmandu;'],
    ['day',    'llm_budget day key=$http_x_key usd=1/day;'],
    ['berlin', 'llm_budget berlin key=$http_x_key usd=1/day'
        . ' tz=Europe/Berlin;'],
    ['week',   'llm_budget week key=$http_x_key usd=1/week;'],
    ['month',  'llm_budget month key=$http_x_key usd=1/month'
        . ' tz=America/New_York;'],
    ['rate',   'llm_limit rate key=$http_x_key requests=2/h;'],
);
{
    local $ENV{LD_PRELOAD} = $preload;
    local $ENV{LLM_CLOCK}  = $clock;
    $t->start(($t->head =~ s/"test":/"left":"\$llm_budget_remaining","at":"\$time_iso8601","test":/r)
        . 'llm on; llm_prices prices.json;'
        . $t->server('', more => $locations));
}

sub one {
    my ($in, $key, $tokens) = @_;
    return $t->send_body(chat => $t->body_of('chat', max_tokens => $tokens),
        "prompt=0,completion=$tokens", in => "/$in",
        headers => ['X-Key' => $key]);
}

# Spends ten cents at each instant; what is then left.
my $count = 0;
sub left_at {
    my ($in, @instants) = @_;
    my $key = 'k' . ++$count;
    return join ' ', map {
        set($_);
        (one($in, $key, 100))[1]{left} =~ s/0+$//r
    } @instants;
}

set('2027-06-01T12:00:00Z');
like +(one(day => 'first', 1))[1]{at}, qr/^2027-06-01T/,
    'nginx goes by the clock of the test';

is left_at(hour => '2027-06-01T12:00:02Z', '2027-06-01T12:59:50Z',
    '2027-06-01T13:00:00Z'), '0.9 0.8 0.9', 'an hour';
is left_at(nepal => '2027-06-01T12:20:00Z', '2027-06-01T13:14:50Z',
    '2027-06-01T13:15:00Z'), '0.9 0.8 0.9',
    'an hour where it begins at a quarter past';
is left_at(day => '2027-06-01T00:00:00Z', '2027-06-01T23:59:50Z',
    '2027-06-02T00:00:00Z'), '0.9 0.8 0.9', 'a day';
is left_at(berlin => '2027-03-27T22:59:50Z', '2027-03-27T23:00:00Z',
    '2027-03-28T21:59:50Z', '2027-03-28T22:00:00Z'), '0.9 0.9 0.8 0.9',
    'a day of 23 hours';
is left_at(berlin => '2027-10-30T22:00:00Z', '2027-10-31T22:30:00Z',
    '2027-10-31T22:59:50Z', '2027-10-31T23:00:00Z'), '0.9 0.8 0.7 0.9',
    'a day of 25 hours';
is left_at(week => '2027-06-06T23:59:50Z', '2027-06-07T00:00:00Z',
    '2027-06-13T23:59:50Z', '2027-06-14T00:00:00Z'), '0.9 0.9 0.8 0.9',
    'a week from Monday';
is left_at(month => '2028-02-29T04:59:50Z', '2028-03-01T04:59:50Z',
    '2028-03-01T05:00:00Z', '2028-04-01T03:59:50Z',
    '2028-04-01T04:00:00Z'), '0.9 0.8 0.9 0.8 0.9',
    'a month of a leap year, over a change of clocks';

# How long there is to wait.
set('2027-03-28T21:59:00Z');
one(berlin => 'waits', 1000);
my ($r) = one(berlin => 'waits', 20);
is $r->status, 429, 'gone';
my $wait = $r->header('Retry-After');
ok $wait > 50 && $wait <= 60, "until midnight in Berlin: $wait s";

# Steps of a day, and back.
is left_at(day => '2027-06-10T12:00:00Z', '2027-06-11T12:00:00Z',
    '2027-06-10T12:00:05Z', '2027-06-11T12:00:05Z',
    '2027-06-09T12:00:00Z'), '0.9 0.9 0.8 0.8 0.9',
    'a clock that steps finds each window as it was left';
set('2027-06-10T12:00:00Z');
one(rate => 'r', 1) for 1 .. 2;
is +(one(rate => 'r', 1))[0]->status, 429, 'a rate';
set('2027-06-12T12:00:00Z');
is +(one(rate => 'r', 1))[0]->status, 429, 'is not paid off by a step ahead';
set('2027-06-08T12:00:00Z');
($r) = one(rate => 'r', 1);
is $r->status, 429, 'nor frozen by one back';
cmp_ok $r->header('Retry-After'), '<=', 1800, 'the wait is the same';
is $t->metric('llm_reservations'), 0, 'nothing is held';

done_testing;
