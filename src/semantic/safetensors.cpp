#include "src/semantic/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "src/json/document.hpp"

namespace llm::semantic {

static_assert(std::endian::native == std::endian::little);

namespace {

using json::Document;
using json::kNoNode;
using json::NodeId;
using json::Type;

struct TypeName {
    Bytes name;
    DType dtype;
    unsigned bits;
};

constexpr TypeName kTypes[] = {
    {"F32", DType::kF32, 32},    {"F64", DType::kF64, 64},
    {"F16", DType::kF16, 16},    {"BF16", DType::kBF16, 16},
    {"I8", DType::kI8, 8},       {"I64", DType::kI64, 64},
    {"U8", DType::kOther, 8},    {"BOOL", DType::kOther, 8},
    {"I16", DType::kOther, 16},  {"U16", DType::kOther, 16},
    {"I32", DType::kOther, 32},  {"U32", DType::kOther, 32},
    {"U64", DType::kOther, 64},  {"F8_E4M3", DType::kOther, 8},
    {"F8_E5M2", DType::kOther, 8},
};

// Names come from a file: shown shortened, and nothing but printable ASCII.
std::string shown(Bytes name) {
    std::string out;
    for (char c : name.substr(0, 80)) {
        out += c >= ' ' && c < 0x7f ? c : '?';
    }
    return out;
}

Error damaged(Bytes name, const char* what) {
    return {Errc::kCorrupt, "tensor " + shown(name) + ": " + what};
}

// A whole number as the format writes it: digits alone.
bool whole(const Document& doc, NodeId id, uint64_t& out) {
    return doc.is(id, Type::kNumber) && parse_decimal(doc.raw(id), out);
}

Result<Tensor> read_tensor(const Document& doc, NodeId id, Bytes data) {
    Tensor tensor;
    tensor.name = std::string(doc.key(id));
    if (!doc.is(id, Type::kObject)) {
        return damaged(tensor.name, "its description is not an object");
    }
    std::string scratch;
    NodeId dtype = doc.find(id, "dtype");
    Bytes type_name =
        dtype == kNoNode ? Bytes() : doc.string(dtype, scratch);
    auto type = std::find_if(
        std::begin(kTypes), std::end(kTypes),
        [&](const TypeName& t) { return t.name == type_name; });
    if (type == std::end(kTypes)) {
        return damaged(tensor.name, "unknown dtype");
    }
    tensor.dtype = type->dtype;

    NodeId shape = doc.find(id, "shape");
    if (!doc.is(shape, Type::kArray)
        || doc.size(shape) > Safetensors::kMaxRank) {
        return damaged(tensor.name, "its shape is not a short list");
    }
    uint64_t bytes = type->bits / 8;
    for (NodeId child : doc.children(shape)) {
        uint64_t extent;
        if (!whole(doc, child, extent)
            || __builtin_mul_overflow(bytes, extent, &bytes)) {
            return damaged(tensor.name, "its shape is out of bounds");
        }
        tensor.shape.push_back(extent);
    }

    NodeId offsets = doc.find(id, "data_offsets");
    uint64_t ends[2] = {};
    size_t count = 0;
    if (doc.is(offsets, Type::kArray) && doc.size(offsets) == 2) {
        for (NodeId child : doc.children(offsets)) {
            count += whole(doc, child, ends[count]) ? 1 : 0;
        }
    }
    if (count != 2 || ends[0] > ends[1]) {
        return damaged(tensor.name, "its data_offsets are not [begin, end]");
    }
    if (ends[1] > data.size()) {
        return damaged(tensor.name,
                       "its data lies past the end of the file (truncated?)");
    }
    if (ends[1] - ends[0] != bytes) {
        return damaged(tensor.name, "its data is not as long as its shape");
    }
    tensor.data = data.substr(ends[0], bytes);
    return tensor;
}

// One after the other, from the first byte to the last.
Result<void> check_layout(const std::vector<Tensor>& tensors, Bytes data) {
    std::vector<const Tensor*> order;
    for (const Tensor& tensor : tensors) {
        order.push_back(&tensor);
    }
    std::sort(order.begin(), order.end(),
              [](const Tensor* a, const Tensor* b) {
                  const char* x = a->data.data();
                  const char* y = b->data.data();
                  return x != y ? x < y : a->data.size() < b->data.size();
              });
    const char* at = data.data();
    for (const Tensor* tensor : order) {
        if (tensor->data.data() != at) {
            return damaged(tensor->name, "its data overlaps or leaves a gap");
        }
        at += tensor->data.size();
    }
    if (at != data.data() + data.size()) {
        return Error{Errc::kCorrupt, "bytes behind the last tensor"};
    }
    return {};
}

float from_half(uint16_t half) {
    uint32_t sign = uint32_t{half} >> 15 << 31;
    uint32_t exponent = half >> 10 & 0x1f;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 0) {  // zero or subnormal: a multiple of 2^-24
        float value = std::ldexp(static_cast<float>(fraction), -24);
        return sign != 0 ? -value : value;
    }
    uint32_t bits = exponent == 31 ? 0x7f800000 : (exponent + 112) << 23;
    return std::bit_cast<float>(sign | bits | fraction << 13);
}

template <typename Word, typename Convert>
void convert(const char* from, uint64_t count, float* out, Convert to) {
    for (uint64_t i = 0; i < count; i++) {
        Word word;
        std::memcpy(&word, from + i * sizeof(word), sizeof(word));
        out[i] = to(word);
    }
}

}  // namespace

