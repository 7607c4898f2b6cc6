// The stop at limits and budgets: what goes upstream is reserved before and
// charged after.
#include <algorithm>

#include "src/api/stream_cut.hpp"
#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"

namespace llm::exchange {
namespace {

// What goes beyond is held as well, as long as anybody can pay for it. Where
// the request names a maximum the upstream keeps it: only what is clearly
// beyond, and no error of the estimate, is cut off.
constexpr int64_t kTolerance = 32;

int64_t tolerated(int64_t held) {
    return held + held / 4 + kTolerance;
}

// Nobody can pay for more; what is added to it still is an amount.
constexpr int64_t kMostOutput = limit::Ledger::kMaxAmount / 2;

int64_t output_of(int64_t each, int64_t choices) {
    return each > kMostOutput / choices ? kMostOutput : each * choices;
}

// The JSON text has an escape for one of the signs that "cache_control",
// "12h", "speed" and the like are made of. Those of other signs are common
// ("<", umlauts).
bool escapes_mark(Bytes text) {
    constexpr Bytes kEscape = "\\u00";
    for (size_t at = text.find(kEscape); at != Bytes::npos;
         at = text.find(kEscape, at)) {
        at += kEscape.size();
        Bytes digits = text.substr(at, 2);
        if (digits == "31" || digits == "32" || digits.starts_with('5')
            || digits.starts_with('6') || digits.starts_with('7')) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::optional<api::ApiError> Exchange::admit(Now now) {
    denial_ = spending_->admit(now);
    report_limits();
    if (!denial_) {
        return std::nullopt;
    }
    reason_ = "refused";
    return denial_->error;
}

// Once for all attempts whose models are counted alike.
void Exchange::count_prompt() {
    const tokens::Counter* counter =
        services_.counting.find(upstream_model());
    if (counter == nullptr || !has_document()) {
        counter_ = nullptr;
        return;
    }
    if (counter != counter_) {
        prompt_count_ =
            services_.counting.prompt(*counter, endpoint_, document());
        prompt_count_.rest.ascii_bytes += request_.beside_bytes;
    }
    counter_ = counter;
}

void Exchange::count_media() {
    media_tokens_ = {};
    if (request_.media_bytes > 0 && has_document()) {
        media_tokens_ = tokens::media_tokens(document(), upstream_model());
    }
}

// Whether the prompt, or a part of it, may be charged as written to the
// provider's cache, where that is dearer than reading it. The text is only
// searched: what takes a word of the prompt for a mark holds more, not less.
price::Rate Exchange::cache_write(
    const std::shared_ptr<const price::ModelPrice>& price) const {
    auto dearer = [](const price::Tier& tier) {
        return std::max(tier.rates[price::kCacheWrite],
                        tier.rates[price::kCacheWrite1h])
               > tier.rates[price::kInput];
    };
    if (price == nullptr || !has_document()
        || std::none_of(price->tiers.begin(), price->tiers.end(), dearer)) {
        return price::kInput;
    }
    if (escapes_mark(bytes_)) {
        return price::kCacheWrite1h;
    }
    auto names = [this](Bytes word) {
        return bytes_.find(word) != Bytes::npos;
    };
    if (price->writes_unasked && endpoint_ != api::Endpoint::kMessages) {
        return names("\"12h\"") || names("\"1h\"") ? price::kCacheWrite1h
                                                 : price::kCacheWrite;
    }
    if (!names("\"cache_control\"")) {
        bool ours = plan_.provider_cache
                    && endpoint_ == api::Endpoint::kMessages;
        return ours ? price::kCacheWrite : price::kInput;
    }
    return names("\"1h\"") ? price::kCacheWrite1h : price::kCacheWrite;
}

// Anthropic's speed and place, where they cost more; searched for as above.
void Exchange::ask_factors(const price::ModelPrice& price,
                           price::Asked& asked) const {
    auto names = [this](Bytes member, Bytes value) {
        return (bytes_.find(member) != Bytes::npos
                && bytes_.find(value) != Bytes::npos)
               || escapes_mark(bytes_);
    };
    if (endpoint_ != api::Endpoint::kMessages) {
        return;
    }
    asked.fast = price.fast > price::ModelPrice::kOnce
                 && names("\"speed\"", "\"fast\"");
    asked.in_us = price.in_us > price::ModelPrice::kOnce
                  && names("\"inference_geo\"", "\"us\"");
}

// What is asked for in a way that may be served as usual all the same
// ("flex" to some providers) is reserved as usual.
api::Service Exchange::reserved_service() const {
    bool dearer = request_.service == api::Service::kPriority
                  || request_.service == api::Service::kUltrafast;
    return dearer ? request_.service : api::Service::kStandard;
}

Need Exchange::need() const {
    Need need;
    need.prompt = prompt_tokens();
    need.price = services_.billing->find(upstream_model(),
                                         provider_of(upstream_model()));
    // A file's pages are images, too.
    auto sound = static_cast<int64_t>(media_tokens_.sound);
    auto media = static_cast<int64_t>(media_tokens_.all);
    need.asked = {cache_write(need.price), sound, media - sound,
                  request_.speaks, reserved_service()};
    if (need.price != nullptr) {
        ask_factors(*need.price, need.asked);
    }
    if (endpoint_ == api::Endpoint::kEmbeddings) {
        need.output_named = true;
        need.keeps_model = true;  // vectors of two models do not compare
        return need;
    }
    need.choices = request_.n;
    if (endpoint_ == api::Endpoint::kCompletions) {
        // Each of several prompts has answers of its own.
        need.choices *= std::max<int64_t>(request_.messages, 1);
    }
    std::optional<int64_t> named = parameters_
                                       ? parameters_->output_limit()
                                       : request_.max_output_tokens;
    need.output_named = named.has_value();
    int64_t each = limit::kUsualOutput;
    if (named) {
        each = *named;
    } else if (need.price != nullptr && need.price->max_output > 0) {
        each = std::min(each, need.price->max_output);
    }
    need.output = output_of(each, need.choices);
    return need;
}

Step Exchange::reserve(Now now) {
    if (!spending_ || malformed_) {
        return Step::kForward;
    }
    count_prompt();
    count_media();
    Need wanted = need();
    if (spending_->has_budgets() && !is_priced(wanted)) {
        services_.metrics
            .counter(metrics::kUnpriced, {services_.label_of(upstream_model())})
            .add();
        if (services_.deny_unpriced && !observe_) {
            Denial denial;
            denial.error.status = 404;
            denial.error.message =
                "The model has no price here, so its budget cannot be kept.";
            denial.error.code = "model_not_priced";
            denial.error.param = "model";
            denial_ = std::move(denial);
            return Step::kRefuse;
        }
    }
    denial_ = spending_->reserve(wanted, now);
    report_limits();
    if (denial_) {
        store_wanted_ = false;
        if (request_.family == api::Family::kAnthropic) {
            denial_->error.type.clear();  // OpenAI's word
        }
        return Step::kRefuse;
    }
    if (degrade_to().empty() && spending_->cap() && !observe_) {
        cap_ = spending_->output() / std::max<int64_t>(wanted.choices, 1);
    }
    return Step::kForward;
}

void Exchange::report_limits() {
    metrics::Table& table = services_.metrics;
    for (Bytes name : spending_->take_would_refuse()) {
        table.counter(metrics::kLimitRequests, {name, "would_refuse"}).add();
    }
    if (denial_ && !denial_->rule.empty()) {
        table.counter(metrics::kLimitRequests, {denial_->rule, "refused"})
            .add();
    }
    if (Bytes done = spending_->take_unchecked(); !done.empty()) {
        table.counter(metrics::kLimitUnchecked, {done}).add();
        services_.limits_unchecked++;
    }
    for (const Crossing& crossing : spending_->take_crossings()) {
        const limit::BudgetRule& rule = *crossing.ask->rule;
        Bytes line = crossing.hard ? Bytes("hard") : Bytes("soft");
        table.counter(metrics::kBudgetCrossed, {rule.name, line}).add();
        if (services_.alert != nullptr && !rule.dry_run && !observe_) {
            limit::Window window =
                limit::window_of(rule, start_.wall_s());
            Bytes key = rule.owner.empty() ? crossing.ask->value
                                           : Bytes(rule.owner);
            services_.alert({line, rule.name, key, account_.tenant, rule.nano,
                             window.start_s, window.end_s});
        }
    }
}

// Generated tokens against those that are held, event by event. A byte is
// two tokens at the most, so nothing has to be worked out for most events.
void Exchange::check_ceiling(const sse::Event& event, sse::Edit& edit,
                             Now now) {
    const api::StreamReader& reader = *response_.reader();
    size_t bytes = reader.content_bytes();
    if (bytes < next_ceiling_check_ || !spending_->reserved()) {
        return;
    }
    TextSize size;
    size.ascii_bytes = bytes;
    auto generated = static_cast<int64_t>(
        estimator().completion(tokens::model_hash(upstream_model()), size));
    bool held = generated <= spending_->output()
                || spending_->extend(generated + generated / 4, now);
    int64_t limit = tolerated(spending_->output());
    if (!held && generated > limit && edits_stream()) {
        std::string last;
        api::Usage usage = reader.answer().usage;
        complete_usage(usage);
        api::write_cut(reader, event, usage, request_.include_usage, last);
        edit.cut(named(last));
        cut_ = true;
        return;
    }
    int64_t next = generated < spending_->output() ? spending_->output()
                                                   : limit;
    next_ceiling_check_ =
        bytes + static_cast<size_t>(std::max<int64_t>(next - generated, 1))
                    / 2;
}

void Exchange::settle_spending(Now now) {
    if (!spending_) {
        return;
    }
    if (usage_.known() && !is_free()) {
        int64_t nano =
            bill_.known() ? bill_.cost : spending_->cost_of(usage_);
        // Other prices have come, without this model.
        if (nano > 0) {
            bill_.cost = nano;
        }
        int64_t over =
            spending_->settle(usage_.input + usage_.output, nano, now);
        if (over > 0) {
            services_.metrics.counter(metrics::kBudgetOverspent)
                .add(static_cast<uint64_t>(over));
        }
        report_limits();
    }
    spending_->end(refused_, now);
}

}  // namespace llm::exchange
