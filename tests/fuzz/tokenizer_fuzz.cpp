// tokenizer.json of any bytes, and any text through a small vocabulary: ids
// are of the vocabulary, the limit holds, and white space at the ends or a
// control character changes nothing.
#include <cstdint>
#include <string>

#include "src/semantic/lexical_encoder.hpp"
#include "src/semantic/tokenizer_file.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;
using fuzz::check;

constexpr size_t kLimit = 24;

Tokenizer small() {
    TokenizerSpec spec;
    spec.pieces = {"[UNK]", "[CLS]", "[SEP]", "a",  "b",   "##a",  "##b",
                   "##ab",  "hello", ",",     "?",  "e",   "##e",  "\u4e00",
                   "i",     "##i",   "1",     "##1", "\u1112", "##\u1161"};
    spec.unknown = 0;
    spec.begin = 1;
    spec.end = 2;
    return *Tokenizer::create(spec);
}

void run(const Tokenizer& tokenizer, Bytes text, TokenSpace& space) {
    size_t count = tokenizer.tokenize(text, {.limit = kLimit}, space);
    size_t frame = tokenizer.has_special() ? 2 : 0;
    check(space.ids.size() <= kLimit, "the limit holds");
    check(space.ids.size() == count + frame, "the count is right");
    for (uint32_t id : space.ids) {
        check(id < tokenizer.spec().pieces.size(), "ids are of the vocabulary");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Tokenizer tokenizer = small();
    static TokenSpace space;
    static Workspace workspace;
    Bytes text(reinterpret_cast<const char*>(data), size);

    auto spec = read_tokenizer_json(text);
    if (spec) {
        auto made = Tokenizer::create(std::move(*spec));
        if (made) {
            run(*made, "Hello, a\u00e9\u4e00 world?", space);
            run(*made, text, space);
        }
    }
    run(tokenizer, text, space);
    std::vector<uint32_t> ids = space.ids;
    std::string wrapped = " \t\x01" + std::string(text);
    // behind a cut sequence, another byte could complete it
    if (text.empty() || static_cast<signed char>(text.back()) >= 0) {
        wrapped += "\x02\n";
    }
    run(tokenizer, wrapped, space);
    check(ids == space.ids, "white space and controls change nothing");

    float out[LexicalEncoder::kDims];
    (void)LexicalEncoder().encode(text, workspace, out).ok();
    return 0;
}
