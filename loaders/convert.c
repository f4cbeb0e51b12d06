/* convert.c: packrat convert: a dataset with its feature rows in another format. Rows pass through
 * a block of f32 while the new feat.npy is written; nothing else is made of them. */
#include <packrat/loaders.h>

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clones.h"
#include "loaders/csc.h"
#include "loaders/features.h"
#include "loaders/original_ids.h"
#include "loaders/row_format.h"
#include "loaders/watch.h"
#include "loaders/write.h"

enum { BLOCK_BYTES = 1 << 20, PIECE = 256, LANES = 8 };

#define MEMBER(member) offsetof(pr_convert_options, member)

static const pr_option options[] = {
    { "data", "dir", "dataset directory to read", "", PR_OPT_TEXT, MEMBER(data), 0, 0, NULL },
    { "out", "dir", "dataset directory to make; must not exist, or be empty", "", PR_OPT_TEXT,
      MEMBER(out), 0, 0, NULL },
    { "format", "", "how feature rows are written: int8 has a scale for each row", "bf16",
      PR_OPT_CHOICE, MEMBER(format), 0, 0, "f32|bf16|f16|int8" },
    { "feature-norm", "",
      "scaling of feature rows before; auto is l2 for CSR rows, none for dense ones. The new "
      "dataset needs none",
      "auto", PR_OPT_CHOICE, MEMBER(feature_norm), 0, 0, "auto|none|l1|l2" },
};
const pr_option_table pr_convert_option_table = { "Convert", options,
                                                  sizeof options / sizeof *options };

/* What became of one row. */
typedef struct outcome {
    double most_error, square_error, square_value;
    bool   beyond; /* some value is more than the format holds */
} outcome;

/* One call and everything it holds. */
typedef struct conversion {
    const pr_convert_options *options;
    pri_teller                teller;
    pr_converted             *result;
    const pr_dataset         *dataset;
    pr_npy                    ids, moved;
    const int64_t            *original_ids;
    pr_vid                   *node_ids; /* of node_ids.npy; NULL: none */
    size_t                    block_rows;
    float                    *values;  /* [block_rows, F] */
    outcome                  *outcome; /* [block_rows] */
    float                    *scale;   /* int8 [N] */
    double                    square_error, square_value;
} conversion;

/* Read rows as f32; sparse ones with their zeros. */
static pr_status load_rows(const conversion *c, pr_vid first, uint32_t n)
{
    const pr_features *x = &c->dataset->features;

    if (x->kind == PR_FEATURES_DENSE) return pri_rows_read(x, first, n, c->values, x->num_cols);
    memset(c->values, 0, (size_t)n * x->num_cols * sizeof *c->values);
    for (uint32_t v = 0; v < n; v++)
        for (pr_eid e = x->indptr[first + v]; e < x->indptr[first + v + UINT64_C(1)]; e++)
            c->values[(size_t)v * x->num_cols + x->indices[e]] = x->data[e];
    return PR_OK;
}

/* Sums of a row, LANES at a time: the same order on every host, and none waits for the one before.
 */
typedef struct sums {
    double value[LANES], error[LANES], most[LANES];
} sums;

/* Add n values and what is read back of them; both arrays are a multiple of LANES long. */
PRI_CLONES static void add_piece(const float *restrict x, const float *restrict back, uint32_t n,
                                 sums *restrict to)
{
    for (uint32_t i = 0; i < n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            const double value = (double)x[i + (uint32_t)l];
            const double error = fabs((double)back[i + (uint32_t)l] - value);
            to->value[l] += value * value;
            to->error[l] += error * error;
            to->most[l] = error > to->most[l] ? error : to->most[l];
        }
}

/* Compare a row with what is read back of it. */
static void measure(int format, const float *x, uint32_t n, const char *row, float scale,
                    outcome *out)
{
    const size_t size = pri_row_bytes(format, 1);
    sums         all  = { 0 };

    for (uint32_t at = 0; at < n; at += PIECE) {
        const uint32_t count         = n - at < PIECE ? n - at : PIECE;
        float          before[PIECE] = { 0 }, back[PIECE] = { 0 };
        memcpy(before, x + at, count * sizeof *x);
        pri_row_decode(format, row + at * size, scale, count, back);
        add_piece(before, back, (count + LANES - 1) / LANES * LANES, &all);
    }
    for (int l = 0; l < LANES; l++) {
        out->square_value += all.value[l];
        out->square_error += all.error[l];
        if (all.most[l] > out->most_error) out->most_error = all.most[l];
    }
}

