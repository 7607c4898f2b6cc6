// The vector index: a search of one partition, by kernel, floor (in
// hundredths), number of vectors and dimensions; inserts; memory. Vectors are
// random, around a common mean so that two of them have a cosine of about
// 0.3, as unrelated questions of one subject have; one in a thousand is near
// to all. `p50_us` and `p99_us` are those of single searches, in CPU time; on
// a busy machine, whose caches and memory others use too, `p1_us` tells most
// of the code.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "src/semantic/index_search.hpp"

namespace llm::semantic {
namespace {

constexpr Now kNow{100000000000, 1700000100000000000};

class BenchIndex {
public:
    explicit BenchIndex(size_t size) : size_(size) {
        memory_ = static_cast<char*>(mmap(nullptr, size,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        madvise(memory_, size, MADV_HUGEPAGE);  // as for the zone
        index_ = *Index::attach({memory_, size, true}, {});
    }
    ~BenchIndex() { munmap(memory_, size_); }
    BenchIndex(const BenchIndex&) = delete;
    BenchIndex& operator=(const BenchIndex&) = delete;
    Index& operator*() { return index_; }
    Index* operator->() { return &index_; }
    size_t size() const { return size_; }

private:
    char* memory_;
    size_t size_;
    Index index_;
};

class Texts {
public:
    explicit Texts(size_t dims) : random_(7), mean_(dims) {
        for (float& x : mean_) {
            x = normal_(random_);
        }
    }

    Code next(float share_of_mean) {
        std::vector<float> out(mean_.size());
        float rest = std::sqrt(1 - share_of_mean * share_of_mean);
        for (size_t i = 0; i < out.size(); i++) {
            out[i] = share_of_mean * mean_[i] + rest * normal_(random_);
        }
        Code code;
        (void)encode(out, code);
        return code;
    }

    // cos 0.3 with each other, for half of the squared length is shared.
    Code usual() { return next(0.55f); }
    Code near_mean() { return next(0.97f); }

private:
    std::mt19937 random_;
    std::normal_distribution<float> normal_;
    std::vector<float> mean_;
};

Digest partition() { return sha256("partition"); }

BenchIndex& filled(size_t count, size_t dims) {
    static std::unique_ptr<BenchIndex> kept;
    static std::pair<size_t, size_t> key;
    if (kept == nullptr || key != std::pair(count, dims)) {
        kept.reset();
        kept = std::make_unique<BenchIndex>(
            Index::size_for(count, static_cast<uint32_t>(dims)));
        Texts texts(dims);
        for (size_t i = 0; i < count; i++) {
            NewVector vector;
            vector.partition = partition();
            vector.entry.slot = static_cast<uint32_t>(i);
            vector.ttl_s = 1000000;
            Code code = i % 1000 == 0 ? texts.near_mean() : texts.usual();
            (*kept)->insert(vector, code, kNow);
        }
        key = {count, dims};
    }
    return *kept;
}

double percentile(std::vector<double>& values, double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<size_t>(
        share * static_cast<double>(values.size() - 1))];
}

// Of this thread.
double cpu_us() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6
           + static_cast<double>(now.tv_nsec) / 1e3;
}

void IndexSearch(benchmark::State& state) {
    auto number = static_cast<size_t>(state.range(0));
    float floor = static_cast<float>(state.range(1)) / 100;
    auto count = static_cast<size_t>(state.range(2));
    auto dims = static_cast<size_t>(state.range(3));
    if (number >= scan_kernels().size()) {
        state.SkipWithError("not on this machine");
        return;
    }
    const ScanKernels* kernels = scan_kernels()[number];
    state.SetLabel(kernels->name);
    BenchIndex& index = filled(count, dims);
    Texts texts(dims);
    std::vector<Code> queries;
    for (int i = 0; i < 16; i++) {
        queries.push_back(texts.usual());
    }
    std::vector<double> times;
    uint64_t rescored = 0;
    size_t n = 0;
    for (auto _ : state) {
        double begin = cpu_us();
        Search search(*index, partition(), queries[n++ % 16], floor,
                      kernels);
        while (!search.step(1 << 30, kNow)) {
        }
        benchmark::DoNotOptimize(search.candidates().data());
        rescored += search.rescored();
        times.push_back(cpu_us() - begin);
    }
    state.counters["p1_us"] = percentile(times, 0.01);
    state.counters["p50_us"] = percentile(times, 0.5);
    state.counters["p99_us"] = percentile(times, 0.99);
    state.counters["rescored"] =
        static_cast<double>(rescored) / static_cast<double>(n);
    state.counters["bytes_each"] =
        static_cast<double>(index.size()) / static_cast<double>(count);
}

BENCHMARK(IndexSearch)
    // The first varies fastest: an index is filled once for all that use it.
    ->ArgsProduct({{0, 1, 2}, {70, 85}, {10000, 100000, 1000000}, {256, 384}})
    ->ArgNames({"kernel", "floor", "vectors", "dims"})
    ->Unit(benchmark::kMicrosecond);

void IndexEncode(benchmark::State& state) {
    Texts texts(static_cast<size_t>(state.range(0)));
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> vector(static_cast<size_t>(state.range(0)));
    for (float& x : vector) {
        x = normal(random);
    }
    Code code;
    for (auto _ : state) {
        benchmark::DoNotOptimize(encode(vector, code));
    }
}
BENCHMARK(IndexEncode)->Arg(256)->Arg(384)->Arg(1536);

// A full index: each that comes makes another one go.
void IndexInsert(benchmark::State& state) {
    bool alone = state.range(0) != 0;
    BenchIndex index(size_t{64} << 20);
    Code code = Texts(384).usual();
    uint32_t n = 0;
    auto insert = [&] {
        NewVector vector;
        // In one partition, or each in its own.
        vector.partition = alone ? sha256(std::to_string(n)) : partition();
        vector.entry.slot = ++n;
        vector.ttl_s = 1000000;
        return index->insert(vector, code, kNow).status;
    };
    for (int i = 0; i < 200000; i++) {
        insert();
    }
    for (auto _ : state) {
        if (insert() != Insert::kStored) {
            state.SkipWithError("refused");
            break;
        }
    }
}
BENCHMARK(IndexInsert)->Arg(0)->Arg(1);

void IndexErase(benchmark::State& state) {
    BenchIndex index(size_t{64} << 20);
    Code code = Texts(384).usual();
    NewVector vector;
    vector.partition = partition();
    vector.ttl_s = 1000000;
    for (int i = 0; i < 50000; i++) {
        index->insert(vector, code, kNow);
    }
    for (auto _ : state) {
        vector.entry.slot++;
        Place place = index->insert(vector, code, kNow).place;
        benchmark::DoNotOptimize(index->erase(place, vector.entry));
    }
}
BENCHMARK(IndexErase);

}  // namespace
}  // namespace llm::semantic
