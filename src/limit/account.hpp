// One account's arithmetic, on a copy or in place under the ledger's lock.
#pragma once

#include "src/base/clock.hpp"
#include "src/limit/ledger_layout.hpp"

namespace llm::limit {

inline Kind kind_of(const Account& account) {
    return static_cast<Kind>(account.kind);
}

inline bool is_rate(Kind kind) {
    return kind == Kind::kRequests || kind == Kind::kTokens;
}

// Once used it is not idle again within a minute or so.
bool is_lasting(const Demand& demand);

// A new account for the demand, nothing charged.
Account new_account(const Demand& demand, Now now);

// Brings the account to now and to the demand's limits.
void refresh(Account& account, const Demand& demand, Now now);

// Drains a rate; nothing for the others.
void drain(Account& account, Now now);

// What could be reserved; never negative.
int64_t remaining(const Account& account);

// How long until `amount` may pass that does not now, and whether waiting
// for it is pointless.
Refusal refusal_of(const Account& account, int64_t amount, Now now);

Standing standing_of(const Account& account, Now now);

// Nothing would be lost with it. `over_since_s`: how long a budget's window
// must be over.
bool is_idle(const Account& account, int64_t over_since_s, Now now);

}  // namespace llm::limit