static void convert_row(const conversion *c, pr_vid row, float *x, char *to, outcome *out)
{
    const uint32_t F = c->result->num_cols;
    float          scale;

    *out = (outcome){ 0 };
    if (c->result->feature_norm != PR_NORM_NONE)
        pri_row_scale(x, F, (pr_feature_norm)c->result->feature_norm, x);
    out->beyond = !pri_row_encode(c->result->format, x, F, to, &scale);
    if (c->scale) c->scale[row] = scale;
    if (!out->beyond) measure(c->result->format, x, F, to, scale, out);
}

/* Say which value of a row is more than the format holds. */
static pr_status blame(const conversion *c, pr_vid row, const float *x)
{
    pr_status st  = PR_OK;
    uint32_t  col = 0;
    float     word, scale;

    while (col + 1 < c->result->num_cols &&
           pri_row_encode(c->result->format, x + col, 1, &word, &scale))
        col++;
    PR_RAISE(PR_E_INPUT, "%s: row %u, column %u is %g; %s holds values up to %s", c->options->data,
             row, col, (double)x[col], pr_row_format_name(c->result->format),
             c->result->format == PR_ROWS_F16 ? "65504" : "3.38e38");
done:
    return st;
}

static pr_status convert_block(conversion *c, pr_vid first, uint32_t n, char *to)
{
    pr_status      st        = PR_OK;
    const uint32_t F         = c->result->num_cols;
    const size_t   row_bytes = pri_row_bytes(c->result->format, F);

    PR_TRY(load_rows(c, first, n));
#pragma omp parallel for
    for (uint32_t v = 0; v < n; v++)
        convert_row(c, first + v, c->values + (size_t)v * F, to + v * row_bytes, &c->outcome[v]);
    for (uint32_t v = 0; v < n; v++) { /* in order: sums do not depend on threads */
        const outcome *o = &c->outcome[v];
        if (o->beyond) PR_TRY(blame(c, first + v, c->values + (size_t)v * F));
        c->square_error += o->square_error;
        c->square_value += o->square_value;
        if (o->most_error > c->result->max_error) c->result->max_error = o->most_error;
    }
done:
    return st;
}

static pr_status fill_packed(void *context, pr_vid first, pr_vid count, void *rows)
{
    pr_status    st        = PR_OK;
    conversion  *c         = context;
    const size_t row_bytes = pri_row_bytes(c->result->format, c->result->num_cols);

    for (pr_vid done = 0; done < count;) {
        const pr_vid   left = count - done;
        const uint32_t n    = left < c->block_rows ? left : (uint32_t)c->block_rows;
        PR_TRY(convert_block(c, first + done, n, (char *)rows + done * row_bytes));
        done += n;
        pri_tell(&c->teller, "convert", (first + (uint64_t)done) * row_bytes,
                 c->result->num_rows * (uint64_t)row_bytes);
    }
done:
    return st;
}

static uint64_t feature_bytes(const char *dir)
{
    static const char *const files[] = { "feat.npy", "feat_scale.npy", "feat_indptr.npy",
                                         "feat_indices.npy", "feat_data.npy" };
    uint64_t                 bytes   = 0;
    char                     path[PR_TEXT_BYTES + 32];
    struct stat              info;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        if (stat(path, &info) == 0) bytes += (uint64_t)info.st_size;
    }
    return bytes;
}

/* Load node_ids.npy, if there is one: what the nodes were called before packrat reorder. */
static pr_status load_node_ids(conversion *c)
{
    pr_status    st = PR_OK;
    const pr_vid N  = c->result->num_rows;
    char         path[PR_TEXT_BYTES + 32];
    struct stat  info;

    snprintf(path, sizeof path, "%s/node_ids.npy", c->options->data);
    if (stat(path, &info) != 0) return PR_OK;
    PR_TRY(pr_npy_open(path, &c->moved));
    PR_CHECK(c->moved.dtype == PR_I64 && c->moved.num_dims == 1 && c->moved.shape[0] == N,
             PR_E_INPUT, "%s: must hold one <i8 for each of the %u nodes", path, N);
    PR_NEW(c->node_ids, N);
    const int64_t *id = c->moved.data;
    for (pr_vid v = 0; v < N; v++) {
        PR_CHECK(id[v] >= 0 && id[v] <= PR_MAX_NODES, PR_E_INPUT,
                 "%s: element %u is %lld, must be in 0..%u", path, v, (long long)id[v],
                 PR_MAX_NODES);
        c->node_ids[v] = (pr_vid)id[v];
    }
done:
    return st;
}

