/* packed.c: make, verify and time packed caches and their rivals.
 *
 * A flush leaves no row, no index entry and no page table in the caches, which is what is wanted;
 * but it takes the instructions too, and a call of a few microseconds then waits for its code most
 * of the time. Whoever calls every step finds the code warm. So every rival makes one call on a
 * decoy after the flush, a tiny shape of its own rows and its own index, before the clock starts;
 * with cold_code it does not. */
#include "bench/cache_update/packed.h"

#include <stdlib.h>
#include <string.h>

#include "bench/support/memory.h"

enum { TUNE_LISTS = 8 };

packed_shape packed_shape_new(uint32_t num_rows, uint32_t cols, uint32_t m, uint32_t num_planes)
{
    packed_shape s = { .num_rows = num_rows, .cols = cols, .m = m, .num_planes = num_planes };
    const size_t row_bytes = cols * sizeof(float);

    s.features = bench_new(num_planes, sizeof *s.features);
    for (uint32_t p = 0; p < num_planes; p++) {
        s.rows[p]  = bench_block_new(num_rows * row_bytes);
        s.block[p] = bench_block_new(m * row_bytes);
        s.slots[p] = bench_block_new(m * row_bytes);
        bench_fill_rows(s.rows[p], num_rows, cols, p);
        s.features[p] =
            (pr_features){ .num_rows = num_rows, .num_cols = cols, .rows = s.rows[p], .ld = cols };
        BENCH_TRY(pr_store_memory(&s.features[p], &s.stores[p]));
    }
    return s;
}

void packed_shape_free(packed_shape *s)
{
    const size_t row_bytes = s->cols * sizeof(float);

    for (uint32_t p = 0; p < s->num_planes; p++) {
        pr_store_free(s->stores[p]);
        bench_block_free(s->rows[p], s->num_rows * row_bytes);
        bench_block_free(s->block[p], s->m * row_bytes);
        bench_block_free(s->slots[p], s->m * row_bytes);
    }
    free(s->features);
}

pr_cache *packed_cache_new(const packed_shape *s, const deltas *d, int reader,
                           const pr_tuning *tuning)
{
    const pr_cache_options options = { .mode = PR_CACHE_PACKED, .rows = s->m, .reader = reader };
    const pr_cache_setup   setup   = { .options    = &options,
                                       .stores     = (const pr_store *const *)s->stores,
                                       .num_planes = s->num_planes,
                                       .max_wanted = s->m,
                                       .tuning     = tuning };
    const pr_cache_plan   *plan;
    pr_cache              *cache;
    pr_slab                view;

    BENCH_TRY(pr_cache_open(&setup, &cache));
    BENCH_TRY(pr_cache_prepare(cache, (pr_vids){ deltas_list(d, 0).ids, d->m }, &plan));
    BENCH_TRY(pr_cache_place(cache, &view));
    pr_cache_release(cache);
    return cache;
}

void packed_check_rows(const packed_shape *s, const pr_cache *cache, const deltas *d, uint32_t step)
{
    const pr_vid *wanted = deltas_list(d, step).ids;
    bool         *is_in  = bench_new(s->num_rows, sizeof *is_in);
    pr_packed     packed;

    for (uint32_t p = 0; p < s->num_planes; p++) {
        BENCH_TRY(pr_cache_packed(cache, p, &packed));
        BENCH_CHECK(packed.num_rows == s->m, "step %u left %u rows, not %u", step, packed.num_rows,
                    s->m);
        memset(is_in, 0, s->num_rows * sizeof *is_in);
        for (uint32_t i = 0; i < s->m; i++) {
            const pr_vid id = packed.ids[i];
            is_in[id]       = true;
            BENCH_CHECK(!memcmp(packed.rows + i * packed.ld, s->rows[p] + (size_t)id * s->cols,
                                s->cols * sizeof(float)),
                        "step %u, plane %u: slot %u is not row %u", step, p, i, id);
        }
        for (uint32_t i = 0; i < s->m; i++)
            BENCH_CHECK(is_in[wanted[i]], "step %u: row %u is not in", step, wanted[i]);
    }
    free(is_in);
}

/* Note which row every slot holds, by the rows' own first element. */
static void read_tags(const packed_shape *s, const pr_cache *cache, uint32_t plane, float *tags)
{
    pr_packed packed;

    BENCH_TRY(pr_cache_packed(cache, plane, &packed));
    for (uint32_t i = 0; i < s->m; i++) tags[i] = packed.rows[i * packed.ld];
}

