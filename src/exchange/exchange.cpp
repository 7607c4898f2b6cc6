#include "src/exchange/exchange.hpp"
#include "src/json/value_count.hpp"

namespace llm::exchange {
namespace {

// A value takes 36 bytes while a request is read, however short it is: a body
// of the usual 16 MB may have eight million, no prompt has.
constexpr size_t kMaxValues = size_t{1} << 20;

// A text with more has two bytes for each at the least.
bool holds_too_much(Bytes body) {
    return body.size() >= 2 * kMaxValues
           && json::may_exceed(body, kMaxValues);
}

api::ApiError too_many_values() {
    api::ApiError error;
    error.status = 413;
    error.message = "The request body holds more than ";
    append_number(error.message, static_cast<int64_t>(kMaxValues));
    error.message += " JSON values.";
    return error;
}

}  // namespace

Exchange::Exchange(Services& services, api::Endpoint endpoint, bool observe,
                   size_t event_max_size, Now start)
    : services_(services),
      endpoint_(endpoint),
      observe_(observe),
      event_max_size_(event_max_size),
      start_(start),
      rungs_(services),
      response_(endpoint) {
    request_.endpoint = endpoint;
    request_.family = api::family_of(endpoint);
}

Exchange::~Exchange() {
    release();
    if (spending_) {
        services_.spendings.give_back(std::move(spending_));
    }
}

std::optional<api::ApiError> Exchange::read(Bytes body,
                                            bool model_required) {
    bytes_ = body;
    model_required_ = model_required;
    reading_ = services_.readings.find(endpoint_, model_required, body);
    if (reading_ != nullptr) {
        request_ = reading_->request;
        return std::nullopt;
    }
    return parse();
}

std::optional<api::ApiError> Exchange::parse() {
    document_ = services_.documents.take();
    api::ApiError why;
    bool large = holds_too_much(bytes_);
    Result<void> parsed = document_->parse(large ? Bytes{} : bytes_);
    if (!parsed.ok()) {
        why = large ? too_many_values() : api::body_error(parsed.error());
    } else {
        Result<api::Request> request =
            api::parse_request(endpoint_, *document_, &why, model_required_);
        if (request.ok()) {
            request_ = std::move(request).value();
            return std::nullopt;
        }
    }
    malformed_ = true;
    reason_ = "gate:malformed";
    refusal_ = std::move(why);
    if (observe_) {
        return std::nullopt;
    }
    return refusal_;
}

// A body that is known has been parsed before.
const json::Document& Exchange::document() {
    if (!document_) {
        document_ = services_.documents.take();
        (void) document_->parse(bytes_);
    }
    return *document_;
}

// A hit is paid for by nobody, but what went upstream must be metered: the
// usage chunk is asked for whether or not the client wants to see it.
const route::Edits& Exchange::forward(Now now) {
    asked_at_ = now;
    if (!observe_ && !malformed_) {
        build_edits();
    }
    bool streams_usage = endpoint_ == api::Endpoint::kChat
                         || endpoint_ == api::Endpoint::kCompletions;
    if (!observe_ && !malformed_ && streams_usage && request_.stream
        && !request_.include_usage) {
        usage_injected_ = edits_.set_include_usage(document()).ok();
    }
    return edits_;
}

void Exchange::release() {
    bytes_ = {};
    reading_ = nullptr;
    give_back(std::move(document_));
    document_.reset();
}

// One that has grown large is not kept: four of them would stay for good.
// After an error its size is not known.
void Exchange::give_back(std::unique_ptr<json::Document> document) {
    constexpr size_t kKeptValues = size_t{1} << 16;
    size_t values = document ? document->node_count() : 0;
    if (values > 0 && values <= kKeptValues) {
        services_.documents.give_back(std::move(document));
    }
}

void Exchange::reroute() {
    rerouted_ = true;
}

Bytes Exchange::finish_reason() const {
    return served_from_memory() ? Bytes(entry_.finish_reason)
                                : response_.finish_reason();
}

Bytes Exchange::served_model() const {
    return served_from_memory() ? Bytes(entry_.model) : response_.model();
}

}  // namespace llm::exchange
