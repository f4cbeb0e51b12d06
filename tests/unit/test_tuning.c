/* test_tuning.c: tunings are kept under host, row bytes and threads, found again, and a file that
 * is not one of theirs is refused by name or, under "auto", said and left out. */
#include "support/support.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/outfile.h"
#include "cache/tune_entry.h"
#include "numa/cpu.h"

static const pr_tuning made = { .isa          = PR_ISA_AVX2,
                                .prefetch_to  = 1,
                                .row_ahead    = 7,
                                .index_ahead  = 96,
                                .thread_bytes = 123456,
                                .stream_bytes = 7654321,
                                .repack_share = 0.625 };

/* A name in a new directory, borrowed for the program's life. */
static const char *new_path(const char *name)
{
    static char paths[40][512];
    static int  num_paths;
    assert_true(num_paths < 40);
    char *path = paths[num_paths++];
    snprintf(path, sizeof paths[0], "%s/%s", test_directory(), name);
    return path;
}

static void use_environment(const char *xdg, const char *home)
{
    assert_int_equal(xdg ? setenv("XDG_CACHE_HOME", xdg, 1) : unsetenv("XDG_CACHE_HOME"), 0);
    assert_int_equal(home ? setenv("HOME", home, 1) : unsetenv("HOME"), 0);
}

static bool is_default(const pr_tuning *t, size_t row_bytes)
{
    pr_tuning d;
    pr_tuning_default(row_bytes, &d);
    return t->isa == d.isa && t->prefetch_to == d.prefetch_to && t->row_ahead == d.row_ahead &&
           t->index_ahead == d.index_ahead && t->thread_bytes == d.thread_bytes &&
           t->stream_bytes == d.stream_bytes && !strncmp(t->source, "default", 7);
}

static char *content(const char *path)
{
    char  *text;
    size_t bytes;
    assert_ok(pri_file_read(path, 1 << 24, &text, &bytes));
    return text;
}

static void a_tuning_comes_back_as_it_was_saved(void **state)
{
    (void)state;
    const char *path = new_path("tune.json");
    pr_tuning   t, never = made;

    assert_ok(pr_tuning_save(path, 512, 2, &made));
    assert_ok(pr_tuning_load(path, 512, 2, &t));
    assert_int_equal(t.isa, made.isa);
    assert_int_equal(t.prefetch_to, 1);
    assert_int_equal(t.row_ahead, 7);
    assert_int_equal(t.index_ahead, 96);
    assert_int_equal(t.thread_bytes, 123456);
    assert_int_equal(t.stream_bytes, 7654321);
    assert_true(t.repack_share == 0.625);
    assert_true(strstr(t.source, path) == t.source && strstr(t.source, "(measured 20"));

    never.thread_bytes = UINT64_MAX;
    assert_ok(pr_tuning_save(path, 512, 2, &never));
    assert_ok(pr_tuning_load(path, 512, 2, &t));
    assert_true(t.thread_bytes == UINT64_MAX);
}

static void entries_are_kept_apart_by_row_bytes_and_threads(void **state)
{
    (void)state;
    const char *path = new_path("tune.json");
    pr_tuning   t, other = made;

    for (uint32_t threads = 1; threads <= 3; threads++)
        for (uint32_t row_bytes = 16; row_bytes <= 65536; row_bytes *= 16) {
            other.row_ahead = threads * 100 + row_bytes % 97;
            assert_ok(pr_tuning_save(path, row_bytes, threads, &other));
        }
    other.row_ahead = 1000; /* replaces one and leaves the others */
    assert_ok(pr_tuning_save(path, 256, 2, &other));
    for (uint32_t threads = 1; threads <= 3; threads++)
        for (uint32_t row_bytes = 16; row_bytes <= 65536; row_bytes *= 16) {
            const bool replaced = threads == 2 && row_bytes == 256;
            assert_ok(pr_tuning_load(path, row_bytes, threads, &t));
            assert_int_equal(t.row_ahead, replaced ? 1000 : threads * 100 + row_bytes % 97);
        }
    assert_ok(pr_tuning_load(path, 256, 4, &t));
    assert_true(is_default(&t, 256));
    assert_non_null(strstr(t.source, "no tuning of this host for 256-byte rows and 4 threads"));
}

