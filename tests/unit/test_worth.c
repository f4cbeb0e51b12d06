/* test_worth.c: lanes are used as far as a step is worth them, by sizes alone. */
#include "support/support.h"

#include <math.h>

#include "pipeline/worth.h"

static const pr_fanout two_hops = { .num_layers = 2, .hop = { 15, 10 } };
static pr_model_shape  shape    = { .num_layers     = 2,
                                    .width          = { 128, 256, 40 },
                                    .num_parameters = 86312 };

static pr_plan plan_of(uint32_t num_lanes, uint32_t threads)
{
    pr_plan plan = { .num_lanes = num_lanes, .num_threads = num_lanes * threads };

    for (uint32_t i = 0; i < num_lanes; i++)
        plan.lane[i] = (pr_lane_plan){ (int32_t)i, threads, 0, threads, 0 };
    return plan;
}

static pri_worth_input input_of(uint32_t batch_size)
{
    return (pri_worth_input){ .num_nodes  = 100000000,
                              .num_edges  = 2000000000,
                              .num_train  = 1000000,
                              .batch_size = batch_size,
                              .fanout     = &two_hops,
                              .row_bytes  = 512,
                              .shape      = &shape };
}

static uint32_t lanes_of(const pr_plan *plan, uint32_t batch_size)
{
    const pri_worth_input input = input_of(batch_size);
    char                  why[256];
    return pri_worth_lanes(plan, &input, why);
}

static void a_larger_batch_never_has_fewer_lanes(void **state)
{
    (void)state;
    static const uint32_t lanes[] = { 2, 3, 4, 8, 64 }, threads[] = { 1, 2, 7, 16, 64 };

    for (int l = 0; l < 5; l++)
        for (int t = 0; t < 5; t++) {
            const pr_plan plan = plan_of(lanes[l], threads[t]);
            uint32_t      last = 1;
            for (uint32_t batch = 1; batch <= 1 << 17; batch *= 2) {
                const uint32_t now = lanes_of(&plan, batch);
                assert_in_range(now, last, plan.num_lanes);
                last = now;
            }
        }
}

static void tiny_batches_have_one_lane_and_large_ones_all(void **state)
{
    (void)state;
    static const uint32_t lanes[] = { 1, 2, 4, 8 }, threads[] = { 1, 4, 16 };

    for (int l = 0; l < 4; l++)
        for (int t = 0; t < 3; t++) {
            const pr_plan plan = plan_of(lanes[l], threads[t]);
            assert_int_equal(lanes_of(&plan, 1), 1);
            assert_int_equal(lanes_of(&plan, 65536), lanes[l]);
        }
}

static void a_step_of_more_work_is_worth_more_lanes(void **state)
{
    (void)state;
    const pr_plan        plan  = plan_of(8, 4);
    const pr_fanout      three = { .num_layers = 3, .hop = { 15, 10, 5 } };
    pr_sampler_options   labor;
    const pr_model_shape deep = { .num_layers     = 3,
                                  .width          = { 128, 256, 256, 40 },
                                  .num_parameters = 217640 };

    pr_sampler_default(&labor);
    labor.kind = PR_SAMPLER_LABOR;
    for (uint32_t batch = 1; batch <= 4096; batch *= 2) {
        pri_worth_input input = input_of(batch);
        double          last  = pri_worth_step_ns(&plan, &input, 8);
        input.sampling        = &labor;
        assert_true(pri_worth_step_ns(&plan, &input, 8) > last);
        last            = pri_worth_step_ns(&plan, &input, 8);
        input.row_bytes = 4096;
        assert_true(pri_worth_step_ns(&plan, &input, 8) > last);
        last         = pri_worth_step_ns(&plan, &input, 8);
        input.fanout = &three;
        input.shape  = &deep;
        assert_true(pri_worth_step_ns(&plan, &input, 8) > last);
    }
}

/* Few training nodes make small steps, whatever --batch-size says. */
static void steps_are_no_larger_than_the_training_set(void **state)
{
    (void)state;
    const pr_plan   plan  = plan_of(2, 8);
    pri_worth_input small = input_of(4), large = input_of(1 << 20);
    char            why[256];

    large.num_train = 4;
    assert_true(fabs(pri_worth_step_ns(&plan, &small, 2) - pri_worth_step_ns(&plan, &large, 2)) <
                1);
    assert_int_equal(pri_worth_lanes(&plan, &large, why), 1);
}

/* Where every lane's seeds lead to the whole graph, a second lane halves little of the work; where
 * the graph is large, nearly all of it. */
static void what_lanes_compute_twice_is_not_saved(void **state)
{
    (void)state;
    const pr_plan   plan  = plan_of(2, 8);
    const pr_fanout all   = { .num_layers = 2, .hop = { PR_FANOUT_ALL, PR_FANOUT_ALL } };
    pri_worth_input input = input_of(1024);

    input.fanout = &all;
    assert_true(pri_worth_step_ns(&plan, &input, 2) < 0.52 * pri_worth_step_ns(&plan, &input, 1));
    input.num_nodes = 3000;
    input.num_edges = 300000;
    assert_true(pri_worth_step_ns(&plan, &input, 2) > 0.8 * pri_worth_step_ns(&plan, &input, 1));
}

