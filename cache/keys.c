/* keys.c: find the smallest keys by counting against a threshold. The threshold of the last choice
 * is where the next one begins, for ages and next uses move slowly: two or three passes find it. */
#include "cache/keys.h"

#include <string.h>

enum { MAX_STEPS = 6 }; /* thresholds tried before the keys are counted one by one */

pr_status pri_keys_init(pri_keys *keys, uint32_t max_slots)
{
    pr_status st = PR_OK;

    *keys       = (pri_keys){ .max_slots = max_slots, .sweeps = pri_sweeps_best() };
    keys->bytes = ((size_t)max_slots + 1 + PRI_SWEEP_SLACK) * sizeof *keys->key;
    keys->key   = pri_pages_map(keys->bytes, 1);
    PR_CHECK(keys->key, PR_E_NOMEM, "cannot reserve the keys of %u slots", max_slots);
    keys->counts = pri_pages_map(PRI_KEYS_COUNTS_BYTES, 0);
    PR_CHECK(keys->counts, PR_E_NOMEM, "cannot reserve the counts of keys");
done:
    return st;
}

void pri_keys_clear(pri_keys *keys)
{
    pri_pages_unmap(keys->counts, PRI_KEYS_COUNTS_BYTES);
    pri_pages_unmap(keys->key, keys->bytes);
    *keys = (pri_keys){ 0 };
}

void pri_keys_ranges(const pri_keys *keys, pr_ranges *ranges)
{
    pr_ranges_add(ranges, "index", keys->key, keys->bytes);
    pr_ranges_add(ranges, "index", keys->counts, PRI_KEYS_COUNTS_BYTES);
}

/* Count every key, then add up from the smallest. Gives the threshold and how many are below. */
static uint16_t search(pri_keys *keys, const uint8_t *mark, uint32_t n, uint32_t count,
                       uint32_t *below)
{
    uint32_t threshold = 0, sum = 0;

    memset(keys->counts, 0, (UINT16_MAX + 1) * sizeof *keys->counts);
    for (uint32_t s = 0; s < n; s++) keys->counts[keys->key[s]] += !(mark && mark[s]);
    while (sum + keys->counts[threshold] < count) {
        PR_ASSERT(threshold < UINT16_MAX);
        sum += keys->counts[threshold++];
    }
    *below = sum;
    return (uint16_t)threshold;
}

void pri_keys_choose(pri_keys *keys, const uint8_t *mark, uint32_t n, uint32_t count,
                     pr_slot *victims)
{
    uint16_t threshold = keys->guess;
    uint32_t below     = 0;
    bool     found     = false;

    if (count == 0) return;
    for (int step = 0; step < MAX_STEPS && !found; step++) {
        const pri_tally t = keys->sweeps->tally(keys->key, mark, n, threshold);
        below             = t.below;
        found             = t.below < count && t.below + t.equal >= count;
        if (!found) threshold = t.below >= count ? t.highest_below : t.lowest_above;
    }
    if (!found) threshold = search(keys, mark, n, count, &below);
    keys->guess        = threshold;
    const uint32_t num = keys->sweeps->pick(keys->key, mark, n, threshold, count - below, victims);
    PR_ASSERT(num == count);
    (void)num;
}

void pri_keys_tick(pri_keys *keys, uint16_t *clock, uint32_t n)
{
    if (*clock == PRI_STAMP_LAST) {
        uint32_t distinct = 0, rank = 0;
        memset(keys->counts, 0, (PRI_STAMP_LAST + 1) * sizeof *keys->counts);
        for (uint32_t s = 0; s < n; s++)
            if (keys->key[s] <= PRI_STAMP_LAST) keys->counts[keys->key[s]] = 1;
        for (uint32_t k = 0; k <= PRI_STAMP_LAST; k++) distinct += keys->counts[k];
        uint32_t merged = distinct > PRI_STAMP_KEPT ? distinct - PRI_STAMP_KEPT : 0;
        for (uint32_t k = 0; k <= PRI_STAMP_LAST; k++) {
            if (!keys->counts[k]) continue;
            if (merged > 0)
                merged--;
            else
                rank++;
            keys->counts[k] = rank;
        }
        for (uint32_t s = 0; s < n; s++)
            if (keys->key[s] <= PRI_STAMP_LAST) keys->key[s] = (uint16_t)keys->counts[keys->key[s]];
        *clock      = (uint16_t)rank;
        keys->guess = 0;
    }
    ++*clock;
}
