// Each kernel that this machine can run against plain loops.
#include "src/semantic/scan.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace llm::semantic {
namespace {

Sketch random_sketch(std::mt19937_64& random) {
    Sketch sketch;
    for (uint8_t& byte : sketch.bytes) {
        byte = static_cast<uint8_t>(random());
    }
    return sketch;
}

// So many signs changed, some of them back again.
Sketch changed(Sketch sketch, uint64_t signs, std::mt19937_64& random) {
    for (uint64_t n = 0; n < signs; n++) {
        uint64_t bit = random() % kSketchBits;
        sketch.bytes[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    }
    return sketch;
}

Code random_query(std::mt19937_64& random) {
    Code query;
    query.sketch = random_sketch(random);
    for (uint8_t& weight : query.weights) {
        weight = static_cast<uint8_t>(random() % (kMaxWeight + 1));
    }
    return query;
}

// In columns, and behind them nothing that may be read but the slack.
struct Laid {
    Laid(const std::vector<Sketch>& sketches, size_t stride)
        : bytes(stride * kSketchBytes + kScanSlack, 0x5a), stride(stride) {
        for (size_t i = 0; i < sketches.size(); i++) {
            for (size_t b = 0; b < kSketchBytes; b++) {
                bytes[b * stride + i] = sketches[i].bytes[b];
            }
        }
    }

    std::vector<uint8_t> bytes;
    size_t stride;
};

std::vector<uint16_t> near_by_loops(const std::vector<Sketch>& sketches,
                                    const Code& query, const Radii& radii) {
    std::vector<uint16_t> out;
    for (size_t i = 0; i < sketches.size(); i++) {
        bool near = true;
        for (size_t p = 0; p < kPlanes; p++) {
            near = near
                   && (radii[p] == kMaxDistance
                       || distance(query, sketches[i], kPlaneBytes * (p + 1))
                              <= radii[p]);
        }
        if (near) {
            out.push_back(static_cast<uint16_t>(i));
        }
    }
    return out;
}

TEST(Scan, KernelsFindTheSame) {
    std::mt19937_64 random(1);
    constexpr uint8_t kAll = kMaxDistance;
    const Radii chosen[] = {{0, 0, 0, 0},
                            {kAll, kAll, kAll, kAll},
                            {10, 20, 30, 40},
                            {kAll, kAll, kAll, 100},
                            {60, kAll, 150, kAll},
                            {100, 150, 200, 254},
                            {kAll, 3, kAll, kAll},
                            {50, 84, 115, 144}};
    size_t found = 0;
    for (const ScanKernels* kernels : scan_kernels()) {
        for (size_t count : {0, 1, 4, 7, 8, 9, 31, 32, 33, 36, 63, 64, 65,
                             127, 128, 292, 409, 1023, 1024}) {
            Code query = random_query(random);
            std::vector<Sketch> sketches;
            for (size_t i = 0; i < count; i++) {
                sketches.push_back(
                    i % 8 == 0 ? random_sketch(random)
                               : changed(query.sketch, random() % 60, random));
            }
            Laid laid(sketches, count + count % 3);
            Probe probe;
            probe.aim(query, 0.5f);
            for (const Radii& radii : chosen) {
                probe.radii = radii;
                std::vector<uint16_t> out(count);
                out.resize(kernels->near({laid.bytes.data(), laid.stride},
                                         count, probe, out.data()));
                EXPECT_EQ(out, near_by_loops(sketches, query, radii))
                    << kernels->name << " " << count << " "
                    << testing::PrintToString(radii);
                found += out.size();
            }
        }
    }
    EXPECT_GT(found, 1000u);
}

// Every sign counts, in every lane.
TEST(Scan, KernelsSeeEverySign) {
    std::mt19937_64 random(4);
    Code query = random_query(random);
    query.weights.fill(1);
    for (const ScanKernels* kernels : scan_kernels()) {
        for (size_t first = 0; first < kSketchBits; first += 64) {
            std::vector<Sketch> sketches(128, query.sketch);
            for (size_t i = 0; i < 64; i++) {
                size_t bit = first + i;
                sketches[2 * i + first / 64 % 2].bytes[bit / 8] ^=
                    static_cast<uint8_t>(1u << (bit % 8));
            }
            Laid laid(sketches, sketches.size());
            Probe probe;
            probe.aim(query, 1.0f);
            std::vector<uint16_t> out(sketches.size());
            out.resize(kernels->near({laid.bytes.data(), laid.stride},
                                     sketches.size(), probe, out.data()));
            EXPECT_EQ(out, near_by_loops(sketches, query, Radii{}));
            EXPECT_EQ(out.size(), 64u) << kernels->name;
        }
    }
}

TEST(Scan, KernelsMultiplyTheSame) {
    std::mt19937_64 random(2);
    alignas(64) std::array<int8_t, kMaxDims> a, b;
    for (const ScanKernels* kernels : scan_kernels()) {
        for (size_t size = 64; size <= kMaxDims; size += 64) {
            int64_t expected = 0;
            for (size_t i = 0; i < size; i++) {
                a[i] = static_cast<int8_t>(random() % 255 - 127);
                b[i] = static_cast<int8_t>(random() % 255 - 127);
                expected += a[i] * b[i];
            }
            EXPECT_EQ(kernels->dot(a.data(), b.data(), size), expected)
                << kernels->name << " " << size;
        }
        a.fill(127);
        b.fill(-127);
        EXPECT_EQ(kernels->dot(a.data(), b.data(), kMaxDims),
                  -127 * 127 * static_cast<int>(kMaxDims));
        EXPECT_EQ(kernels->dot(b.data(), b.data(), kMaxDims),
                  127 * 127 * static_cast<int>(kMaxDims));
        EXPECT_EQ(kernels->dot(b.data(), a.data(), kMaxDims),
                  -127 * 127 * static_cast<int>(kMaxDims));
    }
}

}  // namespace
}  // namespace llm::semantic
