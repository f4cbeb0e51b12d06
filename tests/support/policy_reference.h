/* policy_reference.h: who gives up a slot, decided the slow, obvious way: every row that may go is
 * compared with every other. It learns from the view in which slots new rows came to lie, since the
 * pairing of victims and new rows is not promised; which rows go is, and is checked. */
#ifndef TESTS_POLICY_REFERENCE_H
#define TESTS_POLICY_REFERENCE_H

#include "support/support.h"

enum { NOWHERE = -1 };

typedef struct policy_reference {
    int             policy; /* pr_cache_policy */
    bool            packed; /* every row that is not wanted goes; the policy is not asked */
    uint32_t        n, capacity;
    const uint32_t *scores;  /* [n], borrowed; policy static */
    int            *slot_of; /* [n] or NOWHERE */
    uint32_t        num_resident;
    uint64_t        now;         /* batches placed so far */
    uint64_t       *last_wanted; /* [n] the batch that wanted it last, 1, 2, ...; 0: none */

    /* Sieve: resident rows, the first in first; the hand is at the row it looks at next. */
    uint32_t *queue, num_queued, hand;
    bool     *visited; /* [n] */

    /* Lists foreseen and not yet taken, the oldest first; borrowed. */
    pr_vids  waiting[PR_MAX_WINDOW + 2];
    uint32_t num_waiting;

    /* The batch that was prepared and not yet placed. */
    pr_vids   wanted;
    bool      taken;                            /* it was the oldest that waited */
    bool     *is_wanted, *is_added, *is_victim; /* [n] */
    uint32_t *next_use;                         /* [n] lists until it is wanted, or UINT32_MAX */
    uint32_t  num_hit, num_added, num_bypassed, num_victims, num_compacted, rows_after;
    uint32_t  hand_after;
    bool     *visited_after; /* [n] */
} policy_reference;

void reference_open(policy_reference *r, int policy, uint32_t n, uint32_t capacity,
                    const uint32_t *scores);
void reference_close(policy_reference *r);

void reference_foresee(policy_reference *r, pr_vids wanted);

/* Decide for a list, or for the oldest foreseen. Nothing follows before reference_place. */
void reference_prepare(policy_reference *r, pr_vids wanted);
void reference_prepare_next(policy_reference *r);
void reference_drop(policy_reference *r); /* as if it had not been prepared */

/* Compare a plan's figures with what was decided. */
void reference_check_plan(const policy_reference *r, const pr_cache_plan *plan);

/* Check the slots of the wanted rows, as a view gives them, against what was decided and what the
 * mode promises, and follow. Fails the test where they differ. */
void reference_place(policy_reference *r, const pr_slot *slot_of_input);

/* All that later decisions depend on, as one number; for stores of at most 5 rows. */
uint64_t reference_key(const policy_reference *r);

/* A score as policy static keeps it: exact below 4096, the top 12 bits of larger ones. */
uint32_t reference_score(uint32_t score);

/* Zeroed heap memory, at least one element; the test fails when there is none. */
void *test_room(size_t count, size_t size);

#endif
