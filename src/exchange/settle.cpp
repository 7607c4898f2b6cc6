// The last stop, once: what was used, what it costs, what of it is kept
// (keep.cpp) and counted (record.cpp).
#include <algorithm>

#include "src/api/loose_json.hpp"
#include "src/exchange/exchange.hpp"
#include "src/json/doubles.hpp"
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
        || (!is_answer(response_status_) && !early)) {
        return;
    }
    // A page of somebody's, or an answer that nobody can read: who holds
    // money for it cannot know.
    if (how == End::kUnreachable
        || (how == End::kUpstreamInvalid && !is_held())) {
        return;
    }
    if (reader_) {
        usage_ = reader_->answer().usage;
    } else if (summary_) {
        usage_ = summary_->usage;
    }
    if (bought_before_ || (own_page_ && !usage_.known())) {
        return;
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
    int64_t made = completion_tokens();
    // Its size says little: more than was asked for it is not.
    bool guess = is_unread() || unseen_ > 0;
    if (guess && is_held()) {
        made = std::min(made, spending_->output());
    }
    // A stream's first report of output is provisional.
    usage.output = std::max(usage.output, made);
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
        reader_ && !reader_->overflow() && unseen_ == 0
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
    if (is_unread()) {
        // Who begins to send a whole answer has made it.
        auto length = static_cast<uint64_t>(
            std::max<int64_t>(content_length_, 0));
        size.ascii_bytes = std::max(received_ + unseen_, length);
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
    size.ascii_bytes += unseen_text();
    return size;
}

// As much of what went past us is text as of what was seen. Where that was
// none nothing is known, but who holds money for it cannot know either.
uint64_t Exchange::unseen_text() const {
    size_t seen = reader_->content_bytes();
    if (seen == 0 || received_ == 0) {
        return is_held() ? unseen_ : 0;
    }
    return static_cast<uint64_t>(static_cast<double>(unseen_)
                                 / static_cast<double>(received_)
                                 * static_cast<double>(seen));
}

// Nothing of what came was understood. Of a stream that is cut nothing may
// have come yet.
bool Exchange::is_unread() const {
    return reader_ ? !heard_ && (odd_type_ || came_whole_) : !summary_;
}

// A success of another type, of a captive portal's for instance: no model has
// made it.
bool Exchange::is_no_answer() const {
    bool unread = form_ == Form::kIgnored || (odd_type_ && is_unread());
    return is_answer(response_status_) && unread && !unreadable_
           && !malformed_ && !rerouted_;
}

void Exchange::read_json_answer() {
    if (form_ != Form::kJson || overflow_ || unreadable_
        || (inflater_ && !inflater_->finish().ok())) {
        return;
    }
    std::unique_ptr<json::Document> document = services_.documents.take();
    std::string loose;
    bool strict = document->parse_as_written(json_answer()).ok();
    if (strict || api::read_loosely(json_answer(), *document, loose)) {
        Result<api::Summary> summary = api::summarize(endpoint_, *document);
        if (summary.ok()) {
            summary_ = std::move(summary).value();
            if (store_wanted_ && (!strict || json::has_doubles(*document))) {
                // No stream could be written from it.
                store_wanted_ = false;
                reason_ = "no_store:malformed";
            }
            failed_ = failed_ || summary_->error.has_value();
        }
    }
    // As large as that, or of a size that is not known, it is not kept.
    constexpr size_t kKeptValues = size_t{1} << 16;
    size_t values = document->node_count();
    if (values > 0 && values <= kKeptValues) {
        services_.documents.give_back(std::move(document));
    }
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
    judge_provider(bought_before_ ? End::kComplete : how, now);
    settle_usage(how);
    if (usage_.service == api::Service::kUnsaid) {
        usage_.service = request_.service;
    }
    bill_ = services_.billing->bill(
        account_,
        {request_.model, upstream_model(), served_model(), provider()},
        usage_, tokens_taken_out(), is_free());
    settle_spending(now);
    store(how, now);
    count(how, now);
}

}  // namespace llm::exchange
