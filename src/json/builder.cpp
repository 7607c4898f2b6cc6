#include "src/json/builder.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "src/json/key_sort.hpp"
#include "src/json/text.hpp"

namespace llm::json {
namespace {

// Members sorted by insertion up to here, by sort_keys() beyond.
constexpr size_t kFew = 24;

bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool ends_scalar(char c) {
    return c == ',' || c == ']' || c == '}' || is_space(c);
}

// The end of `word`, nullptr when something else stands at `p`.
const char* end_of_word(const char* p, Bytes word, const char* end) {
    return Bytes(p, static_cast<size_t>(end - p)).starts_with(word)
               ? p + word.size()
               : nullptr;
}

// Of a key that stands elsewhere, or at the text's end.
uint64_t slow_prefix(Bytes key) {
    uint64_t prefix = 0;
    for (size_t i = 0; i < std::min<size_t>(8, key.size()); i++) {
        prefix |= uint64_t{static_cast<unsigned char>(key[i])}
                  << (56 - 8 * i);
    }
    return prefix;
}

}  // namespace

bool Builder::fail(const char* what, size_t where) {
    problem = what;
    at = where;
    return false;
}

// What is JSON has room, unless it is too large.
bool Builder::fail_full() {
    if (doc_.capacity_ < Document::kMaxNodes) {
        return fail("the text ends early", size_);
    }
    code = Errc::kTooLarge;
    return fail("too many values", places_[next_]);
}

// Up to the comma before the next value, or the end of all.
[[gnu::always_inline]] inline bool Builder::end_value() {
    while (depth_ > 0) {
        if (next_ == count_) {
            return fail("the text ends early", size_);
        }
        if (text_[places_[next_]] == ',') {
            next_++;
            return true;
        }
        if (!close()) {
            return false;
        }
    }
    return true;
}

[[gnu::always_inline]] inline bool Builder::read_key() {
    if (next_ + 1 >= count_) {
        return fail("the text ends early", size_);
    }
    uint32_t begin = places_[next_];
    if (text_[begin] != '"') {
        return fail("a member's name expected", begin);
    }
    uint32_t end;
    uint8_t flags = 0;
    if (!read_string(begin, end, flags)) {
        return false;
    }
    next_++;
    if (text_[places_[next_]] != ':') {
        return fail("a colon expected", places_[next_]);
    }
    next_++;
    key_begin_ = begin + 1;
    key_size_ = end - begin - 2;
    key_flags_ = 0;
    if ((flags & kEscaped) != 0) {
        Bytes content(text_ + key_begin_, key_size_);
        key_begin_ = static_cast<uint32_t>(doc_.keys_.size());
        append_unescaped(doc_.keys_, content);
        key_size_ = static_cast<uint32_t>(doc_.keys_.size()) - key_begin_;
        key_flags_ = kKeyUnescaped;
    }
    return true;
}

[[gnu::always_inline]] inline bool Builder::read_value() {
    if (next_ == count_) {
        return fail("the text ends early", size_);
    }
    if (doc_.count_ == doc_.capacity_) {
        return fail_full();
    }
    if (top_ != nullptr) {
        top_->count++;
    }
    Node& node = nodes_[doc_.count_++];
    node = {places_[next_], 0, key_begin_, key_size_, doc_.count_, 0,
            kNoNode, kNoNode, Type::kNull, key_flags_};
    key_begin_ = 0;
    key_size_ = 0;
    key_flags_ = 0;
    switch (text_[node.begin]) {
    case '"':
        node.type = Type::kString;
        if (!read_string(node.begin, node.end, node.flags)) {
            return false;
        }
        next_++;
        return true;
    case '{':
        node.type = Type::kObject;
        return open(node, '}');
    case '[':
        node.type = Type::kArray;
        return open(node, ']');
    default:
        return read_scalar(node);
    }
}

const char* Builder::backslash_from(const char* p) {
    if (slash_ < p) {
        const char* end = text_ + size_;
        const void* found =
            std::memchr(p, '\\', static_cast<size_t>(end - p));
        slash_ = found != nullptr ? static_cast<const char*>(found) : end;
    }
    return slash_;
}

// The closing quote is the last thing before the next structural place that
// is not white space: the first stage marks everything else.
[[gnu::always_inline]] inline bool
Builder::read_string(uint32_t begin, uint32_t& end, uint8_t& flags) {
    size_t stop = next_ + 1 < count_ ? places_[next_ + 1] : size_;
    if (stop < begin + 2 || text_[stop - 1] != '"') {
        return read_spaced_string(begin, stop, end, flags);
    }
    end = static_cast<uint32_t>(stop);
    return backslash_from(text_ + begin + 1) >= text_ + stop
           || read_escapes(begin, end, flags);
}

bool Builder::read_spaced_string(uint32_t begin, size_t stop, uint32_t& end,
                                 uint8_t& flags) {
    while (stop > begin + 1 && is_space(text_[stop - 1])) {
        stop--;
    }
    if (stop < begin + 2 || text_[stop - 1] != '"') {
        return fail("a string without its end", begin);
    }
    end = static_cast<uint32_t>(stop);
    return read_escapes(begin, end, flags);
}

bool Builder::read_escapes(uint32_t begin, uint32_t end, uint8_t& flags) {
    const char* first = backslash_from(text_ + begin + 1);
    const char* quote = text_ + end - 1;
    if (first >= quote) {
        return true;
    }
    switch (classify_escapes(first, quote, text_ + size_)) {
    case Escapes::kNone:
        return true;
    case Escapes::kCanonical:
        flags |= kEscaped;
        return true;
    case Escapes::kOther:
        flags |= kEscaped | kRewritten;
        return true;
    default:
        return fail("a wrong escape in the string", begin);
    }
}

[[gnu::always_inline]] inline bool Builder::read_scalar(Node& node) {
    const char* begin = text_ + node.begin;
    const char* limit = text_ + size_;
    const char* end = nullptr;
    switch (*begin) {
    case 't':
        node.type = Type::kTrue;
        end = end_of_word(begin, "true", limit);
        break;
    case 'f':
        node.type = Type::kFalse;
        end = end_of_word(begin, "false", limit);
        break;
    case 'n':
        node.type = Type::kNull;
        end = end_of_word(begin, "null", limit);
        break;
    default:
        node.type = Type::kNumber;
        end = end_of_number(begin, limit);
    }
    if (end == nullptr || (end != limit && !ends_scalar(*end))) {
        return fail("a value expected", node.begin);
    }
    node.end = static_cast<uint32_t>(end - text_);
    next_++;
    return true;
}

bool Builder::open(Node& node, char closing) {
    if (depth_ == Document::kMaxDepth) {
        code = Errc::kTooLarge;
        return fail("nested too deeply", node.begin);
    }
    open_[depth_++] = doc_.count_ - 1;
    top_ = &node;
    next_++;
    // An empty one is closed here, so that a comma is always followed by a
    // value.
    if (next_ < count_ && text_[places_[next_]] == closing) {
        return close();
    }
    return true;
}

[[gnu::always_inline]] inline bool Builder::close() {
    Node& node = *top_;
    char closing = node.type == Type::kObject ? '}' : ']';
    uint32_t place = places_[next_];
    if (text_[place] != closing) {
        return fail("a comma or the end expected", place);
    }
    next_++;
    depth_--;
    top_ = depth_ > 0 ? &nodes_[open_[depth_ - 1]] : nullptr;
    node.end = place + 1;
    node.next = doc_.count_;
    if (sorted_ && node.type == Type::kObject && node.count > 0) {
        return sort_members(node);
    }
    return true;
}

[[gnu::always_inline]] inline Builder::Member
Builder::member(NodeId id) const {
    const Node& node = nodes_[id];
    if ((node.flags & kKeyUnescaped) != 0 || node.key_begin + 8 > size_) {
        return {slow_prefix(doc_.key(id)), id};
    }
    uint64_t prefix;
    std::memcpy(&prefix, text_ + node.key_begin, 8);
    if constexpr (std::endian::native == std::endian::little) {
        prefix = __builtin_bswap64(prefix);
    }
    if (node.key_size < 8) {
        prefix &= ~(~uint64_t{0} >> 8 * node.key_size);
    }
    return {prefix, id};
}

[[gnu::always_inline]] inline int
Builder::compare(const Member& a, const Member& b) const {
    if (a.prefix != b.prefix) {
        return a.prefix < b.prefix ? -1 : 1;
    }
    return doc_.key(a.node).compare(doc_.key(b.node));
}

bool Builder::sort_members(Node& object) {
    NodeId child = static_cast<NodeId>(&object - nodes_) + 1;
    if (object.count == 1) {
        object.first_sorted = child;
        return true;
    }
    if (object.count > kFew) {
        return sort_many(object);
    }
    Member few[kFew];
    few[0] = member(child);
    size_t count = 1;
    for (child = nodes_[child].next; child != object.next;
         child = nodes_[child].next) {
        Member added = member(child);
        size_t place = count++;
        for (; place > 0; place--) {
            int order = compare(added, few[place - 1]);
            if (order == 0) {
                return fail_double(child);
            }
            if (order > 0) {
                break;
            }
            few[place] = few[place - 1];
        }
        few[place] = added;
    }
    object.first_sorted = few[0].node;
    for (size_t i = 1; i < count; i++) {
        nodes_[few[i - 1].node].next_sorted = few[i].node;
    }
    return true;
}

bool Builder::sort_many(Node& object) {
    std::vector<SortKey> keys;
    keys.reserve(object.count);
    NodeId child = static_cast<NodeId>(&object - nodes_) + 1;
    for (; child != object.next; child = nodes_[child].next) {
        keys.push_back({doc_.key(child), child});
    }
    sort_keys(keys);
    object.first_sorted = keys[0].node;
    for (size_t i = 1; i < keys.size(); i++) {
        if (keys[i - 1].text == keys[i].text) {
            return fail_double(keys[i].node);
        }
        nodes_[keys[i - 1].node].next_sorted = keys[i].node;
    }
    return true;
}

bool Builder::fail_double(NodeId member) {
    return fail("a member's name stands there twice", nodes_[member].begin);
}

// What it calls for each key and value is inlined by order: a call would cost
// more than what they do.
bool Builder::run() {
    while (true) {
        bool in_object = top_ != nullptr && top_->type == Type::kObject;
        if (in_object && !read_key()) {
            return false;
        }
        size_t depth = depth_;
        if (!read_value()) {
            return false;
        }
        if (depth_ > depth) {
            continue;
        }
        if (!end_value()) {
            return false;
        }
        if (depth_ == 0) {
            return next_ == count_
                   || fail("text after the value", places_[next_]);
        }
    }
}

}  // namespace llm::json
