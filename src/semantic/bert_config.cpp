#include "src/semantic/bert_config.hpp"

#include "src/json/document.hpp"
#include "src/semantic/mapped_file.hpp"

namespace llm::semantic {

namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

constexpr size_t kMaxFile = size_t{1} << 20;

Result<void> parse(Document& doc, Bytes json) {
    if (auto parsed = doc.parse(json); !parsed) {
        return parsed.error();
    }
    if (!doc.is(kRoot, Type::kObject)) {
        return Error{Errc::kInvalid, "not an object"};
    }
    return {};
}

struct Size {
    const char* name;
    size_t BertConfig::* field;
    uint64_t most;
};

constexpr Size kSizes[] = {
    {"hidden_size", &BertConfig::hidden, 4096},
    {"num_hidden_layers", &BertConfig::layers, 64},
    {"num_attention_heads", &BertConfig::heads, 128},
    {"intermediate_size", &BertConfig::inner, 16384},
    {"vocab_size", &BertConfig::vocabulary, 1 << 21},
    {"max_position_embeddings", &BertConfig::positions, 8192},
    {"type_vocab_size", &BertConfig::types, 16},
};

// What the model must say, or leave unsaid.
struct Choice {
    const char* name;
    const char* value;
};

constexpr Choice kChoices[] = {
    {"model_type", "bert"},
    {"hidden_act", "gelu"},
    {"position_embedding_type", "absolute"},
};

}  // namespace

Result<BertConfig> read_bert_config(Bytes json) {
    Document doc;
    if (auto parsed = parse(doc, json); !parsed) {
        return parsed.error();
    }
    BertConfig config;
    for (const Size& size : kSizes) {
        NodeId id = doc.find(kRoot, size.name);
        uint64_t value = 0;
        if (!doc.is(id, Type::kNumber) || !parse_decimal(doc.raw(id), value)
            || value == 0 || value > size.most) {
            return Error{Errc::kInvalid,
                         std::string(size.name)
                             + ": missing or out of bounds"};
        }
        config.*size.field = value;
    }
    std::string scratch;
    for (const Choice& choice : kChoices) {
        NodeId id = doc.find(kRoot, choice.name);
        if (id != kNoNode && doc.string(id, scratch) != choice.value) {
            return Error{Errc::kUnsupported,
                         std::string(choice.name) + ": only "
                             + choice.value + " is supported"};
        }
    }
    if (config.hidden % config.heads != 0) {
        return Error{Errc::kInvalid,
                     "hidden_size is no multiple of num_attention_heads"};
    }
    NodeId epsilon = doc.find(kRoot, "layer_norm_eps");
    if (epsilon != kNoNode) {
        double value = doc.as_double(epsilon);
        if (!(value >= 0 && value < 1)) {
            return Error{Errc::kInvalid, "layer_norm_eps: out of bounds"};
        }
        config.epsilon = static_cast<float>(value);
    }
    return config;
}

Result<void> read_pooling(Bytes json) {
    Document doc;
    if (json.empty()) {
        return {};
    }
    if (auto parsed = parse(doc, json); !parsed) {
        return parsed;
    }
    for (NodeId id : doc.children(kRoot)) {
        Bytes key = doc.key(id);
        bool mean = key == "pooling_mode_mean_tokens";
        if (key.starts_with("pooling_mode_")
            && doc.is(id, Type::kTrue) != mean) {
            return Error{Errc::kUnsupported,
                         "only pooling_mode_mean_tokens is supported"};
        }
    }
    return {};
}

Result<void> read_sentence_config(Bytes json, BertConfig& config) {
    Document doc;
    if (json.empty()) {
        return {};
    }
    if (auto parsed = parse(doc, json); !parsed) {
        return parsed;
    }
    NodeId id = doc.find(kRoot, "max_seq_length");
    if (doc.is(id, Type::kNumber)) {
        int64_t value = doc.as_int64(id);
        if (value < 3 || value > static_cast<int64_t>(config.positions)) {
            return Error{Errc::kInvalid, "max_seq_length: out of bounds"};
        }
        config.max_tokens = static_cast<size_t>(value);
    }
    return {};
}

Result<BertConfig> load_bert_config(const std::string& directory) {
    auto named = [&](const char* file, const Error& error) {
        return Error{error.code,
                     directory + "/" + file + ": " + error.message};
    };
    auto file = MappedFile::open(directory + "/config.json", kMaxFile);
    if (!file) {
        return file.error();
    }
    auto config = read_bert_config(file->bytes());
    if (!config) {
        return named("config.json", config.error());
    }
    constexpr const char* kPooling = "1_Pooling/config.json";
    constexpr const char* kSentence = "sentence_bert_config.json";
    for (const char* name : {kPooling, kSentence}) {
        auto extra = MappedFile::open(directory + "/" + name, kMaxFile);
        if (!extra) {
            if (extra.error().code == Errc::kNotFound) {
                continue;
            }
            return extra.error();
        }
        auto read = name == kPooling
                        ? read_pooling(extra->bytes())
                        : read_sentence_config(extra->bytes(), *config);
        if (!read) {
            return named(name, read.error());
        }
    }
    return config;
}

}  // namespace llm::semantic
