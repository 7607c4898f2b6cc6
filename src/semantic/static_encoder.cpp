#include "src/semantic/static_encoder.hpp"

#include <algorithm>

#include "src/semantic/mapped_file.hpp"
#include "src/semantic/tokenizer_file.hpp"

namespace llm::semantic {

namespace {

constexpr size_t kMaxModelFile = size_t{2} << 30;

size_t code_points(Bytes text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// Of all pieces, their "##" included; the mean of the two in the middle.
size_t median_chars(const std::vector<std::string>& pieces) {
    std::vector<size_t> sizes;
    for (const std::string& piece : pieces) {
        if (!piece.empty()) {
            sizes.push_back(code_points(piece));
        }
    }
    std::sort(sizes.begin(), sizes.end());
    size_t middle = sizes.size() / 2;
    return sizes.size() % 2 == 1
               ? sizes[middle]
               : (sizes[middle - 1] + sizes[middle]) / 2;
}

// The first `count` code points.
Bytes cut(Bytes text, size_t count) {
    if (text.size() <= count) {
        return text;
    }
    size_t at = 0;
    for (; at < text.size(); at++) {
        if ((text[at] & 0xc0) != 0x80 && count-- == 0) {
            break;
        }
    }
    return text.substr(0, at);
}

}  // namespace

Result<StaticEncoder> StaticEncoder::create(TokenizerSpec spec,
                                            const Safetensors& weights) {
    auto tokenizer = Tokenizer::create(std::move(spec));
    if (!tokenizer) {
        return tokenizer.error();
    }
    StaticEncoder out(std::move(*tokenizer));
    if (auto done = out.read(weights); !done) {
        return done.error();
    }
    out.max_chars_ =
        kMaxTokens
        * std::max<size_t>(median_chars(out.tokenizer_.spec().pieces), 1);
    Hasher hasher;
    hasher.update("static " + std::to_string(out.dims_) + " "
                  + std::to_string(out.options().limit));
    out.tokenizer_.hash_into(hasher);
    for (const Tensor& tensor : weights.tensors()) {
        hasher.update(Bytes(tensor.name.c_str(), tensor.name.size() + 1));
        hasher.update(tensor.data);
    }
    out.id_ = hasher.finish();
    return out;
}

Result<void> StaticEncoder::read(const Safetensors& weights) {
    size_t tokens = tokenizer_.spec().pieces.size();
    const Tensor* table = weights.find("embeddings");
    if (table == nullptr) {
        table = weights.find("embedding.weight");
    }
    if (table == nullptr) {
        return Error{Errc::kNotFound, "tensor embeddings: not in the file"};
    }
    const auto& shape = table->shape;
    if (shape.size() != 2 || shape[0] == 0 || shape[1] == 0
        || shape[1] > kMaxDims || shape[0] > TokenizerSpec::kMaxPieces) {
        return Error{Errc::kInvalid,
                     "tensor embeddings: not a table of vectors"};
    }
    dims_ = shape[1];
    rows_.grow(shape[0] * dims_);
    if (auto done =
            read_floats(*table, 0, shape[0] * dims_, rows_.data());
        !done) {
        return done;
    }
    if (const Tensor* mapping = weights.find("mapping")) {
        if (auto done = read_indices(*mapping, shape[0], row_of_); !done) {
            return done;
        }
    } else {
        row_of_.resize(shape[0]);
        for (uint32_t i = 0; i < shape[0]; i++) {
            row_of_[i] = i;
        }
    }
    if (row_of_.size() < tokens) {
        return Error{Errc::kInvalid,
                     "tensor embeddings: fewer rows than tokens"};
    }
    if (const Tensor* weight = weights.find("weights")) {
        if (weight->elements() < tokens || weight->shape.size() != 1) {
            return Error{Errc::kInvalid,
                         "tensor weights: not one number a token"};
        }
        weight_of_.resize(weight->elements());
        return read_floats(*weight, 0, weight_of_.size(), weight_of_.data());
    }
    return {};
}

Result<StaticEncoder> StaticEncoder::load(const std::string& directory) {
    auto spec = load_tokenizer_spec(directory);
    if (!spec) {
        return spec.error();
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
    auto out = create(std::move(*spec), *weights);
    if (!out) {
        return Error{out.error().code, path + ": " + out.error().message};
    }
    return out;
}

Tokenizer::Options StaticEncoder::options() const {
    size_t said = tokenizer_.spec().max_tokens;
    return {.limit = said > 0 ? std::min(said, kMaxTokens) : kMaxTokens,
            .special = false,
            .skip_unknown = true};
}

void StaticEncoder::prepare(Workspace& space) const {
    tokenizer_.tokenize("", options(), space.tokens);
}

Result<void> StaticEncoder::encode(Bytes text, Workspace& space,
                                   std::span<float> out) const {
    tokenizer_.tokenize(cut(text, max_chars_), options(), space.tokens);
    if (space.tokens.ids.empty()) {
        return Error{Errc::kInvalid, "no tokens"};
    }
    std::fill(out.begin(), out.end(), 0.0f);
    for (uint32_t token : space.tokens.ids) {
        const float* row = rows_.data() + row_of_[token] * dims_;
        float weight = weight_of_.empty() ? 1 : weight_of_[token];
        for (size_t d = 0; d < out.size(); d++) {
            out[d] += weight * row[d];
        }
    }
    if (!normalize(out)) {
        return Error{Errc::kInvalid, "zero vector"};
    }
    return {};
}

}  // namespace llm::semantic
