/* test_outfile.c: an output file appears whole or not at all, whatever refuses; reading a file
 * refuses what is no file. */
#include "support/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/outfile.h"

static const char *in(const char *dir, const char *name)
{
    static char path[8][PR_TEXT_BYTES];
    static int  next;
    char       *at = path[next++ % 8];
    snprintf(at, sizeof path[0], "%s/%s", dir, name);
    return at;
}

static void expect_content(const char *path, const char *expected)
{
    char  *text;
    size_t bytes;
    assert_ok(pri_file_read(path, 1 << 20, &text, &bytes));
    assert_int_equal(bytes, strlen(expected));
    assert_string_equal(text, expected);
    pri_free(text);
}

static int num_entries(const char *dir)
{
    int  n    = 0;
    DIR *open = opendir(dir);
    assert_non_null(open);
    for (struct dirent *e = readdir(open); e; e = readdir(open)) n += e->d_name[0] != '.';
    closedir(open);
    return n;
}

static pr_status write_whole(const char *path, const char *text)
{
    pr_status   st = PR_OK;
    pri_outfile file;

    PR_TRY(pri_outfile_open(&file, path));
    PR_TRY(pri_outfile_write(&file, text, strlen(text)));
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    return st;
}

static void a_file_appears_at_commit_and_not_before(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = in(dir, "out.bin");
    pri_outfile file;

    assert_ok(pri_outfile_open(&file, path));
    assert_ok(pri_outfile_write(&file, "hello", 5));
    assert_ok(pri_outfile_write(&file, NULL, 0));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_ok(pri_outfile_commit(&file));
    expect_content(path, "hello");
    assert_int_equal(num_entries(dir), 1);
    pri_outfile_abort(&file); /* nothing to do any more */
    expect_content(path, "hello");
}

static void an_aborted_file_leaves_nothing_and_the_old_one_untouched(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = in(dir, "out.bin");
    pri_outfile file;

    assert_ok(write_whole(path, "old"));
    assert_ok(pri_outfile_open(&file, path));
    assert_ok(pri_outfile_write(&file, "newer", 5));
    pri_outfile_abort(&file);
    pri_outfile_abort(&file);
    expect_content(path, "old");
    assert_int_equal(num_entries(dir), 1);
    file = (pri_outfile){ 0 };
    pri_outfile_abort(&file);
}

static void an_older_file_is_replaced_whole(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = in(dir, "out.bin");

    assert_ok(write_whole(path, "a long old content"));
    assert_ok(write_whole(path, "new"));
    expect_content(path, "new");
    assert_int_equal(num_entries(dir), 1);
}

static void what_is_no_regular_file_is_not_replaced(void **state)
{
    (void)state;
    const char *dir = test_directory(), *sub = in(dir, "sub"), *pipe_ = in(dir, "pipe");

    assert_int_equal(mkdir(sub, 0777), 0);
    assert_int_equal(mkfifo(pipe_, 0666), 0);
    assert_fails(PR_E_ARG, "sub: exists and is not a regular file", write_whole(sub, "x"));
    assert_fails(PR_E_ARG, "pipe: exists and is not a regular file", write_whole(pipe_, "x"));
    assert_fails(PR_E_ARG, "/dev/full: exists", write_whole("/dev/full", "x"));
    assert_fails(PR_E_ARG, "/dev/null: exists", write_whole("/dev/null", "x"));
    assert_int_equal(num_entries(dir), 2);
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static char long_name[PR_TEXT_BYTES + 10];
    memset(long_name, 'n', sizeof long_name - 1);

    assert_fails(PR_E_ARG, "empty", write_whole("", "x"));
    assert_fails(PR_E_ARG, "empty", write_whole(NULL, "x"));
    assert_fails(PR_E_ARG, "too long", write_whole(long_name, "x"));
    long_name[PR_TEXT_BYTES - 1] = '\0'; /* fits our buffer, not the file system */
    assert_fails(PR_E_IO, "nnnn", write_whole(long_name, "x"));
    assert_fails(PR_E_IO, "No such file", write_whole("/nonexistent-directory/x", "x"));
    assert_fails(PR_E_IO, "Not a directory", write_whole("/dev/null/x", "x"));
}

