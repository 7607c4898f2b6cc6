// The float part of the kernels, written once over a `Simd` that each kernel
// file defines before it includes this: V, kWidth, kRows and kVectors (the
// block of a product that fits its registers), load, store, set, add, sub,
// mul, fma, min, max, round, power (2^n for whole n), sum, least, greatest,
// store_bytes (rounded to the nearest, clamped to 0 to 255).
//
// Included inside the file's target region and unnamed namespace, so that
// every instance is compiled for that file's machine; it includes nothing.
#pragma once

// f(0) to f(N - 1), each a constant: an array that is used so lives in
// registers. each<N>([&](auto i) LLM_INLINE { ... }).
template <typename F, size_t... I>
LLM_INLINE inline void each_of(F f, std::index_sequence<I...>) {
    (f(std::integral_constant<size_t, I>{}), ...);
}

template <size_t N, typename F>
LLM_INLINE inline void each(F f) {
    each_of(f, std::make_index_sequence<N>{});
}

using V = Simd::V;
constexpr size_t kW = Simd::kWidth;

// 2^(x * log2 e); the polynomial is a fit of 2^f on [-1/2, 1/2], error 3e-9.
inline V exponential(V x) {
    x = Simd::max(x, Simd::set(-87.0f));
    V t = Simd::mul(x, Simd::set(1.44269504f));
    V n = Simd::round(t);
    V f = Simd::sub(t, n);
    constexpr float kFit[] = {0.00015469732f, 0.0013400433f, 0.009618025f,
                              0.05550327f,    0.24022651f,   0.6931472f,
                              1.0f};
    V p = Simd::set(kFit[0]);
    for (size_t i = 1; i < 7; i++) {
        p = Simd::fma(p, f, Simd::set(kFit[i]));
    }
    return Simd::mul(p, Simd::power(n));
}

// x * Phi(x), Phi(x) = 1/2 + x * P(2 x^2 / 25 - 1) with P a fit of the normal
// distribution on |x| <= 5; absolute error below 2e-6.
inline V gelu_of(V x) {
    constexpr float kFit[] = {
        0.0005826009f,  -0.0015891609f, 0.0017835411f, -0.0027402917f,
        0.0063593212f,  -0.011119914f,  0.01642116f,   -0.023284122f,
        0.031439197f,   -0.040440462f,  0.051520675f,  -0.07029636f,
        0.14136379f};
    V c = Simd::max(Simd::min(x, Simd::set(5.0f)), Simd::set(-5.0f));
    V s = Simd::fma(Simd::mul(c, c), Simd::set(0.08f), Simd::set(-1.0f));
    V p = Simd::set(kFit[0]);
    for (size_t i = 1; i < 13; i++) {
        p = Simd::fma(p, s, Simd::set(kFit[i]));
    }
    return Simd::mul(x, Simd::fma(c, p, Simd::set(0.5f)));
}

void gelu(float* values, size_t count) {
    for (size_t i = 0; i < count; i += kW) {
        Simd::store(values + i, gelu_of(Simd::load(values + i)));
    }
}

// Rows are walked by kRun vectors, each with a sum of its own: one sum alone
// would wait for itself. Every width is a multiple.
constexpr size_t kRun = 3;
constexpr size_t kRunWidth = kRun * kW;
static_assert(kLane % kRunWidth == 0);

struct Range {
    float least;     // 0 or below
    float greatest;  // 0 or above
};

inline Range range_of(const float* from, const float* factor,
                      size_t width) {
    V low[kRun];
    V high[kRun];
    each<kRun>([&](auto n) LLM_INLINE {
        low[n] = Simd::set(0);
        high[n] = Simd::set(0);
    });
    for (size_t i = 0; i < width; i += kRunWidth) {
        each<kRun>([&](auto n) LLM_INLINE {
            size_t at = i + n * kW;
            V x = Simd::mul(Simd::load(from + at), Simd::load(factor + at));
            low[n] = Simd::min(low[n], x);
            high[n] = Simd::max(high[n], x);
        });
    }
    V least = Simd::min(Simd::min(low[0], low[1]), low[2]);
    V greatest = Simd::max(Simd::max(high[0], high[1]), high[2]);
    return {Simd::least(least), Simd::greatest(greatest)};
}

