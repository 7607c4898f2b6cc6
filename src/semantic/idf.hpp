// Idf: how rare a word is in questions that people ask, from a background
// table (data/semantic/idf.txt, counted by bench/calibrate). English only;
// in other languages every word is middling rare.
//
// The table: a line `documents N`, then lines `stem count` sorted by bytes.
// Ownership: keeps hashes, nothing of the table. Immutable, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::semantic {

class Idf {
public:
    static constexpr uint16_t kUnknown = 1000;    // of a word not counted
    static constexpr uint16_t kMiddling = 700;

    static Result<Idf> built_in();
    static Result<Idf> create(Bytes table);

    // Hundredths of ln(documents / documents with the word); nothing for a
    // word that the table does not have.
    std::optional<uint16_t> find(Bytes stem) const;

private:
    static constexpr int kBucketBits = 12;
    static size_t bucket_of(uint64_t hash) {
        return hash >> (64 - kBucketBits);
    }

    struct Row {
        uint64_t hash;
        uint16_t idf;
    };
    std::vector<Row> rows_;       // sorted by hash
    std::vector<uint32_t> from_;  // by a hash's first bits: its first row
};

}  // namespace llm::semantic
