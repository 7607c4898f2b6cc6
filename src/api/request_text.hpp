// RequestText: walks what a request gives to the model and counts it; finds
// the last thing that the user said. Fills the text fields of a Request.
//
// Knows the shapes of content in every protocol by what they have in common:
// a string, or parts with a type. What it does not know it counts as written.
// Never deeper than a part within a part, so no stack to run out of.
#pragma once

#include "src/api/request.hpp"

namespace llm::api {

class RequestText {
public:
    RequestText(const json::Document& doc, Request& request)
        : doc_(doc), request_(request) {}

    // An array of messages or of input items.
    void add_messages(json::NodeId messages);
    // A prompt or an input: a string, strings, token numbers, lists of them.
    void add_prompt(json::NodeId prompt);
    // A string or parts: system, instructions, content, output.
    void add_content(json::NodeId content);

private:
    void add_message(json::NodeId message);
    void add_part(json::NodeId part);
    void add_inner_part(json::NodeId part);
    void add_value(json::NodeId value);
    void add(TextSize size);
    bool is_media(json::NodeId part) const;
    bool is_user(json::NodeId message) const;
    void find_user_text(json::NodeId message);

    const json::Document& doc_;
    Request& request_;
};

}  // namespace llm::api
