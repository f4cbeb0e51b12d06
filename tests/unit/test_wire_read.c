/* test_wire_read.c: bodies of infer and features are read as the protocol has them; what is wrong
 * is refused by its name, with what was found and what is allowed. */
#include "support/support.h"

#include <math.h>

#include "pipeline/serve/wire.h"

static const pri_wire_limits WORDNET = {
    .num_nodes = 117659, .max_nodes = 1024, .outputs = PR_OUTPUTS_CLASSES, .has_hidden = true
};

#define INPUT(rest) "{\"inputs\":[{\"name\":\"node_ids\"," rest "}]}"
#define ONE         INPUT("\"datatype\":\"INT64\",\"shape\":[1],\"data\":[7]")
#define ASK(rest)                                                                                  \
    "{\"inputs\":[{\"name\":\"node_ids\",\"datatype\":\"INT64\",\"shape\":[1],\"data\":[7]}]"      \
    "," rest "}"

static pri_wire_request infer(const char *text)
{
    pri_wire_request request;
    const size_t     n = strlen(text);

    assert_ok(pri_wire_read_infer(text, n, n, &WORDNET, &request));
    return request;
}

static void refused_by(const pri_wire_limits *limits, const char *text, const char *words)
{
    pri_wire_request request;
    const size_t     n = strlen(text);

    assert_fails(PR_E_INPUT, words, pri_wire_read_infer(text, n, n, limits, &request));
    pri_wire_clear(&request);
}

static void refused(const char *text, const char *words)
{
    refused_by(&WORDNET, text, words);
}

static void the_least_request_asks_for_all_but_embeddings(void **state)
{
    pri_wire_request r = infer(ONE);

    (void)state;
    assert_null(r.id);
    assert_int_equal(r.num_nodes, 1);
    assert_int_equal(r.nodes[0], 7);
    assert_false(r.own_fanout || r.own_seed || !isnan(r.deadline_ms));
    assert_int_equal(r.num_outputs, 3);
    assert_int_equal(r.output[0].what, PRI_WIRE_LOGITS);
    assert_int_equal(r.output[1].what, PRI_WIRE_PROBABILITIES);
    assert_int_equal(r.output[2].what, PRI_WIRE_CLASS);
    for (int i = 0; i < 3; i++) assert_false(r.output[i].binary);
    assert_false(pri_wire_wants_hidden(&r, &WORDNET));
    pri_wire_clear(&r);
}

static void everything_that_may_be_said_is_understood(void **state)
{
    pri_wire_request r =
        infer("{\"id\":\"a \\u00e9\",\"model_name\":\"m\",\"model_version\":\"1\","
              "\"parameters\":{\"fanout\":\"10,5\",\"seed\":9,\"deadline_ms\":2.5,"
              "\"binary_data_output\":true,\"priority\":3,\"timeout\":1,\"sequence_id\":4,\"triton_"
              "x\":1},"
              "\"inputs\":[{\"name\":\"node_ids\",\"datatype\":\"INT32\",\"shape\":[3,1],"
              "\"data\":[[117658],[0],[117658]]}],"
              "\"outputs\":[{\"name\":\"class\",\"parameters\":{\"binary_data\":false}},"
              "{\"name\":\"embeddings\"},{\"name\":\"logits\",\"parameters\":{}}]}");

    (void)state;
    assert_string_equal(r.id, "a \xc3\xa9");
    assert_true(r.own_fanout && r.own_seed && r.seed == 9 && r.deadline_ms == 2.5);
    assert_string_equal(r.fanout, "10,5");
    assert_int_equal(r.num_nodes, 3);
    assert_int_equal(r.nodes[0], 117658);
    assert_int_equal(r.nodes[1], 0);
    assert_int_equal(r.nodes[2], 117658);
    assert_int_equal(r.num_outputs, 3);
    assert_true(r.output[0].what == PRI_WIRE_CLASS && !r.output[0].binary);
    assert_true(r.output[1].what == PRI_WIRE_EMBEDDINGS && r.output[1].binary);
    assert_true(r.output[2].what == PRI_WIRE_LOGITS && r.output[2].binary);
    assert_true(pri_wire_wants_hidden(&r, &WORDNET));
    pri_wire_clear(&r);
    pri_wire_clear(&r);
}

