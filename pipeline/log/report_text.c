/* report_text.c: a report for the terminal. Numbers to the right, words to the left; what came from
 * the file is printed without control characters. */
#include <string.h>

#include "pipeline/log/query.h"

enum { MARGIN = 2, LINE = 100, CELL_BYTES = 256 };

/* Print a text from a file; gives the columns it took. */
static size_t print_clean(FILE *out, const char *text)
{
    size_t width = 0;

    while (*text) {
        uint32_t     code;
        const size_t n = pri_text_next(text, &code);
        if (!out) {
        } else if (code == '?') {
            fputc('?', out);
        } else {
            fwrite(text, 1, n, out);
        }
        text += n;
        width++;
    }
    return width;
}

static void print_spaces(FILE *out, size_t n)
{
    fprintf(out, "%*s", (int)n, "");
}

/* Columns a cell takes. */
static size_t width_of(const char *text)
{
    return print_clean(NULL, text);
}

/* Print words, wrapped behind `indent`. */
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
    size_t column = indent;

    while (*text) {
        char   word[CELL_BYTES];
        size_t n = strcspn(text, " ");
        if (n >= sizeof word) n = sizeof word - 1;
        memcpy(word, text, n);
        word[n]            = '\0';
        const size_t width = width_of(word);
        if (column > indent && column + 1 + width > LINE) {
            fputc('\n', out);
            print_spaces(out, indent);
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        column += print_clean(out, word);
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* Print the one row as a list of names and values. */
static void print_single(FILE *out, const pri_table *table)
{
    size_t widest = 0;
    char   text[CELL_BYTES];

    for (size_t i = 0; i < table->spec->num_columns; i++)
        if (pri_table_shows(table, i)) {
            const size_t width = strlen(table->spec->columns[i].title);
            if (width > widest) widest = width;
        }
    for (size_t i = 0; i < table->spec->num_columns; i++) {
        const pri_table_column *column = &table->spec->columns[i];
        const pri_cell         *cell   = pri_table_cell(table, 0, i);
        if (!pri_table_shows(table, i) || cell->kind == PRI_CELL_NULL) continue;
        pri_cell_print(cell, column->digits, text, sizeof text);
        fprintf(out, "%*s%-*s  ", MARGIN, "", (int)widest, column->title);
        print_wrapped(out, cell->kind == PRI_CELL_TEXT ? cell->text : text, MARGIN + widest + 2);
    }
}

/* Print one value of a column: numbers to the right, nothing behind the last word of a line. */
static void print_value(FILE *out, const char *text, size_t width, bool right, bool last)
{
    const size_t blanks = width - width_of(text);

    if (right) print_spaces(out, blanks);
    print_clean(out, text);
    if (!right && !last) print_spaces(out, blanks);
}

/* How wide a column must be. */
static size_t column_width(const pri_table *table, size_t column)
{
    char   text[CELL_BYTES];
    size_t widest = strlen(table->spec->columns[column].title);

    for (size_t row = 0; row < table->num_rows; row++) {
        pri_cell_print(pri_table_cell(table, row, column), table->spec->columns[column].digits,
                       text, sizeof text);
        const size_t width = width_of(text);
        if (width > widest) widest = width;
    }
    return widest;
}

static void print_rows(FILE *out, const pri_table *table)
{
    size_t width[PRI_MAX_COLUMNS] = { 0 }; /* 0: not shown */
    bool   right[PRI_MAX_COLUMNS];
    char   text[CELL_BYTES];
    size_t last = 0;

    PR_ASSERT(table->spec->num_columns <= PRI_MAX_COLUMNS);
    for (size_t i = 0; i < table->spec->num_columns; i++) {
        right[i] = !pri_table_has_text(table, i);
        if (!pri_table_shows(table, i)) continue;
        width[i] = column_width(table, i);
        last     = i;
    }
    for (size_t row = 0; row <= table->num_rows; row++) { /* row 0 is the heading */
        for (size_t i = 0; i < table->spec->num_columns; i++) {
            if (width[i] == 0) continue;
            if (row == 0)
                snprintf(text, sizeof text, "%s", table->spec->columns[i].title);
            else
                pri_cell_print(pri_table_cell(table, row - 1, i), table->spec->columns[i].digits,
                               text, sizeof text);
            print_spaces(out, MARGIN);
            print_value(out, text, width[i], right[i], i == last);
        }
        fputc('\n', out);
    }
}

/* Print a line for each row; what does not fit is continued, a little to the right. */
static void print_sentences(FILE *out, const pri_table *table)
{
    const size_t column = pri_table_sentence(table);

    for (size_t row = 0; row < table->num_rows; row++) {
        const pri_cell *cell = pri_table_cell(table, row, column);
        if (cell->kind != PRI_CELL_TEXT) continue;
        fputs("  - ", out);
        print_wrapped(out, cell->text, MARGIN + 2);
    }
}

static void print_table(FILE *out, const pri_table *table)
{
    if (table->num_rows == 0) return;
    fprintf(out, "\n%s\n", table->spec->title);
    switch (table->spec->form) {
    case PRI_FORM_ROWS: print_rows(out, table); break;
    case PRI_FORM_SINGLE: print_single(out, table); break;
    case PRI_FORM_SENTENCES: print_sentences(out, table); break;
    }
    if (table->spec->note) {
        print_spaces(out, MARGIN);
        print_wrapped(out, table->spec->note, MARGIN);
    }
}

static void print_run(FILE *out, const pri_report_run *run)
{
    fprintf(out, "run %lld of ", (long long)run->run);
    print_clean(out, run->path);
    fputc('\n', out);
    print_single(out, &run->tables[PRI_REPORT_HEADER]);
    for (size_t i = PRI_REPORT_SUMMARY; i < PRI_NUM_REPORT_TABLES; i++) {
        if (pri_report_shows(run, i)) print_table(out, &run->tables[i]);
        if (i == PRI_REPORT_PHASES && run->tables[i].num_rows == 0) fprintf(out, "\nno steps\n");
    }
}

pr_status pri_report_text(const pri_report *report, FILE *out)
{
    pr_status st = PR_OK;

    for (size_t i = 0; i < report->num_runs; i++) {
        if (i > 0) fputc('\n', out);
        print_run(out, &report->runs[i]);
    }
    print_table(out, &report->comparison);
    PR_CHECK(fflush(out) == 0 && !ferror(out), PR_E_IO, "the report cannot be printed");
done:
    return st;
}
