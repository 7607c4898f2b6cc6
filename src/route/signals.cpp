#include "src/route/signals.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace llm::route {
namespace {

struct Known {
    Bytes name;
    int weight;
};

constexpr std::array<Known, kSignals> kKnown = {{
    {"length", 100},
    {"reasoning", 300},
    {"code", 200},
    {"domain", 200},
    {"ambiguity", 200},
    {"depth", 250},
    {"task", 200},
    {"turns", 100},
    {"tools", 100},
    {"structured", 50},
    {"images", 100},
    {"context", 150},
}};

constexpr uint64_t kFullWords = 100;
constexpr int kListItem = 150;
constexpr int kMaxList = 600;
constexpr int kQuestion = 150;
constexpr int kMaxQuestions = 450;
constexpr int kClause = 80;
constexpr int kMaxClauses = 400;
constexpr int kFence = 600;
constexpr int kCodeMark = 60;
constexpr uint32_t kFreeMarks = 2;
constexpr uint32_t kFreeMessages = 2;
constexpr int kMessage = 100;
constexpr int kSomeTools = 500;
constexpr uint64_t kManyToolsBytes = 8 << 10;
constexpr uint64_t kFreeContext = 2 << 10;
constexpr int kContextDoublings = 6;  // of kFreeContext to be full

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

bool is_word(char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
}

// "- ", "* ", "• ", "1. ", "12) ", "a) ", as a line may begin.
bool is_list_item(Bytes line) {
    size_t i = line.find_first_not_of(" \t");
    if (i == Bytes::npos) {
        return false;
    }
    line.remove_prefix(i);
    size_t digits = 0;
    while (digits < 3 && digits < line.size() && is_digit(line[digits])) {
        digits++;
    }
    if (digits == 0 && line.size() > 1 && is_lower(line[0])
        && line[1] == ')') {
        return true;
    }
    if (digits > 0) {
        return line.size() > digits + 1
               && (line[digits] == '.' || line[digits] == ')')
               && line[digits + 1] == ' ';
    }
    return line.substr(0, 2) == "- " || line.substr(0, 2) == "* "
           || line.substr(0, 4) == "\xe2\x80\xa2 ";
}

// Two characters that hardly stand side by side outside of code.
bool is_code_pair(char a, char b) {
    switch (a) {
    case '=': return b == '=' || b == '>';
    case '!': return b == '=';
    case '-': return b == '>';
    case ':': return b == ':';
    case '&': return b == '&';
    case '|': return b == '|';
    case '(': return b == ')';
    case '<': return b == '/';
    default: return false;
    }
}

// What a byte may have to do with the form of a text. Most have nothing.
enum class Kind : uint8_t { kNothing, kLower, kSign };

constexpr std::array<Kind, 256> kinds() {
    std::array<Kind, 256> out{};
    for (char c = 'a'; c <= 'z'; c++) {
        out[static_cast<unsigned char>(c)] = Kind::kLower;
    }
    for (char c : Bytes("\n?_`,;:.!=-&|(<{}")) {
        out[static_cast<unsigned char>(c)] = Kind::kSign;
    }
    return out;
}

constexpr std::array<Kind, 256> kKinds = kinds();

bool parts_clauses(char c) {
    return c == ',' || c == ';' || c == ':' || c == '.' || c == '!'
           || c == '?';
}

bool ends_statement(char c) {
    return c == ';' || c == '{' || c == '}';
}

int clamp_value(int64_t value) {
    return static_cast<int>(std::clamp<int64_t>(value, 0, kFull));
}

int& value_of(SignalValues& values, Signal signal) {
    return values[static_cast<size_t>(signal)];
}

void raise(SignalValues& values, Signal signal, int64_t by) {
    int& value = value_of(values, signal);
    value = clamp_value(value + by);
}

int context_value(uint64_t bytes) {
    if (bytes <= kFreeContext) {
        return 0;
    }
    // Doublings in eighths, so that the steps are not too coarse.
    uint64_t ratio = bytes / kFreeContext;
    int whole = static_cast<int>(std::bit_width(ratio)) - 1;
    uint64_t floor = kFreeContext << whole;
    auto part = static_cast<int>((bytes - floor) * 8 / floor);
    return clamp_value(int64_t{whole * 8 + part} * kFull
                       / (kContextDoublings * 8));
}

}  // namespace

