/* command.h: what all commands share: their description, the call that was made, how errors are
 * said and how results leave. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <packrat/base.h>

enum { COMMAND_MAX_GROUPS = 16, COMMAND_MAX_REQUIRED = 4 };

enum { EXIT_DONE = 0, EXIT_WORLD = 1, EXIT_USAGE = 2 };

/* Options of every command. */
typedef struct common_options {
    bool json, quiet, verbose;
} common_options;

struct command;

/* One call of a command, options read. */
typedef struct command_call {
    const struct command *command;
    common_options        common;
    void                 *setup;                      /* the command's own options struct */
    pr_option_group       groups[COMMAND_MAX_GROUPS]; /* the command's, then the common ones */
    size_t                num_groups;
    const char          **positional; /* [num_positional] borrowed from argv */
    size_t                num_positional;
} command_call;

/* A command: everything main, help and the man page need to know. */
typedef struct command {
    const char *name, *summary; /* summary: half a sentence, small letter first */
    const char *usage;          /* what follows "packrat NAME" */
    const char *about;          /* one paragraph */
    size_t      setup_bytes;
    size_t (*groups)(void *setup, pr_option_group *out); /* gives how many, one below the most */
    void (*defaults)(void *setup);              /* where they are not the tables'; NULL: nowhere */
    const char *required[COMMAND_MAX_REQUIRED]; /* text options that must be given */
    const char *positional;     /* the text option that a lone argument sets; NULL: none */
    size_t      max_positional; /* arguments run() takes itself, when positional is NULL */
    const char *interrupted;    /* what a run that was interrupted leaves; NULL: run() looks at
                                 * no flag, a signal ends it at once */
    bool reloads;               /* SIGHUP means something to run(): interrupt_reloads() counts */
    int (*run)(command_call *call); /* gives the exit status; errors are said by then */
} command;

extern const command command_explain;
extern const command command_import, command_gen, command_train, command_eval, command_infer;
extern const command command_report, command_topo, command_tune, command_reorder, command_partition;
extern const command command_convert, command_weights, command_serve;

/* All commands in the order of help; ends with NULL. */
extern const command *const all_commands[];

extern const pr_option_table common_option_table;

/* Give the groups of a command, all options at their defaults; how many, one below the most. */
size_t command_groups(const command *cmd, void *setup, pr_option_group *out);

/* Read the options in argv (after the command's name), run, give the exit status. */
int command_main(const command *cmd, int argc, const char *const *argv);

/* Print a command's help; give the exit status. */
int command_help(const command *cmd, FILE *out);

/* Say the library's last error, give its exit status. */
int command_fail(const command_call *call, pr_status st);

/* Say what is wrong with how the command was used, give EXIT_USAGE. */
int command_misuse(const command_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
