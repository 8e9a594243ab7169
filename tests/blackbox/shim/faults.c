/* A bad disk under a server that knows nothing of it: preloaded in front of the C library.
 *
 * Only what lies below BERTH_SHIM_DIR is touched. BERTH_SHIM_RULE is OP@PATTERN@N@ACTION: the Nth
 * OP (write, sync, dirsync, rename, unlink) on a path that contains PATTERN. ACTION is
 *   kill-before, kill-after   the process dies there, as by kill -9
 *   half                      half of the write gets there, then the process dies
 *   cut-before, cut-after     the power fails there
 *   eio                       it fails once with EIO (a sync: and nothing reached the disk)
 *   full                      every write from there on fails with ENOSPC
 *   slow-MS                   every sync from there on takes so much longer
 * With BERTH_SHIM_POWER=lose|some:SEED the power can fail, also when somebody writes to the fifo
 * BERTH_SHIM_FIFO: what was not synced is taken back, and the process dies. `lose` takes back all
 * of it, `some` what the seed says, sector by sector, and the names from one on. BERTH_SHIM_LOG is
 * told what was done.
 *
 * The model: bytes are safe once their file was synced, names once their directory was. A sector of
 * 512 bytes is written whole or not at all. sync_file_range makes nothing safe. */
#define _GNU_SOURCE
#include <dlfcn.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SECTOR = 512, PATHS = 1024 };

/* What a sector was when its file was synced last. */
struct old {
    struct old *next;
    uint64_t sector;
    uint32_t len;
    unsigned char bytes[SECTOR];
};

struct map {
    struct old *first;
    struct old **slots;
    size_t size, count;
};

struct file {
    struct file *next;
    dev_t dev;
    ino_t ino;
    int fd;
    off_t size, syncing_size;
    struct map dirty, syncing;
};

struct name {
    struct name *next;
    int kind; /* 'c'reated a, 'r'enamed a to b, 'u'nlinked a, kept as b */
    char dir[PATHS], a[PATHS], b[PATHS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *dir;
static size_t dir_len;
static int has_power, log_fd = -1, kept;
static uint64_t dice;
static struct file *files;
static struct name *names; /* latest first */
static char rule_op[16], rule_pattern[128], rule_action[32];
static long rule_nth, seen;
static int is_full;
static long slow_ms;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int), (*real_fsync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_open)(const char *, int, ...);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

static void tell(const char *form, ...) {
    char line[2 * PATHS];
    va_list args;
    if (log_fd < 0) return;
    va_start(args, form);
    int n = vsnprintf(line, sizeof line, form, args);
    va_end(args);
    if (n > 0) syscall(SYS_write, log_fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line);
}

static void die(void) {
    for (;;) kill(getpid(), SIGKILL);
}

static uint64_t throw_dice(void) {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
}

static int is_ours(const char *path) {
    return dir && strncmp(path, dir, dir_len) == 0 && (path[dir_len] == '/' || !path[dir_len]);
}

/* The path of an open file; 0 if it is none of ours. */
static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATHS - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return is_ours(path);
}

static void full_path(const char *path, char *full) {
    if (path[0] == '/') {
        snprintf(full, PATHS, "%s", path);
    } else {
        char here[PATHS / 2];
        snprintf(full, PATHS, "%s/%s", getcwd(here, sizeof here) ? here : "", path);
    }
}

static void parent_of(const char *path, char *parent) {
    snprintf(parent, PATHS, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) *slash = 0;
}

static struct old **slot(struct map *map, uint64_t sector) {
    size_t at = (sector * 0x9e3779b97f4a7c15ull >> 20) & (map->size - 1);
    while (map->slots[at] && map->slots[at]->sector != sector) at = (at + 1) & (map->size - 1);
    return &map->slots[at];
}

static void put(struct map *map, struct old *old) {
    if (map->count * 2 >= map->size) {
        size_t size = map->size ? map->size * 2 : 64;
        free(map->slots);
        map->slots = calloc(size, sizeof *map->slots);
        map->size = size;
        for (struct old *each = map->first; each; each = each->next) *slot(map, each->sector) = each;
    }
    old->next = map->first;
    map->first = old;
    *slot(map, old->sector) = old;
    map->count++;
}

