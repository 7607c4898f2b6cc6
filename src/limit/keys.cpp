#include "src/limit/keys.hpp"

#include <algorithm>

#include "src/limit/glob.hpp"
#include "src/limit/keys_reader.hpp"

namespace llm::limit {
namespace {

constexpr size_t kMaxCredential = 4096;

// By bytes, as memcmp does.
bool before(const Digest& a, const Digest& b) {
    return a.bytes < b.bytes;
}

// Where the key number `i` stands: "line 7: ".
std::string line_of(const json::Document& doc, size_t i) {
    for (json::NodeId node : doc.children(doc.find(json::kRoot, "keys"))) {
        if (i-- == 0) {
            Bytes before = doc.text().substr(0, doc.offset(node));
            auto line = 1 + std::count(before.begin(), before.end(), '\n');
            return "line " + std::to_string(line) + ": ";
        }
    }
    return {};
}

// The first two keys of the file that have one hash.
Result<void> check_unique(const std::vector<Key>& keys,
                          const json::Document& doc) {
    std::vector<size_t> order(keys.size());
    for (size_t i = 0; i < order.size(); i++) {
        order[i] = i;
    }
    std::sort(order.begin(), order.end(), [&keys](size_t a, size_t b) {
        return before(keys[a].hash, keys[b].hash)
               || (keys[a].hash == keys[b].hash && a < b);
    });
    for (size_t i = 1; i < order.size(); i++) {
        const Key& first = keys[order[i - 1]];
        if (first.hash == keys[order[i]].hash) {
            std::string name;
            append_json_string(name, first.name);
            return Error{Errc::kInvalid,
                         line_of(doc, order[i]) + "keys["
                             + std::to_string(order[i])
                             + "]: \"key_sha256\" is that of keys["
                             + std::to_string(order[i - 1]) + "] (" + name
                             + ")"};
        }
    }
    return {};
}

// Where the hash stands or would stand. The number of steps depends on the
// number of keys alone.
size_t lower_bound(const std::vector<Key>& keys, const Digest& hash) {
    size_t from = 0;
    for (size_t size = keys.size(); size > 1; size -= size / 2) {
        size_t half = size / 2;
        // Digests of secrets are no secrets: nobody can choose one.
        from += before(keys[from + half - 1].hash, hash) ? half : 0;
    }
    return from;
}

}  // namespace

// "a,b" is two models for some upstreams (LiteLLM's fastest_response): none of
// the patterns means that, but for one that says all.
bool Key::allows(Bytes model) const {
    bool several = model.find(',') != Bytes::npos;
    return any_model
           || std::any_of(models.begin(), models.end(),
                          [model, several](const std::string& pattern) {
                              return pattern == model || pattern == "*"
                                     || (!several
                                         && glob_match(pattern, model));
                          });
}

Result<KeyTable> KeyTable::parse(Bytes text, Bytes zones) {
    json::Document doc;
    Result<void> parsed = doc.parse_file(text);
    if (!parsed) {
        return parsed.error();
    }
    auto keys = KeysReader(doc, zones).read();
    if (!keys) {
        return keys.error();
    }
    Result<void> unique = check_unique(*keys, doc);
    if (!unique) {
        return unique.error();
    }
    KeyTable table;
    table.keys_ = std::move(keys).value();
    for (Key& key : table.keys_) {
        KeyRules rules = rules_of(key);
        if (!rules.value.empty()) {
            key.rules = std::make_shared<const KeyRules>(std::move(rules));
        }
    }
    std::sort(table.keys_.begin(), table.keys_.end(),
              [](const Key& a, const Key& b) {
                  return before(a.hash, b.hash);
              });
    return table;
}

KeyFound KeyTable::find(Bytes credential, Now now) const {
    static const Key kNobody;
    Digest hash = sha256(credential.substr(0, kMaxCredential));
    const Key* key = &kNobody;
    if (!keys_.empty()) {
        key = &keys_[lower_bound(keys_, hash)];
    }
    bool same = equal_constant_time(key->hash.view(), hash.view());
    bool fits = !credential.empty() && credential.size() <= kMaxCredential;
    if (!same || !fits) {
        return {};
    }
    if (key->disabled) {
        return {KeyState::kDisabled, key};
    }
    if (key->expires_s && now.wall_s() >= *key->expires_s) {
        return {KeyState::kExpired, key};
    }
    return {KeyState::kGood, key};
}

}  // namespace llm::limit
