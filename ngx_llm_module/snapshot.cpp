#include "ngx_llm_module/snapshot.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "ngx_llm_module/alert.hpp"
#include "ngx_llm_module/background.hpp"
#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/limit/snapshot.hpp"
#include "src/metrics/families.hpp"
#include "src/watch/file.hpp"

namespace llm::door {
namespace {

constexpr size_t kMaxFile = size_t{1} << 30;
constexpr uint32_t kAccountsAtOnce = 4096;

struct Writer {
    std::string path;  // empty: this worker writes nothing
    int64_t interval_ns = 0;
    int64_t next_ns = 0;
    bool busy = false;
};

Writer& writer() {
    static Writer instance;
    return instance;
}

Result<std::string> gather(limit::Ledger& ledger, const Digest& secret,
                           Now now) {
    std::string bytes;
    limit::append_snapshot_head(bytes, now.wall_ns, ledger.keys(), secret);
    std::vector<limit::SavedAccount> accounts;
    uint32_t from = 0;
    do {
        accounts.clear();
        auto next = ledger.save(from, kAccountsAtOnce, accounts, now);
        if (!next.ok()) {
            return next.error();
        }
        limit::append_snapshot_accounts(bytes, accounts);
        from = *next;
    } while (from != 0);
    return bytes;
}

Error failure(const std::string& what, const std::string& path) {
    return {Errc::kIo, what + " \"" + path + "\": " + std::strerror(errno)
                           + "; the workers need a directory that they may "
                             "write to, and room in it"};
}

Result<void> write_all(int fd, Bytes bytes, const std::string& path) {
    while (!bytes.empty()) {
        ssize_t n = write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return failure("writing", path);
        }
        bytes.remove_prefix(static_cast<size_t>(n));
    }
    return fsync(fd) == 0 ? Result<void>{} : failure("fsync of", path);
}

std::string folder_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

// A new name is on the disk when its folder is. One that may be written to but
// not read cannot be synced, and a file system may know no such thing (EINVAL):
// then a loss of power may leave the old file, which is whole, too.
Result<void> sync_folder(const std::string& path) {
    std::string folder = folder_of(path) + "/";
    int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == EACCES ? Result<void>{} : failure("opening", folder);
    }
    Result<void> done;
    if (fsync(fd) != 0 && errno != EINVAL) {
        done = failure("fsync of", folder);
    }
    close(fd);
    return done;
}

// Whole or not at all: the old file stays until the new one is on the disk.
// `alone`: no other process does this now, so what a killed one left behind is
// written over.
Result<void> replace_file(const std::string& path, Bytes bytes, bool alone) {
    std::string temporary =
        path + (alone ? "" : "." + std::to_string(ngx_pid)) + ".tmp";
    int fd = open(temporary.c_str(),
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    if (fd < 0) {
        return failure("creating", temporary);
    }
    Result<void> done = write_all(fd, bytes, temporary);
    close(fd);
    if (done.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
        done = failure("renaming", temporary);
    }
    if (!done.ok()) {
        (void) unlink(temporary.c_str());
        return done;
    }
    return sync_folder(path);
}

// One process after the other gathers and writes, or what was gathered first
// might be written last. The lock is a file that the workers alone can open:
// whoever may read the directory could lock that, and keep them waiting. Where
// there is no lock to be had it is written all the same.
class Turn {
public:
    explicit Turn(const std::string& path)
        : fd_(open((path + ".lock").c_str(),
                   O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        while (fd_ >= 0 && !held_) {
            held_ = flock(fd_, LOCK_EX) == 0;
            if (!held_ && errno != EINTR) {
                break;
            }
        }
    }
    ~Turn() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }
    bool is_held() const { return held_; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    int fd_;
    bool held_ = false;
};

// Which nginx the file belongs to: locked through a descriptor that all of its
// processes have from the master, so that the lock ends with the last of them.
// Root opens it in a directory of the workers: what they may have put there is
// neither followed nor waited for.
struct Claim {
    std::string path;
    int fd = -1;

    void take(const std::string& of) {
        if (of == path && fd >= 0) {
            return;
        }
        if (fd >= 0) {
            close(fd);
        }
        path = of;
        fd = of.empty() ? -1
                        : open((of + ".owner").c_str(),
                               O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW
                                   | O_NONBLOCK,
                               0600);
    }
    // An upgraded binary shares the file with the one that it replaces.
    bool is_refused() const {
        return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0
               && errno == EWOULDBLOCK && !ngx_inherited;
    }
};

Claim& claim() {
    static Claim instance;
    return instance;
}

Result<void> write_snapshot(limit::Ledger ledger, const Digest& secret,
                            const std::string& path, Now now) {
    Turn turn(path);
    // The file is the other zone's: what it has written must not be replaced
    // by what stood here when it was made.
    if (zone_is_handed_over()) {
        return {};
    }
    if (claim().is_refused()) {
        return Error{Errc::kInvalid,
                     "\"" + path + "\" is another nginx's: nothing is written "
                     "there until that one has ended; each needs a file of "
                     "its own"};
    }
    Result<std::string> bytes = gather(ledger, secret, now);
    return bytes.ok() ? replace_file(path, *bytes, turn.is_held())
                      : bytes.error();
}

// Once for each cause, not at every interval; whether it was now.
bool complain_of(const Result<void>& done, ngx_log_t* log) {
    static std::string last;
    std::string text = done.ok() ? std::string() : done.error().message;
    bool news = !text.empty() && text != last;
    if (news) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm: llm_snapshot: %s", text.c_str());
    }
    last = std::move(text);
    return news;
}

void tell_written(const Result<void>& done, ngx_log_t* log) {
    if (done.ok() && zone_is_handed_over()) {
        return;
    }
    worker_services()
        .metrics
        .counter(metrics::kSnapshots, {done.ok() ? "written" : "failed"})
        .add();
    if (complain_of(done, log)) {
        alert(AlertKind::kFileFailed, AlertFields()
                                          .add("file", "snapshot")
                                          .add("path", writer().path)
                                          .add("reason",
                                               done.error().message));
    }
}

// The master makes the directory where there is none, for the workers' user.
// One that stands there is the operator's.
Result<void> make_directory(ngx_cycle_t* cycle, const std::string& path) {
    std::string directory = folder_of(path);
    if (directory.empty() || mkdir(directory.c_str(), 0700) != 0) {
        return directory.empty() || errno == EEXIST
                   ? Result<void>{}
                   : failure("creating", directory);
    }
    auto* core = reinterpret_cast<ngx_core_conf_t*>(
        ngx_get_conf(cycle->conf_ctx, ngx_core_module));
    if (geteuid() == 0
        && chown(directory.c_str(), core->user,
                 static_cast<gid_t>(-1)) != 0) {
        return failure("chown of", directory);
    }
    return {};
}

// A file of another version, say, or one on a disk that fails: the next one
// would replace it.
void begin_anew(const std::string& path, const std::string& why,
                ngx_log_t* log) {
    bool kept = !ngx_test_config
                && rename(path.c_str(), (path + ".bad").c_str()) == 0;
    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "llm: llm_snapshot: %s; starting with nothing spent%s",
                  why.c_str(), kept ? ", and it is kept as .bad" : "");
}

}  // namespace

