#include "src/semantic/idf.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "src/base/hash.hpp"

namespace llm::semantic {

Result<Idf> Idf::create(Bytes table) {
    Idf idf;
    double documents = 0;
    for (size_t number = 1; !table.empty(); number++) {
        size_t end = std::min(table.find('\n'), table.size());
        Bytes line = table.substr(0, end);
        table.remove_prefix(std::min(end + 1, table.size()));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        size_t space = line.find(' ');
        uint64_t count = 0;
        if (space == Bytes::npos
            || !parse_decimal(line.substr(space + 1), count) || count == 0) {
            return Error{Errc::kInvalid, "word table, line "
                                             + std::to_string(number)
                                             + ": not `word count`"};
        }
        if (documents == 0) {
            documents = static_cast<double>(count);  // of `documents N`
            continue;
        }
        double rare = std::log(documents / static_cast<double>(count));
        double bounded = std::clamp(rare * 100, 0.0, double{kUnknown});
        idf.rows_.push_back({hash64(line.substr(0, space)),
                             static_cast<uint16_t>(bounded)});
    }
    std::sort(idf.rows_.begin(), idf.rows_.end(),
              [](const Row& a, const Row& b) { return a.hash < b.hash; });
    size_t row = 0;
    for (size_t bucket = 0; bucket <= size_t{1} << kBucketBits; bucket++) {
        while (row < idf.rows_.size()
               && bucket_of(idf.rows_[row].hash) < bucket) {
            row++;
        }
        idf.from_.push_back(static_cast<uint32_t>(row));
    }
    return idf;
}

std::optional<uint16_t> Idf::find(Bytes stem) const {
    uint64_t hash = hash64(stem);
    size_t bucket = bucket_of(hash);
    for (size_t i = from_[bucket]; i < from_[bucket + 1]; i++) {
        if (rows_[i].hash == hash) {
            return rows_[i].idf;
        }
    }
    return std::nullopt;
}

}  // namespace llm::semantic
