// Edits: changes to a client's body as splices at known places. What is not
// edited leaves byte for byte. The list may be built by several rooms one
// after another (system, model, parameters, caps, usage); a member that is
// set twice keeps the last value.
//
// Errc::kInvalid: a splice outside the body, or one that overlaps another;
// the list is then as it was before the call.
//
// Ownership: copies what is inserted; keeps no reference to the document or
// the body. All splices of one list are for the same body. One thread.
#pragma once

#include <string>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"
#include "src/base/text_size.hpp"
#include "src/json/document.hpp"

namespace llm::route {

class Edits {
public:
    // Removes `remove` bytes at `offset` of a body of `body_size` bytes and
    // puts `insert` there. Insertions at one place stand in the order in
    // which they were added, before a replacement that begins there.
    Result<void> splice(size_t body_size, size_t offset, size_t remove,
                        Bytes insert);

    // Replaces a whole value; a second time replaces what the first one put.
    Result<void> replace(const json::Document& doc, json::NodeId value,
                         Bytes raw);

    // Gives `object` (an object of `doc`) the member `key` (unescaped) with
    // the value `raw` (JSON text, not checked): replaces the value in place,
    // or inserts the member right after the opening brace.
    Result<void> set_member(const json::Document& doc, json::NodeId object,
                            Bytes key, Bytes raw);

    // stream_options.include_usage = true in the root object, whatever
    // stands there: nothing, null, {}, without the member, false, true (then
    // nothing changes). Anything but an object or null is an error.
    Result<void> set_include_usage(const json::Document& doc);

    // A list without splices: the body passes as it is.
    bool empty() const { return splices_.empty(); }
    void clear() {
        splices_.clear();
        text_.clear();
    }

    size_t size_after(size_t body_size) const;

    // The text that the splices put in, and what they take out of `body`.
    TextSize put_in() const;
    TextSize taken_out(Bytes body) const;

    // The body as it will be, piece by piece: take(piece, put_in). What is
    // put in lives as long as the list stays as it is, the rest is of `body`.
    template <typename Take>
    void each_piece(Bytes body, Take take) const {
        size_t from = 0;
        for (const Splice& splice : splices_) {
            take(body.substr(from, splice.offset - from), false);
            take(text_of(splice.insert), true);
            from = splice.offset + splice.remove;
        }
        take(body.substr(from), false);
    }

    // Writes size_after(body.size()) bytes to `out`, in one pass. `body` is
    // the one that the splices were made for.
    void apply(Bytes body, char* out) const;
    std::string apply(Bytes body) const;

private:
    // A part of text_.
    struct Piece {
        size_t at = 0;
        size_t size = 0;
    };
    struct Splice {
        size_t offset;
        size_t remove;
        Piece insert;
        bool is_member;  // insert is a new member of the object before it
        Piece key;       // of that member
    };

    Piece keep(Bytes text);
    Bytes text_of(Piece piece) const {
        return Bytes(text_).substr(piece.at, piece.size);
    }
    Result<void> add(size_t body_size, const Splice& splice);
    // A replacement of exactly these bytes, or the insertion of this member.
    Splice* find(size_t offset, size_t remove);
    Splice* find_member(size_t offset, Bytes key);

    std::vector<Splice> splices_;  // by offset, not overlapping
    std::string text_;  // of all insertions; what was replaced stays, unused
};

}  // namespace llm::route
