// Four floats at a time, in plain loops that any compiler turns into what
// its machine has.
#include <cmath>
#include <type_traits>
#include <utility>

#include "src/semantic/kernels.hpp"
#include "src/semantic/target.hpp"

namespace llm::semantic {

namespace {

struct Simd {
    static constexpr size_t kWidth = 4;
    static constexpr size_t kRows = 2;
    static constexpr size_t kVectors = 2;

    struct V {
        float x[kWidth];
    };

    template <typename F>
    static V each(F f) {
        V out;
        for (size_t i = 0; i < kWidth; i++) {
            out.x[i] = f(i);
        }
        return out;
    }
    static V load(const float* p) {
        return each([&](size_t i) { return p[i]; });
    }
    static void store(float* p, V v) {
        for (size_t i = 0; i < kWidth; i++) {
            p[i] = v.x[i];
        }
    }
    static V set(float x) {
        return each([&](size_t) { return x; });
    }
    static V add(V a, V b) {
        return each([&](size_t i) { return a.x[i] + b.x[i]; });
    }
    static V sub(V a, V b) {
        return each([&](size_t i) { return a.x[i] - b.x[i]; });
    }
    static V mul(V a, V b) {
        return each([&](size_t i) { return a.x[i] * b.x[i]; });
    }
    static V fma(V a, V b, V c) {
        return each([&](size_t i) { return a.x[i] * b.x[i] + c.x[i]; });
    }
    static V min(V a, V b) {
        return each(
            [&](size_t i) { return a.x[i] < b.x[i] ? a.x[i] : b.x[i]; });
    }
    static V max(V a, V b) {
        return each(
            [&](size_t i) { return a.x[i] > b.x[i] ? a.x[i] : b.x[i]; });
    }
    // Adding 1.5 * 2^23 leaves no room for a fraction; |a| < 2^22 here.
    static V round(V a) {
        constexpr float kMagic = 12582912.0f;
        return each([&](size_t i) { return (a.x[i] + kMagic) - kMagic; });
    }
    static V power(V n) {
        return each([&](size_t i) {
            return std::ldexp(1.0f, static_cast<int>(n.x[i]));
        });
    }
    static float sum(V a) { return (a.x[0] + a.x[1]) + (a.x[2] + a.x[3]); }
    static float least(V a) {
        V b = min(a, {{a.x[2], a.x[3], a.x[0], a.x[1]}});
        return b.x[0] < b.x[1] ? b.x[0] : b.x[1];
    }
    static float greatest(V a) { return -least(sub(set(0), a)); }
    static void store_bytes(uint8_t* p, V v) {
        v = min(max(round(v), set(0)), set(255));
        for (size_t i = 0; i < kWidth; i++) {
            p[i] = static_cast<uint8_t>(v.x[i]);
        }
    }
};

#include "src/semantic/vector_math.hpp"

void product_bytes(const ByteRows& rows, const Weights& w, float* out) {
    for (size_t column = 0; column < w.outputs; column += kLane) {
        const int8_t* panel = w.bytes + column * w.inputs;
        for (size_t row = 0; row < rows.rows; row++) {
            const uint8_t* a = rows.data + row * w.inputs;
            int32_t sums[kLane] = {};
            for (size_t k = 0; k < w.inputs; k += 4) {
                const int8_t* b = panel + k * kLane;
                for (size_t n = 0; n < kLane; n++) {
                    sums[n] += a[k] * b[n * 4] + a[k + 1] * b[n * 4 + 1]
                               + a[k + 2] * b[n * 4 + 2]
                               + a[k + 3] * b[n * 4 + 3];
                }
            }
            for (size_t n = 0; n < kLane; n++) {
                size_t at = column + n;
                int32_t exact = sums[n] - rows.zero[row] * w.sum[at];
                out[row * w.outputs + at] =
                    static_cast<float>(exact)
                        * (w.scale[at] * rows.scale[row])
                    + w.bias[at];
            }
        }
    }
}

constexpr Kernels kPortable = {
    "portable", product_bytes, product_floats, quantize,
    gelu,       add_norm,      attention};

}  // namespace

const Kernels* portable_kernels() {
    return &kPortable;
}

}  // namespace llm::semantic
