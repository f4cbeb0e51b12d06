/* cmd_train.c: packrat train. */
#include <math.h>
#include <stdio.h>

#include <packrat/pipeline.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    pr_train_groups(setup, out);
    return PR_TRAIN_GROUPS;
}

/* Print what the best model came to, in the score that chose it. */
static void print_accuracy(const pr_train_result *r)
{
    const char *const name = r->multi_label ? "micro-F1" : "accuracy";

    if (!isfinite(r->best_val_micro_f1)) {
        if (isfinite(r->test_micro_f1))
            printf("%s    test %.2f %% after the last epoch; no nodes to validate on\n", name,
                   100 * r->test_micro_f1);
        else
            printf("%s    not evaluated\n", name);
        return;
    }
    printf("%s    validation %.2f %% at best (epoch %u of %u)", name, 100 * r->best_val_micro_f1,
           r->best_epoch + 1, r->epochs);
    if (isfinite(r->test_micro_f1)) printf(", test %.2f %% there", 100 * r->test_micro_f1);
    printf("\n");
    if (!r->multi_label) return;
    printf("all right   validation %.2f %% of the nodes", 100 * r->best_val_accuracy);
    if (isfinite(r->test_accuracy)) printf(", test %.2f %%", 100 * r->test_accuracy);
    printf("\n");
}

/* Print what link prediction came to. */
static void print_links(const pr_train_result *r)
{
    if (isfinite(r->val_mrr))
        printf("links       validation MRR %.4f at best (epoch %u of %u)", r->val_mrr,
               r->best_epoch + 1, r->epochs);
    else
        printf("links       %s",
               isfinite(r->test_mrr) ? "no edges to validate on" : "not evaluated");
    if (isfinite(r->test_mrr))
        printf("; test MRR %.4f, hits@10 %.2f %%, AUC %.4f", r->test_mrr, 100 * r->test_hits_at_10,
               r->test_auc);
    printf("\n");
}

static void print_cache(const pr_train_result *r)
{
    if (r->cache_mode == PR_CACHE_OFF) {
        printf("cache       off; %.0f rows a step were read in place\n", r->rows_wanted_per_step);
        return;
    }
    printf("cache       %.1f %% hits; of %.0f rows wanted a step %.0f were moved; room for %llu",
           100 * r->hit_rate, r->rows_wanted_per_step, r->rows_moved_per_step,
           (unsigned long long)r->capacity_rows);
    if (r->cache_mode == PR_CACHE_RESIDENT) printf("; %s", r->policy);
    if (r->lookahead) printf(", %u batches ahead", r->lookahead);
    printf("\n");
}

/* Print what the rows of a file cost. */
static void print_disk(const pr_train_result *r)
{
    const double steps = (double)r->steps, reads = (double)r->reads_disk;

    printf("disk        %.0f reads a step of %.1f KiB, %.1f MB in all", reads / steps,
           (double)r->bytes_disk / reads / 1024, (double)r->bytes_disk * 1e-6);
    if (r->reads_again) printf("; %llu asked for again", (unsigned long long)r->reads_again);
    printf("\n");
}

/* Print what was used of the memory that was planned, and of the limit if there is one. */
static void print_memory(const pr_train_setup *setup, const pr_train_result *r)
{
    const double limit = (double)setup->machine.memory / 0x1p20;

    printf("memory      %.0f MiB were used, %.0f planned", (double)r->peak_rss_bytes / 0x1p20,
           (double)r->memory_bytes / 0x1p20);
    if (limit > 0) printf(", %.0f allowed", limit);
    putchar('\n');
}

/* Print how lanes shared the work and whether their memory is where it was meant to be. */
static void print_lanes(const pr_train_result *r)
{
    printf("lanes       %u", r->lanes);
    if (r->bytes_local != PR_NULL_INT && r->bytes_moved)
        printf("; %.1f %% of the bytes moved were local",
               100 * (double)r->bytes_local / (double)r->bytes_moved);
    if (isfinite(r->inputs_repeated_per_step))
        printf("; %.0f inputs a step in more than one", r->inputs_repeated_per_step);
    printf("\n");
    if (r->pages_checked == 0)
        printf("memory      not verified: the kernel does not say where pages are\n");
    else if (r->pages_elsewhere)
        printf("memory      %llu of %llu pages are not on their node; packrat report says which\n",
               (unsigned long long)r->pages_elsewhere, (unsigned long long)r->pages_present);
    else
        printf("memory      on its node, by the kernel: all %llu pages that were looked at\n",
               (unsigned long long)r->pages_present);
}

/* Print what the steps came to; a run that was interrupted before its first one has no figures. */
static void print_figures(const pr_train_setup *setup, const pr_train_result *r)
{
    printf("epochs      %u, %llu steps in %.1f s", r->epochs, (unsigned long long)r->steps,
           (double)r->elapsed_ns * 1e-9);
    if (r->first_step) printf(", resumed at step %llu", (unsigned long long)r->first_step);
    printf("\n");
    if (setup->train.task == PR_TASK_LINK)
        print_links(r);
    else
        print_accuracy(r);
    if (isfinite(r->train_loss))
        printf("loss        %.4f, mean of the last epoch\n", r->train_loss);
    if (r->steps > r->first_step) { /* else this process did none: the run was done */
        printf("step        %.3f ms in the median, %u thread%s%s\n",
               (double)r->step_ns_median * 1e-6, r->threads, r->threads == 1 ? "" : "s",
               r->pipelined ? ", pipelined" : "");
        print_cache(r);
    }
    if (r->reads_disk) print_disk(r);
    if (r->memory_bytes && r->peak_rss_bytes) print_memory(setup, r);
    if (r->lanes > 1) print_lanes(r);
}

