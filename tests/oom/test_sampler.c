/* test_sampler.c: creating a sampler when memory runs out at any point. */
#include "support/support.h"

static int the_kind;

static pr_status create(void *context, void **out)
{
    const pr_fanout    fanout = { .num_layers = 2, .hop = { 100, 5 } }; /* 100: needs scratch too */
    pr_sampler        *sampler = NULL;
    pr_sampler_options options;

    pr_sampler_default(&options);
    options.kind       = the_kind;
    const pr_status st = pr_sampler_create(context, &fanout, &options, 1, 8, 2, &sampler);

    *out = sampler;
    return st;
}

static void destroy(void *sampler)
{
    pr_sampler_free(sampler);
}

static pr_status create_room(void *context, void **out)
{
    pr_batch_room  *room = NULL;
    const pr_status st   = pr_batch_room_create(context, &room);

    *out = room;
    return st;
}

static void destroy_room(void *room)
{
    pr_batch_room_free(room);
}

static void a_sampler_that_cannot_be_created_leaves_nothing(void **state)
{
    static pr_eid indptr[301];
    static pr_vid indices[200];
    pr_graph      graph = { 300, 200, indptr, indices, NULL };

    (void)state;
    for (int v = 1; v <= 300; v++) indptr[v] = 200; /* vertex 0 has all arcs */
    test_oom("pr_sampler_create", create, destroy, &graph);
    static float weights[200]; /* with some of 0: needs counts by vertex too */
    for (int e = 0; e < 200; e++) weights[e] = (float)(e % 3);
    graph.weights = weights;
    the_kind      = PR_SAMPLER_WEIGHTED;
    test_oom("pr_sampler_create, weighted", create, destroy, &graph);
    the_kind = PR_SAMPLER_WALK;
    test_oom("pr_sampler_create, walk", create, destroy, &graph);
    pr_sampler_free(NULL);

    const pr_fanout fanout = { .num_layers = 2, .hop = { 100, 5 } };
    pr_sampler     *sampler;
    assert_ok(pr_sampler_create(&graph, &fanout, NULL, 1, 8, 2, &sampler));
    test_oom("pr_batch_room_create", create_room, destroy_room, sampler);
    pr_batch_room_free(NULL);
    pr_sampler_free(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sampler_that_cannot_be_created_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
