// The way of every body: parse, canonical form, SHA-256; and with what is
// read of the request, to the fingerprint.
#include <benchmark/benchmark.h>

#include "src/api/request.hpp"
#include "src/cache/fingerprint.hpp"
#include "src/json/canonical.hpp"

namespace {

using llm::Bytes;
using llm::Hasher;
using llm::json::CanonicalRules;
using llm::json::Document;
using llm::json::HashSink;

// A chat of about `size` bytes in messages of 1 KB with a line break every
// 70 bytes and a quote every 200.
std::string chat_body(size_t size) {
    std::string body = "{\"model\":\"gpt-4o-mini\",\"temperature\":0.2,"
                       "\"max_tokens\":512,\"stream\":true,"
                       "\"stream_options\":{\"include_usage\":true},"
                       "\"messages\":[{\"role\":\"system\",\"content\":"
                       "\"You are a helpful assistant.\"}";
    size_t at = 0;
    while (body.size() + 8 < size) {
        body += at % 2 == 0 ? ",{\"role\":\"user\",\"content\":\""
                            : ",{\"role\":\"assistant\",\"content\":\"";
        at++;
        size_t end = std::min(body.size() + 1000, size - 8);
        for (size_t i = 1; body.size() < end; i++) {
            if (i % 70 == 0) {
                body += "\\n";
            } else if (i % 200 == 0) {
                body += "\\\"";
            } else {
                body += i % 6 == 0 ? ' ' : static_cast<char>('a' + i % 23);
            }
        }
        body += "\"}";
    }
    return body + "]}";
}

// Numbers, short strings and deep objects: the worst of a usual body.
std::string tools_body(size_t size) {
    std::string body = "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\","
                       "\"content\":\"hi\"}],\"tools\":[";
    for (int i = 0; body.size() < size; i++) {
        body += i > 0 ? "," : "";
        body += "{\"type\":\"function\",\"function\":{\"name\":\"tool_";
        body += std::to_string(i);
        body += "\",\"description\":\"Looks something up.\",\"parameters\":{"
                "\"type\":\"object\",\"properties\":{\"query\":{\"type\":"
                "\"string\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,"
                "\"maximum\":100}},\"required\":[\"query\"]}}}";
    }
    return body + "]}";
}

void report(benchmark::State& state, const std::string& body) {
    state.SetBytesProcessed(
        static_cast<int64_t>(state.iterations() * body.size()));
    state.counters["bytes"] = static_cast<double>(body.size());
}

void run_parse(benchmark::State& state, const std::string& body) {
    Document doc;
    for (auto _ : state) {
        if (!doc.parse(body).ok()) {
            state.SkipWithError("the body is refused");
            break;
        }
        benchmark::DoNotOptimize(doc.node_count());
    }
    report(state, body);
}

void run_canonical(benchmark::State& state, const std::string& body) {
    Document doc;
    Hasher hasher;
    for (auto _ : state) {
        if (!doc.parse(body).ok()) {
            state.SkipWithError("the body is refused");
            break;
        }
        hasher.reset();
        HashSink sink(hasher);
        write_canonical(doc, CanonicalRules{}, sink);
        sink.flush();
        benchmark::DoNotOptimize(hasher.finish());
    }
    report(state, body);
}

void run_digest(benchmark::State& state, const std::string& body) {
    Hasher hasher;
    for (auto _ : state) {
        hasher.reset();
        hasher.update(body);
        benchmark::DoNotOptimize(hasher.finish());
    }
    report(state, body);
}

void run_request(benchmark::State& state, const std::string& body) {
    Document doc;
    Hasher hasher;
    std::string head;
    constexpr Bytes kScope[] = {"tenant-4711"};
    for (auto _ : state) {
        bool parsed = doc.parse(body).ok();
        auto request = parse_request(llm::api::Endpoint::kChat, doc);
        if (!parsed || !request.ok()) {
            state.SkipWithError("the body is refused");
            break;
        }
        llm::cache::KeyParts parts;
        parts.endpoint = llm::api::Endpoint::kChat;
        parts.model = request->model;
        parts.scope = kScope;
        head.clear();
        append_key_head(parts, head);
        benchmark::DoNotOptimize(fingerprint(doc, parts, head, hasher));
    }
    report(state, body);
}

void BM_json_parse_chat(benchmark::State& state) {
    run_parse(state, chat_body(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_json_parse_chat)->Arg(1000)->Arg(100000);

void BM_json_parse_tools(benchmark::State& state) {
    run_parse(state, tools_body(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_json_parse_tools)->Arg(1000)->Arg(100000);

void BM_json_digest_alone(benchmark::State& state) {
    run_digest(state, chat_body(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_json_digest_alone)->Arg(1000)->Arg(100000);

void BM_json_parse_canonical_digest_chat(benchmark::State& state) {
    run_canonical(state, chat_body(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_json_parse_canonical_digest_chat)->Arg(1000)->Arg(100000);

void BM_json_parse_canonical_digest_tools(benchmark::State& state) {
    run_canonical(state, tools_body(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_json_parse_canonical_digest_tools)->Arg(1000)->Arg(100000);

void BM_request_to_fingerprint_chat(benchmark::State& state) {
    run_request(state, chat_body(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_request_to_fingerprint_chat)->Arg(1000)->Arg(100000);

void BM_request_to_fingerprint_tools(benchmark::State& state) {
    run_request(state, tools_body(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_request_to_fingerprint_tools)->Arg(1000)->Arg(100000);

}  // namespace
