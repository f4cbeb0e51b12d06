/* direct_rig.c: see direct_rig.h. */
#include "support/direct_rig.h"

#include "support/policy_reference.h"

#include "base/checksum.h"
#include "cache/partition.h"

pr_io_options direct_io(int engine, uint32_t ahead, uint64_t gap)
{
    return (pr_io_options){ .engine   = engine,
                            .depth    = 4,
                            .gap      = gap,
                            .max_read = 16 << 10,
                            .ahead    = ahead,
                            .retries  = 0,
                            .direct   = true };
}

bool direct_open(direct_rig *x, disk_rows *rows, const pr_cache_options *options,
                 const pr_io_options *io, uint32_t max_wanted)
{
    test_rng  rng = { .key = test_seed() };
    pr_tuning tuning;

    *x = (direct_rig){ .rows = rows, .io = *io, .options = *options, .max_wanted = max_wanted };
    pr_tuning_default(rows->cols * sizeof(float), &tuning);
    tuning.repack_share = 2; /* never: slow stores do not, and the twin is to do the same */
    assert_ok(pr_store_memory(&rows->memory, &x->memory));
    assert_ok(pr_store_direct(&rows->features, &x->direct));
    x->scores = test_room(rows->n, sizeof *x->scores);
    for (uint32_t v = 0; v < rows->n; v++) x->scores[v] = test_random(&rng) >> 8;
    const pr_store *const direct[] = { x->direct }, *const memory[] = { x->memory };
    pr_cache_setup setup = { .options    = options,
                             .stores     = memory,
                             .num_planes = 1,
                             .max_wanted = max_wanted,
                             .tuning     = &tuning,
                             .scores     = x->scores,
                             .numa_node  = -1 };
    assert_ok(pr_cache_open(&setup, &x->twin));
    setup.stores       = direct;
    setup.io           = &x->io;
    const pr_status st = pr_cache_open(&setup, &x->cache);
    x->staged          = test_room(rows->n, sizeof *x->staged);
    if (st == PR_E_UNSUPPORTED && io->engine == PR_IO_URING) {
        direct_close(x);
        return false;
    }
    assert_ok(st);
    return true;
}

void direct_close(direct_rig *x)
{
    if (x->cache) assert_ok(pr_cache_check(x->cache));
    pr_cache_free(x->cache);
    pr_cache_free(x->twin);
    pr_store_free(x->direct);
    pr_store_free(x->memory);
    free(x->staged), free(x->scores);
}

void direct_stop_counting(direct_rig *x)
{
    free(x->staged);
    x->staged = NULL;
}

static bool is_missing(const direct_rig *x, pr_vid id)
{
    return x->twin->index.entry[(size_t)id * x->twin->index.stride] >= PRI_ENTRY_NONE;
}

/* Decide which waiting lists are asked for. */
static void model_ask(direct_rig *x)
{
    const uint64_t most = x->max_wanted < x->rows->n ? x->max_wanted : x->rows->n;

    for (; x->staged && x->num_asked < x->io.ahead && x->num_asked < x->num_waiting;
         x->num_asked++) {
        const pr_vids list = x->waiting[x->num_asked];
        uint64_t      more = 0;
        for (size_t i = 0; i < list.n; i++)
            more += is_missing(x, list.at[i]) && !x->staged[list.at[i]];
        const uint64_t room = x->io.ahead * x->need < most ? x->io.ahead * x->need : most;
        if (more > 0 && x->used > 0 && x->used + more > room) return;
        for (size_t i = 0; i < list.n; i++)
            if (is_missing(x, list.at[i])) x->staged[list.at[i]] = true;
        x->used += more;
    }
}

void direct_foresee(direct_rig *x, pr_vids wanted)
{
    assert_ok(pr_cache_foresee(x->cache, wanted));
    assert_ok(pr_cache_foresee(x->twin, wanted));
    x->waiting[x->num_waiting++] = wanted;
    model_ask(x);
}

static void check_plan(const pr_cache_plan *a, const pr_cache_plan *b)
{
    pr_cache_plan left = *a, right = *b;

    left.bytes_local = left.bytes_remote = right.bytes_local = right.bytes_remote = 0;
    assert_string_equal(left.path, right.path);
    left.path = right.path;
    assert_memory_equal(&left, &right, sizeof left);
    assert_int_equal(a->bytes_local, a->bytes_moved); /* staging is on the lane's node */
    assert_int_equal(a->bytes_remote, 0);
}

/* Add a figure to the hash. */
static void note(direct_rig *x, uint64_t figure)
{
    x->hash = pri_mix64(x->hash ^ figure);
}

