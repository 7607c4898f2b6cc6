#include "src/json/key_sort.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace llm::json {
namespace {

std::vector<SortKey> keys_of(const std::vector<std::string>& texts) {
    std::vector<SortKey> keys;
    for (const std::string& text : texts) {
        keys.push_back({text, static_cast<NodeId>(keys.size())});
    }
    return keys;
}

void expect_sorted(const std::vector<std::string>& texts) {
    std::vector<SortKey> keys = keys_of(texts);
    sort_keys(keys);
    std::vector<std::string> expected = texts;
    std::sort(expected.begin(), expected.end());
    for (size_t i = 0; i < keys.size(); i++) {
        ASSERT_EQ(keys[i].text, expected[i]) << i;
        ASSERT_EQ(keys[i].text, texts[keys[i].node]) << i;
    }
}

TEST(KeySort, OrderIsThatOfTheBytes) {
    std::mt19937 random(7);
    for (size_t round = 0; round < 400; round++) {
        // Few letters and a zero byte: keys agree long, end early, repeat.
        static constexpr char kLetters[] = {'\0', 'a', '\xff'};
        std::vector<std::string> texts(1 + random() % 200);
        for (std::string& text : texts) {
            text.resize(random() % 20, 'b');
            for (char& c : text) {
                c = random() % 4 == 0 ? kLetters[random() % 3] : 'b';
            }
        }
        expect_sorted(texts);
    }
}

TEST(KeySort, KeysThatEndWithinAChunkStandFirst) {
    std::vector<std::string> texts;
    for (size_t size = 40; size-- > 0;) {
        texts.push_back(std::string(size, '\0'));
        texts.push_back(std::string(size, '\0'));
    }
    expect_sorted(texts);
}

TEST(KeySort, LongCommonBeginnings) {
    std::vector<std::string> texts;
    for (int i = 0; i < 60; i++) {
        texts.push_back(std::string(200000, 'x')
                        + std::to_string(i * 7919 % 60));
    }
    expect_sorted(texts);
}

TEST(KeySort, NoneAndOne) {
    sort_keys({});
    expect_sorted({"a"});
}

}  // namespace
}  // namespace llm::json
