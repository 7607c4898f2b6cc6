// A file that may change under us, without its contents: what it is by stat,
// how it is read within bounds, and when to look again. watched.hpp puts a
// parsed value on top.
//
// Sources: stat(2), inode(7). A change is any difference in device, inode,
// size, mtime or ctime of what the path leads to, symbolic links followed, so
// that rename over the path, a swapped link and a chmod are all seen.
//
// Threads: FileStamp and read_file are for any thread; a FileWatch belongs to
// one. Ownership: plain values.
#pragma once

#include <optional>
#include <string>

#include "src/base/clock.hpp"
#include "src/base/digest.hpp"
#include "src/base/result.hpp"

namespace llm::watch {

struct FileStamp {
    uint64_t dev = 0;
    uint64_t ino = 0;
    int64_t size = -1;
    int64_t mtime_ns = 0;
    int64_t ctime_ns = 0;
    bool regular = false;
    int error = 0;  // errno of stat; then the rest is as above

    bool operator==(const FileStamp&) const = default;

    static FileStamp of(const std::string& path);
};

struct FileContent {
    FileStamp stamp;  // of the file that was read
    std::string bytes;
};

// A regular file of at most `max_size` bytes, whole. Never waits for a FIFO
// or a device. kNotFound; kIo (message with errno's words); kTooLarge;
// kUnsupported (not a regular file); kIncomplete when somebody wrote to it
// while it was being read: look again later. One that another file takes the
// place of meanwhile is read whole.
Result<FileContent> read_file(const std::string& path, size_t max_size);

struct WatchOptions {
    std::string path;
    size_t max_size = size_t{64} << 20;
    // Half of the second by which workers ask, so that a tick which comes a
    // little early counts.
    int64_t interval_ns = int64_t{500000000};
};

// The same refusals by stat alone, for a file that another library reads.
Result<void> check_file(const FileStamp& stamp, const WatchOptions& options);

// When to read the file again. Time is the monotonic clock's for the
// interval, the wall clock's beside the file's own times.
//
// A stamp tells two contents apart only when the file's clock has moved on
// between them. So a file that was read within kYoung of its mtime is read
// once more when that time is over; settled() says so.
class FileWatch {
public:
    static constexpr int64_t kYoung = int64_t{2000000000};

    explicit FileWatch(WatchOptions options) : options_(std::move(options)) {}

    const WatchOptions& options() const { return options_; }

    // True when the file should be read now. At most one stat an interval;
    // nothing but a comparison in between.
    bool due(Now now);

    // What came of reading: the stamp that is known from now on.
    void accept(const FileStamp& stamp, Now now);

    // The path led to nothing readable, or it changed while being read: due
    // again at the next interval, whatever stat says.
    void retry() { retry_ = true; }

    bool settled() const { return !unsettled_until_ns_; }
    const std::optional<FileStamp>& known() const { return known_; }
    uint64_t stats() const { return stats_; }

private:
    WatchOptions options_;
    std::optional<FileStamp> known_;
    std::optional<int64_t> next_ns_;  // monotonic
    std::optional<int64_t> unsettled_until_ns_;  // monotonic
    bool retry_ = false;
    uint64_t stats_ = 0;
};

}  // namespace llm::watch
