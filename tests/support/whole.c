/* whole.c: see whole.h. */
#include "support/whole.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "loaders/row_format.h"
#include "pipeline/nn/exact.h"
#include "pipeline/nn/nn.h"

enum { MAX_DEGREE = 9, FIRST_BYTE = 4096 };

static void *room(size_t count, size_t size)
{
    void *at = calloc(count + 1, size);
    assert_non_null(at);
    return at;
}

static void make_graph(whole *w, pr_vid n, test_rng *rng)
{
    w->indptr  = room(n + (size_t)1, sizeof *w->indptr);
    w->indices = room((size_t)n * MAX_DEGREE, sizeof *w->indices);
    for (pr_vid v = 0; v < n; v++) {
        const uint32_t degree = v % 7 ? test_below(rng, MAX_DEGREE + 1) : 0;
        pr_eid         e      = w->indptr[v];
        for (uint32_t k = 0; k < degree; k++) w->indices[e++] = test_below(rng, n);
        w->indptr[v + 1] = e;
    }
    w->graph = (pr_graph){ n, w->indptr[n], w->indptr, w->indices, NULL };
}

/* Draw a row, write it down, and keep what can be read of it. */
static void make_features(whole *w, pr_vid n, uint32_t F, int format, test_rng *rng)
{
    const size_t bytes = pri_row_bytes(format, F);
    char        *text  = room(FIRST_BYTE + n * bytes, 1);
    float       *x     = room(F, sizeof *x);
    uint64_t     nnz   = 0;

    w->values      = room((size_t)n * F, sizeof *w->values);
    w->scale       = room(n, sizeof *w->scale);
    w->csr_data    = room((size_t)n * F, sizeof *w->csr_data);
    w->csr_indices = room((size_t)n * F, sizeof *w->csr_indices);
    w->csr_indptr  = room(n + (size_t)1, sizeof *w->csr_indptr);
    for (pr_vid v = 0; v < n; v++) {
        float *row = w->values + (size_t)v * F;
        char  *to  = text + FIRST_BYTE + v * bytes;
        for (uint32_t c = 0; c < F; c++)
            x[c] = test_below(rng, 3) ? (float)((double)test_random(rng) * 0x1p-31 - 1.0) : 0.0f;
        assert_true(pri_row_encode(format, x, F, to, &w->scale[v]));
        pri_row_decode(format, to, w->scale[v], F, row);
        for (uint32_t c = 0; c < F; c++)
            if (row[c] != 0.0f) {
                w->csr_data[nnz]      = row[c];
                w->csr_indices[nnz++] = c;
            }
        w->csr_indptr[v + 1] = nnz;
    }
    const char *path = test_file(test_directory(), "rows", text, FIRST_BYTE + n * bytes);
    w->file          = (pr_row_file){ .path       = path,
                                      .fd         = open(path, O_RDONLY | O_CLOEXEC),
                                      .format     = format,
                                      .first_byte = FIRST_BYTE,
                                      .row_bytes  = bytes,
                                      .file_bytes = FIRST_BYTE + n * bytes,
                                      .checked    = true,
                                      .scale      = format == PR_ROWS_INT8 ? w->scale : NULL };
    assert_true(w->file.fd >= 0);
    free(text);
    free(x);
}

whole *whole_create(pr_vid num_nodes, uint32_t num_cols, int format, uint64_t seed)
{
    whole   *w   = room(1, sizeof *w);
    test_rng rng = { .key = seed };

    make_graph(w, num_nodes, &rng);
    make_features(w, num_nodes, num_cols, format, &rng);
    w->rows        = (pr_features){ .kind     = PR_FEATURES_DENSE,
                                    .num_rows = num_nodes,
                                    .num_cols = num_cols,
                                    .rows     = w->values,
                                    .ld       = num_cols };
    w->csr         = (pr_features){ .kind     = PR_FEATURES_CSR,
                                    .num_rows = num_nodes,
                                    .num_cols = num_cols,
                                    .indptr   = w->csr_indptr,
                                    .indices  = w->csr_indices,
                                    .data     = w->csr_data };
    w->mapped      = w->rows;
    w->mapped.file = &w->file;
    w->filed       = w->mapped;
    w->filed.rows  = NULL;
    w->filed.ld    = 0;
    return w;
}

