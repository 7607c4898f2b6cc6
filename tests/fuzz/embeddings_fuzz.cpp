// An /v1/embeddings answer of any bytes: refused with a short message, or as
// many vectors of length 1 as were asked for. The first two bytes choose the
// count and the dims.
#include <cmath>
#include <cstdint>

#include "src/semantic/remote_answer.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;
using fuzz::check;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) {
        return 0;
    }
    size_t count = data[0] % 4 + size_t{1};
    size_t dims = data[1] % 8;
    auto read = RemoteVectors::parse(
        Bytes(reinterpret_cast<const char*>(data) + 2, size - 2), count,
        dims);
    if (!read) {
        check(read.error().message.size() < 200, "a short message");
        return 0;
    }
    check(read->count() == count, "a vector for each text");
    check(dims == 0 || read->dims() == dims, "the dims that were wanted");
    for (size_t i = 0; i < count; i++) {
        double squares = 0;
        for (float x : (*read)[i]) {
            squares += static_cast<double>(x) * x;
        }
        check(std::fabs(squares - 1) < 1e-4, "of length 1");
    }
    return 0;
}
