/* packrat/cache.h: the packed feature cache. Rows live in slots of a slab, kernels read them in
 * place, and a step changes only what it must: a row that comes in overwrites one that may go.
 *
 * Two doors lead in. Who knows the rows a batch wants uses the first, once a step:
 *
 *     pr_cache_foresee        enters a list that a later step will want (as far ahead as you know)
 *     pr_cache_prepare_next   decides what to move for the oldest such list; touches no row
 *       or pr_cache_prepare   the same for a list that was not foreseen
 *     pr_cache_fetch          brings rows of slow tiers to staging; may run while a view is read
 *     pr_cache_place          writes rows into slots and gives the view
 *     pr_cache_release        ends the view; the next place may write again
 *
 * Who knows the difference to the step before uses the second, in mode packed: pr_cache_apply, at a
 * cost that depends on the difference alone.
 *
 * A cache may have several planes: stores of different widths under one index, whose rows move
 * together (gate, up and transposed down weights of a layer; features and labels).
 *
 * All calls belong to one thread, which may differ from step to step; but while a thread is in
 * pr_cache_fetch, another may read the live view, release it, and ask pr_cache_window. Caches (the
 * partitions of one process) share nothing but their stores, so each may be driven by a thread, and
 * OpenMP team, of its own. */
#ifndef PACKRAT_CACHE_H
#define PACKRAT_CACHE_H

#include <packrat/base.h>
#include <packrat/nouns.h>
#include <packrat/numa.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PR_MAX_PLANES  8u
#define PR_MAX_WINDOW  31u /* most lists that may wait behind the one that is taken next */
#define PR_WINDOW_AUTO UINT32_MAX

typedef enum pr_cache_mode {
    PR_CACHE_RESIDENT, /* rows stay until their slot is needed: C > m; exactly A writes */
    PR_CACHE_PACKED,   /* slots 0 .. m-1 hold exactly the wanted rows; A + h writes */
    PR_CACHE_OFF,      /* kernels read the store in place */
    PR_CACHE_AUTO      /* pr_cache_mode_for; a cache that is opened with it is resident */
} pr_cache_mode;

/* Give the mode of options that leave it open, for rows of these features: off for sparse ones
 * (CSR, less than a tenth of whose values are there), which the first layer multiplies as they are,
 * and which a slab would hold as dense rows; else resident. NULL: not known,
 * resident. Cannot fail. */
int pr_cache_mode_for(int mode, const pr_features *features);

/* Who gives up a slot of a resident slab. Ties of all but sieve go to the lower slot. */
typedef enum pr_cache_policy {
    PR_POLICY_LRU,      /* the row whose last batch is longest ago */
    PR_POLICY_SIEVE,    /* first in, unless wanted since the hand last came by (Zhang et al., NSDI
                           2024) */
    PR_POLICY_STATIC,   /* the row with the smallest score */
    PR_POLICY_LOOKAHEAD /* the row whose next use is farthest (Belady, 1966); those without one in
                           the window first, as lru orders them */
} pr_cache_policy;

/* What the scores of policy static are made of; the caller makes them (pr_cache_setup.scores). */
typedef enum pr_cache_rank { PR_RANK_DEGREE, PR_RANK_PRESAMPLED } pr_cache_rank;

/* When the rows of a view are read. */
typedef enum pr_cache_reader {
    PR_READER_AUTO, /* next, unless the view is larger than pr_tuning.stream_bytes */
    PR_READER_NEXT, /* at once: rows are stored through the caches */
    PR_READER_LATER /* not soon: rows are stored past the caches (non-temporal) */
} pr_cache_reader;

/* Where dense rows are read from. */
typedef enum pr_store_kind {
    PR_STORE_AUTO,     /* copied, when they are far beyond the processor's caches and fit easily */
    PR_STORE_COPIED,   /* a copy on huge pages, in the format of the file */
    PR_STORE_IN_PLACE, /* where the loader left them: a mapped file, as a rule */
    PR_STORE_DIRECT    /* in their file: read as they are needed, past the page cache */
} pr_store_kind;

/* Who asks the kernel for rows of a file. */
typedef enum pr_io_engine {
    PR_IO_AUTO,   /* io_uring where the kernel has it and lets us, else threads */
    PR_IO_URING,  /* one thread and a ring: refused where it cannot be had */
    PR_IO_THREADS /* a pool of threads, each in pread */
} pr_io_engine;

