#include "src/limit/snapshot.hpp"

#include <msgpack.h>

#include <optional>

#include "src/base/digest.hpp"

namespace llm::limit {
namespace {

constexpr Bytes kMagic = "llm-ledger";
constexpr uint64_t kVersion = 2;
constexpr size_t kFrame = 8;
constexpr size_t kMaxPayload = 256;
constexpr size_t kHeadItems = 11;  // both below 16: one byte of array head
constexpr size_t kAccountItems = 11;

int append_bytes(void* out, const char* bytes, size_t size) {
    static_cast<std::string*>(out)->append(bytes, size);
    return 0;
}

void append_u32(std::string& out, uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        out.push_back(static_cast<char>(value >> shift & 0xff));
    }
}

uint32_t read_u32(Bytes bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 4; i-- > 0;) {
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    }
    return value;
}

void append_record(std::string& out, Bytes payload) {
    append_u32(out, static_cast<uint32_t>(payload.size()));
    append_u32(out, crc32c(payload));
    out.append(payload);
}

// The payload of the record at `at`, which moves behind it.
std::optional<Bytes> next_record(Bytes file, size_t& at) {
    if (file.size() - at < kFrame) {
        return std::nullopt;
    }
    uint32_t size = read_u32(file, at);
    if (size > kMaxPayload || size > file.size() - at - kFrame) {
        return std::nullopt;
    }
    Bytes payload = file.substr(at + kFrame, size);
    if (crc32c(payload) != read_u32(file, at + 4)) {
        return std::nullopt;
    }
    at += kFrame + size;
    return payload;
}

// How many bytes the integer or short string at `at` has; 0 for the rest.
size_t item_size(Bytes bytes, size_t at) {
    auto kind = static_cast<unsigned char>(bytes[at]);
    if (kind < 0x80 || kind >= 0xe0) {
        return 1;
    }
    if (kind >= 0xa0 && kind < 0xc0) {
        return 1 + (kind & 0x1f);
    }
    if (kind >= 0xcc && kind <= 0xd3) {  // 1, 2, 4, 8 bytes, both signs
        return 1 + (size_t{1} << (kind & 3));
    }
    return 0;
}

// An array of `count` such items and nothing else. msgpack would allocate
// what a nested array claims to hold before it looks for its items.
bool is_flat(Bytes payload, size_t count) {
    if (payload.empty()
        || static_cast<unsigned char>(payload[0]) != (0x90 | count)) {
        return false;
    }
    size_t at = 1;
    for (size_t i = 0; i < count; i++) {
        size_t size = at < payload.size() ? item_size(payload, at) : 0;
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return at == payload.size();
}

// One payload, unpacked: an array of `count` items or nothing.
class Items {
public:
    Items(Bytes payload, size_t count) {
        msgpack_unpacked_init(&unpacked_);
        size_t at = 0;
        good_ = is_flat(payload, count);
        if (!good_) {
            return;
        }
        auto got = msgpack_unpack_next(&unpacked_, payload.data(),
                                       payload.size(), &at);
        const msgpack_object& root = unpacked_.data;
        good_ = got == MSGPACK_UNPACK_SUCCESS && at == payload.size()
                && root.type == MSGPACK_OBJECT_ARRAY
                && root.via.array.size == count;
    }
    ~Items() { msgpack_unpacked_destroy(&unpacked_); }
    Items(const Items&) = delete;
    Items& operator=(const Items&) = delete;

    bool good() const { return good_; }
    bool is_text(size_t i, Bytes text) const {
        const msgpack_object& item = at(i);
        return item.type == MSGPACK_OBJECT_STR
               && Bytes(item.via.str.ptr, item.via.str.size) == text;
    }
    bool read(size_t i, uint64_t& out) const {
        out = at(i).via.u64;
        return at(i).type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    }
    bool read(size_t i, int64_t& out) const {
        const msgpack_object& item = at(i);
        out = item.via.i64;
        return item.type == MSGPACK_OBJECT_NEGATIVE_INTEGER
               || (item.type == MSGPACK_OBJECT_POSITIVE_INTEGER
                   && item.via.u64 <= INT64_MAX);
    }

private:
    const msgpack_object& at(size_t i) const {
        return unpacked_.data.via.array.ptr[i];
    }

    msgpack_unpacked unpacked_;
    bool good_;
};

bool read_account(Bytes payload, SavedAccount& out) {
    Items items(payload, kAccountItems);
    uint64_t kind = 0;
    uint64_t crossed = 0;
    if (!items.good() || !items.read(0, kind) || !items.read(10, crossed)
        || kind < 1 || kind > static_cast<uint64_t>(Kind::kBudget)
        || crossed > UINT8_MAX) {
        return false;
    }
    out.kind = static_cast<Kind>(kind);
    out.crossed = static_cast<uint8_t>(crossed);
    return items.read(1, out.key.high) && items.read(2, out.key.low)
           && items.read(3, out.level) && items.read(4, out.fraction)
           && items.read(5, out.held) && items.read(6, out.rate.units)
           && items.read(7, out.rate.period_ns)
           && items.read(8, out.window.start_s)
           && items.read(9, out.window.end_s);
}

// Four words, the first byte lowest.
bool read_secret(const Items& items, Digest& out) {
    constexpr size_t kFirst = 7;
    for (size_t i = 0; i < 4; i++) {
        uint64_t word = 0;
        if (!items.read(kFirst + i, word)) {
            return false;
        }
        for (size_t byte = 0; byte < 8; byte++) {
            out.bytes[i * 8 + byte] =
                static_cast<uint8_t>(word >> (byte * 8) & 0xff);
        }
    }
    return true;
}

uint64_t word_of(const Digest& digest, size_t i) {
    uint64_t word = 0;
    for (size_t byte = 8; byte-- > 0;) {
        word = word << 8 | digest.bytes[i * 8 + byte];
    }
    return word;
}

Result<void> read_head(Bytes payload, Snapshot& out) {
    Items items(payload, kHeadItems);
    uint64_t version = 0;
    if (!items.good() || !items.is_text(0, kMagic)
        || !items.read(1, version)) {
        return Error{Errc::kCorrupt, "not a snapshot of the ledger"};
    }
    if (version != kVersion) {
        return Error{Errc::kUnsupported,
                     "a snapshot of another version of the ledger"};
    }
    if (!items.read(2, out.wall_ns) || !items.read(3, out.keys.high.k0)
        || !items.read(4, out.keys.high.k1)
        || !items.read(5, out.keys.low.k0)
        || !items.read(6, out.keys.low.k1)
        || !read_secret(items, out.secret)) {
        return Error{Errc::kCorrupt, "the snapshot's head is damaged"};
    }
    return {};
}

}  // namespace

