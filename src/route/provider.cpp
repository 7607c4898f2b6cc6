#include "src/route/provider.hpp"

#include <algorithm>

#include "src/limit/glob.hpp"

namespace llm::route {
namespace {

constexpr size_t kMaxHost = 253;
constexpr size_t kMaxBase = 256;
constexpr size_t kMaxPath = 4096;
constexpr Bytes kUsualBase = "/v1";

bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}

bool is_one_of(char c, Bytes set) { return set.find(c) != Bytes::npos; }

bool all_of(Bytes text, Bytes besides) {
    return std::all_of(text.begin(), text.end(), [besides](char c) {
        return is_alnum(c) || is_one_of(c, besides);
    });
}

std::string lower(Bytes text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
    return out;
}

Error invalid(Bytes what, Bytes value) {
    return {Errc::kInvalid,
            std::string(what) + " in \"" + std::string(value) + "\""};
}

// Of headers that are no credentials, and whose values an error may have to
// name.
bool is_harmless(Bytes name) {
    for (Bytes known : {"accept", "accept-language", "anthropic-beta",
                        "anthropic-version", "content-type", "http-referer",
                        "openai-beta", "user-agent", "x-title"}) {
        if (equals_ignore_case(name, known)) {
            return true;
        }
    }
    return false;
}

bool has_dot_segment(Bytes path) {
    while (!path.empty()) {
        size_t end = path.find('/');
        Bytes segment = path.substr(0, end);
        if (segment == "." || segment == "..") {
            return true;
        }
        path = end == Bytes::npos ? Bytes() : path.substr(end + 1);
    }
    return false;
}

// A name, an IPv4 address or "[IPv6]"; not what only looks like one.
bool is_host(Bytes host) {
    if (host.size() > kMaxHost || host.empty()) {
        return false;
    }
    if (host.front() == '[') {
        Bytes inside = host.substr(1, host.size() - 2);
        return host.back() == ']' && inside.size() >= 2
               && inside.find(':') != Bytes::npos
               && inside.find_first_not_of("0123456789abcdefABCDEF:.")
                      == Bytes::npos;
    }
    return all_of(host, ".-_") && host.front() != '.' && host.front() != '-'
           && host.find("..") == Bytes::npos;
}

Result<std::string> read_base(Bytes base, Bytes whole) {
    while (!base.empty() && base.back() == '/') {
        base.remove_suffix(1);
    }
    if (base.size() > kMaxBase) {
        return invalid("a base path of more than 256 bytes", whole);
    }
    if (!base.empty() && base.front() != '/') {
        return invalid("a base path that does not begin with \"/\"", whole);
    }
    if (!all_of(base, "/-._~=,:@+") || has_dot_segment(base)
        || base.find("//") != Bytes::npos) {
        return invalid("a base path of more than plain segments", whole);
    }
    return std::string(base);
}

Result<uint16_t> read_port(Bytes text, Bytes whole) {
    uint64_t port = 0;
    if (!parse_decimal(text, port) || port == 0 || port > 65535) {
        return invalid("no port from 1 to 65535", whole);
    }
    return static_cast<uint16_t>(port);
}

uint16_t default_port(Bytes scheme) { return scheme == "https" ? 443 : 80; }

// What may stand in a path as it is: unreserved, sub-delims, ':', '@', '/'.
void append_path(std::string& out, Bytes path) {
    for (char c : path) {
        if (is_alnum(c) || is_one_of(c, "-._~!$&'()*+,;=:@/")) {
            out += c;
        } else {
            append_percent_encoded(out, Bytes(&c, 1));
        }
    }
}

// What follows the first whole segment "/v1"; with its slash, or empty.
std::optional<Bytes> after_version(Bytes path) {
    for (size_t at = path.find("/v1"); at != Bytes::npos;
         at = path.find("/v1", at + 1)) {
        Bytes rest = path.substr(at + 3);
        if (rest.empty() || rest.front() == '/') {
            return rest;
        }
    }
    return std::nullopt;
}

Bytes path_of(api::Endpoint endpoint) {
    switch (endpoint) {
    case api::Endpoint::kChat:
        return "/chat/completions";
    case api::Endpoint::kCompletions:
        return "/completions";
    case api::Endpoint::kEmbeddings:
        return "/embeddings";
    case api::Endpoint::kResponses:
        return "/responses";
    case api::Endpoint::kMessages:
        return "/messages";
    case api::Endpoint::kNone:
        break;
    }
    return "";
}

// Fields that belong to the connection, or to nginx.
bool is_reserved_header(Bytes name) {
    for (Bytes reserved :
         {"Host", "Content-Length", "Transfer-Encoding", "Connection",
          "Keep-Alive", "TE", "Trailer", "Upgrade", "Expect",
          "Proxy-Connection", "Accept-Encoding", "Content-Encoding",
          "Authorization", "X-API-Key"}) {
        if (equals_ignore_case(name, reserved)) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::string Origin::authority() const {
    if (port == 0 || port == default_port(scheme)) {
        return host;
    }
    return host + ":" + std::to_string(port);
}

std::string Origin::host_header() const {
    return host_name.empty() ? authority() : host_name;
}

std::string Origin::server_name() const {
    const std::string& name = host_name.empty() ? host : host_name;
    if (!name.empty() && name.front() == '[') {
        return name.substr(1, name.find(']') - 1);
    }
    return name.substr(0, name.find(':'));
}

Result<Origin> parse_origin(Bytes url) {
    Origin origin;
    size_t mark = url.find("://");
    origin.scheme = lower(url.substr(0, mark));
    if (mark == Bytes::npos
        || (origin.scheme != "https" && origin.scheme != "http")) {
        return invalid("neither \"https://\" nor \"http://\"", url);
    }
    Bytes rest = url.substr(mark + 3);
    size_t slash = rest.find('/');
    Bytes authority = rest.substr(0, slash);
    Bytes base = slash == Bytes::npos ? kUsualBase : rest.substr(slash);
    if (authority.find('@') != Bytes::npos) {
        return invalid("a user name, which belongs into \"key\",", url);
    }
    size_t bracket = authority.rfind(']');
    size_t colon = authority.find(
        ':', bracket == Bytes::npos ? size_t{0} : bracket);
    Bytes host = authority.substr(0, colon);
    if (!is_host(host)) {
        return invalid("no host name or address", url);
    }
    origin.host = lower(host);
    origin.port = default_port(origin.scheme);
    if (colon != Bytes::npos) {
        auto port = read_port(authority.substr(colon + 1), url);
        if (!port.ok()) {
            return port.error();
        }
        origin.port = *port;
    }
    auto read = read_base(base, url);
    if (!read.ok()) {
        return read.error();
    }
    origin.base = std::move(read).value();
    return origin;
}

Result<Origin> upstream_origin(Bytes name, Bytes scheme, Bytes base,
                               Bytes host_name) {
    Origin origin;
    if (!is_host(name) || name.front() == '[') {
        return invalid("no name of an upstream", name);
    }
    if (scheme != "https" && scheme != "http") {
        return invalid("neither \"https\" nor \"http\"", scheme);
    }
    if (!host_name.empty() && !is_host(host_name)) {
        return invalid("no host name", host_name);
    }
    auto read = read_base(base, base);
    if (!read.ok()) {
        return read.error();
    }
    origin.scheme = std::string(scheme);
    origin.host = lower(name);
    origin.base = std::move(read).value();
    origin.host_name = lower(host_name);
    return origin;
}

Origin behind_upstream(const Origin& origin, Bytes name) {
    Origin out = origin;
    out.host_name = origin.host_header();
    out.host = lower(name);
    out.port = 0;
    return out;
}

bool Provider::serves(Bytes model) const {
    return std::any_of(models.begin(), models.end(),
                       [model](const std::string& glob) {
                           return limit::glob_match(glob, model);
                       });
}

Result<void> check_provider_name(Bytes name) {
    if (name.empty() || name.size() > 64 || !all_of(name, "-_.")) {
        return Error{Errc::kInvalid,
                     "a provider's name is 1 to 64 letters, digits, \"-\", "
                     "\"_\" and \".\""};
    }
    return {};
}

Result<void> check_provider_header(Bytes name, Bytes value) {
    if (name.empty() || name.size() > 128
        || !all_of(name, "!#$%&'*+-.^_`|~")) {
        return invalid("no header name", name);
    }
    if (is_reserved_header(name)) {
        return Error{Errc::kInvalid, "the header \"" + std::string(name)
                                         + "\" is not for providers to set"};
    }
    bool clean = std::all_of(value.begin(), value.end(), [](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
    if (!clean || value.size() > 4096) {
        return invalid("a value with control characters, or too long, of the "
                       "header",
                       name);
    }
    return {};
}

std::vector<Bytes> secrets_in_headers(const Provider& provider) {
    std::vector<Bytes> secrets;
    for (const auto& [name, value] : provider.headers) {
        if (is_harmless(name)) {
            continue;
        }
        for (Bytes rest = value; !rest.empty();) {
            size_t end = std::min(rest.find_first_of(" \t,;"), rest.size());
            if (end > 0) {
                secrets.push_back(rest.substr(0, end));
            }
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return secrets;
}

Result<void> check_model_glob(Bytes glob) {
    bool clean = std::all_of(glob.begin(), glob.end(), [](char c) {
        auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte < 0x7f;
    });
    if (glob.empty() || glob.size() > 256 || !clean) {
        return Error{Errc::kInvalid,
                     "a model is 1 to 256 printable ASCII characters without "
                     "spaces"};
    }
    return {};
}

bool is_literal_model(Bytes glob) {
    return glob.find_first_of("*?") == Bytes::npos;
}

Result<void> check_provider(const Provider& provider) {
    auto named = check_provider_name(provider.name);
    if (!named.ok()) {
        return named;
    }
    std::string who = "provider \"" + provider.name + "\" ";
    if (provider.origin.host.empty()) {
        return Error{Errc::kInvalid, who + "has no url and no upstream"};
    }
    if (provider.models.empty()
        || provider.models.size() > Provider::kMaxModels) {
        return Error{Errc::kInvalid, who + "has no models, or more than 256"};
    }
    for (const std::string& glob : provider.models) {
        if (auto good = check_model_glob(glob); !good.ok()) {
            return good;
        }
    }
    if (provider.headers.size() > Provider::kMaxHeaders) {
        return Error{Errc::kInvalid, who + "has more than 32 headers"};
    }
    for (const auto& [name, value] : provider.headers) {
        if (auto good = check_provider_header(name, value); !good.ok()) {
            return good;
        }
    }
    if (provider.weight > Provider::kMaxWeight || provider.max_context < 0) {
        return Error{Errc::kInvalid,
                     who + "has a weight above 65535 or a negative context"};
    }
    return {};
}

std::optional<std::string> provider_path(const Provider& provider,
                                         Bytes path) {
    std::optional<Bytes> rest = after_version(path);
    if (!rest) {
        rest = path_of(api::endpoint_of(path));
    }
    if (rest->empty() || *rest == "/" || rest->size() > kMaxPath
        || has_dot_segment(*rest)) {
        return std::nullopt;
    }
    std::string out = provider.origin.base;
    append_path(out, *rest);
    return out;
}

std::string provider_url(const Provider& provider, Bytes provider_path) {
    return provider.origin.scheme + "://" + provider.origin.authority()
           + std::string(provider_path);
}

}  // namespace llm::route
