/* fetcher.c: see fetcher.h. */
#include "cache/fetcher.h"

#include <string.h>

/* Groups that have rows in staging at a time: early ones, and the one of a plan. */
enum { MAX_GROUPS = PRI_READER_GROUPS };

typedef struct group {
    uint64_t      number; /* the reader's */
    uint32_t      live;   /* rows in staging; 0: the record is free */
    bool          early;
    bool          waited;  /* its rows are there */
    bool          failed;  /* one of its rows cannot be had */
    uint64_t      seen;    /* the last fetch that took rows of it */
    uint64_t      charged; /* the fetch that was charged for it; 0: none was */
    pr_fetch_cost cost;    /* reads, bytes, and what waiting told */
} group;

struct pri_fetcher {
    pri_staging     staging;
    pri_row_reader *reader;
    uint16_t       *group_of; /* [slots] of those in use */
    pri_write      *entry;    /* [max_rows] rows of the group being entered */
    size_t          max_rows; /* of a plan; as many early ones */
    uint32_t        ahead;    /* lists that are read early */
    bool            limited;  /* by io.staging: */
    uint64_t        limit;    /* rows that may be staged with early ones */
    uint64_t        need;     /* rows that a plan needed lately: the most, fading */
    uint64_t        last;     /* group that was entered */
    uint64_t        oldest;   /* groups before are read, or their rows are placed */
    uint64_t        serial;   /* of the last fetch: 1, 2, ... */
    bool            open;     /* its rows were not placed yet */
    uint32_t        num_involved, num_free;
    uint16_t        involved[MAX_GROUPS]; /* groups with rows of the fetch */
    uint16_t        spare[MAX_GROUPS];    /* records that are free, the next one last */
    group           group[MAX_GROUPS];
};

static uint32_t slots_for(pr_vid num_rows, uint32_t max_rows, uint32_t ahead)
{
    const uint64_t most = (uint64_t)max_rows * (ahead > 0 ? 2 : 1);

    return (uint32_t)(most < num_rows ? most : num_rows);
}

uint64_t pri_fetcher_bytes(pr_vid num_rows, size_t row_bytes, uint32_t max_rows,
                           const pr_io_options *io)
{
    const uint32_t plan  = max_rows < num_rows ? max_rows : num_rows;
    const uint32_t slots = slots_for(num_rows, plan, io->ahead);

    return sizeof(pri_fetcher) + pri_staging_bytes(num_rows, slots, row_bytes) +
           slots * sizeof(uint16_t) + plan * sizeof(pri_write) +
           pri_row_reader_bytes(io, row_bytes, slots);
}

pr_status pri_fetcher_open(const pr_row_file *file, pr_vid num_rows, uint32_t num_cols,
                           const pri_fetcher_setup *setup, pri_fetcher **out)
{
    pr_status      st    = PR_OK;
    pri_fetcher   *f     = NULL;
    const uint32_t plan  = setup->max_rows < num_rows ? setup->max_rows : num_rows;
    const uint32_t slots = slots_for(num_rows, plan, setup->io->ahead);

    *out = NULL;
    PR_NEW(f, 1);
    f->max_rows = plan;
    f->ahead    = setup->io->ahead;
    PR_TRY(pri_staging_init(&f->staging, num_rows, slots, file->row_bytes));
    f->limited  = setup->io->staging > 0;
    f->limit    = setup->io->staging / f->staging.slot_bytes;
    f->group_of = pri_pages_map(((size_t)slots + 1) * sizeof *f->group_of, 0);
    f->entry    = f->group_of ? pri_pages_map(((size_t)plan + 1) * sizeof *f->entry, 0) : NULL;
    PR_CHECK(f->entry, PR_E_NOMEM, "cannot reserve the groups of %u rows", slots);
    for (uint16_t g = 0; g < MAX_GROUPS; g++) f->spare[g] = (uint16_t)(MAX_GROUPS - 1 - g);
    f->num_free                       = MAX_GROUPS;
    f->oldest                         = 1;
    const pri_row_reader_setup reader = {
        .file          = file,
        .num_rows      = num_rows,
        .num_cols      = num_cols,
        .io            = setup->io,
        .slots         = f->staging.rows,
        .slot_bytes    = f->staging.slot_bytes,
        .max_rows      = slots,
        .thread_begins = setup->thread_begins,
        .context       = setup->context,
    };
    PR_TRY(pri_row_reader_open(&reader, &f->reader));
    *out = f;
    f    = NULL;
done:
    pri_fetcher_free(f);
    return st;
}

