/* local_rows.c: see local_rows.h. Ranges are compared without a branch: an id is in one when its
 * distance from the first row is less than the rows. */
#include "cache/local_rows.h"

#include "base/clones.h"

/* Collect the ranges of local shards; neighbours become one. */
static void collect(pri_local_rows *l, const pr_shards *shards)
{
    for (uint32_t s = 0; s < shards->num_shards; s++) {
        const pr_vid   first = shards->first[s], rows = shards->first[s + 1] - first;
        const uint32_t last = l->num_ranges - 1;
        if (!l->is_local[s] || rows == 0) continue;
        if (l->num_ranges > 0 && l->first[last] + l->rows[last] == first) {
            l->rows[last] += rows;
            continue;
        }
        l->first[l->num_ranges]  = first;
        l->rows[l->num_ranges++] = rows;
    }
}

void pri_local_rows_init(pri_local_rows *local, const pr_store *store, int32_t numa_node)
{
    const pr_shards *shards    = store->shards;
    uint32_t         num_local = 0;
    bool             known     = shards && numa_node >= 0;

    *local = (pri_local_rows){ .kind = PRI_LOCAL_UNKNOWN };
    for (uint32_t s = 0; known && s < shards->num_shards; s++) {
        known              = shards->node[s] >= 0;
        local->is_local[s] = shards->node[s] == numa_node;
        num_local += local->is_local[s];
    }
    if (store->all_local || (known && num_local == shards->num_shards)) {
        local->kind = PRI_LOCAL_ALL;
    } else if (known && shards->of_row) {
        local->kind   = PRI_LOCAL_TABLE;
        local->of_row = shards->of_row;
    } else if (known) {
        local->kind = PRI_LOCAL_RANGES;
        collect(local, shards);
    }
}

PRI_CLONES static uint64_t count_writes(const pri_write *write, size_t n, pr_vid first, pr_vid rows)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += write[i].id - first < rows;
    return sum;
}

PRI_CLONES static uint64_t count_ids(const pr_vid *ids, size_t n, pr_vid first, pr_vid rows)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += ids[i] - first < rows;
    return sum;
}

enum { AHEAD = 32 };

uint64_t pri_local_rows_count_writes(const pri_local_rows *l, const pri_write *write, size_t n)
{
    uint64_t sum = 0;

    for (uint32_t r = 0; r < l->num_ranges; r++)
        sum += count_writes(write, n, l->first[r], l->rows[r]);
    if (l->kind != PRI_LOCAL_TABLE) return sum;
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(&l->of_row[write[i + AHEAD < n ? i + AHEAD : i].id]);
        sum += l->is_local[l->of_row[write[i].id]];
    }
    return sum;
}

uint64_t pri_local_rows_count_ids(const pri_local_rows *l, const pr_vid *ids, size_t n)
{
    uint64_t sum = 0;

    for (uint32_t r = 0; r < l->num_ranges; r++) sum += count_ids(ids, n, l->first[r], l->rows[r]);
    if (l->kind != PRI_LOCAL_TABLE) return sum;
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(&l->of_row[ids[i + AHEAD < n ? i + AHEAD : i]]);
        sum += l->is_local[l->of_row[ids[i]]];
    }
    return sum;
}
