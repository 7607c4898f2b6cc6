#include "src/semantic/scan.hpp"

#include <algorithm>
#include <array>

namespace llm::semantic {

namespace {

bool is_near(const uint8_t* sketch, size_t stride, const Probe& probe) {
    uint32_t sum = 0;
    for (size_t plane = 0; plane < kPlanes; plane++) {
        for (size_t n = 0; n < kPlaneBytes; n++) {
            size_t column = plane * kPlaneBytes + n;
            uint8_t byte = sketch[column * stride];
            sum += probe.tables[2 * column][byte & 0x0f];
            sum += probe.tables[2 * column + 1][byte >> 4];
        }
        if (std::min<uint32_t>(sum, kMaxDistance) > probe.radii[plane]) {
            return false;
        }
    }
    return true;
}

size_t near(const Columns& sketches, size_t count, const Probe& probe,
            uint16_t* out) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_near(sketches.at + i, sketches.stride, probe)) {
            out[found++] = static_cast<uint16_t>(i);
        }
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