/* How rows of a file are read; of each partition. */
typedef struct pr_io_options {
    int      engine;   /* pr_io_engine */
    uint32_t depth;    /* most reads in flight; threads: as many threads, up to 64 */
    uint64_t gap;      /* most bytes that nobody wants within a read: nearer rows come with one */
    uint64_t max_read; /* bytes of a read, at most (a longer row is read whole) */
    uint32_t ahead;    /* lists of the window whose rows are asked for before they are planned */
    uint64_t staging;  /* bytes that rows asked for early may wait in, of each file; 0: as much as
                          plans needed lately, 1 + ahead times */
    uint32_t retries;  /* times that a failed read is tried again */
    bool     direct;   /* past the page cache (O_DIRECT) where the file system can */
} pr_io_options;

extern const pr_option_table pr_io_option_table; /* io.engine, io.depth, io.gap, ... */

typedef struct pr_cache_options {
    int      mode;   /* pr_cache_mode */
    uint64_t rows;   /* capacity C in rows; 0: see bytes */
    uint64_t bytes;  /* capacity in bytes of slots; 0: resident see factor, packed a whole batch */
    double   factor; /* C = factor * m of the first batch that is not empty; 0: all bypass */
    int      policy; /* pr_cache_policy */
    uint32_t lookahead; /* lists the caller enters ahead, or PR_WINDOW_AUTO; see pr_cache_window */
    int      rank;      /* pr_cache_rank; for whoever makes the scores */
    int      reader;    /* pr_cache_reader */
    int      store;     /* pr_store_kind; for whoever opens the store */
} pr_cache_options;

extern const pr_option_table pr_cache_option_table; /* cache.mode, cache.rows, ... */

/* How rows are copied on this host. Only speed depends on it, and in mode packed whether a step
 * repacks; slots, contents and victims never do. */
typedef struct pr_tuning {
    int isa;              /* pr_isa; one the host lacks becomes the best it has */
    int prefetch_to;      /* 1 or 2: prefetches bring lines to the first- or second-level cache; the
                             second takes more requests at a time on many processors */
    uint32_t row_ahead;   /* rows from the one copied to the one prefetched */
    uint32_t index_ahead; /* ids from the one looked up to the one prefetched */
    uint64_t thread_bytes; /* steps that copy at least this much use the caller's OpenMP threads */
    uint64_t stream_bytes; /* views larger than this are stored past the caches (PR_READER_AUTO) */
    double   repack_share; /* packed: repack once writes reach this share of the rows after */
    char     source[PR_TEXT_BYTES]; /* where this came from: "default", or the file */
} pr_tuning;

/* Give what is good on most hosts for rows of this many bytes. Cannot fail. */
void pr_tuning_default(size_t row_bytes, pr_tuning *out);

/* Measure this host: copy variants, row and index prefetch distances, the size from which threads
 * pay, and from which share of rows on a repack is cheaper.
 *
 *   row_bytes   4 .. 1 MiB, a multiple of 4
 *   threads     1 .. 4096 OpenMP threads
 *   quick       smaller tables and fewer repeats: about 1 s rather than 10 s
 *   report      NULL, or out: the measured figures; the caller frees it
 */
pr_status pr_tuning_measure(size_t row_bytes, uint32_t threads, bool quick, pr_tuning *out,
                            pr_json **report);

/* Print a tuning for people, and the figures behind it unless report is NULL. */
void pr_tuning_print(const pr_tuning *tuning, const pr_json *report, FILE *out);

/* Give the file tunings are kept in: $XDG_CACHE_HOME/packrat/tune.json, else
 * ~/.cache/packrat/tune.json. PR_E_INPUT when neither variable is set. */
pr_status pr_tuning_path(char out[PR_TEXT_BYTES]);

/* Find this host's tuning for rows of that many bytes and so many threads; entries are keyed by
 * host name, CPU model, row bytes and threads. Where these row bytes were not tuned, the nearest
 * within a factor of 2 will do. Without a file, or without such an entry, out is
 * pr_tuning_default() with a source that says so.
 *
 *   path   a file; "auto": pr_tuning_path(), which need not exist; "none" or "": defaults
 *
 * PR_E_INPUT when a file that was named cannot be read, or is not what pr_tuning_save writes; with
 * "auto" a damaged file is said (PR_WARN) and the defaults are taken. */
