// The one map of cues against the lists as they stand in data/semantic/: each
// word and phrase of every language, and each place of every line.
#include "src/semantic/cues.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "src/semantic/fold.hpp"
#include "src/semantic/text_scan.hpp"

namespace llm::semantic {
namespace {

namespace fs = std::filesystem;

struct File {
    Language language;
    const char* name;
};
constexpr File kFiles[] = {
    {Language::kEnglish, "en.txt"},  {Language::kEnglish, "en_like.txt"},
    {Language::kSpanish, "es.txt"},  {Language::kRomanian, "ro.txt"},
    {Language::kRussian, "ru.txt"},  {Language::kSpanish, "es_like.txt"},
    {Language::kRomanian, "ro_like.txt"}, {Language::kRussian, "ru_like.txt"},
};
const std::map<std::string, uint16_t> kSections = {
    {"[polite]", kPolite}, {"[lead]", kLead},     {"[errand]", kErrand},
    {"[fresh]", kFresh},   {"[action]", kAction}, {"[asking]", kAsking}};

// Flags by language of each phrase, and no cleverness.
using Plain = std::map<std::string, std::array<uint16_t, kLanguages>>;

std::vector<std::string> lines_of(const File& file) {
    fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path();
    std::ifstream in(root / "data" / "semantic" / file.name);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        line.resize(std::min(line.find('#'), line.size()));
        line.resize(line.find_last_not_of(' ') + 1);
        if (!line.empty()) {
            lines.push_back(line);
        }
    }
    return lines;
}

std::string folded(Bytes text) {
    std::string out;
    Scanner scanner(text);
    for (Scanned word; scanner.next(word);) {
        out += out.empty() ? "" : " ";
        fold_to(word.raw, out);
    }
    return out;
}

Plain read_plain() {
    Plain plain;
    for (const File& file : kFiles) {
        uint16_t flag = 0;
        for (std::string line : lines_of(file)) {
            if (line.front() == '[') {
                auto at = kSections.find(line);
                flag = at == kSections.end() ? uint16_t{0} : at->second;
                continue;
            }
            std::replace(line.begin(), line.end(), '|', ',');
            for (size_t from = 0; flag != 0 && from < line.size();) {
                size_t to = std::min(line.find(',', from), line.size());
                std::string phrase = folded(Bytes(line).substr(from,
                                                               to - from));
                from = to + 1;
                if (!phrase.empty()) {
                    plain[phrase][static_cast<size_t>(file.language)] |= flag;
                }
            }
        }
    }
    return plain;
}

bool is_phrase(const Plain& plain, const Cues& cues, size_t from,
               size_t count, uint16_t flag) {
    std::string joined;
    for (size_t k = from; k < from + count; k++) {
        joined += joined.empty() ? "" : " ";
        joined += cues.words()[k].folded;
    }
    auto at = plain.find(joined);
    return at != plain.end()
           && std::any_of(at->second.begin(), at->second.end(),
                          [&](uint16_t own) { return (own & flag) != 0; });
}

class CueMap : public testing::Test {
protected:
    void SetUp() override {
        Result<Lists> made = Lists::built_in();
        ASSERT_TRUE(made.ok());
        lists = std::move(*made);
        plain = read_plain();
        ASSERT_GT(plain.size(), 500u);
    }

    void compare(Bytes text) {
        Cues cues(text, lists);
        size_t words = cues.words().size();
        for (const auto& [section, flag] : kSections) {
            for (size_t i = 0; i < words; i++) {
                size_t after = std::min(kMaxPhrase, words - i);
                while (after > 0 && !is_phrase(plain, cues, i, after, flag)) {
                    after--;
                }
                size_t before = std::min(kMaxPhrase, i + 1);
                while (before > 0
                       && !is_phrase(plain, cues, i + 1 - before, before,
                                     flag)) {
                    before--;
                }
                ASSERT_EQ(cues.phrase_at(i, flag), after)
                    << section << " at " << i << " of " << text;
                ASSERT_EQ(cues.phrase_before(i + 1, flag), before)
                    << section << " before " << i + 1 << " of " << text;
            }
            EXPECT_EQ(cues.phrase_at(words, flag), 0u);
            EXPECT_EQ(cues.phrase_before(0, flag), 0u);
        }
    }

    Lists lists;
    Plain plain;
};

TEST_F(CueMap, has_each_phrase_of_each_language) {
    for (const auto& [phrase, own] : plain) {
        const Cue* cue = lists.find_cue(phrase);
        ASSERT_NE(cue, nullptr) << phrase;
        uint16_t all = 0;
        for (size_t i = 0; i < kLanguages; i++) {
            EXPECT_EQ(cue->in[i], own[i]) << phrase << " in " << i;
            all |= own[i];
        }
        EXPECT_EQ(cue->flags, all) << phrase;
    }
    EXPECT_EQ(lists.find_cue("xylophone"), nullptr);
}

TEST_F(CueMap, says_what_the_lists_say_at_each_word_of_each_line) {
    size_t looked = 0;
    for (const File& file : kFiles) {
        for (const std::string& line : lines_of(file)) {
            compare(line);
            looked++;
        }
    }
    EXPECT_GT(looked, 2000u);
}

TEST_F(CueMap, joins_phrases_of_several_languages) {
    for (const char* text :
         {"Hi there, could you please tell me how do I cancel, thanks a lot",
          "hola, ¿me puedes decir el saldo de hoy? gracias, thank you",
          "Здравствуйте, подскажите, какая сегодня погода, спасибо",
          "please please can you i want to cancel today", ""}) {
        compare(text);
    }
}

}  // namespace
}  // namespace llm::semantic
