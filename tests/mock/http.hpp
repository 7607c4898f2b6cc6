// The HTTP/1.x side of the mock upstream that has to do with requests: an
// incremental reader of one connection's bytes.
//
// Bounds: a head of kMaxHead bytes, a body of kMaxBody bytes. The reader keeps
// what follows the current request (pipelining) until the next take().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm::mock {

struct HttpRequest {
    std::string head;  // request line and header lines, as received
    std::string method;
    std::string target;
    bool http11 = true;
    bool keep_alive = true;
    bool expects_continue = false;
    std::string body;

    // The first header of that name (given in lower case), trimmed.
    std::string_view header(std::string_view name) const;
};

class RequestReader {
public:
    static constexpr std::size_t kMaxHead = 32768;
    static constexpr std::size_t kMaxBody = 64U << 20;

    enum class State { kMore, kContinue, kReady, kBad };

    void add(const char* bytes, std::size_t count);
    std::size_t buffered() const { return in_.size() - at_; }

    // Goes on with the current request. kContinue: the client waits for a
    // "100 Continue", call again after. kBad: status() says what to answer,
    // the connection cannot be used any further.
    State read();
    int status() const { return status_; }
    const char* reason() const { return reason_; }

    HttpRequest& request() { return request_; }
    void next();  // forget the request that was answered

private:
    enum class Stage { kHead, kBody, kChunkSize, kChunk, kTrailers, kReady };

    State bad(int status, const char* reason);
    State read_head();
    bool parse_head();
    bool parse_framing();
    State read_body();
    State read_chunk_size();
    State read_chunk();
    State read_trailers();
    bool line(std::string_view& text);

    std::string in_;
    std::size_t at_ = 0;
    Stage stage_ = Stage::kHead;
    std::uint64_t left_ = 0;
    int status_ = 400;
    const char* reason_ = "";
    HttpRequest request_;
};

// Calls with (name, value) for every header line of a head.
template <typename Visitor>
void for_each_header(std::string_view head, Visitor&& visit) {
    std::size_t at = head.find("\r\n");
    while (at != std::string_view::npos && at + 2 < head.size()) {
        std::size_t end = head.find("\r\n", at + 2);
        std::string_view text = head.substr(at + 2, end - at - 2);
        std::size_t colon = text.find(':');
        if (colon != std::string_view::npos) {
            std::string_view value = text.substr(colon + 1);
            while (!value.empty()
                   && (value.front() == ' ' || value.front() == '\t')) {
                value.remove_prefix(1);
            }
            while (!value.empty()
                   && (value.back() == ' ' || value.back() == '\t')) {
                value.remove_suffix(1);
            }
            visit(text.substr(0, colon), value);
        }
        at = end;
    }
}

bool same_ignoring_case(std::string_view text, std::string_view lower);

}  // namespace llm::mock