pr_status pr_tuning_load(const char *path, size_t row_bytes, uint32_t threads, pr_tuning *out);

/* Enter this host's tuning into the file, replacing an entry with the same key; other entries stay.
 * Directories are made as needed; the file is replaced whole or not at all.
 *
 *   path     a file, or "auto": pr_tuning_path()
 *   tuning   NULL: only find out, before measuring, whether it could be entered
 *
 * PR_E_INPUT when a file that was named is there and is not what this writes: it stays as it is.
 * With "auto" a damaged file is said (PR_WARN) and written anew, but not one of a newer packrat. */
pr_status pr_tuning_save(const char *path, size_t row_bytes, uint32_t threads,
                         const pr_tuning *tuning);

/* Where rows come from: the store behind one plane. */
typedef struct pr_store pr_store;

/* A store over features in memory (dense or CSR), which must outlive it. Rows of other 4-byte
 * elements, such as labels, are dense features whose pointer was cast. */
pr_status pr_store_memory(const pr_features *features, pr_store **out);

/* A store that holds a copy of dense features on huge pages where the kernel gives them, so that
 * random rows cost fewer page walks; `features` may go afterwards. PR_E_NOMEM when memory is short,
 * PR_E_ARG for CSR. O(N F). */
pr_status pr_store_copied(const pr_features *features, pr_store **out);

/* A store over the columns of a row-major matrix [num_rows, num_cols], rows ld elements apart: row
 * i of the store is column i. Holds a copy, as pr_store_copied does. O(rows cols). */
pr_status pr_store_transposed(const float *matrix, uint32_t num_rows, pr_vid num_cols, size_t ld,
                              pr_store **out);
void      pr_store_free(pr_store *store);

/* A store that holds a copy of rows, dense or CSR, each shard on its NUMA node: pages are bound
 * before they are touched, whoever touches them. Made empty: every lane copies its own shards
 * (pr_store_fill), all at once, and then the store can be read.
 *
 *   features   outlive pr_store_fill
 *   shards     copied, but for of_row, which must outlive the store
 *   topo       of this machine; NULL: nothing is bound (several shards on one node, or tests)
 *   mode       PR_NUMA_STRICT: a refusal to bind is PR_E_UNSUPPORTED, else it is said once
 *
 * Ranges of dense rows are one matrix whose shards begin on page boundaries (pr_store_unit), and
 * cost no more to read than a copy. Shards by of_row take 4 bytes a row for where each row is, and
 * a look-up there a row; mode off cannot read them.
 *
 * PR_E_ARG or PR_E_RANGE for shards that do not have every row once, or ranges that do not begin at
 * a multiple of the least pr_store_unit. Of CSR shards one page an array and border may be on the
 * node of the shard before. */
pr_status pr_store_sharded(const pr_features *features, const pr_shards *shards,
                           const pr_topo *topo, pr_numa_mode mode, pr_store **out);

/* Give the rows between which ranges of these features may be cut, so that each shard begins on a
 * page: huge pages where shards are large enough for them. 1 for CSR. */
uint64_t pr_store_unit(const pr_features *features, uint32_t num_shards);

/* Copy the rows of all shards of one lane, with the caller's OpenMP threads. Several lanes may be
 * in it at a time. Nothing to do for other stores. Cannot fail. */
void pr_store_fill(pr_store *store, uint32_t lane);

/* Give on which nodes a store's rows are; NULL: not known. Borrowed from the store. */
const pr_shards *pr_store_shards(const pr_store *store);

/* Append the memory a store holds: each shard with its own node and lane. */
void pr_store_ranges(const pr_store *store, pr_ranges *ranges);

/* What decides about the store of a dataset. */
typedef struct pr_store_setup {
    const pr_features *features; /* outlive the store */
    int                kind;     /* pr_store_kind */
    const pr_shards   *shards; /* NULL: not sharded. One shard is, where there are several nodes */
    const pr_topo     *topo;   /* NULL: nothing is bound */
    int                numa;   /* pr_numa_mode */
    bool in_place; /* with auto: kernels will read the rows where they are (mode off), so that rows
                      which are mapped are not read from their file instead */
    uint64_t memory; /* bytes that a copy may take with auto; 0: half of what is free (shards: three
                        quarters) */
} pr_store_setup;

