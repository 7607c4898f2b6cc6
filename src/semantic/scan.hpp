// The arithmetic of a search, once for each kind of machine; the best one is
// chosen at run time. Integers alone: all kernels give the same results.
//
// Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "src/semantic/sketch.hpp"

namespace llm::semantic {

struct ScanKernels {
    const char* name;
    // The numbers of those sketches, in ascending order, that differ from
    // the query in at most `radius` signs; how many. `out` has room for
    // `count`. The sketches may change meanwhile.
    size_t (*near)(const Sketch* sketches, size_t count, const Sketch& query,
                   uint32_t radius, uint16_t* out);
    // Of bytes -127 … 127; `size` is a multiple of 64, at most kMaxDims.
    int32_t (*dot)(const int8_t* a, const int8_t* b, size_t size);
};

// Those that this machine can run, the best one first; never empty.
std::span<const ScanKernels* const> scan_kernels();

// nullptr where the build or the machine has none.
const ScanKernels* avx512_scan();
const ScanKernels* avx2_scan();
const ScanKernels* portable_scan();

}  // namespace llm::semantic
