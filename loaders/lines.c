/* lines.c: a text file one line at a time through a buffer that grows with the longest line. */
#include "loaders/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/outfile.h"

enum { FIRST_CAPACITY = 1 << 20 };

pr_status pri_lines_open(pri_lines *lines, const char *path, const volatile int *stop)
{
    pr_status   st = PR_OK;
    struct stat info;

    *lines    = (pri_lines){ .path = path, .stop = stop, .capacity = FIRST_CAPACITY };
    lines->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
    PR_CHECK(lines->fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", path,
             strerror(errno));
    PR_CHECK(fstat(lines->fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", path,
             strerror(errno));
    PR_CHECK(!S_ISDIR(info.st_mode), PR_E_INPUT, "%s: is a directory, must be a text file", path);
    PR_CHECK(S_ISREG(info.st_mode), PR_E_INPUT, "%s: is not a regular file", path);
    PR_NEW(lines->buffer, lines->capacity);
done:
    if (st != PR_OK) pri_lines_close(lines);
    return st;
}

pr_status pri_lines_memory(pri_lines *lines, const char *name, const void *text, size_t bytes)
{
    pr_status st = PR_OK;

    *lines = (pri_lines){ .path = name, .fd = -1, .ended = true };
    PR_CHECK(bytes < SIZE_MAX, PR_E_ARG, "%s: has %zu bytes", name, bytes);
    lines->capacity = bytes + 1;
    PR_NEW(lines->buffer, lines->capacity);
    if (bytes > 0) memcpy(lines->buffer, text, bytes);
    lines->end = bytes;
done:
    return st;
}

void pri_lines_close(pri_lines *lines)
{
    if (lines->path && lines->fd >= 0) (void)close(lines->fd); /* a zeroed one has no path */
    pri_free(lines->buffer);
    *lines = (pri_lines){ .fd = -1 };
}

/* Make room behind the unread text: move it to the front, or grow. One byte stays free for the 0
 * behind a last line without an end. */
static pr_status make_room(pri_lines *lines)
{
    pr_status st = PR_OK;

    if (lines->begin > 0) {
        memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
        lines->searched -= lines->begin;
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    if (lines->end + 1 >= lines->capacity) {
        PR_CHECK(lines->end < PRI_MAX_LINE_BYTES, PR_E_INPUT,
                 "%s: line %llu has more than %d bytes", lines->path,
                 (unsigned long long)lines->number + 1, PRI_MAX_LINE_BYTES);
        const size_t wanted = lines->capacity * 2;
        char        *grown  = pri_realloc(lines->buffer, wanted, 1);
        PR_CHECK(grown, PR_E_NOMEM, "%s: cannot allocate %zu bytes to read through", lines->path,
                 wanted);
        lines->buffer   = grown;
        lines->capacity = wanted;
    }
done:
    return st;
}

/* Read more text behind the unread. */
static pr_status refill(pri_lines *lines)
{
    pr_status st = PR_OK;
    ssize_t   n;

    PR_TRY(make_room(lines));
    do {
        PR_CHECK(!lines->stop || !*lines->stop, PR_E_INTERRUPTED, "%s: interrupted while reading",
                 lines->path);
        n = read(lines->fd, lines->buffer + lines->end, lines->capacity - 1 - lines->end);
    } while (n < 0 && errno == EINTR);
    PR_CHECK(n >= 0, PR_E_IO, "%s: cannot be read: %s", lines->path, strerror(errno));
    lines->end += (size_t)n;
    lines->ended = n == 0;
done:
    return st;
}

/* Cut the text before `end` off as one line. */
static void give(pri_lines *lines, char *end, char **text, size_t *bytes)
{
    *text           = lines->buffer + lines->begin;
    *bytes          = (size_t)(end - *text);
    lines->begin    = (size_t)(end - lines->buffer) + 1;
    lines->searched = lines->begin;
    if (lines->number++ == 0 && *bytes >= 3 && !memcmp(*text, "\xef\xbb\xbf", 3)) {
        *text += 3;
        *bytes -= 3;
    }
    if (*bytes > 0 && (*text)[*bytes - 1] == '\r') (*bytes)--;
    (*text)[*bytes] = '\0';
}

pr_status pri_lines_next(pri_lines *lines, char **text, size_t *bytes)
{
    pr_status st = PR_OK;

    *text  = NULL;
    *bytes = 0;
    for (;;) {
        const size_t unseen = lines->end - lines->searched;
        char        *end    = NULL;
        if (unseen > 0) end = memchr(lines->buffer + lines->searched, '\n', unseen);
        if (end) {
            give(lines, end, text, bytes);
            break;
        }
        lines->searched = lines->end;
        if (lines->ended) {
            if (lines->begin < lines->end) {
                give(lines, lines->buffer + lines->end, text, bytes);
                lines->begin = lines->searched = lines->end;
            }
            break;
        }
        PR_TRY(refill(lines));
    }
done:
    return st;
}

void pri_lines_excerpt(const char *text, size_t bytes, char out[PRI_EXCERPT_BYTES])
{
    const size_t most = PRI_EXCERPT_BYTES - 4;
    const size_t n    = bytes < most ? bytes : most;

    for (size_t i = 0; i < n; i++) {
        const char c = text[i] == '\t' ? ' ' : text[i];
        out[i]       = c >= ' ' && c <= '~' ? c : '?';
    }
    memcpy(out + n, bytes > n ? "..." : "", bytes > n ? 4 : 1);
}

bool pri_lines_is_empty(const char *text, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && (text[i] == ' ' || text[i] == '\t')) i++;
    return i == bytes || text[i] == '#' || text[i] == '%';
}
