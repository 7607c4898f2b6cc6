// KeysReader: the JSON of a key file, member by member. Part of keys.cpp's
// work in a file of its own; see keys.hpp for the form.
#pragma once

#include <map>
#include <memory>

#include "src/json/document.hpp"
#include "src/limit/keys.hpp"

namespace llm::limit {

class KeysReader {
public:
    KeysReader(const json::Document& doc, Bytes zones)
        : doc_(doc), zones_(zones) {}

    // All keys in the order of the file. Duplicates are not looked for.
    Result<std::vector<Key>> read();

    // An error at a node: its line, and the member or place in its list.
    Error wrong(json::NodeId node, const std::string& why) const;

private:
    Result<Key> key(json::NodeId node);
    Result<void> member(json::NodeId node, Key& key);
    Result<void> hash(json::NodeId node, Key& key) const;
    Result<void> name(json::NodeId node, std::string& out, size_t least) const;
    Result<void> models(json::NodeId node, Key& key) const;
    Result<void> expires(json::NodeId node, Key& key) const;
    Bytes written(json::NodeId node, std::string& scratch) const;
    Result<void> limits(json::NodeId node, KeyLimits& out) const;
    Result<void> budgets(json::NodeId node, Key& key);
    Result<void> budget(json::NodeId node, Key& key);
    Result<void> zone(json::NodeId node, Key& key);
    Result<void> tags(json::NodeId node, Key& key) const;

    const json::Document& doc_;
    Bytes zones_;
    // Zones are large and few: keys share them.
    std::map<std::string, std::shared_ptr<const TimeZone>>
        known_zones_;
};

}  // namespace llm::limit
