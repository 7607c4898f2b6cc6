// RemoteMemo: the vectors of recent texts, so that a text that comes again,
// or is stored after it was looked up, is not sent to the endpoint twice.
// The least recently used one makes room.
//
// Keys are SHA-256 of the text: whoever chooses texts cannot make two meet.
// A memo is for one endpoint and one number of dims.
//
// Ownership: owns its vectors, capacity * dims floats from the start on.
// Threads: one; each worker has its own. O(1) a call.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "src/base/digest.hpp"

namespace llm::semantic {

class RemoteMemo {
public:
    // Both greater than 0.
    RemoteMemo(size_t capacity, size_t dims);

    static Digest key_of(Bytes text) { return sha256(text); }

    // Empty when there is none; lives until the next store().
    std::span<const float> find(const Digest& key);

    // Replaces what stands under the key. Precondition: vector.size() ==
    // dims().
    void store(const Digest& key, std::span<const float> vector);

    size_t size() const { return slots_.size(); }
    size_t capacity() const { return capacity_; }
    size_t dims() const { return dims_; }

private:
    // A ring in the order of use: the newest is `first_`, the oldest stands
    // before it.
    struct Slot {
        Digest key;
        uint32_t newer;
        uint32_t older;
    };
    struct Hash {
        size_t operator()(const Digest& key) const { return key.prefix(); }
    };

    uint32_t take_slot();
    void unlink(uint32_t slot);
    void put_first(uint32_t slot);

    size_t capacity_;
    size_t dims_;
    std::vector<Slot> slots_;
    std::vector<float> values_;
    std::unordered_map<Digest, uint32_t, Hash> slot_of_;
    uint32_t first_ = 0;
};

}  // namespace llm::semantic
