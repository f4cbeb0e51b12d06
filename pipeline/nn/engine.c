/* engine.c: kept oneDNN matrix products, for oneDNN 2.6 and 3.x.
 *
 * A new shape costs oneDNN about 200 us of code generation, as much as a small layer itself, and
 * row counts of batches rarely repeat. So a product is made once with its row count open
 * (DNNL_RUNTIME_DIM_VAL) and told the count when it runs; only the two memory objects that carry
 * the count are made anew, and only when it changed.
 *
 * A transposed operand is the same memory with the strides exchanged. */
#include "pipeline/nn/engine.h"

#include <dnnl.h>
#include <omp.h>
#include <string.h>

struct pri_engine {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

enum { OPERAND_A, OPERAND_B, OPERAND_BIAS, OPERAND_C, OPERAND_SCRATCH, NUM_OPERANDS };

struct pri_gemm {
    pri_engine      *engine;
    pri_gemm_shape   shape;
    int              num_threads; /* the primitive was made for */
    size_t           rows;        /* the memory objects were made for; 0: none yet */
    dnnl_primitive_t primitive;
    dnnl_memory_t    operand[NUM_OPERANDS];
};

/* A matrix as oneDNN is told of it: element (i, j) at i * stride[0] + j * stride[1]. */
typedef struct matrix {
    dnnl_dims_t dim, stride;
} matrix;

/* ---- what differs between 2.6 and 3.x; the two halves have the same functions ---- */

#if DNNL_VERSION_MAJOR >= 3

static dnnl_status_t desc_make(const matrix *m, dnnl_memory_desc_t *out)
{
    return dnnl_memory_desc_create_with_strides(out, 2, m->dim, dnnl_f32, m->stride);
}

static void desc_drop(dnnl_memory_desc_t *desc)
{
    if (*desc) (void)dnnl_memory_desc_destroy(*desc);
    *desc = NULL;
}

static dnnl_status_t memory_make(const dnnl_memory_desc_t *desc, dnnl_engine_t engine,
                                 dnnl_memory_t *out)
{
    return dnnl_memory_create(out, *desc, engine, DNNL_MEMORY_NONE);
}

static dnnl_status_t scratch_make(const_dnnl_primitive_desc_t pd, dnnl_engine_t engine,
                                  dnnl_memory_t *out)
{
    const_dnnl_memory_desc_t desc = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    if (!desc || dnnl_memory_desc_get_size(desc) == 0) return dnnl_success;
    return dnnl_memory_create(out, desc, engine, DNNL_MEMORY_ALLOCATE);
}

static dnnl_status_t append_relu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0.0f, 0.0f);
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}

static dnnl_status_t matmul_make(dnnl_engine_t engine, const dnnl_memory_desc_t desc[NUM_OPERANDS],
                                 bool bias, const_dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t *out)
{
    return dnnl_matmul_primitive_desc_create(out, engine, desc[OPERAND_A], desc[OPERAND_B],
                                             bias ? desc[OPERAND_BIAS] : NULL, desc[OPERAND_C],
                                             attr);
}

#else

static dnnl_status_t desc_make(const matrix *m, dnnl_memory_desc_t *out)
{
    return dnnl_memory_desc_init_by_strides(out, 2, m->dim, dnnl_f32, m->stride);
}

static void desc_drop(dnnl_memory_desc_t *desc)
{
    (void)desc; /* a plain struct */
}

static dnnl_status_t memory_make(const dnnl_memory_desc_t *desc, dnnl_engine_t engine,
                                 dnnl_memory_t *out)
{
    return dnnl_memory_create(out, desc, engine, DNNL_MEMORY_NONE);
}

static dnnl_status_t scratch_make(const_dnnl_primitive_desc_t pd, dnnl_engine_t engine,
                                  dnnl_memory_t *out)
{
    const dnnl_memory_desc_t *desc = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    if (!desc || dnnl_memory_desc_get_size(desc) == 0) return dnnl_success;
    return dnnl_memory_create(out, desc, engine, DNNL_MEMORY_ALLOCATE);
}

