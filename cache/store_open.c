/* store_open.c: whether a dataset's rows are worth a copy, and where. A mapped file is on small
 * pages, where every random row costs a page walk: rows come about half as fast as from huge pages.
 * And it is where the kernel has it: several lanes want their rows on their own nodes. */
#include <packrat/numa.h>

#include <sys/mman.h>
#include <unistd.h>

#include "cache/row_source.h"
#include "cache/sharded.h"
#include "cache/shards.h"
#include "loaders/row_format.h"
#include "numa/area.h"

static const char copied[]    = "copied to huge pages";
static const char sharded[]   = "copied to a shard on each lane's NUMA node";
static const char sparse[]    = "in place: sparse rows are expanded on the way";
static const char asked[]     = "in place: asked for";
static const char small[]     = "in place: little more than the processor's caches";
static const char too_much[]  = "in place: a copy would take more than half of the free memory";
static const char no_room[]   = "in place: shards would take more than three quarters of the free "
                                "memory";
static const char no_share[]  = "in place: a copy would take more than its share of the memory";
static const char kernels[]   = "in place: mode off reads rows where they are";
static const char to_read[]   = "direct: asked for, read from the file as they are needed";
static const char too_large[] = "direct: a copy would take more than half of the free memory";
static const char no_shards[] = "direct: shards would take more than three quarters of the free "
                                "memory";
static const char no_part[]   = "direct: a copy would take more than its share of the memory";

/* Bytes of a copy. */
static double bytes_of(const pr_features *x)
{
    if (x->kind == PR_FEATURES_CSR)
        return (double)x->indptr[x->num_rows] * (sizeof *x->indices + sizeof *x->data) +
               (double)x->num_rows * sizeof *x->indptr;
    const int format = x->file ? x->file->format : PR_ROWS_F32;
    return (double)x->num_rows * (double)pri_row_slot_bytes(pri_row_bytes(format, x->num_cols));
}

static bool is_converted(const pr_features *x)
{
    return x->kind == PR_FEATURES_DENSE && x->file && x->file->format != PR_ROWS_F32;
}

/* One shard has a node to be on where there are others. Rows that are converted as they move are
 * not dealt to shards: a copy of them is in one piece. */
static bool is_several(const pr_store_setup *setup)
{
    if (!setup->shards || is_converted(setup->features)) return false;
    return setup->shards->num_shards > 1 || (setup->topo && pri_area_only_node(setup->topo) < 0);
}

static int say(const char **why, const char *reason, int kind)
{
    if (why) *why = reason;
    return kind;
}

/* What there is where a copy has no room. */
static int without_room(const pr_store_setup *setup, bool several, const char **why)
{
    if (setup->in_place && setup->features->rows) return say(why, kernels, PR_STORE_IN_PLACE);
    if (setup->features->kind == PR_FEATURES_CSR || !setup->features->file)
        return say(why, setup->memory ? no_share : several ? no_room : too_much, PR_STORE_IN_PLACE);
    return say(why, setup->memory ? no_part : several ? no_shards : too_large, PR_STORE_DIRECT);
}

int pri_store_choose(const pr_store_setup *setup, const char **why)
{
    const pr_features *x       = setup->features;
    const bool         several = is_several(setup);
    const char        *copy    = several ? sharded : copied;

    if (setup->kind == PR_STORE_DIRECT) return say(why, to_read, PR_STORE_DIRECT);
    if (!several && x->kind == PR_FEATURES_CSR) return say(why, sparse, PR_STORE_IN_PLACE);
    if (setup->kind == PR_STORE_IN_PLACE) return say(why, asked, PR_STORE_IN_PLACE);
    if (setup->kind == PR_STORE_COPIED) return say(why, copy, PR_STORE_COPIED);
    const double free_bytes = (double)pr_memory_available();
    const double most       = setup->memory ? (double)setup->memory
                              : several     ? 0.75 * free_bytes
                                            : 0.5 * free_bytes;
    const bool   known      = setup->memory > 0 || !several || free_bytes > 0;
    const bool   fits       = !known || bytes_of(x) <= most;
    const bool   is_small   = !several && bytes_of(x) < 2.0 * (double)pr_llc_bytes();
    if (is_small && (fits || setup->memory == 0)) return say(why, small, PR_STORE_IN_PLACE);
    if (!fits) return without_room(setup, several, why);
    return say(why, copy, PR_STORE_COPIED);
}

