// Ledger: what is derived, rebuilt and checked; the way to another region.
#include <algorithm>

#include "src/limit/account.hpp"
#include "src/limit/ledger_entered.hpp"

namespace llm::limit {
namespace {

constexpr int64_t kKeepRestored = 172800;

// Holds of a slot that count, and whether they stand in `held`.
bool is_in_use(const Slot& slot) {
    return slot.state == SlotState::kOpen
           || slot.state == SlotState::kExpired;
}

int64_t held_by(const Slot& slot, const Hold& hold, Kind kind) {
    return slot.state == SlotState::kOpen && kind != Kind::kRequests
               ? hold.amount
               : 0;
}

// Who died by a wild write may have left numbers by which the next one would
// divide, or which it would follow. A level that makes no sense counts as
// nothing; a key stays, since what stands behind it is found over it.
void mend(Account& account) {
    if (account.used == 0 && account.key == AccountKey{}) {
        return;
    }
    account.used = 1;  // nor a gap, behind which others would not be found
    Bucket& bucket = account.bucket;
    bool known = account.kind >= static_cast<uint8_t>(Kind::kRequests)
                 && account.kind <= static_cast<uint8_t>(Kind::kBudget);
    if (!known) {
        account.kind = static_cast<uint8_t>(Kind::kConcurrency);
    }
    if (!known || !account.rate.valid()
        || account.rate.units > Ledger::kMaxAmount || bucket.level < 0
        || bucket.level > Bucket::kMaxLevel || bucket.fraction < 0
        || bucket.fraction >= account.rate.period_ns) {
        account.rate = Rate{1, 1};
        bucket.level = 0;
        bucket.fraction = 0;
    }
}

bool is_sound(const Hold& hold, uint32_t accounts) {
    return hold.account == kNone
           || (hold.account < accounts && hold.amount >= 0
               && hold.amount <= Ledger::kMaxAmount);
}

bool is_sound(const Slot& slot, uint32_t accounts) {
    return slot.count <= kMaxDemands
           && std::all_of(slot.holds, slot.holds + slot.count,
                          [accounts](const Hold& hold) {
                              return is_sound(hold, accounts);
                          });
}

Error wrong(const char* what, uint32_t at) {
    return {Errc::kCorrupt,
            std::string(what) + " of place " + std::to_string(at)};
}

}  // namespace

void Ledger::repair() {
    Transaction::redo(parts_);
    rebuild();
    parts_.head->repairs++;
}

void Ledger::rebuild() {
    Head& head = *parts_.head;
    head.accounts_used = 0;
    for (uint32_t i = 0; i < head.accounts; i++) {
        mend(account(i));
        account(i).held = 0;
        account(i).refs = 0;
        head.accounts_used += account(i).used;
    }
    head.open = 0;
    head.expired = 0;
    head.free_slot = kNone;
    head.slots_used = 0;
    for (uint32_t i = head.slots; i-- > 0;) {
        Slot& seen = slot(i);
        head.serial = std::max(head.serial, seen.serial);
        if (seen.serial != 0 && head.slots_used == 0) {
            head.slots_used = i + 1;
        }
        if (!is_in_use(seen) || !is_sound(seen, head.accounts)) {
            seen.state = SlotState::kFree;
            if (i < head.slots_used) {
                free_slot(i);
            }
            continue;
        }
        head.open += seen.state == SlotState::kOpen ? 1 : 0;
        head.expired += seen.state == SlotState::kExpired ? 1 : 0;
        for (uint32_t h = 0; h < seen.count; h++) {
            const Hold& hold = seen.holds[h];
            if (hold.account != kNone) {
                Account& on = account(hold.account);
                on.held += held_by(seen, hold, kind_of(on));
                on.refs++;
            }
        }
    }
}

// What the reservations say of themselves and of the accounts, counted anew.
struct Ledger::Tally {
    std::vector<int64_t> held;   // by account
    std::vector<uint32_t> refs;  // by account
    uint32_t open = 0;
    uint32_t expired = 0;
    uint32_t idle = 0;
};

Result<void> Ledger::count_slots(Tally& tally) {
    const Head& head = *parts_.head;
    for (uint32_t i = 0; i < head.slots; i++) {
        const Slot& seen = slot(i);
        tally.open += seen.state == SlotState::kOpen ? 1 : 0;
        tally.expired += seen.state == SlotState::kExpired ? 1 : 0;
        tally.idle += i < head.slots_used && !is_in_use(seen) ? 1 : 0;
        if (!is_in_use(seen)) {
            continue;
        }
        if (i >= head.slots_used || seen.serial > head.serial) {
            return wrong("number or place of a reservation", i);
        }
        for (uint32_t h = 0; h < seen.count; h++) {
            const Hold& hold = seen.holds[h];
            if (hold.account != kNone) {
                tally.held[hold.account] +=
                    held_by(seen, hold, kind_of(account(hold.account)));
                tally.refs[hold.account]++;
            }
        }
    }
    return {};
}

Result<void> Ledger::check_accounts(const Tally& tally) {
    const Head& head = *parts_.head;
    uint32_t used = 0;
    for (uint32_t i = 0; i < head.accounts; i++) {
        const Account& seen = account(i);
        used += seen.used;
        if (seen.held != tally.held[i]) {
            return wrong("held sum", i);
        }
        if (seen.refs != tally.refs[i]) {
            return wrong("reference count", i);
        }
        if (seen.bucket.level < 0 || seen.bucket.fraction < 0
            || (seen.used != 0
                && (seen.bucket.fraction >= seen.rate.period_ns
                    || find(seen.key) != i))) {
            return wrong("contents", i);
        }
    }
    if (used != head.accounts_used) {
        return Error{Errc::kCorrupt, "count of accounts"};
    }
    return {};
}

Result<void> Ledger::check() {
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    const Head& head = *parts_.head;
    Tally tally;
    tally.held.resize(head.accounts);
    tally.refs.resize(head.accounts);
    if (Result<void> slots = count_slots(tally); !slots) {
        return slots;
    }
    if (Result<void> accounts = check_accounts(tally); !accounts) {
        return accounts;
    }
    for (uint32_t at = head.free_slot; at != kNone; at = slot(at).next_free) {
        if (tally.idle-- == 0 || is_in_use(slot(at))) {
            return wrong("free list", at);
        }
    }
    if (tally.idle != 0 || tally.open != head.open
        || tally.expired != head.expired) {
        return Error{Errc::kCorrupt, "counts of reservations"};
    }
    return {};
}

bool Ledger::empty() const {
    for (uint32_t i = 0; i < parts_.head->accounts; i++) {
        if (parts_.accounts[i].used != 0) {
            return false;
        }
    }
    return parts_.head->serial == 0;
}

LedgerKeys Ledger::keys() const {
    return {parts_.head->key_high, parts_.head->key_low};
}

// False: one of them has no place, and `other` has none of them.
bool Ledger::copy_accounts(Ledger& other, std::span<uint32_t> moved,
                           int64_t over_since_s, Now now) const {
    for (uint32_t i = 0; i < parts_.head->accounts; i++) {
        const Account& from = parts_.accounts[i];
        moved[i] = kNone;
        if (from.used == 0 || is_idle(from, over_since_s, now)) {
            continue;
        }
        moved[i] = other.free_place(from.key);
        if (moved[i] == kNone) {
            std::fill_n(other.parts_.accounts, other.parts_.head->accounts,
                        Account{});
            return false;
        }
        other.account(moved[i]) = from;
    }
    return true;
}

// Slots keep their places, since receipts name them.
bool Ledger::copy_entered(Ledger& other, std::span<uint32_t> moved,
                          Now now) const {
    const Head& head = *parts_.head;
    Head& to = *other.parts_.head;
    uint32_t slots = head.slots_used;
    while (slots > 0 && !is_in_use(parts_.slots[slots - 1])) {
        slots--;
    }
    // Windows that are only just over come along where there is room.
    if (slots > to.slots
        || (!copy_accounts(other, moved, kKeepRestored, now)
            && !copy_accounts(other, moved, 0, now))) {
        return false;
    }
    to.key_high = head.key_high;
    to.key_low = head.key_low;
    to.serial = head.serial;
    for (uint32_t i = 0; i < slots; i++) {
        Slot& copy = other.slot(i);
        copy = parts_.slots[i];
        for (Hold& hold : copy.holds) {
            hold.account = hold.account < head.accounts ? moved[hold.account]
                                                        : kNone;
        }
    }
    other.rebuild();
    return true;
}

Result<void> Ledger::copy_to(Ledger& other, Now now) {
    if (!other.empty()) {
        return Error{Errc::kInvalid, "the new ledger is not empty"};
    }
    // No memory is asked for under the locks.
    std::vector<uint32_t> moved(parts_.head->accounts);
    bool fits = false;
    {
        Entered entered(*this);
        Entered into(other);
        if (!entered.ok() || !into.ok()) {
            return Entered::error();
        }
        fits = copy_entered(other, moved, now);
    }
    return fits ? Result<void>{}
                : Error{Errc::kNoSpace,
                        "it has no room for all accounts and reservations "
                        "that count"};
}

Result<uint32_t> Ledger::save(uint32_t from, uint32_t count,
                              std::vector<SavedAccount>& out, Now now) {
    uint32_t size = parts_.head->accounts;
    uint32_t end = from >= size || count >= size - from ? size : from + count;
    // No memory is asked for under the lock.
    size_t most = out.size() + (end - std::min(from, end));
    if (most > out.capacity()) {
        out.reserve(std::max(most, 2 * out.capacity()));
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    for (uint32_t i = from; i < end; i++) {
        Account copy = account(i);
        if (copy.used == 0 || kind_of(copy) == Kind::kConcurrency
            || is_idle(copy, kKeepRestored, now)) {
            continue;
        }
        drain(copy, now);
        out.push_back({copy.key, kind_of(copy), copy.bucket.level,
                       copy.bucket.fraction, copy.held, copy.rate,
                       copy.window, copy.crossed});
    }
    return end == size ? 0 : end;
}

namespace {

bool sound(const SavedAccount& saved) {
    bool known = is_rate(saved.kind) || saved.kind == Kind::kBudget;
    return known && saved.rate.valid()
           && saved.rate.units <= Ledger::kMaxAmount && saved.level >= 0
           && saved.level <= Bucket::kMaxLevel && saved.held >= 0
           && saved.held <= Bucket::kMaxLevel && saved.fraction >= 0
           && saved.fraction < saved.rate.period_ns;
}

}  // namespace

// False when there is no room where its key may lie.
bool Ledger::settle_in(const SavedAccount& saved, int64_t elapsed_ns,
                       bool with_held, Now now) {
    uint32_t at = free_place(saved.key);
    if (at == kNone) {
        return false;
    }
    Account fresh{};
    fresh.key = saved.key;
    fresh.kind = static_cast<uint8_t>(saved.kind);
    fresh.rate = saved.rate;
    fresh.window = saved.window;
    fresh.crossed = saved.crossed;
    fresh.soft = INT64_MAX;
    fresh.bucket = {saved.level, saved.fraction, now.mono_ns - elapsed_ns};
    fresh.bucket.charge(with_held ? saved.held : 0);
    drain(fresh, now);
    fresh.used = 1;
    account(at) = fresh;
    parts_.head->accounts_used++;
    return true;
}

Result<uint32_t> Ledger::restore(const LedgerKeys& keys,
                                 std::span<const SavedAccount> accounts,
                                 int64_t saved_wall_ns, bool with_held,
                                 Now now, uint32_t* homeless) {
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    if (!empty()) {
        return Error{Errc::kInvalid, "the ledger is not empty"};
    }
    parts_.head->key_high = keys.high;
    parts_.head->key_low = keys.low;
    // A wall clock that stepped back makes nothing drain.
    int64_t elapsed = std::clamp<int64_t>(now.wall_ns - saved_wall_ns, 0,
                                          int64_t{1} << 60);
    uint32_t taken = 0;
    uint32_t left = 0;
    for (bool money : {true, false}) {
        for (const SavedAccount& saved : accounts) {
            bool budget = saved.kind == Kind::kBudget;
            bool over = budget
                        && saved.window.end_s
                               <= now.wall_s() - kKeepRestored;
            if (budget != money || over || !sound(saved)
                || find(saved.key) != kNone) {
                continue;
            }
            bool placed = settle_in(saved, elapsed, with_held, now);
            taken += placed ? 1 : 0;
            left += placed ? 0 : 1;
        }
    }
    if (homeless != nullptr) {
        *homeless = left;
    }
    return taken;
}

}  // namespace llm::limit
