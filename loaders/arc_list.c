/* arc_list.c: see arc_list.h. */
#include "loaders/arc_list.h"

#include <float.h>
#include <inttypes.h>
#include <string.h>

#define RADIX_SORT sort_ids
#define RADIX_KEY  pr_vid
#include "loaders/radix_kernel.h"

/* The bits between the highest id's and the weight's are all 0 and cost a pass only where a list is
 * long. */
#define RADIX_SORT sort_keys
#define RADIX_KEY  uint64_t
#include "loaders/radix_kernel.h"

uint64_t pri_arc_key(pr_vid src, float weight)
{
    const float positive = weight + 0.0f; /* makes 0 of -0 */
    uint32_t    bits;

    memcpy(&bits, &positive, sizeof bits);
    return (uint64_t)src << 32 | bits;
}

float pri_arc_weight(uint64_t key)
{
    const uint32_t bits = (uint32_t)key;
    float          weight;

    memcpy(&weight, &bits, sizeof weight);
    return weight;
}

void pri_list_sort(pr_vid *list, uint64_t n, pr_vid num_nodes)
{
    sort_ids(list, n, 31 - __builtin_clz(num_nodes | 1));
}

void pri_keys_sort(uint64_t *key, uint64_t n, pr_vid num_nodes)
{
    sort_keys(key, n, 63 - __builtin_clz(num_nodes | 1));
}

void pri_list_finish(pr_vid *list, uint64_t n, pr_vid v, const pri_arc_rules *rules,
                     pri_arc_tally *tally, pr_vid *to, uint64_t *kept)
{
    uint64_t num = 0, loops = 0, first = 0;

    if (rules->self_loops == PRI_LOOPS_ADD) {
        while (first < n && list[first] < v) first++;
        if (first == n || list[first] != v) {
            memmove(list + first + 1, list + first, (n - first) * sizeof *list);
            list[first] = v;
            n++;
        }
    }
    const bool drop = rules->self_loops == PRI_LOOPS_DROP;
    for (uint64_t i = 0; i < n; i++) {
        const pr_vid src = list[i];
        if (drop && src == v)
            loops++;
        else if (rules->keep_all || num == 0 || to[num - 1] != src)
            to[num++] = src;
    }
    tally->self_loops_dropped += loops;
    tally->duplicates_dropped += n - loops - num;
    *kept = num;
}

/* Add up the keys from `at` on that have one source; gives how many, and their sum. */
static uint64_t add_equal(const uint64_t *at, uint64_t n, double *sum)
{
    uint64_t num = 0;

    for (*sum = 0; num < n && at[num] >> 32 == at[0] >> 32; num++)
        *sum += (double)pri_arc_weight(at[num]);
    return num;
}

static int64_t id_of(const pri_arc_rules *rules, pr_vid v)
{
    return rules->ids ? rules->ids[v] : (int64_t)v;
}

pr_status pri_keys_finish(uint64_t *key, uint64_t n, pr_vid v, const pri_arc_rules *rules,
                          pri_arc_tally *tally, uint64_t *to, uint64_t *kept)
{
    pr_status st  = PR_OK;
    uint64_t  num = 0, loops = 0, first = 0, equal;
    double    sum = 0;

    if (rules->self_loops == PRI_LOOPS_ADD) {
        while (first < n && key[first] >> 32 < v) first++;
        if (first == n || key[first] >> 32 != v) {
            memmove(key + first + 1, key + first, (n - first) * sizeof *key);
            key[first] = pri_arc_key(v, 1.0f);
            n++;
        }
    }
    const bool drop = rules->self_loops == PRI_LOOPS_DROP;
    for (uint64_t i = 0; i < n; i += equal) {
        const pr_vid src = (pr_vid)(key[i] >> 32);
        if (rules->keep_all) {
            equal = 1;
            sum   = (double)pri_arc_weight(key[i]);
        } else {
            equal = add_equal(key + i, n - i, &sum);
        }
        if (drop && src == v) {
            loops += equal;
            continue;
        }
        PR_CHECK(sum <= (double)FLT_MAX, PR_E_INPUT,
                 "the weights of the %" PRIu64 " arcs from %" PRId64 " to %" PRId64
                 " add up to %g, must be at most %g",
                 equal, id_of(rules, src), id_of(rules, v), sum, (double)FLT_MAX);
        to[num++] = pri_arc_key(src, (float)sum);
    }
    tally->self_loops_dropped += loops;
    tally->duplicates_dropped += n - loops - num;
    *kept = num;
done:
    return st;
}
