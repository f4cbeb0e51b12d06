/* leftover.c: see leftover.h. Weights are summed by parts of the row: a draw passes whole parts and
 * then the arcs of one. A part is summed anew when one of its arcs is drawn, since taking a large
 * weight off a sum would leave its rounding behind. Sums run in stored order on every machine. */
#include "pipeline/sampler/leftover.h"

enum { PART = 64 }; /* arcs */

uint32_t pri_leftover_scratch(uint32_t degree)
{
    return degree / PART + 1;
}

/* A row and what is left of it. */
typedef struct leftover {
    const float      *weights;
    uint32_t          degree, num_parts;
    double           *sums; /* [num_parts] of arcs not chosen */
    const pri_chosen *chosen;
} leftover;

static double weight_of(const leftover *l, uint32_t i)
{
    return l->weights[i] > 0 && !pri_chosen_has(l->chosen, i) ? (double)l->weights[i] : 0;
}

static uint32_t end_of(const leftover *l, uint32_t part)
{
    return l->degree - part * PART < PART ? l->degree : (part + 1) * PART;
}

static void sum_part(const leftover *l, uint32_t part)
{
    double sum = 0;
    for (uint32_t i = part * PART; i < end_of(l, part); i++) sum += weight_of(l, i);
    l->sums[part] = sum;
}

/* Give the part where `target` falls, and the rest of it within. Rounding may let a target pass the
 * end: it falls into the last part that has anything. */
static uint32_t find_part(const leftover *l, double *target)
{
    uint32_t last = 0;

    for (uint32_t p = 0; p < l->num_parts; p++) {
        if (l->sums[p] <= 0) continue;
        if (*target < l->sums[p]) return p;
        *target -= l->sums[p];
        last = p;
    }
    *target = l->sums[last];
    return last;
}

static uint32_t find_arc(const leftover *l, uint32_t part, double target)
{
    uint32_t last = part * PART;

    for (uint32_t i = part * PART; i < end_of(l, part); i++) {
        const double weight = weight_of(l, i);
        if (weight <= 0) continue;
        if (target < weight) return i;
        target -= weight;
        last = i;
    }
    return last;
}

void pri_leftover_draw(const float *weights, uint32_t degree, double *sums, pri_words *words,
                       pri_chosen *chosen)
{
    const leftover l = { .weights   = weights,
                         .degree    = degree,
                         .num_parts = degree / PART + (degree % PART != 0),
                         .sums      = sums,
                         .chosen    = chosen };

    for (uint32_t p = 0; p < l.num_parts; p++) sum_part(&l, p);
    while (chosen->num < chosen->wanted) {
        double total = 0;
        for (uint32_t p = 0; p < l.num_parts; p++) total += sums[p];
        const uint64_t high   = pri_words_next(words);
        const uint64_t random = high << 32 | pri_words_next(words);
        double         target = total * ((double)(random >> 11) * 0x1p-53);
        const uint32_t part   = find_part(&l, &target);
        pri_chosen_add(chosen, find_arc(&l, part, target));
        sum_part(&l, part);
    }
}
