/* data.c: see data.h. */
#include "bench/disk/data.h"

#include <fcntl.h>
#include <stdlib.h>
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