static void the_nearest_row_bytes_within_a_factor_of_two_will_do(void **state)
{
    (void)state;
    const char *path = new_path("tune.json");
    pr_tuning   t, other = made;

    for (uint32_t row_bytes = 128; row_bytes <= 1024; row_bytes *= 2) {
        other.row_ahead = row_bytes;
        assert_ok(pr_tuning_save(path, row_bytes, 1, &other));
    }
    static const uint32_t known[][2] = { { 64, 128 },  { 180, 128 },   { 184, 256 },
                                         { 400, 512 }, { 1500, 1024 }, { 2048, 1024 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char words[64];
        assert_ok(pr_tuning_load(path, known[i][0], 1, &t));
        assert_int_equal(t.row_ahead, known[i][1]);
        snprintf(words, sizeof words, "for %u-byte rows, the nearest to %u", known[i][1],
                 known[i][0]);
        assert_non_null(strstr(t.source, words));
    }
    assert_ok(pr_tuning_load(path, 60, 1, &t));
    assert_true(is_default(&t, 60));
    assert_ok(pr_tuning_load(path, 2052, 1, &t));
    assert_true(is_default(&t, 2052));
}

/* The text of a file with one good entry, `member` replaced. */
static const char *text_with(const char *member, const char *value)
{
    static char              text[1024];
    static const char *const good[][2] = {
        { "host", "\"h\"" },        { "cpu", "\"c\"" },          { "row_bytes", "512" },
        { "threads", "2" },         { "isa", "\"avx2\"" },       { "prefetch_to", "2" },
        { "row_ahead", "7" },       { "index_ahead", "96" },     { "thread_bytes", "1000" },
        { "stream_bytes", "null" }, { "repack_share", "0.625" }, { "measured_at", "5" },
    };
    int n = snprintf(text, sizeof text, "{\"packrat tunings\": 1, \"entries\": [{\"more\": [1]");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const bool swap = !strcmp(good[i][0], member);
        if (swap && !value) continue;
        n += snprintf(text + n, sizeof text - (size_t)n, ", \"%s\": %s", good[i][0],
                      swap ? value : good[i][1]);
    }
    (void)snprintf(text + n, sizeof text - (size_t)n, "}]}");
    return text;
}

static void tunings_of_other_hosts_are_kept_and_not_taken(void **state)
{
    (void)state;
    const char *text = text_with("", NULL);
    const char *path = test_file(test_directory(), "tune.json", text, strlen(text));
    pr_tuning   t;

    assert_ok(pr_tuning_load(path, 512, 2, &t));
    assert_true(is_default(&t, 512));
    assert_ok(pr_tuning_save(path, 512, 2, &made));
    assert_ok(pr_tuning_load(path, 512, 2, &t));
    assert_int_equal(t.row_ahead, made.row_ahead);
    char *after = content(path);
    assert_non_null(strstr(after, "\"host\":\"h\""));
    assert_non_null(strstr(after, "\"more\":[1]")); /* members we do not know stay too */
    pri_free(after);
}

static void a_member_that_is_not_what_it_should_be_is_named(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        { "host", NULL, "entries[0] has no host" },
        { "host", "7", "entries[0].host is not a text" },
        { "cpu", "[]", "entries[0].cpu is not a text" },
        { "row_bytes", NULL, "has no row_bytes" },
        { "row_bytes", "0", "row_bytes is 0, allowed are 4 .. 1048576" },
        { "row_bytes", "512.5", "row_bytes is not a whole number" },
        { "threads", "-1", "threads is -1, allowed are 1 .. 4096" },
        { "threads", "\"2\"", "threads is not a whole number" },
        { "isa", "\"avx1024\"", "isa is \"avx1024\", allowed are portable, avx2, avx512" },
        { "isa", "2", "isa is not a text" },
        { "isa", "\"a name that is longer than any of theirs\"", "isa has 40 bytes" },
        { "prefetch_to", "3", "prefetch_to is 3, allowed are 1 .. 2" },
        { "row_ahead", "0", "row_ahead is 0, allowed are 1 .. 1024" },
        { "row_ahead", "4294967303", "row_ahead is 4294967303" },
        { "row_ahead", "99999999999999999999", "tune.json" },
        { "index_ahead", "1025", "index_ahead is 1025" },
        { "thread_bytes", "-5", "thread_bytes is -5" },
        { "thread_bytes", "true", "thread_bytes is not a whole number" },
        { "stream_bytes", NULL, "has no stream_bytes" },
        { "repack_share", "1.01", "repack_share is 1.01, allowed are 0 .. 1" },
        { "repack_share", "-0.5", "repack_share is -0.5" },
        { "repack_share", "NaN", "tune.json" },
        { "repack_share", "1e999", "tune.json" },
        { "repack_share", "null", "repack_share is not a number" },
        { "measured_at", "-1", "measured_at is -1" },
    };
    const char *directory = test_directory();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = text_with(cases[i][0], cases[i][1]);
        const char *path = test_file(directory, "tune.json", text, strlen(text));
        pr_tuning   t;
        assert_fails(PR_E_INPUT, cases[i][2], pr_tuning_load(path, 512, 2, &t));
        assert_non_null(strstr(pr_error_message(), path));
        assert_true(is_default(&t, 512));
        assert_fails(PR_E_INPUT, cases[i][2], pr_tuning_save(path, 512, 2, &made));
        char *after = content(path); /* what may be somebody else's stays as it is */
        assert_string_equal(after, text);
        pri_free(after);
    }
}