void claim_snapshot(ngx_cycle_t* cycle, const LimitMain& conf) {
    std::string path(view(conf.snapshot));
    (void) complain_of(make_directory(cycle, path), cycle->log);
    claim().take(path);
    (void) claim().is_refused();
}

void restore_snapshot(const LimitMain& conf, limit::Ledger& ledger,
                      Digest& secret, ngx_log_t* log) {
    if (conf.snapshot.len == 0) {
        return;
    }
    std::string path(view(conf.snapshot));
    auto file = watch::read_file(path, kMaxFile);
    if (!file.ok()) {
        if (file.error().code != Errc::kNotFound) {
            begin_anew(path, file.error().message, log);
        }
        return;
    }
    auto snapshot = limit::read_snapshot(file->bytes);
    if (!snapshot.ok()) {
        begin_anew(path, "\"" + path + "\": " + snapshot.error().message,
                   log);
        return;
    }
    secret = snapshot->secret;
    uint32_t homeless = 0;
    auto restored =
        ledger.restore(snapshot->keys, snapshot->accounts, snapshot->wall_ns,
                       true, now(), &homeless);
    if (!restored.ok()) {
        ngx_log_error(NGX_LOG_WARN, log, 0, "llm: llm_snapshot: \"%s\": %s",
                      path.c_str(), restored.error().message.c_str());
        return;
    }
    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "llm: llm_snapshot: %uD accounts of \"%s\" are back",
                  *restored, path.c_str());
    if (homeless > 0) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "llm: llm_snapshot: %uD accounts of \"%s\" find no "
                      "room in llm_zone, what they have spent is forgotten: "
                      "a larger one is needed",
                      homeless, path.c_str());
    }
    if (snapshot->ignored_bytes > 0) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "llm: llm_snapshot: %uz bytes of \"%s\" are damaged and "
                      "were ignored: what stood there begins anew",
                      snapshot->ignored_bytes, path.c_str());
    }
}

void start_snapshots(ngx_cycle_t*, MainConf& conf) {
    writer() = {};
    if (conf.limit.snapshot.len == 0 || !worker_services().ledger) {
        return;
    }
    writer().path = view(conf.limit.snapshot);
    writer().interval_ns =
        static_cast<int64_t>(conf.limit.snapshot_interval) * 1000000;
    writer().next_ns = now().mono_ns + writer().interval_ns;
}

void tick_snapshots(ngx_cycle_t* cycle, MainConf&, Now now) {
    Writer& self = writer();
    if (self.path.empty() || ngx_worker != 0 || self.busy
        || now.mono_ns < self.next_ns) {
        return;
    }
    self.next_ns = now.mono_ns + self.interval_ns;
    // What stays there when memory runs out on the thread.
    auto done = std::make_shared<Result<void>>(
        Error{Errc::kNoSpace, "out of memory"});
    ngx_log_t* log = cycle->log;
    self.busy = run_in_background(
        log,
        [done, ledger = worker_services().ledger, secret = zone_secret(),
         path = self.path, now] {
            *done = write_snapshot(ledger, secret, path, now);
        },
        [done, log] {
            writer().busy = false;
            tell_written(*done, log);
        });
}

void stop_snapshots(ngx_cycle_t* cycle) {
    Writer& self = writer();
    if (!self.path.empty()) {
        tell_written(write_snapshot(worker_services().ledger, zone_secret(),
                                    self.path, now()),
                     cycle->log);
    }
}

}  // namespace llm::door