void pri_fetcher_free(pri_fetcher *f)
{
    if (!f) return;
    pri_row_reader_free(f->reader); /* before the slots that it reads into */
    pri_pages_unmap(f->entry, (f->max_rows + 1) * sizeof *f->entry);
    pri_pages_unmap(f->group_of, ((size_t)f->staging.num_slots + 1) * sizeof *f->group_of);
    pri_staging_clear(&f->staging);
    pri_free(f);
}

const pri_staging *pri_fetcher_staging(const pri_fetcher *f)
{
    return &f->staging;
}

const char *pri_fetcher_describe(const pri_fetcher *f)
{
    return pri_row_reader_describe(f->reader);
}

void pri_fetcher_ranges(const pri_fetcher *f, pr_ranges *ranges)
{
    pri_staging_ranges(&f->staging, ranges);
    pr_ranges_add(ranges, "index", f->group_of,
                  ((size_t)f->staging.num_slots + 1) * sizeof *f->group_of);
    pr_ranges_add(ranges, "index", f->entry, (f->max_rows + 1) * sizeof *f->entry);
}

static pr_status wait_for(pri_fetcher *f, group *g)
{
    const pr_status st = pri_row_reader_wait(f->reader, g->number, &g->cost);

    g->waited = true;
    g->failed = st != PR_OK;
    return st;
}

/* A row leaves staging. */
static void give(pri_fetcher *f, pr_slot slot)
{
    const uint16_t g = f->group_of[slot];

    pri_staging_give(&f->staging, slot);
    if (--f->group[g].live == 0) f->spare[f->num_free++] = g;
}

/* Give a slot to a row and put it with those that are entered next. */
static void enter_row(pri_fetcher *f, pr_vid id, uint32_t *num, uint16_t g)
{
    const pr_slot slot = pri_staging_take(&f->staging, id);

    f->group_of[slot]  = g;
    f->entry[(*num)++] = (pri_write){ .id = id, .to = slot };
}

/* Let the rows of a group leave staging, which are under way no more. */
static void drop(pri_fetcher *f, uint32_t at)
{
    for (pr_slot slot = 0; f->group[at].live > 0; slot++)
        if (!(f->staging.free_bits[slot / 64] >> (slot % 64) & 1) && f->group_of[slot] == at)
            give(f, slot);
}

/* Wait for groups that were entered so long ago that the reader would forget them: lists that wait
 * while many others are taken out of order. They have been read long since. */
static void settle_old(pri_fetcher *f)
{
    if (f->last + 1 - f->oldest < MAX_GROUPS) return;
    uint64_t oldest = f->last + 1;
    for (uint32_t i = 0; i < MAX_GROUPS; i++) {
        group *g = &f->group[i];
        if (g->live == 0 || g->waited) continue;
        if (f->last + 1 - g->number >= MAX_GROUPS / 2) {
            if (wait_for(f, g) != PR_OK) drop(f, i);
        } else if (g->number < oldest) {
            oldest = g->number;
        }
    }
    f->oldest = oldest;
}

/* Ask for the rows that were put together, as one group. */
static void enter_group(pri_fetcher *f, uint16_t at, uint32_t num, bool early)
{
    group *g = &f->group[at];

    settle_old(f);
    *g        = (group){ .live = num, .early = early };
    g->number = pri_row_reader_enter(f->reader, f->entry, num, !early, &g->cost);
    PR_ASSERT(g->number == f->last + 1); /* there is room: see pri_fetcher_open */
    f->last = g->number;
    f->num_free--;
}

/* Note that the fetch takes rows of a group. */
static void involve(pri_fetcher *f, uint16_t at)
{
    if (f->group[at].seen == f->serial) return;
    f->group[at].seen              = f->serial;
    f->involved[f->num_involved++] = at;
}

/* Let all rows leave staging that came for the fetch alone, or with a group that failed. */
static void forget(pri_fetcher *f)
{
    for (uint32_t i = 0; i < f->num_involved; i++) {
        const group *g = &f->group[f->involved[i]];
        if (g->live > 0 && (g->failed || !g->early)) drop(f, f->involved[i]);
    }
}

/* The plan of the last fetch was dropped, as rows of another plane cannot be had. Those that came
 * for it alone go; early ones stay, and are charged to whoever takes them next. */
static void abandon(pri_fetcher *f)
{
    if (!f->open) return;
    forget(f);
    for (uint32_t g = 0; g < MAX_GROUPS; g++)
        if (f->group[g].charged == f->serial) f->group[g].charged = 0;
    f->open = false;
}

