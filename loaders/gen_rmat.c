/* gen_rmat.c: R-MAT graphs (Chakrabarti, Zhan and Faloutsos, SDM 2004) with probabilities 0.57,
 * 0.19, 0.19, 0.05: every level of the adjacency matrix picks one of four quadrants; draws outside
 * 0 .. N-1 and self loops are drawn again; a keyed bijection turns places into node ids.
 *
 * With these probabilities the two ends of an arc are nearly independent but for their degrees, so
 * quadrants are no communities and a label taken from them could not be learnt from neighbours. A
 * label is therefore made from the neighbourhood, by a teacher that a mean aggregator can equal:
 *
 *     label(v) = argmax over k of centre_k . (own_part * x_v + mean over in-neighbours u of x_u)
 *
 * with x_v the centre of v's hidden class and noise: v's own row alone tells little of it.
 */
#include <math.h>
#include <omp.h>

#include "base/rng.h"
#include "loaders/gen.h"

enum { MAX_ATTEMPTS = 64, LEVELS_PER_DRAW = 8 };

static const float own_part = 0.25f;

/* Draw one pair of places; counters draw, draw + 1, ... */
static void draw_places(const pri_gen *gen, uint64_t i, uint32_t draw, unsigned levels,
                        uint64_t place[2])
{
    enum { TO_B = 37356, TO_C = 49807, TO_D = 62259 }; /* of 65536: 0.57, 0.76, 0.95 */
    pri_rand4 r = { { 0 } };

    place[0] = place[1] = 0;
    for (unsigned level = 0; level < levels; level++) {
        if (level % LEVELS_PER_DRAW == 0)
            r = pri_philox(gen->key, (uint32_t)i, (uint32_t)(i >> 32), draw++, PRI_GEN_PAIR);
        const uint32_t word = r.at[level / 2 % 4];
        const uint32_t t    = level % 2 ? word >> 16 : word & 0xffff;
        place[0]            = place[0] << 1 | (t >= TO_C);
        place[1]            = place[1] << 1 | ((t >= TO_B && t < TO_C) || t >= TO_D);
    }
}

static pr_status rmat_pairs(pri_gen *gen)
{
    const uint64_t N      = gen->num_nodes;
    unsigned       levels = 1;

    while ((uint64_t)1 << levels < N) levels++;
    const uint32_t draws = (levels + LEVELS_PER_DRAW - 1) / LEVELS_PER_DRAW;
#pragma omp parallel for num_threads(gen->threads)
    for (uint64_t i = 0; i < gen->num_pairs; i++) {
        if (pri_gen_stopped(gen)) continue;
        uint64_t place[2] = { 0, 0 };
        bool     good     = false;
        for (uint32_t attempt = 0; !good && attempt < MAX_ATTEMPTS; attempt++) {
            draw_places(gen, i, attempt * draws, levels, place);
            good = place[0] < N && place[1] < N && place[0] != place[1];
        }
        if (!good) place[0] = place[1] = 0; /* dropped as a self loop; once in 10^20 pairs */
        gen->pair[2 * i]     = (pr_vid)pri_permute(&gen->order, place[0]);
        gen->pair[2 * i + 1] = (pr_vid)pri_permute(&gen->order, place[1]);
    }
    return PR_OK;
}

static uint32_t hidden_class(const pri_gen *gen, uint64_t v)
{
    const pri_rand4 r = pri_philox(gen->key, (uint32_t)v, 0, 0, PRI_GEN_HIDDEN);
    return (uint32_t)((uint64_t)r.at[0] * gen->num_classes >> 32);
}

/* Give columns 4 quad .. 4 quad + 3 of a class's centre, and of a node's row. */
static void centre_quad(const pri_gen *gen, uint32_t k, uint32_t quad, float out[4])
{
    const float scale = 1.0f / sqrtf((float)gen->num_feats);

    pri_gen_normal(gen, PRI_GEN_CLASS_CENTRE, k, quad, out);
    for (int j = 0; j < 4; j++) out[j] *= scale;
}

static void row_quad(const pri_gen *gen, uint64_t v, uint32_t hidden, uint32_t quad, float out[4])
{
    const float noise = (float)gen->options->noise;
    float       own[4];

    centre_quad(gen, hidden, quad, out);
    pri_gen_normal(gen, PRI_GEN_NOISE, v, quad, own);
    for (int j = 0; j < 4; j++) out[j] += noise * own[j];
}

