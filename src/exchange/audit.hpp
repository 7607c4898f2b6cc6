// Audit: a semantic hit that is asked upstream as well, off the client's
// connection, to see whether the stored answer was right. The share that is
// audited gives the measured rate of false hits.
//
// Both answers are compared by the cosine of their vectors and by their
// facts: a number, unit, date or identifier that one has and the other lacks
// is a disagreement. Answers are free in their words, so there is ground
// between agreement and disagreement: unknown, as is a call that failed and
// an answer without text. After a disagreement neither the pair's vector nor
// the new wording's alias stands any more, and the pair is marked: none of
// the two wordings is answered from the other one's entry, whichever of them
// is stored next. A mark is an entry of the store without bytes under a key
// of its own, lives for kApartS and makes room like any other.
//
// What an audit costs is counted as money spent, on the tenant whose request
// it was, but charged to no budget.
//
// Plain values and functions; the event loop's thread.
#pragma once

#include <string>

#include "src/api/answer.hpp"
#include "src/exchange/services.hpp"
#include "src/semantic/decision.hpp"

namespace llm::exchange {

struct Audit {
    std::string body;       // what is sent: the edited request, no stream
    api::Endpoint endpoint = api::Endpoint::kNone;
    std::string requested;  // model, as the client asked
    std::string asked;      // model that is asked
    Account account;
    std::string stored;     // text of the answer that was served, cut off
    semantic::Place place = semantic::kNoPlace;
    cache::EntryId entry;
    cache::EntryId alias;
    std::string tenant;
    Digest apart;  // the pair's mark
};

constexpr int64_t kApartS = int64_t{30} * 86400;
// Of two wordings, in either order.
Digest apart_key(Bytes tenant, Bytes one, Bytes other);
bool is_apart(cache::Store& store, const Digest& key, Now now);

enum class Agreed : uint8_t { kYes, kNo, kUnknown };

// What is compared of an answer: the text of its first choice, at most
// kAuditText bytes; "" when it has none, or calls a tool.
constexpr size_t kAuditText = 2000;
std::string audit_text(const api::Answer& answer);

// The upstream's answer, whose cost is counted: its text, "" when there is
// none to compare.
std::string take_audit(Services& services, const Audit& audit,
                       Bytes provider, Bytes body);

// `facts` looks at facts alone: see kAuditVetoes.
constexpr semantic::VetoSet kAuditVetoes =
    semantic::bit(semantic::Veto::kNumber)
    | semantic::bit(semantic::Veto::kUnit)
    | semantic::bit(semantic::Veto::kDate)
    | semantic::bit(semantic::Veto::kIdentifier);
Agreed compare(const semantic::Judge& facts, Bytes stored, Bytes fresh,
               float cosine, semantic::EncoderKind kind);

// Of two vectors of one encoder; -1 where they cannot be compared.
float cosine_of(const semantic::Code& a, const semantic::Code& b);

// Counts, and after a disagreement forgets and marks.
void settle_audit(Services& services, const Audit& audit, Agreed agreed,
                  Now now);

}  // namespace llm::exchange
