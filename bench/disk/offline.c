/* offline.c: the best evictions that can be known. The batches of all steps (a super batch) are
 * drawn beforehand for their lists of rows; from those the misses of every step and the slots they
 * go to are planned, so that the row wanted farthest in the future gives way (Belady). Then the
 * steps are trained on: their batches are drawn a second time beside the computation, which costs
 * the lane nothing and spares the memory (or the disk, as Ginex does it) of keeping them; their
 * misses are read one step ahead, by the reader that ours uses. What was done before the steps is
 * counted for each of them (ahead_ns). */
#include <stdlib.h>
#include <string.h>

#include "bench/disk/fed.h"
#include "cache/row_reader.h"

#define NONE UINT32_MAX

/* What one step brings: misses and their slots. */
typedef struct change {
    pri_write *write;
    uint32_t   n;
} change;

typedef struct offline {
    disk_rival      head;
    disk_fed       *fed;
    disk_setting    setting;
    uint32_t        num_steps, rows, max_misses;
    change         *changes; /* [num_steps] */
    uint32_t       *slot_of; /* [num_nodes] in the step at hand, of rows that are there */
    char           *slab, *staging;
    size_t          slot_bytes;
    pr_slot        *slot_of_input;
    pri_row_reader *reader;
    pri_write      *asked; /* [max_misses] */
    pr_fetch_cost   cost[2];
} offline;

/* ---- the plan ---- */

typedef struct plan {
    uint32_t *slot;  /* [num_nodes] as the plan goes on; NONE: not there */
    uint32_t  used;  /* slots that were given */
    uint32_t *first; /* [num_steps + 1] chains of rows by next use; the last: never again */
    uint32_t *next;  /* [num_nodes] */
    uint32_t  farthest;
} plan;

static void hang(plan *c, uint32_t chain, pr_vid row)
{
    c->next[row]    = c->first[chain];
    c->first[chain] = row;
    if (chain > c->farthest) c->farthest = chain;
}

static pr_vid take_farthest(plan *c)
{
    while (c->first[c->farthest] == NONE) c->farthest--;
    const pr_vid row      = c->first[c->farthest];
    c->first[c->farthest] = c->next[row];
    return row;
}

/* Draw the lists of n steps, with all threads. */
static pr_vids *draw_lists(offline *own, uint32_t n)
{
    const disk_setting *s    = &own->setting;
    bench_run          *run  = disk_fed_run(own->fed);
    pr_vids            *list = bench_new(n, sizeof *list);
    pr_sampler         *sampler;
    pr_batch_room      *room;
    pr_batch            batch;

    BENCH_TRY(pr_sampler_create(&s->world->graph, &run->fanout, s->sampling, BENCH_SEED, s->batch,
                                s->threads ? s->threads : 1, &sampler));
    BENCH_TRY(pr_batch_room_create(sampler, &room));
    pri_seeds_reach(run->seeds, n - 1);
    for (uint32_t i = 0; i < n; i++) {
        const pri_step_seeds seeds = pri_seeds_of(run->seeds, i);
        BENCH_TRY(pr_sampler_draw(
            sampler, room, seeds.ids,
            (pr_draw){ .phase = PR_PHASE_TRAIN, .epoch = seeds.epoch, .step = i }, &batch));
        pr_vid *ids = bench_new(batch.nodes.n, sizeof *ids);
        memcpy(ids, batch.nodes.at, batch.nodes.n * sizeof *ids);
        list[i] = (pr_vids){ ids, batch.nodes.n };
    }
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    return list;
}

/* Write, for each wanted row, the next list that wants it, or n. */
static uint32_t **next_uses(const pr_vids *list, uint32_t n, pr_vid num_nodes)
{
    uint32_t **use  = bench_new(n, sizeof *use);
    uint32_t  *seen = bench_new(num_nodes, sizeof *seen);

    for (pr_vid v = 0; v < num_nodes; v++) seen[v] = n;
    for (uint32_t i = n; i-- > 0;) {
        use[i] = bench_new(list[i].n, sizeof **use);
        for (size_t j = 0; j < list[i].n; j++) {
            use[i][j]           = seen[list[i].at[j]];
            seen[list[i].at[j]] = i;
        }
    }
    free(seen);
    return use;
}

