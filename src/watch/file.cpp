#include "src/watch/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace llm::watch {

namespace {

int64_t to_ns(const timespec& t) {
    return static_cast<int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

FileStamp stamp_of(const struct stat& st) {
    FileStamp stamp;
    stamp.dev = st.st_dev;
    stamp.ino = st.st_ino;
    stamp.size = st.st_size;
    stamp.mtime_ns = to_ns(st.st_mtim);
    stamp.ctime_ns = to_ns(st.st_ctim);
    stamp.regular = S_ISREG(st.st_mode);
    return stamp;
}

Error io_error(const std::string& path, int code) {
    Errc kind = code == ENOENT || code == ENOTDIR ? Errc::kNotFound
                                                  : Errc::kIo;
    return {kind, path + ": " + std::strerror(code)};
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

// Whether nobody wrote between the two, which are of one open file. That
// another one got its name meanwhile changes its ctime and not its bytes.
bool same_bytes(const FileStamp& before, const FileStamp& after) {
    return before.size == after.size && before.mtime_ns == after.mtime_ns;
}

// Up to `size` bytes; what it read tells how many there were.
Result<std::string> read_bytes(int fd, size_t size, const std::string& path) {
    std::string bytes(size, '\0');
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, bytes.data() + got, size - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return io_error(path, errno);
        }
        if (n == 0) {
            break;
        }
        got += static_cast<size_t>(n);
    }
    bytes.resize(got);
    return bytes;
}

}  // namespace

FileStamp FileStamp::of(const std::string& path) {
    struct stat st;
    if (stat(path.c_str(), &st) != 0) {
        FileStamp stamp;
        stamp.error = errno;
        return stamp;
    }
    return stamp_of(st);
}

Result<void> check_file(const FileStamp& stamp, const WatchOptions& options) {
    if (stamp.error != 0) {
        return io_error(options.path, stamp.error);
    }
    if (!stamp.regular) {
        return Error{Errc::kUnsupported,
                     options.path + ": not a regular file"};
    }
    if (static_cast<uint64_t>(stamp.size) > options.max_size) {
        return Error{Errc::kTooLarge,
                     options.path + ": more than "
                         + std::to_string(options.max_size) + " bytes"};
    }
    return {};
}

Result<FileContent> read_file(const std::string& path, size_t max_size) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat before;
    if (file.get() < 0 || fstat(file.get(), &before) != 0) {
        return io_error(path, errno);
    }
    if (auto fit = check_file(stamp_of(before), {path, max_size}); !fit) {
        return fit.error();
    }
    auto size = static_cast<size_t>(before.st_size);
    // One byte more than there should be shows that it grew.
    auto bytes = read_bytes(file.get(), size + 1, path);
    if (!bytes) {
        return bytes.error();
    }
    struct stat after;
    if (fstat(file.get(), &after) != 0) {
        return io_error(path, errno);
    }
    if (bytes->size() != size
        || !same_bytes(stamp_of(before), stamp_of(after))) {
        return Error{Errc::kIncomplete, path + ": changed while being read"};
    }
    return FileContent{stamp_of(before), std::move(*bytes)};
}

bool FileWatch::due(Now now) {
    if (next_ns_ && now.mono_ns < *next_ns_) {
        return false;
    }
    next_ns_ = now.mono_ns + options_.interval_ns;
    ++stats_;
    FileStamp stamp = FileStamp::of(options_.path);
    bool aged = unsettled_until_ns_ && now.mono_ns >= *unsettled_until_ns_;
    return retry_ || aged || !known_ || stamp != *known_;
}

void FileWatch::accept(const FileStamp& stamp, Now now) {
    known_ = stamp;
    retry_ = false;
    unsettled_until_ns_.reset();
    int64_t age = now.wall_ns - std::max(stamp.mtime_ns, stamp.ctime_ns);
    // A file from the future never ages; a look each interval would be for
    // ever, so it counts as old.
    if (stamp.error == 0 && age < kYoung && age > -kYoung) {
        unsettled_until_ns_ = now.mono_ns + kYoung - std::max<int64_t>(age, 0);
    }
}

}  // namespace llm::watch
