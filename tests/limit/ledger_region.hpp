// A ledger over anonymous shared memory, a clock to step and short words for
// demands.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "src/limit/ledger.hpp"

namespace llm::limit {

constexpr int64_t kSecond = 1000000000;
constexpr int64_t kDollar = 1000000000;
constexpr Owner kMe{100, 1};

class Zone {
public:
    explicit Zone(LedgerOptions options = {64, 32, nullptr})
        : size_(Ledger::size_needed(options)) {
        memory_ = static_cast<char*>(mmap(nullptr, size_,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        auto made = Ledger::attach({memory_, size_, true}, options);
        EXPECT_TRUE(made.ok());
        ledger = *made;
    }
    ~Zone() { munmap(memory_, size_); }
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;

    shm::Region region(bool fresh = false) { return {memory_, size_, fresh}; }

    Demand requests(Bytes value, int64_t burst, Rate rate) {
        Demand d;
        d.kind = Kind::kRequests;
        d.key = ledger.key(d.kind, "r", value);
        d.limit = burst;
        d.rate = rate;
        return d;
    }
    Demand tokens(Bytes value, int64_t amount, int64_t burst, Rate rate) {
        Demand d = requests(value, burst, rate);
        d.kind = Kind::kTokens;
        d.key = ledger.key(d.kind, "t", value);
        d.amount = amount;
        return d;
    }
    Demand concurrency(Bytes value, int64_t limit) {
        Demand d;
        d.kind = Kind::kConcurrency;
        d.key = ledger.key(d.kind, "c", value);
        d.limit = limit;
        return d;
    }
    Demand budget(Bytes value, int64_t nano, int64_t limit,
                  Window window = {0, 1 << 30}) {
        Demand d;
        d.kind = Kind::kBudget;
        d.key = ledger.key(d.kind, "b", value, window.start_s);
        d.amount = nano;
        d.limit = limit;
        d.window = window;
        return d;
    }

    Ledger ledger;

private:
    size_t size_;
    char* memory_;
};

inline Now at(double seconds, int64_t wall_s = 1000) {
    auto ns = static_cast<int64_t>(seconds * 1e9);
    return {1000 * kSecond + ns, wall_s * kSecond + ns};
}

// Reserved, or the test fails.
inline Reservation take(Ledger& ledger, std::vector<Demand> demands, Now now,
                        int64_t lease = 60 * kSecond) {
    auto got = ledger.reserve(demands, kMe, lease, now);
    EXPECT_TRUE(got.ok()) << got.error().message;
    EXPECT_FALSE(got->refusal.has_value());
    return got->reservation;
}

// Refused, or the test fails.
inline Refusal refuse(Ledger& ledger, std::vector<Demand> demands, Now now) {
    auto got = ledger.reserve(demands, kMe, 60 * kSecond, now);
    EXPECT_TRUE(got.ok()) << got.error().message;
    EXPECT_TRUE(got->refusal.has_value());
    EXPECT_FALSE(got->reservation);
    return got->refusal.value_or(Refusal{});
}

inline Settled settle(Ledger& ledger, const Reservation& reservation,
                      std::vector<int64_t> actual, Now now) {
    auto settled = ledger.settle(reservation, actual, now);
    EXPECT_TRUE(settled.ok()) << settled.error().message;
    return settled ? *settled : Settled{};
}

inline Standing look(Ledger& ledger, const Demand& demand, Now now) {
    auto got = ledger.peek({&demand, 1}, now);
    EXPECT_TRUE(got.ok());
    return got->standings[0];
}

inline void expect_sound(Ledger& ledger) {
    auto checked = ledger.check();
    EXPECT_TRUE(checked.ok()) << checked.error().message;
}

}  // namespace llm::limit
