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
                             static_cast<uint16_t>(bounded + 1)});
    }
    std::sort(idf.rows_.begin(), idf.rows_.end(),
              [](const Row& a, const Row& b) { return a.hash < b.hash; });
    return idf;
}

uint16_t Idf::find(Bytes stem) const {
    uint64_t hash = hash64(stem);
    auto at = std::lower_bound(
        rows_.begin(), rows_.end(), hash,
        [](const Row& row, uint64_t value) { return row.hash < value; });
    return at == rows_.end() || at->hash != hash ? uint16_t{0} : at->idf;
}

uint16_t Idf::of(Bytes stem) const {
    uint16_t found = find(stem);
    return found == 0 ? kUnknown : static_cast<uint16_t>(found - 1);
}

}  // namespace llm::semantic