/* Sparse rows that are read in place are multiplied entry by entry. */
static void rows_with_few_entries_are_little_work(void **state)
{
    (void)state;
    const pr_model_shape bags  = { .num_layers     = 2,
                                   .width          = { 5000, 64, 40 },
                                   .num_parameters = 645224 };
    const pr_plan        plan  = plan_of(2, 2);
    pri_worth_input      input = input_of(64);

    input.shape        = &bags;
    input.row_bytes    = 20000;
    const double dense = pri_worth_step_ns(&plan, &input, 1);
    input.row_bytes    = 0;
    input.row_terms    = 18;
    const double few   = pri_worth_step_ns(&plan, &input, 1);
    assert_true(few < dense / 3);
    input.row_terms = 180;
    assert_true(pri_worth_step_ns(&plan, &input, 1) > 3 * few);
}

/* Whatever a model has more of takes longer, dense or sparse. */
static void every_part_of_a_model_counts(void **state)
{
    (void)state;
    const pr_plan plan = plan_of(2, 2);

    for (int kind = PR_MODEL_SAGE; kind <= PR_MODEL_GAT; kind++)
        for (int terms = 0; terms <= 18; terms += 18) {
            pr_model_shape  model = { .options        = { .kind       = kind,
                                                          .activation = PR_ACTIVATION_RELU,
                                                          .heads      = 4,
                                                          .out_heads  = 1 },
                                      .num_layers     = 2,
                                      .width          = { 500, 64, 40 },
                                      .num_parameters = 100000 };
            pri_worth_input input = input_of(64);
            input.shape           = &model;
            input.row_terms       = terms;
            const double plain    = pri_worth_step_ns(&plan, &input, 1);
            assert_true(isfinite(plain) && plain > 0);
            model.options.layer_norm = true;
            const double normed      = pri_worth_step_ns(&plan, &input, 1);
            model.options.residual   = true;
            assert_true(normed > plain && pri_worth_step_ns(&plan, &input, 1) > normed);
            if (kind != PR_MODEL_GAT) continue;
            const double few        = pri_worth_step_ns(&plan, &input, 1);
            model.options.out_heads = 8;
            assert_true(pri_worth_step_ns(&plan, &input, 1) > few);
        }
}

static void uneven_lanes_count_by_their_threads_the_largest_first(void **state)
{
    (void)state;
    pr_plan         plan  = plan_of(2, 8);
    const pr_plan   large = plan_of(1, 8);
    pri_worth_input input = input_of(1024);

    plan.lane[0].num_threads = 1;
    assert_true(fabs(pri_worth_step_ns(&plan, &input, 1) - pri_worth_step_ns(&large, &input, 1)) <
                1);
    plan.lane[0].num_threads = 8;
    const double even        = pri_worth_step_ns(&plan, &input, 2);
    plan.lane[0].num_threads = 1;
    assert_true(pri_worth_step_ns(&plan, &input, 2) > even);
}

/* Eight threads that were asked for, or that a quota grants, are one lane's as well as four's. */
static void fewer_lanes_keep_the_threads(void **state)
{
    (void)state;
    pr_plan         plan  = plan_of(4, 2);
    const pr_plan   alone = plan_of(1, 8), two = plan_of(2, 4);
    pri_worth_input input = input_of(2);
    char            why[256];

    for (uint32_t l = 0; l < 4; l++) plan.lane[l].num_cores = 8;
    assert_true(fabs(pri_worth_step_ns(&plan, &input, 1) - pri_worth_step_ns(&alone, &input, 1)) <
                1);
    assert_true(fabs(pri_worth_step_ns(&plan, &input, 2) - pri_worth_step_ns(&two, &input, 2)) < 1);
    assert_int_equal(pri_worth_lanes(&plan, &input, why), 1);
    for (uint32_t l = 0; l < 4; l++) plan.lane[l].num_cores = 2; /* no more have a core */
    assert_true(pri_worth_step_ns(&plan, &input, 1) > 2 * pri_worth_step_ns(&alone, &input, 1));
}

static void it_is_said_in_half_a_sentence(void **state)
{
    (void)state;
    const pr_plan   one = plan_of(1, 8), two = plan_of(2, 8), many = plan_of(64, 1);
    pri_worth_input input = input_of(2);
    char            why[256];

    assert_int_equal(pri_worth_lanes(&two, &input, why), 1);
    assert_non_null(strstr(why, "a step of about "));
    assert_non_null(strstr(why, " us is not worth a second lane"));
    assert_int_equal(pri_worth_lanes(&one, &input, why), 1);
    assert_string_equal(why, "");
    input.batch_size = 65536;
    assert_int_equal(pri_worth_lanes(&two, &input, why), 2);
    assert_non_null(strstr(why, " s is worth all 2 lanes"));
    input.batch_size    = 128;
    const uint32_t some = pri_worth_lanes(&many, &input, why);
    assert_in_range(some, 2, 63);
    assert_non_null(strstr(why, " ms is worth "));
    assert_non_null(strstr(why, " lanes of 64, not one more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_larger_batch_never_has_fewer_lanes),
        cmocka_unit_test(tiny_batches_have_one_lane_and_large_ones_all),
        cmocka_unit_test(a_step_of_more_work_is_worth_more_lanes),
        cmocka_unit_test(steps_are_no_larger_than_the_training_set),
        cmocka_unit_test(what_lanes_compute_twice_is_not_saved),
        cmocka_unit_test(rows_with_few_entries_are_little_work),
        cmocka_unit_test(every_part_of_a_model_counts),
        cmocka_unit_test(uneven_lanes_count_by_their_threads_the_largest_first),
        cmocka_unit_test(fewer_lanes_keep_the_threads),
        cmocka_unit_test(it_is_said_in_half_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
