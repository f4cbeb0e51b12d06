/* test_wire_write.c: answers have what was asked for, in its order, and nothing else; as JSON that
 * reads back to the same floats, or as the floats' bytes. */
#include "support/support.h"

#include <math.h>

#include "base/json.h"
#include "pipeline/serve/wire.h"

enum { N = 2, C = 3, H = 2 };

static float logits[N * C] = { 0.5f, 2.0f, -1.0f, 3.25f, 3.25f, 0.1f };
static float hidden[N * H] = { 1.0f, 0.0f, 1e-7f, -4.5f };

static const pr_vid nodes[N] = { 4, 4 };

static pri_query a_query(int32_t outputs)
{
    return (pri_query){ .nodes         = nodes,
                        .num_nodes     = N,
                        .seed          = 7,
                        .logits        = { .at = logits, .cols = C },
                        .hidden        = { .at = hidden, .cols = H },
                        .outputs       = outputs,
                        .model_version = 3,
                        .used_fanout   = { .num_layers = 2, .hop = { 10, PR_FANOUT_ALL } } };
}

static void expect_infer(const pri_wire_request *request, const pri_query *query,
                         const char *expected)
{
    pri_wire_body body;

    assert_ok(pri_wire_write_infer(request, query, "m", &body));
    assert_int_equal(body.bytes, body.json_bytes);
    assert_int_equal(body.bytes, strlen(expected));
    assert_memory_equal(body.at, expected, body.bytes);
    free(body.at);
}

#define HEAD                                                                                       \
    "{\"model_name\":\"m\",\"model_version\":\"3\",\"parameters\":{\"fanout\":\"10,all\","         \
    "\"seed\":7},"                                                                                 \
    "\"outputs\":["

static void outputs_come_in_the_order_asked_for(void **state)
{
    const pri_query        query   = a_query(PR_OUTPUTS_CLASSES);
    const pri_wire_request request = { .num_outputs = 3,
                                       .output      = { { PRI_WIRE_CLASS, false },
                                                        { PRI_WIRE_EMBEDDINGS, false },
                                                        { PRI_WIRE_LOGITS, false } } };

    (void)state;
    /* 3.25 twice: the first of the largest */
    expect_infer(&request, &query,
                 HEAD "{\"name\":\"class\",\"datatype\":\"INT64\",\"shape\":[2],\"data\":[1,0]},"
                      "{\"name\":\"embeddings\",\"datatype\":\"FP32\",\"shape\":[2,2],"
                      "\"data\":[1,0,1.00000001e-07,-4.5]},"
                      "{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[2,3],"
                      "\"data\":[0.5,2,-1,3.25,3.25,0.100000001]}]}");
}

static void labels_have_a_zero_or_one_each(void **state)
{
    const pri_query        query   = a_query(PR_OUTPUTS_LABELS);
    const pri_wire_request request = { .num_outputs = 1, .output = { { PRI_WIRE_CLASS, false } } };

    (void)state;
    expect_infer(&request, &query,
                 HEAD "{\"name\":\"class\",\"datatype\":\"UINT8\",\"shape\":[2,3],"
                      "\"data\":[1,1,0,1,1,1]}]}");
}

static void a_model_for_links_answers_with_its_outputs(void **state)
{
    pri_query              query   = a_query(PR_OUTPUTS_EMBEDDING);
    const pri_wire_request request = { .num_outputs = 1,
                                       .output      = { { PRI_WIRE_EMBEDDINGS, false } } };

    (void)state;
    query.hidden.cols = 0;
    expect_infer(&request, &query,
                 HEAD "{\"name\":\"embeddings\",\"datatype\":\"FP32\",\"shape\":[2,3],"
                      "\"data\":[0.5,2,-1,3.25,3.25,0.100000001]}]}");
}

