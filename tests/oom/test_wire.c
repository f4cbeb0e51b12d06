/* test_wire.c: bodies are read and written whole or not at all, whichever allocation of ours fails.
 */
#include "support/support.h"

#include "pipeline/serve/wire.h"

static const char BODY[] =
    "{\"id\":\"x\",\"inputs\":[{\"name\":\"node_ids\",\"datatype\":\"INT64\","
    "\"shape\":[2],\"data\":[0,1]}]}";

static pr_status read_it(void *features, void **out)
{
    static const char            list[] = "{\"id\":\"x\",\"node_ids\":[1,0]}";
    static const pri_wire_limits limits = { .num_nodes = 2, .max_nodes = 4 };
    static pri_wire_request      request;

    const pr_status st =
        features ? pri_wire_read_features(list, sizeof list - 1, &limits, &request)
                 : pri_wire_read_infer(BODY, sizeof BODY - 1, sizeof BODY - 1, &limits, &request);
    if (st != PR_OK) pri_wire_clear(&request);
    *out = st == PR_OK ? &request : NULL;
    return st;
}

static void clear_it(void *request)
{
    if (request) pri_wire_clear(request);
}

/* Enough rows that the body grows more than once. */
static pr_status write_it(void *binary, void **out)
{
    enum { ROWS = 300 };
    static float           rows[ROWS * 2];
    static const pri_query query   = { .num_nodes   = ROWS,
                                       .logits      = { .at = rows, .cols = 2 },
                                       .used_fanout = { .num_layers = 1, .hop = { 3 } } };
    const pri_wire_request request = { .num_outputs = 2,
                                       .output      = { { PRI_WIRE_PROBABILITIES, binary != NULL },
                                                        { PRI_WIRE_CLASS, false } } };
    pri_wire_body          body;

    const pr_status st = pri_wire_write_infer(&request, &query, "m", &body);
    *out               = body.at;
    return st;
}

static pr_status say_it(void *long_words, void **out)
{
    static const pri_service_facts facts = { .shape = { .num_layers = 1, .width = { 2, 2 } } };
    pri_wire_body                  body;

    const pr_status st = long_words ? pri_wire_write_error(long_words, &body)
                                    : pri_wire_write_model("m", &facts, &body);
    *out               = body.at;
    return st;
}

static void bodies_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    test_oom("infer", read_it, clear_it, NULL);
    test_oom("features", read_it, clear_it, &(int){ 1 });
}

static void bodies_are_written_whole_or_not_at_all(void **state)
{
    static char words[5000];

    (void)state;
    memset(words, '\n', sizeof words - 1);
    test_oom("an answer", write_it, free, NULL);
    test_oom("a binary answer", write_it, free, &(int){ 1 });
    test_oom("facts", say_it, free, NULL);
    test_oom("an error", say_it, free, words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read_whole_or_not_at_all),
        cmocka_unit_test(bodies_are_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
