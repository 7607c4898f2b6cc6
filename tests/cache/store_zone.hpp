// A store over memory of its own, for the tests of the store.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "src/cache/store.hpp"

namespace llm::cache {

// Shared with the children of fork(). Filled with a pattern, so that nothing
// can rely on cleared memory.
class Zone {
public:
    explicit Zone(size_t size, uint64_t max_entry = 64 << 10,
                  Probe probe = nullptr)
        : size_(size) {
        memory_ = static_cast<char*>(mmap(nullptr, size,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        std::memset(memory_, 0xa5, size);
        auto made = Store::attach({memory_, size_, true},
                                  {max_entry, probe});
        EXPECT_TRUE(made.ok()) << made.error().message;
        store_ = *made;
    }
    ~Zone() { munmap(memory_, size_); }
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;

    Store& store() { return store_; }
    Store* operator->() { return &store_; }
    char* memory() { return memory_; }
    size_t size() const { return size_; }

private:
    char* memory_;
    size_t size_;
    Store store_;
};

inline Digest key_of(uint64_t n) {
    return sha256("key " + std::to_string(n));
}

// Different for each n, of exactly that size.
inline std::string body_of(uint64_t n, size_t size) {
    std::string out(size, '\0');
    uint64_t x = n * 0x9e3779b97f4a7c15 + 1;
    for (size_t i = 0; i < size; i += sizeof(x)) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        std::memcpy(out.data() + i, &x, std::min(sizeof(x), size - i));
    }
    return out;
}

inline Now at(double seconds) {
    auto ns = static_cast<int64_t>(seconds * 1e9);
    return {ns, 1700000000000000000 + ns};
}

inline PutResult put(Store& store, const Digest& key, Bytes body,
                     EntryMeta meta = {}, Now now = at(100)) {
    if (meta.ttl_s == 0) {
        meta.ttl_s = 3600;
    }
    if (meta.born == 0) {
        meta.born = store.sequence();
    }
    Bytes pieces[] = {body};
    return store.put(key, meta, pieces, now);
}

struct Got {
    Lookup lookup;
    std::string body;
    bool hit() const { return lookup.hit(); }
};

template <typename Name>
Got get(Store& store, const Name& name, Now now = at(100)) {
    Got got;
    got.lookup = store.lookup(name, now, [&got](size_t size) {
        got.body.resize(size);
        return got.body.data();
    });
    return got;
}

}  // namespace llm::cache
