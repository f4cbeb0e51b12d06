/* open.c: making a cache, freeing it, and what can be asked of it. */
#include <math.h>
#include <string.h>

#include "cache/fetcher.h"
#include "cache/keys.h"
#include "cache/partition.h"

/* Slots beyond this cannot be told from the words of an index entry. */
static const uint64_t max_slots = PRI_ENTRY_NONE - 64;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint32_t pri_cache_rows_for(const pr_cache_options *o, uint64_t num_rows, size_t slot_bytes,
                            uint64_t m)
{
    const uint64_t n = least(num_rows, max_slots);

    if (o->mode == PR_CACHE_OFF) return 0;
    if (o->rows) return (uint32_t)least(o->rows, n);
    if (o->bytes) return (uint32_t)least(o->bytes / slot_bytes, n);
    if (o->mode == PR_CACHE_PACKED) return (uint32_t)n;
    return (uint32_t)least((uint64_t)ceil(o->factor * (double)m), n);
}

uint32_t pri_cache_capacity_for(const pr_cache *c, uint64_t m)
{
    return pri_cache_rows_for(&c->options, c->store[0]->num_rows, c->slot_bytes, m);
}

/* Prepare the planes whose rows the cache copies itself. */
static void find_dense(pr_cache *c)
{
    for (uint32_t p = 0; p < c->num_planes; p++) {
        const pri_store_calls *calls = c->store[p]->calls;
        const pr_features     *x     = calls->rows ? calls->rows(c->store[p]) : NULL;
        if (!x) continue;
        c->dense[p].copy = (pri_copy){ .from       = (const char *)x->rows,
                                       .from_bytes = x->ld * sizeof(float),
                                       .to         = (char *)c->slab[p].rows,
                                       .to_bytes   = c->slab[p].ld * sizeof(float),
                                       .row_bytes  = x->num_cols * sizeof(float),
                                       .ahead      = c->row_ahead[p] };
        for (int s = 0; s < PRI_NUM_STORES; s++)
            c->dense[p].kernel[s] =
                pri_copy_of(c->tuning.isa, (pri_stores)s, c->tuning.prefetch_to);
    }
}

/* Give the next array of the room; NULL while its bytes are counted. Arrays begin on pages: side by
 * side they made prepare 2 % slower. */
static void *part(char *room, size_t *at, size_t count, size_t size)
{
    enum { PAGE = 4096 };
    const size_t begin = *at;

    *at = begin + (count * size + PAGE - 1) / PAGE * PAGE;
    return room ? room + begin : NULL;
}

/* Lay the arrays of plans out, `n` elements each; gives the bytes they take. */
static size_t lay_out(pr_cache *c, size_t n, char *room)
{
    size_t at = 0;

    c->slot_of[0] = part(room, &at, n, sizeof *c->slot_of[0]);
    c->slot_of[1] = part(room, &at, n, sizeof *c->slot_of[1]);
    if (c->options.mode == PR_CACHE_OFF) return at;
    c->look.missing = part(room, &at, n, sizeof *c->look.missing);
    c->write        = part(room, &at, n, sizeof *c->write);
    c->plan.freed   = part(room, &at, n, sizeof *c->plan.freed);
    c->plan.fill    = part(room, &at, n, sizeof *c->plan.fill);
    c->plan.move    = part(room, &at, n, sizeof *c->plan.move);
    if (c->early > 0) c->missing = part(room, &at, n, sizeof *c->missing);
    return at;
}

/* Give about what a policy keeps. */
static uint64_t policy_bytes(int policy, uint64_t slots, uint64_t num_rows, uint64_t max_batch)
{
    const uint64_t keys = slots * sizeof(uint16_t) + PRI_KEYS_COUNTS_BYTES;

    switch (policy) {
    case PR_POLICY_SIEVE: return slots * (2 * sizeof(pr_slot) + sizeof(uint64_t) + 1);
    case PR_POLICY_STATIC: return keys + num_rows * sizeof(uint16_t);
    case PR_POLICY_LOOKAHEAD: return keys + max_batch * (sizeof(uint16_t) + sizeof(pr_slot));
    default: return keys;
    }
}

/* Give the mode, decided by now: resident works for all rows. */
static int opened_mode(const pr_cache_options *options)
{
    return pr_cache_mode_for(options->mode, NULL);
}

