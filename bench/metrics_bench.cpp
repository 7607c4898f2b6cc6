// Nanoseconds of the rooms metrics and tokens: what one request pays.
#include <benchmark/benchmark.h>

#include <vector>

#include "src/metrics/families.hpp"
#include "src/metrics/prometheus.hpp"
#include "src/tokens/estimator.hpp"

namespace {

using namespace llm;

constexpr size_t kRegion = size_t{1} << 20;

// One region for all threads of a benchmark, as workers share a zone.
metrics::Table& shared_table() {
    static std::vector<uint64_t> memory(kRegion / 8);
    static metrics::Table table =
        metrics::Table::attach(memory.data(), kRegion, true).value();
    return table;
}

void BM_CounterAdd(benchmark::State& state) {
    metrics::Counter counter =
        shared_table().counter(metrics::kStreamEnds, {"complete"});
    for (auto _ : state) {
        counter.add(1);
    }
}
BENCHMARK(BM_CounterAdd)->Threads(1)->Threads(2);

void BM_CounterLookupAdd(benchmark::State& state) {
    metrics::Table& table = shared_table();
    for (auto _ : state) {
        table.counter(metrics::kRequests, {"chat", "2xx", "HIT"}).add(1);
    }
}
BENCHMARK(BM_CounterLookupAdd);

void BM_HistogramObserve(benchmark::State& state) {
    metrics::Histogram overhead =
        shared_table().histogram(metrics::kOverhead);
    int64_t value = 0;
    for (auto _ : state) {
        overhead.observe(value);
        value = (value + 7919) & 0xfffff;
    }
}
BENCHMARK(BM_HistogramObserve)->Threads(1)->Threads(2);

void BM_HistogramLookupObserve(benchmark::State& state) {
    metrics::Table& table = shared_table();
    int64_t value = 0;
    for (auto _ : state) {
        table
            .histogram(metrics::kTokenUsage,
                       {"chat", "openai", "gpt-4o-mini",
                        "gpt-4o-mini-2024-07-18", "input"})
            .observe(value);
        value = (value + 7919) & 0xfffff;
    }
}
BENCHMARK(BM_HistogramLookupObserve);

// A scrape of a table with `range` models' token usage.
void BM_Scrape(benchmark::State& state) {
    std::vector<uint64_t> memory(kRegion / 2);
    auto table =
        metrics::Table::attach(memory.data(), kRegion * 4, true).value();
    for (int64_t i = 0; i < state.range(0); ++i) {
        std::string model = "model-" + std::to_string(i);
        for (Bytes type : {metrics::kInput, metrics::kOutput}) {
            table
                .histogram(metrics::kTokenUsage,
                           {"chat", "openai", model, model, type})
                .observe(100);
        }
    }
    std::string out;
    for (auto _ : state) {
        out.clear();
        append_prometheus(out, collect(table, metrics::all_families()));
        benchmark::DoNotOptimize(out.data());
    }
    state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(BM_Scrape)->Arg(10)->Arg(1000);

struct Estimators {
    std::vector<uint64_t> memory =
        std::vector<uint64_t>(tokens::Estimator::kSize / 8);
    tokens::Estimator estimator =
        tokens::Estimator::attach(memory.data(), tokens::Estimator::kSize,
                                  true)
            .value();
    uint64_t model = tokens::model_hash("gpt-4o-mini");
};

void BM_EstimatorPrompt(benchmark::State& state) {
    Estimators e;
    e.estimator.learn_prompt(e.model, {4000, 100}, 5, 1100);
    uint64_t bytes = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            e.estimator.prompt(e.model, {bytes++ & 0xffff, 100}, 5));
    }
}
BENCHMARK(BM_EstimatorPrompt);

void BM_EstimatorLearn(benchmark::State& state) {
    Estimators e;
    for (auto _ : state) {
        e.estimator.learn_prompt(e.model, {4000, 100}, 5, 1100);
    }
}
BENCHMARK(BM_EstimatorLearn);

void BM_TextSize(benchmark::State& state) {
    std::string text(static_cast<size_t>(state.range(0)), 'x');
    for (auto _ : state) {
        benchmark::DoNotOptimize(TextSize::of(text));
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_TextSize)->Arg(1000)->Arg(100000);

}  // namespace
