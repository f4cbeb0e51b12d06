/* test_row_reader.c: a reader of rows is opened whole or not at all, whichever allocation fails,
 * and leaves no thread behind: the sanitizers would say so. */
#include "support/row_file.h"

#include "cache/row_reader.h"

typedef struct reader_case {
    pr_row_file   file;
    pr_io_options io;
    char          slots[10 * 64];
} reader_case;

static pr_status make_reader(void *context, void **out)
{
    reader_case               *c      = context;
    pri_row_reader            *reader = NULL;
    const pri_row_reader_setup setup  = { .file       = &c->file,
                                          .num_rows   = 10,
                                          .num_cols   = 16,
                                          .io         = &c->io,
                                          .slots      = c->slots,
                                          .slot_bytes = 64,
                                          .max_rows   = 10 };
    const pr_status            st     = pri_row_reader_open(&setup, &reader);
    *out                              = reader;
    return st;
}

static void free_reader(void *reader)
{
    pri_row_reader_free(reader);
}

static void readers_are_opened_whole_or_not_at_all(void **state)
{
    reader_case c = { .file = row_file_make(test_directory(), "feat.npy", 10, 16, 128),
                      .io   = { .engine = PR_IO_THREADS, .depth = 3, .max_read = 4096 } };

    (void)state;
    test_oom("a reader with threads", make_reader, free_reader, &c);
    c.io.engine = PR_IO_AUTO;
    test_oom("a reader with a ring, where there is one", make_reader, free_reader, &c);
    row_file_close(&c.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_are_opened_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
