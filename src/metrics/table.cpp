#include "src/metrics/table.hpp"

#include <bit>
#include <cstring>

#include "src/base/hash.hpp"
#include "src/metrics/label.hpp"

namespace llm::metrics {

namespace {

constexpr uint64_t kMagic = 0x6c6c6d6d65747231;  // "llmmetr1"
constexpr size_t kUnit = 64;
constexpr size_t kBytesPerSlot = 96;
constexpr size_t kMinReserve = size_t{2} << 10;
constexpr size_t kSeriesCounts = 64;

constexpr size_t round_up(size_t bytes) {
    return (bytes + kUnit - 1) / kUnit * kUnit;
}

size_t slots_for(size_t size) { return std::bit_floor(size / kBytesPerSlot); }

// Kept back for the "other" series, in bytes.
size_t reserve_for(size_t size) {
    return std::max(kMinReserve, size / 16 / kUnit * kUnit);
}

// Label values are a word or two: a call costs more than to compare them.
bool same_bytes(Bytes value, const char* with) {
    using hash_detail::load;
    const char* p = value.data();
    size_t size = value.size();
    if (size < 8) {
        for (size_t i = 0; i < size; ++i) {
            if (p[i] != with[i]) {
                return false;
            }
        }
        return true;
    }
    for (size_t at = 0; at < size - 8; at += 8) {
        if (load<uint64_t>(p + at) != load<uint64_t>(with + at)) {
            return false;
        }
    }
    return load<uint64_t>(p + size - 8) == load<uint64_t>(with + size - 8);
}

uint64_t load(uint64_t& cell) {
    return std::atomic_ref(cell).load(std::memory_order_relaxed);
}

}  // namespace

struct Table::Header {
    uint64_t magic;  // written last
    uint64_t layout;
    uint64_t size;
    uint64_t reserved0[5];
    // Changing words, on a line of their own.
    uint64_t used;     // slots in use
    uint64_t next;     // offset of the first free unit
    uint64_t dropped;  // lookups without room
    uint64_t reserved1[5];
    // Series by family; two that meet share a count and so have less each.
    uint32_t series[kSeriesCounts];
};

// Followed by cells (uint64_t each), then the label values, each with a zero
// byte at its end: clean values hold none.
struct Table::Block {
    uint64_t hash;
    uint64_t family;
    uint32_t text_size;
    uint32_t cell_count;

    uint64_t* cells() { return reinterpret_cast<uint64_t*>(this + 1); }
    char* text() { return reinterpret_cast<char*>(cells() + cell_count); }
};

struct Table::Key {
    Key(const Family& family, Values given)
        : id(family.id),
          hash(id),
          cells(family.cells()),
          max_series(family.max_series),
          count(std::min(family.labels.size(), kMaxLabels)) {
        std::copy_n(given.begin(), std::min(count, given.size()),
                    values.begin());
        for (size_t at = 0; at < count; ++at) {
            hash = hash64(values[at], hash);
            text_size += values[at].size() + 1;
        }
    }

    bool is_of(Block& block) const {
        if (block.hash != hash || block.family != id
            || block.cell_count != cells || block.text_size != text_size) {
            return false;
        }
        const char* text = block.text();
        for (size_t at = 0; at < count; ++at) {
            Bytes value = values[at];
            if (text[value.size()] != '\0' || !same_bytes(value, text)) {
                return false;
            }
            text += value.size() + 1;
        }
        return true;
    }

    // The word of a slot: where the block is, and enough of the hash to pass
    // over most others without reading them.
    uint64_t word(uint64_t unit) const {
        return (hash & 0xffffffff00000000) | unit;
    }
    bool may_be(uint64_t word) const { return (hash ^ word) >> 32 == 0; }

