/* reader.c: an update is worth what it does to the one who reads the rows. Update + product against
 * gather + the same product, [32, cols] x [m, cols]^T for both planes through the library's engine;
 * the reader comes next, so rows are stored through the caches. The gather is whichever kernel
 * makes gather + product fastest.
 *
 * The product alone takes most of the time (gemm_ns): the ceiling of the gain is
 * (gather + product) / product. */
#include <stdlib.h>

#include "bench/cache_update/packed.h"
#include "bench/support/memory.h"

enum { BLOCKS = 10, CANDIDATE_STEPS = 15, TUNE_K = 64, TUNE_REPEATS = 5 };

static const uint32_t ks[] = { 16, 64, 256, 1024 };

/* A shape, its product and its kernels. */
typedef struct reading {
    packed_shape  shape;
    pri_gemm     *gemm;
    float        *left, *product;
    bench_gathers gathers;
} reading;

static void reading_open(reading *r, update_bench *b)
{
    const packed_shape  *s     = &r->shape;
    const pri_gemm_shape shape = {
        .form = PRI_GEMM_ABT, .k = s->m, .n = s->cols, .lda = s->cols, .ldb = s->cols, .ldc = s->m
    };

    BENCH_TRY(pri_gemm_create(b->engine, &shape, &r->gemm));
    r->left    = bench_block_new(PACKED_GEMM_ROWS * s->cols * sizeof(float));
    r->product = bench_block_new(PACKED_GEMM_ROWS * s->m * sizeof(float));
    bench_fill_rows(r->left, PACKED_GEMM_ROWS, s->cols, 9);
}

static void reading_close(reading *r)
{
    pri_gemm_free(r->gemm);
    bench_block_free(r->left, PACKED_GEMM_ROWS * r->shape.cols * sizeof(float));
    bench_block_free(r->product, PACKED_GEMM_ROWS * r->shape.m * sizeof(float));
    packed_shape_free(&r->shape);
}

static packed_run time_run(update_bench *b, reading *r, const deltas *d, bool flush,
                           const bench_copy *gather)
{
    const pr_tuning tuning = update_tuning(b, r->shape.cols * sizeof(float), 1);
    packed_run      run    = { .shape     = &r->shape,
                               .deltas    = d,
                               .cache     = packed_cache_new(&r->shape, d, PR_READER_NEXT, &tuning),
                               .gather    = *gather,
                               .copy      = bench_library_copy(&tuning, PRI_STORES_CACHED),
                               .flush     = flush,
                               .cold_code = b->options->cold_code,
                               .gemm      = r->gemm,
                               .left      = r->left,
                               .product   = r->product };
    packed_run_time(&run);
    return run;
}

/* Give the kernel whose gather + product is fastest. */
static bench_copy choose_gather(update_bench *b, reading *r, uint32_t k, bool flush)
{
    const bench_copy candidates[] = { r->gathers.best_plain, r->gathers.best_streaming };
    const uint32_t   steps        = packed_num_steps(CANDIDATE_STEPS, flush);
    deltas           d    = deltas_new(r->shape.num_rows, r->shape.m, k / 2, steps, DELTAS_RANDOM);
    double           best = 0;
    size_t           at   = 0;

    for (size_t i = 0; i < 2; i++) {
        packed_run   run = time_run(b, r, &d, flush, &candidates[i]);
        const double ns  = bench_figures_of(&run.whole[RIVAL_GATHER], 1).median;
        if (i == 0 || ns < best) {
            best = ns;
            at   = i;
        }
        packed_run_free(&run);
    }
    deltas_free(&d);
    return candidates[at];
}

static void report(update_bench *b, const reading *r, const packed_run *run, uint32_t k)
{
    const packed_shape *s           = &r->shape;
    const bench_figures update      = bench_figures_of(&run->bring[RIVAL_UPDATE], BLOCKS);
    const bench_figures gather      = bench_figures_of(&run->bring[RIVAL_GATHER], BLOCKS);
    const bench_figures copy        = bench_figures_of(&run->bring[RIVAL_COPY], BLOCKS);
    const bench_figures update_gemm = bench_figures_of(&run->whole[RIVAL_UPDATE], BLOCKS);
    const bench_figures gather_gemm = bench_figures_of(&run->whole[RIVAL_GATHER], BLOCKS);
    const double        row_bytes   = (double)(s->cols * sizeof(float)) * s->num_planes;
    const double        gemm        = update_gemm.median - update.median;

    bench_case(b->out);
    bench_text(b->out, "group", "reader");
    bench_text(b->out, "regime", run->flush ? "flushed" : "blocks");
    bench_text(b->out, "code", run->flush && b->options->cold_code ? "cold" : "warm");
    bench_text(b->out, "door", "apply");
    bench_text(b->out, "policy", pr_cache_policy_name(run->cache));
    bench_text(b->out, "reader", "next");
    bench_text(b->out, "path", run->path);
    bench_int(b->out, "num_rows", s->num_rows);
    bench_int(b->out, "cols", s->cols);
    bench_int(b->out, "row_bytes", s->cols * sizeof(float));
    bench_int(b->out, "planes", s->num_planes);
    bench_int(b->out, "m", s->m);
    bench_int(b->out, "k", k);
    bench_int(b->out, "added", k / 2);
    bench_int(b->out, "threads", 1);
    bench_int(b->out, "gemm_rows", PACKED_GEMM_ROWS);
    bench_int(b->out, "steps", run->whole[RIVAL_UPDATE].n);
    bench_times(b->out, "update", &update);
    bench_times(b->out, "gather", &gather);
    bench_times(b->out, "copy", &copy);
    bench_real(b->out, "speedup_vs_gather", gather.median / update.median);
    bench_real(b->out, "overhead_vs_copy", update.median / copy.median);
    bench_times(b->out, "update_gemm", &update_gemm);
    bench_times(b->out, "gather_gemm", &gather_gemm);
    bench_ns(b->out, "gemm_ns", gemm);
    bench_real(b->out, "gain", gather_gemm.median / update_gemm.median);
    bench_real(b->out, "gain_ceiling", gather_gemm.median / gemm);
    report_gather(b, &run->gather, s->m * row_bytes / gather.median);
    bench_case_end(b->out);
}

