/* test_spill_file.c: temporary files without a name. */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "pipeline/nn/spill_file.h"
#include "support/support.h"

static uint32_t files_in(const char *directory)
{
    DIR     *listed = opendir(directory);
    uint32_t n      = 0;

    assert_non_null(listed);
    for (const struct dirent *e = readdir(listed); e; e = readdir(listed))
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    (void)closedir(listed);
    return n;
}

static void what_was_written_is_read_and_no_name_is_seen(void **state)
{
    (void)state;
    const char    *directory = test_directory();
    pri_spill_file file;
    uint32_t       out[5000], in[5000];

    for (uint32_t i = 0; i < 5000; i++) out[i] = i * 2654435761u;
    assert_ok(pri_spill_open(directory, sizeof out, &file));
    assert_int_equal(files_in(directory), 0);
    for (size_t at = 0; at < 5000; at += 1000)
        assert_ok(pri_spill_write(&file, at * 4, out + at, 4000));
    pri_spill_expect(&file, 0, sizeof in);
    assert_ok(pri_spill_read(&file, 4, in + 1, sizeof in - 4));
    assert_ok(pri_spill_read(&file, 0, in, 4));
    assert_memory_equal(in, out, sizeof in);
    assert_ok(pri_spill_check(&file));
    assert_fails(PR_E_IO, "it ends there", pri_spill_read(&file, 4, in, sizeof in));
    assert_fails(PR_E_IO, directory, pri_spill_read(&file, 4, in, sizeof in));
    pri_spill_close(&file);
    pri_spill_close(&file);
    assert_int_equal(file.fd, -1);
    assert_int_equal(files_in(directory), 0);
}

static void a_directory_without_room_is_refused_before_anything_is_written(void **state)
{
    (void)state;
    pri_spill_file file;

    assert_fails(PR_E_IO, "9223372036854775807 bytes of layer outputs",
                 pri_spill_open(test_directory(), INT64_MAX, &file));
    assert_int_equal(file.fd, -1);
    assert_fails(PR_E_IO, "/nonexistent/there", pri_spill_open("/nonexistent/there", 1, &file));
    assert_int_equal(file.fd, -1);
}

static void a_refused_write_or_read_is_named(void **state)
{
    (void)state;
    pri_spill_file file = { .fd = open("/dev/full", O_RDWR | O_CLOEXEC), .directory = "/dev" };
    char           byte = 1;

    if (file.fd < 0) {
        print_message("skipped: there is no /dev/full\n");
        skip();
    }
    assert_fails(PR_E_IO, "No space left", pri_spill_write(&file, 0, &byte, 1));
    assert_fails(PR_E_IO, "/dev: cannot write 1 bytes", pri_spill_write(&file, 0, &byte, 1));
    pri_spill_close(&file);
    file.fd = open("/", O_RDONLY | O_CLOEXEC);
    assert_true(file.fd >= 0);
    assert_fails(PR_E_IO, "cannot read 1 bytes at 77", pri_spill_read(&file, 77, &byte, 1));
    pri_spill_close(&file);
}

static void the_directory_is_the_one_named_or_that_of_the_environment(void **state)
{
    (void)state;
    const char *was  = getenv("TMPDIR");
    char       *kept = was ? strdup(was) : NULL;

    assert_string_equal(pri_spill_directory("/a"), "/a");
    assert_int_equal(setenv("TMPDIR", "/b", 1), 0);
    assert_string_equal(pri_spill_directory(""), "/b");
    assert_string_equal(pri_spill_directory(NULL), "/b");
    assert_int_equal(setenv("TMPDIR", "", 1), 0);
    assert_string_equal(pri_spill_directory(""), "/var/tmp");
    assert_int_equal(unsetenv("TMPDIR"), 0);
    assert_string_equal(pri_spill_directory(""), "/var/tmp");
    if (kept) assert_int_equal(setenv("TMPDIR", kept, 1), 0);
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_and_no_name_is_seen),
        cmocka_unit_test(a_directory_without_room_is_refused_before_anything_is_written),
        cmocka_unit_test(a_refused_write_or_read_is_named),
        cmocka_unit_test(the_directory_is_the_one_named_or_that_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
