// The reservation ledger: one request with three limits and two budgets,
// reserved and settled; the same with two processes on the same accounts.
// Keys are made beforehand unless said otherwise.
#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "src/limit/ledger.hpp"

namespace llm::limit {
namespace {

constexpr int64_t kSecond = 1000000000;
constexpr int64_t kMuch = int64_t{1} << 50;
constexpr Owner kMe{1, 1};

class BenchLedger {
public:
    BenchLedger() : size_(Ledger::size_needed({})) {
        memory_ = static_cast<char*>(mmap(nullptr, size_ + 64,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        ledger = *Ledger::attach({memory_, size_, true}, {});
    }
    ~BenchLedger() { munmap(memory_, size_ + 64); }
    BenchLedger(const BenchLedger&) = delete;
    BenchLedger& operator=(const BenchLedger&) = delete;

    std::vector<Demand> demands(Bytes key) const {
        Rate rate{int64_t{1} << 40, kSecond};
        std::vector<Demand> all(5);
        Kind kinds[] = {Kind::kRequests, Kind::kTokens, Kind::kConcurrency,
                        Kind::kBudget, Kind::kBudget};
        for (size_t i = 0; i < all.size(); i++) {
            Bytes name = i == 4 ? "organisation" : "key";
            all[i].kind = kinds[i];
            all[i].key = ledger.key(kinds[i], name, i == 4 ? "org" : key);
            all[i].amount = i == 1 ? 2000 : i < 3 ? 1 : 50000000;
            all[i].limit = kMuch;
            all[i].rate = rate;
            all[i].window = {0, 1 << 30};
        }
        return all;
    }
    // Shared memory behind the region, for the other process.
    std::atomic<int64_t>& count() {
        return *reinterpret_cast<std::atomic<int64_t>*>(memory_ + size_);
    }

    Ledger ledger;

private:
    size_t size_;
    char* memory_;
};

bool once(Ledger& ledger, const std::vector<Demand>& demands, Now now) {
    auto got = ledger.reserve(demands, kMe, 60 * kSecond, now);
    int64_t actual[] = {0, 700, 0, 10000, 10000};
    return got.ok() && !got->refusal
           && ledger.settle(got->reservation, actual, now).ok();
}

void BM_ledger_reserve_settle(benchmark::State& state) {
    BenchLedger zone;
    std::vector<std::vector<Demand>> keys;
    for (int i = 0; i < state.range(0); i++) {
        keys.push_back(zone.demands("key-" + std::to_string(i)));
    }
    Now now{1000 * kSecond, 1000 * kSecond};
    size_t i = 0;
    for (auto _ : state) {
        now.mono_ns += 1000;
        if (!once(zone.ledger, keys[i++ % keys.size()], now)) {
            state.SkipWithError("refused");
        }
    }
}
BENCHMARK(BM_ledger_reserve_settle)->Arg(1)->Arg(1000);

void BM_ledger_keys_reserve_settle(benchmark::State& state) {
    BenchLedger zone;
    Now now{1000 * kSecond, 1000 * kSecond};
    for (auto _ : state) {
        now.mono_ns += 1000;
        if (!once(zone.ledger, zone.demands("key"), now)) {
            state.SkipWithError("refused");
        }
    }
}
BENCHMARK(BM_ledger_keys_reserve_settle);

void BM_ledger_refuse(benchmark::State& state) {
    BenchLedger zone;
    auto demands = zone.demands("key");
    demands[4].amount = kMuch + 1;
    Now now{1000 * kSecond, 1000 * kSecond};
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            zone.ledger.reserve(demands, kMe, kSecond, now));
    }
}
BENCHMARK(BM_ledger_refuse);

// While another process does the same on the same accounts; `both` counts
// the pairs of reserve and settle of the two together.
void BM_ledger_two_processes(benchmark::State& state) {
    BenchLedger zone;
    auto demands = zone.demands("key");
    Now now{1000 * kSecond, 1000 * kSecond};
    pid_t other = fork();
    if (other == 0) {
        for (;;) {
            once(zone.ledger, demands, now);
            zone.count()++;
        }
    }
    int64_t before = zone.count();
    int64_t mine = 0;
    for (auto _ : state) {
        once(zone.ledger, demands, now);
        mine++;
    }
    int64_t theirs = zone.count() - before;
    state.counters["both"] = benchmark::Counter(
        static_cast<double>(mine + theirs), benchmark::Counter::kIsRate);
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
    if (!zone.ledger.check().ok()) {
        state.SkipWithError("sums have drifted");
    }
}
BENCHMARK(BM_ledger_two_processes)->UseRealTime();

}  // namespace
}  // namespace llm::limit
