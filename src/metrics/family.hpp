// A metric family is a constant: everything about a metric but its numbers.
//
// Stored numbers are integers in a small unit (nanoseconds, nano-dollars,
// tokens, bytes); what is printed is stored / 10^decimals, exactly. 64 bits
// are enough: nanoseconds last for 584 years of summed time, nano-dollars for
// 18 billion dollars, so nothing saturates.
//
// Names follow Prometheus: base units, `_total` for counters
// (https://prometheus.io/docs/practices/naming/).
//
// Threads: immutable. Ownership: families live as long as the program, and
// so does every view and span in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "src/base/bytes.hpp"

namespace llm::metrics {

enum class Type : uint8_t { kCounter, kGauge, kHistogram };

constexpr Bytes name_of(Type type) {
    switch (type) {
    case Type::kCounter:
        return "counter";
    case Type::kGauge:
        return "gauge";
    case Type::kHistogram:
        break;
    }
    return "histogram";
}

// The value for whatever has no place of its own.
inline constexpr Bytes kOther = "other";

inline constexpr size_t kMaxLabels = 9;
inline constexpr size_t kMaxLabelBytes = 128;
inline constexpr size_t kMaxBuckets = 32;

// `allowed` is the closed set of values; anything else becomes kOther. Empty:
// the values are names from the configuration, the caller sees to that.
// An empty value is a label that is not there.
struct Label {
    Bytes name;
    std::span<const Bytes> allowed = {};
};

// Tells families apart in shared memory: FNV-1a over the name, which can be
// worked out when the program is compiled.
constexpr uint64_t family_id(Bytes name) {
    uint64_t hash = 0xcbf29ce484222325;
    for (char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash;
}

struct Family {
    Bytes name;
    Bytes help;
    Type type = Type::kCounter;
    std::span<const Label> labels = {};
    // Histograms: inclusive upper bounds, ascending, in the stored unit; the
    // bucket above them is implied.
    std::span<const int64_t> buckets = {};
    int decimals = 0;
    uint64_t id = family_id(name);
    // Series at the most, those of later label values are "other"; 0: as
    // many as there is room for. For families whose values clients choose.
    uint32_t max_series = 0;

    // A histogram's cells: the buckets, the one above, the sum.
    constexpr size_t cells() const {
        return type == Type::kHistogram ? buckets.size() + 2 : 1;
    }
};

}  // namespace llm::metrics
