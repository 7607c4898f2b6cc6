package LLM::Edge;

# An LLM::Test whose nginx logs what the module says about each request, for
# tests of whole exchanges. Its `server` is the mock behind `llm on`:
#
#   my $t = LLM::Edge->new(workers => 1);
#   $t->mock;
#   $t->start($t->head . $t->server('llm on; llm_cache edge;') . ...);
#   my ($r, $log, $body) = $t->ask(chat => 'cut=3', stream => 1);
#   is $log->{reason}, 'no_store:truncated';
#   is $t->metric('llm_errors_total', kind => 'upstream_cut'), 1;
#
# `ask` asks something nobody has asked before; `again` repeats it plainly.

use strict;
use warnings;

use parent -norequire, 'LLM::Test';

use LLM::Test;

my %path = (
    chat        => '/v1/chat/completions',
    completions => '/v1/completions',
    responses   => '/v1/responses',
    messages    => '/v1/messages',
    embeddings  => '/v1/embeddings',
);
my $number = 0;

# The http level: a zone and the log that `logged` reads.
sub head {
    return <<'END';
    llm_zone edge:16m;
    llm_metrics_models m;
    log_format llm escape=json '{"test":"$http_x_test","status":"$status",'
        '"model":"$llm_model","served":"$llm_upstream_model",'
        '"in":"$llm_prompt_tokens","out":"$llm_completion_tokens",'
        '"cached":"$llm_cached_tokens","estimated":"$llm_usage_estimated",'
        '"finish":"$llm_finish_reason","ttft":"$llm_ttft",'
        '"cache":"$llm_cache_status","reason":"$llm_cache_reason",'
        '"stream":"$llm_stream","api":"$llm_api","op":"$llm_operation",'
        '"upstream":"$upstream_status"}';
END
}

# A server on port `name` (http) that sends /v1/ to the mock, with more lines
# for that location and for the server.
sub server {
    my ($s, $lines, %o) = @_;
    my $name = $o{name} // 'http';
    my $more = $o{more} // '';
    my $h2   = $o{h2} ? "listen 127.0.0.1:%%PORT:$o{h2}%% http2;" : '';
    return <<"END";
    server {
        listen 127.0.0.1:%%PORT:$name%%;
        $h2
        access_log %%DIR%%/access.log llm;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location /v1/ {
            $lines
            proxy_pass http://127.0.0.1:%%PORT:mock%%;
        }
        location = /metrics { access_log off; llm_metrics; }
        $more
    }
END
}

# A location /name/v1/ with these lines, before the upstream on port `port`
# (mock).
sub location {
    my ($s, $name, $lines, %o) = @_;
    my $port = $o{port} // 'mock';
    return <<"END";
        location /$name/v1/ {
            $lines
            proxy_pass http://127.0.0.1:%%PORT:$port%%/v1/;
        }
END
}

sub path { $path{ $_[1] } }

# A body that was never sent before; further members as given. `stream` is
# a truth value, `text` what the user says.
sub body_of {
    my ($s, $api, %more) = @_;
    my $text = delete $more{text} // 'question ' . ++$number;
    $more{stream} ? ($more{stream} = JSON::PP::true()) : delete $more{stream};
    my %body = (model => 'm', %more);
    if ($api eq 'chat' || $api eq 'messages') {
        $body{messages} //= [{ role => 'user', content => $text }];
        $body{max_tokens} //= 100_000 if $api eq 'messages';
    } elsif ($api eq 'completions') {
        $body{prompt} = $text;
    } else {
        $body{input} = $text;
        $body{store} //= JSON::PP::false() if $api eq 'responses';
    }
    return to_json(\%body);
}

# A name for one request in the access log.
sub next_test { 'test-' . ++$number }

# What the access log says of a request, once it is logged.
sub logged {
    my ($s, $test) = @_;
    my $line = wait_until {
        # A whole line only: it may be on its way.
        my ($found) = $s->file('access.log') =~ /^(.*"test":"\Q$test\E".*)\n/m;
        $found;
    } 8 or die "no log line of $test\n";
    return from_json($line);
}

# Sends a body: (response, its log line). `in` is the location's path prefix,
# `args` a query, `server` the port's name.
sub send_body {
    my ($s, $api, $body, $knobs, %o) = @_;
    my $test    = next_test();
    my @headers = ('X-Test' => $test, @{ $o{headers} // [] });
    push @headers, 'X-Mock' => $knobs if length($knobs // '');
    my $client = $s->client($o{server});
    my $uri    = ($o{in} // '') . $s->path($api);
    $uri .= "?$o{args}" if defined $o{args};
    my $r = $client->request(POST => $uri,
        body => $body, headers => \@headers, close => 1);
    $client->close;    # nginx logs after it has waited for that
    return ($r, $s->logged($test));
}

sub ask {
    my ($s, $api, $knobs, %more) = @_;
    my %o = map { $_ => delete $more{$_} } grep { exists $more{$_} }
        qw(in args server headers);
    $s->{last} = [$api, $s->body_of($api, %more), \%o];
    return ($s->send_body($api, $s->{last}[1], $knobs, %o), $s->{last}[1]);
}

# The last question once more, the upstream doing nothing wrong.
sub again {
    my $s = shift;
    my ($api, $body, $o) = @{ $s->{last} };
    return $s->send_body($api, $body, '', %$o);
}

# The sum of a family's samples with these labels.
sub metric {
    my ($s, $name, %labels) = @_;
    my $sum = 0;
    for my $line (split /\n/, $s->get('/metrics')->body) {
        my ($given, $value) = $line =~ /^\Q$name\E(?:\{(.*)\})? (\S+)$/
            or next;
        my $all = ',' . ($given // '');
        $sum += $value
            unless grep { index($all, ",$_=\"$labels{$_}\"") < 0 }
            keys %labels;
    }
    return $sum;
}

sub tokens {
    my ($s, $type) = @_;
    return $s->metric('gen_ai_client_token_usage_sum',
        gen_ai_token_type => $type);
}

# Resident bytes of a process.
sub memory_of {
    my ($s, $pid) = @_;
    my ($kilobytes) = slurp("/proc/$pid/status") =~ /^VmRSS:\s*(\d+)/m;
    return ($kilobytes // 0) * 1024;
}

1;
