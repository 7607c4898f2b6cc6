#include "src/sse/writer.hpp"

namespace llm::sse {

namespace {

// One prefixed line for each line of `text`, whatever ends it.
void append_lines(std::string& out, Bytes prefix, Bytes text) {
    while (true) {
        const size_t end = text.find_first_of("\r\n");
        out += prefix;
        out += text.substr(0, end);
        out += '\n';
        if (end == Bytes::npos) {
            return;
        }
        const bool crlf = text.substr(end, 2) == "\r\n";
        text.remove_prefix(end + (crlf ? 2 : 1));
    }
}

}  // namespace

void append_event(std::string& out, Bytes type, Bytes data) {
    if (data.empty()) {
        return;
    }
    if (!type.empty()) {
        out += "event: ";
        out += type;
        out += '\n';
    }
    append_lines(out, "data: ", data);
    out += '\n';
}

}  // namespace llm::sse
