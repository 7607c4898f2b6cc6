// Inflater: streaming, bounded decompression of an encoded body, so that an
// answer can be read while its encoded bytes pass untouched.
//
// Codings (RFC 9110 §8.4.1): gzip with one or more members (RFC 1952), and
// deflate, which is the zlib format (RFC 1950) but comes as raw deflate
// (RFC 1951) from some servers; the first two bytes tell which.
//
// Bounds: `max_output` bytes in all; more than `max_ratio` times the input
// (above a first 64 KiB) ends with kTooLarge, so that a small bomb costs
// little. One feed() works in proportion to its input times the ratio.
// After an error the Inflater stays failed and repeats it.
//
// Threads: one at a time. Ownership: owns zlib's state (about 40 KiB).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

struct z_stream_s;

namespace llm {

enum class Coding { kGzip, kDeflate };

// "gzip", "x-gzip" and "deflate" in any case; nothing for other codings and
// for lists of codings.
std::optional<Coding> coding_of(Bytes content_encoding);

struct InflateLimits {
    size_t max_output = size_t{16} << 20;
    size_t max_ratio = 200;
};

class Inflater {
public:
    Inflater(Coding coding, InflateLimits limits);
    ~Inflater();
    Inflater(Inflater&&) noexcept;
    Inflater& operator=(Inflater&&) noexcept;

    // Appends what `in` decodes to. kCorrupt, kTooLarge; what was decoded
    // before the error is in `out`.
    Result<void> feed(Bytes in, std::string& out);

    // Call at the end of the input: kIncomplete when it was cut short.
    Result<void> finish();

    size_t total_in() const { return total_in_; }
    size_t total_out() const { return total_out_; }

private:
    struct Free {
        void operator()(z_stream_s* stream) const;
    };

    Result<void> start(Bytes in);
    Result<void> run(Bytes in, std::string& out);
    Result<void> fail(Errc code, const char* message);
    Result<void> check_bounds(size_t produced);

    Coding coding_;
    InflateLimits limits_;
    std::unique_ptr<z_stream_s, Free> stream_;
    std::string head_;         // deflate: bytes seen before the form is known
    bool member_done_ = false;
    size_t total_in_ = 0;
    size_t total_out_ = 0;
    std::optional<Error> error_;
};

}  // namespace llm
