/* cmd_explain.c: packrat explain. */
#include <math.h>
#include <stdio.h>

#include <packrat/pipeline.h>

#include "cli/command.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    pr_train_groups(setup, out);
    return PR_TRAIN_GROUPS;
}

/* What each part is, for people. */
static const char *const part_words[PR_NUM_MEMORY_ITEMS] = {
    [PR_MEMORY_BASE]       = "the program, its libraries and threads",
    [PR_MEMORY_GRAPH]      = "arcs, labels, splits",
    [PR_MEMORY_ROWS]       = "feature rows that are in memory",
    [PR_MEMORY_SLAB]       = "slots of the cache, or of one batch",
    [PR_MEMORY_INDEX]      = "which row is in which slot, and when it is wanted",
    [PR_MEMORY_STAGING]    = "rows on their way from the file",
    [PR_MEMORY_SAMPLER]    = "tables and scratch of drawing",
    [PR_MEMORY_BATCHES]    = "batches drawn ahead",
    [PR_MEMORY_TAPE]       = "activations and gradients",
    [PR_MEMORY_MODEL]      = "weights, optimiser, the best model so far",
    [PR_MEMORY_EVALUATION] = "exact evaluation",
    [PR_MEMORY_OTHER]      = "seeds, log, margin",
};

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void print_memory(const pr_forecast *f)
{
    printf("memory\n");
    for (int i = 0; i < PR_NUM_MEMORY_ITEMS; i++)
        if (f->bytes[i])
            printf("  %-11s %10.1f MiB  %s\n", pr_memory_item_name((pr_memory_item)i),
                   mib(f->bytes[i]), part_words[i]);
    printf("  %-11s %10.1f MiB", "total", mib(f->total_bytes));
    if (f->limit_bytes)
        printf("  of %.1f: it %s", mib(f->limit_bytes), f->fits ? "fits" : "does not fit");
    printf("\n  %-11s %10.0f MiB  the smallest --memory that works\n", "least",
           mib(f->least_bytes));
    if (f->spills)
        printf("  %-11s %10.1f MiB  layer outputs that exact evaluation writes to a file\n",
               "spill", mib(f->spill_bytes));
}

/* Print a time in the unit that suits; "not known" where it is not. */
static void print_ns(const char *what, double ns, const char *words)
{
    if (!isfinite(ns))
        printf("  %-11s  not known      %s\n", what, words);
    else
        printf("  %-11s %10.3f ms   %s\n", what, ns * 1e-6, words);
}

static void print_step(const pr_forecast *f)
{
    const double share = f->inputs > 0 ? 100 * f->rows_moved / f->inputs : 0;

    printf("rows\n  store       %s\n", f->store);
    printf("  cache       room for %llu of %llu rows", (unsigned long long)f->capacity_rows,
           (unsigned long long)f->num_rows);
    if (f->lookahead) printf("; %u batches ahead", f->lookahead);
    printf("\n  a step      %.0f rows wanted, %.0f moved (%.1f %%): %.2f MiB\n", f->inputs,
           f->rows_moved, share, f->bytes_moved / (1 << 20));
    if (f->reads_disk > 0)
        printf("  the file    %.0f reads a step, %.2f MiB\n", f->reads_disk,
               f->bytes_disk / (1 << 20));
    printf("step, of %u thread%s in %u lane%s\n", f->threads, f->threads == 1 ? "" : "s", f->lanes,
           f->lanes == 1 ? "" : "s");
    print_ns("sampling", f->sample_ns, "as it was just now");
    print_ns("compute", f->compute_ns, "estimated: docs/memory.md");
    if (f->reads_disk > 0)
        print_ns("disk", f->disk_ns, "at the rate the file was read at just now");
    print_ns("step", f->step_ns, "as they overlap");
    printf("  it waits for %s; %u batches were drawn to find out\n", f->limit, f->batches_drawn);
}

static void set_memory(results *out, const pr_forecast *f)
{
    pr_json *bytes = pr_json_object();

    for (int i = 0; i < PR_NUM_MEMORY_ITEMS && out->st == PR_OK; i++)
        out->st = bytes ? pr_json_set_int(bytes, pr_memory_item_name((pr_memory_item)i),
                                          (int64_t)f->bytes[i])
                        : PR_E_NOMEM;
    if (out->st == PR_OK)
        out->st = pr_json_set(out->json, "bytes", bytes);
    else
        pr_json_free(bytes);
    results_known(out, "limit_bytes", f->limit_bytes ? (int64_t)f->limit_bytes : PR_NULL_INT);
    results_count(out, "total_bytes", f->total_bytes);
    results_count(out, "least_bytes", f->least_bytes);
    if (out->st == PR_OK) out->st = pr_json_set_bool(out->json, "fits", f->fits);
    results_count(out, "spill_bytes", f->spill_bytes);
}

static int print_json(command_call *call, const pr_forecast *f, int exit_status)
{
    results out = results_begin(call);

    set_memory(&out, f);
    results_text(&out, "store", f->store);
    results_count(&out, "capacity_rows", f->capacity_rows);
    results_count(&out, "num_rows", f->num_rows);
    results_count(&out, "threads", f->threads);
    results_count(&out, "lanes", f->lanes);
    results_count(&out, "lookahead", f->lookahead);
    results_count(&out, "batches_drawn", f->batches_drawn);
    results_real(&out, "inputs_per_step", f->inputs);
    results_real(&out, "rows_moved_per_step", f->rows_moved);
    results_real(&out, "bytes_moved_per_step", f->bytes_moved);
    results_real(&out, "reads_disk_per_step", f->reads_disk);
    results_real(&out, "bytes_disk_per_step", f->bytes_disk);
    results_real(&out, "sample_ns", f->sample_ns);
    results_real(&out, "compute_ns", f->compute_ns);
    results_real(&out, "disk_ns", f->disk_ns);
    results_real(&out, "step_ns", f->step_ns);
    results_text(&out, "limit", f->limit);
    results_text(&out, "why", f->why);
    results_count(&out, "exit_status", (uint64_t)exit_status);
    return results_end(&out, call, exit_status);
}

static int run(command_call *call)
{
    pr_forecast forecast;

    const pr_status st = pr_explain(call->setup, NULL, &forecast);
    if (st != PR_OK) return command_fail(call, st);
    const int status = forecast.fits ? EXIT_DONE : EXIT_WORLD;
    if (call->common.json) return print_json(call, &forecast, status);
    print_memory(&forecast);
    print_step(&forecast);
    if (forecast.why[0]) printf("%s\n", forecast.why);
    return status;
}

const command command_explain = {
    .name        = "explain",
    .summary     = "say what a training run would take and do, without training",
    .usage       = "--data DIR [options]",
    .about       = "Opens the dataset, draws batches as training would and takes them through a "
                   "cache over rows that are not read. Prints the memory of every part, the "
                   "smallest --memory that works, where rows come from and why, and what a step "
                   "moves, reads and waits for. Takes all options of packrat train; writes no file. "
                   "The exit status is 1 when the plan does not fit --memory.",
    .setup_bytes = sizeof(pr_train_setup),
    .groups      = groups,
    .required    = { "data" },
    .run         = run,
};
