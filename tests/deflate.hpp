// What zlib makes of a text, for tests of what undoes it.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "src/base/bytes.hpp"

namespace llm {

constexpr int kGzipBits = 31;
constexpr int kZlibBits = 15;
constexpr int kRawBits = -15;

inline std::string deflated(Bytes text, int bits) {
    z_stream z{};
    EXPECT_EQ(Z_OK, deflateInit2(&z, 6, Z_DEFLATED, bits, 8,
                                 Z_DEFAULT_STRATEGY));
    std::string out(deflateBound(&z, text.size()) + 32, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(Z_STREAM_END, deflate(&z, Z_FINISH));
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

}  // namespace llm
