// How far off token counts are, by kind of text: the estimator as it starts,
// taught by true usage, and the counter within its budget.
//
//   bench_tokens RANKS cl100k|o200k [DATA]
//
// RANKS is a tiktoken rank file; its whole count, without a budget, is the
// truth. Texts: bench/data/tokens.tsv, this source tree, and what of
// DATA/{arena_hard,mt_bench,banking77} is there. Each text is a prompt of one
// message.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <vector>

#include "src/json/document.hpp"
#include "src/tokens/counter.hpp"
#include "src/tokens/estimator.hpp"

namespace {

using namespace llm;
using namespace llm::tokens;
namespace fs = std::filesystem;

constexpr uint64_t kFormat = 3 + 1 + 3;  // message, role, answer

struct Text {
    std::string kind;
    std::string text;
    uint64_t truth = 0;
};
using Texts = std::vector<Text>;

std::string slurp(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void add(Texts& texts, const std::string& kind, Bytes text) {
    if (!text.empty()) {
        texts.push_back({kind, std::string(text), 0});
    }
}

void add_own(Texts& texts, const fs::path& root) {
    std::ifstream file(root / "bench/data/tokens.tsv");
    for (std::string line; std::getline(file, line);) {
        size_t tab = line.find('\t');
        if (tab != std::string::npos) {
            add(texts, line.substr(0, tab), line.substr(tab + 1));
        }
    }
    std::vector<fs::path> sources;
    for (const auto& entry : fs::recursive_directory_iterator(root / "src")) {
        sources.push_back(entry.path());
    }
    std::sort(sources.begin(), sources.end());
    for (const fs::path& path : sources) {
        if (path.extension() == ".cpp") {
            add(texts, "C++ files", slurp(path));
        }
    }
    std::string readme = slurp(root / "README.md");
    for (size_t at = 0; at < readme.size(); at += 3000) {
        add(texts, "Markdown", Bytes(readme).substr(at, 3000));
    }
}

// The strings of a member that is one or a list of them.
void add_member(Texts& texts, const std::string& kind,
                const json::Document& doc, Bytes key) {
    json::NodeId value = doc.find(json::kRoot, key);
    std::string scratch;
    if (doc.is(value, json::Type::kString)) {
        add(texts, kind, doc.string(value, scratch));
    } else if (doc.is(value, json::Type::kArray)) {
        for (json::NodeId child : doc.children(value)) {
            add(texts, kind, doc.string(child, scratch));
        }
    }
}

void add_lines(Texts& texts, const std::string& kind, const fs::path& path) {
    std::ifstream file(path);
    json::Document doc;
    for (std::string line; std::getline(file, line);) {
        if (doc.parse(line).ok()) {
            add_member(texts, kind, doc, "prompt");
            add_member(texts, kind, doc, "turns");
        }
    }
}

void add_public(Texts& texts, const fs::path& data) {
    add_lines(texts, "hard prompts",
              data / "arena_hard/arena-hard-v0.1.question.jsonl");
    add_lines(texts, "usual prompts", data / "mt_bench/question.jsonl");
    std::ifstream file(data / "banking77/test.csv");
    for (std::string line; std::getline(file, line);) {
        add(texts, "short questions",
            Bytes(line).substr(0, line.rfind(',')));
    }
}

struct Error {
    double sum = 0;
    size_t count = 0;

    void add(uint64_t got, uint64_t truth) {
        double off = static_cast<double>(got) - static_cast<double>(truth);
        sum += std::abs(off) / static_cast<double>(truth);
        count++;
    }
    double percent() const {
        return count == 0 ? 0 : 100 * sum / static_cast<double>(count);
    }
};

struct Row {
    size_t texts = 0;
    uint64_t bytes = 0;
    uint64_t tokens = 0;
    Error untaught;
    Error taught;
    Error counted;
    double seconds = 0;
};

class Bench {
public:
    Bench(Counter counter, Texts texts)
        : counter_(std::move(counter)), texts_(std::move(texts)) {}

    void run();
    void print() const;

private:
    void count(Text& text, Row& row);

    Counter counter_;
    Texts texts_;
    Merger merger_;
    std::map<std::string, Row> rows_;
};

// The truth, and what counting with the budget of a request comes to.
void Bench::count(Text& text, Row& row) {
    const Estimator untaught;
    Budget all{SIZE_MAX};
    text.truth = counter_.count(text.text, merger_, all).tokens + kFormat;
    Budget usual;
    auto start = std::chrono::steady_clock::now();
    Counted got = counter_.count(text.text, merger_, usual);
    auto end = std::chrono::steady_clock::now();
    row.seconds += std::chrono::duration<double>(end - start).count();
    TextSize rest = TextSize::of(Bytes(text.text).substr(got.bytes));
    row.counted.add(got.tokens + kFormat + untaught.prompt(1, rest, 0),
                    text.truth);
    row.untaught.add(untaught.prompt(1, TextSize::of(text.text), 1),
                     text.truth);
    row.texts++;
    row.bytes += got.bytes;
    row.tokens += text.truth;
}

// Taught by the texts of all kinds in turn, as one model's traffic would;
// judged by what it says of each before it is told.
void Bench::run() {
    std::shuffle(texts_.begin(), texts_.end(), std::mt19937(1));
    std::vector<uint64_t> memory(Estimator::kSize / 8);
    Estimator estimator =
        Estimator::attach(memory.data(), Estimator::kSize, true).value();
    for (Text& text : texts_) {
        Row& row = rows_[text.kind];
        count(text, row);
        TextSize size = TextSize::of(text.text);
        row.taught.add(estimator.prompt(1, size, 1), text.truth);
        (void) estimator.learn_prompt(1, size, 1, text.truth);
    }
}

void Bench::print() const {
    std::printf("mean error of prompts' tokens, %%\n"
                "%-16s %6s %9s %11s %9s %9s %9s %7s\n",
                "kind", "texts", "tokens", "bytes/token", "untaught",
                "taught", "counted", "MB/s");
    for (const auto& [kind, row] : rows_) {
        std::printf("%-16s %6zu %9llu %11.2f %9.1f %9.1f %9.2f %7.1f\n",
                    kind.c_str(), row.texts,
                    static_cast<unsigned long long>(row.tokens),
                    static_cast<double>(row.bytes)
                        / static_cast<double>(row.tokens),
                    row.untaught.percent(), row.taught.percent(),
                    row.counted.percent(),
                    static_cast<double>(row.bytes) / row.seconds / 1e6);
    }
}

// The longest that one request may keep the event loop.
void print_worst(const Counter& counter) {
    const std::pair<const char*, std::string> kinds[] = {
        {"words", "the cat sat on the mat and "},
        {"one letter", "a"},
        {"white space", " "},
        {"signs", "#*(&^@!~"},
        {"random letters", ""},
    };
    std::printf("\nthe budget of one request used up, us\n");
    std::mt19937 random(5);
    for (const auto& [name, unit] : kinds) {
        std::string text;
        while (text.size() < 4 * Budget::kUsual) {
            text += unit;
            if (unit.empty()) {
                text += static_cast<char>('a' + random() % 26);
                text += random() % 11 == 0 ? " " : "";
            }
        }
        // Long runs are cut so that they fit what is left of the budget.
        bool one_piece = unit.size() == 1 || unit.find_first_of("#") == 0;
        text.resize(one_piece ? 4500 : text.size());
        Merger merger;
        double best = 1;
        Counted got;
        for (int i = 0; i < 9; i++) {
            Budget budget;
            auto start = std::chrono::steady_clock::now();
            got = counter.count(text, merger, budget);
            auto end = std::chrono::steady_clock::now();
            best = std::min(
                best, std::chrono::duration<double>(end - start).count());
        }
        std::printf("%-16s %6.0f us for %zu bytes\n", name, best * 1e6,
                    got.bytes);
    }
}

}  // namespace

int main(int argc, char** argv) {
    auto encoding = argc > 2 ? encoding_named(argv[2]) : std::nullopt;
    if (!encoding) {
        std::fprintf(stderr, "bench_tokens RANKS cl100k|o200k [DATA]\n");
        return 2;
    }
    auto table = RankTable::parse(slurp(argv[1]));
    if (!table.ok()) {
        std::fprintf(stderr, "%s: %s\n", argv[1],
                     table.error().message.c_str());
        return 1;
    }
    Counter counter(
        std::make_shared<const RankTable>(std::move(table).value()),
        *encoding);
    Texts texts;
    add_own(texts, fs::path(__FILE__).parent_path().parent_path());
    if (argc > 3) {
        add_public(texts, argv[3]);
    }
    Bench bench(counter, std::move(texts));
    bench.run();
    bench.print();
    print_worst(counter);
    return 0;
}
