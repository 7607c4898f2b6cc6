// Features: what tells a right near match from a wrong one, as numbers; the
// input of Calibration. All but the cosine come from the two texts alone.
//
// Threads: pure functions, plain values.
#pragma once

#include <array>

#include "src/semantic/alignment.hpp"

namespace llm::semantic {

enum class Feature : uint8_t {
    kBias,           // 1
    kCosine,
    kMissing,        // share of rarity that the other side lacks, greater
    kMissingLess,    // the same, of the two sides the smaller
    kRarest,         // the rarest word that the other lacks, either side
    kRarestLess,     // of the two sides the smaller: a substitution
    kSubstituted,    // words put in the place of others, weight by rarity
    kOneSided,       // words that only one side has
    kNames,          // names that differ
    kQuestion,       // asks for something else (when, why, how much)
    kOrder,          // share of pairs of words that changed places
    kShort,          // few words: each counts for more
    kOpposite,       // negations or opposites, where the veto is off
    kSameWords,      // no word differs, nor what is asked for
    kLight,          // light verbs that stand for others: get, use
    kSlot,           // rarity of words that stand in one slot
    kLong,           // how far what both say passes one plain question
    kNear,           // -ln of the distance: how near the cosine is to 1
    kShared,         // ln of the rarity that both sides share: how much the
                     // texts say
    kVague,          // how little that is, below a question of three words
};
constexpr size_t kFeatures = 20;

Bytes name_of(Feature feature);

struct Features {
    std::array<double, kFeatures> value{};

    double& operator[](Feature f) { return value[static_cast<size_t>(f)]; }
    double operator[](Feature f) const {
        return value[static_cast<size_t>(f)];
    }
};

Features features_of(const Alignment& alignment, double cosine);

}  // namespace llm::semantic
