#include "src/limit/worker_list.hpp"

#include <atomic>
#include <cstring>

#include "src/base/process.hpp"

namespace llm::limit {
WorkerList WorkerList::attach(const shm::Region& region) {
    static_assert(kSize == kWorkers * sizeof(Entry));
    WorkerList list;
    list.entries_ = reinterpret_cast<Entry*>(region.data);
    if (region.fresh) {
        std::memset(region.data, 0, kSize);
    }
    return list;
}

void WorkerList::join(const Owner& owner) {
    for (size_t i = 0; entries_ != nullptr && i < kWorkers; i++) {
        uint64_t free = 0;
        if (std::atomic_ref(entries_[i].pid)
                .compare_exchange_strong(
                    free, static_cast<uint64_t>(owner.pid))) {
            std::atomic_ref(entries_[i].generation).store(owner.generation);
            return;
        }
    }
}

void WorkerList::leave(const Owner& owner) {
    for (size_t i = 0; entries_ != nullptr && i < kWorkers; i++) {
        auto pid = static_cast<uint64_t>(owner.pid);
        if (std::atomic_ref(entries_[i].generation).load()
            == owner.generation) {
            std::atomic_ref(entries_[i].pid).compare_exchange_strong(pid, 0);
        }
    }
}

std::vector<Owner> WorkerList::take_dead() {
    std::vector<Owner> dead;
    for (size_t i = 0; entries_ != nullptr && i < kWorkers; i++) {
        uint64_t pid = std::atomic_ref(entries_[i].pid).load();
        if (pid == 0 || is_running(static_cast<pid_t>(pid))) {
            continue;
        }
        uint64_t generation =
            std::atomic_ref(entries_[i].generation).load();
        if (std::atomic_ref(entries_[i].pid).compare_exchange_strong(pid, 0)) {
            dead.push_back({static_cast<int32_t>(pid), generation});
        }
    }
    return dead;
}

}  // namespace llm::limit
