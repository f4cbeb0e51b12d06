/* gnn_case.c: one step of the GNN shape: the update, and its rivals. */
#include "bench/cache_update/gnn.h"

#include <stdlib.h>
#include <string.h>

#include "bench/support/memory.h"

void gnn_open(gnn *g, const gnn_shape *shape)
{
    const size_t row_bytes = shape->cols * sizeof(float), m = shape->m;

    *g          = (gnn){ .shape = *shape };
    g->rows     = bench_block_new(shape->num_rows * row_bytes);
    g->block    = bench_block_new(m * row_bytes);
    g->slots    = bench_block_new(2 * m * row_bytes);
    g->features = (pr_features){
        .num_rows = shape->num_rows, .num_cols = shape->cols, .rows = g->rows, .ld = shape->cols
    };
    bench_fill_rows(g->rows, shape->num_rows, shape->cols, 0);
    BENCH_TRY(pr_store_memory(&g->features, &g->store));
    for (int i = 0; i < GNN_RING; i++) g->ring[i] = bench_new(m, sizeof **g->ring);
    g->list_write   = bench_new(m, sizeof *g->list_write);
    g->missed_write = bench_new(m, sizeof *g->missed_write);
    g->missed       = bench_new(m, sizeof *g->missed);
    g->missed_slot  = bench_new(m, sizeof *g->missed_slot);
    g->owner        = bench_new(2 * m, sizeof *g->owner);
}

void gnn_close(gnn *g)
{
    const size_t row_bytes = g->shape.cols * sizeof(float), m = g->shape.m;

    pr_store_free(g->store);
    bench_block_free(g->rows, g->shape.num_rows * row_bytes);
    bench_block_free(g->block, m * row_bytes);
    bench_block_free(g->slots, 2 * m * row_bytes);
    for (int i = 0; i < GNN_RING; i++) free(g->ring[i]);
    free(g->list_write);
    free(g->missed_write);
    free(g->missed);
    free(g->missed_slot);
    free(g->owner);
}

gnn_case gnn_case_open(update_bench *b, gnn *g, int policy, double rate, int threads, size_t steps)
{
    const uint32_t  m = g->shape.m, fresh = (uint32_t)(rate * m + 0.5);
    const uint32_t  window = policy != PR_POLICY_LOOKAHEAD ? 0
                             : rate < 0.8                  ? GNN_WINDOW
                                                           : GNN_SHORT_WINDOW;
    const pr_tuning tuning = update_tuning(b, g->shape.cols * sizeof(float), (uint32_t)threads);
    const pr_cache_options options  = { .mode      = PR_CACHE_RESIDENT,
                                        .rows      = 2 * (uint64_t)m,
                                        .policy    = policy,
                                        .lookahead = window,
                                        .reader    = PR_READER_LATER };
    const pr_store *const  stores[] = { g->store };
    pr_cache_setup         setup    = { .options = &options, .stores = stores };
    gnn_case               c        = { .g       = g,
                                        .lists   = wanted_new(g->shape.num_rows, m, fresh, window),
                                        .window  = window,
                                        .threads = threads,
                                        .bare    = bench_library_copy(&tuning, PRI_STORES_STREAMED),
                                        .update  = bench_samples_new(steps),
                                        .prepare = bench_samples_new(steps),
                                        .gather  = bench_samples_new(steps),
                                        .copy    = bench_samples_new(steps) };

    setup.num_planes = 1;
    setup.max_wanted = m;
    setup.tuning     = &tuning;
    BENCH_TRY(pr_cache_open(&setup, &c.cache));
    memset(g->owner, 0xff, 2 * (size_t)m * sizeof *g->owner); /* PR_VID_NONE */
    return c;
}

void gnn_case_close(gnn_case *c)
{
    pr_cache_free(c->cache);
    wanted_free(&c->lists);
    bench_samples_free(&c->update);
    bench_samples_free(&c->prepare);
    bench_samples_free(&c->gather);
    bench_samples_free(&c->copy);
}

/* Make the list that is entered in this step; before the first, also those that go before it. */
static void make_lists(gnn_case *c)
{
    const uint32_t last = c->step + c->window;
    for (; c->entered <= last; c->entered++)
        wanted_next(&c->lists, c->g->ring[c->entered % GNN_RING]);
}

static pr_vids list_at(const gnn_case *c, uint32_t number)
{
    return (pr_vids){ c->g->ring[number % GNN_RING], c->g->shape.m };
}

