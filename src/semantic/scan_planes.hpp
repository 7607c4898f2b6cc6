// The scan of sketches, written once over a `Simd` that each kernel file
// defines before it includes this: V, kLanes bytes; zero, load and store;
// table (of 16 bytes, for every lane); add (to the sums the distances of a
// column, by the tables of its lower and upper halves, not beyond
// kMaxDistance); within (the lanes that are at most so large, as bits).
//
// Lanes are sketches. Each plane is looked at for those groups of lanes in
// which a sketch is left. What the next plane will want of a group is asked
// for when the group goes on, so that it comes while others are looked at.
//
// Included inside the file's target region and unnamed namespace, so that
// every instance is compiled for that file's machine; it includes nothing.
#pragma once

constexpr size_t kLanes = Simd::kLanes;
static_assert(kLanes <= 64 && kMaxScan % kLanes == 0 && kLanes <= kScanSlack);

struct Groups {
    size_t count = 0;
    size_t at[kMaxScan / kLanes];      // number of the first sketch
    uint64_t left[kMaxScan / kLanes];  // lanes
    alignas(64) uint8_t sums[kMaxScan];
};

// The columns of a plane on top of the sums.
LLM_INLINE inline Simd::V add_plane(Simd::V sums, const Columns& sketches,
                                    size_t at, size_t plane,
                                    const Probe& probe) {
    size_t column = plane * kPlaneBytes;
    const uint8_t* from = sketches.at + column * sketches.stride + at;
    const Probe::Table* tables = &probe.tables[2 * column];
    LLM_UNROLL
    for (size_t c = 0; c < kPlaneBytes; c++) {
        sums = Simd::add(sums, Simd::load(from + c * sketches.stride),
                         Simd::table(tables[2 * c]),
                         Simd::table(tables[2 * c + 1]));
    }
    return sums;
}

// The group goes on if a lane is left.
LLM_INLINE inline void keep(Groups& groups, const Columns& sketches,
                            size_t at, size_t plane, Simd::V sums,
                            uint64_t lanes) {
    if (lanes == 0) {
        return;
    }
    size_t group = groups.count++;
    groups.at[group] = at;
    groups.left[group] = lanes;
    Simd::store(&groups.sums[group * kLanes], sums);
    if (plane + 1 < kPlanes) {
        const uint8_t* next = sketches.at + at
                              + (plane + 1) * kPlaneBytes * sketches.stride;
        LLM_UNROLL
        for (size_t c = 0; c < kPlaneBytes; c++) {
            __builtin_prefetch(next + c * sketches.stride);
        }
    }
}

inline void first_plane(const Columns& sketches, size_t count,
                        const Probe& probe, Groups& groups) {
    for (size_t at = 0; at < count; at += kLanes) {
        Simd::V sums = add_plane(Simd::zero(), sketches, at, 0, probe);
        uint64_t lanes = Simd::within(sums, probe.radii[0]);
        if (count - at < kLanes) {
            lanes &= (uint64_t{1} << (count - at)) - 1;
        }
        keep(groups, sketches, at, 0, sums, lanes);
    }
}

// Groups move to the front of their list, over those that are done with.
inline void next_plane(const Columns& sketches, size_t plane,
                       const Probe& probe, Groups& groups) {
    size_t count = groups.count;
    groups.count = 0;
    for (size_t group = 0; group < count; group++) {
        size_t at = groups.at[group];
        Simd::V sums = add_plane(Simd::load(&groups.sums[group * kLanes]),
                                 sketches, at, plane, probe);
        uint64_t lanes =
            groups.left[group] & Simd::within(sums, probe.radii[plane]);
        keep(groups, sketches, at, plane, sums, lanes);
    }
}

size_t near(const Columns& sketches, size_t count, const Probe& probe,
            uint16_t* out) {
    Groups groups;
    first_plane(sketches, count, probe, groups);
    for (size_t plane = 1; plane < kPlanes; plane++) {
        next_plane(sketches, plane, probe, groups);
    }
    size_t found = 0;
    for (size_t group = 0; group < groups.count; group++) {
        for (uint64_t lanes = groups.left[group]; lanes != 0;
             lanes &= lanes - 1) {
            auto lane = static_cast<size_t>(__builtin_ctzll(lanes));
            out[found++] = static_cast<uint16_t>(groups.at[group] + lane);
        }
    }
    return found;
}
