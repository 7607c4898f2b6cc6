// Provider: where some models live, as the operator wrote it in one
// `llm_provider` block, and how an attempt at it is addressed. Nothing here
// comes from a client but the end of the path, which is encoded anew.
//
// Plain values, made when the configuration is read; const use from any
// thread. Errors: kInvalid with words for the operator.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/api/protocol.hpp"
#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::route {

// scheme://host[:port]/base. `host` is lower-case: a name, an IPv4 address,
// an IPv6 address in brackets, or the name of an upstream{} block.
struct Origin {
    std::string scheme;     // "https", "http"
    std::string host;
    uint16_t port = 0;      // 0: an upstream's, whose servers have their own
    std::string base;       // "" or "/v1": no slash at the end
    std::string host_name;  // for Host and SNI where it is not `host`

    // "host", or "host:port" where the port is not the scheme's own.
    std::string authority() const;
    // The value of the Host header.
    std::string host_header() const;
    // For SNI and the certificate: without port and brackets.
    std::string server_name() const;
};

// https?://host[:port][/base]; slashes at the end of the base are dropped. The
// base of a URL that ends with the host is /v1, that of one with "/" is empty.
// No user, query, fragment, percent-encoding or dot segment; a port is 1 to
// 65535.
Result<Origin> parse_origin(Bytes url);

// The name of an upstream{} block; `scheme` "http" or "https", `base` "" or
// as in a URL, `host_name` as a URL's host or empty.
Result<Origin> upstream_origin(Bytes name, Bytes scheme, Bytes base,
                               Bytes host_name);

// The same place behind an upstream{} block of our own making, which holds
// the address: Host and SNI stay what they were.
Origin behind_upstream(const Origin& origin, Bytes name);

struct Provider {
    static constexpr uint32_t kMaxWeight = 65535;
    static constexpr size_t kMaxModels = 256;
    static constexpr size_t kMaxHeaders = 32;

    std::string name;
    api::Family api = api::Family::kOpenai;
    Origin origin;
    std::string key_file;             // empty: no credential of our own
    bool pass_credential = false;     // the client's own goes upstream
    std::vector<std::string> models;  // globs, see limit/glob.hpp
    std::vector<std::pair<std::string, std::string>> headers;
    uint32_t weight = 1;              // 0: drained, gets nothing
    int64_t max_context = 0;          // tokens; 0: not known

    bool serves(Bytes model) const;
};

// A name of 1 to 64 letters, digits, '-', '_' and '.', as it is a label.
Result<void> check_provider_name(Bytes name);

// A field's name and value (RFC 9110): no control characters but tab in the
// value, and none of the fields that nginx and the connection own (Host,
// Content-Length, Transfer-Encoding, Connection and such) or the key is for.
Result<void> check_provider_header(Bytes name, Bytes value);

// What of its headers may be a credential: each word of those that have no
// name of a well-known other use. Views of it.
std::vector<Bytes> secrets_in_headers(const Provider& provider);

// A glob of 1 to 256 printable ASCII characters without spaces.
Result<void> check_model_glob(Bytes glob);
bool is_literal_model(Bytes glob);

// Everything that holds for one provider alone: an origin, at least one
// model, bounds.
Result<void> check_provider(const Provider& provider);

// The path at the provider: its base, then what follows the first segment
// /v1 of `path`, which is nginx's normalised, decoded $uri:
//     /v1/chat/completions, /openai/v1/chat/completions
//         -> base + /chat/completions
// A path without /v1 counts from its endpoint (api::endpoint_of). Bytes that
// do not belong into a path are percent-encoded, '%' too. Empty: there is
// nothing to ask for at a provider (404), or a dot segment.
std::optional<std::string> provider_path(const Provider& provider,
                                         Bytes path);

// scheme://authority + path, as proxy_pass wants it.
std::string provider_url(const Provider& provider, Bytes provider_path);

}  // namespace llm::route
