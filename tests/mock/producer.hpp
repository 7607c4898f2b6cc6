// Turns a Reply into the bytes on the wire, a little at a time, and is where
// everything that a knob does to the transport happens: pacing, framing,
// compression, the stream's form, and every way of ending badly.
//
// Memory is bounded whatever the knobs say: an endless stream and a huge line
// are made as they are sent.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock/reply.hpp"

namespace llm::mock {

class Producer {
public:
    enum class Next {
        kMore,   // bytes were appended, there are more
        kWait,   // bytes may have been appended; go on after wait_ms()
        kEnd,    // the answer is complete, the connection lives on
        kClose,  // close the connection once the bytes are sent
        kReset,  // the same with RST
        kHold    // say nothing more, keep the connection open
    };

    struct Peer {
        bool http11 = true;
        bool keep_alive = true;
        bool accepts_gzip = false;
        bool head_only = false;  // a HEAD request
    };

    Producer(Reply reply, const Knobs& knobs, Event error, Peer peer);

    Next next(std::string& out);
    std::uint64_t wait_ms() const { return wait_ms_; }
    int status() const { return reply_.status; }
    std::uint64_t split() const { return knobs_.split; }
    std::uint64_t pause_ms() const { return knobs_.pause; }

private:
    enum class Stage { kHints, kHead, kFirst, kBody, kEnd, kReset };
    enum class Framing { kLength, kChunked, kClose };

    void script_events(const Event& error);
    void script_json(const Event& error);
    void choose_framing(const Peer& peer);
    void append_head(std::string& out);
    void append_fault_headers(std::string& out) const;
    Next body(std::string& out);
    Next finish(std::string& out);
    bool more_events() const;
    std::string block(std::size_t index);
    std::string line_start(const Event& event, std::size_t index) const;
    std::string data_lines(const Event& event, std::size_t index) const;
    std::string newline() const;
    std::string encode(std::string_view bytes, int flush);
    void append_framed(std::string& out, std::string_view bytes);
    void append_fill(std::string& out);

    struct EndDeflate {
        void operator()(z_stream* stream) const {
            deflateEnd(stream);
            delete stream;
        }
    };

    Reply reply_;
    Knobs knobs_;
    Stage stage_ = Stage::kHints;
    Framing framing_ = Framing::kLength;
    bool http10_ = false;
    bool close_ = false;
    bool head_only_ = false;
    bool cut_short_ = false;
    std::unique_ptr<z_stream, EndDeflate> deflate_;
    std::vector<std::string> ready_;  // encoded blocks, when length is known
    std::uint64_t length_ = 0;
    std::size_t at_ = 0;        // next event
    std::size_t repeat_ = 0;    // the event that an endless stream repeats
    std::uint64_t sent_ = 0;    // bytes of body, before chunk framing
    std::uint64_t wait_ms_ = 0;
    std::uint64_t fill_left_ = 0;
    std::string after_fill_;
};

}  // namespace llm::mock
