// Decides what a request gets: control pages under /mock/, the protocols'
// endpoints, errors. Owns the log, the default knobs and the counters of
// times=N.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "tests/mock/http.hpp"
#include "tests/mock/json.hpp"
#include "tests/mock/knobs.hpp"
#include "tests/mock/log.hpp"
#include "tests/mock/producer.hpp"

namespace llm::mock {

struct Exchange {
    std::unique_ptr<Producer> producer;
    std::uint64_t log_id = 0;
    bool logged = false;  // control requests are not
};

class Router {
public:
    static constexpr std::size_t kMaxCounters = 1024;

    explicit Router(Knobs defaults)
        : command_line_(std::move(defaults)), defaults_(command_line_) {}

    RequestLog& log() { return log_; }
    Exchange answer(const HttpRequest& request, std::uint64_t connection);
    // For bytes that are not HTTP.
    Exchange refuse(int status, const char* reason);

private:
    bool control(const HttpRequest& request, std::string_view path,
                 Reply& reply);
    std::string read_knobs(const HttpRequest& request, std::string& path,
                           Knobs& knobs);
    Reply make(const HttpRequest& request, Ask& ask, const std::string& wrong);

    Knobs command_line_;
    Knobs defaults_;
    RequestLog log_;
    Json json_;
    std::unordered_map<std::string, std::uint64_t> times_;
};

}  // namespace llm::mock
