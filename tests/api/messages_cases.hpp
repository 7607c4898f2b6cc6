// Answers of Anthropic's form for the tests of messages, made up.
#pragma once

#include <string>

namespace llm::api::messages_cases {

// A body with every kind of block and member.
inline const std::string kBody = R"({
  "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
  "content": [
    {"type": "thinking", "thinking": "Let me \"see\"\n", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "b3BhcXVl"},
    {"type": "text", "text": "Grüße ☂\t", "citations": [
      {"type": "char_location", "cited_text": "a, b", "document_index": 0},
      {"type": "char_location", "cited_text": "c", "document_index": 1}]},
    {"type": "text", "text": "", "citations": null},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
     "input": {"query": "a b"}, "caller": {"type": "direct"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
     "content": [{"type": "web_search_result", "title": "T", "rank": 1.50}]},
    {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}},
    {"type": "tool_use", "id": "toolu_2", "name": "sum",
     "input": {"a": 1.0, "b": [ 12345678901234567890, -0 ]}},
    {"type": "hologram", "beams": {"n": 3}}
  ],
  "stop_reason": "tool_use", "stop_sequence": null,
  "stop_details": {"type": "x"},
  "container": {"id": "container_1", "expires_at": "2026-01-01T00:00:00Z"},
  "context_management": {"applied_edits": []},
  "future_member": [1, 2.50, {"k": null}],
  "usage": {"input_tokens": 10, "cache_creation_input_tokens": 7,
            "cache_read_input_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 4,
                               "ephemeral_1h_input_tokens": 3},
            "output_tokens": 21, "service_tier": "standard",
            "inference_geo": "eu", "server_tool_use": {"web_search_requests": 1},
            "output_tokens_details": {"thinking_tokens": 6}}
})";

// The same answer as a provider streams it.
inline const std::string kStream =
    R"(event: message_start
data: {"type":"message_start","message":{"id":"msg_2","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":43,"cache_read_input_tokens":0,"output_tokens":2,"service_tier":"standard"}}    }

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}  }

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m."}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0     }

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"x"}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"It is "}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"raining \u2614"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"y"}}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"get","input":{},"caller":{"type":"direct"}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"city\": \"Pa"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"ris\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":null,"stop_sequence":null},"usage":{"input_tokens":50,"output_tokens":10}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"container":{"id":"c1"}},"context_management":{"applied_edits":[]},"usage":{"input_tokens":61,"output_tokens":124,"iterations":[{"n":1}]}}

event: message_stop
data: {"type":"message_stop"  }
)";

inline const std::string kStreamAsBody = R"({
  "id":"msg_2","type":"message","role":"assistant","model":"claude-x",
  "content":[
    {"type":"thinking","thinking":"Hmm.","signature":"c2ln"},
    {"type":"text","text":"It is raining ☔","citations":[
      {"type":"char_location","cited_text":"x"},
      {"type":"char_location","cited_text":"y"}]},
    {"type":"tool_use","id":"toolu_1","name":"get","input":{"city":"Paris"},
     "caller":{"type":"direct"}}],
  "stop_reason":"tool_use","stop_sequence":null,"container":{"id":"c1"},
  "context_management":{"applied_edits":[]},
  "usage":{"input_tokens":61,"cache_read_input_tokens":0,
           "output_tokens":124,"service_tier":"standard",
           "iterations":[{"n":1}]}})";

inline std::string event(const std::string& type, const std::string& rest) {
    return "event: " + type + "\ndata: {\"type\":\"" + type + "\"" + rest +
           "}\n\n";
}

inline std::string start(const std::string& usage = R"({"input_tokens":3})") {
    return event("message_start",
                 R"(,"message":{"id":"m","type":"message",)"
                 R"("role":"assistant","model":"c","content":[],)"
                 R"("stop_reason":null,"stop_sequence":null,"usage":)" +
                     usage + "}");
}

inline std::string block(int index, const std::string& content) {
    return event("content_block_start", ",\"index\":" + std::to_string(index) +
                                            ",\"content_block\":" + content);
}

inline std::string delta(int64_t index, const std::string& body) {
    return event("content_block_delta", ",\"index\":" + std::to_string(index) +
                                            ",\"delta\":" + body);
}

inline std::string text_delta(int64_t index, const std::string& text) {
    return delta(index, R"({"type":"text_delta","text":")" + text + "\"}");
}

inline std::string end(const std::string& usage = R"({"output_tokens":4})",
                const std::string& reason = "end_turn") {
    return event("message_delta", R"(,"delta":{"stop_reason":")" + reason +
                                      R"(","stop_sequence":null},"usage":)" +
                                      usage) +
           event("message_stop", "");
}

inline const std::string kText = R"({"type":"text","text":""})";

}  // namespace llm::api::messages_cases
