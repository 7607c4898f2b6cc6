// Every answer reader and writer: what was read completely comes back from
// what is written of it, whatever the split of the stream.
//
// Input: byte 0 modulo 10 is the endpoint and the form (body or stream),
// byte 1 the size of the stream's chunks; the rest is the bytes.
#include <cstdint>
#include <memory>
#include <string>

#include "src/api/reader.hpp"
#include "src/json/canonical.hpp"
#include "src/json/document.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace llm;
using namespace llm::api;
using fuzz::check;

constexpr size_t kMaxBytes = size_t{1} << 18;

std::unique_ptr<StreamReader> follow(Endpoint endpoint, Bytes text,
                                     size_t chunk) {
    auto reader = make_stream_reader(endpoint, kMaxBytes);
    if (reader == nullptr) {
        return nullptr;
    }
    sse::Parser parser(size_t{1} << 20);
    auto take = [&](const sse::Event& event) {
        const EventInfo info = reader->on_event(event);
        check(!info.usage_only || info.usage);
    };
    bool ok = true;
    for (; ok && !text.empty();
         text.remove_prefix(std::min(chunk, text.size()))) {
        ok = parser.feed(text.substr(0, chunk), take).ok();
    }
    ok = parser.finish(take).ok();
    const Answer& answer = reader->answer();
    check(!answer.complete || !reader->lossy());
    check(!answer.complete || !reader->overflow());
    check(!answer.complete || !answer.error);
    return reader;
}

std::string json_of(const Answer& answer) {
    std::string out;
    write_json(answer, out);
    return out;
}

// The body's value, whatever the order of its members.
std::string value_of(const std::string& body) {
    json::Document doc;
    check(doc.parse(body).ok());
    std::string out;
    json::append_canonical(doc, {}, out);
    return out;
}

std::string sse_of(const Answer& answer) {
    std::string out;
    write_sse(answer, {true}, out);
    return out;
}

// What was written is read again. The first stream may add what the form
// needs (a role); from then on nothing changes. The other two protocols pass
// what their streams held even when it is no whole answer of theirs, so
// there only the form is checked.
void check_written(const Answer& answer) {
    const bool strict = answer.endpoint != Endpoint::kResponses &&
                        answer.endpoint != Endpoint::kMessages;
    const std::string body = value_of(json_of(answer));
    auto again = read_json(answer.endpoint, json_of(answer));
    check(!strict || (again.ok() && again->complete));
    check(!strict || value_of(json_of(*again)) == body);

    const std::string first = sse_of(answer);
    if (first.size() > kMaxBytes / 4) {
        return;  // more than the readers here keep
    }
    auto reader = follow(answer.endpoint, first, first.size() + 1);
    if (reader == nullptr || !strict) {
        return;
    }
    check(reader->answer().complete);
    const std::string second = sse_of(reader->answer());
    auto last = follow(answer.endpoint, second, second.size() + 1);
    check(last->answer().complete);
    check(value_of(json_of(last->answer())) ==
          value_of(json_of(reader->answer())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr Endpoint kEndpoints[] = {
        Endpoint::kChat, Endpoint::kCompletions, Endpoint::kEmbeddings,
        Endpoint::kResponses, Endpoint::kMessages};
    if (size < 2) {
        return 0;
    }
    const Endpoint endpoint = kEndpoints[data[0] % 5];
    const bool stream = data[0] % 10 >= 5;
    const Bytes text(reinterpret_cast<const char*>(data) + 2, size - 2);
    if (!stream) {
        auto answer = read_json(endpoint, text);
        if (answer && answer->complete) {
            check_written(*answer);
        }
        return 0;
    }
    auto whole = follow(endpoint, text, text.size() + 1);
    auto split = follow(endpoint, text, data[1] + size_t{1});
    if (whole == nullptr) {
        return 0;
    }
    const Answer& answer = whole->answer();
    check(answer.complete == split->answer().complete);
    check(whole->content_bytes() == split->content_bytes());
    if (answer.complete) {
        check(json_of(answer) == json_of(split->answer()));
        check_written(answer);
    }
    return 0;
}