/* Give a slot: one that was never used, else that of the row wanted last. */
static uint32_t take_slot(plan *c, uint32_t rows)
{
    if (c->used < rows) return c->used++;
    const pr_vid   victim = take_farthest(c);
    const uint32_t slot   = c->slot[victim];
    c->slot[victim]       = NONE;
    return slot;
}

/* Plan one step. */
static void plan_step(offline *own, plan *c, uint32_t i, pr_vids wanted, const uint32_t *use)
{
    change  *changed = &own->changes[i];
    uint32_t misses  = 0;

    c->first[i] = NONE; /* the hits, which hang anew below: no row of the list is a victim */
    for (size_t j = 0; j < wanted.n; j++) misses += c->slot[wanted.at[j]] == NONE;
    *changed = (change){ bench_new(misses ? misses : 1, sizeof *changed->write), 0 };
    if (misses > own->max_misses) own->max_misses = misses;
    for (size_t j = 0; j < wanted.n; j++) {
        const pr_vid v = wanted.at[j];
        if (c->slot[v] != NONE) continue;
        c->slot[v]                   = take_slot(c, own->rows);
        changed->write[changed->n++] = (pri_write){ .id = v, .to = c->slot[v] };
    }
    for (size_t j = 0; j < wanted.n; j++) hang(c, use[j], wanted.at[j]);
}

/* Plan all steps. */
static void plan_all(offline *own)
{
    const pr_vid   nodes = own->setting.world->graph.num_nodes;
    const uint32_t n     = own->num_steps;
    const int64_t  start = pr_now_ns();
    pr_vids       *list  = draw_lists(own, n);
    uint32_t     **use   = next_uses(list, n, nodes);
    plan           c     = { .slot  = bench_new(nodes, sizeof *c.slot),
                             .first = bench_new(n + UINT64_C(1), sizeof *c.first),
                             .next  = bench_new(nodes, sizeof *c.next) };

    own->rows = (uint32_t)(own->setting.factor * (double)list[0].n);
    memset(c.slot, 0xff, nodes * sizeof *c.slot);
    memset(c.first, 0xff, (n + UINT64_C(1)) * sizeof *c.first);
    for (uint32_t i = 0; i < n; i++) {
        BENCH_CHECK(list[i].n <= own->rows, "%u slots are fewer than a batch's %zu rows", own->rows,
                    list[i].n);
        plan_step(own, &c, i, list[i], use[i]);
        free(use[i]);
        free((void *)(uintptr_t)list[i].at);
    }
    free(use);
    free(list);
    free(c.slot);
    free(c.first);
    free(c.next);
    own->head.ahead_ns      = (pr_now_ns() - start) / n;
    own->head.capacity_rows = own->rows;
}

/* ---- the steps ---- */

/* Begin to read the misses of a step and wait for them: on the feeder's thread, one step ahead. */
static void bring(void *argument, uint64_t step, const pr_batch *batch)
{
    offline       *own  = argument;
    const change  *c    = &own->changes[step];
    pr_fetch_cost *cost = &own->cost[step % 2];

    (void)batch;
    *cost = (pr_fetch_cost){ .rows = c->n };
    if (c->n == 0) return;
    for (uint32_t i = 0; i < c->n; i++)
        own->asked[i] =
            (pri_write){ .id = c->write[i].id, .to = (pr_slot)(step % 2 * own->max_misses + i) };
    const uint64_t group = pri_row_reader_enter(own->reader, own->asked, c->n, true, cost);
    BENCH_TRY(pri_row_reader_wait(own->reader, group, cost));
}

