/* diag.c: levelled sentences on standard error, one write a line; and the clock. */
#include <packrat/base.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic int max_level = PR_INFO;

void pr_diag_set_level(pr_level level)
{
    atomic_store(&max_level, (int)level);
}

void pr_diag(pr_level level, const char *format, ...)
{
    static const char *const word[] = { "error: ", "warning: ", "", "debug: " };
    char                     line[2048];
    va_list                  args;

    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed)) return;
    int used = snprintf(line, sizeof line, "packrat: %s", word[level]);
    va_start(args, format);
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    size_t n = strlen(line);
    (void)more;
    line[n++]       = '\n';
    ssize_t written = write(STDERR_FILENO, line, n); /* one call, so that lines never mix */
    (void)written;                                   /* nowhere left to complain */
}

int64_t pr_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t pr_unix_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
