/* child.c: fork, a pipe for the result, and patience. The child is killed when the caller's thread
 * ends or gives up, so it never outlives the work. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 50, FIRST_SILENT = 1, LAST_SILENT = 2 };

/* What precedes the result in the pipe. */
typedef struct head {
    int64_t  status;
    uint64_t peak_bytes;
} head;

/* Give the most memory this process had resident so far. A new child begins with its parent's. */
static uint64_t most_resident(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss << 10 : 0;
}

static bool write_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0) {
        const ssize_t n = write(fd, at, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* The child's whole life. */
static void live(const pri_child_work *work, int fd, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* too late to be told */
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int out = FIRST_SILENT; nowhere >= 0 && out <= LAST_SILENT; out++)
        (void)dup2(nowhere, out);

    const uint64_t before = most_resident();
    head           h      = { .status = work->run(work->context) };
    const uint64_t after  = most_resident();
    h.peak_bytes          = after > before ? after - before : 0;
    if (write_all(fd, &h, sizeof h) && h.status == PR_OK)
        (void)write_all(fd, work->result, work->result_bytes);
    _exit(0);
}

/* Read exactly `bytes`, looking at the stop flag. Gives false when the pipe ends before. */
static pr_status read_all(const pri_child_work *work, int fd, void *data, size_t bytes, bool *whole)
{
    pr_status st = PR_OK;
    char     *at = data;

    *whole = false;
    while (bytes > 0) {
        struct pollfd waiting = { .fd = fd, .events = POLLIN };
        const int     ready   = poll(&waiting, 1, LOOK_MS);
        PR_CHECK(!work->stop || !*work->stop, PR_E_INTERRUPTED, "%s: interrupted", work->name);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        const ssize_t n = read(fd, at, bytes);
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n >= 0, PR_E_IO, "%s: cannot hear of its process: %s", work->name,
                 strerror(errno));
        if (n == 0) return PR_OK;
        at += n;
        bytes -= (size_t)n;
    }
    *whole = true;
done:
    return st;
}

/* Wait for the end of the child; gives its wait status, 0 when somebody else waited for it. */
static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno == EINTR) continue;
        return 0;
    }
    return status;
}

pr_status pri_child_run(const pri_child_work *work, uint64_t *peak_bytes)
{
    pr_status   st     = PR_OK;
    int         end[2] = { -1, -1 };
    pid_t       child  = -1;
    head        h      = { 0 };
    bool        whole  = false;
    const pid_t self   = getpid();

    *peak_bytes = 0;
    PR_CHECK(pipe2(end, O_CLOEXEC) == 0, PR_E_IO, "%s: no pipe to its process: %s", work->name,
             strerror(errno));
    child = fork();
    if (child == 0) live(work, end[1], self);
    PR_CHECK(child > 0, errno == ENOMEM ? PR_E_NOMEM : PR_E_IO,
             "%s: cannot have a process of its own: %s", work->name, strerror(errno));
    (void)close(end[1]);
    end[1] = -1;
    PR_TRY(read_all(work, end[0], &h, sizeof h, &whole));
    if (whole && h.status == PR_OK)
        PR_TRY(read_all(work, end[0], work->result, work->result_bytes, &whole));
    const int ended = wait_for(child);
    child           = -1;
    *peak_bytes     = h.peak_bytes;
    PR_CHECK(!WIFSIGNALED(ended), PR_E_LIBRARY, "%s: ended by signal %d (%s)", work->name,
             WTERMSIG(ended), strsignal(WTERMSIG(ended)));
    PR_CHECK(whole, PR_E_LIBRARY, "%s: ended without a result", work->name);
    PR_CHECK(h.status == PR_OK, (pr_status)h.status, "%s: %s", work->name,
             pr_status_text((pr_status)h.status));
done:
    if (child > 0) {
        (void)kill(child, SIGKILL);
        (void)wait_for(child);
    }
    for (int i = 0; i < 2; i++)
        if (end[i] >= 0) (void)close(end[i]);
    return st;
}
