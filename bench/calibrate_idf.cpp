// calibrate_idf DATA: counts in how many questions of the public sets each
// stem stands, and prints the table that ships as data/semantic/idf.txt.
// Stems of fewer than three questions are left out. banking77's test part
// and clinc150 are not read: they are held out.
#include <cstdio>
#include <map>
#include <set>

#include "bench/semantic_data.hpp"
#include "src/semantic/fold.hpp"
#include "src/semantic/text_scan.hpp"

namespace {

using namespace llm;

constexpr uint64_t kLeast = 3;

void count(Bytes text, std::map<std::string, uint64_t>& counts) {
    std::set<std::string> stems;
    semantic::Scanner scanner(text);
    semantic::Scanned word;
    while (scanner.next(word)) {
        if (word.digits || word.code || word.raw.size() > 32) {
            continue;
        }
        std::string folded;
        semantic::fold_to(word.raw, folded);
        std::erase(folded, '.');
        semantic::stem(semantic::Language::kEnglish, folded);
        if (!folded.empty()) {
            stems.insert(folded);
        }
    }
    for (const std::string& stem : stems) {
        counts[stem]++;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: calibrate_idf DATA\n");
        return 2;
    }
    bench::SemanticData data =
        bench::SemanticData::read(argv[1], "bench/data");
    std::map<std::string, uint64_t> counts;
    uint64_t documents = 0;
    auto add = [&](const std::string& text) {
        count(text, counts);
        documents++;
    };
    for (const bench::Pair& pair : data.questions) {
        add(pair.left);
        add(pair.right);
    }
    for (const bench::Pair& pair : data.published) {
        add(pair.left);
        add(pair.right);
    }
    for (const bench::Labelled& row : data.banking_train) {
        add(row.text);
    }
    for (const std::string& prompt : data.prompts) {
        add(prompt);
    }
    std::printf("# In how many questions a stem stands, counted by "
                "bench/calibrate_idf.cpp over\n# GPTCache's pairs, 20,000 "
                "pairs of questions, banking77's train part, MT-Bench\n# and "
                "Arena-Hard; stems of fewer than %llu questions are left "
                "out.\n", static_cast<unsigned long long>(kLeast));
    std::printf("documents %llu\n",
                static_cast<unsigned long long>(documents));
    for (const auto& [stem, number] : counts) {
        if (number >= kLeast && stem != "documents") {
            std::printf("%s %llu\n", stem.c_str(),
                        static_cast<unsigned long long>(number));
        }
    }
    return 0;
}
