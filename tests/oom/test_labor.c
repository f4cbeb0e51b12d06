/* test_labor.c: creating a sampler of kind labor, with a cache bias, when memory runs out at any
 * point. */
#include "support/labor_oracle.h"

static pr_status create(void *context, void **out)
{
    const pr_fanout          fanout  = { .num_layers = 2, .hop = { 100, 5 } };
    const pr_sampler_options options = labor_options(8, PR_KAPPA_STAGGERED, 8, 4);
    pr_sampler              *sampler = NULL;
    const pr_status          st = pr_sampler_create(context, &fanout, &options, 1, 8, 2, &sampler);

    *out = sampler;
    return st;
}

static void destroy(void *sampler)
{
    pr_sampler_free(sampler);
}

static void a_labor_sampler_that_cannot_be_created_leaves_nothing(void **state)
{
    const pr_graph graph = labor_graph(300, 10, (const uint32_t[]){ 400 }, 1, 1);

    (void)state;
    test_oom("pr_sampler_create", create, destroy, (void *)(uintptr_t)&graph);
    labor_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_labor_sampler_that_cannot_be_created_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
