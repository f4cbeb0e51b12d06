/* exposition.c: counts as text for Prometheus, format 0.0.4: for each metric what it means, its
 * type, and a line for each of its labels. Seconds and bytes, as is the custom; a histogram's
 * buckets each count all that is at most `le`. */
#include "pipeline/serve/tallies.h"

#include <inttypes.h>
#include <math.h>
#include <sys/resource.h>

#include "base/rss.h"

const pri_buckets pri_latency_buckets = {
    16,
    { 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000, 100000000,
      250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000 }
};

const pri_buckets pri_size_buckets = {
    15, { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384 }
};

void pri_histogram_add(pri_histogram *histogram, const pri_buckets *buckets, int64_t value)
{
    uint32_t i = 0;

    if (value < 0) value = 0;
    while (i < buckets->num && value > buckets->at_most[i]) i++;
    histogram->count[i]++;
    histogram->sum += (uint64_t)value;
}

/* Begin a metric. */
static void head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_count(FILE *out, const char *name, const char *type, const char *help,
                        uint64_t value)
{
    head(out, name, type, help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void print_real(FILE *out, const char *name, const char *type, const char *help,
                       double value)
{
    head(out, name, type, help);
    if (isnan(value))
        fprintf(out, "%s NaN\n", name);
    else
        fprintf(out, "%s %.9g\n", name, value);
}

/* Print a label's value between its quotes. */
static void print_label(FILE *out, const char *value)
{
    fputc('"', out);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"') fputc('\\', out);
        if (*value == '\n')
            fputs("\\n", out);
        else
            fputc(*value, out);
    }
    fputc('"', out);
}

/* Print a histogram of values of 1/scale units. `label` and `value` may be NULL. */
static void print_histogram(FILE *out, const char *name, const char *label, const char *value,
                            const pri_histogram *histogram, const pri_buckets *buckets,
                            double scale)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i <= buckets->num; i++) {
        all += histogram->count[i];
        fprintf(out, "%s_bucket{", name);
        if (label) {
            fprintf(out, "%s=", label);
            print_label(out, value);
            fputc(',', out);
        }
        if (i < buckets->num)
            fprintf(out, "le=\"%.9g\"} %" PRIu64 "\n", (double)buckets->at_most[i] / scale, all);
        else
            fprintf(out, "le=\"+Inf\"} %" PRIu64 "\n", all);
    }
    for (int i = 0; i < 2; i++) {
        fprintf(out, "%s_%s", name, i == 0 ? "sum" : "count");
        if (label) {
            fprintf(out, "{%s=", label);
            print_label(out, value);
            fputc('}', out);
        }
        if (i == 0)
            fprintf(out, " %.15g\n", (double)histogram->sum / scale);
        else
            fprintf(out, " %" PRIu64 "\n", all);
    }
}

static void print_requests(FILE *out, const pri_tallies *t)
{
    head(out, "packrat_requests_total", "counter",
         "Requests that were answered, by HTTP status; 0: the client had gone.");
    for (uint32_t i = 0; i < t->num_endpoints; i++)
        for (uint32_t k = 0; k < t->num_statuses; k++) {
            if (t->endpoint[i].of_status[k] == 0) continue;
            fputs("packrat_requests_total{endpoint=", out);
            print_label(out, t->endpoint[i].name);
            if (t->status[k] == PRI_OTHER_STATUS)
                fputs(",status=\"other\"} ", out);
            else
                fprintf(out, ",status=\"%u\"} ", t->status[k]);
            fprintf(out, "%" PRIu64 "\n", t->endpoint[i].of_status[k]);
        }
    head(out, "packrat_request_seconds", "histogram",
         "From a request's arrival until its answer was sent.");
    for (uint32_t i = 0; i < t->num_endpoints; i++)
        print_histogram(out, "packrat_request_seconds", "endpoint", t->endpoint[i].name,
                        &t->endpoint[i].total_ns, &pri_latency_buckets, 1e9);
    head(out, "packrat_queue_seconds", "histogram", "That requests waited for their batch.");
    print_histogram(out, "packrat_queue_seconds", NULL, NULL, &t->queue_ns, &pri_latency_buckets,
                    1e9);
    head(out, "packrat_compute_seconds", "histogram", "That requests were in their batch.");
    print_histogram(out, "packrat_compute_seconds", NULL, NULL, &t->compute_ns,
                    &pri_latency_buckets, 1e9);
    head(out, "packrat_refused_total", "counter",
         "Requests and connections that were refused before they were read.");
    for (uint32_t i = 0; i < t->num_reasons; i++) {
        fputs("packrat_refused_total{reason=", out);
        print_label(out, t->reason[i].name);
        fprintf(out, "} %" PRIu64 "\n", t->reason[i].refused);
    }
    print_count(out, "packrat_shed_total", "counter",
                "Requests that were answered with a smaller fanout, under load.", t->shed);
}

