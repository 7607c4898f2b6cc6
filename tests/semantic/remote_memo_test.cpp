#include "src/semantic/remote_memo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>

namespace llm::semantic {
namespace {

Digest key(int number) {
    return RemoteMemo::key_of("text " + std::to_string(number));
}

std::vector<float> vector(int number) {
    return {static_cast<float>(number), 1};
}

bool holds(RemoteMemo& memo, int number) {
    auto found = memo.find(key(number));
    if (found.empty()) {
        return false;
    }
    EXPECT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0], static_cast<float>(number));
    return true;
}

TEST(RemoteMemo, TheLeastRecentlyUsedMakesRoom) {
    RemoteMemo memo(3, 2);
    EXPECT_FALSE(holds(memo, 1));
    for (int i : {1, 2, 3}) {
        memo.store(key(i), vector(i));
    }
    EXPECT_TRUE(holds(memo, 1));
    memo.store(key(4), vector(4));
    EXPECT_EQ(memo.size(), 3u);
    EXPECT_FALSE(holds(memo, 2));
    for (int i : {1, 3, 4}) {
        EXPECT_TRUE(holds(memo, i)) << i;
    }
}

TEST(RemoteMemo, AKeyStandsOnceAndIsReplaced) {
    RemoteMemo memo(2, 2);
    memo.store(key(1), vector(7));
    memo.store(key(1), vector(1));
    EXPECT_EQ(memo.size(), 1u);
    EXPECT_TRUE(holds(memo, 1));
    memo.store(key(2), vector(2));
    memo.store(key(1), vector(1));
    memo.store(key(3), vector(3));
    EXPECT_TRUE(holds(memo, 1));
    EXPECT_FALSE(holds(memo, 2));
}

TEST(RemoteMemo, RoomForOneIsEnough) {
    RemoteMemo memo(1, 2);
    for (int i = 0; i < 10; i++) {
        memo.store(key(i), vector(i));
        EXPECT_TRUE(holds(memo, i));
        EXPECT_FALSE(holds(memo, i - 1));
        EXPECT_EQ(memo.size(), 1u);
    }
}

TEST(RemoteMemo, DoesWhatAListDoes) {
    constexpr size_t kCapacity = 17;
    RemoteMemo memo(kCapacity, 2);
    std::list<int> model;  // the newest first
    std::mt19937 random(1);
    for (int step = 0; step < 20000; step++) {
        int number = static_cast<int>(random() % 40);
        auto at = std::find(model.begin(), model.end(), number);
        bool known = at != model.end();
        if (known) {
            model.erase(at);
        }
        if (random() % 2 == 0) {
            ASSERT_EQ(holds(memo, number), known) << step;
            if (known) {
                model.push_front(number);
            }
            continue;
        }
        memo.store(key(number), vector(number));
        model.push_front(number);
        if (model.size() > kCapacity) {
            model.pop_back();
        }
        ASSERT_EQ(memo.size(), model.size());
    }
}

}  // namespace
}  // namespace llm::semantic
