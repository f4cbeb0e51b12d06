/* gnn.c: the shape of GNN training: a million rows of 512 bytes, lists of 100,000, a resident cache
 * of twice as many slots, pr_cache_prepare and pr_cache_place in line, against gathering the list.
 *
 * Lists have a known miss rate (wanted.h), which is checked step by step against the plan. Every
 * step times the update, then the gather of the same list, then a bare copy of the missed rows;
 * what one leaves in the caches the next one evicts, as a reader of 51 MB would. With policy
 * lookahead the timer holds the entering of the list that is w steps ahead too.
 *
 * Judged by the best of the block medians of either side, since other users of the memory come and
 * go; the ratio of every block is reported beside it. */
#include "bench/cache_update/gnn.h"

#include <stdlib.h>

#include <omp.h>

enum { BLOCKS = 5, TUNE_REPEATS = 7 };

static const gnn_shape full = { 1000000, 128, 100000 }, small = { 20000, 64, 2000 };
static const double    rates[] = { 0.05, 0.1, 0.2, 0.4, 0.8, 1.0 };
enum { NUM_RATES = sizeof rates / sizeof *rates };

/* Give the medians of BLOCKS equal blocks; the best is returned. */
static double block_medians(const bench_samples *s, double out[BLOCKS])
{
    double best = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        const size_t each = s->n / BLOCKS;
        out[i]            = bench_median(s->ns + i * each, each);
        if (i == 0 || out[i] < best) best = out[i];
    }
    return best;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void report_shape(update_bench *b, const gnn_case *c)
{
    const gnn_shape *s = &c->g->shape;

    bench_text(b->out, "group", "gnn");
    bench_text(b->out, "regime", "interleaved");
    bench_text(b->out, "door", "prepare+place");
    bench_text(b->out, "policy", pr_cache_policy_name(c->cache));
    bench_int(b->out, "lookahead", c->window);
    bench_text(b->out, "reader", "later");
    bench_int(b->out, "num_rows", s->num_rows);
    bench_int(b->out, "cols", s->cols);
    bench_int(b->out, "row_bytes", s->cols * sizeof(float));
    bench_int(b->out, "planes", 1);
    bench_int(b->out, "m", s->m);
    bench_int(b->out, "capacity_rows", 2 * (uint64_t)s->m);
    bench_int(b->out, "k", 2 * (uint64_t)c->lists.fresh);
    bench_int(b->out, "added", c->lists.fresh);
    bench_int(b->out, "threads", (uint64_t)c->threads);
    bench_int(b->out, "steps", c->update.n);
}

/* Give the best update time, for the comparison of threads. */
static double report(update_bench *b, const gnn_case *c, double one_thread_ns)
{
    const gnn          *g         = c->g;
    const double        row_bytes = (double)(g->shape.cols * sizeof(float));
    const double        rate      = (double)c->missed / ((double)c->update.n * g->shape.m);
    const double        more = c->window ? 0.3 : 0, more_aim = c->window ? 0.15 : 0;
    double              update[BLOCKS], gather[BLOCKS], other[BLOCKS], ratio[BLOCKS];
    const double        best    = block_medians(&c->update, update);
    const double        base    = block_medians(&c->gather, gather);
    const double        bare    = block_medians(&c->copy, other);
    const double        prepare = block_medians(&c->prepare, other);
    const double        gbps    = g->shape.m * row_bytes / base;
    const double        place   = (double)c->lists.fresh * row_bytes / (best - prepare);
    const bench_figures u       = bench_figures_of(&c->update, BLOCKS);
    const bench_figures r       = bench_figures_of(&c->gather, BLOCKS);

    for (int i = 0; i < BLOCKS; i++) ratio[i] = update[i] / gather[i];
    bench_case(b->out);
    report_shape(b, c);
    bench_real(b->out, "miss_rate", rate);
    bench_times(b->out, "update", &u);
    bench_times(b->out, "gather", &r);
    bench_ns(b->out, "copy_ns", bare);
    bench_real(b->out, "speedup_vs_gather", base / best);
    bench_real(b->out, "overhead_vs_copy", best / bare);
    bench_ns(b->out, "update_best_ns", best);
    bench_ns(b->out, "gather_best_ns", base);
    bench_ns(b->out, "prepare_ns", prepare);
    bench_real(b->out, "time_ratio", best / base);
    bench_real(b->out, "bound", least(1.4, 1.5 * rate + 0.2) + more);
    bench_real(b->out, "aim", least(1.3, 1.15 * rate + 0.15) + more_aim);
    bench_reals(b->out, "update_block_ns", update, BLOCKS);
    bench_reals(b->out, "gather_block_ns", gather, BLOCKS);
    bench_reals(b->out, "block_ratios", ratio, BLOCKS);
    bench_real(b->out, "place_gbps", place);
    if (one_thread_ns > 0) bench_real(b->out, "speedup_vs_1_thread", one_thread_ns / best);
    report_gather(b, &g->gathers[c->threads - 1].best, gbps);
    bench_case_end(b->out);
    if (c->lists.fresh == g->shape.m) check_honest(b, "the GNN shape", gbps, place);
    return best;
}