    uint64_t id;
    uint64_t hash;
    size_t cells;
    uint32_t max_series;
    size_t count;
    size_t text_size = 0;
    std::array<Bytes, kMaxLabels> values;
};

uint64_t Table::layout_hash(size_t size) {
    const uint64_t parts[] = {kVersion, kHeaderSize, sizeof(Block),
                              kUnit,    slots_for(size), size};
    return hash64({reinterpret_cast<const char*>(parts), sizeof(parts)});
}

Result<Table> Table::attach(void* memory, size_t size, bool fresh) {
    if (memory == nullptr || size < kMinSize
        || reinterpret_cast<uintptr_t>(memory) % alignof(uint64_t) != 0
        || size / kUnit > UINT32_MAX) {
        return Error{Errc::kInvalid, "metrics: unusable memory region"};
    }
    static_assert(sizeof(Header) == kHeaderSize);
    Table table;
    table.memory_ = static_cast<char*>(memory);
    table.size_ = size;
    table.slots_ = slots_for(size);
    Header& head = table.header();
    size_t begin = round_up(kHeaderSize + table.slots_ * sizeof(uint64_t));
    if (fresh) {
        std::memset(memory, 0, begin);
        head.layout = layout_hash(size);
        head.size = size;
        head.next = begin;
        std::atomic_ref(head.magic).store(kMagic, std::memory_order_release);
        return table;
    }
    uint64_t magic = std::atomic_ref(head.magic).load();
    if (magic != kMagic || head.layout != layout_hash(size)
        || head.size != size || load(head.next) < begin
        || load(head.next) > size) {
        return Error{Errc::kCorrupt, "metrics: no table of this layout"};
    }
    return table;
}

Table::Header& Table::header() const {
    return *reinterpret_cast<Header*>(memory_);
}

Table::Block* Table::block_of(uint64_t word) const {
    size_t offset = (word & 0xffffffff) * kUnit;
    size_t begin = kHeaderSize + slots_ * sizeof(uint64_t);
    if (offset < begin || offset > size_ - sizeof(Block)) {
        return nullptr;
    }
    auto* block = reinterpret_cast<Block*>(memory_ + offset);
    size_t room = size_ - offset - sizeof(Block);
    if (block->cell_count > kMaxBuckets + 2 || block->cell_count == 0
        || block->text_size > room
        || block->cell_count * sizeof(uint64_t) > room - block->text_size) {
        return nullptr;
    }
    return block;
}

bool Table::read_block(uint64_t word, SeriesView& view) const {
    Block* block = block_of(word);
    if (block == nullptr) {
        return false;
    }
    view.family = block->family;
    view.cells = block->cells();
    view.cell_count = block->cell_count;
    Bytes text(block->text(), block->text_size);
    while (!text.empty() && view.value_count < kMaxLabels) {
        size_t end = text.find('\0');
        if (end == Bytes::npos) {
            return false;
        }
        view.values[view.value_count++] = text.substr(0, end);
        text.remove_prefix(end + 1);
    }
    return true;
}

Table::Block* Table::find(const Key& key) const {
    for (size_t step = 0; step < slots_; ++step) {
        size_t at = (key.hash + step) & (slots_ - 1);
        uint64_t word = slot(at).load(std::memory_order_acquire);
        if (word == 0) {
            return nullptr;
        }
        if (key.may_be(word)) {
            Block* block = block_of(word);
            if (block != nullptr && key.is_of(*block)) {
                return block;
            }
        }
    }
    return nullptr;
}

Table::Block* Table::allocate(size_t bytes, Room room) {
    size_t limit = room == Room::kOverflow ? size_
                   : room == Room::kBounded ? size_ / 4 * 3
                                            : size_ - reserve_for(size_);
    std::atomic_ref next(header().next);
    uint64_t offset = next.load(std::memory_order_relaxed);
    do {
        if (offset > limit || limit - offset < bytes) {
            return nullptr;
        }
    } while (!next.compare_exchange_weak(offset, offset + bytes,
                                         std::memory_order_relaxed));
    return reinterpret_cast<Block*>(memory_ + offset);
}

std::atomic_ref<uint32_t> Table::series_of(const Key& key) const {
    return std::atomic_ref(header().series[key.id % kSeriesCounts]);
}

Table::Block* Table::insert(const Key& key, bool overflow) {
    // Overshoot by as many workers as there are is what the rest is for.
    Room room = overflow              ? Room::kOverflow
                : key.max_series != 0 ? Room::kBounded
                                      : Room::kUsual;
    size_t slot_limit = room == Room::kOverflow  ? slots_ / 8 * 7
                        : room == Room::kBounded ? slots_ / 8 * 5
                                                 : slots_ / 4 * 3;
    if (load(header().used) >= slot_limit
        || (room == Room::kBounded
            && series_of(key).load(std::memory_order_relaxed)
                   >= key.max_series)) {
        return nullptr;
    }
    Block* block = allocate(
        round_up(sizeof(Block) + key.cells * sizeof(uint64_t)
                 + key.text_size),
        room);
    if (block == nullptr) {
        return nullptr;
    }
    block->hash = key.hash;
    block->family = key.id;
    block->text_size = static_cast<uint32_t>(key.text_size);
    block->cell_count = static_cast<uint32_t>(key.cells);
    std::fill_n(block->cells(), key.cells, uint64_t{0});
    char* text = block->text();
    for (size_t at = 0; at < key.count; ++at) {
        text = std::copy(key.values[at].begin(), key.values[at].end(), text);
        *text++ = '\0';
    }
    return publish(key, block);
}

Table::Block* Table::publish(const Key& key, Block* block) {
    auto offset = static_cast<uint64_t>(reinterpret_cast<char*>(block)
                                        - memory_);
    uint64_t word = key.word(offset / kUnit);
    for (size_t step = 0; step < slots_; ++step) {
        auto target = slot((key.hash + step) & (slots_ - 1));
        uint64_t seen = 0;
        if (target.compare_exchange_strong(seen, word,
                                           std::memory_order_acq_rel)) {
            std::atomic_ref(header().used)
                .fetch_add(1, std::memory_order_relaxed);
            series_of(key).fetch_add(1, std::memory_order_relaxed);
            return block;
        }
        Block* other = key.may_be(seen) ? block_of(seen) : nullptr;
        if (other != nullptr && key.is_of(*other)) {
            return other;
        }
    }
    return nullptr;
}

uint64_t* Table::find_or_insert(const Family& family, Values values) {
    if (memory_ == nullptr || family.labels.size() > kMaxLabels
        || family.buckets.size() > kMaxBuckets) {
        return nullptr;
    }
    // What the table holds is clean, so what is found needs no cleaning.
    Key key(family, values);
    Block* block = find(key);
    if (block != nullptr) {
        return block->cells();
    }
    std::array<Bytes, kMaxLabels> clean;
    for (size_t at = 0; at < key.count; ++at) {
        clean[at] = admitted(family.labels[at], key.values[at]);
    }
    Key cleaned(family, clean);
    block = find(cleaned);
    if (block == nullptr) {
        block = insert(cleaned, false);
    }
    if (block == nullptr) {
        std::atomic_ref(header().dropped)
            .fetch_add(1, std::memory_order_relaxed);
        clean.fill(kOther);
        Key other(family, clean);
        block = find(other);
        if (block == nullptr) {
            block = insert(other, true);
        }
    }
    return block == nullptr ? nullptr : block->cells();
}

Counter Table::counter(const Family& family, Values values) {
    if (family.type != Type::kCounter) {
        return Counter();
    }
    return Counter(find_or_insert(family, values));
}

Histogram Table::histogram(const Family& family, Values values) {
    if (family.type != Type::kHistogram) {
        return Histogram();
    }
    uint64_t* cells = find_or_insert(family, values);
    return cells == nullptr ? Histogram() : Histogram(cells, family.buckets);
}

uint64_t Table::dropped() const {
    return memory_ == nullptr ? 0 : load(header().dropped);
}

size_t Table::used() const {
    return memory_ == nullptr ? 0 : load(header().used);
}

}  // namespace llm::metrics