void whole_free(whole *w)
{
    void *const owned[] = { w->indptr,     w->indices,     w->values,  w->scale,
                            w->csr_indptr, w->csr_indices, w->csr_data };

    (void)close(w->file.fd);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    free(w);
}

pr_model *whole_model(const whole *w, uint32_t layers, uint32_t hidden, uint32_t classes)
{
    const pr_model_options options = { .hidden = hidden, .dropout = 0.5 };
    pr_model              *model   = NULL;
    pr_model_shape         shape;
    test_rng               rng = { .key = test_seed() + 99 };

    assert_ok(pr_model_create(&options, layers, w->rows.num_cols, classes, 5, &model));
    pr_model_describe(model, &shape);
    float *at = pri_nn_parameters(model);
    for (uint32_t l = 0; l < layers; l++) {
        at += 2 * (size_t)shape.width[l] * shape.width[l + 1];
        for (uint32_t c = 0; c < shape.width[l + 1]; c++)
            *at++ = (float)((double)test_below(&rng, 2000) * 3e-4 - 0.3);
    }
    return model;
}

/* Y = act([ X | mean X ] W + b) of one vertex. */
static void layer_of(const whole *w, pr_vid v, const double *x, size_t F, size_t H, const float *p,
                     bool relu, double *both, double *y)
{
    const pr_eid begin = w->indptr[v], end = w->indptr[v + 1];

    for (size_t c = 0; c < 2 * F; c++) both[c] = c < F ? x[v * F + c] : 0.0;
    for (pr_eid e = begin; e < end; e++)
        for (size_t c = 0; c < F; c++) both[F + c] += x[w->indices[e] * F + c];
    for (size_t c = 0; end > begin && c < F; c++) both[F + c] /= (double)(end - begin);
    for (size_t h = 0; h < H; h++) y[v * H + h] = (double)p[2 * F * H + h];
    for (size_t c = 0; c < 2 * F; c++)
        for (size_t h = 0; h < H; h++) y[v * H + h] += both[c] * (double)p[c * H + h];
    for (size_t h = 0; relu && h < H; h++) y[v * H + h] = fmax(y[v * H + h], 0.0);
}

double *whole_reference(const whole *w, const pr_model *model)
{
    const size_t   N = w->graph.num_nodes;
    const float   *p = pri_nn_parameters((pr_model *)(uintptr_t)model);
    pr_model_shape shape;

    pr_model_describe(model, &shape);
    double *x = room(N * shape.width[0], sizeof *x);
    for (size_t i = 0; i < N * shape.width[0]; i++) x[i] = (double)w->values[i];
    for (uint32_t l = 0; l < shape.num_layers; l++) {
        const size_t F = shape.width[l], H = shape.width[l + 1];
        double      *y = room(N * H, sizeof *y), *both = room(2 * F, sizeof *both);
        for (pr_vid v = 0; v < N; v++)
            layer_of(w, v, x, F, H, p, l + 1 < shape.num_layers, both, y);
        p += (2 * F + 1) * H;
        free(both);
        free(x);
        x = y;
    }
    return x;
}

uint32_t whole_files_in(const char *directory)
{
    DIR     *listed = opendir(directory);
    uint32_t n      = 0;

    assert_non_null(listed);
    for (const struct dirent *e = readdir(listed); e; e = readdir(listed)) n += e->d_name[0] != '.';
    (void)closedir(listed);
    return n;
}

pr_status whole_run(const pri_exact *exact, const volatile int *stop)
{
    pri_nn_times times = { 0 };
    pr_status    st    = PR_OK;

    for (uint32_t pass = 0; st == PR_OK && pass < pri_exact_num_passes(exact); pass++)
        for (uint32_t part = 0; st == PR_OK && part < exact->num_parts; part++) {
            const uint32_t at = pass % 2 ? part : exact->num_parts - 1 - part;
            st                = pri_exact_pass(exact, pass, at, stop, &times);
        }
    return st;
}
