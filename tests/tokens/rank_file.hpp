// A rank file of our own: the 256 bytes, then the given tokens in their
// order.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>

#include "src/tokens/rank_table.hpp"

namespace llm::tokens {

inline std::string base64(Bytes bytes) {
    constexpr Bytes kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
                              "stuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t bits = 0;
        for (size_t j = i; j < i + 3; j++) {
            bits = bits << 8
                   | (j < bytes.size()
                          ? static_cast<unsigned char>(bytes[j])
                          : 0u);
        }
        for (size_t j = 0; j < 4; j++) {
            bool padding = i + j > bytes.size();
            out += padding ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
        }
    }
    return out;
}

inline std::string rank_line(Bytes token, size_t rank) {
    return base64(token) + " " + std::to_string(rank) + "\n";
}

inline std::string rank_file(std::initializer_list<Bytes> tokens) {
    std::string text;
    size_t rank = 0;
    for (int byte = 0; byte < 256; byte++) {
        char c = static_cast<char>(byte);
        text += rank_line({&c, 1}, rank++);
    }
    for (Bytes token : tokens) {
        text += rank_line(token, rank++);
    }
    return text;
}

inline std::shared_ptr<const RankTable> rank_table(
    std::initializer_list<Bytes> tokens) {
    auto table = RankTable::parse(rank_file(tokens));
    EXPECT_TRUE(table.ok());
    return std::make_shared<const RankTable>(std::move(table).value());
}

}  // namespace llm::tokens
