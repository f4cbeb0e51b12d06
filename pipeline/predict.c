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

/* What is kept of the vertices that are asked for: a class, a row, or a row of 0 and 1 where they
 * have any number of labels; one each, however often it is asked for. */
typedef struct answers {
    int           output;
    bool          multi_label;
    uint32_t      classes;
    const pr_vid *ids; /* [n] as asked for; NULL: all in order */
    size_t        n;
    uint32_t     *kept_at; /* [num_nodes] where a vertex's answer is kept, NONE; NULL: at its id */
    size_t        num_kept;
    uint32_t     *class_of; /* [num_kept], or: */
    uint8_t      *labels;   /* [num_kept, classes], or: */
    float        *rows;     /* [num_kept, classes] */
} answers;

static const uint32_t NONE = UINT32_MAX;

/* Make room for answers, in the order in which their vertices are first asked for. */
static pr_status answers_open(answers *a, pr_vid num_nodes)
{
    pr_status st = PR_OK;

    a->num_kept = num_nodes;
    if (a->ids) {
        PR_NEW(a->kept_at, num_nodes);
        for (size_t v = 0; v < num_nodes; v++) a->kept_at[v] = NONE;
        a->num_kept = 0;
        for (size_t i = 0; i < a->n; i++)
            if (a->kept_at[a->ids[i]] == NONE) a->kept_at[a->ids[i]] = (uint32_t)a->num_kept++;
    }
    if (a->output == OUTPUT_CLASS && a->multi_label)
        PR_NEW(a->labels, a->num_kept * a->classes);
    else if (a->output == OUTPUT_CLASS)
        PR_NEW(a->class_of, a->num_kept);
    else
        PR_NEW(a->rows, a->num_kept * a->classes);
done:
    return st;
}

static void answers_close(answers *a)
{
    pri_free(a->kept_at);
    pri_free(a->class_of);
    pri_free(a->labels);
    pri_free(a->rows);
}

/* Keep what was asked for of a range of logits. */
static void take_rows(void *context, uint32_t part, pr_vid first, uint32_t num, const float *rows,
                      size_t ld)
{
    const answers *a = context;

    (void)part;
#pragma omp parallel for schedule(static)
    for (uint32_t i = 0; i < num; i++) {
        const float   *row = rows + i * ld;
        const uint32_t at  = a->kept_at ? a->kept_at[first + i] : first + i;
        if (at == NONE) continue;
        if (a->class_of) {
            a->class_of[at] = pri_argmax_row(row, a->classes);
            continue;
        }
        if (a->labels) {
            pri_labels_row(row, a->classes, a->labels + (size_t)at * a->classes);
            continue;
        }
        float *to = a->rows + (size_t)at * a->classes;
        memcpy(to, row, a->classes * sizeof *to);
        if (a->output != OUTPUT_PROBABILITIES) continue;
        if (a->multi_label)
            pri_sigmoid_row(to, a->classes);
        else
            pri_softmax_row(to, a->classes);
    }
}

static pr_vid node_at(const answers *a, size_t i)
{
    return a->ids ? a->ids[i] : (pr_vid)i;
}

/* Give where the ith answer is kept. */
static size_t place_at(const answers *a, size_t i)
{
    return a->ids ? a->kept_at[a->ids[i]] : i;
}

static pr_status write_csv(const char *path, const answers *a)
{
    pr_status         st   = PR_OK;
    pri_outfile       file = { 0 };
    const char *const name = a->labels                    ? "label"
                             : a->output == OUTPUT_LOGITS ? "logit"
                                                          : "probability";

    PR_TRY(pri_outfile_open(&file, path));
    fprintf(file.stream, "node");
    if (a->class_of)
        fprintf(file.stream, ",class");
    else
        for (uint32_t c = 0; c < a->classes; c++) fprintf(file.stream, ",%s_%u", name, c);
    fputc('\n', file.stream);
    for (size_t i = 0; i < a->n; i++) {
        const size_t at = place_at(a, i);
        fprintf(file.stream, "%u", node_at(a, i));
        if (a->class_of)
            fprintf(file.stream, ",%u", a->class_of[at]);
        else if (a->labels)
            for (uint32_t c = 0; c < a->classes; c++)
                fprintf(file.stream, ",%u", a->labels[at * a->classes + c]);
        else
            for (uint32_t c = 0; c < a->classes; c++)
                fprintf(file.stream, ",%.9g", (double)a->rows[at * a->classes + c]);
        fputc('\n', file.stream);
    }
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    return st;
}

