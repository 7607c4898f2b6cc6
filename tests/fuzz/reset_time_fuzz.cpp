// Headers of a refusal, one "name: value" a line: whatever they say, the
// wait is none or within its bounds; dates and durations alone too.
#include <cstdint>

#include "src/route/reset_time.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using llm::Bytes;
using llm::fuzz::check;
namespace route = llm::route;

constexpr llm::Now kNow{77, int64_t{1755780000} * 1000000000};

void check_bounds(std::optional<int64_t> ns) {
    check(!ns || (*ns >= 0 && *ns <= route::ResetTimes::kMax), "bounds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes left(reinterpret_cast<const char*>(data), size);
    route::ResetTimes times;
    while (!left.empty()) {
        size_t end = left.find('\n');
        Bytes line = left.substr(0, end);
        left = end == Bytes::npos ? Bytes() : left.substr(end + 1);
        size_t colon = line.find(':');
        if (colon == Bytes::npos) {
            check_bounds(route::parse_go_duration(line));
            check_bounds(route::parse_number(line, 1000000000));
            (void) route::parse_http_date(line, kNow);
            continue;
        }
        times.add(line.substr(0, colon), line.substr(colon + 1));
    }
    check_bounds(times.wait(kNow));
    return 0;
}
