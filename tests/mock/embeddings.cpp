// OpenAI's POST /v1/embeddings. A vector is the normalised sum of one
// pseudo-random direction a word, so that equal texts are equal and texts
// that share words are near: enough for tests of a semantic cache.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "tests/mock/reply.hpp"
#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

constexpr std::size_t kMaxWords = 256;
constexpr std::size_t kMaxBatch = 2048;
constexpr std::uint64_t kMaxDimensions = 4096;

void add_word(std::vector<float>& vector, std::string_view word) {
    std::uint64_t state = mix(word, 11) | 1;
    for (float& component : vector) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        component += static_cast<float>(static_cast<std::int32_t>(state >> 32))
                     / 2147483648.0F;
    }
}

std::vector<float> embed(std::string_view text, std::size_t dimensions) {
    std::vector<float> vector(dimensions, 0.0F);
    std::string word;
    std::size_t words = 0;
    for (std::size_t i = 0; i <= text.size() && words < kMaxWords; ++i) {
        char c = i < text.size() ? text[i] : ' ';
        bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                      || (c >= 'A' && c <= 'Z')
                      || (static_cast<unsigned char>(c) & 0x80) != 0;
        if (letter) {
            word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32)
                                                : c);
        } else if (!word.empty()) {
            add_word(vector, word);
            word.clear();
            ++words;
        }
    }
    if (words == 0) {
        add_word(vector, text);
    }
    float sum = 0;
    for (float component : vector) {
        sum += component * component;
    }
    float scale = sum > 0 ? 1.0F / std::sqrt(sum) : 0.0F;
    for (float& component : vector) {
        component *= scale;
    }
    return vector;
}

void append_vector(std::string& out, const std::vector<float>& vector,
                   bool as_base64) {
    if (as_base64) {
        // Little-endian float32, as every machine that runs these tests has.
        std::string bytes(vector.size() * sizeof(float), '\0');
        std::memcpy(bytes.data(), vector.data(), bytes.size());
        out += '"' + base64(bytes) + '"';
        return;
    }
    out += '[';
    char text[48];
    for (std::size_t i = 0; i < vector.size(); ++i) {
        auto end = std::to_chars(text, text + sizeof(text), vector[i]);
        out += i > 0 ? "," : "";
        out.append(text, end.ptr);
    }
    out += ']';
}

std::string input_text(Value item) {
    return item.is(Kind::kString) ? item.text() : std::string(item.raw());
}

}  // namespace

Reply embeddings_reply(const Ask& ask) {
    Value input = ask.root.get("input");
    bool large = ask.model.find("large") != std::string::npos;
    Value asked = ask.root.get("dimensions");
    std::uint64_t dimensions = asked.count(large ? 3072 : 1536);
    if (!input.present()
        || (input.is(Kind::kArray) && !input.first().present())) {
        return error_reply(ask, 400, "Missing required parameter: 'input'.");
    }
    if (dimensions < 1 || dimensions > kMaxDimensions) {
        return error_reply(ask, 400,
                           "'dimensions' is outside of its range.");
    }
    bool as_base64 = ask.root.get("encoding_format").equals("base64");
    bool batch =
        input.is(Kind::kArray) && !input.first().is(Kind::kNumber);
    Reply reply;
    reply.headers = provider_headers(ask);
    std::string& out = reply.body;
    out = "{\"object\":\"list\",\"data\":[";
    std::size_t index = 0;
    std::uint64_t tokens = 0;
    for (Value item = batch ? input.first() : input;
         item.present() && index < kMaxBatch;
         item = batch ? item.next() : Value()) {
        std::string text = input_text(item);
        tokens += tokens_of(text);
        out += index > 0 ? "," : "";
        out += "{\"object\":\"embedding\",\"index\":" + text_of(index++)
               + ",\"embedding\":";
        append_vector(out, embed(text, dimensions), as_base64);
        out += '}';
    }
    tokens = ask.knobs.prompt == kUnset ? tokens : ask.knobs.prompt;
    std::string count = count_text(tokens, ask.knobs.usage);
    out += "],\"model\":" + quoted(ask.model);
    if (ask.knobs.usage != "none") {
        out += ",\"usage\":{\"prompt_tokens\":" + count + ",\"total_tokens\":"
               + count + "}";
    }
    out += '}';
    return reply;
}

}  // namespace llm::mock
