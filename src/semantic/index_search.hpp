// Search: the vectors of one partition that are nearest to a code, in steps,
// so that the caller decides how long a turn lasts.
//
//   Search search(index, partition, code, floor);
//   while (!search.step(16384, now)) { …another turn, or on a thread… }
//   for (const Candidate& c : search.candidates()) …
//
// It reads without a lock: a slot's generation before and after tells
// whether what was read was one vector of this partition, and a chain that
// changed under it is read again from its start, a bounded number of times.
// A vector that was there before the search and is there after it is found
// with the probability that probe.hpp gives (those above the floor: well
// over 0.999); one that comes or goes meanwhile may be found or not.
//
// Cost: 0.2 to 0.5 ns a vector where the first plane of its sketch is far, up
// to 2 ns where all planes are read and more where they come from memory; 20
// to 100 ns for each whose sketch is near; beside that 1 us. No allocation.
// Threads: belongs to one at a time. Code and Index outlive it; it points at
// both.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "src/semantic/index.hpp"
#include "src/semantic/scan.hpp"

namespace llm::semantic {

struct Candidate {
    float cosine = 0;
    Place place = kNoPlace;
    cache::EntryId entry;
};

class Search {
public:
    static constexpr size_t kTop = 4;

    // floor: cosines below it are no candidates; between -1 and 1. kernels:
    // for tests and benches; nullptr: the machine's best.
    Search(Index& index, const Digest& partition, const Code& code,
           float floor, const ScanKernels* kernels = nullptr);

    // Looks at `slots` more vectors, in whole blocks; true when done.
    bool step(uint32_t slots, Now now);

    // The nearest, at most kTop, the nearest first; whole once done.
    std::span<const Candidate> candidates() const {
        return {best_.data(), count_};
    }

    // Vectors in the partition when the search began: what the caller
    // chooses between this turn and a thread by.
    uint64_t expected() const { return expected_; }
    uint64_t scanned() const { return scanned_; }
    uint64_t rescored() const { return rescored_; }
    // The chain changed under it more often than it began again; what was
    // found is right, something may be missing.
    bool cut_short() const { return cut_short_; }

private:
    static constexpr uint32_t kMaxRestarts = 4;
    static constexpr size_t kMaxDead = 8;

    struct Dead {
        Place place;
        cache::EntryId entry;
    };

    bool mine(uint32_t unit) const;
    bool restart();
    void prefetch_after(uint32_t unit, const Geometry& g) const;
    uint32_t scan_block(uint32_t unit, uint32_t tick);
    void look_at(uint32_t unit, const Geometry& g, uint32_t slot,
                 uint32_t tick);
    void take(const Candidate& candidate);
    void drop_dead();

    Index* index_;
    const Code* code_;
    const ScanKernels* kernels_;
    float floor_;
    Probe probe_;  // of `code_`, from the first step on
    uint32_t founder_ = 0;
    uint32_t at_ = kNoUnit;
    uint64_t incarnation_ = 0;
    uint64_t expected_ = 0;
    uint64_t scanned_ = 0;
    uint64_t rescored_ = 0;
    uint32_t restarts_ = 0;
    uint64_t blocks_left_ = 0;
    bool aimed_ = false;
    bool done_ = false;
    bool cut_short_ = false;
    size_t count_ = 0;
    size_t dead_count_ = 0;
    std::array<Candidate, kTop> best_;
    std::array<Dead, kMaxDead> dead_;
};

}  // namespace llm::semantic
