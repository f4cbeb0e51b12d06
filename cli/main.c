/* main.c: from the command line to a command. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <packrat/base.h>

#include "cli/command.h"
#include "cli/examples.h"
#include "cli/interrupt.h"
#include "cli/man.h"

const command *const all_commands[] = { &command_import,  &command_gen,       &command_reorder,
                                        &command_convert, &command_partition, &command_train,
                                        &command_explain, &command_eval,      &command_infer,
                                        &command_serve,   &command_weights,   &command_report,
                                        &command_topo,    &command_tune,      NULL };

static const command *find_command(const char *name)
{
    for (size_t i = 0; all_commands[i]; i++)
        if (!strcmp(all_commands[i]->name, name)) return all_commands[i];
    return NULL;
}

enum { MAX_WORD = 24 };

/* Count the edits (insert, delete, replace, swap neighbours) from one word to the other; words of
 * MAX_WORD bytes or more are far from everything. */
static int edits(const char *a, const char *b)
{
    int       d[MAX_WORD][MAX_WORD];
    const int n = (int)strnlen(a, MAX_WORD), m = (int)strnlen(b, MAX_WORD);

    if (n >= MAX_WORD || m >= MAX_WORD) return MAX_WORD;
    for (int i = 0; i <= n; i++) d[i][0] = i;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++)
        for (int j = 1; j <= m; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && d[i - 2][j - 2] + 1 < best) best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

static int unknown_command(const char *name)
{
    const command *nearest = NULL;
    int            least   = 3; /* a word with more edits is another word */

    for (size_t i = 0; all_commands[i]; i++) {
        const char *other = all_commands[i]->name;
        int         far   = edits(name, other);
        if (name[0] && !strncmp(name, other, strlen(name))) far = 0; /* it only was not ended */
        if (far < least) {
            least   = far;
            nearest = all_commands[i];
        }
    }
    fprintf(stderr, "packrat: there is no command '%.100s'", name);
    if (nearest) fprintf(stderr, "; did you mean '%s'?", nearest->name);
    fprintf(stderr, "\n");
    if (!nearest) {
        fprintf(stderr, "commands:");
        for (size_t i = 0; all_commands[i]; i++) fprintf(stderr, " %s", all_commands[i]->name);
        fprintf(stderr, " (see packrat --help)\n");
    }
    return EXIT_USAGE;
}

static void print_commands(void)
{
    printf("usage: packrat COMMAND [options]\n\ncommands:\n");
    for (size_t i = 0; all_commands[i]; i++)
        printf("  %-9s %s\n", all_commands[i]->name, all_commands[i]->summary);
    printf("\npackrat COMMAND --help lists a command's options; packrat --version.\n");
}

static void print_examples(void)
{
    printf("packrat: GNN training on CPUs through a paired feature cache\n\n"
           "five examples, to be tried in this order:\n\n");
    for (int i = 0; i < NUM_EXAMPLES; i++)
        printf("  # %s\n  %s\n\n", examples[i].words, examples[i].line);
    print_commands();
}

static int help(int argc, const char *const *argv)
{
    if (argc == 0) {
        print_commands();
        return EXIT_DONE;
    }
    const command *cmd = find_command(argv[0]);
    return cmd ? command_help(cmd, stdout) : unknown_command(argv[0]);
}

static int dispatch(int argc, const char *const *argv)
{
    if (argc < 2) {
        print_examples();
        return EXIT_DONE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--version") || !strcmp(word, "version")) {
        printf("packrat %s\n", PR_VERSION);
        return EXIT_DONE;
    }
    if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h"))
        return help(argc - 2, argv + 2);
    if (!strcmp(word, "man") && argc == 2) return print_man(stdout);

    const command *cmd = find_command(word);
    if (cmd && cmd->interrupted) interrupt_install();
    if (cmd && cmd->reloads) interrupt_install_reload();
    if (cmd) return command_main(cmd, argc - 2, argv + 2);
    if (word[0] != '-') return unknown_command(word);
    fprintf(stderr, "packrat: unknown option %.100s before a command (see packrat --help)\n", word);
    return EXIT_USAGE;
}

/* See that descriptors 0 to 2 are taken, lest a file of ours becomes standard output. */
static void take_standard_streams(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) (void)close(fd);
}

int main(int argc, char **argv)
{
    take_standard_streams();
    interrupt_outlive_writes();
    interrupt_tell_bus_errors();
    const int status = dispatch(argc, (const char *const *)argv);

    bool        refused = ferror(stdout) != 0; /* earlier: the reason is gone by now */
    const char *reason  = "";
    if (fclose(stdout) != 0) {
        refused = true;
        reason  = strerror(errno);
    }
    if (!refused) return status;
    fprintf(stderr, "packrat: cannot write to standard output%s%s\n", reason[0] ? ": " : "",
            reason);
    return status == EXIT_DONE ? EXIT_WORLD : status;
}
