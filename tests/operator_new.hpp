// The test program's own operator new and delete, which tell on_allocation()
// of each piece of memory. Included by one file of a program; that file says
// what to do with it.
//
// All forms, also those that do not throw: a sanitizer has its own for each
// that is missing here, and what one gives the other may not free.
#pragma once

#include <cstdlib>
#include <new>

namespace llm::test {

void on_allocation() noexcept;

inline void* allocate_or_null(size_t size, size_t alignment) noexcept {
    on_allocation();
    void* out = nullptr;
    int error = posix_memalign(&out, alignment, size > 0 ? size : 1);
    return error == 0 ? out : nullptr;
}

inline void* allocate(size_t size, size_t alignment) {
    void* out = allocate_or_null(size, alignment);
    if (out == nullptr) {
        throw std::bad_alloc();
    }
    return out;
}

// Not inlined: GCC holds free() against a new that it did not inline as well.
[[gnu::noinline]] inline void give_back(void* p) noexcept { std::free(p); }

}  // namespace llm::test

void* operator new(size_t size) { return llm::test::allocate(size, 16); }
void* operator new(size_t size, std::align_val_t alignment) {
    return llm::test::allocate(size, static_cast<size_t>(alignment));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
    return llm::test::allocate_or_null(size, 16);
}
void* operator new(size_t size, std::align_val_t alignment,
                   const std::nothrow_t&) noexcept {
    return llm::test::allocate_or_null(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size) { return llm::test::allocate(size, 16); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
    return llm::test::allocate_or_null(size, 16);
}
void operator delete[](void* p) noexcept { llm::test::give_back(p); }
void operator delete[](void* p, size_t) noexcept { llm::test::give_back(p); }
void operator delete(void* p) noexcept { llm::test::give_back(p); }
void operator delete(void* p, size_t) noexcept { llm::test::give_back(p); }
void operator delete(void* p, std::align_val_t) noexcept { llm::test::give_back(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept {
    llm::test::give_back(p);
}