static void a_fanout_is_text_or_hops_or_one_number(void **state)
{
    static const char *const said[][2] = {
        { "\"all\"", "all" },
        { "\"15,all\"", "15,all" },
        { "[10,5]", "10,5" },
        { "[3]", "3" },
        { "7", "7" },
        { "[\"all\",2]", "all,2" },
        { "[65535,1]", "65535,1" },
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        snprintf(text, sizeof text, ASK("\"parameters\":{\"fanout\":%s}"), said[i][0]);
        pri_wire_request r = infer(text);
        assert_string_equal(r.fanout, said[i][1]);
        assert_true(r.own_fanout);
        pri_wire_clear(&r);
    }
}

static void seeds_have_64_bits_as_text_too(void **state)
{
    static const struct {
        const char *text;
        uint64_t    seed;
    } said[] = { { "0", 0 },
                 { "9223372036854775807", INT64_MAX },
                 { "\"9223372036854775808\"", UINT64_C(1) << 63 },
                 { "\"18446744073709551615\"", UINT64_MAX } };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        snprintf(text, sizeof text, ASK("\"parameters\":{\"seed\":%s}"), said[i].text);
        pri_wire_request r = infer(text);
        assert_true(r.own_seed && r.seed == said[i].seed);
        pri_wire_clear(&r);
    }
}

/* Bytes of 5, 117658 and 0 in each type that can hold them. */
static void ids_come_as_bytes_of_any_integer_type(void **state)
{
    static const struct {
        const char *name;
        size_t      bytes;
    } type[] = { { "INT64", 8 }, { "UINT64", 8 }, { "INT32", 4 }, { "UINT32", 4 },
                 { "INT16", 2 }, { "UINT16", 2 }, { "INT8", 1 },  { "UINT8", 1 } };
    unsigned char body[512];

    (void)state;
    for (size_t i = 0; i < sizeof type / sizeof type[0]; i++) {
        const uint32_t   id[3] = { 5, type[i].bytes > 2 ? 117658 : 127, 0 };
        const size_t     all   = 3 * type[i].bytes;
        pri_wire_request r;
        const size_t     json = (size_t)snprintf((char *)body, sizeof body,
                                                 INPUT("\"datatype\":\"%s\",\"shape\":[3],"
                                                           "\"parameters\":{\"binary_data_size\":%zu}"),
                                                 type[i].name, all);
        memset(body + json, 0, all);
        for (size_t k = 0; k < 3; k++)
            for (size_t b = 0; b < type[i].bytes && b < 4; b++)
                body[json + k * type[i].bytes + b] = (unsigned char)(id[k] >> (8 * b));
        assert_ok(pri_wire_read_infer((char *)body, json + all, json, &WORDNET, &r));
        assert_int_equal(r.num_nodes, 3);
        for (size_t k = 0; k < 3; k++) assert_int_equal(r.nodes[k], id[k]);
        pri_wire_clear(&r);
        assert_fails(PR_E_INPUT, "bytes follow the JSON",
                     pri_wire_read_infer((char *)body, json + all - 1, json, &WORDNET, &r));
        pri_wire_clear(&r);
        assert_fails(PR_E_INPUT, "bytes follow the JSON",
                     pri_wire_read_infer((char *)body, json + all + 1, json, &WORDNET, &r));
        pri_wire_clear(&r);
        memset(body + json, 0xff, type[i].bytes); /* -1, or the type's largest */
        const bool is_signed = type[i].name[0] == 'I';
        if (!is_signed && type[i].bytes <= 2) continue;
        assert_fails(PR_E_INPUT,
                     is_signed            ? "data[0] is node -1, the graph has 0..117658"
                     : type[i].bytes == 8 ? "data[0] is node 18446744073709551615, the"
                                          : "data[0] is node 4294967295, the graph has",
                     pri_wire_read_infer((char *)body, json + all, json, &WORDNET, &r));
        pri_wire_clear(&r);
    }
}

