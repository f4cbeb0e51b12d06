/* progress.c: a bar where somebody looks, plain lines where somebody will. */
#include "cli/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/interrupt.h"

enum { LINE_BYTES = 256, BAR_CELLS = 24, MIN_COLUMNS = 20 };

static const int64_t line_every_ns = 2000000000; /* plain lines, between epochs */
static const int64_t bar_every_ns  = 100000000;

/* Append words to a line that may be cut. */
__attribute__((format(printf, 2, 3))) static void add(char line[LINE_BYTES], const char *format,
                                                      ...)
{
    const size_t used = strlen(line);
    va_list      args;

    va_start(args, format);
    (void)vsnprintf(line + used, LINE_BYTES - used, format, args);
    va_end(args);
}

/* Say how far inference is: "1200/60000 rows, 31 %, 1.20 M rows/s, 4.2 s, 9.3 s left"; rows count
 * once for every pass that is made over them. */
static void describe_rows(const pr_progress *now, char line[LINE_BYTES])
{
    const double seconds = (double)now->elapsed_ns * 1e-9;
    const double rate    = seconds > 0 ? (double)now->step / seconds : 0;

    add(line, "%llu/%llu rows, %.0f %%", (unsigned long long)now->step,
        (unsigned long long)now->steps, 100 * (double)now->step / (double)now->steps);
    add(line, ", %.3g M rows/s, %.1f s", rate * 1e-6, seconds);
    if (rate > 0) add(line, ", %.1f s left", (double)(now->steps - now->step) / rate);
}

/* Say what is known: "epoch 3/10, step 120/400, loss 0.7311, val 71.20 %, 4.2 s". */
static void describe(const progress *p, const pr_progress *now, char line[LINE_BYTES])
{
    if (now->steps && !strcmp(now->stage, "infer")) {
        describe_rows(now, line);
        return;
    }
    if (now->epochs) add(line, "epoch %u/%u, ", now->epoch + 1, now->epochs);
    if (now->steps)
        add(line, "step %llu/%llu", (unsigned long long)now->step, (unsigned long long)now->steps);
    else
        add(line, "step %llu", (unsigned long long)now->step);
    if (isfinite(now->loss)) add(line, ", loss %.4f", now->loss);
    if (isfinite(p->val_accuracy)) add(line, ", val %.2f %%", 100 * p->val_accuracy);
    if (now->val_mrr > 0) add(line, ", val MRR %.4f", now->val_mrr);
    add(line, ", %.1f s", (double)now->elapsed_ns * 1e-9);
}

static size_t terminal_columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < MIN_COLUMNS) return 80;
    return size.ws_col;
}

/* Append a bar. */
static void add_bar(char line[LINE_BYTES], double share)
{
    const int cells = (int)(fmin(1.0, share) * BAR_CELLS);

    add(line, "[%.*s%.*s] ", cells, "########################", BAR_CELLS - cells,
        "........................");
}

/* Draw over the line that stands there; never wider than the terminal, or it would scroll. */
static void draw(progress *p, char line[LINE_BYTES])
{
    const size_t columns = terminal_columns();
    if (strlen(line) >= columns && columns <= LINE_BYTES) line[columns - 1] = '\0';
    fprintf(stderr, "\r%s\033[K", line);
    p->drawn = true;
}

static void draw_bar(progress *p, const pr_progress *now)
{
    char line[LINE_BYTES] = "";

    add(line, "%s ", now->stage);
    if (now->steps) add_bar(line, (double)now->step / (double)now->steps);
    describe(p, now, line);
    draw(p, line);
}

static void on_progress(void *context, const pr_progress *now)
{
    progress     *p     = context;
    const int64_t at_ns = pr_now_ns();

    if (isfinite(now->val_accuracy)) p->val_accuracy = now->val_accuracy;
    if (p->quiet) return;
    const int64_t pause_ns = p->terminal ? bar_every_ns : line_every_ns;
    if (!now->epoch_end && at_ns - p->last_ns < pause_ns) return;
    p->last_ns = at_ns;
    if (p->terminal) {
        draw_bar(p, now);
    } else {
        char line[LINE_BYTES] = "";
        describe(p, now, line);
        const bool other = strcmp(now->stage, p->command) != 0;
        fprintf(stderr, "packrat %s: %s%s%s\n", p->command, other ? now->stage : "",
                other ? ": " : "", line);
    }
}

/* Say how far work on files is: "1.2 of 3.0 GiB, 40 %, 4.2 s". */
static void describe_bytes(const progress *p, uint64_t done, uint64_t total, char line[LINE_BYTES])
{
    const bool   large = total >= UINT64_C(1) << 30;
    const double unit  = large ? 0x1p30 : 0x1p20;

    if (total > 0)
        add(line, "%.1f of %.1f %s, %.0f %%", (double)done / unit, (double)total / unit,
            large ? "GiB" : "MiB", 100 * (double)done / (double)total);
    else
        add(line, "%.1f MiB", (double)done / 0x1p20);
    add(line, ", %.1f s", (double)(pr_now_ns() - p->begin_ns) * 1e-9);
}

static void on_bytes(void *context, const char *stage, uint64_t done, uint64_t total)
{
    progress     *p                = context;
    const int64_t at_ns            = pr_now_ns();
    char          line[LINE_BYTES] = "";

    if (p->quiet) return;
    if (at_ns - p->last_ns < (p->terminal ? bar_every_ns : line_every_ns)) return;
    p->last_ns = at_ns;
    if (p->terminal) {
        add(line, "%s ", stage);
        if (total > 0) add_bar(line, (double)done / (double)total);
        describe_bytes(p, done, total, line);
        draw(p, line);
    } else {
        describe_bytes(p, done, total, line);
        fprintf(stderr, "packrat %s: %s: %s\n", p->command, stage, line);
    }
}

void progress_begin(progress *p, const char *command, bool quiet)
{
    *p = (progress){ .command      = command,
                     .quiet        = quiet,
                     .terminal     = isatty(STDERR_FILENO) == 1,
                     .begin_ns     = pr_now_ns(),
                     .last_ns      = pr_now_ns(),
                     .val_accuracy = NAN };
}

pr_hooks progress_hooks(progress *p)
{
    return (pr_hooks){ .progress = on_progress, .context = p, .stop = interrupt_flag() };
}

pr_watch progress_watch(progress *p)
{
    return (pr_watch){ .progress = on_bytes, .context = p, .stop = interrupt_flag() };
}

void progress_end(progress *p)
{
    if (p->drawn) fprintf(stderr, "\r\033[K");
    p->drawn = false;
}
