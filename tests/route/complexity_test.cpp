#include "src/route/complexity_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "src/base/clock.hpp"

namespace llm::route {
namespace {

std::shared_ptr<const Complexity> build(const ComplexityBuilder& builder) {
    auto made = builder.build();
    EXPECT_TRUE(made.ok()) << (made ? "" : made.error().message);
    return made.value();
}

const Complexity& plain() {
    static const auto made = build(ComplexityBuilder());
    return *made;
}

Assessment assess(const Complexity& complexity, Bytes text,
                  const Circumstances& around = {}) {
    Complexity::Scratch scratch;
    return complexity.assess(text, around, scratch);
}

int value(const Assessment& assessment, Signal signal) {
    return assessment.values[static_cast<size_t>(signal)];
}

// From a body, as the door has it.
Assessment assess_body(api::Endpoint endpoint, Bytes body) {
    json::Document doc;
    EXPECT_TRUE(doc.parse(body).ok()) << body;
    auto request = api::parse_request(endpoint, doc);
    EXPECT_TRUE(request.ok()) << body;
    Complexity::Scratch scratch;
    return plain().assess(request.value(), doc, scratch);
}

TEST(Complexity, SimpleQuestionsAreSimple) {
    for (Bytes text :
         {"What time is it in Paris?", "¿Qué hora es en París?",
          "Который час в Париже?", "Cât este ceasul la Paris?", "hi", "",
          "Thanks!", "2+2?"}) {
        Assessment said = assess(plain(), text);
        EXPECT_EQ(said.level, Level::kSimple) << text << said.score;
        EXPECT_LT(said.score, 200) << text;
    }
}

TEST(Complexity, ManyPartsWithProofAndCodeAreNot) {
    Assessment said = assess(
        plain(),
        "Design a distributed rate limiter. Prove that it never admits more "
        "than the limit, analyze its failure modes and write the code:\n"
        "```go\nfunc allow(key string) bool { return false; }\n```");
    EXPECT_EQ(said.level, Level::kSpecialized) << said.score;
    EXPECT_EQ(value(said, Signal::kReasoning), 1000);
    EXPECT_EQ(value(said, Signal::kCode), 1000);
}

TEST(Complexity, TheScoreIsTheSumOfWeightsTimesValues) {
    Assessment said = assess(
        plain(), "Compare the two contracts and explain the differences.");
    int64_t sum = 0;
    for (size_t i = 0; i < kSignals; i++) {
        sum += int64_t{default_weight(static_cast<Signal>(i))}
               * said.values[i];
    }
    EXPECT_EQ(said.score, sum / 1000);
    EXPECT_GT(said.score, 0);
    EXPECT_EQ(said.level, Thresholds().level_of(said.score));
}

TEST(Complexity, TheSameTextInCapitalsAndWithoutAccentsIsTheSame) {
    auto same = [](Bytes a, Bytes b) {
        EXPECT_EQ(assess(plain(), a).score, assess(plain(), b).score) << a;
        EXPECT_EQ(assess(plain(), a).task, assess(plain(), b).task) << a;
        EXPECT_GT(assess(plain(), a).score, 100) << a;
    };
    same("Explícame cómo funciona la fotosíntesis, ¿por qué?",
         "EXPLICAME COMO FUNCIONA LA FOTOSINTESIS, POR QUE?");
    same("Analizează și demonstrează, explică diferența",
         "Analizeaza si demonstreaza, explica diferenta");
    same("Объясни подробно расчёт, учёт и ещё отчёт",
         "ОБЪЯСНИ ПОДРОБНО РАСЧЕТ, УЧЕТ И ЕЩЕ ОТЧЕТ");
}

TEST(Complexity, WordsCountOnceHoweverOften) {
    Assessment once = assess(plain(), "eigenvalue");
    Assessment often = assess(plain(), "eigenvalue eigenvalue eigenvalue");
    EXPECT_EQ(value(once, Signal::kDomain), value(often, Signal::kDomain));
    EXPECT_GT(value(once, Signal::kDomain), 0);
}

TEST(Complexity, MaterialMakesNoWorkHarder) {
    Bytes material =
        "prove that the eigenvalues of the contract are analyzed, design a "
        "threat model and derive the differential equation";
    std::string translate = "Translate into French: \"" +
                            std::string(material) + "\"";
    Assessment bare = assess(plain(), material);
    Assessment given = assess(plain(), translate);
    EXPECT_EQ(given.task, Task::kTranslation);
    EXPECT_LT(given.score, 600);
    EXPECT_LT(given.score + 200, bare.score);
}

TEST(Complexity, CircumstancesAdd) {
    Circumstances around;
    around.messages = 12;
    around.tools = true;
    around.structured = true;
    around.media = true;
    around.context_bytes = 200000;
    Assessment said = assess(plain(), "why?", around);
    EXPECT_EQ(value(said, Signal::kTurns), 1000);
    EXPECT_EQ(value(said, Signal::kTools), 500);
    EXPECT_EQ(value(said, Signal::kStructured), 1000);
    EXPECT_EQ(value(said, Signal::kImages), 1000);
    EXPECT_EQ(value(said, Signal::kContext), 1000);
    around.context_bytes = 16 << 10;
    EXPECT_EQ(value(assess(plain(), "why?", around), Signal::kContext), 500);
    around.context_bytes = 2 << 10;
    EXPECT_EQ(value(assess(plain(), "why?", around), Signal::kContext), 0);
}

TEST(Complexity, LongTextIsReadAtBothEnds) {
    std::string filler(100000, '.');
    std::string text = "eigenvalue " + filler + " cohomology";
    Assessment said = assess(plain(), text);
    EXPECT_EQ(value(said, Signal::kDomain), 1000);
    EXPECT_EQ(value(said, Signal::kLength), 1000);
    std::string middle = filler + " eigenvalue " + filler;
    EXPECT_EQ(value(assess(plain(), middle), Signal::kDomain), 0);
}

TEST(Complexity, FormOfCodeAndLists) {
    EXPECT_GE(value(assess(plain(), "```\nx\n```"), Signal::kCode), 600);
    Bytes code = "if (a == b && c != d) {\n  run();\n  foo::bar();\n}\n";
    EXPECT_GE(value(assess(plain(), code), Signal::kCode), 300);
    EXPECT_EQ(value(assess(plain(), "I love my iPhone; really."),
                    Signal::kCode),
              0);
    EXPECT_GE(value(assess(plain(), "Do:\n1. a\n2. b\n3. c\n4. d"),
                    Signal::kReasoning),
              450);
    EXPECT_GE(value(assess(plain(), "a? b? c?"), Signal::kReasoning), 300);
}

TEST(Complexity, RequestsOfEveryProtocol) {
    Bytes hard = "Prove that P is not NP, step by step";
    std::string quoted = "\"" + std::string(hard) + "\"";
    auto body = [&](Bytes before, Bytes after) {
        return "{\"model\":\"m\",\"max_tokens\":9," + std::string(before)
               + quoted + std::string(after) + "}";
    };
    std::string messages =
        body("\"messages\":[{\"role\":\"user\",\"content\":", "}]");
    int score = assess(plain(), hard).score;
    EXPECT_GT(score, 300);
    EXPECT_EQ(assess_body(api::Endpoint::kChat, messages).score, score);
    EXPECT_EQ(assess_body(api::Endpoint::kMessages, messages).score, score);
    EXPECT_EQ(assess_body(api::Endpoint::kResponses,
                          "{\"model\":\"m\",\"input\":" + quoted + "}")
                  .score,
              score);
    EXPECT_EQ(assess_body(api::Endpoint::kCompletions,
                          body("\"prompt\":", ""))
                  .score,
              score);
    EXPECT_EQ(assess_body(api::Endpoint::kEmbeddings,
                          "{\"model\":\"m\",\"input\":" + quoted + "}")
                  .score,
              score);
}

TEST(Complexity, WhatABodySaysAroundTheText) {
    Assessment said = assess_body(
        api::Endpoint::kChat,
        R"({"model":"m","response_format":{"type":"json_schema"},
            "tools":[{"type":"function","function":{"name":"f"}}],
            "messages":[{"role":"user","content":[
              {"type":"text","text":"what is it?"},
              {"type":"image_url","image_url":{"url":"data:,x"}}]}]})");
    EXPECT_EQ(value(said, Signal::kStructured), 1000);
    EXPECT_EQ(value(said, Signal::kTools), 500);
    EXPECT_EQ(value(said, Signal::kImages), 1000);
    Assessment text = assess_body(
        api::Endpoint::kChat,
        R"({"model":"m","response_format":{"type":"text"},
            "messages":[{"role":"user","content":"what is it?"}]})");
    EXPECT_EQ(value(text, Signal::kStructured), 0);
    EXPECT_EQ(value(assess_body(api::Endpoint::kResponses,
                                R"({"model":"m","input":"x",
                "text":{"format":{"type":"json_object"}}})"),
                    Signal::kStructured),
              1000);
}

