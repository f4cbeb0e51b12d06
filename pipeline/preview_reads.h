/* preview_reads.h: what rows of a file would cost: how many reads, and how long those take on the
 * very file. */
#ifndef PIPELINE_PREVIEW_READS_H
#define PIPELINE_PREVIEW_READS_H

#include <packrat/cache.h>

#include "base/check.h"
#include "cache/plan.h"

typedef struct pri_preview_reads pri_preview_reads;

/* Prepare to plan reads of at most max_rows rows at a time. The features have a file, and outlive
 * what is made. */
pr_status pri_preview_reads_open(const pr_features *features, const pr_io_options *io,
                                 uint32_t max_rows, pri_preview_reads **out);
void      pri_preview_reads_free(pri_preview_reads *reads); /* NULL is fine */

/* Add the reads that n rows take, and their bytes, to *cost: as one group of the row reader. Rows
 * in any order, each once. */
void pri_preview_reads_count(pri_preview_reads *reads, const pri_write *rows, size_t n,
                             pr_fetch_cost *cost);

/* Read rows for so many nanoseconds, a piece of them after the other, from the rows that were
 * counted last, and others as far apart. Gives how long all of them would take; NaN: there are
 * none, or they cannot be read, which the run will say. */
double pri_preview_reads_time(pri_preview_reads *reads, int64_t most_ns);

#endif
