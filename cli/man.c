/* man.c: the manual page, from the commands and their option tables. */
#include "cli/man.h"

#include <stdlib.h>

#include "cli/command.h"
#include "cli/examples.h"

#define RELEASE_DATE "2026-11-23" /* of PR_VERSION; fixed, so that a build can be repeated */

/* Print words so that roff shows them as they are. */
static void plain(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'') fputs("\\&", out);
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            fputs("\\e", out);
        else if (*c == '-')
            fputs("\\-", out);
        else
            fputc(*c, out);
    }
}

static void print_options(const pr_option_table *table, FILE *out)
{
    const pr_option_group group = { table, NULL };

    pr_options_man(&group, 1, out);
}

/* One section: synopsis, what it does, its own options. Gives false without memory. */
static bool print_command(const command *cmd, FILE *out)
{
    pr_option_group groups[COMMAND_MAX_GROUPS];
    void           *setup = calloc(1, cmd->setup_bytes); /* only so that groups can point to it */

    if (!setup) return false;
    const size_t num_groups = command_groups(cmd, setup, groups);
    fprintf(out, ".SH \"PACKRAT ");
    for (const char *c = cmd->name; *c; c++) fputc(*c - 'a' + 'A', out);
    fprintf(out, "\"\n\\fBpackrat %s\\fR ", cmd->name);
    plain(out, cmd->usage);
    fprintf(out, "\n.PP\n");
    plain(out, cmd->about);
    fprintf(out, "\n");
    pr_options_man(groups, num_groups, out);
    free(setup);
    return true;
}

static void print_head(FILE *out)
{
    fprintf(out,
            ".TH PACKRAT 1 \"" RELEASE_DATE "\" \"packrat %s\" \"User Commands\"\n"
            ".SH NAME\npackrat \\- GNN training on CPUs through a paired feature cache\n"
            ".SH SYNOPSIS\n\\fBpackrat\\fR \\fIcommand\\fR [\\fIoptions\\fR]\n"
            ".SH DESCRIPTION\n",
            PR_VERSION);
    plain(out, "Packrat trains graph neural networks on mini-batches. The feature rows that a "
               "batch reads stay packed in a cache; a step moves only rows that are not there "
               "yet, and logs what it moved and what it cost to an SQLite database.\n");
    fprintf(out, ".PP\nThe commands:\n");
    for (size_t i = 0; all_commands[i]; i++) {
        fprintf(out, ".TP\n\\fB%s\\fR\n", all_commands[i]->name);
        plain(out, all_commands[i]->summary);
        fprintf(out, "\n");
    }
}

static void print_tail(FILE *out)
{
    fprintf(out, ".SH \"OPTIONS OF ALL COMMANDS\"\n");
    print_options(&common_option_table, out);
    fprintf(out, ".TP\n\\fB\\-\\-config\\fR \\fIfile\\fR\n"
                 "read options from a JSON object of names and values; the command line wins.\n"
                 ".TP\n\\fB\\-\\-help\\fR\nprint the options of a command.\n");
    fprintf(out,
            ".SH \"EXIT STATUS\"\n"
            ".TP\n0\ndone\n"
            ".TP\n1\nthe world failed: a full disk, no memory, an output that is refused\n"
            ".TP\n2\nbad usage or bad input\n"
            ".TP\n130, 143\nended early by SIGINT or SIGTERM, but for \\fBserve\\fR, which ends "
            "with 0; a second signal ends at once\n");
    fprintf(out, ".SH FILES\n.TP\n\\fIpackrat.db\\fR\n"
                 "the step log that \\fBtrain\\fR appends to and \\fBreport\\fR reads, "
                 "unless \\fB\\-\\-log\\fR names another; \\fB\\-\\-log none\\fR keeps none.\n"
                 ".TP\n\\fI$XDG_CACHE_HOME/packrat/tune.json\\fR, else "
                 "\\fI~/.cache/packrat/tune.json\\fR\n"
                 "what \\fBtune\\fR found out about hosts; \\fBtrain\\fR, \\fBeval\\fR and "
                 "\\fBinfer\\fR load it, unless \\fB\\-\\-tuning\\fR names another; "
                 "\\fB\\-\\-tuning none\\fR loads none.\n");
    fprintf(out, ".SH EXAMPLES\n");
    for (int i = 0; i < NUM_EXAMPLES; i++) {
        if (i > 0) fprintf(out, ".PP\n");
        plain(out, examples[i].words);
        fprintf(out, ":\n.PP\n.RS 4\n.nf\n");
        plain(out, examples[i].line);
        fprintf(out, "\n.fi\n.RE\n");
    }
}

int print_man(FILE *out)
{
    print_head(out);
    for (size_t i = 0; all_commands[i]; i++)
        if (!print_command(all_commands[i], out)) return EXIT_WORLD;
    print_tail(out);
    return EXIT_DONE;
}