static dnnl_status_t append_relu(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
}

static dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f);
}

static dnnl_status_t matmul_make(dnnl_engine_t engine, const dnnl_memory_desc_t desc[NUM_OPERANDS],
                                 bool bias, const_dnnl_primitive_attr_t attr,
                                 dnnl_primitive_desc_t *out)
{
    dnnl_matmul_desc_t  op;
    const dnnl_status_t status =
        dnnl_matmul_desc_init(&op, &desc[OPERAND_A], &desc[OPERAND_B],
                              bias ? &desc[OPERAND_BIAS] : NULL, &desc[OPERAND_C]);
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(out, &op, attr, engine, NULL);
}

#endif

/* ---- the same for both ---- */

static const char *status_name(dnnl_status_t status)
{
    switch (status) {
    case dnnl_success: return "dnnl_success";
    case dnnl_out_of_memory: return "dnnl_out_of_memory";
    case dnnl_invalid_arguments: return "dnnl_invalid_arguments";
    case dnnl_unimplemented: return "dnnl_unimplemented";
    case dnnl_runtime_error: return "dnnl_runtime_error";
    case dnnl_not_required: return "dnnl_not_required";
    default: return "an unknown status";
    }
}

void pri_engine_version(char *out, size_t bytes)
{
    const dnnl_version_t *version = dnnl_version();
    snprintf(out, bytes, "%d.%d.%d", version->major, version->minor, version->patch);
}

pr_status pri_engine_create(pri_engine **out)
{
    pr_status   st     = PR_OK;
    pri_engine *engine = NULL;

    *out = NULL;
    PR_NEW(engine, 1);
    dnnl_status_t status = dnnl_engine_create(&engine->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&engine->stream, engine->engine, dnnl_stream_default_flags);
    PR_CHECK(status == dnnl_success, PR_E_LIBRARY, "oneDNN: cannot make a CPU engine: %s",
             status_name(status));
    *out   = engine;
    engine = NULL;
done:
    pri_engine_free(engine);
    return st;
}

void pri_engine_free(pri_engine *engine)
{
    if (!engine) return;
    if (engine->stream) (void)dnnl_stream_destroy(engine->stream);
    if (engine->engine) (void)dnnl_engine_destroy(engine->engine);
    pri_free(engine);
}

static matrix plain(dnnl_dim_t rows, size_t cols, size_t ld)
{
    return (matrix){ .dim = { rows, (dnnl_dim_t)cols }, .stride = { (dnnl_dim_t)ld, 1 } };
}

static matrix transposed(matrix m)
{
    return (matrix){ .dim = { m.dim[1], m.dim[0] }, .stride = { m.stride[1], m.stride[0] } };
}

/* Give the operands of the product C = A B that oneDNN shall compute, for this many rows. */
static void operands(const pri_gemm_shape *s, dnnl_dim_t rows, matrix out[NUM_OPERANDS])
{
    switch (s->form) {
    case PRI_GEMM_AB:
        out[OPERAND_A] = plain(rows, s->k, s->lda);
        out[OPERAND_B] = plain((dnnl_dim_t)s->k, s->n, s->ldb);
        out[OPERAND_C] = plain(rows, s->n, s->ldc);
        break;
    case PRI_GEMM_ATB:
        out[OPERAND_A] = transposed(plain(rows, s->k, s->lda));
        out[OPERAND_B] = plain(rows, s->n, s->ldb);
        out[OPERAND_C] = plain((dnnl_dim_t)s->k, s->n, s->ldc);
        break;
    case PRI_GEMM_ABT:
        out[OPERAND_A] = plain(rows, s->n, s->lda);
        out[OPERAND_B] = transposed(plain((dnnl_dim_t)s->k, s->n, s->ldb));
        out[OPERAND_C] = plain(rows, s->k, s->ldc);
        break;
    }
    out[OPERAND_BIAS] = plain(1, s->n, s->n);
}

