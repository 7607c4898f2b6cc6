// Joins the unknown members of a stream's chunks to what the same answer has
// as one JSON body, as the official SDKs do.
//
//   kLast   (members of the chunk and of its choices, which every chunk
//           repeats) objects merge by key, anything else: the last one wins.
//   kDelta  (members of a delta) strings are appended, arrays are joined,
//           elements that are objects with the same "index" and "type" are
//           merged, objects merge by key, anything else: the last one wins;
//           so do members that name something and are repeated rather than
//           continued (type, id, format, role, name, status, …).
//   kJoin   (what is said token by token) arrays are joined, objects merge by
//           key, anything else: the last one wins. No name of a member means
//           anything: it may be a token.
//
// null replaces nothing but null. Time is linear in the input.
// Bounds: kMaxParts members of one object and indexed elements of one array;
// deeper than kMaxDepth a value is not merged but replaced.
//
// Owns what it holds. One thread.
#pragma once

#include <memory>
#include <string>

#include "src/api/answer.hpp"
#include "src/json/document.hpp"

namespace llm::api {

enum class Merge : uint8_t { kLast, kDelta, kJoin };

class Accumulator {
public:
    static constexpr size_t kMaxParts = 1024;
    static constexpr size_t kMaxDepth = 32;

    Accumulator();
    ~Accumulator();
    Accumulator(Accumulator&&) noexcept;
    Accumulator& operator=(Accumulator&&) noexcept;

    // Adds one member. False when a bound was reached: the member is then not
    // all there and the answer is lossy.
    bool add(Bytes key, const json::Document& doc, json::NodeId value,
             Merge mode);

    bool has(Bytes key) const;
    bool is_null(Bytes key) const;
    void erase(Bytes key);
    // Roughly the memory held.
    size_t bytes() const { return bytes_; }

    // The raw JSON of one member; false when it is not there.
    bool raw(Bytes key, std::string& out) const;
    // Every member, appended in the order of its first appearance.
    void write(Extras& out) const;

private:
    struct Value;
    bool merge(Value& into, const json::Document& doc, json::NodeId id,
               Merge mode, size_t depth);
    bool merge_array(Value& into, const json::Document& doc, json::NodeId id,
                     Merge mode, size_t depth);
    bool merge_object(Value& into, const json::Document& doc,
                      json::NodeId id, Merge mode, size_t depth);
    void assign(Value& into, Bytes raw);
    Value* member_of(Value& object, Bytes key);

    std::unique_ptr<Value> root_;  // an object; made by the first add()
    size_t bytes_ = 0;
};

}  // namespace llm::api
