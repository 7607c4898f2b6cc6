// AlignedArray<T>: memory for vector code: zeroed, aligned to a cache line,
// and from 2 MB on to huge pages, which spare the weights' streams most of
// their TLB misses.
//
// Ownership: owns its memory; moves, does not copy. Threads: a plain value.
// T is a number type. Memory is for good: grow() never shrinks, and loses
// what was there.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace llm::semantic {

template <typename T>
class AlignedArray {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    AlignedArray() = default;
    explicit AlignedArray(size_t size) { grow(size); }
    AlignedArray(AlignedArray&& other) noexcept { swap(other); }
    AlignedArray& operator=(AlignedArray&& other) noexcept {
        swap(other);
        return *this;
    }
    ~AlignedArray() { free(); }

    // At least `size` elements afterwards, zeroed when it had to grow.
    void grow(size_t size) {
        if (size <= size_) {
            return;
        }
        free();
        size_t bytes = size * sizeof(T);
        size_t unit = bytes < kHuge ? kLine : kHuge;
        bytes = (bytes + unit - 1) / unit * unit;
        data_ = static_cast<T*>(
            ::operator new(bytes, std::align_val_t(unit)));
        huge_ = unit == kHuge;
        if (huge_) {
            madvise(data_, bytes, MADV_HUGEPAGE);  // a wish; may be refused
        }
        std::memset(static_cast<void*>(data_), 0, bytes);
        size_ = size;
    }

    T* data() { return data_; }
    const T* data() const { return data_; }
    size_t size() const { return size_; }
    T& operator[](size_t i) { return data_[i]; }
    const T& operator[](size_t i) const { return data_[i]; }

private:
    static constexpr size_t kLine = 64;
    static constexpr size_t kHuge = size_t{2} << 20;

    void free() {
        if (data_ != nullptr) {
            ::operator delete(data_,
                              std::align_val_t(huge_ ? kHuge : kLine));
        }
        data_ = nullptr;
        size_ = 0;
    }
    void swap(AlignedArray& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(huge_, other.huge_);
    }

    T* data_ = nullptr;
    size_t size_ = 0;
    bool huge_ = false;
};

}  // namespace llm::semantic
