#include "src/semantic/tokenizer.hpp"

namespace llm::semantic {

Result<Tokenizer> Tokenizer::create(TokenizerSpec spec) {
    size_t count = spec.pieces.size();
    if (count == 0 || count > TokenizerSpec::kMaxPieces) {
        return Error{Errc::kInvalid, "tokenizer: "
                                         + std::to_string(count)
                                         + " pieces in the vocabulary"};
    }
    if (spec.unknown >= count) {
        return Error{Errc::kInvalid,
                     "tokenizer: no unknown token in the vocabulary"};
    }
    bool special = spec.begin != kNoToken || spec.end != kNoToken;
    if (special && (spec.begin >= count || spec.end >= count)) {
        return Error{Errc::kInvalid,
                     "tokenizer: a special token is not in the vocabulary"};
    }
    if (spec.max_word_chars == 0 || spec.max_word_chars > Word::kMaxChars) {
        return Error{Errc::kUnsupported,
                     "tokenizer: max_input_chars_per_word of "
                         + std::to_string(spec.max_word_chars)};
    }
    Tokenizer out;
    std::vector<PieceTable::Piece> first;
    std::vector<PieceTable::Piece> following;
    for (uint32_t id = 0; id < count; id++) {
        const std::string& piece = spec.pieces[id];
        if (piece.size() > 2 && piece.starts_with("##")) {
            following.push_back({piece.substr(2), id});
        } else if (!piece.empty()) {
            first.push_back({piece, id});
        }
    }
    out.first_ = PieceTable(first);
    out.following_ = PieceTable(following);
    out.spec_ = std::move(spec);
    return out;
}

void Tokenizer::hash_into(Hasher& hasher) const {
    const SplitRules& rules = spec_.rules;
    std::string head = "wordpiece";
    for (uint64_t number :
         {uint64_t{spec_.unknown}, uint64_t{spec_.begin}, uint64_t{spec_.end},
          uint64_t{rules.clean}, uint64_t{rules.cjk},
          uint64_t{rules.strip_accents}, uint64_t{rules.lower},
          uint64_t{spec_.max_word_chars}, uint64_t{spec_.pieces.size()}}) {
        head += ' ';
        head += std::to_string(number);
    }
    hasher.update(head);
    for (const std::string& piece : spec_.pieces) {
        hasher.update(Bytes(piece.c_str(), piece.size() + 1));
    }
}

bool Tokenizer::pieces_of(const Word& word,
                          std::vector<uint32_t>& ids) const {
    if (word.chars() > spec_.max_word_chars) {
        return false;
    }
    size_t before = ids.size();
    uint16_t ends[Word::kMaxChars];
    const uint16_t* word_ends = word.ends();
    size_t done = 0;   // code points
    size_t begin = 0;  // bytes
    while (done < word.chars()) {
        const PieceTable& table = done == 0 ? first_ : following_;
        size_t left = word.chars() - done;
        const uint16_t* rest = word_ends;
        if (done > 0) {
            for (size_t i = 0; i < left; i++) {
                ends[i] = static_cast<uint16_t>(word_ends[done + i] - begin);
            }
            rest = ends;
        }
        auto match = table.longest(word.text().substr(begin), rest, left);
        if (match.id == PieceTable::kNone) {
            ids.resize(before);
            return false;
        }
        ids.push_back(match.id);
        done += match.end;
        begin = word_ends[done - 1];
    }
    return true;
}

size_t Tokenizer::tokenize(Bytes text, const Options& options,
                           TokenSpace& space) const {
    bool special = options.special && has_special();
    size_t frame = special ? 2 : 0;
    size_t room = options.limit > frame ? options.limit - frame : 0;
    auto& ids = space.ids;
    ids.clear();
    // The last word may pass the limit before it is cut there.
    ids.reserve(options.limit + frame + Word::kMaxChars);
    if (special) {
        ids.push_back(spec_.begin);
    }
    size_t full = ids.size() + room;
    if (room > 0) {
        space.splitter.split(text, spec_.rules, [&](const Word& word) {
            if (!pieces_of(word, ids) && !options.skip_unknown) {
                ids.push_back(spec_.unknown);
            }
            return ids.size() < full;
        });
    }
    if (ids.size() > full) {
        ids.resize(full);
    }
    size_t count = ids.size() - (special ? 1 : 0);
    if (special) {
        ids.push_back(spec_.end);
    }
    return count;
}

}  // namespace llm::semantic
