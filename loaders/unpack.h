/* unpack.h: the bytes of a file, unpacked where it is a gzip or zstd archive. What it is its first
 * bytes say, not its name. One thread at a time. */
#ifndef LOADERS_UNPACK_H
#define LOADERS_UNPACK_H

#include <packrat/loaders.h>

#include "base/check.h"

typedef struct pri_unpack {
    const char *path; /* borrowed, named in errors */
    int         fd;   /* -1: closed, or all of the file is in `in` */
    int         kind; /* plain, gzip or zstd; unpack.c */
    bool        begun, in_ended, out_ended;
    bool        within;         /* an archive's frame: the file must not end here */
    uint8_t    *in;             /* of an archive, read and not yet unpacked */
    size_t      in_capacity;    /* room of `in` */
    size_t      in_at, in_end;  /* in[in_at .. in_end) */
    uint64_t    bytes_read;     /* of the file, as it is */
    uint64_t    bytes_unpacked; /* given so far */
    uint64_t    file_bytes;     /* when it was opened */
    uint64_t    window_most;    /* bytes a zstd archive may look back */
    uint64_t    window_wanted;  /* bytes it wanted to, where it was refused for that; else 0 */
    uint64_t    frame_at;       /* byte of the file at which its frame begins */
    void       *state;          /* z_stream or ZSTD_DCtx */
} pri_unpack;

enum {
    PRI_UNPACK_IN_BYTES    = 128 << 10,
    PRI_UNPACK_GZ_BYTES    = 64 << 10, /* of zlib: a window of 32 KiB, and tables */
    PRI_UNPACK_WINDOW_MOST = 1 << 27 /* the furthest that zstd looks back without being asked to */
};

/* Open a file. PR_E_INPUT when it is missing, unreadable or no regular file (a directory, a pipe);
 * nothing is kept then. */
pr_status pri_unpack_open(pri_unpack *u, const char *path);

/* Take a copy of bytes in memory for a file; `name` is named in errors. */
pr_status pri_unpack_memory(pri_unpack *u, const char *name, const void *bytes, size_t num_bytes);

/* A zstd archive that looks back further than so many bytes is refused (at first
 * PRI_UNPACK_WINDOW_MOST), and window_wanted says how far it looks. Before the first read. */
void pri_unpack_set_window(pri_unpack *u, uint64_t bytes);

/* Give the next bytes.
 *
 *   room   1 ..
 *   got    out, 1 .. room; 0 after the last
 *
 * Archives may have several members or frames, and zstd's skippable ones. PR_E_INPUT for one that
 * is damaged, cut or followed by something else, with the place in the file and in what it holds.
 */
pr_status pri_unpack_read(pri_unpack *u, void *to, size_t room, size_t *got);

/* Give the bytes of memory it has now, all in all. */
uint64_t pri_unpack_bytes(const pri_unpack *u);

/* Give what a file that begins with these bytes is packed with ("gzip"), NULL where it looks like
 * none. */
const char *pri_unpack_name_of(const void *bytes, size_t num_bytes);

void pri_unpack_close(pri_unpack *u); /* zeroed and closed ones are fine */

#endif
