/* labor_kernel.h: `read` of a kind labor without bias or drift, for one instruction set. No include
 * guard: included once by each labor_*.c, which has defined before
 *
 *     TARGET                 what marks its functions
 *     lanes                  the keys of a batch as vectors
 *     lanes_of(keys)
 *     few(lanes, from, n, limit, out)    copy those of a row whose r_t is at most limit, in order;
 *     many(lanes, from, n, left, limit, out)     gives how many. `many` is for rows where hardly
 * any pass and which were not fetched whole: it fetches ahead while there are `left` neighbours.
 * Both may write PRI_LABOR_SLACK elements more pick(lanes, id, num, count, out)   write the `count`
 * smallest of `num`, in order; false, and anything written, when a tie crosses the border
 */
enum {
    MANY_FROM = 700
}; /* neighbours from which `many` wins: few pass then. 400 to 1000 are alike */

/* One scan, and a choice among what it found; false: too few, too many or a tie. */
TARGET static inline bool read_row(const lanes *k, pri_labor_sift *sift, const pr_vid *from,
                                   uint32_t degree, uint32_t count, uint32_t wanted, pr_vid *out)
{
    const uint64_t limit = ((uint64_t)wanted << 32) / degree;
    const uint32_t most  = limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX;
    uint32_t       num   = 0;

    if (degree < MANY_FROM) {
        num = few(k, from, degree, most, sift->id);
    } else {
        for (uint32_t at = 0, n; at < degree && num <= PRI_LABOR_PICK; at += n) {
            const uint32_t left = degree - at;
            n                   = left < PRI_LABOR_BLOCK ? left : PRI_LABOR_BLOCK;
            num += many(k, from + at, n, left, most, sift->id + num);
        }
    }
    return num >= count && num <= PRI_LABOR_PICK && pick(k, sift->id, num, count, out);
}

/* Fetch the table entries of the neighbours that a row keeps. Always in line, as pri_labor_fetch.
 */
__attribute__((always_inline)) TARGET static inline void fetch_entries(const pri_hop *hop,
                                                                       uint32_t       d)
{
    if (!hop->entries) return;
    for (uint32_t e = hop->indptr[d]; e < hop->indptr[d + 1]; e++)
        __builtin_prefetch(&hop->entries[hop->indices[e]], 1, 2);
}

/* Entries are fetched a row late: what was just stored in masked vectors cannot be read at once. */
TARGET static void read_rows(const pri_labor *labor, const pri_hop *hop, uint32_t begin,
                             uint32_t end, pri_labor_sift *sift)
{
    const lanes    k      = lanes_of(&labor->keys);
    const uint32_t wanted = pri_labor_wanted(hop->fanout);
    pr_vid         again[PRI_LABOR_PICK];

    for (uint32_t d = begin; d < end; d++) {
        const pri_row  row   = hop->rows[d];
        const uint32_t count = hop->indptr[d + 1] - hop->indptr[d];
        const uint32_t old   = pri_labor_again(hop, d, again);
        const pr_vid  *from  = old ? again : hop->graph->indices + row.first;
        uint32_t      *at    = hop->indices + hop->indptr[d];
        bool           done  = true;

        if (hop->num_dst - d > PRI_LABOR_ROWS) pri_labor_fetch(hop, d + PRI_LABOR_ROWS);
        if (count == row.degree || count == old)
            for (uint32_t i = 0; i < count; i++) at[i] = from[i];
        else if (old)
            done = pick(&k, from, old, count, at);
        else
            done = read_row(&k, sift, from, row.degree, count, wanted, at);
        if (!done) pri_labor_row(labor, sift, from, old ? old : row.degree, count, wanted, at);
        if (d > begin) fetch_entries(hop, d - 1);
    }
    if (end > begin) fetch_entries(hop, end - 1);
}
