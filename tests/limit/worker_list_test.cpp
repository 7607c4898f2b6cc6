// Which processes hold reservations, and which of them are gone.
#include "src/limit/worker_list.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace llm::limit {
namespace {

class WorkerListTest : public testing::Test {
protected:
    WorkerListTest() {
        memory_ = static_cast<char*>(mmap(nullptr, WorkerList::kSize,
                                          PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        list_ = WorkerList::attach({memory_, WorkerList::kSize, true});
    }
    ~WorkerListTest() override { munmap(memory_, WorkerList::kSize); }

    // A process that joins and waits until it is killed.
    pid_t join_elsewhere(uint64_t generation) {
        int ready[2];
        EXPECT_EQ(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
            list_.join({getpid(), generation});
            (void) !write(ready[1], "x", 1);
            for (;;) {
                pause();
            }
        }
        char byte;
        EXPECT_EQ(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
    }

    static void end(pid_t pid) {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }

    char* memory_ = nullptr;
    WorkerList list_;
};

TEST_F(WorkerListTest, WithoutARegionNothingIsKept) {
    WorkerList none;
    none.join({getpid(), 1});
    none.leave({getpid(), 1});
    EXPECT_TRUE(none.take_dead().empty());
}

TEST_F(WorkerListTest, TheKilledAreTakenOnce) {
    pid_t first = join_elsewhere(7);
    pid_t second = join_elsewhere(8);
    EXPECT_TRUE(list_.take_dead().empty());
    end(first);
    auto dead = list_.take_dead();
    ASSERT_EQ(dead.size(), 1u);
    EXPECT_EQ(dead[0], (Owner{first, 7}));
    EXPECT_TRUE(list_.take_dead().empty());
    end(second);
    dead = list_.take_dead();
    ASSERT_EQ(dead.size(), 1u);
    EXPECT_EQ(dead[0], (Owner{second, 8}));
}

TEST_F(WorkerListTest, WhoLeavesIsNotMissed) {
    pid_t pid = join_elsewhere(9);
    list_.leave({pid, 8});  // another process that had this id
    end(pid);
    EXPECT_EQ(list_.take_dead().size(), 1u);
    pid = join_elsewhere(10);
    list_.leave({pid, 10});
    end(pid);
    EXPECT_TRUE(list_.take_dead().empty());
}

TEST_F(WorkerListTest, AFullListTakesNobodyAndPlacesComeBack) {
    for (size_t i = 0; i < WorkerList::kWorkers; i++) {
        list_.join({getpid(), i + 1});
    }
    pid_t pid = join_elsewhere(5000);
    end(pid);
    EXPECT_TRUE(list_.take_dead().empty());
    list_.leave({getpid(), 3});
    pid = join_elsewhere(5001);
    end(pid);
    EXPECT_EQ(list_.take_dead().size(), 1u);
}

TEST_F(WorkerListTest, ASecondViewSeesTheSame) {
    pid_t pid = join_elsewhere(11);
    auto other = WorkerList::attach({memory_, WorkerList::kSize, false});
    end(pid);
    EXPECT_EQ(other.take_dead().size(), 1u);
    EXPECT_TRUE(list_.take_dead().empty());
}

}  // namespace
}  // namespace llm::limit
