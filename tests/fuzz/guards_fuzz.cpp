// Two texts of any bytes, split at the first NUL: the judge is bounded, the
// same on every call, finds no veto between a text and itself; normalising
// twice is normalising once for what has no courtesies left.
#include <cstdint>

#include "src/semantic/decision.hpp"
#include "src/semantic/gate.hpp"
#include "src/semantic/normalise.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;
using fuzz::check;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Result<Judge> judge = Judge::create({});
    check(judge.ok(), "the lists are well formed");
    Bytes all(reinterpret_cast<const char*>(data), size);
    size_t middle = all.find('\0');
    Bytes a = all.substr(0, middle);
    Bytes b = middle == Bytes::npos ? Bytes() : all.substr(middle + 1);
    EncoderKind kind = EncoderKind::kMinilm;

    Verdict there = judge->judge(a, b, 0.9, kind);
    Verdict again = judge->judge(a, b, 0.9, kind);
    check(there.probability_ppm <= 1000000, "a probability");
    check(there.veto == again.veto
              && there.probability_ppm == again.probability_ppm,
          "the same twice");
    check(judge->judge(a, a, 1, kind).veto.empty(), "no veto of itself");
    check(Facts::read(a, judge->lists(), judge->idf()).items().size()
              <= Facts::kMaxFacts + 1, "facts are bounded");

    std::string key = normalised_key_text(a, judge->lists());
    check(key.size() <= a.size() * 2 + 4, "normalised text is bounded");
    (void)gate_text(a, {}, judge->lists());

    Lists lists;
    (void)lists.add(Language::kEnglish, a, "list").ok();
    (void)lists.add_terms(b, "terms").ok();
    return 0;
}
