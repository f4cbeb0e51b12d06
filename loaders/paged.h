/* paged.h: arrays of an import. They come by the page and go back to the kernel as soon as they are
 * freed: the heap would keep some of them, and what an import takes could not be stated. */
#ifndef LOADERS_PAGED_H
#define LOADERS_PAGED_H

#include "base/check.h"

typedef struct pri_paged {
    void  *at; /* zeroed; NULL: none */
    size_t bytes;
} pri_paged;

/* Take an array, `what` in errors; free with pri_paged_free, zeroed ones too. */
pr_status pri_paged_take(pri_paged *array, uint64_t count, size_t size, const char *what);
void      pri_paged_free(pri_paged *array);

/* Give the memory that such an array takes at most: a whole number of huge pages from one on. */
uint64_t pri_paged_bytes(uint64_t count, size_t size);

#endif