/* Check a cost, and follow with the model: the twin's plan names the rows. */
static void check_cost(direct_rig *x)
{
    const pr_cache *twin  = x->twin;
    uint64_t        early = 0;
    pr_fetch_cost   cost;

    pr_cache_fetch_cost(x->cache, &cost);
    assert_int_equal(cost.rows, twin->num_writes);
    for (uint32_t i = 0; i < twin->num_writes && x->staged; i++)
        early += x->staged[twin->write[i].id];
    if (x->staged) assert_int_equal(cost.rows_early, early);
    assert_true(cost.rows_early <= cost.rows);
    assert_true(cost.reads > 0 || cost.rows == cost.rows_early);
    assert_true(cost.bytes >= (cost.rows - cost.rows_early) * x->rows->file.row_bytes);
    note(x, cost.rows), note(x, cost.rows_early), note(x, cost.reads), note(x, cost.bytes);
    x->sum.rows += cost.rows;
    x->sum.rows_early += cost.rows_early;
    x->sum.reads += cost.reads;
    x->sum.bytes += cost.bytes;
    x->sum.reads_again += cost.reads_again;
}

static void model_placed(direct_rig *x)
{
    const pr_cache *twin  = x->twin;
    const uint64_t  faded = x->need - x->need / 8;

    for (uint32_t i = 0; i < twin->num_writes && x->staged; i++) {
        x->used -= x->staged[twin->write[i].id];
        x->staged[twin->write[i].id] = false;
    }
    x->need      = twin->num_writes > faded ? twin->num_writes : faded;
    x->num_asked = 0;
}

static void check_view(const direct_rig *x, const pr_slab *view, const pr_slab *like,
                       pr_vids wanted)
{
    const uint32_t cols = x->rows->cols;

    assert_int_equal(view->num_inputs, wanted.n);
    assert_int_equal(view->num_cols, cols);
    assert_memory_equal(view->slot_of_input, like->slot_of_input, wanted.n * sizeof(pr_slot));
    for (size_t i = 0; i < wanted.n; i++) {
        const float *row = view->rows + view->slot_of_input[i] * view->ld;
        if (memcmp(row, x->rows->truth + (size_t)wanted.at[i] * cols, cols * sizeof *row) != 0)
            fail_msg("input %zu, row %u, is not in its slot", i, wanted.at[i]);
        for (size_t f = cols; f < view->ld; f++) assert_true(row[f] == 0.0f);
    }
}

pr_status direct_try(direct_rig *x, pr_vids wanted, bool next)
{
    const pr_cache_plan *plan, *like;
    pr_slab              view, twin_view;

    if (next) wanted = x->waiting[0];
    assert_ok(next ? pr_cache_prepare_next(x->cache, &plan)
                   : pr_cache_prepare(x->cache, wanted, &plan));
    const pr_cache_plan made = *plan;
    const pr_status     st   = pr_cache_fetch(x->cache);
    if (st != PR_OK) {
        assert_int_equal(pr_cache_num_foreseen(x->cache), x->num_waiting);
        return st;
    }
    assert_ok(next ? pr_cache_prepare_next(x->twin, &like)
                   : pr_cache_prepare(x->twin, wanted, &like));
    check_plan(&made, like);
    check_cost(x);
    assert_ok(pr_cache_place(x->cache, &view));
    assert_ok(pr_cache_place(x->twin, &twin_view));
    check_view(x, &view, &twin_view, wanted);
    pr_cache_release(x->cache);
    pr_cache_release(x->twin);
    model_placed(x);
    if (next) {
        x->num_waiting--;
        memmove(x->waiting, x->waiting + 1, x->num_waiting * sizeof *x->waiting);
    }
    model_ask(x);
    if (x->num_plans++ % 8 == 0) assert_ok(pr_cache_check(x->cache));
    return PR_OK;
}

void direct_step(direct_rig *x, pr_vids wanted)
{
    assert_ok(direct_try(x, wanted, false));
}

void direct_step_next(direct_rig *x)
{
    assert_ok(direct_try(x, (pr_vids){ 0 }, true));
}

pr_status direct_apply(direct_rig *x, pr_vids added, pr_vids removed)
{
    const pr_cache_plan *plan, *like;

    const pr_status st = pr_cache_apply(x->cache, added, removed, &plan);
    if (st != PR_OK) return st;
    assert_ok(pr_cache_apply(x->twin, added, removed, &like));
    check_plan(plan, like);
    check_cost(x);
    const uint32_t asked = x->num_asked; /* apply asks for nothing */
    model_placed(x);
    x->num_asked = asked;
    assert_ok(pr_cache_check(x->cache));
    return PR_OK;
}
