// Watched<T>: the parsed contents of a file that may change under us (keys,
// prices, a GeoIP base, lists). The value is swapped whole or not at all: a
// file that vanishes, cannot be read, is too large, half written or wrong
// leaves the old value in place.
//
// Three steps, so that reading and parsing may run off the event loop:
//     if (keys.check(now)) {           // loop: one stat an interval
//         auto loaded = keys.load();   // any thread: reads and parses
//         keys.swap(loaded, now);      // loop: replaces the value
//     }
// poll() does all three. After check() said true exactly one swap() or
// abandon() must follow; until then check() says false.
//
// An error is handed out once for each distinct change of the file by
// take_error(), for one log line; error() tells whether the file is bad now.
// A file caught while it is being written is no error, only tried again.
// The same bytes under a new stamp (touch, rename of an equal file) are
// neither parsed nor swapped.
//
// Threads: load() on any one thread while the Watched lives; all else on one
// thread, the event loop's. Whoever uses the value elsewhere takes a copy of
// the pointer on the loop. `parse` is called by load() and touches nothing
// that the loop changes. Ownership: owns the value with those who hold it.
#pragma once

#include <functional>
#include <memory>

#include "src/watch/file.hpp"

namespace llm::watch {

// What parse is given: the file's bytes, valid during the call, or its path
// (for libraries that open or map the file themselves).
enum class Feed { kContent, kPath };

struct WatchCounters {
    uint64_t loads = 0;      // load() that came back by swap()
    uint64_t unchanged = 0;  // of these: the bytes were those we have
    uint64_t swaps = 0;      // of these: a new value
    uint64_t failures = 0;   // of these: an error, or caught in writing
};

template <class T>
class Watched {
public:
    using Value = std::shared_ptr<const T>;
    using Parse = std::function<Result<T>(Bytes)>;

    struct Loaded {
        FileStamp stamp;
        Digest digest;           // of the bytes; zero with Feed::kPath
        bool unchanged = false;  // then `value` is empty
        bool again = false;      // an error that may pass unseen by stat
        Result<Value> value = Value();
    };

    Watched(WatchOptions options, Parse parse, Feed feed = Feed::kContent)
        : file_(std::move(options)), parse_(std::move(parse)), feed_(feed) {}

    bool check(Now now) {
        if (loading_) {
            return false;
        }
        loading_ = file_.due(now);
        return loading_;
    }

    Loaded load() const {
        return feed_ == Feed::kContent ? load_content() : load_path();
    }

    // True when the value is a new one.
    bool swap(Loaded loaded, Now now) {
        loading_ = false;
        ++counters_.loads;
        if (!loaded.value) {
            fail(loaded, now);
            return false;
        }
        file_.accept(loaded.stamp, now);
        error_.reset();
        fresh_error_ = false;
        if (loaded.unchanged) {
            ++counters_.unchanged;
            return false;
        }
        value_ = std::move(loaded.value).value();
        digest_ = loaded.digest;
        ++counters_.swaps;
        return true;
    }

    // The load that check() asked for will not come; it is due again.
    void abandon() {
        loading_ = false;
        file_.retry();
    }

    bool poll(Now now) { return check(now) && swap(load(), now); }

    // The first load, when the configuration is read: its error at once.
    Result<void> open(Now now) {
        poll(now);
        fresh_error_ = false;
        if (value_ == nullptr) {
            return error_ ? *error_
                          : Error{Errc::kIncomplete,
                                  options().path + ": being written"};
        }
        return {};
    }

    // Empty until the first load succeeded.
    const Value& value() const { return value_; }

    const std::optional<Error>& error() const { return error_; }
    std::optional<Error> take_error() {
        if (!fresh_error_) {
            return std::nullopt;
        }
        fresh_error_ = false;
        return error_;
    }

    const WatchCounters& counters() const { return counters_; }
    const WatchOptions& options() const { return file_.options(); }
    // Calls of stat so far.
    uint64_t stats() const { return file_.stats(); }

private:
    Loaded load_content() const {
        Loaded loaded;
        auto content = read_file(options().path, options().max_size);
        if (!content) {
            // A file that is gone shows by stat when it comes back.
            loaded.stamp = FileStamp::of(options().path);
            Errc code = content.error().code;
            loaded.again = code == Errc::kIncomplete
                           || (loaded.stamp.error == 0
                               && (code == Errc::kIo
                                   || code == Errc::kNotFound));
            loaded.value = content.error();
            return loaded;
        }
        loaded.stamp = content->stamp;
        loaded.digest = sha256(content->bytes);
        loaded.unchanged = value_ != nullptr && loaded.digest == digest_;
        if (!loaded.unchanged) {
            loaded.value = parse(content->bytes);
            loaded.again = is_for_now(loaded.value);
        }
        return loaded;
    }

    Loaded load_path() const {
        Loaded loaded;
        // Before parse: what changes while it runs is seen at the next look.
        loaded.stamp = FileStamp::of(options().path);
        auto checked = check_file(loaded.stamp, options());
        loaded.value = checked ? parse(options().path) : checked.error();
        loaded.again = checked && is_for_now(loaded.value);
        return loaded;
    }

    // Nothing that the file is to blame for: no memory, no descriptor.
    static bool is_for_now(const Result<Value>& value) {
        return !value && value.error().code == Errc::kIo;
    }

    Result<Value> parse(Bytes bytes) const {
        Result<T> parsed = parse_(bytes);
        if (!parsed) {
            return parsed.error();
        }
        return Value(std::make_shared<const T>(std::move(parsed).value()));
    }

    void fail(const Loaded& loaded, Now now) {
        ++counters_.failures;
        const Error& error = loaded.value.error();
        if (loaded.again) {
            file_.retry();
        } else {
            file_.accept(loaded.stamp, now);
        }
        if (loaded.again && error.code == Errc::kIncomplete) {
            return;
        }
        bool known = error_ && error_->message == error.message
                     && failed_ == loaded.stamp;
        fresh_error_ = fresh_error_ || !known;
        error_ = error;
        failed_ = loaded.stamp;
    }

    FileWatch file_;
    Parse parse_;
    Feed feed_;
    Value value_;
    Digest digest_;  // of the bytes that value_ came from
    std::optional<Error> error_;
    bool fresh_error_ = false;
    FileStamp failed_;  // what error_ is about
    bool loading_ = false;
    WatchCounters counters_;
};

}  // namespace llm::watch
