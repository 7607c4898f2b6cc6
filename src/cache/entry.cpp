#include "src/cache/entry.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "src/cache/frame.hpp"
#include "src/cache/packer.hpp"
#include "src/cache/unpacker.hpp"

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
    kPrompt = 12,   // absent: ""
    kAliasOf = 13,  // absent: none; array: shard, slot, generation, place,
                    // cosine in millionths
    kPacked = 14,   // array: version of the frame, size of the content; it
                    // is what follows, and kContentSize is absent
    kPartOf = 32,   // and a text's key: at * 256 + size in the content
};

using Number = int64_t api::Usage::*;
constexpr Number kNumbers[] = {
    &api::Usage::input,          &api::Usage::output,
    &api::Usage::cached_input,   &api::Usage::cache_write,
    &api::Usage::cache_write_1h, &api::Usage::reasoning,
    &api::Usage::audio_input,    &api::Usage::audio_output};
constexpr uint32_t kUsageSize = std::size(kNumbers) + 1;
// Behind the flags, where there were any; older writers have none.
constexpr Number kImages[] = {&api::Usage::image_input,
                              &api::Usage::image_output};
constexpr uint32_t kWithImages = kUsageSize + std::size(kImages);
constexpr uint64_t kAbsurd = 1;
constexpr uint64_t kEstimated = 2;
constexpr int kService = 2;  // where its three bits begin
static_assert(static_cast<uint64_t>(api::kLastService) < 8);
constexpr uint64_t kFast = 1 << 5;
constexpr uint64_t kInUs = 1 << 6;

// What a header takes beside its texts, at the most.
constexpr size_t kNumbersAtMost = 512;
// Where the texts of a document stand that an entry repeats.
constexpr size_t kPartsWithin = 4096;
constexpr size_t kPartSize = 256;
// What a document may be larger than what it is packed to.
constexpr size_t kUnpacks = 2048;
constexpr float kMillion = 1000000;

void pack_usage(Packer& to, const api::Usage& usage) {
    bool images = usage.image_input != 0 || usage.image_output != 0;
    to.number(kUsage);
    to.array(images ? kWithImages : kUsageSize);
    for (Number number : kNumbers) {
        to.number(usage.*number);
    }
    to.number(static_cast<int64_t>((usage.absurd ? kAbsurd : 0)
                                   | (usage.estimated ? kEstimated : 0)
                                   | (usage.fast ? kFast : 0)
                                   | (usage.in_us ? kInUs : 0)
                                   | static_cast<uint64_t>(usage.service)
                                         << kService));
    if (images) {
        for (Number number : kImages) {
            to.number(usage.*number);
        }
    }
}

Error corrupt() { return {Errc::kCorrupt, "stored entry is damaged"}; }

bool read_endpoint(Unpacker& from, api::Endpoint& to) {
    int64_t number = from.integer();
    to = static_cast<api::Endpoint>(number);
    return number > 0
           && number <= static_cast<int64_t>(api::Endpoint::kMessages);
}

bool read_number(Unpacker& from, int64_t& to) {
    to = from.integer();
    return to <= api::Usage::kMax && to >= api::Usage::kUnknown;
}

bool read_usage(Unpacker& from, api::Usage& to) {
    uint32_t size = from.array();
    if (size < kUsageSize) {
        return false;
    }
    for (Number number : kNumbers) {
        if (!read_number(from, to.*number)) {
            return false;
        }
    }
    int64_t flags = from.integer();
    to.absurd = (flags & kAbsurd) != 0;
    to.estimated = (flags & kEstimated) != 0;
    to.fast = (flags & kFast) != 0;
    to.in_us = (flags & kInUs) != 0;
    to.service = static_cast<api::Service>(flags >> kService & 7);
    if (size >= kWithImages) {
        for (Number number : kImages) {
            if (!read_number(from, to.*number)) {
                return false;
            }
        }
        size -= std::size(kImages);
    }
    for (uint32_t i = kUsageSize; i < size; i++) {
        from.skip();  // of a newer writer
    }
    return true;
}

bool read_alias(Unpacker& from, Entry& to) {
    uint32_t parts[5] = {};
    if (from.array() != 5) {
        return false;
    }
    for (uint32_t& part : parts) {
        int64_t number = from.integer();
        if (number < 0 || number > UINT32_MAX) {
            return false;
        }
        part = static_cast<uint32_t>(number);
    }
    to.alias_of = EntryId{parts[0], parts[1], parts[2]};
    to.alias_place = parts[3];
    to.alias_cosine = static_cast<float>(parts[4]) / kMillion;
    return true;
}

bool read_tags(Unpacker& from, std::vector<Bytes>& to) {
    uint32_t size = from.array();
    if (size > Entry::kMaxTags) {
        return false;
    }
    to.resize(size);
    for (Bytes& tag : to) {
        tag = from.text();
    }
    return true;
}

