/* Preloaded into a server by its tests: a machine whose clock is ahead by the milliseconds in CLOCK_AHEAD_MS, or behind if
 * there are less than none. What counts from the start of the machine is right. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long long ahead_ns(void) {
    const char *ahead_ms = getenv("CLOCK_AHEAD_MS");
    return ahead_ms == NULL ? 0 : atoll(ahead_ms) * 1000000LL;
}

static void move(struct timespec *time) {
    long long ns = time->tv_sec * 1000000000LL + time->tv_nsec + ahead_ns();
    time->tv_sec = ns / 1000000000LL;
    time->tv_nsec = ns % 1000000000LL;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (real == NULL) real = (__typeof__(&clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(id, now);
    if (answer == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) move(now);
    return answer;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec time;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &time) != 0) return -1;
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    if (now != NULL) *now = time.tv_sec;
    return time.tv_sec;
}
