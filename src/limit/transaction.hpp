// Transaction: one change of the ledger, whole or not at all.
//
// Accounts and the slot are staged as copies that stand in the journal
// itself; nothing is true before commit(). A Transaction that is dropped has
// changed nothing. See ledger_layout.hpp for why this survives SIGKILL.
//
// The ledger's lock is held from before the first stage() to after commit().
// At most kMaxDemands accounts. A view; owns nothing.
#pragma once

#include "src/limit/ledger_layout.hpp"

namespace llm::limit {

// The ledger's parts, found by offset.
struct Parts {
    Head* head = nullptr;
    Account* accounts = nullptr;
    Slot* slots = nullptr;
    // For tests: called between the writes of a commit.
    void (*probe)() = nullptr;
};

class Transaction {
public:
    explicit Transaction(const Parts& parts);  // which outlive it

    // No account is staged.
    bool empty() const { return parts_.head->journal.accounts == 0; }
    // The account's staged copy, made at the first call for that index; it
    // stays where it is.
    Account& account(uint32_t index);
    // The staged account of that key, kNone when none was staged.
    uint32_t find_staged(const AccountKey& key) const;
    bool is_staged(uint32_t index) const {
        return place_of(index) != parts_.head->journal.accounts;
    }

    Slot& slot(uint32_t index);

    void commit();

    // Copies a marked journal to its places.
    static void redo(const Parts& parts);

private:
    // Where in the journal the account stands, or its end.
    uint32_t place_of(uint32_t index) const {
        const Journal& journal = parts_.head->journal;
        uint32_t place = 0;
        while (place < journal.accounts
               && journal.account_at[place] != index) {
            place++;
        }
        return place;
    }
    static void apply(const Parts& parts);

    const Parts& parts_;
};

}  // namespace llm::limit
