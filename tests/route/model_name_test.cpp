#include "src/route/model_name.hpp"

#include "src/sse/editor.hpp"
#include "tests/route/body.hpp"

namespace llm::route {
namespace {

using api::Endpoint;

std::string sent(Endpoint endpoint, Bytes body, Bytes model) {
    Body b(endpoint, body);
    EXPECT_TRUE(set_model(b.doc, b.request, model, b.edits).ok());
    return b.after();
}

TEST(ModelName, WhatCanBeOne) {
    EXPECT_TRUE(is_model_name("gpt-4o"));
    EXPECT_TRUE(is_model_name("модель"));
    EXPECT_TRUE(is_model_name(std::string(256, 'm')));
    EXPECT_FALSE(is_model_name(std::string(257, 'm')));
    EXPECT_FALSE(is_model_name(""));
    EXPECT_FALSE(is_model_name("a\nb"));
    EXPECT_FALSE(is_model_name("a\x7f"));
    EXPECT_FALSE(is_model_name("a\xff"));
}

TEST(ModelName, IsReplacedInPlaceInEveryProtocol) {
    EXPECT_EQ(sent(Endpoint::kChat,
                   "{ \"messages\":[], \"model\" : \"a\\u0062\" , \"n\":1}",
                   "x\"y"),
              "{ \"messages\":[], \"model\" : \"x\\\"y\" , \"n\":1}");
    EXPECT_EQ(sent(Endpoint::kMessages, R"({"model":"a","messages":[]})",
                   "b"),
              R"({"model":"b","messages":[]})");
    EXPECT_EQ(sent(Endpoint::kResponses, R"({"model":"a","input":""})", "b"),
              R"({"model":"b","input":""})");
    EXPECT_EQ(sent(Endpoint::kEmbeddings, R"({"input":"","model":"a"})",
                   "b"),
              R"({"input":"","model":"b"})");
    EXPECT_EQ(sent(Endpoint::kCompletions, R"({"prompt":"","model":"a"})",
                   "b"),
              R"({"prompt":"","model":"b"})");
}

TEST(ModelName, TheSameNameChangesNoByte) {
    Body b(Endpoint::kChat, R"({"model":"g\u0070t","messages":[]})");
    EXPECT_TRUE(set_model(b.doc, b.request, "gpt", b.edits).ok());
    EXPECT_TRUE(b.edits.empty());
}

TEST(ModelName, IsInsertedWhereThereIsNone) {
    EXPECT_EQ(sent(Endpoint::kChat, R"({"messages":[]})", "m"),
              R"({"model":"m","messages":[]})");
    EXPECT_EQ(sent(Endpoint::kResponses, R"({"input":"x"})", "m"),
              R"({"model":"m","input":"x"})");
    // The stored prompt names its model.
    Bytes stored = R"({"prompt":{"id":"pmpt_1"},"input":"x"})";
    EXPECT_EQ(sent(Endpoint::kResponses, stored, "m"), stored);
    EXPECT_EQ(sent(Endpoint::kResponses,
                   R"({"prompt":{"id":"p"},"model":"a"})", "m"),
              R"({"prompt":{"id":"p"},"model":"m"})");
}

TEST(ModelName, AnotherTypeIsTheClientsFault) {
    for (Bytes body : {R"({"model":1})", R"({"model":null})",
                       R"({"model":["a"]})"}) {
        Body b(Endpoint::kChat, body);
        api::ApiError why;
        auto result = set_model(b.doc, b.request, "m", b.edits, &why);
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.error().code, Errc::kInvalid);
        EXPECT_EQ(why.status, 400);
        EXPECT_EQ(why.param, "model");
        EXPECT_TRUE(b.edits.empty());
    }
}

std::string named(Endpoint endpoint, Bytes body, Bytes name) {
    AnswerModel model(endpoint, name);
    auto splice = model.in_body(body);
    std::string out(body);
    if (splice) {
        out.replace(splice->offset, splice->remove, splice->insert);
    }
    return out;
}

TEST(AnswerModel, OfAWholeBody) {
    for (Endpoint endpoint : {Endpoint::kChat, Endpoint::kResponses,
                              Endpoint::kMessages, Endpoint::kEmbeddings,
                              Endpoint::kCompletions}) {
        EXPECT_EQ(named(endpoint,
                        "\n{ \"id\":\"1\", \"model\": \"served\" ,"
                        "\"message\":{\"model\":\"m\"}}",
                        "asked"),
                  "\n{ \"id\":\"1\", \"model\": \"asked\" ,"
                  "\"message\":{\"model\":\"m\"}}");
    }
    for (Bytes same : {"{\"model\":\"asked\"}", "{\"model\":null}", "{}",
                       "[]", "{\"model\":\"x\"", "", "<html>\"model\"",
                       "{\"a\":{\"model\":\"x\"}}", "{\"error\":\"x\"}"}) {
        EXPECT_EQ(named(Endpoint::kChat, same, "asked"), same);
    }
}

// What a client reads when the upstream sends `stream`, in chunks of `step`.
std::string follow(Endpoint endpoint, Bytes stream, Bytes name,
                   size_t step) {
    AnswerModel model(endpoint, name);
    sse::Editor editor(sse::Editor::Mode::kEdit, 1 << 20);
    std::string out;
    auto judge = [&](const sse::Event& event, sse::Edit& edit) {
        if (auto instead = model.in_event(event)) {
            edit.replace(*instead);
        }
    };
    for (size_t at = 0; at < stream.size(); at += step) {
        EXPECT_TRUE(editor.feed(stream.substr(at, step), judge).ok());
        for (Bytes piece : editor.pieces()) {
            out += piece;
        }
    }
    EXPECT_TRUE(editor.flush(judge).ok());
    for (Bytes piece : editor.pieces()) {
        out += piece;
    }
    return out;
}

std::string with(Bytes text, Bytes from, Bytes to) {
    std::string out(text);
    for (size_t at = 0; (at = out.find(from, at)) != Bytes::npos;
         at += to.size()) {
        out.replace(at, from.size(), to);
    }
    return out;
}

constexpr Bytes kChatStream =
    "data: {\"id\":\"1\",\"model\":\"SERVED\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
    ": keep\n\n"
    "data: {\"id\":\"1\",\"model\":\"SERVED\",\"choices\":[{\"index\":0,"
    "\"delta\":{\"content\":\"the \\\"model\\\"\"}}]}\r\n\r\n"
    "data:{\"choices\":[], \"model\" :\"SERVED\"}  \n\n"
    "data: {\"choices\":\ndata: [],\ndata:   \"model\":\"SERVED\"}\n\n"
    "data: {\"model\": broken\n\n"
    "data: [DONE]\n\n";

TEST(AnswerModel, OfEachChunkAndNothingElse) {
    for (size_t step : {1, 3, 7, 50, 5000}) {
        EXPECT_EQ(follow(Endpoint::kChat, kChatStream, "a\"b", step),
                  with(kChatStream, "SERVED", "a\\\"b"))
            << step;
        EXPECT_EQ(follow(Endpoint::kChat, kChatStream, "SERVED", step),
                  kChatStream);
    }
    std::string bom = "\xef\xbb\xbf" + std::string(kChatStream);
    EXPECT_EQ(follow(Endpoint::kChat, bom, "x", 5000),
              with(bom, "SERVED", "x"));
}

TEST(AnswerModel, OfResponsesAndMessages) {
    constexpr Bytes kResponses =
        "event: response.created\ndata: {\"type\":\"response.created\","
        "\"response\":{\"id\":\"r\",\"model\":\"SERVED\"}}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":"
        "\"response.output_text.delta\",\"model\":\"stays\","
        "\"delta\":\"\\\"model\\\"\"}\n\n"
        "event: response.completed\ndata: {\"response\":{\"output\":["
        "{\"model\":\"stays\"}],\"model\":\"SERVED\"}}\n\n";
    EXPECT_EQ(follow(Endpoint::kResponses, kResponses, "asked", 11),
              with(kResponses, "SERVED", "asked"));
    constexpr Bytes kMessages =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
        "{\"id\":\"m\",\"model\":\"SERVED\",\"content\":[]}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
        "\"delta\":{\"text\":\"\\\"model\\\": \\\"SERVE\\\"\"}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}";
    EXPECT_EQ(follow(Endpoint::kMessages, kMessages, "asked", 64),
              with(kMessages, "SERVED", "asked"));
}

// As clients read them: see src/api/loose_json.hpp.
TEST(AnswerModel, OfEventsThatOnlyClientsRead) {
    for (Bytes text : {R"("output":["cut \ud83d"],"model":"SERVED")",
                       R"("model":"SERVED","status":1,"status":2)"}) {
        std::string data = R"({"response":{)" + std::string(text) + "}}";
        AnswerModel model(Endpoint::kResponses, "asked");
        auto splice = model.in_data(data);
        ASSERT_TRUE(splice) << data;
        EXPECT_EQ(data.substr(splice->offset, splice->remove), "\"SERVED\"");
    }
}

// A name that only begins like the one before is another name.
TEST(AnswerModel, ModelsMayChangeInTheMiddle) {
    AnswerModel model(Endpoint::kChat, "asked");
    for (Bytes name : {"gpt", "gpt-4", "gpt", "asked", "g\\\"x", "gpt"}) {
        std::string data =
            "{\"id\":\"1\",\"model\":\"" + std::string(name) + "\",\"a\":1}";
        auto splice = model.in_data(data);
        ASSERT_EQ(splice.has_value(), name != "asked") << name;
        if (splice) {
            data.replace(splice->offset, splice->remove, splice->insert);
        }
        EXPECT_EQ(data, "{\"id\":\"1\",\"model\":\"asked\",\"a\":1}");
    }
}

}  // namespace
}  // namespace llm::route