static void clear(struct map *map) {
    for (struct old *old = map->first; old;) {
        struct old *next = old->next;
        free(old);
        old = next;
    }
    free(map->slots);
    memset(map, 0, sizeof *map);
}

static struct file *file_of(int fd) {
    struct stat stat;
    if (fstat(fd, &stat) || !S_ISREG(stat.st_mode)) return NULL;
    for (struct file *file = files; file; file = file->next)
        if (file->dev == stat.st_dev && file->ino == stat.st_ino) return file;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own = real_open(link, O_RDWR | O_CLOEXEC);
    if (own < 0) return NULL;
    struct file *file = calloc(1, sizeof *file);
    file->dev = stat.st_dev;
    file->ino = stat.st_ino;
    file->fd = own;
    file->size = file->syncing_size = stat.st_size;
    file->next = files;
    return files = file;
}

/* Remembers what a write is about to cover. What lies behind the synced end needs no memory. */
static void remember(struct file *file, off_t at, size_t len) {
    uint64_t last = (at + len + SECTOR - 1) / SECTOR;
    struct stat stat;
    off_t end = fstat(file->fd, &stat) ? 0 : stat.st_size;
    for (uint64_t sector = at / SECTOR; sector < last; sector++) {
        if ((off_t)(sector * SECTOR) >= end) break;
        if (file->dirty.size && *slot(&file->dirty, sector)) continue;
        struct old *old = malloc(sizeof *old);
        ssize_t n = pread(file->fd, old->bytes, SECTOR, sector * SECTOR);
        old->sector = sector;
        old->len = n > 0 ? n : 0;
        put(&file->dirty, old);
    }
}

static void restore(struct file *file, struct map *map, long *lost, long *stayed) {
    for (struct old *old = map->first; old; old = old->next) {
        if (kept && throw_dice() % 2) {
            ++*stayed;
            continue;
        }
        ++*lost;
        real_pwrite(file->fd, old->bytes, old->len, old->sector * SECTOR);
    }
}

static void cut_power(const char *why) {
    long lost = 0, stayed = 0, named = 0;
    for (struct file *file = files; file; file = file->next) {
        struct stat stat;
        off_t end = fstat(file->fd, &stat) ? 0 : stat.st_size;
        restore(file, &file->dirty, &lost, &stayed);
        restore(file, &file->syncing, &lost, &stayed);
        /* What is behind the synced end goes, or a part of it stays. */
        off_t keep = file->size;
        if (kept && end > keep) keep += throw_dice() % (end - keep + 1) / SECTOR * SECTOR;
        if (end > keep) real_ftruncate(file->fd, keep), lost += (end - keep) / SECTOR;
    }
    long total = 0, undone;
    for (struct name *name = names; name; name = name->next) total++;
    undone = kept && total ? (long)(throw_dice() % (total + 1)) : total;
    for (struct name *name = names; name && undone; name = name->next, undone--, named++) {
        if (name->kind == 'c') real_unlink(name->a);
        if (name->kind == 'r') real_rename(name->b, name->a);
        if (name->kind == 'u') real_rename(name->b, name->a);
    }
    tell("cut at %s: %ld sectors lost, %ld stayed, %ld of %ld names\n", why, lost, stayed, named, total);
    die();
}

static void *watch(void *fifo) {
    char byte;
    int fd = real_open(fifo, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &byte, 1) != 1) return NULL;
    pthread_mutex_lock(&lock);
    cut_power("the fifo");
    return NULL;
}

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_open = dlsym(RTLD_NEXT, "open64");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *rule = getenv("BERTH_SHIM_RULE"), *power = getenv("BERTH_SHIM_POWER");
    const char *log = getenv("BERTH_SHIM_LOG");
    char *fifo = getenv("BERTH_SHIM_FIFO");
    dir = getenv("BERTH_SHIM_DIR");
    if (!dir) return;
    dir_len = strlen(dir);
    if (log) log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (rule && sscanf(rule, "%15[^@]@%127[^@]@%ld@%31s", rule_op, rule_pattern, &rule_nth,
                       rule_action) != 4)
        tell("no rule: %s\n", rule), die();
    if (power) {
        has_power = 1;
        kept = strncmp(power, "some:", 5) == 0;
        dice = kept ? strtoull(power + 5, NULL, 10) * 2654435761u + 88172645463325252ull : 1;
        pthread_t thread;
        if (fifo && pthread_create(&thread, NULL, watch, fifo)) tell("no watcher\n"), die();
    }
}

