/* test_checkpoint.c: a checkpoint gives back the bits that were saved, and no damage to its file
 * is taken for a model. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "pipeline/nn/checkpoint.h"
#include "unit/nn_fixture.h"

enum { PREFIX_BYTES = 16 };

/* A small model with optimiser state. */
static pr_model *trained_model(uint32_t layers)
{
    const pr_model_options     options = { .hidden = 5, .dropout = 1.0 / 3.0 };
    const pr_optimizer_options adam    = {
           .lr = 0.01, .weight_decay = 5e-4, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8
    };
    pr_model    *model = NULL;
    pri_nn_times times = { 0 };
    test_rng     rng   = { .key = test_seed() };

    assert_ok(pr_model_create(&options, layers, 4, 3, 9, &model));
    const size_t count    = (size_t)model->shape.num_parameters;
    float       *gradient = calloc(count, sizeof *gradient);
    assert_non_null(gradient);
    for (int t = 0; t < 3; t++) {
        for (size_t i = 0; i < count; i++) gradient[i] = fix_real(&rng);
        fix_update(model, &gradient, 1, &adam, &times);
    }
    free(gradient);
    return model;
}

static pr_checkpoint_info some_info(void)
{
    pr_checkpoint_info info = { .dataset_name        = "cora \"\xc3\xa9\" \\",
                                .dataset_fingerprint = UINT64_MAX - 1,
                                .seed                = UINT64_MAX,
                                .step                = 123456789012345u,
                                .epoch               = 17,
                                .split               = PR_SPLIT_ALT,
                                .feature_norm        = PR_NORM_L2,
                                .best_val_accuracy   = 0.1 + 0.7 / 3.0 };
    snprintf(info.options, sizeof info.options, "{\"lr\":0.01,\"data\":\"/tmp/a b\"}");
    info.outputs = PR_OUTPUTS_EMBEDDING;
    return info;
}

