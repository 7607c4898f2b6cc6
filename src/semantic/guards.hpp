// Guards: differences between two prompts that no likeness makes up for.
// Each has one word of a closed vocabulary.
//
// Threads: pure functions.
#pragma once

#include "src/semantic/facts.hpp"

namespace llm::semantic {

enum class Veto : uint8_t {
    kNone,
    kNumber,
    kUnit,
    kDate,
    kIdentifier,
    kNegation,
    kAntonym,
    kOrder,
    kName,
    kRareWord,
    kTerm,
};
constexpr size_t kVetoes = 11;

// "veto:number" and so on, "" for kNone; static storage.
Bytes name_of(Veto veto);
// From "number" or "veto:number"; kNone when it is none.
Veto veto_of(Bytes name);

// Which vetoes count, a bit for each Veto.
using VetoSet = uint16_t;
constexpr VetoSet kAllVetoes = (1 << kVetoes) - 2;
constexpr VetoSet bit(Veto veto) {
    return static_cast<VetoSet>(1 << static_cast<unsigned>(veto));
}

class Alignment;

// The first veto of `which` that applies, in the order of the enumeration
// but for terms, which come first.
Veto find_veto(const Alignment& alignment, const Lists& lists,
               VetoSet which);

// Hundredths of ln. A word this rare in the slot of another, all else equal,
// makes another question, but in a text that shares very much (the sum over
// the words they share); so do words this rare on both sides of texts that
// share little. Beyond that the probability alone decides.
constexpr uint16_t kSlotIdf = 600;
constexpr uint16_t kRareIdf = 900;
constexpr double kLittleShared = 2200;
constexpr double kVeryMuchShared = 3500;

}  // namespace llm::semantic
