// Pieces of JSON text carried without being understood: joining them into
// objects again and taking members out of them.
//
// Every raw value that comes out of here holds no white space outside of
// strings, so that it fits into one data line of a stream.
//
// Threads: plain functions and values. Ownership: Object appends to a string
// of its caller.
#pragma once

#include <initializer_list>
#include <string>

#include "src/api/answer.hpp"
#include "src/json/document.hpp"

namespace llm::api::raw {

// Appends valid JSON text without the white space between its tokens.
void append_compact(std::string& out, Bytes json);
std::string compact(Bytes json);

// The member of an Extras list, nullptr when absent.
Extra* find(Extras& extras, Bytes key);
const Extra* find(const Extras& extras, Bytes key);
// Replaces the member or appends it; `json` is compacted.
void set(Extras& extras, Bytes key, Bytes json);
void erase(Extras& extras, Bytes key);

// Appends an element to a raw array; null and "" count as the empty array.
// False, and nothing done, when it is some other value.
bool append_element(std::string& array, Bytes json);

// The value of one member of a compact object, found without parsing; empty
// when it is absent. A key written with escapes is not found.
Bytes member_of(Bytes object, Bytes key);

// "" when the member is absent or not a string.
std::string text_of(const json::Document& doc, json::NodeId object, Bytes key);

// Writes one object, member by member: commas and keys are its business.
class Object {
public:
    explicit Object(std::string& out) : out_(out) { out_ += '{'; }

    // The key and its colon; the caller appends one value to out().
    std::string& key(Bytes name);
    void text(Bytes name, Bytes value) {
        append_json_string(key(name), value);
    }
    void json(Bytes name, Bytes value) { key(name).append(value); }
    void number(Bytes name, int64_t value) {
        append_number(key(name), value);
    }
    void extras(const Extras& extras);
    void end() { out_ += '}'; }

private:
    std::string& out_;
    bool first_ = true;
};

// Copies an object with some members' values replaced; those that it does
// not have are not added.
struct Replacement {
    Bytes key;
    Bytes json;
};
void append_replaced(std::string& out, const json::Document& doc,
                     json::NodeId object,
                     std::initializer_list<Replacement> with);

// Copies an object with one member replaced, or added where it has none.
void append_with(std::string& out, const json::Document& doc,
                 json::NodeId object, Bytes key, Bytes value);

// Opens an event whose data is one line of JSON, and ends it.
inline void begin_event(std::string& out, Bytes type) {
    out.append("event: ").append(type).append("\ndata: ");
}
inline void end_event(std::string& out) { out += "\n\n"; }

}  // namespace llm::api::raw
