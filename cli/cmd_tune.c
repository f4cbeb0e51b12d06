/* cmd_tune.c: packrat tune. */
#include <stdio.h>
#include <string.h>

#include <packrat/pipeline.h>

#include "cli/command.h"
#include "cli/results.h"

enum { DEFAULT_ROW_BYTES = 512 };

/* What only this command is told. */
typedef struct tune_options {
    char     data[PR_TEXT_BYTES];
    uint32_t row_bytes; /* 0: those of data, else DEFAULT_ROW_BYTES */
    bool     quick;
} tune_options;

typedef struct tune_setup {
    tune_options       tune;
    pr_machine_options machine;
} tune_setup;

static const pr_option tune_option_list[] = {
    { "data", "directory", "a dataset: tune for the bytes of its feature rows", "", PR_OPT_TEXT,
      offsetof(tune_options, data), 0, 0, NULL },
    { "row-bytes", "bytes", "tune for rows of so many bytes, a multiple of 4; 0: --data, else 512",
      "0", PR_OPT_U32, offsetof(tune_options, row_bytes), 0, 1 << 20, NULL },
    { "quick", "", "smaller tables and fewer repeats: about 1 s rather than 10 s", "false",
      PR_OPT_FLAG, offsetof(tune_options, quick), 0, 1, NULL },
};

static const pr_option_table tune_option_table = {
    "Tuning", tune_option_list, sizeof tune_option_list / sizeof *tune_option_list
};

/* Words of pr_tuning.isa. */
static const char *const isa_word[] = { "portable", "avx2", "avx512" };

static size_t groups(void *setup, pr_option_group *out)
{
    tune_setup *s = setup;

    out[0] = (pr_option_group){ &tune_option_table, &s->tune };
    out[1] = (pr_option_group){ &pr_machine_option_table, &s->machine };
    return 2;
}

/* Find out how long the rows of a dataset are. */
static pr_status row_bytes_of(const char *path, size_t *row_bytes)
{
    pr_dataset_options options = { .feature_norm = PR_NORM_NONE };
    const pr_dataset  *data    = NULL;

    snprintf(options.data, sizeof options.data, "%s", path);
    const pr_status st = pr_dataset_open(&options, &data);
    if (st == PR_OK) *row_bytes = (size_t)data->features.num_cols * sizeof(float);
    pr_dataset_close(data);
    return st;
}

/* Find out how many threads a lane would have: that is what tunings are kept under. */
static pr_status threads_of(const pr_machine_options *machine, uint32_t *threads)
{
    pr_topo *topo = NULL;
    pr_plan  plan;

    pr_status st = pr_topo_discover(&topo);
    if (st == PR_OK)
        st = pr_topo_plan(topo, &(pr_plan_options){ machine->threads, 0, machine->numa }, &plan);
    if (st == PR_OK) *threads = plan.lane[0].num_threads;
    pr_topo_free(topo);
    return st;
}

/* What was found, and where it went. */
typedef struct outcome {
    size_t    row_bytes;
    uint32_t  threads;
    pr_tuning tuning;
    pr_json  *report;
    bool      kept;
    char      file[PR_TEXT_BYTES];
    int64_t   elapsed_ns;
} outcome;

static pr_status measure(const tune_setup *setup, outcome *o)
{
    const char *tuning = setup->machine.tuning;
    pr_status   st     = PR_OK;

    o->row_bytes = setup->tune.row_bytes ? setup->tune.row_bytes : DEFAULT_ROW_BYTES;
    if (setup->tune.data[0]) st = row_bytes_of(setup->tune.data, &o->row_bytes);
    if (st == PR_OK) st = threads_of(&setup->machine, &o->threads);
    o->kept = tuning[0] && strcmp(tuning, "none") != 0;
    if (st == PR_OK && o->kept) {
        if (!strcmp(tuning, "auto"))
            st = pr_tuning_path(o->file);
        else
            snprintf(o->file, sizeof o->file, "%s", tuning);
        if (st == PR_OK) st = pr_tuning_save(tuning, o->row_bytes, o->threads, NULL);
    }
    if (st != PR_OK) return st;
    const int64_t start = pr_now_ns();
    st = pr_tuning_measure(o->row_bytes, o->threads, setup->tune.quick, &o->tuning, &o->report);
    o->elapsed_ns = pr_now_ns() - start;
    if (st == PR_OK && o->kept) st = pr_tuning_save(tuning, o->row_bytes, o->threads, &o->tuning);
    return st;
}

static void print_summary(const outcome *o)
{
    printf("rows of %zu bytes, %u thread%s, measured in %.1f s\n", o->row_bytes, o->threads,
           o->threads == 1 ? "" : "s", (double)o->elapsed_ns / 1e9);
    pr_tuning_print(&o->tuning, o->report, stdout);
    if (o->kept)
        printf("kept in %s, where train, eval and infer look for it\n", o->file);
    else
        printf("kept nowhere (--tuning none)\n");
}

/* A number of bytes, or null for never. */
static void results_bytes(results *r, const char *name, uint64_t bytes)
{
    if (bytes <= INT64_MAX)
        results_count(r, name, bytes);
    else if (r->st == PR_OK)
        r->st = pr_json_set_null(r->json, name);
}

static int print_json(const command_call *call, outcome *o)
{
    results          r = results_begin(call);
    const pr_tuning *t = &o->tuning;

    results_text(&r, "file", o->kept ? o->file : NULL);
    results_count(&r, "row_bytes", o->row_bytes);
    results_count(&r, "threads", o->threads);
    results_real(&r, "seconds", (double)o->elapsed_ns / 1e9);
    results_text(&r, "isa", isa_word[t->isa]);
    results_count(&r, "prefetch_to", (uint64_t)t->prefetch_to);
    results_count(&r, "row_ahead", t->row_ahead);
    results_count(&r, "index_ahead", t->index_ahead);
    results_bytes(&r, "thread_bytes", t->thread_bytes);
    results_bytes(&r, "stream_bytes", t->stream_bytes);
    results_real(&r, "repack_share", t->repack_share);
    if (r.st == PR_OK) {
        r.st      = pr_json_set(r.json, "figures", o->report);
        o->report = NULL;
    }
    return results_end(&r, call, EXIT_DONE);
}

static int run(command_call *call)
{
    const tune_setup *setup  = call->setup;
    outcome           o      = { 0 };
    int               status = EXIT_DONE;

    if (setup->tune.data[0] && setup->tune.row_bytes)
        return command_misuse(call, "--data and --row-bytes both say how long the rows are");
    if (setup->tune.row_bytes % 4)
        return command_misuse(call, "--row-bytes is %u, must be a multiple of 4",
                              setup->tune.row_bytes);
    const pr_status st = measure(setup, &o);
    if (st != PR_OK)
        status = command_fail(call, st);
    else if (call->common.json)
        status = print_json(call, &o);
    else
        print_summary(&o);
    pr_json_free(o.report);
    return status;
}

const command command_tune = {
    .name        = "tune",
    .summary     = "measure how this host copies rows best, and keep it",
    .usage       = "[--row-bytes N | --data DIR] [options]",
    .about       = "Measures on this host, for rows of that many bytes and the threads of a lane: "
                   "instruction sets and kinds of copies, how far ahead to prefetch rows and the "
                   "index, from which size on threads pay, and from which share of changed rows on "
                   "a packed slab is better written anew. The result is kept under the host, its "
                   "processor, row bytes and threads, in the file that train, eval and infer look "
                   "at (--tuning). Only speed depends on it. Best done on a quiet machine.",
    .setup_bytes = sizeof(tune_setup),
    .groups      = groups,
    .run         = run,
};
