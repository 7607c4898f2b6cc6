#include "src/route/fault.hpp"

#include <charconv>
#include <initializer_list>

#include "src/api/loose_json.hpp"

namespace llm::route {
namespace {

constexpr size_t kMaxMessage = 512;

// A string, or a number as it is written; cut.
std::string word(const json::Document& doc, json::NodeId node) {
    std::string scratch;
    if (doc.is(node, json::Type::kString)) {
        return std::string(doc.string(node, scratch).substr(0, kMaxMessage));
    }
    if (doc.is(node, json::Type::kNumber)) {
        return std::string(doc.raw(node).substr(0, kMaxMessage));
    }
    return {};
}

// Google's endpoint for OpenAI's clients puts an error into an array of one.
Bytes without_array(Bytes json) {
    constexpr Bytes kBlank = " \t\r\n";
    size_t first = json.find_first_not_of(kBlank);
    size_t last = json.find_last_not_of(kBlank);
    if (first == last || json[first] != '[' || json[last] != ']') {
        return json;
    }
    return json.substr(first + 1, last - first - 1);
}

bool contains(Bytes text, std::initializer_list<Bytes> any) {
    std::string lower(text);
    for (char& c : lower) {
        c = ascii_lower(c);
    }
    for (Bytes part : any) {
        if (lower.find(part) != std::string::npos) {
            return true;
        }
    }
    return false;
}

bool is_one_of(Bytes text, std::initializer_list<Bytes> words) {
    for (Bytes other : words) {
        if (text == other) {
            return true;
        }
    }
    return false;
}

// Most have no code for it but a sentence: Anthropic, vLLM, SGLang, TGI,
// llama.cpp, Bedrock, xAI, Gemini, Moonshot, Qwen.
bool is_context_length(const ErrorWords& words) {
    return is_one_of(words.code,
                     {"context_length_exceeded", "string_above_max_length",
                      "tokens_limit_reached"})
           || is_one_of(words.type, {"context_length_exceeded",
                                     "exceed_context_size_error"})
           || contains(words.message,
                       {"prompt is too long", "maximum context length",
                        "context length exceeded", "context window",
                        "input is too long", "exceed context limit",
                        "maximum prompt length", "maximum model length",
                        "model's context length", "available context size",
                        "exceeds the maximum number of tokens",
                        "exceeded model token limit",
                        "range of input length should be",
                        "`inputs` tokens + `max_new_tokens`"});
}

bool is_content_filter(const ErrorWords& words) {
    return is_one_of(words.code,
                     {"content_filter", "content_policy_violation",
                      "image_content_policy_violation",
                      "ResponsibleAIPolicyViolation"})
           || is_one_of(words.type,
                        {"content_filter", "content_policy_violation"});
}

// A 403 for what was said, not for who asks: xAI, OpenRouter. Anybody can say
// it, and the account is well.
bool is_refused_content(const ErrorWords& words) {
    return contains(words.message,
                    {"content violates", "requires moderation",
                     "input was flagged"});
}

bool is_unknown_model(const ErrorWords& words) {
    return is_one_of(words.code, {"model_not_found", "unknown_model"})
           || words.type == "not_found_error";
}

// Of OpenAI, which puts some of them into either member, and of Moonshot.
bool is_word_of_quota(Bytes word) {
    return is_one_of(word, {"insufficient_quota", "billing_error",
                            "billing_hard_limit_reached",
                            "billing_not_active",
                            "enforced_spend_limit_reached",
                            "exceeded_current_quota_error"});
}

// Anthropic and xAI have no other word for it than a sentence, beside a 400 or
// a 429. It begins the message: further on there may be what the client has
// said.
bool is_quota(const ErrorWords& words) {
    Bytes message = words.message;
    if (is_word_of_quota(words.code) || is_word_of_quota(words.type)
        || message.starts_with("Your credit balance is too low")
        || message.starts_with(
            "You have reached your specified API usage limits")) {
        return true;
    }
    constexpr size_t kMostAt = 64;  // behind the team's id
    return message.starts_with("Your team ")
           && message.find(" has either used all available credits")
                  <= kMostAt;
}

// One request of more tokens than the account may send in a minute (OpenAI,
// and Groq with a 413), or at all (Anthropic), can be asked of another model; those that are smaller
// are well here.
Fault fault_of_limit(const ErrorWords& words) {
    bool large = contains(words.message,
                          {"request too large",
                           "extra usage is required for long context"});
    return large ? Fault::kModel : Fault::kRateLimit;
}

// What Google and xAI say of a key that they do not know, beside a 400.
bool is_wrong_key(const ErrorWords& words) {
    return words.message.starts_with("API key not valid")
           || words.message.starts_with("Incorrect API key provided");
}

// What the words say by themselves; kNone when they say nothing.
Fault fault_of_words(const ErrorWords& words) {
    if (is_quota(words)) {
        return Fault::kQuota;
    }
    if (is_content_filter(words)) {
        return Fault::kContentFilter;
    }
    if (words.type == "rate_limit_error"
        || is_one_of(words.code, {"rate_limit_exceeded", "429"})) {
        return fault_of_limit(words);
    }
    if (words.type == "overloaded_error"
        || is_one_of(words.code, {"503", "529"})) {
        return Fault::kOverloaded;
    }
    if (words.code == "invalid_api_key"
        || is_one_of(words.type,
                     {"authentication_error", "permission_error"})) {
        return Fault::kAuth;
    }
    if (is_unknown_model(words)) {
        return Fault::kModel;
    }
    return Fault::kNone;
}

// An error that says of itself that the request is to blame, whatever the
// status of the answer that it stands in: by the types of OpenAI, Anthropic
// and vLLM, by the codes of a Response that failed. OpenAI's type stands
// beside codes of accounts, too (account_deactivated).
bool blames_request(const ErrorWords& words) {
    if (contains(words.code, {"api_key", "billing", "account",
                              "organization"})) {
        return false;
    }
    return is_one_of(words.type, {"invalid_request_error",
                                  "request_too_large", "BadRequestError",
                                  "UnprocessableEntityError"})
           || words.code.starts_with("invalid_")
           || words.code.find("image") != std::string::npos;
}

// A code that is an HTTP status, as OpenRouter's and vLLM's are; otherwise 0.
int status_of_code(const std::string& code) {
    int status = 0;
    const char* end = code.data() + code.size();
    auto read = std::from_chars(code.data(), end, status);
    return read.ec == std::errc() && read.ptr == end ? status : 0;
}

Fault classify_client_error(int status, const ErrorWords& words) {
    // 400 Anthropic, OpenAI, vLLM; 413 proxies before them.
    bool may_be_long = status == 400 || status == 413 || status == 422;
    if (may_be_long && is_context_length(words)) {
        return Fault::kContextLength;
    }
    if (is_content_filter(words)) {
        return Fault::kContentFilter;
    }
    if (is_quota(words)) {
        return Fault::kQuota;
    }
    if (is_wrong_key(words)) {
        return Fault::kAuth;
    }
    switch (status) {
    case 401:
        return Fault::kAuth;
    case 402:
        return Fault::kQuota;
    case 403:
        if (is_refused_content(words)) {
            return Fault::kContentFilter;
        }
        // One model that this account may not have is not the account.
        return is_unknown_model(words) ? Fault::kModel : Fault::kAuth;
    case 404:
        return Fault::kModel;
    case 408:
        return Fault::kTimeout;
    case 413:
        return words.code == "rate_limit_exceeded" ? fault_of_limit(words)
                                                   : Fault::kRequest;
    case 429:
        return fault_of_limit(words);
    default:
        return Fault::kRequest;
    }
}

}  // namespace

Bytes name_of(Fault fault) {
    switch (fault) {
    case Fault::kNone:
        return "none";
    case Fault::kConnect:
        return "connect";
    case Fault::kCut:
        return "cut";
    case Fault::kTimeout:
        return "timeout";
    case Fault::kInvalid:
        return "invalid";
    case Fault::kAuth:
        return "auth";
    case Fault::kRateLimit:
        return "rate_limit";
    case Fault::kQuota:
        return "quota";
    case Fault::kServer:
        return "server";
    case Fault::kOverloaded:
        return "overloaded";
    case Fault::kErrorIn200:
        return "error_in_200";
    case Fault::kModel:
        return "model";
    case Fault::kContextLength:
        return "context_length";
    case Fault::kContentFilter:
        return "content_filter";
    case Fault::kRequest:
        return "request";
    case Fault::kClientGone:
        return "client_gone";
    }
    return "none";
}

ErrorWords read_error_words(Bytes json) {
    json::Document doc;
    std::string loose;
    json = without_array(json);
    if (json.size() > kMaxErrorBody
        || api::read_event_json(json, doc, loose) == api::EventJson::kNone) {
        return {};
    }
    ErrorWords words;
    json::NodeId error = doc.find(json::kRoot, "error");
    if (doc.is(error, json::Type::kString)) {
        words.message = word(doc, error);
        return words;
    }
    if (!doc.is(error, json::Type::kObject)) {
        // vLLM before 0.10 has the members at the top.
        std::string scratch;
        json::NodeId object = doc.find(json::kRoot, "object");
        json::NodeId type = doc.find(json::kRoot, "type");
        bool is_error = doc.is(object, json::Type::kString)
                        && doc.string(object, scratch) == "error";
        is_error = is_error
                   || (doc.is(type, json::Type::kString)
                       && doc.string(type, scratch) == "error");
        if (!is_error) {
            return {};
        }
        error = json::kRoot;
    }
    words.type = word(doc, doc.find(error, "type"));
    words.code = word(doc, doc.find(error, "code"));
    words.message = word(doc, doc.find(error, "message"));
    if (words.empty()) {
        // An error that says nothing is one all the same.
        words.message = "error";
    }
    return words;
}

Fault classify(int status, const ErrorWords& words) {
    if (status == 503 || status == 529) {
        return Fault::kOverloaded;
    }
    if (status >= 500) {
        return Fault::kServer;
    }
    if (status >= 400) {
        return classify_client_error(status, words);
    }
    if (status < 200 || status >= 300) {
        return Fault::kInvalid;
    }
    if (words.empty()) {
        return Fault::kNone;
    }
    if (is_context_length(words)) {
        return Fault::kContextLength;
    }
    Fault said = fault_of_words(words);
    if (said != Fault::kNone) {
        return said;
    }
    // Behind a status there is an answer: no time has run out here.
    int status_said = status_of_code(words.code);
    if (status_said >= 400 && status_said < 500 && status_said != 408) {
        return classify_client_error(status_said, words);
    }
    return blames_request(words) ? Fault::kRequest : Fault::kErrorIn200;
}

}  // namespace llm::route
