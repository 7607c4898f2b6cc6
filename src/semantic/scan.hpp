// The arithmetic of a search, once for each kind of machine; the best one is
// chosen at run time. Integers alone: all kernels give the same results.
//
// Threads: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "src/semantic/probe.hpp"

namespace llm::semantic {

// Sketches of one scan, at most.
inline constexpr size_t kMaxScan = 1024;
// Bytes behind the sketches of a scan that may be read; what is in them does
// not matter.
inline constexpr size_t kScanSlack = 64;

// Sketches in columns: byte b of sketch i is at[b * stride + i].
struct Columns {
    const uint8_t* at;
    size_t stride;
};

struct ScanKernels {
    const char* name;
    // The numbers of those sketches, in ascending order, whose distances from
    // the query are within the radii; how many. count <= kMaxScan, and `out`
    // has room for it. The sketches may change meanwhile.
    size_t (*near)(const Columns& sketches, size_t count, const Probe& probe,
                   uint16_t* out);
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
