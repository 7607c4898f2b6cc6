// What stands in the ledger's region, in this order:
//     Head | Account[accounts] | Slot[slots]
//
// An account is found by linear probing from the place its key chooses, over
// at most kProbe of them, up to the first that is free. Accounts are never
// freed, only given to another key when they are idle, so a probe never
// misses one behind a gap. A slot is one reservation with its holds.
//
// Truth and derivation. Accounts' level, fraction, stamp and marks are true
// by themselves. `held` and `refs` are sums over the slots: held adds the
// holds of open slots, refs counts the holds of open and expired ones. The
// free list and the counts in Head derive from the slots' states, the count
// of accounts from theirs.
//
// Atomicity. A change of what is true is written to the journal as whole
// images, the journal is marked, the images are copied to their places and
// the mark is cleared. Whoever finds the lock of a dead owner copies a marked
// journal again, which is the same however far the dead one came, and
// rebuilds all that is derived, which may therefore change in place. So each
// step happened wholly or not at all.
//
// Everything is guarded by Head::mutex. Trivially copyable, no pointers.
#pragma once

#include <type_traits>

#include "src/base/siphash.hpp"
#include "src/limit/demand.hpp"
#include "src/shm/layout.hpp"
#include "src/shm/robust_mutex.hpp"

namespace llm::limit {

// So far that the first budget finds no place when four in five are taken in
// the largest table, later in smaller ones, and that what is spared for others
// lies within their reach.
inline constexpr uint32_t kProbe = 1024;
inline constexpr uint32_t kMinPlaces = 32;
inline constexpr uint32_t kNone = UINT32_MAX;

enum Crossed : uint8_t { kCrossedSoft = 1, kCrossedHard = 2 };

// `bucket.level` is what was charged: units that have not drained, or the
// money spent in the window. `rate`, `limit` and `soft` are those of the
// last reservation.
struct alignas(64) Account {
    AccountKey key;
    Bucket bucket;
    int64_t held;
    Rate rate;
    int64_t limit;
    int64_t soft;
    Window window;
    uint32_t refs;
    uint8_t used;     // 0: free, never used
    uint8_t kind;     // Kind
    uint8_t crossed;  // of Crossed
    uint8_t reserved;
};

struct Hold {
    uint32_t account;  // kNone: the demand takes nothing (a dry run)
    uint32_t reserved;
    int64_t amount;
};

enum class SlotState : uint32_t {
    kFree = 0,
    kOpen = 1,
    kExpired = 2,  // holds nothing any more, but can still be settled
};

struct alignas(64) Slot {
    uint64_t serial;
    SlotState state;
    uint32_t next_free;
    uint64_t generation;
    int32_t pid;
    uint32_t count;  // of holds
    int64_t lease_end_ns;
    int64_t reserved_ns;
    Hold holds[kMaxDemands];
};

struct Journal {
    uint64_t armed;  // 0: nothing to do
    uint32_t accounts;
    uint32_t slot;  // kNone: no slot changes
    uint32_t account_at[kMaxDemands];
    Account account_image[kMaxDemands];
    Slot slot_image;
};

struct alignas(64) Head {
    shm::RobustMutex mutex;
    uint64_t region_size;
    uint32_t accounts;  // a power of two
    uint32_t slots;
    SipKey key_high;
    SipKey key_low;
    uint64_t serial;       // of the last reservation; never falls
    uint32_t free_slot;    // derived: the free list's first
    uint32_t open;         // derived
    uint32_t expired;      // derived
    uint32_t slots_used;   // derived: those above were never used
    uint32_t sweep_at;
    uint32_t accounts_used;  // derived
    uint64_t leases_ended;  // counts, for metrics
    uint64_t repairs;
    Journal journal;
};

static_assert(std::is_trivially_copyable_v<Head>);
static_assert(std::is_trivially_copyable_v<Account>);
static_assert(std::is_trivially_copyable_v<Slot>);

inline constexpr uint32_t kLedgerLayout = shm::layout_hash(
    {LLM_FIELD(Account, key), LLM_FIELD(Account, bucket),
     LLM_FIELD(Bucket, level), LLM_FIELD(Bucket, fraction),
     LLM_FIELD(Bucket, stamp_ns), LLM_FIELD(Account, held),
     LLM_FIELD(Account, rate), LLM_FIELD(Account, limit),
     LLM_FIELD(Account, soft), LLM_FIELD(Account, window),
     LLM_FIELD(Account, refs), LLM_FIELD(Account, used),
     LLM_FIELD(Account, kind), LLM_FIELD(Account, crossed),
     LLM_FIELD(Hold, account), LLM_FIELD(Hold, amount),
     LLM_FIELD(Slot, serial), LLM_FIELD(Slot, state),
     LLM_FIELD(Slot, next_free), LLM_FIELD(Slot, generation),
     LLM_FIELD(Slot, pid), LLM_FIELD(Slot, count),
     LLM_FIELD(Slot, lease_end_ns), LLM_FIELD(Slot, reserved_ns),
     LLM_FIELD(Slot, holds), LLM_FIELD(Journal, armed),
     LLM_FIELD(Journal, accounts), LLM_FIELD(Journal, slot),
     LLM_FIELD(Journal, account_at), LLM_FIELD(Journal, account_image),
     LLM_FIELD(Journal, slot_image), LLM_FIELD(Head, mutex),
     LLM_FIELD(Head, region_size), LLM_FIELD(Head, accounts),
     LLM_FIELD(Head, slots), LLM_FIELD(Head, key_high),
     LLM_FIELD(Head, key_low), LLM_FIELD(Head, serial),
     LLM_FIELD(Head, free_slot), LLM_FIELD(Head, open),
     LLM_FIELD(Head, expired), LLM_FIELD(Head, slots_used),
     LLM_FIELD(Head, sweep_at), LLM_FIELD(Head, accounts_used),
     LLM_FIELD(Head, leases_ended), LLM_FIELD(Head, repairs),
     LLM_FIELD(Head, journal)});

}  // namespace llm::limit
