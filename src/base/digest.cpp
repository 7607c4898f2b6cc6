// SHA256_Init and its kin are in every OpenSSL up to 3.x, marked deprecated
// from 3.0 on in favour of EVP.
#define OPENSSL_API_COMPAT 0x10100000L

#include "src/base/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

// The polynomial x to that power, modulo the CRC's, reflected.
constexpr uint32_t x_to_the(int power) {
    uint32_t value = 0x80000000;
    for (int i = 0; i < power; i++) {
        value = value & 1 ? value >> 1 ^ kPolynomial : value >> 1;
    }
    return value;
}

// The instruction takes three cycles and can begin in each one, so three
// stretches of a text are read at once. The two in front are then moved over
// what follows them (Gopal et al., "Fast CRC Computation for iSCSI Polynomial
// Using CRC32 Instruction", Intel 2011): a product with x^(bits - 33), of
// which the last step of the third one makes x^bits.
constexpr size_t kLane = 96;

__attribute__((target("sse4.2,pclmul"))) inline uint64_t
moved(uint64_t crc, uint32_t power) {
    __m128i product = _mm_clmulepi64_si128(
        _mm_cvtsi64_si128(static_cast<int64_t>(crc)),
        _mm_cvtsi64_si128(power), 0);
    return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) inline uint64_t
add_word(uint64_t crc, const char* p, uint64_t mixed_in = 0) {
    uint64_t word;
    std::memcpy(&word, p, sizeof(word));
    return _mm_crc32_u64(crc, word ^ mixed_in);
}

__attribute__((target("sse4.2,pclmul")))
uint32_t crc32c_lanes(Bytes bytes, uint32_t seed) {
    constexpr size_t kLast = kLane - sizeof(uint64_t);
    constexpr uint32_t kOverOne = x_to_the(8 * kLane - 33);
    constexpr uint32_t kOverTwo = x_to_the(8 * 2 * kLane - 33);
    uint64_t crc = seed;
    while (bytes.size() >= 3 * kLane) {
        const char* p = bytes.data();
        uint64_t second = 0;
        uint64_t third = 0;
        for (size_t i = 0; i < kLast; i += sizeof(uint64_t)) {
            crc = add_word(crc, p + i);
            second = add_word(second, p + kLane + i);
            third = add_word(third, p + 2 * kLane + i);
        }
        crc = add_word(crc, p + kLast);
        second = add_word(second, p + kLane + kLast);
        crc = add_word(third, p + 2 * kLane + kLast,
                       moved(crc, kOverTwo) ^ moved(second, kOverOne));
        bytes.remove_prefix(3 * kLane);
    }
    return crc32c_sse42(bytes, static_cast<uint32_t>(crc));
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
    static const bool kHasLanes =
        kHasSse42 && __builtin_cpu_supports("pclmul");
    if (kHasLanes) {
        return ~crc32c_lanes(bytes, crc);
    }
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
