// A stored entry, as another version, a broken zone or a foreign snapshot may
// hand it over: decoded or refused, and what is decoded lies within the bytes
// and survives being stored again.
#include <cstdint>

#include "src/cache/entry.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using llm::Bytes;
using llm::cache::Entry;
using llm::fuzz::check;

bool lies_in(Bytes part, Bytes whole) {
    return part.data() >= whole.data()
           && part.data() + part.size() <= whole.data() + whole.size();
}

void check_inside(Bytes part, Bytes stored, Bytes room) {
    check(part.empty() || lies_in(part, stored) || lies_in(part, room),
          "a view lies within the stored bytes or what they unpack to");
}

// Of a size that the stored bytes bound.
bool unpack_into(Entry& entry, std::string& room) {
    constexpr size_t kEnough = 1 << 20;
    if (entry.packed.size > kEnough) {
        return false;
    }
    room.assign(entry.packed.size, '\0');
    return room.empty() || unpack(entry, room.data()).ok();
}

void check_same(const Entry& a, const Entry& b) {
    check(a.endpoint == b.endpoint, "endpoint");
    check(a.answer_id == b.answer_id, "answer_id");
    check(a.model == b.model, "model");
    check(a.requested_model == b.requested_model, "requested_model");
    check(a.finish_reason == b.finish_reason, "finish_reason");
    check(a.tenant == b.tenant, "tenant");
    check(a.usage.input == b.usage.input, "usage.input");
    check(a.usage.output == b.usage.output, "usage.output");
    check(a.usage.audio_output == b.usage.audio_output, "usage.audio_output");
    check(a.usage.estimated == b.usage.estimated, "usage.estimated");
    check(a.created_wall_s == b.created_wall_s, "created");
    check(a.tags == b.tags, "tags");
    check(a.tenant_scoped == b.tenant_scoped, "tenant_scoped");
    check(a.content == b.content, "content");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes stored(reinterpret_cast<const char*>(data), size);
    auto entry = llm::cache::decode(stored);
    if (!entry.ok()) {
        return 0;
    }
    std::string room;
    if (!unpack_into(*entry, room)) {
        return 0;
    }
    for (Bytes part : {entry->answer_id, entry->model, entry->requested_model,
                       entry->finish_reason, entry->tenant, entry->content}) {
        check_inside(part, stored, room);
    }
    for (Bytes tag : entry->tags) {
        check_inside(tag, stored, room);
    }
    std::string header;
    auto encoded = encode(*entry, header);
    if (!encoded.ok()) {  // one string may be named by many keys
        check(encoded.error().code == llm::Errc::kTooLarge, "encodes");
        return 0;
    }
    auto pieces = entry->pieces(header);
    std::string again = std::string(pieces[0]) + std::string(pieces[1]);
    auto second = llm::cache::decode(again);
    check(second.ok(), "what was encoded is decoded");
    std::string second_room;
    check(unpack_into(*second, second_room), "what was packed is unpacked");
    check_same(*entry, *second);
    return 0;
}
