/* preview_reads.h: what rows of a file would cost: how many reads, and how long those take on the
 * very file. */
#ifndef PIPELINE_PREVIEW_READS_H
#define PIPELINE_PREVIEW_READS_H

#include <packrat/cache.h>

#include "base/check.h"

typedef struct pri_preview_reads {
    uint64_t num, bytes;
} pri_preview_reads;

/* Plan the reads of rows, as the row reader would; ids in any order, each once. */
pr_status pri_preview_count_reads(pr_vids ids, const pr_features *features, const pr_io_options *io,
                                  pri_preview_reads *out);

/* Read these rows, again and again, for about so many nanoseconds, and give how long one round of
 * them takes; NaN: there are none, or they cannot be read, which the run will say. Rounds go
 * through rows that follow in the file, so that nobody has them in memory. */
double pri_preview_time_reads(pr_vids ids, const pr_features *features, const pr_io_options *io,
                              int64_t most_ns);

#endif