void pri_cache_measure(const pr_cache_options *options, pr_vid num_rows, uint32_t num_cols,
                       uint32_t max_wanted, const pri_cache_reads *reads, pri_cache_bytes *out)
{
    enum { SLACK = 4096 }; /* ends of arrays */
    const size_t   slot_bytes = pri_slab_ld(num_cols) * sizeof(float);
    const uint64_t max_batch  = least(least(max_wanted, num_rows), max_slots);
    const uint64_t most       = pri_cache_rows_for(options, num_rows, slot_bytes, max_batch);
    const uint64_t slots      = options->mode == PR_CACHE_PACKED ? least(most, max_batch) : most;
    const bool     resident   = opened_mode(options) == PR_CACHE_RESIDENT;
    const uint64_t words      = resident ? pri_policy_of(options->policy)->stride : 1;
    pr_cache       none       = { .options = *options, .early = reads ? reads->io->ahead : 0 };

    *out       = (pri_cache_bytes){ 0 };
    out->index = lay_out(&none, max_batch + PRI_PLAN_SLACK, NULL) + SLACK;
    if (options->mode == PR_CACHE_OFF) {
        out->index += num_rows / 8;
        return;
    }
    if (reads)
        out->staging =
            pri_fetcher_bytes(num_rows, reads->row_bytes, (uint32_t)max_batch, reads->io);
    out->slab = ((slots > max_batch ? slots : max_batch) + 1) * slot_bytes;
    out->index += num_rows * words * sizeof(uint32_t) + slots * (sizeof(pr_vid) + 1);
    if (resident) out->index += policy_bytes(options->policy, slots, num_rows, max_batch);
}

static pr_status reserve_room(pr_cache *c, size_t n)
{
    pr_status st = PR_OK;

    c->room_bytes = lay_out(c, n, NULL);
    c->room       = pri_pages_map(c->room_bytes, 1);
    PR_CHECK(c->room, PR_E_NOMEM, "cannot reserve plans of %zu rows", n);
    (void)lay_out(c, n, c->room);
done:
    return st;
}

/* Prepare to count the rows that are local to the partition's node, if that is to be done. */
static pr_status find_local_rows(pr_cache *c, int32_t numa_node)
{
    pr_status      st   = PR_OK;
    pri_local_kind kind = PRI_LOCAL_ALL;

    PR_NEW(c->local_rows, c->num_planes);
    for (uint32_t p = 0; p < c->num_planes && kind != PRI_LOCAL_UNKNOWN; p++) {
        pri_local_rows_init(&c->local_rows[p], c->store[p], numa_node);
        const pri_local_kind found = c->local_rows[p].kind;
        kind = found == PRI_LOCAL_RANGES ? PRI_LOCAL_TABLE : found == PRI_LOCAL_ALL ? kind : found;
    }
    c->local_kind = kind;
done:
    return st;
}

/* Reserve everything the options can lead to. The bypass tail begins at the capacity and serves
 * only batches larger than that, so no slot beyond max(capacity, batch) is ever needed. */
static pr_status reserve(pr_cache *c, const uint32_t *scores)
{
    pr_status      st        = PR_OK;
    const pr_vid   num_rows  = c->store[0]->num_rows;
    const uint32_t max_batch = (uint32_t)least(least(c->max_wanted, num_rows), max_slots);
    const uint32_t largest   = pri_cache_capacity_for(c, max_batch);
    const bool     packed    = c->options.mode == PR_CACHE_PACKED;
    const uint32_t slots     = packed ? (uint32_t)least(largest, max_batch) : largest;
    const uint32_t room      = max_batch + PRI_PLAN_SLACK;

    PR_CHECK(max_batch <= INT64_MAX / c->row_bytes, PR_E_RANGE,
             "a batch of %u rows of %zu bytes cannot be counted in 63 bits", max_batch,
             c->row_bytes);
    PR_TRY(reserve_room(c, room));
    if (c->options.mode == PR_CACHE_OFF) {
        PR_TRY(pri_seen_init(&c->seen, num_rows));
        goto done;
    }
    PR_TRY(pri_index_init(&c->index, num_rows, slots, c->policy ? c->policy->stride : 1));
    c->index.ahead               = c->tuning.index_ahead;
    c->index.prefetch_to         = c->tuning.prefetch_to;
    const pri_policy_setup setup = {
        .max_slots = slots, .max_wanted = max_batch, .num_rows = num_rows, .scores = scores
    };
    if (c->policy) PR_TRY(c->policy->create(&setup, &c->policy_state));
    for (uint32_t p = 0; p < c->num_planes; p++)
        PR_TRY(pri_slab_init(&c->slab[p], slots > max_batch ? slots : max_batch,
                             c->store[p]->num_cols));
    find_dense(c);
done:
    return st;
}

