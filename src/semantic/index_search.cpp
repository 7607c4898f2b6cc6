#include "src/semantic/index_search.hpp"

#include <algorithm>

#include "src/semantic/index_entered.hpp"
#include "src/semantic/index_tick.hpp"

namespace llm::semantic {

namespace {

template <typename T>
T peek(const T& field) {
    return __atomic_load_n(&field, __ATOMIC_ACQUIRE);
}

}  // namespace

Search::Search(Index& index, const Digest& partition, const Code& code,
               float floor, const ScanKernels* kernels)
    : index_(&index),
      code_(&code),
      kernels_(kernels != nullptr ? kernels : scan_kernels()[0]),
      floor_(floor) {
    Index::Entered entered(index);
    founder_ = entered.ok() ? entered.partitions.find(partition) : kNoUnit;
    if (founder_ == kNoUnit
        || index.blocks_.block(founder_).dims != code.dims) {
        done_ = true;
        return;
    }
    const BlockHead& first = index.blocks_.block(founder_);
    incarnation_ = first.incarnation;
    expected_ = first.live;
    at_ = founder_;
    // Blocks that come and go meanwhile included; what a chain that is read
    // while it changes could lead to ends here.
    blocks_left_ = 2 * uint64_t{first.blocks} + 64;
}

bool Search::mine(uint32_t unit) const {
    return index_->blocks_.is_used(unit)
           && peek(index_->blocks_.block(unit).incarnation) == incarnation_;
}

// The chain changed where the search stood.
bool Search::restart() {
    cut_short_ = restarts_ == kMaxRestarts && mine(founder_);
    if (restarts_ == kMaxRestarts || !mine(founder_)) {
        return false;
    }
    restarts_++;
    at_ = founder_;
    return true;
}

bool Search::step(uint32_t slots, Now now) {
    uint32_t tick = index_tick(now);
    uint32_t looked = 0;
    if (!aimed_ && !done_) {
        probe_.aim(*code_, floor_);
        aimed_ = true;
    }
    while (!done_ && looked < slots) {
        if (blocks_left_-- == 0) {
            cut_short_ = done_ = true;
        } else if (!mine(at_)) {
            done_ = !restart();
        } else {
            looked += std::max(scan_block(at_, tick), 1u);
            uint32_t next = peek(index_->blocks_.block(at_).next);
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            // Of a block that is no more mine `next` means nothing.
            if (mine(at_)) {
                at_ = next;
                done_ = next == kNoUnit;
            }
        }
    }
    drop_dead();
    return done_;
}

// The first plane of the block after the next one, so that its memory is on
// its way by then; the next one's head came when this was done before.
void Search::prefetch_after(uint32_t unit, const Geometry& g) const {
    const Blocks& blocks = index_->blocks_;
    uint32_t next = peek(blocks.block(unit).next);
    if (next >= blocks.unit_count) {
        return;
    }
    uint32_t after = peek(blocks.block(next).next);
    if (after >= blocks.unit_count) {
        return;
    }
    const char* begin = blocks.bytes(after);
    const char* end = begin + kSketchesAt + kPlaneBytes * g.slots;
    for (const char* line = begin; line < end; line += 64) {
        __builtin_prefetch(line);
    }
}

uint32_t Search::scan_block(uint32_t unit, uint32_t tick) {
    const Blocks& blocks = index_->blocks_;
    Geometry g = Geometry::of(code_->dims, blocks.class_of(unit));
    uint32_t high = std::min<uint32_t>(peek(blocks.block(unit).high), g.slots);
    uint16_t near[kMaxSlots];
    size_t count =
        kernels_->near(blocks.sketches(unit, g), high, probe_, near);
    prefetch_after(unit, g);
    constexpr size_t kAhead = 8;
    for (size_t i = 0; i < count + kAhead; i++) {
        if (i < count) {
            __builtin_prefetch(&blocks.meta(unit, g, near[i]));
            const int8_t* row = blocks.row(unit, g, near[i]);
            for (uint32_t line = 0; line < g.row; line += 64) {
                __builtin_prefetch(row + line);
            }
        }
        if (i >= kAhead) {
            look_at(unit, g, near[i - kAhead], tick);
        }
    }
    scanned_ += high;
    rescored_ += count;
    return high;
}

void Search::look_at(uint32_t unit, const Geometry& g, uint32_t slot,
                     uint32_t tick) {
    const Blocks& blocks = index_->blocks_;
    const SlotMeta& meta = blocks.meta(unit, g, slot);
    uint32_t before = peek(meta.generation);
    SlotMeta copy = meta;
    int32_t product = kernels_->dot(code_->bytes.data(),
                                    blocks.row(unit, g, slot), g.row);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (before % 2 != 0 || peek(meta.generation) != before
        || copy.state != kLive || !mine(unit)
        || blocks.class_of(unit) != g.size_class) {
        return;
    }
    Candidate candidate;
    candidate.cosine =
        static_cast<float>(product) * code_->inverse * copy.inverse;
    candidate.place = place_of(unit, slot);
    candidate.entry = entry_of(copy);
    if (candidate.cosine < floor_) {
        return;
    }
    if (copy.expires <= tick || !index_->alive_(candidate.entry)) {
        if (dead_count_ < dead_.size()) {
            dead_[dead_count_++] = {candidate.place, candidate.entry};
        }
        return;
    }
    take(candidate);
}

void Search::take(const Candidate& candidate) {
    for (size_t i = 0; i < count_; i++) {
        if (best_[i].place == candidate.place
            && best_[i].entry == candidate.entry) {
            return;  // met again after a restart
        }
    }
    size_t at = count_;
    if (count_ < kTop) {
        count_++;
    } else if (candidate.cosine <= best_[kTop - 1].cosine) {
        return;
    } else {
        at = kTop - 1;
    }
    while (at > 0 && best_[at - 1].cosine < candidate.cosine) {
        best_[at] = best_[at - 1];
        at--;
    }
    best_[at] = candidate;
    if (count_ == kTop && best_[kTop - 1].cosine > floor_) {
        floor_ = best_[kTop - 1].cosine;
        probe_.radii = radii_of(floor_);
    }
}

// What was met dead makes room now.
void Search::drop_dead() {
    for (size_t i = 0; i < dead_count_; i++) {
        index_->take_out(dead_[i].place, dead_[i].entry, true);
    }
    dead_count_ = 0;
}

}  // namespace llm::semantic
