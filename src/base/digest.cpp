#include "src/base/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <new>

namespace llm {
namespace {

// Fetched once: EVP_sha256() alone makes OpenSSL 3 look the algorithm up at
// every init.
const EVP_MD* sha256_algorithm() {
    static const EVP_MD* md = [] {
        const EVP_MD* fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        return fetched != nullptr ? fetched : EVP_sha256();
    }();
    return md;
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

void Hasher::Free::operator()(evp_md_ctx_st* ctx) const {
    EVP_MD_CTX_free(ctx);
}

Hasher::Hasher() : ctx_(EVP_MD_CTX_new()) {
    if (!ctx_) {
        throw std::bad_alloc();
    }
    EVP_DigestInit_ex(ctx_.get(), sha256_algorithm(), nullptr);
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::reset() {
    EVP_DigestInit_ex(ctx_.get(), nullptr, nullptr);
}

void Hasher::update(Bytes bytes) {
    EVP_DigestUpdate(ctx_.get(), bytes.data(), bytes.size());
}

Digest Hasher::finish() {
    Digest digest;
    EVP_DigestFinal_ex(ctx_.get(), digest.bytes.data(), nullptr);
    return digest;
}

Digest sha256(Bytes bytes) {
    Digest digest;
    EVP_Digest(bytes.data(), bytes.size(), digest.bytes.data(), nullptr,
               sha256_algorithm(), nullptr);
    return digest;
}

Digest hmac_sha256(Bytes key, Bytes message) {
    Digest digest;
    HMAC(sha256_algorithm(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(message.data()),
         message.size(), digest.bytes.data(), nullptr);
    return digest;
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
