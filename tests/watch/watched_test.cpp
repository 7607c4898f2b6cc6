#include "src/watch/watched.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace llm::watch {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSecond = 1000000000;

// A list of words that ends with "end"; anything else is half written.
struct Words {
    std::string text;
};

Result<Words> parse_words(Bytes content) {
    if (!content.ends_with("end\n")) {
        return Error{Errc::kInvalid, "no end"};
    }
    return Words{std::string(content)};
}

class WatchedFile : public testing::Test {
protected:
    WatchedFile() {
        char name[] = "/tmp/llm_watch_XXXXXX";
        folder_ = mkdtemp(name);
        path_ = folder_ + "/words";
        // A wall clock far beyond the files' times: nothing is young.
        now_ = {50 * kSecond, read_clock().wall_ns + 3600 * kSecond};
    }
    ~WatchedFile() override { fs::remove_all(folder_); }

    void write(const std::string& path, const std::string& text) {
        std::ofstream(path, std::ios::trunc) << text;
        // A time of its own, so that a test need not wait for the clock.
        set_time(path, ++stamp_);
    }
    void write(const std::string& text) { write(path_, text); }
    static void set_time(const std::string& path, int64_t seconds) {
        timespec times[2] = {{seconds, 0}, {seconds, 0}};
        utimensat(AT_FDCWD, path.c_str(), times, 0);
    }
    Now later(int64_t ns = kSecond) {
        now_.mono_ns += ns;
        now_.wall_ns += ns;
        return now_;
    }
    Watched<Words> watch(size_t max_size = 1000) {
        return Watched<Words>({path_, max_size, kSecond}, parse_words);
    }

    std::string folder_;
    std::string path_;
    int64_t stamp_ = 1000000;
    Now now_;
};

TEST_F(WatchedFile, LoadsAndFollows) {
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    EXPECT_EQ("one end\n", words.value()->text);
    auto held = words.value();
    write("two end\n");
    EXPECT_TRUE(words.poll(later()));
    EXPECT_EQ("two end\n", words.value()->text);
    EXPECT_EQ("one end\n", held->text);
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ(2u, words.counters().swaps);
    EXPECT_EQ(2u, words.counters().loads);
    EXPECT_FALSE(words.error());
    EXPECT_FALSE(words.take_error());
}

TEST_F(WatchedFile, OneStatAnInterval) {
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    for (int i = 0; i < 1000; ++i) {
        words.poll(later(kSecond / 100));
    }
    EXPECT_EQ(11u, words.stats());
    EXPECT_EQ(1u, words.counters().loads);
}

TEST_F(WatchedFile, OpenTellsWhatIsWrong) {
    auto missing = watch();
    auto opened = missing.open(now_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(Errc::kNotFound, opened.error().code);
    EXPECT_EQ(path_ + ": No such file or directory", opened.error().message);
    EXPECT_FALSE(missing.take_error());
    EXPECT_EQ(nullptr, missing.value());

    write("half");
    auto broken = watch();
    opened = broken.open(now_);
    ASSERT_FALSE(opened);
    EXPECT_EQ("no end", opened.error().message);
    write("whole end\n");
    EXPECT_TRUE(broken.poll(later()));
    EXPECT_EQ("whole end\n", broken.value()->text);
}

TEST_F(WatchedFile, PartlyWrittenFileKeepsTheOldAndIsToldOnce) {
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    write("tw");
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ("one end\n", words.value()->text);
    auto told = words.take_error();
    ASSERT_TRUE(told);
    EXPECT_EQ("no end", told->message);
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(words.poll(later()));
        EXPECT_FALSE(words.take_error());
    }
    EXPECT_TRUE(words.error());
    EXPECT_EQ(1u, words.counters().failures);
    write("two e");
    words.poll(later());
    EXPECT_TRUE(words.take_error());
    write("two end\n");
    EXPECT_TRUE(words.poll(later()));
    EXPECT_FALSE(words.error());
    EXPECT_EQ("two end\n", words.value()->text);
}

