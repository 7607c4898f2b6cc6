#include "src/cache/entry.hpp"

#include <msgpack.h>

#include <iterator>
#include <utility>

namespace llm::cache {
namespace {

constexpr int kVersion = 1;

// Part of what is stored: never given another meaning.
enum Key : int {
    kEndpoint = 1,
    kAnswerId = 2,
    kModel = 3,
    kRequestedModel = 4,  // absent: as kModel
    kFinishReason = 5,
    kTenant = 6,
    kUsage = 7,  // array: the numbers in the order of kNumbers, then flags
    kCreated = 8,
    kTags = 9,
    kTenantScoped = 10,
    kContentSize = 11,
};

using Number = int64_t api::Usage::*;
constexpr Number kNumbers[] = {
    &api::Usage::input,          &api::Usage::output,
    &api::Usage::cached_input,   &api::Usage::cache_write,
    &api::Usage::cache_write_1h, &api::Usage::reasoning,
    &api::Usage::audio_input,    &api::Usage::audio_output};
constexpr uint32_t kUsageSize = std::size(kNumbers) + 1;
constexpr uint64_t kAbsurd = 1;
constexpr uint64_t kEstimated = 2;

int append(void* data, const char* bytes, size_t size) {
    static_cast<std::string*>(data)->append(bytes, size);
    return 0;
}

class Packer {
public:
    explicit Packer(std::string& out) {
        msgpack_packer_init(&packer_, &out, append);
    }
    void array(size_t n) { msgpack_pack_array(&packer_, n); }
    void map(size_t n) { msgpack_pack_map(&packer_, n); }
    void number(int64_t n) { msgpack_pack_int64(&packer_, n); }
    void text(Bytes bytes) {
        msgpack_pack_str(&packer_, bytes.size());
        msgpack_pack_str_body(&packer_, bytes.data(), bytes.size());
    }
    void text(Key key, Bytes bytes) {
        number(key);
        text(bytes);
    }
    void boolean(Key key, bool value) {
        number(key);
        value ? msgpack_pack_true(&packer_) : msgpack_pack_false(&packer_);
    }

private:
    msgpack_packer packer_;
};

void pack_usage(Packer& to, const api::Usage& usage) {
    to.number(kUsage);
    to.array(kUsageSize);
    for (Number number : kNumbers) {
        to.number(usage.*number);
    }
    to.number(static_cast<int64_t>((usage.absurd ? kAbsurd : 0)
                                   | (usage.estimated ? kEstimated : 0)));
}

Error corrupt() { return {Errc::kCorrupt, "stored entry is damaged"}; }

// What the first byte of a msgpack value says of what follows.
struct Shape {
    bool ok = true;
    uint32_t length_bytes = 0;      // a big-endian length: of bytes, or of
    bool length_is_values = false;  // values, so many for each
    uint32_t per_length = 1;
    uint64_t skip = 0;    // bytes after that
    uint64_t values = 0;  // values inside it
};

Shape shape_of(unsigned char b) {
    constexpr unsigned char kWidth[] = {1, 2, 4};
    constexpr unsigned char kNumberWidth[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    Shape s;
    if (b <= 0x7f || b >= 0xe0) {
        return s;
    }
    if (b <= 0x8f) {
        s.values = 2 * (b & 0x0f);
    } else if (b <= 0x9f) {
        s.values = b & 0x0f;
    } else if (b <= 0xbf) {
        s.skip = b & 0x1f;
    } else if (b <= 0xc3) {
        s.ok = b != 0xc1;
    } else if (b <= 0xc6) {
        s.length_bytes = kWidth[b - 0xc4];
    } else if (b <= 0xc9) {
        s.length_bytes = kWidth[b - 0xc7];
        s.skip = 1;
    } else if (b <= 0xd3) {
        s.skip = kNumberWidth[b - 0xca];
    } else if (b <= 0xd8) {
        s.skip = 1 + (1u << (b - 0xd4));
    } else if (b <= 0xdb) {
        s.length_bytes = kWidth[b - 0xd9];
    } else {
        s.length_bytes = b % 2 == 0 ? 2 : 4;
        s.length_is_values = true;
        s.per_length = b >= 0xde ? 2 : 1;
    }
    return s;
}

// The library allocates for as many values as a header claims. So count
// first that they can be there: the size of the first value, 0 when it does
// not lie whole within the bytes.
size_t measure(Bytes bytes) {
    size_t at = 0;
    uint64_t pending = 1;
    for (; pending > 0; pending--) {
        // Every value takes a byte at least.
        if (pending > bytes.size() - at) {
            return 0;
        }
        Shape shape = shape_of(static_cast<unsigned char>(bytes[at++]));
        if (!shape.ok || shape.length_bytes > bytes.size() - at) {
            return 0;
        }
        uint64_t length = 0;
        for (uint32_t i = 0; i < shape.length_bytes; i++) {
            length = length << 8 | static_cast<unsigned char>(bytes[at++]);
        }
        if (shape.length_is_values) {
            shape.values = length * shape.per_length;
        } else {
            shape.skip += length;
        }
        if (shape.skip > bytes.size() - at) {
            return 0;
        }
        at += shape.skip;
        pending += shape.values;
    }
    return at;
}

bool read(const msgpack_object& from, Bytes& to) {
    if (from.type != MSGPACK_OBJECT_STR) {
        return false;
    }
    to = {from.via.str.ptr, from.via.str.size};
    return true;
}

bool read(const msgpack_object& from, int64_t& to) {
    if (from.type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        to = static_cast<int64_t>(from.via.u64);
        return from.via.u64 <= INT64_MAX;
    }
    to = from.via.i64;
    return from.type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
}

bool read(const msgpack_object& from, bool& to) {
    to = from.type == MSGPACK_OBJECT_BOOLEAN && from.via.boolean;
    return from.type == MSGPACK_OBJECT_BOOLEAN;
}

bool read(const msgpack_object& from, api::Endpoint& to) {
    int64_t number = 0;
    if (!read(from, number) || number <= 0
        || number > static_cast<int64_t>(api::Endpoint::kMessages)) {
        return false;
    }
    to = static_cast<api::Endpoint>(number);
    return true;
}

bool read(const msgpack_object& from, api::Usage& to) {
    if (from.type != MSGPACK_OBJECT_ARRAY
        || from.via.array.size < kUsageSize) {
        return false;
    }
    const msgpack_object* value = from.via.array.ptr;
    for (Number number : kNumbers) {
        if (!read(*value++, to.*number) || to.*number > api::Usage::kMax
            || to.*number < api::Usage::kUnknown) {
            return false;
        }
    }
    int64_t flags = 0;
    if (!read(*value, flags)) {
        return false;
    }
    to.absurd = (flags & kAbsurd) != 0;
    to.estimated = (flags & kEstimated) != 0;
    return true;
}

bool read(const msgpack_object& from, std::vector<Bytes>& to) {
    if (from.type != MSGPACK_OBJECT_ARRAY
        || from.via.array.size > Entry::kMaxTags) {
        return false;
    }
    to.resize(from.via.array.size);
    for (size_t i = 0; i < to.size(); i++) {
        if (!read(from.via.array.ptr[i], to[i])) {
            return false;
        }
    }
    return true;
}

struct Fields {
    Entry entry;
    int64_t content_size = -1;
    bool has_requested = false;
};

bool read_field(int64_t key, const msgpack_object& value, Fields& to) {
    Entry& entry = to.entry;
    switch (key) {
    case kEndpoint:
        return read(value, entry.endpoint);
    case kAnswerId:
        return read(value, entry.answer_id);
    case kModel:
        return read(value, entry.model);
    case kRequestedModel:
        to.has_requested = true;
        return read(value, entry.requested_model);
    case kFinishReason:
        return read(value, entry.finish_reason);
    case kTenant:
        return read(value, entry.tenant);
    case kUsage:
        return read(value, entry.usage);
    case kCreated:
        return read(value, entry.created_wall_s);
    case kTags:
        return read(value, entry.tags);
    case kTenantScoped:
        return read(value, entry.tenant_scoped);
    case kContentSize:
        return read(value, to.content_size);
    default:
        return true;  // of a newer writer
    }
}

Result<Fields> read_header(const msgpack_object& root) {
    if (root.type != MSGPACK_OBJECT_ARRAY || root.via.array.size < 2) {
        return corrupt();
    }
    int64_t version = 0;
    if (!read(root.via.array.ptr[0], version)) {
        return corrupt();
    }
    if (version != kVersion) {
        return Error{Errc::kUnsupported, "stored entry of another version"};
    }
    const msgpack_object& map = root.via.array.ptr[1];
    if (map.type != MSGPACK_OBJECT_MAP) {
        return corrupt();
    }
    Fields fields;
    for (uint32_t i = 0; i < map.via.map.size; i++) {
        const msgpack_object_kv& item = map.via.map.ptr[i];
        int64_t key = 0;
        if (!read(item.key, key) || !read_field(key, item.val, fields)) {
            return corrupt();
        }
    }
    return fields;
}

struct Unpacked : msgpack_unpacked {
    Unpacked() { msgpack_unpacked_init(this); }
    ~Unpacked() { msgpack_unpacked_destroy(this); }
    Unpacked(const Unpacked&) = delete;
    Unpacked& operator=(const Unpacked&) = delete;
};

}  // namespace

Result<void> encode(const Entry& entry, std::string& header) {
    header.clear();
    if (entry.endpoint == api::Endpoint::kNone) {
        return Error{Errc::kInvalid, "entry without an endpoint"};
    }
    size_t strings = entry.answer_id.size() + entry.model.size()
                     + entry.requested_model.size()
                     + entry.finish_reason.size() + entry.tenant.size();
    for (Bytes tag : entry.tags) {
        strings += tag.size();
    }
    constexpr size_t kNumbersAtMost = 512;
    if (entry.tags.size() > Entry::kMaxTags
        || strings > Entry::kMaxHeader - kNumbersAtMost) {
        return Error{Errc::kTooLarge, "entry with too much beside its answer"};
    }
    bool requested = entry.requested_model != entry.model;
    Packer to(header);
    to.array(2);
    to.number(kVersion);
    to.map(requested ? 11 : 10);
    to.number(kEndpoint);
    to.number(static_cast<int64_t>(entry.endpoint));
    to.text(kAnswerId, entry.answer_id);
    to.text(kModel, entry.model);
    if (requested) {
        to.text(kRequestedModel, entry.requested_model);
    }
    to.text(kFinishReason, entry.finish_reason);
    to.text(kTenant, entry.tenant);
    pack_usage(to, entry.usage);
    to.number(kCreated);
    to.number(entry.created_wall_s);
    to.number(kTags);
    to.array(entry.tags.size());
    for (Bytes tag : entry.tags) {
        to.text(tag);
    }
    to.boolean(kTenantScoped, entry.tenant_scoped);
    to.number(kContentSize);
    to.number(static_cast<int64_t>(entry.content.size()));
    return {};
}

Result<Entry> decode(Bytes stored) {
    size_t size = measure(stored.substr(0, Entry::kMaxHeader));
    if (size == 0) {
        return corrupt();
    }
    Unpacked unpacked;
    size_t at = 0;
    if (msgpack_unpack_next(&unpacked, stored.data(), size, &at)
            != MSGPACK_UNPACK_SUCCESS
        || at != size) {
        return corrupt();
    }
    Result<Fields> fields = read_header(unpacked.data);
    if (!fields.ok()) {
        return fields.error();
    }
    Entry& entry = fields->entry;
    entry.content = stored.substr(size);
    if (entry.endpoint == api::Endpoint::kNone || fields->content_size < 0
        || static_cast<uint64_t>(fields->content_size)
               != entry.content.size()) {
        return corrupt();
    }
    if (!fields->has_requested) {
        entry.requested_model = entry.model;
    }
    return std::move(entry);
}

}  // namespace llm::cache
