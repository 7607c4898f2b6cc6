// WordCounts: in how many questions of this edge's own traffic a word stands,
// for the words that the background table (idf.hpp) does not know: at a help
// desk every question may name the product, and two that share its name have
// little in common by it. A word that differs keeps the background's weight:
// "Pro" and "Enterprise" must not become light because everybody asks about
// them. So traffic makes the judge more careful, never less; who floods it
// with questions takes hits away and cannot get a wrong one.
//
// Words that the table knows keep its weight even when they are shared: the
// judge's weights were fitted with it, and counting those too costs a quarter
// of the hits on public streams for a third of the false ones, which
// `precision` buys cheaper.
//
//   weight = min(background, -100 ln((kPrior e^(-background/100) + others)
//                                    / (kPrior + questions)))
//
// where `others` are the questions with the word but one, the stored one.
//
// Shared memory: Header, then two periods of kRows rows of 16-bit counters
// (a count-min sketch: of a word's counters the least one counts, collisions
// make it larger). A period ends after kPeriod questions: the older one is
// cleared and begins anew, so that what counts is the last kPeriod to
// 2 kPeriod questions. Words are single relaxed atomics: an increment may be
// lost between two processes, none is torn; no locks, a killed worker leaves
// nothing behind.
//
// Ownership: the memory is the caller's; copies are the same counts.
// attach(fresh) is for one process, all else for any thread or process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/result.hpp"
#include "src/semantic/facts.hpp"
#include "src/shm/region.hpp"

namespace llm::semantic {

class WordCounts {
public:
    static constexpr uint32_t kVersion = 1;
    static constexpr uint32_t kRows = 2;
    static constexpr uint32_t kPeriod = 32768;  // questions
    static constexpr double kPrior = 2000;  // questions that the table is worth

    static uint32_t layout();
    // Bytes for so many counters a row, a power of two.
    static size_t size_needed(size_t counters);

    // As many counters as there is room for. kInvalid: not for one;
    // kCorrupt: not fresh, and no counts of this layout.
    static Result<WordCounts> attach(const shm::Region& region);

    // Counts nothing; weights are the background's.
    WordCounts() = default;

    // One question was asked that had no answer here.
    void add(const Facts& question);

    // Of the last periods.
    uint64_t questions() const;

    // Hundredths of a natural logarithm, at most `background`.
    uint16_t weight(uint64_t key, uint16_t background) const;

private:
    struct Header;

    Header& header() const;
    uint16_t* row(uint32_t period, uint32_t number) const;
    size_t cell(uint64_t key, uint32_t row) const;
    uint64_t count(uint64_t key) const;
    void begin_period(uint32_t ended);

    char* memory_ = nullptr;
    size_t mask_ = 0;  // of a counter's index in its row
};

}  // namespace llm::semantic