static void what_is_no_file_of_tunings_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        { "", "line 1" },
        { "not JSON", "line 1" },
        { "[1]", "is not a JSON object" },
        { "{}", "is not a file of tunings" },
        { "{\"packrat tunings\": \"1\"}", "is not a file of tunings" },
        { "{\"packrat tunings\": 0, \"entries\": []}", "is 0, this packrat" },
        { "{\"packrat tunings\": 2, \"entries\": []}", "is 2, this packrat" },
        { "{\"packrat tunings\": 1}", "entries is not an array" },
        { "{\"packrat tunings\": 1, \"entries\": {}}", "entries is not an array" },
        { "{\"packrat tunings\": 1, \"entries\": [7]}", "entries[0] is not an object" },
    };
    const char *directory = test_directory();
    pr_tuning   t;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *path = test_file(directory, "tune.json", texts[i][0], strlen(texts[i][0]));
        assert_fails(PR_E_INPUT, texts[i][1], pr_tuning_load(path, 512, 2, &t));
        assert_non_null(strstr(pr_error_message(), path));
    }
    assert_fails(PR_E_INPUT, directory, pr_tuning_load(directory, 512, 2, &t));
    assert_fails(PR_E_INPUT, "/dev/zero", pr_tuning_load("/dev/zero", 512, 2, &t));
    assert_fails(PR_E_INPUT, "no_such", pr_tuning_load("no_such", 512, 2, &t));
    const char *pipe = new_path("pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_fails(PR_E_INPUT, pipe, pr_tuning_load(pipe, 512, 2, &t));
    const char *huge = test_file(directory, "huge.json", "{", 1);
    assert_int_equal(truncate(huge, (off_t)1 << 40), 0);
    assert_fails(PR_E_INPUT, "at most", pr_tuning_load(huge, 512, 2, &t));
}

static void a_file_that_was_cut_never_passes(void **state)
{
    (void)state;
    const char *path = new_path("tune.json");
    pr_tuning   t;

    assert_ok(pr_tuning_save(path, 512, 2, &made));
    char *text = content(path);
    for (size_t n = strlen(text) - 2; n > 0; n--) { /* its last byte is a line end */
        assert_int_equal(truncate(path, (off_t)n), 0);
        assert_fails(PR_E_INPUT, path, pr_tuning_load(path, 512, 2, &t));
    }
    pri_free(text);
}

static void under_auto_a_damaged_file_is_left_out_and_written_anew(void **state)
{
    (void)state;
    char      path[PR_TEXT_BYTES];
    pr_tuning t;

    use_environment(test_directory(), NULL);
    assert_ok(pr_tuning_load("auto", 512, 2, &t)); /* no file at all */
    assert_true(is_default(&t, 512));
    assert_non_null(strstr(t.source, "no tuning of this host"));
    assert_ok(pr_tuning_save("auto", 512, 2, &made));
    assert_ok(pr_tuning_load("auto", 512, 2, &t));
    assert_int_equal(t.row_ahead, made.row_ahead);

    assert_ok(pr_tuning_path(path));
    assert_int_equal(truncate(path, 40), 0);
    assert_ok(pr_tuning_load("auto", 512, 2, &t));
    assert_true(is_default(&t, 512));
    assert_non_null(strstr(t.source, "cannot be used"));
    assert_fails(PR_E_INPUT, path, pr_tuning_load(path, 512, 2, &t)); /* named it is an error */
    assert_ok(pr_tuning_save("auto", 512, 2, &made));
    assert_ok(pr_tuning_load(path, 512, 2, &t));
    assert_int_equal(t.row_ahead, made.row_ahead);
}

