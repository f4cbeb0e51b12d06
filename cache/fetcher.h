/* fetcher.h: what one partition brings rows of a file with: staging, and a reader with groups of
 * rows under way.
 *
 *     foreseen list --read_early--> group 7 (early)  --+
 *     foreseen list --read_early--> group 8 (early)    |--> staging --place--> slots
 *     plan          --fetch-------> group 9 (urgent) --+
 *
 * A plan takes the rows of its list wherever they are: staged, under way, or entered now; then it
 * waits for the groups that have some of them. What a group cost (reads, bytes, time) is charged
 * once, to the first plan that takes rows of it.
 *
 * Room. A plan always has room for all rows it may have to fetch. With early rows no more are
 * staged than io.staging has room for, or else than plans needed lately, 1 + io.ahead times; at
 * most as many as one plan may need. Of a list that does not fit the first rows that do are read
 * early, and its plan enters the others.
 *
 * While the slab fills plans need whole batches, and slots that are free have no memory yet: that
 * is what staging uses meanwhile. So nothing is read early then, and memory is given back with
 * every place, unless the slots will last (several times what is staged), or plans need less than
 * io.staging has room for. At the t-th step memory is that of the rows in the slab and of those the
 * plan brings.
 *
 * One thread at a time; all decisions are functions of earlier calls alone. */
#ifndef CACHE_FETCHER_H
#define CACHE_FETCHER_H

#include "cache/row_reader.h"
#include "cache/staging.h"
#include "cache/store.h"

/* The calls of store.h, over a file. The file outlives the fetcher. */
pr_status   pri_fetcher_open(const pr_row_file *file, pr_vid num_rows, uint32_t num_cols,
                             const pri_fetcher_setup *setup, pri_fetcher **out);
void        pri_fetcher_free(pri_fetcher *fetcher);
pr_status   pri_fetcher_fetch(pri_fetcher *fetcher, const pri_write *write, size_t n,
                              pr_fetch_cost *cost);
size_t      pri_fetcher_read_early(pri_fetcher *fetcher, const pr_vid *ids, size_t n,
                                   uint64_t free_slots);
void        pri_fetcher_placed(pri_fetcher *fetcher, const pri_write *write, size_t n,
                               uint64_t free_slots);
const char *pri_fetcher_describe(const pri_fetcher *fetcher);
void        pri_fetcher_ranges(const pri_fetcher *fetcher, pr_ranges *ranges);

const pri_staging *pri_fetcher_staging(const pri_fetcher *fetcher);

/* Give the most that one takes, its reads in flight included. */
uint64_t pri_fetcher_bytes(pr_vid num_rows, size_t row_bytes, uint32_t max_rows,
                           const pr_io_options *io);

#endif
