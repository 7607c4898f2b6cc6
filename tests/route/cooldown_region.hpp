// A cooldown over anonymous shared memory, and a clock to step.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "src/route/cooldown.hpp"

namespace llm::route {

constexpr int64_t kSecond = 1000000000;

class CooldownRegion {
public:
    explicit CooldownRegion(CooldownOptions options = {})
        : size_(Cooldown::size_needed(options)) {
        memory_ = static_cast<char*>(mmap(nullptr, size_,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        auto made = Cooldown::attach({memory_, size_, true}, options);
        EXPECT_TRUE(made.ok());
        cooldown = *made;
    }
    ~CooldownRegion() { munmap(memory_, size_); }
    CooldownRegion(const CooldownRegion&) = delete;
    CooldownRegion& operator=(const CooldownRegion&) = delete;

    shm::Region region() { return {memory_, size_, false}; }

    Cooldown cooldown;

private:
    size_t size_;
    char* memory_;
};

inline Now at(double seconds) {
    return {1000 * kSecond + static_cast<int64_t>(seconds * 1e9), 0};
}

}  // namespace llm::route
