#include "src/api/request.hpp"

#include <algorithm>

#include "src/api/endpoint_set.hpp"
#include "src/api/request_effects.hpp"
#include "src/api/request_text.hpp"
#include "src/api/usage_json.hpp"

namespace llm::api {
namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

bool is_control(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

// Names that some JSON decoders (Go's) take for one another: in ASCII lower
// case, with the two letters beyond ASCII that fold into it.
std::string folded(Bytes key) {
    std::string out;
    for (size_t i = 0; i < key.size(); i++) {
        if (key.substr(i).starts_with("\u017f")) {
            out += 's';
            i += 1;
        } else if (key.substr(i).starts_with("\u212a")) {
            out += 'k';
            i += 2;
        } else {
            out += ascii_lower(key[i]);
        }
    }
    return out;
}

bool is_lower_ascii(Bytes key) {
    return std::none_of(key.begin(), key.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || static_cast<signed char>(c) < 0;
    });
}

class Reader {
public:
    Reader(Endpoint endpoint, const Document& doc, bool model_required)
        : doc_(doc), text_(doc, request), model_required_(model_required) {
        request.endpoint = endpoint;
        request.family = family_of(endpoint);
    }

    bool run();
    static Bytes effect_of(Endpoint endpoint, Bytes key);

    Request request;
    ApiError error;

private:
    struct Known {
        Bytes key;
        unsigned endpoints;
        bool (Reader::*read)(NodeId);
    };
    static const Known kKnown[];
    static constexpr size_t kLongestKey = 64;  // folded; more than all known

    static const Known* find_known(Endpoint endpoint, Bytes key);

    bool refuse(Bytes param, Bytes message) {
        error.message = message;
        error.param = param;
        return false;
    }
    bool refuse_type(NodeId value, Bytes wanted) {
        std::string message = "'";
        message += doc_.key(value);
        message += "' must be ";
        message += wanted;
        message += '.';
        return refuse(doc_.key(value), message);
    }
    bool is_null(NodeId value) const { return doc_.is(value, Type::kNull); }
    Span span(NodeId value) const {
        return {doc_.offset(value), doc_.raw(value).size()};
    }
    void flag(Bytes effect) {
        if (request.side_effect.empty()) {
            request.side_effect = effect;
        }
    }

    bool read_model(NodeId value);
    bool read_stream(NodeId value);
    bool read_stream_options(NodeId value);
    bool read_count(NodeId value);
    bool read_max_tokens(NodeId value);
    bool read_temperature(NodeId value);
    bool read_service_tier(NodeId value);
    bool read_modalities(NodeId value);
    bool read_store(NodeId value);
    bool read_tools(NodeId value);
    bool read_beside(NodeId value);
    bool read_messages(NodeId value);
    bool read_prompt(NodeId value);
    bool read_input(NodeId value);
    bool read_content(NodeId value);
    bool read_effect(NodeId value);
    bool check_complete();

