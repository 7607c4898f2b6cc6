// Answers of the Responses form for the tests, made up.
#pragma once

#include <string>

namespace llm::api::responses_cases {

// Every kind of item that has events of its own, and one that has none.
inline const std::string kBody = R"({
  "id": "resp_1", "object": "response", "created_at": 1700000000,
  "status": "completed", "completed_at": 1700000001, "error": null,
  "incomplete_details": null, "model": "gpt-x", "temperature": 1.0,
  "future_member": {"n": [1.50, 12345678901234567890]},
  "output": [
    {"id": "rs_1", "type": "reasoning", "status": "completed",
     "encrypted_content": "b3BhcXVl",
     "summary": [{"type": "summary_text", "text": "First \"this\""},
                 {"type": "summary_text", "text": ""}],
     "content": [{"type": "reasoning_text", "text": "hm\n"}]},
    {"id": "rs_2", "type": "reasoning", "summary": [], "content": null,
     "status": null},
    {"id": "msg_1", "type": "message", "status": "completed",
     "role": "assistant", "content": [
       {"type": "output_text", "text": "Grüße ☂\t",
        "annotations": [{"type": "url_citation", "url": "http://a/"},
                        {"type": "url_citation", "url": "http://b/"}],
        "logprobs": [{"token": "G", "logprob": -0.50, "top_logprobs": []}]},
       {"type": "output_text", "text": "", "annotations": []},
       {"type": "refusal", "refusal": "I will not."},
       {"type": "hologram", "beams": 3}]},
    {"id": "fc_1", "type": "function_call", "status": "completed",
     "call_id": "call_1", "name": "sum", "arguments": "{\"a\": 1}"},
    {"id": "fc_2", "type": "function_call", "status": "completed",
     "call_id": "call_2", "name": "now", "arguments": ""},
    {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_3",
     "name": "exec", "input": "ls -l"},
    {"id": "ws_1", "type": "web_search_call", "status": "completed",
     "action": {"type": "search", "query": "q"}}
  ],
  "usage": {"input_tokens": 36,
            "input_tokens_details": {"cached_tokens": 11},
            "output_tokens": 87,
            "output_tokens_details": {"reasoning_tokens": 64},
            "total_tokens": 123},
  "metadata": {}, "user": null
})";

// A message of two fragments and a call, as a provider streams them.
inline const std::string kHead =
    R"(event: response.created
data: {"type":"response.created","response":{"id":"resp_2","object":"response","created_at":5,"status":"in_progress","model":"gpt-x","output":[],"usage":null},"sequence_number":0}

event: response.in_progress
data: {"type":"response.in_progress","response":{"id":"resp_2","object":"response","created_at":5,"status":"in_progress","model":"gpt-x","output":[],"usage":null},"sequence_number":1}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","content":[],"role":"assistant"},"sequence_number":2}

event: response.content_part.added
data: {"type":"response.content_part.added","item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"text":""},"sequence_number":3}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hel","sequence_number":4,"obfuscation":"xyz"}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"lo \u2614","sequence_number":5,"obfuscation":"a"}

event: response.output_text.done
data: {"type":"response.output_text.done","item_id":"msg_1","output_index":0,"content_index":0,"text":"Hello \u2614","sequence_number":6}

event: response.content_part.done
data: {"type":"response.content_part.done","item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],"text":"Hello \u2614"},"sequence_number":7}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":0,"item":{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","annotations":[],"text":"Hello \u2614"}],"role":"assistant"},"sequence_number":8}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":1,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"call_1","name":"get"},"sequence_number":9}

event: response.function_call_arguments.delta
data: {"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":1,"delta":"{}","sequence_number":10}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":1,"item":{"id":"fc_1","type":"function_call","status":"completed","arguments":"{}","call_id":"call_1","name":"get"},"sequence_number":11}

)";

inline const std::string kOutput =
    R"([{"id":"msg_1","type":"message","status":"completed",)"
    R"("content":[{"type":"output_text","annotations":[],)"
    R"("text":"Hello \u2614"}],"role":"assistant"},)"
    R"({"id":"fc_1","type":"function_call","status":"completed",)"
    R"("arguments":"{}","call_id":"call_1","name":"get"}])";

inline std::string document(const std::string& output,
                            const std::string& status = "completed") {
    return R"({"id":"resp_2","object":"response","created_at":5,"status":")" +
           status + R"(","model":"gpt-x-2026",)" +
           (output.empty() ? "" : "\"output\":" + output + ",") +
           R"("usage":{"input_tokens":9,"output_tokens":4,)"
           R"("total_tokens":13}})";
}

inline std::string end(const std::string& document,
                       const std::string& type = "response.completed") {
    return "event: " + type + "\ndata: {\"type\":\"" + type +
           "\",\"response\":" + document + ",\"sequence_number\":12}\n\n";
}

inline std::string text_delta(const std::string& text) {
    return "event: response.output_text.delta\ndata: {\"type\":"
           "\"response.output_text.delta\",\"output_index\":0,"
           "\"content_index\":0,\"delta\":\"" + text + "\"}\n\n";
}

}  // namespace llm::api::responses_cases
