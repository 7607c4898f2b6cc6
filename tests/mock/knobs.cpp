#include "tests/mock/knobs.hpp"

#include <charconv>

namespace llm::mock {

namespace {

struct Number {
    std::string_view name;
    std::uint64_t Knobs::*field;
};
struct Flag {
    std::string_view name;
    bool Knobs::*field;
};
struct Word {
    std::string_view name;
    std::string Knobs::*field;
};

constexpr Number kNumbers[] = {
    {"delay", &Knobs::delay},
    {"ttft", &Knobs::ttft},
    {"gap", &Knobs::gap},
    {"pause", &Knobs::pause},
    {"events", &Knobs::events},
    {"size", &Knobs::size},
    {"prompt", &Knobs::prompt},
    {"completion", &Knobs::completion},
    {"cached", &Knobs::cached},
    {"cache_write", &Knobs::cache_write},
    {"hugeline", &Knobs::hugeline},
    {"cut", &Knobs::cut},
    {"cut_bytes", &Knobs::cut_bytes},
    {"reset", &Knobs::reset},
    {"error_at", &Knobs::error_at},
    {"status", &Knobs::status},
    {"times", &Knobs::times},
    {"split", &Knobs::split},
    {"bigheader", &Knobs::bigheader},
};

constexpr Flag kFlags[] = {
    {"refusal", &Knobs::refusal},
    {"reasoning", &Knobs::reasoning},
    {"thinking", &Knobs::thinking},
    {"annotations", &Knobs::annotations},
    {"endless", &Knobs::endless},
    {"obfuscation", &Knobs::obfuscation},
    {"revise", &Knobs::revise},
    {"ping", &Knobs::ping},
    {"midcut", &Knobs::midcut},
    {"error200", &Knobs::error200},
    {"noclose", &Knobs::noclose},
    {"quota", &Knobs::quota},
    {"errsse", &Knobs::errsse},
    {"crlf", &Knobs::crlf},
    {"cr", &Knobs::cr},
    {"bom", &Knobs::bom},
    {"nospace", &Knobs::nospace},
    {"comments", &Knobs::comments},
    {"multiline", &Knobs::multiline},
    {"idlines", &Knobs::idlines},
    {"padding", &Knobs::padding},
    {"malformed", &Knobs::malformed},
    {"pretty", &Knobs::pretty},
    {"http10", &Knobs::http10},
    {"dupcl", &Knobs::dupcl},
    {"early_hints", &Knobs::early_hints},
    {"trailers", &Knobs::trailers},
    {"setcookie", &Knobs::setcookie},
    {"leak", &Knobs::leak},
    {"crheader", &Knobs::crheader},
};

constexpr Word kWords[] = {
    {"finish", &Knobs::finish},
    {"model", &Knobs::model},
    {"usage", &Knobs::usage},
    {"done", &Knobs::done},
    {"retry_after", &Knobs::retry_after},
    {"retry_after_ms", &Knobs::retry_after_ms},
    {"should_retry", &Knobs::should_retry},
    {"code", &Knobs::code},
    {"gzip", &Knobs::gzip},
    {"te", &Knobs::te},
    {"ctype", &Knobs::ctype},
    {"cc", &Knobs::cc},
    {"xaccel", &Knobs::xaccel},
};

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

bool set(Knobs& knobs, std::string_view name, std::string_view value) {
    for (const Number& known : kNumbers) {
        if (known.name == name) {
            const char* end = value.data() + value.size();
            auto read = std::from_chars(value.data(), end, knobs.*known.field);
            return !value.empty() && read.ec == std::errc()
                   && read.ptr == end;
        }
    }
    for (const Flag& known : kFlags) {
        if (known.name == name) {
            knobs.*known.field = value != "0";
            return value == "0" || value == "1";
        }
    }
    for (const Word& known : kWords) {
        if (known.name == name) {
            knobs.*known.field = std::string(value);
            return true;
        }
    }
    return false;
}

}  // namespace

std::string Knobs::apply(std::string_view text) {
    while (!text.empty()) {
        std::size_t comma = text.find(',');
        std::string_view item = trim(text.substr(0, comma));
        text = comma == std::string_view::npos ? std::string_view()
                                               : text.substr(comma + 1);
        if (item.empty()) {
            continue;
        }
        std::size_t equal = item.find('=');
        std::string_view value = equal == std::string_view::npos
                                     ? std::string_view("1")
                                     : item.substr(equal + 1);
        if (!set(*this, item.substr(0, equal), value)) {
            return std::string(item);
        }
    }
    return {};
}

}  // namespace llm::mock
