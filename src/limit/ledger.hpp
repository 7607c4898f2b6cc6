// Ledger: who may spend how much, and who is spending just now. Reservations
// over rates, concurrency and budgets, in one shared region under one robust
// lock, so that several nested limits are one step: all of them are taken or
// none, and a refused request consumes nothing.
//
//     auto reserved = ledger.reserve(demands, owner, lease_ns, now);
//     …  ledger.extend(reserved->reservation, …)   // long streams
//     ledger.settle(reserved->reservation, actual, now);   // or release()
//
// What is admitted. Let charged be what an account has spent (budgets: in
// this window; rates: what has not drained yet) and held the sum of the open
// reservations. A demand passes when charged + held + amount <= limit, so
// what is charged exceeds the limit by no more than true usage exceeds its
// reservation.
//
// Windows. A budget account belongs to one calendar window. A reservation
// settles into the window in which it was made; the next window begins with
// nothing held. When the wall clock steps back, the earlier window's account
// goes on counting where it stood.
//
// Leases. A reservation nobody extends or settles by its lease's end gives
// back what it holds, so a killed worker's holds return. It is remembered for
// kRemember, or until its slot is needed; settling it until then still
// charges its true usage, once. Later on charge() does.
// Every call looks at a few slots for leases that have ended; sweep() does
// more of them, expire_owner() all of a process known to be dead.
//
// Bounds. `accounts` and `slots` are fixed when the region is formatted.
// Idle accounts make room for new ones: rates that have drained, nothing in
// flight, windows that are over. kNoSpace when there is no room where the
// key may lie, or every slot is open: whether that admits or refuses is the
// caller's policy. A reservation gives a new budget, or a new rate that takes
// more than a minute to drain, no place where that would leave less than an
// eighth to others: so who has a budget still finds room for what comes and
// goes with each request. Keys are hashed under a secret of the region, so
// nobody can choose values that meet.
//
// Crash. See ledger_layout.hpp: each call happened wholly or not at all, and
// the first one after a death repairs. check() recomputes every sum.
//
// Threads and processes: any, all methods. Time is handed in; the monotonic
// clock is the machine's, equal in all processes. A Ledger is a view: copies
// are the same ledger. The region must outlive it. Errors besides those
// named: kInvalid (a demand that makes no sense), kIo (the lock is broken).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/clock.hpp"
#include "src/base/result.hpp"
#include "src/limit/demand.hpp"
#include "src/limit/transaction.hpp"
#include "src/shm/region.hpp"

namespace llm::limit {

struct LedgerOptions {
    uint32_t accounts = 16384;  // rounded up to a power of two
    uint32_t slots = 8192;      // reservations at once
    void (*probe)() = nullptr;  // for tests: inside the critical sections
};

struct LedgerStats {
    uint32_t accounts = 0;       // in use
    uint32_t accounts_size = 0;
    uint32_t open = 0;           // reservations
    uint32_t expired = 0;        // of ended leases, still remembered
    uint32_t slots = 0;
    uint64_t leases_ended = 0;   // since the region was formatted
    uint64_t repairs = 0;
};

// An account as it leaves the region for a snapshot.
struct SavedAccount {
    AccountKey key;
    Kind kind = Kind::kRequests;
    int64_t level = 0;     // at the time of saving
    int64_t fraction = 0;
    int64_t held = 0;      // by reservations that were open
    Rate rate;
    Window window;
    uint8_t crossed = 0;

    bool operator==(const SavedAccount&) const = default;
};

// The keys that accounts are hashed under; they travel with them.
struct LedgerKeys {
    SipKey high;
    SipKey low;
};

class Ledger {
public:
    static constexpr uint32_t kVersion = 1;
    static constexpr int64_t kRemember = int64_t{600000000000};
    static constexpr int64_t kMaxAmount = int64_t{1} << 60;

    static uint64_t size_needed(const LedgerOptions& options);
    // Formats a fresh region, else attaches to what is there with the sizes
    // that it has. kNoSpace, kCorrupt.
    static Result<Ledger> attach(const shm::Region& region,
                                 const LedgerOptions& options);

    Ledger() = default;
    explicit operator bool() const { return parts_.head != nullptr; }

    // The account of a limit's name and a key's value. `window_start_s` is 0
    // for all but budgets. Lock-free, about 0.1 µs.
    AccountKey key(Kind kind, Bytes name, Bytes value,
                   int64_t window_start_s = 0) const;

    Result<Reserved> reserve(std::span<const Demand> demands,
                             const Owner& owner, int64_t lease_ns, Now now);
    // The same, and the standings where there is room for one a demand.
    Result<Taken> reserve(std::span<const Demand> demands,
                          std::span<Standing> standings, const Owner& owner,
                          int64_t lease_ns, Now now);

