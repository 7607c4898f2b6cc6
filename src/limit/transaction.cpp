#include "src/limit/transaction.hpp"

#include <algorithm>

namespace llm::limit {
namespace {

// A killed process has done all stores that come earlier in its program, so
// it is the compiler alone that must not reorder them.
void publish(uint64_t& word, uint64_t value) {
    __atomic_store_n(&word, value, __ATOMIC_SEQ_CST);
}

void pause_for_test(const Parts& parts) {
    if (parts.probe != nullptr) {
        parts.probe();
    }
}

}  // namespace

Transaction::Transaction(const Parts& parts) : parts_(parts) {
    parts_.head->journal.accounts = 0;
    parts_.head->journal.slot = kNone;
}

Account& Transaction::account(uint32_t index) {
    Journal& journal = parts_.head->journal;
    uint32_t* end = journal.account_at + journal.accounts;
    uint32_t* at = std::find(journal.account_at, end, index);
    auto place = static_cast<size_t>(at - journal.account_at);
    if (at == end) {
        *at = index;
        journal.account_image[place] = parts_.accounts[index];
        journal.accounts++;
    }
    return journal.account_image[place];
}

uint32_t Transaction::find_staged(const AccountKey& key) const {
    const Journal& journal = parts_.head->journal;
    for (uint32_t i = 0; i < journal.accounts; i++) {
        if (journal.account_image[i].key == key) {
            return journal.account_at[i];
        }
    }
    return kNone;
}

bool Transaction::is_staged(uint32_t index) const {
    const Journal& journal = parts_.head->journal;
    const uint32_t* end = journal.account_at + journal.accounts;
    return std::find(journal.account_at, end, index) != end;
}

Slot& Transaction::slot(uint32_t index) {
    Journal& journal = parts_.head->journal;
    if (journal.slot != index) {
        journal.slot = index;
        journal.slot_image = parts_.slots[index];
    }
    return journal.slot_image;
}

void Transaction::commit() {
    pause_for_test(parts_);
    publish(parts_.head->journal.armed, 1);
    apply(parts_);
    publish(parts_.head->journal.armed, 0);
    pause_for_test(parts_);
}

void Transaction::apply(const Parts& parts) {
    const Journal& journal = parts.head->journal;
    for (uint32_t i = 0; i < journal.accounts; i++) {
        pause_for_test(parts);
        parts.accounts[journal.account_at[i]] = journal.account_image[i];
    }
    pause_for_test(parts);
    if (journal.slot != kNone) {
        parts.slots[journal.slot] = journal.slot_image;
    }
}

void Transaction::redo(const Parts& parts) {
    Journal& journal = parts.head->journal;
    if (journal.armed == 0 || journal.accounts > kMaxDemands) {
        return;
    }
    for (uint32_t i = 0; i < journal.accounts; i++) {
        if (journal.account_at[i] >= parts.head->accounts) {
            return;
        }
    }
    if (journal.slot != kNone && journal.slot >= parts.head->slots) {
        return;
    }
    apply(parts);
    publish(journal.armed, 0);
}

}  // namespace llm::limit
