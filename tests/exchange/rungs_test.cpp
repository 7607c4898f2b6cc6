#include "src/exchange/rungs.hpp"

#include <gtest/gtest.h>

namespace llm::exchange {
namespace {

using api::Family;
using route::Fault;
using route::LadderStep;

constexpr int64_t kSecond = 1000000000;

Now at(int64_t seconds) {
    return {seconds * kSecond, seconds * kSecond};
}

route::Provider provider(const char* name, std::vector<std::string> models,
                         int64_t max_context = 0) {
    route::Provider provider;
    provider.name = name;
    auto origin =
        route::parse_origin(std::string("https://") + name + ".example/v1");
    EXPECT_TRUE(origin.ok());
    provider.origin = *origin;
    provider.key_file = "key";
    provider.models = std::move(models);
    provider.max_context = max_context;
    return provider;
}

// A cooldown in plain memory.
struct Bench {
    struct alignas(64) Line {
        char bytes[64];
    };

    explicit Bench(std::vector<route::Provider> providers)
        : registry(std::move(route::Registry::make(std::move(providers)))
                       .value()),
          memory(route::Cooldown::size_needed({}) / sizeof(Line) + 1) {
        services.registry = &registry;
        shm::Region region;
        region.data = reinterpret_cast<char*>(memory.data());
        region.size = memory.size() * sizeof(Line);
        region.fresh = true;
        auto attached = route::Cooldown::attach(region, {});
        EXPECT_TRUE(attached.ok());
        services.cooldown = *attached;
    }

    route::Registry registry;
    std::vector<Line> memory;
    Services services;
};

Ladder ladder(std::vector<std::string> models) {
    Ladder ladder;
    ladder.on = route::default_fallback_on();
    ladder.models = std::move(models);
    return ladder;
}

TEST(Rungs, WithoutProvidersTheModelsInOrder) {
    Services services;
    Rungs rungs(services);
    EXPECT_FALSE(rungs.begun());
    EXPECT_EQ(rungs.begin(ladder({"b", "c"}), "a", Family::kOpenai, at(1)),
              Rungs::Begun::kGo);
    EXPECT_EQ(rungs.model(), "a");
    EXPECT_TRUE(rungs.more());
    EXPECT_TRUE(rungs.may_store());
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kRung);
    EXPECT_EQ(rungs.model(), "b");
    EXPECT_FALSE(rungs.may_store());
    EXPECT_EQ(rungs.failed(Fault::kTimeout, 0, {}, at(1)),
              LadderStep::kRung);
    EXPECT_EQ(rungs.model(), "c");
    EXPECT_FALSE(rungs.more());
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kDeliver);
    EXPECT_EQ(rungs.model(), "c");
    EXPECT_EQ(rungs.attempts(), 3u);
}

TEST(Rungs, WhatIsNotTriedAgain) {
    for (Fault fault : {Fault::kContentFilter, Fault::kRequest,
                        Fault::kContextLength, Fault::kClientGone}) {
        Services services;
        Rungs rungs(services);
        (void) rungs.begin(ladder({"b"}), "a", Family::kOpenai, at(1));
        LadderStep step = rungs.failed(fault, 400, {}, at(1));
        EXPECT_NE(step, LadderStep::kRung);
        EXPECT_EQ(rungs.model(), "a");
    }
}

TEST(Rungs, DeadlineEndsTheLadder) {
    Services services;
    Rungs rungs(services);
    Ladder late = ladder({"b"});
    late.deadline_ns = 5 * kSecond;
    (void) rungs.begin(std::move(late), "a", Family::kOpenai, at(1));
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(5)),
              LadderStep::kDeadline);
}

