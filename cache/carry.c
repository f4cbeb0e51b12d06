/* carry.c: a plan is carried out. Survivors move and rows are written; no slot that is written is
 * one that a survivor leaves, so the order is free. Rows are written a few at a time, plane by
 * plane, and the index follows while they are warm: its entries are prefetched behind the copies,
 * and cost little more than a store. */
#include <omp.h>

#include "cache/partition.h"

enum { CHUNK_BYTES = 32 << 10, CHUNK_MOST = 128, CHUNK_LEAST = 32 };

pr_status pri_carry_fetch(pr_cache *c)
{
    pr_status st = PR_OK;

    c->cost = (pr_fetch_cost){ 0 };
    for (uint32_t p = 0; p < c->num_planes; p++)
        if (c->store[p]->calls->fetch)
            PR_TRY(c->store[p]->calls->fetch(c->store[p], c->fetcher[p], c->write, c->num_writes,
                                             &c->cost));
done:
    return st;
}

bool pri_carry_should_repack(const pr_cache *c)
{
    const pri_plan *p      = &c->plan;
    const double    writes = (double)p->num_added + p->num_moved;

    return c->options.mode == PR_CACHE_PACKED && !c->can_fetch && p->rows_before > 0 &&
           p->rows_after > 0 && writes >= c->tuning.repack_share * (double)p->rows_after;
}

/* How rows are stored: for a reader that comes next through the caches, unless its view is larger
 * than they are. */
static pri_stores stores_of(const pr_cache *c)
{
    switch ((pr_cache_reader)c->options.reader) {
    case PR_READER_NEXT: return PRI_STORES_CACHED;
    case PR_READER_LATER: return PRI_STORES_STREAMED;
    default: break;
    }
    const uint64_t view = c->figures.num_wanted * c->slot_bytes;
    return view > c->tuning.stream_bytes ? PRI_STORES_STREAMED : PRI_STORES_CACHED;
}

static void copy_dense(const pr_cache *c, uint32_t plane, pri_stores stores, size_t begin,
                       size_t end)
{
    pri_copy copy = c->dense[plane].copy;

    copy.write = c->write;
    copy.n     = c->num_writes;
    c->dense[plane].kernel[stores](&copy, begin, end);
}

/* Write rows begin .. end-1 of the plan. Distinct ranges may run on distinct threads: they touch
 * distinct slots, and index entries of distinct rows. */
static void write_range(pr_cache *c, pri_stores stores, size_t begin, size_t end)
{
    const size_t by_bytes = CHUNK_BYTES / (c->row_bytes + 1);
    const size_t chunk    = by_bytes < CHUNK_LEAST  ? CHUNK_LEAST
                            : by_bytes > CHUNK_MOST ? CHUNK_MOST
                                                    : by_bytes;
    pri_place    place    = { .write       = c->write,
                              .n           = c->num_writes,
                              .isa         = c->tuning.isa,
                              .stores      = stores,
                              .prefetch_to = c->tuning.prefetch_to };

    for (size_t at = begin; at < end; at += chunk) {
        const size_t to = end - at < chunk ? end : at + chunk;
        for (uint32_t p = 0; p < c->num_planes; p++) {
            if (c->dense[p].copy.from) {
                copy_dense(c, p, stores, at, to);
                continue;
            }
            place.rows      = c->slab[p].rows;
            place.ld        = c->slab[p].ld;
            place.row_ahead = c->row_ahead[p];
            place.fetcher   = c->fetcher[p];
            c->store[p]->calls->place(c->store[p], &place, at, to);
        }
        if (c->repack) continue;
        if (c->noted)
            pri_index_enter_noted(&c->index, c->write, at, to);
        else
            pri_index_enter(&c->index, c->write, end, at, to, c->plan.num_added,
                            c->plan.rows_before);
    }
    pri_copy_fence(stores);
}

static void move_range(pr_cache *c, size_t begin, size_t end)
{
    for (uint32_t p = 0; p < c->num_planes; p++)
        pri_slab_move(&c->slab[p], c->plan.move, begin, end);
}

/* The part of n that thread t of `of` takes. */
static size_t share(size_t n, int t, int of)
{
    return n * (size_t)t / (size_t)of;
}

/* Turn the list of writes into one that writes every row, in order of slots. The index knows them.
 */
static void write_all(pr_cache *c)
{
    const pri_plan *p    = &c->plan;
    const uint32_t  tail = p->num_bypassed;

    for (uint32_t i = tail; i-- > 0;) /* bypassed rows go behind the others */
        c->write[p->rows_after + i] = c->write[p->num_added + i];
    for (pr_slot s = 0; s < p->rows_after; s++)
        c->write[s] = (pri_write){ .id = c->index.id_of[s], .to = s };
    c->num_writes = p->rows_after + tail;
}

/* Let the index follow what is not entered row by row: rows that leave without being replaced, and
 * rows that move. A repack needs to know every slot's row beforehand, so all enter here. */
