/* bare.h: what the device gives to somebody who only reads. */
#ifndef BENCH_DISK_BARE_H
#define BENCH_DISK_BARE_H

#include <stddef.h>
#include <stdint.h>

/* A read, as it was asked for. */
typedef struct disk_read {
    uint64_t offset;
    size_t   bytes;
} disk_read;

/* Reads of a run: those that are asked for between begin and end, up to a limit. One at a time. */
void   disk_record_begin(size_t most);
size_t disk_record_end(disk_read **reads); /* free with free() */

/* Do the reads in that order, `depth` in flight, past the page cache, each `shift` bytes further on
 * (around at the file's end), so that no cache of the device has just seen them. Gives the time, or
 * 0 with the reason on stderr where there is no io_uring. */
int64_t disk_bare(const char *path, const disk_read *reads, size_t n, uint32_t depth,
                  uint64_t shift);

#endif
