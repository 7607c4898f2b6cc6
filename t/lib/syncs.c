/* What is written to files, in which order it comes to the disk: for tests of
 * what a loss of power would leave. Preloaded into a program; a line for each
 * write, fsync and rename on a path below LLM_SYNCS_UNDER goes to the file
 * that LLM_SYNCS names, once the call has succeeded:
 *
 *     write PATH | fsync PATH | rename OLD NEW
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char under[PATH_MAX];
static int  list = -1;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LLM_SYNCS");
    const char *folder = getenv("LLM_SYNCS_UNDER");

    if (path == NULL || folder == NULL) {
        return;
    }
    /* Out of the way of who counts on its first numbers. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0666);
    list = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    close(fd);
    snprintf(under, sizeof(under), "%s", folder);
}

static void tell(const char *what, const char *path, const char *more)
{
    char line[2 * PATH_MAX + 64];

    if (list < 0 || strncmp(path, under, strlen(under)) != 0) {
        return;
    }
    int n = snprintf(line, sizeof(line), "%s %s%s%s\n", what, path,
                     more != NULL ? " " : "", more != NULL ? more : "");
    (void) !syscall(SYS_write, list, line, (size_t) n);
}

static void tell_of(const char *what, int fd)
{
    char link[64], path[PATH_MAX];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n > 0) {
        path[n] = '\0';
        tell(what, path, NULL);
    }
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    ssize_t n = next(fd, bytes, size);

    if (n > 0 && list >= 0) {
        tell_of("write", fd);
    }
    return n;
}

static int synced(const char *name, int fd)
{
    int (*next)(int) = dlsym(RTLD_NEXT, name);
    int rc = next(fd);

    if (rc == 0) {
        tell_of("fsync", fd);
    }
    return rc;
}

int fsync(int fd)
{
    return synced("fsync", fd);
}

int fdatasync(int fd)
{
    return synced("fdatasync", fd);
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    int rc = next(from, to);

    if (rc == 0) {
        tell("rename", from, to);
    }
    return rc;
}