TEST_F(WatchedFile, RenameOver) {
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    // Same size and time: the inode tells.
    write(path_ + ".new", "two end\n");
    set_time(path_, 7);
    words.poll(later());
    set_time(path_ + ".new", 7);
    fs::rename(path_ + ".new", path_);
    EXPECT_TRUE(words.poll(later()));
    EXPECT_EQ("two end\n", words.value()->text);
}

TEST_F(WatchedFile, SwappedSymlinks) {
    // As Kubernetes does: words -> data/words, data -> folder, data swapped.
    for (const char* name : {"a", "b"}) {
        fs::create_directory(folder_ + "/" + name);
        write(folder_ + "/" + name + "/words",
              std::string("of ") + name + " end\n");
    }
    fs::create_directory_symlink(folder_ + "/a", folder_ + "/data");
    fs::create_symlink("data/words", path_);
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    EXPECT_EQ("of a end\n", words.value()->text);
    fs::create_directory_symlink(folder_ + "/b", folder_ + "/data.new");
    fs::rename(folder_ + "/data.new", folder_ + "/data");
    EXPECT_TRUE(words.poll(later()));
    EXPECT_EQ("of b end\n", words.value()->text);
    fs::remove(folder_ + "/data");
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ(Errc::kNotFound, words.take_error()->code);
    EXPECT_EQ("of b end\n", words.value()->text);
    fs::create_symlink("data", folder_ + "/data");  // a loop
    words.poll(later());
    EXPECT_EQ(Errc::kIo, words.take_error()->code);
}

TEST_F(WatchedFile, FlappingFileIsToldOnceEachTime) {
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    for (int i = 0; i < 3; ++i) {
        fs::rename(path_, path_ + ".away");
        for (int j = 0; j < 3; ++j) {
            EXPECT_FALSE(words.poll(later()));
            EXPECT_EQ(j == 0, words.take_error().has_value());
        }
        fs::rename(path_ + ".away", path_);
        // The same bytes again: no new value.
        EXPECT_FALSE(words.poll(later()));
        EXPECT_FALSE(words.error());
        EXPECT_EQ("one end\n", words.value()->text);
    }
    EXPECT_EQ(1u, words.counters().swaps);
    EXPECT_EQ(3u, words.counters().unchanged);
}

// Parsing may need memory or a descriptor that there is none of.
TEST_F(WatchedFile, WhatParsingHadNoMeansForIsTriedAgain) {
    write("one end\n");
    for (Feed feed : {Feed::kContent, Feed::kPath}) {
        bool means = true;
        Watched<Words> words(
            {path_, 1000, kSecond},
            [&means](Bytes bytes) -> Result<Words> {
                if (!means) {
                    return Error{Errc::kIo, "too many open files"};
                }
                return Words{std::string(bytes)};
            },
            feed);
        ASSERT_TRUE(words.open(now_));
        means = false;
        write("two end\n");
        for (int i = 0; i < 3; ++i) {
            EXPECT_FALSE(words.poll(later()));
            EXPECT_EQ(i == 0, words.take_error().has_value());
        }
        means = true;
        EXPECT_TRUE(words.poll(later()));
        EXPECT_FALSE(words.error());
        write("one end\n");
    }
}

TEST_F(WatchedFile, TouchIsNoChange) {
    write("one end\n");
    int parsed = 0;
    Watched<Words> words({path_, 1000, kSecond}, [&](Bytes content) {
        ++parsed;
        return parse_words(content);
    });
    ASSERT_TRUE(words.open(now_));
    set_time(path_, 5);
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ(1, parsed);
    EXPECT_EQ(1u, words.counters().unchanged);
}

