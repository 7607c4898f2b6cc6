// Readings: what reading a body came to, kept for bodies that come again byte
// for byte and are answered from memory. The same question asked once more is
// then neither parsed nor hashed anew.
//
// A memo of a pure function and no cache of answers: the store is asked each
// time, and what is kept here never decides whether there is an entry. A body
// is compared whole, so that no other one can be taken for it; which slot it
// falls into is all that a hash says.
//
// Beside a body that asks for a stream stands the one that was written of its
// entry, for as long as the store gives out that very entry.
//
// Bounded: kSlots bodies, kMaxBytes of them and their streams in all. Only what
// was a hit is kept, so that bodies that come once cost nothing. One worker,
// one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/api/request.hpp"
#include "src/base/digest.hpp"
#include "src/cache/entry_id.hpp"

namespace llm::exchange {

struct Reading {
    struct Stream {
        cache::EntryId entry;
        std::string model;  // by which its events name it; "": the entry's
        std::string text;   // "": none was written
    };

    std::string body;
    bool model_required = true;  // how it was read
    api::Request request;        // its endpoint is the one it came to
    std::string key_head;        // what the key holds beside the body
    Digest key;
    Stream stream;

    size_t bytes() const { return body.size() + stream.text.size(); }
};

class Readings {
public:
    static constexpr size_t kSlots = 512;
    static constexpr size_t kMaxBytes = size_t{4} << 20;
    static constexpr size_t kMaxBody = kMaxBytes / 16;

    // nullptr: not known. Valid until the next keep().
    Reading* find(api::Endpoint endpoint, bool model_required, Bytes body);

    // In the place of what stood in its slot. nullptr: a body over kMaxBody
    // is not kept.
    Reading* keep(Reading reading);
    // Of one that find() or keep() gave; nor is a stream over kMaxBody.
    void keep_stream(Reading& of, const cache::EntryId& entry, Bytes model,
                     Bytes text);

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