static const char *path_in(const char *directory, const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void check_same(const pr_model *a, const pr_model *b)
{
    const size_t bytes = a->shape.num_parameters * sizeof(float);

    assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
    assert_memory_equal(a->parameters, b->parameters, bytes);
    assert_memory_equal(a->adam_m, b->adam_m, bytes);
    assert_memory_equal(a->adam_v, b->adam_v, bytes);
    assert_int_equal(a->adam_steps, b->adam_steps);
    assert_int_equal(a->options.hidden, b->options.hidden);
}

static void what_is_saved_is_loaded_bit_for_bit(void **state)
{
    (void)state;
    const char *path = path_in(test_directory(), "model.prc");

    for (uint32_t layers = 1; layers <= 16; layers += 5) {
        pr_checkpoint_info info  = some_info(), got;
        pr_model          *model = trained_model(layers), *loaded = NULL;
        if (layers == 6) info.best_val_accuracy = NAN;
        if (layers == 11) memset(info.options, '"', sizeof info.options - 1); /* all escaped */
        model->parameters[0] = -0.0f;
        model->parameters[1] = NAN;

        assert_ok(pr_checkpoint_save(path, model, &info)); /* over the one before */
        assert_ok(pr_checkpoint_load(path, &loaded, &got));
        check_same(model, loaded);
        assert_string_equal(got.dataset_name, info.dataset_name);
        assert_string_equal(got.options, info.options);
        assert_true(got.dataset_fingerprint == info.dataset_fingerprint && got.seed == info.seed);
        assert_true(got.step == info.step && got.epoch == info.epoch);
        assert_int_equal(got.split, info.split);
        assert_int_equal(got.outputs, info.outputs);
        assert_int_equal(got.feature_norm, info.feature_norm);
        assert_true(got.best_val_accuracy == info.best_val_accuracy ||
                    (isnan(got.best_val_accuracy) && isnan(info.best_val_accuracy)));
        pr_model_free(model);
        pr_model_free(loaded);
    }
}

static void training_goes_on_as_if_it_had_not_stopped(void **state)
{
    (void)state;
    const pr_optimizer_options adam = {
        .lr = 0.01, .weight_decay = 5e-4, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8
    };
    const pr_checkpoint_info info = some_info();
    const char              *path = path_in(test_directory(), "model.prc");
    pr_model                *a = trained_model(2), *b = NULL;
    pri_nn_times             times = { 0 };
    pr_checkpoint_info       got;
    float                    gradient[200];
    float                   *lane = gradient;

    assert_true(a->shape.num_parameters <= 200);
    for (int i = 0; i < 200; i++) gradient[i] = (float)i * 0.01f - 0.7f;
    assert_ok(pr_checkpoint_save(path, a, &info));
    assert_ok(pr_checkpoint_load(path, &b, &got));
    for (int t = 0; t < 4; t++) {
        fix_update(a, &lane, 1, &adam, &times);
        fix_update(b, &lane, 1, &adam, &times);
    }
    check_same(a, b);
    pr_model_free(a);
    pr_model_free(b);
}

/* Loading must fail as bad input, with words, and leave nothing. */
static void check_refused(const char *path, const char *words, const char *what, size_t at)
{
    const int64_t      live  = pri_mem_live();
    pr_model          *model = NULL;
    pr_checkpoint_info info;
    const pr_status    st = pr_checkpoint_load(path, &model, &info);

    if (st != PR_E_INPUT || !strstr(pr_error_message(), words) || !strstr(pr_error_message(), path))
        fail_msg("%s %zu: wanted PR_E_INPUT with \"%s\", got %s: %s", what, at, words,
                 pr_status_name(st), pr_error_message());
    assert_null(model);
    assert_int_equal(pri_mem_live(), live);
}

/* Overwrite one file again and again: test_file's names are limited. */
static void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void every_truncation_flipped_byte_and_addition_is_noticed(void **state)
{
    (void)state;
    const pr_checkpoint_info info  = some_info();
    pr_model                *model = trained_model(2);
    char                    *bytes = NULL;
    char                     path[600];
    size_t                   n;

    snprintf(path, sizeof path, "%s", path_in(test_directory(), "model.prc"));
    assert_ok(pr_checkpoint_save(path, model, &info));
    assert_ok(pri_file_read(path, 1 << 20, &bytes, &n));
    for (size_t cut = 0; cut < n; cut++) {
        put_file(path, bytes, cut);
        check_refused(path, "", "cut at", cut);
    }
    for (size_t at = 0; at < n; at++) {
        const char was = bytes[at];
        bytes[at] ^= (char)(1 << (at % 8));
        put_file(path, bytes, n);
        check_refused(path, "", "flip at", at);
        bytes[at] = was;
    }
    char *longer = calloc(1, n + 12);
    assert_non_null(longer);
    memcpy(longer, bytes, n);
    put_file(path, longer, n + 1);
    check_refused(path, "does not fit", "addition of", 1);
    put_file(path, longer, n + 12); /* as long as one parameter more */
    check_refused(path, "does not fit", "addition of", 12);
    put_file(path, bytes, n);
    pr_model          *loaded = NULL;
    pr_checkpoint_info got;
    assert_ok(pr_checkpoint_load(path, &loaded, &got));
    check_same(model, loaded);
    pr_model_free(loaded);
    pr_model_free(model);
    free(longer);
    pri_free(bytes);
}

/* A model of 4 features, 5 hidden columns, 3 outputs has 78 parameters. */
#define ARRAY(name, type, count)                                                                   \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"count\":\"" count "\"}"
#define WEIGHTS ARRAY("weights", "f32", "78")
#define RECENT  ARRAY("recent", "u32", "2")

/* Write a file of this header, version 2, with arrays of so many zeros and a right checksum. */
static void put_checkpoint_2(const char *path, const char *json, const size_t *count, int num)
{
    const size_t header   = strlen(json);
    size_t       all      = 0;
    uint32_t     start[2] = { 2, (uint32_t)header };

    for (int i = 0; i < num; i++) all += 4 * count[i];
    const size_t bytes = PREFIX_BYTES + header + all + 8;
    char        *block = calloc(1, bytes);
    assert_non_null(block);
    memcpy(block, "PRCHKPT\n", 8);
    memcpy(block + 8, start, 8);
    memcpy(block + PREFIX_BYTES, json, header);
    uint64_t sum = pri_checksum(block, PREFIX_BYTES + header, 0);
    for (int i = 0; i < num; i++)
        sum = pri_checksum(block + PREFIX_BYTES + header, 4 * count[i], sum);
    memcpy(block + bytes - 8, &sum, 8);
    put_file(path, block, bytes);
    free(block);
}

/* Write a file of this header, version 1, with `num` zero parameters and a right checksum. */
static void put_checkpoint(const char *path, uint32_t version, const char *json, size_t num)
{
    const size_t header = strlen(json), bytes = PREFIX_BYTES + header + 12 * num + 8;
    char        *block  = calloc(1, bytes);
    uint32_t     length = (uint32_t)header;

    assert_non_null(block);
    memcpy(block, "PRCHKPT\n", 8);
    memcpy(block + 8, &version, 4);
    memcpy(block + 12, &length, 4);
    memcpy(block + PREFIX_BYTES, json, header);
    uint64_t sum = pri_checksum(block, PREFIX_BYTES + header, 0);
    for (int i = 0; i < 3; i++)
        sum = pri_checksum(block + PREFIX_BYTES + header + (size_t)i * 4 * num, 4 * num, sum);
    memcpy(block + bytes - 8, &sum, 8);
    put_file(path, block, bytes);
    free(block);
}

typedef const char *const member[2];

/* Print an object of these members but for one, which has another value, or is left out. */
static void print_members(char *out, size_t bytes, member *members, size_t num, const char *key,
                          const char *value)
{
    size_t at = (size_t)snprintf(out, bytes, "{\"packrat\":\"0\"");
    for (size_t i = 0; i < num; i++) {
        const bool  changed = !strcmp(members[i][0], key);
        const char *text    = changed ? value : members[i][1];
        if (text) at += (size_t)snprintf(out + at, bytes - at, ",\"%s\":%s", members[i][0], text);
    }
    snprintf(out + at, bytes - at, "}");
}

/* A right header of version 1 but for one member; of a model of 4 features, 5 hidden columns, 3
 * classes. */
static void print_header(char *out, size_t bytes, const char *key, const char *value)
{
    static member members[] = {
        { "model", "\"sage\"" },
        { "num_layers", "2" },
        { "num_features", "4" },
        { "hidden", "5" },
        { "num_classes", "3" },
        { "dropout", "\"0.5\"" },
        { "adam_steps", "\"3\"" },
        { "dataset_name", "\"x\"" },
        { "dataset_fingerprint", "\"1\"" },
        { "seed", "\"1\"" },
        { "step", "\"1\"" },
        { "epoch", "1" },
        { "split", "1" },
        { "feature_norm", "\"none\"" },
        { "best_val_accuracy", "null" },
        { "options", "\"{}\"" },
    };
    print_members(out, bytes, members, sizeof members / sizeof *members, key, value);
}

/* The same of version 2; `recent` is of two elements. */
static void print_header_2(char *out, size_t bytes, const char *key, const char *value)
{
    static member members[] = {
        { "model", "{\"model\":\"sage\",\"hidden\":\"5\",\"dropout\":\"0.5\"}" },
        { "num_layers", "2" },
        { "num_features", "4" },
        { "num_outputs", "3" },
        { "outputs", "\"labels\"" },
        { "updates", "\"3\"" },
        { "dataset_name", "\"x\"" },
        { "dataset_fingerprint", "\"1\"" },
        { "seed", "\"1\"" },
        { "step", "\"1\"" },
        { "epoch", "1" },
        { "split", "1" },
        { "feature_norm", "\"none\"" },
        { "best_val_score", "\"0.25\"" },
        { "options", "\"{}\"" },
        { "rounding", "{}" },
        { "training", "{}" },
        { "arrays", "[" WEIGHTS "," RECENT "]" },
    };
    print_members(out, bytes, members, sizeof members / sizeof *members, key, value);
}

static void hostile_headers_with_right_checksums_are_refused(void **state)
{
    (void)state;
    enum { NUM = (2 * 4 + 1) * 5 + (2 * 5 + 1) * 3 };
    static char       long_name[700], json[20000];
    const char *const bad[][3] = {
        { "model", "\"gat\"", "must be sage" },
        { "model", NULL, "model is missing" },
        { "model", "7", "not text" },
        { "num_layers", "0", "1 .. 16" },
        { "num_layers", "17", "1 .. 16" },
        { "num_layers", "\"2\"", "not an integer" },
        { "num_layers", "-1", "1 .. 16" },
        { "num_layers", "3", "does not fit" },
        { "num_features", "0", "num_features is 0" },
        { "num_features", "2147483648", "num_features is 2147483648" },
        { "num_features", "2147483647", "does not fit" },
        { "num_features", "4.0", "not an integer" },
        { "num_features", "99999999999999999999999", "" },
        { "hidden", "65537", "hidden is 65537" },
        { "hidden", "65536", "does not fit" },
        { "hidden", NULL, "hidden is missing" },
        { "num_classes", "2147483647", "does not fit" },
        { "num_classes", "4", "does not fit" },
        { "dropout", "\"1.5\"", "--dropout" },
        { "dropout", "\"-0.1\"", "--dropout" },
        { "dropout", "\"nan\"", "--dropout" },
        { "dropout", "\"half\"", "must be a number" },
        { "dropout", "\"0.5x\"", "must be a number" },
        { "dropout", "0.5", "must be a number" },
        { "adam_steps", "\"-1\"", "whole number" },
        { "adam_steps", "\" 1\"", "whole number" },
        { "adam_steps", "\"18446744073709551615\"", "too many" },
        { "seed", "\"18446744073709551616\"", "whole number" },
        { "seed", "5", "whole number" },
        { "step", "\"\"", "whole number" },
        { "epoch", "4294967296", "epoch is 4294967296" },
        { "split", "2", "0 .. 1" },
        { "feature_norm", "\"l3\"", "auto, none, l1 or l2" },
        { "feature_norm", "\"auto auto auto auto\"", "at most 15" },
        { "best_val_accuracy", "[]", "number" },
        { "best_val_accuracy", "0.5", "number" },
        { "best_val_accuracy", NULL, "number" },
        { "dataset_name", long_name, "at most 255" },
        { "dataset_name", "\"a\\u0000b\"", "" },
        { "options", "{}", "options is missing or not text" },
    };
    char path[600];

    memset(long_name, 'n', sizeof long_name - 1);
    long_name[0] = long_name[sizeof long_name - 2] = '"';
    snprintf(path, sizeof path, "%s", path_in(test_directory(), "hostile.prc"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        print_header(json, sizeof json, bad[i][0], bad[i][1]);
        put_checkpoint(path, 1, json, NUM);
        check_refused(path, bad[i][2], "header", i);
    }
    put_checkpoint(path, 1, "[1,2]", NUM);
    check_refused(path, "not a JSON object", "array", 0);
    put_checkpoint(path, 1, "{\"model\":", NUM);
    check_refused(path, "", "broken JSON", 0);
    memset(json, '[', sizeof json - 1);
    put_checkpoint(path, 1, json, NUM);
    check_refused(path, "", "deep JSON", 0);
    put_checkpoint(path, 1, "", NUM);
    check_refused(path, "", "no JSON", 0);

    pr_model          *model = NULL;
    pr_checkpoint_info info;
    print_header(json, sizeof json, "", NULL); /* the pattern itself is right */
    put_checkpoint(path, 3, json, NUM);
    check_refused(path, "format version 3, this packrat reads versions 1 .. 2", "version", 3);
    put_checkpoint(path, 0, json, NUM);
    check_refused(path, "format version 0", "version", 0);
    put_checkpoint(path, 1, json, NUM);
    assert_ok(pr_checkpoint_load(path, &model, &info));
    pr_model_free(model);
}

static void hostile_headers_of_version_2_are_refused(void **state)
{
    (void)state;
    static const size_t      count[] = { 78, 2 };
    static char              json[20000];
    static const char *const bad[][3] = {
        { "model", "\"sage\"", "model is missing or not an object" },
        { "model", "{}", "model is missing" },
        { "model", "{\"model\":\"transformer\"}", "sage|gcn|gin|gat" },
        { "model", "{\"model\":\"sage\",\"hidden\":\"0\"}", "--hidden is 0" },
        { "model", "{\"model\":\"sage\",\"hidden\":5}", "hidden is missing or not text" },
        { "model", "{\"model\":\"sage\",\"wings\":\"2\"}", "unknown option --wings" },
        { "model", "{\"model\":\"sage\",\"dropout\":\"nan\"}", "--dropout" },
        { "model", "{\"model\":\"gcn\",\"hidden\":\"5\"}", "the model has 43 parameters" },
        { "model", "{\"model\":\"gat\",\"hidden\":\"5\",\"heads\":\"2\"}", "multiple of --heads" },
        { "model", "{\"model\":\"gat\",\"hidden\":\"5\",\"heads\":\"0\"}", "--heads is 0" },
        { "num_layers", "17", "1 .. 16" },
        { "num_outputs", "2147483648", "num_outputs is 2147483648" },
        { "num_outputs", "2147483647", "the model has" },
        { "num_outputs", NULL, "num_outputs is missing" },
        { "outputs", "\"words\"", "classes, labels or embedding" },
        { "outputs", NULL, "outputs is missing" },
        { "updates", "3", "whole number" },
        { "updates", "\"18446744073709551615\"", "too many" },
        { "best_val_score", NULL, "number" },
        { "rounding", "[]", "rounding is missing or not an object" },
        { "training", "\"\"", "training is missing or not an object" },
        { "arrays", NULL, "arrays is missing" },
        { "arrays", "{}", "arrays is missing or not a list" },
        { "arrays", "[]", "no weights" },
        { "arrays", "[1]", "no object" },
        { "arrays", "[" RECENT "]", "no weights" },
        { "arrays", "[" RECENT "," WEIGHTS "]", "out of order" },
        { "arrays", "[" WEIGHTS "," WEIGHTS "]", "there twice" },
        { "arrays", "[" WEIGHTS "]", "does not fit" },
        { "arrays", "[" WEIGHTS "," ARRAY("wages", "f32", "1") "]", "'wages', which is not known" },
        { "arrays", "[" WEIGHTS "," ARRAY("latest", "f32", "77") "]",
          "has 77 elements, the model" },
        { "arrays", "[" WEIGHTS "," ARRAY("latest", "f32", "78") "]", "does not fit" },
        { "arrays", "[" WEIGHTS "," ARRAY("moment1", "f64", "78") "]", "must be f32" },
        { "arrays", "[" WEIGHTS "," ARRAY("recent", "f32", "2") "]", "must be u32" },
        { "arrays", "[" WEIGHTS "," ARRAY("recent", "u32", "0") "]", "0 elements" },
        { "arrays", "[" WEIGHTS "," ARRAY("recent", "u32", "4611686018427387906") "]", "elements" },
        { "arrays", "[" WEIGHTS "," ARRAY("recent", "u32", "288230376151711743") "]",
          "does not fit" },
        { "arrays", "[" WEIGHTS "," ARRAY("recent", "u32", "-2") "]", "whole number" },
    };
    char           path[600];
    pri_checkpoint c;

    snprintf(path, sizeof path, "%s", path_in(test_directory(), "hostile2.prc"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        print_header_2(json, sizeof json, bad[i][0], bad[i][1]);
        put_checkpoint_2(path, json, count, 2);
        check_refused(path, bad[i][2], "header", i);
    }
    print_header_2(json, sizeof json, "", NULL); /* the pattern itself is right */
    put_checkpoint_2(path, json, count, 2);
    assert_ok(pri_checkpoint_load(path, &c));
    assert_int_equal(c.num_recent, 2);
    assert_int_equal(c.info.outputs, PR_OUTPUTS_LABELS);
    assert_true(c.training && c.rounding && !c.latest);
    pri_checkpoint_clear(&c);
}

/* Of every kind, with options that are not the defaults; what is left out of the file is zero. */
static void models_of_every_kind_with_all_their_options_come_back(void **state)
{
    (void)state;
    const char            *path = path_in(test_directory(), "kinds.prc");
    const pr_model_options base = { .hidden            = 6,
                                    .dropout           = 0.1,
                                    .input_dropout     = 1.0 / 7.0,
                                    .heads             = 3,
                                    .out_heads         = 2,
                                    .attention_dropout = 0.3 };

    for (int kind = PR_MODEL_SAGE; kind <= PR_MODEL_GAT; kind++)
        for (int more = 0; more < 4; more++) {
            pr_model_options         options = base;
            const pr_checkpoint_info info    = some_info();
            pr_checkpoint_info       got;
            pr_model                *model = NULL, *loaded = NULL;
            options.kind       = kind;
            options.aggregator = kind == PR_MODEL_SAGE && more > 1;
            options.activation = more % 3;
            options.layer_norm = more & 1;
            options.residual   = more > 1;
            assert_ok(pr_model_create(&options, 3, 4, 5, 9, &model));
            if (more) model->adam_m[model->shape.num_parameters - 1] = 1.5f; /* as sgd does it */
            assert_ok(pr_checkpoint_save(path, model, &info));
            assert_ok(pr_checkpoint_load(path, &loaded, &got));
            check_same(model, loaded);
            assert_memory_equal(&model->options, &loaded->options, sizeof model->options);
            pr_model_free(model);
            pr_model_free(loaded);
        }
}

static void the_best_weights_and_those_to_go_on_from_are_both_kept(void **state)
{
    (void)state;
    const char        *path     = path_in(test_directory(), "both.prc");
    uint32_t           recent[] = { 7, 0, UINT32_MAX };
    pri_checkpoint     got, c = { .info       = some_info(),
                                  .model      = trained_model(2),
                                  .latest     = trained_model(2),
                                  .training   = pr_json_object(),
                                  .recent     = recent,
                                  .num_recent = 3 };
    pr_model          *model = NULL;
    pr_checkpoint_info info;

    assert_ok(pr_json_set_string(c.training, "word", "\xc3\xa9"));
    c.latest->parameters[3] += 1.0f;
    c.latest->adam_steps = 77;
    assert_ok(pri_checkpoint_save(path, &c));
    assert_ok(pri_checkpoint_load(path, &got));
    check_same(c.latest, got.latest);
    const size_t bytes = c.model->shape.num_parameters * sizeof(float);
    assert_memory_equal(c.model->parameters, got.model->parameters, bytes);
    assert_string_equal(pri_json_as_string(pri_json_find(got.training, "word")), "\xc3\xa9");
    assert_null(got.rounding);
    assert_int_equal(got.num_recent, 3);
    assert_memory_equal(got.recent, recent, sizeof recent);
    pri_checkpoint_clear(&got);

    assert_ok(pr_checkpoint_load(path, &model, &info)); /* for use: the best */
    assert_memory_equal(c.model->parameters, model->parameters, bytes);
    pr_model_free(model);

    pri_model_copy(c.model, c.latest); /* equal ones are written once */
    assert_ok(pri_checkpoint_save(path, &c));
    assert_ok(pri_checkpoint_load(path, &got));
    assert_null(got.latest);
    check_same(c.model, got.model);
    pri_checkpoint_clear(&got);
    c.recent = NULL;
    pri_checkpoint_clear(&c);
}

static void files_that_are_none_are_named(void **state)
{
    (void)state;
    const char        *directory = test_directory();
    pr_model          *model     = NULL;
    pr_checkpoint_info info;
    char               path[600];

    assert_fails(PR_E_INPUT, "No such file",
                 pr_checkpoint_load(path_in(directory, "none.prc"), &model, &info));
    assert_fails(PR_E_INPUT, "not a regular file", pr_checkpoint_load(directory, &model, &info));
    snprintf(path, sizeof path, "%s", path_in(directory, "pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(PR_E_INPUT, "not a regular file", pr_checkpoint_load(path, &model, &info));
    put_file(path_in(directory, "text"), "an ordinary text that is no checkpoint", 38);
    assert_fails(PR_E_INPUT, "not a packrat checkpoint",
                 pr_checkpoint_load(path_in(directory, "text"), &model, &info));
    assert_null(model);
}

static void a_failed_save_leaves_the_older_file(void **state)
{
    (void)state;
    const char        *directory = test_directory();
    pr_checkpoint_info info      = some_info(), got;
    pr_model          *model = trained_model(2), *loaded = NULL;
    char               path[600];

    snprintf(path, sizeof path, "%s", path_in(directory, "model.prc"));
    assert_ok(pr_checkpoint_save(path, model, &info));
    info.feature_norm = 9;
    assert_fails(PR_E_ARG, "feature_norm is 9", pr_checkpoint_save(path, model, &info));
    info = some_info();
    memset(info.dataset_name, 'x', sizeof info.dataset_name);
    assert_fails(PR_E_ARG, "not ended", pr_checkpoint_save(path, model, &info));
    info = some_info();
    assert_fails(PR_E_IO, "none/model.prc",
                 pr_checkpoint_save(path_in(directory, "none/model.prc"), model, &info));
    assert_ok(pr_checkpoint_load(path, &loaded, &got));
    check_same(model, loaded);
    pr_model_free(model);
    pr_model_free(loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_is_loaded_bit_for_bit),
        cmocka_unit_test(training_goes_on_as_if_it_had_not_stopped),
        cmocka_unit_test(every_truncation_flipped_byte_and_addition_is_noticed),
        cmocka_unit_test(hostile_headers_with_right_checksums_are_refused),
        cmocka_unit_test(hostile_headers_of_version_2_are_refused),
        cmocka_unit_test(models_of_every_kind_with_all_their_options_come_back),
        cmocka_unit_test(the_best_weights_and_those_to_go_on_from_are_both_kept),
        cmocka_unit_test(files_that_are_none_are_named),
        cmocka_unit_test(a_failed_save_leaves_the_older_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
