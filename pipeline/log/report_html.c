/* report_html.c: a report as one HTML page: no script, no picture, nothing fetched. The same tables
 * as the text, with percentages drawn as bars of plain CSS; light or dark as the reader's system
 * asks; wide tables scroll on a narrow screen. All that came from the file is escaped. */
#include <string.h>

#include "pipeline/log/query.h"

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\""
    " content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>packrat report</title>\n<style>\n";

static const char page_style[] =
    ":root { --ground: #fbfaf7; --card: #ffffff; --ink: #22201c; --soft: #6d675d; --line: #e4dfd5;"
    " --bar: #c9dcd6; --accent: #1f6f5c; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ground: #171614; --card: #201f1c;"
    " --ink: #ece8e0; --soft: #a39c8f; --line: #37342f; --bar: #2b4f46; --accent: #7fcab4; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem 4rem; background: "
    "var(--ground);"
    " color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.6rem; margin: 0 0 .25rem; }\n"
    "h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; overflow-wrap: anywhere; }\n"
    "h3 { font-size: .8rem; margin: 1.75rem 0 .5rem; color: var(--accent); letter-spacing: .06em;"
    " text-transform: uppercase; }\n"
    "p { margin: .5rem 0 0; color: var(--soft); font-size: .875rem; }\n"
    "nav a { color: var(--accent); margin-right: 1rem; }\n"
    ".card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;"
    " padding: .5rem 1rem; overflow-x: auto; }\n"
    "table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }\n"
    "th { color: var(--soft); font-weight: 600; font-size: .8rem; text-align: left; }\n"
    "th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }\n"
    "tr:last-child td { border-bottom: 0; }\n"
    "th.number, td.number { text-align: right; }\n"
    "td.bar { min-width: 8rem; position: relative; text-align: right; }\n"
    "td.bar i { position: absolute; left: .5rem; top: .3rem; bottom: .3rem; background: var(--bar);"
    " border-radius: 3px; }\n"
    "td.bar b { position: relative; font-weight: inherit; }\n"
    "dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: .5rem "
    "0;"
    " }\nul { margin: .25rem 0; padding-left: 1.1rem; } li { overflow-wrap: anywhere; }\n"
    "dt { color: var(--soft); }\ndd { margin: 0; overflow-wrap: anywhere; }\n"
    ".tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr));"
    " gap: .75rem; margin: .75rem 0; }\n"
    ".tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px;"
    " padding: .7rem 1rem; }\n"
    ".tiles strong { display: block; font-size: 1.6rem; line-height: 1.2;"
    " font-variant-numeric: tabular-nums; }\n"
    ".tiles span { color: var(--soft); font-size: .8rem; }\n"
    "@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: "
    ".4rem;"
    " } }\n"
    "@media print { body { max-width: none; padding: 0; } .card { border: 0; padding: 0; } }\n";

/* Print a text from a file as HTML text. */
static void print_escaped(FILE *out, const char *text)
{
    while (*text) {
        uint32_t     code;
        const size_t n = pri_text_next(text, &code);
        switch (code) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        case '?': fputc('?', out); break;
        default: fwrite(text, 1, n, out);
        }
        text += n;
    }
}

static void print_cell(FILE *out, const pri_cell *cell, int digits)
{
    char text[256];

    if (cell->kind == PRI_CELL_TEXT) {
        print_escaped(out, cell->text);
    } else {
        pri_cell_print(cell, digits, text, sizeof text);
        fputs(cell->kind == PRI_CELL_NULL ? "&ndash;" : text, out);
    }
}

/* The length of a percentage's bar, 0 .. 1; more does not fit. */
static double bar_length(const pri_cell *cell)
{
    const double value = cell->kind == PRI_CELL_REAL  ? cell->real
                         : cell->kind == PRI_CELL_INT ? (double)cell->integer
                                                      : 0.0;
    return value > 100.0 ? 1.0 : value > 0.0 ? value / 100.0 : 0.0;
}

static void print_value(FILE *out, const pri_table *table, size_t row, size_t column, bool number)
{
    const pri_table_column *about = &table->spec->columns[column];
    const pri_cell         *cell  = pri_table_cell(table, row, column);

    if (about->bar && cell->kind != PRI_CELL_NULL) {
        fprintf(out, "<td class=\"bar\"><i style=\"width:calc((100%% - 4rem) * %.4f)\"></i><b>",
                bar_length(cell));
        print_cell(out, cell, about->digits);
        fputs("</b></td>", out);
    } else {
        fputs(number ? "<td class=\"number\">" : "<td>", out);
        print_cell(out, cell, about->digits);
        fputs("</td>", out);
    }
}

