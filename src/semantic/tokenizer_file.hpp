// Tokenizers as they lie on disk: tokenizer.json (Hugging Face tokenizers)
// or vocab.txt, one piece a line, with tokenizer_config.json.
//
// Only what means WordPiece with BERT's normalizer and pre-tokenizer is
// taken; any other type is refused by name (kUnsupported), since ids that
// are nearly right make vectors that are wholly wrong. The padding block is
// not used, the truncation block is.
//
// Threads: no state. Errors: kInvalid names the member.
#pragma once

#include <string>

#include "src/semantic/tokenizer.hpp"

namespace llm::semantic {

constexpr size_t kMaxTokenizerFile = size_t{64} << 20;

Result<TokenizerSpec> read_tokenizer_json(Bytes json);

// `config_json` may be empty: lower case then, as BERT's uncased models.
Result<TokenizerSpec> read_vocab_txt(Bytes vocab, Bytes config_json);

// tokenizer.json of the directory, or else vocab.txt.
Result<TokenizerSpec> load_tokenizer_spec(const std::string& directory);

}  // namespace llm::semantic
