// A small JSON reader for the mock upstream: one pass, flat nodes, no
// recursion. Not the module's reader on purpose: a test tool that shared its
// code would share its mistakes.
//
// Owner: whoever calls parse() keeps the text alive as long as the values.
// Bounds: kMaxDepth nested containers, kMaxNodes values; beyond them the text
// counts as malformed. Keys are compared as written (escapes are not folded).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm::mock {

enum class Kind : std::uint8_t {
    kMissing,
    kNull,
    kFalse,
    kTrue,
    kNumber,
    kString,
    kArray,
    kObject
};

class Json;

// A view of one value; a missing one answers every question with nothing.
class Value {
public:
    Value() = default;
    Value(const Json* doc, std::uint32_t index) : doc_(doc), index_(index) {}

    Kind kind() const;
    bool present() const { return kind() != Kind::kMissing; }
    bool is(Kind wanted) const { return kind() == wanted; }
    bool truthy() const { return kind() == Kind::kTrue; }

    Value get(std::string_view key) const;  // member of an object
    Value first() const;                    // first child of a container
    Value next() const;                     // the sibling after this one
    std::string_view key() const;           // own key inside an object
    std::string_view raw() const;           // the bytes as they stand

    std::string text() const;  // a string, unescaped; else empty
    bool equals(std::string_view expected) const;  // a string without escapes
    double number(double otherwise) const;
    std::uint64_t count(std::uint64_t otherwise) const;  // clamped to >= 0

private:
    const Json* doc_ = nullptr;
    std::uint32_t index_ = 0;
};

class Json {
public:
    static constexpr std::size_t kMaxDepth = 512;
    static constexpr std::size_t kMaxNodes = 4U << 20;

    bool parse(std::string_view text);  // false: malformed
    Value root() const { return Value(this, 0); }

private:
    friend class Value;
    static constexpr std::uint32_t kNone = 0xffffffff;
    struct Node {
        std::string_view key;
        std::string_view raw;
        std::uint32_t child = kNone;
        std::uint32_t next = kNone;
        Kind kind = Kind::kNull;
    };
    struct Open {
        std::uint32_t node;
        std::uint32_t last;
    };

    void skip_space();
    bool read_string(std::string_view& raw);
    bool read_key();
    bool read_scalar(Kind& kind, std::string_view& raw);
    bool read_value(bool& opened);
    void add(Kind kind, std::string_view raw);
    bool close(bool& done);

    std::string_view text_;
    std::size_t pos_ = 0;
    std::string_view key_;
    std::vector<Node> nodes_;
    std::vector<Open> open_;
};

// Unescapes the inside of a JSON string; a lone surrogate becomes U+FFFD.
std::string unescape(std::string_view inside);

}  // namespace llm::mock