static pr_status check_setup(const pr_cache_setup *setup)
{
    pr_status st = PR_OK;

    PR_CHECK(setup && setup->options && setup->stores, PR_E_ARG, "%s is NULL",
             !setup            ? "setup"
             : !setup->options ? "options"
                               : "stores");
    PR_TRY(pr_options_check(&pr_cache_option_table, setup->options));
    PR_CHECK(setup->num_planes >= 1 && setup->num_planes <= PR_MAX_PLANES, PR_E_ARG,
             "the cache has %u planes, must have 1..%u", setup->num_planes, PR_MAX_PLANES);
    for (uint32_t p = 0; p < setup->num_planes; p++) {
        const pr_store *store = setup->stores[p];
        PR_CHECK(store, PR_E_ARG, "store is NULL, in plane %u", p);
        PR_CHECK(store->num_rows == setup->stores[0]->num_rows, PR_E_ARG,
                 "the store of plane %u has %u rows, that of plane 0 has %u", p, store->num_rows,
                 setup->stores[0]->num_rows);
        PR_CHECK(setup->options->mode != PR_CACHE_OFF || store->calls->direct, PR_E_UNSUPPORTED,
                 "--cache.mode off reads rows in place, but %s",
                 store->calls->no_direct ? store->calls->no_direct
                                         : "this store's are not in memory");
    }
    const bool scored = opened_mode(setup->options) == PR_CACHE_RESIDENT &&
                        pri_policy_of(setup->options->policy)->scored;
    PR_CHECK(!scored || setup->scores, PR_E_ARG, "--cache.policy static wants scores");
done:
    return st;
}

/* Take over the tuning, and what it says for each plane. */
static void take_tuning(pr_cache *c, const pr_tuning *tuning)
{
    if (tuning)
        c->tuning = *tuning;
    else
        pr_tuning_default(pr_store_row_bytes(c->store[0]), &c->tuning);
    c->tuning.isa = pri_isa_at_most(c->tuning.isa);
    for (uint32_t p = 0; p < c->num_planes; p++) {
        const size_t bytes = pr_store_row_bytes(c->store[p]);
        const size_t ahead =
            c->tuning.row_ahead * pr_store_row_bytes(c->store[0]) / (bytes ? bytes : 1);
        c->row_ahead[p] = ahead < 1 ? 1 : ahead > 64 ? 64 : ahead;
    }
}

pr_status pr_cache_open(const pr_cache_setup *setup, pr_cache **out)
{
    pr_status st = PR_OK;
    pr_cache *c  = NULL;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(check_setup(setup));
    PR_NEW(c, 1);
    c->options      = *setup->options;
    c->options.mode = opened_mode(setup->options);
    c->num_planes   = setup->num_planes;
    c->max_wanted   = setup->max_wanted;
    for (uint32_t p = 0; p < c->num_planes; p++) {
        c->store[p] = setup->stores[p];
        c->row_bytes += pr_store_row_bytes(c->store[p]);
        c->slot_bytes += pri_slab_ld(c->store[p]->num_cols) * sizeof(float);
        c->can_fetch = c->can_fetch || c->store[p]->calls->fetch;
    }
    take_tuning(c, setup->tuning);
    if (c->options.mode == PR_CACHE_RESIDENT) c->policy = pri_policy_of(c->options.policy);
    if (c->policy && c->policy->enter)
        c->window_length = c->options.lookahead == PR_WINDOW_AUTO ? 8 : c->options.lookahead;
    c->decided = c->options.mode != PR_CACHE_RESIDENT || c->options.rows || c->options.bytes;
    if (c->decided) c->capacity = pri_cache_capacity_for(c, 0);
    PR_TRY(find_local_rows(c, setup->numa_node));
    PR_TRY(pri_early_open(c, setup));
    PR_TRY(reserve(c, setup->scores));
    *out = c;
    c    = NULL;
done:
    pr_cache_free(c);
    return st;
}

