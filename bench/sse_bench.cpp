// Event streams: the parser alone, the parser with the editor, and all that
// one small event of a chat stream costs on its way.
#include <benchmark/benchmark.h>

#include <string>

#include "src/api/protocols.hpp"
#include "src/sse/editor.hpp"

namespace {

using namespace llm;

std::string chat_stream(int events) {
    std::string out;
    for (int i = 0; i < events; ++i) {
        out += R"(data: {"id":"chatcmpl-C4HqHBe4xca0k0EzsCnf1t6V3YFXp",)"
               R"("object":"chat.completion.chunk","created":1755137933,)"
               R"("model":"gpt-5-nano-2025-08-07","service_tier":"default",)"
               R"("system_fingerprint":null,"choices":[{"index":0,"delta":)"
               R"({"content":" word"},"finish_reason":null}],)"
               R"("obfuscation":"LcdzdJdMMg"})";
        out += "\n\n";
    }
    return out;
}

// Events a second and bytes a second, in chunks of this size.
template <typename Feed>
void run(benchmark::State& state, const std::string& stream, int events,
         Feed&& feed) {
    const size_t size = static_cast<size_t>(state.range(0));
    for (auto _ : state) {
        feed(Bytes(stream), size);
    }
    state.SetItemsProcessed(state.iterations() * events);
    state.SetBytesProcessed(state.iterations() *
                            static_cast<int64_t>(stream.size()));
    state.counters["ns/event"] = benchmark::Counter(
        static_cast<double>(state.iterations()) * events * 1e-9,
        benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void sse_parser(benchmark::State& state) {
    constexpr int kEvents = 1000;
    size_t bytes = 0;
    run(state, chat_stream(kEvents), kEvents, [&](Bytes text, size_t size) {
        sse::Parser parser(1 << 20);
        for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
            (void)parser.feed(text.substr(0, size), [&](const auto& event) {
                bytes += event.data.size();
            });
        }
    });
    benchmark::DoNotOptimize(bytes);
}
BENCHMARK(sse_parser)->Arg(1)->Arg(100)->Arg(4096)->Arg(65536);

void sse_parser_large_event(benchmark::State& state) {
    const std::string stream =
        "data: " + std::string(1 << 20, 'x') + "\n\n";
    size_t bytes = 0;
    run(state, stream, 1, [&](Bytes text, size_t size) {
        sse::Parser parser(2 << 20);
        for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
            (void)parser.feed(text.substr(0, size), [&](const auto& event) {
                bytes += event.data.size();
            });
        }
    });
    benchmark::DoNotOptimize(bytes);
}
BENCHMARK(sse_parser_large_event)->Arg(4096)->Arg(2 << 20);

void sse_editor(benchmark::State& state) {
    constexpr int kEvents = 1000;
    size_t pieces = 0;
    run(state, chat_stream(kEvents), kEvents, [&](Bytes text, size_t size) {
        sse::Editor editor(sse::Editor::Mode::kEdit, 1 << 20);
        for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
            (void)editor.feed(text.substr(0, size),
                              [](const auto&, auto&) {});
            pieces += editor.pieces().size();
        }
    });
    benchmark::DoNotOptimize(pieces);
}
BENCHMARK(sse_editor)->Arg(100)->Arg(4096);

// Parser, editor and chat reader: the whole way of an event.
void sse_chat_event(benchmark::State& state) {
    constexpr int kEvents = 1000;
    size_t bytes = 0;
    run(state, chat_stream(kEvents), kEvents, [&](Bytes text, size_t size) {
        auto reader = api::make_chat_reader(1 << 20);
        sse::Editor editor(sse::Editor::Mode::kEdit, 1 << 20);
        for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
            (void)editor.feed(text.substr(0, size),
                              [&](const auto& event, auto& edit) {
                                  if (reader->on_event(event).usage_only) {
                                      edit.drop();
                                  }
                              });
        }
        bytes += reader->content_bytes();
    });
    benchmark::DoNotOptimize(bytes);
}
BENCHMARK(sse_chat_event)->Arg(280)->Arg(4096);

// One stored answer of 4 KB written out again.
void sse_replay(benchmark::State& state) {
    api::Answer answer;
    answer.endpoint = api::Endpoint::kChat;
    answer.id = "chatcmpl-1";
    answer.object = "chat.completion";
    answer.model = "m";
    api::Choice& choice = answer.choices.emplace_back();
    choice.role = "assistant";
    choice.finish_reason = "stop";
    choice.blocks.emplace_back().text = std::string(4096, 'x');
    const bool stream = state.range(0) != 0;
    std::string out;
    for (auto _ : state) {
        out.clear();
        if (stream) {
            api::write_sse_chat(answer, {}, out);
        } else {
            api::write_json_chat(answer, out);
        }
        benchmark::DoNotOptimize(out.data());
    }
    state.SetBytesProcessed(state.iterations() *
                            static_cast<int64_t>(out.size()));
}
BENCHMARK(sse_replay)->ArgName("stream")->Arg(0)->Arg(1);

}  // namespace