static void check_writes(const packed_shape *s, const float *before, const float *after,
                         const pr_cache_plan *plan, uint32_t step)
{
    const bool repacked = !strcmp(plan->path, "repack");

    for (uint32_t p = 0; p < s->num_planes; p++) {
        uint64_t changed = 0;
        for (uint32_t i = 0; i < s->m; i++)
            changed += before[p * s->m + i] < after[p * s->m + i] ||
                       before[p * s->m + i] > after[p * s->m + i];
        BENCH_CHECK(repacked ? changed <= plan->rows_moved : changed == plan->rows_moved,
                    "step %u, plane %u: %llu slots changed, the plan wrote %llu", step, p,
                    (unsigned long long)changed, (unsigned long long)plan->rows_moved);
    }
    BENCH_CHECK(plan->bytes_moved == plan->rows_moved * s->cols * sizeof(float) * s->num_planes,
                "step %u: %llu bytes are not %llu rows of all planes", step,
                (unsigned long long)plan->bytes_moved, (unsigned long long)plan->rows_moved);
    BENCH_CHECK(repacked || (int64_t)plan->bytes_moved == plan->bytes_bound,
                "step %u moved %llu bytes, the bound is %lld", step,
                (unsigned long long)plan->bytes_moved, (long long)plan->bytes_bound);
}

void packed_verify(const packed_shape *s, const deltas *d, uint32_t steps, int reader,
                   const pr_tuning *tuning)
{
    const size_t         tags   = (size_t)s->m * s->num_planes;
    pr_cache            *cache  = packed_cache_new(s, d, reader, tuning);
    float               *before = bench_new(tags, sizeof *before);
    float               *after  = bench_new(tags, sizeof *after);
    const pr_cache_plan *plan;

    packed_check_rows(s, cache, d, 0);
    for (uint32_t step = 1; step <= steps && step <= d->steps; step++) {
        for (uint32_t p = 0; p < s->num_planes; p++) read_tags(s, cache, p, before + p * s->m);
        BENCH_TRY(pr_cache_apply(cache, deltas_added(d, step), deltas_removed(d, step), &plan));
        for (uint32_t p = 0; p < s->num_planes; p++) read_tags(s, cache, p, after + p * s->m);
        packed_check_rows(s, cache, d, step);
        check_writes(s, before, after, plan, step);
    }
    BENCH_TRY(pr_cache_check(cache));
    pr_cache_free(cache);
    free(before);
    free(after);
}

bench_gathers packed_tune(const packed_shape *s, uint32_t k, deltas_pattern pattern, bool flush,
                          int repeats)
{
    deltas            d = deltas_new(s->num_rows, s->m, k / 2, TUNE_LISTS, pattern);
    bench_plane       planes[PACKED_PLANES];
    bench_rows        lists[TUNE_LISTS];
    bench_tuning_case how = { .planes     = planes,
                              .num_planes = s->num_planes,
                              .lists      = lists,
                              .num_lists  = TUNE_LISTS,
                              .repeats    = repeats,
                              .threads    = 1,
                              .flush      = flush };

    for (uint32_t i = 0; i < TUNE_LISTS; i++) lists[i] = deltas_list(&d, i);
    for (uint32_t p = 0; p < s->num_planes; p++)
        planes[p] = (bench_plane){ s->rows[p], s->block[p], s->cols };
    bench_gathers found = bench_gathers_tune(&how);
    deltas_free(&d);
    return found;
}

/* Multiply what a rival brought: [32, cols] x [m, cols]^T of every plane. */
static void read_rows(const packed_run *run, rival who)
{
    const packed_shape *s = run->shape;

    for (uint32_t p = 0; p < s->num_planes; p++) {
        const float *rows = who == RIVAL_GATHER ? s->block[p] : s->slots[p];
        if (who == RIVAL_UPDATE) {
            pr_packed packed;
            BENCH_TRY(pr_cache_packed(run->cache, p, &packed));
            rows = packed.rows;
        }
        BENCH_TRY(pri_gemm_run(run->gemm, PACKED_GEMM_ROWS, run->left, rows, NULL, run->product));
    }
}

/* Bring the rows of a step, as a rival does. */
static void bring_rows(packed_run *run, rival who, uint32_t step)
{
    const packed_shape  *s = run->shape;
    const deltas        *d = run->deltas;
    bench_plane          planes[PACKED_PLANES];
    const pr_cache_plan *plan;

    if (who == RIVAL_UPDATE) {
        BENCH_TRY(
            pr_cache_apply(run->cache, deltas_added(d, step), deltas_removed(d, step), &plan));
        run->rows_moved = plan->rows_moved;
        run->path       = plan->path;
        return;
    }
    const bench_rows  rows = who == RIVAL_GATHER ? deltas_list(d, step) : deltas_copies(d, step);
    const bench_copy *how  = who == RIVAL_GATHER ? &run->gather : &run->copy;
    for (uint32_t p = 0; p < s->num_planes; p++)
        planes[p] =
            (bench_plane){ s->rows[p], who == RIVAL_GATHER ? s->block[p] : s->slots[p], s->cols };
    bench_gather(how, planes, s->num_planes, &rows, 1);
}

/* The tiny shape whose calls warm the code. Its one difference is applied and taken back in turn.
 */
typedef struct decoy {
    packed_shape shape;
    deltas       deltas;
    packed_run   run;
    bool         applied;
} decoy;

enum { DECOY_ROWS = 64, DECOY_M = 32, DECOY_HALF = 8 };