/* Whether the rule says that something happens now. */
static int strikes(const char *op, const char *path) {
    if (!rule_nth || strcmp(op, rule_op) || !strstr(path + dir_len, rule_pattern)) return 0;
    return __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) == rule_nth;
}

static int says(const char *action) {
    return strcmp(rule_action, action) == 0;
}

static void strike(const char *op, const char *path, const char *when) {
    char kill_word[16], cut_word[16], why[2 * PATHS];
    snprintf(kill_word, sizeof kill_word, "kill-%s", when);
    snprintf(cut_word, sizeof cut_word, "cut-%s", when);
    snprintf(why, sizeof why, "%s %s %s %ld", when, op, path + dir_len, rule_nth);
    if (says(kill_word)) tell("%s\n", why), die();
    if (says(cut_word)) {
        pthread_mutex_lock(&lock);
        cut_power(why);
    }
}

static ssize_t do_write(int fd, const void *bytes, size_t len, off_t at, int has_offset) {
    char path[PATHS];
    if (!dir || !path_of(fd, path))
        return has_offset ? real_pwrite(fd, bytes, len, at) : real_write(fd, bytes, len);
    int now = strikes("write", path);
    if (now && says("full")) is_full = 1, tell("full at write %s\n", path + dir_len);
    if (is_full && strstr(path + dir_len, rule_pattern)) return errno = ENOSPC, -1;
    if (now && says("eio")) return tell("eio at write %s\n", path + dir_len), errno = EIO, -1;
    if (now) strike("write", path, "before");
    if (has_power) pthread_mutex_lock(&lock);
    if (!has_offset) at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    struct file *file = has_power ? file_of(fd) : NULL;
    if (file) remember(file, at, len);
    if (now && says("half")) {
        real_pwrite(fd, bytes, len / 2, at);
        tell("half of write %s %ld\n", path + dir_len, rule_nth);
        die();
    }
    ssize_t done = has_offset ? real_pwrite(fd, bytes, len, at) : real_write(fd, bytes, len);
    if (has_power) pthread_mutex_unlock(&lock);
    if (now) strike("write", path, "after");
    return done;
}

ssize_t write(int fd, const void *bytes, size_t len) {
    if (!real_write) return syscall(SYS_write, fd, bytes, len);
    return do_write(fd, bytes, len, 0, 0);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at) {
    return do_write(fd, bytes, len, at, 1);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    return do_write(fd, bytes, len, at, 1);
}

static void names_are_safe(const char *path) {
    pthread_mutex_lock(&lock);
    for (struct name **at = &names; *at;) {
        struct name *name = *at;
        if (strcmp(name->dir, path) == 0) {
            if (name->kind == 'u') real_unlink(name->b);
            *at = name->next;
            free(name);
        } else {
            at = &name->next;
        }
    }
    pthread_mutex_unlock(&lock);
}

static int do_sync(int fd, int (*real)(int)) {
    char path[PATHS];
    struct stat stat;
    if (!dir || !path_of(fd, path) || fstat(fd, &stat)) return real(fd);
    int is_dir = S_ISDIR(stat.st_mode);
    const char *op = is_dir ? "dirsync" : "sync";
    int now = strikes(op, path);
    if (now && strncmp(rule_action, "slow-", 5) == 0) slow_ms = atol(rule_action + 5);
    if (slow_ms && strstr(path + dir_len, rule_pattern)) {
        struct timespec time = { slow_ms / 1000, slow_ms % 1000 * 1000000 };
        nanosleep(&time, NULL);
    }
    if (now && says("eio")) return tell("eio at %s %s\n", op, path + dir_len), errno = EIO, -1;
    if (now) strike(op, path, "before");
    if (!has_power) {
        int done = real(fd);
        if (now) strike(op, path, "after");
        return done;
    }
    struct file *file = NULL;
    if (!is_dir) {
        pthread_mutex_lock(&lock);
        file = file_of(fd);
        if (file) {
            /* One sync at a time for a file: what an earlier one has not finished stays unsafe. */
            for (struct old *old = file->dirty.first; old;) {
                struct old *next = old->next;
                if (file->syncing.size && *slot(&file->syncing, old->sector)) free(old);
                else put(&file->syncing, old);
                old = next;
            }
            file->dirty.first = NULL;
            clear(&file->dirty);
            fstat(fd, &stat);
            file->syncing_size = stat.st_size;
        }
        pthread_mutex_unlock(&lock);
    }
    /* The test's disk need not sync: what is safe is written down here. */
    if (is_dir) {
        names_are_safe(path);
    } else if (file) {
        pthread_mutex_lock(&lock);
        clear(&file->syncing);
        if (file->syncing_size > file->size) file->size = file->syncing_size;
        pthread_mutex_unlock(&lock);
    }
    if (now) strike(op, path, "after");
    return 0;
}

