/* service_rig.c: see service_rig.h. */
#include "support/service_rig.h"

#include <math.h>

#include "support/graphs.h"

#include "pipeline/nn/nn.h"

void service_rig_write(const service_rig *rig, uint64_t weights, uint32_t layers)
{
    pr_model_options      options;
    const pr_option_group group = { &pr_model_option_table, &options };
    pr_checkpoint_info    info  = { .dataset_fingerprint = rig->data->fingerprint,
                                    .feature_norm        = rig->data->feature_norm };
    pr_model             *model;
    pr_model_shape        shape;
    test_rng              rng = { .key = weights };

    pr_options_init(&group, 1);
    options.hidden = SERVICE_HIDDEN;
    assert_ok(pr_model_create(&options, layers, SERVICE_COLS, SERVICE_CLASSES, weights, &model));
    pr_model_describe(model, &shape);
    for (uint64_t i = 0; i < shape.num_parameters; i++) /* biases too */
        pri_nn_parameters(model)[i] += 0.001F * (float)test_below(&rng, 100);
    snprintf(info.dataset_name, sizeof info.dataset_name, "planted");
    snprintf(info.options, sizeof info.options, "{\"fanout\": \"4,3\"}");
    assert_ok(pr_checkpoint_save(rig->options.serve.checkpoint, model, &info));
    pr_model_free(model);
}

void service_rig_make(service_rig *rig, uint64_t weights)
{
    static const char *path; /* all tests of a program share the dataset */
    pr_option_group    groups[PR_SERVE_GROUPS];

    if (!path) path = test_planted(SERVICE_NODES, 2400, SERVICE_COLS, SERVICE_CLASSES);
    *rig = (service_rig){ .path = path };
    pr_serve_groups(&rig->options, groups);
    pr_options_init(groups, PR_SERVE_GROUPS);
    pr_serve_defaults(&rig->options);
    rig->options.serve.batch_max_delay_us = 0;
    rig->options.serve.batch_max_nodes    = 64;
    snprintf(rig->options.dataset.data, PR_TEXT_BYTES, "%s", rig->path);
    snprintf(rig->options.serve.checkpoint, PR_TEXT_BYTES, "%s/model.prc", test_directory());
    assert_ok(pr_dataset_open(&rig->options.dataset, &rig->data));
    assert_ok(pr_topo_discover(&rig->topo));
    service_rig_write(rig, weights, 2);
}

pr_status service_rig_try(service_rig *rig, uint32_t lanes, uint32_t threads)
{
    const pr_plan_options plan = { .threads = threads, .lanes = lanes, .numa = PR_NUMA_AUTO };

    assert_ok(pr_topo_plan(rig->topo, &plan, &rig->plan));
    if (!rig->record) assert_ok(pri_record_create(NULL, &rig->record));
    const pri_service_setup setup = { .options     = &rig->options,
                                      .dataset     = rig->data,
                                      .topo        = rig->topo,
                                      .plan        = &rig->plan,
                                      .record      = rig->record,
                                      .num_clients = rig->num_clients };
    return pri_service_create(&setup, &rig->service);
}

void service_rig_open(service_rig *rig, uint32_t lanes, uint32_t threads)
{
    assert_ok(service_rig_try(rig, lanes, threads));
}

void service_rig_close(service_rig *rig)
{
    pri_service_free(rig->service);
    pri_record_free(rig->record);
    pr_topo_free(rig->topo);
    pr_dataset_close(rig->data);
}

float *service_rig_infer(const service_rig *rig, const char *fanout, uint64_t seed, int output,
                         uint32_t *cols)
{
    static pr_infer_setup setup;
    const pr_option_group groups[] = {
        { &pr_dataset_option_table, &setup.dataset }, { &pr_machine_option_table, &setup.machine },
        { &pr_infer_option_table, &setup.infer },     { &pr_sampler_option_table, &setup.sampler },
        { &pr_cache_option_table, &setup.cache },     { &pr_io_option_table, &setup.io },
    };
    pr_infer_result result;
    pr_npy          npy;

    pr_options_init(groups, 6);
    setup.sampler         = rig->options.sampler;
    setup.dataset         = rig->options.dataset;
    setup.infer.mode      = 1;
    setup.infer.output    = output;
    setup.infer.seed      = seed;
    setup.machine.threads = 1;
    snprintf(setup.infer.fanout, PR_TEXT_BYTES, "%s", fanout);
    snprintf(setup.infer.checkpoint, PR_TEXT_BYTES, "%s", rig->options.serve.checkpoint);
    snprintf(setup.infer.out, PR_TEXT_BYTES, "%s/answers.npy", test_directory());
    assert_ok(pr_infer(&setup, NULL, &result));
    assert_ok(pr_npy_open(setup.infer.out, &npy));
    assert_int_equal(npy.shape[0], SERVICE_NODES);
    *cols              = (uint32_t)npy.shape[1];
    const size_t bytes = SERVICE_NODES * *cols * sizeof(float);
    float       *all   = malloc(bytes);
    assert_non_null(all);
    memcpy(all, npy.data, bytes);
    pr_npy_close(&npy);
    return all;
}

/* ---- clients ---- */

static void done(void *context, pri_query *query)
{
    asker *a = context;

    (void)query;
    a->num_done++;
    sem_post(&a->done);
}

void asker_open(asker *a)
{
    *a = (asker){
        .query = { .kind = PRI_QUERY_INFER, .deadline_ns = INT64_MAX, .done = done, .context = a }
    };
    sem_init(&a->done, 0, 0);
}

void asker_close(asker *a)
{
    pri_query_clear(&a->query);
    sem_destroy(&a->done);
}

pr_status asker_submit(asker *a, const service_rig *rig, const pr_vid *nodes, uint32_t num)
{
    a->query.nodes      = nodes;
    a->query.num_nodes  = num;
    a->query.arrived_ns = pr_now_ns();
    a->num_done         = 0;
    return pri_service_submit(rig->service, &a->query);
}

void asker_wait(asker *a)
{
    while (sem_wait(&a->done) != 0) continue;
    assert_int_equal(a->num_done, 1);
}

void asker_ask(asker *a, const service_rig *rig, const pr_vid *nodes, uint32_t num)
{
    assert_ok(asker_submit(a, rig, nodes, num));
    asker_wait(a);
    if (a->query.outcome != PRI_ANSWERED) fail_msg("%s", a->query.reason);
}

bool asker_matches(const asker *a, const pri_rows_out *got, const float *all, uint32_t cols)
{
    double largest = 0;

    if (got->cols != cols) return false;
    for (size_t i = 0; i < (size_t)SERVICE_NODES * cols; i++)
        if (fabs((double)all[i]) > largest) largest = fabs((double)all[i]);
    for (uint32_t i = 0; i < a->query.num_nodes; i++)
        for (uint32_t c = 0; c < cols; c++) {
            const double want = (double)all[(size_t)a->query.nodes[i] * cols + c];
            if (!(fabs((double)got->at[(size_t)i * cols + c] - want) <= 1e-5 * largest))
                return false;
        }
    return true;
}

void asker_expect(const asker *a, const pri_rows_out *got, const float *all, uint32_t cols)
{
    assert_int_equal(got->cols, cols);
    assert_true(asker_matches(a, got, all, cols));
}
