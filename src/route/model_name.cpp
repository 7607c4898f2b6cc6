#include "src/route/model_name.hpp"

#include <algorithm>
#include <functional>

#include "src/api/loose_json.hpp"

namespace llm::route {
namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

// Longer beginnings are read anew: they are of no usual stream.
constexpr size_t kLongestBeginning = 4096;

bool is_control(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

std::string json_string(Bytes text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

Bytes parent_in_event(api::Endpoint endpoint) {
    switch (endpoint) {
    case api::Endpoint::kResponses: return "response";
    case api::Endpoint::kMessages: return "message";
    default: return {};
    }
}

bool lies_in(Bytes part, Bytes whole) {
    const std::less_equal<const char*> le;
    return le(whole.data(), part.data())
           && le(part.data() + part.size(), whole.data() + whole.size());
}

// The value of a data line (WHATWG HTML); nullopt for any other line.
std::optional<Bytes> data_of(Bytes line) {
    constexpr Bytes kField = "data";
    if (!line.starts_with(kField)) {
        return std::nullopt;
    }
    line.remove_prefix(kField.size());
    if (line.empty()) {
        return line;
    }
    if (line[0] != ':') {
        return std::nullopt;
    }
    line.remove_prefix(line.size() > 1 && line[1] == ' ' ? 2 : 1);
    return line;
}

// Where the byte `at` of the joined data lines stands in the event. Without
// the blank line, which is all that could be mistaken for one of data.
size_t place_in_lines(Bytes raw, size_t at) {
    constexpr Bytes kBom = "\xef\xbb\xbf";
    size_t start = raw.starts_with(kBom) ? kBom.size() : 0;
    while (start < raw.size()) {
        size_t end = std::min(raw.find_first_of("\r\n", start), raw.size());
        if (auto data = data_of(raw.substr(start, end - start))) {
            if (at <= data->size()) {
                return end - data->size() + at;
            }
            at -= data->size() + 1;
        }
        bool crlf = raw.substr(end).starts_with("\r\n");
        start = end + (crlf ? 2 : 1);
    }
    return raw.size();
}

}  // namespace

bool is_model_name(Bytes name) {
    if (name.empty() || name.size() > api::Request::kMaxModel) {
        return false;
    }
    bool control = false;
    bool ascii = true;
    for (char c : name) {
        control |= is_control(c);
        ascii &= static_cast<signed char>(c) >= 0;
    }
    if (control || ascii) {
        return !control;
    }
    Document doc;
    return doc.parse(json_string(name)).ok();
}

Result<void> set_model(const Document& doc, const api::Request& request,
                       Bytes model, Edits& edits, api::ApiError* why) {
    NodeId value = doc.find(kRoot, "model");
    if (value == kNoNode) {
        bool stored = request.endpoint == api::Endpoint::kResponses
                      && doc.is(doc.find(kRoot, "prompt"), Type::kObject);
        if (stored) {
            return {};
        }
    } else if (!doc.is(value, Type::kString)) {
        constexpr const char* kMessage = "'model' must be a string.";
        if (why != nullptr) {
            *why = {400, kMessage, "", "model", ""};
        }
        return Error{Errc::kInvalid, kMessage};
    } else {
        std::string scratch;
        if (doc.string(value, scratch) == model) {
            return {};
        }
    }
    return edits.set_member(doc, kRoot, "model", json_string(model));
}

AnswerModel::AnswerModel(api::Endpoint endpoint, Bytes name)
    : parent_(parent_in_event(endpoint)), value_(json_string(name)) {}

std::optional<AnswerModel::Splice> AnswerModel::find(Bytes text,
                                                     Bytes parent) {
    if (text.find("\"model\"") == Bytes::npos
        || api::read_event_json(text, doc_, loose_) == api::EventJson::kNone) {
        return std::nullopt;
    }
    NodeId object = parent.empty() ? kRoot : doc_.find(kRoot, parent);
    NodeId model = doc_.find(object, "model");
    if (!doc_.is(model, Type::kString)) {
        return std::nullopt;
    }
    return Splice{doc_.offset(model), doc_.raw(model).size(), value_};
}

std::optional<AnswerModel::Splice> AnswerModel::in_body(Bytes body) {
    std::optional<Splice> found = find(body, {});
    if (found && body.substr(found->offset, found->remove) == value_) {
        return std::nullopt;
    }
    return found;
}

// The chunks of a stream begin alike up to their model's name, so one of them
// is read and the others are compared.
std::optional<AnswerModel::Splice> AnswerModel::in_data(Bytes data) {
    std::optional<Splice> found;
    if (!before_.empty() && data.starts_with(before_)) {
        found = Splice{before_.size() - name_size_, name_size_, value_};
    } else {
        found = find(data, parent_);
        if (found && found->offset + found->remove <= kLongestBeginning) {
            before_ = data.substr(0, found->offset + found->remove);
            name_size_ = found->remove;
        }
    }
    if (found && data.substr(found->offset, found->remove) == value_) {
        return std::nullopt;
    }
    return found;
}

std::optional<Bytes> AnswerModel::in_event(const sse::Event& event) {
    if (!event.has_data) {
        return std::nullopt;
    }
    std::optional<Splice> splice = in_data(event.data);
    if (!splice) {
        return std::nullopt;
    }
    size_t at = lies_in(event.data, event.raw)
                    ? static_cast<size_t>(event.data.data()
                                          - event.raw.data())
                          + splice->offset
                    : place_in_lines(event.raw, splice->offset);
    if (at + splice->remove > event.raw.size()) {
        return std::nullopt;
    }
    out_.assign(event.raw.substr(0, at));
    out_ += splice->insert;
    out_ += event.raw.substr(at + splice->remove);
    return out_;
}

}  // namespace llm::route
