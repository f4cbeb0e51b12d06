/* lines.c: a text file one line at a time through a buffer that grows with the longest line. */
#include "loaders/lines.h"

#include <string.h>

static pr_status take_buffer(pri_lines *lines)
{
    pr_status st = PR_OK;

    lines->capacity = lines->most + 2 < PRI_LINES_BYTES ? lines->most + 2 : PRI_LINES_BYTES;
    PR_NEW(lines->buffer, lines->capacity);
done:
    return st;
}

pr_status pri_lines_open(pri_lines *lines, const char *path, size_t most, const volatile int *stop)
{
    pr_status st = PR_OK;

    *lines = (pri_lines){ .path = path, .stop = stop, .most = most };
    PR_TRY(pri_unpack_open(&lines->source, path));
    PR_TRY(take_buffer(lines));
done:
    if (st != PR_OK) pri_lines_close(lines);
    return st;
}

pr_status pri_lines_memory(pri_lines *lines, const char *name, const void *text, size_t bytes)
{
    pr_status st = PR_OK;

    *lines = (pri_lines){ .path = name, .most = PRI_MAX_SHORT_LINE_BYTES };
    PR_TRY(pri_unpack_memory(&lines->source, name, text, bytes));
    PR_TRY(take_buffer(lines));
done:
    if (st != PR_OK) pri_lines_close(lines);
    return st;
}

void pri_lines_close(pri_lines *lines)
{
    pri_unpack_close(&lines->source);
    pri_free(lines->buffer);
    *lines = (pri_lines){ .source = { .fd = -1 } };
}

uint64_t pri_lines_bytes(const pri_lines *lines)
{
    return lines->capacity + pri_unpack_bytes(&lines->source);
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
        PR_CHECK(lines->end <= lines->most, PR_E_INPUT, "%s: line %llu has more than %zu bytes",
                 lines->path, (unsigned long long)lines->number + 1, lines->most);
        const size_t largest = lines->most + 2;
        const size_t wanted  = lines->capacity * 2 < largest ? lines->capacity * 2 : largest;
        char        *grown   = pri_realloc(lines->buffer, wanted, 1);
        PR_CHECK(grown, PR_E_NOMEM, "%s: cannot allocate %zu bytes to read through", lines->path,
                 wanted);
        lines->buffer   = grown;
        lines->capacity = wanted;
    }
done:
    return st;
}

/* Refuse what is still packed when it was unpacked once. */
static pr_status check_text(const pri_lines *lines)
{
    pr_status   st   = PR_OK;
    const char *name = pri_unpack_name_of(lines->buffer, lines->end);

    PR_CHECK(!name, PR_E_INPUT, "%s: holds another archive (%s), must hold text; unpack it once",
             lines->path, name);
done:
    return st;
}

/* Read more text behind the unread. */
static pr_status refill(pri_lines *lines)
{
    pr_status  st    = PR_OK;
    const bool first = lines->source.bytes_unpacked == 0;
    size_t     n;

    PR_TRY(make_room(lines));
    PR_CHECK(!lines->stop || !*lines->stop, PR_E_INTERRUPTED, "%s: interrupted while reading",
             lines->path);
    PR_TRY(pri_unpack_read(&lines->source, lines->buffer + lines->end,
                           lines->capacity - 1 - lines->end, &n));
    lines->end += n;
    lines->ended = n == 0;
    if (first) PR_TRY(check_text(lines));
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