pr_status pr_cache_create(const pr_cache_options *options, const pr_store *store,
                          uint32_t max_wanted, pr_cache **out)
{
    const pr_cache_setup setup = { .options    = options,
                                   .stores     = &store,
                                   .num_planes = 1,
                                   .max_wanted = max_wanted,
                                   .numa_node  = -1 };
    return pr_cache_open(&setup, out);
}

void pr_cache_free(pr_cache *cache)
{
    if (!cache) return;
    pri_early_close(cache);
    for (uint32_t p = 0; p < cache->num_planes; p++) pri_slab_clear(&cache->slab[p]);
    if (cache->policy) cache->policy->free(cache->policy_state);
    pri_index_clear(&cache->index);
    pri_seen_clear(&cache->seen);
    pri_pages_unmap(cache->room, cache->room_bytes);
    pri_free(cache->local_rows);
    pri_free(cache);
}

uint64_t pr_cache_capacity_rows(const pr_cache *cache)
{
    return cache->decided ? cache->capacity : 0;
}

uint64_t pr_cache_resident_rows(const pr_cache *cache)
{
    return cache->index.num_resident;
}

const char *pr_cache_mode_name(const pr_cache *cache)
{
    static const char *const names[] = {
        [PR_CACHE_RESIDENT] = "resident", [PR_CACHE_PACKED] = "packed", [PR_CACHE_OFF] = "off"
    };
    return names[cache->options.mode];
}

const char *pr_cache_policy_name(const pr_cache *cache)
{
    return cache->policy ? cache->policy->name : "none";
}

void pr_cache_statistics(const pr_cache *cache, pr_cache_stats *out)
{
    *out = cache->stats;
}

pr_json *pr_cache_describe(const pr_cache *cache)
{
    static const char *const readers[] = { "auto", "next", "later" };
    const pr_tuning         *t         = &cache->tuning;
    pr_json                 *json      = pr_json_object();
    const char              *io        = pr_cache_io(cache);
    size_t                   huge      = 0;

    for (uint32_t p = 0; p < cache->num_planes; p++)
        huge += pri_pages_huge(cache->slab[p].rows, cache->slab[p].bytes);
    if (json && pr_json_set_string(json, "isa", pri_isa_name(t->isa)) == PR_OK &&
        pr_json_set_string(json, "reader", readers[cache->options.reader]) == PR_OK &&
        pr_json_set_int(json, "prefetch_to", t->prefetch_to) == PR_OK &&
        pr_json_set_int(json, "row_ahead", t->row_ahead) == PR_OK &&
        pr_json_set_int(json, "index_ahead", t->index_ahead) == PR_OK &&
        pr_json_set_int(json, "thread_bytes", (int64_t)least(t->thread_bytes, INT64_MAX)) ==
            PR_OK &&
        pr_json_set_int(json, "stream_bytes", (int64_t)least(t->stream_bytes, INT64_MAX)) ==
            PR_OK &&
        pr_json_set_real(json, "repack_share", t->repack_share) == PR_OK &&
        pr_json_set_string(json, "tuning", t->source) == PR_OK &&
        (!*io || pr_json_set_string(json, "io", io) == PR_OK) &&
        pr_json_set_int(json, "huge_pages", (int64_t)huge) == PR_OK)
        return json;
    pr_json_free(json);
    return NULL;
}

pr_status pr_cache_check(const pr_cache *cache)
{
    pr_status st = PR_OK;

    PR_CHECK(cache, PR_E_ARG, "cache is NULL");
    const uint32_t resident = cache->index.num_resident;
    PR_CHECK(resident <= cache->capacity, PR_E_BUG, "%u rows are resident, the capacity is %u",
             resident, cache->capacity);
    if (!cache->planned) PR_TRY(pri_index_check(&cache->index));
    for (uint32_t p = 0; p < cache->num_planes; p++)
        PR_TRY(pri_slab_check(&cache->slab[p], &cache->index, cache->store[p]));
    if (cache->policy) PR_TRY(cache->policy->check(cache->policy_state, &cache->index));
done:
    return st;
}
