// Kernels: the arithmetic of an encoder, once for each kind of machine; the
// best one is chosen at run time. All take rows of floats or bytes whose
// width is a multiple of kLane, with zeros behind what the model has.
//
// The integer products are exact and equal for all kernels, by signs and
// magnitudes where vpmaddubsw would saturate. Floats differ in the last bits.
//
// Threads: functions without state. Memory: 64-byte aligned rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace llm::semantic {

constexpr size_t kLane = 48;  // columns of one panel of weights

constexpr size_t round_up(size_t n, size_t unit) {
    return (n + unit - 1) / unit * unit;
}

// Rows of unsigned bytes: value = scale[row] * (byte - zero[row]).
struct ByteRows {
    uint8_t* data;
    float* scale;
    int32_t* zero;
    size_t rows;
    size_t width;
};

// Weights in panels of kLane outputs. In a panel, int8: for each 4 inputs,
// each output's 4 bytes, -127 to 127; float: for each input, each output's
// number.
struct Weights {
    const int8_t* bytes;    // either these
    const float* floats;    // or these
    const float* scale;     // of each output, for bytes
    const int32_t* sum;     // of each output's bytes
    const float* factor;    // of each input, for bytes: see quantize
    const float* bias;
    size_t inputs;          // a multiple of kLane
    size_t outputs;         // a multiple of kLane
};

struct NormSpec {
    const float* gamma;  // zero behind the model's width
    const float* beta;
    size_t width;        // of a row
    size_t real;         // of the model
    float epsilon;
};

// One layer's attention: rows of [queries, keys, values], each `section`
// floats of `heads` times `head` (a multiple of 16).
struct AttentionSpec {
    const float* qkv;
    size_t rows;
    size_t section;
    size_t heads;
    size_t head;
    float scale;     // of the scores
    float* scratch;  // attention_scratch() floats
    float* out;      // rows of `section`
};

constexpr size_t kQueryBlock = 8;

constexpr size_t attention_scratch(size_t rows, size_t head) {
    return round_up(rows, 16) * (head + kQueryBlock);
}

struct Kernels {
    const char* name;
    // out = rows * weights + bias, in rows of weights.outputs floats.
    void (*product_bytes)(const ByteRows& rows, const Weights&, float* out);
    void (*product_floats)(const float* rows, size_t count, const Weights&,
                           float* out);
    // Rows of `out.width` floats, times a factor for each column, a power of
    // two: the bytes are the same for all kernels.
    void (*quantize)(const float* rows, const float* factor,
                     const ByteRows& out);
    void (*gelu)(float* values, size_t count);
    // rows = norm(rows + other), each row by itself.
    void (*add_norm)(float* rows, const float* other, size_t count,
                     const NormSpec&);
    void (*attention)(const AttentionSpec&);
};

// Those that this machine can run, the best one first; never empty.
std::span<const Kernels* const> kernels();

// nullptr where the build or the machine has none.
const Kernels* amx_kernels();  // those of AVX-512, products by tiles
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels* portable_kernels();

}  // namespace llm::semantic