static void ids_that_are_no_nodes_are_refused(void **state)
{
    (void)state;
#define IDS(list) INPUT("\"datatype\":\"INT64\",\"shape\":[2],\"data\":" list)
    refused(IDS("[3,117659]"), "inputs[0].data[1] is node 117659, the graph has 0..117658");
    refused(IDS("[-1,3]"), "inputs[0].data[0] is node -1, the graph has 0..117658");
    refused(IDS("[9223372036854775807,3]"), "node 9223372036854775807, the graph has");
    refused(IDS("[9223372036854775808,3]"), "too big integer");
    refused(IDS("[1e999,3]"), "overflow");
    refused(IDS("[1.5,3]"), "data[0] is 1.5, must be an integer");
    refused(IDS("[1,2.0]"), "data[1] is 2, must be an integer, written without point");
    refused(IDS("[1e3,3]"), "data[0] is 1000, must be an integer");
    refused(IDS("[\"1\",3]"), "data[0] is \"1\", must be an integer");
    refused(IDS("[null,3]"), "data[0] is null, must");
    refused(IDS("[true,3]"), "data[0] is true, must");
    refused(IDS("[[1],[2]]"), "data[0] is an array of 1, must");
    refused(IDS("[{},3]"), "data[0] is an object, must");
    refused(IDS("[1]"), "inputs[0].data has 1 elements, must have 2");
    refused(IDS("[1,2,3]"), "inputs[0].data has 3 elements, must have 2");
    refused(IDS("7"), "inputs[0].data is 7, must be an array of 2");
    refused(INPUT("\"datatype\":\"INT64\",\"shape\":[2]"), "inputs[0].data is nothing, must be");
    refused(INPUT("\"datatype\":\"UINT8\",\"shape\":[1],\"data\":[256]"),
            "more than UINT8 holds (255)");
    refused(INPUT("\"datatype\":\"INT16\",\"shape\":[1],\"data\":[32768]"), "INT16 holds (32767)");
#undef IDS
}

static void tensors_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refused("{}", "inputs is nothing, must be an array of one: node_ids");
    refused("{\"inputs\":{}}", "inputs is an object, must be an array");
    refused("{\"inputs\":[]}", "inputs has 0 elements, must have one: node_ids");
    refused("{\"inputs\":[{},{}]}", "inputs has 2 elements, must have one: node_ids");
    refused("{\"inputs\":[5]}", "inputs[0] is 5, must be an object");
    refused("{\"inputs\":[{\"name\":\"x\"}]}", "inputs[0].name is \"x\", must be \"node_ids\"");
    refused("{\"inputs\":[{\"nme\":\"x\"}]}",
            "inputs[0] has \"nme\", may have name, shape, datatype, parameters, data");
    refused(INPUT("\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]"),
            "inputs[0].datatype is \"FP32\", must be INT64, INT32");
    refused(INPUT("\"shape\":[1],\"data\":[1]"), "inputs[0].datatype is nothing");
#define SHAPE(shape) INPUT("\"datatype\":\"INT64\",\"shape\":" shape ",\"data\":[1]")
    refused(SHAPE("[0]"), "inputs[0] has 0 nodes, a request has 1..1024");
    refused(SHAPE("[1025]"), "inputs[0] has 1025 nodes, a request has 1..1024");
    refused(SHAPE("[4294967297]"), "inputs[0] has 4294967297 nodes");
    refused(SHAPE("[-1]"), "inputs[0].shape[0] is -1, must be an integer from 0 on");
    refused(SHAPE("[1.0]"), "inputs[0].shape[0] is 1, must be an integer");
    refused(SHAPE("[1,2]"), "inputs[0].shape[1] is 2, must be 1");
    refused(SHAPE("[1,1,1]"), "inputs[0].shape is an array of 3, must be [n] or [n, 1]");
    refused(SHAPE("[]"), "inputs[0].shape is an array of 0, must be");
    refused(SHAPE("1"), "inputs[0].shape is 1, must be [n] or [n, 1]");
#undef SHAPE
#define SIZE(size) "\"datatype\":\"INT64\",\"shape\":[1],\"parameters\":{" size "}"
    refused(INPUT(SIZE("\"binary_data_size\":4")),
            "inputs[0].parameters.binary_data_size is 4, must be 8: 1 elements of INT64");
    refused(INPUT(SIZE("\"binary_data_size\":8")),
            "0 bytes follow the JSON, binary_data_size is 8");
    refused(INPUT(SIZE("\"binary_data_size\":-8")), "binary_data_size is -8, must be a number");
    refused(INPUT(SIZE("\"binary_data_size\":\"8\"")), "binary_data_size is \"8\", must be a");
    refused(INPUT(SIZE("\"binary_data_size\":8") ",\"data\":[1]"), "must have one of them");
    refused(INPUT(SIZE("\"shared_memory_region\":\"x\"")),
            "has \"shared_memory_region\", may have");
#undef SIZE
}

