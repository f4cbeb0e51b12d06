/* output.h: one case after the other, as a table for people, JSON lines and CSV.
 *
 *     bench_output_table   names the columns people see of the cases that follow
 *     bench_case           begins a case
 *     bench_text ...       set its fields; every field is in JSON and CSV
 *     bench_case_end       writes it
 *
 * CSV: lines "# key: value" of the host, a header with the fields of all cases, a line each. */
#ifndef BENCH_SUPPORT_OUTPUT_H
#define BENCH_SUPPORT_OUTPUT_H

#include <stdbool.h>

#include <packrat/base.h>

#include "bench/support/samples.h"

typedef struct bench_output bench_output;

/* Begin the output of the bench called `bench`.
 *
 *   json   one JSON object a case on stdout instead of tables
 *   csv    file to write when all is done; "" for none
 *   quiet  write nothing to stdout
 */
bench_output *bench_output_new(const char *bench, bool json, bool quiet, const char *csv, int argc,
                               char *const *argv);
void          bench_output_free(bench_output *out); /* writes the CSV */

/* Begin a table: title, and its columns as one text of field names, each with its width behind a
 * colon where 9 characters are too few: "policy:14 m". */
void bench_output_table(bench_output *out, const char *title, const char *columns);

/* A sentence for people, in a table's place. */
void bench_output_note(bench_output *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void bench_case(bench_output *out);
void bench_text(bench_output *out, const char *key, const char *value);
void bench_int(bench_output *out, const char *key, uint64_t value);
void bench_real(bench_output *out, const char *key, double value);
void bench_ns(bench_output *out, const char *key, double ns); /* rounded to whole ns */
void bench_reals(bench_output *out, const char *key, const double *values, size_t n);
/* Fields KEY_ns (the median), KEY_min_ns, KEY_mean_ns, KEY_ci95_ns, KEY_spread. */
void bench_times(bench_output *out, const char *key, const bench_figures *figures);
void bench_case_end(bench_output *out);

#endif
