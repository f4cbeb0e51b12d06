/* seed.c: the shapes of the original project: two planes of weight rows, a packed cache of m rows,
 * and k = added + removed rows a step through pr_cache_apply.
 *
 * Flushed: before every timed call of every rival the last-level cache is emptied, so that gather
 * and update both read cold rows; the lists of ids alone are read again, since their maker has just
 * written them. Blocks: nothing is flushed, each rival runs 80 steps alone (10 of them uncounted);
 * a repeated gather then finds most of its rows in the last-level cache, while the added rows of an
 * update are cold whatever one does.
 *
 * Index work is the time of apply with one plane of rows of 4 bytes,
 * copying them included, so it is an upper bound; index_net_ns has the same copies by the same
 * kernel in a bare loop taken off.
 */
#include <stdlib.h>

#include "bench/cache_update/packed.h"
#include "bench/support/memory.h"

enum { BLOCKS = 10, TUNE_REPEATS = 9, SLOT_FLOATS = 16, INDEX_FLUSHED_STEPS = 200 };
enum { VERIFIED = 20 };

typedef struct seed_shape {
    uint32_t    num_rows, cols, m;
    const char *name;
} seed_shape;

static const seed_shape shapes[] = { { 8192, 1024, 1024, "8192/1024/1024" },
                                     { 4096, 512, 512, "4096/512/512" } };
enum { NUM_KS = 4 };
static const uint32_t ks[NUM_KS] = { 16, 64, 256, 1024 };

/* What apply costs beside copying rows. */
typedef struct index_times {
    double whole, least, net, flushed;
} index_times;

static index_times time_index(const seed_shape *shape, uint32_t k, uint32_t steps)
{
    packed_shape s = packed_shape_new(shape->num_rows, 1, shape->m, 1);
    deltas       d =
        deltas_new(shape->num_rows, shape->m, k / 2, packed_num_steps(steps, false), DELTAS_RANDOM);
    float        *to  = bench_block_new((size_t)shape->m * SLOT_FLOATS * sizeof *to);
    bench_samples own = bench_samples_new(d.steps), bare = bench_samples_new(d.steps),
                  cold = bench_samples_new(d.steps);

    pr_tuning tuning;
    pr_tuning_default(sizeof(float), &tuning);
    const bench_copy how   = bench_library_copy(&tuning, PRI_STORES_CACHED);
    pr_cache        *cache = packed_cache_new(&s, &d, PR_READER_NEXT, &tuning);
    for (uint32_t step = 1; step <= d.steps; step++) {
        const bool flush = step > d.steps - INDEX_FLUSHED_STEPS;
        if (flush) bench_flush_llc();
        packed_warm_ids(deltas_added(&d, step));
        packed_warm_ids(deltas_removed(&d, step));
        const int64_t start = pr_now_ns();
        BENCH_TRY(pr_cache_apply(cache, deltas_added(&d, step), deltas_removed(&d, step), NULL));
        const int64_t end = pr_now_ns();
        if (step > PACKED_WARM) bench_samples_add(flush ? &cold : &own, end - start);
    }
    for (uint32_t step = 1; step <= d.steps; step++) {
        const pri_copy copy  = { .from       = (const char *)s.rows[0],
                                 .from_bytes = sizeof(float),
                                 .to         = (char *)to,
                                 .to_bytes   = SLOT_FLOATS * sizeof(float),
                                 .row_bytes  = sizeof(float),
                                 .write      = deltas_copies(&d, step).write,
                                 .n          = d.half,
                                 .ahead      = how.ahead };
        const int64_t  start = pr_now_ns();
        how.kernel->library(&copy, 0, d.half);
        bench_samples_add(&bare, pr_now_ns() - start);
    }
    index_times found = { .whole   = bench_figures_of(&own, 1).median,
                          .least   = bench_figures_of(&own, 1).min,
                          .flushed = bench_figures_of(&cold, 1).median };
    found.net         = found.whole - bench_figures_of(&bare, 1).median;
    bench_samples_free(&own);
    bench_samples_free(&bare);
    bench_samples_free(&cold);
    bench_block_free(to, (size_t)shape->m * SLOT_FLOATS * sizeof *to);
    pr_cache_free(cache);
    deltas_free(&d);
    packed_shape_free(&s);
    return found;
}

