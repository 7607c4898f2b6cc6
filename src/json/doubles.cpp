#include "src/json/doubles.hpp"

#include <algorithm>
#include <vector>

#include "src/json/key_sort.hpp"

namespace llm::json {
namespace {

constexpr size_t kFew = 64;  // members; more are sorted

bool has_few_doubles(const Document& doc, NodeId object) {
    // Bits of sizes and letters: most members need no comparison.
    uint64_t seen = 0;
    for (NodeId member : doc.children(object)) {
        Bytes key = doc.key(member);
        uint64_t mark = key.size() * 11;
        if (!key.empty()) {
            mark += static_cast<unsigned char>(key.front()) * 5u
                    + static_cast<unsigned char>(key.back()) * 3u;
        }
        uint64_t bit = uint64_t{1} << (mark & 63);
        if ((seen & bit) != 0 && doc.find(object, key) != member) {
            return true;
        }
        seen |= bit;
    }
    return false;
}

bool has_many_doubles(const Document& doc, NodeId object) {
    std::vector<SortKey> keys;
    keys.reserve(doc.size(object));
    for (NodeId member : doc.children(object)) {
        keys.push_back({doc.key(member), member});
    }
    sort_keys(keys);
    return std::ranges::adjacent_find(keys, {}, &SortKey::text) != keys.end();
}

}  // namespace

bool has_doubles(const Document& doc) {
    auto count = static_cast<NodeId>(doc.node_count());
    for (NodeId id = 0; id < count; id++) {
        if (doc.type(id) != Type::kObject || doc.size(id) < 2) {
            continue;
        }
        if (doc.size(id) > kFew ? has_many_doubles(doc, id)
                                : has_few_doubles(doc, id)) {
            return true;
        }
    }
    return false;
}

}  // namespace llm::json
