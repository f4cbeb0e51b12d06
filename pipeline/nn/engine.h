/* engine.h: matrix products through oneDNN, kept ready for any number of batch rows. engine.c is
 * the only file that includes dnnl.h and the only one that knows whether it is 2.6 or 3.x. */
#ifndef PIPELINE_NN_ENGINE_H
#define PIPELINE_NN_ENGINE_H

#include "base/check.h"

/* The CPU as oneDNN sees it, and one stream. One thread at a time. */
typedef struct pri_engine pri_engine;

pr_status pri_engine_create(pri_engine **out);
void      pri_engine_free(pri_engine *engine); /* NULL is fine; after all its products */

/* The three products of a dense layer. `rows` are the batch's and known only when run. */
typedef enum pri_gemm_form {
    PRI_GEMM_AB,  /* C [rows, n] = A [rows, k] B [k, n]; may add a bias and apply ReLU */
    PRI_GEMM_ATB, /* C [k, n] = A [rows, k]^T B [rows, n]: the gradient of weights */
    PRI_GEMM_ABT  /* C [rows, k] = A [rows, n] B [k, n]^T: the gradient of inputs */
} pri_gemm_form;

typedef struct pri_gemm_shape {
    pri_gemm_form form;
    size_t        k, n;          /* at least 1 */
    size_t        lda, ldb, ldc; /* elements from one row to the next */
    bool          bias, relu;    /* PRI_GEMM_AB only */
    bool          adds;          /* to what C has; not with relu, nor PRI_GEMM_ATB */
} pri_gemm_shape;

/* One product, kept: made once, run with any number of rows. One thread at a time. */
typedef struct pri_gemm pri_gemm;

/* Create a product; `engine` is borrowed for its life. PR_E_LIBRARY with oneDNN's status. */
pr_status pri_gemm_create(pri_engine *engine, const pri_gemm_shape *shape, pri_gemm **out);
void      pri_gemm_free(pri_gemm *gemm); /* NULL is fine */

/* Run it on the team of the calling thread (omp_get_max_threads).
 *
 *   rows   may be 0: C is empty then, or zero for PRI_GEMM_ATB
 *   bias   [n] where the shape says so, else NULL
 *   c      overwritten, or added to; must not overlap a or b
 *
 * PR_E_LIBRARY with oneDNN's status and the shape. No call through the heap door. */
pr_status pri_gemm_run(pri_gemm *gemm, size_t rows, const float *a, const float *b,
                       const float *bias, float *c);

/* Describe the library in use, such as "2.6.3"; for the log's versions. */
void pri_engine_version(char *out, size_t bytes);

/* Describe the instructions it may use, such as "avx2": what the processor has, within what the
 * environment allows (DNNL_MAX_CPU_ISA). Results of products depend on them. */
void pri_engine_isa(char *out, size_t bytes);

#endif
