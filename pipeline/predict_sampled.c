/* predict_sampled.c: `packrat infer --mode sampled`: batches of the vertices asked for, through the
 * sampler, the cache and the kernels that train.
 *
 * What is drawn for a vertex at a hop is keyed by the seed, the hop and the vertex: every batch is
 * drawn as step 0 of phase infer, so that a vertex's neighbourhood, and with it its answer, does
 * not depend on the vertices that share its batch. */
#include <math.h>

#include "pipeline/trained_fanout.h"
#include "pipeline/predict.h"
#include "pipeline/rank.h"
#include "pipeline/sampler/timeless.h"
#include "pipeline/step.h"

/* List the vertices asked for, each once, in the order in which they first are. */
static pr_status list_vertices(const pri_prediction *p, pr_vid **out, size_t *num)
{
    pr_status    st    = PR_OK;
    const pr_vid nodes = p->session.dataset->graph.num_nodes;
    uint8_t     *seen  = NULL;
    pr_vid      *list  = NULL;
    size_t       n     = 0;

    *out = NULL;
    PR_NEW(seen, nodes);
    PR_NEW(list, p->ids && p->n < nodes ? p->n : nodes);
    for (size_t i = 0; i < p->n; i++) {
        const pr_vid v = p->ids ? p->ids[i] : (pr_vid)i;
        if (!seen[v]) list[n++] = v;
        seen[v] = 1;
    }
    *out = list;
    *num = n;
    list = NULL;
done:
    pri_free(seen);
    pri_free(list);
    return st;
}

typedef struct opening {
    const pri_prediction *p;
    pr_store            **store;
} opening;

/* Give the mode of the cache, never auto. */
static int mode_of(const pri_prediction *p)
{
    return pr_cache_mode_for(p->setup->cache.mode, &p->session.dataset->features);
}

static pr_status open_store(pri_lane *lane, void *argument)
{
    const opening       *o     = argument;
    const pr_store_setup store = { .features = &o->p->session.dataset->features,
                                   .kind     = o->p->setup->cache.store,
                                   .topo     = o->p->session.topo,
                                   .numa     = o->p->setup->machine.numa,
                                   .in_place = mode_of(o->p) == PR_CACHE_OFF };

    (void)lane;
    return pr_store_open(&store, o->store, NULL);
}

/* Give the lane what it needs to work on batches. */
static pr_status equip(const pri_prediction *p, const pr_fanout *fanout, pr_vids list,
                       pr_store **store)
{
    pr_status               st      = PR_OK;
    const pr_infer_setup   *setup   = p->setup;
    const pr_infer_options *options = &setup->infer;
    pr_sampler_options      drawn   = setup->sampler;
    uint32_t               *scores  = NULL;
    opening                 open    = { p, store };
    const size_t            most    = list.n < options->batch_size ? list.n : options->batch_size;
    const pri_rank_input    rank    = { .rank       = (pr_cache_rank)setup->cache.rank,
                                        .graph      = &p->session.dataset->graph,
                                        .fanout     = fanout,
                                        .sampling   = &setup->sampler,
                                        .train      = list,
                                        .seed       = options->seed,
                                        .batch_size = (uint32_t)most };

    PR_TRY(pri_lane_run(p->session.lane, open_store, &open));
    if (setup->cache.policy == PR_POLICY_STATIC && mode_of(p) == PR_CACHE_RESIDENT)
        PR_TRY(pri_rank_scores(p->session.lane, &rank, &scores));
    pr_cache_options cache = setup->cache;
    cache.mode             = mode_of(p);
    pri_sampler_timeless(&drawn);
    const pri_lane_kit kit = { .graph     = &p->session.dataset->graph,
                               .fanout    = fanout,
                               .sampling  = &drawn,
                               .store     = *store,
                               .model     = p->session.model,
                               .cache     = cache,
                               .tuning    = &p->session.tuned.tuning,
                               .io        = &setup->io,
                               .scores    = scores,
                               .seed      = options->seed,
                               .max_seeds = (uint32_t)most };
    PR_TRY(pri_lane_equip(p->session.lane, &kit));
done:
    pri_free(scores);
    return st;
}

/* Hand on what a step made: seeds that follow each other as one range. */
static void hand_on(const pri_prediction *p, pr_vids seeds)
{
    const pri_tape *tape = p->session.lane->tape;
    size_t          ld;
    const float    *rows = p->is_inner ? pri_nn_hidden(tape, &ld) : pri_nn_logits(tape, &ld);

    for (size_t i = 0, n; i < seeds.n; i += n) {
        for (n = 1; i + n < seeds.n && seeds.at[i + n] == seeds.at[i] + n;) n++;
        pri_answers_take(p->answers, seeds.at[i], (uint32_t)n, rows + i * ld, ld);
    }
}

static void tell(const pri_prediction *p, uint64_t done, uint64_t all, int64_t start)
{
    const pr_progress progress = { .stage        = "infer",
                                   .step         = done,
                                   .steps        = all,
                                   .loss         = (double)NAN,
                                   .val_accuracy = (double)NAN,
                                   .elapsed_ns   = pr_now_ns() - start };

    if (p->hooks && p->hooks->progress) p->hooks->progress(p->hooks->context, &progress);
}

static pr_status run_steps(pri_prediction *p, pr_vids list)
{
    pr_status         st    = PR_OK;
    const uint32_t    size  = p->setup->infer.batch_size;
    const int64_t     start = pr_now_ns();
    pri_step_input    input = { .phase = PR_PHASE_INFER,
                                .model = p->session.model,
                                .seed  = p->setup->infer.seed };
    pr_step           row;
    pr_step_partition partition;

    for (size_t at = 0; at < list.n; at += input.seeds.n) {
        const volatile int *stop = pri_prediction_stop(p);
        PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted during inference");
        input.seeds = (pr_vids){ list.at + at, list.n - at < size ? list.n - at : size };
        PR_TRY(pri_step_run(&p->session.lane, 1, &input, &row, &partition));
        hand_on(p, input.seeds);
        if (*pri_answers_stop(p->answers)) return pri_answers_commit(p->answers);
        row.step = p->result->steps++;
        if (p->log) pr_steplog_step(p->log, &row, &partition, 1);
        tell(p, at + input.seeds.n, list.n, start);
    }
done:
    return st;
}

pr_status pri_predict_sampled(pri_prediction *p)
{
    pr_status st    = PR_OK;
    pr_store *store = NULL;
    pr_vid   *list  = NULL;
    size_t    n     = 0;
    pr_fanout fanout;

    PR_TRY(pr_options_check(&pr_sampler_option_table, &p->setup->sampler));
    PR_TRY(pri_trained_fanout(p->setup->infer.checkpoint, &p->session.info, p->setup->infer.fanout,
                              p->shape.num_layers, &fanout));
    PR_TRY(list_vertices(p, &list, &n));
    if (n == 0) goto done;
    PR_TRY(equip(p, &fanout, (pr_vids){ list, n }, &store));
    PR_TRY(run_steps(p, (pr_vids){ list, n }));
done:
    pri_lane_free(p->session.lane); /* before the store its cache reads */
    p->session.lane = NULL;
    pr_store_free(store);
    pri_free(list);
    return st;
}
