#include "src/cache/purge_log.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace llm::cache {
namespace {

class PurgeLogTest : public ::testing::Test {
protected:
    void SetUp() override {
        void* p = mmap(nullptr, sizeof(PurgeHead), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(p, MAP_FAILED);
        head_ = static_cast<PurgeHead*>(p);
        ASSERT_TRUE(PurgeLog::format(head_).ok());
        log_ = PurgeLog(head_, SipKey{1, 2});
    }
    void TearDown() override { munmap(head_, sizeof(PurgeHead)); }

    uint64_t begin(PurgeBy by, Bytes value) {
        auto begun = log_.begin(by, log_.hash(by, value));
        EXPECT_TRUE(begun.ok());
        return begun.ok() ? *begun : 0;
    }
    uint64_t killer(const Marks& marks, uint64_t since) {
        return log_.killer(marks, since, [] { return nullptr; });
    }
    Marks tenant(Bytes name) {
        Marks marks;
        marks.tenant =
            PurgeLog::filter(log_.hash(PurgeBy::kTenant, name));
        return marks;
    }

    PurgeHead* head_ = nullptr;
    PurgeLog log_;
};

TEST_F(PurgeLogTest, OnlyLaterPurgesKill) {
    Marks acme = tenant("acme");
    uint64_t born = log_.sequence();
    EXPECT_EQ(killer(acme, born), 0u);
    uint64_t first = begin(PurgeBy::kTenant, "acme");
    EXPECT_EQ(first, born + 1);
    EXPECT_EQ(killer(acme, born), first);
    EXPECT_EQ(killer(acme, first), 0u);
    EXPECT_EQ(killer(tenant("other"), born), 0u);
    uint64_t all = begin(PurgeBy::kAll, "");
    EXPECT_EQ(log_.all(), all);
    EXPECT_EQ(killer(acme, born), first);  // the oldest that kills
    EXPECT_EQ(killer(tenant("other"), born), all);
    EXPECT_EQ(killer(Marks{}, first), all);
}

TEST_F(PurgeLogTest, TagsAreExactThoughTheFilterIsNot) {
    uint64_t value = log_.hash(PurgeBy::kTag, "one");
    uint64_t other = value ^ 1;  // the same filter bit
    ASSERT_EQ(PurgeLog::tag_bit(value), PurgeLog::tag_bit(other));
    uint64_t born = log_.sequence();
    begin(PurgeBy::kTag, "one");
    Marks marks;
    marks.tags = PurgeLog::tag_bit(value);
    marks.tag_count = 2;
    uint64_t without[] = {other, 7};
    uint64_t with[] = {other, value};
    EXPECT_EQ(log_.killer(marks, born, [&] { return without; }), 0u);
    EXPECT_NE(log_.killer(marks, born, [&] { return with; }), 0u);
    marks.tags = ~marks.tags;  // not even looked at
    EXPECT_EQ(log_.killer(marks, born, [&] {
        ADD_FAILURE();
        return with;
    }),
              0u);
}

TEST_F(PurgeLogTest, FullOfUnsweptPurgesItAsksForASweep) {
    uint64_t last = 0;
    for (uint32_t i = 0; i < kPurgeRecords / 2; i++) {
        last = begin(PurgeBy::kTenant, "t" + std::to_string(i));
    }
    auto more = log_.begin(PurgeBy::kTenant, 1);
    ASSERT_FALSE(more.ok());
    EXPECT_EQ(more.error().code, Errc::kNoSpace);
    EXPECT_EQ(log_.sequence(), last);
    log_.finish(last);
    EXPECT_EQ(log_.swept(), last);
    log_.finish(last - 5);  // a slow sweeper does not turn it back
    EXPECT_EQ(log_.swept(), last);
    EXPECT_TRUE(log_.begin(PurgeBy::kTenant, 1).ok());
}

TEST_F(PurgeLogTest, OverwrittenMeansDead) {
    uint64_t born = log_.sequence();
    for (uint32_t i = 0; i < kPurgeRecords - 2; i++) {
        EXPECT_EQ(killer(Marks{}, born), 0u) << i;
        log_.finish(begin(PurgeBy::kTenant, "someone"));
    }
    log_.finish(begin(PurgeBy::kTenant, "someone"));
    EXPECT_NE(killer(Marks{}, born), 0u);
    EXPECT_EQ(killer(Marks{}, log_.sequence() - 100), 0u);
}

TEST_F(PurgeLogTest, CountsBelongToTheirPurge) {
    uint64_t one = begin(PurgeBy::kTenant, "a");
    uint64_t two = begin(PurgeBy::kTenant, "b");
    log_.add(one, 3);
    log_.add(two, 1);
    log_.add(one, 1);
    EXPECT_EQ(log_.count(one), 4u);
    EXPECT_EQ(log_.count(two), 1u);
    log_.add(one + kPurgeRecords, 1);  // never begun
    EXPECT_EQ(log_.count(one), 4u);
    EXPECT_EQ(log_.count(one + kPurgeRecords), 0u);
}

// The purger dies after it has announced a purge of all and before it has
// taken the number: the next one must not be taken for the announced one.
TEST_F(PurgeLogTest, DeadPurgerLosesNoLaterPurge) {
    begin(PurgeBy::kTenant, "a");
    pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        shm::RobustMutex::Guard guard(head_->mutex);
        head_->ring[(head_->sequence + 1) % kPurgeRecords].sequence = 0;
        head_->all = head_->sequence + 1;
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    uint64_t announced = log_.all();
    uint64_t all = begin(PurgeBy::kAll, "");
    EXPECT_GT(all, announced);
    EXPECT_EQ(log_.all(), all);
    // What was born before the half-made one is dead, whatever it is.
    EXPECT_NE(killer(Marks{}, announced - 1), 0u);
    EXPECT_EQ(killer(Marks{}, all), 0u);
}

// A purge of all that has its number kills before any shard is emptied for its
// sake, and is not forgotten when its purger dies in between.
TEST_F(PurgeLogTest, APurgeOfAllIsInTheLogBeforeItEmpties) {
    uint64_t born = log_.sequence();
    pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        begin(PurgeBy::kAll, "");
        shm::RobustMutex::Guard guard(head_->mutex);
        head_->all = 0;
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    uint64_t all = born + 1;
    EXPECT_EQ(log_.all(), 0u);
    EXPECT_EQ(killer(Marks{}, born), all);
    begin(PurgeBy::kTenant, "a");
    EXPECT_EQ(log_.all(), all);
}

}  // namespace
}  // namespace llm::cache