void quantize(const float* rows, const float* factor,
              const ByteRows& out) {
    for (size_t row = 0; row < out.rows; row++) {
        const float* from = rows + row * out.width;
        uint8_t* to = out.data + row * out.width;
        Range range = range_of(from, factor, out.width);
        float width = range.greatest - range.least;
        float scale = width > 1e-30f ? width / 255 : 1;
        float zero = __builtin_rintf(-range.least / scale);
        out.scale[row] = scale;
        out.zero[row] = static_cast<int32_t>(zero);
        V steps = Simd::set(1 / scale);
        V shift = Simd::set(zero);
        for (size_t i = 0; i < out.width; i += kW) {
            V x = Simd::mul(Simd::load(from + i), Simd::load(factor + i));
            Simd::store_bytes(to + i, Simd::fma(x, steps, shift));
        }
    }
}

inline float total_of(const V (&sums)[kRun]) {
    return Simd::sum(Simd::add(Simd::add(sums[0], sums[1]), sums[2]));
}

// x += y; their mean, and that of the squares around it.
inline float add_rows(float* x, const float* y, const NormSpec& spec,
                      float& variance) {
    V sums[kRun];
    each<kRun>([&](auto n) LLM_INLINE { sums[n] = Simd::set(0); });
    for (size_t i = 0; i < spec.width; i += kRunWidth) {
        each<kRun>([&](auto n) LLM_INLINE {
            size_t at = i + n * kW;
            V v = Simd::add(Simd::load(x + at), Simd::load(y + at));
            Simd::store(x + at, v);
            sums[n] = Simd::add(sums[n], v);
        });
    }
    float mean = total_of(sums) / static_cast<float>(spec.real);
    V m = Simd::set(mean);
    each<kRun>([&](auto n) LLM_INLINE { sums[n] = Simd::set(0); });
    for (size_t i = 0; i < spec.width; i += kRunWidth) {
        each<kRun>([&](auto n) LLM_INLINE {
            V d = Simd::sub(Simd::load(x + i + n * kW), m);
            sums[n] = Simd::fma(d, d, sums[n]);
        });
    }
    // the zeros behind the model's width have counted as mean^2 each
    float spare = static_cast<float>(spec.width - spec.real) * mean * mean;
    variance = (total_of(sums) - spare) / static_cast<float>(spec.real);
    variance = variance > 0 ? variance : 0;
    return mean;
}

void add_norm(float* rows, const float* other, size_t count,
              const NormSpec& spec) {
    for (size_t row = 0; row < count; row++) {
        float* x = rows + row * spec.width;
        float variance = 0;
        V mean = Simd::set(
            add_rows(x, other + row * spec.width, spec, variance));
        V factor = Simd::set(1 / __builtin_sqrtf(variance + spec.epsilon));
        for (size_t i = 0; i < spec.width; i += kW) {
            V d = Simd::mul(Simd::sub(Simd::load(x + i), mean), factor);
            Simd::store(x + i, Simd::fma(d, Simd::load(spec.gamma + i),
                                         Simd::load(spec.beta + i)));
        }
    }
}

// R rows times kVectors vectors of one panel's outputs.
template <size_t R, size_t N>
void float_block(const float* rows, const Weights& w, const float* panel,
                 size_t column, float* out) {
    V sums[R][N];
    LLM_UNROLL
    for (size_t r = 0; r < R; r++) {
        LLM_UNROLL
        for (size_t n = 0; n < N; n++) {
            sums[r][n] = Simd::load(w.bias + column + n * kW);
        }
    }
    for (size_t k = 0; k < w.inputs; k++) {
        V b[N];
        LLM_UNROLL
        for (size_t n = 0; n < N; n++) {
            b[n] = Simd::load(panel + k * kLane + n * kW);
        }
        LLM_UNROLL
        for (size_t r = 0; r < R; r++) {
            V a = Simd::set(rows[r * w.inputs + k]);
            LLM_UNROLL
            for (size_t n = 0; n < N; n++) {
                sums[r][n] = Simd::fma(a, b[n], sums[r][n]);
            }
        }
    }
    LLM_UNROLL
    for (size_t r = 0; r < R; r++) {
        LLM_UNROLL
        for (size_t n = 0; n < N; n++) {
            Simd::store(out + r * w.outputs + column + n * kW, sums[r][n]);
        }
    }
}

void product_floats(const float* rows, size_t count, const Weights& w,
                    float* out) {
    constexpr size_t kStep = Simd::kVectors * kW;
    static_assert(kLane % kStep == 0);
    for (size_t column = 0; column < w.outputs; column += kStep) {
        const float* panel = w.floats + column / kLane * kLane * w.inputs
                             + column % kLane;
        size_t row = 0;
        for (; row + Simd::kRows <= count; row += Simd::kRows) {
            float_block<Simd::kRows, Simd::kVectors>(
                rows + row * w.inputs, w, panel, column,
                out + row * w.outputs);
        }
        for (; row < count; row++) {
            float_block<1, Simd::kVectors>(rows + row * w.inputs, w, panel,
                                           column, out + row * w.outputs);
        }
    }
}

