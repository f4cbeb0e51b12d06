/* cmd_weights.c: packrat weights. */
#include <stdio.h>

#include <packrat/pipeline.h>

#include "cli/command.h"
#include "cli/results.h"

static size_t groups(void *setup, pr_option_group *out)
{
    pr_weights_setup *s = setup;

    out[0] = (pr_option_group){ &pr_weights_option_table, &s->weights };
    out[1] = (pr_option_group){ &pr_model_option_table, &s->model };
    out[2] = (pr_option_group){ &pr_dataset_option_table, &s->dataset };
    return 3;
}

static int print_json(command_call *call, const pr_weights_result *r)
{
    const pr_weights_setup *setup = call->setup;
    results                 out   = results_begin(call);

    results_text(&out, "checkpoint", setup->weights.checkpoint);
    results_text(&out, "out", setup->weights.out[0] ? setup->weights.out : NULL);
    results_text(&out, "model", pr_model_kind_name(r->kind));
    results_count(&out, "num_layers", r->num_layers);
    results_count(&out, "num_parameters", r->num_parameters);
    return results_end(&out, call, EXIT_DONE);
}

static int run(command_call *call)
{
    const pr_weights_setup *setup  = call->setup;
    pr_weights_result       result = { 0 };
    const pr_status         st     = pr_weights(setup, &result);

    if (st != PR_OK) return command_fail(call, st);
    if (call->common.json) return print_json(call, &result);
    printf("%s: %s, %u layer%s, %llu parameters\n",
           setup->weights.out[0] ? setup->weights.out : setup->weights.checkpoint,
           pr_model_kind_name(result.kind), result.num_layers, result.num_layers == 1 ? "" : "s",
           (unsigned long long)result.num_parameters);
    return EXIT_DONE;
}

const command command_weights = {
    .name    = "weights",
    .summary = "write a checkpoint's weights for PyTorch, or make one of PyTorch's",
    .usage   = "--checkpoint FILE --out FILE.npz, or\n"
               "       packrat weights --from FILE.npz --checkpoint FILE --data DIR [options], or\n"
               "       packrat weights --from FILE.npz --checkpoint FILE --like FILE",
    .about   = "Weights leave and come as a .npz that numpy reads and writes, under the names and "
               "with the shapes that PyTorch Geometric's layers have in a state_dict "
               "(docs/file-format.md). With --from a checkpoint is made of them that eval and infer "
               "take; what the model is, --like or the options of the model and --data tell. It has "
               "no state of an optimiser. Files appear whole or not at all.",
    .setup_bytes = sizeof(pr_weights_setup),
    .groups      = groups,
    .required    = { "checkpoint" },
    .run         = run,
};
