// What edits cost beside the copy of a body of 200 KB: a model's name, a
// parameter and a system text go into bytes that were parsed for the cache's
// key anyhow. `copied` counts the bytes that are written a request.
#include <benchmark/benchmark.h>

#include "src/api/request.hpp"
#include "src/route/model_name.hpp"
#include "src/route/parameters.hpp"
#include "src/route/prefix.hpp"
#include "src/route/system_text.hpp"

namespace {

using llm::Bytes;
using llm::json::Document;
using namespace llm::route;

std::string body_of(size_t size) {
    std::string body = R"({"model":"gpt-4o","messages":[{"role":"system",)"
                       R"("content":"Be kind."})";
    for (int i = 0; body.size() < size; i++) {
        body += R"(,{"role":")";
        body += i % 2 == 0 ? "user" : "assistant";
        body += R"(","content":")" + std::string(1000, 'a') + "\"}";
    }
    return body + R"(],"temperature":0.2})";
}

struct Parsed {
    explicit Parsed(size_t size) : body(body_of(size)), out(size + 16384, '\0') {
        if (doc.parse(body).ok()) {
            request = *llm::api::parse_request(llm::api::Endpoint::kChat,
                                               doc);
        }
    }
    std::string body;
    std::string out;
    Document doc;
    llm::api::Request request;
};

void copy_alone(benchmark::State& state) {
    Parsed p(static_cast<size_t>(state.range(0)));
    for (auto _ : state) {
        p.body.copy(p.out.data(), p.body.size());
        benchmark::ClobberMemory();
    }
    state.counters["copied"] = static_cast<double>(p.body.size());
}

void model_and_copy(benchmark::State& state) {
    Parsed p(static_cast<size_t>(state.range(0)));
    size_t size = 0;
    for (auto _ : state) {
        Edits edits;
        if (!set_model(p.doc, p.request, "gpt-4o-mini", edits).ok()) {
            state.SkipWithError("no model");
        }
        size = edits.size_after(p.body.size());
        edits.apply(p.body, p.out.data());
        benchmark::ClobberMemory();
    }
    state.counters["copied"] = static_cast<double>(size);
}

void all_edits_and_copy(benchmark::State& state) {
    Parsed p(static_cast<size_t>(state.range(0)));
    auto limit = parameter_path("max_tokens");
    auto top_p = parameter_path("top_p");
    auto text = system_text(SystemMode::kPrepend, std::string(2000, 's'));
    const SystemText* texts[] = {&*text};
    size_t size = 0;
    for (auto _ : state) {
        Edits edits;
        std::string effective;
        Parameters parameters(p.doc, p.request, "gpt-4o-mini");
        parameters.set(*limit, "512", SetMode::kCap);
        parameters.set(*top_p, "0.9", SetMode::kDefault);
        bool fine =
            apply_system(p.doc, p.request, texts, edits, &effective).ok()
            && set_model(p.doc, p.request, "gpt-4o-mini", edits).ok()
            && parameters.write(edits, &effective).ok();
        if (!fine) {
            state.SkipWithError("an edit was refused");
        }
        size = edits.size_after(p.body.size());
        edits.apply(p.body, p.out.data());
        benchmark::ClobberMemory();
    }
    state.counters["copied"] = static_cast<double>(size);
}

void prefix(benchmark::State& state) {
    Parsed p(static_cast<size_t>(state.range(0)));
    for (auto _ : state) {
        benchmark::DoNotOptimize(prefix_of(p.doc, p.request));
    }
}

void answer_model(benchmark::State& state) {
    AnswerModel model(llm::api::Endpoint::kChat, "fast");
    llm::sse::Event event;
    std::string raw =
        R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk",)"
        R"("created":1700000000,"model":"gpt-4o-2024-08-06","choices":[)"
        R"({"index":0,"delta":{"content":" word"},"finish_reason":null}]})"
        "\n\n";
    event.raw = raw;
    event.data = event.raw.substr(6, raw.size() - 8);
    event.has_data = true;
    for (auto _ : state) {
        benchmark::DoNotOptimize(model.in_event(event));
    }
}

BENCHMARK(copy_alone)->Arg(2000)->Arg(200000);
BENCHMARK(model_and_copy)->Arg(2000)->Arg(200000);
BENCHMARK(all_edits_and_copy)->Arg(2000)->Arg(200000);
BENCHMARK(prefix)->Arg(2000)->Arg(200000);
BENCHMARK(answer_model);

}  // namespace
