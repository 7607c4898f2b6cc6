// Ledger: settling and releasing.
#include <algorithm>

#include "src/limit/account.hpp"
#include "src/limit/ledger_entered.hpp"

namespace llm::limit {
namespace {

int64_t beyond(const Account& account) {
    return std::max<int64_t>(0, account.bucket.level - account.limit);
}

constexpr std::array<int64_t, kMaxDemands> kNothing{};

// Drained before. `i`: the demand's number.
void charge_usage(Account& account, int64_t actual, size_t i, Settled& out) {
    int64_t before = beyond(account);
    account.bucket.charge(actual);
    if (kind_of(account) != Kind::kBudget) {
        return;
    }
    out.overspent = std::max(out.overspent, beyond(account) - before);
    if (account.bucket.level >= account.soft
        && (account.crossed & kCrossedSoft) == 0) {
        account.crossed |= kCrossedSoft;
        out.crossed_soft |= uint32_t{1} << i;
    }
}

// Neither settled nor forgotten.
bool stands(const Parts& parts, const Reservation& reservation) {
    if (!reservation || reservation.slot >= parts.head->slots_used) {
        return false;
    }
    const Slot& slot = parts.slots[reservation.slot];
    return slot.serial == reservation.serial
           && slot.state != SlotState::kFree;
}

}  // namespace

Result<Settled> Ledger::settle(const Reservation& reservation,
                               std::span<const int64_t> actual, Now now) {
    return settle(reservation, actual, {}, now);
}

Result<Settled> Ledger::settle(const Reservation& reservation,
                               std::span<const int64_t> actual,
                               const Reservation& also, Now now) {
    if (!reservation && !also) {
        return Settled{};
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    if (stands(parts_, reservation)
        && actual.size() != slot(reservation.slot).count) {
        return entered.refuse(Errc::kInvalid,
                              "not the reservation's demands");
    }
    (void) close(also, kNothing, false, now);
    return close(reservation, actual, false, now);
}

Result<Settled> Ledger::release(const Reservation& reservation, Now now) {
    if (!reservation) {
        return Settled{};
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    return close(reservation, kNothing, true, now);
}

Result<Settled> Ledger::close(const Reservation& reservation,
                              std::span<const int64_t> actual, bool undo,
                              Now now) {
    if (!stands(parts_, reservation)) {
        return Settled{};
    }
    Head& head = *parts_.head;
    Slot& real = slot(reservation.slot);
    Settled out;
    out.charged = true;
    out.late = real.state == SlotState::kExpired;
    Transaction t(parts_);
    for (size_t i = 0; i < real.count; i++) {
        int64_t amount = std::clamp<int64_t>(actual[i], 0, kMaxAmount);
        close_hold(t, real, i, amount, undo, now, out);
    }
    if (t.empty()) {
        real.state = SlotState::kFree;
    } else {
        t.slot(reservation.slot).state = SlotState::kFree;
        t.commit();
    }
    head.open -= out.late ? 0 : 1;
    head.expired -= out.late ? 1 : 0;
    free_slot(reservation.slot);
    return out;
}

// What is held is derived from the slot, so it is given back in place: who
// dies before the slot's state has changed leaves it to be counted again.
// What is charged goes through the journal. Two holds on one account are of
// one kind, so they go the same way.
void Ledger::close_hold(Transaction& t, const Slot& closed, size_t i,
                        int64_t actual, bool undo, Now now, Settled& out) {
    const Hold& hold = closed.holds[i];
    if (hold.account == kNone) {
        return;
    }
    Kind kind = kind_of(account(hold.account));
    bool charges = kind == Kind::kRequests ? undo
                                           : kind != Kind::kConcurrency;
    Account& account =
        charges ? t.account(hold.account) : this->account(hold.account);
    account.refs--;
    if (closed.state == SlotState::kOpen && kind != Kind::kRequests) {
        account.held -= hold.amount;
    }
    if (!charges) {
        return;
    }
    drain(account, now);
    if (kind == Kind::kRequests) {
        account.bucket.refund(account.rate, hold.amount, closed.reserved_ns);
        return;
    }
    charge_usage(account, actual, i, out);
}

// The account stays at the limits of whoever asked last: these demands may
// be older than the configuration.
Result<Settled> Ledger::charge(std::span<const Demand> demands,
                               std::span<const int64_t> actual, Now now) {
    Result<void> checked = check_demands(demands);
    if (!checked) {
        return checked.error();
    }
    if (actual.size() != demands.size()) {
        return Error{Errc::kInvalid, "not the reservation's demands"};
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    Settled out;
    out.charged = true;
    out.late = true;
    Transaction t(parts_);
    for (size_t i = 0; i < demands.size(); i++) {
        Kind kind = demands[i].kind;
        if ((kind != Kind::kTokens && kind != Kind::kBudget)
            || actual[i] < 0) {
            continue;
        }
        Staged staged = find_or_make(demands[i], false, t, now);
        if (staged.at == kNone) {
            out.charged = false;
            continue;
        }
        drain(*staged.image, now);
        charge_usage(*staged.image, std::min(actual[i], kMaxAmount), i, out);
    }
    if (!t.empty()) {
        t.commit();
    }
    return out;
}

}  // namespace llm::limit
