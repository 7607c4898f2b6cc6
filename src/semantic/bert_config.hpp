// BertConfig: what config.json (Hugging Face) says of a BERT-type encoder,
// with 1_Pooling/config.json and sentence_bert_config.json (sentence-
// transformers) where they are.
//
// Only mean pooling, absolute positions and GELU are computed; anything else
// is kUnsupported, by name. kInvalid: a size that is missing or out of
// bounds. Threads: plain value.
#pragma once

#include <string>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::semantic {

struct BertConfig {
    size_t hidden = 0;
    size_t layers = 0;
    size_t heads = 0;
    size_t inner = 0;      // width of the feed-forward step
    size_t vocabulary = 0;
    size_t positions = 0;  // longest text, in tokens
    size_t types = 0;
    float epsilon = 1e-12f;
    // Tokens that a text is cut to, special ones included: max_seq_length,
    // 0 when no file says it.
    size_t max_tokens = 0;

    size_t head() const { return hidden / heads; }
};

Result<BertConfig> read_bert_config(Bytes json);
// The other two files' part. An empty text is a file that is not there.
Result<void> read_pooling(Bytes json);
Result<void> read_sentence_config(Bytes json, BertConfig& config);

Result<BertConfig> load_bert_config(const std::string& directory);

}  // namespace llm::semantic
