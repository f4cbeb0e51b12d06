/* output.c: cases are JSON objects; tables and CSV are made from them. */
#include "bench/support/output.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "bench/support/bench.h"
#include "bench/support/host.h"

enum { MAX_CASES = 4096, MAX_KEYS = 256, KEY_BYTES = 64, CELL_BYTES = 512, MAX_COLUMNS = 24 };

struct bench_output {
    const char *bench, *csv;
    bool        json, quiet;
    pr_json    *host;
    pr_json    *cases[MAX_CASES]; /* as written; the last may be open */
    size_t      num_cases;
    char        column[MAX_COLUMNS][KEY_BYTES];
    int         width[MAX_COLUMNS];
    size_t      num_columns;
};

bench_output *bench_output_new(const char *bench, bool json, bool quiet, const char *csv, int argc,
                               char *const *argv)
{
    bench_output *out = bench_new(1, sizeof *out);

    out->bench = bench;
    out->csv   = csv;
    out->json  = json;
    out->quiet = quiet;
    out->host  = bench_host_json(argc, argv);
    if (!json && !quiet) bench_host_print(out->host, stdout);
    return out;
}

/* Say a value as people and CSV files want it; "" when the case has no such field. */
static void cell_of(const pr_json *value, bool people, char cell[CELL_BYTES])
{
    int64_t integer;
    double  real;

    cell[0] = 0;
    if (!value) return;
    if (pri_json_as_string(value)) {
        snprintf(cell, CELL_BYTES, "%s", pri_json_as_string(value));
    } else if (pri_json_as_int(value, &integer)) {
        snprintf(cell, CELL_BYTES, "%lld", (long long)integer);
    } else if (pri_json_as_real(value, &real)) {
        snprintf(cell, CELL_BYTES, people ? "%.3f" : "%.9g", real);
    } else {
        char *text = pr_json_text(value); /* a list, or null */
        if (text && strcmp(text, "null")) snprintf(cell, CELL_BYTES, "%s", text);
        for (char *c = cell; *c; c++)
            if (*c == ',') *c = ' ';
        free(text);
    }
}

static void write_csv(const bench_output *out)
{
    static char key[MAX_KEYS][KEY_BYTES];
    size_t      num_keys = 0;
    char        cell[CELL_BYTES];

    FILE *file = fopen(out->csv, "w");
    BENCH_CHECK(file, "%s cannot be written", out->csv);
    bench_host_print(out->host, file);
    for (size_t i = 0; i < out->num_cases; i++)
        for (void *at = pri_json_next(out->cases[i], NULL); at;
             at       = pri_json_next(out->cases[i], at)) {
            size_t k = 0;
            while (k < num_keys && strcmp(key[k], pri_json_key(at))) k++;
            if (k < num_keys || !strcmp(pri_json_key(at), "host")) continue;
            BENCH_CHECK(num_keys < MAX_KEYS, "more than %d fields", MAX_KEYS);
            snprintf(key[num_keys++], KEY_BYTES, "%s", pri_json_key(at));
        }
    for (size_t k = 0; k < num_keys; k++) fprintf(file, "%s%s", k ? "," : "", key[k]);
    fputc('\n', file);
    for (size_t i = 0; i < out->num_cases; i++) {
        for (size_t k = 0; k < num_keys; k++) {
            cell_of(pri_json_find(out->cases[i], key[k]), false, cell);
            const bool quoted = strchr(cell, ',') != NULL;
            fprintf(file, quoted ? "%s\"%s\"" : "%s%s", k ? "," : "", cell);
        }
        fputc('\n', file);
    }
    BENCH_CHECK(fclose(file) == 0, "%s cannot be written", out->csv);
}

void bench_output_free(bench_output *out)
{
    if (!out) return;
    if (out->csv[0]) write_csv(out);
    for (size_t i = 0; i < out->num_cases; i++) pr_json_free(out->cases[i]);
    pr_json_free(out->host);
    free(out);
}

/* Cut "name" or "name:width" and give the width; a name gets what it needs, 9 at least. */
static int cut_width(char *name)
{
    char     *colon = strchr(name, ':');
    const int asked = colon ? atoi(colon + 1) : 9;

    if (colon) *colon = 0;
    const int length = (int)strlen(name);
    return length < asked ? asked : length;
}

