/* lines.h: a text file one line at a time, for edge lists and tables; unpacked where it is an
 * archive. One thread at a time. */
#ifndef LOADERS_LINES_H
#define LOADERS_LINES_H

#include "loaders/unpack.h"

enum {
    PRI_MAX_LINE_BYTES       = 64 << 20, /* of a feature table */
    PRI_MAX_SHORT_LINE_BYTES = 1 << 20,  /* of an edge list, or of labels */
    PRI_LINES_BYTES          = 256 << 10,
    PRI_EXCERPT_BYTES        = 64
};

typedef struct pri_lines {
    const char         *path; /* borrowed, named in errors */
    const volatile int *stop; /* may be NULL */
    pri_unpack          source;
    bool                ended;
    char               *buffer;
    size_t              most;                 /* bytes of a line */
    size_t              capacity, begin, end; /* unread text: buffer[begin .. end) */
    size_t              searched;             /* no line end before this place */
    uint64_t            number;               /* of the last line given, 1, 2, ... */
} pri_lines;

/* Open a file whose lines have up to `most` bytes. PR_E_INPUT when it is missing, unreadable or no
 * regular file (a directory, a pipe); nothing is kept then. Takes PRI_LINES_BYTES, more for longer
 * lines, and what unpacking takes (pri_lines_bytes). */
pr_status pri_lines_open(pri_lines *lines, const char *path, size_t most, const volatile int *stop);

/* Read a copy of a file's bytes instead; `name` is named in errors. */
pr_status pri_lines_memory(pri_lines *lines, const char *name, const void *text, size_t bytes);

/* Give the next line without its end (LF or CRLF) and without a byte order mark.
 *
 *   text    out; ended by a 0 byte that `bytes` does not count, may be written to, borrowed until
 *           the next call; NULL after the last line
 *
 * PR_E_INPUT for a longer line and for an archive that is broken; PR_E_INTERRUPTED when *stop is
 * set. */
pr_status pri_lines_next(pri_lines *lines, char **text, size_t *bytes);

uint64_t pri_lines_bytes(const pri_lines *lines); /* of memory that it has now */

void pri_lines_close(pri_lines *lines); /* zeroed and closed ones are fine */

/* Copy the beginning of a line for an error: printable, cut short with "...". Cannot fail. */
void pri_lines_excerpt(const char *text, size_t bytes, char out[PRI_EXCERPT_BYTES]);

/* Say whether a line holds nothing but blanks, or is a comment ('#' or '%'). */
bool pri_lines_is_empty(const char *text, size_t bytes);

#endif
