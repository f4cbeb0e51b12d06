/* packrat/base.h: what every other room stands on: status codes, the reason of the last error,
 * options tables, JSON values, diagnostics and the clock. */
#ifndef PACKRAT_BASE_H
#define PACKRAT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PR_VERSION "0.1.0"

/* The one status table: name, number, exit status of the command line, and what it means. */
#define PR_STATUS_TABLE(X)                                                                         \
    X(PR_OK, 0, 0, "done")                                                                         \
    X(PR_E_ARG, 1, 2, "an argument or option is not allowed")                                      \
    X(PR_E_RANGE, 2, 2, "a value is out of its range")                                             \
    X(PR_E_INPUT, 3, 2, "an input file is missing, unreadable or not what it should be")           \
    X(PR_E_MISMATCH, 4, 2, "two inputs do not belong together")                                    \
    X(PR_E_NOMEM, 5, 1, "out of memory")                                                           \
    X(PR_E_IO, 6, 1, "the operating system refused a read or a write")                             \
    X(PR_E_FULL, 7, 1, "a fixed capacity is used up")                                              \
    X(PR_E_UNSUPPORTED, 8, 1, "this machine or build cannot do that")                              \
    X(PR_E_LIBRARY, 9, 1, "a library packrat stands on reported an error")                         \
    X(PR_E_INTERRUPTED, 10, 130, "interrupted")                                                    \
    X(PR_E_BUG, 11, 1, "packrat broke one of its own rules; please report it")

typedef enum pr_status {
#define PR_STATUS_ENUM(name, number, exit_status, text) name = number,
    PR_STATUS_TABLE(PR_STATUS_ENUM)
#undef PR_STATUS_ENUM
} pr_status;

/* Give the status's name ("PR_E_IO"); never NULL. */
const char *pr_status_name(pr_status st);

/* Give what the status means, as half a sentence; never NULL. */
const char *pr_status_text(pr_status st);

/* Give the exit status a command should end with: 0 done, 1 the world failed, 2 bad input. */
int pr_status_exit(pr_status st);

/* Give the sentence of this thread's last error, naming the value found and what is allowed.
 * Borrowed until the thread's next failing call; "" when nothing failed yet. */
const char *pr_error_message(void);

/* Give where this thread's last error was raised ("file.c:12, function"); "" when nowhere. */
const char *pr_error_place(void);

/* Diagnostics: sentences for people, on standard error. Not the step log. */
typedef enum pr_level { PR_ERROR, PR_WARN, PR_INFO, PR_DEBUG } pr_level;

/* Let messages up to `level` through (default PR_INFO). For the whole process; any thread. */
void pr_diag_set_level(pr_level level);

/* Write one line "packrat: <sentence>" to standard error if `level` is let through. Any thread;
 * lines never mix. */
