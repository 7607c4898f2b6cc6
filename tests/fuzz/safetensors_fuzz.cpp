// A .safetensors file of any bytes: refused, or every tensor lies inside the
// file and can be read whole.
#include <cstdint>
#include <vector>

#include "src/semantic/safetensors.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;
using fuzz::check;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes file(reinterpret_cast<const char*>(data), size);
    auto parsed = Safetensors::parse(file);
    if (!parsed) {
        check(parsed.error().message.size() < 400, "a short message");
        return 0;
    }
    uint64_t total = 0;
    std::vector<float> values;
    std::vector<uint32_t> indices;
    for (const Tensor& tensor : parsed->tensors()) {
        check(tensor.data.size() <= size, "data inside the file");
        check(parsed->find(tensor.name) != nullptr, "found by its name");
        total += tensor.data.size();
        check(tensor.dtype == DType::kOther
                  || tensor.elements() <= tensor.data.size(),
              "elements have bytes");
        if (tensor.dtype != DType::kOther) {
            values.resize(tensor.elements());
            (void)read_floats(tensor, 0, values.size(), values.data()).ok();
            (void)read_indices(tensor, 1000, indices).ok();
        }
    }
    check(total < size, "tensors do not overlap");
    return 0;
}