static void parameters_that_mean_nothing_are_refused_by_name(void **state)
{
    (void)state;
#define P(text) ASK("\"parameters\":{" text "}")
    refused(P("\"fan_out\":3"), "parameters has \"fan_out\", may have fanout, seed, deadline_ms");
    refused(ASK("\"parameters\":[]"), "parameters is an array of 0, must be an object");
    refused(P("\"fanout\":\"10,x\""), "parameters.fanout is \"10,x\", must be as \"10,5\"");
    refused(P("\"fanout\":\"\""), "parameters.fanout is \"\", must");
    refused(P("\"fanout\":0"), "parameters.fanout is 0, must be 1..65535 or \"all\"");
    refused(P("\"fanout\":[10,-5]"), "parameters.fanout[1] is -5, must be");
    refused(P("\"fanout\":[10,65536]"), "parameters.fanout[1] is 65536, must be");
    refused(P("\"fanout\":[]"), "parameters.fanout has 0 hops, must have 1..16");
    refused(P("\"fanout\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"), "has 17 hops, must have 1..16");
    refused(P("\"fanout\":true"), "parameters.fanout is true, must be");
    refused(P("\"seed\":-1"), "parameters.seed is -1, must be an integer 0..18446744073709551615");
    refused(P("\"seed\":\"18446744073709551616\""), "parameters.seed is \"18446744073709551616\"");
    refused(P("\"seed\":\"\""), "parameters.seed is \"\", must");
    refused(P("\"seed\":\"0x10\""), "parameters.seed is \"0x10\", must");
    refused(P("\"seed\":1.5"), "parameters.seed is 1.5, must");
    refused(P("\"deadline_ms\":0"), "parameters.deadline_ms is 0, must be a number above 0");
    refused(P("\"deadline_ms\":-1"), "parameters.deadline_ms is -1, must");
    refused(P("\"deadline_ms\":1e300"), "at most 86400000");
    refused(P("\"deadline_ms\":\"5\""), "parameters.deadline_ms is \"5\", must");
    refused(P("\"binary_data_output\":1"), "parameters.binary_data_output is 1, must be true or");
    refused(P("\"seed\":1,\"seed\":2"), "duplicate object key");
#undef P
}

static void outputs_that_cannot_be_had_are_refused_with_those_that_can(void **state)
{
    const pri_wire_limits flat  = { .num_nodes = 9, .max_nodes = 4 };
    const pri_wire_limits links = {
        .num_nodes = 9, .max_nodes = 4, .outputs = PR_OUTPUTS_EMBEDDING, .has_hidden = true
    };

    (void)state;
#define O(text) ASK("\"outputs\":[" text "]")
    refused(O("{\"name\":\"scores\"}"), "outputs[0].name is \"scores\", must be one of logits, "
                                        "probabilities, embeddings, class");
    refused(O("{}"), "outputs[0].name is nothing, must be one of");
    refused(O("{\"name\":\"class\"},{\"name\":\"class\"}"),
            "outputs[1].name is \"class\", as outputs[0] has it");
    refused(O("{\"name\":\"class\",\"parameters\":{\"classification\":2}}"),
            "outputs[0].parameters has \"classification\", may have binary_data");
    refused(O("{\"name\":\"class\",\"parameters\":{\"binary_data\":\"yes\"}}"),
            "outputs[0].parameters.binary_data is \"yes\", must be true or false");
    refused(ASK("\"outputs\":{}"), "outputs is an object, must be an array");
    refused(O("1,2,3,4,5,6,7,8,9"), "outputs has 9 elements, at most 8 are allowed");
    refused_by(&flat, O("{\"name\":\"embeddings\"}"),
               "must be one of logits, probabilities, class: a model of one layer has no");
    refused_by(&links, O("{\"name\":\"class\"}"), "must be one of embeddings: a model for links");
#undef O
    pri_wire_request r;
    assert_ok(pri_wire_read_infer(ONE, strlen(ONE), strlen(ONE), &links, &r));
    assert_int_equal(r.num_outputs, 1);
    assert_int_equal(r.output[0].what, PRI_WIRE_EMBEDDINGS);
    assert_false(pri_wire_wants_hidden(&r, &links));
    pri_wire_clear(&r);
}

static void what_is_no_request_is_refused(void **state)
{
    pri_wire_request r;
    char             text[400];

    (void)state;
    refused("", "the body is empty");
    refused("[]", "the body is not a JSON object");
    refused("null", "line 1");
    refused("{\"inputs\"", "request: line 1");
    refused("{\"input\":1}", "request has \"input\", may have id, inputs, outputs, parameters");
    refused("{\"id\":\"\xff\"}", "line 1");
    refused("{\"id\":\"\\u0000\"}", "line 1");
    refused("{\"id\":5}", "id is 5, must be text");
    assert_fails(PR_E_INPUT, "line 1", pri_wire_read_infer("{\0}", 3, 3, &WORDNET, &r));
    assert_fails(PR_E_INPUT, "Inference-Header-Content-Length is 3, must be 1..2",
                 pri_wire_read_infer("{}", 2, 3, &WORDNET, &r));
    assert_fails(PR_E_INPUT, "Inference-Header-Content-Length is 0, must be 1..2",
                 pri_wire_read_infer("{}", 2, 0, &WORDNET, &r));
    snprintf(text, sizeof text, "{\"id\":\"%0257d\"}", 1);
    refused(text, "id has 257 bytes, at most 256 are allowed");
    snprintf(text, sizeof text, "%s tail", ONE);
    assert_fails(PR_E_INPUT, "5 bytes follow the JSON, but inputs[0].parameters.binary_data_size",
                 pri_wire_read_infer(text, strlen(text), strlen(text) - 5, &WORDNET, &r));
    pri_wire_clear(&r);
}

