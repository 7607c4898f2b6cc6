#include "src/route/secret_mask.hpp"

#include <algorithm>
#include <cstring>

namespace llm::route {

namespace {

// Where the text's end could be the secret's beginning; its size: nowhere.
size_t begin_of_tail_of(const std::string& secret, Bytes text) {
    size_t most = secret.size() - 1;
    size_t at = text.size() > most ? text.size() - most : 0;
    while ((at = text.find(secret[0], at)) != Bytes::npos) {
        if (secret.starts_with(text.substr(at))) {
            return at;
        }
        at++;
    }
    return text.size();
}

}  // namespace

// The first one; of several that begin there the longest.
SecretMask::Place SecretMask::find(Bytes text) const {
    Place first{Bytes::npos, 0};
    if (text.empty()) {
        return first;
    }
    for (const std::string& secret : secrets_) {
        const void* found =
            memmem(text.data(), text.size(), secret.data(), secret.size());
        if (found == nullptr) {
            continue;
        }
        auto at = static_cast<size_t>(static_cast<const char*>(found)
                                      - text.data());
        if (at < first.at || (at == first.at && secret.size() > first.size)) {
            first = {at, secret.size()};
        }
    }
    return first;
}

size_t SecretMask::begin_of_tail(Bytes text) const {
    size_t begin = text.size();
    for (const std::string& secret : secrets_) {
        begin = std::min(begin, begin_of_tail_of(secret, text));
    }
    return begin;
}

size_t SecretMask::first_suspect(Bytes text) const {
    return std::min(find(text).at, begin_of_tail(text));
}

// Behind the last occurrence.
size_t SecretMask::mask_all(char* text, size_t size) const {
    size_t done = 0;
    for (;;) {
        Place found = find({text + done, size - done});
        if (found.at == Bytes::npos) {
            return done;
        }
        std::memset(text + done + found.at, '*', found.size);
        done += found.at + found.size;
    }
}

bool SecretMask::mask(char* text, size_t size) const {
    return mask_all(text, size) > 0;
}

void SecretMask::pass(Bytes bytes) {
    if (!bytes.empty()) {
        pieces_.push_back(bytes);
    }
}

// How much of what is held may go on.
size_t SecretMask::judge(Verdict verdict, bool last) {
    if (verdict == Verdict::kGood) {
        return held_.size();
    }
    if (verdict == Verdict::kError) {
        size_t done = mask_all(held_.data(), held_.size());
        return last ? held_.size()
                    : done + begin_of_tail(Bytes(held_).substr(done));
    }
    size_t suspect = first_suspect(held_);
    return last || held_.size() - suspect > kMostHeld ? held_.size()
                                                      : suspect;
}

const std::vector<Bytes>& SecretMask::feed(Bytes bytes, Verdict verdict,
                                           bool last) {
    pieces_.clear();
    if (held_.empty()) {
        size_t clean = verdict == Verdict::kGood ? bytes.size()
                                                 : first_suspect(bytes);
        pass(bytes.substr(0, clean));
        bytes.remove_prefix(clean);
        if (bytes.empty()) {
            return pieces_;
        }
    }
    held_.append(bytes);
    size_t ready = judge(verdict, last);
    out_.assign(held_, 0, ready);
    held_.erase(0, ready);
    pass(out_);
    return pieces_;
}

}  // namespace llm::route
