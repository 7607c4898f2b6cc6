// A request's body with what is read of it, for tests of edits.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "src/api/request.hpp"
#include "src/json/document.hpp"
#include "src/route/edits.hpp"

namespace llm::route {

struct Body {
    Body(api::Endpoint endpoint, Bytes given) : text(given) {
        EXPECT_TRUE(doc.parse(text).ok()) << text;
        auto read = api::parse_request(endpoint, doc);
        if (read.ok()) {
            request = std::move(read).value();
        }
        request.endpoint = endpoint;
        request.family = api::family_of(endpoint);
    }
    Body(const Body&) = delete;

    // What goes upstream; still JSON.
    std::string after() const {
        std::string out = edits.apply(text);
        EXPECT_TRUE(json::Document().parse(out).ok()) << out;
        return out;
    }

    std::string text;
    json::Document doc;
    api::Request request;
    Edits edits;
};

}  // namespace llm::route