static void a_file_of_a_newer_packrat_is_never_overwritten(void **state)
{
    (void)state;
    static const char text[] = "{\"packrat tunings\": 2, \"rows\": 5}";
    char              path[PR_TEXT_BYTES];

    use_environment(test_directory(), NULL);
    assert_ok(pr_tuning_save("auto", 512, 2, &made));
    assert_ok(pr_tuning_path(path));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
    assert_fails(PR_E_INPUT, "is 2", pr_tuning_save("auto", 512, 2, &made));
    char *after = content(path);
    assert_string_equal(after, text);
    pri_free(after);
}

static void the_file_is_where_xdg_says_or_in_the_home(void **state)
{
    (void)state;
    char      path[PR_TEXT_BYTES], longest[PR_TEXT_BYTES];
    pr_tuning t;

    use_environment("/x/cache", "/home/me");
    assert_ok(pr_tuning_path(path));
    assert_string_equal(path, "/x/cache/packrat/tune.json");
    use_environment("relative", "/home/me"); /* XDG: paths that are not absolute do not count */
    assert_ok(pr_tuning_path(path));
    assert_string_equal(path, "/home/me/.cache/packrat/tune.json");
    use_environment("", "/home/me");
    assert_ok(pr_tuning_path(path));
    assert_string_equal(path, "/home/me/.cache/packrat/tune.json");
    memset(longest, 'x', sizeof longest - 1);
    longest[0]                  = '/';
    longest[sizeof longest - 1] = '\0';
    use_environment(longest, NULL);
    assert_fails(PR_E_INPUT, "XDG_CACHE_HOME has 4095 bytes", pr_tuning_path(path));
    use_environment(NULL, NULL);
    assert_fails(PR_E_INPUT, "neither XDG_CACHE_HOME nor HOME", pr_tuning_path(path));
    assert_fails(PR_E_INPUT, "neither", pr_tuning_save("auto", 512, 2, &made));
    assert_ok(pr_tuning_load("auto", 512, 2, &t));
    assert_true(is_default(&t, 512));
    assert_non_null(strstr(t.source, "neither XDG_CACHE_HOME nor HOME"));
}

static void none_and_an_empty_name_are_the_defaults(void **state)
{
    (void)state;
    pr_tuning t;

    assert_ok(pr_tuning_load("none", 512, 2, &t));
    assert_string_equal(t.source, "default");
    assert_ok(pr_tuning_load("", 512, 2, &t));
    assert_true(is_default(&t, 512));
    assert_fails(PR_E_ARG, "names no file", pr_tuning_save("none", 512, 2, &made));
    assert_fails(PR_E_ARG, "names no file", pr_tuning_save("", 512, 2, &made));
}

