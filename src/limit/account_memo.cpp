#include "src/limit/account_memo.hpp"

#include "src/base/hash.hpp"

namespace llm::limit {
namespace {

// Of equal size; their first and their last bytes, which may overlap.
template <typename Word>
bool same_ends(Bytes a, Bytes b) {
    using hash_detail::load;
    size_t last = a.size() - sizeof(Word);
    return load<Word>(a.data()) == load<Word>(b.data())
           && load<Word>(a.data() + last) == load<Word>(b.data() + last);
}

// Short texts, which names mostly are, without a call.
bool same(Bytes a, Bytes b) {
    if (a.size() != b.size()) {
        return false;
    }
    if (a.size() > 16 || a.size() < 2) {
        return a == b;
    }
    return a.size() >= 8   ? same_ends<uint64_t>(a, b)
           : a.size() >= 4 ? same_ends<uint32_t>(a, b)
                           : same_ends<uint16_t>(a, b);
}

}  // namespace

AccountKey AccountMemo::key(const Ledger& ledger, Kind kind, Bytes name,
                            Bytes value, int64_t window_start_s) {
    if (name.size() > kMaxBytes || value.size() > kMaxBytes) {
        return ledger.key(kind, name, value, window_start_s);
    }
    // Where names are equal it is mostly the same one, at the same place in
    // memory: that spreads as well as its letters.
    auto where = reinterpret_cast<uintptr_t>(name.data());
    uint64_t seed = where + static_cast<uint64_t>(kind);
    Place& place = places_[hash64(value, seed) % kPlaces];
    // A place whose key is not made yet has an empty name.
    if (place.kind == kind && place.window_start_s == window_start_s
        && same(place.value, value) && same(place.name, name)
        && !name.empty()) {
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
