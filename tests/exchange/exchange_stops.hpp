// One chat exchange, stop by stop, with a real store and without nginx; and
// answers for it.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "src/exchange/exchange.hpp"
#include "src/metrics/families.hpp"
#include "tests/cache/store_zone.hpp"
#include "tests/metrics/region.hpp"

namespace llm::exchange {

inline constexpr Bytes kHead =
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1")";
inline constexpr Bytes kDone = "data: [DONE]\n\n";
inline constexpr Bytes kUsage =
    R"("usage":{"prompt_tokens":30,"completion_tokens":12,)"
    R"("total_tokens":42})";

inline std::string chunk(Bytes delta, Bytes finish = "null") {
    std::string out = "data: ";
    out += kHead;
    out += R"(,"choices":[{"index":0,"delta":)";
    out += delta;
    out += R"(,"finish_reason":)";
    out += finish;
    return out += "}]}\n\n";
}

inline std::string usage_chunk() {
    std::string out = "data: ";
    out += kHead;
    out += R"(,"choices":[],)";
    out += kUsage;
    return out += "}\n\n";
}

inline std::string json_answer(Bytes finish = "stop") {
    std::string out = R"({"id":"c1","object":"chat.completion","created":1,)"
                      R"("model":"m-1","choices":[{"index":0,"message":)"
                      R"({"role":"assistant","content":"Hello"},)"
                      R"("finish_reason":")";
    out += finish;
    out += R"("}],)";
    out += kUsage;
    return out += '}';
}

// One object names a member twice.
inline std::string doubled_answer() {
    std::string answer = json_answer();
    return answer.insert(answer.find("\"role\""), R"("role":"assistant",)");
}

class ExchangeTest : public testing::Test {
protected:
    ExchangeTest() : zone_(4 << 20), region_(1 << 20) {
        services_.store = &zone_.store();
        services_.metrics = region_.fresh_table();
        policy_.cache = true;
        policy_.ttl_s = 60;
        policy_.max_size = 32 << 10;
    }

    std::unique_ptr<Exchange> begin(bool stream, bool observe = false,
                                    Bytes more = "") {
        body_ = R"({"model":"m","messages":[{"role":"user",)"
                R"("content":"Say hello, please"}])";
        body_ += more;
        body_ += stream ? R"(,"stream":true})" : "}";
        auto exchange = std::make_unique<Exchange>(
            services_, api::Endpoint::kChat, observe, kEventMax, at(1));
        EXPECT_FALSE(exchange->read(body_));
        step_ = exchange->look_up(policy_, at(1), allocator());
        if (step_ == Step::kForward) {
            edits_ = exchange->forward(at(1)).size_after(body_.size())
                     - body_.size();
        }
        exchange->release();
        return exchange;
    }

    void head(Exchange& exchange, Bytes type, int status = 200) {
        exchange.on_head({status, type, ""}, at(1.1));
    }

    std::string feed(Exchange& exchange, Bytes bytes) {
        std::string out;
        for (Bytes piece : exchange.on_stream(bytes, at(1.2))) {
            out += piece;
        }
        return out;
    }

    // A stored answer for the usual request.
    void store() {
        auto exchange = begin(false);
        head(*exchange, "application/json");
        exchange->on_json(json_answer(), at(1.2));
        exchange->on_eof(true, End::kComplete, at(1.3));
        ASSERT_EQ(exchange->cache_reason(), "no_entry");
    }

    Allocator allocator() {
        return {&memory_, [](void* context, size_t size) {
                    auto& memory =
                        *static_cast<std::deque<std::string>*>(context);
                    return memory.emplace_back(size, '\0').data();
                }};
    }

    uint64_t total(const metrics::Family& family) {
        return metrics::total(services_.metrics, family);
    }

    uint64_t errors(Bytes kind) {
        uint64_t count = 0;
        services_.metrics.for_each([&](const metrics::SeriesView& series) {
            if (series.family == metrics::kErrors.id
                && series.values[0] == kind) {
                count += series.cell(0);
            }
        });
        return count;
    }

    static Now at(double seconds) { return cache::at(seconds); }

    static constexpr size_t kEventMax = 4096;
    cache::Zone zone_;
    metrics::SharedMemory region_;
    Services services_;
    Policy policy_;
    std::string body_;
    std::deque<std::string> memory_;
    Step step_ = Step::kRefuse;
    size_t edits_ = 0;
};

}  // namespace llm::exchange
