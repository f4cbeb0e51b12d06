/* support.h: what several tests share: cmocka with its includes, temporary directories, real data
 * that may be absent, the fail-the-n-th-allocation loop, and a printed seed. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <packrat/packrat.h>

#include "base/check.h"
#include "base/rng.h"

/* Give the path of a set under $PACKRAT_TEST_DATA (default ../shared/data); NULL, with the reason
 * printed, when it is not there. Call skip() then. Borrowed until the next call. */
const char *test_data(const char *name);

/* Make an empty directory under $TMPDIR or /tmp; it is removed with all it holds at exit. Borrowed
 * for the program's life. */
const char *test_directory(void);

/* Give the path of a file in one such directory, which the whole test shares; "" is the directory.
 * Borrowed until the next call. */
const char *test_path(const char *name);

/* Write bytes to directory/name; gives the path, borrowed for the program's life. */
const char *test_file(const char *directory, const char *name, const void *bytes, size_t n);

/* Expect success; prints the error's sentence and place otherwise. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        pr_status got_ = (call);                                                                   \
        if (got_ != PR_OK)                                                                         \
            fail_msg("%s: %s: %s (%s)", #call, pr_status_name(got_), pr_error_message(),           \
                     pr_error_place());                                                            \
    } while (0)

/* Expect this failure, and that the sentence holds `words`. */
#define assert_fails(code, words, call)                                                            \
    do {                                                                                           \
        pr_status got_ = (call);                                                                   \
        if (got_ != (code) || !strstr(pr_error_message(), (words)))                                \
            fail_msg("%s: wanted %s with \"%s\", got %s: %s (%s)", #call, pr_status_name(code),    \
                     (words), pr_status_name(got_), pr_error_message(), pr_error_place());         \
    } while (0)

/* Call `create` with allocation 0, 1, 2, ... failing in turn, until it succeeds. Each failure must
 * be PR_E_NOMEM, leave *out NULL and nothing allocated. Needs at least one allocation. */
void test_oom(const char *name, pr_status (*create)(void *context, void **out),
              void (*destroy)(void *), void *context);

/* The seed of random tests: $PR_SEED, else a fixed one; printed once. */
uint64_t test_seed(void);

/* Give a room for the sampler's batches; free with pr_batch_room_free. */
pr_batch_room *test_batch_room(const pr_sampler *sampler);

/* A small deterministic stream for tests. */
typedef struct test_rng {
    uint64_t key;
    uint32_t at;
} test_rng;
uint32_t test_random(test_rng *rng);                /* 32 random bits */
uint32_t test_below(test_rng *rng, uint32_t bound); /* 0 .. bound-1 */

#endif
