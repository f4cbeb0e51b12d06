/* gen_planted.c: communities of sub-communities, with degrees of a Pareto tail.
 *
 * Nodes have places 0 .. N-1; places are cut into blocks of equal size, the sub-communities, and
 * consecutive blocks make a community; a keyed bijection turns places into node ids. A node has a
 * weight w with density w^-exponent. Every pair starts at a node, in proportion to the weights
 * (evenly spread over their running sum, so that no draw is spent on it), and ends at a node of
 * the same sub-community, of the same community, or anywhere, again in proportion to the weights.
 * A pair that was drawn before is drawn again within the same bounds, first its end, then both: in
 * a sub-community of a hundred nodes the heavy ones would meet again and again, and dropping what
 * they drew twice took 5 of the 48 % of arcs that should be in sub-communities.
 *
 * A class is a set of communities. A feature row is the centre of its class, a smaller part of the
 * centre of its sub-community, and noise, so that neighbours tell more about a node than its own
 * row does. With --multi-label a community has a set of labels, its class among them, and the
 * centre is that of the set: the sum of the centres of its labels, over the root of their number.
 */
#include <math.h>

#include "base/rng.h"
#include "loaders/gen.h"
#include "loaders/pair_set.h"

__extension__ typedef unsigned __int128 u128;

enum { WEIGHT_UNIT = 256, MAX_WEIGHT = 1 << 22, MIN_SUB_NODES = 10, NODES_PER_SUB_ARC = 8 };
enum { NEAR_ATTEMPTS = 8, MAX_ATTEMPTS = 16 }; /* to end elsewhere than at the start */
enum { SAME_START = 4, MAX_REDRAWS = 64 };     /* of a pair that was there before */
enum { PAIRS_AHEAD = 16, PAIRS_A_LOOK = 1 << 16 };

static const float class_part = 0.8f, sub_part = 0.6f; /* squares add up to 1 */

/* Small graphs have fewer communities, but one a class at least; a sub-community has room for the
 * arcs that should stay in it. */
void pri_planted_size(pri_gen *gen)
{
    const pr_gen_options *o     = gen->options;
    const uint64_t        N     = gen->num_nodes;
    const double          inner = o->homophily * (double)o->edges / (double)N; /* arcs a node */
    const double          room  = ceil(inner * NODES_PER_SUB_ARC);
    const double          least = room > MIN_SUB_NODES ? room : MIN_SUB_NODES;
    uint64_t              most  = (uint64_t)((double)N / least); /* sub-communities */

    if (most == 0) most = 1;
    uint64_t communities = most / o->subcommunities;
    if (communities > o->communities) communities = o->communities;
    if (communities < o->classes) communities = o->classes;
    uint64_t subs = most / communities;
    if (subs > o->subcommunities) subs = o->subcommunities;
    gen->communities    = communities;
    gen->subcommunities = subs > 0 ? subs : 1;
}

static uint64_t block_of(const pri_gen *gen, uint64_t place)
{
    return place * (gen->communities * gen->subcommunities) / gen->num_nodes;
}

/* Give the first place of a block; the block behind the last begins at num_nodes. */
static uint64_t place_of(const pri_gen *gen, uint64_t block)
{
    const uint64_t blocks = gen->communities * gen->subcommunities;
    return (block * gen->num_nodes + blocks - 1) / blocks;
}

/* Fill sum[0 .. N] with running sums of the weights, in whole units: sums are exact. */
static void sum_weights(const pri_gen *gen, uint64_t *sum)
{
    const uint64_t N     = gen->num_nodes;
    const double   power = -1.0 / (gen->options->degree_exponent - 1.0);
    const double   most  = N < MAX_WEIGHT ? (double)N : MAX_WEIGHT; /* no node knows more */

    sum[0] = 0;
#pragma omp parallel for num_threads(gen->threads)
    for (uint64_t p = 0; p < N; p++) {
        const pri_rand4 r = pri_philox(gen->key, (uint32_t)p, 0, 0, PRI_GEN_WEIGHT);
        const double    w = pow(((double)r.at[0] + 1.0) * 0x1p-32, power);
        sum[p + 1]        = (uint64_t)((w < most ? w : most) * WEIGHT_UNIT);
    }
    for (uint64_t p = 0; p < N; p++) sum[p + 1] += sum[p];
}

