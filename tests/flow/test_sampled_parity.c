/* test_sampled_parity.c: steps of phase infer whose batches bring a seed and fanout of their own,
 * on a lane that was made for more, give what `packrat infer --mode sampled` gives with that --seed
 * and
 * --fanout: what a server's answers are held against. */
#include "support/graphs.h"

#include <math.h>

#include "pipeline/session.h"
#include "pipeline/step.h"

enum { NODES = 1500, COLS = 12, CLASSES = 5, MAX_SEEDS = 40, OWN_SEED = 77 };

static pr_infer_setup infer; /* large: text options are arrays */

/* A model that has not learnt anything is as good as any. */
static int set_up(void **state)
{
    (void)state;
    const char           *path  = test_planted(NODES, 12 * NODES, COLS, CLASSES);
    const pr_option_group all[] = {
        { &pr_dataset_option_table, &infer.dataset }, { &pr_machine_option_table, &infer.machine },
        { &pr_infer_option_table, &infer.infer },     { &pr_sampler_option_table, &infer.sampler },
        { &pr_cache_option_table, &infer.cache },     { &pr_io_option_table, &infer.io }
    };
    const pr_model_options kind    = { .hidden = 16 };
    const char            *folder  = test_directory();
    const pr_dataset      *dataset = test_open(path);
    pr_checkpoint_info     info    = { .dataset_name        = "planted",
                                       .dataset_fingerprint = dataset->fingerprint,
                                       .feature_norm        = dataset->feature_norm,
                                       .best_val_accuracy   = (double)NAN };
    pr_model              *model;

    pr_options_init(all, sizeof all / sizeof *all);
    snprintf(infer.dataset.data, PR_TEXT_BYTES, "%s", path);
    snprintf(infer.infer.checkpoint, PR_TEXT_BYTES, "%s/model.prc", folder);
    snprintf(infer.infer.out, PR_TEXT_BYTES, "%s/out.npy", folder);
    snprintf(infer.infer.log, PR_TEXT_BYTES, "none");
    snprintf(infer.infer.fanout, PR_TEXT_BYTES, "4,3");
    infer.infer.mode   = 1; /* sampled */
    infer.infer.output = 1; /* logits */
    infer.infer.seed   = OWN_SEED;
    assert_ok(pr_model_create(&kind, 2, COLS, CLASSES, 3, &model));
    assert_ok(pr_checkpoint_save(infer.infer.checkpoint, model, &info));
    pr_model_free(model);
    pr_dataset_close(dataset);
    return 0;
}

/* A lane as a server has it: another seed, more neighbours. */
static void open_lane(pri_session *session, pr_store **store)
{
    const pr_fanout fanout = { 2, { 15, PR_FANOUT_ALL } };

    assert_ok(pri_session_open(session, &infer.dataset, &infer.machine, infer.infer.checkpoint));
    assert_ok(pr_store_open(
        &(pr_store_setup){ .features = &session->dataset->features, .topo = session->topo }, store,
        NULL));
    const pri_lane_kit kit = { .graph     = &session->dataset->graph,
                               .fanout    = &fanout,
                               .sampling  = &infer.sampler,
                               .store     = *store,
                               .model     = session->model,
                               .cache     = infer.cache,
                               .seed      = 1,
                               .max_seeds = MAX_SEEDS };
    assert_ok(pri_lane_equip(session->lane, &kit));
}

/* Expect the lane's last logits to be the rows of these seeds. Batches of other sizes than infer's
 * multiply matrices of other shapes, whose sums may run in another order. */
static void assert_logits(const pri_lane *lane, pr_vids seeds, const float *wanted)
{
    size_t       ld;
    const float *got = pri_nn_logits(lane->tape, &ld);

    for (size_t i = 0; i < seeds.n; i++)
        for (size_t c = 0; c < CLASSES; c++) {
            const float x = got[i * ld + c], y = wanted[seeds.at[i] * CLASSES + c];
            assert_true(fabsf(x - y) <= 1e-5f * (1 + fabsf(y)));
        }
}

/* Batches of any size in any order, some of them of the lane's own seed and fanout between. */
static void compare(const pri_session *session, const float *wanted)
{
    const pr_fanout   fanout = { 2, { 4, 3 } };
    const pr_draw_own own    = { .has_seed = true, .seed = OWN_SEED, .fanout = &fanout };
    test_rng          rng    = { .key = test_seed() };
    pri_step_input    input  = { .phase = PR_PHASE_INFER, .model = session->model };
    pr_vid            ids[MAX_SEEDS];
    pr_step           row;
    pr_step_partition partition;

    for (uint32_t batch = 0; batch < 60; batch++) {
        const uint32_t n = 1 + test_below(&rng, MAX_SEEDS), first = test_below(&rng, NODES);
        for (uint32_t i = 0; i < n; i++) ids[i] = (first + 37 * i) % NODES;
        input.seeds = (pr_vids){ ids, n };
        input.own   = batch % 3 == 2 ? NULL : &own;
        assert_ok(pri_step_run(&session->lane, 1, &input, &row, &partition));
        if (input.own) assert_logits(session->lane, input.seeds, wanted);
    }
}

static void steps_with_draws_of_their_own_give_what_infer_gives(void **state)
{
    static const int kinds[] = { PR_SAMPLER_UNIFORM, PR_SAMPLER_LABOR, PR_SAMPLER_WALK };

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        pri_session     session = { 0 };
        pr_store       *store;
        pr_infer_result result;
        pr_npy          npy;

        infer.sampler.kind = kinds[k];
        assert_ok(pr_infer(&infer, NULL, &result));
        assert_ok(pr_npy_open(infer.infer.out, &npy));
        open_lane(&session, &store);
        compare(&session, npy.data);
        pri_lane_free(session.lane);
        session.lane = NULL;
        pr_store_free(store);
        pri_session_close(&session);
        pr_npy_close(&npy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(steps_with_draws_of_their_own_give_what_infer_gives, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
