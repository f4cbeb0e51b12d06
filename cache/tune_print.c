/* tune_print.c: the figures of a measurement as tables for people. */
#include <packrat/cache.h>

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/isa.h"

/* Give a number of an object; 0 when it is not there. */
static double number(const pr_json *object, const char *name)
{
    double value = 0;
    (void)pri_json_as_real(pri_json_find(object, name), &value);
    return value;
}

static const char *text(const pr_json *object, const char *name)
{
    const char *value = pri_json_as_string(pri_json_find(object, name));
    return value ? value : "";
}

/* Give bytes in the largest power of 1024 that divides them well enough for people. */
static void size_text(double bytes, char *out, size_t room)
{
    if (bytes < 1 << 20)
        snprintf(out, room, "%.4g KiB", bytes / 1024);
    else
        snprintf(out, room, "%.4g MiB", bytes / (1 << 20));
}

static const char *level_word(double level)
{
    return level > 1 ? "L2" : level > 0 ? "L1" : "- ";
}

/* A line for each instruction set, kind of stores and cache level; figures come in the order of
 * distances. */
static void print_copies(const pr_json *copies, FILE *out)
{
    const size_t num = pri_json_length(copies);
    const char  *isa = "", *stores = "";
    double       level = 0;

    fprintf(out, "copies of random rows, prefetched to a cache level (rows ahead: GB/s)\n");
    for (size_t i = 0; i < num; i++) {
        const pr_json *at = pri_json_at(copies, i);
        if (strcmp(isa, text(at, "isa")) != 0 || strcmp(stores, text(at, "stores")) != 0 ||
            number(at, "prefetch_to") > level) {
            isa    = text(at, "isa");
            stores = text(at, "stores");
            level  = number(at, "prefetch_to");
            fprintf(out, "%s  %-8s  %-8s  %s", i ? "\n" : "", isa, stores, level_word(level));
        }
        if (strcmp(stores, "plain") != 0)
            fprintf(out, "  %.0f:", number(at, "row_ahead"));
        else
            fprintf(out, "   -:");
        fprintf(out, " %5.2f", number(at, "gb_per_s"));
    }
    fputc('\n', out);
}

static void print_team(const pr_json *sizes, double threads, FILE *out)
{
    char size[32];

    if (pri_json_length(sizes) == 0) return;
    fprintf(out, "copies on %.0f threads against one, GB/s\n", threads);
    for (size_t i = 0; i < pri_json_length(sizes); i++) {
        const pr_json *at = pri_json_at(sizes, i);
        size_text(number(at, "bytes"), size, sizeof size);
        fprintf(out, "  %10s  %6.2f  one %6.2f\n", size, number(at, "all_threads_gb_per_s"),
                number(at, "one_thread_gb_per_s"));
    }
}

static void print_lookups(const pr_json *lookups, FILE *out)
{
    double level = 0;

    fprintf(out, "look-ups in the index, prefetched to a cache level (ids ahead: ns an id)");
    for (size_t i = 0; i < pri_json_length(lookups); i++) {
        const pr_json *at = pri_json_at(lookups, i);
        if (number(at, "prefetch_to") > level) {
            level = number(at, "prefetch_to");
            fprintf(out, "\n  %s", level_word(level));
        }
        fprintf(out, "  %.0f: %.2f", number(at, "index_ahead"), number(at, "ns_per_id"));
    }
    fputc('\n', out);
}

static void print_repack(const pr_json *repack, FILE *out)
{
    const pr_json *points = pri_json_find(repack, "points");

    fprintf(out, "packed slab of %.0f rows, ns a row of it (share changed: paired, repacked)\n ",
            number(repack, "rows"));
    for (size_t i = 0; i < pri_json_length(points); i++) {
        const pr_json *at   = pri_json_at(points, i);
        const double   rows = number(repack, "rows");
        fprintf(out, "  %.0f %%: %.1f, %.1f", 100 * number(at, "share"),
                number(at, "paired_ns") / rows, number(at, "repack_ns") / rows);
    }
    fputc('\n', out);
}

void pr_tuning_print(const pr_tuning *tuning, const pr_json *report, FILE *out)
{
    char size[32];

    if (report) {
        print_copies(pri_json_find(report, "copies"), out);
        print_team(pri_json_find(report, "threads_against_one"), number(report, "threads"), out);
        print_lookups(pri_json_find(report, "lookups"), out);
        print_repack(pri_json_find(report, "repack"), out);
    }
    fprintf(out, "chosen\n  isa           %s\n", pri_isa_name(tuning->isa));
    fprintf(out, "  prefetch_to   L%d\n", tuning->prefetch_to);
    fprintf(out, "  row_ahead     %u rows\n", tuning->row_ahead);
    fprintf(out, "  index_ahead   %u ids\n", tuning->index_ahead);
    size_text((double)tuning->thread_bytes, size, sizeof size);
    if (tuning->thread_bytes == UINT64_MAX)
        fprintf(out, "  thread_bytes  never: one thread copies as fast as all\n");
    else
        fprintf(out, "  thread_bytes  %s: from here on all threads copy\n", size);
    size_text((double)tuning->stream_bytes, size, sizeof size);
    if (tuning->stream_bytes == UINT64_MAX)
        fprintf(out, "  stream_bytes  never\n");
    else
        fprintf(out, "  stream_bytes  %s: larger views are stored past the caches\n", size);
    fprintf(out, "  repack_share  %.4g: packed slabs repack from this share of changed rows on\n",
            tuning->repack_share);
}
