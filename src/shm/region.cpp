#include "src/shm/region.hpp"

#include <cstring>
#include <type_traits>

#include "src/shm/layout.hpp"

namespace llm::shm {
namespace {

constexpr uint64_t kMagic = 0x315a4d4c4c58474e;  // "NGXLLMZ1"
constexpr uint32_t kVersion = 1;
constexpr uint32_t kMaxRegions = 30;

struct Record {
    char name[16];  // ends in NUL
    uint64_t offset;
    uint64_t size;
    uint32_t version;
    uint32_t layout_hash;
    uint32_t ready;
    uint32_t reserved;
};

struct Header {
    uint64_t magic;  // written last
    uint64_t size;   // of the block, as attached
    uint32_t version;
    uint32_t layout;
    uint32_t count;  // of records; a record exists once it is counted
    uint32_t reserved;
    Record records[kMaxRegions];
};

static_assert(std::is_trivially_copyable_v<Header>);

constexpr uint32_t kLayout = layout_hash(
    {LLM_FIELD(Header, magic), LLM_FIELD(Header, size),
     LLM_FIELD(Header, version), LLM_FIELD(Header, count),
     LLM_FIELD(Header, records), LLM_FIELD(Record, name),
     LLM_FIELD(Record, offset), LLM_FIELD(Record, size),
     LLM_FIELD(Record, version), LLM_FIELD(Record, layout_hash),
     LLM_FIELD(Record, ready)});

constexpr size_t kFirst = align_up(sizeof(Header));

Header* header_of(char* base) { return reinterpret_cast<Header*>(base); }

size_t used_bytes(const Header& header) {
    if (header.count == 0) {
        return kFirst;
    }
    const Record& last = header.records[header.count - 1];
    return last.offset + last.size;
}

Record* find(Header& header, Bytes name) {
    for (uint32_t i = 0; i < header.count; i++) {
        if (name == Bytes(header.records[i].name)) {
            return &header.records[i];
        }
    }
    return nullptr;
}

// A directory is believed only when every record lies where it may.
bool plausible(const Header& header, size_t size) {
    if (header.magic != kMagic || header.version != kVersion
        || header.layout != kLayout || header.size != size
        || header.count > kMaxRegions) {
        return false;
    }
    size_t end = kFirst;
    for (uint32_t i = 0; i < header.count; i++) {
        const Record& r = header.records[i];
        if (r.offset != end || r.size > size - end || r.size % kAlign != 0
            || r.name[0] == 0 || r.name[sizeof(r.name) - 1] != 0) {
            return false;
        }
        end += r.size;
    }
    return true;
}

Error too_small(size_t bytes) {
    return {Errc::kNoSpace, "zone too small: needs at least "
                                + std::to_string((bytes + 1023) / 1024)
                                + " KB"};
}

}  // namespace

Result<Directory> Directory::attach(void* base, size_t size) {
    if (base == nullptr || reinterpret_cast<uintptr_t>(base) % kAlign != 0) {
        return Error{Errc::kInvalid, "zone memory is not 64-byte aligned"};
    }
    if (size < kFirst) {
        return too_small(kFirst);
    }
    auto* header = header_of(static_cast<char*>(base));
    if (!plausible(*header, size)) {
        __atomic_store_n(&header->magic, uint64_t{0}, __ATOMIC_SEQ_CST);
        std::memset(header, 0, sizeof(*header));
        header->size = size;
        header->version = kVersion;
        header->layout = kLayout;
        __atomic_store_n(&header->magic, kMagic, __ATOMIC_SEQ_CST);
    }
    return Directory(static_cast<char*>(base));
}

Result<Region> Directory::open(const RegionSpec& spec) {
    if (spec.name.empty() || spec.name.size() >= sizeof(Record::name)) {
        return Error{Errc::kInvalid, "region name must have 1 to 15 bytes"};
    }
    Header& header = *header_of(base_);
    Record* record = find(header, spec.name);
    if (record != nullptr) {
        if (record->version != spec.version
            || record->layout_hash != spec.layout_hash) {
            if (record->size < spec.size) {
                return Error{Errc::kNoSpace,
                             "region \"" + std::string(spec.name)
                                 + "\" is too small for this version: rename "
                                   "the zone or restart nginx"};
            }
            __atomic_store_n(&record->ready, 0u, __ATOMIC_SEQ_CST);
            record->version = spec.version;
            record->layout_hash = spec.layout_hash;
        }
        return Region{base_ + record->offset, record->size,
                      record->ready == 0};
    }
    size_t used = used_bytes(header);
    size_t left = header.size - used;
    if (spec.size > left || align_up(spec.size) > left) {
        return too_small(used + align_up(spec.size));
    }
    if (header.count == kMaxRegions) {
        return Error{Errc::kNoSpace, "zone holds too many regions"};
    }
    record = &header.records[header.count];
    std::memset(record, 0, sizeof(*record));
    std::memcpy(record->name, spec.name.data(), spec.name.size());
    record->offset = used;
    record->size = spec.rest ? left / kAlign * kAlign : align_up(spec.size);
    record->version = spec.version;
    record->layout_hash = spec.layout_hash;
    __atomic_store_n(&header.count, header.count + 1, __ATOMIC_SEQ_CST);
    return Region{base_ + used, record->size, true};
}

Result<void> Directory::ready(Bytes name) {
    Record* record = find(*header_of(base_), name);
    if (record == nullptr) {
        return Error{Errc::kNotFound,
                     "no region \"" + std::string(name) + "\" in the zone"};
    }
    __atomic_store_n(&record->ready, 1u, __ATOMIC_SEQ_CST);
    return {};
}

size_t Directory::bytes_needed(std::span<const RegionSpec> specs) {
    size_t total = kFirst;
    for (const RegionSpec& spec : specs) {
        total += align_up(spec.size);
    }
    return total;
}

}  // namespace llm::shm
