#include "src/semantic/remote_request.hpp"

namespace llm::semantic {

std::string remote_request(const RemoteModel& model,
                           std::span<const Bytes> texts) {
    std::string out = "{\"model\":";
    size_t size = model.name.size() + 128;
    for (Bytes text : texts) {
        size += text.size() + text.size() / 16 + 4;
    }
    out.reserve(size);
    append_json_string(out, model.name);
    out += ",\"input\":[";
    for (size_t i = 0; i < texts.size(); i++) {
        if (i > 0) {
            out += ',';
        }
        append_json_string(out, texts[i]);
    }
    out += "],\"encoding_format\":\"base64\"";
    if (model.dims > 0) {
        out += ",\"dimensions\":";
        append_number(out, static_cast<int64_t>(model.dims));
    }
    out += '}';
    return out;
}

Digest remote_id(const RemoteModel& model, size_t dims) {
    std::string text = "remote ";
    append_number(text, static_cast<int64_t>(dims));
    for (Bytes part : {model.url, model.name}) {
        text += ' ';
        append_percent_encoded(text, part);
    }
    return sha256(text);
}

}  // namespace llm::semantic
