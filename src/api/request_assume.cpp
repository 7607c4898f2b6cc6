#include <algorithm>

#include "src/api/request.hpp"
#include "src/json/text.hpp"

namespace llm::api {
namespace {

using json::kNoNode;
using json::kRoot;

bool is_number(Bytes raw) {
    const char* end = raw.data() + raw.size();
    return !raw.empty() && json::end_of_number(raw.data(), end) == end;
}

int64_t count_of(Bytes raw) {
    return is_number(raw) ? std::clamp<int64_t>(json::clamp_int64(raw), 1,
                                                Request::kMaxCount)
                          : 1;
}

// Of the two members that name a number of answers the larger counts.
void assume_count(Request& request, const json::Document& doc, Bytes other,
                  Bytes raw) {
    request.n = count_of(raw);
    json::NodeId own = doc.find(kRoot, other);
    if (own != kNoNode && request.endpoint == Endpoint::kCompletions) {
        request.n = std::max(request.n, count_of(doc.raw(own)));
    }
}

}  // namespace

void assume(Request& request, const json::Document& doc, Bytes name,
            Bytes raw) {
    if (name == "temperature") {
        request.temperature.reset();
        if (is_number(raw)) {
            request.temperature = json::clamp_double(raw);
        }
    } else if (name == "n") {
        assume_count(request, doc, "best_of", raw);
    } else if (name == "best_of"
               && request.endpoint == Endpoint::kCompletions) {
        assume_count(request, doc, "n", raw);
    } else if (name == "store") {
        // As read: what is not plainly false may be true to somebody.
        request.store = raw == "null"    ? Tri::kAbsent
                        : raw == "false" ? Tri::kFalse
                                         : Tri::kTrue;
    } else if (name == "background" && raw != "null" && raw != "false") {
        request.background = true;
        request.side_effect = "background";
    }
}

}  // namespace llm::api
