#include "src/route/cooldown.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <vector>

#include "src/shm/robust_mutex.hpp"
#include "tests/route/cooldown_region.hpp"

namespace llm::route {
namespace {

constexpr Bytes kA = "alpha";
constexpr Bytes kB = "beta";
constexpr Bytes kM = "gpt-4o";
constexpr Bytes kN = "gpt-4o-mini";

class CooldownTest : public ::testing::Test {
protected:
    // One request that ends at once.
    CooldownChange ask(Bytes provider, Bytes model, Fault fault, double when,
                       std::optional<int64_t> wait = std::nullopt) {
        CooldownAnswer answer = c.admit(provider, model, at(when));
        EXPECT_TRUE(answer.allowed) << provider << model << when;
        return c.report(answer.pass, fault, wait, at(when));
    }
    CooldownState state(Bytes provider, Bytes model, double when) {
        return c.look(provider, model, at(when)).state;
    }
    void open(double when) {
        EXPECT_TRUE(ask(kA, kM, Fault::kRateLimit, when, 2 * kSecond).opened);
    }

    CooldownRegion region;
    Cooldown& c = region.cooldown;
};

TEST_F(CooldownTest, NothingIsClosed) {
    CooldownAnswer answer = c.admit(kA, kM, at(0));
    EXPECT_TRUE(answer.allowed);
    EXPECT_EQ(answer.state, CooldownState::kClosed);
    EXPECT_FALSE(answer.pass.is_probe());
    EXPECT_FALSE(c.report(answer.pass, Fault::kNone, {}, at(1)).opened);
    EXPECT_EQ(c.stats(at(1)).in_use, 0u);
}

// While another one holds the lock: whether `ask` comes to its end.
template <typename Ask>
bool ends_without_lock(const shm::Region& region, Ask ask) {
    auto& mutex = *reinterpret_cast<shm::RobustMutex*>(region.data);
    auto held = std::make_unique<shm::RobustMutex::Guard>(mutex);
    auto done = std::async(std::launch::async, ask);
    bool ended = done.wait_for(std::chrono::milliseconds(500))
                 == std::future_status::ready;
    held.reset();
    done.wait();
    return ended;
}

TEST_F(CooldownTest, WhereNobodyFailsNobodyWaitsForTheLock) {
    auto ask_well = [&] {
        CooldownAnswer answer = c.admit(kA, kM, at(1));
        (void) c.look(kB, kM, at(1));
        (void) c.report(answer.pass, Fault::kNone, {}, at(1));
        answer = c.admit(kA, kM, at(1));
        (void) c.report(answer.pass, Fault::kClientGone, {}, at(1));
    };
    EXPECT_TRUE(ends_without_lock(region.region(), ask_well));
    ask(kA, kM, Fault::kServer, 1);
    EXPECT_FALSE(ends_without_lock(region.region(), ask_well))
        << "one failure has to be taken back";
    EXPECT_TRUE(ends_without_lock(region.region(), ask_well));
    open(2);
    EXPECT_FALSE(ends_without_lock(region.region(), ask_well));
    EXPECT_EQ(state(kA, kM, 3), CooldownState::kOpen);
    ask(kA, kM, Fault::kNone, 5);
    EXPECT_EQ(state(kA, kM, 5), CooldownState::kClosed);
    EXPECT_TRUE(ends_without_lock(region.region(), ask_well));
    ask(kA, kM, Fault::kAuth, 6);
    EXPECT_FALSE(ends_without_lock(region.region(), ask_well));
    c.forget(kA);
    EXPECT_TRUE(ends_without_lock(region.region(), ask_well));
    EXPECT_TRUE(c.check().ok());
}

TEST_F(CooldownTest, WithoutARegionEverythingIsClosed) {
    Cooldown none;
    EXPECT_TRUE(none.admit(kA, kM, at(0)).allowed);
    EXPECT_TRUE(none.look(kA, kM, at(0)).allowed);
    EXPECT_FALSE(none.report({}, Fault::kAuth, {}, at(0)).opened);
    none.forget(kA);
    EXPECT_EQ(none.stats(at(0)).entries, 0u);
}

TEST_F(CooldownTest, OpensAfterSomeFailures) {
    for (int i = 0; i < 4; i++) {
        EXPECT_FALSE(ask(kA, kM, Fault::kServer, i).opened);
    }
    CooldownChange change = ask(kA, kM, Fault::kTimeout, 4);
    EXPECT_TRUE(change.opened);
    EXPECT_FALSE(change.whole_provider);
    EXPECT_EQ(change.open_ns, 10 * kSecond);
    EXPECT_EQ(state(kA, kM, 5), CooldownState::kOpen);
    EXPECT_EQ(c.admit(kA, kM, at(5)).retry_ns, 9 * kSecond);
    // Nobody else is touched.
    EXPECT_EQ(state(kA, kN, 5), CooldownState::kClosed);
    EXPECT_EQ(state(kB, kM, 5), CooldownState::kClosed);
}

TEST_F(CooldownTest, FailuresOfOtherWindowsAndSuccessesTakeBack) {
    for (int i = 0; i < 4; i++) {
        ask(kA, kM, Fault::kServer, 0);
    }
    EXPECT_FALSE(ask(kA, kM, Fault::kServer, 11).opened);
    for (int i = 0; i < 50; i++) {
        EXPECT_FALSE(ask(kA, kN, Fault::kServer, 1).opened);
        ask(kA, kN, Fault::kNone, 1);
    }
}

TEST_F(CooldownTest, WhatAClientCausesIsNoFailure) {
    for (int i = 0; i < 50; i++) {
        for (Fault fault :
             {Fault::kClientGone, Fault::kRequest, Fault::kContextLength,
              Fault::kContentFilter, Fault::kModel}) {
            EXPECT_FALSE(ask(kA, kM, fault, 0).opened);
        }
    }
    EXPECT_EQ(c.stats(at(0)).in_use, 0u);
}

TEST_F(CooldownTest, ConnectErrorsAndAuthAreOfTheWholeProvider) {
    CooldownChange change = ask(kA, kM, Fault::kAuth, 0);
    EXPECT_TRUE(change.opened);
    EXPECT_TRUE(change.whole_provider);
    EXPECT_EQ(state(kA, kN, 1), CooldownState::kOpen);
    EXPECT_EQ(state(kA, {}, 1), CooldownState::kOpen);
    EXPECT_FALSE(c.admit(kA, kN, at(1)).allowed);
    c.forget(kA);
    EXPECT_EQ(state(kA, kN, 1), CooldownState::kClosed);

    for (int i = 0; i < 4; i++) {
        EXPECT_FALSE(ask(kB, i % 2 == 0 ? kM : kN, Fault::kConnect, i)
                         .opened);
    }
    EXPECT_TRUE(ask(kB, kM, Fault::kConnect, 5).whole_provider);
    EXPECT_FALSE(c.admit(kB, "another", at(6)).allowed);
}

TEST_F(CooldownTest, ACredentialIsNotMendedByTheTimeThatIsTold) {
    EXPECT_EQ(ask(kA, kM, Fault::kAuth, 0, kSecond / 10).open_ns,
              10 * kSecond);
    EXPECT_EQ(ask(kB, kM, Fault::kQuota, 0, kSecond / 10).open_ns,
              10 * kSecond);
}

TEST_F(CooldownTest, ARateLimitOpensForAsLongAsItSays) {
    CooldownChange change =
        ask(kA, kM, Fault::kRateLimit, 0, 90 * kSecond);
    EXPECT_EQ(change.open_ns, 90 * kSecond);
    EXPECT_FALSE(c.admit(kA, kM, at(89.9)).allowed);
    EXPECT_EQ(state(kA, kM, 90), CooldownState::kHalfOpen);
    EXPECT_EQ(state(kA, kN, 1), CooldownState::kClosed);
    // Without a word, the usual time; with nonsense, the cap.
    EXPECT_EQ(ask(kB, kM, Fault::kRateLimit, 0).open_ns, 10 * kSecond);
    EXPECT_EQ(ask(kB, kN, Fault::kRateLimit, 0, 86400 * kSecond).open_ns,
              3600 * kSecond);
    // 503 that says when; 503 that does not.
    EXPECT_TRUE(ask("c", kM, Fault::kOverloaded, 0, kSecond).opened);
    EXPECT_FALSE(ask("c", kN, Fault::kOverloaded, 0).opened);
}

TEST_F(CooldownTest, HalfOpenLetsOneProbeThrough) {
    open(0);
    CooldownAnswer probe = c.admit(kA, kM, at(2));
    EXPECT_TRUE(probe.allowed);
    EXPECT_TRUE(probe.pass.is_probe());
    EXPECT_EQ(probe.state, CooldownState::kHalfOpen);
    for (int i = 0; i < 10; i++) {
        CooldownAnswer other = c.admit(kA, kM, at(3));
        EXPECT_FALSE(other.allowed);
        EXPECT_EQ(other.retry_ns, kSecond);
    }
    CooldownChange change = c.report(probe.pass, Fault::kNone, {}, at(4));
    EXPECT_TRUE(change.closed);
    EXPECT_TRUE(c.admit(kA, kM, at(4)).allowed);
    EXPECT_EQ(state(kA, kM, 4), CooldownState::kClosed);
    EXPECT_EQ(c.stats(at(4)).closed, 1u);
    EXPECT_EQ(c.stats(at(4)).probes, 1u);
    EXPECT_EQ(c.stats(at(4)).refused, 10u);
}

TEST_F(CooldownTest, AProbeWithoutAVerdictIsGivenBack) {
    open(0);
    CooldownAnswer probe = c.admit(kA, kM, at(2));
    c.report(probe.pass, Fault::kClientGone, {}, at(3));
    CooldownAnswer next = c.admit(kA, kM, at(3));
    EXPECT_TRUE(next.allowed);
    EXPECT_TRUE(next.pass.is_probe());
    // The first one's late words count no more.
    EXPECT_FALSE(c.report(probe.pass, Fault::kNone, {}, at(4)).closed);
    EXPECT_FALSE(c.admit(kA, kM, at(4)).allowed);
}

TEST_F(CooldownTest, AProbeIsFreeAfterItsLease) {
    open(0);
    EXPECT_TRUE(c.admit(kA, kM, at(2)).allowed);
    EXPECT_FALSE(c.admit(kA, kM, at(121)).allowed);
    EXPECT_TRUE(c.admit(kA, kM, at(122)).allowed);
}

TEST_F(CooldownTest, FlappingCoolsForLongerAndLonger) {
    double when = 0;
    int64_t expected[] = {10, 20, 40, 80, 160, 300, 300};
    ask(kA, kM, Fault::kRateLimit, when);
    for (int64_t seconds : expected) {
        EXPECT_FALSE(
            c.admit(kA, kM, at(when + static_cast<double>(seconds) - 0.1))
                .allowed);
        when += static_cast<double>(seconds);
        CooldownAnswer probe = c.admit(kA, kM, at(when));
        ASSERT_TRUE(probe.pass.is_probe()) << seconds;
        EXPECT_TRUE(
            c.report(probe.pass, Fault::kServer, {}, at(when)).opened);
    }
    // Closed and open again at once is flapping too.
    when += 300;
    CooldownAnswer probe = c.admit(kA, kM, at(when));
    EXPECT_TRUE(c.report(probe.pass, Fault::kNone, {}, at(when)).closed);
    EXPECT_EQ(ask(kA, kM, Fault::kRateLimit, when + 1).open_ns,
              300 * kSecond);
    // After a calm as long as the last time it begins anew.
    when += 301;
    probe = c.admit(kA, kM, at(when));
    c.report(probe.pass, Fault::kNone, {}, at(when));
    EXPECT_EQ(ask(kA, kM, Fault::kRateLimit, when + 301).open_ns,
              10 * kSecond);
}

TEST_F(CooldownTest, SoonIsNotBelievedForEver) {
    int64_t soon = kSecond / 50;
    EXPECT_EQ(ask(kA, kM, Fault::kRateLimit, 0, soon).open_ns, soon);
    EXPECT_EQ(ask(kA, kM, Fault::kRateLimit, 1, soon).open_ns,
              20 * kSecond / 16);
    EXPECT_EQ(ask(kA, kM, Fault::kRateLimit, 3, soon).open_ns,
              40 * kSecond / 16);
}

TEST_F(CooldownTest, LateWordsOfOlderRequests) {
    CooldownPass early = c.admit(kA, kM, at(0)).pass;
    CooldownPass other = c.admit(kA, kM, at(0)).pass;
    open(0);
    // A success of before does not close, a failure does not open again.
    EXPECT_FALSE(c.report(early, Fault::kNone, {}, at(1)).closed);
    EXPECT_FALSE(c.report(other, Fault::kServer, {}, at(1)).opened);
    EXPECT_EQ(c.stats(at(1)).opened, 1u);
    EXPECT_EQ(state(kA, kM, 1.9), CooldownState::kOpen);
    EXPECT_EQ(state(kA, kM, 2), CooldownState::kHalfOpen);
    // It may know of a longer time.
    c.report(other, Fault::kRateLimit, 30 * kSecond, at(1));
    EXPECT_EQ(state(kA, kM, 30), CooldownState::kOpen);
    EXPECT_EQ(state(kA, kM, 31), CooldownState::kHalfOpen);
    EXPECT_FALSE(c.report(other, Fault::kTimeout, {}, at(32)).opened);
}

TEST_F(CooldownTest, ProviderAndModelAreProbedTogether) {
    ask(kA, kM, Fault::kAuth, 0);            // whole: until 10
    CooldownPass late = c.admit(kB, kM, at(0)).pass;
    (void) late;
    CooldownPass older;
    older.provider_key = c.look(kA, kM, at(0)).pass.provider_key;
    EXPECT_EQ(older.provider_key, 0u) << "look gives no pass";
    CooldownAnswer probe = c.admit(kA, kM, at(10));
    ASSERT_NE(probe.pass.provider_probe, 0u);
    // Another model may not go either: there is one probe of the provider.
    EXPECT_FALSE(c.admit(kA, kN, at(10)).allowed);
    // A rate limit shows that the credential is good again.
    CooldownChange change =
        c.report(probe.pass, Fault::kRateLimit, 5 * kSecond, at(11));
    EXPECT_TRUE(change.closed);
    EXPECT_TRUE(change.opened);
    EXPECT_FALSE(change.whole_provider);
    EXPECT_TRUE(c.admit(kA, kN, at(11)).allowed);
    EXPECT_FALSE(c.admit(kA, kM, at(11)).allowed);
}

TEST_F(CooldownTest, TheTableIsBoundedAndKeepsWhatIsOpenLongest) {
    ask(kA, kM, Fault::kRateLimit, 0, 3000 * kSecond);
    for (int i = 0; i < 20000; i++) {
        ask("flood", "m" + std::to_string(i), Fault::kServer, 0);
    }
    CooldownStats stats = c.stats(at(0));
    EXPECT_LE(stats.in_use, 1024u);
    EXPECT_GT(stats.evicted, 10000u);
    EXPECT_EQ(state(kA, kM, 1), CooldownState::kOpen);
    EXPECT_TRUE(c.check().ok());
}

TEST_F(CooldownTest, IsFoundAgainAfterAReload) {
    open(0);
    CooldownOptions options;
    options.entries = 64;  // the region keeps what it has
    auto again = Cooldown::attach(region.region(), options);
    ASSERT_TRUE(again.ok());
    EXPECT_FALSE(again->admit(kA, kM, at(1)).allowed);
    EXPECT_EQ(again->stats(at(1)).entries, 1024u);
    shm::Region small = region.region();
    small.size = 512;
    EXPECT_FALSE(Cooldown::attach(small, options).ok());
    EXPECT_FALSE(Cooldown::attach({}, options).ok());
}

std::atomic<int>* countdown;

void die_at_zero() {
    if (countdown->fetch_sub(1) == 1) {
        kill(getpid(), SIGKILL);
    }
}

// Dies at each place of the critical sections in turn.
TEST(CooldownProcesses, SurviveSigkillAnywhere) {
    countdown = new (mmap(nullptr, sizeof(std::atomic<int>),
                          PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0)) std::atomic<int>(0);
    CooldownOptions options;
    options.probe = die_at_zero;
    options.failures = 2;
    CooldownRegion region(options);
    bool finished = false;
    for (int at_step = 1; !finished && at_step < 200; at_step++) {
        countdown->store(at_step);
        pid_t pid = fork();
        if (pid == 0) {
            Cooldown& c = region.cooldown;
            for (int i = 0; i < 6; i++) {
                auto got = c.admit("p", "m", at(at_step * 100 + i * 15));
                Fault fault = i % 3 == 2 ? Fault::kNone : Fault::kServer;
                c.report(got.pass, fault, {}, at(at_step * 100 + i * 15));
            }
            _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
        countdown->store(0);
        finished = WIFEXITED(status);
        auto checked = region.cooldown.check();
        ASSERT_TRUE(checked.ok()) << at_step << checked.error().message;
        // It still answers, and opens and closes as ever.
        auto got = region.cooldown.admit("q", "m", at(at_step));
        region.cooldown.report(got.pass, Fault::kServer, {}, at(at_step));
    }
    EXPECT_TRUE(finished);
    EXPECT_GT(region.cooldown.stats(at(0)).repairs, 5u);
}

TEST(CooldownProcesses, TheProbeOfOneThatDiedIsFree) {
    CooldownRegion region;
    Cooldown& c = region.cooldown;
    c.report(c.admit("p", "m", at(0)).pass, Fault::kRateLimit, kSecond,
             at(0));
    pid_t pid = fork();
    if (pid == 0) {
        _exit(c.admit("p", "m", at(2)).pass.is_probe() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
    EXPECT_TRUE(c.admit("p", "m", at(2)).pass.is_probe());
    EXPECT_FALSE(c.admit("p", "m", at(2)).allowed);
}

TEST(CooldownProcesses, OneProbeAmongAll) {
    CooldownRegion region;
    Cooldown& c = region.cooldown;
    c.report(c.admit("p", "m", at(0)).pass, Fault::kRateLimit, kSecond,
             at(0));
    struct Seen {
        std::atomic<int> passed = 0;
        std::atomic<int> done = 0;
    };
    auto* seen = new (mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Seen;
    constexpr int kProcesses = 4;
    std::vector<pid_t> pids;
    for (int p = 0; p < kProcesses; p++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (int i = 0; i < 2000; i++) {
                if (c.admit("p", "m", at(2)).allowed) {
                    seen->passed.fetch_add(1);
                }
            }
            seen->done.fetch_add(1);
            while (seen->done.load() < kProcesses) {
                sched_yield();  // the probe is its own while it lives
            }
            _exit(0);
        }
        pids.push_back(pid);
    }
    for (pid_t pid : pids) {
        int status = 0;
        ASSERT_EQ(waitpid(pid, &status, 0), pid);
    }
    EXPECT_EQ(seen->passed.load(), 1);
    EXPECT_EQ(c.stats(at(2)).refused, 7999u);
}

// Against a model without a table: whatever happens, no more than one probe
// is out, and nobody passes while it is open.
TEST(CooldownModel, RandomRequests) {
    std::mt19937 random(7);
    CooldownRegion region;
    Cooldown& c = region.cooldown;
    std::vector<CooldownPass> out;
    double when = 0;
    int64_t open_until = 0;
    for (int i = 0; i < 200000; i++) {
        when += static_cast<double>(random() % 1000) / 1000;
        if (random() % 2 == 0) {
            CooldownAnswer answer = c.admit("p", "m", at(when));
            EXPECT_EQ(answer.allowed, answer.retry_ns == 0);
            if (answer.allowed) {
                EXPECT_GE(at(when).mono_ns, open_until);
                out.push_back(answer.pass);
            }
        } else if (!out.empty()) {
            size_t which = random() % out.size();
            auto fault = static_cast<Fault>(random() % 16);
            std::optional<int64_t> wait;
            if (random() % 4 == 0) {
                wait = static_cast<int64_t>(random() % 30) * kSecond;
            }
            CooldownChange change =
                c.report(out[which], fault, wait, at(when));
            if (change.opened) {
                open_until = std::max(
                    open_until, change.closed
                                    ? int64_t{0}
                                    : at(when).mono_ns + change.open_ns);
            }
            out[which] = out.back();
            out.pop_back();
        }
    }
    EXPECT_TRUE(c.check().ok());
    EXPECT_GT(c.stats(at(when)).opened, 100u);
    EXPECT_GT(c.stats(at(when)).closed, 20u);
}

}  // namespace
}  // namespace llm::route
