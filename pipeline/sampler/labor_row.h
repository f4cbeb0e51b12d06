/* labor_row.h: one row by the rule of labor.h, for rows of any length, any count and any key.
 *
 * The row is scanned in blocks for neighbours whose key is at most a limit, chosen so that a few
 * more than `count` should pass. When too many have gathered, all but the `count` smallest are
 * thrown out and the limit falls to what the last of them has; when too few have passed at the end,
 * the row is scanned again with a wider limit. What is kept does not depend on limits or blocks. */
#ifndef PIPELINE_SAMPLER_LABOR_ROW_H
#define PIPELINE_SAMPLER_LABOR_ROW_H

#include "pipeline/sampler/labor.h"

enum {
    PRI_LABOR_BLOCK = 4096, /* neighbours scanned between two looks at what has gathered */
    PRI_LABOR_PICK  = 64,   /* neighbours that are compared all with all */
    PRI_LABOR_ROWS  = 4,    /* rows fetched ahead; 2 to 16 measure alike */
    PRI_LABOR_FETCH = 4096, /* bytes of each */
    PRI_LABOR_AHEAD = 1024, /* neighbours fetched ahead in a long row */
    PRI_LABOR_SLACK = 64,   /* of a sift, and of what scans may write behind their results */
};

/* What an instruction set brings. */
typedef struct pri_labor_isa {
    /* Copy those of `n` neighbours whose r_t is at most `limit`, in order; gives how many. May
     * write PRI_LABOR_SLACK elements more than that. */
    uint32_t (*scan)(const pri_labor_keys *keys, const pr_vid *from, uint32_t n, uint32_t limit,
                     pr_vid *out);
    /* Write r_t of n <= 64 vertices. */
    void (*hash)(const pri_labor_keys *keys, const pr_vid *id, uint32_t n, uint32_t *r);
    /* Mark those of n <= 64 keys that fewer than `count` are below. */
    uint64_t (*below)(const uint64_t *key, uint32_t n, uint32_t count);
    /* pri_kind's `read` for a batch without bias or drift. */
    void (*read)(const pri_labor *labor, const pri_hop *hop, uint32_t begin, uint32_t end,
                 pri_labor_sift *sift);
} pri_labor_isa;

const pri_labor_isa *pri_labor_isa_of(int isa);

/* Give the elements a sift needs for rows that keep `count`. */
uint32_t pri_labor_sift_room(uint32_t count);

/* Give how many neighbours should pass the first scan of a row that keeps `count`, so that too few
 * hardly ever do: their number is near Poisson's. */
uint32_t pri_labor_wanted(uint32_t count);

/* Write the `count` neighbours of smallest key, in stored order.
 *
 *   from     [degree]
 *   count    1 .. degree - 1
 *   wanted   pri_labor_wanted(count)
 *   out      [count]
 */
void pri_labor_row(const pri_labor *labor, pri_labor_sift *sift, const pr_vid *from,
                   uint32_t degree, uint32_t count, uint32_t wanted, pr_vid *out);

/* Give how many neighbours destination d kept one hop earlier, and list them, where it was a
 * destination then, kept enough and not too many: r_t hold in all hops, so what it keeps now is
 * among them. 0: read its row. */
static inline uint32_t pri_labor_again(const pri_hop *hop, uint32_t d, pr_vid *out)
{
    const pr_block *before = hop->before;

    if (!before || d >= before->num_dst || d < hop->num_cut) return 0;
    const uint32_t  first = before->indptr[d], num = before->indptr[d + 1] - first;
    const uint32_t *from = before->indices + first;
    if (num > PRI_LABOR_PICK || num < hop->indptr[d + 1] - hop->indptr[d]) return 0;
    for (uint32_t i = 0; i < num; i++) out[i] = hop->nodes[from[i]];
    return num;
}

/* Fetch the first part of a row that will be read. Always in line: compilers take a function that
 * only fetches for one without effects, and drop the call. */
__attribute__((always_inline)) static inline void pri_labor_fetch(const pri_hop *hop, uint32_t d)
{
    const char    *from  = (const char *)(hop->graph->indices + hop->rows[d].first);
    const uint64_t bytes = (uint64_t)hop->rows[d].degree * sizeof(pr_vid);

    if (hop->before && d < hop->before->num_dst && d >= hop->num_cut) return;
    for (uint64_t at = 0; at < bytes && at < PRI_LABOR_FETCH; at += 64)
        __builtin_prefetch(from + at, 0, 2);
}

/* pri_kind's `read` for any batch, by pri_labor_row. */
void pri_labor_rows(const pri_labor *labor, const pri_hop *hop, uint32_t begin, uint32_t end,
                    pri_labor_sift *sift);

#endif
