/* direct_rig.c: see direct_rig.h. */
#include "support/direct_rig.h"

#include "support/policy_reference.h"

#include "base/checksum.h"
#include "cache/fetcher.h"
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

uint64_t direct_num_staged(const direct_rig *x)
{
    return pri_fetcher_staging(x->cache->fetcher[0])->num_used;
}

/* Give how many rows may be staged now; 0: the slab fills. */
static uint64_t model_room(const direct_rig *x)
{
    const pr_cache *twin  = x->twin;
    const uint64_t  plan  = x->max_wanted < x->rows->n ? x->max_wanted : x->rows->n;
    const uint64_t  need  = x->need ? x->need : plan;
    const uint64_t  slot  = (x->rows->file.row_bytes + 63) / 64 * 64;
    const uint64_t  limit = x->io.staging / slot;
    const uint64_t  told  = x->io.staging ? limit : (1 + x->io.ahead) * need;
    const uint64_t  most  = told < plan ? told : plan;
    uint64_t        left  = twin->capacity - twin->index.num_resident;

    if (twin->options.mode == PR_CACHE_PACKED)
        left = twin->capacity > 0 && twin->index.num_resident == 0;
    else if (!twin->decided)
        left = 1;
    const bool fits = x->io.staging && need <= most;
    return left == 0 || left >= most + 2 * need || fits ? most : 0;
}

/* Decide which rows of waiting lists are asked for. */
static void model_ask(direct_rig *x)
{
    const uint64_t most = model_room(x);

    while (x->staged && !x->full && x->num_asked < x->io.ahead && x->num_asked < x->num_waiting) {
        const pr_vids list = x->waiting[x->num_asked];
        for (size_t i = 0; i < list.n && !x->full; i++) {
            if (!is_missing(x, list.at[i]) || x->staged[list.at[i]]) continue;
            x->full = x->used >= most;
            if (x->full) continue;
            x->staged[list.at[i]] = true;
            x->used++;
        }
        x->num_asked += !x->full;
    }
    if (x->used > x->most_used) x->most_used = x->used;
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
    x->num_partly += early > 0 && early < twin->num_writes;
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

/* Check what is staged between fetch and place. */
static void check_staged(direct_rig *x)
{
    const pr_cache *twin   = x->twin;
    const uint64_t  staged = direct_num_staged(x), both = twin->plan.rows_after + staged;
    uint64_t        early = 0;

    if (!x->staged) return;
    for (uint32_t i = 0; i < twin->num_writes; i++) early += x->staged[twin->write[i].id];
    assert_int_equal(staged, x->used + twin->num_writes - early);
    if (staged > x->most_staged) x->most_staged = staged;
    if (both > x->most_placing) x->most_placing = both;
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
    x->full      = false;
    if (twin->num_writes > x->most_needed) x->most_needed = twin->num_writes;
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
    check_staged(x);
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
    if (x->staged) assert_int_equal(direct_num_staged(x), x->used);
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
    const bool     full  = x->full;
    model_placed(x);
    x->num_asked = asked;
    x->full      = full;
    assert_ok(pr_cache_check(x->cache));
    return PR_OK;
}