/* Open the store that `kind` names over a dataset's features. Copied on request or, with auto,
 * where dense rows take twice the last-level cache or more and have room; with shards auto copies
 * whatever fits (pr_store_sharded, to be filled). Without room, rows that a file has are read from
 * it (direct), others stay in place.
 *
 *   why   NULL, or out: a literal that says what was chosen and why
 *
 * PR_E_NOMEM when a copy was asked for and does not fit; PR_E_UNSUPPORTED for kind direct over rows
 * that no file has, sparse ones included. */
pr_status pr_store_open(const pr_store_setup *setup, pr_store **out, const char **why);

/* A store of rows that stay in their file (features->file) and are read as they are needed. Only
 * its name, fd and scales are used; they must outlive the store. Each partition that reads it has
 * its own reads in flight (pr_cache_setup.io). */
pr_status pr_store_direct(const pr_features *features, pr_store **out);

/* Computes rows of a derived plane.
 *
 *   ids   [n] whose rows; distinct
 *   x     [n, base columns], ldx apart: their rows in the store below; NULL where pr_derivation
 *         finds rows by itself
 *   out   [n, num_cols], ldo apart
 *
 * Called by one thread at a time for each cache, from within pr_cache_fetch (or place, which does
 * what was not fetched). What fails here fails there. */
typedef pr_status (*pr_derive)(void *context, const pr_vid *ids, uint32_t n, const float *x,
                               size_t ldx, float *out, size_t ldo);

typedef struct pr_derivation {
    pr_derive derive;
    void     *context;
    uint32_t  num_cols;
    bool      by_id; /* derive is told ids only: rows of the base are not brought */
} pr_derivation;

/* A store whose rows are computed from those of `base`, for admitted rows only: X W for a W that
 * does not change. A slab over it holds what was computed, and its views say so (is_derived).
 *
 *   base         of any kind, outlives it; rows of CSR are expanded (unless by_id)
 *   derivation   copied; what it points to outlives the store
 *
 * One cache reads it. Modes resident and packed. PR_E_ARG for no columns. */
pr_status pr_store_derived(const pr_store *base, const pr_derivation *derivation, pr_store **out);

/* Copy rows of a store that need no fetching, or read them from their file: row ids[i] to
 * out + i * ld, num_cols floats. Any thread; blocks for rows of a file. PR_E_RANGE for an id
 * outside the store, PR_E_IO as pr_cache_fetch; PR_E_UNSUPPORTED for derived ones. */
pr_status pr_store_read(const pr_store *store, pr_vids ids, float *out, size_t ld);

/* Whether rows of this store must be brought (pr_cache_fetch) before they can be copied: they are
 * not in memory. */
bool pr_store_fetches(const pr_store *store);

/* Bytes of one slab row, S: columns * 4, without the padding of slots. */
size_t pr_store_row_bytes(const pr_store *store);

typedef struct pr_cache pr_cache;

/* What a step will do; rows, not bytes. Borrowed until the next prepare or apply. */
typedef struct pr_cache_plan {
    uint64_t num_wanted;
    uint64_t rows_hit, rows_added, rows_bypassed, rows_direct; /* sum: num_wanted */
    uint64_t rows_victim;                                      /* rows that lost their slot */
    uint64_t rows_compacted; /* survivors that change their slot, h */
    uint64_t rows_moved;     /* row writes: added + compacted + bypassed; repack: all but direct */
    uint64_t rows_first;     /* wanted for the first time since create */
    uint64_t bytes_moved;    /* rows_moved * S, S the sum over planes */
    int64_t  bytes_bound;    /* packed: (A + h) * S, A = added + bypassed; else PR_NULL_INT */
    int64_t  bytes_local, bytes_remote; /* sum: bytes_moved. Read from a shard on the
                                           partition's node (moves within the slab are local), or
                                           on another; PR_NULL_INT: the store does not say */
    uint64_t    bytes_gather; /* num_wanted * S: what a fresh copy of the batch would move */
    uint32_t    lookahead;    /* lists that were foreseen behind this one */
    const char *path; /* "paired" (slots were overwritten in place), "repack" (every slot was
                         written anew, in order) or "direct" (off) */
} pr_cache_plan;

