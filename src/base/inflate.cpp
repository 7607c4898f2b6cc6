#include "src/base/inflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace llm {

namespace {

constexpr size_t kRatioFree = size_t{64} << 10;
constexpr size_t kStep = size_t{16} << 10;
constexpr int kWindowBits = 15;

// RFC 1950 §2.2: the method is 8 and the two bytes are a multiple of 31.
bool is_zlib_header(unsigned char cmf, unsigned char flg) {
    return (cmf & 0x0f) == 8 && (cmf >> 4) <= 7 && (cmf * 256 + flg) % 31 == 0;
}

}  // namespace

std::optional<Coding> coding_of(Bytes content_encoding) {
    if (equals_ignore_case(content_encoding, "gzip")
        || equals_ignore_case(content_encoding, "x-gzip")) {
        return Coding::kGzip;
    }
    if (equals_ignore_case(content_encoding, "deflate")) {
        return Coding::kDeflate;
    }
    return std::nullopt;
}

void Inflater::Free::operator()(z_stream_s* stream) const {
    inflateEnd(stream);
    delete stream;
}

Inflater::Inflater(Coding coding, InflateLimits limits)
    : coding_(coding), limits_(limits) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

Result<void> Inflater::fail(Errc code, const char* message) {
    error_ = Error{code, message};
    stream_.reset();
    return *error_;
}

Result<void> Inflater::start(Bytes in) {
    int bits = kWindowBits + 16;  // zlib: 16 more means gzip
    if (coding_ == Coding::kDeflate) {
        bool zlib = is_zlib_header(static_cast<unsigned char>(in[0]),
                                   static_cast<unsigned char>(in[1]));
        bits = zlib ? kWindowBits : -kWindowBits;
    }
    auto stream = std::make_unique<z_stream_s>();
    *stream = {};
    if (inflateInit2(stream.get(), bits) != Z_OK) {
        return fail(Errc::kNoSpace, "inflate: no memory");
    }
    stream_.reset(stream.release());
    return {};
}

Result<void> Inflater::feed(Bytes in, std::string& out) {
    if (error_) {
        return *error_;
    }
    total_in_ += in.size();
    if (stream_) {
        return run(in, out);
    }
    // A raw deflate stream may be a single byte short of a zlib header only
    // when it is cut: finish() says so.
    size_t needed = coding_ == Coding::kDeflate ? 2 : 1;
    head_.append(in);
    if (head_.size() < needed) {
        return {};
    }
    std::string head = std::move(head_);
    head_.clear();
    if (auto started = start(head); !started) {
        return started;
    }
    return run(head, out);
}

Result<void> Inflater::check_bounds(size_t produced) {
    total_out_ += produced;
    if (total_out_ > limits_.max_output) {
        return fail(Errc::kTooLarge, "inflate: output over the limit");
    }
    size_t allowed = std::numeric_limits<size_t>::max();
    if (!__builtin_mul_overflow(total_in_, limits_.max_ratio, &allowed)
        && total_out_ > kRatioFree && total_out_ > allowed) {
        return fail(Errc::kTooLarge, "inflate: ratio over the limit");
    }
    return {};
}

Result<void> Inflater::run(Bytes in, std::string& out) {
    std::array<char, kStep> piece;
    z_stream_s& z = *stream_;
    // zlib does not write to its input; its type is older than const.
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    size_t left = in.size();
    do {
        if (z.avail_in == 0) {
            size_t take = std::min<size_t>(left, size_t{1} << 30);
            z.avail_in = static_cast<uInt>(take);
            left -= take;
        }
        if (member_done_) {
            if (z.avail_in == 0) {
                break;
            }
            if (coding_ == Coding::kDeflate || inflateReset(&z) != Z_OK) {
                return fail(Errc::kCorrupt, "inflate: bytes after the end");
            }
            member_done_ = false;
        }
        z.next_out = reinterpret_cast<Bytef*>(piece.data());
        z.avail_out = kStep;
        int code = inflate(&z, Z_NO_FLUSH);
        size_t produced = kStep - z.avail_out;
        out.append(piece.data(), produced);
        if (auto bounds = check_bounds(produced); !bounds) {
            return bounds;
        }
        if (code == Z_STREAM_END) {
            member_done_ = true;
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return fail(Errc::kCorrupt, "inflate: not valid encoded data");
        } else if (code == Z_BUF_ERROR && left == 0) {
            break;  // wants more input
        }
    } while (z.avail_in > 0 || left > 0 || z.avail_out == 0);
    return {};
}

Result<void> Inflater::finish() {
    if (error_) {
        return *error_;
    }
    if (!member_done_) {
        return fail(Errc::kIncomplete, "inflate: the body is cut short");
    }
    return {};
}

}  // namespace llm
