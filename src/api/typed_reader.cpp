#include "src/api/typed_reader.hpp"

#include "src/api/loose_json.hpp"
#include "src/api/raw_json.hpp"

namespace llm::api {

std::optional<std::string> TypedReader::read(const sse::Event& event,
                                             Bytes data, EventInfo& info) {
    EventJson read = read_event_json(data, doc_, loose_);
    lossy_ = lossy_ || (read != EventJson::kObject && !done_);
    if (read == EventJson::kNone) {
        info.malformed = !done_;
        info.error = !done_ && event.type == "error";
        if (info.error) {
            answer_.error.emplace().status = 500;
        }
        return std::nullopt;
    }
    std::string type = raw::text_of(doc_, json::kRoot, "type");
    if (type.empty()) {
        type = event.type;
    }
    return type;
}

bool TypedReader::is_error(Bytes type) const {
    return type == "error"
           || (type.empty()
               && doc_.is(doc_.find(json::kRoot, "error"),
                          json::Type::kObject));
}

}  // namespace llm::api
