// Complexity: how hard a request is, what kind of work it asks for, and
// whether it is one of those that no small model may answer. Made from word
// lists and the operator's rules at configuration time
// (complexity_builder.hpp).
//
// The score is the sum of weight times value over all signals (signals.hpp
// says how each is computed), from 0 to 1000. The level is `simple` below the
// first threshold, `medium` below the second, `complex` below the third,
// `specialized` from there on. A critical term sets level `specialized` and
// score 1000. Read are the last text of the last user turn, its first and
// last kMaxPart bytes when it is longer, and of everything else the size.
//
// The same request always gets the same answer; time is linear in the text.
//
// Threads: immutable, any thread may assess() with a Scratch of its own.
// Ownership: owns its words; keeps no reference to a request.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/api/request.hpp"
#include "src/json/document.hpp"
#include "src/route/critical.hpp"
#include "src/route/signals.hpp"
#include "src/route/task.hpp"
#include "src/route/word_list_fold.hpp"
#include "src/route/word_list_trie.hpp"

namespace llm::route {

enum class Level : uint8_t { kSimple, kMedium, kComplex, kSpecialized };

// "simple", "medium", "complex", "specialized". Static storage.
Bytes name_of(Level level);

// Thousandths, rising: where medium, complex and specialized begin.
struct Thresholds {
    int medium = 300;
    int complex = 600;
    int specialized = 800;

    Level level_of(int score) const;
};

struct Assessment {
    int score = 0;  // 0 to 1000
    Level level = Level::kSimple;
    Task task = Task::kChat;
    Critical critical = Critical::kNone;
    SignalValues values{};  // by Signal, then the operator's in their order
};

class Complexity {
public:
    static constexpr size_t kMaxPart = size_t{16} << 10;

    // Memory of one worker for its assessments; a few tens of KB once used.
    struct Scratch {
        std::string head;
        std::string tail;
        FoldedText folded;
        TextShape shape;

        void clear();
    };

    // `request` was read from `doc`.
    Assessment assess(const api::Request& request, const json::Document& doc,
                      Scratch& scratch) const;

    // The same of a text, for what has no document.
    Assessment assess(Bytes text, const Circumstances& around,
                      Scratch& scratch) const;

    const Thresholds& thresholds() const { return thresholds_; }

private:
    friend class ComplexityBuilder;
    struct Finding;
    struct Tally;

    // What a term of a word list speaks for.
    struct Voice {
        enum Kind : uint8_t { kSignal, kTask, kCritical } kind;
        uint8_t index;
        int16_t strength;
    };

    Complexity() = default;
    void hear(const FoldedText& text, Finding& finding) const;
    Tally tally(const FoldedText& text, const Finding& finding,
                const TaskPoints& form, std::optional<size_t> part) const;
    Task judge_task(const FoldedText& text, const Finding& finding,
                    const TaskPoints& form, uint32_t& word) const;
    void judge_terms(const FoldedText& text, const Finding& finding,
                     const Assessment& result, uint32_t word,
                     SignalValues& values) const;
    Assessment judge(const Circumstances& around,
                     const Scratch& scratch) const;
    void read(Bytes text, Scratch& scratch) const;

    WordTrie trie_;
    std::vector<Voice> voices_;  // by term of trie_
    SignalValues weights_{};
    size_t signals_ = kSignals;
    Thresholds thresholds_;
};

}  // namespace llm::route
