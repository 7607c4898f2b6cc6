#include "src/semantic/bert_encoder.hpp"

#include <algorithm>

#include "src/semantic/mapped_file.hpp"
#include "src/semantic/tokenizer_file.hpp"

namespace llm::semantic {

namespace {

// Texts of the kinds that come, short and long, to measure activations on.
// Vectors depend on them: with them changes "minilm int8 2", below.
constexpr const char* kSamples[] = {
    "Thanks!",
    "ok",
    "What is the weather like in Lisbon?",
    "My parcel from last week has not arrived, and nobody answers my mails.",
    "Write a function in Python that sorts 12 names by their length.",
    "HOW MUCH is 3,499.00 EUR in US dollars???",
    "The committee met on 14 May 1998; its report (no. 7/B) was never "
    "published, although two newspapers had asked for it several times.",
    "\u00bfC\u00f3mo puedo cambiar mi contrase\u00f1a? \u0421\u043f"
    "\u0430\u0441\u0438\u0431\u043e!",
};

Digest digest_of(const BertConfig& config, const Tokenizer& tokenizer,
                 const Safetensors& weights, Precision precision,
                 size_t max_tokens) {
    Hasher hasher;
    std::string head = precision == Precision::kInt8 ? "minilm int8 2"
                                                     : "minilm float";
    for (size_t number : {config.hidden, config.layers, config.heads,
                          config.inner, max_tokens}) {
        head += ' ';
        head += std::to_string(number);
    }
    head += ' ';
    head += std::to_string(config.epsilon * 1e12f);
    hasher.update(head);
    tokenizer.hash_into(hasher);
    for (const Tensor& tensor : weights.tensors()) {
        hasher.update(Bytes(tensor.name.c_str(), tensor.name.size() + 1));
        hasher.update(tensor.data);
    }
    return hasher.finish();
}

}  // namespace

Result<Tokenizer> BertEncoder::tokenizer_for(const BertConfig& config,
                                            TokenizerSpec spec) {
    if (spec.begin == kNoToken) {
        return Error{Errc::kInvalid,
                     "tokenizer: a BERT encoder needs [CLS] and [SEP]"};
    }
    if (spec.pieces.size() > config.vocabulary) {
        return Error{Errc::kInvalid,
                     "tokenizer: more pieces than the model's vocab_size"};
    }
    return Tokenizer::create(std::move(spec));
}

Result<BertEncoder> BertEncoder::assemble(const BertConfig& config,
                                          Tokenizer tokenizer,
                                          const Safetensors& weights,
                                          Precision precision) {
    size_t said = tokenizer.spec().max_tokens;
    size_t wanted = config.max_tokens > 0 ? config.max_tokens
                    : said > 0            ? said
                                          : config.positions;
    auto model = BertModel::load(weights, config);
    if (!model) {
        return model.error();
    }
    BertEncoder out(std::move(*model), std::move(tokenizer));
    out.max_tokens_ = std::min(wanted, config.positions);
    if (precision == Precision::kInt8) {
        out.model_.to_bytes(out.samples());
    }
    out.id_ = digest_of(config, out.tokenizer_, weights, precision,
                        out.max_tokens_);
    return out;
}

Result<BertEncoder> BertEncoder::create(const BertConfig& config,
                                        TokenizerSpec spec,
                                        const Safetensors& weights,
                                        Precision precision) {
    auto tokenizer = tokenizer_for(config, std::move(spec));
    if (!tokenizer) {
        return tokenizer.error();
    }
    return assemble(config, std::move(*tokenizer), weights, precision);
}

Result<BertEncoder> BertEncoder::load(const std::string& directory,
                                      Precision precision) {
    auto config = load_bert_config(directory);
    if (!config) {
        return config.error();
    }
    auto spec = load_tokenizer_spec(directory);
    if (!spec) {
        return spec.error();
    }
    auto tokenizer = tokenizer_for(*config, std::move(*spec));
    if (!tokenizer) {
        return Error{tokenizer.error().code,
                     directory + ": " + tokenizer.error().message};
    }
    std::string path = directory + "/model.safetensors";
    auto file = MappedFile::open(path, kMaxModelFile);
    if (!file) {
        return file.error();
    }
    auto weights = Safetensors::parse(file->bytes());
    if (!weights) {
        return Error{weights.error().code,
                     path + ": " + weights.error().message};
    }
    auto out =
        assemble(*config, std::move(*tokenizer), *weights, precision);
    if (!out) {
        return Error{out.error().code, path + ": " + out.error().message};
    }
    return out;
}

std::vector<std::vector<uint32_t>> BertEncoder::samples() const {
    std::vector<std::vector<uint32_t>> out;
    TokenSpace space;
    for (const char* text : kSamples) {
        if (tokenizer_.tokenize(text, {.limit = max_tokens_}, space) > 0) {
            out.push_back(space.ids);
        }
    }
    return out;
}

void BertEncoder::prepare(Workspace& space) const {
    model_.prepare(max_tokens_, space);
    // Tokenizing reserves what its limit can need.
    tokenizer_.tokenize("", {.limit = max_tokens_}, space.tokens);
}

Result<void> BertEncoder::encode(Bytes text, Workspace& space,
                                 std::span<float> out) const {
    size_t count =
        tokenizer_.tokenize(text, {.limit = max_tokens_}, space.tokens);
    if (count == 0) {
        return Error{Errc::kInvalid, "no tokens"};
    }
    model_.forward(space.tokens.ids, *kernels_, space, out);
    if (!normalize(out)) {
        return Error{Errc::kInvalid, "zero vector"};
    }
    return {};
}

}  // namespace llm::semantic
