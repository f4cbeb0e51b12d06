/* spill_file.h: temporary files without a name, for rows that do not fit into memory. Written and
 * read in large pieces from one end to the other; the kernel drops them when they are closed, or
 * the process ends, however it ends. */
#ifndef PIPELINE_NN_SPILL_FILE_H
#define PIPELINE_NN_SPILL_FILE_H

#include "base/check.h"

typedef struct pri_spill_file {
    int  fd; /* -1: not open */
    char directory[PR_TEXT_BYTES];
} pri_spill_file;

/* Give the directory that `wanted` comes to: itself, or $TMPDIR, or /var/tmp where it is "" or
 * NULL. Borrowed from the argument or the environment. */
const char *pri_spill_directory(const char *wanted);

/* Create a file in a directory that has room for `bytes`, of this file and of those to come.
 *
 * PR_E_IO names directory and bytes, needed and free; `out` is not open then. */
pr_status pri_spill_open(const char *directory, uint64_t bytes, pri_spill_file *out);
void      pri_spill_close(pri_spill_file *file); /* one that is not open is fine */

/* Write or read all of it. What lies behind is no longer wanted in memory, and the kernel is told.
 * PR_E_IO names directory, offset and reason. Any threads, different ranges. */
pr_status pri_spill_write(const pri_spill_file *file, uint64_t at, const void *from, size_t bytes);
pr_status pri_spill_read(const pri_spill_file *file, uint64_t at, void *to, size_t bytes);

/* Ask the kernel to read ahead what is read next; a wish. */
void pri_spill_expect(const pri_spill_file *file, uint64_t at, size_t bytes);

/* Find out whether a write that the kernel put off has failed: then what was read since may be
 * wrong. Waits for nothing: what is not on the disk yet was read from memory. PR_E_IO names the
 * directory. To be called once all is read. */
pr_status pri_spill_check(const pri_spill_file *file);

#endif