/* The update, as training does it. */
static void time_update(gnn_case *c, pr_slab *view, pr_cache_plan *plan, int64_t ns[2])
{
    const pr_cache_plan *made;

    const int64_t start = pr_now_ns();
    pr_cache_release(c->cache);
    if (c->window > 0) {
        const uint32_t last = c->step + c->window;
        for (uint32_t i = c->step ? last : 0; i <= last; i++)
            BENCH_TRY(pr_cache_foresee(c->cache, list_at(c, i)));
        BENCH_TRY(pr_cache_prepare_next(c->cache, &made));
    } else {
        BENCH_TRY(pr_cache_prepare(c->cache, list_at(c, c->step), &made));
    }
    const int64_t prepared = pr_now_ns();
    *plan                  = *made;
    BENCH_TRY(pr_cache_place(c->cache, view));
    ns[0] = pr_now_ns() - start;
    ns[1] = prepared - start;
}

/* Find which rows came in and where, from the view alone; gives their number. */
static size_t find_missed(gnn_case *c, const pr_slab *view)
{
    gnn          *g = c->g;
    const pr_vids w = list_at(c, c->step);
    size_t        n = 0;

    for (uint32_t i = 0; i < w.n; i++) {
        const pr_slot slot = view->slot_of_input[i];
        BENCH_CHECK(slot < 2 * g->shape.m, "slot %u is none of %u", slot, 2 * g->shape.m);
        if (g->owner[slot] == w.at[i]) continue;
        g->owner[slot]    = w.at[i];
        g->missed[n]      = w.at[i];
        g->missed_slot[n] = slot;
        n++;
    }
    return n;
}

/* Compare every wanted row with the store. */
static void check_view(const gnn_case *c, const pr_slab *view)
{
    const gnn    *g = c->g;
    const pr_vids w = list_at(c, c->step);

    for (uint32_t i = 0; i < w.n; i++)
        BENCH_CHECK(!memcmp(view->rows + (size_t)view->slot_of_input[i] * view->ld,
                            g->rows + (size_t)w.at[i] * g->shape.cols,
                            g->shape.cols * sizeof(float)),
                    "step %u: input %u is not row %u", c->step, i, w.at[i]);
}

/* Time the gather of the present list, then the bare copy of its missed rows. */
static void time_rivals(gnn_case *c, size_t missed)
{
    gnn                 *g      = c->g;
    const pr_vids        w      = list_at(c, c->step);
    const bench_gathers *tuned  = &g->gathers[c->threads - 1];
    const bench_plane    block  = { g->rows, g->block, g->shape.cols };
    const bench_plane    slots  = { g->rows, g->slots, g->shape.cols };
    const bench_rows     list   = { w.at, NULL, g->list_write, w.n };
    const bench_rows     copies = { g->missed, g->missed_slot, g->missed_write, missed };

    bench_rows_write(w.at, NULL, w.n, g->list_write);
    bench_rows_write(g->missed, g->missed_slot, missed, g->missed_write);
    int64_t start = pr_now_ns();
    bench_gather(&tuned->best, &block, 1, &list, c->threads);
    bench_samples_add(&c->gather, pr_now_ns() - start);
    start = pr_now_ns();
    bench_gather(&c->bare, &slots, 1, &copies, c->threads);
    bench_samples_add(&c->copy, pr_now_ns() - start);
}

void gnn_case_step(gnn_case *c, bool counts, bool check)
{
    gnn          *g = c->g;
    pr_slab       view;
    pr_cache_plan plan;
    int64_t       ns[2];

    make_lists(c);
    time_update(c, &view, &plan, ns);
    const size_t missed = find_missed(c, &view);
    if (check) check_view(c, &view);
    BENCH_CHECK(missed == plan.rows_added && plan.rows_moved == missed &&
                    plan.bytes_moved == missed * g->shape.cols * sizeof(float),
                "step %u: %zu slots changed their row, the plan says %llu", c->step, missed,
                (unsigned long long)plan.rows_added);
    if (counts) {
        BENCH_CHECK(missed == c->lists.fresh, "step %u missed %zu rows, not %u", c->step, missed,
                    c->lists.fresh);
        bench_samples_add(&c->update, ns[0]);
        bench_samples_add(&c->prepare, ns[1]);
        time_rivals(c, missed);
        c->missed += missed;
    }
    c->step++;
}