static void lead_index(pr_cache *c)
{
    const pri_plan *p = &c->plan;

    if (!c->noted && p->num_freed > p->num_added)
        pri_index_free(&c->index, p->freed + p->num_added, p->num_freed - p->num_added);
    pri_index_move(&c->index, p->move, p->num_moved);
    if (!c->repack) return;
    if (c->noted)
        pri_index_enter_noted(&c->index, c->write, 0, c->num_writes);
    else
        pri_index_enter(&c->index, c->write, c->num_writes, 0, c->num_writes, p->num_added,
                        p->rows_before);
    write_all(c);
}

void pri_carry_rows(pr_cache *c)
{
    lead_index(c);
    const pri_stores stores  = stores_of(c);
    const size_t     moves   = c->repack ? 0 : c->plan.num_moved;
    const size_t     writes  = c->num_writes;
    const int        threads = omp_get_max_threads();

    if (threads > 1 && (moves + writes) * c->row_bytes >= c->tuning.thread_bytes) {
#pragma omp parallel num_threads(threads)
        {
            const int t = omp_get_thread_num(), of = omp_get_num_threads();
            move_range(c, share(moves, t, of), share(moves, t + 1, of));
            write_range(c, stores, share(writes, t, of), share(writes, t + 1, of));
        }
    } else {
        move_range(c, 0, moves);
        write_range(c, stores, 0, writes);
    }
    for (uint32_t p = 0; p < c->num_planes && c->can_fetch; p++)
        if (c->store[p]->calls->placed)
            c->store[p]->calls->placed(c->fetcher[p], c->write, c->num_writes,
                                       pri_early_free_slots(c, c->plan.rows_before));
}

void pri_carry_figures(pr_cache *c)
{
    pr_cache_plan  *f      = &c->figures;
    const pri_plan *p      = &c->plan;
    const uint64_t  least  = f->rows_added + f->rows_bypassed + p->num_moved;
    const bool      packed = c->options.mode == PR_CACHE_PACKED;

    f->rows_victim    = p->num_freed;
    f->rows_compacted = p->num_moved;
    f->rows_moved     = c->repack ? p->rows_after + f->rows_bypassed : least;
    f->bytes_moved    = f->rows_moved * c->row_bytes;
    f->bytes_gather   = f->num_wanted * c->row_bytes;
    f->bytes_bound    = packed ? (int64_t)(least * c->row_bytes) : PR_NULL_INT;
    f->path           = c->repack ? "repack" : "paired";
}

/* Count the rows that the plan reads from one plane's store and that are local. A repack reads all
 * that are held afterwards: the list that is wanted, or those held before but for the difference.
 */
static uint64_t count_local(const pr_cache *c, const pri_local_rows *l, pr_vids removed)
{
    const bool all = l->kind == PRI_LOCAL_ALL;

    if (!c->repack)
        return all ? c->num_writes : pri_local_rows_count_writes(l, c->write, c->num_writes);
    if (all) return c->figures.rows_moved;
    if (!c->noted) return pri_local_rows_count_ids(l, c->look.wanted.at, c->look.wanted.n);
    return pri_local_rows_count_ids(l, c->index.id_of, c->plan.rows_before) -
           pri_local_rows_count_ids(l, removed.at, removed.n) +
           pri_local_rows_count_writes(l, c->write, c->num_writes);
}

void pri_carry_local(pr_cache *c, pr_vids removed)
{
    pr_cache_plan *f     = &c->figures;
    uint64_t       local = f->bytes_moved;

    f->bytes_local = f->bytes_remote = PR_NULL_INT;
    if (c->local_kind == PRI_LOCAL_UNKNOWN) return;
    if (c->local_kind != PRI_LOCAL_ALL) {
        local = c->repack ? 0 : f->rows_compacted * c->row_bytes; /* moves stay in the slab */
        for (uint32_t p = 0; p < c->num_planes; p++)
            local += count_local(c, &c->local_rows[p], removed) * pr_store_row_bytes(c->store[p]);
    }
    f->bytes_local  = (int64_t)local;
    f->bytes_remote = (int64_t)(f->bytes_moved - local);
}

void pri_carry_count(pr_cache *c)
{
    const pr_cache_plan *f = &c->figures;
    pr_cache_stats      *s = &c->stats;

    s->steps++;
    s->repacks += c->repack;
    s->rows_wanted += f->num_wanted;
    s->rows_hit += f->rows_hit;
    s->rows_added += f->rows_added;
    s->rows_bypassed += f->rows_bypassed;
    s->rows_direct += f->rows_direct;
    s->rows_victim += f->rows_victim;
    s->rows_compacted += f->rows_compacted;
    s->rows_moved += f->rows_moved;
    s->rows_first += f->rows_first;
    s->bytes_moved += f->bytes_moved;
    s->bytes_gather += f->bytes_gather;
}
