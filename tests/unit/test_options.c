/* test_options.c: options come in from the command line, a file or code, and nothing out of its
 * bounds gets through. */
#include "support/support.h"

#include <math.h>
#include <sys/stat.h>

typedef struct demo {
    bool     verbose;
    uint32_t epochs;
    uint64_t seed, bytes;
    double   rate;
    int      mode;
    char     name[PR_TEXT_BYTES];
} demo;

static const pr_option demo_options[] = {
    { "verbose", "", "say more", "false", PR_OPT_FLAG, offsetof(demo, verbose), 0, 0, NULL },
    { "epochs", "epochs", "how long", "10", PR_OPT_U32, offsetof(demo, epochs), 1, 1000, NULL },
    { "seed", "", "random seed", "1", PR_OPT_U64, offsetof(demo, seed), 0, 18446744073709551615.0,
      NULL },
    { "cache.bytes", "bytes", "budget", "64K", PR_OPT_BYTES, offsetof(demo, bytes), 0, 0x1p62,
      NULL },
    { "rate", "", "a real number", "0.01", PR_OPT_REAL, offsetof(demo, rate), -1, 1e6, NULL },
    { "mode", "", "a choice", "packed", PR_OPT_CHOICE, offsetof(demo, mode), 0, 0,
      "resident|packed|off" },
    { "name", "text", "any text. It is shown in help that has to be wrapped because it is long", "",
      PR_OPT_TEXT, offsetof(demo, name), 0, 0, NULL },
};
static const pr_option_table demo_table = { "Demo", demo_options,
                                            sizeof demo_options / sizeof demo_options[0] };

/* A second struct behind the same command line. */
typedef struct extra {
    uint32_t threads, window, any;
} extra;
static const pr_option extra_options[] = {
    { "threads", "threads", "threads", "0", PR_OPT_U32, offsetof(extra, threads), 0,
      18446744073709551615.0, NULL },
    { "window", "lists", "a number or a word", "auto", PR_OPT_AUTO_U32, offsetof(extra, window), 2,
      31, NULL },
    { "any", "", "any number or a word", "7", PR_OPT_AUTO_U32, offsetof(extra, any), 0, 1e18,
      NULL },
};
static const pr_option_table extra_table = { "Extra", extra_options, 3 };

typedef struct fixture {
    demo            demo;
    extra           extra;
    pr_option_group groups[2];
    const char     *word[3];
    size_t          num_words;
} fixture;

static fixture *fresh(void)
{
    static fixture f;
    memset(&f, 0x5a, sizeof f);
    f.groups[0] = (pr_option_group){ &demo_table, &f.demo };
    f.groups[1] = (pr_option_group){ &extra_table, &f.extra };
    pr_options_init(f.groups, 2);
    return &f;
}

static pr_status parse(fixture *f, int argc, const char *const *argv)
{
    return pr_options_parse(f->groups, 2, argc, argv, f->word, 3, &f->num_words);
}

#define PARSE(f, ...)                                                                              \
    parse((f), (int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)),                    \
          (const char *[]){ __VA_ARGS__ })

static void every_option_starts_at_its_default(void **state)
{
    (void)state;
    const fixture *f = fresh();

    assert_int_equal(f->demo.verbose, 0);
    assert_int_equal(f->demo.epochs, 10);
    assert_int_equal(f->demo.seed, 1);
    assert_int_equal(f->demo.bytes, 65536);
    assert_true(f->demo.rate == 0.01);
    assert_int_equal(f->demo.mode, 1);
    assert_string_equal(f->demo.name, "");
    assert_int_equal(f->extra.threads, 0);
    assert_true(f->extra.window == PR_OPT_AUTO);
    assert_int_equal(f->extra.any, 7);
    assert_ok(pr_options_check(&demo_table, &f->demo));
    assert_ok(pr_options_check(&extra_table, &f->extra));
}