    // The lease runs for `lease_ns` from now. `amounts`: what each demand is
    // to hold from now on (requests: not looked at; negative: as before);
    // empty changes none. More is taken all or nothing: false, and nothing
    // but the lease has changed. After the lease's end it takes all of it
    // anew or is false. kNotFound: settled, or forgotten.
    Result<bool> extend(const Reservation& reservation, int64_t lease_ns,
                        std::span<const int64_t> amounts, Now now);

    // Charges the true usage, in the demands' order and units, and gives
    // back the holds. Requests and concurrency: not looked at.
    Result<Settled> settle(const Reservation& reservation,
                           std::span<const int64_t> actual, Now now);

    // The same, and ends `also` in one step with it: another reservation of
    // the same request, which has nothing to charge.
    Result<Settled> settle(const Reservation& reservation,
                           std::span<const int64_t> actual,
                           const Reservation& also, Now now);

    // Charges the true usage of a reservation that is forgotten, to the
    // accounts and windows in which it was made; `demands` are those of then.
    // A negative amount: not this one. Requests and concurrency: not looked
    // at. Settled::charged: there was a place for all of them.
    Result<Settled> charge(std::span<const Demand> demands,
                           std::span<const int64_t> actual, Now now);

    // It never happened: holds and requests are given back.
    Result<Settled> release(const Reservation& reservation, Now now);

    // Where the accounts stand; reserves nothing and makes no account.
    Result<Reserved> peek(std::span<const Demand> demands, Now now);

    // Looks at up to `slots` slots; how many leases it ended.
    Result<uint32_t> sweep(uint32_t slots, Now now);
    Result<uint32_t> expire_owner(const Owner& owner, Now now);

    // Recomputes all that is derived; kCorrupt says what does not agree.
    Result<void> check();
    Result<LedgerStats> stats();

    // All that is not idle, accounts and reservations, into an empty ledger
    // of any size that nobody uses yet; receipts stay good there. kNoSpace:
    // it does not fit, and the other one is as empty as it was.
    Result<void> copy_to(Ledger& other, Now now);

    // Accounts from `from` on, up to `count` places of the table: append to
    // `out` those that are not idle. Returns where to go on, 0 at the end.
    Result<uint32_t> save(uint32_t from, uint32_t count,
                          std::vector<SavedAccount>& out, Now now);
    LedgerKeys keys() const;
    // Into an empty ledger, which takes over the keys; before anybody asks
    // it for a key(), so by the one who formatted it. Rates have drained
    // since `saved_wall_ns`; windows that are long over are left out.
    // `with_held`: what was held counts as charged. How many were taken, those
    // of budgets first; `homeless`: how many found no room.
    Result<uint32_t> restore(const LedgerKeys& keys,
                             std::span<const SavedAccount> accounts,
                             int64_t saved_wall_ns, bool with_held, Now now,
                             uint32_t* homeless = nullptr);

private:
    class Entered;
    struct Asked;
    struct Staged;
    struct Tally;

    Account& account(uint32_t index) { return parts_.accounts[index]; }
    Slot& slot(uint32_t index) { return parts_.slots[index]; }

    Result<void> format(const LedgerOptions& options, uint64_t size);
    void repair();
    void rebuild();
    bool settle_in(const SavedAccount& saved, int64_t elapsed_ns,
                   bool with_held, Now now);
    bool empty() const;
    bool copy_accounts(Ledger& other, std::span<uint32_t> moved,
                       int64_t over_since_s, Now now) const;
    bool copy_entered(Ledger& other, std::span<uint32_t> moved,
                      Now now) const;

    uint32_t find(const AccountKey& key) const;
    Result<void> count_slots(Tally& tally);
    Result<void> check_accounts(const Tally& tally);
    uint32_t place_for(const AccountKey& key, uint32_t spared,
                       const Transaction& t, Now now) const;
    uint32_t spared_places() const;
    uint32_t free_place(const AccountKey& key) const;
    // `sparing`: see above, what new reservations leave to others.
    Staged find_or_make(const Demand& demand, bool sparing, Transaction& t,
                        Now now);
    Staged stage(const Demand& demand, Transaction& t, Now now);
    void admit(Asked& asked, size_t i, Now now);
    void open_slot(Asked& asked, const Owner& owner, int64_t lease_ns,
                   Now now);
    void mark_refused(Asked& asked);

    bool make_room(Now now);
    uint32_t sweep_next(uint32_t end);
    void free_slot(uint32_t index);
    uint32_t sweep_some(uint32_t slots, Now now);
    void expire(uint32_t index);
    void forget(uint32_t index);
    bool grow(Transaction& t, Slot& slot, std::span<const int64_t> amounts,
              Now now);
    // Under the lock. `actual`: an amount for each hold, or more of them.
    Result<Settled> close(const Reservation& reservation,
                          std::span<const int64_t> actual, bool undo,
                          Now now);
    void close_hold(Transaction& t, const Slot& slot, size_t i,
                    int64_t actual, bool undo, Now now, Settled& out);

    Parts parts_;
};

}  // namespace llm::limit
