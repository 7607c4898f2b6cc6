// Rank files and texts of any bytes: a file is read or refused, never
// anything else; a text falls into pieces that are the text, and has at
// least one token a piece and at most one a byte, the same each time.
#include <cstdint>

#include "src/tokens/counter.hpp"
#include "src/tokens/prompt.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace llm;
using namespace llm::tokens;
using fuzz::check;

// Four digits of base64 and their padding for one byte or two.
std::string line(Bytes token, size_t rank) {
    constexpr Bytes kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
                              "stuvwxyz0123456789+/";
    auto first = static_cast<unsigned char>(token[0]);
    auto second = static_cast<unsigned char>(token.size() > 1 ? token[1] : 0);
    std::string out;
    out += kDigits[first >> 2];
    out += kDigits[(first & 3) << 4 | second >> 4];
    out += token.size() > 1 ? kDigits[(second & 15) << 2] : '=';
    return out + "= " + std::to_string(rank) + "\n";
}

std::string bytes_file() {
    std::string text;
    for (int byte = 0; byte < 256; byte++) {
        char c = static_cast<char>(byte);
        text += line({&c, 1}, static_cast<size_t>(byte));
    }
    return text;
}

std::shared_ptr<const RankTable> some_table() {
    std::string text = bytes_file();
    size_t rank = 256;
    for (Bytes token : {"aa", "ab", " a", "''", "  ", "\n\n", "\xc3\xa9"}) {
        text += line(token, rank++);
    }
    return std::make_shared<const RankTable>(
        RankTable::parse(text).value());
}

void count(Encoding encoding, Bytes text) {
    static const std::shared_ptr<const RankTable> table = some_table();
    static Merger merger;
    Pieces pieces(encoding, text);
    size_t bytes = 0;
    size_t number = 0;
    for (Bytes piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
        check(piece.data() == text.data() + bytes, "pieces are in order");
        bytes += piece.size();
        number++;
    }
    check(bytes == text.size(), "pieces are the whole text");
    Counter counter(table, encoding);
    Budget plenty{SIZE_MAX / 2};
    Counted all = counter.count(text, merger, plenty);
    check(all.bytes == text.size(), "all is counted");
    check(all.tokens >= number && all.tokens <= bytes, "tokens in bounds");
    Budget little{text.size() / 2};
    Counted some = counter.count(text, merger, little);
    check(some.bytes <= all.bytes && some.tokens <= all.tokens,
          "part of it is not more");
}

void as_file(Bytes bytes) {
    auto alone = RankTable::parse(bytes);
    check(!alone.ok() || alone->size() >= 256, "a table has all bytes");
    std::string text = bytes_file();
    text += bytes;
    auto table = RankTable::parse(text);
    if (table.ok()) {
        Merger merger;
        size_t tokens = merger.count(*table, bytes);
        check(tokens <= bytes.size(), "tokens in bounds");
    }
}

void as_prompt(Bytes body) {
    static json::Document doc;
    static CountScratch scratch;
    if (!doc.parse(body).ok()) {
        return;
    }
    Counter counter(some_table(), Encoding::kO200k);
    for (auto endpoint :
         {api::Endpoint::kChat, api::Endpoint::kCompletions,
          api::Endpoint::kEmbeddings, api::Endpoint::kResponses,
          api::Endpoint::kMessages}) {
        if (api::parse_request(endpoint, doc).ok()) {
            Budget budget;
            (void) count_prompt(counter, endpoint, doc, scratch, budget);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes text(reinterpret_cast<const char*>(data), size);
    count(Encoding::kCl100k, text);
    count(Encoding::kO200k, text);
    as_file(text);
    as_prompt(text);
    return 0;
}
