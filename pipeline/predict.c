/* predict.c: `packrat infer`: answers of a checkpoint into one file. */
#include "pipeline/predict.h"

#include <inttypes.h>
#include <string.h>

#include "base/checksum.h"
#include "base/outfile.h"
#include "base/rss.h"
#include "pipeline/nodefile.h"
#include "pipeline/runlog.h"

enum { MODE_EXACT, MODE_SAMPLED }; /* pr_infer_options.mode */

/* Look at what can be seen without any file. */
static pr_status check_options(const pr_infer_setup *setup)
{
    pr_status               st      = PR_OK;
    const pr_infer_options *options = &setup->infer;

    PR_TRY(pr_options_check(&pr_infer_option_table, options));
    PR_CHECK(options->out[0], PR_E_ARG, "--out is missing: the file to write, .npy or .csv");
    PR_CHECK(!options->resume || options->mode == MODE_EXACT, PR_E_ARG,
             "--resume is for --mode exact: sampled inference has no layers to go on from");
    PR_CHECK(options->resume || !options->work[0], PR_E_ARG,
             "--work is '%s', is for --resume, which is not there", options->work);
    PR_CHECK(!setup->machine.memory || options->mode == MODE_EXACT, PR_E_ARG,
             "--memory is for --mode exact; sampled inference takes what --cache.bytes, "
             "--batch-size and --fanout make of it");
    PR_CHECK(!options->dry_run || options->mode == MODE_EXACT, PR_E_ARG,
             "--dry-run is for --mode exact");
done:
    return st;
}

/* Decide which layers are needed for what was asked for. */
static pr_status choose_layers(pri_prediction *p)
{
    pr_status                st      = PR_OK;
    const pr_infer_options  *options = &p->setup->infer;
    static const char *const name[]  = { "class", "logits", "probabilities" };

    pr_model_describe(p->session.model, &p->shape);
    p->end = p->shape.num_layers;
    if (options->output == PRI_ANSWER_EMBEDDINGS && !p->session.is_link) {
        PR_CHECK(p->end > 1, PR_E_ARG,
                 "--output is embeddings: those are the inputs of the last layer, and the only "
                 "layer of %s reads the features themselves",
                 options->checkpoint);
        p->is_inner = true;
        if (options->mode == MODE_EXACT) p->end--;
    }
    PR_CHECK(!p->session.is_link || options->output == PRI_ANSWER_EMBEDDINGS ||
                 options->output == PRI_ANSWER_LOGITS || options->output == PRI_ANSWER_CLASS,
             PR_E_ARG, "--output is %s: %s tells links, and has embeddings only",
             name[options->output], options->checkpoint);
done:
    return st;
}

/* Make what answers go to. */
static pr_status open_answers(pri_prediction *p)
{
    const pr_infer_options *options = &p->setup->infer;
    const uint32_t          layer   = p->is_inner ? p->shape.num_layers - 1 : p->end;
    const bool              links   = p->session.is_link; /* outputs are nothing else */
    const pri_answers_setup setup   = { .path      = options->out,
                                        .kind      = links ? PRI_ANSWER_EMBEDDINGS : options->output,
                                        .labels    = p->session.info.outputs == PR_OUTPUTS_LABELS,
                                        .columns   = p->shape.width[layer],
                                        .num_nodes = p->session.dataset->graph.num_nodes,
                                        .ids       = p->ids,
                                        .n         = p->n,
                                        .stop      = pri_prediction_stop(p) };
    pr_status               st      = pri_answers_create(&setup, &p->answers);

    if (st != PR_OK) return st;
    p->kept_bytes          = pri_answers_kept_bytes(p->answers);
    p->result->file_bytes  = pri_answers_file_bytes(p->answers);
    p->result->num_nodes   = p->n;
    p->result->num_columns = pri_answers_columns(p->answers);
    return PR_OK;
}

/* Give the checksum of a whole file. */
static pr_status checksum_file(const char *path, uint64_t *out)
{
    pr_status st   = PR_OK;
    char     *text = NULL;
    size_t    bytes;

    PR_TRY(pri_file_read(path, SIZE_MAX / 2, &text, &bytes));
    *out = pri_checksum(text, bytes, 0);
done:
    pri_free(text);
    return st;
}

