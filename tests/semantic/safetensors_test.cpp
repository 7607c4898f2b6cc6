#include "src/semantic/safetensors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/semantic/random_model.hpp"

namespace llm::semantic {
namespace {

std::string file_of(Bytes header, Bytes data) {
    uint64_t size = header.size();
    std::string out(sizeof(size), '\0');
    std::memcpy(out.data(), &size, sizeof(size));
    return out + std::string(header) + std::string(data);
}

std::string error_of(const std::string& file) {
    auto parsed = Safetensors::parse(file);
    return parsed ? "parsed" : parsed.error().message;
}

TEST(Safetensors, TensorsByName) {
    std::string file = test::safetensors_file(
        {{"b", {{2, 3}, {1, 2, 3, 4, 5, 6}}}, {"a", {{1}, {-7.5f}}}});
    auto parsed = Safetensors::parse(file);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->size(), 2u);
    const Tensor* b = parsed->find("b");
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(b->shape, (std::vector<uint64_t>{2, 3}));
    EXPECT_EQ(b->dtype, DType::kF32);
    float row[3];
    ASSERT_TRUE(read_floats(*b, 3, 3, row));
    EXPECT_EQ(row[0], 4);
    EXPECT_EQ(row[2], 6);
    EXPECT_EQ(parsed->find("c"), nullptr);
}

TEST(Safetensors, WantedShape) {
    std::string file =
        test::safetensors_file({{"a", {{2, 1}, {1, 2}}}});
    auto parsed = Safetensors::parse(file);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->find("a", {2, 1}));
    auto other = parsed->find("a", {1, 2});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Errc::kInvalid);
    EXPECT_EQ(other.error().message,
              "tensor a: shape [2,1] where the configuration wants [1,2]");
    auto none = parsed->find("layer.weight", {1});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Errc::kNotFound);
    EXPECT_EQ(none.error().message, "tensor layer.weight: not in the file");
}

TEST(Safetensors, Types) {
    std::string data;
    auto add = [&](auto value) {
        data.append(reinterpret_cast<const char*>(&value), sizeof(value));
    };
    for (int half : {0x3c00, 0xc000, 0x0001, 0x7bff}) {
        add(static_cast<uint16_t>(half));
    }
    for (int brain : {0x3f80, 0xc040}) {
        add(static_cast<uint16_t>(brain));
    }
    add(int8_t{-128});
    add(int8_t{127});
    add(int64_t{3});
    add(int64_t{0});
    add(2.5);
    std::string file = file_of(
        R"({"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},)"
        R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},)"
        R"("i":{"dtype":"I8","shape":[2],"data_offsets":[12,14]},)"
        R"("m":{"dtype":"I64","shape":[2],"data_offsets":[14,30]},)"
        R"("d":{"dtype":"F64","shape":[],"data_offsets":[30,38]}} )",
        data);
    auto parsed = Safetensors::parse(file);
    ASSERT_TRUE(parsed) << parsed.error().message;
    auto values = [&](Bytes name) {
        const Tensor* tensor = parsed->find(name);
        std::vector<float> out(tensor->elements());
        EXPECT_TRUE(read_floats(*tensor, 0, out.size(), out.data()));
        return out;
    };
    EXPECT_EQ(values("h"),
              (std::vector<float>{1, -2, 0x1p-24f, 65504}));
    EXPECT_EQ(values("b"), (std::vector<float>{1, -3}));
    EXPECT_EQ(values("i"), (std::vector<float>{-128, 127}));
    EXPECT_EQ(values("d"), (std::vector<float>{2.5}));
    std::vector<uint32_t> rows;
    ASSERT_TRUE(read_indices(*parsed->find("m"), 4, rows));
    EXPECT_EQ(rows, (std::vector<uint32_t>{3, 0}));
    EXPECT_FALSE(read_indices(*parsed->find("m"), 3, rows));
    EXPECT_FALSE(read_indices(*parsed->find("i"), 3, rows));
    float out[2];
    auto wrong = read_floats(*parsed->find("m"), 0, 2, out);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Errc::kUnsupported);
}

TEST(Safetensors, NotFiniteIsRefused) {
    std::string file =
        test::safetensors_file({{"w", {{2}, {1, INFINITY}}}});
    auto parsed = Safetensors::parse(file);
    ASSERT_TRUE(parsed);
    float out[2];
    EXPECT_TRUE(read_floats(*parsed->find("w"), 0, 1, out));
    auto all = read_floats(*parsed->find("w"), 0, 2, out);
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().message,
              "tensor w: holds a value that is not finite");
}

TEST(Safetensors, EveryCutIsAnError) {
    std::string file = test::safetensors_file(
        {{"a", {{2}, {1, 2}}}, {"b", {{1}, {3}}}});
    for (size_t size = 0; size < file.size(); size++) {
        auto parsed = Safetensors::parse(Bytes(file).substr(0, size));
        ASSERT_FALSE(parsed) << size;
        EXPECT_EQ(parsed.error().code, Errc::kCorrupt);
    }
    EXPECT_EQ(error_of(file.substr(0, file.size() - 1)),
              "tensor b: its data lies past the end of the file "
              "(truncated?)");
    EXPECT_EQ(error_of(file + "x"), "bytes behind the last tensor");
}

TEST(Safetensors, DamagedHeaders) {
    auto one = [&](const char* tensor, size_t size = 4) {
        return error_of(file_of("{\"t\":" + std::string(tensor) + "}",
                                std::string(size, '\0')));
    };
    EXPECT_EQ(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"),
              "parsed");
    EXPECT_EQ(one("7"), "tensor t: its description is not an object");
    EXPECT_EQ(one(R"({"dtype":"F9","shape":[1],"data_offsets":[0,4]})"),
              "tensor t: unknown dtype");
    EXPECT_EQ(one(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})"),
              "tensor t: its shape is not a short list");
    EXPECT_EQ(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"),
              "tensor t: its shape is out of bounds");
    EXPECT_EQ(one(R"({"dtype":"F32","shape":[4294967296,4294967296],)"
                  R"("data_offsets":[0,4]})"),
              "tensor t: its shape is out of bounds");
    EXPECT_EQ(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"),
              "tensor t: its data is not as long as its shape");
    EXPECT_EQ(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"),
              "tensor t: its data_offsets are not [begin, end]");
    EXPECT_EQ(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})"),
              "tensor t: its data_offsets are not [begin, end]");
    EXPECT_EQ(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", 8),
              "tensor t: its data overlaps or leaves a gap");
    EXPECT_EQ(error_of(file_of(
                  R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                  R"("u":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                  "123456")),
              "tensor u: its data overlaps or leaves a gap");
    EXPECT_EQ(error_of(file_of("[]", "")),
              "safetensors header: not an object");
    EXPECT_EQ(error_of(std::string(8, '\xff') + "{}"),
              "not a safetensors file: a header of 18446744073709551615 "
              "bytes");
}

TEST(Safetensors, MessagesShowNoRawBytes) {
    std::string error = error_of(file_of(
        "{\"\\u0001\\n" + std::string(500, 'x') + "\":1}", ""));
    EXPECT_LT(error.size(), 160u);
    EXPECT_EQ(error.substr(0, 10), "tensor ??x");
}

}  // namespace
}  // namespace llm::semantic
