/* link_batch.c: see link_batch.h. */
#include "pipeline/link_batch.h"

#include <inttypes.h>
#include <string.h>

#include "pipeline/sampler/relabel.h"

/* Arrays of one kept step. */
typedef struct slot {
    pr_vid       *nodes;           /* [most seeds + 1] */
    uint32_t     *source, *target; /* [pairs] */
    uint32_t     *pair_at;         /* [most seeds + 1] where each seed's pairs begin */
    uint32_t     *pair_of;         /* [2 pairs] */
    uint32_t     *exclude_at;      /* [most seeds + 1] */
    pr_vid       *excluded;        /* [2 batch] */
    pri_link_step step;
} slot;

struct pri_link_batches {
    pri_link_plan plan;
    pri_relabel   relabel;
    uint32_t      num_kept;
    slot         *kept;  /* [num_kept] */
    uint32_t     *words; /* of all of them */
    float        *slope; /* [pairs] */
    double       *loss;  /* [pairs] */
};

uint64_t pri_link_most_seeds(uint32_t batch_size, uint32_t negatives)
{
    return batch_size * (UINT64_C(2) + negatives);
}

static uint64_t most_pairs(uint32_t batch_size, uint32_t negatives)
{
    return batch_size * (UINT64_C(1) + negatives);
}

static uint64_t words_of_slot(uint32_t batch_size, uint32_t negatives)
{
    return 3 * (pri_link_most_seeds(batch_size, negatives) + 1) +
           4 * most_pairs(batch_size, negatives) + UINT64_C(2) * batch_size;
}

uint64_t pri_link_batches_bytes(uint32_t batch_size, uint32_t negatives, uint32_t num_kept,
                                pr_vid num_nodes)
{
    return num_kept * words_of_slot(batch_size, negatives) * sizeof(uint32_t) +
           most_pairs(batch_size, negatives) * (sizeof(float) + sizeof(double)) +
           num_nodes * sizeof(pri_relabel_entry);
}

static uint32_t *take(uint32_t **from, uint64_t num)
{
    uint32_t *at = *from;
    *from += num;
    return at;
}

pr_status pri_link_batches_create(const pri_link_plan *plan, uint32_t batch_size, uint32_t num_kept,
                                  pri_link_batches **out)
{
    pr_status         st      = PR_OK;
    pri_link_batches *batches = NULL;
    const uint64_t    seeds   = pri_link_most_seeds(batch_size, plan->negatives);
    const uint64_t    pairs   = most_pairs(batch_size, plan->negatives);

    *out = NULL;
    PR_CHECK(2 * seeds < PR_MAX_NODES, PR_E_RANGE,
             "a step of %u edges (--batch-size) with %u negatives each (--link.negatives) may have "
             "%" PRIu64 " seeds, at most %u",
             batch_size, plan->negatives, seeds, PR_MAX_NODES / 2);
    PR_NEW(batches, 1);
    batches->plan     = *plan;
    batches->num_kept = num_kept;
    PR_TRY(pri_relabel_init(&batches->relabel, plan->draw->num_nodes));
    PR_NEW(batches->kept, num_kept);
    PR_NEW(batches->words, num_kept * words_of_slot(batch_size, plan->negatives));
    PR_NEW(batches->slope, pairs);
    PR_NEW(batches->loss, pairs);
    uint32_t *words = batches->words;
    for (uint32_t i = 0; i < num_kept; i++) {
        slot *s       = &batches->kept[i];
        s->nodes      = take(&words, seeds + 1);
        s->source     = take(&words, pairs);
        s->target     = take(&words, pairs);
        s->pair_at    = take(&words, seeds + 1);
        s->pair_of    = take(&words, 2 * pairs);
        s->exclude_at = take(&words, seeds + 1);
        s->excluded   = take(&words, UINT64_C(2) * batch_size);
    }
    *out    = batches;
    batches = NULL;
done:
    pri_link_batches_free(batches);
    return st;
}

void pri_link_batches_free(pri_link_batches *batches)
{
    if (!batches) return;
    pri_relabel_clear(&batches->relabel);
    pri_free(batches->kept);
    pri_free(batches->words);
    pri_free(batches->slope);
    pri_free(batches->loss);
    pri_free(batches);
}

