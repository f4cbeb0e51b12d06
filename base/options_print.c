/* options_print.c: options tables as help text, as a man page and as values. */
#include "base/options.h"

#include <stdlib.h>
#include <string.h>

static void real_text(double value, char *out, size_t bytes)
{
    for (int digits = 6; digits <= 17; digits++) { /* the shortest that reads back */
        snprintf(out, bytes, "%.*g", digits, value);
        if (strtod(out, NULL) == value) break;
    }
}

void pri_option_text(const pr_option *option, const void *target, char *out, size_t bytes)
{
    const void *at = (const char *)target + option->offset;

    switch (option->type) {
    case PR_OPT_FLAG: snprintf(out, bytes, "%s", *(const bool *)at ? "true" : "false"); break;
    case PR_OPT_U32: snprintf(out, bytes, "%u", *(const uint32_t *)at); break;
    case PR_OPT_AUTO_U32:
        if (*(const uint32_t *)at == PR_OPT_AUTO)
            snprintf(out, bytes, "auto");
        else
            snprintf(out, bytes, "%u", *(const uint32_t *)at);
        break;
    case PR_OPT_U64:
    case PR_OPT_BYTES:
        snprintf(out, bytes, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case PR_OPT_REAL: real_text(*(const double *)at, out, bytes); break;
    case PR_OPT_TEXT: snprintf(out, bytes, "%s", (const char *)at); break;
    case PR_OPT_CHOICE: {
        const char *choice = option->choices;
        for (int i = *(const int *)at; i > 0 && *choice; i--) {
            choice += strcspn(choice, "|");
            choice += *choice == '|';
        }
        const bool known = *(const int *)at >= 0;
        snprintf(out, bytes, "%.*s", known ? (int)strcspn(choice, "|") : 0, choice);
        break;
    }
    }
}

void pri_option_allowed(const pr_option *option, char *out, size_t bytes)
{
    char low[32], high[32];

    switch (option->type) {
    case PR_OPT_CHOICE: snprintf(out, bytes, "%s", option->choices); break;
    case PR_OPT_FLAG: snprintf(out, bytes, "true|false"); break;
    case PR_OPT_TEXT: snprintf(out, bytes, "text"); break;
    default:
        if (option->type != PR_OPT_REAL) {
            const uint64_t limit = option->type == PR_OPT_U32        ? UINT32_MAX
                                   : option->type == PR_OPT_AUTO_U32 ? PR_OPT_AUTO - 1
                                                                     : UINT64_MAX;
            const uint64_t most  = option->max >= (double)limit ? limit : (uint64_t)option->max;
            snprintf(low, sizeof low, "%.0f", option->min);
            snprintf(high, sizeof high, "%llu", (unsigned long long)most);
        } else {
            real_text(option->min, low, sizeof low);
            real_text(option->max, high, sizeof high);
        }
        snprintf(out, bytes, "%s .. %s%s", low, high,
                 option->type == PR_OPT_BYTES      ? " (K, M, G, T allowed)"
                 : option->type == PR_OPT_AUTO_U32 ? " or auto"
                                                   : "");
    }
}

/* Print words wrapped at 78 columns, each line behind `indent` blanks. */
static void wrapped(FILE *out, const char *text, size_t indent)
{
    size_t column = 0;

    while (*text) {
        const size_t n = strcspn(text, " ");
        if (column == 0 || column + 1 + n > 78) {
            fprintf(out, "%s%*s", column ? "\n" : "", (int)indent, "");
            column = indent;
        } else {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, n, out);
        column += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

/* Print what the value looks like: the choices, the unit, or nothing for a flag. */
static const char *value_word(const pr_option *option)
{
    if (option->type == PR_OPT_CHOICE) return option->choices;
    if (option->type == PR_OPT_FLAG) return "";
    return option->unit && option->unit[0] ? option->unit : "value";
}

void pr_options_help(const pr_option_group *groups, size_t num_groups, FILE *out)
{
    char allowed[512], initial[512], text[1536];

    for (size_t g = 0; g < num_groups; g++) {
        fprintf(out, "\n%s:\n", groups[g].table->title);
        for (size_t i = 0; i < groups[g].table->num_options; i++) {
            const pr_option *option = &groups[g].table->options[i];
            fprintf(out, "  --%s %s\n", option->name, value_word(option));
            pri_option_allowed(option, allowed, sizeof allowed);
            const bool number = option->type != PR_OPT_CHOICE && option->type != PR_OPT_FLAG &&
                                option->type != PR_OPT_TEXT;
            pri_option_default(option, groups[g].target, initial, sizeof initial);
            snprintf(text, sizeof text, "%s%s%s%s%s%s", option->help, number ? "; " : "",
                     number ? allowed : "", initial[0] ? " (default " : "", initial,
                     initial[0] ? ")" : "");
            wrapped(out, text, 8);
        }
    }
    fprintf(out, "\n  --config file\n");
    wrapped(out, "read options from a JSON object of names and values; the command line wins", 8);
}

/* Print text with roff's special characters made plain. */
static void roff(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            fputs("\\e", out);
        else if (*c == '-')
            fputs("\\-", out);
        else if ((*c == '.' || *c == '\'') && c == text)
            fprintf(out, "\\&%c", *c);
        else
            fputc(*c, out);
    }
}

void pr_options_man(const pr_option_group *groups, size_t num_groups, FILE *out)
{
    char allowed[512], initial[512];

    for (size_t g = 0; g < num_groups; g++) {
        fprintf(out, ".SS \"%s\"\n", groups[g].table->title);
        for (size_t i = 0; i < groups[g].table->num_options; i++) {
            const pr_option *option = &groups[g].table->options[i];
            fprintf(out, ".TP\n\\fB\\-\\-");
            roff(out, option->name);
            fprintf(out, "\\fR \\fI");
            roff(out, value_word(option));
            fprintf(out, "\\fR\n");
            roff(out, option->help);
            if (option->type != PR_OPT_CHOICE && option->type != PR_OPT_FLAG &&
                option->type != PR_OPT_TEXT) {
                pri_option_allowed(option, allowed, sizeof allowed);
                fprintf(out, "; ");
                roff(out, allowed);
            }
            pri_option_default(option, groups[g].target, initial, sizeof initial);
            if (initial[0]) {
                fprintf(out, " (default ");
                roff(out, initial);
                fprintf(out, ")");
            }
            fprintf(out, ".\n");
        }
    }
}