static pr_status rmat_rows(void *context, pr_vid first, pr_vid count, float *rows)
{
    const pri_gen *gen = context;
    const uint32_t F   = gen->num_feats;

#pragma omp parallel for num_threads(gen->threads)
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t v      = (uint64_t)first + i;
        const uint32_t hidden = hidden_class(gen, v);
        float *const   row    = rows + (size_t)i * F;
        for (uint32_t f = 0; f < F; f += 4) {
            float four[4];
            row_quad(gen, v, hidden, f / 4, four);
            for (uint32_t j = 0; j < 4 && f + j < F; j++) row[f + j] = four[j];
        }
    }
    return PR_OK;
}

/* S [N, K] = X C', X [N, F] made row by row, C [K, F] the centres. */
static void score_rows(const pri_gen *gen, const float *centre, float *score)
{
    const uint32_t K = gen->num_classes, F = gen->num_feats;

#pragma omp parallel for num_threads(gen->threads) schedule(dynamic, 256)
    for (uint64_t v = 0; v < gen->num_nodes; v++) {
        if (pri_gen_stopped(gen)) continue;
        const uint32_t hidden = hidden_class(gen, v);
        float *const   s      = score + v * K;
        for (uint32_t f = 0; f < F; f += 4) {
            float x[4];
            row_quad(gen, v, hidden, f / 4, x);
            for (uint32_t k = 0; k < K; k++)
                for (uint32_t j = 0; j < 4 && f + j < F; j++)
                    s[k] += centre[(size_t)k * F + f + j] * x[j];
        }
    }
}

/* Give the class of the highest own_part * S[v] + mean over in-neighbours u of S[u]; `sum` [K] is
 * scratch. */
static uint32_t best_class(const pri_gen *gen, const float *score, uint64_t v, float *sum)
{
    const pr_graph *g     = &gen->csc.graph;
    const uint32_t  K     = gen->num_classes;
    const pr_eid    begin = g->indptr[v], end = g->indptr[v + 1];
    const float     scale = end > begin ? 1.0f / (float)(end - begin) : 0.0f;
    uint32_t        best  = 0;

    for (uint32_t k = 0; k < K; k++) sum[k] = 0.0f;
    for (pr_eid e = begin; e < end; e++) {
        const float *s = score + (size_t)g->indices[e] * K;
        for (uint32_t k = 0; k < K; k++) sum[k] += s[k];
    }
    for (uint32_t k = 0; k < K; k++) {
        sum[k] = own_part * score[v * K + k] + scale * sum[k];
        if (sum[k] > sum[best]) best = k;
    }
    return best;
}

static pr_status rmat_labels(pri_gen *gen)
{
    pr_status    st = PR_OK;
    const size_t K = gen->num_classes, F = gen->num_feats;
    float       *centre = NULL, *score = NULL, *sums = NULL;

    PR_NEW(centre, K * F);
    PR_NEW(sums, K * (size_t)gen->threads);
    PR_NEW(score, K * gen->num_nodes);
    for (uint32_t k = 0; k < K; k++)
        for (uint32_t f = 0; f < F; f += 4) {
            float four[4];
            centre_quad(gen, k, f / 4, four);
            for (uint32_t j = 0; j < 4 && f + j < F; j++) centre[k * F + f + j] = four[j];
        }
    score_rows(gen, centre, score);
#pragma omp parallel for num_threads(gen->threads) schedule(dynamic, 256)
    for (uint64_t v = 0; v < gen->num_nodes; v++) {
        if (pri_gen_stopped(gen)) continue;
        float *const sum = sums + (size_t)omp_get_thread_num() * K;
        gen->labels[v]   = pri_gen_label(gen, (pr_vid)v, best_class(gen, score, v, sum));
    }
done:
    pri_free(centre);
    pri_free(sums);
    pri_free(score);
    return st;
}

static uint64_t rmat_pairs_bytes(const pri_gen *gen)
{
    (void)gen;
    return 0;
}

static uint64_t rmat_labels_bytes(const pri_gen *gen)
{
    const uint64_t rows = (uint64_t)gen->num_nodes + gen->num_feats + (uint64_t)gen->threads;
    return rows * gen->num_classes * sizeof(float);
}

const pri_gen_kind pri_gen_rmat = { "rmat",    rmat_pairs,       rmat_labels,
                                    rmat_rows, rmat_pairs_bytes, rmat_labels_bytes };
