/* data.c: see data.h. */
#include "bench/disk/data.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

void disk_data_open(disk_data *data, const char *path, bool check)
{
    static pr_dataset_options options;
    const pr_option_group     group = { &pr_dataset_option_table, &options };

    pr_options_init(&group, 1);
    options.feature_check = check ? PR_CHECK_OPEN : PR_CHECK_READ;
    options.feature_norm  = PR_NORM_NONE;
    snprintf(options.data, sizeof options.data, "%s", path);
    BENCH_TRY(pr_dataset_open(&options, &data->dataset));
    const pr_dataset *d = data->dataset;
    BENCH_CHECK(d->labels && d->has_split[PR_SPLIT_MAIN], "%s: has no labels or no main split",
                path);
    BENCH_CHECK(d->features.file, "%s: its rows are in no file that can be read in place", path);
    data->world = (bench_world){ .graph       = d->graph,
                                 .features    = d->features,
                                 .labels      = d->labels,
                                 .num_classes = d->num_classes,
                                 .seeds       = d->split[PR_SPLIT_MAIN].train };
    BENCH_TRY(pr_topo_discover(&data->world.topo));
    /* Rows that the kernel keeps for one side would drive the mapped graph out, which all read. */
    if (mlock(d->graph.indices, d->graph.num_edges * sizeof *d->graph.indices) != 0 ||
        mlock(d->graph.indptr, (d->graph.num_nodes + UINT64_C(1)) * sizeof *d->graph.indptr) != 0)
        fprintf(stderr, "bench_disk: the graph cannot be locked in memory; it may be driven out\n");
}

void disk_data_close(disk_data *data)
{
    pr_topo_free(data->world.topo);
    pr_dataset_close(data->dataset);
}

double disk_data_cached(const disk_data *data)
{
    const pr_row_file *file  = data->world.features.file;
    const size_t       page  = (size_t)sysconf(_SC_PAGESIZE);
    const size_t       pages = (file->file_bytes + page - 1) / page;
    unsigned char     *is_in = bench_new(pages, 1);
    size_t             n     = 0;

    void *at = mmap(NULL, file->file_bytes, PROT_READ, MAP_SHARED, file->fd, 0);
    BENCH_CHECK(at != MAP_FAILED, "%s cannot be mapped", file->path);
    BENCH_CHECK(mincore(at, file->file_bytes, is_in) == 0, "mincore is refused");
    for (size_t i = 0; i < pages; i++) n += is_in[i] & 1;
    (void)munmap(at, file->file_bytes);
    free(is_in);
    return (double)n / (double)pages;
}

double disk_data_forget(const disk_data *data)
{
    const pr_row_file *file = data->world.features.file;

    (void)fsync(file->fd);
    (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
    return disk_data_cached(data);
}

uint64_t disk_read_bytes(void)
{
    FILE              *file = fopen("/proc/self/io", "r");
    char               line[128];
    unsigned long long bytes = 0;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "read_bytes: %llu", &bytes) == 1) break;
    if (file) (void)fclose(file);
    return bytes;
}

uint64_t disk_major_faults(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_majflt : 0;
}

/* The number in a file of the memory group, or 0. */
static uint64_t limit_in(const char *root, const char *group, const char *name)
{
    char               path[1024];
    unsigned long long limit = 0;

    snprintf(path, sizeof path, "%s%s/%s", root, group, name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%llu", &limit) != 1) limit = 0; /* "max" */
    (void)fclose(file);
    return limit < UINT64_C(1) << 60 ? limit : 0;
}

uint64_t disk_memory_limit(void)
{
    FILE    *file = fopen("/proc/self/cgroup", "r");
    char     line[600];
    uint64_t limit = 0;

    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *group               = strrchr(line, ':');
        if (!group) continue;
        uint64_t found = 0;
        if (strstr(line, ":memory:"))
            found = limit_in("/sys/fs/cgroup/memory", group + 1, "memory.limit_in_bytes");
        else if (!strncmp(line, "0::", 3))
            found = limit_in("/sys/fs/cgroup", group + 1, "memory.max");
        if (found && (!limit || found < limit)) limit = found;
    }
    if (file) (void)fclose(file);
    return limit;
}