/* Draw a place of [low, high) in proportion to the weights. */
static uint64_t draw_place(const uint64_t *sum, uint64_t low, uint64_t high, pri_rand4 r)
{
    const uint64_t word   = (uint64_t)r.at[0] << 32 | r.at[1];
    const uint64_t target = sum[low] + (uint64_t)(((u128)word * (sum[high] - sum[low])) >> 64);

    while (high - low > 1) { /* sum[low] <= target < sum[high] */
        const uint64_t middle = low + (high - low) / 2;
        if (sum[middle] <= target)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static pri_rand4 pair_words(const pri_gen *gen, uint64_t i, uint32_t attempt)
{
    return pri_philox(gen->key, (uint32_t)i, (uint32_t)(i >> 32), attempt, PRI_GEN_PAIR);
}

/* Draw the bounds within which pair i, which starts at `place`, ends. */
static void draw_bounds(const pri_gen *gen, uint64_t i, uint64_t place, uint64_t *low,
                        uint64_t *high)
{
    const pr_gen_options *o    = gen->options;
    const double          t    = (double)pair_words(gen, i, 0).at[0] * 0x1p-32;
    const uint64_t        subs = gen->subcommunities, block = block_of(gen, place);

    *low  = 0;
    *high = gen->num_nodes;
    if (t < o->homophily) {
        *low  = place_of(gen, block);
        *high = place_of(gen, block + 1);
    } else if (t < o->homophily + o->community_share) {
        *low  = place_of(gen, block / subs * subs);
        *high = place_of(gen, block / subs * subs + subs);
    }
}

/* Draw where pair i, which starts at `place`, ends; the start itself when all attempts gave it. */
static uint64_t draw_end(const pri_gen *gen, const uint64_t *sum, uint64_t i, uint64_t place)
{
    uint64_t low, high, end = place;

    draw_bounds(gen, i, place, &low, &high);
    for (uint32_t attempt = 1; end == place && attempt <= MAX_ATTEMPTS; attempt++) {
        if (attempt > NEAR_ATTEMPTS) low = 0, high = gen->num_nodes;
        end = draw_place(sum, low, high, pair_words(gen, i, attempt));
    }
    return end;
}

/* Draw pair i anew until it is one that is not there yet; it stays as it is when the bounds are
 * full. */
static void redraw_pair(const pri_gen *gen, const uint64_t *sum, uint64_t i, pri_pair_set *seen)
{
    pr_vid *const pair  = gen->pair + 2 * i;
    uint64_t      start = pri_unpermute(&gen->order, pair[0]), low, high;

    draw_bounds(gen, i, start, &low, &high);
    for (uint32_t k = 1; k <= MAX_REDRAWS; k++) {
        const pri_rand4 r   = pair_words(gen, i, MAX_ATTEMPTS + k);
        const uint64_t  end = draw_place(sum, low, high, r);
        if (k > SAME_START) start = draw_place(sum, low, high, (pri_rand4){ { r.at[2], r.at[3] } });
        if (end == start) continue;
        const pr_vid from = (pr_vid)pri_permute(&gen->order, start);
        const pr_vid to   = (pr_vid)pri_permute(&gen->order, end);
        if (!pri_pair_set_add(seen, from, to)) continue;
        pair[0] = from;
        pair[1] = to;
        return;
    }
}

/* Redraw the pairs that were there before, in the order of pairs: the result does not depend on the
 * threads. */
static pr_status redraw_duplicates(pri_gen *gen, const uint64_t *sum)
{
    pr_status    st   = PR_OK;
    pri_pair_set seen = { 0 };

    PR_TRY(pri_pair_set_init(&seen, gen->num_pairs));
    for (uint64_t i = 0; i < gen->num_pairs; i++) {
        const pr_vid *const pair = gen->pair + 2 * i;
        if (i % PAIRS_A_LOOK == 0 && pri_gen_stopped(gen)) break;
        if (i + PAIRS_AHEAD < gen->num_pairs)
            pri_pair_set_prefetch(&seen, pair[2 * PAIRS_AHEAD], pair[2 * PAIRS_AHEAD + 1]);
        if (pair[0] == pair[1] || !pri_pair_set_add(&seen, pair[0], pair[1]))
            redraw_pair(gen, sum, i, &seen);
    }
done:
    pri_pair_set_clear(&seen);
    return st;
}

/* Give the first pair that starts at `place` or behind it: ceil(P * sum[place] / sum[N]). */
static uint64_t first_pair(const pri_gen *gen, const uint64_t *sum, uint64_t place)
{
    const u128 total = sum[gen->num_nodes];
    return (uint64_t)(((u128)gen->num_pairs * sum[place] + total - 1) / total);
}

static pr_status planted_pairs(pri_gen *gen)
{
    pr_status      st  = PR_OK;
    const uint64_t N   = gen->num_nodes;
    uint64_t      *sum = NULL;

    PR_NEW(sum, N + 1);
    sum_weights(gen, sum);
#pragma omp parallel for num_threads(gen->threads) schedule(dynamic, 256)
    for (uint64_t p = 0; p < N; p++) {
        if (pri_gen_stopped(gen)) continue;
        const pr_vid   from = (pr_vid)pri_permute(&gen->order, p);
        const uint64_t end  = first_pair(gen, sum, p + 1);
        for (uint64_t i = first_pair(gen, sum, p); i < end; i++) {
            gen->pair[2 * i]     = from;
            gen->pair[2 * i + 1] = (pr_vid)pri_permute(&gen->order, draw_end(gen, sum, i, p));
        }
    }
    PR_TRY(redraw_duplicates(gen, sum));
done:
    pri_free(sum);
    return st;
}

static uint32_t class_of(const pri_gen *gen, uint64_t block)
{
    return (uint32_t)(block / gen->subcommunities % gen->num_classes);
}

/* Say whether a community has a label: that of its class, and each other one with a probability
 * that makes two of them in the mean, or every other one where there are few. */
static bool has_label(const pri_gen *gen, uint64_t community, uint32_t label)
{
    const uint32_t  others = gen->num_classes - 1;
    const double    share  = others > 4 ? 2.0 / (double)others : 0.5;
    const pri_rand4 r      = pri_philox(gen->key, (uint32_t)community, label, 0, PRI_GEN_LABEL_SET);

    return label == community % gen->num_classes || (double)r.at[0] * 0x1p-32 < share;
}

static void planted_targets(pri_gen *gen)
{
    const size_t C = gen->num_classes;

#pragma omp parallel for num_threads(gen->threads)
    for (uint64_t v = 0; v < gen->num_nodes; v++) {
        const uint64_t block = block_of(gen, pri_unpermute(&gen->order, v));
        const uint64_t from  = pri_gen_community(gen, (pr_vid)v, block / gen->subcommunities);
        for (uint32_t c = 0; c < C; c++) gen->targets[v * C + c] = has_label(gen, from, c);
    }
}

static pr_status planted_labels(pri_gen *gen)
{
    if (gen->targets) {
        planted_targets(gen);
        return PR_OK;
    }
#pragma omp parallel for num_threads(gen->threads)
    for (uint64_t v = 0; v < gen->num_nodes; v++) {
        const uint64_t block = block_of(gen, pri_unpermute(&gen->order, v));
        gen->labels[v]       = pri_gen_label(gen, (pr_vid)v, class_of(gen, block));
    }
    return PR_OK;
}

/* Give four columns of the centre of a block's class, or of its labels. */
static void centre_of(const pri_gen *gen, uint64_t block, uint32_t quad, float out[4])
{
    const uint64_t community = block / gen->subcommunities;
    float          one[4], num = 0;

    if (!gen->options->multi_label) {
        pri_gen_normal(gen, PRI_GEN_CLASS_CENTRE, class_of(gen, block), quad, out);
        return;
    }
    for (int j = 0; j < 4; j++) out[j] = 0;
    for (uint32_t c = 0; c < gen->num_classes; c++) {
        if (!has_label(gen, community, c)) continue;
        pri_gen_normal(gen, PRI_GEN_CLASS_CENTRE, c, quad, one);
        for (int j = 0; j < 4; j++) out[j] += one[j];
        num++;
    }
    for (int j = 0; j < 4; j++) out[j] /= sqrtf(num);
}

static pr_status planted_rows(void *context, pr_vid first, pr_vid count, float *rows)
{
    const pri_gen *gen   = context;
    const uint32_t F     = gen->num_feats;
    const float    scale = 1.0f / sqrtf((float)F), noise = (float)gen->options->noise;

#pragma omp parallel for num_threads(gen->threads)
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t v     = (uint64_t)first + i;
        const uint64_t block = block_of(gen, pri_unpermute(&gen->order, v));
        float *const   row   = rows + (size_t)i * F;
        for (uint32_t f = 0; f < F; f += 4) {
            float in_class[4], in_sub[4], own[4];
            centre_of(gen, block, f / 4, in_class);
            pri_gen_normal(gen, PRI_GEN_SUB_CENTRE, block, f / 4, in_sub);
            pri_gen_normal(gen, PRI_GEN_NOISE, v, f / 4, own);
            for (uint32_t j = 0; j < 4 && f + j < F; j++)
                row[f + j] =
                    scale * (class_part * in_class[j] + sub_part * in_sub[j]) + noise * own[j];
        }
    }
    return PR_OK;
}

static uint64_t planted_pairs_bytes(const pri_gen *gen)
{
    return ((uint64_t)gen->num_nodes + 1) * sizeof(uint64_t) + pri_pair_set_bytes(gen->num_pairs);
}

static uint64_t planted_labels_bytes(const pri_gen *gen)
{
    (void)gen;
    return 0;
}

const pri_gen_kind pri_gen_planted = { "planted",    planted_pairs,       planted_labels,
                                       planted_rows, planted_pairs_bytes, planted_labels_bytes };
