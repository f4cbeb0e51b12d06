/* session.c: checkpoint, dataset and machine put together. */
#include "pipeline/session.h"

#include "pipeline/link_run.h"
#include "pipeline/runlog.h"

/* Print both fingerprints where they differ, else nothing. A graph that has grown since is another
 * one, and the model may be used on it all the same, if it fits. */
static void print_fingerprints(const pr_checkpoint_info *info, const pr_dataset *dataset, char *out,
                               size_t bytes)
{
    const unsigned long long trained = info->dataset_fingerprint, here = dataset->fingerprint;

    out[0] = '\0';
    if (trained == here) return;
    snprintf(out, bytes, " (trained on %s, fingerprint %016llx; %.200s has %016llx)",
             info->dataset_name, trained, dataset->name, here);
}

pr_status pri_session_dataset(const pr_dataset_options *dataset, const char *checkpoint,
                              const pr_checkpoint_info *info, const pr_dataset **out)
{
    pr_status          st      = PR_OK;
    pr_dataset_options options = *dataset;
    const int          trained = info->feature_norm;

    *out = NULL;
    PR_CHECK(dataset->data[0], PR_E_ARG, "--data is missing: a dataset directory");
    if (options.feature_norm == PR_NORM_AUTO) options.feature_norm = trained;
    if (options.feature_norm != trained)
        pr_diag(PR_WARN, "%s was trained with another --feature-norm than asked for", checkpoint);
    PR_TRY(pr_dataset_open(&options, out));
done:
    return st;
}

pr_status pri_session_fits(const char *checkpoint, const pr_model *model,
                           const pr_checkpoint_info *info, const pr_dataset *dataset)
{
    pr_status      st    = PR_OK;
    const bool     links = pri_link_trained(info);
    pr_model_shape shape;
    char           prints[640];

    print_fingerprints(info, dataset, prints, sizeof prints);
    pr_model_describe(model, &shape);
    PR_CHECK(shape.width[0] == dataset->features.num_cols, PR_E_MISMATCH,
             "%s wants %u features, %s has %u%s", checkpoint, shape.width[0], dataset->path,
             dataset->features.num_cols, prints);
    const uint32_t classes = shape.width[shape.num_layers];
    PR_CHECK(links || !dataset->num_classes || classes == dataset->num_classes, PR_E_MISMATCH,
             "%s knows %u classes, %s has %u%s", checkpoint, classes, dataset->path,
             dataset->num_classes, prints);
    const bool labels = info->outputs == PR_OUTPUTS_LABELS;
    PR_CHECK(links || !dataset->num_classes || labels == (dataset->targets != NULL), PR_E_MISMATCH,
             "%s was trained for %s, nodes of %s have %s%s", checkpoint,
             labels ? "any number of labels a node" : "one class a node", dataset->path,
             labels ? "one class each" : "any number of labels", prints);
    if (prints[0])
        pr_diag(PR_WARN, "%s was trained on another graph than %s%s", checkpoint, dataset->path,
                prints);
done:
    return st;
}

pr_status pri_session_open(pri_session *session, const pr_dataset_options *dataset,
                           const pr_machine_options *machine, const char *checkpoint)
{
    pr_status st = PR_OK;

    *session = (pri_session){ .dataset_options = dataset, .machine_options = machine };
    PR_TRY(pr_options_check(&pr_machine_option_table, machine));
    PR_CHECK(checkpoint[0], PR_E_ARG, "--checkpoint is missing: the file that training wrote");
    PR_CHECK(dataset->data[0], PR_E_ARG, "--data is missing: a dataset directory");
    PR_TRY(pr_checkpoint_load(checkpoint, &session->model, &session->info));
    session->is_link = pri_link_trained(&session->info);
    PR_TRY(pri_session_dataset(dataset, checkpoint, &session->info, &session->dataset));
    PR_TRY(pri_session_fits(checkpoint, session->model, &session->info, session->dataset));
    PR_TRY(pr_topo_discover(&session->topo));
    PR_TRY(pr_topo_plan(session->topo, &(pr_plan_options){ machine->threads, 0, PR_NUMA_OFF },
                        &session->plan));
    PR_TRY(pri_tuned_load(machine, &session->dataset->features, &session->plan, &session->tuned));
    PR_TRY(pri_lane_create(session->topo, &session->plan, 0, (pr_numa_mode)machine->numa,
                           &session->lane));
done:
    if (st != PR_OK) pri_session_close(session);
    return st;
}

pr_status pri_session_log(const pri_session *session, const char *command, const char *path,
                          pr_option_group own, pr_steplog **out)
{
    const pr_option_group groups[] = {
        { &pr_dataset_option_table, (void *)(uintptr_t)session->dataset_options },
        { &pr_machine_option_table, (void *)(uintptr_t)session->machine_options },
        own,
    };
    const pri_runlog_run run = { .path       = path,
                                 .command    = command,
                                 .groups     = groups,
                                 .num_groups = 3,
                                 .topo       = session->topo,
                                 .threads    = session->plan.num_threads,
                                 .dataset    = session->dataset->name,
                                 .seed       = session->info.seed,
                                 .tuned      = &session->tuned };

    return pri_runlog_open(&run, out);
}

void pri_session_close(pri_session *session)
{
    pri_lane_free(session->lane);
    pr_dataset_close(session->dataset);
    pr_model_free(session->model);
    pr_topo_free(session->topo);
    *session = (pri_session){ 0 };
}
