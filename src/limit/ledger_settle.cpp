// Ledger: settling and releasing.
#include <algorithm>

#include "src/limit/account.hpp"
#include "src/limit/ledger_entered.hpp"

namespace llm::limit {
namespace {

int64_t beyond(const Account& account) {
    return std::max<int64_t>(0, account.bucket.level - account.limit);
}

}  // namespace

Result<Settled> Ledger::settle(const Reservation& reservation,
                               std::span<const int64_t> actual, Now now) {
    return close(reservation, actual, false, now);
}

Result<Settled> Ledger::release(const Reservation& reservation, Now now) {
    return close(reservation, {}, true, now);
}

Result<Settled> Ledger::close(const Reservation& reservation,
                              std::span<const int64_t> actual, bool undo,
                              Now now) {
    if (!reservation) {
        return Settled{};
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    Head& head = *parts_.head;
    if (reservation.slot >= head.slots_used
        || slot(reservation.slot).serial != reservation.serial
        || slot(reservation.slot).state == SlotState::kFree) {
        return Settled{};
    }
    Transaction t(parts_);
    Slot& image = t.slot(reservation.slot);
    if (!undo && actual.size() != image.count) {
        return Error{Errc::kInvalid, "not the reservation's demands"};
    }
    Settled out;
    out.charged = true;
    out.late = image.state == SlotState::kExpired;
    for (size_t i = 0; i < image.count; i++) {
        int64_t amount = undo ? 0 : std::clamp<int64_t>(actual[i], 0,
                                                        kMaxAmount);
        close_hold(t, image, i, amount, undo, now, out);
    }
    image.state = SlotState::kFree;
    t.commit();
    head.open -= out.late ? 0 : 1;
    head.expired -= out.late ? 1 : 0;
    free_slot(reservation.slot);
    return out;
}

void Ledger::close_hold(Transaction& t, const Slot& image, size_t i,
                        int64_t actual, bool undo, Now now, Settled& out) {
    const Hold& hold = image.holds[i];
    if (hold.account == kNone) {
        return;
    }
    Account& account = t.account(hold.account);
    account.refs--;
    drain(account, now);
    Kind kind = kind_of(account);
    if (kind == Kind::kRequests) {
        if (undo) {
            account.bucket.refund(account.rate, hold.amount,
                                  image.reserved_ns);
        }
        return;
    }
    if (image.state == SlotState::kOpen) {
        account.held -= hold.amount;
    }
    if (kind == Kind::kConcurrency) {
        return;
    }
    int64_t before = beyond(account);
    account.bucket.charge(actual);
    if (kind == Kind::kBudget) {
        out.overspent = std::max(out.overspent, beyond(account) - before);
        if (account.bucket.level >= account.soft
            && (account.crossed & kCrossedSoft) == 0) {
            account.crossed |= kCrossedSoft;
            out.crossed_soft |= uint32_t{1} << i;
        }
    }
}

}  // namespace llm::limit
