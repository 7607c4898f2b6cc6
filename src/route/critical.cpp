#include "src/route/critical.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace llm::route {
namespace {

constexpr std::array<Bytes, kCriticals> kNames = {
    "legal", "complaint", "medical", "money", "custom",
};
constexpr size_t kBuiltIn = std::size(kBuiltInCriticals);
constexpr size_t kLongest = 16;

// How many letters to insert, remove or change to make one of the other.
size_t distance(Bytes a, Bytes b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.size(); i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); j++) {
            size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row[b.size()];
}

}  // namespace

Bytes name_of(Critical critical) {
    return critical == Critical::kNone
               ? Bytes()
               : kNames[static_cast<size_t>(critical)];
}

std::optional<Critical> critical_of(Bytes name) {
    for (size_t i = 0; i < kBuiltIn; i++) {
        if (kNames[i] == name) {
            return static_cast<Critical>(i);
        }
    }
    return std::nullopt;
}

std::optional<Critical> critical_near(Bytes word) {
    if (word.size() > kLongest) {
        return std::nullopt;
    }
    for (size_t i = 0; i < kBuiltIn; i++) {
        size_t letters = distance(word, kNames[i]);
        if (letters == 1 || (letters == 2 && word.size() > 4)) {
            return static_cast<Critical>(i);
        }
    }
    return std::nullopt;
}

}  // namespace llm::route