TEST(Complexity, EscapesInALongBodyAreCutWell) {
    std::string text;
    for (int i = 0; i < 20000; i++) {
        text += "\\u0434\\ud83d\\ude00\\n";
    }
    std::string body = R"({"model":"m","messages":[{"role":"user","content":")"
                       "\\u0434\\u043e\\u043a\\u0430\\u0436\\u0438 "
                       + text + R"("}]})";
    Assessment said = assess_body(api::Endpoint::kChat, body);
    EXPECT_EQ(value(said, Signal::kLength), 1000);
}

// Nanoseconds of one text, the best of some rounds.
int64_t time_of(Bytes text) {
    Complexity::Scratch scratch;
    int64_t best = INT64_MAX;
    for (int round = 0; round < 20; round++) {
        int64_t start = read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
        (void) plain().assess(text, {}, scratch);
        best = std::min(
            best, read_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start);
    }
    return best;
}

// Fault case 96.
TEST(Complexity, TimeIsLinearWhateverTheTextSays) {
    constexpr size_t kTimes = 16;
    for (Bytes piece :
         {Bytes("Compare the two designs, please, and say why. "),
          Bytes("сравни два варианта, пожалуйста, и объясни. "),
          Bytes("what is the best way to cannot compile transfer of "),
          Bytes("a"), Bytes("\n- "), Bytes("\" : \""), Bytes("```"),
          Bytes("?!_=>"), Bytes("\xd0"), Bytes("\xe5\xad\x97")}) {
        std::string some;
        while (some.size() < 2000) {
            some += piece;
        }
        std::string many;
        for (size_t i = 0; i < kTimes; i++) {
            many += some;
        }
        int64_t one = time_of(some);
        EXPECT_LT(time_of(many), 3 * static_cast<int64_t>(kTimes) * one)
            << piece;
        // Beyond what is read it costs nothing more.
        std::string most = many + many + many + many;
        EXPECT_LT(time_of(most), 3 * time_of(many)) << piece;
    }
}

