/* command.c: one call of a command from argv to exit status. */
#include "cli/command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"

static const pr_option common_options_list[] = {
    { "json", "", "print one JSON object of results as the only line of standard output", "false",
      PR_OPT_FLAG, offsetof(common_options, json), 0, 1, NULL },
    { "quiet", "", "no progress and no notes; results, warnings and errors only", "false",
      PR_OPT_FLAG, offsetof(common_options, quiet), 0, 1, NULL },
    { "verbose", "", "more notes, and where in packrat an error was raised", "false", PR_OPT_FLAG,
      offsetof(common_options, verbose), 0, 1, NULL },
};

const pr_option_table common_option_table = {
    "Common options", common_options_list, sizeof common_options_list / sizeof *common_options_list
};

/* Print one line "packrat NAME: <sentence>"; bytes a terminal would obey become '?'. */
static void say(const command_call *call, const char *sentence)
{
    char   line[2048];
    size_t n = 0;

    for (const char *c = sentence; *c && n + 1 < sizeof line; c++)
        line[n++] = iscntrl((unsigned char)*c) ? '?' : *c;
    line[n] = '\0';
    fprintf(stderr, "packrat %s: %s\n", call->command->name, line);
}

static void hint(const command_call *call)
{
    fprintf(stderr, "usage: packrat %s %s (see packrat %s --help)\n", call->command->name,
            call->command->usage, call->command->name);
}

int command_fail(const command_call *call, pr_status st)
{
    char        sentence[2048];
    const char *message = pr_error_message(), *place = pr_error_place();

    if (st == PR_E_INTERRUPTED) {
        snprintf(sentence, sizeof sentence, "interrupted by %s; %s", interrupt_name(),
                 call->command->interrupted);
        say(call, sentence);
        return interrupt_exit();
    }
    if (!message[0]) message = pr_status_text(st);
    if (call->common.verbose && place[0])
        snprintf(sentence, sizeof sentence, "%s (%s at %s)", message, pr_status_name(st), place);
    else
        snprintf(sentence, sizeof sentence, "%s", message);
    say(call, sentence);
    if (st == PR_E_ARG) hint(call);
    return pr_status_exit(st);
}

int command_misuse(const command_call *call, const char *format, ...)
{
    char    sentence[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    say(call, sentence);
    hint(call);
    return EXIT_USAGE;
}

/* Find the text option `name`; NULL when the call has none. */
static const pr_option *text_option(const command_call *call, const char *name, const char **value)
{
    for (size_t g = 0; g < call->num_groups; g++)
        for (size_t i = 0; i < call->groups[g].table->num_options; i++) {
            const pr_option *option = &call->groups[g].table->options[i];
            if (option->type != PR_OPT_TEXT || strcmp(option->name, name) != 0) continue;
            *value = (const char *)call->groups[g].target + option->offset;
            return option;
        }
    return NULL;
}

/* Let a lone argument stand for an option, and see that what must be given is. */
static int settle_arguments(command_call *call)
{
    const command *cmd   = call->command;
    const char    *value = NULL;

    if (cmd->positional && call->num_positional) {
        if (text_option(call, cmd->positional, &value) && value[0])
            return command_misuse(call, "'%s' and --%s '%s' both name the %s", call->positional[0],
                                  cmd->positional, value, cmd->positional);
        const pr_status st =
            pr_options_set(call->groups, call->num_groups, cmd->positional, call->positional[0]);
        if (st != PR_OK) return command_fail(call, st);
    }
    for (size_t i = 0; i < COMMAND_MAX_REQUIRED && cmd->required[i]; i++) {
        const pr_option *option = text_option(call, cmd->required[i], &value);
        if (option && !value[0])
            return command_misuse(call, "--%s is missing: %s", option->name, option->help);
    }
    return EXIT_DONE;
}

size_t command_groups(const command *cmd, void *setup, pr_option_group *out)
{
    const size_t n = cmd->groups(setup, out);

    pr_options_init(out, n);
    if (cmd->defaults) cmd->defaults(setup);
    return n;
}

static int parse_and_run(command_call *call, int argc, const char *const *argv)
{
    const command *cmd    = call->command;
    const size_t   most   = cmd->positional ? 1 : cmd->max_positional;
    const size_t   wanted = most < (size_t)argc ? most : (size_t)argc;

    const pr_status st = pr_options_parse(call->groups, call->num_groups, argc, argv,
                                          call->positional, wanted, &call->num_positional);
    if (st != PR_OK) return command_fail(call, st);
    if (call->common.quiet && call->common.verbose)
        return command_misuse(call, "--quiet and --verbose exclude each other");
    if (call->common.quiet) pr_diag_set_level(PR_WARN);
    if (call->common.verbose) pr_diag_set_level(PR_DEBUG);

    const int status = settle_arguments(call);
    return status != EXIT_DONE ? status : cmd->run(call);
}

static bool asks_for_help(int argc, const char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return true;
    return false;
}

int command_main(const command *cmd, int argc, const char *const *argv)
{
    command_call call   = { .command = cmd };
    int          status = EXIT_WORLD;

    if (asks_for_help(argc, argv)) return command_help(cmd, stdout);
    call.setup      = calloc(1, cmd->setup_bytes);
    call.positional = calloc((size_t)argc + 1, sizeof *call.positional);
    if (call.setup && call.positional) {
        call.num_groups                = command_groups(cmd, call.setup, call.groups);
        call.groups[call.num_groups++] = (pr_option_group){ &common_option_table, &call.common };
        pr_options_init(&call.groups[call.num_groups - 1], 1);
        status = parse_and_run(&call, argc, argv);
    } else {
        say(&call, pr_status_text(PR_E_NOMEM));
    }
    free(call.positional);
    free(call.setup);
    return status;
}

/* Print a paragraph wrapped at 78 columns. */
static void paragraph(const char *text, FILE *out)
{
    size_t column = 0;

    while (*text) {
        const size_t n = strcspn(text, " ");
        if (column && column + 1 + n > 78) {
            fputc('\n', out);
            column = 0;
        }
        if (column) fputc(' ', out);
        fwrite(text, 1, n, out);
        column += n + (column > 0);
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

int command_help(const command *cmd, FILE *out)
{
    pr_option_group groups[COMMAND_MAX_GROUPS];
    void           *setup = calloc(1, cmd->setup_bytes); /* only so that groups can point to it */

    if (!setup) {
        fprintf(stderr, "packrat: %s\n", pr_status_text(PR_E_NOMEM));
        return EXIT_WORLD;
    }
    size_t num_groups    = command_groups(cmd, setup, groups);
    groups[num_groups++] = (pr_option_group){ &common_option_table, NULL };
    fprintf(out, "packrat %s: %s\n\nusage: packrat %s %s\n\n", cmd->name, cmd->summary, cmd->name,
            cmd->usage);
    paragraph(cmd->about, out);
    pr_options_help(groups, num_groups, out);
    free(setup);
    return EXIT_DONE;
}