static void view(void *argument, uint64_t step, const pr_batch *batch, pr_slab *slab)
{
    offline      *own   = argument;
    const change *c     = &own->changes[step];
    const char   *rows  = own->staging + step % 2 * own->max_misses * own->slot_bytes;
    const size_t  bytes = own->slot_bytes;

#pragma omp parallel for schedule(static)
    for (uint32_t i = 0; i < c->n; i++) {
        own->slot_of[c->write[i].id] = c->write[i].to;
        memcpy(own->slab + c->write[i].to * bytes, rows + i * bytes, bytes);
    }
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < batch->nodes.n; i++)
        own->slot_of_input[i] = own->slot_of[batch->nodes.at[i]];
    *slab = (pr_slab){ .rows          = (const float *)(const void *)own->slab,
                       .ld            = bytes / sizeof(float),
                       .num_cols      = own->setting.world->features.num_cols,
                       .num_inputs    = (uint32_t)batch->nodes.n,
                       .slot_of_input = own->slot_of_input };
}

static disk_step step(disk_rival *rival)
{
    offline       *own  = (offline *)rival;
    const uint64_t at   = disk_fed_next(own->fed);
    disk_step      s    = disk_fed_step(own->fed);
    pr_fetch_cost *cost = &own->cost[at % 2];

    s.rows_moved = s.rows = own->changes[at].n;
    s.reads               = cost->reads;
    s.bytes               = cost->bytes;
    s.disk_ns             = cost->disk_ns;
    return s;
}

static void close_offline(disk_rival *rival)
{
    offline *own = (offline *)rival;

    disk_fed_close(own->fed); /* its thread reads */
    pri_row_reader_free(own->reader);
    for (uint32_t i = 0; i < own->num_steps; i++) free(own->changes[i].write);
    free(own->changes);
    free(own->slot_of);
    free(own->slab);
    free(own->staging);
    free(own->slot_of_input);
    free(own->asked);
    free(own);
}

static char *aligned_rows(size_t rows, size_t row_bytes)
{
    char *at = aligned_alloc(64, (rows * row_bytes + 63) / 64 * 64);

    BENCH_CHECK(at, "no room for %zu rows of %zu bytes", rows, row_bytes);
    return at;
}

disk_rival *disk_offline(const disk_setting *setting)
{
    offline           *own    = bench_new(1, sizeof *own);
    const disk_feeder  feeder = { bring, view, own };
    const pr_features *x      = &setting->world->features;
    const pr_vid       nodes  = setting->world->graph.num_nodes;

    BENCH_CHECK(x->file, "the rows have no file");
    own->head       = (disk_rival){ .step = step, .close = close_offline };
    own->setting    = *setting;
    own->num_steps  = (uint32_t)setting->num_steps;
    own->slot_bytes = (x->file->row_bytes + 63) / 64 * 64;
    own->changes    = bench_new(own->num_steps, sizeof *own->changes);
    own->slot_of    = bench_new(nodes, sizeof *own->slot_of);
    own->fed        = disk_fed_open(setting, &feeder, own->num_steps);
    plan_all(own);
    own->slab    = aligned_rows(own->rows, own->slot_bytes);
    own->staging = aligned_rows((size_t)2 * own->max_misses, own->slot_bytes);
    memset(own->slab, 0, own->rows * own->slot_bytes); /* padding */
    memset(own->staging, 0, (size_t)2 * own->max_misses * own->slot_bytes);
    own->asked         = bench_new(own->max_misses, sizeof *own->asked);
    own->slot_of_input = bench_new(pr_sampler_max_inputs(disk_fed_run(own->fed)->lane[0]->sampler),
                                   sizeof *own->slot_of_input);
    const pri_row_reader_setup reader = { .file       = x->file,
                                          .num_rows   = x->num_rows,
                                          .num_cols   = x->num_cols,
                                          .io         = setting->io,
                                          .slots      = own->staging,
                                          .slot_bytes = own->slot_bytes,
                                          .max_rows   = (size_t)2 * own->max_misses };
    BENCH_TRY(pri_row_reader_open(&reader, &own->reader));
    return &own->head;
}
