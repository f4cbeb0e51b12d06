/* check.h: how errors travel. The place that finds a problem writes the sentence; everyone above
 * only forwards. Every fallible function has `pr_status st = PR_OK;` and one label `done:`. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <assert.h>
#include <stdarg.h>

#include <packrat/base.h>

#include "base/mem.h"

/* Record place and sentence of this thread's error; gives `code` back. */
pr_status pri_error_set(pr_status code, const char *file, int line, const char *function,
                        const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Put words in front of this thread's sentence, such as the file being read. */
void pri_error_prefix(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A thread's error as a value, to hand it to another thread. */
typedef struct pri_error {
    pr_status code;
    char      message[1024];
    char      place[192];
} pri_error;

void      pri_error_save(pri_error *out, pr_status code); /* from this thread */
pr_status pri_error_restore(const pri_error *error);      /* into this thread; gives its code */

/* Record file, line, function and sentence; leave through done. */
#define PR_RAISE(code, ...)                                                                        \
    do {                                                                                           \
        st = pri_error_set((code), __FILE__, __LINE__, __func__, __VA_ARGS__);                     \
        goto done;                                                                                 \
    } while (0)

/* Unless cond: PR_RAISE. */
#define PR_CHECK(cond, code, ...)                                                                  \
    do {                                                                                           \
        if (!(cond)) PR_RAISE((code), __VA_ARGS__);                                                \
    } while (0)

/* Forward a failure, keeping the inner sentence. */
#define PR_TRY(call)                                                                               \
    do {                                                                                           \
        st = (call);                                                                               \
        if (st != PR_OK) goto done;                                                                \
    } while (0)

/* Zeroed array of `count` elements through the heap door, or PR_E_NOMEM with its size. */
#define PR_NEW(ptr, count)                                                                         \
    do {                                                                                           \
        (ptr) = pri_calloc((size_t)(count), sizeof *(ptr));                                        \
        if (!(ptr))                                                                                \
            PR_RAISE(PR_E_NOMEM, "cannot allocate %zu elements of %zu bytes for " #ptr,            \
                     (size_t)(count), sizeof *(ptr));                                              \
    } while (0)

/* A rule of our own: active in debug and sanitizer builds. */
#ifdef NDEBUG
#    define PR_ASSERT(cond) ((void)sizeof(!(cond)))
#else
#    define PR_ASSERT(cond) assert(cond)
#endif

#endif