static void id_seed_and_shedding_are_said(void **state)
{
    static char            id[]    = "a\"b\\\n\x01 \xc3\xa9";
    pri_query              query   = a_query(PR_OUTPUTS_CLASSES);
    const pri_wire_request request = { .id          = id,
                                       .num_outputs = 1,
                                       .output      = { { PRI_WIRE_CLASS, false } } };

    (void)state;
    query.shed = true;
    query.seed = UINT64_MAX;
    expect_infer(
        &request, &query,
        "{\"model_name\":\"m\",\"model_version\":\"3\",\"id\":\"a\\\"b\\\\\\n\\u0001 "
        "\xc3\xa9\",\"parameters\":{\"fanout\":\"10,all\",\"seed\":\"18446744073709551615\","
        "\"shed\":true},\"outputs\":[{\"name\":\"class\",\"datatype\":\"INT64\","
        "\"shape\":[2],\"data\":[1,0]}]}");
}

static void what_is_not_finite_is_null(void **state)
{
    float     odd[N * C]           = { (float)NAN, 1, (float)INFINITY, -(float)INFINITY, -0.0f, 2 };
    pri_query query                = a_query(PR_OUTPUTS_CLASSES);
    const pri_wire_request request = { .num_outputs = 1, .output = { { PRI_WIRE_LOGITS, false } } };

    (void)state;
    query.logits.at = odd;
    expect_infer(&request, &query,
                 HEAD "{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[2,3],"
                      "\"data\":[null,1,null,null,-0.0,2]}]}");
}

/* The tensors' bytes follow in the order of the outputs; JSON ones have none. */
static void binary_tensors_follow_the_json(void **state)
{
    static const char expected[] =
        HEAD "{\"name\":\"logits\",\"datatype\":\"FP32\",\"shape\":[2,3],"
             "\"parameters\":{\"binary_data_size\":24}},"
             "{\"name\":\"embeddings\",\"datatype\":\"FP32\",\"shape\":[2,2],"
             "\"data\":[1,0,1.00000001e-07,-4.5]},"
             "{\"name\":\"class\",\"datatype\":\"INT64\",\"shape\":[2],"
             "\"parameters\":{\"binary_data_size\":16}}]}";
    static const unsigned char classes[16] = { 1, 0, 0, 0, 0, 0, 0, 0, 0 };
    const pri_query            query       = a_query(PR_OUTPUTS_CLASSES);
    const pri_wire_request     request     = { .num_outputs = 3,
                                               .output      = { { PRI_WIRE_LOGITS, true },
                                                                { PRI_WIRE_EMBEDDINGS, false },
                                                                { PRI_WIRE_CLASS, true } } };
    pri_wire_body              body;

    (void)state;
    assert_ok(pri_wire_write_infer(&request, &query, "m", &body));
    assert_int_equal(body.json_bytes, sizeof expected - 1);
    assert_int_equal(body.bytes, body.json_bytes + 24 + 16);
    assert_memory_equal(body.at, expected, body.json_bytes);
    assert_memory_equal(body.at + body.json_bytes, logits, sizeof logits);
    assert_memory_equal(body.at + body.json_bytes + 24, classes, sizeof classes);
    free(body.at);
}

static void binary_labels_are_bytes(void **state)
{
    static const unsigned char labels[6] = { 1, 1, 0, 1, 1, 1 };
    const pri_query            query     = a_query(PR_OUTPUTS_LABELS);
    const pri_wire_request request = { .num_outputs = 1, .output = { { PRI_WIRE_CLASS, true } } };
    pri_wire_body          body;

    (void)state;
    assert_ok(pri_wire_write_infer(&request, &query, "m", &body));
    assert_int_equal(body.bytes, body.json_bytes + 6);
    assert_memory_equal(body.at + body.json_bytes, labels, 6);
    free(body.at);
}