/* List the pairs of all edges, each edge before its negatives, and number their ends. */
static void list_pairs(pri_link_batches *b, slot *s, uint64_t step, pr_vids edges)
{
    const pr_vid        *ends = b->plan.edges->ends;
    const pri_link_draw *draw = b->plan.draw;
    uint32_t             p    = 0;

    pri_relabel_start(&b->relabel, s->nodes);
    for (uint32_t i = 0; i < edges.n; i++) {
        const pri_link_place place  = { .training = true, .step = step, .edge = i };
        const size_t         at     = 2 * (size_t)edges.at[i];
        const bool           turned = pri_link_turned(draw, place);
        const pr_vid         u = ends[at + turned], v = ends[at + !turned];
        const uint32_t       source = pri_relabel_one(&b->relabel, u);
        s->source[p]                = source;
        s->target[p++]              = pri_relabel_one(&b->relabel, v);
        for (uint32_t k = 0; k < b->plan.negatives; k++) {
            const pr_vid w = pri_link_negative(draw, place, k, u);
            s->source[p]   = source;
            s->target[p++] = pri_relabel_one(&b->relabel, w);
        }
    }
}

/* Turn counts at[1 ..] into where each list begins, one place further on: filling a list moves its
 * beginning to the next one's. */
static void begin_lists(uint32_t *at, uint32_t num)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < num; i++) {
        const uint32_t own = at[i + 1];
        at[i + 1]          = sum;
        sum += own;
    }
}

/* List every seed's pairs. */
static void find_pairs(slot *s, uint32_t num_seeds, uint32_t num_pairs)
{
    memset(s->pair_at, 0, (num_seeds + (size_t)1) * sizeof *s->pair_at);
    for (uint32_t p = 0; p < num_pairs; p++) {
        s->pair_at[s->source[p] + 1]++;
        s->pair_at[s->target[p] + 1]++;
    }
    begin_lists(s->pair_at, num_seeds);
    for (uint32_t p = 0; p < num_pairs; p++) {
        s->pair_of[s->pair_at[s->source[p] + 1]++] = p;
        s->pair_of[s->pair_at[s->target[p] + 1]++] = p;
    }
}

/* Let the largest of at[i ..) of a heap rise to i. */
static void sift(pr_vid *at, uint32_t i, uint32_t n)
{
    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && at[child + 1] > at[child]) child++;
        if (at[i] >= at[child]) return;
        const pr_vid largest = at[child];
        at[child]            = at[i];
        at[i]                = largest;
    }
}

/* Sort in place (heap sort: qsort may allocate). */
static void sort(pr_vid *at, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;) sift(at, i, n);
    for (uint32_t end = n; end-- > 1;) {
        const pr_vid largest = at[0];
        at[0]                = at[end];
        at[end]              = largest;
        sift(at, 0, end);
    }
}

/* List the vertices that every seed must not see: the other ends of its edges. */
static void find_excluded(slot *s, uint32_t num_seeds, uint32_t num_pairs, uint32_t group)
{
    memset(s->exclude_at, 0, (num_seeds + (size_t)1) * sizeof *s->exclude_at);
    for (uint32_t p = 0; p < num_pairs; p += group) {
        s->exclude_at[s->source[p] + 1]++;
        s->exclude_at[s->target[p] + 1]++;
    }
    begin_lists(s->exclude_at, num_seeds);
    for (uint32_t p = 0; p < num_pairs; p += group) {
        s->excluded[s->exclude_at[s->source[p] + 1]++] = s->nodes[s->target[p]];
        s->excluded[s->exclude_at[s->target[p] + 1]++] = s->nodes[s->source[p]];
    }
    for (uint32_t i = 0; i < num_seeds; i++)
        sort(s->excluded + s->exclude_at[i], s->exclude_at[i + 1] - s->exclude_at[i]);
}

void pri_link_batches_make(pri_link_batches *b, uint64_t step, pr_vids edges)
{
    slot          *s         = &b->kept[step % b->num_kept];
    const uint32_t group     = 1 + b->plan.negatives;
    const uint32_t num_pairs = (uint32_t)edges.n * group;

    list_pairs(b, s, step, edges);
    const uint32_t num_seeds = b->relabel.num;
    find_pairs(s, num_seeds, num_pairs);
    find_excluded(s, num_seeds, num_pairs, group);
    s->step = (pri_link_step){
        .seeds   = { s->nodes, num_seeds },
        .pairs   = { .num_seeds = num_seeds,
                     .num_pairs = num_pairs,
                     .group     = group,
                     .source    = s->source,
                     .target    = s->target,
                     .indptr    = s->pair_at,
                     .pair_of   = s->pair_of,
                     .slope     = b->slope,
                     .loss      = b->loss },
        .exclude = { s->exclude_at, s->excluded },
    };
}

const pri_link_step *pri_link_batches_of(const pri_link_batches *b, uint64_t step)
{
    return &b->kept[step % b->num_kept].step;
}
