/* report.c: packrat report: options, the figures as JSON, and which form goes where. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/outfile.h"
#include "pipeline/log/query.h"

static const pr_option report_options[] = {
    { "run", "run", "which run to report: a number, last or all", "last", PR_OPT_TEXT,
      offsetof(pr_report_options, run), 0, 0, NULL },
    { "out", "file", "write the report as one HTML page to this file instead of printing it", "",
      PR_OPT_TEXT, offsetof(pr_report_options, out), 0, 0, NULL },
    { "slowest", "steps", "how many of the slowest steps of each phase to list", "5", PR_OPT_U32,
      offsetof(pr_report_options, slowest), 0, 1000, NULL },
};

const pr_option_table pr_report_option_table = { "report", report_options,
                                                 sizeof report_options / sizeof *report_options };

static pr_status set_cell(pr_json *object, const char *key, const pri_cell *cell)
{
    switch (cell->kind) {
    case PRI_CELL_INT: return pr_json_set_int(object, key, cell->integer);
    case PRI_CELL_REAL: return pr_json_set_real(object, key, cell->real);
    case PRI_CELL_TEXT: return pr_json_set_string(object, key, cell->text);
    case PRI_CELL_NULL: break;
    }
    return pr_json_set_null(object, key);
}

/* Give one row as an object. */
static pr_status row_json(const pri_table *table, size_t row, pr_json **out)
{
    pr_status st     = PR_OK;
    pr_json  *object = pr_json_object();

    *out = NULL;
    PR_CHECK(object, PR_E_NOMEM, "out of memory for the report's JSON");
    for (size_t i = 0; i < table->spec->num_columns; i++)
        PR_TRY(set_cell(object, table->spec->columns[i].key, pri_table_cell(table, row, i)));
    *out   = object;
    object = NULL;
done:
    pr_json_free(object);
    return st;
}

/* Set the table under its key: an array of rows, or the one row. */
static pr_status set_table(pr_json *object, const pri_table *table)
{
    pr_status st    = PR_OK;
    pr_json  *array = NULL, *row = NULL;

    if (table->spec->form == PRI_FORM_SINGLE) {
        if (table->num_rows > 0) {
            PR_TRY(row_json(table, 0, &row));
            PR_TRY(pr_json_set(object, table->spec->key, row));
        }
        return PR_OK;
    }
    array = pr_json_array();
    PR_CHECK(array, PR_E_NOMEM, "out of memory for the report's JSON");
    for (size_t i = 0; i < table->num_rows; i++) {
        PR_TRY(row_json(table, i, &row));
        PR_TRY(pr_json_append(array, row));
    }
    pr_json *given = array;
    array          = NULL; /* taken, whatever comes of it */
    PR_TRY(pr_json_set(object, table->spec->key, given));
done:
    pr_json_free(array);
    return st;
}

static pr_status run_json(const pri_report_run *run, pr_json **out)
{
    pr_status st     = PR_OK;
    pr_json  *object = pr_json_object();

    *out = NULL;
    PR_CHECK(object, PR_E_NOMEM, "out of memory for the report's JSON");
    PR_TRY(pr_json_set_string(object, "log", run->path));
    PR_TRY(pr_json_set_int(object, "run", run->run));
    for (size_t i = 0; i < PRI_NUM_REPORT_TABLES; i++) PR_TRY(set_table(object, &run->tables[i]));
    *out   = object;
    object = NULL;
done:
    pr_json_free(object);
    return st;
}

pr_status pri_report_json(const pri_report *report, pr_json **out)
{
    pr_status st     = PR_OK;
    pr_json  *object = pr_json_object(), *runs = pr_json_array(), *run = NULL;

    *out = NULL;
    PR_CHECK(object && runs, PR_E_NOMEM, "out of memory for the report's JSON");
    PR_TRY(pr_json_set_string(object, "command", "report"));
    for (size_t i = 0; i < report->num_runs; i++) {
        PR_TRY(run_json(&report->runs[i], &run));
        PR_TRY(pr_json_append(runs, run));
    }
    pr_json *given = runs;
    runs           = NULL;
    PR_TRY(pr_json_set(object, "runs", given));
    PR_TRY(set_table(object, &report->comparison));
    *out   = object;
    object = NULL;
done:
    pr_json_free(runs);
    pr_json_free(object);
    return st;
}

/* Refuse to write the page over one of the logs. */
static pr_status check_out(const char *out, const char *const *paths, size_t num_paths)
{
    pr_status   st = PR_OK;
    struct stat page, log;

    if (!out[0] || stat(out, &page) != 0) return PR_OK;
    for (size_t i = 0; i < num_paths; i++)
        PR_CHECK(stat(paths[i], &log) != 0 || page.st_dev != log.st_dev ||
                     page.st_ino != log.st_ino,
                 PR_E_ARG, "--out is \"%s\", a log that is to be reported; name another file", out);
done:
    return st;
}

/* Give the page as text; the caller frees it with free. */
static pr_status page_text(const pri_report *report, char **page, size_t *bytes)
{
    pr_status st     = PR_OK;
    FILE     *memory = open_memstream(page, bytes);

    PR_CHECK(memory, PR_E_NOMEM, "out of memory for the report's page");
    PR_TRY(pri_report_html(report, memory));
done:
    if (memory) (void)fclose(memory);
    return st;
}

/* The page is made in memory, so that a write that fails is one write with its reason. */
static pr_status write_page(const pri_report *report, const char *path)
{
    pr_status    st    = PR_OK;
    pri_outfile *file  = NULL;
    char        *page  = NULL;
    size_t       bytes = 0;

    PR_TRY(page_text(report, &page, &bytes));
    PR_NEW(file, 1);
    PR_TRY(pri_outfile_open(file, path));
    PR_TRY(pri_outfile_write(file, page, bytes));
    PR_TRY(pri_outfile_commit(file));
done:
    if (file) pri_outfile_abort(file);
    pri_free(file);
    free(page);
    return st;
}

pr_status pr_report(const pr_report_options *options, const char *const *paths, size_t num_paths,
                    FILE *text, pr_json **json)
{
    pr_status  st     = PR_OK;
    pri_report report = { 0 };

    if (json) *json = NULL;
    PR_CHECK(options, PR_E_ARG, "options is NULL");
    PR_TRY(pr_options_check(&pr_report_option_table, options));
    PR_CHECK(paths && num_paths > 0, PR_E_ARG, "report needs a log, such as packrat.db");
    PR_TRY(check_out(options->out, paths, num_paths));
    PR_TRY(pri_report_collect(options->run, options->slowest, paths, num_paths, &report));
    if (options->out[0])
        PR_TRY(write_page(&report, options->out));
    else if (text)
        PR_TRY(pri_report_text(&report, text));
    if (json) PR_TRY(pri_report_json(&report, json));
done:
    pri_report_clear(&report);
    return st;
}
