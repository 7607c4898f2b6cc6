// BodyModel: gives a JSON answer the name that the client asked for while its
// bytes pass, in pieces of any size: nothing is held back and nothing kept.
//
// The value of the first member `model` of the outermost object is replaced
// when it is a string; a key written with escapes is not found. All other
// bytes pass as they are, those of a text that is no JSON too. It looks at no
// byte behind the name.
//
// Ownership: pieces are views of what was fed and of this object. One answer,
// one thread. Linear in the input.
#pragma once

#include <string>
#include <vector>

#include "src/base/bytes.hpp"

namespace llm::route {

class BodyModel {
public:
    explicit BodyModel(Bytes name) { append_json_string(value_, name); }

    // What goes on instead of `bytes`; none of the pieces is empty. The list
    // lives until the next call, the pieces as long as `bytes` and this object.
    const std::vector<Bytes>& feed(Bytes bytes);

private:
    enum class State : uint8_t {
        kBetween,  // outside of strings
        kString,   // in a string that is no key of the outermost object
        kKey,      // in one that is
        kName,     // in the name, which is left out
        kDone,
    };

    size_t next(Bytes bytes, size_t at);
    size_t skip_string(Bytes bytes, size_t at);
    void token(char c);
    void take(Bytes bytes, size_t end);

    std::string value_;
    std::vector<Bytes> pieces_;
    State state_ = State::kBetween;
    size_t from_ = 0;        // the first byte that has not gone on
    size_t depth_ = 0;
    size_t matched_ = 0;     // bytes of the key that are those of `model`
    bool escaped_ = false;   // the next byte of the string is an escape's
    bool key_next_ = false;  // a string here is a key of the outermost object
    bool is_model_ = false;  // the last such key was `model`
};

}  // namespace llm::route
