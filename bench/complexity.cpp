// How well the levels and the tasks are told: a labelled set of requests
// (bench/data/complexity.tsv) against what Complexity says, as a confusion
// table, and what routing by level saves against "always the large model".
//
//   bench_complexity bench/data/complexity.tsv [--wrong]
//
// Rows that say `held` are held out: the word lists were not tuned on them.
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "src/route/complexity_builder.hpp"

namespace {

using namespace llm;
using namespace llm::route;

constexpr size_t kLevelCount = 4;

struct Row {
    bool held_out = false;
    std::string language;
    Level level;
    Task task;
    std::string text;
};

// Example prices in dollars for a million tokens, input and output, and
// which model each level is sent to.
struct Model {
    const char* name;
    double input;
    double output;
};
constexpr Model kModels[] = {
    {"small", 0.15, 0.60}, {"middle", 1.00, 4.00}, {"large", 5.00, 20.00}};
constexpr std::array<size_t, kLevelCount> kRoute = {0, 1, 2, 2};
// Example tokens of an answer to a request of each true level; and the same
// for all, which is how savings of routers are mostly counted.
using ByLevel = std::array<double, kLevelCount>;
constexpr ByLevel kAnswer = {60, 350, 900, 1500};
constexpr ByLevel kSameAnswer = {350, 350, 350, 350};
constexpr double kBytesPerToken = 4;
// The set has about as many requests of each level, to judge each of them.
// Support traffic, of which 40 to 60 % is said to be simple, has not: shares
// in hundredths, written down before anything was counted with them.
constexpr ByLevel kSupport = {50, 30, 15, 5};

std::string unescape(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
        bool line = text[i] == '\\' && i + 1 < text.size()
                    && text[i + 1] == 'n';
        out += line ? '\n' : text[i];
        i += line ? 1 : 0;
    }
    return out;
}

constexpr size_t kCells = 5;

bool read_row(const std::string& line, Row& row) {
    std::array<std::string, kCells> cells;
    size_t from = 0;
    for (size_t i = 0; i < kCells; i++) {
        bool last = i + 1 == kCells;
        size_t tab = last ? std::string::npos : line.find('\t', from);
        if (!last && tab == std::string::npos) {
            return false;
        }
        cells[i] = line.substr(from, tab - from);
        from = tab + 1;
    }
    auto task = task_of(cells[3]);
    for (size_t i = 0; i < kLevelCount; i++) {
        if (task && cells[2] == name_of(static_cast<Level>(i))) {
            row = {cells[0] == "held", cells[1], static_cast<Level>(i),
                   *task, unescape(cells[4])};
            return true;
        }
    }
    return false;
}

// Dollars by the true level: routed, and with the large model always.
struct Bill {
    ByLevel answer;
    ByLevel routed{};
    ByLevel large{};

    void add(const Row& row, size_t said) {
        auto truth = static_cast<size_t>(row.level);
        double input = static_cast<double>(row.text.size()) / kBytesPerToken;
        auto price = [&](size_t model) {
            return (input * kModels[model].input
                    + answer[truth] * kModels[model].output)
                   / 1e6;
        };
        routed[truth] += price(kRoute[said]);
        large[truth] += price(2);
    }

    // With each level's requests counted so often.
    double saved(const ByLevel& times) const {
        double with = 0;
        double without = 0;
        for (size_t i = 0; i < kLevelCount; i++) {
            with += times[i] * routed[i];
            without += times[i] * large[i];
        }
        return 100 * (1 - with / without);
    }
};

struct Tally {
    std::array<std::array<int, kLevelCount>, kLevelCount> confusion{};
    int rows = 0;
    int right = 0;
    int near = 0;  // at most one level off
    int tasks = 0;
    ByLevel of{};  // rows of each level
    Bill longer{kAnswer};
    Bill same{kSameAnswer};

    void add(const Row& row, const Assessment& said) {
        auto truth = static_cast<size_t>(row.level);
        auto level = static_cast<size_t>(said.level);
        size_t apart = truth > level ? truth - level : level - truth;
        confusion[truth][level]++;
        rows++;
        right += apart == 0;
        near += apart <= 1;
        tasks += said.task == row.task;
        of[truth]++;
        longer.add(row, level);
        same.add(row, level);
    }

