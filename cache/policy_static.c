/* policy_static.c: the row with the smallest score goes first, of equal scores the lower slot. With
 * degrees as scores this is PaGraph's static cache (Lin et al., SoCC 2020), with frequencies of
 * presampled batches GNNLab's (Yang et al., EuroSys 2022), but for rows of the running batch, which
 * stay.
 *
 * Scores are kept as 16-bit floating numbers, exponent over mantissa, so that they compare as
 * integers: exact below 4096, else their top 12 bits. */
#include "cache/keys.h"
#include "cache/policy.h"

enum { MANTISSA = 11 };

typedef struct scored {
    pri_keys  keys;
    uint16_t *score; /* [num_rows] */
    size_t    bytes;
} scored;

static uint16_t short_score(uint32_t score)
{
    uint32_t exponent = 0;
    while (score >> exponent >= 2u << MANTISSA) exponent++;
    if (exponent == 0) return (uint16_t)score;
    return (uint16_t)((exponent << MANTISSA) + (score >> exponent));
}

static void static_free(void *policy)
{
    scored *p = policy;

    if (!p) return;
    pri_pages_unmap(p->score, p->bytes);
    pri_keys_clear(&p->keys);
    pri_free(p);
}

static pr_status static_create(const pri_policy_setup *setup, void **out)
{
    pr_status st = PR_OK;
    scored   *p  = NULL;

    *out = NULL;
    PR_NEW(p, 1);
    PR_TRY(pri_keys_init(&p->keys, setup->max_slots));
    p->bytes = ((size_t)setup->num_rows + 1) * sizeof *p->score;
    p->score = pri_pages_map(p->bytes, 1);
    PR_CHECK(p->score, PR_E_NOMEM, "cannot keep the scores of %u rows", setup->num_rows);
    for (pr_vid v = 0; v < setup->num_rows; v++) p->score[v] = short_score(setup->scores[v]);
    *out = p;
    p    = NULL;
done:
    static_free(p);
    return st;
}

static void static_choose(void *policy, const pri_index *index, const uint8_t *mark, uint32_t count,
                          pr_slot *victims)
{
    scored *p = policy;
    pri_keys_choose(&p->keys, mark, index->num_resident, count, victims);
}

static void static_placed(void *policy, const pri_placed *placed)
{
    enum { AHEAD = 32 };
    scored *p = policy;

    for (uint32_t i = 0; i < placed->num_added; i++) {
        if (i + AHEAD < placed->num_added)
            __builtin_prefetch(&p->score[placed->write[i + AHEAD].id]);
        p->keys.key[placed->write[i].to] = p->score[placed->write[i].id];
    }
}

static void static_ranges(const void *policy, pr_ranges *ranges)
{
    const scored *p = policy;

    pri_keys_ranges(&p->keys, ranges);
    pr_ranges_add(ranges, "index", p->score, p->bytes);
}

static pr_status static_check(const void *policy, const pri_index *index)
{
    pr_status     st = PR_OK;
    const scored *p  = policy;

    for (pr_slot s = 0; s < index->num_resident; s++)
        PR_CHECK(p->keys.key[s] == p->score[index->id_of[s]], PR_E_BUG,
                 "slot %u has score %u, its row %u has %u", s, p->keys.key[s], index->id_of[s],
                 p->score[index->id_of[s]]);
done:
    return st;
}

const pri_policy pri_policy_static = {
    .name   = "static",
    .stride = 1,
    .scored = true,
    .create = static_create,
    .free   = static_free,
    .choose = static_choose,
    .placed = static_placed,
    .ranges = static_ranges,
    .check  = static_check,
};
