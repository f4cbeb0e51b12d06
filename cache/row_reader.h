/* row_reader.h: rows of a file, read without waiting for them. Who wants rows enters them in
 * groups; rows that lie near each other come with one read, several reads are in flight, and each
 * row is copied to its slot as the file has it. Two engines do the same: a thread with an io_uring,
 * and a pool of threads in pread.
 *
 * How rows become reads is in read_plan.h. Short reads and EINTR are gone on with; a read that
 * fails is tried again `retries` times, after naps during which other reads go on. Values are
 * looked at where the file's were not. Groups of a class are begun in the order they are entered,
 * urgent ones before early ones.
 *
 * A group is to be waited for before PRI_READER_GROUPS younger ones are entered. Later its costs
 * are lost; but if a group failed that nobody waited for, whoever waits too late is told so. */
#ifndef CACHE_ROW_READER_H
#define CACHE_ROW_READER_H

#include <packrat/cache.h>

#include "base/check.h"
#include "cache/plan.h"

enum { PRI_READER_GROUPS = 1024 };

typedef struct pri_row_reader pri_row_reader;

typedef struct pri_row_reader_setup {
    const pr_row_file   *file; /* outlives the reader */
    pr_vid               num_rows;
    uint32_t             num_cols;
    const pr_io_options *io;
    char                *slots; /* row `id` goes to slots + to * slot_bytes */
    size_t               slot_bytes;
    size_t               max_rows;        /* that may be entered and not yet read */
    void (*thread_begins)(void *context); /* may be NULL */
    void *context;
} pri_row_reader_setup;

/* Open the file anew for direct reads, learn its blocks, start the thread or threads. All memory is
 * taken here. PR_E_UNSUPPORTED when engine uring was asked for and cannot be had; without O_DIRECT
 * (tmpfs and others) the file is read through the page cache, which describe() says. */
pr_status pri_row_reader_open(const pri_row_reader_setup *setup, pri_row_reader **out);

/* Give the memory a reader takes, at most, where blocks have up to 4096 bytes; it grows into it as
 * rows are entered and read. */
uint64_t pri_row_reader_bytes(const pr_io_options *io, size_t row_bytes, size_t max_rows);

/* End: reads in flight are waited for, others dropped. NULL is fine. */
void pri_row_reader_free(pri_row_reader *reader);

/* Enter rows, in any order, each once; `rows` is free afterwards. Never waits for the disk. Gives
 * the group's number: 1, 2, ... (a group of no rows is read at once). Adds reads and bytes to
 * *cost. O(n). One caller at a time, which may be another thread than the one that waits.
 *
 * Gives 0, and nothing has changed, when more than max_rows of a class would be waiting for their
 * turn, or the group entered PRI_READER_GROUPS before is not read. Who keeps to max_rows never sees
 * that. */
uint64_t pri_row_reader_enter(pri_row_reader *reader, const pri_write *rows, size_t n, bool urgent,
                              pr_fetch_cost *cost);

/* Wait until a group's rows are in their slots, or until none of its reads is in flight any more
 * after a failure, which stays the group's: asked again it says the same. PR_E_FULL for group 0;
 * PR_E_IO with file, offset and errno (or where the
 * file ends now), PR_E_INPUT for a value that is not finite: of the first of its rows that cannot
 * be had. Adds reads_again and disk_ns of the group to *cost, once. Any number of threads. */
pr_status pri_row_reader_wait(pri_row_reader *reader, uint64_t group, pr_fetch_cost *cost);

/* "io_uring, direct, 512-byte blocks, depth 64". */
const char *pri_row_reader_describe(const pri_row_reader *reader);

/* What the kernel said to one read: `result` is bytes, or minus errno. Gives it back; tests, which
 * define a function of this name of their own, change it, or wait before they do. The nth read of
 * the process counts from 0. */
int64_t pri_read_outcome(uint64_t nth, uint64_t offset, size_t bytes, int64_t result);

#endif
