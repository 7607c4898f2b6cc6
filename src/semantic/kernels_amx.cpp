#include "src/semantic/kernels.hpp"
#include "src/semantic/target.hpp"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#if !defined(__clang__)
// gcc 12's own intrinsics begin with an undefined register, which it warns of
// where they are inlined (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

LLM_TARGET_BEGIN("avx512f,avx512bw,avx512vl,avx512dq,amx-tile,amx-int8")

namespace llm::semantic {

namespace {

constexpr size_t kTileRows = 16;
constexpr size_t kTileBytes = 64;  // of a row: 64 inputs, or 16 sums
constexpr size_t kStride = kLane * 4;

// Tiles 0 to 2 are the sums of one panel, 3 the rows and 4, 5 the weights of
// 64 inputs; 6 and 7 are rows and weights of the inputs behind the last 64.
struct alignas(64) TileConfig {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};

    void set(size_t tile, size_t tile_rows, size_t row_bytes) {
        rows[tile] = static_cast<uint8_t>(tile_rows);
        bytes[tile] = static_cast<uint16_t>(row_bytes);
    }
};

struct alignas(64) Sums {
    int32_t of[kTileRows][kLane];
};

void configure(size_t rows, size_t inputs) {
    TileConfig config;
    for (size_t tile : {0, 1, 2, 3}) {
        config.set(tile, rows, kTileBytes);
    }
    for (size_t tile : {4, 5}) {
        config.set(tile, kTileRows, kTileBytes);
    }
    if (size_t rest = inputs % kTileBytes; rest > 0) {
        config.set(6, rows, rest);
        config.set(7, rest / 4, kTileBytes);
    }
    _tile_loadconfig(&config);
}

// The rows from `from` on times the panel at `at`. What comes next is left to
// the machine's own prefetching, which does better here.
void multiply(const uint8_t* from, const int8_t* at, size_t inputs,
              Sums& sums) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    size_t k = 0;
    for (; k + kTileBytes <= inputs; k += kTileBytes) {
        _tile_loadd(3, from + k, inputs);
        _tile_loadd(4, at, kStride);
        _tile_dpbusd(0, 3, 4);
        _tile_loadd(5, at + 64, kStride);
        _tile_dpbusd(1, 3, 5);
        _tile_loadd(4, at + 128, kStride);
        _tile_dpbusd(2, 3, 4);
        at += kTileBytes * kLane;
    }
    if (k < inputs) {
        _tile_loadd(6, from + k, inputs);
        _tile_loadd(7, at, kStride);
        _tile_dpbusd(0, 6, 7);
        _tile_loadd(7, at + 64, kStride);
        _tile_dpbusd(1, 6, 7);
        _tile_loadd(7, at + 128, kStride);
        _tile_dpbusd(2, 6, 7);
    }
    _tile_stored(0, sums.of[0], kStride);
    _tile_stored(1, sums.of[0] + 16, kStride);
    _tile_stored(2, sums.of[0] + 32, kStride);
}

void finish(const Sums& sums, size_t count, const ByteRows& rows, size_t row,
            const Weights& w, size_t column, float* out) {
    for (size_t n = 0; n < kLane; n += 16) {
        size_t at = column + n;
        __m512i sum = _mm512_loadu_si512(w.sum + at);
        __m512 scale = _mm512_loadu_ps(w.scale + at);
        __m512 bias = _mm512_loadu_ps(w.bias + at);
        for (size_t r = 0; r < count; r++) {
            __m512i zero = _mm512_set1_epi32(rows.zero[row + r]);
            __m512i exact =
                _mm512_sub_epi32(_mm512_load_si512(&sums.of[r][n]),
                                 _mm512_mullo_epi32(zero, sum));
            __m512 factor =
                _mm512_mul_ps(scale, _mm512_set1_ps(rows.scale[row + r]));
            _mm512_storeu_ps(
                out + (row + r) * w.outputs + at,
                _mm512_fmadd_ps(_mm512_cvtepi32_ps(exact), factor, bias));
        }
    }
}

void product_bytes(const ByteRows& rows, const Weights& w, float* out) {
    if (rows.rows == 0) {
        return;
    }
    // Blocks of one size, so that the tiles are configured once: the last
    // one does some rows of the one before again.
    size_t blocks = (rows.rows + kTileRows - 1) / kTileRows;
    size_t size = (rows.rows + blocks - 1) / blocks;
    configure(size, w.inputs);
    Sums sums;
    for (size_t column = 0; column < w.outputs; column += kLane) {
        const int8_t* panel = w.bytes + column * w.inputs;
        for (size_t i = 0; i < blocks; i++) {
            size_t row = std::min(i * size, rows.rows - size);
            multiply(rows.data + row * w.inputs, panel, w.inputs, sums);
            finish(sums, size, rows, row, w, column, out);
        }
    }
    // Tiles in use would be saved at each change of context.
    _tile_release();
}

}  // namespace

}  // namespace llm::semantic

LLM_TARGET_END

namespace llm::semantic {

namespace {

// What arch_prctl(2) and the kernel's Documentation/x86/xstate.rst say: tiles
// have to be asked for; threads and children of the process then have them.
bool ask_for_tiles() {
    constexpr int kRequest = 0x1023;  // ARCH_REQ_XCOMP_PERM
    constexpr int kTileData = 18;
    return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

bool machine_has_tiles() {
    constexpr unsigned kTileAndInt8 = 3u << 24;
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0
           && (d & kTileAndInt8) == kTileAndInt8;
}

}  // namespace

const Kernels* amx_kernels() {
    static const bool usable = avx512_kernels() != nullptr
                               && machine_has_tiles() && ask_for_tiles();
    if (!usable) {
        return nullptr;
    }
    static const Kernels kernels = [] {
        Kernels out = *avx512_kernels();
        out.name = "amx_int8";
        out.product_bytes = product_bytes;
        return out;
    }();
    return &kernels;
}

}  // namespace llm::semantic

#else

namespace llm::semantic {

const Kernels* amx_kernels() {
    return nullptr;
}

}  // namespace llm::semantic

#endif
