/* partition.h: what a cache holds. The first door is cache.c, the second apply.c; what both need to
 * carry a plan out is carry.c. */
#ifndef CACHE_PARTITION_H
#define CACHE_PARTITION_H

#include "cache/local_rows.h"
#include "cache/policy.h"
#include "cache/seen.h"
#include "cache/slab.h"

/* What writing the rows of a plane needs, if its rows are dense and in memory: no call of the
 * store, and few cache lines. */
typedef struct pri_dense {
    pri_copy      copy;                   /* but for the writes; from NULL: the store places rows */
    pri_copy_rows kernel[PRI_NUM_STORES]; /* for this host */
} pri_dense;

struct pr_cache {
    /* What an update touches; kept together, as a small one waits for little else than this. */
    pr_cache_options options;
    uint32_t         num_planes;
    uint32_t         capacity;  /* C; see decided */
    bool             decided;   /* false: the first batch decides the capacity */
    bool             can_fetch; /* some store is slow */
    bool             planned, fetched, viewed;
    bool             taken;                 /* the plan is of the oldest list that waited */
    bool             repack;                /* every slot is written anew */
    bool             noted;                 /* rows that leave have left the index already */
    pri_local_kind   local_kind;            /* of all planes; TABLE stands for RANGES, too */
    size_t           row_bytes, slot_bytes; /* over all planes */
    pri_index        index;                 /* not in mode off */
    pri_plan         plan; /* arrays have min(max_wanted, rows of the store) elements and some
                              slack, as have all that follow; they are in `room` */
    pri_write     *write;  /* what is to be written: [num_writes] */
    uint32_t       num_writes;
    pri_lookup     look;
    pr_cache_plan  figures;
    pr_cache_stats stats;
    pri_dense      dense[PR_MAX_PLANES];

    const pr_store   *store[PR_MAX_PLANES];
    pri_fetcher      *fetcher[PR_MAX_PLANES]; /* NULL: the store needs none */
    pr_fetch_cost     cost;                   /* of the last fetch */
    uint32_t          early;      /* lists whose rows are asked for before they are planned */
    uint32_t          num_asked;  /* lists that wait and were asked for since the last place */
    bool              early_full; /* there is no room for more before the next place */
    pr_vid           *missing; /* rows of such a list; as long as arrays of plans; if early > 0 */
    pri_slab          slab[PR_MAX_PLANES]; /* not in mode off */
    size_t            row_ahead[PR_MAX_PLANES];
    const pri_policy *policy; /* resident mode, else NULL */
    void             *policy_state;
    pri_seen          seen;       /* mode off */
    uint32_t          max_wanted; /* as the caller said */
    pr_slot          *slot_of[2]; /* [wanted.n] one of the live view, one of the next plan */
    int               side;       /* the one of the next plan */
    uint32_t          num_viewed; /* inputs of the live view */

    pri_local_rows *local_rows; /* [num_planes] */
    char           *room; /* arrays of plans, on pages of their own: a lane's memory is where its
                             thread touches it, and shares no page with another's */
    size_t room_bytes;

    pr_vids  window[PR_MAX_WINDOW + 1]; /* lists that wait, a ring */
    uint32_t window_first, num_foreseen;
    uint32_t window_length;                /* see pr_cache_window */
    uint64_t recent_wanted, recent_misses; /* a step, times 256, the last steps weigh more */

    pr_tuning tuning;
};

/* Rows that a cache with these options may keep when the first batch has m rows. */
uint32_t pri_cache_rows_for(const pr_cache_options *options, uint64_t num_rows, size_t slot_bytes,
                            uint64_t m);

/* What a cache takes at most. */
typedef struct pri_cache_bytes {
    uint64_t slab, index; /* index: with policy and lists, to a tenth or so */
    uint64_t staging;     /* of rows of a file: rows, their table, and reads in flight. At most; a
                             run has that many in its first step, if ever */
} pri_cache_bytes;

/* How the rows of a file are read. */
typedef struct pri_cache_reads {
    const pr_io_options *io;
    size_t               row_bytes; /* in the file */
} pri_cache_reads;

/* Give it without making one, for a single plane. Cannot fail.
 *
 *   reads   NULL: rows are in memory */
void pri_cache_measure(const pr_cache_options *options, pr_vid num_rows, uint32_t num_cols,
                       uint32_t max_wanted, const pri_cache_reads *reads, pri_cache_bytes *out);

/* Rows the slab may keep when the first batch has m rows. */
uint32_t pri_cache_capacity_for(const pr_cache *cache, uint64_t m);

/* Make what rows of slow stores are brought with, in all planes. */
pr_status pri_early_open(pr_cache *cache, const pr_cache_setup *setup);
void      pri_early_close(pr_cache *cache);

/* Ask for the missing rows of lists that wait, as far ahead as there is room. Between plans. */
void pri_early_ask(pr_cache *cache);

/* The same after a place: what lists miss has changed. */
void pri_early_ask_anew(pr_cache *cache);

/* Give how many slots are still to be filled, with so many rows in the slab: 0 once it is as full
 * as it gets; 1 before the first batch where that decides how many there are. */
uint64_t pri_early_free_slots(const pr_cache *cache, uint32_t resident);

/* Note that the next list was taken, or came back as its rows cannot be had. */
void pri_early_taken(pr_cache *cache);
void pri_early_dropped(pr_cache *cache);

/* Bring the plan's rows of slow tiers to staging, in all planes. */
pr_status pri_carry_fetch(pr_cache *cache);

/* Carry the plan out in all planes: move survivors, write rows, and make the index follow. Cannot
 * fail; same result for any number of threads. */
void pri_carry_rows(pr_cache *cache);

/* Whether the plan should be carried out by writing every slot anew. */
bool pri_carry_should_repack(const pr_cache *cache);

/* Fill what both doors count the same way: rows moved, bytes, path. */
void pri_carry_figures(pr_cache *cache);

/* Split bytes moved by where the rows are read from, once the figures are filled.
 *
 *   removed   the rows that leave, of a plan whose rows were noted */
void pri_carry_local(pr_cache *cache, pr_vids removed);

/* Add the plan to the statistics. */
void pri_carry_count(pr_cache *cache);

#endif
