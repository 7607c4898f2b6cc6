#include "src/json/key_sort.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

namespace llm::json {
namespace {

// A run of fewer keys is sorted by whole keys: there is little to gain.
constexpr size_t kFew = 24;

constexpr size_t kChunk = sizeof(SortKey::chunk);

// Keys that agree in their first `offset` bytes.
struct Run {
    size_t begin;
    size_t end;
    size_t offset;
};

void read_chunk(SortKey& key, size_t offset) {
    key.left = static_cast<uint32_t>(
        std::min(kChunk, key.text.size() - offset));
    key.chunk = 0;
    std::memcpy(&key.chunk, key.text.data() + offset, key.left);
    if constexpr (std::endian::native == std::endian::little) {
        key.chunk = __builtin_bswap64(key.chunk);
    }
}

bool same_chunk(const SortKey& a, const SortKey& b) {
    return a.chunk == b.chunk && a.left == b.left;
}

// A key that ends stands before one that goes on with zero bytes.
bool chunk_less(const SortKey& a, const SortKey& b) {
    return a.chunk != b.chunk ? a.chunk < b.chunk : a.left < b.left;
}

// The parts of the run, sorted by now, whose keys agree further and go on.
void split(std::span<const SortKey> keys, const Run& run,
           std::vector<Run>& runs) {
    for (size_t begin = run.begin; begin < run.end;) {
        size_t end = begin + 1;
        while (end < run.end && same_chunk(keys[begin], keys[end])) {
            end++;
        }
        if (end - begin > 1 && keys[begin].left == kChunk) {
            runs.push_back({begin, end, run.offset + kChunk});
        }
        begin = end;
    }
}

}  // namespace

void sort_keys(std::span<SortKey> keys) {
    std::vector<Run> runs{{0, keys.size(), 0}};
    while (!runs.empty()) {
        Run run = runs.back();
        runs.pop_back();
        std::span part = keys.subspan(run.begin, run.end - run.begin);
        if (part.size() <= kFew) {
            std::ranges::sort(part, {}, &SortKey::text);
            continue;
        }
        for (SortKey& key : part) {
            read_chunk(key, run.offset);
        }
        std::ranges::sort(part, chunk_less);
        split(keys, run, runs);
    }
}

}  // namespace llm::json
