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

// Words this rare (hundredths of ln) in the place of one another make another
// question: where texts share little (the sum over the words they share), and
// where they share more. Beyond that the probability alone decides.
constexpr uint16_t kRareIdf = 600;
constexpr uint16_t kRarestIdf = 950;
constexpr uint16_t kSlotIdf = 500;
constexpr double kLittleShared = 2200;
constexpr double kMuchShared = 2800;

}  // namespace llm::semantic
