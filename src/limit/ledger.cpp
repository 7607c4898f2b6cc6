// Ledger: the region, its accounts and their places, and the answers that
// change nothing.
#include "src/limit/ledger.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/base/digest.hpp"
#include "src/limit/account.hpp"
#include "src/limit/ledger_entered.hpp"

namespace llm::limit {
namespace {

// A window that is over is kept this long where there is room, so that a
// clock that jumped forward and back finds its money again.
constexpr int64_t kKeepWindow = 172800;
constexpr uint32_t kMaxPlaces = uint32_t{1} << 24;
constexpr uint32_t kSpare = 8;  // one place of so many

uint32_t places(uint32_t wanted) {
    return std::bit_ceil(std::clamp(wanted, kMinPlaces, kMaxPlaces));
}

uint64_t accounts_offset() { return shm::align_up(sizeof(Head)); }

uint64_t slots_offset(uint32_t accounts) {
    return accounts_offset() + uint64_t{accounts} * sizeof(Account);
}

uint64_t size_of(uint32_t accounts, uint32_t slots) {
    return slots_offset(accounts) + uint64_t{slots} * sizeof(Slot);
}

}  // namespace

uint64_t Ledger::size_needed(const LedgerOptions& options) {
    return size_of(places(options.accounts),
                   std::clamp(options.slots, 1u, kMaxPlaces));
}

Result<Ledger> Ledger::attach(const shm::Region& region,
                              const LedgerOptions& options) {
    if (region.data == nullptr || region.size < sizeof(Head)) {
        return Error{Errc::kNoSpace, "no room for the ledger"};
    }
    Ledger ledger;
    ledger.parts_.head = reinterpret_cast<Head*>(region.data);
    ledger.parts_.probe = options.probe;
    if (region.fresh) {
        Result<void> formatted = ledger.format(options, region.size);
        if (!formatted) {
            return formatted.error();
        }
    }
    const Head& head = *ledger.parts_.head;
    if (head.region_size != region.size || head.accounts < kMinPlaces
        || head.accounts > kMaxPlaces || !std::has_single_bit(head.accounts)
        || head.slots == 0 || head.slots > kMaxPlaces
        || size_of(head.accounts, head.slots) > region.size) {
        return Error{Errc::kCorrupt,
                     "the ledger in the zone is damaged: restart nginx"};
    }
    ledger.parts_.accounts = reinterpret_cast<Account*>(
        region.data + accounts_offset());
    ledger.parts_.slots = reinterpret_cast<Slot*>(
        region.data + slots_offset(head.accounts));
    return ledger;
}

Result<void> Ledger::format(const LedgerOptions& options, uint64_t size) {
    if (size < size_needed(options)) {
        return Error{Errc::kNoSpace,
                     "zone too small for the ledger: it needs at least "
                         + std::to_string((size_needed(options) + 1023)
                                          / 1024)
                         + " KB"};
    }
    Head& head = *parts_.head;
    std::memset(static_cast<void*>(&head), 0, size_needed(options));
    head.region_size = size;
    head.accounts = places(options.accounts);
    head.slots = std::clamp(options.slots, 1u, kMaxPlaces);
    head.free_slot = kNone;
    if (!random_bytes(&head.key_high, sizeof(head.key_high))
        || !random_bytes(&head.key_low, sizeof(head.key_low))) {
        return Error{Errc::kIo, "no random bytes from the system"};
    }
    return head.mutex.init();
}

AccountKey Ledger::key(Kind kind, Bytes name, Bytes value,
                       int64_t window_start_s) const {
    char fixed[32];
    std::string large;
    uint64_t sizes[] = {static_cast<uint64_t>(kind),
                        static_cast<uint64_t>(window_start_s), name.size(),
                        value.size()};
    static_assert(sizeof(sizes) == sizeof(fixed));
    std::memcpy(fixed, sizes, sizeof(fixed));
    char small[256];
    Bytes whole;
    size_t size = sizeof(fixed) + name.size() + value.size();
    char* to = small;
    if (size > sizeof(small)) {
        large.resize(size);
        to = large.data();
    }
    std::memcpy(to, fixed, sizeof(fixed));
    name.copy(to + sizeof(fixed), name.size());
    value.copy(to + sizeof(fixed) + name.size(), value.size());
    whole = Bytes(to, size);
    return {siphash(parts_.head->key_high, whole),
            siphash(parts_.head->key_low, whole)};
}

uint32_t Ledger::find(const AccountKey& key) const {
    uint32_t mask = parts_.head->accounts - 1;
    for (uint32_t i = 0; i < kProbe; i++) {
        uint32_t at = (static_cast<uint32_t>(key.low) + i) & mask;
        const Account& account = parts_.accounts[at];
        if (account.used == 0) {
            return kNone;
        }
        if (account.key == key) {
            return at;
        }
    }
    return kNone;
}

// An idle place that leaves the free ones free; else a free one; else that
// of a window that is only just over. More than `spared` others could be had
// as well, or there is none.
uint32_t Ledger::place_for(const AccountKey& key, uint32_t spared,
                           const Transaction& t, Now now) const {
    uint32_t mask = parts_.head->accounts - 1;
    uint32_t reach = std::min(kProbe, parts_.head->accounts);
    uint32_t first = kNone;
    uint32_t over = kNone;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < reach; i++) {
        uint32_t at = (static_cast<uint32_t>(key.low) + i) & mask;
        if (t.is_staged(at)) {
            continue;
        }
        const Account& account = parts_.accounts[at];
        if (account.used == 0 || is_idle(account, kKeepWindow, now)) {
            first = first == kNone ? at : first;
        } else if (is_idle(account, 0, now)) {
            over = over == kNone ? at : over;
        } else {
            continue;
        }
        if (++seen > spared && first != kNone) {
            return first;
        }
    }
    return seen > spared ? over : kNone;
}

