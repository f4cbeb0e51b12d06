/* hash_split.c: a split by a hash of each node, for data that brings none. */
#include "base/rng.h"
#include "loaders/write.h"

enum { TRAIN, VAL, TEST };

static int part_of(uint64_t key, pr_vid v, uint32_t train_percent, uint32_t val_percent)
{
    const uint64_t word  = pri_mix64(key ^ pri_mix64(v)) >> 32;
    const uint32_t place = (uint32_t)((word * 100) >> 32);

    if (place < train_percent) return TRAIN;
    return place < train_percent + val_percent ? VAL : TEST;
}

pr_status pri_split_by_hash(const int32_t *labels, pr_vid num_nodes, uint32_t train_percent,
                            uint32_t val_percent, uint64_t seed, pr_split *out, pr_vid **memory)
{
    pr_status      st     = PR_OK;
    const uint64_t key    = pri_stream_key(seed, PRI_STREAM_SPLIT);
    size_t         num[3] = { 0 };
    pr_vid        *list[3];

    *out    = (pr_split){ 0 };
    *memory = NULL;
    PR_CHECK(train_percent <= 100 && val_percent <= 100 - train_percent, PR_E_ARG,
             "%u percent to train and %u to validate are more than 100", train_percent,
             val_percent);
    PR_NEW(*memory, num_nodes);
    for (pr_vid v = 0; v < num_nodes; v++)
        if (!labels || labels[v] >= 0) num[part_of(key, v, train_percent, val_percent)]++;
    list[TRAIN] = *memory;
    list[VAL]   = list[TRAIN] + num[TRAIN];
    list[TEST]  = list[VAL] + num[VAL];

    out->train = (pr_vids){ list[TRAIN], num[TRAIN] };
    out->val   = (pr_vids){ list[VAL], num[VAL] };
    out->test  = (pr_vids){ list[TEST], num[TEST] };
    for (pr_vid v = 0; v < num_nodes; v++)
        if (!labels || labels[v] >= 0) *list[part_of(key, v, train_percent, val_percent)]++ = v;
done:
    return st;
}
