#include "src/semantic/scan.hpp"

#include <array>
#include <bit>

namespace llm::semantic {

namespace {

size_t near(const Sketch* sketches, size_t count, const Sketch& query,
            uint32_t radius, uint16_t* out) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        out[found] = static_cast<uint16_t>(i);
        found += distance(sketches[i], query) <= radius ? 1 : 0;
    }
    return found;
}

int32_t dot(const int8_t* a, const int8_t* b, size_t size) {
    int32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += int32_t{a[i]} * b[i];
    }
    return sum;
}

constexpr ScanKernels kPortable = {"portable", near, dot};

struct Available {
    std::array<const ScanKernels*, 3> list{};
    size_t count = 0;

    Available() {
        for (const ScanKernels* each :
             {avx512_scan(), avx2_scan(), portable_scan()}) {
            if (each != nullptr) {
                list[count++] = each;
            }
        }
    }
};

}  // namespace

const ScanKernels* portable_scan() {
    return &kPortable;
}

std::span<const ScanKernels* const> scan_kernels() {
    static const Available available;
    return {available.list.data(), available.count};
}

}  // namespace llm::semantic
