/* link_eval.c: what a checkpoint of link prediction says about its run, and `packrat eval` of it.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "pipeline/exact_memory.h"
#include "pipeline/link_run.h"
#include "pipeline/runlog.h"

static const char *const part_name[] = { "train", "val", "test" }; /* pr_eval_options.which too */

static pr_status read_options(const pr_checkpoint_info *info, pr_json **out)
{
    return pri_json_parse(info->options, strlen(info->options), "the checkpoint's options", out);
}

bool pri_link_trained(const pr_checkpoint_info *info)
{
    return info->outputs == PR_OUTPUTS_EMBEDDING;
}

/* Set one option from the JSON, where it is there. */
static pr_status set_option(const pr_json *json, const pr_option_group *group,
                            const pr_option *option)
{
    const pr_json *value = pri_json_find(json, option->name);
    const char    *text  = value ? pri_json_as_string(value) : NULL;
    char           number[40];
    double         real;

    if (!value) return PR_OK;
    if (!text && pri_json_as_real(value, &real)) {
        snprintf(number, sizeof number, "%.17g", real);
        text = number;
    }
    return text ? pr_options_set(group, 1, option->name, text) : PR_OK;
}

pr_status pri_link_stored(const pr_checkpoint_info *info, pr_link_options *out)
{
    pr_status             st    = PR_OK;
    pr_json              *json  = NULL;
    const pr_option_group group = { &pr_link_option_table, out };

    pr_options_init(&group, 1);
    if (info->options[0]) PR_TRY(read_options(info, &json)); /* else they were too long to keep */
    if (!pri_json_find(json, "link.val-share"))
        pr_diag(PR_WARN, "the checkpoint does not say which edges were held out from its training; "
                         "unless the dataset lists them, they are dealt by default shares");
    for (size_t i = 0; json && i < group.table->num_options; i++)
        PR_TRY(set_option(json, &group, &group.table->options[i]));
done:
    if (st != PR_OK) pri_error_prefix("the checkpoint's options of link prediction: ");
    pr_json_free(json);
    return st;
}

/* Score one part with an open log. */
static pr_status score(pri_session *session, pri_link *link, pri_link_part part,
                       const pr_hooks *hooks, pr_steplog *log, pri_link_metrics *out)
{
    pr_status        st      = PR_OK;
    const size_t     n       = link->edges.part[part].n;
    const uint64_t   answers = link->rows_bytes + pri_link_score_bytes(n);
    pri_exact_limits limits;

    PR_CHECK(n > 0, PR_E_INPUT, "%s: there are no edges to score in part %s",
             session->dataset->path, part_name[part]);
    PR_TRY(pri_exact_memory_limits(session, NULL, NULL, answers, 0, &limits));
    const pri_exact_input input = { .phase  = PR_PHASE_EVAL,
                                    .model  = session->model,
                                    .stop   = hooks ? hooks->stop : NULL,
                                    .limits = &limits,
                                    .hooks  = hooks };
    PR_TRY(pri_link_evaluate(link, &session->lane, 1, input, &part, 1, out, log));
done:
    return st;
}

pr_status pri_link_eval(pri_session *session, const pr_eval_setup *setup, const pr_hooks *hooks,
                        pr_steplog **log, pr_eval_result *result)
{
    pr_status             st   = PR_OK;
    pri_link             *link = NULL;
    const int             part = setup->eval.which;
    const pr_option_group own  = { &pr_eval_option_table, (void *)(uintptr_t)&setup->eval };
    pr_link_options       options;
    pr_model_shape        shape;
    pri_link_metrics      m;

    const int64_t start = pr_now_ns();
    PR_CHECK(part <= PRI_LINK_TEST, PR_E_ARG,
             "--split all: %s was trained on edges; must be train, val or test",
             setup->eval.checkpoint);
    PR_TRY(pri_link_stored(&session->info, &options));
    options.negative_sampler = PR_NEGATIVE_UNIFORM; /* only training draws others */
    pr_model_describe(session->model, &shape);
    PR_TRY(pri_link_open(session->dataset, &options, session->info.seed,
                         shape.width[shape.num_layers], PR_SPLIT_MAIN, &link));
    PR_TRY(pri_session_log(session, "eval", setup->eval.log, own, log));
    if (*log) result->run = pr_steplog_run(*log);
    PR_TRY(score(session, link, (pri_link_part)part, hooks, *log, &m));
    result->num_edges    = m.num_edges;
    result->loss         = m.loss;
    result->mrr          = m.mrr;
    result->hits_at_10   = m.hits_at_10;
    result->auc          = m.auc;
    const pr_epoch epoch = { .split      = part_name[part],
                             .loss       = m.loss,
                             .accuracy   = (double)NAN,
                             .micro_f1   = (double)NAN,
                             .elapsed_ns = pr_now_ns() - start,
                             .mrr        = m.mrr,
                             .auc        = m.auc };
    if (*log) pr_steplog_epoch(*log, &epoch);
done:
    pri_link_free(link);
    return st;
}
