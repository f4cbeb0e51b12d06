/* tune_rig.h: what packrat tune measures with: a table of rows far larger than the caches, slots to
 * copy them to, an order that reaches every row and repeats late, and medians. */
#ifndef CACHE_TUNE_RIG_H
#define CACHE_TUNE_RIG_H

#include <packrat/cache.h>

#include "base/check.h"
#include "cache/copy.h"

enum { PRI_RIG_ROUNDS = 64 }; /* most repeats of a measurement */

/* How much time and memory go into figures. Least is for tests: the figures mean nothing. */
typedef enum pri_effort { PRI_EFFORT_LEAST, PRI_EFFORT_QUICK, PRI_EFFORT_FULL } pri_effort;
enum { PRI_NUM_EFFORTS = PRI_EFFORT_FULL + 1 };

typedef struct pri_rig {
    size_t      row_bytes;
    uint32_t    threads;
    pri_effort  effort;
    pr_features table;    /* [num_rows], row i's words are a function of i */
    uint32_t    num_bits; /* num_rows is 1 << num_bits */
    char       *slots;    /* [num_slots] of slot_bytes */
    uint32_t    num_slots;
    size_t      slot_bytes;
    pri_write  *write; /* [num_slots] */
    uint32_t    next;  /* place in the order of rows */
    float      *memory;
    size_t      memory_bytes, slots_bytes;
} pri_rig;

/* Make table and slots. Free with pri_rig_clear, also after a failure. */
pr_status pri_rig_init(pri_rig *rig, size_t row_bytes, uint32_t threads, pri_effort effort);
void      pri_rig_clear(pri_rig *rig); /* zeroed is fine */

/* Give element `place` of an order of the numbers below 1 << num_bits that looks random. */
uint32_t pri_rig_scatter(uint32_t place, uint32_t num_bits);

/* How many rows make so many bytes, within 1 .. num_slots. */
uint32_t pri_rig_rows(const pri_rig *rig, uint64_t bytes);

/* Let rig->write name the next n rows of the order, for slots 0 .. n-1; and copy them. The caller
 * looks at the clock only around the copy. */
void pri_rig_draw(pri_rig *rig, uint32_t n);
void pri_rig_copy(const pri_rig *rig, uint32_t n, const pr_tuning *tuning, pri_stores stores,
                  uint32_t threads);

/* PR_E_BUG unless slots 0 .. n-1 hold the rows that rig->write names, bit for bit. */
pr_status pri_rig_verify(const pri_rig *rig, uint32_t n, const char *what);

/* Times of `num` rivals, measured in turn, round after round, until a budget is used up. */
typedef struct pri_trial {
    int64_t  start_ns, budget_ns;
    uint32_t num, num_rounds;
    int64_t *ns; /* [num, PRI_RIG_ROUNDS] */
} pri_trial;

pr_status pri_trial_begin(pri_trial *trial, uint32_t num, int64_t budget_ns);
bool      pri_trial_goes_on(pri_trial *trial); /* begins a round, of 5 at least */
void      pri_trial_note(pri_trial *trial, uint32_t rival, int64_t ns);
int64_t   pri_trial_median(pri_trial *trial, uint32_t rival); /* after the last round; at least 1 */
void      pri_trial_end(pri_trial *trial);                    /* zeroed is fine */

/* pr_tuning_measure, with any effort. */
pr_status pri_tuning_measure(size_t row_bytes, uint32_t threads, pri_effort effort, pr_tuning *out,
                             pr_json **report);

/* The parts of a measurement. Each chooses members of `tuning`, whose others it works with, and
 * appends its figures to the report. */
pr_status pri_tune_copies(pri_rig *rig, pr_tuning *tuning, pr_json *report);
pr_status pri_tune_team(pri_rig *rig, pr_tuning *tuning, pr_json *report);
pr_status pri_tune_lookup(const pri_rig *rig, pr_tuning *tuning, pr_json *report);
pr_status pri_tune_repack(const pri_rig *rig, pr_tuning *tuning, pr_json *report);

#endif
