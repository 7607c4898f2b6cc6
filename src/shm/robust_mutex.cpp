#include "src/shm/robust_mutex.hpp"

#include <cerrno>
#include <cstring>

namespace llm::shm {

Result<void> RobustMutex::init() {
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);
    if (rc != 0) {
        return Error{Errc::kIo, std::string("mutex: ") + std::strerror(rc)};
    }
    rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    if (rc == 0) {
        rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }
    if (rc == 0) {
        std::memset(&mutex_, 0, sizeof(mutex_));
        rc = pthread_mutex_init(&mutex_, &attr);
    }
    pthread_mutexattr_destroy(&attr);
    if (rc != 0) {
        return Error{Errc::kIo, std::string("mutex: ") + std::strerror(rc)};
    }
    dirty_ = 0;
    reserved_ = 0;
    return {};
}

bool RobustMutex::lock() {
    int rc = pthread_mutex_lock(&mutex_);
    if (rc == 0) {
        return true;
    }
    if (rc != EOWNERDEAD) {
        return false;
    }
    // First the mark, then the lock's own peace: a death in between leaves
    // the lock as it was found, and the next owner comes here again.
    __atomic_store_n(&dirty_, 1u, __ATOMIC_SEQ_CST);
    return pthread_mutex_consistent(&mutex_) == 0;
}

void RobustMutex::unlock() { pthread_mutex_unlock(&mutex_); }

}  // namespace llm::shm
