// Frame: what the JSON documents of answers have in common (member names,
// nulls, what a usage is made of) stands once in the program, not in each
// stored answer. packed() replaces what it finds of it near both ends of a
// document; expand() gives the same bytes back, whatever they were.
//
// Form: steps of
//
//   n, n bytes as they are, m, then, unless m is 0, a place
//
// n, m and the place are numbers of 7 bits a byte, least first, the top bit
// set on all but the last byte. m bytes of the common text from that place
// on follow the n bytes; m = 0 ends the document. The common text is part of
// what is stored: kFrameVersion changes with it.
//
// Threads: pure functions. Time: packed() looks at no more than 2.5 KB of a
// document and copies the rest; expand() copies.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/bytes.hpp"

namespace llm::cache {

inline constexpr int kFrameVersion = 1;

// Behind what `out` holds.
void append_packed(Bytes document, std::string& out);

// Writes exactly `size` bytes to `to`; false, with anything in them, for
// what is no such form of a document of that size.
bool expand(Bytes packed, char* to, size_t size);

}  // namespace llm::cache
