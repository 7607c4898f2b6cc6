// Safetensors: the named tensors of one .safetensors file.
//
// Format (Hugging Face safetensors): 8 bytes little-endian header size; the
// header, a JSON object name -> {"dtype", "shape", "data_offsets": [begin,
// end)} with offsets from the header's end; then the data. "__metadata__" is
// not a tensor. As the format's own reader, this one wants the tensors to
// fill the data exactly, one after the other; more, the size must be that of
// dtype and shape. Types it does not know may stand in the file, only
// reading them is kUnsupported.
//
// Ownership: a view; the file's bytes belong to the caller and outlive it.
// Threads: immutable. Errors: kCorrupt for a damaged file; find() kNotFound;
// messages name the tensor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::semantic {

enum class DType : uint8_t { kF32, kF64, kF16, kBF16, kI8, kI64, kOther };

struct Tensor {
    std::string name;
    DType dtype = DType::kOther;
    std::vector<uint64_t> shape;
    Bytes data;  // little-endian, rows last; not aligned

    uint64_t elements() const;
};

class Safetensors {
public:
    static constexpr size_t kMaxHeader = size_t{16} << 20;
    static constexpr size_t kMaxRank = 8;

    static Result<Safetensors> parse(Bytes file);

    size_t size() const { return tensors_.size(); }
    const std::vector<Tensor>& tensors() const { return tensors_; }

    // nullptr when there is none of that name.
    const Tensor* find(Bytes name) const;
    // kNotFound; kInvalid when its shape is another.
    Result<const Tensor*> find(Bytes name,
                               const std::vector<uint64_t>& shape) const;

private:
    std::vector<Tensor> tensors_;  // by name
};

// Numbers [first, first + count) of a tensor as floats. kUnsupported for a
// type that is not a float or int8; kInvalid for NaN or infinity.
// Precondition: first + count <= elements().
Result<void> read_floats(const Tensor& tensor, uint64_t first,
                         uint64_t count, float* out);

// The same for I64, which must be in [0, limit).
Result<void> read_indices(const Tensor& tensor, uint64_t limit,
                          std::vector<uint32_t>& out);

}  // namespace llm::semantic