static dnnl_status_t attributes_make(const pri_gemm_shape *shape, dnnl_primitive_attr_t *out)
{
    dnnl_post_ops_t ops    = NULL;
    dnnl_status_t   status = dnnl_primitive_attr_create(out);

    /* Library scratchpads belong to the creating thread; ours go with the primitive. */
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    if (status != dnnl_success || !(shape->relu || shape->adds)) return status;
    status = dnnl_post_ops_create(&ops);
    if (status == dnnl_success) status = shape->relu ? append_relu(ops) : append_sum(ops);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*out, ops);
    if (ops) (void)dnnl_post_ops_destroy(ops);
    return status;
}

/* Drop what belongs to the primitive, its memory objects included. */
static void primitive_drop(pri_gemm *gemm)
{
    for (int i = 0; i < NUM_OPERANDS; i++) {
        if (gemm->operand[i]) (void)dnnl_memory_destroy(gemm->operand[i]);
        gemm->operand[i] = NULL;
    }
    if (gemm->primitive) (void)dnnl_primitive_destroy(gemm->primitive);
    gemm->primitive = NULL;
    gemm->rows      = 0;
}

/* Make the primitive with its row count open. */
static dnnl_status_t primitive_make(pri_gemm *gemm)
{
    dnnl_memory_desc_t    desc[NUM_OPERANDS];
    matrix                m[NUM_OPERANDS];
    dnnl_primitive_desc_t pd     = NULL;
    dnnl_primitive_attr_t attr   = NULL;
    dnnl_status_t         status = dnnl_success;

    memset(desc, 0, sizeof desc);
    gemm->num_threads = omp_get_max_threads();
    operands(&gemm->shape, DNNL_RUNTIME_DIM_VAL, m);
    for (int i = 0; i <= OPERAND_C && status == dnnl_success; i++)
        status = desc_make(&m[i], &desc[i]);
    if (status == dnnl_success) status = attributes_make(&gemm->shape, &attr);
    if (status == dnnl_success)
        status = matmul_make(gemm->engine->engine, desc, gemm->shape.bias, attr, &pd);
    if (status == dnnl_success) status = dnnl_primitive_create(&gemm->primitive, pd);
    if (status == dnnl_success)
        status = scratch_make(pd, gemm->engine->engine, &gemm->operand[OPERAND_SCRATCH]);
    if (pd) (void)dnnl_primitive_desc_destroy(pd);
    if (attr) (void)dnnl_primitive_attr_destroy(attr);
    for (int i = 0; i <= OPERAND_C; i++) desc_drop(&desc[i]);
    return status;
}

/* Make the memory objects for this many rows; those that do not carry the count stay. */
static dnnl_status_t memory_fit(pri_gemm *gemm, size_t rows)
{
    matrix        m[NUM_OPERANDS], old[NUM_OPERANDS];
    dnnl_status_t status = dnnl_success;

    if (gemm->rows == rows) return status;
    operands(&gemm->shape, (dnnl_dim_t)rows, m);
    operands(&gemm->shape, (dnnl_dim_t)gemm->rows, old);
    gemm->rows = 0;
    for (int i = 0; i <= OPERAND_C; i++) {
        if (i == OPERAND_BIAS && !gemm->shape.bias) continue;
        if (gemm->operand[i] && !memcmp(&m[i], &old[i], sizeof m[i])) continue;
        if (gemm->operand[i]) (void)dnnl_memory_destroy(gemm->operand[i]);
        gemm->operand[i]        = NULL;
        dnnl_memory_desc_t desc = { 0 };
        status                  = desc_make(&m[i], &desc);
        if (status == dnnl_success)
            status = memory_make(&desc, gemm->engine->engine, &gemm->operand[i]);
        desc_drop(&desc);
        if (status != dnnl_success) return status;
    }
    gemm->rows = rows;
    return status;
}

static dnnl_status_t point(pri_gemm *gemm, int operand, const float *at)
{
    return dnnl_memory_set_data_handle(gemm->operand[operand], (void *)(uintptr_t)at);
}

