// Readings: what reading a body came to, kept for bodies that come again byte
// for byte and are answered from memory. The same question asked once more is
// then neither parsed nor hashed anew.
//
// A memo of a pure function and no cache of answers: the store is asked each
// time, and what is kept here never decides whether there is an entry. A body
// is compared whole, so that no other one can be taken for it; which slot it
// falls into is all that a hash says.
//
// Beside a body that was a hit more than once stands what the store gave for
// it: while the store says that this very entry stands, its bytes are neither
// copied nor checked and read anew, and the stream that was written of it is
// not written again.
//
// Bounded: kSlots bodies, kMaxBytes of them and of what was given in all. Only
// what was a hit is kept, so that bodies that come once cost nothing. One
// worker, one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/api/request.hpp"
#include "src/base/digest.hpp"
#include "src/cache/entry.hpp"

namespace llm::exchange {

// Shared with the exchanges that answer with it, which may outlast it here.
struct Given {
    // A copy; the texts of `entry` are views of the copy, tags are left out.
    static std::shared_ptr<Given> of(const cache::EntryId& id, Bytes id_text,
                                     const cache::Entry& entry);

    cache::EntryId id;
    std::string id_text;
    cache::Entry entry;
    std::string texts;
    std::string stream;  // as written of it, once; "": not yet
    std::string model;   // as its events name it; "": the entry's

    size_t bytes() const { return texts.size() + stream.size(); }
};

struct Reading {
    std::string body;
    bool model_required = true;  // how it was read
    api::Request request;        // its endpoint is the one it came to
    std::string key_head;        // what the key holds beside the body
    Digest key;
    std::shared_ptr<Given> given;

    size_t bytes() const {
        return body.size() + (given ? given->bytes() : 0);
    }
};

class Readings {
public:
    static constexpr size_t kSlots = 512;
    static constexpr size_t kMaxBytes = size_t{4} << 20;
    static constexpr size_t kMaxBody = kMaxBytes / 16;
    // A reading may grow to a body, what was given and a stream, and the room
    // for that is made by dropping others.
    static_assert(3 * kMaxBody <= kMaxBytes);

    // nullptr: not known. Valid until the next keep().
    Reading* find(api::Endpoint endpoint, bool model_required, Bytes body);

    // In the place of what stood in its slot. nullptr: a body over kMaxBody
    // is not kept.
    Reading* keep(Reading reading);
    // Beside one that find() or keep() gave, in place of what stood there; of
    // more than kMaxBody nothing is kept.
    void keep_given(Reading& of, const cache::EntryId& id, Bytes id_text,
                    const cache::Entry& entry);
    // The first stream of what is given.
    void keep_stream(Reading& of, Bytes model, Bytes stream);

    size_t bytes() const { return bytes_; }  // of all that is kept

private:
    static size_t slot_of(Bytes body);
    void make_room(size_t size, const Reading* spared);
    void drop(size_t slot);

    std::vector<std::unique_ptr<Reading>> slots_;
    size_t bytes_ = 0;
    size_t hand_ = 0;  // the next slot to be emptied for room
};

}  // namespace llm::exchange
