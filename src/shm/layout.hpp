// A layout hash: the fingerprint of a shared structure's fields, their order,
// offsets and sizes. Two builds whose hashes differ must not share memory;
// two structures of the same size with other fields do differ.
//
//   constexpr uint32_t kLayout = shm::layout_hash({
//       LLM_FIELD(Slot, digest), LLM_FIELD(Slot, size), …});
//
// A list of several structures' fields hashes a whole region.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace llm::shm {

struct Field {
    std::string_view name;
    size_t offset;
    size_t size;
};

// FNV-1a over name, offset and size of each field. Never 0.
constexpr uint32_t layout_hash(std::initializer_list<Field> fields) {
    uint32_t hash = 2166136261u;
    auto mix = [&hash](uint64_t byte) {
        hash = (hash ^ static_cast<uint32_t>(byte & 0xff)) * 16777619u;
    };
    for (const Field& field : fields) {
        for (char c : field.name) {
            mix(static_cast<unsigned char>(c));
        }
        for (int shift = 0; shift < 64; shift += 8) {
            mix(field.offset >> shift);
            mix(field.size >> shift);
        }
    }
    return hash == 0 ? 1 : hash;
}

// Every size and offset inside the zone is a multiple of a cache line.
constexpr size_t kAlign = 64;

constexpr size_t align_up(size_t n, size_t to = kAlign) {
    return (n + to - 1) / to * to;
}

}  // namespace llm::shm

#define LLM_FIELD(type, field) \
    llm::shm::Field { #type "." #field, offsetof(type, field), \
                      sizeof(type::field) }