static void names_and_values_come_in_both_spellings(void **state)
{
    (void)state;
    fixture *f = fresh();

    assert_ok(PARSE(f, "--epochs", "5", "--rate=-0.5", "--name", "-x", "--mode=off", "--verbose",
                    "--cache.bytes", "1.5G", "--seed=18446744073709551615", "--threads", "3"));
    assert_int_equal(f->demo.epochs, 5);
    assert_true(f->demo.rate == -0.5);
    assert_string_equal(f->demo.name, "-x");
    assert_int_equal(f->demo.mode, 2);
    assert_true(f->demo.verbose);
    assert_true(f->demo.bytes == (uint64_t)3 << 29);
    assert_true(f->demo.seed == UINT64_MAX);
    assert_int_equal(f->extra.threads, 3);
    assert_int_equal(f->num_words, 0);
    assert_ok(PARSE(f, "--no-verbose", "--name=a=b=c", "--epochs=7", "--epochs=8"));
    assert_false(f->demo.verbose);
    assert_string_equal(f->demo.name, "a=b=c");
    assert_int_equal(f->demo.epochs, 8); /* the last one counts */
    assert_ok(PARSE(f, "--verbose=yes", "--name="));
    assert_true(f->demo.verbose);
    assert_string_equal(f->demo.name, "");
}

static void words_without_a_dash_are_positional(void **state)
{
    (void)state;
    fixture *f = fresh();

    assert_ok(PARSE(f, "a", "--epochs", "5", "-", ""));
    assert_int_equal(f->num_words, 3);
    assert_string_equal(f->word[0], "a");
    assert_string_equal(f->word[1], "-");
    assert_string_equal(f->word[2], "");
    assert_ok(PARSE(f, "--", "--epochs", "-q"));
    assert_int_equal(f->num_words, 2);
    assert_string_equal(f->word[0], "--epochs");
    assert_ok(PARSE(f, "--epochs=6", "--", "--"));
    assert_int_equal(f->num_words, 1);
    assert_ok(parse(f, 0, NULL));
    assert_int_equal(f->num_words, 0);
    assert_fails(PR_E_ARG, "unexpected argument 'd'", PARSE(f, "a", "b", "c", "d"));
}

