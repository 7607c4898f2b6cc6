// What the images, sounds and files of a request may take in tokens: guesses
// to reserve by, on the high side, since nothing is decoded or fetched.
//
//   an image          4784: 2576 pixels a side, the most that Anthropic
//                     counts (width * height / 750)
//   by gpt-4o         85 and 170 a tile, of which there are 8 at the most;
//                     85 in detail "low"
//   by gpt-4o-mini    the same, each 33 times as much
//   by other gpt-4    3779: 1536 patches, by 2.46 in gpt-4.1-nano. Models that
//                     count patches do so in detail "low" too
//   by other gpt-     the same in detail "low" or "high", otherwise 14400:
//                     a photograph of 12 megapixels, whole, by 1.2
//   sound             a token every 256 bytes of base64: 10 tokens a second
//                     (OpenAI) of what is compressed to 16 kbit/s
//   a file, a video   a token every 16 bytes of base64: of a page of a PDF of
//                     64 KB some 4,000
//   by its address    8192
//
// Sources: OpenAI "Images and vision", "Audio and speech"; Anthropic
// "Vision", "PDF support". Pure; any thread.
#pragma once

#include <cstdint>

#include "src/json/document.hpp"

namespace llm::tokens {

struct MediaTokens {
    uint64_t all = 0;
    uint64_t sound = 0;  // of them; most have a price of their own
};

// Of all that `request` holds, wherever it stands.
MediaTokens media_tokens(const json::Document& request, Bytes model);

}  // namespace llm::tokens