static void run_shape(update_bench *b, reading *r)
{
    static const char   columns[] = "regime num_rows k update_ns gather_ns gemm_ns update_gemm_ns "
                                    "gather_gemm_ns gain gain_ceiling path gather_kernel";
    const packed_shape *s         = &r->shape;

    bench_output_table(b->out, "update + product against gather + product", columns);
    for (int flush = 1; flush >= 0; flush--) {
        r->gathers               = packed_tune(s, TUNE_K, DELTAS_RANDOM, flush, TUNE_REPEATS);
        const uint32_t num_steps = packed_num_steps(b->options->steps, flush);
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
            const bench_copy gather = choose_gather(b, r, ks[i], flush);
            deltas     steps = deltas_new(s->num_rows, s->m, ks[i] / 2, num_steps, DELTAS_RANDOM);
            packed_run run   = time_run(b, r, &steps, flush, &gather);
            report(b, r, &run, ks[i]);
            packed_run_free(&run);
            deltas_free(&steps);
        }
        bench_gathers_free(&r->gathers);
    }
}

/* The product over the slab must equal the product over the gathered block; slots are columns of
 * the result, so they are compared through the ids. */
static void verify(reading *r)
{
    const packed_shape *s        = &r->shape;
    deltas              d        = deltas_new(s->num_rows, s->m, 32, 1, DELTAS_RANDOM);
    pr_cache           *cache    = packed_cache_new(s, &d, PR_READER_NEXT, NULL);
    float              *gathered = bench_new(PACKED_GEMM_ROWS * s->m, sizeof *gathered);
    uint32_t           *place    = bench_new(s->num_rows, sizeof *place);
    const bench_rows    list     = deltas_list(&d, 1);
    const bench_copy    how      = { .kernel = bench_kernel_at(0) };
    const bench_plane   plane    = { s->rows[0], s->block[0], s->cols };
    pr_packed           packed;

    BENCH_TRY(pr_cache_apply(cache, deltas_added(&d, 1), deltas_removed(&d, 1), NULL));
    bench_gather(&how, &plane, 1, &list, 1);
    BENCH_TRY(pri_gemm_run(r->gemm, PACKED_GEMM_ROWS, r->left, s->block[0], NULL, gathered));
    BENCH_TRY(pr_cache_packed(cache, 0, &packed));
    BENCH_CHECK(packed.ld == s->cols, "slots are %zu elements apart, the product expects %u",
                packed.ld, s->cols);
    BENCH_TRY(pri_gemm_run(r->gemm, PACKED_GEMM_ROWS, r->left, packed.rows, NULL, r->product));
    for (uint32_t i = 0; i < s->m; i++) place[list.ids[i]] = i;
    for (uint32_t x = 0; x < PACKED_GEMM_ROWS; x++)
        for (uint32_t i = 0; i < s->m; i++) {
            const float got  = r->product[x * s->m + i];
            const float want = gathered[x * s->m + place[packed.ids[i]]];
            /* a column's sum may be split otherwise at the matrix' edge: one part in 10^4 */
            BENCH_CHECK(got - want <= 1e-4f * want && want - got <= 1e-4f * want,
                        "product %u of row %u is %g, over the gather %g", x, packed.ids[i],
                        (double)got, (double)want);
        }
    pr_cache_free(cache);
    deltas_free(&d);
    free(gathered);
    free(place);
}

void run_with_reader(update_bench *b)
{
    static const uint32_t shapes[][3] = { { 8192, 1024, 1024 }, { 4096, 512, 512 } };

    for (size_t i = 0; i < 2; i++) {
        reading r = { .shape = packed_shape_new(shapes[i][0], shapes[i][1], shapes[i][2],
                                                PACKED_PLANES) };
        reading_open(&r, b);
        verify(&r);
        if (!b->options->quick) run_shape(b, &r);
        reading_close(&r);
    }
}
