/* peak.c: run a command and write the most memory that it had (its resident set, in bytes) to a file:
 * peak FILE COMMAND ... */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage used;
    int           status;

    if (argc < 3) return 125;
    const pid_t child = fork();
    if (child < 0) return 125;
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (wait4(child, &status, 0, &used) != child) return 125;
    FILE *file = fopen(argv[1], "w");
    if (!file) return 125;
    fprintf(file, "%lld\n", (long long)used.ru_maxrss * 1024);
    if (fclose(file) != 0) return 125;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
