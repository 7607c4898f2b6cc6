#include "src/json/canonical.hpp"

#include <algorithm>

#include "src/json/text.hpp"

namespace llm::json {
namespace {

constexpr char kPlaceholder = '\xff';

template <typename T>
bool contains(std::span<const T> all, T one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

class StringSink {
public:
    explicit StringSink(std::string& out) : out_(out) {}
    void put(char c) { out_ += c; }
    void write(Bytes bytes) { out_.append(bytes); }
    void write_part(Bytes bytes, const char*) { out_.append(bytes); }

private:
    std::string& out_;
};

// Walks the nodes with a stack of its own, as deep as a Document can be.
template <typename Sink>
class Walker {
public:
    Walker(const Document& doc, const CanonicalRules& rules, Sink& out)
        : doc_(doc), rules_(rules), out_(out),
          text_(doc.text().data()), end_(text_ + doc.text().size()) {}

    void run() {
        NodeId id = kRoot;
        do {
            begin(id);
            id = advance();
        } while (id != kNoNode);
    }

private:
    struct Open {
        NodeId cursor;  // the child to come
        NodeId end;     // the cursor's last value
        bool object;
        bool first;
    };

    void begin(NodeId id) {
        const Node& node = doc_.node(id);
        if (id == rules_.placeholder) {
            out_.put(kPlaceholder);
            return;
        }
        switch (node.type) {
        case Type::kObject:
            out_.put('{');
            open_[depth_++] = {node.first_sorted, kNoNode, true, true};
            return;
        case Type::kArray:
            out_.put('[');
            open_[depth_++] = {id + 1, node.next, false, true};
            return;
        default:
            if ((node.flags & kRewritten) != 0) {
                rewrite(doc_.raw(id));
            } else {
                write_text(node.begin, node.end - node.begin);
            }
        }
    }

    // The next value to begin, with what goes before it; kNoNode at the end.
    NodeId advance() {
        while (depth_ > 0) {
            Open& top = open_[depth_ - 1];
            if (top.cursor == top.end) {
                out_.put(top.object ? '}' : ']');
                depth_--;
                continue;
            }
            NodeId child = top.cursor;
            const Node& node = doc_.node(child);
            top.cursor = top.object ? node.next_sorted : node.next;
            if (top.object && depth_ == 1 && is_omitted(child)) {
                continue;
            }
            if (!top.first) {
                out_.put(',');
            }
            top.first = false;
            if (top.object) {
                write_key(node);
            }
            return child;
        }
        return kNoNode;
    }

    void write_text(size_t begin, size_t size) {
        out_.write_part({text_ + begin, size}, end_);
    }

    bool is_omitted(NodeId member) const {
        return contains(rules_.omit, doc_.key(member))
               || contains(rules_.omit_nodes, member);
    }

    void write_key(const Node& node) {
        if ((node.flags & kKeyUnescaped) == 0) {
            // Nothing is escaped in it, so its quotes stand round it.
            write_text(node.key_begin - 1, node.key_size + 2);
        } else {
            std::string quoted;
            append_json_string(quoted,
                               doc_.key(static_cast<NodeId>(
                                   &node - &doc_.node(kRoot))));
            out_.write(quoted);
        }
        out_.put(':');
    }

    void rewrite(Bytes quoted) {
        const char* p = quoted.data() + 1;
        const char* end = p + quoted.size() - 2;
        out_.put('"');
        while (p != end) {
            const char* escape = find_backslash(p, end, end);
            if (escape != p) {
                out_.write({p, static_cast<size_t>(escape - p)});
            }
            p = escape;
            if (p != end) {
                write_code(read_escape(p));
            }
        }
        out_.put('"');
    }

    void write_code(uint32_t code) {
        if (code >= 0x20 && code != '"' && code != '\\') {
            char utf8[4];
            size_t size = write_utf8(code, utf8);
            out_.write({utf8, size});
            return;
        }
        static constexpr char kHex[] = "0123456789abcdef";
        static constexpr char kShort[] = "btn\0fr";  // U+0008 to U+000D
        char escape[6] = {'\\', 'u', '0', '0', kHex[code >> 4 & 15],
                          kHex[code & 15]};
        size_t size = 6;
        if (code >= 0x20) {
            escape[1] = static_cast<char>(code);
            size = 2;
        } else if (code >= 8 && code <= 13 && code != 11) {
            escape[1] = kShort[code - 8];
            size = 2;
        }
        out_.write({escape, size});
    }

    const Document& doc_;
    const CanonicalRules& rules_;
    Sink& out_;
    const char* text_;
    const char* end_;
    size_t depth_ = 0;
    Open open_[Document::kMaxDepth];
};

}  // namespace

void HashSink::flush() {
    if (used_ > 0) {
        hasher_.update({buffer_, used_});
        used_ = 0;
    }
}

void HashSink::write_large(Bytes bytes) {
    flush();
    if (bytes.size() > kSize / 2) {
        hasher_.update(bytes);
        return;
    }
    bytes.copy(buffer_, bytes.size());
    used_ = bytes.size();
}

void write_canonical(const Document& doc, const CanonicalRules& rules,
                     HashSink& out) {
    Walker<HashSink>(doc, rules, out).run();
}

void append_canonical(const Document& doc, const CanonicalRules& rules,
                      std::string& out) {
    StringSink sink(out);
    Walker<StringSink>(doc, rules, sink).run();
}

}  // namespace llm::json