Bytes name_of(Signal signal) {
    return kKnown[static_cast<size_t>(signal)].name;
}

std::optional<Signal> signal_of(Bytes name) {
    for (size_t i = 0; i < kSignals; i++) {
        if (kKnown[i].name == name) {
            return static_cast<Signal>(i);
        }
    }
    return std::nullopt;
}

int default_weight(Signal signal) {
    return kKnown[static_cast<size_t>(signal)].weight;
}

void TextShape::add(Bytes text) {
    add_line_start(text, 0);
    for (size_t i = 0; i < text.size(); i++) {
        switch (kKinds[static_cast<unsigned char>(text[i])]) {
        case Kind::kNothing:
            break;
        case Kind::kLower:
            code_marks += i + 1 < text.size() && is_upper(text[i + 1]);
            break;
        case Kind::kSign:
            i += add_sign(text, i);
            break;
        }
    }
}

void TextShape::add_line_start(Bytes text, size_t at) {
    list_items += is_list_item(text.substr(at, 16)) ? 1 : 0;
}

size_t TextShape::add_sign(Bytes text, size_t at) {
    char c = text[at];
    char next = at + 1 < text.size() ? text[at + 1] : '\n';
    clauses += parts_clauses(c) && next == ' ' ? 1 : 0;
    if (c == '\n') {
        add_line_start(text, at + 1);
    } else if (c == '?') {
        questions += next == '?' ? 0 : 1;
    } else if (c == '_') {
        code_marks += at > 0 && is_word(text[at - 1]) && is_word(next);
    } else if (c == '`' && text.substr(at, 3) == "```") {
        fences++;
        return 2;
    } else if (is_code_pair(c, next)
               || (ends_statement(c) && (next == '\n' || next == '\r'))) {
        code_marks++;
    }
    return 0;
}

void add_shape(const TextShape& shape, uint64_t words,
               SignalValues& values) {
    raise(values, Signal::kLength,
          static_cast<int64_t>(std::min(words, kFullWords) * kFull
                               / kFullWords));
    int64_t items = shape.list_items > 1 ? shape.list_items - 1 : 0;
    int64_t questions = shape.questions > 1 ? shape.questions - 1 : 0;
    int64_t clauses = shape.clauses > 1 ? shape.clauses - 1 : 0;
    raise(values, Signal::kReasoning,
          std::min<int64_t>(items * kListItem, kMaxList)
              + std::min<int64_t>(questions * kQuestion, kMaxQuestions)
              + std::min<int64_t>(clauses * kClause, kMaxClauses));
    int64_t marks =
        shape.code_marks > kFreeMarks ? shape.code_marks - kFreeMarks : 0;
    raise(values, Signal::kCode,
          (shape.fences > 0 ? kFence : 0) + marks * kCodeMark);
}

void add_task(Task task, SignalValues& values) {
    int value = value_of(values, Signal::kReasoning);
    switch (task) {
    case Task::kTranslation:
    case Task::kClassification: value = 500; break;
    case Task::kExtraction:
    case Task::kSummarization: value = kFull; break;
    case Task::kCode: value = 500; break;
    case Task::kReasoning:
    case Task::kQa:
    case Task::kChat: break;
    }
    raise(values, Signal::kTask, value);
}

void add_circumstances(const Circumstances& around, SignalValues& values) {
    int64_t turns = around.messages > kFreeMessages
                        ? around.messages - kFreeMessages
                        : 0;
    raise(values, Signal::kTurns, turns * kMessage);
    if (around.tools) {
        raise(values, Signal::kTools,
              around.tools_bytes > kManyToolsBytes ? kFull : kSomeTools);
    }
    if (around.structured) {
        raise(values, Signal::kStructured, kFull);
    }
    if (around.media) {
        raise(values, Signal::kImages, kFull);
    }
    raise(values, Signal::kContext, context_value(around.context_bytes));
}

}  // namespace llm::route
