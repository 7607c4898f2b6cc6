#include "src/semantic/features.hpp"

#include <algorithm>
#include <cmath>

#include "src/semantic/order.hpp"

namespace llm::semantic {
namespace {

using Side = Alignment::Side;

constexpr Bytes kNames[kFeatures] = {
    "bias",       "cosine",    "missing", "missing_less", "rarest",
    "rarest_less", "substituted", "one_sided", "names",   "question",
    "order",      "short",     "opposite", "same_words", "light",
    "slot",       "long",      "near",
    "shared",     "vague"};

double share(const Side& side) {
    double all = side.missing + side.shared;
    return all > 0 ? side.missing / all : 0;
}

double rarest(const Side& side) {
    uint16_t most = 0;
    for (uint16_t i : side.lacked) {
        most = std::max(most, side.facts->items()[i].idf);
    }
    return most / 1000.0;
}

double names(const Side& side) {
    return static_cast<double>(std::count_if(
        side.lacked.begin(), side.lacked.end(), [&](uint16_t i) {
            const Fact& fact = side.facts->items()[i];
            return fact.capital || !fact.known;
        }));
}

// The key of what is asked for, 0 when nothing says it.
uint64_t question_of(const Side& side) {
    for (const Fact& fact : side.facts->items()) {
        if ((fact.flags & kQuestion) != 0) {
            return fact.key;
        }
    }
    return 0;
}

// Light words left over that have a meaning of their own for all that.
double light(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    size_t count = 0;
    for (size_t i = 0; i < items.size(); i++) {
        count += side.other[i] == Alignment::kNone
                 && !Alignment::content(items[i])
                 && items[i].term != nullptr && !items[i].term->like.empty();
    }
    return static_cast<double>(std::min<size_t>(count, 2));
}

bool negates(const Side& side) {
    const std::vector<Fact>& items = side.facts->items();
    return std::count_if(items.begin(), items.end(),
                         [](const Fact& fact) {
                             return (fact.flags & kNegation) != 0;
                         })
           % 2 != 0;
}

}  // namespace

Bytes name_of(Feature feature) {
    return kNames[static_cast<size_t>(feature)];
}

Features features_of(const Alignment& alignment, double cosine) {
    const Side& left = alignment.left();
    const Side& right = alignment.right();
    auto [less, more] = std::minmax({share(left), share(right)});
    auto [rare_less, rare_more] = std::minmax({rarest(left), rarest(right)});
    double lacked_left = left.missing / 1000;
    double lacked_right = right.missing / 1000;
    uint64_t question_left = question_of(left);
    uint64_t question_right = question_of(right);
    double words = static_cast<double>(std::max<size_t>(
        1, std::min(left.words, right.words)));
    Features f;
    f[Feature::kBias] = 1;
    f[Feature::kCosine] = std::clamp(cosine, -1.0, 1.0);
    f[Feature::kNear] = -std::log(1.01 - f[Feature::kCosine]);
    f[Feature::kMissing] = more;
    f[Feature::kMissingLess] = less;
    f[Feature::kRarest] = rare_more;
    f[Feature::kRarestLess] = rare_less;
    f[Feature::kSubstituted] = std::min(3.0, std::min(lacked_left,
                                                      lacked_right));
    f[Feature::kOneSided] = std::min(
        3.0, std::fabs(lacked_left - lacked_right));
    f[Feature::kNames] = std::min(3.0, names(left) + names(right));
    f[Feature::kQuestion] = question_left == question_right ? 0
                            : question_left != 0 && question_right != 0
                                ? 1
                                : 0.5;
    f[Feature::kOrder] = moved_share(alignment);
    f[Feature::kShort] = 1 / words;
    f[Feature::kOpposite] = negates(left) != negates(right) ? 1 : 0;
    f[Feature::kLight] = std::min(light(left), light(right));
    f[Feature::kSameWords] =
        left.lacked.empty() && right.lacked.empty()
                && f[Feature::kLight] == 0 && f[Feature::kQuestion] == 0
            ? 1
            : 0;
    f[Feature::kSlot] = slot_rarity(alignment) / 1000.0;
    double shared = alignment.shared();
    f[Feature::kShared] = std::log(std::clamp(shared, 300.0, 8000.0) / 1000);
    f[Feature::kVague] = std::clamp((1300 - shared) / 1000, 0.0, 1.0);
    f[Feature::kLong] = std::clamp((shared - 1800) / 2200, 0.0, 1.0);
    return f;
}

}  // namespace llm::semantic
