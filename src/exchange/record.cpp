// What of a request that has ended goes into the metrics.
#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"

namespace llm::exchange {
namespace {

Bytes error_kind(End how, int status) {
    switch (how) {
    case End::kComplete: break;
    case End::kClientAbort: return "client_abort";
    case End::kUpstreamCut: return "upstream_cut";
    case End::kUpstreamError: return "upstream_error";
    case End::kTimeout: return "upstream_timeout";
    case End::kUnreachable: return "upstream_unreachable";
    case End::kUpstreamInvalid:
    case End::kTooLarge: return "upstream_invalid";
    case End::kCeiling:
    case End::kRefused: return "";  // see refusal_kind()
    }
    return status >= 400 ? "upstream_error" : "";
}

// Of a request that ended before it went upstream, by its final status. An
// only-if-cached that finds nothing is answered, not failed.
Bytes refusal_kind(int status) {
    switch (status) {
    case 401: return "unauthorized";
    case 403: return "forbidden";
    case 404: return "not_found";
    case 408:
    case 499: return "client_abort";
    case 413: return "too_large";
    case 415: return "unsupported";
    case 429: return "rate_limited";
    case 504: return "";
    default: break;
    }
    return status >= 500 ? "internal" : "invalid_request";
}

// Without its particulars: "gate:tools:mcp" is "gate:tools".
Bytes reason_label(Bytes reason) {
    size_t first = reason.find(':');
    if (first != Bytes::npos) {
        reason = reason.substr(0, reason.find(':', first + 1));
    }
    return metrics::reason_label(reason);
}

}  // namespace

// `kept`: the series' handle, filled when it is empty.
void Exchange::count_on(metrics::Counter& kept, const metrics::Family& family,
                        std::initializer_list<Bytes> values, uint64_t by) {
    if (!kept) {
        kept = services_.metrics.counter(
            family, metrics::Values(values.begin(), values.size()));
    }
    kept.add(by);
}

void Exchange::count_outcome(Bytes reason) {
    RequestSeries::Outcome& kept =
        services_.request_series.outcomes[static_cast<size_t>(status_)];
    if (kept.reason != reason) {
        kept = {std::string(reason), {}};
    }
    count_on(kept.count, metrics::kCacheRequests, {name_of(status_), reason});
}

void Exchange::count(End how, Now now) {
    metrics::Table& table = services_.metrics;
    if (status_ != CacheStatus::kNone) {
        count_outcome(reason_label(reason_));
    }
    if (form() == Form::kStream && !is_no_answer()) {
        table.counter(metrics::kStreamEnds, {name_of(how)}).add();
    }
    Bytes kind = error_kind(how, response_.status());
    if (!kind.empty()) {
        table.counter(metrics::kErrors, {kind}).add();
    }
    if (bill_.known()) {
        services_.billing->count(table, account_,
                                 services_.label_of(upstream_model()), bill_,
                                 is_free() || is_hit());
    }
    count_texts();
    if (is_free()) {
        count_saved();
        return;
    }
    if (is_hit() && usage_.known()) {
        count_observed();
    }
    // What passes by without being an LLM request has no model's answer.
    if (how != End::kRefused && endpoint_ != api::Endpoint::kNone) {
        count_upstream(kind, now);
    }
}

void Exchange::count_texts() {
    bool has_place = endpoint_ != api::Endpoint::kCompletions
                     && endpoint_ != api::Endpoint::kEmbeddings;
    if (observe_ || refused_ || !has_place) {
        return;
    }
    for (const route::SystemText* text : plan_.texts) {
        services_.metrics
            .counter(metrics::kSystemRequests, {text->version()})
            .add();
    }
}

void Exchange::count_saved() {
    RequestSeries& kept = services_.request_series;
    if (usage_.known()) {
        count_on(kept.saved_input, metrics::kSavedTokens, {metrics::kInput},
                 static_cast<uint64_t>(usage_.input));
        count_on(kept.saved_output, metrics::kSavedTokens,
                 {metrics::kOutput}, static_cast<uint64_t>(usage_.output));
    }
}

void Exchange::count_observed() {
    metrics::Table& table = services_.metrics;
    table.counter(metrics::kObservedTokens, {metrics::kInput})
        .add(static_cast<uint64_t>(usage_.input));
    table.counter(metrics::kObservedTokens, {metrics::kOutput})
        .add(static_cast<uint64_t>(usage_.output));
}

void Exchange::count_upstream(Bytes kind, Now now) {
    metrics::Table& table = services_.metrics;
    Bytes operation = api::operation_of(endpoint_);
    Bytes provider = api::name_of(request_.family);
    Bytes asked = services_.label_of(upstream_model());
    Bytes served = served_model();
    if (!served.empty()) {
        served = services_.label_of(served);
    }
    Bytes variant = account_.variant;
    UpstreamSeries& kept =
        services_.upstream_series.of(endpoint_, asked, served, variant);
    // `more`: the labels behind those that every family here has.
    auto observe = [&](metrics::Histogram& handle,
                       const metrics::Family& family,
                       std::array<Bytes, 2> more, int64_t value) {
        if (!handle) {
            handle = table.histogram(family, {operation, provider, asked,
                                              served, more[0], more[1]});
        }
        handle.observe(value);
    };
    auto count_type = [&](Bytes type, int64_t tokens) {
        metrics::Histogram handle;
        if (tokens > 0) {
            observe(handle, metrics::kTokenUsage, {type, variant}, tokens);
        }
    };
    metrics::Histogram of_error;
    observe(kind.empty() ? kept.took : of_error, metrics::kRequestDuration,
            {kind, variant}, now.mono_ns - start_.mono_ns);
    if (usage_.known()) {
        observe(kept.input, metrics::kTokenUsage,
                {metrics::kInput, variant}, usage_.input);
        observe(kept.output, metrics::kTokenUsage,
                {metrics::kOutput, variant}, usage_.output);
    }
    count_type(metrics::kCachedInput, usage_.cached_input);
    count_type(metrics::kCacheWrite, usage_.cache_write);
    count_type(metrics::kReasoning, usage_.reasoning);
    if (form() != Form::kStream || ttft_ns_ < 0) {
        return;
    }
    observe(kept.first_token, metrics::kTimeToFirstToken, {variant},
            ttft_ns_);
    if (usage_.output > 1) {
        observe(kept.per_token, metrics::kTimePerOutputToken, {variant},
                (last_token_ns_ - ttft_ns_) / (usage_.output - 1));
    }
}

void Exchange::log(int status) {
    metrics::Table& table = services_.metrics;
    constexpr Bytes kClasses[RequestSeries::kClasses] = {
        "", "1xx", "2xx", "3xx", "4xx", "5xx"};
    size_t status_class = status >= 100 && status < 600
                              ? static_cast<size_t>(status) / 100
                              : 0;
    Bytes cache = name_of(status_);
    Bytes api = endpoint_ == api::Endpoint::kNone ? Bytes("none")
                                                  : api::name_of(endpoint_);
    RequestSeries& kept = services_.request_series;
    metrics::Counter of_variant;
    count_on(account_.variant.empty()
                 ? kept.requests[static_cast<size_t>(endpoint_)][status_class]
                                [static_cast<size_t>(status_)]
                 : of_variant,
             metrics::kRequests,
             {api, kClasses[status_class],
              cache.empty() ? Bytes("none") : cache, account_.variant});
    if (!kept.overhead) {
        kept.overhead = table.histogram(metrics::kOverhead);
    }
    kept.overhead.observe(overhead_ns_);
    Bytes kind = refused_ ? refusal_kind(status) : Bytes{};
    if (denial_ && denial_->budget && !kind.empty()) {
        kind = "budget_exceeded";
    }
    if (!kind.empty()) {
        table.counter(metrics::kErrors, {kind}).add();
    }
}

}  // namespace llm::exchange
