// SHA256_Init and its kin are in every OpenSSL up to 3.x, marked deprecated
// from 3.0 on in favour of EVP.
#define OPENSSL_API_COMPAT 0x10100000L

#include "src/base/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

namespace llm {
namespace {

SHA256_CTX* context(unsigned char* state) {
    return reinterpret_cast<SHA256_CTX*>(state);
}

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, reflected

struct Crc32cTable {
    uint32_t value[256];
    constexpr Crc32cTable() : value() {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t crc = i;
            for (int bit = 0; bit < 8; bit++) {
                crc = crc & 1 ? crc >> 1 ^ kPolynomial : crc >> 1;
            }
            value[i] = crc;
        }
    }
};

constexpr Crc32cTable kTable;

uint32_t crc32c_portable(Bytes bytes, uint32_t crc) {
    for (unsigned char c : bytes) {
        crc = kTable.value[(crc ^ c) & 0xff] ^ crc >> 8;
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
uint32_t crc32c_sse42(Bytes bytes, uint32_t seed) {
    uint64_t crc = seed;
    const char* p = bytes.data();
    size_t n = bytes.size();
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        std::memcpy(&word, p, sizeof(word));
        crc = __builtin_ia32_crc32di(crc, word);
    }
    auto crc32 = static_cast<uint32_t>(crc);
    for (; n > 0; n--, p++) {
        crc32 = __builtin_ia32_crc32qi(crc32, static_cast<unsigned char>(*p));
    }
    return crc32;
}
#endif

}  // namespace

void Hasher::reset() {
    static_assert(sizeof(SHA256_CTX) <= kStateSize);
    SHA256_Init(context(state_));
}

void Hasher::update(Bytes bytes) {
    SHA256_Update(context(state_), bytes.data(), bytes.size());
}

Digest Hasher::finish() {
    Digest digest;
    SHA256_Final(digest.bytes.data(), context(state_));
    return digest;
}

Hmac::Hmac(Bytes key) {
    std::array<char, SHA256_CBLOCK> block{};
    Digest short_key;
    if (key.size() > block.size()) {
        short_key = sha256(key);
        key = short_key.view();
    }
    std::array<char, SHA256_CBLOCK> inner;
    std::array<char, SHA256_CBLOCK> outer;
    key.copy(block.data(), key.size());
    for (size_t i = 0; i < block.size(); i++) {
        inner[i] = static_cast<char>(block[i] ^ 0x36);
        outer[i] = static_cast<char>(block[i] ^ 0x5c);
    }
    inner_.update(Bytes(inner.data(), inner.size()));
    outer_.update(Bytes(outer.data(), outer.size()));
}

Digest Hmac::operator()(Bytes message) const {
    Hasher inner = inner_;
    inner.update(message);
    Digest digest = inner.finish();
    Hasher outer = outer_;
    outer.update(digest.view());
    return outer.finish();
}

Digest sha256(Bytes bytes) {
    Hasher hasher;
    hasher.update(bytes);
    return hasher.finish();
}

Digest hmac_sha256(Bytes key, Bytes message) {
    return Hmac(key)(message);
}

bool equal_constant_time(Bytes a, Bytes b) {
    return a.size() == b.size()
           && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

uint32_t crc32c(Bytes bytes, uint32_t seed) {
    uint32_t crc = ~seed;
#if defined(__x86_64__)
    static const bool kHasSse42 = __builtin_cpu_supports("sse4.2");
    if (kHasSse42) {
        return ~crc32c_sse42(bytes, crc);
    }
#endif
    return ~crc32c_portable(bytes, crc);
}

bool random_bytes(void* out, size_t size) {
    return RAND_bytes(static_cast<unsigned char*>(out),
                      static_cast<int>(size)) == 1;
}

}  // namespace llm