static void print_rows(FILE *out, const pri_table *table)
{
    bool shown[PRI_MAX_COLUMNS], number[PRI_MAX_COLUMNS];

    PR_ASSERT(table->spec->num_columns <= PRI_MAX_COLUMNS);
    fputs("<div class=\"card\"><table>\n<thead><tr>", out);
    for (size_t i = 0; i < table->spec->num_columns; i++) {
        shown[i]  = pri_table_shows(table, i);
        number[i] = !pri_table_has_text(table, i);
        if (shown[i])
            fprintf(out, "<th scope=\"col\"%s>%s</th>", number[i] ? " class=\"number\"" : "",
                    table->spec->columns[i].title);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t row = 0; row < table->num_rows; row++) {
        fputs("<tr>", out);
        for (size_t i = 0; i < table->spec->num_columns; i++)
            if (shown[i]) print_value(out, table, row, i, number[i]);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void print_sentences(FILE *out, const pri_table *table)
{
    const size_t column = pri_table_sentence(table);

    fputs("<div class=\"card\"><ul>\n", out);
    for (size_t row = 0; row < table->num_rows; row++) {
        fputs("<li>", out);
        print_cell(out, pri_table_cell(table, row, column), 0);
        fputs("</li>\n", out);
    }
    fputs("</ul></div>\n", out);
}

static void print_table(FILE *out, const pri_table *table)
{
    if (table->num_rows == 0) return;
    fprintf(out, "<h3>%s</h3>\n", table->spec->title);
    if (table->spec->form == PRI_FORM_SENTENCES)
        print_sentences(out, table);
    else
        print_rows(out, table);
    if (table->spec->note) {
        fputs("<p>", out);
        print_escaped(out, table->spec->note);
        fputs("</p>\n", out);
    }
}

/* The known figures of a single row: large tiles, or a list. */
static void print_single(FILE *out, const pri_table *table, bool tiles)
{
    if (table->num_rows == 0) return;
    fputs(tiles ? "<div class=\"tiles\">\n" : "<div class=\"card\"><dl>\n", out);
    for (size_t i = 0; i < table->spec->num_columns; i++) {
        const pri_table_column *column = &table->spec->columns[i];
        const pri_cell         *cell   = pri_table_cell(table, 0, i);
        if (!pri_table_shows(table, i) || cell->kind == PRI_CELL_NULL) continue;
        if (!tiles) fprintf(out, "<dt>%s</dt>", column->title);
        fputs(tiles ? "<div><strong>" : "<dd>", out);
        print_cell(out, cell, column->digits);
        if (tiles)
            fprintf(out, "</strong><span>%s</span></div>\n", column->title);
        else
            fputs("</dd>\n", out);
    }
    fputs(tiles ? "</div>\n" : "</dl></div>\n", out);
}

static void print_run(FILE *out, const pri_report_run *run, size_t number)
{
    fprintf(out, "<section id=\"run-%zu\">\n<h2>Run %lld of ", number, (long long)run->run);
    print_escaped(out, run->path);
    fputs("</h2>\n", out);
    print_single(out, &run->tables[PRI_REPORT_SUMMARY], true);
    print_single(out, &run->tables[PRI_REPORT_HEADER], false);
    for (size_t i = PRI_REPORT_SUMMARY + 1; i < PRI_NUM_REPORT_TABLES; i++)
        if (pri_report_shows(run, i)) print_table(out, &run->tables[i]);
    if (run->tables[PRI_REPORT_PHASES].num_rows == 0) fputs("<p>This run has no steps.</p>\n", out);
    fputs("</section>\n", out);
}

pr_status pri_report_html(const pri_report *report, FILE *out)
{
    pr_status st = PR_OK;

    fputs(page_head, out);
    fputs(page_style, out);
    fputs("</style>\n</head>\n<body>\n<h1>packrat report</h1>\n", out);
    if (report->num_runs > 1) {
        fputs("<nav>", out);
        for (size_t i = 0; i < report->num_runs; i++) {
            fprintf(out, "<a href=\"#run-%zu\">run %lld", i + 1, (long long)report->runs[i].run);
            if (report->num_paths > 1) {
                fputs(" of ", out);
                print_escaped(out, report->runs[i].path);
            }
            fputs("</a> ", out);
        }
        fputs("</nav>\n", out);
        print_table(out, &report->comparison);
    }
    for (size_t i = 0; i < report->num_runs; i++) print_run(out, &report->runs[i], i + 1);
    fputs("<p>Written by packrat " PR_VERSION ". The same figures in SQL: docs/step-log.md.</p>\n"
          "</body>\n</html>\n",
          out);
    PR_CHECK(fflush(out) == 0 && !ferror(out), PR_E_NOMEM, "out of memory for the report's page");
done:
    return st;
}