void append_snapshot_head(std::string& out, int64_t wall_ns,
                          const LedgerKeys& keys, const Digest& secret) {
    std::string payload;
    msgpack_packer pack;
    msgpack_packer_init(&pack, &payload, append_bytes);
    msgpack_pack_array(&pack, kHeadItems);
    msgpack_pack_str(&pack, kMagic.size());
    msgpack_pack_str_body(&pack, kMagic.data(), kMagic.size());
    msgpack_pack_uint64(&pack, kVersion);
    msgpack_pack_int64(&pack, wall_ns);
    for (uint64_t part : {keys.high.k0, keys.high.k1, keys.low.k0,
                          keys.low.k1, word_of(secret, 0),
                          word_of(secret, 1), word_of(secret, 2),
                          word_of(secret, 3)}) {
        msgpack_pack_uint64(&pack, part);
    }
    append_record(out, payload);
}

void append_snapshot_accounts(std::string& out,
                              std::span<const SavedAccount> accounts) {
    std::string payload;
    for (const SavedAccount& a : accounts) {
        payload.clear();
        msgpack_packer pack;
        msgpack_packer_init(&pack, &payload, append_bytes);
        msgpack_pack_array(&pack, kAccountItems);
        msgpack_pack_uint64(&pack, static_cast<uint64_t>(a.kind));
        msgpack_pack_uint64(&pack, a.key.high);
        msgpack_pack_uint64(&pack, a.key.low);
        for (int64_t part : {a.level, a.fraction, a.held, a.rate.units,
                             a.rate.period_ns, a.window.start_s,
                             a.window.end_s}) {
            msgpack_pack_int64(&pack, part);
        }
        msgpack_pack_uint64(&pack, a.crossed);
        append_record(out, payload);
    }
}

Result<Snapshot> read_snapshot(Bytes file) {
    Snapshot out;
    size_t at = 0;
    std::optional<Bytes> payload = next_record(file, at);
    if (!payload) {
        return Error{Errc::kCorrupt, "not a snapshot of the ledger"};
    }
    Result<void> head = read_head(*payload, out);
    if (!head) {
        return head.error();
    }
    SavedAccount account;
    while (at < file.size()
           && out.accounts.size() < Snapshot::kMaxAccounts) {
        size_t behind = at;
        payload = next_record(file, behind);
        if (payload && read_account(*payload, account)) {
            out.accounts.push_back(account);
            at = behind;
        } else {
            at++;
            out.ignored_bytes++;
        }
    }
    out.ignored_bytes += file.size() - at;
    return out;
}

}  // namespace llm::limit