/* Everything a cache is made of. */
typedef struct pr_cache_setup {
    const pr_cache_options *options;
    const pr_store *const  *stores; /* [num_planes] of the same number of rows; must outlive it */
    uint32_t                num_planes; /* 1 .. PR_MAX_PLANES */
    uint32_t                max_wanted; /* most ids one list may have */
    const pr_tuning        *tuning;     /* NULL: pr_tuning_default() */
    const uint32_t         *scores;     /* [rows] for policy static, read by pr_cache_open only */
    int32_t                 numa_node;  /* of the partition, for bytes_local; -1: none, so that they
                                           are known on a machine of one node only */
    const pr_io_options *io;            /* NULL: the table's defaults; for stores in a file */
    void (*thread_begins)(void *context); /* NULL, or called first on every thread that the cache
                                             starts, to place it */
    void *context;
} pr_cache_setup;

/* Create one cache partition.
 *
 *   out   free with pr_cache_free; NULL on failure
 *
 * Takes 4 bytes a row of the store (8 with policy lookahead) and reserves address space for max(C,
 * max_wanted) slots; pages are committed when first written, so memory follows the capacity, or the
 * batch where that is larger: bypassed rows use the slots behind C. No other call allocates.
 * PR_E_ARG for options out of bounds, for stores that differ in rows, and for policy static without
 * scores; PR_E_UNSUPPORTED for mode off over a store that is not in memory.
 */
pr_status pr_cache_open(const pr_cache_setup *setup, pr_cache **out);

/* The same with one plane, default tuning and no scores. */
pr_status pr_cache_create(const pr_cache_options *options, const pr_store *store,
                          uint32_t max_wanted, pr_cache **out);
void      pr_cache_free(pr_cache *cache); /* NULL is fine */

/* Enter a list that will be wanted after all those entered before.
 *
 *   wanted   [n] distinct ids, n <= max_wanted; borrowed until the list's place
 *
 * Policy lookahead learns from it: PR_E_RANGE for an id outside the store, PR_E_ARG for a
 * duplicate. The others only keep it; pr_cache_prepare_next finds such ids then. PR_E_ARG between
 * prepare and place, PR_E_FULL when PR_MAX_WINDOW + 1 lists wait. Nothing has changed after an
 * error. O(n) with lookahead, else O(1). */
pr_status pr_cache_foresee(pr_cache *cache, pr_vids wanted);

/* Lists entered and not yet taken. */
uint32_t pr_cache_num_foreseen(const pr_cache *cache);

/* Give how many lists should be foreseen behind the one taken next: options.lookahead, or with
 * PR_WINDOW_AUTO clamp(3 (C - m) / misses a step, 8, PR_MAX_WINDOW) from the steps so far (8 before
 * there are any); 0 for other policies. A function of earlier calls alone. */
uint32_t pr_cache_window(const pr_cache *cache);

/* Decide which rows to move so that every wanted id can be read through the next view.
 *
 *   wanted   [n] distinct ids, n <= max_wanted; may exceed the capacity: the surplus bypasses.
 *            Borrowed until place. Not a list that was foreseen: those keep waiting.
 *   plan     out; borrowed until the next prepare or free
 *
 * PR_E_RANGE for an id outside the store, PR_E_ARG for a duplicate or a second prepare without
 * place: the cache is unchanged then. Decisions depend only on earlier calls, never on timing or
 * threads. O(n + C/32), or O(n) with policy sieve and few ids, no feature byte is touched.
 */
pr_status pr_cache_prepare(pr_cache *cache, pr_vids wanted, const pr_cache_plan **plan);

/* The same for the oldest list foreseen. PR_E_ARG without one, and when its ids were changed
 * since. */
pr_status pr_cache_prepare_next(pr_cache *cache, const pr_cache_plan **plan);

/* Bring rows of slow tiers to staging. Nothing to do for stores in memory; place calls it when the
 * caller did not. PR_E_ARG without a prepare. When a store fails the plan is dropped: index, rows
 * and lists foreseen are as before prepare, which may be called again. PR_E_IO names the file, the
 * offset and the kernel's reason, PR_E_INPUT a value that is not finite.
 *
 * Of lists that were foreseen, rows that will be missing are asked for before they are planned, as
 * far ahead as io.ahead says and io.staging has room: foresee and place begin with those reads, and
 * never wait. While the slab fills none are, unless there are slots in plenty. */
pr_status pr_cache_fetch(pr_cache *cache);

/* Give what bringing the rows of the plan cost that was fetched last; zero for stores in memory.
 * The caller is the thread that fetched, or waited for it. */
void pr_cache_fetch_cost(const pr_cache *cache, pr_fetch_cost *out);

/* Say how rows of a file are read: "io_uring, direct, 512-byte blocks, depth 64"; "" for stores in
 * memory. Borrowed from the cache. */
