#include "tests/mock/ask.hpp"

#include <algorithm>

#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

constexpr std::size_t kMaxEcho = 512;       // bytes of the user's text repeated
constexpr std::uint64_t kMaxEvents = 200000;
constexpr std::uint64_t kMaxSize = 256U << 20;

bool ends_with(std::string_view path, std::string_view suffix) {
    return path.size() >= suffix.size()
           && path.substr(path.size() - suffix.size()) == suffix;
}

// A message's content: a string, or the text parts of an array.
std::string content_text(Value content) {
    if (content.is(Kind::kString)) {
        return content.text();
    }
    std::string out;
    for (Value part = content.first(); part.present(); part = part.next()) {
        std::string text = part.get("text").text();
        if (!text.empty()) {
            out += out.empty() ? "" : " ";
            out += text;
        }
    }
    return out;
}

bool is_tool_result(Value message) {
    return message.get("role").equals("tool")
           || message.get("type").equals("function_call_output")
           || message.get("content").first().get("type").equals(
               "tool_result");
}

void read_messages(Ask& ask, Value list) {
    for (Value message = list.first(); message.present();
         message = message.next()) {
        ask.after_tool = is_tool_result(message);
        std::string text = content_text(message.get("content"));
        if (message.get("role").equals("user") && !text.empty()) {
            ask.user_text = std::move(text);
        }
    }
}

void read_text(Ask& ask) {
    Value input = ask.root.get("input");
    Value prompt = ask.root.get("prompt");
    if (ask.api == Api::kCompletions) {
        ask.user_text = prompt.is(Kind::kArray) ? prompt.first().text()
                                                : prompt.text();
    } else if (ask.api == Api::kResponses && input.is(Kind::kString)) {
        ask.user_text = input.text();
    } else if (ask.api == Api::kResponses) {
        read_messages(ask, input);
    } else {
        read_messages(ask, ask.root.get("messages"));
    }
}

// Order of members and the two stream members do not matter: a proxy that
// asks for usage must get the answer that the client alone would have got.
std::uint64_t hash_members(Value root) {
    std::uint64_t sum = 1;
    for (Value member = root.first(); member.present();
         member = member.next()) {
        if (member.key() != "stream" && member.key() != "stream_options") {
            sum += mix(member.raw(), mix(member.key(), 7));
        }
    }
    return sum;
}

std::uint64_t prompt_size(Value root) {
    std::uint64_t size = 0;
    for (std::string_view name :
         {"messages", "input", "prompt", "system", "instructions", "tools"}) {
        size += root.get(name).raw().size();
    }
    return size;
}

}  // namespace

Api api_of(std::string_view path) {
    static constexpr struct {
        std::string_view suffix;
        Api api;
    } kPaths[] = {
        {"/chat/completions", Api::kChat},
        {"/completions", Api::kCompletions},
        {"/embeddings", Api::kEmbeddings},
        {"/responses", Api::kResponses},
        {"/messages", Api::kMessages},
        {"/messages/count_tokens", Api::kCountTokens},
        {"/models", Api::kModels},
    };
    for (const auto& known : kPaths) {
        if (ends_with(path, known.suffix)) {
            return known.api;
        }
    }
    return path.find("/models/") != std::string_view::npos ? Api::kModels
                                                           : Api::kNone;
}

std::string_view api_name(Api api) {
    static constexpr std::string_view kNames[] = {
        "none",      "chat",     "completions",  "embeddings",
        "responses", "messages", "count_tokens", "models"};
    return kNames[static_cast<std::size_t>(api)];
}

Ask make_ask(Api api, std::string_view path, Value root, const Knobs& knobs) {
    Ask ask;
    ask.api = api;
    ask.path = path;
    ask.root = root;
    ask.knobs = knobs;
    ask.knobs.events = knobs.events == kUnset
                           ? kUnset
                           : std::min(knobs.events, kMaxEvents);
    ask.knobs.size =
        knobs.size == kUnset ? kUnset : std::min(knobs.size, kMaxSize);
    ask.model = knobs.model.empty() ? root.get("model").text() : knobs.model;
    ask.stream = root.get("stream").truthy();
    read_text(ask);
    ask.hash = hash_members(root);
    ask.prompt_tokens =
        knobs.prompt == kUnset ? 3 + prompt_size(root) / 4 : knobs.prompt;
    ask.created = 1700000000 + ask.hash % 50000000;
    return ask;
}

