#include "src/semantic/tokenizer_file.hpp"

#include <algorithm>
#include <iterator>

#include "src/json/document.hpp"
#include "src/semantic/mapped_file.hpp"

namespace llm::semantic {

namespace {

using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;
using json::Type;

// Reads one tokenizer.json; each step gives its first error and stops there.
class Reader {
public:
    explicit Reader(const Document& doc) : doc_(doc) {}

    Result<TokenizerSpec> read();

private:
    using Step = Result<void> (Reader::*)();

    Result<void> normalizer();
    Result<void> pre_tokenizer();
    Result<void> model();
    Result<void> vocabulary(NodeId vocab);
    Result<void> special();
    Result<void> template_parts(NodeId processor);
    Result<void> truncation();

    Bytes text(NodeId id) {
        return id == kNoNode ? Bytes() : doc_.string(id, scratch_);
    }
    std::string type_of(NodeId id) {
        return std::string(text(doc_.find(id, "type")));
    }
    bool null(NodeId id) const {
        return id == kNoNode || doc_.is(id, Type::kNull);
    }
    bool flag(NodeId object, Bytes key, bool otherwise) const {
        NodeId id = doc_.find(object, key);
        return null(id) ? otherwise : doc_.is(id, Type::kTrue);
    }
    uint32_t id_of(Bytes piece) const;
    static Error refused(const char* what, Bytes type);
    static Error wrong(const char* what) {
        return {Errc::kInvalid, std::string("tokenizer.json: ") + what};
    }