static void directories_are_made_for_the_user_alone(void **state)
{
    (void)state;
    char        path[512], directory[256 + 32];
    struct stat info;

    const mode_t mask = umask(022);
    snprintf(directory, sizeof directory, "%s/a", test_directory());
    snprintf(path, sizeof path, "%s/b//c/tune.json", directory);
    assert_ok(pr_tuning_save(path, 512, 2, &made));
    (void)umask(mask);
    assert_int_equal(stat(directory, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
}

static void a_place_that_cannot_be_written_is_an_error_of_the_world(void **state)
{
    (void)state;
    char path[600];

    snprintf(path, sizeof path, "%s/tune.json", test_file(test_directory(), "file", "x", 1));
    assert_fails(PR_E_IO, path, pr_tuning_save(path, 512, 2, &made));
    assert_fails(PR_E_IO, path, pr_tuning_save(path, 512, 2, NULL));
    assert_fails(PR_E_IO, "/proc/packrat", pr_tuning_save("/proc/packrat/t.json", 512, 2, &made));
}

static void asking_whether_it_could_be_saved_leaves_nothing_behind(void **state)
{
    (void)state;
    const char *path = new_path("tune.json");

    assert_ok(pr_tuning_save(path, 512, 2, NULL));
    assert_int_not_equal(access(path, F_OK), 0);
}

static void arguments_out_of_bounds_are_refused(void **state)
{
    (void)state;
    const char *path = new_path("tune.json");
    pr_tuning   t    = made;

    assert_fails(PR_E_ARG, "row_bytes is 0", pr_tuning_save(path, 0, 2, &made));
    assert_fails(PR_E_ARG, "1048580", pr_tuning_save(path, 1048580, 2, &made));
    assert_fails(PR_E_ARG, "threads is 0", pr_tuning_save(path, 512, 0, &made));
    t.row_ahead = 0;
    assert_fails(PR_E_ARG, "row_ahead is 0", pr_tuning_save(path, 512, 2, &t));
    t              = made;
    t.repack_share = 2;
    assert_fails(PR_E_ARG, "repack_share is 2", pr_tuning_save(path, 512, 2, &t));
    t             = made;
    t.prefetch_to = 0;
    assert_fails(PR_E_ARG, "prefetch_to is 0", pr_tuning_save(path, 512, 2, &t));
    t     = made;
    t.isa = 9;
    assert_fails(PR_E_ARG, "isa is 9", pr_tuning_save(path, 512, 2, &t));
    assert_fails(PR_E_ARG, "NULL", pr_tuning_load(NULL, 512, 2, &t));
    assert_int_not_equal(access(path, F_OK), 0);
}

/* Four processes enter eight tunings each into one file at the same time: all are there. */
static void processes_that_save_at_once_lose_nothing(void **state)
{
    (void)state;
    const char *path = new_path("tune.json");
    pr_tuning   t;

    for (uint32_t p = 1; p <= 4; p++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child > 0) continue;
        for (uint32_t i = 0; i < 8; i++)
            if (pr_tuning_save(path, (size_t)64 << i, p, &made) != PR_OK) _exit(1);
        _exit(0);
    }
    for (int p = 0; p < 4; p++) {
        int status = 1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (uint32_t p = 1; p <= 4; p++)
        for (uint32_t i = 0; i < 8; i++) {
            assert_ok(pr_tuning_load(path, (size_t)64 << i, p, &t));
            assert_null(strstr(t.source, "nearest"));
            assert_int_equal(t.row_ahead, made.row_ahead);
        }
}

static void the_processors_model_is_read_from_cpuinfo_or_found_otherwise(void **state)
{
    (void)state;
    static const char text[] = "processor\t: 0\nmodel name\t: Fast 9000 @ 2 GHz\n";
    const char       *root   = test_directory();
    char              proc[512], model[128], same[128];

    snprintf(proc, sizeof proc, "%s/proc", root);
    assert_int_equal(mkdir(proc, 0700), 0);
    (void)test_file(proc, "cpuinfo", text, sizeof text - 1);
    pri_cpu_model(root, model, sizeof model);
    assert_string_equal(model, "Fast 9000 @ 2 GHz");
    (void)test_file(proc, "cpuinfo", "processor : 0\nBogoMIPS : 50\n", 29);
    pri_cpu_model(root, model, sizeof model);
    assert_true(model[0] != '\0');
    pri_cpu_model("", model, sizeof model);
    pri_cpu_model("", same, sizeof same);
    assert_string_equal(model, same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tuning_comes_back_as_it_was_saved),
        cmocka_unit_test(entries_are_kept_apart_by_row_bytes_and_threads),
        cmocka_unit_test(the_nearest_row_bytes_within_a_factor_of_two_will_do),
        cmocka_unit_test(tunings_of_other_hosts_are_kept_and_not_taken),
        cmocka_unit_test(a_member_that_is_not_what_it_should_be_is_named),
        cmocka_unit_test(what_is_no_file_of_tunings_is_refused_by_name),
        cmocka_unit_test(a_file_that_was_cut_never_passes),
        cmocka_unit_test(under_auto_a_damaged_file_is_left_out_and_written_anew),
        cmocka_unit_test(a_file_of_a_newer_packrat_is_never_overwritten),
        cmocka_unit_test(the_file_is_where_xdg_says_or_in_the_home),
        cmocka_unit_test(none_and_an_empty_name_are_the_defaults),
        cmocka_unit_test(directories_are_made_for_the_user_alone),
        cmocka_unit_test(a_place_that_cannot_be_written_is_an_error_of_the_world),
        cmocka_unit_test(asking_whether_it_could_be_saved_leaves_nothing_behind),
        cmocka_unit_test(arguments_out_of_bounds_are_refused),
        cmocka_unit_test(processes_that_save_at_once_lose_nothing),
        cmocka_unit_test(the_processors_model_is_read_from_cpuinfo_or_found_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