static void unknown_flags_and_missing_values_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *argument, *words;
    } bad[] = {
        { "--epoch", "unknown option --epoch " },
        { "--epoch=5", "unknown option --epoch " },
        { "--epochs2", "unknown option --epochs2" },
        { "--no-epochs", "unknown option --no-epochs" },
        { "--no-verbose=true", "unknown option --no-verbose" },
        { "--no-", "unknown option --no-" },
        { "--no-config", "unknown option --no-config" },
        { "--=5", "unknown option --" },
        { "---epochs", "unknown option ---epochs" },
        { "--Epochs", "unknown option --Epochs" },
        { "-e", "unknown option -e" },
        { "-5", "unknown option -5" },
        { "--epochs", "--epochs needs a value" },
        { "--name", "--name needs a value" },
        { "--config", "--config needs a value" },
        { "--verbose=maybe", "--verbose is 'maybe', must be true or false" },
        { "--verbose=", "--verbose is '', must be true or false" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(PR_E_ARG, bad[i].words, PARSE(fresh(), bad[i].argument));
}

static void bad_values_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *words;
    } bad[] = {
        { "epochs", "", "--epochs is '', must be a whole number in 1 .. 1000" },
        { "epochs", "0", "--epochs is 0, must be in 1 .. 1000" },
        { "epochs", "1001", "--epochs is 1001, must be in 1 .. 1000" },
        { "epochs", "-1", "--epochs is '-1'" },
        { "epochs", "+1", "--epochs is '+1'" },
        { "epochs", " 1", "--epochs is ' 1'" },
        { "epochs", "1 ", "--epochs is '1 '" },
        { "epochs", "5x", "whole number" },
        { "epochs", "1e2", "whole number" },
        { "epochs", "0x10", "whole number" },
        { "epochs", "5.0", "whole number" },
        { "epochs", "1K", "whole number" },
        { "epochs", "4294967297", "--epochs is 4294967297, must be in" }, /* 2^32 + 1 */
        { "epochs", "18446744073709551617", "whole number" },             /* 2^64 + 1 */
        { "threads", "4294967296", "--threads is 4294967296, must be in" },
        { "seed", "18446744073709551616", "whole number" },
        { "seed", "-1", "--seed is '-1'" },
        { "seed", "nan", "--seed is 'nan'" },
        { "cache.bytes", "-1K", "--cache.bytes is '-1K'" },
        { "cache.bytes", "1X", "whole number" },
        { "cache.bytes", "1KK", "whole number" },
        { "cache.bytes", "1Ki", "whole number" },
        { "cache.bytes", "1.5", "whole number" },
        { "cache.bytes", ".5K", "whole number" },
        { "cache.bytes", "1.2.3K", "whole number" },
        { "cache.bytes", "1 K", "whole number" },
        { "cache.bytes", "K", "whole number" },
        { "cache.bytes", "1e3K", "whole number" },
        { "cache.bytes", "0x10K", "whole number" },
        { "cache.bytes", "infK", "whole number" },
        { "cache.bytes", "9223372036854775808K", "whole number" },
        { "cache.bytes", "99999999999999999999999999T", "whole number" },
        { "cache.bytes", "9000000T", "whole number" },
        { "cache.bytes", "4611686018427387905", "must be in 0 .. 4611686018427387904 (K" },
        { "cache.bytes", "5000000T", "--cache.bytes is 5000000T, must be in 0 .." },
        { "rate", "", "--rate is '', must be a number in -1 .. " },
        { "rate", "nan", "must be a number" },
        { "rate", "NAN", "must be a number" },
        { "rate", "inf", "must be a number" },
        { "rate", "-Infinity", "must be a number" },
        { "rate", "1e999", "must be a number" },
        { "rate", "0x1p3", "must be a number" },
        { "rate", " 1", "must be a number" },
        { "rate", "1 ", "must be a number" },
        { "rate", "1,5", "must be a number" },
        { "rate", "1e", "must be a number" },
        { "rate", "--1", "must be a number" },
        { "rate", "-1.0001", "--rate is -1.0001, must be in -1 .. 1" },
        { "rate", "1000001", "--rate is 1000001, must be in" },
        { "mode", "", "--mode is '', must be one of resident|packed|off" },
        { "mode", "pack", "--mode is 'pack'" },
        { "mode", "packed|off", "--mode is 'packed|off'" },
        { "mode", "|", "--mode is '|'" },
        { "mode", "Packed", "--mode is 'Packed'" },
        { "mode", "1", "--mode is '1'" },
        { "verbose", "2", "--verbose is '2'" },
        { "window", "", "--window is '', must be a whole number in 2 .. 31 or auto" },
        { "window", "Auto", "--window is 'Auto', must be a whole number in 2 .. 31 or auto" },
        { "window", "auto ", "--window is 'auto '" },
        { "window", "automatic", "--window is 'automatic'" },
        { "window", "-1", "--window is '-1'" },
        { "window", "1", "--window is 1, must be in 2 .. 31 or auto" },
        { "window", "32", "--window is 32, must be in 2 .. 31 or auto" },
        { "window", "4294967295", "--window is 4294967295, must be in" },
        { "any", "4294967295", "--any is 4294967295, must be in 0 .. 4294967294 or auto" },
        { "epochs", "auto", "--epochs is 'auto', must be a whole number in 1 .. 1000" },
        { "", "1", "unknown option --" },
        { "config", "a.json", "unknown option --config" },
    };
    fixture *f = fresh();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const demo  was       = f->demo;
        const extra was_extra = f->extra;
        assert_fails(PR_E_ARG, bad[i].words,
                     pr_options_set(f->groups, 2, bad[i].name, bad[i].value));
        assert_memory_equal(&was, &f->demo, sizeof was);
        assert_memory_equal(&was_extra, &f->extra, sizeof was_extra);
    }
}

