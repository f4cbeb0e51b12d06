/* labor_recent.c: counts that go up when a batch enters and down when it is too old. */
#include "pipeline/sampler/labor_recent.h"

#include <string.h>

#include "base/mem.h"

enum { AHEAD = 32 }; /* counts fetched ahead */

pr_status pri_labor_recent_init(pri_labor_recent *recent, pr_vid num_nodes, uint32_t max_inputs,
                                uint32_t window)
{
    pr_status st = PR_OK;

    *recent =
        (pri_labor_recent){ .num_nodes = num_nodes, .list_room = max_inputs, .window = window };
    PR_ASSERT(window >= 1 && window <= PR_MAX_BIAS_WINDOW && max_inputs > 0);
    const size_t bytes = window * recent->list_room * sizeof *recent->list;
    recent->count      = pri_pages_map(recent->num_nodes, 1);
    PR_CHECK(recent->count, PR_E_NOMEM, "cannot map %zu bytes to count recent batches",
             recent->num_nodes);
    recent->bits = pri_pages_map(recent->num_nodes / 8 + 1, 1);
    PR_CHECK(recent->bits, PR_E_NOMEM, "cannot map %zu bytes to mark recent vertices",
             recent->num_nodes / 8 + 1);
    recent->list = pri_pages_map(bytes, 0);
    PR_CHECK(recent->list, PR_E_NOMEM, "cannot map %zu bytes to remember %u batches", bytes,
             window);
done:
    return st;
}

void pri_labor_recent_clear(pri_labor_recent *recent)
{
    pri_pages_unmap(recent->count, recent->num_nodes);
    pri_pages_unmap(recent->bits, recent->num_nodes / 8 + 1);
    pri_pages_unmap(recent->list, recent->window * recent->list_room * sizeof *recent->list);
    *recent = (pri_labor_recent){ 0 };
}

void pri_labor_recent_ranges(const pri_labor_recent *recent, pr_ranges *ranges)
{
    pr_ranges_add(ranges, "sampler", recent->count, recent->num_nodes);
    pr_ranges_add(ranges, "sampler", recent->bits, recent->num_nodes / 8 + 1);
    pr_ranges_add(ranges, "sampler", recent->list,
                  recent->window * recent->list_room * sizeof *recent->list);
}

/* Add to the counts of a list: 1, or -1 as 255. */
static void count_list(pri_labor_recent *recent, const pr_vid *list, uint32_t n, uint8_t add)
{
    uint8_t       *count   = recent->count;
    const uint32_t fetched = n > AHEAD ? n - AHEAD : 0;

    for (uint32_t i = 0; i < n; i++) {
        if (i < fetched) __builtin_prefetch(&count[list[i + AHEAD]], 1, 2);
        const pr_vid  t   = list[i];
        const uint8_t bit = (uint8_t)(1u << t % 8);
        count[t]          = (uint8_t)(count[t] + add);
        if (count[t])
            recent->bits[t / 8] |= bit;
        else
            recent->bits[t / 8] &= (uint8_t)~bit;
    }
}

static void forget_oldest(pri_labor_recent *recent)
{
    const uint32_t place = recent->first;

    count_list(recent, recent->list + place * recent->list_room, recent->length[place], UINT8_MAX);
    recent->first = place + 1 == recent->window ? 0 : place + 1;
    recent->num--;
}

void pri_labor_recent_begin(pri_labor_recent *recent, uint64_t step)
{
    const bool back = recent->any && step <= recent->last;

    /* The oldest is at most as new as the last, so the difference is not negative. */
    while (recent->num && (back || step - recent->step[recent->first] > recent->window))
        forget_oldest(recent);
}

void pri_labor_recent_add(pri_labor_recent *recent, uint64_t step, pr_vids nodes)
{
    PR_ASSERT(nodes.n <= recent->list_room);
    if (recent->num == recent->window) forget_oldest(recent); /* too old for any later step */
    const uint32_t place  = (recent->first + recent->num) % recent->window;
    pr_vid        *list   = recent->list + place * recent->list_room;
    recent->step[place]   = step;
    recent->length[place] = (uint32_t)nodes.n;
    memcpy(list, nodes.at, nodes.n * sizeof *list);
    count_list(recent, list, (uint32_t)nodes.n, 1);
    recent->num++;
    recent->last = step;
    recent->any  = true;
}
