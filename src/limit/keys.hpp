// KeyTable: the virtual keys of `llm_keys file`. The keys themselves stand
// nowhere, only their SHA-256.
//
// Form: {"keys": [{…}, …]}, members of a key:
//   key_sha256   64 hexadecimal digits                        (required)
//   name         1 to 128 bytes, unique is not asked          (required)
//   tenant       1 to 128 bytes                               (required)
//   plan         a string
//   models       a list of globs (glob.hpp) of models it may use; absent: all
//   expires      an instant (RFC 3339)
//   disabled     true or false
//   limits       {"requests": rate, "tokens": rate, "concurrency": count,
//                 "burst": count} of this key alone; see amount.hpp. `burst`
//                 is that of requests
//   budgets      {"hour" | "day" | "week" | "month": USD, …, "tz": zone,
//                 "usd": allowance, "soft": percent}; USD as a number or a
//                 string, read digit by digit; each window once
//   tags         {"name": "value", …}, at most 16
// Names, values and tags hold no control characters.
//
// Errors: kInvalid names the line and the member: a member that is not
// listed or has another type, a hash that stands there twice, a negative
// budget, an unknown zone. The whole file is refused, so that whoever watches
// it keeps the table that it has. kTooLarge: more than kMaxKeys.
//
// Lookup: the credential's SHA-256, then a binary search of as many steps
// whether it is found or not, then one comparison that takes the same time
// whatever differs. An unknown, an expired and a disabled key cost the same
// as a good one. Empty credentials are unknown.
//
// A value for watch::Watched<KeyTable>; const use from any thread, but for
// the rules of its keys (rules.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/clock.hpp"
#include "src/base/digest.hpp"
#include "src/base/result.hpp"
#include "src/limit/amount.hpp"
#include "src/limit/rules.hpp"

namespace llm::limit {

struct KeyLimits {
    std::optional<Rate> requests;
    std::optional<Rate> tokens;
    std::optional<int64_t> concurrency;
    std::optional<int64_t> burst;
};

struct Key {
    Digest hash;
    std::string name;
    std::string tenant;
    std::string plan;
    std::vector<std::string> models;
    bool any_model = true;
    std::optional<int64_t> expires_s;
    bool disabled = false;
    KeyLimits limits;
    std::vector<Allowance> budgets;
    int64_t soft_percent = kSoftPercent;
    std::string zone_name;                 // of the budgets; "" is UTC
    std::shared_ptr<const TimeZone> zone;  // nullptr is UTC
    std::vector<std::pair<std::string, std::string>> tags;
    // Of `limits` and `budgets`; nullptr: it has none.
    std::shared_ptr<const KeyRules> rules;

    bool allows(Bytes model) const;
};

enum class KeyState { kGood, kUnknown, kExpired, kDisabled };

struct KeyFound {
    KeyState state = KeyState::kUnknown;
    // Also of expired and disabled ones, for the log; nullptr when unknown.
    const Key* key = nullptr;
};

class KeyTable {
public:
    static constexpr size_t kMaxKeys = 1000000;
    static constexpr size_t kMaxNameBytes = 128;
    static constexpr size_t kMaxTags = 16;
    static constexpr size_t kMaxModels = 256;

    // `zones`: where the time zone files are.
    static Result<KeyTable> parse(Bytes text,
                                  Bytes zones = "/usr/share/zoneinfo");

    // The key lives as long as the table.
    KeyFound find(Bytes credential, Now now) const;

    size_t size() const { return keys_.size(); }

private:
    // Sorted by hash.
    std::vector<Key> keys_;
};

}  // namespace llm::limit
