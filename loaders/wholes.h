/* wholes.h: whole numbers of any type from a .npy. */
#ifndef LOADERS_WHOLES_H
#define LOADERS_WHOLES_H

#include <packrat/loaders.h>

#include "base/check.h"

/* Map a file of whole numbers of any type, one dimension. PR_E_INPUT names the file and what it
 * holds.
 *
 *   out   close with pr_npy_close; zeroed on failure */
pr_status pri_wholes_open(const char *path, pr_npy *out);

/* Give entry i where it fits into 63 bits; else its value is in *wide, which is 0 otherwise, and
 * the result negative. Cannot fail. */
int64_t pri_wholes_at(const pr_npy *npy, size_t i, uint64_t *wide);

#endif
