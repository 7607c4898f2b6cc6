// MappedFile: a regular file, read only, in memory.
//
// Ownership: unmaps when it goes; views of it must not outlive it. Threads:
// immutable. Who truncates the file while it is mapped causes SIGBUS, so a
// mapping is for the time of loading: what is used later is copied out.
#pragma once

#include <string>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"

namespace llm::semantic {

class MappedFile {
public:
    // kNotFound, kUnsupported (not a regular file), kTooLarge, kIo.
    static Result<MappedFile> open(const std::string& path, size_t max_size);

    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();

    Bytes bytes() const { return {data_, size_}; }

private:
    MappedFile(const char* data, size_t size) : data_(data), size_(size) {}

    const char* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace llm::semantic
