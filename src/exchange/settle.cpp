// The last stop: usage, storing, counting; once.
#include <algorithm>

#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"

namespace llm::exchange {
namespace {

Bytes estimate_reason(End how, const api::Usage& usage) {
    switch (how) {
    case End::kClientAbort: return "aborted";
    case End::kUpstreamCut:
    case End::kTimeout:
    case End::kTooLarge:
    case End::kCeiling: return "truncated";
    default: return usage.absurd ? "absurd" : "missing";
    }
}

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

Bytes result_label(cache::Put put) {
    switch (put) {
    case cache::Put::kStored: return "stored";
    case cache::Put::kTooLarge: return "too_large";
    case cache::Put::kNoRoom: return "no_space";
    case cache::Put::kPurged:
    case cache::Put::kDead: return "no_store";
    case cache::Put::kInvalid:
    case cache::Put::kUnavailable: break;
    }
    return "failed";
}

// "" when the answer was stored.
Bytes refusal_reason(cache::Put put) {
    switch (put) {
    case cache::Put::kStored: return "";
    case cache::Put::kTooLarge: return "size";
    case cache::Put::kNoRoom: return "zone_full";
    case cache::Put::kPurged: return "purged";
    case cache::Put::kDead: return "expired";
    case cache::Put::kInvalid:
    case cache::Put::kUnavailable: break;
    }
    return "unavailable";
}

}  // namespace

TextSize Exchange::prompt_size() const {
    TextSize size;
    size.ascii_bytes = request_.ascii_bytes + request_.tools_bytes;
    size.other_bytes = request_.other_bytes;
    size += put_in_;
    size.ascii_bytes -= std::min(size.ascii_bytes, taken_out_.ascii_bytes);
    size.other_bytes -= std::min(size.other_bytes, taken_out_.other_bytes);
    return size;
}

// Of the client's prompt by the operator's texts; negative: they are longer.
int64_t Exchange::tokens_taken_out() const {
    if (taken_out_.empty() && put_in_.empty()) {
        return 0;
    }
    uint64_t model = tokens::model_hash(upstream_model());
    return static_cast<int64_t>(estimator().prompt(model, taken_out_, 0))
           - static_cast<int64_t>(estimator().prompt(model, put_in_, 0));
}

// What the provider said; where it did not, or was cut off, what the bytes
// say. Never zero for an answer that was generated.
void Exchange::settle_usage(End how) {
    // No answer, but the model may have had the prompt.
    bool early = response_status_ == 0
                 && (how == End::kClientAbort || how == End::kTimeout);
    if (served_from_memory() || how == End::kRefused
        || (response_status_ != 200 && !early)) {
        return;
    }
    if (how == End::kUpstreamInvalid || how == End::kUnreachable) {
        return;
    }
    if (reader_) {
        usage_ = reader_->answer().usage;
    } else if (summary_) {
        usage_ = summary_->usage;
    }
    bool errored = failed_ || (reader_ && reader_->answer().error)
                   || (summary_ && summary_->error);
    bool cut_short = how != End::kComplete && how != End::kUpstreamError;
    if (errored && !usage_.known() && completion_size().empty()) {
        usage_ = {};
        return;
    }
    if (usage_.known() && (!cut_short || terminal_)) {
        learn();
        return;
    }
    estimate(how);
}

void Exchange::learn() {
    if (services_.estimator == nullptr) {
        return;
    }
    RequestSeries& kept = services_.request_series;
    uint64_t model = tokens::model_hash(upstream_model());
    auto count = [&](metrics::Histogram& handle, Bytes type,
                     std::optional<int64_t> error) {
        if (error && !handle) {
            handle = services_.metrics.histogram(metrics::kEstimateError,
                                                 {type});
        }
        if (error) {
            handle.observe(*error);
        }
    };
    if (request_.media_bytes == 0 && request_.input_tokens == 0) {
        count(kept.prompt_error, metrics::kInput,
              services_.estimator->learn_prompt(
                  model, prompt_size(), request_.messages,
                  static_cast<uint64_t>(usage_.input)));
    }
    if (usage_.reasoning == 0) {
        count(kept.completion_error, metrics::kOutput,
              services_.estimator->learn_completion(
                  model, completion_size(),
                  static_cast<uint64_t>(usage_.output)));
    }
}

void Exchange::estimate(End how) {
    Bytes reason = estimate_reason(how, usage_);
    services_.metrics.counter(metrics::kUsageEstimated, {reason}).add();
    complete_usage(usage_);
}

void Exchange::complete_usage(api::Usage& usage) const {
    usage.estimated = true;
    if (usage.input < 0) {
        usage.input = prompt_tokens();
    }
    // A stream's first report of output is provisional.
    usage.output = std::max(usage.output, completion_tokens());
    // It goes on where nobody sees it: as much as it may be.
    if (request_.background && !terminal_ && spending_) {
        usage.output = std::max(usage.output, spending_->output());
    }
}

const tokens::Estimator& Exchange::estimator() const {
    static const tokens::Estimator untaught;
    return services_.estimator != nullptr ? *services_.estimator : untaught;
}

// As reserve() has counted them, otherwise estimated.
int64_t Exchange::prompt_tokens() const {
    uint64_t model = tokens::model_hash(upstream_model());
    int64_t given =
        static_cast<int64_t>(request_.input_tokens + media_tokens_.all);
    if (counter_ == nullptr) {
        return given
               + static_cast<int64_t>(estimator().prompt(
                   model, prompt_size(), request_.messages));
    }
    // The client's text is counted, what edits do to it is estimated.
    auto counted = static_cast<int64_t>(
        prompt_count_.tokens
        + estimator().prompt(model, prompt_count_.rest, 0));
    return std::max<int64_t>(given + counted - tokens_taken_out(), 1);
}

int64_t Exchange::completion_tokens() const {
    uint64_t model = tokens::model_hash(upstream_model());
    const tokens::Counter* counter =
        reader_ && !reader_->overflow()
            ? services_.counting.find(upstream_model())
            : nullptr;
    if (counter != nullptr) {
        tokens::TextCount count =
            services_.counting.answer(*counter, reader_->answer());
        if (count.tokens > 0) {
            return static_cast<int64_t>(
                count.tokens + estimator().completion(model, count.rest));
        }
    }
    return static_cast<int64_t>(
        estimator().completion(model, completion_size()));
}

// What was generated: its text where we have it, otherwise its bytes.
TextSize Exchange::completion_size() const {
    TextSize size;
    if (endpoint_ == api::Endpoint::kEmbeddings) {
        return size;
    }
    if (summary_) {
        return summary_->text;
    }
    if (!reader_) {
        size.ascii_bytes = received_;
        return size;
    }
    if (!reader_->overflow()) {
        for (const api::Choice& choice : reader_->answer().choices) {
            for (const api::Block& block : choice.blocks) {
                size += TextSize::of(block.text);
                size += TextSize::of(block.name);
            }
        }
    }
    if (size.empty()) {
        size.ascii_bytes = reader_->content_bytes();
    }
    return size;
}

// A 200 of another type, of a captive portal's for instance: no model has
// made it.
bool Exchange::is_no_answer() const {
    return response_status_ == 200 && form_ == Form::kIgnored && !unreadable_
           && !malformed_ && !rerouted_;
}

void Exchange::read_json_answer() {
    if (form_ != Form::kJson || overflow_ || unreadable_
        || (inflater_ && !inflater_->finish().ok())) {
        return;
    }
    std::unique_ptr<json::Document> document = services_.documents.take();
    if (document->parse_as_written(json_answer()).ok()) {
        Result<api::Summary> summary = api::summarize(endpoint_, *document);
        if (summary.ok()) {
            summary_ = std::move(summary).value();
            failed_ = failed_ || summary_->error.has_value();
        }
    }
    services_.documents.give_back(std::move(document));
}

// "" when the answer may be stored.
Bytes Exchange::why_not_stored(End how) const {
    if (rerouted_) {
        return "rerouted";
    }
    if (!rungs_.may_store()) {
        return "fallback";
    }
    switch (how) {
    case End::kComplete: break;
    case End::kClientAbort: return "aborted";
    case End::kUpstreamInvalid:
        return is_no_answer() ? "content_type" : "error";
    case End::kUnreachable:
    case End::kUpstreamError: return "error";
    case End::kTooLarge: return "size";
    case End::kRefused: return "refused";
    case End::kCeiling: return "ceiling";
    case End::kUpstreamCut:
    case End::kTimeout: return "truncated";
    }
    if (response_status_ != 200) {
        return "status";
    }
    if (unreadable_) {
        return "encoding";
    }
    if (overflow_ || (reader_ && reader_->overflow())
        || json_answer().size() > storing_.max_size) {
        return "size";
    }
    if (failed_) {
        return "error";
    }
    if (reader_) {
        const api::Answer& answer = reader_->answer();
        if (answer.error) {
            return "error";
        }
        if (!answer.complete) {
            return terminal_ ? "malformed" : "truncated";
        }
        return answer.finished_well() ? "" : "finish";
    }
    if (!summary_) {
        return "malformed";
    }
    return summary_->finished_well ? "" : "finish";
}

void Exchange::store(End how, Now now) {
    if (!store_wanted_) {
        return;
    }
    Bytes why = why_not_stored(how);
    if (why.empty()) {
        why = put(now);
    }
    store_wanted_ = why.empty();
    if (!why.empty()) {
        reason_ = "no_store:";
        reason_ += why;
    }
}

Bytes Exchange::put(Now now) {
    std::string content;
    if (reader_) {
        api::write_json(reader_->answer(), content);
    }
    cache::Entry entry;
    entry.endpoint = endpoint_;
    entry.answer_id = reader_ ? reader_->answer().id : summary_->id;
    entry.model = served_model();
    entry.requested_model = storing_.requested_model;
    entry.finish_reason = finish_reason();
    entry.tenant = storing_.tenant;
    entry.usage = usage_;
    entry.created_wall_s = now.wall_s();
    entry.tenant_scoped = storing_.tenant_scoped;
    entry.tags.assign(storing_.tags.begin(), storing_.tags.end());
    entry.content = reader_ ? Bytes(content) : json_answer();
    if (near_) {
        entry.prompt = near_->text;
    }
    if (entry.content.size() > storing_.max_size) {
        return "size";
    }
    cache::EntryMeta meta;
    meta.tenant = entry.tenant;
    meta.model = entry.model;
    meta.answer_id = entry.answer_id;
    meta.tags = entry.tags;
    meta.ttl_s = storing_.ttl_s;
    meta.born = storing_.born;
    std::string header;
    if (!cache::encode(entry, header).ok()) {
        return "size";
    }
    cache::PutResult stored =
        services_.store->put(near_ ? near_->key(*key_) : *key_, meta,
                             entry.pieces(header), now);
    cache::Put put = stored.status;
    if (near_ && put == cache::Put::kStored) {
        store_near(stored.id, now);
    }
    metrics::Counter other;
    count_on(put == cache::Put::kStored ? services_.request_series.stored
                                        : other,
             metrics::kCacheStores, {result_label(put)});
    return refusal_reason(put);
}

void Exchange::end(End how, Now now) {
    if (ended_) {
        return;
    }
    ended_ = true;
    if (how == End::kComplete) {
        read_json_answer();
    }
    if (failed_ && how == End::kComplete) {
        how = End::kUpstreamError;
    }
    if (how == End::kComplete && is_no_answer()) {
        how = End::kUpstreamInvalid;
    }
    refused_ = how == End::kRefused;
    judge_provider(how, now);
    settle_usage(how);
    if (usage_.service == api::Service::kUnsaid) {
        usage_.service = request_.service;
    }
    bill_ = services_.billing->bill(
        account_,
        {request_.model, upstream_model(), served_model(), provider()},
        usage_, tokens_taken_out(), served_from_memory());
    settle_spending(now);
    store(how, now);
    count(how, now);
}

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
    if (form_ == Form::kStream) {
        table.counter(metrics::kStreamEnds, {name_of(how)}).add();
    }
    Bytes kind = error_kind(how, response_status_);
    if (!kind.empty()) {
        table.counter(metrics::kErrors, {kind}).add();
    }
    if (bill_.known()) {
        services_.billing->count(table, account_,
                                 services_.label_of(upstream_model()), bill_,
                                 served_from_memory());
    }
    count_texts();
    if (served_from_memory()) {
        count_saved();
        return;
    }
    if (how != End::kRefused) {
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
    if (form_ != Form::kStream || ttft_ns_ < 0) {
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
