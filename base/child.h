/* child.h: work in a process of its own, for a library that prints, catches signals or ends the
 * process when it does not like its input. Nothing it does reaches the caller but a result of known
 * size, and the work can be given up at any time. */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include "base/check.h"

/* What to do. */
typedef struct pri_child_work {
    const char *name;                /* for errors */
    pr_status (*run)(void *context); /* in the child: one thread, the caller's memory as a copy */
    void               *context;
    void               *result; /* what run() leaves here becomes the caller's */
    size_t              result_bytes;
    const volatile int *stop; /* NULL, or non-zero to give up: PR_E_INTERRUPTED */
} pri_child_work;

/* Do it and wait. What the child prints is lost. `run` may call the C library's heap and the
 * library the work is for, and must not use OpenMP.
 *
 *   peak_bytes   out: by how much the child's memory grew at the most
 *
 * Gives the status that run() gave, PR_E_LIBRARY when the child ended without one, PR_E_NOMEM or
 * PR_E_IO when there could be no child. The result is undefined then. */
pr_status pri_child_run(const pri_child_work *work, uint64_t *peak_bytes);

#endif
