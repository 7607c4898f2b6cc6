#include "src/route/secret_mask.hpp"

#include <cstring>

namespace llm::route {

// npos: it is not there.
size_t SecretMask::find(Bytes text) const {
    if (secret_.empty() || text.size() < secret_.size()) {
        return Bytes::npos;
    }
    const void* found =
        memmem(text.data(), text.size(), secret_.data(), secret_.size());
    return found == nullptr
               ? Bytes::npos
               : static_cast<size_t>(static_cast<const char*>(found)
                                     - text.data());
}

// Where the text's end could be the secret's beginning; its size: nowhere.
size_t SecretMask::begin_of_tail(Bytes text) const {
    if (secret_.empty()) {
        return text.size();
    }
    size_t most = secret_.size() - 1;
    size_t at = text.size() > most ? text.size() - most : 0;
    while ((at = text.find(secret_[0], at)) != Bytes::npos) {
        if (secret_.starts_with(text.substr(at))) {
            return at;
        }
        at++;
    }
    return text.size();
}

size_t SecretMask::first_suspect(Bytes text) const {
    size_t at = find(text);
    return at == Bytes::npos ? begin_of_tail(text) : at;
}

// Behind the last occurrence.
size_t SecretMask::mask_all(char* text, size_t size) const {
    size_t done = 0;
    for (;;) {
        size_t at = find({text + done, size - done});
        if (at == Bytes::npos) {
            return done;
        }
        std::memset(text + done + at, '*', secret_.size());
        done += at + secret_.size();
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
