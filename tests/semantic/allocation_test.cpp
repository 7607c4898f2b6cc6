// Every operator new of the test program counts here, so that encode() can
// be shown to call none.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "src/semantic/registry.hpp"
#include "tests/operator_new.hpp"
#include "tests/semantic/model_directory.hpp"

namespace {

std::atomic<size_t> allocations{0};

}  // namespace

void llm::test::on_allocation() noexcept {
    allocations++;
}

namespace llm::semantic {
namespace {

std::vector<std::string> texts() {
    std::string all_bytes;
    for (int c = 0; c < 256; c++) {
        all_bytes += static_cast<char>(c);
    }
    std::string many;
    for (int i = 0; i < 3000; i++) {
        many += static_cast<char>('a' + i % 26);
        many += i % 3 == 0 ? " " : "";
    }
    return {"a", "a b c?", all_bytes, std::string(5000, 'x'), many,
            "\xc3\xa9t\xc3\xa9 \xe6\x9d\xb1\xe4\xba\xac b",
            std::string(70000, ' ') + "a"};
}

std::vector<std::unique_ptr<Encoder>> encoders() {
    test::ModelDirectory directory;
    std::vector<std::unique_ptr<Encoder>> out;
    auto add = [&](Result<std::unique_ptr<Encoder>> opened) {
        ASSERT_TRUE(opened) << opened.error().message;
        out.push_back(std::move(*opened));
    };
    directory.write_bert();
    add(open_encoder(kMinilm, directory.path(), Precision::kInt8));
    add(open_encoder(kMinilm, directory.path(), Precision::kFloat));
    directory.write_static();
    add(open_encoder(kStatic, directory.path(), Precision::kInt8));
    add(open_encoder(kLexical, "", Precision::kInt8));
    return out;
}

TEST(Allocation, EncodeAllocatesNothingAfterPrepare) {
    auto inputs = texts();
    for (const auto& encoder : encoders()) {
        Workspace space;
        encoder->prepare(space);
        std::vector<float> out(encoder->dims());
        size_t encoded = 0;
        size_t before = allocations;
        for (int round = 0; round < 3; round++) {
            for (const std::string& text : inputs) {
                encoded += encoder->encode(text, space, out).ok();
            }
        }
        EXPECT_EQ(allocations, before) << encoder->kind();
        EXPECT_GE(encoded, 12u) << encoder->kind();
    }
}

TEST(Allocation, OneWorkspaceServesAllEncoders) {
    Workspace space;
    auto all = encoders();
    for (const auto& encoder : all) {
        encoder->prepare(space);
    }
    for (const auto& encoder : all) {
        std::vector<float> vector(encoder->dims());
        size_t before = allocations;
        EXPECT_TRUE(encoder->encode("a b c", space, vector));
        EXPECT_EQ(allocations, before) << encoder->kind();
    }
}

// One encoder, many threads: each gets what one thread gets.
TEST(Allocation, ThreadsShareAnEncoder) {
    auto inputs = texts();
    for (const auto& encoder : encoders()) {
        auto run = [&](std::vector<std::vector<float>>& vectors) {
            Workspace space;
            for (const std::string& text : inputs) {
                vectors.emplace_back(encoder->dims());
                (void)encoder->encode(text, space, vectors.back()).ok();
            }
        };
        std::vector<std::vector<float>> expected;
        run(expected);
        std::vector<std::vector<std::vector<float>>> found(4);
        std::vector<std::thread> threads;
        for (auto& vectors : found) {
            threads.emplace_back([&] { run(vectors); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        for (const auto& vectors : found) {
            EXPECT_EQ(vectors, expected) << encoder->kind();
        }
    }
}

}  // namespace
}  // namespace llm::semantic