void pr_diag(pr_level level, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* Nanoseconds of a clock that never jumps (CLOCK_MONOTONIC); only differences mean something. */
int64_t pr_now_ns(void);

/* Nanoseconds since 1970 began, by the clock that people set (CLOCK_REALTIME). */
int64_t pr_unix_ns(void);

/* Instruction sets that loops are written for. Results never depend on which one runs. */
typedef enum pr_isa { PR_ISA_PORTABLE, PR_ISA_AVX2, PR_ISA_AVX512 } pr_isa;

/* A JSON value. Functions that take a value into another (set, append) own it from then on, also
 * on failure. Not for two threads at once. */
typedef struct pr_json pr_json;

pr_json *pr_json_object(void); /* new, empty; NULL when out of memory */
pr_json *pr_json_array(void);
void     pr_json_free(pr_json *json); /* NULL is fine */

/* Set a member of an object. Doubles that are not finite become null. A NULL string becomes
 * null; bytes that are not UTF-8 are replaced by '?'. PR_E_NOMEM on failure. */
pr_status pr_json_set_string(pr_json *object, const char *key, const char *value);
pr_status pr_json_set_int(pr_json *object, const char *key, int64_t value);
pr_status pr_json_set_real(pr_json *object, const char *key, double value);
pr_status pr_json_set_bool(pr_json *object, const char *key, bool value);
pr_status pr_json_set_null(pr_json *object, const char *key);
pr_status pr_json_set(pr_json *object, const char *key, pr_json *value); /* takes value */

/* Append a value to an array; takes it. */
pr_status pr_json_append(pr_json *array, pr_json *value);

/* Write the value on one line, without a line end. PR_E_IO when the stream fails. */
pr_status pr_json_write(const pr_json *json, FILE *out);

/* Give the value's text on one line; the caller frees it with free(). NULL when out of memory. */
char *pr_json_text(const pr_json *json);

/* Options: one table per options struct; parsing, help, bounds, --config and the dump to JSON
 * all come from the table. Strings live inside the struct as char arrays. */
#define PR_TEXT_BYTES 4096       /* room of every text option, its end included */
#define PR_OPT_AUTO   UINT32_MAX /* "auto" of a PR_OPT_AUTO_U32; no number reaches it */

typedef enum pr_opt_type {
    PR_OPT_FLAG,     /* bool; "--name", "--name=true|false" */
    PR_OPT_U32,      /* uint32_t */
    PR_OPT_U64,      /* uint64_t */
    PR_OPT_REAL,     /* double */
    PR_OPT_TEXT,     /* char[PR_TEXT_BYTES] */
    PR_OPT_BYTES,    /* uint64_t; 4096, 64K, 2G, 1.5G: powers of 1024 */
    PR_OPT_CHOICE,   /* int, the index in `choices` */
    PR_OPT_AUTO_U32, /* uint32_t, or the word "auto", kept as PR_OPT_AUTO */
} pr_opt_type;

typedef struct pr_option {
    const char *name;    /* "cache.rows", given as --cache.rows */
    const char *unit;    /* "rows", "file", "" ... shown in help */
    const char *help;    /* one sentence */
    const char *initial; /* the default, as a user would write it */
    pr_opt_type type;
    size_t      offset;   /* offsetof the member */
    double      min, max; /* bounds of numbers, both allowed; ignored for text, flag, choice */
    const char *choices;  /* "resident|packed|off" for PR_OPT_CHOICE, else NULL */
} pr_option;

typedef struct pr_option_table {
    const char      *title; /* heading in help and man page */
    const pr_option *options;
    size_t           num_options;
} pr_option_table;

/* A table and the struct it fills. */
typedef struct pr_option_group {
    const pr_option_table *table;
    void                  *target;
} pr_option_group;

/* Set every member to its default. Cannot fail for tables that pass pr_options_check. */
void pr_options_init(const pr_option_group *groups, size_t num_groups);

/* Set one option from text. PR_E_ARG names the option, what was found and what is allowed; the
 * struct is unchanged then. An unknown name is an error. */
pr_status pr_options_set(const pr_option_group *groups, size_t num_groups, const char *name,
                         const char *value);

/* Read argv: "--name value", "--name=value", "--flag", "--no-flag"; "--" ends options. "--config
 * FILE" reads a JSON object of names and values first, whatever its place, so that the command line
 * wins.
 *
 *   positional      out [max_positional]; borrowed from argv
 *   num_positional  out; PR_E_ARG when there are more than max_positional
 */
pr_status pr_options_parse(const pr_option_group *groups, size_t num_groups, int argc,
                           const char *const *argv, const char **positional, size_t max_positional,
                           size_t *num_positional);

/* Check every member against the table's bounds, for structs filled by code. */
pr_status pr_options_check(const pr_option_table *table, const void *target);

/* Give every option and its value as one JSON object that --config reads back. NULL when out of
 * memory. */
pr_json *pr_options_json(const pr_option_group *groups, size_t num_groups);

/* Print the options as help text, or as the OPTIONS part of a roff man page. Defaults are what the
 * targets hold, as pr_options_init and perhaps others left them; without a target the tables'. */
void pr_options_help(const pr_option_group *groups, size_t num_groups, FILE *out);
void pr_options_man(const pr_option_group *groups, size_t num_groups, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