uint64_t Tensor::elements() const {
    uint64_t count = 1;
    for (uint64_t extent : shape) {
        count *= extent;
    }
    return count;
}

Result<Safetensors> Safetensors::parse(Bytes file) {
    uint64_t header_size = 0;
    if (file.size() < sizeof(header_size)) {
        return Error{Errc::kCorrupt, "not a safetensors file: too short"};
    }
    std::memcpy(&header_size, file.data(), sizeof(header_size));
    file.remove_prefix(sizeof(header_size));
    if (header_size > file.size() || header_size > kMaxHeader) {
        return Error{Errc::kCorrupt, "not a safetensors file: a header of "
                                         + std::to_string(header_size)
                                         + " bytes"};
    }
    Bytes header = file.substr(0, header_size);
    Bytes data = file.substr(header_size);
    Document doc;
    if (auto parsed = doc.parse(header); !parsed) {
        return Error{Errc::kCorrupt,
                     "safetensors header: " + parsed.error().message};
    }
    if (!doc.is(json::kRoot, Type::kObject)) {
        return Error{Errc::kCorrupt, "safetensors header: not an object"};
    }
    Safetensors out;
    for (NodeId id : doc.children(json::kRoot)) {
        if (doc.key(id) == "__metadata__") {
            continue;
        }
        auto tensor = read_tensor(doc, id, data);
        if (!tensor) {
            return tensor.error();
        }
        out.tensors_.push_back(std::move(*tensor));
    }
    if (auto layout = check_layout(out.tensors_, data); !layout) {
        return layout.error();
    }
    std::sort(
        out.tensors_.begin(), out.tensors_.end(),
        [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
    return out;
}

const Tensor* Safetensors::find(Bytes name) const {
    auto at = std::lower_bound(
        tensors_.begin(), tensors_.end(), name,
        [](const Tensor& t, Bytes wanted) { return t.name < wanted; });
    return at != tensors_.end() && at->name == name ? &*at : nullptr;
}

Result<const Tensor*> Safetensors::find(
    Bytes name, const std::vector<uint64_t>& shape) const {
    const Tensor* tensor = find(name);
    if (tensor == nullptr) {
        return Error{Errc::kNotFound,
                     "tensor " + shown(name) + ": not in the file"};
    }
    if (tensor->shape != shape) {
        auto list = [](const std::vector<uint64_t>& extents) {
            std::string out = "[";
            for (uint64_t extent : extents) {
                out += out.size() > 1 ? "," : "";
                out += std::to_string(extent);
            }
            return out + "]";
        };
        return Error{Errc::kInvalid, "tensor " + shown(name) + ": shape "
                                         + list(tensor->shape)
                                         + " where the configuration wants "
                                         + list(shape)};
    }
    return tensor;
}

Result<void> read_floats(const Tensor& tensor, uint64_t first,
                         uint64_t count, float* out) {
    const char* data = tensor.data.data();
    switch (tensor.dtype) {
    case DType::kF32:
        if (count > 0) {
            std::memcpy(out, data + first * 4, count * 4);
        }
        break;
    case DType::kF64:
        // NaN is refused below; a conversion out of range is undefined.
        convert<double>(data + first * 8, count, out, [](double v) {
            return std::abs(v) <= 3e38 ? static_cast<float>(v) : NAN;
        });
        break;
    case DType::kF16:
        convert<uint16_t>(data + first * 2, count, out, from_half);
        break;
    case DType::kBF16:
        convert<uint16_t>(data + first * 2, count, out, [](uint16_t v) {
            return std::bit_cast<float>(uint32_t{v} << 16);
        });
        break;
    case DType::kI8:
        convert<int8_t>(data + first, count, out,
                        [](int8_t v) { return static_cast<float>(v); });
        break;
    default:
        return Error{Errc::kUnsupported, "tensor " + shown(tensor.name)
                                             + ": not of a float type"};
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!std::isfinite(out[i])) {
            return Error{Errc::kInvalid,
                         "tensor " + shown(tensor.name)
                             + ": holds a value that is not finite"};
        }
    }
    return {};
}

Result<void> read_indices(const Tensor& tensor, uint64_t limit,
                          std::vector<uint32_t>& out) {
    if (tensor.dtype != DType::kI64) {
        return Error{Errc::kUnsupported,
                     "tensor " + shown(tensor.name) + ": not of type I64"};
    }
    size_t count = tensor.data.size() / sizeof(int64_t);
    out.resize(count);
    for (size_t i = 0; i < count; i++) {
        int64_t value;
        std::memcpy(&value, tensor.data.data() + i * sizeof(value),
                    sizeof(value));
        if (value < 0 || static_cast<uint64_t>(value) >= limit) {
            return Error{Errc::kInvalid,
                         "tensor " + shown(tensor.name)
                             + ": holds an index out of bounds"};
        }
        out[i] = static_cast<uint32_t>(value);
    }
    return {};
}

}  // namespace llm::semantic
