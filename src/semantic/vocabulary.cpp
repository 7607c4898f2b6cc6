#include "src/semantic/vocabulary.hpp"

#include <algorithm>
#include <bit>

#include "src/semantic/word.hpp"

namespace llm::semantic {

namespace {

// A byte at a time, so that the hashes of all prefixes cost one pass.
constexpr uint64_t kStart = 0x9ae16a3b2f90404f;

uint64_t add(uint64_t hash, char c) {
    return (hash ^ static_cast<unsigned char>(c)) * 0x9e3779b97f4a7c15;
}

// The low bits of a product know little of the high ones.
uint64_t finish(uint64_t hash) {
    return hash ^ hash >> 29;
}

}  // namespace

PieceTable::PieceTable(const std::vector<Piece>& pieces) {
    slots_.resize(std::bit_ceil(pieces.size() * 2 + 1));
    mask_ = slots_.size() - 1;
    for (const Piece& piece : pieces) {
        uint64_t hash = kStart;
        for (char c : piece.text) {
            hash = add(hash, c);
        }
        hash = finish(hash);
        size_t at = hash & mask_;
        while (slots_[at].id != kNone) {
            at = (at + 1) & mask_;
        }
        slots_[at] = {hash, static_cast<uint32_t>(text_.size()),
                      static_cast<uint32_t>(piece.text.size()), piece.id};
        text_ += piece.text;
        longest_ = std::max(longest_, piece.text.size());
    }
}

uint32_t PieceTable::probe(uint64_t hash, Bytes piece) const {
    for (size_t at = hash & mask_; slots_[at].id != kNone;
         at = (at + 1) & mask_) {
        const Slot& slot = slots_[at];
        if (slot.hash == hash
            && Bytes(text_).substr(slot.begin, slot.size) == piece) {
            return slot.id;
        }
    }
    return kNone;
}

PieceTable::Match PieceTable::longest(Bytes text, const uint16_t* ends,
                                      size_t count) const {
    if (slots_.empty()) {
        return {};
    }
    uint64_t hashes[Word::kMaxChars];
    uint64_t hash = kStart;
    size_t at = 0;
    size_t known = 0;
    while (known < count && known < Word::kMaxChars
           && ends[known] <= longest_) {
        for (; at < ends[known]; at++) {
            hash = add(hash, text[at]);
        }
        hashes[known++] = finish(hash);
    }
    for (; known > 0; known--) {
        uint32_t id = probe(hashes[known - 1], text.substr(0, ends[known - 1]));
        if (id != kNone) {
            return {id, known};
        }
    }
    return {};
}

uint32_t PieceTable::find(Bytes piece) const {
    uint64_t hash = kStart;
    for (char c : piece) {
        hash = add(hash, c);
    }
    return slots_.empty() ? kNone : probe(finish(hash), piece);
}

}  // namespace llm::semantic
