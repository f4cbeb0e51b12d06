/* sweep.c: where does a paired update win? N x m/N x k x pattern, as the original project swept,
 * two planes of 256 columns, pr_cache_apply against the best gather, unflushed, each rival in a
 * block of its own. Differences and lists are drawn before the clock starts; the original timed the
 * drawing of its masks too. */
#include "bench/cache_update/packed.h"

enum { COLS = 256, BLOCKS = 5, TUNE_REPEATS = 3, TUNE_K = 64, VERIFIED = 3 };
enum { MAX_LIST_IDS = 8 << 20 }; /* of all steps: bounds memory and time of the large cases */

static const uint32_t sizes[]  = { 100000, 1000000 };
static const double   shares[] = { 0.02, 0.05, 0.1 };
static const uint32_t ks[]     = { 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096 };

static void report(update_bench *b, const packed_run *run, double share, uint32_t k,
                   const char *pattern)
{
    const packed_shape *s         = run->shape;
    const bench_figures update    = bench_figures_of(&run->bring[RIVAL_UPDATE], BLOCKS);
    const bench_figures gather    = bench_figures_of(&run->bring[RIVAL_GATHER], BLOCKS);
    const bench_figures copy      = bench_figures_of(&run->bring[RIVAL_COPY], BLOCKS);
    const double        row_bytes = (double)(s->cols * sizeof(float)) * s->num_planes;

    bench_case(b->out);
    bench_text(b->out, "group", "sweep");
    bench_text(b->out, "regime", "blocks");
    bench_text(b->out, "door", "apply");
    bench_text(b->out, "policy", pr_cache_policy_name(run->cache));
    bench_text(b->out, "reader", "later");
    bench_text(b->out, "path", run->path);
    bench_text(b->out, "pattern", pattern);
    bench_int(b->out, "num_rows", s->num_rows);
    bench_int(b->out, "cols", s->cols);
    bench_int(b->out, "row_bytes", s->cols * sizeof(float));
    bench_int(b->out, "planes", s->num_planes);
    bench_real(b->out, "m_share", share);
    bench_int(b->out, "m", s->m);
    bench_int(b->out, "k", k);
    bench_int(b->out, "added", k / 2);
    bench_int(b->out, "threads", 1);
    bench_int(b->out, "steps", run->bring[RIVAL_UPDATE].n);
    bench_times(b->out, "update", &update);
    bench_times(b->out, "gather", &gather);
    bench_times(b->out, "copy", &copy);
    bench_real(b->out, "speedup_vs_gather", gather.median / update.median);
    bench_real(b->out, "overhead_vs_copy", update.median / copy.median);
    bench_real(b->out, "ceiling", s->m / (k / 2.0));
    report_gather(b, &run->gather, s->m * row_bytes / gather.median);
    bench_case_end(b->out);
}

static void run_case(update_bench *b, const packed_shape *s, double share, uint32_t k,
                     deltas_pattern pattern, const bench_gathers *gathers)
{
    const pr_tuning tuning = update_tuning(b, COLS * sizeof(float), 1);
    const uint32_t  most  = MAX_LIST_IDS / s->m < PACKED_BLOCK ? PACKED_BLOCK : MAX_LIST_IDS / s->m;
    const uint32_t  asked = packed_num_steps(b->options->steps, false);
    deltas          d = deltas_new(s->num_rows, s->m, k / 2, asked < most ? asked : most, pattern);

    packed_verify(s, &d, VERIFIED, PR_READER_LATER, &tuning);
    if (!b->options->quick) {
        packed_run run = { .shape  = s,
                           .deltas = &d,
                           .cache  = packed_cache_new(s, &d, PR_READER_LATER, &tuning),
                           .gather = gathers->best,
                           .copy   = bench_library_copy(&tuning, PRI_STORES_STREAMED) };
        packed_run_time(&run);
        report(b, &run, share, k, pattern == DELTAS_BLOCK ? "block" : "random");
        packed_run_free(&run);
    }
    deltas_free(&d);
}

void run_sweep(update_bench *b)
{
    const bool quick = b->options->quick;

    bench_output_table(b->out, "apply against a gather, swept",
                       "num_rows m_share k pattern steps update_ns gather_ns speedup_vs_gather "
                       "ceiling overhead_vs_copy gather_gbps");
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
        for (size_t r = 0; r < sizeof shares / sizeof *shares; r++) {
            const uint32_t num_rows = quick ? sizes[n] / 100 : sizes[n];
            const uint32_t m        = (uint32_t)(shares[r] * num_rows);
            packed_shape   s        = packed_shape_new(num_rows, COLS, m, PACKED_PLANES);
            for (int pattern = DELTAS_RANDOM; pattern <= DELTAS_BLOCK; pattern++) {
                bench_gathers gathers = { 0 };
                if (!quick)
                    gathers = packed_tune(&s, TUNE_K, (deltas_pattern)pattern, false, TUNE_REPEATS);
                for (size_t i = 0; i < sizeof ks / sizeof *ks && ks[i] <= 2 * m; i++)
                    run_case(b, &s, shares[r], ks[i], (deltas_pattern)pattern, &gathers);
                if (!quick) bench_gathers_free(&gathers);
            }
            packed_shape_free(&s);
        }
}
