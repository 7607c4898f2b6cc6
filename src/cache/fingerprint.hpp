// The exact cache's key: SHA-256 of the effective request, built so that a
// second implementation can be. All 256 bits are compared.
//
// The digest is taken over these bytes, in this order. Each line ends in one
// LF. <value> is its size in bytes, decimal, a colon and the bytes as they
// are, so that none can forge what follows it. A line whose value is empty is
// left out, scope lines never are.
//
//   llm-key 2
//   endpoint=<value>            api::name_of(endpoint)
//   family=<value>              api::name_of(family)
//   model=<value>               the upstream model after routing
//   version=<value>             the operator's cache version
//   effective=<value>           what edits add to the request
//   upstream=<value>            who is asked
//   target=<value>              path and arguments of the request
//   anthropic-version=<value>   request headers, from here on
//   anthropic-beta=<value>
//   openai-organization=<value>
//   openai-project=<value>
//   openai-beta=<value>
//   scopes=<number of scope values, decimal; left out when 0>
//   scope=<value>               as many times, in the configured order
//   body
//   <canonical form of the body (json/canonical.hpp), no LF after it>
//
// Left out of the body, at its top level alone, is what cannot change the
// answer:
//   every OpenAI endpoint   user safety_identifier priority request_id
//                           session_id cache_salt
//   chat, completions,      stream stream_options metadata store
//   responses               prompt_cache_key prompt_cache_options
//                           prompt_cache_retention
//   embeddings              stream
//   messages (Anthropic)    stream metadata
// and `model` when a model line stands above, and a member whose value the
// effective line gives. Everything else is in the key, known or not
// (embeddings: encoding_format too).
#pragma once

#include <span>

#include "src/api/protocol.hpp"
#include "src/base/digest.hpp"
#include "src/json/document.hpp"

namespace llm::cache {

// Views need to live through the call only.
struct KeyParts {
    api::Endpoint endpoint = api::Endpoint::kNone;
    Bytes model;       // upstream model; "": the body's own counts
    Bytes version;     // llm_cache_version
    Bytes effective;   // what edits put into the request beyond the model:
                       // system text, forced parameters; "" = nothing
    std::span<const json::NodeId> replaced;  // members of the body's root
                                             // that `effective` replaces
    Bytes upstream;    // another server may mean another model by the name
    Bytes target;      // deployments and API versions stand in the path
    std::span<const Bytes> scope;  // llm_cache_scope, in order
    Bytes anthropic_version;
    Bytes anthropic_beta;
    Bytes openai_organization;
    Bytes openai_project;
    Bytes openai_beta;

    // The semantic tier's key: this node's text is left open; kNoNode: none.
    json::NodeId placeholder = json::kNoNode;
};

Digest fingerprint(const json::Document& doc, const KeyParts& parts);

// The same in two steps: what comes before the body, appended to `out`, and
// the whole key with a Hasher of the caller's, which is reset first.
void append_key_head(const KeyParts& parts, std::string& out);
Digest fingerprint(const json::Document& doc, const KeyParts& parts,
                   Bytes head, Hasher& hasher);

}  // namespace llm::cache
