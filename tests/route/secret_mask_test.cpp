#include "src/route/secret_mask.hpp"

#include <gtest/gtest.h>

namespace llm::route {
namespace {

using Verdict = SecretMask::Verdict;

constexpr Bytes kSecret = "sk-sk-sk-0";

// In pieces that end at `ends`; the verdict is known with the last one, or
// from the start.
std::string fed(Bytes secret, Bytes text, std::vector<size_t> ends,
                Verdict first, Verdict then) {
    SecretMask mask(secret);
    std::string out;
    ends.push_back(text.size());
    size_t at = 0;
    for (size_t i = 0; i < ends.size(); i++) {
        bool last = i + 1 == ends.size();
        std::string piece(text.substr(at, ends[i] - at));
        at = ends[i];
        for (Bytes part : mask.feed(piece, last ? then : first, last)) {
            EXPECT_FALSE(part.empty());
            out += part;
        }
    }
    return out;
}

struct Case {
    Bytes secret;
    std::string before;
    std::string after;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {kSecret, R"({"error":"wrong: sk-sk-sk-0."})",
         R"({"error":"wrong: **********."})"},
        {kSecret, "sk-sk-sk-0", "**********"},
        {kSecret, "sk-sk-sk-sk-0sk-sk-sk-0", "sk-********************"},
        {kSecret, "sk-sk-sk-", "sk-sk-sk-"},
        {kSecret, "sk-sk-sk-1 sk-sk-sk-0s", "sk-sk-sk-1 **********s"},
        {"aaaaaaaa", "aaaaaaaaaaaaaaaaa", "****************a"},
        {"*aaaaaa*", "*aaaaaa*aaaaaa*", "********aaaaaa*"},
        {"none", R"({"param":none})", R"({"param":none})"},
        {"", "text", "text"},
        {kSecret, "", ""},
    };
    return all;
}

TEST(SecretMask, MasksAnErrorInAnyTwoPieces) {
    for (const Case& c : cases()) {
        for (size_t end = 0; end <= c.before.size(); end++) {
            for (Verdict first : {Verdict::kError, Verdict::kUnknown}) {
                EXPECT_EQ(fed(c.secret, c.before, {end}, first,
                              Verdict::kError),
                          c.after)
                    << end;
            }
        }
    }
}

TEST(SecretMask, MasksAnErrorInAnyThreePieces) {
    for (const Case& c : cases()) {
        for (size_t b = 0; b <= c.before.size(); b++) {
            for (size_t a = 0; a <= b; a++) {
                EXPECT_EQ(fed(c.secret, c.before, {a, b}, Verdict::kError,
                              Verdict::kError),
                          c.after)
                    << a << ' ' << b;
            }
        }
    }
}

TEST(SecretMask, LeavesAGoodAnswer) {
    for (const Case& c : cases()) {
        for (size_t end = 0; end <= c.before.size(); end++) {
            for (Verdict first : {Verdict::kGood, Verdict::kUnknown}) {
                EXPECT_EQ(fed(c.secret, c.before, {end}, first,
                              Verdict::kGood),
                          c.before);
            }
        }
    }
}

TEST(SecretMask, HoldsNothingThatIsNoBeginning) {
    SecretMask mask(kSecret);
    for (Verdict verdict : {Verdict::kError, Verdict::kUnknown}) {
        Bytes text = R"({"error":"what?"})";
        auto pieces = mask.feed(text, verdict, false);
        ASSERT_EQ(pieces.size(), 1u);
        EXPECT_EQ(pieces[0].data(), text.data());
        EXPECT_EQ(pieces[0], text);
    }
}

TEST(SecretMask, LetsGoOfWhatIsTooLongForAnError) {
    SecretMask mask(kSecret);
    std::string text = "a" + std::string(kSecret);
    EXPECT_EQ(mask.feed(text, Verdict::kUnknown, false).size(), 1u);
    std::string rest(SecretMask::kMostHeld - kSecret.size(), 'x');
    EXPECT_TRUE(mask.feed(rest, Verdict::kUnknown, false).empty());
    auto pieces = mask.feed("y", Verdict::kUnknown, false);
    ASSERT_EQ(pieces.size(), 1u);
    EXPECT_EQ(pieces[0], std::string(kSecret) + rest + "y");
}

TEST(SecretMask, MasksAWholeText) {
    SecretMask mask(kSecret);
    std::string text = "a sk-sk-sk-0 and sk-sk-sk-0";
    EXPECT_TRUE(mask.mask(text));
    EXPECT_EQ(text, "a ********** and **********");
    EXPECT_FALSE(mask.mask(text));
    std::string none;
    EXPECT_FALSE(mask.mask(none));
}

// Several at once: what begins first is masked first, of what begins together
// the longer.
TEST(SecretMask, MasksEveryOneOfSeveral) {
    const std::pair<std::string, std::string> cases[] = {
        {"sk-first-1 second-22 sk-first-1-long sk-first",
         "********** ********* *************** sk-first"},
        {"a second-22 sk-first-1", "a ********* **********"},
    };
    for (const auto& [text, masked] : cases) {
        for (size_t end = 0; end <= text.size(); end++) {
            SecretMask mask("sk-first-1");
            mask.add("second-22");
            mask.add("sk-first-1-long");
            mask.add("short");
            std::string out;
            for (bool last : {false, true}) {
                Bytes piece = last ? Bytes(text).substr(end)
                                   : Bytes(text).substr(0, end);
                auto verdict = last ? Verdict::kError : Verdict::kUnknown;
                for (Bytes part : mask.feed(piece, verdict, last)) {
                    out += part;
                }
            }
            EXPECT_EQ(out, masked) << end;
            std::string whole = text;
            EXPECT_TRUE(mask.mask(whole));
            EXPECT_EQ(whole, masked);
        }
    }
}

}  // namespace
}  // namespace llm::route