/* The oracle is the definition, in long double. */
static void probabilities_are_softmax_or_of_each_label(void **state)
{
    const pri_wire_request request = { .num_outputs = 1,
                                       .output      = { { PRI_WIRE_PROBABILITIES, true } } };

    (void)state;
    for (int32_t outputs = PR_OUTPUTS_CLASSES; outputs <= PR_OUTPUTS_LABELS; outputs++) {
        const pri_query query = a_query(outputs);
        pri_wire_body   body;
        float           p[N * C];
        assert_ok(pri_wire_write_infer(&request, &query, "m", &body));
        assert_int_equal(body.bytes, body.json_bytes + sizeof p);
        memcpy(p, body.at + body.json_bytes, sizeof p);
        for (size_t i = 0; i < N; i++) {
            long double sum = 0;
            for (size_t c = 0; c < C; c++) sum += expl((long double)logits[i * C + c]);
            for (size_t c = 0; c < C; c++) {
                const long double x = expl((long double)logits[i * C + c]);
                const long double q = outputs == PR_OUTPUTS_LABELS ? x / (1 + x) : x / sum;
                assert_true(fabsl((long double)p[i * C + c] - q) < 1e-7L);
            }
        }
        free(body.at);
    }
}

/* A request was read for a model, and answered by one that was loaded in between. */
static void outputs_that_a_newer_model_has_not_are_a_mismatch(void **state)
{
    const pri_wire_request logit = { .num_outputs = 1, .output = { { PRI_WIRE_LOGITS, false } } };
    const pri_wire_request embed = { .num_outputs = 1,
                                     .output      = { { PRI_WIRE_EMBEDDINGS, false } } };
    const pri_query        links = a_query(PR_OUTPUTS_EMBEDDING);
    pri_query              plain = a_query(PR_OUTPUTS_CLASSES);
    pri_wire_body          body;

    (void)state;
    plain.hidden = (pri_rows_out){ 0 };
    assert_fails(PR_E_MISMATCH, "has no logits", pri_wire_write_infer(&logit, &links, "m", &body));
    assert_null(body.at);
    assert_fails(PR_E_MISMATCH, "has no embeddings",
                 pri_wire_write_infer(&embed, &plain, "m", &body));
    assert_null(body.at);
}

/* Rows of random floats, also denormal ones, as JSON, read back by the JSON reader. */
static void a_wide_answer_reads_back_float_by_float(void **state)
{
    enum { ROWS = 100, COLS = 2000 };
    test_rng               rng     = { .key = test_seed() };
    float                 *x       = malloc(ROWS * COLS * sizeof *x);
    pri_query              query   = a_query(PR_OUTPUTS_CLASSES);
    const pri_wire_request request = { .num_outputs = 1, .output = { { PRI_WIRE_LOGITS, false } } };
    pri_wire_body          body;
    pr_json               *json;

    (void)state;
    for (size_t i = 0; i < ROWS * COLS; i++) {
        const uint32_t bits = test_random(&rng) & (i % 8 ? 0xff7fffffu : 0x807fffffu);
        memcpy(&x[i], &bits, sizeof bits);
        if (!isfinite(x[i])) x[i] = 0;
    }
    query.num_nodes = ROWS;
    query.logits    = (pri_rows_out){ .at = x, .cols = COLS };
    assert_ok(pri_wire_write_infer(&request, &query, "m", &body));
    assert_ok(pri_json_parse(body.at, body.bytes, "answer", &json));
    const pr_json *data = pri_json_find(pri_json_at(pri_json_find(json, "outputs"), 0), "data");
    assert_int_equal(pri_json_length(data), ROWS * COLS);
    for (size_t i = 0; i < ROWS * COLS; i++) {
        double y;
        assert_true(pri_json_as_real(pri_json_at(data, i), &y) && (float)y == x[i]);
    }
    pr_json_free(json);
    free(body.at);
    free(x);
}

