#include "src/semantic/kernels.hpp"

#include <array>

namespace llm::semantic {

namespace {

struct Available {
    std::array<const Kernels*, 4> list{};
    size_t count = 0;

    Available() {
        for (const Kernels* each :
             {amx_kernels(), avx512_kernels(), avx2_kernels(),
              portable_kernels()}) {
            if (each != nullptr) {
                list[count++] = each;
            }
        }
    }
};

}  // namespace

std::span<const Kernels* const> kernels() {
    static const Available available;
    return {available.list.data(), available.count};
}

}  // namespace llm::semantic
