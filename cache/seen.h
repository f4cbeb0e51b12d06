/* seen.h: what mode off needs instead of an index: which rows were ever wanted, and whether an id
 * comes twice in a batch. Two bits a row. */
#ifndef CACHE_SEEN_H
#define CACHE_SEEN_H

#include "base/check.h"

#include <packrat/nouns.h>

/* Side by side, so that one access serves both. */
typedef struct pri_seen_bits {
    uint64_t seen;   /* in a batch that was placed */
    uint64_t marked; /* in the batch being looked at; all clear between calls */
} pri_seen_bits;

typedef struct pri_seen {
    pr_vid         num_rows;
    pri_seen_bits *bits; /* [num_rows / 64, rounded up] */
    size_t         bytes;
} pri_seen;

pr_status pri_seen_init(pri_seen *seen, pr_vid num_rows);
void      pri_seen_clear(pri_seen *seen); /* zeroed is fine */

/* Count the ids that no batch was noted with. PR_E_RANGE for an id outside, PR_E_ARG when one comes
 * twice. Changes nothing. O(n). */
pr_status pri_seen_find(pri_seen *seen, pr_vids wanted, uint32_t *num_first);

/* Note a batch. */
void pri_seen_note(pri_seen *seen, pr_vids wanted);

#endif
