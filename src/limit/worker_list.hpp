// WorkerList: which processes may hold reservations. A worker that was killed
// cannot give back what it holds; the others see here that it is gone and do
// it at once, instead of waiting for its leases.
//
// The region: kWorkers pairs of words, a process id (0: free) and its
// generation, each changed by atomic operations alone. A process killed while
// it joins leaves at worst a pair that names nobody's reservations. A process
// id that somebody else has got meanwhile looks alive; the leases end then.
//
// Any process and thread; the region must outlive it. Without a region
// nothing is kept.
#pragma once

#include <cstdint>
#include <vector>

#include "src/limit/demand.hpp"
#include "src/shm/region.hpp"

namespace llm::limit {

class WorkerList {
public:
    static constexpr uint32_t kVersion = 1;
    static constexpr size_t kWorkers = 1024;
    static constexpr uint64_t kSize = kWorkers * 16;
    static uint32_t layout() { return 0x776f726b; }

    static WorkerList attach(const shm::Region& region);

    WorkerList() = default;

    // Does nothing when the list is full.
    void join(const Owner& owner);
    void leave(const Owner& owner);

    // Those that do not run any more; they are off the list.
    std::vector<Owner> take_dead();

private:
    struct Entry {
        uint64_t pid;
        uint64_t generation;
    };

    Entry* entries_ = nullptr;
};

}  // namespace llm::limit
