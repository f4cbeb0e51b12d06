/* store_open.c: whether a dataset's rows are worth a copy, and where. A mapped file is on small
 * pages, where every random row costs a page walk: rows come about half as fast as from huge pages.
 * And it is where the kernel has it: several lanes want their rows on their own nodes. */
#include <packrat/numa.h>

#include "cache/sharded.h"
#include "cache/shards.h"
#include "cache/slab.h"
#include "numa/area.h"

static const char copied[]   = "copied to huge pages";
static const char sharded[]  = "copied to a shard on each lane's NUMA node";
static const char sparse[]   = "in place: sparse rows are expanded on the way";
static const char asked[]    = "in place: asked for";
static const char small[]    = "in place: little more than the processor's caches";
static const char too_much[] = "in place: a copy would take more than half of the free memory";
static const char no_room[]  = "in place: shards would take more than three quarters of the free "
                               "memory";

/* Bytes of a copy. */
static double bytes_of(const pr_features *x)
{
    if (x->kind == PR_FEATURES_CSR)
        return (double)x->indptr[x->num_rows] * (sizeof *x->indices + sizeof *x->data) +
               (double)x->num_rows * sizeof *x->indptr;
    return (double)x->num_rows * (double)pri_slab_ld(x->num_cols) * sizeof(float);
}

/* Give why the rows stay in place; NULL: they are copied. */
static const char *reason_against(const pr_features *x, int kind, bool several)
{
    const bool auto_kind = kind == PR_STORE_AUTO;

    if (!several && x->kind == PR_FEATURES_CSR) return sparse;
    if (kind == PR_STORE_IN_PLACE) return asked;
    if (!auto_kind) return NULL;
    const double available = (double)pr_memory_available();
    if (several) return available > 0 && bytes_of(x) > 0.75 * available ? no_room : NULL;
    if (bytes_of(x) < 2.0 * (double)pr_llc_bytes()) return small;
    if (bytes_of(x) > 0.5 * available) return too_much;
    return NULL;
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

    PR_TRY(pr_store_memory(setup->features, out));
    PR_TRY(keep_shards(setup, only, out));
done:
    return st;
}

/* Copy: to shards, which the lanes fill; or, where there is one, all of it, now. */
static pr_status open_copy(const pr_store_setup *setup, bool several, pr_store **out)
{
    pr_status st = PR_OK;

    if (!setup->shards) {
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
    pr_status   st      = PR_OK;
    const char *against = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_CHECK(setup, PR_E_ARG, "setup is NULL");
    PR_CHECK(setup->features, PR_E_ARG, "features is NULL");
    PR_TRY(pri_store_check_features(setup->features));
    if (setup->shards) PR_TRY(pri_shards_check(setup->shards, setup->features->num_rows, 1));
    /* One shard has a node to be on where there are others. */
    const bool several = setup->shards && (setup->shards->num_shards > 1 ||
                                           (setup->topo && pri_area_only_node(setup->topo) < 0));
    against            = reason_against(setup->features, setup->kind, several);
    if (why) *why = against ? against : several ? sharded : copied;
    if (against == too_much || against == no_room)
        pr_diag(PR_INFO, "feature rows are read %s", against);
    if (!against) {
        st = open_copy(setup, several, out);
        if (st != PR_E_NOMEM || setup->kind == PR_STORE_COPIED) goto done;
        if (why) *why = several ? no_room : too_much; /* the kernel said no after all */
    }
    PR_TRY(open_in_place(setup, out));
done:
    return st;
}
