/* loads.c: see loads.h. */
#include "partition/loads.h"

#include <string.h>

static const double slack = 0.03; /* METIS's own, so that both methods make parts of one kind */

void pri_loads_begin(pri_loads *loads, const pri_weights *weights, uint32_t num_nodes,
                     uint32_t num_parts)
{
    *loads = (pri_loads){ .num_parts = num_parts, .num_kinds = weights->num_kinds };
    for (uint32_t k = 0; k < weights->num_kinds; k++) {
        for (uint64_t v = 0; v < num_nodes; v++) loads->total[k] += pri_weight_of(weights, k, v);
        const uint64_t floor = loads->total[k] / num_parts;
        const uint64_t above = (loads->total[k] + num_parts - 1) / num_parts;
        const double   mean  = (double)loads->total[k] / num_parts;
        loads->most[k]       = (uint64_t)((1 + slack) * mean);
        loads->least[k]      = floor - (uint64_t)(slack * mean);
        if (loads->most[k] < above) loads->most[k] = above;
    }
}

void pri_loads_count(pri_loads *loads, const pri_weights *weights, uint32_t num_nodes,
                     const uint8_t *part)
{
    memset(loads->of, 0, sizeof loads->of);
    for (uint64_t v = 0; v < num_nodes; v++) pri_loads_add(loads, weights, v, part[v]);
}

void pri_loads_add(pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t to)
{
    for (uint32_t k = 0; k < loads->num_kinds; k++)
        loads->of[k][to] += pri_weight_of(weights, k, v);
}

void pri_loads_move(pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t from,
                    uint32_t to)
{
    for (uint32_t k = 0; k < loads->num_kinds; k++)
        loads->of[k][from] -= pri_weight_of(weights, k, v);
    pri_loads_add(loads, weights, v, to);
}

bool pri_loads_fit(const pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t to,
                   uint32_t first, uint32_t last)
{
    for (uint32_t k = first; k <= last; k++) {
        const uint32_t weight = pri_weight_of(weights, k, v);
        if (weight > 0 && loads->of[k][to] + weight > loads->most[k]) return false;
    }
    return true;
}

bool pri_loads_spare(const pri_loads *loads, const pri_weights *weights, uint64_t v, uint32_t from,
                     uint32_t first, uint32_t last)
{
    for (uint32_t k = first; k <= last; k++) {
        const uint32_t weight = pri_weight_of(weights, k, v);
        if (weight > 0 && loads->of[k][from] < loads->least[k] + weight) return false;
    }
    return true;
}

bool pri_loads_even(const pri_loads *loads)
{
    for (uint32_t k = 0; k < loads->num_kinds; k++)
        for (uint32_t p = 0; p < loads->num_parts; p++)
            if (loads->of[k][p] > loads->most[k] || loads->of[k][p] < loads->least[k]) return false;
    return true;
}
