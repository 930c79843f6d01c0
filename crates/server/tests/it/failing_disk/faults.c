/* Preloaded into the server by its tests: a disk on which fsync and fdatasync fail while the file `fsync` stands in the
 * directory named by FAULTS_DIRECTORY, and fsync alone while `metadata` does, on which no file of the database can grow while `full` stands there, and on which each fsync
 * takes more than a second while `slow` does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int is_wanted(const char *fault) {
    const char *directory = getenv("FAULTS_DIRECTORY");
    char path[PATH_MAX];
    if (directory == NULL || snprintf(path, sizeof path, "%s/%s", directory, fault) >= (int)sizeof path) return 0;
    return access(path, F_OK) == 0;
}

/* The database's files and those beside it that bear its name; not the log, not sockets. */
static int is_database(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, "/groundswell.db") != NULL;
}

/* Whether the call is to fail; errno says then with what, and is untouched otherwise. */
static int fails(const char *fault, int fd, int error) {
    int before = errno;
    int answer = is_wanted(fault) && is_database(fd);
    errno = answer ? error : before;
    return answer;
}

static void take_time(int fd) {
    const struct timespec time = {1, 200000000};
    int before = errno;
    if (is_wanted("slow") && is_database(fd)) nanosleep(&time, NULL);
    errno = before;
}

static int is_full(int fd, off_t end) {
    struct stat status;
    int before = errno;
    int grows = end < 0 || fstat(fd, &status) != 0 || end > status.st_size;
    errno = before;
    return grows && fails("full", fd, ENOSPC);
}

static int is_full_here(int fd, size_t count) {
    int before = errno;
    off_t at = lseek(fd, 0, SEEK_CUR);
    errno = before;
    return at >= 0 && is_full(fd, at + (off_t)count);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int fsync(int fd) {
    REAL(fsync);
    take_time(fd);
    return fails("fsync", fd, EIO) || fails("metadata", fd, EIO) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    take_time(fd);
    return fails("fsync", fd, EIO) ? -1 : real(fd);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    return is_full_here(fd, count) ? -1 : real(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    REAL(pwrite);
    return is_full(fd, offset + (off_t)count) ? -1 : real(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    REAL(pwrite64);
    return is_full(fd, (off_t)(offset + (off64_t)count)) ? -1 : real(fd, bytes, count, offset);
}

int ftruncate(int fd, off_t bytes) {
    REAL(ftruncate);
    return is_full(fd, bytes) ? -1 : real(fd, bytes);
}

int ftruncate64(int fd, off64_t bytes) {
    REAL(ftruncate64);
    return is_full(fd, (off_t)bytes) ? -1 : real(fd, bytes);
}