TEST(Critical, RuleBeatsScore) {
    ComplexityBuilder builder;
    builder.add_critical(Critical::kLegal);
    builder.add_critical(Critical::kMedical);
    ASSERT_TRUE(builder.add_critical_pattern("project orion*").ok());
    auto complexity = build(builder);
    Assessment said = assess(*complexity, "Can I sue my landlord?");
    EXPECT_EQ(said.critical, Critical::kLegal);
    EXPECT_EQ(said.level, Level::kSpecialized);
    EXPECT_EQ(said.score, 1000);
    EXPECT_EQ(name_of(said.critical), "legal");
    EXPECT_EQ(assess(*complexity, "dolor en el pecho").critical,
              Critical::kMedical);
    EXPECT_EQ(assess(*complexity, "about Project ORIONs").critical,
              Critical::kCustom);
    EXPECT_EQ(assess(*complexity, "I want to complain").critical,
              Critical::kNone);
    EXPECT_EQ(assess(plain(), "Can I sue my landlord?").critical,
              Critical::kNone);
}

TEST(Critical, NamesThatAreNearlyRight) {
    EXPECT_EQ(critical_of("money"), Critical::kMoney);
    EXPECT_FALSE(critical_of("custom").has_value());
    EXPECT_EQ(critical_near("mony"), Critical::kMoney);
    EXPECT_EQ(critical_near("complaints"), Critical::kComplaint);
    EXPECT_FALSE(critical_near("refund").has_value());
}

