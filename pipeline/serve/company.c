/* company.c: a batch of queries, from nodes to rows.
 *
 *     gather    nodes of all queries -> distinct seeds; place[node] is where one is among them
 *     compute   a step of phase infer, or rows from the cache
 *     copy      row place[node] to each query, repeats included
 *     done      each query is its owner's again
 *     learn     the plane and the record hear of the batch, when nobody waits for it any more */
#include "pipeline/serve/company.h"

#include <math.h>
#include <string.h>

#include "pipeline/step.h"

/* A batch on its way. */
typedef struct work {
    pri_clerk        *clerk;
    pri_company      *company;
    pr_vids           seeds;
    pr_fanout         fanout; /* that it is drawn with */
    bool              shed;
    pr_step           row;
    pr_step_partition partition;
    pr_vids           wanted;
    uint32_t          num_dst; /* of the first layer */
    int64_t           batch_step;
} work;

/* ---- gather ---- */

/* Add the nodes of queries that were not there yet. */
static void add_seeds(pri_clerk *clerk, const pri_query *first, uint32_t *num)
{
    for (const pri_query *q = first; q; q = q->next)
        for (uint32_t i = 0; i < q->num_nodes; i++) {
            const pr_vid v = q->nodes[i];
            if (clerk->place[v] != UINT32_MAX) continue;
            clerk->place[v]    = *num;
            clerk->seeds[*num] = v;
            (*num)++;
        }
}

/* List the seeds; where there were repeats, more queries may have room. */
static pr_vids gather(pri_clerk *clerk, pri_company *company)
{
    const pri_commons *commons = clerk->generation->commons;
    const uint32_t     most    = commons->setup.options->serve.batch_max_nodes;
    uint32_t           num     = 0;
    pri_query         *last    = company->first, *more;

    add_seeds(clerk, company->first, &num);
    while (company->cut && num < most &&
           (more = pri_batcher_join(commons->batcher, company, most - num))) {
        while (last->next) last = last->next;
        last->next = more;
        add_seeds(clerk, more, &num);
    }
    return (pr_vids){ clerk->seeds, num };
}

static void forget_seeds(pri_clerk *clerk, pr_vids seeds)
{
    for (size_t i = 0; i < seeds.n; i++) clerk->place[seeds.at[i]] = UINT32_MAX;
}

/* ---- rows to queries ---- */

/* Make room for the rows of a query. */
static bool make_room(pri_rows_out *out, uint32_t rows, uint32_t cols)
{
    const size_t need = (size_t)rows * cols;

    out->cols = cols;
    if (need <= out->room) return true;
    float *at = pri_realloc(out->at, need, sizeof *at);
    if (!at) return false;
    out->at   = at;
    out->room = need;
    return true;
}

static void fail(pri_query *query, pri_outcome outcome, const char *reason)
{
    query->outcome = outcome;
    snprintf(query->reason, sizeof query->reason, "%s", reason);
}

static void fail_all(const pri_company *company, pri_outcome outcome, const char *reason)
{
    for (pri_query *q = company->first; q; q = q->next) fail(q, outcome, reason);
}