TEST_F(WatchedFile, HugeFileIsNotRead) {
    write("one end\n");
    auto words = watch(100);
    ASSERT_TRUE(words.open(now_));
    write("");
    fs::resize_file(path_, uint64_t{1} << 40);  // a hole, no bytes on disk
    EXPECT_FALSE(words.poll(later()));
    auto told = words.take_error();
    ASSERT_TRUE(told);
    EXPECT_EQ(Errc::kTooLarge, told->code);
    EXPECT_EQ(path_ + ": more than 100 bytes", told->message);
    EXPECT_EQ("one end\n", words.value()->text);
    write(std::string(96, 'x') + "end\n");
    EXPECT_TRUE(words.poll(later()));
    EXPECT_EQ(100u, words.value()->text.size());
}

TEST_F(WatchedFile, OddKindsOfFiles) {
    ASSERT_EQ(0, mkfifo(path_.c_str(), 0600));
    auto fifo = watch();
    EXPECT_EQ(Errc::kUnsupported, fifo.open(now_).error().code);
    fs::remove(path_);
    fs::create_directory(path_);
    auto folder = watch();
    EXPECT_EQ(Errc::kUnsupported, folder.open(now_).error().code);
    Watched<Words> device({"/dev/zero", 1000, kSecond}, parse_words);
    EXPECT_EQ(Errc::kUnsupported, device.open(now_).error().code);
    Watched<Words> below({"/dev/zero/x", 1000, kSecond}, parse_words);
    EXPECT_EQ(Errc::kNotFound, below.open(now_).error().code);
}

TEST_F(WatchedFile, EmptyFileIsGivenToParse) {
    write("");
    auto words = watch();
    EXPECT_EQ("no end", words.open(now_).error().message);
}

TEST_F(WatchedFile, PermissionDeniedThenGranted) {
    if (geteuid() == 0) {
        // Root may read all; become somebody else for the duration.
        ASSERT_EQ(0, chmod(folder_.c_str(), 0777));
        ASSERT_EQ(0, seteuid(65534));
    }
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    write("two end\n");
    chmod(path_.c_str(), 0000);
    EXPECT_FALSE(words.poll(later()));
    auto told = words.take_error();
    ASSERT_TRUE(told);
    EXPECT_EQ(path_ + ": Permission denied", told->message);
    words.poll(later());
    EXPECT_FALSE(words.take_error());
    EXPECT_EQ("one end\n", words.value()->text);
    chmod(path_.c_str(), 0600);
    EXPECT_TRUE(words.poll(later()));
    EXPECT_EQ("two end\n", words.value()->text);
    EXPECT_EQ(0, seteuid(getuid()));
}

TEST_F(WatchedFile, YoungFileIsReadOnceMore) {
    write("one end\n");
    set_time(path_, 1000);
    auto words = watch();
    // The clock of the file is just now.
    FileStamp stamp = FileStamp::of(path_);
    now_.wall_ns = std::max(stamp.mtime_ns, stamp.ctime_ns) + kSecond / 10;
    ASSERT_TRUE(words.open(now_));
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ(1u, words.counters().loads);
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ(2u, words.counters().loads);
    EXPECT_EQ(1u, words.counters().unchanged);
    for (int i = 0; i < 5; ++i) {
        words.poll(later());
    }
    EXPECT_EQ(2u, words.counters().loads);
}

TEST_F(WatchedFile, FileFromTheFutureIsNotReadForEver) {
    write("one end\n");
    now_.wall_ns = 1000 * kSecond;
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    for (int i = 0; i < 10; ++i) {
        words.poll(later());
    }
    EXPECT_EQ(1u, words.counters().loads);
}

TEST_F(WatchedFile, LoadOffTheLoop) {
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    write("two end\n");
    ASSERT_TRUE(words.check(later()));
    std::optional<Watched<Words>::Loaded> loaded;
    std::thread thread([&] { loaded = words.load(); });
    // Meanwhile the loop goes on with the old value and asks for no more.
    EXPECT_FALSE(words.check(later()));
    EXPECT_EQ("one end\n", words.value()->text);
    thread.join();
    EXPECT_TRUE(words.swap(std::move(*loaded), now_));
    EXPECT_EQ("two end\n", words.value()->text);
    write("three end\n");
    ASSERT_TRUE(words.check(later()));
    words.abandon();
    EXPECT_TRUE(words.poll(later()));
    EXPECT_EQ("three end\n", words.value()->text);
}