static void print_batches(FILE *out, const pri_tallies *t)
{
    const struct {
        const char *how;
        uint64_t    rows;
    } rows[] = { { "hit", t->rows_hit },
                 { "added", t->rows_added },
                 { "bypassed", t->rows_bypassed },
                 { "direct", t->rows_direct } };

    head(out, "packrat_batch_nodes", "histogram", "Nodes of a batch.");
    print_histogram(out, "packrat_batch_nodes", NULL, NULL, &t->batch_nodes, &pri_size_buckets,
                    1.0);
    head(out, "packrat_batch_requests", "histogram", "Requests of a batch.");
    print_histogram(out, "packrat_batch_requests", NULL, NULL, &t->batch_requests,
                    &pri_size_buckets, 1.0);
    head(
        out, "packrat_rows_total", "counter",
        "Rows that batches read: found in the slab, brought into it, read beside it, or in place.");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fprintf(out, "packrat_rows_total{how=\"%s\"} %" PRIu64 "\n", rows[i].how, rows[i].rows);
    print_real(
        out, "packrat_hit_ratio", "gauge",
        "Rows found in the slab, of those that went through it, in the last thousand batches.",
        t->recent_rows > 0.0 ? t->recent_hit / t->recent_rows : (double)NAN);
    print_count(out, "packrat_bytes_moved_total", "counter", "Bytes copied into the slab.",
                t->bytes_moved);
}

static void print_model(FILE *out, const pri_tallies *t, const pri_gauges *g)
{
    print_count(out, "packrat_ready", "gauge", "1 while requests are taken.", g->ready);
    print_count(out, "packrat_queue_depth", "gauge", "Requests that wait for a batch.",
                g->queue_depth);
    print_count(out, "packrat_connections", "gauge", "Connections that are open.", g->connections);
    print_count(out, "packrat_resident_rows", "gauge", "Rows in the slabs.", g->resident_rows);
    print_count(out, "packrat_capacity_rows", "gauge", "Rows that fit in the slabs.",
                g->capacity_rows);
    print_count(out, "packrat_derived", "gauge",
                "1 while the slabs hold rows of the first layer in place of features.", g->derived);
    print_count(out, "packrat_model_version", "gauge", "Which model answers: 1, 2, ...",
                g->model_version);
    head(out, "packrat_model_loads_total", "counter", "Checkpoints that were loaded again.");
    fprintf(out, "packrat_model_loads_total{result=\"ok\"} %" PRIu64 "\n", t->loads);
    fprintf(out, "packrat_model_loads_total{result=\"failed\"} %" PRIu64 "\n", t->failed_loads);
}

static void print_log(FILE *out, const pr_steplog_health_state *log)
{
    if (!log) return;
    print_count(out, "packrat_log_writable", "gauge",
                "0 while the log cannot be written; serving goes on.", log->writable);
    print_count(out, "packrat_log_rows_lost_total", "counter",
                "Rows of the log that were lost: the disk was full, or too slow.", log->rows_lost);
    print_count(out, "packrat_log_rows_deleted_total", "counter",
                "Rows of the log that were deleted because they were old, or it too long.",
                log->rows_deleted);
    print_count(out, "packrat_log_rows_waiting", "gauge", "Rows that are not written yet.",
                log->rows_waiting);
    print_count(out, "packrat_log_bytes", "gauge", "Bytes of the log's files.", log->file_bytes);
}

static void print_process(FILE *out, const pri_tallies *t, const pri_gauges *g)
{
    struct rusage use;

    (void)getrusage(RUSAGE_SELF, &use);
    print_count(out, "process_resident_memory_bytes", "gauge", "Memory that is in use.",
                pri_rss_bytes());
    print_real(out, "process_cpu_seconds_total", "counter", "Processor time that was used.",
               (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                   1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec));
    head(out, "process_start_time_seconds", "gauge", "When the server began, since 1970.");
    fprintf(out, "process_start_time_seconds %.3f\n", t->began_s);
    head(out, "packrat_build_info", "gauge", "1; which program, and which model it serves.");
    fputs("packrat_build_info{version=\"" PR_VERSION "\",model=", out);
    print_label(out, g->model ? g->model : "");
    fputs("} 1\n", out);
}

void pri_exposition_print(const pri_tallies *tallies, const pri_gauges *gauges,
                          const pr_steplog_health_state *log, FILE *out)
{
    print_requests(out, tallies);
    print_batches(out, tallies);
    print_model(out, tallies, gauges);
    print_log(out, log);
    print_process(out, tallies, gauges);
}
