#include "src/json/value_count.hpp"

#include <cstring>

namespace llm::json {
namespace {

// The end of the string whose quote stands before `p`; `end` when it has none.
const char* behind_string(const char* p, const char* end) {
    const char* begin = p;
    for (;;) {
        auto* quote = static_cast<const char*>(
            std::memchr(p, '"', static_cast<size_t>(end - p)));
        if (quote == nullptr) {
            return end;
        }
        size_t slashes = 0;
        for (const char* q = quote; q > begin && q[-1] == '\\'; q--) {
            slashes++;
        }
        p = quote + 1;
        if (slashes % 2 == 0) {
            return p;
        }
    }
}

}  // namespace

// Each value but the first stands behind a comma, or an opening bracket.
bool may_exceed(Bytes text, size_t most) {
    size_t values = 1;
    const char* end = text.data() + text.size();
    for (const char* p = text.data(); p < end && values <= most;) {
        char c = *p++;
        if (c == '"') {
            p = behind_string(p, end);
        } else if (c == ',' || c == '[' || c == '{') {
            values++;
        }
    }
    return values > most;
}

}  // namespace llm::json
