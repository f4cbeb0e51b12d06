/* early.c: rows of lists that wait are asked for before their turn, so that the disk works while
 * others do.
 *
 * Lists are asked for in order until a store has no room for all rows of one. A place begins anew
 * with the list that comes next: rows may have lost their slots since, and rows that were placed
 * for an earlier list only, past the capacity, are missing again. What is on its way already costs
 * a look at a table. */
#include "cache/partition.h"

static pr_status open_fetchers(pr_cache *c, const pr_cache_setup *setup, const pr_io_options *io)
{
    pr_status               st    = PR_OK;
    const pri_fetcher_setup reads = { .io            = io,
                                      .max_rows      = c->max_wanted,
                                      .thread_begins = setup->thread_begins,
                                      .context       = setup->context };

    for (uint32_t p = 0; p < c->num_planes; p++) {
        const pri_store_calls *calls = c->store[p]->calls;
        if (calls->open_fetcher) PR_TRY(calls->open_fetcher(c->store[p], &reads, &c->fetcher[p]));
        if (calls->read_early) c->early = io->ahead;
    }
done:
    return st;
}

pr_status pri_early_open(pr_cache *c, const pr_cache_setup *setup)
{
    pr_status             st    = PR_OK;
    pr_io_options         io    = { 0 };
    const pr_option_group group = { &pr_io_option_table, &io };

    if (setup->io)
        io = *setup->io;
    else
        pr_options_init(&group, 1);
    PR_TRY(pr_options_check(&pr_io_option_table, &io));
    PR_TRY(open_fetchers(c, setup, &io));
done:
    return st;
}

void pri_early_close(pr_cache *c)
{
    for (uint32_t p = 0; p < c->num_planes; p++)
        if (c->fetcher[p]) c->store[p]->calls->free_fetcher(c->fetcher[p]);
}

/* Collect the rows of a list that have no slot. None of a list that cannot be taken: policies that
 * do not look ahead find that out when they come to it. */
static size_t find_missing(const pr_cache *c, pr_vids list)
{
    const pri_index *index = &c->index;
    const size_t     ahead = index->ahead;
    size_t           num   = 0;

    if (list.n > index->num_rows) return 0;
    for (size_t i = 0; i < list.n; i++) {
        if (i + ahead < list.n) /* an address is enough: nothing is read by a prefetch */
            pri_index_prefetch(index, &index->entry[(size_t)list.at[i + ahead] * index->stride]);
        if (list.at[i] >= index->num_rows) return 0;
        c->missing[num] = list.at[i];
        num += index->entry[(size_t)list.at[i] * index->stride] >= PRI_ENTRY_NONE;
    }
    return num;
}

uint64_t pri_early_free_slots(const pr_cache *c, uint32_t resident)
{
    if (!c->decided) return 1;
    /* A packed slab has the slots of its batch: the first one fills it. */
    if (c->options.mode == PR_CACHE_PACKED) return resident == 0 && c->capacity > 0;
    return c->capacity - resident;
}

void pri_early_ask(pr_cache *c)
{
    const uint64_t free_slots = pri_early_free_slots(c, c->index.num_resident);

    while (!c->early_full && c->num_asked < c->early && c->num_asked < c->num_foreseen) {
        const uint32_t at   = (c->window_first + c->num_asked) % (PR_MAX_WINDOW + 1);
        const size_t   num  = find_missing(c, c->window[at]);
        size_t         read = num;
        for (uint32_t p = 0; p < c->num_planes; p++) {
            const pri_store_calls *calls = c->store[p]->calls;
            if (calls->read_early)
                read = calls->read_early(c->fetcher[p], c->missing, read, free_slots);
        }
        c->early_full = read < num;
        c->num_asked += read == num;
    }
}

void pri_early_ask_anew(pr_cache *c)
{
    c->num_asked  = 0;
    c->early_full = false;
    pri_early_ask(c);
}

void pri_early_taken(pr_cache *c)
{
    if (c->num_asked > 0) c->num_asked--;
}

void pri_early_dropped(pr_cache *c)
{
    if (c->num_asked < c->early) c->num_asked++;
}

void pr_cache_fetch_cost(const pr_cache *cache, pr_fetch_cost *out)
{
    *out = cache->cost;
}

const char *pr_cache_io(const pr_cache *cache)
{
    for (uint32_t p = 0; cache && p < cache->num_planes; p++)
        if (cache->fetcher[p]) return cache->store[p]->calls->describe(cache->fetcher[p]);
    return "";
}
