#include "src/route/provider_key.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace llm::route {
namespace {

constexpr size_t kMaxKey = 4096;
constexpr Bytes kSpace = " \t\r\n";

}  // namespace

Result<ProviderKey> parse_provider_key(Bytes content) {
    size_t begin = content.find_first_not_of(kSpace);
    if (begin == Bytes::npos) {
        return Error{Errc::kInvalid, "the key file is empty"};
    }
    size_t end = content.find_last_not_of(kSpace) + 1;
    Bytes key = content.substr(begin, end - begin);
    if (key.size() > kMaxKey) {
        return Error{Errc::kInvalid,
                     "the key file holds more than 4096 bytes"};
    }
    bool clean = std::all_of(key.begin(), key.end(),
                             [](char c) { return c > 0x20 && c < 0x7f; });
    if (!clean) {
        return Error{Errc::kInvalid,
                     "the key file must hold one key alone, of printable "
                     "ASCII characters"};
    }
    return ProviderKey{std::string(key)};
}

std::optional<std::string> key_file_warning(const std::string& path) {
    struct stat st;
    if (stat(path.c_str(), &st) != 0 || (st.st_mode & S_IROTH) == 0) {
        return std::nullopt;
    }
    return path + " can be read by everybody on this machine: chmod o-rwx";
}

}  // namespace llm::route