int fdatasync(int fd) {
    return do_sync(fd, real_fdatasync);
}

int fsync(int fd) {
    return do_sync(fd, real_fsync);
}

int ftruncate64(int fd, off_t len) {
    char path[PATHS];
    if (!has_power || !path_of(fd, path)) return real_ftruncate(fd, len);
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd);
    int done = real_ftruncate(fd, len);
    /* A file that was made shorter stays so: the other outcome is one without the truncation. */
    if (file && done == 0 && len < file->size) file->size = len;
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t len) {
    return ftruncate64(fd, len);
}

static void note(int kind, const char *a, const char *b) {
    struct name *name = calloc(1, sizeof *name);
    name->kind = kind;
    parent_of(a, name->dir);
    snprintf(name->a, PATHS, "%s", a);
    snprintf(name->b, PATHS, "%s", b);
    name->next = names;
    names = name;
}

static int do_open(const char *path, int flags, mode_t mode) {
    char full[PATHS];
    if (!has_power || !(flags & O_CREAT)) return real_open(path, flags, mode);
    full_path(path, full);
    if (!is_ours(full)) return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = access(full, F_OK) != 0;
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && is_new) note('c', full, "");
    if (fd >= 0) {
        struct file *file = file_of(fd);
        if (file && (is_new || flags & O_TRUNC)) file->size = 0;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

int open64(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!real_open) real_open = dlsym(RTLD_NEXT, "open64");
    return do_open(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!real_open) real_open = dlsym(RTLD_NEXT, "open64");
    return do_open(path, flags, mode);
}

int rename(const char *from, const char *to) {
    char a[PATHS], b[PATHS];
    if (!real_rename) real_rename = dlsym(RTLD_NEXT, "rename");
    full_path(from, a);
    full_path(to, b);
    if (!is_ours(a)) return real_rename(from, to);
    int now = strikes("rename", a);
    if (now && says("eio")) return tell("eio at rename %s\n", a + dir_len), errno = EIO, -1;
    if (now) strike("rename", a, "before");
    if (has_power) pthread_mutex_lock(&lock);
    /* Taken back only where nothing was replaced: a replacing rename is one step anyway. */
    int replaces = access(b, F_OK) == 0;
    int done = real_rename(from, to);
    if (has_power) {
        if (done == 0 && !replaces) note('r', a, b);
        pthread_mutex_unlock(&lock);
    }
    if (now) strike("rename", a, "after");
    return done;
}

int unlink(const char *path) {
    static long number;
    char a[PATHS], b[PATHS];
    if (!real_unlink) real_unlink = dlsym(RTLD_NEXT, "unlink");
    full_path(path, a);
    if (!is_ours(a)) return real_unlink(path);
    int now = strikes("unlink", a);
    if (now && says("eio")) return tell("eio at unlink %s\n", a + dir_len), errno = EIO, -1;
    if (now) strike("unlink", a, "before");
    int done;
    if (has_power) {
        pthread_mutex_lock(&lock);
        /* Beside the data directory, where nobody looks. */
        snprintf(b, PATHS, "%.900s.unlinked-%d-%ld", dir, getpid(), number++);
        done = real_rename(a, b);
        if (done == 0) note('u', a, b);
        pthread_mutex_unlock(&lock);
    } else {
        done = real_unlink(path);
    }
    if (now) strike("unlink", a, "after");
    return done;
}