static void bounds_themselves_are_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } good[] = {
        { "epochs", "1" },
        { "epochs", "1000" },
        { "epochs", "0010" },
        { "seed", "0" },
        { "threads", "4294967295" },
        { "cache.bytes", "0" },
        { "rate", "-1" },
        { "rate", "1e6" },
        { "rate", "+.5" },
        { "rate", "1E-3" },
        { "cache.bytes", "4KiB" },
        { "cache.bytes", "4KB" },
        { "cache.bytes", "0.0001K" },
    };
    fixture *f = fresh();

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_ok(pr_options_set(f->groups, 2, good[i].name, good[i].value));
    assert_true(f->extra.threads == UINT32_MAX);
}

static void auto_is_a_value_of_its_own(void **state)
{
    (void)state;
    fixture *f = fresh();

    assert_ok(PARSE(f, "--window", "2", "--any=auto"));
    assert_int_equal(f->extra.window, 2);
    assert_true(f->extra.any == PR_OPT_AUTO);
    assert_ok(PARSE(f, "--window=31", "--any=4294967294"));
    assert_int_equal(f->extra.window, 31);
    assert_true(f->extra.any == 4294967294u);
    assert_ok(PARSE(f, "--window=auto"));
    assert_true(f->extra.window == PR_OPT_AUTO);
}

static void byte_suffixes_are_powers_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t    bytes;
    } known[]  = { { "4096", 4096 },
                   { "1k", 1024 },
                   { "3M", (uint64_t)3 << 20 },
                   { "2G", (uint64_t)2 << 30 },
                   { "1T", (uint64_t)1 << 40 },
                   { "0.5K", 512 },
                   { "1.5MiB", 3 << 19 },
                   { "9007199254740993", 9007199254740993 } }; /* 2^53 + 1: no double on the way */
    fixture *f = fresh();

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_ok(pr_options_set(f->groups, 2, "cache.bytes", known[i].text));
        assert_true(f->demo.bytes == known[i].bytes);
    }
}

static void text_of_any_length_is_kept_or_refused_whole(void **state)
{
    (void)state;
    static char text[PR_TEXT_BYTES + 1];
    fixture    *f = fresh();

    memset(text, 'q', PR_TEXT_BYTES);
    assert_fails(PR_E_ARG, "--name has 4096 bytes, at most 4095 allowed",
                 pr_options_set(f->groups, 2, "name", text));
    assert_fails(PR_E_ARG, "--epochs is 'qqq", pr_options_set(f->groups, 2, "epochs", text));
    assert_fails(PR_E_ARG, "unknown option --qqq", pr_options_set(f->groups, 2, text, "1"));
    assert_string_equal(f->demo.name, "");
    text[PR_TEXT_BYTES - 1] = '\0';
    assert_ok(pr_options_set(f->groups, 2, "name", text));
    assert_string_equal(f->demo.name, text);
    assert_ok(pr_options_set(f->groups, 2, "name", "short"));
    assert_memory_equal(f->demo.name, "short\0\0", 7); /* nothing of the old text remains */
    assert_ok(pr_options_set(f->groups, 2, "name", "100%s %n\n"));
    assert_string_equal(f->demo.name, "100%s %n\n");
}

static const char *config(const char *text)
{
    static int n;
    char       name[32];
    snprintf(name, sizeof name, "config%d.json", n++);
    static const char *dir;
    if (!dir) dir = test_directory();
    return test_file(dir, name, text, strlen(text));
}

static void a_config_file_is_read_first_wherever_it_stands(void **state)
{
    (void)state;
    fixture    *f    = fresh();
    const char *path = config("{\"epochs\": 7, \"rate\": 0.25, \"verbose\": true, \"name\": \"n\","
                              " \"mode\": \"off\", \"seed\": \"18446744073709551615\","
                              " \"cache.bytes\": \"2K\", \"threads\": 4.0}");

    assert_ok(PARSE(f, "word", "--epochs", "9", "--config", path, "--no-verbose"));
    assert_int_equal(f->demo.epochs, 9); /* the command line wins from both sides */
    assert_false(f->demo.verbose);
    assert_true(f->demo.rate == 0.25);
    assert_string_equal(f->demo.name, "n");
    assert_int_equal(f->demo.mode, 2);
    assert_true(f->demo.seed == UINT64_MAX);
    assert_int_equal(f->demo.bytes, 2048);
    assert_int_equal(f->extra.threads, 4);
    assert_int_equal(f->num_words, 1);
    assert_string_equal(f->word[0], "word");
}

