#include "src/semantic/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace llm::semantic {

namespace {

Error failure(const std::string& path, int error) {
    return {error == ENOENT ? Errc::kNotFound : Errc::kIo,
            path + ": " + std::strerror(error)};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path,
                                    size_t max_size) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return failure(path, errno);
    }
    struct stat info;
    if (fstat(fd, &info) != 0) {
        int error = errno;
        close(fd);
        return failure(path, error);
    }
    size_t size = static_cast<size_t>(info.st_size);
    if (!S_ISREG(info.st_mode) || size > max_size) {
        close(fd);
        if (!S_ISREG(info.st_mode)) {
            return Error{Errc::kUnsupported, path + ": not a regular file"};
        }
        return Error{Errc::kTooLarge, path + ": larger than "
                                          + std::to_string(max_size)
                                          + " bytes"};
    }
    if (size == 0) {
        close(fd);
        return MappedFile(nullptr, 0);
    }
    void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int error = errno;
    close(fd);
    if (data == MAP_FAILED) {
        return failure(path, error);
    }
    return MappedFile(static_cast<const char*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) {
        munmap(const_cast<char*>(data_), size_);
    }
}

}  // namespace llm::semantic
