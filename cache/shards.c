/* shards.c: see shards.h. */
#include "cache/shards.h"

#include <unistd.h>

#include <packrat/cache.h>

#include "base/clones.h"
#include "cache/slab.h"

PRI_CLONES static uint8_t highest_shard(const uint8_t *of_row, size_t n)
{
    uint8_t top = 0;
    for (size_t i = 0; i < n; i++) top = of_row[i] > top ? of_row[i] : top;
    return top;
}

static pr_status check_table(const pr_shards *shards, pr_vid num_rows)
{
    pr_status st = PR_OK;

    if (num_rows == 0 || highest_shard(shards->of_row, num_rows) < shards->num_shards) goto done;
    for (pr_vid v = 0;; v++)
        PR_CHECK(shards->of_row[v] < shards->num_shards, PR_E_RANGE,
                 "row %u is in shard %u, there are %u", v, shards->of_row[v], shards->num_shards);
done:
    return st;
}

static pr_status check_ranges(const pr_shards *shards, pr_vid num_rows, uint64_t unit)
{
    pr_status      st  = PR_OK;
    const uint32_t num = shards->num_shards;

    PR_CHECK(shards->first[0] == 0, PR_E_ARG, "shard 0 begins at row %u, must at 0",
             shards->first[0]);
    for (uint32_t s = 0; s < num; s++) {
        PR_CHECK(shards->first[s] <= shards->first[s + 1], PR_E_ARG,
                 "shard %u begins at row %u, behind shard %u, which begins at row %u", s,
                 shards->first[s], s + 1, shards->first[s + 1]);
        PR_CHECK(shards->first[s] % unit == 0 || shards->first[s] == num_rows, PR_E_ARG,
                 "shard %u begins at row %u, must at a multiple of %llu (pr_store_unit)", s,
                 shards->first[s], (unsigned long long)unit);
    }
    PR_CHECK(shards->first[num] == num_rows, PR_E_ARG, "the shards end at row %u, the store has %u",
             shards->first[num], num_rows);
done:
    return st;
}

pr_status pri_shards_check(const pr_shards *shards, pr_vid num_rows, uint64_t unit)
{
    pr_status st = PR_OK;

    PR_CHECK(shards, PR_E_ARG, "shards is NULL");
    PR_CHECK(shards->num_shards >= 1 && shards->num_shards <= PR_MAX_SHARDS, PR_E_ARG,
             "the store has %u shards, must have 1..%u", shards->num_shards, PR_MAX_SHARDS);
    for (uint32_t s = 0; s < shards->num_shards; s++) {
        PR_CHECK(shards->node[s] >= -1, PR_E_ARG,
                 "shard %u is on NUMA node %d, must be on 0 or above, or -1", s, shards->node[s]);
        PR_CHECK(shards->lane[s] < PR_MAX_LANES, PR_E_ARG,
                 "shard %u is worked for by lane %u, must be below %u", s, shards->lane[s],
                 PR_MAX_LANES);
    }
    PR_TRY(shards->of_row ? check_table(shards, num_rows) : check_ranges(shards, num_rows, unit));
done:
    return st;
}

uint64_t pri_shards_unit(size_t row_bytes, size_t page_bytes)
{
    size_t a = row_bytes, b = page_bytes; /* their greatest common divisor */

    while (b != 0) {
        const size_t rest = a % b;
        a                 = b;
        b                 = rest;
    }
    return page_bytes / a;
}

uint64_t pr_store_unit(const pr_features *features, uint32_t num_shards)
{
    enum { LEAST = 8 }; /* units a shard, so that shards differ by an eighth at most */

    if (!features || features->kind != PR_FEATURES_DENSE || features->num_cols == 0) return 1;
    const size_t   row_bytes = pri_slab_ld(features->num_cols) * sizeof(float);
    const uint64_t huge      = pri_shards_unit(row_bytes, (size_t)2 << 20);

    if (features->num_rows / (num_shards ? num_shards : 1) >= LEAST * huge) return huge;
    return pri_shards_unit(row_bytes, (size_t)sysconf(_SC_PAGESIZE));
}
