#include "src/semantic/registry.hpp"

#include "src/semantic/bert_encoder.hpp"
#include "src/semantic/lexical_encoder.hpp"
#include "src/semantic/static_encoder.hpp"

namespace llm::semantic {

namespace {

using Opened = Result<std::unique_ptr<Encoder>>;

template <typename T>
Opened owned(Result<T> made) {
    if (!made) {
        return made.error();
    }
    return std::unique_ptr<Encoder>(std::make_unique<T>(std::move(*made)));
}

}  // namespace

Opened open_encoder(Bytes kind, const std::string& path,
                    Precision precision) {
    if (kind == kLexical) {
        if (!path.empty()) {
            return Error{Errc::kInvalid, "a lexical encoder has no files"};
        }
        return std::unique_ptr<Encoder>(std::make_unique<LexicalEncoder>());
    }
    if (kind != kMinilm && kind != kStatic) {
        return Error{Errc::kUnsupported,
                     "no such encoder: it is lexical, minilm, static, or an "
                     "endpoint by url="};
    }
    if (path.empty()) {
        return Error{Errc::kInvalid,
                     "the encoder needs the directory of its model"};
    }
    return kind == kMinilm ? owned(BertEncoder::load(path, precision))
                           : owned(StaticEncoder::load(path));
}

EncoderTraits traits_of(Bytes kind) {
    if (kind == kMinilm) {
        return {.floor = 0.86f, .immediate = false};
    }
    if (kind == kStatic) {
        return {.floor = 0.90f, .immediate = true};
    }
    if (kind == kRemote) {
        return {.floor = 0.88f, .immediate = false};
    }
    return {.floor = 0.92f, .immediate = kind == kLexical};
}

}  // namespace llm::semantic
