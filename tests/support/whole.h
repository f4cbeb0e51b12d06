/* whole.h: a random graph with the same features as rows in memory, as CSR and in a file of any
 * format, and exact inference over it in double precision with plain loops. */
#ifndef TESTS_WHOLE_H
#define TESTS_WHOLE_H

#include "pipeline/nn/nn.h"
#include "support/support.h"

typedef struct whole {
    pr_graph    graph;
    pr_features rows, csr, filed, mapped; /* mapped: rows, and the file they are in */
    pr_row_file file;

    pr_eid   *indptr, *csr_indptr;
    pr_vid   *indices;
    float    *values, *csr_data, *scale;
    uint32_t *csr_indices;
} whole;

/* Make it; vertices 0, 7, 14, ... have no neighbours, others 0 .. 9. Free with whole_free.
 *
 *   format   pr_row_format; all features are what a row of it can say */
whole *whole_create(pr_vid num_nodes, uint32_t num_cols, int format, uint64_t seed);
void   whole_free(whole *w);

/* Give a model of random weights and biases (biases too, so that their use is seen). */
pr_model *whole_model(const whole *w, uint32_t layers, uint32_t hidden, uint32_t classes);

/* Give logits [num_nodes, classes], by plain loops; free(). */
double *whole_reference(const whole *w, const pr_model *model);

/* Give how many files a directory has. */
uint32_t whole_files_in(const char *directory);

/* Run all passes of an exact inference, the parts of each in a changing order. */
pr_status whole_run(const pri_exact *exact, const volatile int *stop);

#endif