TEST_F(WatchedFile, ChangeBetweenCheckAndLoadIsNotLost) {
    write("one end\n");
    auto words = watch();
    ASSERT_TRUE(words.open(now_));
    write("two end\n");
    ASSERT_TRUE(words.check(later()));
    write("three end\n");
    EXPECT_TRUE(words.swap(words.load(), now_));
    EXPECT_EQ("three end\n", words.value()->text);
    ASSERT_FALSE(words.check(later()));
    write("four end\n");
    ASSERT_TRUE(words.check(later()));
    auto loaded = words.load();
    write("five end\n");
    EXPECT_TRUE(words.swap(std::move(loaded), now_));
    EXPECT_EQ("four end\n", words.value()->text);
    EXPECT_TRUE(words.poll(later()));
    EXPECT_EQ("five end\n", words.value()->text);
}

TEST_F(WatchedFile, ByPath) {
    write("one end\n");
    Watched<Words> words(
        {path_, 100, kSecond},
        [](Bytes path) -> Result<Words> { return Words{std::string(path)}; },
        Feed::kPath);
    ASSERT_TRUE(words.open(now_));
    EXPECT_EQ(path_, words.value()->text);
    EXPECT_FALSE(words.poll(later()));
    write("two end\n");
    EXPECT_TRUE(words.poll(later()));
    write(std::string(101, 'x'));
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ(Errc::kTooLarge, words.take_error()->code);
    fs::remove(path_);
    EXPECT_FALSE(words.poll(later()));
    EXPECT_EQ(Errc::kNotFound, words.take_error()->code);
}

// A writer that rewrites in place without pause: whatever is swapped in is
// whole, as the parser demands it.
TEST_F(WatchedFile, WriterInPlaceNeverShowsAMixture) {
    auto text = [](int i) {
        return std::string(20000 + i % 7, static_cast<char>('a' + i % 26))
               + " end\n";
    };
    write(text(0));
    Watched<Words> words({path_, 100000, 0}, [](Bytes content) {
        auto parsed = parse_words(content);
        if (parsed && content.find_first_not_of(content[0])
                          != content.size() - 5) {
            return Result<Words>(Error{Errc::kInvalid, "mixture"});
        }
        return parsed;
    });
    ASSERT_TRUE(words.open(now_));
    std::atomic<bool> stop = false;
    std::thread writer([&] {
        for (int i = 0; !stop; ++i) {
            std::ofstream(path_, std::ios::trunc) << text(i);
        }
    });
    for (int i = 0; i < 300; ++i) {
        words.poll(later());
        const std::string& seen = words.value()->text;
        EXPECT_EQ(seen.size() - 5, seen.find_first_not_of(seen[0]));
    }
    stop = true;
    writer.join();
    write(text(3));
    words.poll(later());
    EXPECT_EQ(text(3), words.value()->text);
}

// Whoever replaces a file whole takes nothing from who reads the old one:
// a snapshot is written at any instant, and read when a new binary starts.
TEST_F(WatchedFile, ReplacedWhileItIsReadIsReadWhole) {
    constexpr size_t kLarge = size_t{32} << 20;  // takes some milliseconds
    constexpr size_t kSmall = 6;
    bool after = false;
    for (int i = 0; i < 10 && !after; i++) {
        write("small\n");
        fs::resize_file(path_, kLarge);
        write(path_ + ".new", "small\n");
        std::thread other([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(i));
            rename((path_ + ".new").c_str(), path_.c_str());
        });
        auto content = read_file(path_, kLarge);
        after = content.ok()
                && FileStamp::of(path_).ino != content->stamp.ino;
        other.join();
        ASSERT_TRUE(content.ok()) << content.error().message;
        EXPECT_TRUE(content->bytes.size() == kLarge
                    || content->bytes.size() == kSmall);
    }
}

}  // namespace
}  // namespace llm::watch