// The texts that may be a part of the content, in the order of Packed::parts.
struct Text {
    Key key;
    Bytes Entry::*text;
};
constexpr Text kTexts[] = {{kAnswerId, &Entry::answer_id},
                           {kModel, &Entry::model},
                           {kRequestedModel, &Entry::requested_model},
                           {kFinishReason, &Entry::finish_reason}};

bool read_part(size_t text, Unpacker& from, Entry& to) {
    auto number = static_cast<uint64_t>(from.integer());
    if (number / kPartSize > kPartsWithin) {
        return false;
    }
    to.packed.parts[text] = {static_cast<uint32_t>(number / kPartSize),
                             static_cast<uint32_t>(number % kPartSize)};
    return true;
}

bool read_packed(Unpacker& from, Entry& to) {
    if (from.array() != 2 || from.integer() != kFrameVersion) {
        return false;
    }
    int64_t size = from.integer();
    to.packed.size = static_cast<size_t>(size);
    return size > 0;
}

struct Fields {
    Entry entry;
    int64_t content_size = -1;
    bool has_requested = false;
};

// False for a value out of its bounds; the Unpacker knows of the others.
bool read_field(int64_t key, Unpacker& from, Fields& to) {
    Entry& entry = to.entry;
    switch (key) {
    case kEndpoint: return read_endpoint(from, entry.endpoint);
    case kAnswerId: entry.answer_id = from.text(); return true;
    case kModel: entry.model = from.text(); return true;
    case kRequestedModel:
        to.has_requested = true;
        entry.requested_model = from.text();
        return true;
    case kFinishReason: entry.finish_reason = from.text(); return true;
    case kTenant: entry.tenant = from.text(); return true;
    case kUsage: return read_usage(from, entry.usage);
    case kCreated: entry.created_wall_s = from.integer(); return true;
    case kTags: return read_tags(from, entry.tags);
    case kTenantScoped: entry.tenant_scoped = from.boolean(); return true;
    case kContentSize: to.content_size = from.integer(); return true;
    case kPrompt: entry.prompt = from.text(); return true;
    case kAliasOf: return read_alias(from, entry);
    case kPacked: return read_packed(from, entry);
    case kPartOf + kAnswerId: return read_part(0, from, entry);
    case kPartOf + kModel: return read_part(1, from, entry);
    case kPartOf + kRequestedModel:
        to.has_requested = true;
        return read_part(2, from, entry);
    case kPartOf + kFinishReason: return read_part(3, from, entry);
    default: from.skip(); return true;  // of a newer writer
    }
}

Result<Fields> read_header(Unpacker& from) {
    uint32_t size = from.array();
    int64_t version = from.integer();
    if (!from.ok() || size < 2) {
        return corrupt();
    }
    if (version != kVersion) {
        return Error{Errc::kUnsupported, "stored entry of another version"};
    }
    Fields fields;
    uint32_t pairs = from.map();
    for (uint32_t i = 0; i < pairs && from.ok(); i++) {
        int64_t key = from.integer();
        if (!read_field(key, from, fields)) {
            return corrupt();
        }
    }
    for (uint32_t i = 2; i < size; i++) {
        from.skip();
    }
    if (!from.ok()) {
        return corrupt();
    }
    return fields;
}

void pack_alias(const Entry& entry, Packer& to) {
    to.array(2);
    to.number(kVersion);
    to.map(3);
    to.number(kEndpoint);
    to.number(static_cast<int64_t>(entry.endpoint));
    to.number(kAliasOf);
    to.array(5);
    to.number(entry.alias_of->shard);
    to.number(entry.alias_of->slot);
    to.number(entry.alias_of->generation);
    to.number(entry.alias_place);
    to.number(std::lround(
        std::clamp(entry.alias_cosine, 0.0F, 1.0F) * kMillion));
    to.number(kContentSize);
    to.number(0);
}

size_t part_of(Bytes text, Bytes content) {
    constexpr size_t kWorth = 4;  // bytes that naming the place takes
    return text.size() < kWorth || text.size() >= kPartSize
               ? Bytes::npos
               : content.substr(0, kPartsWithin).find(text);
}

// As text, or as a part of the content where that is packed.
void pack_text(Packer& to, Key key, Bytes text, Bytes content) {
    size_t at = part_of(text, content);
    if (at == Bytes::npos) {
        to.number(key);
        to.text(text);
        return;
    }
    to.number(kPartOf + key);
    to.number(static_cast<int64_t>(at * kPartSize + text.size()));
}

