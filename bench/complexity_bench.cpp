// Microseconds of telling how hard a request is, by the size of its last
// user turn: at most 20 for 2 KB is wanted. And of making the word lists,
// which a configuration does once.
#include <benchmark/benchmark.h>

#include <string>

#include "src/route/complexity_builder.hpp"

namespace {

using namespace llm;
using namespace llm::route;

const Complexity& complexity() {
    static const std::shared_ptr<const Complexity> made = [] {
        ComplexityBuilder builder;
        for (Critical critical : {Critical::kLegal, Critical::kComplaint,
                                  Critical::kMedical, Critical::kMoney}) {
            builder.add_critical(critical);
        }
        return builder.build().value();
    }();
    return *made;
}

constexpr Bytes kEnglish =
    "Our checkout service became slow after the last release. Please compare "
    "the two designs below, explain which one scales better, and propose a "
    "migration plan with tests, because the team has only three weeks left. "
    "Users in Europe see errors when the cart holds more than ten items. ";
constexpr Bytes kRussian =
    "После последнего выпуска сервис оплаты стал медленным. Сравни два "
    "варианта ниже, объясни, какой из них лучше масштабируется, и предложи "
    "план перехода с тестами, потому что осталось всего три недели. ";

std::string text_of(Bytes sample, int64_t size) {
    std::string text;
    while (text.size() < static_cast<size_t>(size)) {
        text += sample;
    }
    text.resize(static_cast<size_t>(size));
    return text;
}

void assess(benchmark::State& state, Bytes sample) {
    std::string text = text_of(sample, state.range(0));
    Complexity::Scratch scratch;
    Circumstances around;
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            complexity().assess(text, around, scratch));
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_AssessEnglish(benchmark::State& state) {
    assess(state, kEnglish);
}
BENCHMARK(BM_AssessEnglish)->Arg(100)->Arg(2048)->Arg(32768)->Arg(1 << 20);

void BM_AssessRussian(benchmark::State& state) {
    assess(state, kRussian);
}
BENCHMARK(BM_AssessRussian)->Arg(100)->Arg(2048)->Arg(32768);

// Every word begins many terms and ends none.
void BM_AssessNearMisses(benchmark::State& state) {
    assess(state, "what is the best way to cannot compile transfer of ");
}
BENCHMARK(BM_AssessNearMisses)->Arg(2048);

void BM_BuildComplexity(benchmark::State& state) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(ComplexityBuilder().build());
    }
}
BENCHMARK(BM_BuildComplexity);

}  // namespace
