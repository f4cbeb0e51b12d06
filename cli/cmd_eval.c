/* cmd_eval.c: packrat eval. */
#include <stdio.h>

#include <packrat/pipeline.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/results.h"

/* Words of pr_eval_options.which. */
static const char *const split_word[] = { "train", "val", "test", "all" };

static size_t groups(void *setup, pr_option_group *out)
{
    pr_eval_setup *s = setup;

    out[0] = (pr_option_group){ &pr_dataset_option_table, &s->dataset };
    out[1] = (pr_option_group){ &pr_eval_option_table, &s->eval };
    out[2] = (pr_option_group){ &pr_machine_option_table, &s->machine };
    return 3;
}

static void print_summary(const pr_eval_setup *setup, const pr_eval_result *r)
{
    const uint64_t scored = r->num_edges ? r->num_edges : r->num_nodes;

    printf("%s: %llu %s of %s\n", setup->eval.checkpoint, (unsigned long long)scored,
           r->num_edges ? "edges" : "nodes", setup->dataset.data);
    printf("split     %s\n", split_word[setup->eval.which]);
    printf("loss      %.4f\n", r->loss);
    if (r->num_edges) {
        printf("MRR       %.4f\n", r->mrr);
        printf("hits@10   %.2f %%\n", 100 * r->hits_at_10);
        printf("AUC       %.4f\n", r->auc);
        return;
    }
    printf("accuracy  %.2f %%%s\n", 100 * r->accuracy,
           r->multi_label ? ": nodes of which all labels are right" : "");
    printf("micro-F1  %.2f %%\n", 100 * r->micro_f1);
}

static int print_json(command_call *call, const pr_eval_result *r, int exit_status)
{
    const pr_eval_setup *setup = call->setup;
    results              out   = results_begin(call);

    results_run(&out, r->run, setup->eval.log);
    results_text(&out, "split", split_word[setup->eval.which]);
    results_count(&out, "num_nodes", r->num_nodes);
    results_real(&out, "loss", r->loss);
    if (r->num_edges) {
        results_count(&out, "num_edges", r->num_edges);
        results_real(&out, "mrr", r->mrr);
        results_real(&out, "hits_at_10", r->hits_at_10);
        results_real(&out, "auc", r->auc);
    }
    results_real(&out, "accuracy", r->accuracy);
    results_real(&out, "micro_f1", r->micro_f1);
    results_count(&out, "rows_lost", r->rows_lost);
    results_count(&out, "elapsed_ns", (uint64_t)r->elapsed_ns);
    return results_end(&out, call, exit_status);
}

static int run(command_call *call)
{
    const pr_eval_setup *setup  = call->setup;
    pr_eval_result       result = { 0 };
    progress             shown;

    progress_begin(&shown, call->command->name, call->common.quiet);
    const pr_hooks  hooks = progress_hooks(&shown);
    const pr_status st    = pr_evaluate(setup, &hooks, &result);
    progress_end(&shown);

    const bool filled = st == PR_OK || result.rows_lost > 0;
    if (filled && !call->common.json) print_summary(setup, &result);
    const int status = st == PR_OK ? EXIT_DONE : command_fail(call, st);
    return filled && call->common.json ? print_json(call, &result, status) : status;
}

const command command_eval = {
    .name        = "eval",
    .summary     = "measure a checkpoint on one part of a split, exactly",
    .usage       = "--data DIR --checkpoint FILE [options]",
    .about       = "Runs the model layer by layer over all nodes with every neighbour, so the "
                   "figures have no sampling noise, and prints loss, accuracy and micro-F1.",
    .setup_bytes = sizeof(pr_eval_setup),
    .groups      = groups,
    .required    = { "data", "checkpoint" },
    .interrupted = "there is no result",
    .run         = run,
};
