// Document: one JSON text (RFC 8259) as a flat array of nodes over its bytes.
//
// Strict, because what we read and what the upstream reads must be the same
// thing. Errc::kInvalid: not one JSON value with white space around it, BOM,
// bytes that are not UTF-8, an escape that is half a surrogate pair, control
// characters in a string, or one object that names a member twice (compared
// after unescaping, in any object at any depth). Errc::kTooLarge: nesting
// deeper than kMaxDepth, more than kMaxBytes or kMaxNodes. Messages name the
// place as a byte offset and hold none of the text.
//
// Numbers stay the bytes that were written; only their grammar is checked.
//
// What a provider answers passes as it is and has no canonical form:
// parse_as_written() neither sorts an object's members nor refuses doubles,
// of which find() gives the first.
//
// How: simdjson's first stage (UTF-8, strings, structural characters at
// several GB/s) gives the places, one loop without recursion builds nodes.
// Time is linear in the text, apart from sorting the members of an object.
//
// Ownership: the text belongs to the caller, must outlive the Document's use
// and needs no padding. Node memory is kept from one parse() to the next, up
// to a bound. One Document a thread; const methods change nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"
#include "src/base/text_size.hpp"

namespace llm::json {

enum class Type : uint8_t {
    kNull,
    kFalse,
    kTrue,
    kNumber,
    kString,
    kArray,
    kObject,
};

using NodeId = uint32_t;
constexpr NodeId kRoot = 0;
constexpr NodeId kNoNode = UINT32_MAX;

// Node and its flags are for this room; others use Document's methods.
struct Node {
    uint32_t begin;         // of the value's bytes, quote or bracket
    uint32_t end;           // included; one past them
    uint32_t key_begin;     // the unescaped key, in the text or in keys_
    uint32_t key_size;
    uint32_t next;          // the node after this one and all below it
    uint32_t count;         // children
    uint32_t first_sorted;  // of an object: its member with the least key
    uint32_t next_sorted;   // of a member: the one with the next greater key
    Type type;
    uint8_t flags;
};

enum NodeFlags : uint8_t {
    kEscaped = 1,       // a string with a backslash in it
    kRewritten = 2,     // its canonical form is not what is written
    kKeyUnescaped = 4,  // the key stands in keys_
};

class Document {
public:
    static constexpr size_t kMaxDepth = 512;
    static constexpr size_t kMaxBytes = size_t{1} << 30;
    static constexpr size_t kMaxNodes = size_t{1} << 23;

    Document();
    ~Document();
    Document(Document&&) noexcept;
    Document& operator=(Document&&) noexcept;

    // Replaces what was parsed before. After an error the document is empty.
    Result<void> parse(Bytes text) { return parse(text, true); }
    // For what needs no canonical form.
    Result<void> parse_as_written(Bytes text) { return parse(text, false); }
    // For what people write: an error names its line, "line 7: ...".
    Result<void> parse_file(Bytes text) { return parse(text, true, true); }

    // False before the first parse() and after one that failed. Everything
    // below needs a document that is not empty and ids it handed out.
    bool empty() const { return count_ == 0; }
    Bytes text() const { return text_; }
    size_t node_count() const { return count_; }

    Type type(NodeId id) const { return nodes_[id].type; }
    bool is(NodeId id, Type type) const {
        return id != kNoNode && nodes_[id].type == type;
    }
    // The value's bytes as written, with quotes or brackets, and its place.
    Bytes raw(NodeId id) const {
        const Node& node = nodes_[id];
        return text_.substr(node.begin, node.end - node.begin);
    }
    size_t offset(NodeId id) const { return nodes_[id].begin; }
    // Children of an array or an object; 0 for anything else.
    size_t size(NodeId id) const { return nodes_[id].count; }
    // A member's key, unescaped; "" for what is not a member. Lives as long
    // as the text and until the next parse().
    Bytes key(NodeId id) const {
        const Node& node = nodes_[id];
        Bytes from = (node.flags & kKeyUnescaped) != 0 ? Bytes(keys_) : text_;
        return from.substr(node.key_begin, node.key_size);
    }

    // Children in the order of the text:
    //   for (NodeId child : doc.children(id))
    class Children;
    Children children(NodeId id) const;

    // The member of an object; kNoNode when absent, when `object` is kNoNode
    // or not an object. Linear in the number of members.
    NodeId find(NodeId object, Bytes key) const;

    // A string's text, unescaped: a view of the document's text where
    // nothing was escaped, otherwise of `scratch`. "" for other types.
    Bytes string(NodeId id, std::string& scratch) const;

    // How much text a string holds, unescaped; nothing for other types.
    TextSize string_size(NodeId id) const;

    // A number, cut to a whole one towards zero and clamped to int64_t
    // (1e999 is INT64_MAX); 0 for other types.
    int64_t as_int64(NodeId id) const;
    // A number, clamped to the finite doubles; 0 for other types.
    double as_double(NodeId id) const;

    const Node& node(NodeId id) const { return nodes_[id]; }

private:
    friend class Builder;
    struct Scanner;

    Result<void> parse(Bytes text, bool sorted, bool by_line = false);
    void reserve(size_t nodes);

    Bytes text_;
    std::unique_ptr<Node[]> nodes_;
    uint32_t count_ = 0;
    uint32_t capacity_ = 0;
    std::string keys_;  // unescaped keys of those that hold escapes
    std::unique_ptr<Scanner> scanner_;
};

class Document::Children {
public:
    class Iterator {
    public:
        Iterator(const Node* nodes, NodeId id) : nodes_(nodes), id_(id) {}
        NodeId operator*() const { return id_; }
        Iterator& operator++() {
            id_ = nodes_[id_].next;
            return *this;
        }
        bool operator==(const Iterator& other) const {
            return id_ == other.id_;
        }

    private:
        const Node* nodes_;
        NodeId id_;
    };

    Children(const Node* nodes, NodeId first, NodeId end)
        : nodes_(nodes), first_(first), end_(end) {}
    Iterator begin() const { return {nodes_, first_}; }
    Iterator end() const { return {nodes_, end_}; }

private:
    const Node* nodes_;
    NodeId first_;
    NodeId end_;
};

inline Document::Children Document::children(NodeId id) const {
    const Node& node = nodes_[id];
    return {nodes_.get(), id + 1, node.next};
}

}  // namespace llm::json
