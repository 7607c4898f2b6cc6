// SecretMask: keeps credentials that an upstream echoes in its errors
// ("Incorrect API key provided: sk-…") from the client. Each occurrence gets
// as many '*', so that lengths stay what they were; a good answer's bytes are
// never changed.
//
// Bytes go in as they come, in pieces of any size. What may be the beginning
// of a secret waits for what follows. While it is not known whether the
// answer is an error, it flows up to the first occurrence and waits from
// there; of more than kMostHeld, which no error has, all goes on as it is.
//
// Secrets below kMinSize are left alone: placeholders ("none", "EMPTY"), that
// may as well be a word of the error or of JSON. One written with escapes is
// not found.
//
// Ownership: has copies of the secrets, whose file may change meanwhile. One
// answer, one thread. Linear in the input times the secrets, but for their
// lengths.
#pragma once

#include <string>
#include <vector>

#include "src/base/bytes.hpp"

namespace llm::route {

class SecretMask {
public:
    static constexpr size_t kMinSize = 8;
    static constexpr size_t kMostHeld = size_t{64} << 10;

    enum class Verdict : uint8_t { kUnknown, kGood, kError };

    SecretMask() = default;
    explicit SecretMask(Bytes secret) { add(secret); }
    // One that is too short is taken for none.
    void add(Bytes secret) {
        if (secret.size() >= kMinSize) {
            secrets_.emplace_back(secret);
        }
    }

    // What goes on instead of `bytes`, as far as they are judged; `last`:
    // nothing follows. None of the pieces is empty. They live as long as
    // `bytes` and until the next call.
    const std::vector<Bytes>& feed(Bytes bytes, Verdict verdict, bool last);

    // A text that is there whole, masked in place; false: nothing was found.
    bool mask(char* text, size_t size) const;
    bool mask(std::string& text) const {
        return mask(text.data(), text.size());
    }

private:
    struct Place {
        size_t at;    // npos: nowhere
        size_t size;
    };
    Place find(Bytes text) const;
    size_t begin_of_tail(Bytes text) const;
    size_t first_suspect(Bytes text) const;
    size_t mask_all(char* text, size_t size) const;
    size_t judge(Verdict verdict, bool last);
    void pass(Bytes bytes);

    std::vector<std::string> secrets_;
    std::string held_;
    std::string out_;
    std::vector<Bytes> pieces_;
};

}  // namespace llm::route
