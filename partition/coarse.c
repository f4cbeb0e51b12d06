/* coarse.c: see coarse.h. */
#include "partition/coarse.h"

#include <string.h>

void pri_coarse_clear(pri_coarse *coarse)
{
    pri_free(coarse->start);
    pri_free(coarse->to);
    pri_free(coarse->weight);
    pri_free(coarse->size);
    *coarse = (pri_coarse){ 0 };
}

uint32_t pri_labels_compact(uint32_t *label, uint32_t n, uint32_t *number, uint32_t bound)
{
    uint32_t num_labels = 0;

    memset(number, 0xff, bound * sizeof *number);
    for (uint32_t v = 0; v < n; v++) {
        uint32_t *mine = &number[label[v]];
        if (*mine == UINT32_MAX) *mine = num_labels++;
        label[v] = *mine;
    }
    return num_labels;
}

/* Order vertices by label: those of label c are member[first[c] .. first[c + 1]). */
static void list_members(const uint32_t *label, uint32_t n, uint32_t num_labels, uint32_t *first,
                         uint32_t *member)
{
    memset(first, 0, ((size_t)num_labels + 1) * sizeof *first);
    for (uint32_t v = 0; v < n; v++) first[label[v] + 1]++;
    for (uint32_t c = 0; c < num_labels; c++) first[c + 1] += first[c];
    for (uint32_t v = n; v-- > 0;) member[--first[label[v] + 1]] = v;
    memmove(first, first + 1, (size_t)num_labels * sizeof *first);
    first[num_labels] = n;
}

static uint64_t count_cut(const pri_level *level, const uint32_t *label, int team)
{
    uint64_t cut = 0;

#pragma omp parallel for num_threads(team) reduction(+ : cut) schedule(dynamic, 1024)
    for (uint64_t v = 0; v < level->num_nodes; v++)
        for (pr_eid e = level->start[v]; e < level->start[v + 1]; e++)
            cut += label[level->to[e]] != label[v];
    return cut;
}

/* Join the arcs of each label's members: one to every other label, with their weights' sum.
 *
 *   place   [num_labels] scratch
 */
static void join_arcs(const pri_level *level, const uint32_t *label, const uint32_t *first,
                      const uint32_t *member, uint64_t *place, pri_coarse *up)
{
    pr_eid used = 0;

    for (uint32_t c = 0; c < up->level.num_nodes; c++) {
        const pr_eid begin = used;
        uint32_t     size  = 0;
        for (uint32_t m = first[c]; m < first[c + 1]; m++) {
            const uint32_t v = member[m];
            size += level->size ? level->size[v] : 1;
            for (pr_eid e = level->start[v]; e < level->start[v + 1]; e++) {
                const uint32_t d      = label[level->to[e]];
                const uint32_t weight = level->weight ? level->weight[e] : 1;
                if (d == c) continue;
                if (place[d] == UINT64_MAX || place[d] < begin) {
                    place[d]           = used;
                    up->to[used]       = d;
                    up->weight[used++] = weight;
                } else if (up->weight[place[d]] <= UINT32_MAX - weight) {
                    up->weight[place[d]] += weight;
                }
            }
        }
        up->size[c]      = size;
        up->start[c + 1] = used;
    }
}

pr_status pri_coarse_make(const pri_level *level, const uint32_t *label, uint32_t num_labels,
                          int team, pri_coarse *out, uint64_t *peak_bytes)
{
    pr_status      st    = PR_OK;
    const uint32_t n     = level->num_nodes;
    const uint64_t arcs  = count_cut(level, label, team);
    uint32_t      *first = NULL, *member = NULL;
    uint64_t      *place = NULL;

    *out        = (pri_coarse){ .bytes = (uint64_t)num_labels * 16 + arcs * 8 };
    *peak_bytes = out->bytes + (uint64_t)n * 4 + (uint64_t)num_labels * 12;
    PR_NEW(first, (size_t)num_labels + 1);
    PR_NEW(member, n);
    PR_NEW(place, num_labels);
    PR_NEW(out->start, (size_t)num_labels + 1);
    PR_NEW(out->to, arcs);
    PR_NEW(out->weight, arcs);
    PR_NEW(out->size, num_labels);
    out->level = (pri_level){ num_labels, out->start, out->to, out->weight, out->size };
    memset(place, 0xff, num_labels * sizeof *place);
    list_members(label, n, num_labels, first, member);
    join_arcs(level, label, first, member, place, out);
done:
    pri_free(place);
    pri_free(member);
    pri_free(first);
    if (st != PR_OK) pri_coarse_clear(out);
    return st;
}