    void print(const char* title) const {
        std::printf("\n%s: %d requests, level right %.1f %%, at most one "
                    "off %.1f %%, task right %.1f %%\n",
                    title, rows, 100.0 * right / rows, 100.0 * near / rows,
                    100.0 * tasks / rows);
        std::printf("  labelled \\ said %11s %11s %11s %11s\n", "simple",
                    "medium", "complex", "specialized");
        for (size_t i = 0; i < kLevelCount; i++) {
            std::printf("  %-15s",
                        std::string(name_of(static_cast<Level>(i))).c_str());
            for (int count : confusion[i]) {
                std::printf(" %11d", count);
            }
            std::printf("\n");
        }
        print_saved();
    }

    void print_saved() const {
        ByLevel as_it_is = {1, 1, 1, 1};
        ByLevel support{};
        for (size_t i = 0; i < kLevelCount; i++) {
            support[i] = of[i] > 0 ? kSupport[i] / of[i] : 0;
        }
        std::printf("  saved against the large model always:      longer "
                    "answers  same length\n"
                    "  this set (%2.0f/%2.0f/%2.0f/%2.0f %% by level) "
                    "%18.1f %% %10.1f %%\n"
                    "  support  (%2.0f/%2.0f/%2.0f/%2.0f %%)          "
                    "%18.1f %% %10.1f %%\n",
                    100 * of[0] / rows, 100 * of[1] / rows,
                    100 * of[2] / rows, 100 * of[3] / rows,
                    longer.saved(as_it_is), same.saved(as_it_is),
                    kSupport[0], kSupport[1], kSupport[2], kSupport[3],
                    longer.saved(support), same.saved(support));
    }
};

void print_wrong(const Row& row, const Assessment& said) {
    if (row.level == said.level && row.task == said.task) {
        return;
    }
    std::printf("%s %s/%s said %s/%s %d |", row.language.c_str(),
                std::string(name_of(row.level)).c_str(),
                std::string(name_of(row.task)).c_str(),
                std::string(name_of(said.level)).c_str(),
                std::string(name_of(said.task)).c_str(), said.score);
    for (size_t i = 0; i < 6; i++) {
        std::printf(" %s=%d",
                    std::string(name_of(static_cast<Signal>(i))).c_str(),
                    said.values[i]);
    }
    std::printf(" | %.70s\n", row.text.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s labelled.tsv [--wrong]\n", argv[0]);
        return 2;
    }
    bool wrong = argc > 2 && std::strcmp(argv[2], "--wrong") == 0;
    auto complexity = ComplexityBuilder().build();
    if (!complexity) {
        std::fprintf(stderr, "%s\n", complexity.error().message.c_str());
        return 1;
    }
    std::ifstream file(argv[1]);
    Complexity::Scratch scratch;
    Tally tuned;
    Tally held_out;
    std::string line;
    while (std::getline(file, line)) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        Row row;
        if (!read_row(line, row)) {
            std::fprintf(stderr, "not a row: %s\n", line.c_str());
            return 1;
        }
        Circumstances around;
        Assessment said =
            complexity.value()->assess(row.text, around, scratch);
        (row.held_out ? held_out : tuned).add(row, said);
        if (wrong && !row.held_out) {
            print_wrong(row, said);
        }
    }
    if (tuned.rows == 0 || held_out.rows == 0) {
        std::fprintf(stderr, "%s: no rows\n", argv[1]);
        return 1;
    }
    for (const Model& model : kModels) {
        std::printf("%s: $%.2f input, $%.2f output for a million tokens\n",
                    model.name, model.input, model.output);
    }
    std::printf("simple to small, medium to middle, complex and specialized "
                "to large; an answer has %.0f, %.0f, %.0f, %.0f tokens by "
                "level, or %.0f each\n",
                kAnswer[0], kAnswer[1], kAnswer[2], kAnswer[3],
                kSameAnswer[0]);
    tuned.print("tuned on");
    held_out.print("held out");
    return 0;
}
