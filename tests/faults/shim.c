/* Preloaded into a process, this library stands between it and the files under one folder. Once armed it counts the
 * calls of chosen kinds, and makes one of them fail, come short, or be the last that the process makes; or it writes
 * down everything that changes a file, in order, so that the states which a power cut leaves can be made from it. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNC = 2, UNLINK = 4, READ = 8, OPEN = 16, LOCK = 32, OPEN_TO_WRITE = 64 };
enum action { FAIL_ONCE = 1, FAIL_FROM_THEN_ON, SHORT_ONCE, SHORT_THEN_FAIL, KILL_BEFORE, KILL_INSIDE };
enum verdict { GO_ON, REFUSE, HALVE };

static char folder[PATH_MAX];
static int kinds, action, error_number, tape = -1;
static long fatal_call;
static long seen;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

/* From now on the `at`-th call of `which` kinds meets its fate; 0 for never. `log` is a descriptor to record to, or -1. */
void fault_arm(const char *under, int which, long at, int what, int error, int log)
{
    snprintf(folder, sizeof folder, "%s/", under);
    kinds = which, fatal_call = at, action = what, error_number = error, tape = log, seen = 0;
}

long fault_seen(void) { return seen; }

static int watched(const char *path)
{
    size_t length = strlen(folder);
    return length && (!strncmp(path, folder, length) || (strlen(path) == length - 1 && !strncmp(path, folder, length - 1)));
}

static int path_of(int descriptor, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return watched(path);
}

static int absolute(int at, const char *name, char *path)
{
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char base[PATH_MAX] = "";
        if (at == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            path_of(at, base);
        }
        snprintf(path, PATH_MAX, "%.2000s/%.2000s", base, name);
    }
    return watched(path);
}

static enum verdict fate(int kind)
{
    if (!(kinds & kind) || !fatal_call) return GO_ON;
    long number = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (number != fatal_call && !((action == FAIL_FROM_THEN_ON || action == SHORT_THEN_FAIL) && number > fatal_call))
        return GO_ON;
    if (action == KILL_BEFORE) kill(getpid(), SIGKILL);
    if (number == fatal_call && (action == SHORT_ONCE || action == SHORT_THEN_FAIL || action == KILL_INSIDE)) return HALVE;
    errno = error_number;
    return REFUSE;
}

struct entry { int32_t what, name_length; int64_t offset, size; };

static void record(char what, const char *name, off_t offset, const void *data, size_t size)
{
    struct entry head = {what, (int32_t)strlen(name), offset, (int64_t)size};
    if (syscall(SYS_write, tape, &head, sizeof head) < 0 || syscall(SYS_write, tape, name, strlen(name)) < 0 ||
        (size && syscall(SYS_write, tape, data, size) < 0))
        abort();
}

/* What the process itself has to say, in its place among the calls. */
void fault_note(const char *text)
{
    if (tape < 0) return;
    pthread_mutex_lock(&order);
    record('N', "", 0, text, strlen(text));
    pthread_mutex_unlock(&order);
}

/* Bytes to a file: all, half of them, or none. `offset` is -1 for where the file stands. */
static ssize_t put(int descriptor, const void *data, size_t size, off_t offset)
{
    char path[PATH_MAX];
    int ours = folder[0] && path_of(descriptor, path);
    enum verdict verdict = ours ? fate(WRITE) : GO_ON;
    if (verdict == REFUSE) return -1;
    if (verdict == HALVE && size > 1) size /= 2;
    if (ours && tape >= 0) pthread_mutex_lock(&order);
    off_t start = offset >= 0 ? offset : lseek(descriptor, 0, SEEK_CUR);
    ssize_t done = offset >= 0 ? syscall(SYS_pwrite64, descriptor, data, size, offset)
                               : syscall(SYS_write, descriptor, data, size);
    if (ours && tape >= 0) {
        if (done > 0) record('W', path, start, data, (size_t)done);
        pthread_mutex_unlock(&order);
    }
    if (verdict == HALVE && action == KILL_INSIDE) kill(getpid(), SIGKILL);
    return done;
}

ssize_t write(int descriptor, const void *data, size_t size) { return put(descriptor, data, size, -1); }
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) { return put(descriptor, data, size, at); }
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) { return put(descriptor, data, size, at); }

/* Whoever is refused this copies by reading and writing, which is seen. */
ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
    char path[PATH_MAX];
    if (folder[0] && path_of(to, path)) return errno = EINVAL, -1;
    return syscall(SYS_sendfile, to, from, offset, size);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) { return sendfile(to, from, offset, size); }

static ssize_t take(int descriptor, void *data, size_t size, off_t offset)
{
    char path[PATH_MAX];
    enum verdict verdict = folder[0] && (kinds & READ) && path_of(descriptor, path) ? fate(READ) : GO_ON;
    if (verdict == REFUSE) return -1;
    if (verdict == HALVE && size > 1) size /= 2;
    ssize_t done = offset >= 0 ? syscall(SYS_pread64, descriptor, data, size, offset)
                               : syscall(SYS_read, descriptor, data, size);
    if (verdict == HALVE && action == KILL_INSIDE) kill(getpid(), SIGKILL);
    return done;
}

