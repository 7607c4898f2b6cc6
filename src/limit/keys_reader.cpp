#include "src/limit/keys_reader.hpp"

#include <algorithm>

#include "src/limit/amount.hpp"
#include "src/limit/rfc3339.hpp"

namespace llm::limit {
namespace {

using json::NodeId;
using json::Type;

bool is_bool(Type type) {
    return type == Type::kTrue || type == Type::kFalse;
}

bool is_plain(Bytes text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

Result<Allowance> allowance_of(Bytes usd, Period period) {
    Result<int64_t> nano = parse_usd(usd);
    if (!nano) {
        return nano.error();
    }
    return Allowance{*nano, period};
}

}  // namespace

Error KeysReader::wrong(NodeId node, const std::string& why) const {
    Bytes before = doc_.text().substr(0, doc_.offset(node));
    auto line = 1 + std::count(before.begin(), before.end(), '\n');
    std::string message = "line " + std::to_string(line) + ": ";
    if (!doc_.key(node).empty()) {
        append_json_string(message, doc_.key(node).substr(0, 80));
        message += ' ';
    }
    return {Errc::kInvalid, message + why};
}

Result<std::vector<Key>> KeysReader::read() {
    if (!doc_.is(json::kRoot, Type::kObject)) {
        return Error{Errc::kInvalid, "must be an object with \"keys\""};
    }
    for (NodeId node : doc_.children(json::kRoot)) {
        if (doc_.key(node) != "keys") {
            return wrong(node, "is not known here");
        }
    }
    NodeId list = doc_.find(json::kRoot, "keys");
    if (!doc_.is(list, Type::kArray)) {
        return Error{Errc::kInvalid, "\"keys\" must be a list"};
    }
    if (doc_.size(list) > KeyTable::kMaxKeys) {
        return Error{Errc::kTooLarge, "more than 1000000 keys"};
    }
    std::vector<Key> all;
    all.reserve(doc_.size(list));
    for (NodeId node : doc_.children(list)) {
        Result<Key> one = key(node);
        if (!one) {
            return one.error();
        }
        all.push_back(std::move(one).value());
    }
    return all;
}

Result<Key> KeysReader::key(NodeId node) {
    if (!doc_.is(node, Type::kObject)) {
        return wrong(node, "a key must be an object");
    }
    Key out;
    for (NodeId child : doc_.children(node)) {
        Result<void> read = member(child, out);
        if (!read) {
            return read.error();
        }
    }
    for (Bytes needed : {"key_sha256", "name", "tenant"}) {
        if (doc_.find(node, needed) == json::kNoNode) {
            return wrong(node, "a key needs \"" + std::string(needed)
                                   + "\"");
        }
    }
    return out;
}

Result<void> KeysReader::member(NodeId node, Key& key) {
    Bytes which = doc_.key(node);
    if (which == "key_sha256") {
        return hash(node, key);
    }
    if (which == "name") {
        return name(node, key.name, 1);
    }
    if (which == "tenant") {
        return name(node, key.tenant, 1);
    }
    if (which == "plan") {
        return name(node, key.plan, 0);
    }
    if (which == "models") {
        return models(node, key);
    }
    if (which == "expires") {
        return expires(node, key);
    }
    if (which == "limits") {
        return limits(node, key.limits);
    }
    if (which == "budgets") {
        return budgets(node, key);
    }
    if (which == "tags") {
        return tags(node, key);
    }
    if (which != "disabled") {
        return wrong(node, "is not known here");
    }
    if (!is_bool(doc_.type(node))) {
        return wrong(node, "must be true or false");
    }
    key.disabled = doc_.is(node, Type::kTrue);
    return {};
}

Result<void> KeysReader::hash(NodeId node, Key& key) const {
    std::string scratch;
    Bytes hex = doc_.string(node, scratch);
    if (!from_hex(hex, key.hash.bytes.data(), key.hash.bytes.size())) {
        return wrong(node, "must be 64 hexadecimal digits");
    }
    return {};
}

Result<void> KeysReader::name(NodeId node, std::string& out,
                              size_t least) const {
    std::string scratch;
    Bytes text = doc_.string(node, scratch);
    if (!doc_.is(node, Type::kString) || text.size() < least
        || text.size() > KeyTable::kMaxNameBytes || !is_plain(text)) {
        return wrong(node, "must be a string of " + std::to_string(least)
                               + " to 128 bytes without control characters");
    }
    out = std::string(text);
    return {};
}

Result<void> KeysReader::models(NodeId node, Key& key) const {
    if (!doc_.is(node, Type::kArray)
        || doc_.size(node) > KeyTable::kMaxModels) {
        return wrong(node, "must be a list of at most 256 models");
    }
    key.any_model = false;
    for (NodeId child : doc_.children(node)) {
        std::string model;
        if (!name(child, model, 1)) {
            return wrong(node, "must be a list of strings of 1 to 128 bytes");
        }
        key.models.push_back(std::move(model));
    }
    return {};
}

Result<void> KeysReader::expires(NodeId node, Key& key) const {
    std::string scratch;
    key.expires_s = parse_rfc3339(doc_.string(node, scratch));
    if (!key.expires_s) {
        return wrong(node, "must be an instant such as "
                           "\"2026-12-31T23:59:59Z\"");
    }
    return {};
}

// A string or a number as it is written.
Bytes KeysReader::written(NodeId node, std::string& scratch) const {
    return doc_.is(node, Type::kNumber) ? doc_.raw(node)
                                        : doc_.string(node, scratch);
}

Result<void> KeysReader::limits(NodeId node, KeyLimits& out) const {
    if (!doc_.is(node, Type::kObject)) {
        return wrong(node, "must be an object");
    }
    for (NodeId child : doc_.children(node)) {
        Bytes which = doc_.key(child);
        std::string scratch;
        Bytes text = written(child, scratch);
        if (which == "requests" || which == "tokens") {
            Result<Rate> rate = parse_rate(text);
            if (!rate) {
                return wrong(child, rate.error().message);
            }
            (which == "requests" ? out.requests : out.tokens) = *rate;
        } else if (which == "concurrency" || which == "burst") {
            Result<int64_t> count = parse_count(text);
            if (!count) {
                return wrong(child, count.error().message);
            }
            (which == "burst" ? out.burst : out.concurrency) = *count;
        } else {
            return wrong(child, "is not known here");
        }
    }
    return {};
}

Result<void> KeysReader::budgets(NodeId node, Key& key) {
    if (!doc_.is(node, Type::kObject)) {
        return wrong(node, "must be an object");
    }
    for (NodeId child : doc_.children(node)) {
        if (doc_.key(child) == "tz") {
            Result<void> read = zone(child, key);
            if (!read) {
                return read;
            }
            continue;
        }
        Result<void> read = budget(child, key);
        if (!read) {
            return read;
        }
    }
    return {};
}

// "day": 50, or as llm_budget has it: "usd": "50/day", "soft": "80%".
Result<void> KeysReader::budget(NodeId node, Key& key) {
    Bytes which = doc_.key(node);
    std::string scratch;
    Bytes text = written(node, scratch);
    if (which == "soft") {
        Result<int64_t> percent = parse_percent(text);
        if (!percent) {
            return wrong(node, percent.error().message);
        }
        key.soft_percent = *percent;
        return {};
    }
    std::optional<Period> period = period_of(which);
    if (!period && which != "usd") {
        return wrong(node, "is not known here");
    }
    Result<Allowance> budget = period ? allowance_of(text, *period)
                                      : parse_allowance(text);
    if (!budget) {
        return wrong(node, budget.error().message);
    }
    for (const Allowance& other : key.budgets) {
        if (other.period == budget->period) {
            return wrong(node, "is a second budget of one window");
        }
    }
    key.budgets.push_back(*budget);
    return {};
}

Result<void> KeysReader::zone(NodeId node, Key& key) {
    std::string scratch;
    std::string zone_name(doc_.string(node, scratch));
    auto known = known_zones_.find(zone_name);
    if (known == known_zones_.end()) {
        Result<TimeZone> loaded = TimeZone::load(zone_name, zones_);
        if (!loaded) {
            return wrong(node, "must be a time zone such as "
                               "\"Europe/Berlin\"");
        }
        known = known_zones_
                    .emplace(zone_name, std::make_shared<const TimeZone>(
                                            std::move(loaded).value()))
                    .first;
    }
    key.zone_name = std::move(zone_name);
    key.zone = known->second;
    return {};
}

Result<void> KeysReader::tags(NodeId node, Key& key) const {
    if (!doc_.is(node, Type::kObject)
        || doc_.size(node) > KeyTable::kMaxTags) {
        return wrong(node, "must be an object of at most 16 tags");
    }
    for (NodeId child : doc_.children(node)) {
        std::string value;
        Result<void> read = name(child, value, 0);
        if (!read) {
            return read;
        }
        Bytes tag = doc_.key(child);
        if (tag.empty() || tag.size() > KeyTable::kMaxNameBytes
            || !is_plain(tag)) {
            return wrong(child, "is no name for a tag");
        }
        key.tags.emplace_back(tag, std::move(value));
    }
    return {};
}

}  // namespace llm::limit
