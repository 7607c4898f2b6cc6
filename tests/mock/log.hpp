// What the mock upstream remembers of the requests it got: the last
// kMaxRecords, with head and the first kMaxBody bytes of body, for
// GET /mock/log, and the same as JSON lines in a file when one is given.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock/http.hpp"

namespace llm::mock {

class RequestLog {
public:
    static constexpr std::size_t kMaxRecords = 1000;
    static constexpr std::size_t kMaxBody = 4096;

    ~RequestLog();
    bool open(const std::string& path);
    void record(bool on) { recording_ = on; }

    // One call as a request starts to be answered, one as its answer ended.
    std::uint64_t begin(const HttpRequest& request, std::uint64_t connection,
                        std::string_view api);
    void end(std::uint64_t id, int status, std::uint64_t bytes_sent,
             bool closed_early);

    std::uint64_t count() const { return next_ - first_; }
    void reset() { first_ = next_; }
    std::string json() const;

private:
    struct Record {
        std::uint64_t id = 0;
        std::uint64_t connection = 0;
        double time = 0;
        std::string head;
        std::string body;
        std::string_view api;
        std::uint64_t body_length = 0;
        std::uint32_t crc = 0;
        int status = 0;
        std::uint64_t bytes_sent = 0;
        bool closed_early = false;
        bool finished = false;
    };

    void append(std::string& out, const Record& record) const;

    std::vector<Record> records_;
    std::uint64_t first_ = 0;  // id of the oldest one after a reset
    std::uint64_t next_ = 0;
    bool recording_ = true;
    std::FILE* file_ = nullptr;
};

}  // namespace llm::mock