// scores[r][j] = query r * key j, for R queries and all keys.
template <size_t R>
void score_rows(const AttentionSpec& spec, const float* queries,
                const float* keys, size_t padded, float* scores) {
    size_t stride = 3 * spec.section;
    for (size_t j = 0; j < padded; j += kW) {
        V sums[R];
        LLM_UNROLL
        for (size_t r = 0; r < R; r++) {
            sums[r] = Simd::set(0);
        }
        for (size_t d = 0; d < spec.head; d++) {
            V key = Simd::load(keys + d * padded + j);
            LLM_UNROLL
            for (size_t r = 0; r < R; r++) {
                V q = Simd::set(queries[r * stride + d]);
                sums[r] = Simd::fma(q, key, sums[r]);
            }
        }
        LLM_UNROLL
        for (size_t r = 0; r < R; r++) {
            Simd::store(scores + r * padded + j, sums[r]);
        }
    }
}

inline void softmax(float* scores, size_t count, size_t padded,
                    float scale) {
    for (size_t j = count; j < padded; j++) {
        scores[j] = -1e30f;
    }
    V most = Simd::set(-1e30f);
    for (size_t j = 0; j < padded; j += kW) {
        most = Simd::max(most, Simd::load(scores + j));
    }
    V top = Simd::set(Simd::greatest(most));
    V factor = Simd::set(scale);
    V total = Simd::set(0);
    for (size_t j = 0; j < padded; j += kW) {
        V x = Simd::mul(Simd::sub(Simd::load(scores + j), top), factor);
        x = exponential(x);
        Simd::store(scores + j, x);
    }
    for (size_t j = count; j < padded; j++) {
        scores[j] = 0;
    }
    for (size_t j = 0; j < padded; j += kW) {
        total = Simd::add(total, Simd::load(scores + j));
    }
    V share = Simd::set(1 / Simd::sum(total));
    for (size_t j = 0; j < padded; j += kW) {
        Simd::store(scores + j, Simd::mul(Simd::load(scores + j), share));
    }
}

// out[r] = sum over j of scores[r][j] * value j
template <size_t R>
void mix_rows(const AttentionSpec& spec, const float* scores, size_t padded,
              const float* values, float* out) {
    size_t stride = 3 * spec.section;
    for (size_t d = 0; d < spec.head; d += kW) {
        V sums[R];
        LLM_UNROLL
        for (size_t r = 0; r < R; r++) {
            sums[r] = Simd::set(0);
        }
        for (size_t j = 0; j < spec.rows; j++) {
            V value = Simd::load(values + j * stride + d);
            LLM_UNROLL
            for (size_t r = 0; r < R; r++) {
                V share = Simd::set(scores[r * padded + j]);
                sums[r] = Simd::fma(share, value, sums[r]);
            }
        }
        LLM_UNROLL
        for (size_t r = 0; r < R; r++) {
            Simd::store(out + r * spec.section + d, sums[r]);
        }
    }
}

template <size_t R>
void attend(const AttentionSpec& spec, size_t head, size_t row,
            size_t padded) {
    size_t stride = 3 * spec.section;
    float* scores = spec.scratch + spec.head * padded;
    const float* queries = spec.qkv + row * stride + head;
    score_rows<R>(spec, queries, spec.scratch, padded, scores);
    for (size_t r = 0; r < R; r++) {
        softmax(scores + r * padded, spec.rows, padded, spec.scale);
    }
    mix_rows<R>(spec, scores, padded, spec.qkv + 2 * spec.section + head,
                spec.out + row * spec.section + head);
}

void attention(const AttentionSpec& spec) {
    size_t stride = 3 * spec.section;
    size_t padded = round_up(spec.rows, 16);
    for (size_t h = 0; h < spec.heads; h++) {
        size_t head = h * spec.head;
        const float* keys = spec.qkv + spec.section + head;
        for (size_t d = 0; d < spec.head; d++) {
            float* to = spec.scratch + d * padded;
            for (size_t j = 0; j < spec.rows; j++) {
                to[j] = keys[j * stride + d];
            }
            for (size_t j = spec.rows; j < padded; j++) {
                to[j] = 0;
            }
        }
        size_t row = 0;
        for (; row + kQueryBlock <= spec.rows; row += kQueryBlock) {
            attend<kQueryBlock>(spec, head, row, padded);
        }
        for (; row + 2 <= spec.rows; row += 2) {
            attend<2>(spec, head, row, padded);
        }
        if (row < spec.rows) {
            attend<1>(spec, head, row, padded);
        }
    }
}
