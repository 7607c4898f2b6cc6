// Parser and editor: whatever the split, the same events and the same bytes.
//
// Input: byte 0 the size of the chunks, byte 1 the limit of an event, byte 2
// what the handler does; the rest is the stream.
#include <cstdint>
#include <string>
#include <vector>

#include "src/sse/editor.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using llm::Bytes;
using llm::sse::Edit;
using llm::sse::Editor;
using llm::sse::Event;
using llm::sse::Parser;
using llm::fuzz::check;

struct Outcome {
    std::string events;
    std::string raw;
    bool failed = false;

    bool operator==(const Outcome&) const = default;
};

// Each chunk in memory of its own size, gone after its feed().
template <typename F>
void in_chunks(Bytes text, size_t size, F&& feed) {
    for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
        const Bytes chunk = text.substr(0, size);
        const std::vector<char> copy(chunk.begin(), chunk.end());
        feed(Bytes(copy.data(), copy.size()));
    }
}

Outcome parse(Bytes text, size_t size, size_t max_event) {
    Outcome outcome;
    Parser parser(max_event);
    auto keep = [&](const Event& event) {
        check(event.raw.size() <= max_event);
        check(event.has_data || event.data.empty());
        outcome.events.append(event.type).append("\x1f");
        outcome.events.append(event.id).append("\x1f");
        outcome.events.append(event.data).append("\x1f");
        outcome.events.append(event.raw).append("\x1e");
        outcome.raw += event.raw;
    };
    in_chunks(text, size, [&](Bytes chunk) {
        outcome.failed |= !parser.feed(chunk, keep);
        check(parser.pending() <= max_event);
    });
    outcome.failed |= !parser.finish(keep);
    check(parser.pending() == 0);
    return outcome;
}

struct Edited {
    std::string out;
    bool failed = false;

    bool operator==(const Edited&) const = default;
};

Edited edit(Editor::Mode mode, Bytes text, size_t size, size_t max_event,
            unsigned verdict) {
    Edited edited;
    Editor editor(mode, max_event);
    size_t count = 0;
    auto handler = [&](const Event& event, Edit& edit) {
        const std::string own(event.data);
        switch ((verdict >> (2 * (count++ % 3))) & 3) {
            case 0:
                return;
            case 1:
                return edit.drop();
            case 2:
                edit.before("<");
                return edit.after(own);
            default:
                return verdict & 64 ? edit.cut(own) : edit.replace(own);
        }
    };
    auto collect = [&] {
        for (Bytes piece : editor.pieces()) {
            check(!piece.empty());
            edited.out += piece;
        }
    };
    in_chunks(text, size, [&](Bytes chunk) {
        edited.failed |= !editor.feed(chunk, handler);
        check(editor.held() <= max_event);
        collect();
    });
    edited.failed |= !editor.flush(handler);
    collect();
    return edited;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 3) {
        return 0;
    }
    const size_t chunk = data[0] + size_t{1};
    const size_t limit = data[1] < 128 ? size_t{1} << 20 : data[1] - 100;
    const unsigned verdict = data[2];
    const Bytes text(reinterpret_cast<const char*>(data) + 3, size - 3);

    const Outcome whole = parse(text, text.size() + 1, limit);
    check(parse(text, chunk, limit) == whole);
    check(parse(text, 1, limit) == whole);
    check(text.substr(0, whole.raw.size()) == whole.raw);

    using Mode = Editor::Mode;
    const Edited edited =
        edit(Mode::kEdit, text, text.size() + 1, limit, verdict);
    check(edit(Mode::kEdit, text, chunk, limit, verdict) == edited);
    check(edit(Mode::kEdit, text, 1, limit, verdict) == edited);
    const Edited kept = edit(Mode::kEdit, text, chunk, limit, 0);
    check(kept.failed == whole.failed);
    check(kept.failed || kept.out == text);
    check(edit(Mode::kWatch, text, chunk, limit, verdict).out == text);
    return 0;
}
