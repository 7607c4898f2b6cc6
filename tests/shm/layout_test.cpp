#include "src/shm/layout.hpp"

#include <gtest/gtest.h>

namespace llm::shm {
namespace {

struct A {
    uint32_t x;
    uint32_t y;
};
struct B {  // as large as A, other fields
    uint16_t x;
    uint16_t z;
    uint32_t y;
};

TEST(LayoutHash, FieldsNotSize) {
    constexpr uint32_t a = layout_hash({LLM_FIELD(A, x), LLM_FIELD(A, y)});
    constexpr uint32_t b = layout_hash({LLM_FIELD(B, x), LLM_FIELD(B, y)});
    constexpr uint32_t c = layout_hash({LLM_FIELD(A, y), LLM_FIELD(A, x)});
    static_assert(sizeof(A) == sizeof(B));
    EXPECT_NE(a, b);
    EXPECT_NE(a, c);
    EXPECT_NE(a, 0u);
    // Part of what is on the memory of a running server: never by accident.
    EXPECT_EQ(a, layout_hash({{"A.x", 0, 4}, {"A.y", 4, 4}}));
}

TEST(AlignUp, Lines) {
    EXPECT_EQ(align_up(0), 0u);
    EXPECT_EQ(align_up(1), 64u);
    EXPECT_EQ(align_up(64), 64u);
    EXPECT_EQ(align_up(65), 128u);
}

}  // namespace
}  // namespace llm::shm
