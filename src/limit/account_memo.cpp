#include "src/limit/account_memo.hpp"

#include "src/base/hash.hpp"

namespace llm::limit {

AccountKey AccountMemo::key(const Ledger& ledger, Kind kind, Bytes name,
                            Bytes value, int64_t window_start_s) {
    if (name.size() > kMaxBytes || value.size() > kMaxBytes) {
        return ledger.key(kind, name, value, window_start_s);
    }
    // A place whose key is not made yet has an empty name.
    uint64_t seed = hash64(name, static_cast<uint64_t>(kind));
    Place& place = places_[hash64(value, seed) % kPlaces];
    if (place.kind == kind && place.window_start_s == window_start_s
        && place.value == value && place.name == name && !name.empty()) {
        return place.key;
    }
    place.key = ledger.key(kind, name, value, window_start_s);
    place.kind = kind;
    place.window_start_s = window_start_s;
    place.name = name;
    place.value = value;
    return place.key;
}

}  // namespace llm::limit