    const Document& doc_;
    std::string scratch_;
    TokenizerSpec spec_;
};

Error Reader::refused(const char* what, Bytes type) {
    std::string name;
    for (char c : type.substr(0, 40)) {
        name += c > ' ' && c < 0x7f ? c : '?';
    }
    return {Errc::kUnsupported,
            std::string("tokenizer.json: ") + what + " of type "
                + (name.empty() ? "(none)" : name) + " is not supported"};
}

Result<TokenizerSpec> Reader::read() {
    if (!doc_.is(kRoot, Type::kObject)) {
        return wrong("not an object");
    }
    for (Step step : {&Reader::normalizer, &Reader::pre_tokenizer,
                      &Reader::model, &Reader::special,
                      &Reader::truncation}) {
        if (auto done = (this->*step)(); !done) {
            return done.error();
        }
    }
    return std::move(spec_);
}

Result<void> Reader::normalizer() {
    NodeId id = doc_.find(kRoot, "normalizer");
    std::string type = type_of(id);
    if (type != "BertNormalizer") {
        return refused("a normalizer", type);
    }
    spec_.rules.clean = flag(id, "clean_text", true);
    spec_.rules.cjk = flag(id, "handle_chinese_chars", true);
    spec_.rules.lower = flag(id, "lowercase", true);
    spec_.rules.strip_accents =
        flag(id, "strip_accents", spec_.rules.lower);
    return {};
}

Result<void> Reader::pre_tokenizer() {
    std::string type = type_of(doc_.find(kRoot, "pre_tokenizer"));
    if (type != "BertPreTokenizer") {
        return refused("a pre_tokenizer", type);
    }
    return {};
}

Result<void> Reader::model() {
    NodeId model = doc_.find(kRoot, "model");
    // Files of old have no type here; they are WordPiece by their prefix.
    std::string type = type_of(model);
    NodeId prefix = doc_.find(model, "continuing_subword_prefix");
    if (type != "WordPiece" && !(type.empty() && prefix != kNoNode)) {
        return refused("a model", type);
    }
    if (prefix != kNoNode && text(prefix) != "##") {
        return refused("a prefix", text(prefix));
    }
    NodeId longest = doc_.find(model, "max_input_chars_per_word");
    if (longest != kNoNode) {
        int64_t chars = doc_.as_int64(longest);
        spec_.max_word_chars = chars > 0 ? static_cast<size_t>(chars) : 0;
    }
    NodeId vocab = doc_.find(model, "vocab");
    if (!doc_.is(vocab, Type::kObject)) {
        return wrong("model.vocab is not an object");
    }
    if (auto done = vocabulary(vocab); !done) {
        return done;
    }
    NodeId unknown = doc_.find(model, "unk_token");
    spec_.unknown = id_of(unknown == kNoNode ? "[UNK]" : text(unknown));
    return {};
}

Result<void> Reader::vocabulary(NodeId vocab) {
    // Holes are allowed, as long as the ids are not mostly holes.
    size_t limit = std::min(doc_.size(vocab) * 2 + 1024,
                            TokenizerSpec::kMaxPieces);
    for (NodeId entry : doc_.children(vocab)) {
        uint64_t id;
        if (!doc_.is(entry, Type::kNumber)
            || !parse_decimal(doc_.raw(entry), id) || id >= limit) {
            return wrong("model.vocab holds an id out of bounds");
        }
        if (id >= spec_.pieces.size()) {
            spec_.pieces.resize(id + 1);
        }
        if (!spec_.pieces[id].empty()) {
            return wrong("model.vocab gives one id to two pieces");
        }
        spec_.pieces[id] = std::string(doc_.key(entry));
    }
    return {};
}

uint32_t Reader::id_of(Bytes piece) const {
    auto at = std::find(spec_.pieces.begin(), spec_.pieces.end(), piece);
    return piece.empty() || at == spec_.pieces.end()
               ? kNoToken
               : static_cast<uint32_t>(at - spec_.pieces.begin());
}

Result<void> Reader::special() {
    NodeId processor = doc_.find(kRoot, "post_processor");
    if (null(processor)) {
        return {};
    }
    std::string type = type_of(processor);
    if (type == "TemplateProcessing") {
        return template_parts(processor);
    }
    if (type != "BertProcessing") {
        return refused("a post_processor", type);
    }
    struct Part {
        const char* name;
        uint32_t* id;
    };
    for (Part part : {Part{"cls", &spec_.begin}, Part{"sep", &spec_.end}}) {
        NodeId pair = doc_.find(processor, part.name);
        if (!doc_.is(pair, Type::kArray) || doc_.size(pair) != 2) {
            return wrong("post_processor lacks cls or sep");
        }
        int64_t id = doc_.as_int64(*++doc_.children(pair).begin());
        *part.id = id >= 0 && id < INT32_MAX ? static_cast<uint32_t>(id)
                                              : kNoToken - 1;
    }
    return {};
}

// {"single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": ...}, ...]}
Result<void> Reader::template_parts(NodeId processor) {
    NodeId single = doc_.find(processor, "single");
    if (!doc_.is(single, Type::kArray)) {
        return wrong("post_processor.single is not a list");
    }
    std::vector<NodeId> parts;
    for (NodeId part : doc_.children(single)) {
        parts.push_back(part);
    }
    if (parts.size() == 1 && doc_.find(parts[0], "Sequence") != kNoNode) {
        return {};
    }
    if (parts.size() != 3 || doc_.find(parts[1], "Sequence") == kNoNode) {
        return refused("a post_processor", "another template");
    }
    uint32_t ids[2];
    for (int i = 0; i < 2; i++) {
        NodeId token = doc_.find(parts[i == 0 ? 0 : 2], "SpecialToken");
        ids[i] = id_of(text(doc_.find(token, "id")));
        if (ids[i] == kNoToken) {
            return wrong("post_processor names a token that is no piece");
        }
    }
    spec_.begin = ids[0];
    spec_.end = ids[1];
    return {};
}

Result<void> Reader::truncation() {
    NodeId block = doc_.find(kRoot, "truncation");
    if (!null(block)) {
        NodeId length = doc_.find(block, "max_length");
        int64_t most = length == kNoNode ? 0 : doc_.as_int64(length);
        if (most < 3 || most > (1 << 20)) {
            return wrong("truncation.max_length is out of bounds");
        }
        spec_.max_tokens = static_cast<size_t>(most);
    }
    return {};
}

Result<void> read_rules(Bytes config_json, SplitRules& rules) {
    Document doc;
    if (auto parsed = doc.parse(config_json); !parsed) {
        return Error{parsed.error().code,
                     "tokenizer_config.json: " + parsed.error().message};
    }
    auto flag = [&](Bytes key, bool otherwise) {
        NodeId id = doc.find(kRoot, key);
        return id == kNoNode || doc.is(id, Type::kNull)
                   ? otherwise
                   : doc.is(id, Type::kTrue);
    };
    rules.lower = flag("do_lower_case", true);
    rules.cjk = flag("tokenize_chinese_chars", true);
    rules.strip_accents = flag("strip_accents", rules.lower);
    return {};
}

}  // namespace

Result<TokenizerSpec> read_tokenizer_json(Bytes json) {
    Document doc;
    if (auto parsed = doc.parse(json); !parsed) {
        return Error{parsed.error().code,
                     "tokenizer.json: " + parsed.error().message};
    }
    return Reader(doc).read();
}

Result<TokenizerSpec> read_vocab_txt(Bytes vocab, Bytes config_json) {
    TokenizerSpec spec;
    while (!vocab.empty()) {
        size_t end = std::min(vocab.find('\n'), vocab.size());
        Bytes line = vocab.substr(0, end);
        vocab.remove_prefix(std::min(end + 1, vocab.size()));
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (spec.pieces.size() == TokenizerSpec::kMaxPieces) {
            return Error{Errc::kTooLarge, "vocab.txt: too many lines"};
        }
        spec.pieces.emplace_back(line);
    }
    auto id_of = [&](Bytes piece) {
        auto at = std::find(spec.pieces.begin(), spec.pieces.end(), piece);
        return at == spec.pieces.end()
                   ? kNoToken
                   : static_cast<uint32_t>(at - spec.pieces.begin());
    };
    spec.unknown = id_of("[UNK]");
    spec.begin = id_of("[CLS]");
    spec.end = id_of("[SEP]");
    if (!config_json.empty()) {
        if (auto done = read_rules(config_json, spec.rules); !done) {
            return done.error();
        }
    }
    return spec;
}

Result<TokenizerSpec> load_tokenizer_spec(const std::string& directory) {
    auto named = [&](Result<TokenizerSpec> spec) -> Result<TokenizerSpec> {
        if (!spec) {
            return Error{spec.error().code,
                         directory + ": " + spec.error().message};
        }
        return spec;
    };
    auto json =
        MappedFile::open(directory + "/tokenizer.json", kMaxTokenizerFile);
    if (json) {
        return named(read_tokenizer_json(json->bytes()));
    }
    if (json.error().code != Errc::kNotFound) {
        return json.error();
    }
    auto vocab =
        MappedFile::open(directory + "/vocab.txt", kMaxTokenizerFile);
    if (!vocab) {
        return Error{vocab.error().code, directory
                                             + ": no tokenizer.json, and "
                                             + vocab.error().message};
    }
    auto config = MappedFile::open(directory + "/tokenizer_config.json",
                                   kMaxTokenizerFile);
    return named(read_vocab_txt(vocab->bytes(),
                                config ? config->bytes() : Bytes()));
}

}  // namespace llm::semantic
