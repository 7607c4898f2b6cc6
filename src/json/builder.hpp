// Builder: the second stage of Document::parse. Walks the structural places
// that the first stage found and fills the document's nodes; an object's
// members are sorted, and checked for doubles, when it closes.
//
// Lives on the stack of one parse(). On an error `problem` says what and
// `at` where; the document is then to be emptied.
#pragma once

#include <cstring>

#include "src/json/document.hpp"

namespace llm::json {

class Builder {
public:
    Builder(Document& doc, const uint32_t* places, size_t count,
            bool sorted)
        : doc_(doc), nodes_(doc.nodes_.get()), text_(doc.text_.data()),
          size_(doc.text_.size()), places_(places), count_(count),
          sorted_(sorted) {}

    bool run();

    Errc code = Errc::kInvalid;
    const char* problem = nullptr;
    size_t at = 0;

private:
    struct Member {
        uint64_t prefix;  // first eight bytes of the key, big-endian
        NodeId node;
    };

    bool fail(const char* what, size_t where);
    bool fail_full();
    bool read_key();
    bool read_value();
    bool read_string(uint32_t begin, uint32_t& end, uint8_t& flags);
    bool read_spaced_string(uint32_t begin, size_t stop, uint32_t& end,
                            uint8_t& flags);
    bool read_escapes(uint32_t begin, uint32_t end, uint8_t& flags);
    bool read_scalar(Node& node);
    bool end_value();
    bool open(Node& node, char closing);
    bool close();
    const char* backslash_from(const char* p);
    bool sort_members(Node& object);
    bool sort_many(Node& object);
    bool fail_double(NodeId member);
    int compare(const Member& a, const Member& b) const;
    Member member(NodeId id) const;

    Document& doc_;
    Node* nodes_;
    const char* text_;
    size_t size_;
    const uint32_t* places_;
    size_t count_;
    bool sorted_;
    size_t next_ = 0;  // index of the structural place to read
    // The first backslash that is still ahead, or the text's end: most texts
    // have none, and are then searched for one once and not string by string.
    const char* slash_ = nullptr;

    uint32_t key_begin_ = 0;
    uint32_t key_size_ = 0;
    uint8_t key_flags_ = 0;

    Node* top_ = nullptr;  // the container that is being read
    size_t depth_ = 0;
    NodeId open_[Document::kMaxDepth];
};

}  // namespace llm::json