pr_status pri_gemm_create(pri_engine *engine, const pri_gemm_shape *shape, pri_gemm **out)
{
    pr_status st   = PR_OK;
    pri_gemm *gemm = NULL;

    *out = NULL;
    PR_ASSERT(shape->k > 0 && shape->n > 0);
    PR_ASSERT(shape->form == PRI_GEMM_AB || (!shape->bias && !shape->relu));
    PR_ASSERT(!shape->adds || (shape->form != PRI_GEMM_ATB && !shape->relu));
    PR_NEW(gemm, 1);
    gemm->engine               = engine;
    gemm->shape                = *shape;
    const dnnl_status_t status = primitive_make(gemm);
    PR_CHECK(status == dnnl_success, PR_E_LIBRARY,
             "oneDNN: cannot make a matmul of form %d with k = %zu, n = %zu: %s", (int)shape->form,
             shape->k, shape->n, status_name(status));
    *out = gemm;
    gemm = NULL;
done:
    pri_gemm_free(gemm);
    return st;
}

void pri_gemm_free(pri_gemm *gemm)
{
    if (!gemm) return;
    primitive_drop(gemm);
    pri_free(gemm);
}

static dnnl_status_t execute(pri_gemm *gemm)
{
    static const int name[NUM_OPERANDS] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS,
                                            DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD };
    dnnl_exec_arg_t  arg[NUM_OPERANDS];
    int              num_args = 0;

    for (int i = 0; i < NUM_OPERANDS; i++)
        if (gemm->operand[i])
            arg[num_args++] = (dnnl_exec_arg_t){ .arg = name[i], .memory = gemm->operand[i] };
    const dnnl_status_t status =
        dnnl_primitive_execute(gemm->primitive, gemm->engine->stream, num_args, arg);
    return status == dnnl_success ? dnnl_stream_wait(gemm->engine->stream) : status;
}

pr_status pri_gemm_run(pri_gemm *gemm, size_t rows, const float *a, const float *b,
                       const float *bias, float *c)
{
    pr_status             st     = PR_OK;
    dnnl_status_t         status = dnnl_success;
    const pri_gemm_shape *shape  = &gemm->shape;

    PR_ASSERT(!bias == !shape->bias);
    if (rows == 0) {
        for (size_t i = 0; shape->form == PRI_GEMM_ATB && i < shape->k; i++)
            memset(c + i * shape->ldc, 0, shape->n * sizeof *c);
        return PR_OK;
    }
    if (!gemm->primitive || gemm->num_threads != omp_get_max_threads()) {
        primitive_drop(gemm);
        status = primitive_make(gemm);
    }
    if (status == dnnl_success) status = memory_fit(gemm, rows);
    if (status == dnnl_success) status = point(gemm, OPERAND_A, a);
    if (status == dnnl_success) status = point(gemm, OPERAND_B, b);
    if (status == dnnl_success) status = point(gemm, OPERAND_C, c);
    if (status == dnnl_success && bias) status = point(gemm, OPERAND_BIAS, bias);
    if (status == dnnl_success) status = execute(gemm);
    PR_CHECK(status == dnnl_success, PR_E_LIBRARY,
             "oneDNN: matmul of form %d with %zu rows, k = %zu, n = %zu: %s", (int)shape->form,
             rows, shape->k, shape->n, status_name(status));
done:
    return st;
}

void pri_engine_isa(char *out, size_t bytes)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char    *name;
    } known[] = {
        { dnnl_cpu_isa_sse41, "sse41" },
        { dnnl_cpu_isa_avx, "avx" },
        { dnnl_cpu_isa_avx2, "avx2" },
        { dnnl_cpu_isa_avx512_core, "avx512_core" },
        { dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni" },
        { dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16" },
        { dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx" },
    };
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].isa == isa) {
            snprintf(out, bytes, "%s", known[i].name);
            return;
        }
    snprintf(out, bytes, "0x%x", (unsigned)isa);
}
