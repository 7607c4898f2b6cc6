// Critical classes: subjects where a wrong answer costs more than a large
// model. A request that holds one term of a class that is switched on gets
// the top level, whatever its score: the rule beats the score.
//
// The four built-in classes take their terms from the sections
// [critical.legal] and so on of the word lists; beside them stands one class,
// `custom`, for the operator's own patterns and files.
//
// Threads: no state.
#pragma once

#include <cstdint>
#include <optional>

#include "src/base/bytes.hpp"

namespace llm::route {

enum class Critical : uint8_t {
    kLegal,
    kComplaint,
    kMedical,
    kMoney,
    kCustom,
    kNone,
};

constexpr size_t kCriticals = 5;
constexpr Critical kBuiltInCriticals[] = {
    Critical::kLegal, Critical::kComplaint, Critical::kMedical,
    Critical::kMoney};

// "legal", …, "custom"; "" for kNone. Static storage.
Bytes name_of(Critical critical);

// A built-in class; nullopt for any other word.
std::optional<Critical> critical_of(Bytes name);

// The built-in class that a word of a configuration was probably meant to
// be: one or two letters differ. nullopt when none is that near.
std::optional<Critical> critical_near(Bytes word);

}  // namespace llm::route