// Who is given the rest of a deadline is not judged by it, nor is an answer
// that was still coming; who had all of it is.
TEST(Rungs, DeadlineOfOthersIsNoFailure) {
    Bench bench({provider("p", {"a"}), provider("q", {"b"}),
                 provider("s", {"c"})});
    auto state = [&](const char* name, const char* model) {
        return bench.services.cooldown.look(name, model, at(9)).state;
    };
    auto late = [](std::vector<std::string> models) {
        Ladder late = ladder(std::move(models));
        late.deadline_ns = 5 * kSecond;
        return late;
    };
    for (int i = 0; i < 5; i++) {
        Rungs rungs(bench.services);
        (void) rungs.begin(late({"b"}), "a", Family::kOpenai, at(1));
        if (rungs.model() == "a") {
            EXPECT_EQ(rungs.failed(Fault::kTimeout, 0, {}, at(4)),
                      LadderStep::kRung);
        }
        EXPECT_EQ(rungs.failed(Fault::kTimeout, 0, {}, at(5)),
                  LadderStep::kDeadline);
        Rungs streaming(bench.services);
        (void) streaming.begin(late({}), "c", Family::kOpenai, at(1));
        streaming.answered(at(2));
        streaming.broke(Fault::kTimeout, at(5));
    }
    EXPECT_EQ(state("p", "a"), route::CooldownState::kOpen);
    EXPECT_EQ(state("q", "b"), route::CooldownState::kClosed);
    EXPECT_EQ(state("s", "c"), route::CooldownState::kClosed);
    for (int i = 0; i < 5; i++) {
        Rungs rungs(bench.services);
        (void) rungs.begin(late({}), "b", Family::kOpenai, at(1));
        (void) rungs.failed(Fault::kTimeout, 0, {}, at(5));
        Rungs streaming(bench.services);
        (void) streaming.begin(late({}), "c", Family::kOpenai, at(1));
        streaming.answered(at(2));
        streaming.broke(Fault::kTimeout, at(4));
    }
    EXPECT_EQ(state("q", "b"), route::CooldownState::kOpen);
    EXPECT_EQ(state("s", "c"), route::CooldownState::kOpen);
}

// Whoever asks for a model of the ladder itself has it asked once.
TEST(Rungs, TheModelThatHasFailedIsNotAskedAgain) {
    Services services;
    Rungs rungs(services);
    (void) rungs.begin(ladder({"b", "a", "c"}), "a", Family::kOpenai, at(1));
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kRung);
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kRung);
    EXPECT_EQ(rungs.model(), "c");
    EXPECT_FALSE(rungs.more());
    Rungs alone(services);
    (void) alone.begin(ladder({"a"}), "a", Family::kOpenai, at(1));
    EXPECT_FALSE(alone.more());
}

TEST(Rungs, ProvidersOfAModelComeBeforeTheNextModel) {
    Bench bench({provider("p", {"a"}), provider("q", {"a", "b"})});
    Rungs rungs(bench.services);
    ASSERT_EQ(rungs.begin(ladder({"b"}), "a", Family::kOpenai, at(1)),
              Rungs::Begun::kGo);
    std::string first = rungs.provider()->name;
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kSameRung);
    EXPECT_NE(rungs.provider()->name, first);
    EXPECT_EQ(rungs.model(), "a");
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kRung);
    EXPECT_EQ(rungs.provider()->name, "q");
    EXPECT_EQ(rungs.model(), "b");
}

TEST(Rungs, OfOurAccountTheClientLearnsNothing) {
    for (Fault fault : {Fault::kAuth, Fault::kQuota}) {
        // With the whole provider left alone nobody has the next model.
        Bench bench({provider("p", {"a", "b"})});
        Rungs rungs(bench.services);
        (void) rungs.begin(ladder({"b"}), "a", Family::kOpenai, at(1));
        EXPECT_EQ(rungs.failed(fault, 401, {}, at(1)), LadderStep::kGiveUp);
        EXPECT_EQ(rungs.model(), "a");
    }
    // What is nobody's account passes.
    Bench bench({provider("p", {"a"}), provider("q", {"b"})});
    Rungs first(bench.services);
    (void) first.begin(ladder({}), "b", Family::kOpenai, at(1));
    (void) first.failed(Fault::kRateLimit, 429, 60 * kSecond, at(1));
    Rungs rungs(bench.services);
    (void) rungs.begin(ladder({"b"}), "a", Family::kOpenai, at(1));
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kDeliver);
}

// Without providers the account may be the client's, whatever the status.
TEST(Rungs, WhatMayBeOfTheClientsAccountPasses) {
    for (Fault fault : {Fault::kAuth, Fault::kQuota}) {
        for (int status : {200, 401}) {
            Services services;
            Rungs rungs(services);
            (void) rungs.begin(ladder({}), "a", Family::kOpenai, at(1));
            EXPECT_EQ(rungs.failed(fault, status, {}, at(1)),
                      LadderStep::kDeliver)
                << status;
        }
    }
}

