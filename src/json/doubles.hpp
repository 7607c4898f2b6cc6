// Whether any object of a document names a member twice. parse() refuses such
// a text; parse_as_written() does not, and its readers may disagree about
// which of the two is meant.
//
// Cost: a few nanoseconds a member; n log n in the members of a large object.
// Pure; any thread. Memory is taken for objects of more than 64 members alone.
#pragma once

#include "src/json/document.hpp"

namespace llm::json {

bool has_doubles(const Document& doc);

}  // namespace llm::json
