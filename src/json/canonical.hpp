// The canonical form of a Document: two texts that say the same have the
// same canonical form, two that differ in anything never have.
//
//   white space     none
//   objects         members by unescaped key, compared as unsigned bytes
//   strings, keys   quoted UTF-8; only quote, backslash (\" \\) and U+0000
//                   to U+001F are escaped: \b \t \n \f \r, else \u00xx in
//                   lower case
//   numbers         the bytes as written: 1, 1.0 and 1e0 are three texts
//   arrays, true, false, null   as ever
// It is RFC 8785 but for the numbers and the order of keys, which RFC 8785
// sorts by UTF-16 units. Text is not normalised: NFC and NFD differ.
//
// What was left out or replaced on request does not show as something else:
// the placeholder is the single byte FF, which no JSON text contains.
#pragma once

#include <cstring>
#include <span>
#include <string>

#include "src/base/digest.hpp"
#include "src/json/document.hpp"

namespace llm::json {

struct CanonicalRules {
    // Members of the root object to leave out, by unescaped key.
    std::span<const Bytes> omit = {};
    // This node's value becomes the placeholder; kNoNode: none.
    NodeId placeholder = kNoNode;
    // More members of the root to leave out, by their values.
    std::span<const NodeId> omit_nodes = {};
};

// Gathers small pieces and hands large ones to the hasher as they are.
class HashSink {
public:
    explicit HashSink(Hasher& hasher) : hasher_(hasher) {}
    HashSink(const HashSink&) = delete;
    HashSink& operator=(const HashSink&) = delete;

    void put(char c) {
        if (used_ == kSize) {
            flush();
        }
        buffer_[used_++] = c;
    }
    void write(Bytes bytes) {
        if (bytes.size() > kSize - used_) {
            return write_large(bytes);
        }
        bytes.copy(buffer_ + used_, bytes.size());
        used_ += bytes.size();
    }
    // Bytes of a text that can be read up to `end`. Most are few: they are
    // copied with what stands behind them, which a call would cost more than.
    void write_part(Bytes bytes, const char* end) {
        if (bytes.size() > kFew || bytes.size() > kSize - used_
            || static_cast<size_t>(end - bytes.data()) < kFew) {
            return write(bytes);
        }
        std::memcpy(buffer_ + used_, bytes.data(), kFew);
        used_ += bytes.size();
    }
    // Everything written so far is in the hasher after this.
    void flush();

private:
    static constexpr size_t kSize = 2048;
    static constexpr size_t kFew = 32;

    void write_large(Bytes bytes);

    Hasher& hasher_;
    size_t used_ = 0;
    char buffer_[kSize + kFew];
};

// Neither needs the sink flushed before; the caller flushes it after.
void write_canonical(const Document& doc, const CanonicalRules& rules,
                     HashSink& out);
void append_canonical(const Document& doc, const CanonicalRules& rules,
                      std::string& out);

}  // namespace llm::json