static void a_bad_config_file_is_named_with_its_member(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
        pr_status   code;
    } bad[] = {
        { "{\"epochs\": 0}", "--epochs is 0, must be in 1 .. 1000", PR_E_ARG },
        { "{\"epochs\": -5}", "--epochs is '-5'", PR_E_ARG },
        { "{\"epochs\": 2.5}", "--epochs is '2.5'", PR_E_ARG },
        { "{\"epochs\": 1e300}", "--epochs is '1.0", PR_E_ARG },
        { "{\"epochs\": \"many\"}", "--epochs is 'many'", PR_E_ARG },
        { "{\"epochs\": true}", "--epochs is 'true'", PR_E_ARG },
        { "{\"epochs\": null}", "epochs must be a string, a number, true or false", PR_E_INPUT },
        { "{\"epochs\": [5]}", "epochs must be a string", PR_E_INPUT },
        { "{\"cache\": {\"bytes\": 5}}", "cache must be a string", PR_E_INPUT },
        { "{\"epochs\": 5, \"epochs\": 6}", "duplicate", PR_E_INPUT },
        { "{\"epoch\": 5}", "unknown option --epoch", PR_E_ARG },
        { "{\"--epochs\": 5}", "unknown option ----epochs", PR_E_ARG },
        { "{\"config\": \"other.json\"}", "unknown option --config", PR_E_ARG },
        { "{\"\": 5}", "unknown option --", PR_E_ARG },
        { "{\"mode\": 1}", "--mode is '1'", PR_E_ARG },
        { "{\"verbose\": \"perhaps\"}", "--verbose is 'perhaps'", PR_E_ARG },
        { "{\"seed\": 18446744073709551615}", "too big", PR_E_INPUT },
        { "[\"epochs\", 5]", "is not a JSON object", PR_E_INPUT },
        { "{\"epochs\": 5", "line 1", PR_E_INPUT },
        { "", "line 1", PR_E_INPUT },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *path = config(bad[i].text);
        assert_fails(bad[i].code, bad[i].words, PARSE(fresh(), "--config", path));
        assert_non_null(strstr(pr_error_message(), path));
    }
    assert_fails(PR_E_INPUT, "/absent.json: cannot be read",
                 PARSE(fresh(), "--config=/absent.json"));
    assert_fails(PR_E_INPUT, "regular file", PARSE(fresh(), "--config", "/dev/zero"));
    assert_fails(PR_E_INPUT, "cannot be read", PARSE(fresh(), "--config="));
}

static void a_huge_config_is_refused(void **state)
{
    (void)state;
    static char text[(1 << 20) + 8];
    char        long_text[PR_TEXT_BYTES + 32];

    memset(text, ' ', sizeof text - 1);
    assert_fails(PR_E_INPUT, "at most 1048576", PARSE(fresh(), "--config", config(text)));
    memset(long_text, 'z', sizeof long_text);
    memcpy(long_text, "{\"name\":\"", 9);
    memcpy(long_text + PR_TEXT_BYTES + 16, "\"}", 3);
    assert_fails(PR_E_INPUT, "name has 4103 bytes, at most 4095",
                 PARSE(fresh(), "--config", config(long_text)));
}