TEST(Rungs, ContextLengthGoesToALargerOne) {
    Bench bench({provider("p", {"a"}, 8000), provider("q", {"b"}, 4000),
                 provider("s", {"c"}, 200000)});
    Rungs rungs(bench.services);
    (void) rungs.begin(ladder({"b", "c"}), "a", Family::kOpenai, at(1));
    EXPECT_EQ(rungs.failed(Fault::kContextLength, 400, {}, at(1)),
              LadderStep::kRung);
    EXPECT_EQ(rungs.model(), "c");
    EXPECT_EQ(rungs.failed(Fault::kContextLength, 400, {}, at(1)),
              LadderStep::kDeliver);
}

// A larger one that fails or is left alone makes way for nobody smaller.
TEST(Rungs, WhatIsTooLongGoesToNobodySmaller) {
    Bench bench({provider("p", {"a"}, 8000), provider("q", {"b"}, 200000),
                 provider("s", {"c"}, 4000), provider("t", {"d"})});
    for (int64_t second : {1, 2}) {
        Rungs rungs(bench.services);
        (void) rungs.begin(ladder({"b", "c", "d"}), "a", Family::kOpenai,
                           at(second));
        LadderStep step =
            rungs.failed(Fault::kContextLength, 400, {}, at(second));
        if (second == 1) {
            EXPECT_EQ(step, LadderStep::kRung);
            EXPECT_EQ(rungs.model(), "b");
            step = rungs.failed(Fault::kRateLimit, 429, 60 * kSecond, at(1));
        }
        EXPECT_EQ(step, LadderStep::kDeliver);
    }
}

// One model may have room for more at another provider.
TEST(Rungs, WhatIsTooLongGoesToALargerProvider) {
    auto large = provider("q", {"a", "b"}, 200000);
    auto usual = provider("p", {"a", "b"}, 8000);
    usual.weight = route::Provider::kMaxWeight;
    for (route::FallbackOn on : {route::FallbackOn{0},
                                 route::default_fallback_on()}) {
        Bench bench({usual, provider("s", {"a", "b"}, 8000), large,
                     provider("t", {"c"}, 4000)});
        Ladder own = ladder({});
        own.on = on;
        int tries = 0;
        do {
            Rungs rungs(bench.services);
            (void) rungs.begin(own, "a", Family::kOpenai, at(1 + tries));
            if (rungs.provider()->name != "p") {
                continue;
            }
            EXPECT_TRUE(rungs.more());
            EXPECT_EQ(rungs.failed(Fault::kContextLength, 400, {}, at(1)),
                      LadderStep::kSameRung);
            EXPECT_EQ(rungs.provider()->name, "q");
            EXPECT_EQ(rungs.failed(Fault::kContextLength, 400, {}, at(1)),
                      LadderStep::kDeliver);
            break;
        } while (++tries < 100);
        EXPECT_LT(tries, 100);
        // From another model it goes to the large one at once.
        Rungs rungs(bench.services);
        Ladder next = ladder({"b"});
        next.on = on;
        (void) rungs.begin(next, "c", Family::kOpenai, at(1));
        EXPECT_TRUE(rungs.more());
        (void) rungs.failed(Fault::kContextLength, 400, {}, at(1));
        EXPECT_EQ(rungs.model(), "b");
        // Behind the largest nobody has room for more.
        EXPECT_EQ(rungs.more(), on != 0 || rungs.provider()->name != "q");
    }
}

// Whoever is back first says when to come again.
TEST(Rungs, AllInCooldownTellTheShortestWait) {
    Bench bench({provider("p", {"a"}), provider("q", {"b"}),
                 provider("s", {"c"})});
    for (auto [model, seconds] : {std::pair<Bytes, int64_t>{"a", 60},
                                  {"b", 20}, {"c", 40}}) {
        Rungs rungs(bench.services);
        (void) rungs.begin(ladder({}), model, Family::kOpenai, at(1));
        (void) rungs.failed(Fault::kRateLimit, 429, seconds * kSecond, at(1));
    }
    Rungs rungs(bench.services);
    EXPECT_EQ(rungs.begin(ladder({"b", "c"}), "a", Family::kOpenai, at(2)),
              Rungs::Begun::kCooling);
    EXPECT_EQ(rungs.retry_ns(), 19 * kSecond);
}

