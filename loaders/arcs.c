/* arcs.c: see arcs.h. Threads race for places within a list only, which sorting it makes good. */
#include "loaders/arcs.h"

#include <inttypes.h>
#include <string.h>

#include "loaders/graph_figures.h"
#include "loaders/npy.h"

enum { OUT_WEIGHTS = 1 << 16 };

/* Destinations first .. end-1, while their lists are in memory. */
typedef struct range {
    pr_vid   first, end;
    pr_eid   given;   /* arc of `room` 0, as counted */
    pr_eid   kept;    /* arcs kept of earlier ranges */
    uint64_t num;     /* arcs kept of this one */
    void    *room;    /* ids, or keys with weights */
    float   *weights; /* [OUT_WEIGHTS] */
} range;

/* The files that arcs are appended to; a closed one has no stream. */
typedef struct arc_files {
    pri_outfile indices, weights;
} arc_files;

pr_status pri_arcs_init(pri_arcs *arcs, const pri_arcs_how *how)
{
    pr_status st = PR_OK;

    *arcs = (pri_arcs){ .how = *how, .spool = { .fd = -1 } };
    PR_TRY(pri_spool_open(&arcs->spool, how->spool_dir, how->weighted));
    PR_TRY(pri_paged_take(&arcs->counts, (uint64_t)how->num_nodes + 1, sizeof(pr_eid),
                          "counts of arcs"));
    arcs->indptr = arcs->counts.at;
done:
    return st;
}

static bool drops_loops(const pri_arcs *arcs)
{
    return arcs->how.rules.self_loops == PRI_LOOPS_DROP;
}

/* Places that every list has for an arc of nobody's: its self loop. */
static uint64_t extra_arcs(const pri_arcs *arcs)
{
    return arcs->how.rules.self_loops == PRI_LOOPS_ADD;
}

/* Count the edges of the block, and write it. */
static pr_status flush(pri_arcs *arcs)
{
    const pr_vid *pair       = arcs->spool.pair;
    pr_eid       *count      = arcs->indptr;
    const bool    undirected = arcs->how.undirected, drop = drops_loops(arcs);
    uint64_t      loops = 0;

#pragma omp parallel for reduction(+ : loops)
    for (uint64_t i = 0; i < arcs->spool.n; i++) {
        const pr_vid src = pair[2 * i], dst = pair[2 * i + 1];
        loops += src == dst;
        if (src == dst && drop) continue;
#pragma omp atomic
        count[dst]++;
        if (!undirected || src == dst) continue;
#pragma omp atomic
        count[src]++;
    }
    if (drop) arcs->tally.self_loops_dropped += loops;
    return pri_spool_write(&arcs->spool);
}

pr_status pri_arcs_add(pri_arcs *arcs, uint64_t n)
{
    arcs->spool.n += n;
    return arcs->spool.n < PRI_SPOOL_EDGES ? PR_OK : flush(arcs);
}

/* Bring counts into the order of the numbers. */
static pr_status renumber(pri_arcs *arcs)
{
    pr_status     st   = PR_OK;
    const pr_vid  N    = arcs->how.num_nodes;
    const pr_vid *rank = arcs->rank.at;
    pri_paged     room;

    PR_TRY(pri_paged_take(&room, (uint64_t)N + 1, sizeof(pr_eid), "counts of arcs"));
    pr_eid *count = room.at;
    for (uint64_t i = 0; i < N; i++) count[rank[i]] = arcs->indptr[i];
    pri_paged_free(&arcs->counts);
    arcs->counts = room;
    arcs->indptr = count;
done:
    return st;
}

