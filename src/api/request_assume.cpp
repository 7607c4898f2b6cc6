#include <algorithm>

#include "src/api/endpoint_set.hpp"
#include "src/api/request.hpp"
#include "src/api/request_effects.hpp"
#include "src/api/usage_json.hpp"
#include "src/json/text.hpp"

namespace llm::api {
namespace {

using json::kRoot;
using json::NodeId;

int64_t count_of(Bytes raw) {
    return json::is_number(raw)
               ? std::clamp<int64_t>(json::clamp_int64(raw), 1,
                                     Request::kMaxCount)
               : 1;
}

class Assumption {
public:
    Assumption(Request& request, const json::Document& doc,
               std::span<const SetMember> members)
        : request_(request), doc_(doc), members_(members) {}

    void make() {
        for (const SetMember& member : members_) {
            take(member.name, member.raw);
        }
    }

private:
    bool is(unsigned endpoints) const {
        return (bit(request_.endpoint) & endpoints) != 0;
    }

    // What stands in the edited body; "": nothing.
    Bytes text_of(Bytes name) const {
        for (const SetMember& member : members_) {
            if (member.name == name) {
                return member.raw;
            }
        }
        NodeId own = doc_.find(kRoot, name);
        return own == json::kNoNode ? Bytes() : doc_.raw(own);
    }

    void take(Bytes name, Bytes raw);
    void take_effect(Bytes name);

    Request& request_;
    const json::Document& doc_;
    std::span<const SetMember> members_;
};

void Assumption::take(Bytes name, Bytes raw) {
    if (name == "temperature") {
        request_.temperature.reset();
        if (json::is_number(raw)) {
            request_.temperature = json::clamp_double(raw);
        }
    } else if (name == "n" ? is(kChats)
                           : name == "best_of" && is(kCompletions)) {
        // Of the two the larger counts.
        Bytes best = is(kCompletions) ? text_of("best_of") : Bytes();
        request_.n = std::max(count_of(text_of("n")), count_of(best));
    } else if (name == "service_tier") {
        request_.service = service_of(raw);
    } else if (name == "modalities" && is(kChat)) {
        request_.speaks = raw == "\"audio\"";
    } else if (name == "store" && is(kOpenaiText)) {
        // As read: what is not plainly false may be true to somebody.
        request_.store = raw == "null"    ? Tri::kAbsent
                         : raw == "false" ? Tri::kFalse
                                          : Tri::kTrue;
    } else if (raw != "null" && raw != "false") {
        take_effect(name);
    }
}

void Assumption::take_effect(Bytes name) {
    Bytes effect = effect_of_member(request_.endpoint, name);
    if (effect.empty()) {
        return;
    }
    request_.background |= effect == "background";
    if (request_.side_effect.empty()) {
        request_.side_effect = effect;
    }
}

}  // namespace

void assume(Request& request, const json::Document& doc,
            std::span<const SetMember> members) {
    Assumption(request, doc, members).make();
}

}  // namespace llm::api