/* What is dumped gives the very same struct again: a run's log must be enough to repeat it. */
static void the_dump_is_a_config_that_gives_the_same_struct(void **state)
{
    (void)state;
    test_rng rng = { .key = test_seed() };

    for (int round = 0; round < 200; round++) {
        fixture *f      = fresh();
        f->demo.rate    = (double)test_random(&rng) / 7919.0 / (1 + test_below(&rng, 1000000));
        f->demo.seed    = (uint64_t)test_random(&rng) << 32 | test_random(&rng);
        f->demo.bytes   = (uint64_t)test_below(&rng, 1u << 30) << 32 | test_random(&rng);
        f->demo.epochs  = 1 + test_below(&rng, 1000);
        f->demo.mode    = (int)test_below(&rng, 3);
        f->demo.verbose = round % 2;
        f->extra.window = round % 3 ? 2 + test_below(&rng, 30) : PR_OPT_AUTO;
        snprintf(f->demo.name, sizeof f->demo.name, "\"%u\"\t\\ \xc3\xa9", test_random(&rng));
        if (round == 0) f->demo.rate = 0.1;
        if (round == 1) f->demo.seed = UINT64_MAX;

        static demo    want;
        const uint32_t want_window = f->extra.window;
        want                       = f->demo;
        pr_json *json              = pr_options_json(f->groups, 2);
        char    *text              = pr_json_text(json);
        assert_non_null(text);
        if (round == 0) assert_non_null(strstr(text, "\"rate\":0.1,"));
        if (round == 0) assert_non_null(strstr(text, "\"window\":\"auto\""));
        const char *path = config(text);
        f                = fresh();
        assert_ok(pr_options_set(f->groups, 2, "window", "5"));
        assert_ok(PARSE(f, "--config", path));
        assert_true(f->extra.window == want_window);
        assert_true(f->demo.rate == want.rate);
        assert_true(f->demo.seed == want.seed && f->demo.bytes == want.bytes);
        assert_int_equal(f->demo.epochs, want.epochs);
        assert_int_equal(f->demo.mode, want.mode);
        assert_int_equal(f->demo.verbose, want.verbose);
        assert_string_equal(f->demo.name, want.name);
        free(text);
        pr_json_free(json);
    }
}

static void structs_filled_by_code_are_checked(void **state)
{
    (void)state;
    fixture *f = fresh();

    f->demo.epochs = 1001;
    assert_fails(PR_E_ARG, "--epochs is 1001, must be in 1 .. 1000",
                 pr_options_check(&demo_table, &f->demo));
    f->demo.epochs = 0;
    assert_fails(PR_E_ARG, "--epochs is 0", pr_options_check(&demo_table, &f->demo));
    f            = fresh();
    f->demo.rate = (double)NAN;
    assert_fails(PR_E_ARG, "--rate is ", pr_options_check(&demo_table, &f->demo));
    f->demo.rate = (double)INFINITY;
    assert_fails(PR_E_ARG, "--rate is inf", pr_options_check(&demo_table, &f->demo));
    f             = fresh();
    f->demo.bytes = UINT64_MAX;
    assert_fails(PR_E_ARG, "--cache.bytes is 18446744073709551615",
                 pr_options_check(&demo_table, &f->demo));
    static const int bad_choice[] = { -1, 3, 1000000, INT32_MIN };
    for (int i = 0; i < 4; i++) {
        f            = fresh();
        f->demo.mode = bad_choice[i];
        assert_fails(PR_E_ARG, "must be one of resident|packed|off",
                     pr_options_check(&demo_table, &f->demo));
    }
    f               = fresh();
    f->extra.window = 32;
    assert_fails(PR_E_ARG, "--window is 32, must be in 2 .. 31 or auto",
                 pr_options_check(&extra_table, &f->extra));
    f->extra.window = 0;
    assert_fails(PR_E_ARG, "--window is 0, must be in", pr_options_check(&extra_table, &f->extra));
    f->extra.window = f->extra.any = PR_OPT_AUTO;
    assert_ok(pr_options_check(&extra_table, &f->extra));
    f = fresh();
    memset(f->demo.name, 'x', sizeof f->demo.name);
    assert_fails(PR_E_ARG, "--name is not ended", pr_options_check(&demo_table, &f->demo));
}

