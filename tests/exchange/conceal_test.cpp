// What a client reads of an error in which the upstream repeats our
// credential, as an event and as a body, whole and in any two pieces.
#include <gtest/gtest.h>

#include "src/exchange/exchange.hpp"
#include "tests/metrics/region.hpp"

namespace llm::exchange {
namespace {

constexpr Bytes kSecret = "sk-secret";
constexpr size_t kEventMax = 65536;

class ConcealTest : public testing::Test {
protected:
    ConcealTest() : region_(1 << 20) {
        services_.metrics = region_.fresh_table();
    }

    std::unique_ptr<Exchange> begin(Bytes body) {
        auto exchange = std::make_unique<Exchange>(
            services_, api::Endpoint::kChat, false, kEventMax, Now{});
        EXPECT_FALSE(exchange->read(body));
        exchange->forward(Now{});
        exchange->release();
        exchange->conceal(kSecret);
        return exchange;
    }

    static void collect(const std::vector<Bytes>& pieces, std::string& out) {
        for (Bytes piece : pieces) {
            out += piece;
        }
    }

    metrics::SharedMemory region_;
    Services services_;
};

TEST_F(ConcealTest, AnErrorEventIsMaskedAndAnAnswersIsNot) {
    const std::string answer =
        R"(data: {"id":"c","object":"chat.completion.chunk","choices":)"
        R"([{"index":0,"delta":{"content":"sk-secret"}}]})"
        "\n\n";
    const std::string text = answer + ": sk-secret\n\nevent: error\n"
                             + R"(data: {"error":"sk-secret"})" + "\n\n";
    const std::string masked = answer + ": *********\n\nevent: error\n"
                               + R"(data: {"error":"*********"})" + "\n\n";
    for (size_t end = 0; end <= text.size(); end++) {
        auto exchange = begin(R"({"model":"m","messages":[],"stream":true})");
        exchange->on_head({200, "text/event-stream", ""}, Now{});
        ASSERT_TRUE(exchange->edits_stream());
        std::string out;
        collect(exchange->on_stream(Bytes(text).substr(0, end), Now{}), out);
        collect(exchange->on_stream(Bytes(text).substr(end), Now{}), out);
        out += exchange->on_eof(true, End::kComplete, Now{});
        EXPECT_EQ(out, masked) << end;
    }
}

TEST_F(ConcealTest, AnErrorInA200IsMaskedAndRenamed) {
    const Bytes text = R"({"model":"m-1","error":"no sk-secret"})";
    for (size_t end = 0; end <= text.size(); end++) {
        auto exchange = begin(R"({"model":"m","messages":[]})");
        exchange->answer_as("mine");
        exchange->on_head({200, "application/json", ""}, Now{});
        ASSERT_TRUE(exchange->edits_body());
        std::string out;
        for (Bytes part : {text.substr(0, end), text.substr(end)}) {
            exchange->on_json(part, Now{});
            collect(exchange->edit_body(part, false), out);
        }
        exchange->on_eof(true, End::kComplete, Now{});
        collect(exchange->edit_body({}, true), out);
        EXPECT_EQ(out, R"({"model":"mine","error":"no *********"})") << end;
    }
}

}  // namespace
}  // namespace llm::exchange
