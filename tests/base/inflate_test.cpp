#include "src/base/inflate.hpp"

#include <gtest/gtest.h>

#include "tests/deflate.hpp"

namespace llm {
namespace {

std::string sample() {
    std::string text;
    for (int i = 0; i < 3000; ++i) {
        text += "data: {\"n\":" + std::to_string(i * 7919 % 10007) + "}\n\n";
    }
    return text;
}

struct Unpacked {
    std::string text;
    Result<void> fed;
    Result<void> finished;
};

Unpacked unpack(Bytes packed, Coding coding, size_t step,
                InflateLimits limits = {}) {
    Unpacked result;
    Inflater inflater(coding, limits);
    for (size_t at = 0; at < packed.size() && result.fed; at += step) {
        result.fed = inflater.feed(packed.substr(at, step), result.text);
    }
    result.finished = inflater.finish();
    return result;
}

TEST(Inflate, EveryCodingAtEverySplit) {
    std::string text = sample();
    struct {
        int bits;
        Coding coding;
    } forms[] = {{kGzipBits, Coding::kGzip},
                 {kZlibBits, Coding::kDeflate},
                 {kRawBits, Coding::kDeflate}};
    for (auto form : forms) {
        std::string packed = deflated(text, form.bits);
        for (size_t step : {1, 2, 3, 7, 100, 4096, 1000000}) {
            Unpacked got = unpack(packed, form.coding, step);
            EXPECT_TRUE(got.fed) << form.bits << " step " << step;
            EXPECT_TRUE(got.finished) << form.bits << " step " << step;
            EXPECT_EQ(text, got.text) << form.bits << " step " << step;
        }
    }
}

TEST(Inflate, SeveralGzipMembersAreOneBody) {
    std::string packed = deflated("first ", kGzipBits) + deflated("", kGzipBits)
                         + deflated("second", kGzipBits);
    for (size_t step : {1, 5, 1000}) {
        Unpacked got = unpack(packed, Coding::kGzip, step);
        EXPECT_TRUE(got.finished);
        EXPECT_EQ("first second", got.text);
    }
}

TEST(Inflate, EmptyTextIsABody) {
    Unpacked got = unpack(deflated("", kGzipBits), Coding::kGzip, 1);
    EXPECT_TRUE(got.finished);
    EXPECT_EQ("", got.text);
}

TEST(Inflate, NothingAtAllIsCutShort) {
    for (Coding coding : {Coding::kGzip, Coding::kDeflate}) {
        Inflater inflater(coding, {});
        std::string out;
        EXPECT_TRUE(inflater.feed("", out));
        auto end = inflater.finish();
        ASSERT_FALSE(end);
        EXPECT_EQ(Errc::kIncomplete, end.error().code);
    }
}

TEST(Inflate, EveryCutIsSeen) {
    std::string packed = deflated("a body that is cut somewhere", kGzipBits);
    for (size_t size = 0; size < packed.size(); ++size) {
        Unpacked got = unpack(Bytes(packed).substr(0, size), Coding::kGzip, 9);
        EXPECT_TRUE(got.fed) << size;
        ASSERT_FALSE(got.finished) << size;
        EXPECT_EQ(Errc::kIncomplete, got.finished.error().code);
    }
}

TEST(Inflate, FlippedBytesNeverPassAsTheText) {
    std::string text = sample();
    std::string packed = deflated(text, kGzipBits);
    for (size_t at = 10; at < packed.size(); at += 97) {
        std::string bad = packed;
        bad[at] = static_cast<char>(bad[at] ^ 0x40);
        Unpacked got = unpack(bad, Coding::kGzip, 512);
        EXPECT_FALSE(got.fed && got.finished) << at;
    }
}

TEST(Inflate, GarbageIsCorruptAndStaysSo) {
    Inflater inflater(Coding::kGzip, {});
    std::string out;
    auto fed = inflater.feed("{\"not\":\"gzip\"}", out);
    ASSERT_FALSE(fed);
    EXPECT_EQ(Errc::kCorrupt, fed.error().code);
    fed = inflater.feed(deflated("good", kGzipBits), out);
    ASSERT_FALSE(fed);
    EXPECT_EQ(Errc::kCorrupt, fed.error().code);
    EXPECT_FALSE(inflater.finish());
    EXPECT_EQ("", out);
}

TEST(Inflate, BytesAfterTheEndAreCorrupt) {
    for (int bits : {kGzipBits, kZlibBits, kRawBits}) {
        Coding coding = bits == kGzipBits ? Coding::kGzip : Coding::kDeflate;
        Unpacked got = unpack(deflated("text", bits) + "tail", coding, 1000);
        ASSERT_FALSE(got.fed) << bits;
        EXPECT_EQ(Errc::kCorrupt, got.fed.error().code);
        EXPECT_EQ("text", got.text);
    }
}

TEST(Inflate, OutputIsCapped) {
    std::string text = sample();
    std::string packed = deflated(text, kGzipBits);
    Unpacked exact = unpack(packed, Coding::kGzip, 64, {text.size(), 1000});
    EXPECT_TRUE(exact.finished);
    EXPECT_EQ(text, exact.text);

    Unpacked over = unpack(packed, Coding::kGzip, 64, {text.size() - 1, 1000});
    ASSERT_FALSE(over.fed);
    EXPECT_EQ(Errc::kTooLarge, over.fed.error().code);
}

TEST(Inflate, BombIsStoppedEarly) {
    std::string bomb = deflated(std::string(size_t{64} << 20, 'a'), kGzipBits);
    Inflater inflater(Coding::kGzip, {size_t{1} << 30, 100});
    std::string out;
    auto fed = inflater.feed(Bytes(bomb).substr(0, 2000), out);
    ASSERT_FALSE(fed);
    EXPECT_EQ(Errc::kTooLarge, fed.error().code);
    EXPECT_LE(out.size(), size_t{2000} * 100 + (16u << 10));
}

TEST(Inflate, MovedInflaterGoesOn) {
    std::string packed = deflated(sample(), kZlibBits);
    std::string out;
    Inflater first(Coding::kDeflate, {});
    EXPECT_TRUE(first.feed(Bytes(packed).substr(0, 1000), out));
    Inflater second(std::move(first));
    EXPECT_TRUE(second.feed(Bytes(packed).substr(1000), out));
    EXPECT_TRUE(second.finish());
    EXPECT_EQ(sample(), out);
    EXPECT_EQ(packed.size(), second.total_in());
    EXPECT_EQ(out.size(), second.total_out());
}

TEST(Inflate, CodingNames) {
    EXPECT_EQ(Coding::kGzip, coding_of("gzip"));
    EXPECT_EQ(Coding::kGzip, coding_of("X-GZIP"));
    EXPECT_EQ(Coding::kDeflate, coding_of("Deflate"));
    EXPECT_FALSE(coding_of("br"));
    EXPECT_FALSE(coding_of(""));
    EXPECT_FALSE(coding_of("gzip, br"));
}

}  // namespace
}  // namespace llm