/* Warm up until old rows are of as many ages as they will be, then count. */
static double run_case(update_bench *b, gnn *g, int policy, double rate, int threads,
                       double one_thread_ns)
{
    const uint32_t steps = (b->options->steps + BLOCKS - 1) / BLOCKS * BLOCKS;
    const uint32_t warm  = (uint32_t)(1 / rate) + 10;
    gnn_case       c     = gnn_case_open(b, g, policy, rate, threads, steps);

    omp_set_num_threads(threads);
    for (uint32_t i = 0; i < warm; i++) gnn_case_step(&c, false, i < 3);
    for (uint32_t i = 0; i < steps; i++) gnn_case_step(&c, true, false);
    const double best = report(b, &c, one_thread_ns);
    omp_set_num_threads(1);
    BENCH_TRY(pr_cache_check(c.cache));
    gnn_case_close(&c);
    return best;
}

static void verify(update_bench *b)
{
    gnn g;

    gnn_open(&g, &small);
    for (int threads = 1; threads <= GNN_MAX_TEAM; threads++)
        for (int ahead = 0; ahead < 2; ahead++)
            for (size_t i = 0; i < NUM_RATES; i++) {
                gnn_case c = gnn_case_open(b, &g, ahead ? PR_POLICY_LOOKAHEAD : PR_POLICY_LRU,
                                           rates[i], threads, 1);
                omp_set_num_threads(threads);
                for (int s = 0; s < 30; s++) {
                    gnn_case_step(&c, false, true);
                    if (s % 10 == 0) BENCH_TRY(pr_cache_check(c.cache));
                }
                omp_set_num_threads(1);
                gnn_case_close(&c);
            }
    gnn_close(&g);
}

static bench_gathers tune(gnn *g, int threads)
{
    pri_write        *writes = bench_new(2 * (size_t)g->shape.m, sizeof *writes);
    const bench_plane plane  = { g->rows, g->block, g->shape.cols };
    bench_rows        lists[2];
    wanted            w = wanted_new(g->shape.num_rows, g->shape.m, g->shape.m, 0);

    for (int i = 0; i < 2; i++) {
        wanted_next(&w, g->ring[i]);
        pri_write *const write = writes + (size_t)i * g->shape.m;
        bench_rows_write(g->ring[i], NULL, g->shape.m, write);
        lists[i] = (bench_rows){ g->ring[i], NULL, write, g->shape.m };
    }
    bench_kernels_check(&plane, 1, &lists[0]);
    bench_gathers found = bench_gathers_tune(&(bench_tuning_case){ .planes     = &plane,
                                                                   .num_planes = 1,
                                                                   .lists      = lists,
                                                                   .num_lists  = 2,
                                                                   .repeats    = TUNE_REPEATS,
                                                                   .threads    = threads });
    wanted_free(&w);
    free(writes);
    return found;
}

void run_gnn_shape(update_bench *b)
{
    static const char columns[]         = "policy threads miss_rate update_best_ns gather_best_ns "
                                          "time_ratio bound aim overhead_vs_copy place_gbps "
                                          "gather_gbps speedup_vs_1_thread";
    static const int  policies[]        = { PR_POLICY_LRU, PR_POLICY_LOOKAHEAD };
    double            one[2][NUM_RATES] = { 0 };
    const int most = b->options->threads < GNN_MAX_TEAM ? (int)b->options->threads : GNN_MAX_TEAM;
    gnn       g;

    verify(b);
    if (b->options->quick) return;
    gnn_open(&g, &full);
    for (int threads = 1; threads <= most; threads++) {
        g.gathers[threads - 1] = tune(&g, threads);
        report_copies(b,
                      &(copied_shape){ .name       = "1e6 rows of 512 bytes, m = 1e5",
                                       .regime     = "interleaved",
                                       .num_rows   = g.shape.num_rows,
                                       .cols       = g.shape.cols,
                                       .m          = g.shape.m,
                                       .num_planes = 1,
                                       .threads    = threads },
                      &g.gathers[threads - 1]);
    }
    bench_output_table(b->out, "prepare + place against a gather (the GNN shape), C = 2m", columns);
    for (int threads = 1; threads <= most; threads++)
        for (int p = 0; p < 2; p++)
            for (size_t i = 0; i < NUM_RATES; i++) {
                const double best = run_case(b, &g, policies[p], rates[i], threads, one[p][i]);
                if (threads == 1) one[p][i] = best;
            }
    for (int threads = 1; threads <= most; threads++) bench_gathers_free(&g.gathers[threads - 1]);
    gnn_close(&g);
}
