/* The wall clock, moved: for tests of calendar windows. Preloaded into nginx;
 * the file that LLM_CLOCK names holds how many seconds it is off, as a native
 * 64-bit integer that the test changes while nginx runs. The monotonic clock
 * stays as it is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *off;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LLM_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY) : -1;
    void *memory;

    if (fd < 0) {
        return;
    }
    memory = mmap(NULL, sizeof(*off), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    off = memory == MAP_FAILED ? NULL : memory;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && off != NULL && id == CLOCK_REALTIME) {
        ts->tv_sec += *off;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;

    (void) zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (out != NULL) {
        *out = ts.tv_sec;
    }
    return ts.tv_sec;
}
