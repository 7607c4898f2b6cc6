// Entry: one stored answer and what is known about it, and its form in the
// store. The form is ours (msgpack, https://github.com/msgpack/msgpack spec):
//
//   [ version, { key: value, … } ]  then the content's bytes, raw
//
// so that the content is neither copied nor escaped. Keys are small integers;
// a reader skips those that it does not know, so fields may be added without
// a new version. A version that it does not know is kUnsupported: a miss.
//
// encode() leaves the content where it is: a put takes header and content as
// two pieces. decode() copies nothing: every Bytes points into what it was
// given and lives as long.
//
// An entry with a prompt is kept small, since a vector stands beside it: its
// content is packed (frame.hpp) and what the content says anyway (id, model)
// is not said twice. Its header holds all of it, and decode() leaves content
// and these texts to unpack(), for which the reader has the room. An entry
// without a prompt is given out as it stands. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/api/protocol.hpp"
#include "src/api/usage.hpp"
#include "src/base/bytes.hpp"
#include "src/base/result.hpp"
#include "src/cache/entry_id.hpp"

namespace llm::cache {

struct Entry {
    static constexpr size_t kMaxTags = 16;
    static constexpr size_t kMaxHeader = 64 << 10;  // bytes before content

    api::Endpoint endpoint = api::Endpoint::kNone;
    Bytes answer_id;        // the answer's own "id"
    Bytes model;            // as served
    Bytes requested_model;  // as the client asked
    Bytes finish_reason;
    Bytes tenant;
    api::Usage usage;
    int64_t created_wall_s = 0;  // seconds since 1970, for the reader's eyes;
                                 // age and expiry are the store's
    std::vector<Bytes> tags;
    bool tenant_scoped = false;  // leaves with Cache-Control: private
    Bytes prompt;    // the text that near matches are judged against; ""
    // Another name of that entry: this one has no content of its own, and
    // nothing but the endpoint beside.
    std::optional<EntryId> alias_of;
    uint32_t alias_place = 0;  // of its vector, for whoever gave it
    float alias_cosine = 1;    // of both texts' vectors
    Bytes content;               // the answer as its endpoint's JSON document

    // What decode() left to unpack().
    struct Packed {
        struct Part {
            uint32_t at = 0;  // in the content
            uint32_t size = 0;
        };
        Bytes bytes;
        size_t size = 0;  // of the content; 0: nothing is packed
        std::array<Part, 4> parts{};
    };
    Packed packed;

    std::array<Bytes, 2> pieces(const std::string& header) const {
        return {Bytes(header), prompt.empty() ? content : Bytes()};
    }
};

// The header (with a prompt: all that is stored), in place of what `header`
// held. kInvalid: no endpoint; kTooLarge: too many tags, or the strings
// together pass kMaxHeader.
Result<void> encode(const Entry& entry, std::string& header);

// kCorrupt for whatever is not exactly such a form, kUnsupported for one of
// another version.
Result<Entry> decode(Bytes stored);

// Content and texts of an entry with packed.size, into as many bytes at `to`,
// which live as long as the entry. kCorrupt. Precondition: nothing else was
// unpacked into it.
Result<void> unpack(Entry& entry, char* to);

}  // namespace llm::cache
