// Ledger: reserving, and the leases of reservations.
#include <algorithm>

#include "src/limit/account.hpp"
#include "src/limit/ledger_entered.hpp"

namespace llm::limit {
namespace {

constexpr uint32_t kSweepEachCall = 4;
constexpr uint32_t kSweepForRoom = 256;

bool valid(const Demand& demand) {
    bool amounts = demand.amount >= 0 && demand.amount <= Ledger::kMaxAmount
                   && demand.limit >= 0 && demand.limit <= Ledger::kMaxAmount
                   && demand.least.value_or(0) >= 0
                   && demand.least.value_or(0) <= demand.amount;
    bool rate = !is_rate(demand.kind)
                || (demand.rate.valid()
                    && demand.rate.units <= Ledger::kMaxAmount);
    return amounts && rate && demand.kind >= Kind::kRequests
           && demand.kind <= Kind::kBudget;
}

bool is_over(const Slot& slot, Now now) {
    return slot.state == SlotState::kOpen
           && slot.lease_end_ns <= now.mono_ns;
}

// A budget that refuses is used up when nothing is left of it, or when it
// would have paid for this one as long as it was whole. What is larger than
// all of it says nothing.
bool is_used_up(const Demand& demand, const Account& account) {
    return account.bucket.level + account.held >= demand.limit
           || demand.least.value_or(demand.amount) <= demand.limit;
}

int64_t end_of_lease(int64_t lease_ns, Now now) {
    lease_ns = std::clamp<int64_t>(lease_ns, 0, int64_t{1} << 60);
    return now.mono_ns + lease_ns;
}

}  // namespace

Result<void> check_demands(std::span<const Demand> demands) {
    if (demands.size() > kMaxDemands) {
        return Error{Errc::kInvalid, "more than 16 limits at once"};
    }
    if (!std::all_of(demands.begin(), demands.end(), valid)) {
        return Error{Errc::kInvalid, "a limit's numbers make no sense"};
    }
    return {};
}

Result<Reserved> Ledger::reserve(std::span<const Demand> demands,
                                 const Owner& owner, int64_t lease_ns,
                                 Now now) {
    Reserved out;
    auto taken = reserve(demands, out.standings, owner, lease_ns, now);
    if (!taken.ok()) {
        return taken.error();
    }
    static_cast<Taken&>(out) = *taken;
    return out;
}

Result<Taken> Ledger::reserve(std::span<const Demand> demands,
                              std::span<Standing> standings,
                              const Owner& owner, int64_t lease_ns,
                              Now now) {
    Result<void> checked = check_demands(demands);
    if (!checked) {
        return checked.error();
    }
    if (standings.size() < demands.size()) {
        return Error{Errc::kInvalid, "too few places for standings"};
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    sweep_some(kSweepEachCall, now);
    if (!make_room(now)) {
        return entered.refuse(Errc::kNoSpace,
                              "the ledger is full of reservations");
    }
    Asked asked(parts_, demands, standings);
    for (size_t i = 0; i < demands.size(); i++) {
        asked.accounts[i] = stage(demands[i], asked.transaction, now);
        if (asked.accounts[i].at == kNone) {
            return entered.refuse(Errc::kNoSpace,
                                  "the ledger is full of accounts");
        }
        admit(asked, i, now);
    }
    if (asked.out.refused != 0) {
        mark_refused(asked);
        return asked.out;
    }
    open_slot(asked, owner, lease_ns, now);
    return asked.out;
}

void Ledger::admit(Asked& asked, size_t i, Now now) {
    const Demand& demand = asked.demands[i];
    Account& account = *asked.accounts[i].image;
    Standing& standing = asked.standings[i];
    int64_t room = remaining(account);
    int64_t granted = std::min(demand.amount, room);
    if (granted < demand.least.value_or(demand.amount)) {
        standing = standing_of(account, now);
        if (demand.dry_run) {
            standing.would_refuse = true;
            return;
        }
        asked.out.refused |= uint32_t{1} << i;
        Refusal refusal = refusal_of(
            account, demand.least.value_or(demand.amount), now);
        refusal.which = i;
        auto& worst = asked.out.refusal;
        if (!worst
            || std::pair(refusal.hopeless, refusal.retry_ns)
                   > std::pair(worst->hopeless, worst->retry_ns)) {
            worst = refusal;
        }
        return;
    }
    if (demand.kind == Kind::kRequests) {
        account.bucket.charge(granted);
    } else {
        account.held += granted;
    }
    account.refs++;
    standing = standing_of(account, now);
    standing.granted = granted;
}

// Nothing was taken, so what the other demands would have been granted is
// still there. The mark of a refusing budget is one byte, set in place.
void Ledger::mark_refused(Asked& asked) {
    for (size_t i = 0; i < asked.demands.size(); i++) {
        Standing& standing = asked.standings[i];
        standing.remaining = std::min(standing.limit,
                                      standing.remaining + standing.granted);
        standing.granted = 0;
        Account& real = account(asked.accounts[i].at);
        const Demand& demand = asked.demands[i];
        if ((asked.out.refused >> i & 1) != 0 && demand.kind == Kind::kBudget
            && real.used != 0 && real.key == demand.key
            && is_used_up(demand, real)
            && (real.crossed & kCrossedHard) == 0) {
            real.crossed |= kCrossedHard;
            standing.crossed_hard = true;
        }
    }
}

void Ledger::open_slot(Asked& asked, const Owner& owner, int64_t lease_ns,
                       Now now) {
    Head& head = *parts_.head;
    uint32_t at = head.free_slot != kNone ? head.free_slot : head.slots_used;
    uint32_t next = at == head.free_slot ? slot(at).next_free : kNone;
    Slot& image = asked.transaction.slot(at);
    image.serial = ++head.serial;
    image.state = SlotState::kOpen;
    image.next_free = kNone;
    image.generation = owner.generation;
    image.pid = owner.pid;
    image.count = static_cast<uint32_t>(asked.demands.size());
    image.lease_end_ns = end_of_lease(lease_ns, now);
    image.reserved_ns = now.mono_ns;
    for (size_t i = 0; i < asked.demands.size(); i++) {
        const Standing& standing = asked.standings[i];
        image.holds[i] = standing.would_refuse
                             ? Hold{kNone, 0, 0}
                             : Hold{asked.accounts[i].at, 0,
                                    standing.granted};
    }
    asked.out.reservation = {at, image.serial};
    asked.transaction.commit();
    if (at == head.free_slot) {
        head.free_slot = next;
    } else {
        head.slots_used = at + 1;
    }
    head.open++;
}

// The next slot of those before `end`, round and round.
uint32_t Ledger::sweep_next(uint32_t end) {
    uint32_t& next = parts_.head->sweep_at;
    uint32_t at = next < end ? next : 0;
    next = at + 1;
    return at;
}

// False when every slot is open. What is remembered of ended leases goes
// first. It is sought from where the last search ended: where much is
// remembered, nobody walks again over what is open.
bool Ledger::make_room(Now now) {
    Head& head = *parts_.head;
    if (head.free_slot != kNone || head.slots_used < head.slots) {
        return true;
    }
    for (uint32_t i = 0;
         i < head.slots && (i < kSweepForRoom || head.expired > 0); i++) {
        uint32_t at = sweep_next(head.slots);
        const Slot& seen = slot(at);
        if (is_over(seen, now)) {
            expire(at);
        }
        if (seen.state == SlotState::kExpired) {
            forget(at);
            return true;
        }
    }
    return false;
}

void Ledger::free_slot(uint32_t index) {
    slot(index).next_free = parts_.head->free_slot;
    parts_.head->free_slot = index;
}

bool Ledger::grow(Transaction& t, Slot& image,
                  std::span<const int64_t> amounts, Now now) {
    bool open = image.state == SlotState::kOpen;
    for (size_t i = 0; i < image.count; i++) {
        Hold& hold = image.holds[i];
        if (hold.account == kNone) {
            continue;
        }
        Account& account = t.account(hold.account);
        if (kind_of(account) == Kind::kRequests) {
            continue;
        }
        drain(account, now);
        int64_t wanted = amounts.empty() || amounts[i] < 0 ? hold.amount
                                                           : amounts[i];
        int64_t more = wanted - (open ? hold.amount : 0);
        if (more > remaining(account)) {
            return false;
        }
        account.held += more;
        hold.amount = wanted;
    }
    return true;
}

Result<bool> Ledger::extend(const Reservation& reservation, int64_t lease_ns,
                            std::span<const int64_t> amounts, Now now) {
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    Head& head = *parts_.head;
    if (!reservation || reservation.slot >= head.slots_used
        || slot(reservation.slot).serial != reservation.serial
        || slot(reservation.slot).state == SlotState::kFree) {
        return entered.refuse(Errc::kNotFound, "no such reservation");
    }
    Slot& real = slot(reservation.slot);
    bool expired = real.state == SlotState::kExpired;
    if (!amounts.empty()
        && (amounts.size() != real.count
            || *std::max_element(amounts.begin(), amounts.end())
                   > kMaxAmount)) {
        return entered.refuse(Errc::kInvalid,
                              "not the reservation's demands");
    }
    Transaction t(parts_);
    Slot& image = t.slot(reservation.slot);
    if ((expired || !amounts.empty()) && !grow(t, image, amounts, now)) {
        if (!expired) {  // one aligned word
            real.lease_end_ns = end_of_lease(lease_ns, now);
        }
        return false;
    }
    image.state = SlotState::kOpen;
    image.lease_end_ns = end_of_lease(lease_ns, now);
    t.commit();
    head.open += expired ? 1 : 0;
    head.expired -= expired ? 1 : 0;
    return true;
}

uint32_t Ledger::sweep_some(uint32_t slots, Now now) {
    Head& head = *parts_.head;
    if (head.open == 0 && head.expired == 0) {
        return 0;
    }
    uint32_t ended = 0;
    slots = std::min(slots, head.slots_used);
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t at = sweep_next(head.slots_used);
        const Slot& seen = slot(at);
        if (is_over(seen, now)) {
            expire(at);
            ended++;
        } else if (seen.state == SlotState::kExpired
                   && now.mono_ns - seen.lease_end_ns > kRemember) {
            forget(at);
        }
    }
    return ended;
}

void Ledger::expire(uint32_t index) {
    Transaction t(parts_);
    Slot& image = t.slot(index);
    for (size_t i = 0; i < image.count; i++) {
        const Hold& hold = image.holds[i];
        if (hold.account == kNone) {
            continue;
        }
        Account& account = t.account(hold.account);
        if (kind_of(account) != Kind::kRequests) {
            account.held -= hold.amount;
        }
    }
    image.state = SlotState::kExpired;
    t.commit();
    parts_.head->open--;
    parts_.head->expired++;
    parts_.head->leases_ended++;
}

void Ledger::forget(uint32_t index) {
    Transaction t(parts_);
    Slot& image = t.slot(index);
    for (size_t i = 0; i < image.count; i++) {
        if (image.holds[i].account != kNone) {
            t.account(image.holds[i].account).refs--;
        }
    }
    image.state = SlotState::kFree;
    t.commit();
    parts_.head->expired--;
    free_slot(index);
}

Result<uint32_t> Ledger::sweep(uint32_t slots, Now now) {
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    return sweep_some(slots, now);
}

Result<uint32_t> Ledger::expire_owner(const Owner& owner, Now now) {
    constexpr uint32_t kOneHold = 256;
    uint32_t ended = 0;
    for (uint32_t from = 0;; from += kOneHold) {
        Entered entered(*this);
        if (!entered.ok()) {
            return Entered::error();
        }
        uint32_t end = std::min(from + kOneHold, parts_.head->slots_used);
        for (uint32_t i = from; i < end; i++) {
            Slot& seen = slot(i);
            if (seen.state == SlotState::kOpen && seen.pid == owner.pid
                && seen.generation == owner.generation) {
                seen.lease_end_ns = std::min(seen.lease_end_ns, now.mono_ns);
                expire(i);
                ended++;
            }
        }
        if (end != from + kOneHold) {
            return ended;
        }
    }
}

}  // namespace llm::limit
