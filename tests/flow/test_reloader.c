/* test_reloader.c: checkpoints are loaded by one thread for whoever asked, once for all that wait.
 */
#include "support/service_rig.h"

#include "pipeline/serve/reload.h"

typedef struct client {
    pri_reload ask;
    sem_t      told;
    sem_t     *gate; /* NULL, or holds the reloader until it is posted */
    uint32_t   times;
} client;

static void on_told(void *context, pri_reload *reload)
{
    client *c = context;

    assert_ptr_equal(reload, &c->ask);
    c->times++;
    sem_t *const gate = c->gate;
    sem_post(&c->told);
    if (gate) sem_wait(gate);
}

static client *ask(pri_reloader *reloader, client *c, sem_t *gate)
{
    *c = (client){ .ask = { .done = on_told, .context = c }, .gate = gate };
    sem_init(&c->told, 0, 0);
    pri_reloader_ask(reloader, &c->ask);
    return c;
}

static void wait_for(client *c)
{
    sem_wait(&c->told);
    assert_int_equal(c->times, 1);
    sem_destroy(&c->told);
}

static uint64_t version_of(const service_rig *rig)
{
    pri_service_facts facts;

    pri_service_describe(rig->service, &facts);
    return facts.version;
}

static void all_that_ask_while_one_is_told_share_the_next_load(void **state)
{
    (void)state;
    service_rig   rig;
    pri_reloader *reloader;
    client        first, second, third;
    sem_t         gate;

    service_rig_make(&rig, 1);
    service_rig_open(&rig, 1, 1);
    assert_ok(pri_reloader_create(rig.service, rig.record, &reloader));
    sem_init(&gate, 0, 0);
    ask(reloader, &first, &gate);
    wait_for(&first);
    assert_int_equal(first.ask.status, PR_OK);
    assert_int_equal(first.ask.version, 2);
    ask(reloader, &second, NULL); /* the reloader is held by the first */
    ask(reloader, &third, NULL);
    sem_post(&gate);
    wait_for(&second);
    wait_for(&third);
    assert_int_equal(second.ask.version, 3);
    assert_int_equal(third.ask.version, 3);
    assert_int_equal(version_of(&rig), 3);

    pri_totals totals;
    pri_record_totals(rig.record, &totals);
    assert_int_equal(totals.swaps, 2);
    sem_destroy(&gate);
    pri_reloader_free(reloader);
    service_rig_close(&rig);
}

static void a_load_that_fails_says_why_and_which_version_stays(void **state)
{
    (void)state;
    service_rig   rig;
    pri_reloader *reloader;
    client        c;

    service_rig_make(&rig, 1);
    service_rig_open(&rig, 1, 1);
    assert_ok(pri_reloader_create(rig.service, rig.record, &reloader));
    FILE *file = fopen(rig.options.serve.checkpoint, "w");
    assert_non_null(file);
    fputs("garbage", file);
    fclose(file);
    pr_diag_set_level(PR_ERROR); /* what comes of it is said, too */
    wait_for(ask(reloader, &c, NULL));
    assert_int_equal(c.ask.status, PR_E_INPUT);
    assert_non_null(strstr(c.ask.reason, "model.prc"));
    assert_int_equal(c.ask.version, 1);

    service_rig_write(&rig, 2, 2);
    wait_for(ask(reloader, &c, NULL));
    pr_diag_set_level(PR_INFO);
    assert_int_equal(c.ask.status, PR_OK);
    assert_true(c.ask.version > 1);
    assert_int_equal(version_of(&rig), c.ask.version);
    pri_reloader_free(reloader);
    service_rig_close(&rig);
}

static void a_signal_loads_without_anybody_to_tell(void **state)
{
    (void)state;
    service_rig   rig;
    pri_reloader *reloader;

    service_rig_make(&rig, 1);
    service_rig_open(&rig, 1, 1);
    assert_ok(pri_reloader_create(rig.service, rig.record, &reloader));
    pri_reloader_signal(reloader);
    while (version_of(&rig) != 2) continue;
    pri_reloader_free(reloader);
    service_rig_close(&rig);
}

static void whoever_asks_at_the_end_is_told_so(void **state)
{
    (void)state;
    service_rig   rig;
    pri_reloader *reloader;
    client        c;

    service_rig_make(&rig, 1);
    service_rig_open(&rig, 1, 1);
    assert_ok(pri_reloader_create(rig.service, rig.record, &reloader));
    pri_reloader_quiesce(reloader);
    wait_for(ask(reloader, &c, NULL));
    assert_int_equal(c.ask.status, PR_E_INTERRUPTED);
    assert_non_null(strstr(c.ask.reason, "ends"));
    pri_reloader_signal(reloader);
    pri_reloader_free(reloader);
    assert_int_equal(version_of(&rig), 1);
    service_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_ask_while_one_is_told_share_the_next_load),
        cmocka_unit_test(a_load_that_fails_says_why_and_which_version_stays),
        cmocka_unit_test(a_signal_loads_without_anybody_to_tell),
        cmocka_unit_test(whoever_asks_at_the_end_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