/* Print with `print` and give the text. */
static const char *printed(void (*print)(const pr_option_group *, size_t, FILE *), fixture *f)
{
    static char text[8192];
    FILE       *file = fmemopen(text, sizeof text, "w");
    print(f->groups, 2, file);
    fclose(file);
    return text;
}

static void help_names_every_option_with_unit_bounds_and_default(void **state)
{
    (void)state;
    const char *text = printed(pr_options_help, fresh());

    assert_non_null(strstr(text, "\nDemo:\n"));
    assert_non_null(strstr(text, "  --epochs epochs\n        how long; 1 .. 1000 (default 10)\n"));
    assert_non_null(strstr(text, "--mode resident|packed|off\n"));
    assert_non_null(strstr(text, "(default packed)"));
    assert_non_null(strstr(text, "--config file"));
    assert_non_null(strstr(text, "random seed; 0 .. 18446744073709551615 (default 1)\n"));
    assert_non_null(strstr(text, "budget; 0 .. 4611686018427387904 (K, M, G, T allowed)"));
    assert_non_null(strstr(text, "threads; 0 .. 4294967295 (default 0)\n"));
    assert_non_null(strstr(text, "a number or a word; 2 .. 31 or auto (default auto)\n"));
    for (size_t i = 0; i < demo_table.num_options; i++)
        assert_non_null(strstr(text, demo_options[i].name));
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        assert_true(strcspn(line, "\n") <= 80);
}

static void help_and_man_page_show_the_defaults_that_a_program_set(void **state)
{
    (void)state;
    fixture *f = fresh();

    f->demo.mode   = 2;
    f->demo.epochs = 12;
    f->demo.bytes  = 65536; /* as the table has it: said as the table does */
    strcpy(f->demo.name, "mine");
    const char *text = printed(pr_options_help, f);
    assert_non_null(strstr(text, "(default off)"));
    assert_non_null(strstr(text, "how long; 1 .. 1000 (default 12)\n"));
    assert_non_null(strstr(text, "(default 64K)"));
    assert_non_null(strstr(text, "(default mine)"));
    text = printed(pr_options_man, f);
    assert_non_null(strstr(text, "1 .. 1000 (default 12).\n"));

    f->groups[0].target = NULL;
    text                = printed(pr_options_help, f);
    assert_non_null(strstr(text, "how long; 1 .. 1000 (default 10)\n"));
    assert_non_null(strstr(text, "(default packed)"));
}

static void the_man_page_escapes_roff(void **state)
{
    (void)state;
    const char *text = printed(pr_options_man, fresh());

    assert_non_null(strstr(text, ".SS \"Demo\"\n"));
    assert_non_null(strstr(text, "\\fB\\-\\-cache.bytes\\fR"));
    assert_non_null(strstr(text, "2 .. 31 or auto (default auto).\n"));
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (*line == '.') assert_true(!strncmp(line, ".SS", 3) || !strncmp(line, ".TP", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_starts_at_its_default),
        cmocka_unit_test(names_and_values_come_in_both_spellings),
        cmocka_unit_test(words_without_a_dash_are_positional),
        cmocka_unit_test(unknown_flags_and_missing_values_are_named),
        cmocka_unit_test(bad_values_are_refused_and_change_nothing),
        cmocka_unit_test(bounds_themselves_are_allowed),
        cmocka_unit_test(auto_is_a_value_of_its_own),
        cmocka_unit_test(byte_suffixes_are_powers_of_1024),
        cmocka_unit_test(text_of_any_length_is_kept_or_refused_whole),
        cmocka_unit_test(a_config_file_is_read_first_wherever_it_stands),
        cmocka_unit_test(a_bad_config_file_is_named_with_its_member),
        cmocka_unit_test(a_huge_config_is_refused),
        cmocka_unit_test(the_dump_is_a_config_that_gives_the_same_struct),
        cmocka_unit_test(structs_filled_by_code_are_checked),
        cmocka_unit_test(help_names_every_option_with_unit_bounds_and_default),
        cmocka_unit_test(help_and_man_page_show_the_defaults_that_a_program_set),
        cmocka_unit_test(the_man_page_escapes_roff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