TEST(Rungs, CooldownIsSkippedAndEnds) {
    Bench bench({provider("p", {"a"}), provider("q", {"b"})});
    {
        Rungs rungs(bench.services);
        (void) rungs.begin(ladder({"b"}), "a", Family::kOpenai, at(1));
        EXPECT_EQ(rungs.failed(Fault::kRateLimit, 429, 20 * kSecond, at(1)),
                  LadderStep::kRung);
        rungs.answered(at(2));
    }
    {
        Rungs rungs(bench.services);
        EXPECT_EQ(rungs.begin(ladder({"b"}), "a", Family::kOpenai, at(3)),
                  Rungs::Begun::kGo);
        EXPECT_EQ(rungs.model(), "b");
        EXPECT_FALSE(rungs.may_store());
    }
    {
        Rungs rungs(bench.services);
        EXPECT_EQ(rungs.begin(ladder({}), "a", Family::kOpenai, at(3)),
                  Rungs::Begun::kCooling);
        EXPECT_GT(rungs.retry_ns(), 0);
    }
    Rungs rungs(bench.services);
    EXPECT_EQ(rungs.begin(ladder({"b"}), "a", Family::kOpenai, at(30)),
              Rungs::Begun::kGo);
    EXPECT_EQ(rungs.model(), "a");
}

// A client that leaves gives the probe back for the next one.
TEST(Rungs, LeavingIsNoVerdict) {
    Bench bench({provider("p", {"a"})});
    {
        Rungs rungs(bench.services);
        (void) rungs.begin(ladder({}), "a", Family::kOpenai, at(1));
        (void) rungs.failed(Fault::kRateLimit, 429, 5 * kSecond, at(1));
    }
    {
        Rungs probe(bench.services);
        EXPECT_EQ(probe.begin(ladder({}), "a", Family::kOpenai, at(10)),
                  Rungs::Begun::kGo);
        Rungs other(bench.services);
        EXPECT_EQ(other.begin(ladder({}), "a", Family::kOpenai, at(10)),
                  Rungs::Begun::kCooling);
        probe.leave();
    }
    Rungs rungs(bench.services);
    EXPECT_EQ(rungs.begin(ladder({}), "a", Family::kOpenai, at(11)),
              Rungs::Begun::kGo);
}

// What a provider says about a client's own credential is the client's.
TEST(Rungs, WhoseCredentialItWas) {
    struct {
        bool key, passes, required, sent;
        LadderStep step;
    } cases[] = {
        {true, false, true, true, LadderStep::kRung},
        {false, true, true, true, LadderStep::kDeliver},
        {false, true, true, false, LadderStep::kRung},
        {false, false, true, true, LadderStep::kRung},
        {false, false, false, true, LadderStep::kDeliver},
        {false, false, false, false, LadderStep::kRung},
    };
    for (const auto& c : cases) {
        auto p = provider("p", {"a"});
        p.key_file = c.key ? "key" : "";
        p.pass_credential = c.passes;
        Bench bench({p, provider("q", {"b"})});
        Rungs rungs(bench.services);
        Ladder with = ladder({"b"});
        with.required = c.required;
        with.client_credential = c.sent;
        (void) rungs.begin(std::move(with), "a", Family::kOpenai, at(1));
        EXPECT_EQ(rungs.failed(Fault::kAuth, 401, {}, at(1)), c.step);
        bool blamed = !bench.services.cooldown.look("p", "a", at(1)).allowed;
        EXPECT_EQ(blamed, c.step == LadderStep::kRung);
    }
}

TEST(Rungs, RequiredProviders) {
    Bench bench({provider("p", {"a"}), provider("q", {"c"})});
    Ladder strict = ladder({"b", "c"});
    strict.required = true;
    Rungs unknown(bench.services);
    EXPECT_EQ(unknown.begin(strict, "x", Family::kOpenai, at(1)),
              Rungs::Begun::kUnknown);
    Rungs rungs(bench.services);
    EXPECT_EQ(rungs.begin(strict, "a", Family::kOpenai, at(1)),
              Rungs::Begun::kGo);
    EXPECT_EQ(rungs.failed(Fault::kServer, 500, {}, at(1)),
              LadderStep::kRung);
    EXPECT_EQ(rungs.model(), "c");
}

}  // namespace
}  // namespace llm::exchange
