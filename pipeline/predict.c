/* predict.c: `packrat infer`, exact predictions into one file. */
#include <packrat/pipeline.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/outfile.h"
#include "pipeline/evaluate.h"
#include "pipeline/exact_memory.h"
#include "pipeline/nodefile.h"
#include "pipeline/runlog.h"
#include "pipeline/session.h"

enum { OUTPUT_CLASS, OUTPUT_LOGITS, OUTPUT_PROBABILITIES };

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

/* Read --nodes into a new list; NULL are all nodes in order. Duplicates are answered as often as
 * asked. */
static pr_status read_nodes(const char *path, pr_vid num_nodes, pr_vid **out, size_t *n)
{
    *out = NULL;
    *n   = num_nodes;
    return path[0] ? pri_nodes_read(path, num_nodes, out, n) : PR_OK;
}

static pr_vid node_at(const pr_vid *ids, size_t i)
{
    return ids ? ids[i] : (pr_vid)i;
}

static pr_status write_csv(const char *path, int output, const float *logits, uint32_t classes,
                           const pr_vid *ids, size_t n)
{
    pr_status   st   = PR_OK;
    pri_outfile file = { 0 };

    PR_TRY(pri_outfile_open(&file, path));
    fprintf(file.stream, "node");
    if (output == OUTPUT_CLASS)
        fprintf(file.stream, ",class");
    else
        for (uint32_t c = 0; c < classes; c++)
            fprintf(file.stream, ",%s_%u", output == OUTPUT_LOGITS ? "logit" : "probability", c);
    fputc('\n', file.stream);
    for (size_t i = 0; i < n; i++) {
        const float *row = logits + (size_t)node_at(ids, i) * classes;
        fprintf(file.stream, "%u", node_at(ids, i));
        if (output == OUTPUT_CLASS)
            fprintf(file.stream, ",%u", pri_argmax_row(row, classes));
        else
            for (uint32_t c = 0; c < classes; c++) fprintf(file.stream, ",%.9g", (double)row[c]);
        fputc('\n', file.stream);
    }
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    return st;
}

static pr_status write_npy(const char *path, int output, const float *logits, uint32_t classes,
                           const pr_vid *ids, size_t n)
{
    pr_status      st       = PR_OK;
    int64_t       *class_of = NULL;
    float         *rows     = NULL;
    const uint64_t shape[2] = { n, classes };

    if (output == OUTPUT_CLASS) {
        PR_NEW(class_of, n);
        for (size_t i = 0; i < n; i++)
            class_of[i] = pri_argmax_row(logits + (size_t)node_at(ids, i) * classes, classes);
        PR_TRY(pr_npy_write(path, PR_I64, 1, shape, class_of));
    } else if (!ids) {
        PR_TRY(pr_npy_write(path, PR_F32, 2, shape, logits));
    } else {
        PR_NEW(rows, n * classes);
        for (size_t i = 0; i < n; i++)
            memcpy(rows + i * classes, logits + (size_t)ids[i] * classes, classes * sizeof *rows);
        PR_TRY(pr_npy_write(path, PR_F32, 2, shape, rows));
    }
done:
    pri_free(class_of);
    pri_free(rows);
    return st;
}

/* Give what the answers take beside logits while they are written. */
static uint64_t answer_bytes(const pr_infer_options *options, uint32_t classes, uint64_t n)
{
    if (ends_with(options->out, ".csv")) return 0;
    if (options->output == OUTPUT_CLASS) return n * sizeof(int64_t);
    return options->nodes[0] ? n * classes * sizeof(float) : 0;
}

static pr_status predict(const pr_infer_setup *setup, const pr_hooks *hooks,
                         const pri_session *session, pr_steplog *log, float *logits,
                         uint32_t classes, uint64_t num_answers)
{
    pr_status        st = PR_OK;
    pri_exact_limits limits;
    const uint64_t   count = (uint64_t)session->dataset->graph.num_nodes * classes;
    const uint64_t   later = answer_bytes(&setup->infer, classes, num_answers);

    PR_TRY(pri_exact_memory_limits(session, count * sizeof *logits, later, &limits));
    const pri_exact_input input = { .phase       = PR_PHASE_INFER,
                                    .dataset     = session->dataset,
                                    .model       = session->model,
                                    .num_answers = num_answers,
                                    .stop        = hooks ? hooks->stop : NULL,
                                    .limits      = &limits,
                                    .hooks       = hooks };
    PR_TRY(pri_evaluate_exact(&session->lane, 1, &input, logits, NULL, log));
    if (setup->infer.output == OUTPUT_PROBABILITIES)
        for (pr_vid v = 0; v < session->dataset->graph.num_nodes; v++)
            pri_softmax_row(logits + (size_t)v * classes, classes);
done:
    return st;
}

pr_status pr_infer(const pr_infer_setup *setup, const pr_hooks *hooks, pr_infer_result *result)
{
    pr_status               st      = PR_OK;
    pri_session             session = { 0 };
    pr_steplog             *log     = NULL;
    float                  *logits  = NULL;
    pr_vid                 *ids     = NULL;
    size_t                  n       = 0;
    pr_model_shape          shape;
    const pr_infer_options *options = &setup->infer;

    *result             = (pr_infer_result){ 0 };
    const int64_t start = pr_now_ns();
    PR_TRY(pr_options_check(&pr_infer_option_table, options));
    PR_CHECK(options->out[0], PR_E_ARG, "--out is missing: the file to write, .npy or .csv");
    const bool csv = ends_with(options->out, ".csv");
    PR_CHECK(csv || ends_with(options->out, ".npy"), PR_E_ARG,
             "--out is '%s', must end in .npy or .csv", options->out);
    PR_TRY(pri_outfile_probe(options->out));
    PR_TRY(pri_session_open(&session, &setup->dataset, &setup->machine, options->checkpoint));
    PR_TRY(read_nodes(options->nodes, session.dataset->graph.num_nodes, &ids, &n));
    const pr_option_group own = { &pr_infer_option_table, (void *)(uintptr_t)options };
    PR_TRY(pri_session_log(&session, "infer", options->log, own, &log));
    if (log) result->run = pr_steplog_run(log);
    pr_model_describe(session.model, &shape);
    const uint32_t classes = shape.width[shape.num_layers];
    PR_NEW(logits, (size_t)session.dataset->graph.num_nodes * classes);
    PR_TRY(predict(setup, hooks, &session, log, logits, classes, n));
    PR_TRY(csv ? write_csv(options->out, options->output, logits, classes, ids, n)
               : write_npy(options->out, options->output, logits, classes, ids, n));
    result->num_nodes   = n;
    result->num_columns = options->output == OUTPUT_CLASS ? 1 : classes;
done:
    st                 = pri_runlog_close(log, st, hooks ? hooks->stop : NULL, &result->rows_lost);
    result->elapsed_ns = pr_now_ns() - start;
    pri_free(logits);
    pri_free(ids);
    pri_session_close(&session);
    return st;
}