// What is as always is left out where bytes count.
void pack_fields(const Entry& entry, bool packed, Packer& to) {
    bool requested = entry.requested_model != entry.model;
    bool tags = !packed || !entry.tags.empty();
    bool scoped = !packed || entry.tenant_scoped;
    to.array(2);
    to.number(kVersion);
    to.map(8 + (requested ? 1 : 0) + (entry.prompt.empty() ? 0 : 1)
           + (tags ? 1 : 0) + (scoped ? 1 : 0));
    to.number(kEndpoint);
    to.number(static_cast<int64_t>(entry.endpoint));
    for (const Text& text : kTexts) {
        if (text.key != kRequestedModel || requested) {
            pack_text(to, text.key, entry.*text.text,
                      packed ? entry.content : Bytes());
        }
    }
    to.number(kTenant);
    to.text(entry.tenant);
    pack_usage(to, entry.usage);
    to.number(kCreated);
    to.number(entry.created_wall_s);
    if (tags) {
        to.number(kTags);
        to.array(entry.tags.size());
        for (Bytes tag : entry.tags) {
            to.text(tag);
        }
    }
    if (scoped) {
        to.number(kTenantScoped);
        to.boolean(entry.tenant_scoped);
    }
    if (!entry.prompt.empty()) {
        to.number(kPrompt);
        to.text(entry.prompt);
    }
    if (packed) {
        to.number(kPacked);
        to.array(2);
        to.number(kFrameVersion);
        to.number(static_cast<int64_t>(entry.content.size()));
    } else {
        to.number(kContentSize);
        to.number(static_cast<int64_t>(entry.content.size()));
    }
}

size_t size_of_texts(const Entry& entry) {
    size_t size = entry.answer_id.size() + entry.model.size()
                  + entry.requested_model.size() + entry.finish_reason.size()
                  + entry.tenant.size() + entry.prompt.size();
    for (Bytes tag : entry.tags) {
        size += tag.size();
    }
    return size;
}

// An alias has nothing beside what it stands for.
Result<Entry> alias_alone(const Entry& read, Bytes content) {
    if (!content.empty()) {
        return corrupt();
    }
    Entry alias;
    alias.endpoint = read.endpoint;
    alias.alias_of = read.alias_of;
    alias.alias_place = read.alias_place;
    alias.alias_cosine = read.alias_cosine;
    return alias;
}

}  // namespace

Result<void> encode(const Entry& entry, std::string& header) {
    header.clear();
    if (entry.endpoint == api::Endpoint::kNone) {
        return Error{Errc::kInvalid, "entry without an endpoint"};
    }
    size_t texts = entry.alias_of ? 0 : size_of_texts(entry);
    if (!entry.alias_of
        && (entry.tags.size() > Entry::kMaxTags
            || texts > Entry::kMaxHeader - kNumbersAtMost)) {
        return Error{Errc::kTooLarge, "entry with too much beside its answer"};
    }
    bool packed = !entry.alias_of && !entry.prompt.empty()
                  && !entry.content.empty();
    header.reserve(texts + kNumbersAtMost
                   + (packed ? entry.content.size() : 0));
    header.resize(texts + kNumbersAtMost);
    Packer to(header.data());
    if (entry.alias_of) {
        pack_alias(entry, to);
    } else {
        pack_fields(entry, packed, to);
    }
    header.resize(static_cast<size_t>(to.at() - header.data()));
    if (packed) {
        append_packed(entry.content, header);
    }
    return {};
}

Result<Entry> decode(Bytes stored) {
    Unpacker from(stored.substr(0, Entry::kMaxHeader));
    Result<Fields> fields = read_header(from);
    if (!fields.ok()) {
        return fields.error();
    }
    Entry& entry = fields->entry;
    Bytes rest = stored.substr(from.at());
    bool packed = entry.packed.size != 0;
    if (packed) {
        entry.packed.bytes = rest;
    } else {
        entry.content = rest;
    }
    bool fits = packed ? entry.packed.size / kUnpacks <= rest.size()
                       : static_cast<uint64_t>(fields->content_size)
                             == rest.size();
    if (entry.endpoint == api::Endpoint::kNone || !fits) {
        return corrupt();
    }
    if (entry.alias_of) {
        return alias_alone(entry, rest);
    }
    if (!fields->has_requested) {
        entry.packed.parts[2] = entry.packed.parts[1];
        entry.requested_model = entry.model;
    }
    return std::move(entry);
}

Result<void> unpack(Entry& entry, char* to) {
    size_t size = entry.packed.size;
    if (!expand(entry.packed.bytes, to, size)) {
        return corrupt();
    }
    entry.content = Bytes(to, size);
    for (size_t i = 0; i < std::size(kTexts); i++) {
        const Entry::Packed::Part& part = entry.packed.parts[i];
        if (part.size == 0) {
            continue;
        }
        if (part.at > size || part.size > size - part.at) {
            return corrupt();
        }
        entry.*kTexts[i].text = entry.content.substr(part.at, part.size);
    }
    entry.packed = {};
    return {};
}

}  // namespace llm::cache
