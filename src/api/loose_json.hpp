// An answer's JSON as the clients' libraries read it, who are less strict than
// we are with requests: halves of surrogate pairs, which some servers write
// where they cut a text, and a member that stands twice are JSON to them. It
// is metered; an answer made of it would not be theirs.
#pragma once

#include <string>

#include "src/base/bytes.hpp"
#include "src/json/document.hpp"

namespace llm::api {

enum class EventJson : uint8_t {
    kObject,
    kLoose,  // clients read it
    kNone,   // no JSON object to anybody
};

// Parses a copy of `text` in `scratch`, which must outlive the document's use.
// There each half of a pair is \ufffd, which is as long, so that offsets hold
// for `text`, too. False: it is no object even so.
bool read_loosely(Bytes text, json::Document& doc, std::string& scratch);

// Parses an event's data, or an error, as it stands or loosely.
EventJson read_event_json(Bytes data, json::Document& doc,
                          std::string& scratch);

}  // namespace llm::api
