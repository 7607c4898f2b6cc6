// SHA-256 and HMAC-SHA-256 by OpenSSL, and CRC-32C for stored bytes.
//
// OpenSSL's block functions are called directly, not through EVP: they choose
// the same instructions (SHA-NI where there are any), while EVP costs more
// than the digest itself for a body of 1 KB, and allocates.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "src/base/bytes.hpp"

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

// One message at a time; a plain value without allocations.
class Hasher {
public:
    Hasher() { reset(); }

    void reset();
    void update(Bytes bytes);
    // Ends the message; reset() before the next one.
    Digest finish();

private:
    friend class Hmac;
    static constexpr size_t kStateSize = 112;  // of OpenSSL's SHA256_CTX
    alignas(8) unsigned char state_[kStateSize];
};

// HMAC-SHA-256 (RFC 2104) with one key for many messages: the key's blocks
// are hashed once.
class Hmac {
public:
    explicit Hmac(Bytes key);
    Digest operator()(Bytes message) const;

private:
    Hasher inner_;
    Hasher outer_;
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
