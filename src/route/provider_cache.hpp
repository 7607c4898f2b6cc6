// The provider's own prompt cache: llm_provider_cache. Neither edit changes
// what is answered, so neither is part of the cache's key.
//
// Anthropic: `cache_control: {"type":"ephemeral"}` on the stable beginning of
// a messages request where the client has set none at all: the last tool, the
// last block of `system`, the last message but one (what stands before the
// newest turn comes again with the next request). A mark is set where at
// least kMinBytes stand before it: shorter prompts are never cached by the
// provider. At most 3 of the 4 marks that a request may have.
//
// OpenAI: `prompt_cache_key` in chat and responses where the client has none.
//
// Sources: Anthropic, "Prompt caching"; OpenAI API reference.
// Threads: plain functions.
#pragma once

#include <string>

#include "src/api/request.hpp"
#include "src/base/digest.hpp"
#include "src/json/document.hpp"
#include "src/route/edits.hpp"

namespace llm::route {

// Bytes of JSON that hold about the 1024 tokens of the smallest prompt that
// the provider caches.
inline constexpr size_t kMinBytes = 4096;

// Nothing is done for another endpoint or where the client marks itself.
// Returns how many marks were set. Goes once, after apply_system():
// `whole_system` is what that returned.
int mark_stable_prefix(const json::Document& doc, const api::Request& request,
                       Edits& edits, Bytes whole_system = {});

// 32 hexadecimal digits; tells neither tenant nor prefix to whom it is sent.
std::string prompt_cache_key(const Hmac& mac, Bytes tenant, Bytes prefix);

// True when the key was put in: not for another endpoint, and not where the
// client has one.
bool set_prompt_cache_key(const json::Document& doc,
                          const api::Request& request, Bytes key,
                          Edits& edits);

}  // namespace llm::route
