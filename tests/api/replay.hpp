// For tests of readers and writers: streams in, values compared.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "src/api/reader.hpp"
#include "src/json/document.hpp"
#include "src/sse/parser.hpp"

namespace llm::api::replay {

// One spelling of equal values: members sorted, no white space, strings
// unescaped and escaped again, numbers as written.
inline void append_value(const json::Document& doc, json::NodeId id,
                         std::string& out) {
    std::string scratch;
    switch (doc.type(id)) {
        case json::Type::kObject: {
            std::map<std::string, std::string> members;
            for (const json::NodeId child : doc.children(id)) {
                append_value(doc, child, members[std::string(doc.key(child))]);
            }
            out += '{';
            for (const auto& [key, value] : members) {
                out += out.back() == '{' ? "" : ",";
                append_json_string(out, key);
                out += ':' + value;
            }
            out += '}';
            return;
        }
        case json::Type::kArray:
            out += '[';
            for (const json::NodeId child : doc.children(id)) {
                out += out.back() == '[' ? "" : ",";
                append_value(doc, child, out);
            }
            out += ']';
            return;
        case json::Type::kString:
            append_json_string(out, doc.string(id, scratch));
            return;
        default:
            out += doc.raw(id);
    }
}

inline std::string value_of(Bytes text) {
    json::Document doc;
    if (!doc.parse(text)) {
        return "not JSON: " + std::string(text);
    }
    std::string out;
    append_value(doc, json::kRoot, out);
    return out;
}

inline std::string member(Bytes text, Bytes key) {
    json::Document doc;
    if (!doc.parse(text)) {
        return "not JSON: " + std::string(text);
    }
    const json::NodeId id = doc.find(json::kRoot, key);
    if (id == json::kNoNode) {
        return "";
    }
    std::string out;
    append_value(doc, id, out);
    return out;
}

struct Sent {
    std::string type;
    std::string data;
};

// The events of a stream; comments are left out.
inline std::vector<Sent> events_of(Bytes stream) {
    std::vector<Sent> events;
    sse::Parser parser(size_t{1} << 26);
    const auto take = [&](const sse::Event& event) {
        if (event.has_data) {
            events.push_back(
                {std::string(event.type), std::string(event.data)});
        }
    };
    EXPECT_TRUE(parser.feed(stream, take));
    EXPECT_TRUE(parser.finish(take));
    return events;
}

struct Followed {
    std::unique_ptr<StreamReader> reader;
    std::vector<EventInfo> infos;
    Answer& answer() { return reader->answer(); }
    int count(bool EventInfo::*flag) const {
        int n = 0;
        for (const EventInfo& info : infos) {
            n += info.*flag ? 1 : 0;
        }
        return n;
    }
};

// Feeds a stream in two parts, cut at `split`.
inline Followed follow(Endpoint endpoint, Bytes stream,
                       size_t split = std::string::npos,
                       size_t max_bytes = size_t{1} << 26) {
    Followed followed;
    followed.reader = make_stream_reader(endpoint, max_bytes);
    sse::Parser parser(size_t{1} << 26);
    const auto take = [&](const sse::Event& event) {
        followed.infos.push_back(followed.reader->on_event(event));
    };
    split = std::min(split, stream.size());
    EXPECT_TRUE(parser.feed(stream.substr(0, split), take));
    EXPECT_TRUE(parser.feed(stream.substr(split), take));
    EXPECT_TRUE(parser.finish(take));
    return followed;
}

inline std::string json_of(const Answer& answer) {
    std::string out;
    write_json(answer, out);
    return out;
}

inline std::string sse_of(const Answer& answer) {
    std::string out;
    write_sse(answer, {}, out);
    return out;
}

// What every stream of ours must be: `event:` and `data:` lines, one of each
// an event, its data an object that repeats the type, a blank line at the end.
inline void expect_well_formed(const std::string& stream) {
    ASSERT_GE(stream.size(), 2u);
    EXPECT_EQ(stream.substr(stream.size() - 2), "\n\n");
    std::istringstream lines(stream);
    std::string event, data, blank;
    while (std::getline(lines, event) && std::getline(lines, data)) {
        ASSERT_EQ(event.substr(0, 7), "event: ") << event;
        ASSERT_EQ(data.substr(0, 7), "data: {") << data;
        ASSERT_TRUE(std::getline(lines, blank));
        ASSERT_EQ(blank, "");
        EXPECT_EQ(member(data.substr(6), "type"), '"' + event.substr(7) + '"');
    }
}

inline std::string fixtures() {
    const char* folder = std::getenv("LLM_FIXTURES");
    if (folder != nullptr) {
        return folder;
    }
    const std::filesystem::path here = std::filesystem::path(__FILE__);
    return here.parent_path() / "../../../shared/fixtures";
}

// "" when the file is not there.
inline std::string fixture(const std::string& path) {
    std::ifstream file(fixtures() + "/" + path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace llm::api::replay