ssize_t read(int descriptor, void *data, size_t size) { return take(descriptor, data, size, -1); }
ssize_t pread(int descriptor, void *data, size_t size, off_t at) { return take(descriptor, data, size, at); }
ssize_t pread64(int descriptor, void *data, size_t size, off64_t at) { return take(descriptor, data, size, at); }

/* One call that either happens or does not, and its line in the record. */
#define WHOLE(kind, what, path, ours, offset, other, other_size, call)                                                 \
    do {                                                                                                               \
        enum verdict verdict = (ours) ? fate(kind) : GO_ON;                                                            \
        if (verdict == REFUSE) return -1;                                                                              \
        if ((ours) && tape >= 0) pthread_mutex_lock(&order);                                                           \
        int done = (int)(call);                                                                                        \
        if ((ours) && tape >= 0) {                                                                                     \
            if (done >= 0) record(what, path, offset, other, other_size);                                              \
            pthread_mutex_unlock(&order);                                                                              \
        }                                                                                                              \
        if (verdict == HALVE && action == KILL_INSIDE) kill(getpid(), SIGKILL);                                        \
        return done;                                                                                                   \
    } while (0)

int ftruncate(int descriptor, off_t size)
{
    char path[PATH_MAX];
    int ours = folder[0] && path_of(descriptor, path);
    WHOLE(WRITE, 'T', path, ours, size, NULL, 0, syscall(SYS_ftruncate, descriptor, size));
}
int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

int fsync(int descriptor)
{
    char path[PATH_MAX];
    int ours = folder[0] && path_of(descriptor, path);
    WHOLE(SYNC, 'S', path, ours, 0, NULL, 0, syscall(SYS_fsync, descriptor));
}

int fdatasync(int descriptor)
{
    char path[PATH_MAX];
    int ours = folder[0] && path_of(descriptor, path);
    WHOLE(SYNC, 'S', path, ours, 0, NULL, 0, syscall(SYS_fdatasync, descriptor));
}

int unlinkat(int at, const char *name, int flags)
{
    char path[PATH_MAX];
    int ours = folder[0] && absolute(at, name, path);
    WHOLE(UNLINK, 'U', path, ours, 0, NULL, 0, syscall(SYS_unlinkat, at, name, flags));
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int renameat(int from, const char *old, int to, const char *new)
{
    char path[PATH_MAX], target[PATH_MAX];
    int ours = folder[0] && absolute(to, new, target) && absolute(from, old, path);
    WHOLE(UNLINK, 'R', path, ours, 0, target, strlen(target), syscall(SYS_renameat2, from, old, to, new, 0));
}
int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    char path[PATH_MAX], target[PATH_MAX];
    int ours = folder[0] && absolute(to, new, target) && absolute(from, old, path);
    WHOLE(UNLINK, 'L', path, ours, 0, target, strlen(target), syscall(SYS_linkat, from, old, to, new, flags));
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

static int opened(int at, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    int ours = folder[0] && absolute(at, name, path);
    int new = (flags & O_CREAT) && ours && syscall(SYS_faccessat, AT_FDCWD, path, F_OK);
    int emptied = (flags & O_TRUNC) && ours;
    int kind = flags & (O_WRONLY | O_RDWR | O_CREAT) ? OPEN | OPEN_TO_WRITE : OPEN;
    WHOLE(kind, new ? 'C' : emptied ? 'T' : 'O', path, ours, 0, NULL, 0, syscall(SYS_openat, at, name, flags, mode));
}

#define MODE(flags, last)                                                                                              \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, last);                                                                                          \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }
int open(const char *name, int flags, ...) { MODE(flags, flags) return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags, flags) return opened(AT_FDCWD, name, flags, mode); }
int openat(int at, const char *name, int flags, ...) { MODE(flags, flags) return opened(at, name, flags, mode); }
int openat64(int at, const char *name, int flags, ...) { MODE(flags, flags) return opened(at, name, flags, mode); }

static int controlled(int descriptor, int command, void *argument)
{
    char path[PATH_MAX];
    int locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK;
    if (locks && folder[0] && (kinds & LOCK) && path_of(descriptor, path) && fate(LOCK) == REFUSE) return -1;
    return (int)syscall(SYS_fcntl, descriptor, command, argument);
}

#define ARGUMENT                                                                                                       \
    va_list rest;                                                                                                      \
    va_start(rest, command);                                                                                           \
    void *argument = va_arg(rest, void *);                                                                             \
    va_end(rest);
int fcntl(int descriptor, int command, ...) { ARGUMENT return controlled(descriptor, command, argument); }
int fcntl64(int descriptor, int command, ...) { ARGUMENT return controlled(descriptor, command, argument); }

int flock(int descriptor, int operation)
{
    char path[PATH_MAX];
    if (folder[0] && (kinds & LOCK) && path_of(descriptor, path) && fate(LOCK) == REFUSE) return -1;
    return (int)syscall(SYS_flock, descriptor, operation);
}
