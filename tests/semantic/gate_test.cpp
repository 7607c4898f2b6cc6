#include "src/semantic/gate.hpp"

#include <gtest/gtest.h>

namespace llm::semantic {
namespace {

const Lists& lists() {
    static const Result<Lists> made = Lists::built_in();
    return *made;
}

std::string words(Bytes text) {
    return std::string(gate_text(text, {}, lists()));
}

std::string body(const std::string& json, GateOptions options = {},
                 api::Endpoint endpoint = api::Endpoint::kChat) {
    json::Document doc;
    EXPECT_TRUE(doc.parse(json).ok());
    Result<api::Request> request = api::parse_request(endpoint, doc);
    EXPECT_TRUE(request.ok());
    return std::string(gate(*request, doc, options, lists()));
}

TEST(Gate, freshness) {
    for (const char* text :
         {"What is my balance?", "latest news about nginx",
          "Who won the game today?", "What's the weather in Rome?",
          "¿Cuál es mi saldo?", "Какая сегодня погода?",
          "Care sunt ultimele știri?", "Where is my order?"}) {
        EXPECT_EQ(words(text), "gate:freshness") << text;
    }
    EXPECT_EQ(words("¿Qué hora es en Lima?"), "gate:freshness");
    EXPECT_EQ(words("What is the current price of gold?"), "gate:freshness");
    for (const char* text : {"What is a balance sheet?",
                             "How do I print the current directory?",
                             "¿A qué hora es la cena?",
                             "How do I check an order?"}) {
        EXPECT_EQ(words(text), "") << text;
    }
}

TEST(Gate, action) {
    for (const char* text :
         {"Cancel my subscription", "Please cancel my order",
          "transfer 500 to Anna", "I want to cancel my card",
          "Hi! Can you delete my account?", "Could you please book a room",
          "Cancela mi pedido", "Отмените мой заказ", "Anulează comanda",
          "Quiero cancelar mi cuenta"}) {
        EXPECT_EQ(words(text), "gate:action") << text;
    }
    for (const char* text :
         {"How do I cancel my subscription?", "How can I transfer 500?",
          "show me how to delete a file", "Explain cancel culture",
          "Can I cancel after a week?", "What does transfer mean?",
          "Is it possible to book a room?", "¿Cómo cancelo mi pedido?",
          "Как отменить заказ?", "Cum anulez comanda?"}) {
        EXPECT_EQ(words(text), "") << text;
    }
}

TEST(Gate, size_and_switches) {
    EXPECT_EQ(words(""), "gate:no_text");
    EXPECT_EQ(words(" \n"), "gate:no_text");
    EXPECT_EQ(words("\u200b?! \u2026"), "gate:no_text");
    EXPECT_EQ(words(std::string(2001, 'a')), "gate:long");
    GateOptions off;
    off.freshness = off.action = false;
    EXPECT_EQ(gate_text("cancel my order today", off, lists()), "");
}

TEST(Gate, requests) {
    const std::string ask =
        R"({"role":"user","content":"What is a proxy?"})";
    EXPECT_EQ(body(R"({"model":"m","messages":[)" + ask + "]}"), "");
    EXPECT_EQ(body(R"({"model":"m","n":2,"messages":[)" + ask + "]}"),
              "gate:n");
    EXPECT_EQ(body(R"({"model":"m","messages":[{"role":"user","content":[
        {"type":"text","text":"a"},
        {"type":"image_url","image_url":{"url":"data:x"}}]}]})"),
              "gate:media");
    EXPECT_EQ(body(R"({"model":"m","tools":[{"type":"function",
        "function":{"name":"f"}}],"messages":[)" + ask + "]}"),
              "gate:tools");
    EXPECT_EQ(body(R"({"model":"m","messages":[)" + ask
                   + R"(,{"role":"assistant","content":null,"tool_calls":[
        {"id":"1","type":"function","function":{"name":"f","arguments":""}}]},
        {"role":"tool","tool_call_id":"1","content":"x"}]})"),
              "gate:tools_pending");
    GateOptions cold;
    cold.max_temperature = 0.5;
    EXPECT_EQ(body(R"({"model":"m","temperature":1,"messages":[)" + ask
                   + "]}", cold), "gate:temperature");
    EXPECT_EQ(body(R"({"model":"m","messages":[)" + ask
                   + R"(,{"role":"assistant","content":"a"}]})"),
              "gate:no_text");
    EXPECT_EQ(body(R"({"model":"m","input":"a"})", {},
                   api::Endpoint::kEmbeddings), "gate:kind");
}

}  // namespace
}  // namespace llm::semantic