/* What a killed run left under the same process number is not an obstacle, and a link laid there
 * is not followed. */
static void a_stale_temporary_is_replaced_not_followed(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = in(dir, "out.bin");
    char        name[64];

    test_file(dir, "victim", "precious", 8);
    snprintf(name, sizeof name, "out.bin.tmp-%ld", (long)getpid());
    assert_int_equal(symlink(in(dir, "victim"), in(dir, name)), 0);
    assert_ok(write_whole(path, "new"));
    expect_content(path, "new");
    expect_content(in(dir, "victim"), "precious");
    assert_int_equal(num_entries(dir), 2);
}

/* Run body(path) in a child process; give its exit status. */
static int in_child(int (*body)(const char *path), const char *path)
{
    int         status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(body(path));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int expect_io_error(const char *path, const char *words)
{
    const pr_status st = write_whole(path, "new");
    if (st == PR_E_IO && strstr(pr_error_message(), path) && strstr(pr_error_message(), words))
        return 0;
    fprintf(stderr, "got %s: %s\n", pr_status_name(st), pr_error_message());
    return 1;
}

static int as_nobody(const char *path)
{
    if (geteuid() == 0 && seteuid(65534) != 0) return 77;
    return expect_io_error(path, "Permission denied");
}

static void a_read_only_directory_is_named_and_keeps_its_file(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = in(dir, "out.bin");

    assert_ok(write_whole(path, "old"));
    assert_int_equal(chmod(dir, 0555), 0);
    const int got = in_child(as_nobody, path);
    assert_int_equal(chmod(dir, 0755), 0);
    if (got == 77) skip(); /* root that may not become anyone else */
    assert_int_equal(got, 0);
    expect_content(path, "old");
    assert_int_equal(num_entries(dir), 1);
}

/* A file size limit stands in for a full disk: the kernel takes some bytes and refuses the rest. */
static int with_little_space(const char *path)
{
    static char         megabyte[1 << 20];
    const struct rlimit limit = { 4096, 4096 };
    pri_outfile         file;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 77;
    for (int by_commit = 0; by_commit < 2; by_commit++) {
        if (pri_outfile_open(&file, path) != PR_OK) return 1;
        /* the first round is refused by the write, the second only when commit flushes */
        pr_status st = pri_outfile_write(&file, megabyte, by_commit ? 4000 : sizeof megabyte);
        if (by_commit) {
            setvbuf(file.stream, NULL, _IOFBF, 1 << 16);
            for (int i = 0; i < 100; i++) fputc('x', file.stream);
            if (st != PR_OK) return 2;
        } else if (st != PR_E_IO || !strstr(pr_error_message(), "File too large")) {
            return 3;
        }
        st = pri_outfile_commit(&file);
        if (st != PR_E_IO || !strstr(pr_error_message(), path)) return 4;
        if (by_commit && !strstr(pr_error_message(), "File too large")) return 5;
        pri_outfile_abort(&file);
    }
    return 0;
}

static void running_out_of_space_leaves_the_old_file(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = in(dir, "out.bin");

    assert_ok(write_whole(path, "old"));
    const int got = in_child(with_little_space, path);
    if (got == 77) skip();
    assert_int_equal(got, 0);
    expect_content(path, "old");
    assert_int_equal(num_entries(dir), 1);
}

static int with_no_descriptors(const char *path)
{
    const struct rlimit limit = { 3, 3 };
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 77;
    return expect_io_error(path, "Too many open files");
}

static void running_out_of_descriptors_leaves_nothing(void **state)
{
    (void)state;
    const char *dir = test_directory();
    const int   got = in_child(with_no_descriptors, in(dir, "out.bin"));
    if (got == 77) skip();
    assert_int_equal(got, 0);
    assert_int_equal(num_entries(dir), 0);
}

/* The target turned into a directory after open: rename refuses. */
static void a_refused_rename_leaves_nothing(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = in(dir, "out.bin");
    pri_outfile file;

    assert_ok(pri_outfile_open(&file, path));
    assert_int_equal(mkdir(path, 0777), 0);
    assert_fails(PR_E_IO, "out.bin: cannot be written: Is a directory", pri_outfile_commit(&file));
    assert_int_equal(num_entries(dir), 1);
    assert_int_equal(num_entries(path), 0);
}

static void a_file_without_directory_lands_in_the_working_one(void **state)
{
    (void)state;
    char        before[PR_TEXT_BYTES];
    const char *dir = test_directory();

    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(dir), 0);
    const pr_status st = write_whole("plain", "here");
    assert_int_equal(chdir(before), 0);
    assert_ok(st);
    expect_content(in(dir, "plain"), "here");
}

