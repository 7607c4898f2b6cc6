// Snapshot: the numbers of one scrape, in the order in which they are
// printed: families as listed, series by their label values.
//
// Numbers of different series are read one after the other, so a scrape may
// see an operation in one family and not yet in another; within a histogram
// the count is the sum of its buckets.
//
// Threads: a plain value. Ownership: owns all but the families.
#pragma once

#include <string>
#include <vector>

#include "src/metrics/table.hpp"

namespace llm::metrics {

// A number that is known elsewhere and handed in at the scrape.
struct Sample {
    const Family* family = nullptr;  // a counter or a gauge
    std::vector<std::string> values;
    int64_t value = 0;
};

struct Series {
    std::vector<std::string> values;
    std::vector<uint64_t> cells;  // of a gauge: an int64_t's bits

    uint64_t histogram_count() const;
    uint64_t histogram_sum() const { return cells.back(); }
};

struct Group {
    const Family* family = nullptr;
    std::vector<Series> series;
};

struct Snapshot {
    std::vector<Group> groups;  // those with at least one series
};

// Series whose family is not in `families` are left out. A counter without
// labels that nobody has counted yet is there with 0. Samples with equal
// labels add up.
Snapshot collect(const Table& table, std::span<const Family* const> families,
                 std::span<const Sample> samples = {});

// stored / 10^decimals in decimal digits, exact, no trailing zeros.
void append_scaled(std::string& out, uint64_t stored, int decimals);
void append_scaled_signed(std::string& out, int64_t stored, int decimals);

// The one number of a counter's or gauge's series.
void append_single(std::string& out, const Family& family,
                   const Series& series);

}  // namespace llm::metrics