pr_status pri_arcs_end(pri_arcs *arcs, pri_paged *rank)
{
    pr_status      st    = PR_OK;
    const uint64_t extra = extra_arcs(arcs);
    pr_eid         sum   = 0;

    arcs->rank = *rank;
    *rank      = (pri_paged){ 0 };
    PR_TRY(flush(arcs));
    if (arcs->rank.at) PR_TRY(renumber(arcs));
    for (uint64_t v = 0; v < arcs->how.num_nodes; v++) {
        const uint64_t n = arcs->indptr[v] + extra;
        if (n > arcs->longest) arcs->longest = n;
        arcs->indptr[v] = sum;
        sum += n;
    }
    arcs->indptr[arcs->how.num_nodes] = sum;
    arcs->num_arcs                    = sum;
done:
    return st;
}

/* Give the end of the range that begins at node `first`: as many whole lists as there is room for.
 */
static pr_vid end_of_range(const pri_arcs *arcs, pr_vid first, uint64_t room_arcs)
{
    const pr_eid most = arcs->indptr[first] + room_arcs;
    uint64_t     low = first, high = arcs->how.num_nodes; /* lists before `low` fit */

    while (low < high) {
        const uint64_t middle = low + (high - low + 1) / 2;
        if (arcs->indptr[middle] <= most)
            low = middle;
        else
            high = middle - 1;
    }
    return (pr_vid)low;
}

uint64_t pri_arcs_num_ranges(const pri_arcs *arcs, uint64_t room_arcs)
{
    uint64_t num = 0;

    PR_ASSERT(room_arcs >= arcs->longest);
    for (pr_vid v = 0; v < arcs->how.num_nodes; num++) v = end_of_range(arcs, v, room_arcs);
    return num;
}

/* Take the next place of a list. */
static pr_eid take_place(pr_eid *next)
{
    pr_eid at;
#pragma omp atomic capture
    at = (*next)++;
    return at;
}

static void put(const pri_arcs *arcs, const range *r, pr_vid src, pr_vid dst, float weight)
{
    const pr_eid at = take_place(&arcs->indptr[dst]) - r->given;

    if (arcs->how.weighted)
        ((uint64_t *)r->room)[at] = pri_arc_key(src, weight);
    else
        ((pr_vid *)r->room)[at] = src;
}

/* Put the arcs of the spool's block that end in the range into their lists. */
static void fill_block(const pri_arcs *arcs, const range *r)
{
    const pri_spool *spool = &arcs->spool;
    const pr_vid    *pair = spool->pair, *rank = arcs->rank.at;
    const pr_vid     first = r->first, num = r->end - r->first;
    const bool       undirected = arcs->how.undirected, drop = drops_loops(arcs);

#pragma omp parallel for
    for (uint64_t i = 0; i < spool->n; i++) {
        const pr_vid src    = rank ? rank[pair[2 * i]] : pair[2 * i];
        const pr_vid dst    = rank ? rank[pair[2 * i + 1]] : pair[2 * i + 1];
        const float  weight = spool->weight ? spool->weight[i] : 0;
        if (src == dst && drop) continue;
        if (dst - first < num) put(arcs, r, src, dst, weight);
        if (undirected && src != dst && src - first < num) put(arcs, r, dst, src, weight);
    }
}

/* Read the whole spool; afterwards indptr[v] is the end of the range's list v. */
static pr_status fill(pri_arcs *arcs, const range *r, uint64_t nth, uint64_t num_ranges)
{
    pr_status      st    = PR_OK;
    const uint64_t total = arcs->spool.bytes;

    pri_spool_rewind(&arcs->spool);
    for (;;) {
        PR_CHECK(!pri_watch_stopped(arcs->how.teller->watch), PR_E_INTERRUPTED,
                 "%s: interrupted while sorting arcs", arcs->how.source);
        PR_TRY(pri_spool_next(&arcs->spool));
        if (arcs->spool.n == 0) break;
        fill_block(arcs, r);
        pri_tell(arcs->how.teller, "sort arcs", nth * total + arcs->spool.at, num_ranges * total);
    }
done:
    return st;
}

