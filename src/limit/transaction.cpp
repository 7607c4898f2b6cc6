#include "src/limit/transaction.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

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

// Holds beyond the count mean nothing.
void copy_slot(const Slot& from, Slot& to) {
    size_t count = std::min<size_t>(from.count, kMaxDemands);
    std::memcpy(static_cast<void*>(&to), &from,
                offsetof(Slot, holds) + count * sizeof(Hold));
}

}  // namespace

Transaction::Transaction(const Parts& parts) : parts_(parts) {
    parts_.head->journal.accounts = 0;
    parts_.head->journal.slot = kNone;
}

Account& Transaction::account(uint32_t index) {
    Journal& journal = parts_.head->journal;
    uint32_t place = place_of(index);
    if (place == journal.accounts) {
        journal.account_at[place] = index;
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

Slot& Transaction::slot(uint32_t index) {
    Journal& journal = parts_.head->journal;
    if (journal.slot != index) {
        journal.slot = index;
        copy_slot(parts_.slots[index], journal.slot_image);
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
        Account& real = parts.accounts[journal.account_at[i]];
        if (real.used == 0) {
            parts.head->accounts_used++;
        }
        real = journal.account_image[i];
    }
    pause_for_test(parts);
    if (journal.slot != kNone) {
        copy_slot(journal.slot_image, parts.slots[journal.slot]);
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