static pr_status open_source(conversion *c)
{
    pr_status          st   = PR_OK;
    pr_dataset_options from = { .feature_norm = PR_NORM_NONE, .feature_check = PR_CHECK_READ };

    PR_TRY(pr_options_check(&pr_convert_option_table, c->options));
    PR_CHECK(c->options->data[0], PR_E_ARG, "--data is missing: a dataset directory");
    PR_CHECK(c->options->out[0], PR_E_ARG, "--out is missing: the directory to make");
    PR_TRY(pri_dataset_target_check(c->options->out));
    memcpy(from.data, c->options->data, sizeof from.data);
    PR_TRY(pr_dataset_open(&from, &c->dataset));
    const pr_features *x = &c->dataset->features;

    c->result->num_rows     = x->num_rows;
    c->result->num_cols     = x->num_cols;
    c->result->format       = c->options->format;
    c->result->feature_norm = c->options->feature_norm;
    if (c->options->feature_norm == PR_NORM_AUTO)
        c->result->feature_norm = x->kind == PR_FEATURES_CSR ? PR_NORM_L2 : PR_NORM_NONE;
    c->result->bytes_before = feature_bytes(c->options->data);
    PR_TRY(pri_original_ids_open(c->options->data, x->num_rows, &c->ids, &c->original_ids));
    PR_TRY(load_node_ids(c));
done:
    return st;
}

static pr_status write_out(conversion *c)
{
    pr_status          st = PR_OK;
    const pr_dataset  *d  = c->dataset;
    const uint64_t     N = c->result->num_rows, F = c->result->num_cols;
    const uint64_t     row = F * sizeof *c->values, count = N * F;
    pri_dataset_arrays a = {
        .name         = d->name,
        .graph        = d->graph,
        .features     = { .num_rows = (pr_vid)N, .num_cols = (uint32_t)F, .ld = F },
        .fill_packed  = fill_packed,
        .fill_context = c,
        .row_format   = c->result->format,
        .labels       = d->labels,
        .targets      = d->targets,
        .num_classes  = d->num_classes,
        .original_ids = c->original_ids,
        .node_ids     = c->node_ids,
    };

    PR_TRY(pri_edge_lists_read(d->path, d->graph.num_nodes, a.edges));
    memcpy(a.has_split, d->has_split, sizeof a.has_split);
    memcpy(a.split, d->split, sizeof a.split);
    c->block_rows = row < BLOCK_BYTES ? BLOCK_BYTES / row : 1;
    PR_NEW(c->values, c->block_rows * F);
    PR_NEW(c->outcome, c->block_rows);
    if (c->result->format == PR_ROWS_INT8) PR_NEW(c->scale, N);
    a.row_scale = c->scale;
    PR_TRY(pri_csc_is_symmetric(&a.graph, &a.undirected));
    PR_TRY(pri_dataset_write(c->options->out, &a, pri_watch_stop(c->teller.watch), NULL));
    c->result->bytes_after = feature_bytes(c->options->out);
    c->result->rms_error   = sqrt(c->square_error / (double)count);
    c->result->rms_value   = sqrt(c->square_value / (double)count);
done:
    pri_edge_lists_clear(a.edges);
    return st;
}

pr_status pr_convert(const pr_convert_options *given, const pr_watch *watch,
                     pr_converted *converted)
{
    pr_status   st = PR_OK;
    conversion *c  = NULL;

    PR_CHECK(converted, PR_E_ARG, "converted is NULL");
    *converted = (pr_converted){ 0 };
    PR_CHECK(given, PR_E_ARG, "options is NULL");
    PR_NEW(c, 1);
    *c = (conversion){ .options = given, .teller = { .watch = watch }, .result = converted };
    PR_TRY(open_source(c));
    PR_TRY(write_out(c));
done:
    if (c) {
        pr_npy_close(&c->ids);
        pr_npy_close(&c->moved);
        pri_free(c->node_ids);
        pri_free(c->values);
        pri_free(c->outcome);
        pri_free(c->scale);
        pr_dataset_close(c->dataset);
        pri_free(c);
    }
    return st;
}