    const Document& doc_;
    RequestText text_;
    const bool model_required_;
    bool has_model_ = false;
    bool has_content_ = false;
    bool has_prompt_ = false;  // stored at the provider, with its model
    bool has_state_ = false;   // or a response, a conversation
};

const Reader::Known Reader::kKnown[] = {
    {"model", kAny, &Reader::read_model},
    {"messages", kChat | kMessages | kEmbeddings, &Reader::read_messages},
    {"stream", kText, &Reader::read_stream},
    {"stream_options", kOpenaiText, &Reader::read_stream_options},
    {"temperature", kText, &Reader::read_temperature},
    {"max_tokens", kChats | kMessages, &Reader::read_max_tokens},
    {"max_completion_tokens", kChats, &Reader::read_max_tokens},
    {"max_output_tokens", kResponses, &Reader::read_max_tokens},
    {"n", kChats, &Reader::read_count},
    {"best_of", kCompletions, &Reader::read_count},
    {"tools", kText, &Reader::read_tools},
    {"functions", kChat, &Reader::read_tools},
    {"response_format", kChats, &Reader::read_beside},
    {"prediction", kChat, &Reader::read_beside},
    {"documents", kChat, &Reader::read_beside},
    {"data_sources", kChat, &Reader::read_beside},
    {"chat_template", kChat, &Reader::read_beside},
    {"chat_template_kwargs", kChat, &Reader::read_beside},
    {"text", kResponses, &Reader::read_beside},
    {"output_config", kMessages, &Reader::read_beside},
    {"output_format", kMessages, &Reader::read_beside},
    {"system", kMessages, &Reader::read_content},
    {"instructions", kResponses, &Reader::read_content},
    {"suffix", kCompletions, &Reader::read_content},
    {"prompt", kCompletions, &Reader::read_prompt},
    {"input", kEmbeddings | kResponses, &Reader::read_input},
    {"service_tier", kText, &Reader::read_service_tier},
    {"modalities", kChat, &Reader::read_modalities},
    {"store", kOpenaiText, &Reader::read_store},
    {"background", kResponses, &Reader::read_effect},
    {"conversation", kResponses, &Reader::read_effect},
    {"previous_response_id", kResponses, &Reader::read_effect},
    {"prompt", kResponses, &Reader::read_effect},
    {"web_search_options", kChat, &Reader::read_effect},
    {"search_parameters", kChat, &Reader::read_effect},
    {"plugins", kOpenaiText, &Reader::read_effect},
    {"enable_search", kChat, &Reader::read_effect},
    {"mcp_servers", kMessages, &Reader::read_effect},
    {"container", kMessages, &Reader::read_effect},
};

bool Reader::run() {
    if (doc_.empty() || !doc_.is(kRoot, Type::kObject)) {
        return refuse("", "The request body must be a JSON object.");
    }
    request.insert_at = doc_.offset(kRoot) + 1;
    request.empty_object = doc_.size(kRoot) == 0;
    for (NodeId member : doc_.children(kRoot)) {
        Bytes key = doc_.key(member);
        const Known* known = find_known(request.endpoint, key);
        if (known != nullptr) {
            if (!(this->*known->read)(member)) {
                return false;
            }
        } else if (!is_lower_ascii(key) && key.size() <= kLongestKey) {
            known = find_known(request.endpoint, folded(key));
            if (known != nullptr) {
                return refuse(known->key, "A member's name differs from '"
                                              + std::string(known->key)
                                              + "' in its case alone.");
            }
        }
    }
    return check_complete();
}

const Reader::Known* Reader::find_known(Endpoint endpoint, Bytes key) {
    for (const Known& known : kKnown) {
        if (known.key == key && (known.endpoints & bit(endpoint)) != 0) {
            return &known;
        }
    }
    return nullptr;
}

Bytes Reader::effect_of(Endpoint endpoint, Bytes key) {
    const Known* known = find_known(endpoint, key);
    return known != nullptr && known->read == &Reader::read_effect
               ? known->key
               : Bytes();
}

bool Reader::check_complete() {
    request.model_missing = !has_model_ && !has_prompt_;
    if (request.model_missing && model_required_) {
        error = missing_model();
        return false;
    }
    switch (request.endpoint) {
    case Endpoint::kChat:
    case Endpoint::kMessages:
        return has_content_
               || refuse("messages", "You must provide 'messages'.");
    case Endpoint::kEmbeddings:
    case Endpoint::kResponses:
        return has_content_ || has_state_
               || refuse("input", "You must provide an 'input'.");
    default:
        return true;
    }
}

bool Reader::read_model(NodeId value) {
    if (!doc_.is(value, Type::kString)) {
        return refuse_type(value, "a string");
    }
    std::string scratch;
    Bytes name = doc_.string(value, scratch);
    if (name.empty()) {
        return refuse("model", "'model' must not be empty.");
    }
    if (name.size() > Request::kMaxModel) {
        return refuse("model", "'model' is too long.");
    }
    if (std::any_of(name.begin(), name.end(), is_control)) {
        return refuse("model", "'model' must not hold control characters.");
    }
    request.model = name;
    request.model_span = span(value);
    has_model_ = true;
    return true;
}

bool Reader::read_stream(NodeId value) {
    request.stream_span = span(value);
    request.stream = doc_.is(value, Type::kTrue);
    return request.stream || doc_.is(value, Type::kFalse) || is_null(value)
           || refuse_type(value, "a boolean");
}

bool Reader::read_stream_options(NodeId value) {
    request.stream_options_span = span(value);
    if (is_null(value)) {
        return true;
    }
    if (!doc_.is(value, Type::kObject)) {
        return refuse_type(value, "an object");
    }
    NodeId usage = doc_.find(value, "include_usage");
    if (usage == kNoNode) {
        return true;
    }
    request.include_usage_span = span(usage);
    request.include_usage = doc_.is(usage, Type::kTrue);
    return request.include_usage || doc_.is(usage, Type::kFalse)
           || is_null(usage)
           || refuse("stream_options.include_usage",
                     "'stream_options.include_usage' must be a boolean.");
}

bool Reader::read_count(NodeId value) {
    if (is_null(value)) {
        return true;
    }
    if (!doc_.is(value, Type::kNumber)) {
        return refuse_type(value, "a number");
    }
    int64_t count = std::clamp<int64_t>(doc_.as_int64(value), 1,
                                        Request::kMaxCount);
    request.n = std::max(request.n, count);
    return true;
}

bool Reader::read_max_tokens(NodeId value) {
    if (is_null(value)) {
        return true;
    }
    if (!doc_.is(value, Type::kNumber)) {
        return refuse_type(value, "a number");
    }
    int64_t tokens = std::min(doc_.as_int64(value), Request::kMaxTokens);
    if (tokens >= 0) {
        request.max_output_tokens =
            std::max(request.max_output_tokens.value_or(0), tokens);
    }
    return true;
}

bool Reader::read_service_tier(NodeId) {
    request.service = read_service(doc_, kRoot);
    return true;
}

bool Reader::read_modalities(NodeId value) {
    std::string scratch;
    for (NodeId one : doc_.children(value)) {
        request.speaks =
            request.speaks || doc_.string(one, scratch) == "audio";
    }
    return true;
}

bool Reader::read_temperature(NodeId value) {
    if (is_null(value)) {
        return true;
    }
    if (!doc_.is(value, Type::kNumber)) {
        return refuse_type(value, "a number");
    }
    request.temperature = doc_.as_double(value);
    return true;
}

// Whatever is not plainly false may be taken as true by somebody.
bool Reader::read_store(NodeId value) {
    if (is_null(value)) {
        return true;
    }
    if (doc_.is(value, Type::kFalse)) {
        request.store = Tri::kFalse;
        return true;
    }
    request.store = Tri::kTrue;
    return true;
}

bool Reader::read_tools(NodeId value) {
    if (is_null(value)) {
        return true;
    }
    request.tools_bytes += doc_.raw(value).size();
    if (doc_.is(value, Type::kArray)) {
        request.has_tools |= doc_.size(value) > 0;
        flag(effect_of_tools(request.endpoint, doc_, value));
    } else {
        request.has_tools = true;
        flag("tools:server");
    }
    return true;
}

bool Reader::read_beside(NodeId value) {
    if (doc_.size(value) > 0 || doc_.is(value, Type::kString)) {
        request.beside_bytes += doc_.raw(value).size();
    }
    return true;
}

bool Reader::read_messages(NodeId value) {
    if (!doc_.is(value, Type::kArray)) {
        return refuse_type(value, "an array");
    }
    has_content_ = true;
    if (request.endpoint == Endpoint::kEmbeddings) {
        // Some servers embed a conversation; nobody speaks in it.
        request.messages += static_cast<uint32_t>(doc_.size(value));
        text_.add_content(value);
    } else {
        text_.add_messages(value);
    }
    return true;
}

bool Reader::read_prompt(NodeId value) {
    if (is_null(value)) {
        return true;
    }
    if (!doc_.is(value, Type::kString) && !doc_.is(value, Type::kArray)) {
        return refuse_type(value, "a string or an array");
    }
    text_.add_prompt(value);
    return true;
}

bool Reader::read_input(NodeId value) {
    if (!doc_.is(value, Type::kString) && !doc_.is(value, Type::kArray)) {
        if (is_null(value) && request.endpoint == Endpoint::kResponses) {
            return true;
        }
        return refuse_type(value, "a string or an array");
    }
    has_content_ = true;
    if (request.endpoint == Endpoint::kResponses
        && doc_.is(value, Type::kArray)) {
        text_.add_messages(value);
    } else {
        text_.add_prompt(value);
    }
    return true;
}

bool Reader::read_content(NodeId value) {
    text_.add_content(value);
    return true;
}

// The member's own name is the reason, unless it says nothing or no.
bool Reader::read_effect(NodeId value) {
    bool nothing = is_null(value) || doc_.is(value, Type::kFalse)
                   || (doc_.is(value, Type::kArray) && doc_.size(value) == 0);
    if (nothing) {
        return true;
    }
    Bytes key = doc_.key(value);
    (void) read_beside(value);
    request.background |= key == "background";
    flag(effect_of(request.endpoint, key));
    has_prompt_ |= key == "prompt";
    has_state_ |= has_prompt_ || key == "conversation"
                  || key == "previous_response_id";
    return true;
}

}  // namespace

Bytes effect_of_member(Endpoint endpoint, Bytes name) {
    return Reader::effect_of(endpoint, name);
}

Result<Request> parse_request(Endpoint endpoint, const Document& doc,
                              ApiError* why, bool model_required) {
    Reader reader(endpoint, doc, model_required);
    if (!reader.run()) {
        Error error{Errc::kInvalid, reader.error.message};
        if (why != nullptr) {
            *why = std::move(reader.error);
        }
        return error;
    }
    return std::move(reader.request);
}

ApiError missing_model() {
    return {400, "You must provide a 'model'.", "", "model", ""};
}

ApiError body_error(const Error& error) {
    if (error.code == Errc::kNoSpace) {
        return {500, "The request could not be read.", "", "", ""};
    }
    return {400, "The request body is not JSON that can be read: "
                     + error.message + ".", "", "", ""};
}

}  // namespace llm::api
