// The veto between two questions by the shipped lists, "" for none: the same
// in both directions, or the test fails.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "src/semantic/decision.hpp"

namespace llm::semantic {

inline const Judge& judge() {
    static const Result<Judge> made = Judge::create({});
    return *made;
}

inline std::string veto(const char* a, const char* b) {
    std::string there(judge().judge(a, b, 0.95, EncoderKind::kMinilm).veto);
    std::string back(judge().judge(b, a, 0.95, EncoderKind::kMinilm).veto);
    EXPECT_EQ(there, back) << a << " / " << b;
    return there;
}

}  // namespace llm::semantic