/* Copy a query's rows, row place[node] of the batch for each. */
static void copy_rows(const uint32_t *place, pri_query *query, pri_rows_out *out, const float *rows,
                      size_t ld, uint32_t cols)
{
    if (!make_room(out, query->num_nodes, cols)) {
        fail(query, PRI_FAILED, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < query->num_nodes; i++)
        memcpy(out->at + (size_t)i * cols, rows + place[query->nodes[i]] * ld, cols * sizeof *rows);
}

/* ---- infer ---- */

/* Give what the company is drawn with. Not all that fitted when it was handed in does when another
 * model has taken over. */
static pr_status choose_fanout(work *w)
{
    const pri_generation   *g       = w->clerk->generation;
    const pri_query        *q       = w->company->first;
    const pr_serve_options *options = &g->commons->setup.options->serve;

    w->shed   = !q->own_fanout && g->sheds && w->company->num_waiting >= options->shed_at;
    w->fanout = q->own_fanout ? q->fanout : w->shed ? g->shed_fanout : g->fanout;
    return q->own_fanout ? pri_widest_check(&g->widest, "fanout", &w->fanout) : PR_OK;
}

static bool is_same(const pr_fanout *a, const pr_fanout *b)
{
    for (uint32_t h = 0; h < a->num_layers; h++)
        if (a->hop[h] != b->hop[h]) return false;
    return true;
}

/* Draw and compute. A step of phase infer has the number 0: draws depend on seed, hop and vertex
 * alone. */
static pr_status run_step(work *w)
{
    const pri_generation *g      = w->clerk->generation;
    const uint64_t        server = g->commons->setup.options->serve.seed;
    const pri_query      *q      = w->company->first;
    const pr_draw_own     own    = { .has_seed = q->seed != server,
                                     .seed     = q->seed,
                                     .fanout =
                                  is_same(&w->fanout, &g->widest.fanout) ? NULL : &w->fanout };
    const pri_step_input  input  = { .phase   = PR_PHASE_INFER,
                                     .seeds   = w->seeds,
                                     .own     = own.has_seed || own.fanout ? &own : NULL,
                                     .model   = g->model,
                                     .seed    = q->seed,
                                     .wanted  = &w->wanted,
                                     .num_dst = &w->num_dst };

    return pri_step_run(&w->clerk->lane, 1, &input, &w->row, &w->partition);
}

static void copy_answers(const work *w)
{
    const pri_generation *g    = w->clerk->generation;
    const pri_tape       *tape = w->clerk->lane->tape;
    const uint32_t        L    = g->shape.num_layers;
    const uint32_t        cols = g->shape.width[L];
    size_t                ld, hidden_ld;
    const float          *logits = pri_nn_logits(tape, &ld);

    for (pri_query *q = w->company->first; q; q = q->next) {
        q->hidden.cols = 0;
        q->outputs     = g->info.outputs;
        q->used_fanout = w->fanout;
        q->shed        = w->shed;
        copy_rows(w->clerk->place, q, &q->logits, logits, ld, cols);
        if (!q->wants_hidden || L < 2) continue;
        const float *hidden = pri_nn_hidden(tape, &hidden_ld);
        copy_rows(w->clerk->place, q, &q->hidden, hidden, hidden_ld, g->shape.width[L - 1]);
    }
}

static pr_status infer(work *w)
{
    pr_status st = PR_OK;

    PR_TRY(run_step(w));
    copy_answers(w);
done:
    return st;
}

/* ---- features ---- */

/* Copy row i of a view. */
static void copy_view_row(const pr_slab *view, uint32_t i, float *out)
{
    const pr_features *x = view->features;

    if (!x) {
        memcpy(out, view->rows + view->slot_of_input[i] * view->ld, view->num_cols * sizeof *out);
        return;
    }
    const pr_slot row = view->slot_of_input[i];
    memset(out, 0, view->num_cols * sizeof *out);
    for (pr_eid e = x->indptr[row]; e < x->indptr[row + 1]; e++) out[x->indices[e]] = x->data[e];
}

/* When the rows of a batch began to be looked for, were planned, and were there to be placed. */
typedef struct read_times {
    int64_t start, planned, fetched;
} read_times;

/* Note what the cache did for a batch that nothing was computed of. */
static void fill_row(work *w, const pr_cache_plan *plan, const read_times *at)
{
    const pr_cache *cache   = w->clerk->lane->cache;
    const int64_t   now     = pr_now_ns();
    const int64_t   fetched = at->fetched - at->planned;
    pr_fetch_cost   cost;

    pr_cache_fetch_cost(cache, &cost);
    w->row = (pr_step){ .num_inputs     = plan->num_wanted,
                        .rows_hit       = plan->rows_hit,
                        .rows_added     = plan->rows_added,
                        .rows_bypassed  = plan->rows_bypassed,
                        .rows_direct    = plan->rows_direct,
                        .rows_victim    = plan->rows_victim,
                        .rows_compacted = plan->rows_compacted,
                        .rows_moved     = plan->rows_moved,
                        .rows_first     = plan->rows_first,
                        .bytes_moved    = plan->bytes_moved,
                        .bytes_bound    = plan->bytes_bound,
                        .bytes_gather   = plan->bytes_gather,
                        .bytes_local    = plan->bytes_local,
                        .bytes_remote   = plan->bytes_remote,
                        .bytes_disk     = cost.bytes,
                        .reads_disk     = cost.reads,
                        .reads_again    = cost.reads_again,
                        .rows_disk      = cost.rows,
                        .disk_ns        = cost.disk_ns,
                        .mode           = pr_cache_mode_name(cache),
                        .path           = plan->path,
                        .policy         = pr_cache_policy_name(cache),
                        .wait_ns        = fetched,
                        .wait_rows_ns   = fetched,
                        .fetch_ns       = fetched,
                        .prepare_ns     = at->planned - at->start,
                        .place_ns       = now - at->fetched };
}

/* Rows through the lane's cache, which holds features. */
static pr_status read_cached(work *w)
{
    pr_status            st    = PR_OK;
    pri_clerk           *clerk = w->clerk;
    pr_cache            *cache = clerk->lane->cache;
    const pr_cache_plan *plan;
    pr_slab              view;
    read_times           at;

    at.start = pr_now_ns();
    PR_TRY(pr_cache_prepare(cache, w->seeds, &plan));
    at.planned = pr_now_ns();
    PR_TRY(pr_cache_fetch(cache));
    at.fetched = pr_now_ns();
    PR_TRY(pr_cache_place(cache, &view));
    fill_row(w, plan, &at);
    for (pri_query *q = w->company->first; q; q = q->next) {
        if (!make_room(&q->logits, q->num_nodes, view.num_cols)) {
            fail(q, PRI_FAILED, "out of memory");
            continue;
        }
        for (uint32_t i = 0; i < q->num_nodes; i++)
            copy_view_row(&view, clerk->place[q->nodes[i]],
                          q->logits.at + (size_t)i * view.num_cols);
    }
    pr_cache_release(cache);
done:
    return st;
}

/* Rows past the cache, which holds derived ones. */
static pr_status read_store(work *w)
{
    pr_status          st      = PR_OK;
    const pri_commons *commons = w->clerk->generation->commons;
    const uint32_t     cols    = commons->setup.dataset->features.num_cols;
    uint64_t           rows    = 0;

    for (pri_query *q = w->company->first; q; q = q->next) {
        PR_CHECK(make_room(&q->logits, q->num_nodes, cols), PR_E_NOMEM, "out of memory");
        PR_TRY(
            pr_store_read(commons->store, (pr_vids){ q->nodes, q->num_nodes }, q->logits.at, cols));
        rows += q->num_nodes;
    }
    w->row = (pr_step){ .num_inputs  = rows,
                        .rows_direct = rows,
                        .bytes_bound = PR_NULL_INT,
                        .mode        = "off",
                        .path        = "direct",
                        .policy      = "none" };
done:
    return st;
}

static pr_status read_features(work *w)
{
    pr_status     st    = PR_OK;
    const int64_t start = pr_now_ns();

    PR_TRY(pri_plane_is_derived(w->clerk->plane) ? read_store(w) : read_cached(w));
    w->row.num_seeds    = w->seeds.n;
    w->row.loss         = (double)NAN;
    w->row.num_correct  = PR_NULL_INT;
    w->row.cycles       = PR_NULL_INT;
    w->row.instructions = PR_NULL_INT;
    w->row.llc_misses   = PR_NULL_INT;
    w->row.step_ns      = pr_now_ns() - start;
    w->row.other_ns     = w->row.step_ns - w->row.wait_ns - w->row.prepare_ns - w->row.place_ns;
    w->partition        = (pr_step_partition){ .partition       = w->clerk->lane->index,
                                               .numa_node       = w->clerk->lane->numa_node,
                                               .num_inputs      = w->row.num_inputs,
                                               .rows_hit        = w->row.rows_hit,
                                               .rows_added      = w->row.rows_added,
                                               .rows_bypassed   = w->row.rows_bypassed,
                                               .rows_victim     = w->row.rows_victim,
                                               .rows_replicated = PR_NULL_INT,
                                               .bytes_moved     = w->row.bytes_moved,
                                               .bytes_bound     = w->row.bytes_bound,
                                               .bytes_local     = w->row.bytes_local,
                                               .bytes_remote    = w->row.bytes_remote,
                                               .bytes_disk      = w->row.bytes_disk,
                                               .reads_disk      = w->row.reads_disk,
                                               .prepare_ns      = w->row.prepare_ns,
                                               .place_ns        = w->row.place_ns,
                                               .fetch_ns        = w->row.fetch_ns,
                                               .lane_ns         = w->row.step_ns };
    for (pri_query *q = w->company->first; q; q = q->next) {
        q->hidden.cols = 0;
        q->used_fanout = (pr_fanout){ 0 };
        q->shed        = false;
    }
done:
    return st;
}

/* ---- all of it ---- */

static void finish_queries(const work *w)
{
    const pri_company *company = w->company;
    const uint64_t     version = w->clerk->generation->version;
    const int64_t      now     = pr_now_ns();

    for (pri_query *q = company->first, *next; q; q = next) {
        next             = q->next;
        q->model_version = version;
        q->queue_ns      = company->taken_ns - q->arrived_ns;
        q->compute_ns    = now - company->taken_ns;
        q->batch_step    = w->batch_step;
        q->done(q->context, q);
    }
}

static void learn(work *w, bool is_infer)
{
    pri_commons *commons = w->clerk->generation->commons;
    char         why[256];

    why[0] = '\0';
    if (is_infer && pri_plane_learn(w->clerk->plane, w->wanted, &w->row, w->num_dst, why) != PR_OK)
        pr_diag(PR_WARN, "the rows of the slab stay as they are: %s", pr_error_message());
    w->row.phase       = PR_PHASE_SERVE;
    w->row.step        = (uint64_t)w->batch_step;
    w->row.queue_depth = w->company->num_waiting - w->company->num;
    pri_record_batch(commons->setup.record, &w->row, &w->partition, w->company->num);
    if (why[0]) pri_record_note(commons->setup.record, why);
}

void pri_company_answer(pri_clerk *clerk, pri_company *company)
{
    pri_commons *commons  = clerk->generation->commons;
    const bool   is_infer = company->first->kind == PRI_QUERY_INFER;
    work         w        = { .clerk = clerk, .company = company, .batch_step = PR_NULL_INT };
    pri_outcome  outcome  = PRI_FAILED;
    pr_status    st       = PR_OK;

    w.seeds = gather(clerk, company);
    for (pri_query *q = company->first; q; q = q->next) q->outcome = PRI_ANSWERED;
    if (is_infer && (st = choose_fanout(&w)) != PR_OK) outcome = PRI_REFUSED;
    if (st == PR_OK) st = is_infer ? infer(&w) : read_features(&w);
    forget_seeds(clerk, w.seeds);
    if (st == PR_OK)
        w.batch_step = (int64_t)atomic_fetch_add(&commons->num_batches, 1);
    else
        fail_all(company, outcome, pr_error_message());
    const uint32_t num = company->num;
    finish_queries(&w);
    if (st == PR_OK) learn(&w, is_infer);
    pri_batcher_finish(commons->batcher, num);
}
