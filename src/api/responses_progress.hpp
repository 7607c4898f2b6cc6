// ResponsesProgress: which items and parts of a Responses stream are open,
// with the text that each has so far, so that the stream can be ended in its
// middle as its provider ends one at max_output_tokens: everything that was
// opened is closed, and the final response names it.
//
// Values are kept as they stand in the stream, compact, nothing is unescaped.
// Bounds: `max_bytes` of what is open and again of closed items, kMaxOpen
// items and parts. Where too much is open it is forgotten, and close() closes
// nothing; where the closed items are too large all is lost.
//
// Source: OpenAI API reference (responses, streaming events). One thread.
#pragma once

#include <string>
#include <vector>

#include "src/json/document.hpp"

namespace llm::api {

class ResponsesProgress {
public:
    static constexpr size_t kMaxOpen = 1024;

    explicit ResponsesProgress(size_t max_bytes) : max_bytes_(max_bytes) {}

    // Every event in order, the one included that is the stream's last.
    void on_event(Bytes type, const json::Document& doc);

    // The number of the next event.
    int64_t next_sequence() const { return next_; }
    // The closed items were too large.
    bool lost() const { return lost_; }
    bool has_items() const { return !done_.empty(); }
    // Items that are closed, in their order, as an array.
    std::string output() const { return array_of(done_); }
    void drop();

    // Appends the events that close what is open, counting `sequence` on.
    // Returns all items, the open ones as they were closed, as an array.
    std::string close(std::string& out, int64_t& sequence) const;

private:
    struct Text {
        std::string json;  // the inside of a JSON string
        bool closed = false;
    };
    struct Part {
        Bytes key;  // content_index or summary_index
        int64_t index;
        std::string json;
        Text text;
        bool closed = false;
    };
    struct Item {
        int64_t index;
        std::string json;
        std::vector<Part> parts;  // in the order of their opening
        Text text;                // of a call
    };
    struct Done {
        int64_t index;
        std::string json;
    };
    class Closing;

    static std::string array_of(std::vector<Done> items);
    Item* item_of(const json::Document& doc);
    static Part* part_of(Item& item, const json::Document& doc);
    Text* text_of(const json::Document& doc);
    bool keep_open(size_t bytes);
    void open_item(const json::Document& doc);
    void close_item(const json::Document& doc);
    void open_part(const json::Document& doc);
    void close_part(const json::Document& doc);

    size_t max_bytes_;
    size_t open_bytes_ = 0;
    size_t done_bytes_ = 0;
    int64_t next_ = 0;
    bool lost_ = false;
    bool blind_ = false;  // what is open was forgotten
    std::vector<Item> open_;
    std::vector<Done> done_;
};

}  // namespace llm::api