/* Sort the range's lists. */
static pr_status sort(pri_arcs *arcs, const range *r)
{
    pr_status       st    = PR_OK;
    const pr_eid   *end   = arcs->indptr;
    const uint64_t  extra = extra_arcs(arcs);
    const pr_watch *watch = arcs->how.teller->watch;

#pragma omp parallel for schedule(dynamic, 1024)
    for (uint64_t v = r->first; v < r->end; v++) {
        const pr_eid   begin = v > r->first ? end[v - 1] + extra : r->given;
        const uint64_t n     = end[v] - begin;
        if (n < 2 || pri_watch_stopped(watch)) continue;
        if (arcs->how.weighted)
            pri_keys_sort((uint64_t *)r->room + (begin - r->given), n, arcs->how.num_nodes);
        else
            pri_list_sort((pr_vid *)r->room + (begin - r->given), n, arcs->how.num_nodes);
    }
    PR_CHECK(!pri_watch_stopped(watch), PR_E_INTERRUPTED, "%s: interrupted while sorting arcs",
             arcs->how.source);
done:
    return st;
}

/* Do as the rules say with each list and close the gaps; afterwards indptr[v] is the end of list v
 * in the files. */
static pr_status finish(pri_arcs *arcs, range *r)
{
    pr_status            st    = PR_OK;
    const pri_arc_rules *rules = &arcs->how.rules;
    const uint64_t       extra = extra_arcs(arcs);
    pr_vid              *list  = r->room;
    uint64_t            *key = r->room, num = 0;

    r->num = 0;
    for (uint64_t v = r->first, begin = 0; v < r->end; v++) {
        const uint64_t end = arcs->indptr[v] - r->given, n = end - begin;
        if (arcs->how.weighted)
            PR_TRY(pri_keys_finish(key + begin, n, (pr_vid)v, rules, &arcs->tally, key + r->num,
                                   &num));
        else
            pri_list_finish(list + begin, n, (pr_vid)v, rules, &arcs->tally, list + r->num, &num);
        r->num += num;
        begin           = end + extra;
        arcs->indptr[v] = r->kept + r->num;
    }
done:
    if (st == PR_E_INPUT) pri_error_prefix("%s: ", arcs->how.source);
    return st;
}

/* Write the weights of the keys, and leave their sources, packed at the front: the one of key i
 * lies on bytes that were read before. */
static pr_status part_keys(range *r, arc_files *files)
{
    pr_status st    = PR_OK;
    char     *bytes = r->room;

    for (uint64_t first = 0; first < r->num; first += OUT_WEIGHTS) {
        const uint64_t n = r->num - first < OUT_WEIGHTS ? r->num - first : OUT_WEIGHTS;
        for (uint64_t i = 0; i < n; i++) {
            uint64_t key;
            memcpy(&key, bytes + (first + i) * sizeof key, sizeof key);
            const pr_vid src = (pr_vid)(key >> 32);
            r->weights[i]    = pri_arc_weight(key);
            memcpy(bytes + (first + i) * sizeof src, &src, sizeof src);
        }
        if (files->weights.stream)
            PR_TRY(pri_outfile_write(&files->weights, r->weights, n * sizeof *r->weights));
    }
done:
    return st;
}

/* Append the range's arcs to the files, and count what they say. */
static pr_status append(pri_arcs *arcs, range *r, arc_files *files)
{
    pr_status st = PR_OK;

    if (arcs->how.weighted) PR_TRY(part_keys(r, files));
    const pri_arc_lists lists = { .first      = r->first,
                                  .num        = r->end - r->first,
                                  .end        = arcs->indptr + r->first,
                                  .base       = r->kept,
                                  .arcs       = r->room,
                                  .directions = !arcs->how.undirected };
    pri_arc_figures_add(&arcs->figures, arcs->labels, &lists);
    if (files->indices.stream)
        PR_TRY(pri_outfile_write(&files->indices, r->room, r->num * sizeof(pr_vid)));
done:
    return st;
}