/* Tell the kernel not to read around what is asked for, of a file that it cannot keep: a row would
 * cost 128 KiB and more. The mapping keeps this advice. */
static void advise(const pr_features *x)
{
    const pri_row_source rows  = pri_row_source_of(x);
    const double         bytes = (double)x->num_rows * (double)rows.bytes;

    if (x->kind != PR_FEATURES_DENSE || !x->file || !rows.rows || x->num_rows == 0) return;
    if (bytes <= 0.5 * (double)pr_memory_available()) return;
    const uintptr_t page  = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t first = (uintptr_t)rows.rows / page * page;
    const uintptr_t last  = (uintptr_t)rows.rows + x->num_rows * rows.bytes;
    (void)madvise((void *)first, last - first, MADV_RANDOM); /* a wish */
}

/* Say where the rows of a store in one piece are: known when there is one node they can be on, or
 * when the caller, who has no machine, says so for all of them. */
static pr_status keep_shards(const pr_store_setup *setup, int32_t only, pr_store **store)
{
    pr_shards whole = { .num_shards = 1,
                        .node       = { only },
                        .first      = { 0, setup->features->num_rows } };

    (*store)->all_local = only >= 0;
    if (setup->shards && (only >= 0 || (!setup->topo && setup->shards->num_shards == 1)))
        return pri_store_keep_shards(store, setup->shards);
    return only >= 0 ? pri_store_keep_shards(store, &whole) : PR_OK;
}

static pr_status open_in_place(const pr_store_setup *setup, pr_store **out)
{
    pr_status st = PR_OK;

    const int32_t only = pri_area_hides_nodes(setup->topo) ? -1 : pri_area_only_node(setup->topo);

    advise(setup->features);
    PR_TRY(pr_store_memory(setup->features, out));
    PR_TRY(keep_shards(setup, only, out));
done:
    return st;
}

/* Copy: to shards, which the lanes fill; or, where there is one, all of it, now. */
static pr_status open_copy(const pr_store_setup *setup, bool several, pr_store **out)
{
    pr_status st = PR_OK;

    if (!setup->shards || is_converted(setup->features)) {
        PR_TRY(pr_store_copied(setup->features, out));
        PR_TRY(keep_shards(setup, pri_area_only_node(setup->topo), out));
        goto done;
    }
    PR_TRY(pr_store_sharded(setup->features, setup->shards, setup->topo, (pr_numa_mode)setup->numa,
                            out));
    if (!several) {
        pr_store_fill(*out, setup->shards->lane[0]);
        ((pri_sharded *)*out)->from = NULL; /* lanes that fill find nothing to do */
    }
done:
    return st;
}

pr_status pr_store_open(const pr_store_setup *setup, pr_store **out, const char **why)
{
    pr_status   st     = PR_OK;
    const char *reason = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(setup, PR_E_ARG, "setup is NULL");
    PR_CHECK(setup->features, PR_E_ARG, "features is NULL");
    PR_TRY(pri_store_check_features(setup->features));
    if (setup->shards) PR_TRY(pri_shards_check(setup->shards, setup->features->num_rows, 1));
    const bool several = is_several(setup);
    int        kind    = pri_store_choose(setup, &reason);
    if (setup->kind == PR_STORE_AUTO && reason != small && reason != sparse &&
        kind != PR_STORE_COPIED)
        pr_diag(PR_INFO, "feature rows are read %s", reason);
    if (kind == PR_STORE_COPIED) {
        st = open_copy(setup, several, out);
        if (st != PR_E_NOMEM || setup->kind == PR_STORE_COPIED) goto done;
        kind = without_room(setup, several, &reason); /* the kernel said no after all */
    }
    if (kind == PR_STORE_DIRECT)
        PR_TRY(pr_store_direct(setup->features, out));
    else
        PR_TRY(open_in_place(setup, out));
done:
    if (why && reason) *why = reason;
    return st;
}
