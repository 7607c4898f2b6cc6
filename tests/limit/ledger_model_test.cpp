// The ledger against a plain model, which keeps every charge and every hold
// in lists and adds them up anew for each question.
#include <map>
#include <random>

#include "tests/limit/ledger_region.hpp"

namespace llm::limit {
namespace {

constexpr int64_t kLease = 20 * kSecond;

// Rates in the model run on whole multiples of units, so that its own
// arithmetic is in small fractions: level in 1 / period_ns of a unit.
struct ModelAccount {
    Demand demand;
    __int128 fine = 0;
    int64_t stamp = 0;
    int64_t spent = 0;
};

struct ModelHold {
    int account = 0;
    int64_t amount = 0;
};

struct ModelReservation {
    Reservation receipt;
    std::vector<ModelHold> holds;
    int64_t lease_end = 0;
    int64_t made = 0;
    bool ended = false;
};

class Model {
public:
    std::vector<ModelAccount> accounts;
    std::vector<ModelReservation> open;

    void drain(ModelAccount& a, Now now) {
        bool rate = a.demand.kind == Kind::kRequests
                    || a.demand.kind == Kind::kTokens;
        if (rate && now.mono_ns > a.stamp) {
            a.fine -= std::min<__int128>(
                a.fine, __int128{now.mono_ns - a.stamp} * a.demand.rate.units);
            a.stamp = now.mono_ns;
        }
    }
    int64_t held(int account) const {
        int64_t sum = 0;
        for (const ModelReservation& r : open) {
            for (const ModelHold& h : r.holds) {
                bool counts = h.account == account && !r.ended
                              && accounts[account].demand.kind
                                     != Kind::kRequests;
                sum += counts ? h.amount : 0;
            }
        }
        return sum;
    }
    int64_t remaining(int account, Now now) {
        ModelAccount& a = accounts[account];
        drain(a, now);
        int64_t period = a.demand.rate.period_ns;
        auto level = static_cast<int64_t>((a.fine + period - 1) / period);
        return std::max<int64_t>(
            0, a.demand.limit - level - a.spent - held(account));
    }
    void charge(int account, int64_t amount, Now now) {
        ModelAccount& a = accounts[account];
        drain(a, now);
        if (a.demand.kind == Kind::kBudget) {
            a.spent += amount;
        } else {
            a.fine += __int128{amount} * a.demand.rate.period_ns;
        }
    }
    void undo_request(int account, int64_t amount, int64_t made, Now now) {
        ModelAccount& a = accounts[account];
        drain(a, now);
        __int128 gone = __int128{a.stamp - made} * a.demand.rate.units;
        __int128 back =
            std::max<__int128>(0, __int128{amount} * a.demand.rate.period_ns
                                      - gone);
        a.fine = back > a.fine ? 0 : a.fine - back;
    }
};

class Play {
public:
    explicit Play(uint64_t seed)
        : zone_({64, 24, nullptr}), random_(seed), now_(at(0)) {
        for (int i = 0; i < 12; i++) {
            std::string name = std::to_string(i);
            Rate rate{static_cast<int64_t>(pick(1, 50)),
                      static_cast<int64_t>(pick(1, 90)) * kSecond + 7};
            auto limit = static_cast<int64_t>(pick(1, 40));
            Demand made[] = {zone_.requests(name, limit, rate),
                             zone_.tokens(name, 1, limit * 10, rate),
                             zone_.concurrency(name, limit),
                             zone_.budget(name, 1, limit * 100)};
            model_.accounts.push_back({made[i % 4], 0, now_.mono_ns, 0});
        }
    }

    void step() {
        now_.mono_ns += static_cast<int64_t>(pick(0, 2 * kSecond));
        now_.wall_ns = 1000 * kSecond;
        end_leases();
        uint64_t what = pick(0, 99);
        if (what < 50 || model_.open.empty()) {
            reserve();
        } else if (what < 75) {
            settle_one();
        } else if (what < 85) {
            release_one();
        } else if (what < 98) {
            extend_one();
        }
        compare();
    }

private:
    uint64_t pick(uint64_t low, uint64_t high) {
        return low + random_() % (high - low + 1);
    }
    ModelReservation& any() {
        return model_.open[pick(0, model_.open.size() - 1)];
    }
    void drop(ModelReservation& r) {
        std::swap(r, model_.open.back());
        model_.open.pop_back();
    }

    // The sweep of the ledger is made complete, so that both agree on time.
    void end_leases() {
        ASSERT_TRUE(zone_.ledger.sweep(1000, now_).ok());
        for (ModelReservation& r : model_.open) {
            r.ended |= r.lease_end <= now_.mono_ns;
        }
    }

