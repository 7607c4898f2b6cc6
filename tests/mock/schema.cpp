// The smallest JSON value that a schema allows: for structured output and for
// the arguments of tool calls.
#include <algorithm>

#include "tests/mock/ask.hpp"
#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

constexpr int kMaxNesting = 24;

class Maker {
public:
    explicit Maker(Value root) : root_(root) {}

    void make(Value schema, int depth);
    std::string out;

private:
    Value resolve(Value schema) const;
    void object(Value schema, int depth);
    void array(Value schema, int depth);
    void string(Value schema);
    std::string_view type_of(Value schema) const;

    Value root_;
};

// Follows "#/$defs/Name" and the like, a few steps at most.
Value Maker::resolve(Value schema) const {
    for (int step = 0; step < 8; ++step) {
        Value ref = schema.get("$ref");
        for (std::string_view word : {"anyOf", "oneOf", "allOf"}) {
            Value first = schema.get(word).first();
            ref = ref.present() ? ref : first;
        }
        if (!ref.present()) {
            return schema;
        }
        if (!ref.is(Kind::kString)) {
            schema = ref;
            continue;
        }
        std::string path = ref.text();
        Value at = root_;
        std::size_t from = path.find('/');
        while (from != std::string::npos) {
            std::size_t to = path.find('/', from + 1);
            at = at.get(std::string_view(path).substr(
                from + 1, to == std::string::npos ? to : to - from - 1));
            from = to;
        }
        schema = at;
    }
    return schema;
}

std::string_view Maker::type_of(Value schema) const {
    Value type = schema.get("type");
    type = type.is(Kind::kArray) ? type.first() : type;
    std::string_view raw = type.raw();
    if (type.is(Kind::kString)) {
        return raw.substr(1, raw.size() - 2);
    }
    return schema.get("properties").present() ? "object"
           : schema.get("items").present()    ? "array"
                                              : "string";
}

void Maker::object(Value schema, int depth) {
    out += '{';
    bool comma = false;
    for (Value name = schema.get("required").first(); name.present();
         name = name.next()) {
        out += comma ? "," : "";
        comma = true;
        std::string key = name.text();
        append_quoted(out, key);
        out += ':';
        make(schema.get("properties").get(key), depth + 1);
    }
    out += '}';
}

void Maker::array(Value schema, int depth) {
    std::uint64_t least =
        std::min<std::uint64_t>(schema.get("minItems").count(0), 64);
    out += '[';
    for (std::uint64_t i = 0; i < least; ++i) {
        out += i > 0 ? "," : "";
        make(schema.get("items"), depth + 1);
    }
    out += ']';
}

void Maker::string(Value schema) {
    std::string text = "text";
    Value format = schema.get("format");
    if (format.equals("date-time")) {
        text = "2024-01-02T03:04:05Z";
    } else if (format.equals("date")) {
        text = "2024-01-02";
    } else if (format.equals("email")) {
        text = "a@example.com";
    } else if (format.equals("uri")) {
        text = "https://example.com/";
    } else if (format.equals("uuid")) {
        text = "00000000-0000-4000-8000-000000000000";
    }
    std::uint64_t least =
        std::min<std::uint64_t>(schema.get("minLength").count(0), 4096);
    if (text.size() < least) {
        text.resize(least, 'x');
    }
    text.resize(std::min<std::uint64_t>(
        text.size(), schema.get("maxLength").count(text.size())));
    append_quoted(out, text);
}

void Maker::make(Value schema, int depth) {
    schema = resolve(schema);
    Value fixed = schema.get("const");
    fixed = fixed.present() ? fixed : schema.get("enum").first();
    std::string_view type = type_of(schema);
    Value least = schema.get("minimum");
    if (fixed.present()) {
        out += fixed.raw();
    } else if (depth > kMaxNesting || type == "null"
               || out.size() > (1U << 20)) {
        out += "null";
    } else if (type == "object") {
        object(schema, depth);
    } else if (type == "array") {
        array(schema, depth);
    } else if (type == "integer" || type == "number") {
        out += least.is(Kind::kNumber) ? least.raw() : std::string_view("1");
    } else if (type == "boolean") {
        out += "true";
    } else {
        string(schema);
    }
}

}  // namespace

std::string instance_of(Value schema) {
    if (!schema.is(Kind::kObject)) {
        return "{}";
    }
    Maker maker(schema);
    maker.make(schema, 0);
    return std::move(maker.out);
}

}  // namespace llm::mock
