/* import_memory.c: see import_memory.h. Every array that grows with the graph is here by its name;
 * which of them are there at the same time follows import_edges.c:
 *
 *                     rows  spool  indptr  rank  ids  labels  split  besides
 *     read features    x                                             the reader
 *     read edges       x     x      x                                the reader; remap: the set of
 * ids number ids       x     x      x       x     x                  the sort, or counts once more
 *     read labels      x     x      x       x     x    x             the reader
 *     fill lists       x     x      x       x     x    x       x     the lists, buffers of writing
 *     write files      x            x             x    x       x     buffers, degrees
 */
#include "loaders/import_memory.h"

#include <omp.h>

#include "base/rss.h"
#include "loaders/arcs.h"
#include "loaders/remap.h"
#include "loaders/write.h"

enum {
    STARTED_BYTES = 8 << 20,  /* code and tables that are touched later: measured, 2 MiB; with it
                                 a process is far from a step of PRI_IMPORT_BASE_UNIT, and its
                                 plans are the same from run to run */
    THREAD_BYTES = 128 << 10, /* a thread's stack and heap: measured, 40 KiB */
};

static uint64_t max2(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t pri_import_base(void)
{
    const uint64_t now  = pri_rss_bytes() + STARTED_BYTES;
    const uint64_t unit = PRI_IMPORT_BASE_UNIT;

    return (now + unit - 1) / unit * unit + (uint64_t)omp_get_max_threads() * THREAD_BYTES;
}

static uint64_t indptr_bytes(const pri_import_shape *s)
{
    return pri_paged_bytes(s->nodes + 1, sizeof(pr_eid));
}

static uint64_t rank_bytes(const pri_import_shape *s)
{
    return s->remap ? pri_paged_bytes(s->nodes, sizeof(pr_vid)) : 0;
}

static uint64_t ids_bytes(const pri_import_shape *s)
{
    return s->remap ? pri_paged_bytes(s->nodes, sizeof(int64_t)) : 0;
}

static uint64_t labels_bytes(const pri_import_shape *s)
{
    return s->nodes * s->label_bytes;
}

static uint64_t split_bytes(const pri_import_shape *s)
{
    return s->label_bytes ? s->nodes * sizeof(pr_vid) : 0;
}

/* What is there from the first edge to the last list. */
static uint64_t standing(const pri_import_shape *s)
{
    return s->base + s->rows + pri_spool_block_bytes(s->weighted) + indptr_bytes(s);
}

/* A row is written whole. */
static uint64_t write_buffer(const pri_import_shape *s)
{
    return max2(PRI_WRITE_BYTES, (uint64_t)s->columns * sizeof(float));
}

static uint64_t lists_bytes(const pri_import_shape *s, uint64_t num_arcs)
{
    return pri_paged_bytes(num_arcs, pri_arcs_arc_bytes(s->weighted));
}

uint64_t pri_import_before(const pri_import_shape *s)
{
    uint64_t most = s->base + s->rows + s->rows_read;

    most = max2(most, standing(s) + s->edges_read + (s->remap ? pri_id_set_bytes(s->nodes) : 0));
    if (s->remap) {
        most = max2(most, standing(s) + pri_id_set_sort_bytes(s->nodes));
        most = max2(most, standing(s) + indptr_bytes(s) + rank_bytes(s) + ids_bytes(s));
    }
    if (s->label_bytes)
        most = max2(most,
                    standing(s) + rank_bytes(s) + ids_bytes(s) + labels_bytes(s) + s->labels_read);
    return most;
}

uint64_t pri_import_filling(const pri_import_shape *s)
{
    return standing(s) + rank_bytes(s) + ids_bytes(s) + labels_bytes(s) + split_bytes(s) +
           write_buffer(s) + pri_arcs_out_bytes(s->weighted);
}

uint64_t pri_import_writing(const pri_import_shape *s)
{
    return s->base + s->rows + indptr_bytes(s) + ids_bytes(s) + labels_bytes(s) + split_bytes(s) +
           write_buffer(s) + (s->longest + 1) * sizeof(uint32_t);
}

uint64_t pri_import_least(const pri_import_shape *s)
{
    const uint64_t lists = lists_bytes(s, s->longest);

    return max2(pri_import_before(s), max2(pri_import_filling(s) + lists, pri_import_writing(s)));
}

uint64_t pri_import_room_arcs(const pri_import_shape *s, uint64_t memory)
{
    const uint64_t filling = pri_import_filling(s);
    const size_t   each    = pri_arcs_arc_bytes(s->weighted);
    uint64_t       arcs    = memory > filling ? (memory - filling) / each : 0;

    if (arcs >= s->num_arcs) arcs = s->num_arcs;
    while (arcs > s->longest && filling + lists_bytes(s, arcs) > memory) /* whole pages */
        arcs -= arcs - s->longest < (1 << 10) ? arcs - s->longest : 1 << 10;
    return max2(arcs, s->longest);
}

uint64_t pri_import_peak(const pri_import_shape *s, uint64_t room_arcs)
{
    return max2(pri_import_before(s),
                max2(pri_import_filling(s) + lists_bytes(s, room_arcs), pri_import_writing(s)));
}
