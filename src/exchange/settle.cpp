// The last stop, once: what was used, what it costs, what of it is kept
// (keep.cpp) and counted (record.cpp).
#include <algorithm>

#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"
#include "src/route/parameters.hpp"

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

}  // namespace

TextSize Exchange::prompt_size() const {
    TextSize size;
    size.ascii_bytes = request_.ascii_bytes + request_.tools_bytes
                       + request_.beside_bytes;
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
void Exchange::settle_usage(End how, Now now) {
    // No answer, but the model may have had the prompt.
    bool early = response_.status() == 0 && !unsent_
                 && (how == End::kClientAbort || how == End::kTimeout);
    if (served_from_memory() || how == End::kRefused
        || (!response_.is_answer() && !early)) {
        return;
    }
    // A page of somebody's, or an answer that nobody can read: who holds
    // money for it cannot know.
    if (how == End::kUnreachable
        || (how == End::kUpstreamInvalid && !is_held())) {
        return;
    }
    usage_ = response_.usage();
    if (response_.bought_before()
        || (response_.own_page() && !usage_.known())) {
        return;
    }
    bool errored = response_.has_failed() || response_.error();
    bool cut_short = how != End::kComplete && how != End::kUpstreamError;
    if (errored && !usage_.known() && completion_size().empty()) {
        usage_ = {};
        return;
    }
    if (usage_.known() && (!cut_short || response_.is_terminal())) {
        learn(now);
        return;
    }
    estimate(how, now);
}

void Exchange::learn(Now now) {
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
    if (!request_.stream && asked_at_) {
        services_.estimator->learn_pace(model,
                                        now.mono_ns - asked_at_->mono_ns,
                                        static_cast<uint64_t>(usage_.output));
    }
    if (usage_.reasoning == 0) {
        count(kept.completion_error, metrics::kOutput,
              services_.estimator->learn_completion(
                  model, completion_size(),
                  static_cast<uint64_t>(usage_.output)));
    }
}

void Exchange::estimate(End how, Now now) {
    Bytes reason = estimate_reason(how, usage_);
    services_.metrics.counter(metrics::kUsageEstimated, {reason}).add();
    complete_usage(usage_);
    if (how != End::kClientAbort && how != End::kTimeout) {
        return;
    }
    // What a stream has shown was made behind that.
    int64_t seen = request_.stream ? usage_.output : 0;
    int64_t most = is_held() ? spending_->output() : need().output;
    usage_.output = std::max(usage_.output,
                             std::min(most, seen + made_unseen(now)));
}

// A whole answer is made long before its first byte, and so is what a model
// reasons before the first one of a stream: as far as its pace tells.
int64_t Exchange::made_unseen(Now now) const {
    if (!asked_at_ || response_.has_length() || response_.summary()
        || endpoint_ == api::Endpoint::kEmbeddings) {
        return 0;
    }
    int64_t until = now.mono_ns;
    if (request_.stream) {
        if (!route::is_reasoning_model(upstream_model())) {
            return 0;
        }
        until = ttft_ns_ < 0 ? until : start_.mono_ns + ttft_ns_;
    }
    return static_cast<int64_t>(
        estimator().made_in(tokens::model_hash(upstream_model()),
                            until - asked_at_->mono_ns));
}

void Exchange::complete_usage(api::Usage& usage) const {
    usage.estimated = true;
    // Of both together the provider knows better; of an answer that goes on
    // it is not told yet.
    bool split = usage.input < 0 && usage.total > 0
                 && (response_.is_terminal() || response_.summary());
    if (usage.input < 0) {
        usage.input = prompt_tokens();
    }
    int64_t made = completion_tokens();
    if (split) {
        made = std::clamp(usage.total - usage.input,
                          std::min(made, usage.total), usage.total);
        usage.input = usage.total - made;
    }
    // Its size says little: more than was asked for it is not.
    bool guess = response_.is_unread() || response_.has_unseen();
    if (guess && is_held()) {
        made = std::min(made, spending_->output());
    }
    // A stream's first report of output is provisional.
    usage.output = std::max(usage.output, made);
    // It goes on where nobody sees it: as much as it may be.
    if (request_.background && !response_.is_terminal() && spending_) {
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
    const api::StreamReader* reader = response_.reader();
    bool has_all = reader != nullptr && !reader->overflow()
                   && !response_.has_unseen();
    const tokens::Counter* counter =
        has_all ? services_.counting.find(upstream_model()) : nullptr;
    if (counter != nullptr) {
        tokens::TextCount count =
            services_.counting.answer(*counter, reader->answer());
        if (count.tokens > 0) {
            return static_cast<int64_t>(
                count.tokens + estimator().completion(model, count.rest));
        }
    }
    return static_cast<int64_t>(
        estimator().completion(model, completion_size()));
}

void Exchange::read_json_answer() {
    if (form() != Form::kJson) {
        return;
    }
    std::unique_ptr<json::Document> document = services_.documents.take();
    response_.read_json(*document, store_wanted_);
    if (store_wanted_ && !response_.is_writable()) {
        store_wanted_ = false;
        reason_ = "no_store:malformed";
    }
    give_back(std::move(document));
}

Bill Exchange::bill_answer() const {
    const Billing& billing = *services_.billing;
    Bytes baseline = account_.baseline.empty() ? Bytes(request_.model)
                                               : Bytes(account_.baseline);
    Billing::Models models{request_.model, upstream_model(), served_model(),
                           provider_of(upstream_model()),
                           provider_of(baseline)};
    if (observe_ && !is_free()) {
        return billing.foresee(account_, models, usage_, routed_model(),
                               is_hit());
    }
    return billing.bill(account_, models, usage_, tokens_taken_out(),
                        is_free());
}

void Exchange::end(End how, Now now) {
    if (ended_) {
        return;
    }
    ended_ = true;
    if (how == End::kComplete) {
        read_json_answer();
    }
    if (response_.has_failed() && how == End::kComplete) {
        how = End::kUpstreamError;
    }
    if (how == End::kComplete && is_no_answer()) {
        how = End::kUpstreamInvalid;
    }
    refused_ = how == End::kRefused;
    judge_provider(response_.bought_before() ? End::kComplete : how, now);
    settle_usage(how, now);
    if (usage_.service == api::Service::kUnsaid) {
        usage_.service = request_.service;
    }
    bill_ = bill_answer();
    settle_spending(now);
    store(how, now);
    count(how, now);
}

}  // namespace llm::exchange
