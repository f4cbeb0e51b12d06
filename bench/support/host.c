/* host.c: CPU, kernel, compiler, commit, date and command of a run. */
#include "bench/support/host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "bench/support/bench.h"
#include "bench/support/memory.h"
#include "bench/support/samples.h"

enum { WORD_BYTES = 256, COMMAND_BYTES = 2048 };

static void first_line(FILE *file, char *out, size_t bytes)
{
    if (!file || !fgets(out, (int)bytes, file)) snprintf(out, bytes, "unknown");
    out[strcspn(out, "\n")] = 0;
}

static void cpu_model(char *out, size_t bytes)
{
    FILE *info = fopen("/proc/cpuinfo", "r");
    char  line[WORD_BYTES];

    snprintf(out, bytes, "unknown");
    while (info && fgets(line, sizeof line, info))
        if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
            snprintf(out, bytes, "%s", strchr(line, ':') + 2);
            out[strcspn(out, "\n")] = 0;
            break;
        }
    if (info) fclose(info);
}

/* "always", "madvise" or "never": the word in brackets. */
static void huge_page_mode(char *out, size_t bytes)
{
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    char  line[WORD_BYTES];

    first_line(file, line, sizeof line);
    if (file) fclose(file);
    const char *open = strchr(line, '[');
    if (open) {
        snprintf(out, bytes, "%s", open + 1);
        out[strcspn(out, "]")] = 0;
    } else {
        snprintf(out, bytes, "%s", line);
    }
}

static void commit(char *out, size_t bytes)
{
    FILE *git = popen("git -C '" BENCH_SOURCE_DIR "' describe --always --dirty 2>/dev/null", "r");
    first_line(git, out, bytes);
    if (git) pclose(git);
}

static void command_line(int argc, char *const *argv, char *out, size_t bytes)
{
    size_t at = 0;
    out[0]    = 0;
    for (int i = 0; i < argc && at < bytes; i++) {
        const int n = snprintf(out + at, bytes - at, "%s%s", i ? " " : "", argv[i]);
        at += n > 0 ? (size_t)n : 0;
    }
}

pr_json *bench_host_json(int argc, char *const *argv)
{
    pr_json       *host = pr_json_object();
    char           word[WORD_BYTES], command[COMMAND_BYTES];
    struct utsname name;
    const time_t   now = time(NULL);
    struct tm      day;

    if (!host) bench_fail("no memory");
    cpu_model(word, sizeof word);
    BENCH_TRY(pr_json_set_string(host, "cpu", word));
    BENCH_TRY(pr_json_set_int(host, "cores", sysconf(_SC_NPROCESSORS_ONLN)));
    BENCH_TRY(pr_json_set_int(host, "l3_bytes", (int64_t)bench_llc_bytes()));
    snprintf(word, sizeof word, "unknown");
    if (uname(&name) == 0) /* the version alone: what follows names a build */
        snprintf(word, sizeof word, "%s %.*s", name.sysname, (int)strcspn(name.release, "-"),
                 name.release);
    BENCH_TRY(pr_json_set_string(host, "kernel", word));
    huge_page_mode(word, sizeof word);
    BENCH_TRY(pr_json_set_string(host, "huge_pages", word));
#if defined(__clang__)
    BENCH_TRY(pr_json_set_string(host, "compiler", __VERSION__));
#else
    BENCH_TRY(pr_json_set_string(host, "compiler", "gcc " __VERSION__));
#endif
    BENCH_TRY(pr_json_set_string(host, "build", BENCH_BUILD));
    commit(word, sizeof word);
    BENCH_TRY(pr_json_set_string(host, "commit", word));
    BENCH_TRY(pr_json_set_string(host, "packrat", PR_VERSION));
    strftime(word, sizeof word, "%Y-%m-%d", gmtime_r(&now, &day));
    BENCH_TRY(pr_json_set_string(host, "date", word));
    command_line(argc, argv, command, sizeof command);
    BENCH_TRY(pr_json_set_string(host, "command", command));
    BENCH_TRY(pr_json_set_real(host, "clock_ns", bench_clock_ns()));
    BENCH_TRY(pr_json_set_string(host, "openblas_coretype", getenv("OPENBLAS_CORETYPE")));
    return host;
}

void bench_host_print(const pr_json *host, FILE *out)
{
    /* the walk changes nothing, but its iterators are made for objects that may change */
    for (void *at = pri_json_next((pr_json *)host, NULL); at;
         at       = pri_json_next((pr_json *)host, at)) {
        const pr_json *value = pri_json_value(at);
        const char    *text  = pri_json_as_string(value);
        double         real;
        if (text)
            fprintf(out, "# %s: %s\n", pri_json_key(at), text);
        else if (pri_json_as_real(value, &real))
            fprintf(out, "# %s: %.15g\n", pri_json_key(at), real);
        else
            fprintf(out, "# %s: unset\n", pri_json_key(at));
    }
}
