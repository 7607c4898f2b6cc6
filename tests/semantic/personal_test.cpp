#include "src/semantic/personal.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "src/semantic/gate.hpp"

namespace llm::semantic {
namespace {

TEST(Personal, numbers_with_checks_of_their_own) {
    for (const char* text :
         {"Why was 4111111111111111 declined?",
          "Why was 4111 1111 1111 1111 declined?",
          "Why was my card (4111-1111-1111-1111) declined?",
          "Since 2024 3782 822463 10005 fails", "5555 5555 5555 4444",
          "6011000990139424", "in 2031 4111 1111 1111 1111, why?",
          "4222 222 222 222", "6304 0000 0000 0000 000",
          "Is DE89 3704 0044 0532 0130 00 a valid IBAN?",
          "GB82WEST12345698765432", "iban gb82 west 1234 5698 7654 32 please",
          "Is 219-09-9999 registered?", "SSN:078-05-1120.",
          // As texts have them that no machine wrote.
          "Why was “4111 1111 1111 1111” declined?",
          "Почему карта «4111111111111111» отклонена?",
          "卡号4111111111111111是什么？", "card_4111111111111111",
          "4111\u00a01111\u00a01111\u00a01111", "4111  1111  1111  1111",
          "4111 - 1111 - 1111 - 1111", "4111.1111.1111.1111",
          "4111‑1111‑1111‑1111", "4111–1111–1111–1111",
          "„DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00“",
          "IBAN—GB82WEST12345698765432—", "My SSN is 219 09 9999",
          "«219‑09‑9999»"}) {
        EXPECT_TRUE(holds_personal_number(text)) << text;
    }
    for (const char* text :
         {"", "4", "4111", "Why was 4111111111111112 declined?",
          "What is 1111 1111 1111 1117?", "Where is order 12345678901234?",
          "Is 3.14159265358979 pi?", "x4111111111111111",
          "4111111111111111x", "4111111111111111111111", "1 2 3 4 5 6 7 8 9 1",
          "Is DE88 3704 0044 0532 0130 00 a valid IBAN?", "AB12",
          "Call +44 20 7946 0958 or 1-800-555-0199", "2024-03-01",
          "000-12-3456", "900-12-3456", "219-00-9999", "219-09-9999-1",
          "1219-09-9999", "219 09 99991", "219-09--", "4111 1111 1111 111 ",
          "4111 1111 1111    1111", "В 2024 году 411 книг",
          "192.168.100.200"}) {
        EXPECT_FALSE(holds_personal_number(text)) << text;
    }
}

TEST(Personal, such_a_text_is_exact_only) {
    static const Result<Lists> lists = Lists::built_in();
    EXPECT_EQ(gate_text("Is card 4111 1111 1111 1111 valid?", {}, *lists),
              "gate:personal");
    EXPECT_EQ(gate_text("Is card 4111 1111 1111 1112 valid?", {}, *lists), "");
    GateOptions off;
    off.personal = false;
    EXPECT_EQ(gate_text("Is card 4111 1111 1111 1111 valid?", off, *lists),
              "");
}

TEST(Personal, time_is_linear) {
    auto spent = [](const std::string& text) {
        auto begin = std::chrono::steady_clock::now();
        EXPECT_FALSE(holds_personal_number(text));
        return std::chrono::steady_clock::now() - begin;
    };
    std::string cards;
    std::string ibans;
    while (cards.size() < 1'000'000) {
        cards += "411 ";
        ibans += "ab12 ";
    }
    EXPECT_LT(spent(cards), std::chrono::seconds(2));
    EXPECT_LT(spent(ibans), std::chrono::seconds(2));
}

}  // namespace
}  // namespace llm::semantic
