/* wanted.c: make lists of a known miss rate. */
#include "bench/cache_update/wanted.h"

#include <stdlib.h>
#include <string.h>

wanted wanted_new(uint32_t num_rows, uint32_t m, uint32_t fresh, uint32_t window)
{
    wanted w = { .num_rows = num_rows, .m = m, .fresh = fresh, .state = 5 };

    /* m rows besides the list's are held: those that left in the last m / fresh lists */
    w.horizon = window + (m + fresh - 1) / fresh + 2;
    w.order   = bench_new(num_rows, sizeof *w.order);
    w.last    = bench_new(num_rows, sizeof *w.last);
    w.list    = bench_new(m, sizeof *w.list);
    bench_permutation(w.order, num_rows, &w.state);
    return w;
}

void wanted_free(wanted *w)
{
    free(w->order);
    free(w->last);
    free(w->list);
}

/* Give a row that was not wanted for long. */
static pr_vid forgotten(wanted *w)
{
    for (uint32_t tries = 0; tries < w->num_rows; tries++) {
        const pr_vid id = w->order[w->at];
        w->at           = w->at + 1 < w->num_rows ? w->at + 1 : 0;
        if (w->last[id] == 0 || w->last[id] + w->horizon < w->now) return id;
    }
    bench_fail("no row of %u is out of use for %u lists", w->num_rows, w->horizon);
}

void wanted_next(wanted *w, pr_vid *out)
{
    const uint32_t n = w->now == 0 ? w->m : w->fresh;

    w->now++;
    for (uint32_t i = 0; i < w->m; i++) { /* shuffle: the first n leave */
        const uint32_t j = i + bench_draw_below(&w->state, w->m - i);
        const pr_vid   x = w->list[j];
        w->list[j]       = w->list[i];
        w->list[i]       = x;
    }
    for (uint32_t i = 0; i < n; i++) w->list[i] = forgotten(w);
    for (uint32_t i = n; i-- > 0;) { /* spread the newcomers */
        const uint32_t j = i + bench_draw_below(&w->state, w->m - i);
        const pr_vid   x = w->list[j];
        w->list[j]       = w->list[i];
        w->list[i]       = x;
    }
    for (uint32_t i = 0; i < w->m; i++) w->last[w->list[i]] = w->now;
    memcpy(out, w->list, w->m * sizeof *out);
}
