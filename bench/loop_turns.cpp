// loop_turns: how long nginx's event loop is away, measured inside the
// process. Loaded with LD_PRELOAD it stands before epoll_wait(): a turn is
// what happens between the return of one call that brought events and the
// next call. Counted is the thread's CPU time, so that other processes on a
// crowded machine do not enter it.
//
// LLM_LOOP_TURNS names a file of kBytes zero bytes, shared with whoever reads
// it (bench/semantic_proxy.pl), who may also zero it between runs. Its form,
// all unsigned 64-bit numbers of the machine:
//
//   [0] turns   [1] events   [2] the longest turn, ns
//   [3 + i] turns of i to i + 1 microseconds, the last one: and more
//
// Without that variable it does nothing. One event loop a process; processes
// that share the file (nginx's master never waits here) add up.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

constexpr uint64_t kBuckets = 2000;
constexpr uint64_t kBytes = (3 + kBuckets) * sizeof(uint64_t);

using EpollWait = int (*)(int, epoll_event*, int, int);

uint64_t* map_counters() {
    const char* path = std::getenv("LLM_LOOP_TURNS");
    int file = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) {
        return nullptr;
    }
    void* bytes =
        mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return bytes == MAP_FAILED ? nullptr : static_cast<uint64_t*>(bytes);
}

// When the library is loaded: nginx's workers have an environment of their own.
uint64_t* const kCounters = map_counters();

uint64_t thread_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000
           + static_cast<uint64_t>(now.tv_nsec);
}

void add(uint64_t* counters, uint64_t ns, int events) {
    counters[0]++;
    counters[1] += static_cast<uint64_t>(events);
    if (ns > counters[2]) {
        counters[2] = ns;
    }
    uint64_t bucket = ns / 1000;
    counters[3 + (bucket < kBuckets ? bucket : kBuckets - 1)]++;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int epoll_wait(
    int epoll, epoll_event* events, int size, int timeout) {
    static const auto next =
        reinterpret_cast<EpollWait>(dlsym(RTLD_NEXT, "epoll_wait"));
    thread_local uint64_t start = 0;
    thread_local int brought = 0;
    if (kCounters != nullptr && brought > 0) {
        add(kCounters, thread_ns() - start, brought);
    }
    brought = next(epoll, events, size, timeout);
    start = kCounters != nullptr ? thread_ns() : 0;
    return brought;
}
