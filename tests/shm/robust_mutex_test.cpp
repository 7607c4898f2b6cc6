#include "src/shm/robust_mutex.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace llm::shm {
namespace {

struct Shared {
    RobustMutex mutex;
    uint64_t count;
};

class RobustMutexTest : public ::testing::Test {
protected:
    void SetUp() override {
        void* p = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(p, MAP_FAILED);
        shared_ = static_cast<Shared*>(p);
        ASSERT_TRUE(shared_->mutex.init().ok());
    }
    void TearDown() override { munmap(shared_, sizeof(Shared)); }

    // A child that takes the lock and dies with it.
    void die_inside() {
        pid_t pid = fork();
        ASSERT_GE(pid, 0);
        if (pid == 0) {
            RobustMutex::Guard guard(shared_->mutex);
            kill(getpid(), SIGKILL);
        }
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFSIGNALED(status));
    }

    Shared* shared_ = nullptr;
};

TEST_F(RobustMutexTest, PlainLockTellsNothing) {
    for (int i = 0; i < 3; i++) {
        RobustMutex::Guard guard(shared_->mutex);
        EXPECT_TRUE(guard.locked());
        EXPECT_FALSE(guard.owner_died());
    }
}

TEST_F(RobustMutexTest, DeadOwnerIsToldUntilRepaired) {
    die_inside();
    for (int i = 0; i < 3; i++) {  // nobody repairs: told again
        RobustMutex::Guard guard(shared_->mutex);
        EXPECT_TRUE(guard.locked());
        EXPECT_TRUE(guard.owner_died());
    }
    {
        RobustMutex::Guard guard(shared_->mutex);
        EXPECT_TRUE(guard.owner_died());
        guard.repaired();
        EXPECT_FALSE(guard.owner_died());
    }
    RobustMutex::Guard guard(shared_->mutex);
    EXPECT_TRUE(guard.locked());
    EXPECT_FALSE(guard.owner_died());
}

TEST_F(RobustMutexTest, RepairerMayDieToo) {
    for (int i = 0; i < 50; i++) {
        die_inside();
    }
    RobustMutex::Guard guard(shared_->mutex);
    EXPECT_TRUE(guard.locked());
    EXPECT_TRUE(guard.owner_died());
    guard.repaired();
}

TEST_F(RobustMutexTest, ExcludesThreadsAndProcesses) {
    shared_->count = 0;
    constexpr int kRounds = 20000;
    auto add = [this] {
        for (int i = 0; i < kRounds; i++) {
            RobustMutex::Guard guard(shared_->mutex);
            shared_->count++;
        }
    };
    pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        add();
        _exit(0);
    }
    std::thread other(add);
    add();
    other.join();
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(shared_->count, 3u * kRounds);
}

}  // namespace
}  // namespace llm::shm