/* Open the directory of finished layers. */
static pr_status open_files(pri_prediction *p)
{
    pr_status               st      = PR_OK;
    const pr_infer_options *options = &p->setup->infer;
    const pr_dataset       *data    = p->session.dataset;
    char                    path[PR_TEXT_BYTES + 8];
    pri_layer_key           key = { .graph        = data->fingerprint,
                                    .num_nodes    = data->graph.num_nodes,
                                    .num_layers   = p->shape.num_layers,
                                    .feature_norm = data->feature_norm };

    (void)snprintf(path, sizeof path, "%s%s", options->work[0] ? options->work : options->out,
                   options->work[0] ? "" : ".work");
    PR_TRY(checksum_file(options->checkpoint, &key.model));
    PR_TRY(pri_features_fingerprint(&data->features, pri_prediction_stop(p), &key.features));
    PR_TRY(pri_layer_files_open(path, &key, &p->files));
    pri_outfile_sweep(options->out);
    if (p->files.layer)
        pr_diag(PR_INFO, "%s: goes on behind layer %u of %u", path, p->files.layer,
                p->shape.num_layers);
done:
    return st;
}

static pr_status open_log(pri_prediction *p)
{
    const pr_infer_setup *s        = p->setup;
    const pri_session    *session  = &p->session;
    const pr_option_group groups[] = {
        { &pr_dataset_option_table, (void *)(uintptr_t)&s->dataset },
        { &pr_machine_option_table, (void *)(uintptr_t)&s->machine },
        { &pr_infer_option_table, (void *)(uintptr_t)&s->infer },
        { &pr_sampler_option_table, (void *)(uintptr_t)&s->sampler },
        { &pr_cache_option_table, (void *)(uintptr_t)&s->cache },
        { &pr_io_option_table, (void *)(uintptr_t)&s->io },
    };
    const bool           sampled = s->infer.mode == MODE_SAMPLED;
    const pri_runlog_run run     = { .path       = s->infer.log,
                                     .command    = "infer",
                                     .groups     = groups,
                                     .num_groups = sampled ? 6 : 3,
                                     .topo       = session->topo,
                                     .threads    = session->plan.num_threads,
                                     .dataset    = session->dataset->name,
                                     .seed       = sampled ? s->infer.seed : session->info.seed,
                                     .tuned      = &session->tuned };
    const pr_status      st      = pri_runlog_open(&run, &p->log);

    if (p->log) p->result->run = pr_steplog_run(p->log);
    return st;
}

/* Open everything. */
static pr_status prepare(pri_prediction *p)
{
    pr_status               st      = PR_OK;
    const pr_infer_setup   *setup   = p->setup;
    const pr_infer_options *options = &setup->infer;

    PR_TRY(check_options(setup));
    PR_TRY(pri_outfile_probe(options->out));
    PR_TRY(pri_session_open(&p->session, &setup->dataset, &setup->machine, options->checkpoint));
    PR_TRY(choose_layers(p));
    p->n = p->session.dataset->graph.num_nodes;
    if (options->nodes[0])
        PR_TRY(pri_nodes_read(options->nodes, p->session.dataset->graph.num_nodes, &p->ids, &p->n));
    if (options->resume && !options->dry_run) PR_TRY(open_files(p));
    PR_TRY(open_answers(p));
    if (options->mode == MODE_EXACT) PR_TRY(pri_predict_plan(p));
done:
    return st;
}

static pr_status run(pri_prediction *p)
{
    pr_status st = PR_OK;

    PR_TRY(open_log(p));
    PR_TRY(p->setup->infer.mode == MODE_EXACT ? pri_predict_exact(p) : pri_predict_sampled(p));
    PR_TRY(pri_answers_commit(p->answers));
    if (p->files.directory[0]) pri_layer_files_remove(&p->files);
done:
    return st;
}

pr_status pr_infer(const pr_infer_setup *setup, const pr_hooks *hooks, pr_infer_result *result)
{
    pr_status      st = PR_OK;
    pri_prediction p  = {
         .setup = setup, .hooks = hooks, .files = { .lock = -1 }, .result = result
    };

    *result             = (pr_infer_result){ 0 };
    const int64_t start = pr_now_ns();
    PR_TRY(prepare(&p));
    if (!setup->infer.dry_run) PR_TRY(run(&p));
done:
    st                 = pri_runlog_close(p.log, st, pri_prediction_stop(&p), &result->rows_lost);
    result->elapsed_ns = pr_now_ns() - start;
    result->peak_rss_bytes = pri_rss_peak_bytes();
    pri_answers_free(p.answers);
    pri_layer_files_close(&p.files);
    pri_free(p.ids);
    pri_session_close(&p.session);
    return st;
}