static void features_are_one_output(void **state)
{
    static char       id[]    = "q";
    pri_query         query   = a_query(0);
    pri_wire_request  request = { .id = id };
    pri_wire_body     body;
    static const char text[] =
        "{\"id\":\"q\",\"outputs\":[{\"name\":\"features\",\"datatype\":\"FP32\",\"shape\":[2,3],"
        "\"data\":[0.5,2,-1,3.25,3.25,0.100000001]}]}";
    static const char binary[] =
        "{\"id\":\"q\",\"outputs\":[{\"name\":\"features\",\"datatype\":\"FP32\",\"shape\":[2,3],"
        "\"parameters\":{\"binary_data_size\":24}}]}";

    (void)state;
    assert_ok(pri_wire_write_features(&request, &query, &body));
    assert_int_equal(body.bytes, sizeof text - 1);
    assert_memory_equal(body.at, text, body.bytes);
    free(body.at);
    request.binary = true;
    assert_ok(pri_wire_write_features(&request, &query, &body));
    assert_int_equal(body.json_bytes, sizeof binary - 1);
    assert_memory_equal(body.at, binary, body.json_bytes);
    assert_int_equal(body.bytes, body.json_bytes + sizeof logits);
    assert_memory_equal(body.at + body.json_bytes, logits, sizeof logits);
    free(body.at);
}

/* ---- facts ---- */

static void expect_body(pri_wire_body *body, const char *expected)
{
    assert_int_equal(body->bytes, body->json_bytes);
    assert_int_equal(body->bytes, strlen(expected));
    assert_memory_equal(body->at, expected, body->bytes);
    free(body->at);
}

static void errors_are_valid_json_whatever_they_quote(void **state)
{
    static const struct {
        const char *message, *text;
    } some[] = {
        { "plain", "{\"error\":\"plain\"}" },
        { "", "{\"error\":\"\"}" },
        { "\"\\\t", "{\"error\":\"\\\"\\\\\\u0009\"}" },
        { "\xe2\x82\xac \xf0\x9f\x90\x80", "{\"error\":\"\xe2\x82\xac \xf0\x9f\x90\x80\"}" },
        { "cut \xe2\x82", "{\"error\":\"cut ?\?\"}" },
        { "\xff\xc0\xaf", "{\"error\":\"?\?\?\"}" },
        { "\xed\xa0\x80", "{\"error\":\"?\?\?\"}" },
        { "\xf5\x80\x80\x80", "{\"error\":\"?\?\?\?\"}" },
        { "\xe0\x9f\x80", "{\"error\":\"?\?\?\"}" },
        { "\xf4\x90\x80\x80", "{\"error\":\"?\?\?\?\"}" },
    };
    pri_wire_body body;

    (void)state;
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        pr_json *json;
        assert_ok(pri_wire_write_error(some[i].message, &body));
        assert_ok(pri_json_parse(body.at, body.bytes, "error", &json));
        pr_json_free(json);
        expect_body(&body, some[i].text);
    }
}

static void the_server_and_readiness_are_as_the_protocol_has_them(void **state)
{
    pri_wire_body body;

    (void)state;
    assert_ok(pri_wire_write_server(&body));
    expect_body(&body, "{\"name\":\"packrat\",\"version\":\"" PR_VERSION "\",\"extensions\":["
                       "\"binary_tensor_data\",\"model_repository\",\"parameters\"]}");
    assert_ok(pri_wire_write_ready("a\"b", true, &body));
    expect_body(&body, "{\"name\":\"a\\\"b\",\"ready\":true}");
    assert_ok(pri_wire_write_ready(NULL, false, &body));
    expect_body(&body, "{\"ready\":false}");
}