namespace {

void grow(std::string& text, std::size_t words) {
    for (std::size_t have = count_words(text); have < words; ++have) {
        text += " word" + std::to_string(have);
    }
}

void size_to(std::string& text, std::size_t size) {
    static constexpr std::string_view kFiller = " lorem ipsum dolor sit amet";
    text.reserve(size + kFiller.size());
    while (text.size() < size) {
        text += kFiller;
    }
    text = std::string(clip(text, size));
    text.resize(size, '.');
}

// The schema that the answer must satisfy, in any protocol's place for it.
bool structured(const Ask& ask, std::string& text) {
    Value chat = ask.root.get("response_format");
    Value schema = chat.get("json_schema").get("schema");
    for (std::string_view place : {"text", "output_config"}) {
        Value format = ask.root.get(place).get("format");
        schema = schema.present() ? schema : format.get("schema");
        chat = chat.present() ? chat : format;
    }
    Value beta = ask.root.get("output_format").get("schema");
    schema = schema.present() ? schema : beta;
    if (schema.present()) {
        text = instance_of(schema);
        return true;
    }
    if (chat.get("type").equals("json_object")) {
        text = "{\"answer\":" + quoted(text) + "}";
        return true;
    }
    return false;
}

struct Tool {
    std::string name;
    Value schema;
};

Tool read_tool(Value tool) {
    Value function = tool.get("function");
    function = function.present() ? function : tool;
    Value schema = function.get("parameters");
    schema = schema.present() ? schema : function.get("input_schema");
    return {function.get("name").text(), schema};
}

// The tool to call, if the request wants one called.
bool choose_tool(const Ask& ask, Tool& chosen) {
    Value list = ask.root.get("tools");
    Value choice = ask.root.get("tool_choice");
    std::string how = choice.is(Kind::kString) ? choice.text()
                                               : choice.get("type").text();
    std::string named = choice.get("function").get("name").text();
    named = named.empty() ? choice.get("name").text() : named;
    if (!list.first().present() || how == "none") {
        return false;
    }
    bool must = how == "required" || how == "any" || !named.empty()
                || ask.knobs.finish == "tool_calls"
                || ask.knobs.finish == "tool_use";
    bool asked = false;
    for (Value tool = list.first(); tool.present(); tool = tool.next()) {
        Tool candidate = read_tool(tool);
        asked = asked
                || (!candidate.name.empty()
                    && ask.user_text.find(candidate.name)
                           != std::string::npos);
        if (candidate.name == named
            || (chosen.name.empty() && named.empty())) {
            chosen = candidate;
        }
    }
    asked = asked || ask.user_text.find("tool") != std::string::npos;
    return !chosen.name.empty() && (must || (asked && !ask.after_tool));
}

void make_calls(const Ask& ask, Content& content, std::uint64_t seed) {
    Tool tool;
    if (!choose_tool(ask, tool)) {
        return;
    }
    bool twice =
        ask.user_text.find("twice") != std::string::npos
        && !ask.root.get("parallel_tool_calls").is(Kind::kFalse)
        && !ask.root.get("tool_choice")
                .get("disable_parallel_tool_use")
                .truthy();
    for (std::uint64_t i = 0; i < (twice ? 2 : 1); ++i) {
        content.calls.push_back({letters(seed + 31 * (i + 1), 24), tool.name,
                                 instance_of(tool.schema)});
    }
    content.finish = "tool_calls";
}

void apply_stops(const Ask& ask, Content& content) {
    Value stop = ask.root.get("stop");
    stop = stop.present() ? stop : ask.root.get("stop_sequences");
    Value item = stop.is(Kind::kArray) ? stop.first() : stop;
    for (; item.present(); item = stop.is(Kind::kArray) ? item.next()
                                                        : Value()) {
        std::string word = item.text();
        std::size_t at = word.empty() ? std::string::npos
                                      : content.text.find(word);
        if (at != std::string::npos) {
            content.text.resize(at);
            content.stop_sequence = word;
        }
    }
}

void apply_cap(const Ask& ask, Content& content) {
    std::uint64_t cap = kUnset;
    for (std::string_view name :
         {"max_tokens", "max_completion_tokens", "max_output_tokens"}) {
        cap = std::min(cap, ask.root.get(name).count(kUnset));
    }
    if (cap < kMaxSize && tokens_of(content.text) > cap) {
        content.text = std::string(clip(content.text, cap * 4));
        content.finish = "length";
    }
}

}  // namespace

Content make_content(const Ask& ask, std::size_t index) {
    const Knobs& knobs = ask.knobs;
    Content content;
    content.finish = "stop";
    std::uint64_t seed = ask.hash + index * 977;
    content.text = "You said: ";
    content.text += clip(ask.user_text, kMaxEcho);
    if (index > 0) {
        content.text += " (choice " + std::to_string(index) + ")";
    }
    bool form = structured(ask, content.text);
    if (!form && knobs.size != kUnset) {
        size_to(content.text, knobs.size);
    } else if (!form && knobs.events != kUnset) {
        grow(content.text, knobs.events);
    }
    make_calls(ask, content, seed);
    if (!content.calls.empty()) {
        content.text.clear();
    }
    if (knobs.refusal) {
        content.refusal = "I cannot help with that.";
        content.text.clear();
    }
    if (knobs.reasoning || knobs.thinking
        || ask.root.get("thinking").get("type").equals("enabled")) {
        content.reasoning = "Let me think about what was said.";
        content.reasoning_tokens = tokens_of(content.reasoning);
    }
    apply_stops(ask, content);
    apply_cap(ask, content);
    if (!knobs.finish.empty()) {
        content.finish = knobs.finish;
    }
    content.pieces = pieces(content.text,
                            knobs.events == kUnset ? 0 : knobs.events);
    std::uint64_t spoken = tokens_of(content.text) + tokens_of(content.refusal);
    for (const Call& call : content.calls) {
        spoken += tokens_of(call.name) + tokens_of(call.arguments);
    }
    content.completion_tokens = knobs.completion == kUnset
                                    ? spoken + content.reasoning_tokens
                                    : knobs.completion;
    return content;
}

}  // namespace llm::mock