static void report(update_bench *b, const seed_shape *shape, packed_run *run, uint32_t k,
                   int reader, const index_times *index)
{
    const bench_figures update    = bench_figures_of(&run->bring[RIVAL_UPDATE], BLOCKS);
    const bench_figures gather    = bench_figures_of(&run->bring[RIVAL_GATHER], BLOCKS);
    const bench_figures copy      = bench_figures_of(&run->bring[RIVAL_COPY], BLOCKS);
    const double        row_bytes = (double)(shape->cols * sizeof(float)) * PACKED_PLANES;
    const double        gbps      = shape->m * row_bytes / gather.median;
    const double        place     = (double)run->rows_moved * row_bytes / update.median;
    const char         *regime    = run->flush ? "flushed" : "blocks";

    bench_case(b->out);
    bench_text(b->out, "group", "seed");
    bench_text(b->out, "regime", regime);
    bench_text(b->out, "code", run->flush && b->options->cold_code ? "cold" : "warm");
    bench_text(b->out, "door", "apply");
    bench_text(b->out, "policy", pr_cache_policy_name(run->cache));
    bench_text(b->out, "reader", reader == PR_READER_LATER ? "later" : "next");
    bench_text(b->out, "path", run->path);
    bench_int(b->out, "num_rows", shape->num_rows);
    bench_int(b->out, "cols", shape->cols);
    bench_int(b->out, "row_bytes", shape->cols * sizeof(float));
    bench_int(b->out, "planes", PACKED_PLANES);
    bench_int(b->out, "m", shape->m);
    bench_int(b->out, "k", k);
    bench_int(b->out, "added", k / 2);
    bench_int(b->out, "threads", 1);
    bench_int(b->out, "steps", run->bring[RIVAL_UPDATE].n);
    bench_times(b->out, "update", &update);
    bench_times(b->out, "gather", &gather);
    bench_times(b->out, "copy", &copy);
    bench_real(b->out, "speedup_vs_gather", gather.median / update.median);
    bench_real(b->out, "overhead_vs_copy", update.median / copy.median);
    bench_real(b->out, "ceiling", (double)shape->m / (k / 2.0));
    bench_int(b->out, "copy_bytes", (uint64_t)(k / 2.0 * row_bytes));
    bench_ns(b->out, "index_ns", index->whole);
    bench_ns(b->out, "index_min_ns", index->least);
    bench_ns(b->out, "index_net_ns", index->net);
    bench_ns(b->out, "index_flushed_ns", index->flushed);
    bench_real(b->out, "update_gbps", place);
    report_gather(b, &run->gather, gbps);
    bench_int(b->out, "pool_fits_llc", shape->num_rows * row_bytes <= (double)bench_llc_bytes());
    bench_case_end(b->out);
    check_honest(b, shape->name, gbps, place);
}

static void run_case(update_bench *b, const seed_shape *shape, const packed_shape *s, uint32_t k,
                     bool flush, int reader, const bench_gathers *gathers, const index_times *index)
{
    const pr_tuning  tuning = update_tuning(b, shape->cols * sizeof(float), 1);
    const pri_stores stores = reader == PR_READER_LATER ? PRI_STORES_STREAMED : PRI_STORES_CACHED;
    deltas           d      = deltas_new(shape->num_rows, shape->m, k / 2,
                                         packed_num_steps(b->options->steps, flush), DELTAS_RANDOM);
    packed_run       run    = { .shape     = s,
                                .deltas    = &d,
                                .cache     = packed_cache_new(s, &d, reader, &tuning),
                                .gather    = gathers->best,
                                .copy      = bench_library_copy(&tuning, stores),
                                .flush     = flush,
                                .cold_code = b->options->cold_code };

    packed_run_time(&run);
    report(b, shape, &run, k, reader, index);
    packed_run_free(&run);
    deltas_free(&d);
}

static void verify_shape(update_bench *b, const seed_shape *shape, const packed_shape *s)
{
    const pr_tuning tuning = update_tuning(b, shape->cols * sizeof(float), 1);

    for (size_t i = 0; i < NUM_KS; i++) {
        deltas d = deltas_new(shape->num_rows, shape->m, ks[i] / 2, VERIFIED, DELTAS_RANDOM);
        packed_verify(s, &d, VERIFIED, PR_READER_LATER, &tuning);
        packed_verify(s, &d, VERIFIED, PR_READER_NEXT, &tuning);
        bench_kernels_check((bench_plane[]){ { s->rows[0], s->block[0], s->cols } }, 1,
                            &(bench_rows){ d.list, NULL, d.list_write, d.m });
        deltas_free(&d);
    }
}

static void time_shape(update_bench *b, const seed_shape *shape, const packed_shape *s)
{
    static const char columns[] = "regime reader num_rows k update_ns gather_ns copy_ns "
                                  "speedup_vs_gather ceiling overhead_vs_copy index_ns "
                                  "index_net_ns update_gbps gather_gbps path";
    bench_gathers     warm[NUM_KS];
    index_times       index[NUM_KS];
    copied_shape      copied = { .name       = shape->name,
                                 .regime     = "flushed",
                                 .num_rows   = shape->num_rows,
                                 .cols       = shape->cols,
                                 .m          = shape->m,
                                 .num_planes = PACKED_PLANES,
                                 .threads    = 1 };
    bench_gathers     cold   = packed_tune(s, ks[1], DELTAS_RANDOM, true, TUNE_REPEATS);

    report_copies(b, &copied, &cold);
    for (size_t i = 0; i < NUM_KS; i++) {
        warm[i]  = packed_tune(s, ks[i], DELTAS_RANDOM, false, TUNE_REPEATS);
        index[i] = time_index(shape, ks[i], b->options->steps + INDEX_FLUSHED_STEPS);
    }
    copied.regime = "blocks, k = 64";
    report_copies(b, &copied, &warm[1]);
    bench_output_table(b->out, "apply against a gather of both planes (the seed's shapes)",
                       columns);
    for (size_t i = 0; i < NUM_KS; i++)
        run_case(b, shape, s, ks[i], true, PR_READER_LATER, &cold, &index[i]);
    for (int reader = PR_READER_NEXT; reader <= PR_READER_LATER; reader++)
        for (size_t i = 0; i < NUM_KS; i++)
            run_case(b, shape, s, ks[i], false, reader, &warm[i], &index[i]);
    bench_gathers_free(&cold);
    for (size_t i = 0; i < NUM_KS; i++) bench_gathers_free(&warm[i]);
}

void run_seed_shapes(update_bench *b)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const seed_shape *shape = &shapes[i];
        packed_shape s = packed_shape_new(shape->num_rows, shape->cols, shape->m, PACKED_PLANES);
        verify_shape(b, shape, &s);
        if (!b->options->quick) time_shape(b, shape, &s);
        packed_shape_free(&s);
    }
}