static void print_summary(const pr_train_setup *setup, const pr_train_result *r)
{
    if (r->steps) print_figures(setup, r);
    if (r->checkpoint_saved) printf("checkpoint  %s\n", setup->train.checkpoint);
    if (log_is_kept(setup->train.log) && r->run)
        printf("log         run %lld in %s; to read it: packrat report %s --run %lld\n",
               (long long)r->run, setup->train.log, setup->train.log, (long long)r->run);
}

static int print_json(command_call *call, const pr_train_result *r, int exit_status)
{
    const pr_train_setup *setup = call->setup;
    const char           *saved = r->checkpoint_saved ? setup->train.checkpoint : NULL;
    results               out   = results_begin(call);
    char                  hash[24];

    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)r->batch_hash);
    results_run(&out, r->run, setup->train.log);
    results_text(&out, "checkpoint", saved);
    results_count(&out, "epochs", r->epochs);
    results_count(&out, "steps", r->steps);
    results_count(&out, "first_step", r->first_step);
    results_real(&out, "train_loss", r->train_loss);
    results_real(&out, "best_val_accuracy", r->best_val_accuracy);
    results_real(&out, "test_accuracy", r->test_accuracy);
    results_real(&out, "best_val_micro_f1", r->best_val_micro_f1);
    results_real(&out, "test_micro_f1", r->test_micro_f1);
    if (isfinite(r->best_val_accuracy) || isfinite(r->val_mrr))
        results_count(&out, "best_epoch", r->best_epoch);
    if (setup->train.task == PR_TASK_LINK) {
        results_real(&out, "val_mrr", r->val_mrr);
        results_real(&out, "test_mrr", r->test_mrr);
        results_real(&out, "test_hits_at_10", r->test_hits_at_10);
        results_real(&out, "test_auc", r->test_auc);
    }
    results_count(&out, "step_ns_median", (uint64_t)r->step_ns_median);
    results_real(&out, "rows_moved_per_step", r->rows_moved_per_step);
    results_real(&out, "rows_wanted_per_step", r->rows_wanted_per_step);
    results_real(&out, "hit_rate", r->hit_rate);
    results_count(&out, "capacity_rows", r->capacity_rows);
    results_text(&out, "policy", r->policy);
    results_count(&out, "lookahead", r->lookahead);
    results_text(&out, "batch_hash", hash);
    results_count(&out, "bytes_moved", r->bytes_moved);
    results_known(&out, "bytes_local", r->bytes_local);
    results_known(&out, "bytes_remote", r->bytes_remote);
    results_count(&out, "bytes_disk", r->bytes_disk);
    results_count(&out, "reads_disk", r->reads_disk);
    results_count(&out, "reads_again", r->reads_again);
    results_real(&out, "inputs_repeated_per_step", r->inputs_repeated_per_step);
    results_count(&out, "pages_checked", r->pages_checked);
    results_count(&out, "pages_present", r->pages_present);
    results_count(&out, "pages_elsewhere", r->pages_elsewhere);
    results_count(&out, "rows_lost", r->rows_lost);
    results_count(&out, "heap_calls", r->heap_calls);
    results_count(&out, "threads", r->threads);
    results_count(&out, "lanes", r->lanes);
    results_count(&out, "pipelined", r->pipelined);
    results_count(&out, "peak_rss_bytes", r->peak_rss_bytes);
    results_known(&out, "memory_bytes", r->memory_bytes ? (int64_t)r->memory_bytes : PR_NULL_INT);
    results_count(&out, "elapsed_ns", (uint64_t)r->elapsed_ns);
    results_count(&out, "exit_status", (uint64_t)exit_status);
    return results_end(&out, call, exit_status);
}

static int run(command_call *call)
{
    const pr_train_setup *setup  = call->setup;
    pr_train_result       result = { 0 };
    progress              shown;

    progress_begin(&shown, call->command->name, call->common.quiet);
    const pr_hooks  hooks = progress_hooks(&shown);
    const pr_status st    = pr_train(setup, &hooks, &result);
    progress_end(&shown);

    /* An interrupted run and one whose log or trace lost rows have results all the same. */
    const bool filled =
        st == PR_OK || st == PR_E_INTERRUPTED || result.rows_lost > 0 || result.trace_lost;
    if (filled && !call->common.json) print_summary(setup, &result);
    const int status = st == PR_OK ? EXIT_DONE : command_fail(call, st);
    if (st == PR_E_INTERRUPTED && result.rows_lost)
        pr_diag(PR_WARN, "%s: %llu rows of the log could not be written", setup->train.log,
                (unsigned long long)result.rows_lost);
    return filled && call->common.json ? print_json(call, &result, status) : status;
}

const command command_train = {
    .name        = "train",
    .summary     = "train a model on a dataset through the feature cache",
    .usage       = "--data DIR [options]",
    .about       = "Trains on mini-batches of sampled neighbourhoods. The feature rows of a batch "
                   "are read in place from a packed cache that every step changes as little as it "
                   "can. Each step becomes a row of the log, an SQLite database; packrat report "
                   "prints it. SIGINT and SIGTERM finish the step and write log and checkpoint; the same "
                   "command with --resume goes on from there, with the same batches, rates and "
                   "dropout, and with equal weights to the bit where threads, lanes and instruction "
                   "set are the same.",
    .setup_bytes = sizeof(pr_train_setup),
    .groups      = groups,
    .required    = { "data" },
    .interrupted = "finished steps are in the log and the model in the checkpoint, where asked for",
    .run         = run,
};