static pr_status open_file(pri_outfile *file, const char *dir, const char *name, pr_dtype dtype,
                           uint64_t most)
{
    char path[PR_TEXT_BYTES + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return pri_npy_begin(file, path, dtype, 1, &most);
}

/* Put the count that is known now into the header. */
static pr_status close_file(pri_outfile *file, pr_dtype dtype, uint64_t count, uint64_t most)
{
    pr_status    st = PR_OK;
    char         header[PRI_HEADER_BYTES];
    const size_t room  = pri_npy_header_text(dtype, 1, &most, header);
    const size_t bytes = pri_npy_header_text(dtype, 1, &count, header);

    PR_CHECK(bytes == room, PR_E_BUG,
             "%s: the header of %" PRIu64 " elements has %zu bytes, not %zu", file->path, count,
             bytes, room);
    PR_CHECK(fseeko(file->stream, 0, SEEK_SET) == 0, PR_E_IO, "%s: cannot be written", file->path);
    PR_TRY(pri_outfile_write(file, header, bytes));
    PR_TRY(pri_outfile_commit(file));
done:
    return st;
}

static pr_status build_ranges(pri_arcs *arcs, uint64_t room_arcs, range *r, arc_files *files)
{
    pr_status      st  = PR_OK;
    const uint64_t num = pri_arcs_num_ranges(arcs, room_arcs);

    for (arcs->num_ranges = 0; r->end < arcs->how.num_nodes; arcs->num_ranges++) {
        r->first = r->end;
        r->end   = end_of_range(arcs, r->first, room_arcs);
        r->given = arcs->indptr[r->first];
        PR_TRY(fill(arcs, r, arcs->num_ranges, num));
        PR_TRY(sort(arcs, r));
        PR_TRY(finish(arcs, r));
        PR_TRY(append(arcs, r, files));
        r->kept += r->num;
    }
done:
    return st;
}

pr_status pri_arcs_build(pri_arcs *arcs, uint64_t room_arcs, const char *dir)
{
    pr_status      st = PR_OK;
    const uint64_t N = arcs->how.num_nodes, most = arcs->num_arcs;
    arc_files      files = { 0 };
    range          r     = { 0 };
    pri_paged      room  = { 0 };

    PR_ASSERT(room_arcs >= arcs->longest);
    if (arcs->how.weighted) PR_NEW(r.weights, OUT_WEIGHTS);
    PR_TRY(pri_paged_take(&room, room_arcs < most ? room_arcs : most,
                          pri_arcs_arc_bytes(arcs->how.weighted), "arcs"));
    r.room = room.at;
    if (dir) PR_TRY(open_file(&files.indices, dir, "indices.npy", PR_U32, most));
    if (dir && arcs->how.weighted)
        PR_TRY(open_file(&files.weights, dir, "edge_weight.npy", PR_F32, most));
    PR_TRY(build_ranges(arcs, room_arcs, &r, &files));
    if (files.indices.stream) PR_TRY(close_file(&files.indices, PR_U32, r.kept, most));
    if (files.weights.stream) PR_TRY(close_file(&files.weights, PR_F32, r.kept, most));
    memmove(arcs->indptr + 1, arcs->indptr, N * sizeof *arcs->indptr);
    arcs->indptr[0] = 0;
    arcs->num_arcs  = r.kept;
done:
    pri_outfile_abort(&files.indices);
    pri_outfile_abort(&files.weights);
    pri_paged_free(&room);
    pri_paged_free(&arcs->rank);
    pri_spool_close(&arcs->spool);
    pri_free(r.weights);
    return st;
}

size_t pri_arcs_arc_bytes(bool weighted)
{
    return weighted ? sizeof(uint64_t) : sizeof(pr_vid);
}

uint64_t pri_arcs_out_bytes(bool weighted)
{
    return weighted ? OUT_WEIGHTS * sizeof(float) : 0;
}

void pri_arcs_clear(pri_arcs *arcs)
{
    pri_spool_close(&arcs->spool);
    pri_paged_free(&arcs->counts);
    pri_paged_free(&arcs->rank);
    arcs->indptr = NULL;
}