const char *pr_cache_io(const pr_cache *cache);

/* Write the plan's rows into their slots and give the view of plane 0. PR_E_ARG without a prepare,
 * or while an earlier view is live; cache, plan and *view are unchanged then. Uses the caller's
 * OpenMP threads; the result is the same for any number of them. */
pr_status pr_cache_place(pr_cache *cache, pr_slab *view);

/* Give the live view of one plane. PR_E_ARG without a live view, PR_E_RANGE for a plane that is
 * not. */
pr_status pr_cache_plane(const pr_cache *cache, uint32_t plane, pr_slab *view);

/* End the view; its pointers are invalid from now. Nothing happens without one. */
void pr_cache_release(pr_cache *cache);

/* Change the set of a packed cache: `removed` leave, `added` come in, all planes together.
 *
 *   added     ids that are not resident    removed   ids that are; no id twice in or across both
 *   plan      out, may be NULL; borrowed until the next apply, prepare or free
 *
 * The rows after fill slots 0 .. n-1 with the fewest row writes, A + h. PR_E_RANGE for an id
 * outside the store, PR_E_ARG for an id that is where it should not be or comes twice, for another
 * mode, and while a plan or a view is open, PR_E_FULL when more rows than the capacity or
 * max_wanted would be held; whatever fails, a store's fetch included, leaves the cache as it was.
 * O(added + removed): nothing in it grows with the rows of the store or the set. Uses the caller's
 * OpenMP threads for large differences, with the same result. */
pr_status pr_cache_apply(pr_cache *cache, pr_vids added, pr_vids removed,
                         const pr_cache_plan **plan);

/* The rows of one plane of a packed cache as one matrix: row i is that of ids[i]. Valid until the
 * next apply, place or free. */
typedef struct pr_packed {
    const float  *rows;
    size_t        ld; /* elements from one row to the next */
    uint32_t      num_rows, num_cols;
    const pr_vid *ids; /* [num_rows] */
} pr_packed;
pr_status pr_cache_packed(const pr_cache *cache, uint32_t plane, pr_packed *out);

/* Most rows kept, C: never more than the store has; 0 in mode off, and as long as the first batch
 * has to decide it. */
uint64_t pr_cache_capacity_rows(const pr_cache *cache);

/* List ids of resident rows, at most `most` of them, in the order of slots; gives how many. */
uint64_t pr_cache_residents(const pr_cache *cache, pr_vid *out, uint64_t most);

uint64_t    pr_cache_resident_rows(const pr_cache *cache);
const char *pr_cache_mode_name(const pr_cache *cache);   /* "resident", "packed", "off" */
const char *pr_cache_policy_name(const pr_cache *cache); /* "lru", ...; "none" without victims */

/* What a cache did since it was created. */
typedef struct pr_cache_stats {
    uint64_t steps, repacks; /* places and applies that moved rows or not; repacks among them */
    uint64_t rows_wanted, rows_hit, rows_added, rows_bypassed, rows_direct;
    uint64_t rows_victim, rows_compacted, rows_moved, rows_first;
    uint64_t bytes_moved, bytes_gather;
} pr_cache_stats;
void pr_cache_statistics(const pr_cache *cache, pr_cache_stats *out);

/* Say what the cache runs with: {"isa", "stores", "row_ahead", ..., "huge_pages"}, and "io" where
 * rows of a file are read; NULL when out of memory. huge_pages is what the kernel has given to the
 * slab so far, read back: bytes. */
pr_json *pr_cache_describe(const pr_cache *cache);

/* Append the memory a cache holds: slab of each plane, staging, index, policy. */
void pr_cache_ranges(const pr_cache *cache, pr_ranges *ranges);

/* Count the rows of this cache's slab that one of the others, over the same store, holds too. No
 * cache may be in place meanwhile; one may have a plan. O(C) random reads for each other cache. */
uint64_t pr_cache_count_shared(const pr_cache *cache, const pr_cache *const *others,
                               uint32_t num_others);

/* Check every invariant of index, slab and policy; PR_E_BUG with the broken one. Rows are compared
 * bit for bit; derived ones are computed once more, and may differ as products do that are rounded
 * in another order (a row at a time rather than many). O(N + C F). */
pr_status pr_cache_check(const pr_cache *cache);

#ifdef __cplusplus
}
#endif
#endif
