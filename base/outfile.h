/* outfile.h: a file that appears whole or not at all. Bytes go to a temporary name beside the
 * target; commit makes them durable and renames. */
#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include <stdio.h>

#include "base/check.h"

typedef struct pri_outfile {
    FILE    *stream; /* write here; check nothing, commit does */
    char     path[PR_TEXT_BYTES], temporary[PR_TEXT_BYTES + 32];
    uint64_t begun, settled; /* bytes on their way to the disk, and those that are there */
} pri_outfile;

/* Create the temporary file. PR_E_IO names path and reason; nothing is left behind then. */
pr_status pri_outfile_open(pri_outfile *file, const char *path);

/* Flush, fsync, close, rename over `path`, fsync the directory. On failure the temporary is
 * removed and an older file at `path` is untouched. */
pr_status pri_outfile_commit(pri_outfile *file);

/* Remove the temporary; does nothing after a commit or for a zeroed file. */
void pri_outfile_abort(pri_outfile *file);

/* Find out, before work is done, that `path` can be written; leaves nothing behind. */
pr_status pri_outfile_probe(const char *path);

/* Remove temporaries of `path` that processes left which are no more: killed ones. For who may be
 * sure that nobody else, on another machine or in another container, writes it. Best effort. */
void pri_outfile_sweep(const char *path);

/* Write bytes; PR_E_IO names path and reason. */
pr_status pri_outfile_write(pri_outfile *file, const void *data, size_t bytes);

/* Begin to write to the disk what was given, and forget what is there: a large file takes some
 * megabytes of the kernel's cache then, instead of all there is. Call it now and then; cannot fail.
 */
void pri_outfile_settle(pri_outfile *file);

/* Read a whole file into a heap block, ended by a 0 byte that `bytes` does not count. PR_E_INPUT
 * when it is missing, unreadable, not a regular file, or larger than max_bytes. */
pr_status pri_file_read(const char *path, size_t max_bytes, char **out, size_t *bytes);

/* The status for errno of an input file: PR_E_INPUT for what the user can name better (missing,
 * not permitted, a directory), PR_E_IO for the world's faults. */
pr_status pri_input_status(int error_number);

#endif
