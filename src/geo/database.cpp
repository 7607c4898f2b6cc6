#include "src/geo/database.hpp"

#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace llm::geo {
namespace {

constexpr size_t kIpv4 = 4;
constexpr size_t kIpv6 = 16;
// Records that are looked into before a base is taken for one that knows no
// country: some ranges (anonymous proxies, satellites) have none.
constexpr uint32_t kProbes = 256;
constexpr size_t kMaxWord = 128;  // of the file's text in a message

// A file without a name, closed with its last mapping.
class MemoryFile {
public:
    MemoryFile() : fd_(memfd_create("llm_geoip", MFD_CLOEXEC)) {}
    ~MemoryFile() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    bool write(Bytes bytes) {
        while (fd_ >= 0 && !bytes.empty()) {
            ssize_t n = ::write(fd_, bytes.data(), bytes.size());
            if (n < 0 && errno == EINTR) {
                continue;
            }
            if (n <= 0) {
                return false;
            }
            bytes.remove_prefix(static_cast<size_t>(n));
        }
        return fd_ >= 0;
    }
    std::string path() const {
        return "/proc/self/fd/" + std::to_string(fd_);
    }

private:
    int fd_;
};

Bytes text_at(MMDB_entry_s entry, const char* const* path) {
    MMDB_entry_data_s data;
    if (MMDB_aget_value(&entry, &data, path) != MMDB_SUCCESS
        || !data.has_data || data.type != MMDB_DATA_TYPE_UTF8_STRING) {
        return {};
    }
    return {data.utf8_string, data.data_size};
}

// The first of the paths that leads to a code.
template <size_t kCount>
Code code_at(const MMDB_entry_s& entry,
             const char* const (&paths)[kCount][3]) {
    for (const auto& path : paths) {
        Code code(text_at(entry, path));
        if (!code.empty()) {
            return code;
        }
    }
    return {};
}

Location location_at(const MMDB_entry_s& entry) {
    static constexpr const char* kCountry[][3] = {
        {"country", "iso_code", nullptr},
        {"registered_country", "iso_code", nullptr},
        {"country_code", nullptr, nullptr},
        {"country", nullptr, nullptr}};
    static constexpr const char* kContinent[][3] = {
        {"continent", "code", nullptr},
        {"continent_code", nullptr, nullptr},
        {"continent", nullptr, nullptr}};
    return {code_at(entry, kCountry), code_at(entry, kContinent)};
}

// What a walk over the tree finds out.
struct Survey {
    bool sound = true;
    uint32_t records = 0;  // looked into
    bool located = false;

    void see(uint8_t type, const MMDB_entry_s& entry) {
        sound = sound && type != MMDB_RECORD_TYPE_INVALID;
        if (type != MMDB_RECORD_TYPE_DATA || located
            || records >= kProbes) {
            return;
        }
        ++records;
        Location location = location_at(entry);
        located = !location.country.empty() || !location.continent.empty();
    }
};

Survey survey(const MMDB_s& base) {
    Survey seen;
    MMDB_search_node_s node;
    for (uint32_t i = 0; i < base.metadata.node_count && seen.sound; i++) {
        if (MMDB_read_node(&base, i, &node) != MMDB_SUCCESS) {
            seen.sound = false;
            break;
        }
        seen.see(node.left_record_type, node.left_record_entry);
        seen.see(node.right_record_type, node.right_record_entry);
    }
    return seen;
}

// Text of a file, made fit for a log line.
std::string printable(const char* text) {
    std::string out(text == nullptr ? "" : text);
    out.resize(std::min(out.size(), kMaxWord));
    for (char& c : out) {
        c = c >= ' ' && c <= '~' ? c : '?';
    }
    return out;
}

MMDB_lookup_result_s find(const MMDB_s& base, Bytes address, int& error) {
    if (address.size() == kIpv4) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        std::memcpy(&in.sin_addr, address.data(), kIpv4);
        return MMDB_lookup_sockaddr(&base, reinterpret_cast<sockaddr*>(&in),
                                    &error);
    }
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    std::memcpy(&in6.sin6_addr, address.data(), kIpv6);
    return MMDB_lookup_sockaddr(&base, reinterpret_cast<sockaddr*>(&in6),
                                &error);
}

}  // namespace

void Database::Close::operator()(MMDB_s* base) const {
    MMDB_close(base);
    delete base;
}

Result<Database> Database::parse(Bytes content) {
    MemoryFile file;
    if (!file.write(content)) {
        return Error{Errc::kIo, std::string("no memory for a copy: ")
                                    + std::strerror(errno)};
    }
    auto fresh = std::make_unique<MMDB_s>();
    int status =
        MMDB_open(file.path().c_str(), MMDB_MODE_MMAP, fresh.get());
    if (status != MMDB_SUCCESS) {
        Errc code = status == MMDB_FILE_OPEN_ERROR || status == MMDB_IO_ERROR
                            || status == MMDB_OUT_OF_MEMORY_ERROR
                        ? Errc::kIo
                        : Errc::kCorrupt;
        return Error{code, std::string("not a whole MaxMind DB: ")
                               + MMDB_strerror(status)};
    }
    Base base(fresh.release());
    Survey seen = survey(*base);
    if (!seen.sound) {
        return Error{Errc::kCorrupt, "the search tree is damaged"};
    }
    if (!seen.located) {
        return Error{Errc::kUnsupported,
                     "a base of type \""
                         + printable(base->metadata.database_type)
                         + "\" knows no countries"};
    }
    return Database(std::move(base));
}

Location Database::lookup(Bytes address) const {
    static constexpr Bytes kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    if (address.size() == kIpv6 && address.starts_with(kMapped)) {
        address.remove_prefix(kMapped.size());
    }
    if (address.size() != kIpv4 && address.size() != kIpv6) {
        return {};
    }
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s found = find(*base_, address, error);
    if (error != MMDB_SUCCESS || !found.found_entry) {
        return {};
    }
    return location_at(found.entry);
}

Bytes Database::type() const {
    const char* type = base_->metadata.database_type;
    return type == nullptr ? Bytes() : Bytes(type);
}

uint64_t Database::build_epoch() const {
    return base_->metadata.build_epoch;
}

}  // namespace llm::geo