uint32_t Ledger::spared_places() const {
    return std::min(kProbe, parts_.head->accounts) / kSpare;
}

uint32_t Ledger::free_place(const AccountKey& key) const {
    uint32_t mask = parts_.head->accounts - 1;
    for (uint32_t i = 0; i < kProbe; i++) {
        uint32_t at = (static_cast<uint32_t>(key.low) + i) & mask;
        if (parts_.accounts[at].used == 0) {
            return at;
        }
    }
    return kNone;
}

Ledger::Staged Ledger::find_or_make(const Demand& demand, bool sparing,
                                    Transaction& t, Now now) {
    Staged staged{find(demand.key), nullptr};
    if (staged.at != kNone) {
        staged.image = &t.account(staged.at);
        // An idle account, and another demand has just been given its place.
        if (staged.image->key != demand.key) {
            staged.at = kNone;
        }
    }
    if (staged.at == kNone) {
        staged.at = t.find_staged(demand.key);
        bool is_new = staged.at == kNone;
        if (is_new) {
            uint32_t spared = sparing && is_lasting(demand)
                                  ? spared_places()
                                  : 0;
            staged.at = place_for(demand.key, spared, t, now);
        }
        if (staged.at == kNone) {
            return staged;
        }
        staged.image = &t.account(staged.at);
        if (is_new) {
            *staged.image = new_account(demand, now);
        }
    }
    return staged;
}

Ledger::Staged Ledger::stage(const Demand& demand, Transaction& t, Now now) {
    Staged staged = find_or_make(demand, true, t, now);
    if (staged.at != kNone) {
        refresh(*staged.image, demand, now);
    }
    return staged;
}

Result<Reserved> Ledger::peek(std::span<const Demand> demands, Now now) {
    if (demands.size() > kMaxDemands) {
        return Error{Errc::kInvalid, "more than 16 limits at once"};
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    Reserved out;
    for (size_t i = 0; i < demands.size(); i++) {
        uint32_t at = find(demands[i].key);
        Account copy = at != kNone ? account(at)
                                   : new_account(demands[i], now);
        refresh(copy, demands[i], now);
        out.standings[i] = standing_of(copy, now);
    }
    return out;
}

Result<LedgerStats> Ledger::stats() {
    Entered entered(*this);
    if (!entered.ok()) {
        return Entered::error();
    }
    const Head& head = *parts_.head;
    LedgerStats stats;
    stats.accounts = head.accounts_used;
    stats.accounts_size = head.accounts;
    stats.open = head.open;
    stats.expired = head.expired;
    stats.slots = head.slots;
    stats.leases_ended = head.leases_ended;
    stats.repairs = head.repairs;
    return stats;
}

}  // namespace llm::limit