static pr_status write_npy(const char *path, const answers *a)
{
    pr_status      st       = PR_OK;
    int64_t       *class_of = NULL;
    char          *rows     = NULL;
    const size_t   row      = a->classes * (a->labels ? sizeof *a->labels : sizeof *a->rows);
    const char    *kept     = a->labels ? (const char *)a->labels : (const char *)a->rows;
    const pr_dtype dtype    = a->labels ? PR_U8 : PR_F32;
    const uint64_t shape[2] = { a->n, a->classes };

    if (a->class_of) {
        PR_NEW(class_of, a->n);
        for (size_t i = 0; i < a->n; i++) class_of[i] = a->class_of[place_at(a, i)];
        PR_TRY(pr_npy_write(path, PR_I64, 1, shape, class_of));
    } else if (a->num_kept == a->n) { /* none is asked for twice, so they are in order */
        PR_TRY(pr_npy_write(path, dtype, 2, shape, kept));
    } else {
        PR_NEW(rows, a->n * row);
        for (size_t i = 0; i < a->n; i++) memcpy(rows + i * row, kept + place_at(a, i) * row, row);
        PR_TRY(pr_npy_write(path, dtype, 2, shape, rows));
    }
done:
    pri_free(class_of);
    pri_free(rows);
    return st;
}

/* Give what answers take, of which only a table of vertices was touched. */
static uint64_t answer_bytes(const answers *a)
{
    if (a->labels) return a->num_kept * a->classes * sizeof *a->labels;
    return a->num_kept * (a->class_of ? sizeof *a->class_of : a->classes * sizeof *a->rows);
}

/* Give what they take beside while they are written. */
static uint64_t writing_bytes(const answers *a, bool csv)
{
    if (csv) return 0;
    if (a->class_of) return a->n * sizeof(int64_t);
    return a->num_kept == a->n ? 0 : a->n * a->classes * (a->labels ? 1 : sizeof(float));
}

static pr_status predict(const pri_session *session, const pr_hooks *hooks, answers *a, bool csv,
                         pr_steplog *log)
{
    pr_status        st = PR_OK;
    pri_exact_limits limits;
    pri_metrics      none[PRI_NUM_SCORED];

    PR_TRY(pri_exact_memory_limits(session, NULL, NULL, answer_bytes(a), writing_bytes(a, csv),
                                   &limits));
    const pri_exact_input input = { .phase       = PR_PHASE_INFER,
                                    .dataset     = session->dataset,
                                    .model       = session->model,
                                    .output      = { .take = take_rows, .context = a },
                                    .num_answers = a->n,
                                    .stop        = hooks ? hooks->stop : NULL,
                                    .limits      = &limits,
                                    .hooks       = hooks };
    PR_TRY(pri_evaluate_exact(&session->lane, 1, &input, none, log));
done:
    return st;
}

pr_status pr_infer(const pr_infer_setup *setup, const pr_hooks *hooks, pr_infer_result *result)
{
    pr_status               st      = PR_OK;
    pri_session             session = { 0 };
    pr_steplog             *log     = NULL;
    pr_vid                 *ids     = NULL;
    answers                 kept    = { 0 };
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
    PR_TRY(read_nodes(options->nodes, session.dataset->graph.num_nodes, &ids, &kept.n));
    const pr_option_group own = { &pr_infer_option_table, (void *)(uintptr_t)options };
    PR_TRY(pri_session_log(&session, "infer", options->log, own, &log));
    if (log) result->run = pr_steplog_run(log);
    pr_model_describe(session.model, &shape);
    kept.output      = options->output;
    kept.classes     = shape.width[shape.num_layers];
    kept.ids         = ids;
    kept.multi_label = session.info.outputs == PR_OUTPUTS_LABELS;
    PR_TRY(answers_open(&kept, session.dataset->graph.num_nodes));
    PR_TRY(predict(&session, hooks, &kept, csv, log));
    PR_TRY(csv ? write_csv(options->out, &kept) : write_npy(options->out, &kept));
    result->num_nodes   = kept.n;
    result->num_columns = kept.class_of ? 1 : kept.classes;
done:
    st                 = pri_runlog_close(log, st, hooks ? hooks->stop : NULL, &result->rows_lost);
    result->elapsed_ns = pr_now_ns() - start;
    answers_close(&kept);
    pri_free(ids);
    pri_session_close(&session);
    return st;
}