void bench_output_table(bench_output *out, const char *title, const char *columns)
{
    char  text[CELL_BYTES * 2], *rest = text;
    char *name;

    snprintf(text, sizeof text, "%s", columns);
    out->num_columns = 0;
    if (!out->json && !out->quiet) printf("\n%s\n", title);
    while ((name = strtok_r(rest, " ", &rest))) {
        BENCH_CHECK(out->num_columns < MAX_COLUMNS, "more than %d columns", MAX_COLUMNS);
        const int width              = cut_width(name);
        out->width[out->num_columns] = width;
        snprintf(out->column[out->num_columns++], KEY_BYTES, "%s", name);
        if (!out->json && !out->quiet) printf(" %*s", width, name);
    }
    if (!out->json && !out->quiet) printf("\n");
}

void bench_output_note(bench_output *out, const char *format, ...)
{
    va_list arguments;

    if (out->quiet) return;
    FILE *to = out->json ? stderr : stdout;
    va_start(arguments, format);
    vfprintf(to, format, arguments);
    va_end(arguments);
    fputc('\n', to);
}

static pr_json *open_case(bench_output *out)
{
    return out->cases[out->num_cases];
}

void bench_case(bench_output *out)
{
    BENCH_CHECK(out->num_cases < MAX_CASES, "more than %d cases", MAX_CASES);
    out->cases[out->num_cases] = pr_json_object();
    BENCH_CHECK(open_case(out), "no memory");
    bench_text(out, "bench", out->bench);
}

void bench_text(bench_output *out, const char *key, const char *value)
{
    BENCH_TRY(pr_json_set_string(open_case(out), key, value));
}

void bench_int(bench_output *out, const char *key, uint64_t value)
{
    BENCH_TRY(pr_json_set_int(open_case(out), key, (int64_t)value));
}

void bench_real(bench_output *out, const char *key, double value)
{
    BENCH_TRY(pr_json_set_real(open_case(out), key, value));
}

void bench_ns(bench_output *out, const char *key, double ns)
{
    BENCH_TRY(pr_json_set_int(open_case(out), key, (int64_t)llround(ns)));
}

void bench_reals(bench_output *out, const char *key, const double *values, size_t n)
{
    char     text[CELL_BYTES] = "[";
    pr_json *list;
    size_t   at = 1;

    /* the public half of JSON has no lists of bare numbers: one is parsed */
    for (size_t i = 0; i < n && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.6g", i ? "," : "", values[i]);
    BENCH_CHECK(at + 2 < sizeof text, "a list of %zu numbers is too long for a case", n);
    snprintf(text + at, sizeof text - at, "]");
    BENCH_TRY(pri_json_parse(text, strlen(text), "a list", &list));
    BENCH_TRY(pr_json_set(open_case(out), key, list));
}

void bench_times(bench_output *out, const char *key, const bench_figures *figures)
{
    char name[KEY_BYTES];

    snprintf(name, sizeof name, "%s_ns", key);
    bench_ns(out, name, figures->median);
    snprintf(name, sizeof name, "%s_min_ns", key);
    bench_ns(out, name, figures->min);
    snprintf(name, sizeof name, "%s_mean_ns", key);
    bench_ns(out, name, figures->mean);
    snprintf(name, sizeof name, "%s_ci95_ns", key);
    bench_real(out, name, figures->ci95);
    snprintf(name, sizeof name, "%s_spread", key);
    bench_real(out, name, figures->spread);
}

/* Give every case the host, so that a line can be judged alone. */
static void add_host(bench_output *out)
{
    pr_json *copy;
    char    *text = pr_json_text(out->host);

    BENCH_CHECK(text, "no memory");
    BENCH_TRY(pri_json_parse(text, strlen(text), "the host", &copy));
    free(text);
    BENCH_TRY(pr_json_set(open_case(out), "host", copy));
}

void bench_case_end(bench_output *out)
{
    char cell[CELL_BYTES];

    add_host(out);
    if (out->json && !out->quiet) {
        BENCH_TRY(pr_json_write(open_case(out), stdout));
        putchar('\n');
    } else if (!out->quiet) {
        for (size_t i = 0; i < out->num_columns; i++) {
            cell_of(pri_json_find(open_case(out), out->column[i]), true, cell);
            printf(" %*s", out->width[i], cell);
        }
        printf("\n");
    }
    fflush(stdout);
    out->num_cases++;
}
