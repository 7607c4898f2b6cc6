// A key file: read or refused, never anything else; a key that was read is
// found by nobody who does not have it. The words of directives beside it.
#include <cstdint>

#include "src/limit/amount.hpp"
#include "src/limit/glob.hpp"
#include "src/limit/keys.hpp"
#include "src/limit/rfc3339.hpp"
#include "tests/fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace llm::limit;
    using llm::fuzz::check;
    llm::Bytes text(reinterpret_cast<const char*>(data), size);
    auto count = parse_count(text);
    check(!count.ok() || *count > 0, "counts are positive");
    auto rate = parse_rate(text);
    check(!rate.ok() || rate->valid(), "rates are valid");
    auto money = parse_usd(text);
    check(!money.ok() || *money >= 0, "money is not negative");
    parse_rfc3339(text);
    if (size < 4096) {
        check(glob_match(text, text)
                  || text.find_first_of("*?") != llm::Bytes::npos,
              "a name without stars matches itself");
        glob_match(text.substr(0, size / 2), text.substr(size / 2));
    }
    auto table = KeyTable::parse(text);
    if (table.ok()) {
        auto found = table->find("sk-nobody-has-this", {});
        check(found.state == KeyState::kUnknown, "unknown keys stay out");
    }
    return 0;
}