static void only_regular_files_are_read(void **state)
{
    (void)state;
    const char *dir = test_directory(), *pipe_ = in(dir, "pipe");
    char       *text;
    size_t      bytes;

    assert_int_equal(mkfifo(pipe_, 0666), 0); /* nobody writes: opening must not wait */
    assert_fails(PR_E_INPUT, "pipe: is not a regular file",
                 pri_file_read(pipe_, 100, &text, &bytes));
    assert_fails(PR_E_INPUT, "is not a regular file", pri_file_read(dir, 100, &text, &bytes));
    assert_fails(PR_E_INPUT, "is not a regular file",
                 pri_file_read("/dev/zero", 100, &text, &bytes));
    assert_fails(PR_E_INPUT, "absent: cannot be read: No such file",
                 pri_file_read(in(dir, "absent"), 100, &text, &bytes));
    assert_fails(PR_E_INPUT, "cannot be read", pri_file_read("", 100, &text, &bytes));
    assert_null(text);
}

static int read_as_nobody(const char *path)
{
    char  *text;
    size_t bytes;
    if (geteuid() == 0 && seteuid(65534) != 0) return 77;
    const pr_status st = pri_file_read(path, 100, &text, &bytes);
    return st != PR_E_INPUT || !strstr(pr_error_message(), "Permission denied");
}

static void an_unreadable_file_is_the_users_to_fix(void **state)
{
    (void)state;
    const char *dir = test_directory(), *path = test_file(dir, "secret", "x", 1);

    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    const int got = in_child(read_as_nobody, path);
    if (got == 77) skip();
    assert_int_equal(got, 0);
}

static void a_read_file_is_ended_and_bounded(void **state)
{
    (void)state;
    const char *dir = test_directory();
    char       *text;
    size_t      bytes;

    assert_ok(pri_file_read(test_file(dir, "a", "ab\0c", 4), 4, &text, &bytes));
    assert_int_equal(bytes, 4);
    assert_memory_equal(text, "ab\0c\0", 5);
    pri_free(text);
    assert_ok(pri_file_read(test_file(dir, "b", "", 0), 0, &text, &bytes));
    assert_int_equal(bytes, 0);
    pri_free(text);
    assert_fails(PR_E_INPUT, "has 3 bytes, at most 2 are allowed",
                 pri_file_read(test_file(dir, "c", "abc", 3), 2, &text, &bytes));
}

static void what_the_user_can_mend_is_bad_input(void **state)
{
    (void)state;
    assert_int_equal(pri_input_status(ENOENT), PR_E_INPUT);
    assert_int_equal(pri_input_status(EACCES), PR_E_INPUT);
    assert_int_equal(pri_input_status(EIO), PR_E_IO);
    assert_int_equal(pri_input_status(EMFILE), PR_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_appears_at_commit_and_not_before),
        cmocka_unit_test(an_aborted_file_leaves_nothing_and_the_old_one_untouched),
        cmocka_unit_test(an_older_file_is_replaced_whole),
        cmocka_unit_test(what_is_no_regular_file_is_not_replaced),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(a_stale_temporary_is_replaced_not_followed),
        cmocka_unit_test(a_read_only_directory_is_named_and_keeps_its_file),
        cmocka_unit_test(running_out_of_space_leaves_the_old_file),
        cmocka_unit_test(running_out_of_descriptors_leaves_nothing),
        cmocka_unit_test(a_refused_rename_leaves_nothing),
        cmocka_unit_test(a_file_without_directory_lands_in_the_working_one),
        cmocka_unit_test(only_regular_files_are_read),
        cmocka_unit_test(an_unreadable_file_is_the_users_to_fix),
        cmocka_unit_test(a_read_file_is_ended_and_bounded),
        cmocka_unit_test(what_the_user_can_mend_is_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
