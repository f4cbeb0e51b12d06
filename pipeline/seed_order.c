/* seed_order.c: see seed_order.h. */
#include "pipeline/seed_order.h"

#include <math.h>
#include <string.h>

#include "pipeline/shuffle.h"

struct pri_seed_order {
    pri_seed_order_plan plan;
    uint32_t            num_groups;  /* clusters that hold one of the nodes */
    uint32_t            num_random;  /* nodes in random order, of each epoch */
    uint32_t           *group_of;    /* [num_graph_nodes]: of the plan's nodes */
    uint32_t           *rank, *next; /* [num_groups] place of a group; where its next node goes */
    pr_vid             *drawn;       /* [nodes.n] the epoch's random permutation */
    pr_vid             *sorted;      /* [nodes.n] its tail by cluster; the buffer works in it */
};

/* Number the clusters that occur among the nodes. */
static pr_status make_groups(pri_seed_order *order)
{
    pr_status          st        = PR_OK;
    const pr_vids      nodes     = order->plan.nodes;
    const pr_clusters *clusters  = order->plan.clusters;
    uint32_t          *number_of = NULL;

    PR_NEW(number_of, clusters->num_clusters);
    PR_NEW(order->group_of, clusters->num_nodes);
    for (size_t i = 0; i < nodes.n; i++) number_of[clusters->of_node[nodes.at[i]]] = 1;
    for (uint32_t c = 0; c < clusters->num_clusters; c++)
        if (number_of[c]) number_of[c] = order->num_groups++;
    for (size_t i = 0; i < nodes.n; i++)
        order->group_of[nodes.at[i]] = number_of[clusters->of_node[nodes.at[i]]];
    PR_NEW(order->rank, order->num_groups);
    PR_NEW(order->next, order->num_groups);
    PR_NEW(order->drawn, nodes.n);
    PR_NEW(order->sorted, nodes.n);
done:
    pri_free(number_of);
    return st;
}

pr_status pri_seed_order_create(const pri_seed_order_plan *plan, pri_seed_order **out)
{
    pr_status       st    = PR_OK;
    pri_seed_order *order = NULL;

    *out = NULL;
    PR_ASSERT(plan->nodes.n > 0 && plan->nodes.n <= UINT32_MAX);
    PR_NEW(order, 1);
    order->plan = *plan;
    if (plan->kind == PR_ORDER_COMMUNITY) {
        order->num_random = (uint32_t)llround(plan->mix * (double)plan->nodes.n);
        PR_TRY(make_groups(order));
    }
    order->plan.clusters = NULL;
    *out                 = order;
    order                = NULL;
done:
    pri_seed_order_free(order);
    return st;
}

void pri_seed_order_free(pri_seed_order *order)
{
    if (!order) return;
    pri_free(order->sorted);
    pri_free(order->drawn);
    pri_free(order->next);
    pri_free(order->rank);
    pri_free(order->group_of);
    pri_free(order);
}

/* Sort nodes in random order by group, groups in random order: nodes keep their order within.
 *
 *   nodes    [n]
 *   sorted   out [n]
 */
static void sort_by_group(pri_seed_order *order, uint32_t epoch, const pr_vid *nodes, uint32_t n,
                          pr_vid *sorted)
{
    uint32_t *const rank = order->rank, *const next = order->next;
    const uint32_t groups = order->num_groups;
    pri_words      words  = pri_shuffle_words(order->plan.seed, PRI_SHUFFLE_CLUSTERS, 0, epoch);
    uint32_t       begin  = 0;

    for (uint32_t g = 0; g < groups; g++) rank[g] = g;
    pri_shuffle(&words, rank, groups);
    memset(next, 0, groups * sizeof *next);
    for (uint32_t i = 0; i < n; i++) next[rank[order->group_of[nodes[i]]]]++;
    for (uint32_t r = 0; r < groups; r++) {
        const uint32_t count = next[r];
        next[r]              = begin;
        begin += count;
    }
    for (uint32_t i = 0; i < n; i++) sorted[next[rank[order->group_of[nodes[i]]]]++] = nodes[i];
}

/* Let nodes pass through a buffer: it holds `size` of them, a random one leaves, the next one
 * enters; at the end it empties in random order. In place: the buffer is [i, i + size); who leaves
 * changes places with the first and is behind it then, and the next one is in it already.
 *
 *   at   [n]
 */
static void pass_buffer(pri_seed_order *order, uint32_t epoch, pr_vid *at, uint32_t n,
                        uint64_t size)
{
    pri_words words = pri_shuffle_words(order->plan.seed, PRI_SHUFFLE_BUFFER, 0, epoch);

    for (uint32_t i = 0; i < n; i++) {
        const uint32_t left = n - i, held = size < left ? (uint32_t)size : left;
        const uint32_t out  = i + pri_words_below(&words, held);
        const pr_vid   node = at[out];
        at[out]             = at[i];
        at[i]               = node;
    }
}

/* Take turns: of the first i seeds, i * num_random / n come from the random ones. */
static void interleave(const pr_vid *mixed, uint64_t num_random, const pr_vid *rest, uint64_t n,
                       pr_vid *out)
{
    uint64_t from_mixed = 0;

    for (uint64_t i = 0; i < n; i++) {
        const bool random = (i + 1) * num_random / n > from_mixed;
        out[i]            = random ? mixed[from_mixed] : rest[i - from_mixed];
        from_mixed += random;
    }
}

static void write_community(pri_seed_order *order, uint32_t epoch, pr_vid *out)
{
    const pr_vids  nodes = order->plan.nodes;
    const uint32_t n = (uint32_t)nodes.n, num_random = order->num_random, rest = n - num_random;

    pr_seed_order(nodes, order->plan.seed, epoch, order->drawn);
    sort_by_group(order, epoch, order->drawn + num_random, rest, order->sorted);
    if (order->plan.buffer > 1) pass_buffer(order, epoch, order->sorted, rest, order->plan.buffer);
    interleave(order->drawn, num_random, order->sorted, n, out);
}

void pri_seed_order_write(pri_seed_order *order, uint32_t epoch, pr_vid *out)
{
    const pr_vids nodes = order->plan.nodes;

    switch (order->plan.kind) {
    case PR_ORDER_COMMUNITY: write_community(order, epoch, out); break;
    case PR_ORDER_FILE: memcpy(out, nodes.at, nodes.n * sizeof *out); break;
    default: pr_seed_order(nodes, order->plan.seed, epoch, out);
    }
}