static pri_service_facts some_facts(int32_t outputs, uint32_t layers)
{
    pri_service_facts facts = { .version       = 3,
                                .shape         = { .num_layers = layers, .num_parameters = 99 },
                                .info          = { .dataset_name      = "wordnet",
                                                   .epoch             = 4,
                                                   .step              = 12,
                                                   .outputs           = outputs,
                                                   .best_val_accuracy = 0.5 },
                                .fanout        = { .num_layers = layers, .hop = { 10, 5 } },
                                .max_fanout    = { .num_layers = layers,
                                                   .hop        = { PR_FANOUT_ALL, PR_FANOUT_ALL } },
                                .seed          = 1,
                                .num_features  = 256,
                                .num_lanes     = 1,
                                .num_nodes     = 117659,
                                .capacity_rows = 1000 };
    for (uint32_t l = 0; l <= layers; l++) facts.shape.width[l] = 100 + l;
    return facts;
}

#define MODEL                                                                                      \
    "{\"name\":\"m\",\"versions\":[\"3\"],\"platform\":\"packrat_sage\",\"inputs\":["              \
    "{\"name\":\"node_ids\",\"datatype\":\"INT64\",\"shape\":[-1]}],\"outputs\":["
#define OUT(name, cols) "{\"name\":\"" name "\",\"datatype\":\"FP32\",\"shape\":[-1," cols "]}"
#define FACTS(fanout, all, outputs, layers)                                                        \
    "\"parameters\":{\"fanout\":\"" fanout "\",\"max_fanout\":\"" all "\",\"seed\":1,"             \
    "\"nodes\":117659,\"features\":256," outputs ",\"layers\":" layers ",\"weights\":99,"          \
    "\"epoch\":4,\"step\":12,\"score\":0.5,\"dataset\":\"wordnet\",\"lanes\":1,"                   \
    "\"capacity_rows\":1000,\"derived\":false}}"

static void a_model_says_what_may_be_asked_of_it(void **state)
{
    pri_wire_body     body;
    pri_service_facts facts = some_facts(PR_OUTPUTS_CLASSES, 2);

    (void)state;
    assert_ok(pri_wire_write_model("m", &facts, &body));
    expect_body(&body,
                MODEL OUT("logits", "102") "," OUT("probabilities", "102") "," OUT(
                    "embeddings", "101") ",{\"name\":\"class\",\"datatype\":\"INT64\",\"shape\":[-"
                                         "1]}]," FACTS("10,5", "all,all", "\"classes\":102", "2"));
    facts = some_facts(PR_OUTPUTS_LABELS, 1);
    assert_ok(pri_wire_write_model("m", &facts, &body));
    expect_body(&body,
                MODEL OUT("logits", "101") "," OUT(
                    "probabilities",
                    "101") ","
                           "{\"name\":\"class\",\"datatype\":\"UINT8\",\"shape\":[-1,101]}]," FACTS(
                               "10", "all", "\"labels\":101", "1"));
    facts = some_facts(PR_OUTPUTS_EMBEDDING, 2);
    assert_ok(pri_wire_write_model("m", &facts, &body));
    expect_body(&body, MODEL OUT("embeddings", "102") "]," FACTS("10,5", "all,all",
                                                                 "\"columns\":102", "2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_come_in_the_order_asked_for),
        cmocka_unit_test(labels_have_a_zero_or_one_each),
        cmocka_unit_test(a_model_for_links_answers_with_its_outputs),
        cmocka_unit_test(id_seed_and_shedding_are_said),
        cmocka_unit_test(what_is_not_finite_is_null),
        cmocka_unit_test(binary_tensors_follow_the_json),
        cmocka_unit_test(binary_labels_are_bytes),
        cmocka_unit_test(probabilities_are_softmax_or_of_each_label),
        cmocka_unit_test(outputs_that_a_newer_model_has_not_are_a_mismatch),
        cmocka_unit_test(a_wide_answer_reads_back_float_by_float),
        cmocka_unit_test(features_are_one_output),
        cmocka_unit_test(errors_are_valid_json_whatever_they_quote),
        cmocka_unit_test(the_server_and_readiness_are_as_the_protocol_has_them),
        cmocka_unit_test(a_model_says_what_may_be_asked_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
