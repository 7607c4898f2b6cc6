#include "src/semantic/remote_memo.hpp"

#include <algorithm>

namespace llm::semantic {

RemoteMemo::RemoteMemo(size_t capacity, size_t dims)
    : capacity_(capacity), dims_(dims), values_(capacity * dims) {
    slots_.reserve(capacity);
    slot_of_.reserve(capacity);
}

std::span<const float> RemoteMemo::find(const Digest& key) {
    auto found = slot_of_.find(key);
    if (found == slot_of_.end()) {
        return {};
    }
    uint32_t slot = found->second;
    if (slot != first_) {
        unlink(slot);
        put_first(slot);
    }
    return {values_.data() + slot * dims_, dims_};
}

void RemoteMemo::store(const Digest& key, std::span<const float> vector) {
    auto found = slot_of_.find(key);
    uint32_t slot;
    if (found != slot_of_.end()) {
        slot = found->second;
        unlink(slot);
    } else {
        slot = take_slot();
        slots_[slot].key = key;
        slot_of_.emplace(key, slot);
    }
    put_first(slot);
    std::copy(vector.begin(), vector.end(), values_.data() + slot * dims_);
}

// One that is in no ring.
uint32_t RemoteMemo::take_slot() {
    if (slots_.size() < capacity_) {
        auto slot = static_cast<uint32_t>(slots_.size());
        slots_.push_back({{}, slot, slot});
        return slot;
    }
    uint32_t oldest = slots_[first_].newer;
    slot_of_.erase(slots_[oldest].key);
    unlink(oldest);
    return oldest;
}

// Afterwards a ring of its own; the others' ring stays whole, and `first_`
// in it, as long as there are others.
void RemoteMemo::unlink(uint32_t slot) {
    Slot& out = slots_[slot];
    if (first_ == slot) {
        first_ = out.older;
    }
    slots_[out.newer].older = out.older;
    slots_[out.older].newer = out.newer;
    out.newer = slot;
    out.older = slot;
}

void RemoteMemo::put_first(uint32_t slot) {
    if (first_ != slot) {
        Slot& next = slots_[first_];
        Slot& in = slots_[slot];
        in.older = first_;
        in.newer = next.newer;
        slots_[next.newer].older = slot;
        next.newer = slot;
    }
    first_ = slot;
}

}  // namespace llm::semantic