static void neither_depth_nor_numbers_of_values_are_followed(void **state)
{
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES + 1);

    (void)state;
    text[BYTES] = 0;
    memset(text, '[', BYTES);
    refused(text, "1048576 levels of depth, at most 16 are allowed");
    for (size_t i = 0; i + 3 <= BYTES; i += 3) memcpy(text + i, "[],", 3);
    refused(text, "values, far more than 1024 nodes, the most of a request");
    memset(text, ' ', BYTES);
    memcpy(text, "{\"id\":\"[[[[[[[[[[[[[[[[[[[[\"}", 29); /* brackets in text are text */
    refused(text, "inputs is nothing");
    free(text);
}

static void features_are_asked_for_by_a_list_or_a_tensor(void **state)
{
    static const char *const good[] = {
        "{\"node_ids\":[4,4,0]}",
        "{\"node_ids\":[4,4,0],\"id\":\"x\",\"parameters\":{\"binary_data_output\":true}}",
        INPUT("\"datatype\":\"INT64\",\"shape\":[3],\"data\":[4,4,0]"),
    };
    static const char *const bad[][2] = {
        { "{}", "request has neither node_ids nor inputs, must have one" },
        { "{\"node_ids\":[1],\"inputs\":[]}", "request has node_ids and inputs, must have one" },
        { "{\"node_ids\":3}", "node_ids is 3, must be an array of node ids" },
        { "{\"node_ids\":[]}", "node_ids has 0 nodes, a request has 1..1024" },
        { "{\"node_ids\":[1,117659]}", "node_ids[1] is node 117659, the graph has 0..117658" },
        { "{\"node_ids\":[[1]]}", "node_ids[0] is an array of 1, must be an integer" },
        { "{\"node_ids\":[1],\"parameters\":{\"seed\":1}}", "parameters has \"seed\", may have" },
        { "{\"nodes\":[1]}", "request has \"nodes\", may have id, node_ids, inputs, parameters" },
    };
    pri_wire_request r;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(pri_wire_read_features(good[i], strlen(good[i]), &WORDNET, &r));
        assert_int_equal(r.num_nodes, 3);
        assert_true(r.nodes[0] == 4 && r.nodes[1] == 4 && r.nodes[2] == 0);
        assert_int_equal(r.num_outputs, 0);
        assert_int_equal(r.binary, i == 1);
        pri_wire_clear(&r);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(PR_E_INPUT, bad[i][1],
                     pri_wire_read_features(bad[i][0], strlen(bad[i][0]), &WORDNET, &r));
        pri_wire_clear(&r);
    }
}

static void a_cut_body_never_passes(void **state)
{
    static const char whole[] = ASK("\"id\":\"x\",\"parameters\":{\"seed\":12}");
    pri_wire_request  r;

    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        assert_fails(PR_E_INPUT, "", pri_wire_read_infer(whole, n, n, &WORDNET, &r));
        pri_wire_clear(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_request_asks_for_all_but_embeddings),
        cmocka_unit_test(everything_that_may_be_said_is_understood),
        cmocka_unit_test(a_fanout_is_text_or_hops_or_one_number),
        cmocka_unit_test(seeds_have_64_bits_as_text_too),
        cmocka_unit_test(ids_come_as_bytes_of_any_integer_type),
        cmocka_unit_test(ids_that_are_no_nodes_are_refused),
        cmocka_unit_test(tensors_that_do_not_fit_are_refused),
        cmocka_unit_test(parameters_that_mean_nothing_are_refused_by_name),
        cmocka_unit_test(outputs_that_cannot_be_had_are_refused_with_those_that_can),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(neither_depth_nor_numbers_of_values_are_followed),
        cmocka_unit_test(features_are_asked_for_by_a_list_or_a_tensor),
        cmocka_unit_test(a_cut_body_never_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
