// A mutex that lives in shared memory and outlives its owners: when a process
// dies inside the lock, the next one gets it and is told so.
//
// pthread's robust mutex turns ENOTRECOVERABLE for ever once it is unlocked
// without pthread_mutex_consistent(). That can not happen here: the lock is
// declared consistent at once, and that what it guards may be broken is kept
// in `dirty` beside it until somebody has repaired it. So a repairer may die,
// or give up, and the next owner is told again.
//
// Place: memory mapped MAP_SHARED by all users, zero-initialised or not;
// init() once before the first use, by one process. Threads and processes:
// any. Not recursive: locking it twice in one thread is a deadlock.
#pragma once

#include <pthread.h>

#include <cstdint>
#include <type_traits>

#include "src/base/result.hpp"

namespace llm::shm {

class RobustMutex {
public:
    // Makes a lock that nobody holds out of whatever bytes stand here.
    Result<void> init();

    // Holds the lock for a scope.
    class Guard {
    public:
        explicit Guard(RobustMutex& mutex)
            : mutex_(mutex), locked_(mutex.lock()) {}
        ~Guard() {
            if (locked_) {
                mutex_.unlock();
            }
        }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;

        // False when the bytes are no lock: nothing guarded may be touched.
        bool locked() const { return locked_; }
        // An owner died and nobody has repaired since: check or empty what
        // the lock guards, then say repaired().
        bool owner_died() const { return locked_ && mutex_.dirty_ != 0; }
        void repaired() { mutex_.dirty_ = 0; }

    private:
        RobustMutex& mutex_;
        bool locked_;
    };

private:
    bool lock();
    void unlock();

    pthread_mutex_t mutex_;
    uint32_t dirty_;  // read and written by the lock's owner alone
    uint32_t reserved_;
};

static_assert(std::is_trivially_copyable_v<RobustMutex>);
static_assert(std::is_standard_layout_v<RobustMutex>);

}  // namespace llm::shm
