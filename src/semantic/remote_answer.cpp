#include "src/semantic/remote_answer.hpp"

#include <array>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "src/json/document.hpp"
#include "src/semantic/encoder.hpp"

namespace llm::semantic {

namespace {

constexpr uint8_t kNoDigit = 64;

constexpr auto kDigits = [] {
    std::array<uint8_t, 256> digits{};
    digits.fill(kNoDigit);
    constexpr Bytes kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (uint8_t i = 0; i < 64; i++) {
        digits[static_cast<unsigned char>(kAlphabet[i])] = i;
    }
    return digits;
}();

// False for bytes outside of the alphabet, and for padding anywhere but at
// the end of a whole group; `out` has room for 3 bytes of each 4.
bool decode_base64(Bytes text, std::string& out) {
    if (text.size() % 4 != 0) {
        return false;
    }
    size_t padding = 0;
    while (padding < 2 && padding < text.size()
           && text[text.size() - 1 - padding] == '=') {
        padding++;
    }
    out.resize(text.size() / 4 * 3);
    char* to = out.data();
    unsigned strange = 0;
    for (size_t i = 0; i < text.size(); i += 4) {
        bool last = i + 4 == text.size();
        uint32_t group = 0;
        for (size_t j = 0; j < 4; j++) {
            bool pad = last && j >= 4 - padding;
            uint8_t digit =
                pad ? 0 : kDigits[static_cast<unsigned char>(text[i + j])];
            strange |= digit & kNoDigit;
            group = group << 6 | digit;
        }
        *to++ = static_cast<char>(group >> 16);
        *to++ = static_cast<char>(group >> 8);
        *to++ = static_cast<char>(group);
    }
    out.resize(out.size() - padding);
    return strange == 0;
}

class Reader {
public:
    Reader(const json::Document& doc, size_t count, size_t dims)
        : doc_(doc), count_(count), dims_(dims), seen_(count) {}

    Result<void> read(json::NodeId data);

    std::vector<float> values;
    size_t dims() const { return dims_; }

private:
    Error error(const char* what, Errc code = Errc::kInvalid) const {
        return {code, "embeddings: data[" + std::to_string(position_) + "] "
                          + what};
    }
    Result<size_t> read_index(json::NodeId element);
    Result<void> read_element(json::NodeId element);
    Result<void> want_dims(size_t dims);
    Result<void> read_numbers(json::NodeId array, float* out);
    Result<void> read_base64(json::NodeId text);
    std::span<float> vector(size_t index) {
        return {values.data() + index * dims_, dims_};
    }

    const json::Document& doc_;
    size_t count_;
    size_t dims_;
    std::vector<bool> seen_;
    size_t position_ = 0;
    std::string scratch_;
    std::string bytes_;
};

Result<void> Reader::read(json::NodeId data) {
    for (json::NodeId element : doc_.children(data)) {
        if (auto done = read_element(element); !done) {
            return done;
        }
        position_++;
    }
    return {};
}

Result<size_t> Reader::read_index(json::NodeId element) {
    json::NodeId index = doc_.find(element, "index");
    if (index == json::kNoNode) {
        return position_;
    }
    uint64_t number = 0;
    if (!doc_.is(index, json::Type::kNumber)
        || !parse_decimal(doc_.raw(index), number) || number >= count_) {
        return error("has an index out of range");
    }
    return static_cast<size_t>(number);
}

Result<void> Reader::want_dims(size_t dims) {
    if (dims > RemoteVectors::kMaxDims) {
        return error("has more dimensions than any vector may have",
                     Errc::kTooLarge);
    }
    if (dims == 0 || (dims_ != 0 && dims != dims_)) {
        return Error{Errc::kInvalid,
                     error("has ").message + std::to_string(dims)
                         + " dimensions"
                         + (dims_ == 0 ? std::string()
                                       : ", not " + std::to_string(dims_))};
    }
    if (values.empty()) {
        dims_ = dims;
        values.resize(count_ * dims_);
    }
    return {};
}

Result<void> Reader::read_numbers(json::NodeId array, float* out) {
    for (json::NodeId each : doc_.children(array)) {
        if (!doc_.is(each, json::Type::kNumber)) {
            return error("holds what is no number");
        }
        double number = doc_.as_double(each);
        if (!(std::fabs(number) <= FLT_MAX)) {
            return error("holds a number that no float has");
        }
        *out++ = static_cast<float>(number);
    }
    return {};
}

Result<void> Reader::read_base64(json::NodeId text) {
    if (!decode_base64(doc_.string(text, scratch_), bytes_)
        || bytes_.size() % sizeof(float) != 0) {
        return error("is not base64 of float32");
    }
    return {};
}

Result<void> Reader::read_element(json::NodeId element) {
    auto index = read_index(element);
    if (!index) {
        return index.error();
    }
    if (seen_[*index]) {
        return error("has the index of another one");
    }
    seen_[*index] = true;
    json::NodeId embedding = doc_.find(element, "embedding");
    bool text = doc_.is(embedding, json::Type::kString);
    if (!text && !doc_.is(embedding, json::Type::kArray)) {
        return error("has no embedding");
    }
    if (text) {
        if (auto done = read_base64(embedding); !done) {
            return done;
        }
    }
    size_t dims = text ? bytes_.size() / sizeof(float) : doc_.size(embedding);
    if (auto done = want_dims(dims); !done) {
        return done;
    }
    std::span<float> out = vector(*index);
    if (text) {
        std::memcpy(out.data(), bytes_.data(), bytes_.size());
    } else if (auto done = read_numbers(embedding, out.data()); !done) {
        return done;
    }
    // Not a number, infinite and zero alike have no length.
    if (!normalize(out)) {
        return error("is zero or not finite");
    }
    return {};
}

}  // namespace

size_t RemoteVectors::max_size(size_t count, size_t dims) {
    constexpr size_t kNumber = 32;        // with its comma and some space
    constexpr size_t kAround = 1024;      // an element's other members
    constexpr size_t kRest = size_t{16} << 10;
    return count * ((dims > 0 ? dims : kMaxDims) * kNumber + kAround) + kRest;
}

Result<RemoteVectors> RemoteVectors::parse(Bytes answer, size_t count,
                                           size_t dims) {
    if (answer.size() > max_size(count, dims)) {
        return Error{Errc::kTooLarge,
                     "embeddings: the answer is too large"};
    }
    json::Document doc;
    if (auto done = doc.parse(answer); !done) {
        return Error{Errc::kInvalid, "embeddings: the answer is not JSON: "
                                         + done.error().message};
    }
    json::NodeId data = doc.find(json::kRoot, "data");
    if (!doc.is(data, json::Type::kArray)) {
        return Error{Errc::kInvalid, "embeddings: the answer has no data"};
    }
    if (doc.size(data) != count) {
        return Error{Errc::kInvalid,
                     "embeddings: " + std::to_string(doc.size(data))
                         + " vectors for " + std::to_string(count)
                         + " texts"};
    }
    Reader reader(doc, count, dims);
    if (auto done = reader.read(data); !done) {
        return done.error();
    }
    return RemoteVectors(std::move(reader.values), reader.dims());
}

}  // namespace llm::semantic