    void reserve() {
        if (model_.open.size() == 24) {
            return;
        }
        std::vector<Demand> demands;
        std::vector<int> which;
        bool fits = true;
        std::map<int, int64_t> wanted;
        ModelReservation made;
        for (uint64_t i = pick(1, 5); i > 0; i--) {
            auto a = static_cast<int>(pick(0, model_.accounts.size() - 1));
            Demand d = model_.accounts[a].demand;
            d.amount = static_cast<int64_t>(
                pick(0, std::max<int64_t>(1, d.limit / 2)));
            int64_t room = model_.remaining(a, now_) - wanted[a];
            fits = fits && d.amount <= room;
            wanted[a] += d.amount;
            demands.push_back(d);
            made.holds.push_back({a, d.amount});
        }
        auto got = zone_.ledger.reserve(demands, kMe, kLease, now_);
        ASSERT_TRUE(got.ok()) << got.error().message;
        ASSERT_EQ(!got->refusal.has_value(), fits);
        if (!fits) {
            return;
        }
        made.receipt = got->reservation;
        made.lease_end = now_.mono_ns + kLease;
        made.made = now_.mono_ns;
        for (const ModelHold& h : made.holds) {
            if (model_.accounts[h.account].demand.kind == Kind::kRequests) {
                model_.charge(h.account, h.amount, now_);
            }
        }
        model_.open.push_back(made);
    }

    void settle_one() {
        ModelReservation& r = any();
        std::vector<int64_t> actual;
        for (const ModelHold& h : r.holds) {
            actual.push_back(static_cast<int64_t>(
                pick(0, static_cast<uint64_t>(h.amount) * 5 / 4 + 1)));
        }
        Settled settled = settle(zone_.ledger, r.receipt, actual, now_);
        ASSERT_TRUE(settled.charged);
        ASSERT_EQ(settled.late, r.ended);
        for (size_t i = 0; i < actual.size(); i++) {
            Kind kind = model_.accounts[r.holds[i].account].demand.kind;
            if (kind == Kind::kTokens || kind == Kind::kBudget) {
                model_.charge(r.holds[i].account, actual[i], now_);
            }
        }
        ASSERT_FALSE(settle(zone_.ledger, r.receipt, actual, now_).charged);
        drop(r);
    }

    void release_one() {
        ModelReservation& r = any();
        ASSERT_TRUE(zone_.ledger.release(r.receipt, now_)->charged);
        for (const ModelHold& h : r.holds) {
            if (model_.accounts[h.account].demand.kind == Kind::kRequests) {
                model_.undo_request(h.account, h.amount, r.made, now_);
            }
        }
        drop(r);
    }

    void extend_one() {
        ModelReservation& r = any();
        std::vector<int64_t> amounts;
        bool fits = true;
        std::map<int, int64_t> more;
        for (const ModelHold& h : r.holds) {
            amounts.push_back(static_cast<int64_t>(
                pick(0, static_cast<uint64_t>(h.amount) * 2)));
            if (model_.accounts[h.account].demand.kind != Kind::kRequests) {
                int64_t grown = amounts.back() - (r.ended ? 0 : h.amount);
                fits = fits
                       && (grown <= model_.remaining(h.account, now_)
                                        - more[h.account]);
                more[h.account] += grown;
            }
        }
        // Lowering one account twice and raising it is order for order the
        // ledger's; the model's sum sees it the same way only without a
        // debt, so accounts in debt are left to other steps.
        for (const ModelHold& h : r.holds) {
            if (model_.remaining(h.account, now_) == 0) {
                return;
            }
        }
        auto grown = zone_.ledger.extend(r.receipt, kLease, amounts, now_);
        ASSERT_TRUE(grown.ok());
        ASSERT_EQ(*grown, fits);
        if (fits || !r.ended) {
            r.lease_end = now_.mono_ns + kLease;
        }
        if (!fits) {
            return;
        }
        r.ended = false;
        for (size_t i = 0; i < amounts.size(); i++) {
            ModelHold& h = r.holds[i];
            if (model_.accounts[h.account].demand.kind != Kind::kRequests) {
                h.amount = amounts[i];
            }
        }
    }

    void compare() {
        for (size_t i = 0; i < model_.accounts.size(); i++) {
            auto a = static_cast<int>(i);
            Standing seen = look(zone_.ledger, model_.accounts[i].demand,
                                 now_);
            ASSERT_EQ(seen.remaining, model_.remaining(a, now_)) << i;
        }
        auto checked = zone_.ledger.check();
        ASSERT_TRUE(checked.ok()) << checked.error().message;
    }

    Zone zone_;
    std::mt19937_64 random_;
    Now now_;
    Model model_;
};

TEST(LedgerModel, RandomInterleavingsAgree) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        SCOPED_TRACE(seed);
        Play play(seed);
        for (int i = 0; i < 400; i++) {
            play.step();
            if (testing::Test::HasFatalFailure()) {
                FAIL() << "step " << i;
            }
        }
    }
}

}  // namespace
}  // namespace llm::limit
