/* bench_cache_update.c: what does bringing a step's rows to where they can be read cost, against
 * the best gather of all of them that we can write?
 *
 *     seed      two planes of weight rows, pr_cache_apply, the shapes of the original project
 *     reader    the same with the matrix product that reads the rows
 *     gnn       a million feature rows, prepare + place at known miss rates, 1 and 2 threads
 *     planted   look-ahead against lru, total time over a trace of the real sampler
 *     --sweep   N x m/N x k x pattern instead
 *
 * Every chapter (cache_update/NAME.c) says how it measures, and compares every row of every plane
 * with the store before it times anything; --quick does only that. The rate of every copy variant
 * of this host comes first (group "copy"). All times are wall clock and hold two reads of it
 * (host.clock_ns). Ends with status 1 when a gather was slower than 0.8 of the cache's own copies:
 * such a comparison would flatter the cache. */
#include "bench/cache_update/cases.h"

#include <math.h>
#include <string.h>

#include <omp.h>

static const pr_option options[] = {
    { "quick", "", "check contents and counts only", "false", PR_OPT_FLAG,
      offsetof(update_options, quick), 0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG,
      offsetof(update_options, json), 0, 0, NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, offsetof(update_options, csv),
      0, 0, NULL },
    { "only", "", "one group of cases", "all", PR_OPT_CHOICE, offsetof(update_options, only), 0, 0,
      "all|seed|reader|gnn|planted" },
    { "sweep", "", "sweep N, m/N, k and pattern instead", "false", PR_OPT_FLAG,
      offsetof(update_options, sweep), 0, 0, NULL },
    { "cold-code", "", "flushed cases: instructions are flushed too, not only data", "false",
      PR_OPT_FLAG, offsetof(update_options, cold_code), 0, 0, NULL },
    { "steps", "steps", "counted steps a case", "1000", PR_OPT_U32, offsetof(update_options, steps),
      10, 1000000, NULL },
    { "threads", "threads", "most threads of group gnn: 1, or 2 to compare both", "2", PR_OPT_U32,
      offsetof(update_options, threads), 1, 2, NULL },
    { "dir", "dir", "where graphs are kept; made when they are not there", "out/bench", PR_OPT_TEXT,
      offsetof(update_options, dir), 0, 0, NULL },
    { "tune", "file", "tuning: a file of packrat tune, auto (this user's), or none (defaults)",
      "auto", PR_OPT_TEXT, offsetof(update_options, tune), 0, 0, NULL },
};
static const pr_option_table table = { "bench_cache_update", options,
                                       sizeof options / sizeof *options };

typedef struct chapter {
    const char *name; /* as in --only, in its order */
    void (*run)(update_bench *b);
} chapter;

static const chapter chapters[] = { { "seed", run_seed_shapes },
                                    { "reader", run_with_reader },
                                    { "gnn", run_gnn_shape },
                                    { "planted", run_planted_time } };

pr_tuning update_tuning(update_bench *b, size_t row_bytes, uint32_t threads)
{
    BENCH_TRY(pr_tuning_load(b->options->tune, row_bytes, threads, &b->tuning));
    return b->tuning;
}

void report_copies(update_bench *b, const copied_shape *shape, const bench_gathers *gathers)
{
    static const char *const only_updates[] = {
        "k", "added", "update_ns", "copy_ns", "speedup_vs_gather", "overhead_vs_copy"
    };
    const double bytes = (double)shape->m * shape->cols * sizeof(float) * shape->num_planes;
    char         title[256];

    snprintf(title, sizeof title, "copy variants gathering %s, %s", shape->name, shape->regime);
    bench_output_table(b->out, title, "kernel_name row_bytes threads ahead gather_gbps");
    for (size_t i = 0; i < bench_num_kernels(); i++) {
        const bench_copy *one = &gathers->each[i];
        bench_case(b->out);
        bench_text(b->out, "group", "copy");
        bench_text(b->out, "regime", shape->regime);
        bench_text(b->out, "door", "gather");
        bench_text(b->out, "policy", "none");
        bench_text(b->out, "shape", shape->name);
        bench_text(b->out, "kernel_name", one->kernel->name);
        bench_int(b->out, "num_rows", shape->num_rows);
        bench_int(b->out, "cols", shape->cols);
        bench_int(b->out, "row_bytes", shape->cols * sizeof(float));
        bench_int(b->out, "planes", shape->num_planes);
        bench_int(b->out, "m", shape->m);
        bench_int(b->out, "threads", (uint64_t)shape->threads);
        bench_int(b->out, "ahead", one->kernel->prefetch_to ? one->ahead : 0);
        bench_ns(b->out, "gather_ns", bytes / one->gbps);
        bench_real(b->out, "gather_gbps", one->gbps);
        for (size_t f = 0; f < sizeof only_updates / sizeof *only_updates; f++)
            bench_real(b->out, only_updates[f], (double)NAN);
        bench_case_end(b->out);
    }
}

void report_gather(update_bench *b, const bench_copy *how, double gbps)
{
    bench_text(b->out, "gather_kernel", how->kernel->name);
    bench_int(b->out, "gather_ahead", how->kernel->prefetch_to ? how->ahead : 0);
    bench_real(b->out, "gather_gbps", gbps);
    bench_text(b->out, "tuning", b->tuning.source);
    bench_text(b->out, "isa", pri_isa_name(pri_isa_at_most(b->tuning.isa)));
    bench_int(b->out, "row_ahead", b->tuning.row_ahead);
    bench_int(b->out, "index_ahead", b->tuning.index_ahead);
    bench_int(b->out, "prefetch_to", (uint64_t)b->tuning.prefetch_to);
    bench_real(b->out, "repack_share", b->tuning.repack_share);
}

void check_honest(update_bench *b, const char *what, double gather_gbps, double place_gbps)
{
    if (gather_gbps >= 0.8 * place_gbps) return;
    b->dishonest = true;
    fprintf(stderr,
            "bench_cache_update: %s: the gather copies %.1f GB/s, less than 0.8 of the %.1f GB/s "
            "of the cache: no fair rival\n",
            what, gather_gbps, place_gbps);
}

int main(int argc, char **argv)
{
    static update_options o;
    const pr_option_group group = { &table, &o };
    update_bench          b     = { .options = &o };

    bench_read_options("bench_cache_update", &group, argc, argv);
    omp_set_num_threads(1); /* the gathers have one thread, so the updates have one too */
    b.out = bench_output_new("cache_update", o.json, o.quick, o.csv, argc, argv);
    if (o.quick) bench_samples_check();
    BENCH_TRY(pri_engine_create(&b.engine));
    for (int i = 0; i < (int)(sizeof chapters / sizeof *chapters); i++)
        if ((!o.sweep || o.quick) && (o.only == 0 || o.only == i + 1)) chapters[i].run(&b);
    if (o.sweep || (o.quick && o.only == 0)) run_sweep(&b);
    pri_engine_free(b.engine);
    bench_output_free(b.out);
    if (o.quick)
        printf("bench_cache_update: every row of every plane is right, and so are the "
               "bytes written\n");
    return b.dishonest ? 1 : 0;
}