/* Wait for all groups of the fetch. After a failure none of them is under way; the first error is
 * this thread's. */
static pr_status wait_all(pri_fetcher *f)
{
    pr_status st = PR_OK;
    pri_error first;

    for (uint32_t i = 0; i < f->num_involved; i++) {
        group *g = &f->group[f->involved[i]];
        if (g->waited) continue;
        const pr_status got = wait_for(f, g);
        if (got != PR_OK && st == PR_OK) pri_error_save(&first, st = got);
    }
    return st == PR_OK ? PR_OK : pri_error_restore(&first);
}

/* Charge the plan for what nobody was charged for. */
static void charge(pri_fetcher *f, pr_fetch_cost *cost)
{
    for (uint32_t i = 0; i < f->num_involved; i++) {
        group *g = &f->group[f->involved[i]];
        if (g->charged) continue;
        g->charged = f->serial;
        cost->reads += g->cost.reads;
        cost->bytes += g->cost.bytes;
        cost->reads_again += g->cost.reads_again;
        cost->disk_ns += g->cost.disk_ns;
    }
}

pr_status pri_fetcher_fetch(pri_fetcher *f, const pri_write *write, size_t n, pr_fetch_cost *cost)
{
    enum { AHEAD = 32 };
    pr_status st  = PR_OK;
    uint32_t  num = 0;

    PR_ASSERT(n <= f->max_rows);
    abandon(f);
    f->serial++;
    f->open          = true;
    f->num_involved  = 0;
    const uint16_t g = f->spare[f->num_free - 1]; /* early groups leave one */
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n) __builtin_prefetch(&f->staging.slot_of[write[i + AHEAD].id], 1);
        const pr_slot slot = pri_staging_find(&f->staging, write[i].id);
        if (slot == PR_SLOT_NONE)
            enter_row(f, write[i].id, &num, g);
        else
            involve(f, f->group_of[slot]);
    }
    if (num > 0) {
        enter_group(f, g, num, false);
        involve(f, g);
    }
    st = wait_all(f);
    if (st == PR_OK) {
        charge(f, cost);
        cost->rows += n;
        cost->rows_early += n - num;
    } else {
        forget(f);
        f->open = false;
    }
    return st;
}

/* Give how many rows a plan may be expected to need. */
static uint64_t need_of(const pri_fetcher *f)
{
    return f->need > 0 ? f->need : f->max_rows;
}

/* Give how many rows may be staged with early ones. */
static uint64_t most_staged(const pri_fetcher *f)
{
    const uint64_t rows = f->limited ? f->limit : (UINT64_C(1) + f->ahead) * need_of(f);

    return rows < f->max_rows ? rows : f->max_rows;
}

/* Tell whether the slab fills, and its free slots are soon used up: by what is staged, and by what
 * two plans bring. */
static bool is_filling(const pri_fetcher *f, uint64_t free_slots)
{
    const uint64_t most = most_staged(f), need = need_of(f);

    return free_slots > 0 && free_slots < most + 2 * need && !(f->limited && need <= most);
}

size_t pri_fetcher_read_early(pri_fetcher *f, const pr_vid *ids, size_t n, uint64_t free_slots)
{
    uint32_t num = 0;
    size_t   i   = 0;

    abandon(f);
    const bool     none = f->num_free < 2 || is_filling(f, free_slots); /* a plan takes a group */
    const uint64_t most = none ? 0 : most_staged(f);
    const uint16_t g    = f->spare[f->num_free - 1];
    for (; i < n; i++) {
        if (pri_staging_find(&f->staging, ids[i]) != PR_SLOT_NONE) continue;
        if (f->staging.num_used >= most) break;
        enter_row(f, ids[i], &num, g);
    }
    if (num > 0) enter_group(f, g, num, true);
    return i;
}

void pri_fetcher_placed(pri_fetcher *f, const pri_write *write, size_t n, uint64_t free_slots)
{
    const uint64_t faded = f->need - f->need / 8;

    for (size_t i = 0; i < n; i++) give(f, pri_staging_find(&f->staging, write[i].id));
    f->open           = false;
    f->need           = n > faded ? n : faded;
    const bool beyond = free_slots > 0 && f->limited && f->staging.touched > most_staged(f);
    if (beyond || is_filling(f, free_slots))
        pri_staging_shrink(&f->staging);
    else
        pri_staging_rest(&f->staging);
}