TEST(Builder, SignalsOfTheOperator) {
    ComplexityBuilder builder;
    size_t own = builder.signal("acme").value();
    ASSERT_TRUE(builder.set_weight(own, 900).ok());
    ASSERT_TRUE(builder.add_pattern(own, "flux capacitor*").ok());
    size_t domain = builder.signal("domain").value();
    EXPECT_EQ(domain, static_cast<size_t>(Signal::kDomain));
    ASSERT_TRUE(
        builder.add_file(domain, "own.txt", "zylo*\n[0.3]\nquux\n").ok());
    auto complexity = build(builder);
    EXPECT_EQ(assess(*complexity, "the Flux Capacitors").level,
              Level::kSpecialized);
    EXPECT_EQ(value(assess(*complexity, "zylophone"), Signal::kDomain), 1000);
    EXPECT_EQ(value(assess(*complexity, "quux"), Signal::kDomain), 300);
    EXPECT_GT(value(assess(*complexity, "theorem"), Signal::kDomain), 0);
    ASSERT_TRUE(builder.replace_terms(domain).ok());
    EXPECT_EQ(value(assess(*build(builder), "theorem"), Signal::kDomain), 0);
}

TEST(Builder, LevelsCanBeMoved) {
    ComplexityBuilder builder;
    ASSERT_TRUE(builder.set_thresholds({1, 2, 3}).ok());
    EXPECT_EQ(assess(*build(builder), "Explain it").level,
              Level::kSpecialized);
    EXPECT_FALSE(builder.set_thresholds({0, 2, 3}).ok());
    EXPECT_FALSE(builder.set_thresholds({3, 3, 4}).ok());
    EXPECT_FALSE(builder.set_thresholds({300, 600, 1001}).ok());
}

TEST(Builder, WhatMakesNoSense) {
    ComplexityBuilder builder;
    EXPECT_FALSE(builder.signal("").ok());
    EXPECT_FALSE(builder.signal("Up").ok());
    size_t length = builder.signal("length").value();
    EXPECT_FALSE(builder.add_pattern(length, "x").ok());
    EXPECT_FALSE(builder.replace_terms(length).ok());
    EXPECT_FALSE(builder.set_weight(length, 1001).ok());
    EXPECT_FALSE(builder.set_weight(length, -1).ok());
    size_t own = builder.signal("own").value();
    EXPECT_FALSE(builder.build().ok());
    EXPECT_FALSE(builder.add_file(own, "f", "# nothing\n").ok());
    EXPECT_EQ(builder.add_file(own, "f", "a\n\xff\n").error().message,
              "f:2: not UTF-8 at byte 1 of the line");
    EXPECT_FALSE(builder.add_pattern(own, "a*b").ok());
    EXPECT_FALSE(builder.build().ok());
}

TEST(Builder, NotEveryWeightMayBeZero) {
    ComplexityBuilder builder;
    for (size_t i = 0; i < kSignals; i++) {
        ASSERT_TRUE(builder.set_weight(i, 0).ok());
    }
    EXPECT_FALSE(builder.build().ok());
    builder.add_critical(Critical::kMoney);
    EXPECT_TRUE(builder.build().ok());
}

TEST(Builder, NoMoreSignalsThanThereIsRoomFor) {
    ComplexityBuilder builder;
    for (size_t i = kSignals; i < kMaxSignals; i++) {
        EXPECT_TRUE(builder.signal("s" + std::to_string(i)).ok());
    }
    EXPECT_FALSE(builder.signal("more").ok());
    EXPECT_TRUE(builder.signal("s20").ok());
}

TEST(Thousandths, DecimalsUpToThree) {
    EXPECT_EQ(parse_thousandths("0.25").value(), 250);
    EXPECT_EQ(parse_thousandths(".5").value(), 500);
    EXPECT_EQ(parse_thousandths("1").value(), 1000);
    EXPECT_EQ(parse_thousandths("0.001").value(), 1);
    EXPECT_EQ(parse_thousandths("1.000").value(), 1000);
    for (Bytes wrong : {"", ".", "1.001", "2", "-0.1", "0.1234", "1.", "x",
                        "0.x", "1e3", " 1"}) {
        EXPECT_FALSE(parse_thousandths(wrong).ok()) << wrong;
    }
}

}  // namespace
}  // namespace llm::route
