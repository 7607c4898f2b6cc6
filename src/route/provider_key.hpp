// The credential of a provider: a file with the key and nothing else, read
// again when it changes (watch::Watched), a swapped symbolic link too.
//
//     ProviderKeyFile file({path, kMaxProviderKeyFile}, parse_provider_key);
//
// The key stands in no error, no warning and no log. Space around it is
// dropped; inside are 1 to 4096 printable ASCII characters without space,
// so that it can not break out of a header.
#pragma once

#include <optional>
#include <string>

#include "src/api/protocol.hpp"
#include "src/base/result.hpp"
#include "src/watch/watched.hpp"

namespace llm::route {

inline constexpr size_t kMaxProviderKeyFile = 65536;

struct ProviderKey {
    std::string secret;

    // What belongs into Authorization: "Bearer …".
    std::string bearer() const { return "Bearer " + secret; }
};

using ProviderKeyFile = watch::Watched<ProviderKey>;

// kInvalid, without a byte of the key.
Result<ProviderKey> parse_provider_key(Bytes content);

// Words for a warning when others than the owner and its group may read the
// file; empty when all is well or there is no such file. One stat.
std::optional<std::string> key_file_warning(const std::string& path);

}  // namespace llm::route
