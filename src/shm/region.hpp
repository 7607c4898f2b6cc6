// The directory of the zone: one block of memory divided into regions, each
// with a name, a version and a layout hash, so that a change of one room's
// layout empties that room alone.
//
// Regions are laid out in the order in which they are first opened and never
// move or change size while the block lives: old and new workers run over
// them side by side during a reload. So open the durable ones first (secret,
// ledger, cooldown, metrics, tokens), and last the cache with the rest.
//
// The block: Header at its start, then regions, everything 64-byte aligned.
// A region is `ready` once its owner has formatted it and said so; a process
// that dies while formatting leaves it unready and the next open() hands it
// out as fresh again.
//
// attach, open and ready are for one process at a time (nginx's master, while
// it reads its configuration); the regions' own locks guard their insides.
// A Directory is a view: it owns nothing, copies are the same directory.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::shm {

// What somebody wants to open.
struct RegionSpec {
    Bytes name;                // 1 to 15 bytes
    uint32_t version = 1;      // of what the bytes mean
    uint32_t layout_hash = 0;  // layout_hash() of the structures inside
    uint64_t size = 0;         // bytes; with `rest`: the least that will do
    bool rest = false;         // take all that is left
};

// What is got. `fresh`: the bytes mean nothing yet (they are not cleared);
// format them, then call Directory::ready().
struct Region {
    char* data = nullptr;
    size_t size = 0;
    bool fresh = false;
};

class Directory {
public:
    // Formats the block when it does not hold a directory of this version
    // and of exactly this size, else attaches. `base` is 64-byte aligned.
    static Result<Directory> attach(void* base, size_t size);

    // The region of that name with the size that it has, or a new one at the
    // end. Another version or layout hash makes it fresh where it stands;
    // nobody may be using it then. kNoSpace: the words are for the operator.
    Result<Region> open(const RegionSpec& spec);

    // The region's contents are whole from now on.
    Result<void> ready(Bytes name);

    // What a block must have for all of these; for a check in advance.
    static size_t bytes_needed(std::span<const RegionSpec> specs);

private:
    explicit Directory(char* base) : base_(base) {}
    char* base_;
};

}  // namespace llm::shm