static decoy *decoy_new(const packed_run *run)
{
    decoy    *d = bench_new(1, sizeof *d);
    pr_tuning tuning;

    d->shape  = packed_shape_new(DECOY_ROWS, run->shape->cols, DECOY_M, run->shape->num_planes);
    d->deltas = deltas_new(DECOY_ROWS, DECOY_M, DECOY_HALF, 1, DELTAS_RANDOM);
    pr_tuning_default(run->shape->cols * sizeof(float), &tuning);
    tuning.isa         = run->copy.kernel->isa; /* the kernels of the run */
    tuning.prefetch_to = run->copy.kernel->prefetch_to;
    const int reader   = run->copy.kernel->streams ? PR_READER_LATER : PR_READER_NEXT;
    pr_cache *cache    = packed_cache_new(&d->shape, &d->deltas, reader, &tuning);
    d->run             = (packed_run){ .shape  = &d->shape,
                                       .deltas = &d->deltas,
                                       .cache  = cache,
                                       .gather = run->gather,
                                       .copy   = run->copy };
    return d;
}

static void decoy_free(decoy *d)
{
    if (!d) return;
    pr_cache_free(d->run.cache);
    deltas_free(&d->deltas);
    packed_shape_free(&d->shape);
    free(d);
}

static void decoy_call(decoy *d, rival who)
{
    if (who != RIVAL_UPDATE) {
        bring_rows(&d->run, who, 1);
        return;
    }
    const pr_vids added = deltas_added(&d->deltas, 1), removed = deltas_removed(&d->deltas, 1);
    BENCH_TRY(pr_cache_apply(d->run.cache, d->applied ? removed : added,
                             d->applied ? added : removed, NULL));
    d->applied = !d->applied;
}

void packed_warm_ids(pr_vids ids)
{
    volatile pr_vid taken = 0;

    for (size_t i = 0; i < ids.n; i++) taken = ids.at[i];
    (void)taken;
}

/* Read the lists a rival is given: a caller has just made them, so they are warm for all. */
static void warm_lists(const packed_run *run, rival who, uint32_t step)
{
    const deltas    *d     = run->deltas;
    const pr_vids    gone  = deltas_removed(d, step);
    const bench_rows rows  = who == RIVAL_GATHER ? deltas_list(d, step) : deltas_copies(d, step);
    volatile pr_vid  taken = 0;

    for (size_t i = 0; i < rows.n; i++) taken = rows.ids[i] ^ rows.write[i].id;
    for (size_t i = 0; i < rows.n && rows.slots; i++) taken = rows.slots[i];
    for (size_t i = 0; i < gone.n; i++) taken = gone.at[i];
    (void)taken;
}

static void time_one(packed_run *run, decoy *warm, rival who, uint32_t step, bool counts)
{
    if (run->flush) {
        bench_flush_llc();
        if (warm) decoy_call(warm, who);
    }
    warm_lists(run, who, step);
    const int64_t start = pr_now_ns();
    bring_rows(run, who, step);
    const int64_t brought = pr_now_ns();
    if (run->gemm) read_rows(run, who);
    const int64_t read = pr_now_ns();
    if (!counts) return;
    bench_samples_add(&run->bring[who], brought - start);
    bench_samples_add(&run->whole[who], read - start);
}

uint32_t packed_num_steps(uint32_t counted, bool flush)
{
    enum { COUNTED_OF_BLOCK = PACKED_BLOCK - PACKED_WARM };
    if (flush) return counted + PACKED_WARM;
    return (counted + COUNTED_OF_BLOCK - 1) / COUNTED_OF_BLOCK * PACKED_BLOCK;
}

void packed_run_time(packed_run *run)
{
    const uint32_t steps = run->deltas->steps;
    decoy         *warm  = run->flush && !run->cold_code ? decoy_new(run) : NULL;

    for (int who = 0; who < NUM_RIVALS; who++) {
        run->bring[who] = bench_samples_new(steps);
        run->whole[who] = bench_samples_new(steps);
    }
    if (run->flush) { /* the caches are empty for all: interleave, another one first each time */
        for (uint32_t step = 1; step <= steps; step++)
            for (uint32_t i = 0; i < NUM_RIVALS; i++)
                time_one(run, warm, (rival)((step + i) % NUM_RIVALS), step, step > PACKED_WARM);
    } else { /* each has the caches to itself for a block of steps */
        for (uint32_t first = 1; first <= steps; first += PACKED_BLOCK)
            for (int who = 0; who < NUM_RIVALS; who++)
                for (uint32_t step = first; step <= steps && step < first + PACKED_BLOCK; step++)
                    time_one(run, warm, (rival)who, step, step >= first + PACKED_WARM);
    }
    packed_check_rows(run->shape, run->cache, run->deltas, steps);
    decoy_free(warm);
}

void packed_run_free(packed_run *run)
{
    for (int who = 0; who < NUM_RIVALS; who++) {
        bench_samples_free(&run->bring[who]);
        bench_samples_free(&run->whole[who]);
    }
    pr_cache_free(run->cache);
    run->cache = NULL;
}
