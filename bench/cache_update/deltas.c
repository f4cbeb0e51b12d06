/* deltas.c: draw differences. */
#include "bench/cache_update/deltas.h"

#include <stdlib.h>
#include <string.h>

/* Draw step `s` at random. perm holds all ids, the m held ones first, in the list's order; place
 * holds 0 .. m-1 in any order. */
static void draw_random(deltas *d, uint32_t s, uint32_t num_rows, pr_vid *perm, pr_slot *place,
                        uint64_t *state)
{
    const size_t base = (size_t)(s - 1) * d->half;

    for (uint32_t i = 0; i < d->half; i++) {
        const uint32_t j = i + bench_draw_below(state, d->m - i); /* which place is given up */
        const pr_slot  p = place[j];
        place[j]         = place[i];
        place[i]         = p;
        const uint32_t a = d->m + i, b = a + bench_draw_below(state, num_rows - a);
        const pr_vid   id    = perm[b]; /* which row comes */
        perm[b]              = perm[a];
        d->slots[base + i]   = p;
        d->added[base + i]   = id;
        d->removed[base + i] = perm[p];
        perm[a]              = perm[p]; /* leaves; not drawn again in this step, as i moves on */
        perm[p]              = id;
    }
}

/* Move the stretch on: the c-th id of the endless ring is c mod num_rows, at place c mod m. */
static void draw_block(deltas *d, uint32_t s, uint32_t num_rows, pr_vid *perm)
{
    const size_t base = (size_t)(s - 1) * d->half;

    for (uint32_t i = 0; i < d->half; i++) {
        const uint64_t c     = base + i;
        const pr_slot  p     = (pr_slot)(c % d->m);
        d->slots[base + i]   = p;
        d->removed[base + i] = perm[p];
        d->added[base + i]   = (pr_vid)((c + d->m) % num_rows);
        perm[p]              = d->added[base + i];
    }
}

deltas deltas_new(uint32_t num_rows, uint32_t m, uint32_t half, uint32_t steps,
                  deltas_pattern pattern)
{
    BENCH_CHECK(half <= m && half <= num_rows - m, "%u of %u rows cannot be replaced among %u",
                half, m, num_rows);
    const size_t moves = (size_t)steps * half, lists = (size_t)(steps + 1) * m;
    deltas       d     = { .m = m, .half = half, .steps = steps };
    pr_vid      *perm  = bench_new(num_rows, sizeof *perm);
    pr_slot     *place = bench_new(m, sizeof *place);
    uint64_t     state = 1;

    d.added       = bench_new(moves, sizeof *d.added);
    d.removed     = bench_new(moves, sizeof *d.removed);
    d.slots       = bench_new(moves, sizeof *d.slots);
    d.list        = bench_new(lists, sizeof *d.list);
    d.list_write  = bench_new(lists, sizeof *d.list_write);
    d.added_write = bench_new(moves, sizeof *d.added_write);
    for (uint32_t i = 0; i < num_rows; i++) perm[i] = i;
    if (pattern == DELTAS_RANDOM) bench_permutation(perm, num_rows, &state);
    for (uint32_t i = 0; i < m; i++) place[i] = i;
    memcpy(d.list, perm, m * sizeof *perm);
    for (uint32_t s = 1; s <= steps; s++) {
        if (pattern == DELTAS_RANDOM)
            draw_random(&d, s, num_rows, perm, place, &state);
        else
            draw_block(&d, s, num_rows, perm);
        memcpy(d.list + (size_t)s * m, perm, m * sizeof *perm);
    }
    for (uint32_t s = 0; s <= steps; s++)
        bench_rows_write(d.list + (size_t)s * m, NULL, m, d.list_write + (size_t)s * m);
    bench_rows_write(d.added, d.slots, moves, d.added_write);
    free(perm);
    free(place);
    return d;
}

void deltas_free(deltas *d)
{
    free(d->added);
    free(d->removed);
    free(d->slots);
    free(d->list);
    free(d->list_write);
    free(d->added_write);
    *d = (deltas){ 0 };
}

pr_vids deltas_added(const deltas *d, uint32_t step)
{
    return (pr_vids){ d->added + (size_t)(step - 1) * d->half, d->half };
}

pr_vids deltas_removed(const deltas *d, uint32_t step)
{
    return (pr_vids){ d->removed + (size_t)(step - 1) * d->half, d->half };
}

bench_rows deltas_copies(const deltas *d, uint32_t step)
{
    const size_t base = (size_t)(step - 1) * d->half;
    return (bench_rows){ d->added + base, d->slots + base, d->added_write + base, d->half };
}

bench_rows deltas_list(const deltas *d, uint32_t step)
{
    const size_t base = (size_t)step * d->m;
    return (bench_rows){ d->list + base, NULL, d->list_write + base, d->m };
}
