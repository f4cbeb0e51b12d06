/* query.h: from SQL to figures. A report is a list of tables; each table is one SELECT and a
 * description of its columns, and the text, HTML and JSON forms are made from that alone. */
#ifndef PIPELINE_LOG_QUERY_H
#define PIPELINE_LOG_QUERY_H

#include <packrat/log.h>
#include <sqlite3.h>

#include "base/check.h"

typedef enum pri_cell_kind {
    PRI_CELL_NULL,
    PRI_CELL_INT,
    PRI_CELL_REAL,
    PRI_CELL_TEXT
} pri_cell_kind;

typedef struct pri_cell {
    pri_cell_kind kind;
    int64_t       integer;
    double        real;
    char         *text; /* owned by the table */
} pri_cell;

typedef enum pri_show {
    PRI_SHOW_ALWAYS,
    PRI_SHOW_KNOWN,  /* only when some row has a value */
    PRI_SHOW_VARIED, /* only when rows differ */
    PRI_SHOW_NEVER   /* in JSON only */
} pri_show;

typedef struct pri_table_column {
    const char *key;    /* name in JSON */
    const char *title;  /* heading, unit included */
    int         digits; /* behind the point, for reals */
    bool        bar;    /* a percentage that HTML draws as a bar */
    pri_show    show;
} pri_table_column;

enum { PRI_MAX_COLUMNS = 32 }; /* of one table */

typedef enum pri_form {
    PRI_FORM_ROWS,
    PRI_FORM_SINGLE,   /* one row, shown as a list of names and values */
    PRI_FORM_SENTENCES /* the first column that is shown, a line for each row */
} pri_form;

typedef struct pri_table_spec {
    const char             *key, *title;
    const char             *note; /* a sentence under the table; NULL: none */
    pri_form                form;
    bool                    several; /* text and HTML: of runs with several lanes or nodes only */
    const char             *sql;     /* ?1 run, ?2 limit, ?3 path */
    const pri_table_column *columns; /* as many as the SELECT has */
    size_t                  num_columns;
} pri_table_spec;

typedef struct pri_table {
    const pri_table_spec *spec;
    size_t                num_rows, max_rows;
    pri_cell             *cells; /* [num_rows * num_columns], row major */
} pri_table;

/* The tables of one run, in the order they are shown. */
enum {
    PRI_REPORT_HEADER,
    PRI_REPORT_SUMMARY,
    PRI_REPORT_EPOCHS,
    PRI_REPORT_SERVING,
    PRI_REPORT_LATENCY,
    PRI_REPORT_STATUSES,
    PRI_REPORT_PHASES,
    PRI_REPORT_STAGES,
    PRI_REPORT_BOTTLENECK,
    PRI_REPORT_DISK,
    PRI_REPORT_ROWS,
    PRI_REPORT_BYTES,
    PRI_REPORT_FORECAST,
    PRI_REPORT_PARTITIONS,
    PRI_REPORT_LANES,
    PRI_REPORT_LOCALITY,
    PRI_REPORT_TWICE,
    PRI_REPORT_PLACEMENT,
    PRI_REPORT_MISPLACED,
    PRI_REPORT_NOTES,
    PRI_REPORT_SLOWEST,
    PRI_NUM_REPORT_TABLES
};

typedef struct pri_report_run {
    const char *path; /* borrowed from the caller */
    int64_t     run;
    pri_table   tables[PRI_NUM_REPORT_TABLES];
} pri_report_run;

typedef struct pri_report {
    pri_report_run *runs; /* [num_runs] */
    size_t          num_runs, max_runs;
    size_t          num_paths;
    pri_table       comparison; /* empty unless there are several runs */
} pri_report;

/* Read the figures of the wanted runs of every log.
 *
 *   wanted   "last", "all" or a run's id
 *   out      clear with pri_report_clear, on failure too
 *
 * PR_E_INPUT when a file is not a log or holds no such run; PR_E_ARG when `wanted` is none of
 * the three. */
pr_status pri_report_collect(const char *wanted, uint32_t slowest, const char *const *paths,
                             size_t num_paths, pri_report *out);
void      pri_report_clear(pri_report *report);

/* Give a cell; row and column within the table. */
const pri_cell *pri_table_cell(const pri_table *table, size_t row, size_t column);

/* Whether the text and HTML forms show a table of a run: it has rows, and they tell something. */
bool pri_report_shows(const pri_report_run *run, size_t table);

/* Give the column that holds the sentences. */
size_t pri_table_sentence(const pri_table *table);

/* Whether the text and HTML forms show a column. */
bool pri_table_shows(const pri_table *table, size_t column);

/* Whether a column holds words: they stand to the left, numbers to the right. */
bool pri_table_has_text(const pri_table *table, size_t column);

/* Print a cell as people read it ("-" for NULL); cut to `bytes`. */
void pri_cell_print(const pri_cell *cell, int digits, char *out, size_t bytes);

/* Give the next code point of a text from a file, and how many bytes it takes: control characters
 * and what is no UTF-8 become '?'. The text must not be at its end. */
size_t pri_text_next(const char *text, uint32_t *code_point);

/* The three forms. */
pr_status pri_report_text(const pri_report *report, FILE *out);
pr_status pri_report_html(const pri_report *report, FILE *out);
pr_status pri_report_json(const pri_report *report, pr_json **out);

#endif
