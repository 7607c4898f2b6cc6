// SHA-256 and HMAC-SHA-256 by OpenSSL, and CRC-32C for stored bytes.
// A Hasher keeps its context and is reset, not rebuilt: setting one up costs
// more than hashing a small body. One Hasher per thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "src/base/bytes.hpp"

struct evp_md_ctx_st;

namespace llm {

// 256 bits, compared whole.
struct Digest {
    std::array<unsigned char, 32> bytes{};

    bool operator==(const Digest&) const = default;
    Bytes view() const {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    // The first 8 bytes, for choosing a shard or a bucket; never identity.
    uint64_t prefix() const {
        uint64_t value;
        std::memcpy(&value, bytes.data(), sizeof(value));
        return value;
    }
    std::string hex() const { return to_hex(view()); }
};

class Hasher {
public:
    Hasher();
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;

    void reset();
    void update(Bytes bytes);
    // Ends the message; reset() before the next one.
    Digest finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* ctx) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> ctx_;
};

Digest sha256(Bytes bytes);
Digest hmac_sha256(Bytes key, Bytes message);

// Takes time that depends on size alone.
bool equal_constant_time(Bytes a, Bytes b);

// CRC-32C (Castagnoli), the SSE4.2 instruction where the machine has it.
// `seed` is the result for the bytes before, so that pieces can be chained.
uint32_t crc32c(Bytes bytes, uint32_t seed = 0);

// Cryptographic random bytes; false when the system has none to give.
bool random_bytes(void* out, size_t size);

}  // namespace llm
