// The exact cache's store: one process, a zone of 512 MB unless said
// otherwise, entries of 1 KB. Keys are walked in an order that no prefetcher
// guesses; `hot` keeps to 1000 of them.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <memory>
#include <string>
#include <vector>

#include "src/cache/store.hpp"

namespace llm::cache {
namespace {

class BenchZone {
public:
    explicit BenchZone(size_t size) : size_(size) {
        memory_ = static_cast<char*>(mmap(nullptr, size,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        auto made = Store::attach({memory_, size, true}, {});
        store_ = std::make_unique<Store>(*made);
    }
    ~BenchZone() { munmap(memory_, size_); }
    BenchZone(const BenchZone&) = delete;
    BenchZone& operator=(const BenchZone&) = delete;
    Store& operator*() { return *store_; }
    Store* operator->() { return store_.get(); }

private:
    char* memory_;
    size_t size_;
    std::unique_ptr<Store> store_;
};

std::vector<Digest> make_keys(size_t count, uint64_t from = 0) {
    std::vector<Digest> keys;
    keys.reserve(count);
    for (size_t i = 0; i < count; i++) {
        keys.push_back(sha256(std::to_string(from + i)));
    }
    return keys;
}

constexpr Now kNow{1000000000000, 1700000000000000000};

Put store_one(Store& store, const Digest& key, Bytes body, Bytes tag = "") {
    EntryMeta meta;
    meta.tenant = "acme";
    meta.model = "gpt-4o-mini";
    meta.answer_id = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT";
    if (!tag.empty()) {
        meta.tags = {&tag, 1};
    }
    meta.ttl_s = 3600;
    meta.born = store.sequence();
    Bytes pieces[] = {body};
    return store.put(key, meta, pieces, kNow).status;
}

void lookup(benchmark::State& state, size_t entries, size_t used, bool hit) {
    BenchZone zone(size_t{512} << 20);
    std::string body(static_cast<size_t>(state.range(0)), 'x');
    std::vector<Digest> keys = make_keys(entries);
    for (const Digest& key : keys) {
        store_one(*zone, key, body);
    }
    if (!hit) {
        keys = make_keys(used, 1u << 30);
    }
    std::string out(body.size(), '\0');
    size_t i = 0;
    int64_t hits = 0;
    for (auto _ : state) {
        i = (i + 7919) % used;
        Lookup got = zone->lookup(keys[i], kNow,
                                  [&out](size_t) { return out.data(); });
        hits += got.hit() ? 1 : 0;
        benchmark::DoNotOptimize(out.data());
    }
    if (hits != (hit ? state.iterations() : 0)) {
        state.SkipWithError("wrong number of hits");
    }
}

void StoreLookupHot(benchmark::State& state) {
    lookup(state, 1000, 1000, true);
}
BENCHMARK(StoreLookupHot)->Arg(1024)->Arg(100 << 10);

void StoreLookupCold(benchmark::State& state) {
    lookup(state, 300000, 300000, true);
}
BENCHMARK(StoreLookupCold)->Arg(1024);

void StoreLookupMiss(benchmark::State& state) {
    lookup(state, 300000, 300000, false);
}
BENCHMARK(StoreLookupMiss)->Arg(1024);

// New keys for ever: a full zone evicts one entry for each that comes.
void StorePut(benchmark::State& state) {
    BenchZone zone(static_cast<size_t>(state.range(1)) << 20);
    std::string body(static_cast<size_t>(state.range(0)), 'x');
    std::vector<Digest> keys =
        make_keys((static_cast<size_t>(state.range(1)) << 20) / body.size());
    for (const Digest& key : keys) {
        store_one(*zone, key, body);
    }
    size_t i = 0;
    for (auto _ : state) {
        // A digest of its own for each round without hashing one.
        Digest key = keys[i % keys.size()];
        uint64_t n = i++;
        std::memcpy(key.bytes.data() + 8, &n, sizeof(n));
        key.bytes[i % 8] ^= static_cast<unsigned char>(n * 31);
        if (store_one(*zone, key, body) != Put::kStored) {
            state.SkipWithError("refused");
            break;
        }
    }
    StoreStats stats = zone->stats();
    state.counters["evictions"] = static_cast<double>(stats.evictions);
}
BENCHMARK(StorePut)->Args({1024, 256})->Args({100 << 10, 256});

// Memory beside the stored answer: everything that the zone has, over the
// entries that it holds when full, less the answer.
void StoreBytesPerEntry(benchmark::State& state) {
    size_t zone_size = size_t{256} << 20;
    auto low = static_cast<size_t>(state.range(0));
    auto high = static_cast<size_t>(state.range(1));
    double beside = 0;
    double used = 0;
    for (auto _ : state) {
        BenchZone zone(zone_size);
        std::string body(high, 'x');
        uint64_t x = 1;
        for (const Digest& key : make_keys(zone_size / low)) {
            x = x * 6364136223846793005 + 1442695040888963407;
            size_t size = low + (x >> 33) % (high - low + 1);
            store_one(*zone, key, Bytes(body).substr(0, size));
        }
        StoreStats stats = zone->stats();
        beside = static_cast<double>(zone_size - stats.bytes)
                 / static_cast<double>(stats.entries);
        used = static_cast<double>(stats.bytes)
               / static_cast<double>(zone_size);
    }
    state.counters["bytes_per_entry"] = beside;
    state.counters["answers_share"] = used;
}
BENCHMARK(StoreBytesPerEntry)
    ->Args({1024, 1024})
    ->Args({960, 1088})
    ->Args({256, 8192})
    ->Args({256, 32768})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// A purge that looks at 1,000,000 entries and kills one in a thousand, or
// all of them.
void sweep_million(benchmark::State& state, PurgeBy by, Bytes value,
                   uint64_t want) {
    BenchZone zone(size_t{1400} << 20);
    std::string body(1024, 'x');
    std::vector<Digest> keys = make_keys(1000000);
    uint64_t gone = 0;
    for (auto _ : state) {
        state.PauseTiming();
        for (size_t i = 0; i < keys.size(); i++) {
            store_one(*zone, keys[i], body, i % 1000 == 0 ? "one" : "other");
        }
        state.ResumeTiming();
        gone = *zone->purge(by, value);
    }
    if (gone != want) {
        state.SkipWithError("wrong number of entries");
    }
    state.counters["entries"] = static_cast<double>(gone);
}

void StorePurgeTagFew(benchmark::State& state) {
    sweep_million(state, PurgeBy::kTag, "one", 1000);
}
void StorePurgeTenantEverybody(benchmark::State& state) {
    sweep_million(state, PurgeBy::kTenant, "acme", 1000000);
}
void StorePurgeAll(benchmark::State& state) {
    sweep_million(state, PurgeBy::kAll, "", 1000000);
}
BENCHMARK(StorePurgeTagFew)->Iterations(2)->Unit(benchmark::kMillisecond);
BENCHMARK(StorePurgeTenantEverybody)
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(StorePurgeAll)->Iterations(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace llm::cache
