/* gather.c: run and tune the kernels. */
#include "bench/support/gather.h"

#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "bench/support/memory.h"
#include "bench/support/samples.h"

void bench_rows_write(const pr_vid *ids, const pr_slot *slots, size_t n, pri_write *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (pri_write){ .id = ids[i], .to = slots ? slots[i] : (pr_slot)i };
}

static void copy_range(const bench_copy *how, const bench_plane *plane, const bench_rows *rows,
                       size_t begin, size_t end)
{
    const size_t   row_bytes = plane->cols * sizeof(float);
    const pri_copy copy      = { .from       = (const char *)plane->from,
                                 .from_bytes = row_bytes,
                                 .to         = (char *)plane->to,
                                 .to_bytes   = row_bytes,
                                 .row_bytes  = row_bytes,
                                 .write      = rows->write,
                                 .n          = end,
                                 .ahead      = how->ahead };
    if (how->kernel->library) {
        how->kernel->library(&copy, begin, end);
        pri_copy_fence(how->kernel->stores);
    } else {
        how->kernel->own(plane, rows, begin, end, how->ahead);
    }
}

void bench_gather(const bench_copy *how, const bench_plane *planes, uint32_t num_planes,
                  const bench_rows *rows, int threads)
{
    const size_t n = rows->n;

    if (threads == 1) {
        for (uint32_t p = 0; p < num_planes; p++) copy_range(how, &planes[p], rows, 0, n);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const size_t team = (size_t)omp_get_num_threads(), me = (size_t)omp_get_thread_num();
        for (uint32_t p = 0; p < num_planes; p++)
            copy_range(how, &planes[p], rows, n * me / team, n * (me + 1) / team);
    }
}

static size_t bytes_of(const bench_tuning_case *g)
{
    size_t row = 0;
    for (uint32_t p = 0; p < g->num_planes; p++) row += g->planes[p].cols * sizeof(float);
    return row * g->lists[0].n;
}

/* Give the rate of the fastest run: one that was disturbed says nothing of the kernel. */
static double gbps_of(const bench_tuning_case *g, const bench_copy *how)
{
    int64_t fastest = INT64_MAX;

    for (int i = 0; i <= g->repeats; i++) { /* the first is not counted */
        if (g->flush) bench_flush_llc();
        const bench_rows *list  = &g->lists[(uint32_t)i % g->num_lists];
        const int64_t     start = pr_now_ns();
        bench_gather(how, g->planes, g->num_planes, list, g->threads);
        const int64_t ns = pr_now_ns() - start;
        if (i > 0 && ns < fastest) fastest = ns;
    }
    return (double)bytes_of(g) / (double)fastest;
}

/* Give the kernel at its best distance. */
static bench_copy tune_kernel(const bench_tuning_case *g, const bench_kernel *kernel)
{
    static const uint32_t distance[] = { 1, 2, 4, 8, 16, 32 };
    bench_copy            best       = { .kernel = kernel };

    for (size_t d = 0; d < sizeof distance / sizeof *distance; d++) {
        bench_copy how = { .kernel = kernel, .ahead = distance[d] };
        how.gbps       = gbps_of(g, &how);
        if (how.gbps > best.gbps) best = how;
        if (kernel->prefetch_to == 0) break;
    }
    return best;
}

static void keep_faster(bench_copy *best, const bench_copy *one)
{
    if (!best->kernel || one->gbps > best->gbps) *best = *one;
}

bench_gathers bench_gathers_tune(const bench_tuning_case *given)
{
    bench_gathers found = { .each = bench_new(bench_num_kernels(), sizeof(bench_copy)) };

    for (size_t i = 0; i < bench_num_kernels(); i++) {
        const bench_kernel *kernel = bench_kernel_at(i);
        found.each[i]              = tune_kernel(given, kernel);
        keep_faster(&found.best, &found.each[i]);
        keep_faster(kernel->streams ? &found.best_streaming : &found.best_plain, &found.each[i]);
    }
    return found;
}

void bench_gathers_free(bench_gathers *gathers)
{
    free(gathers->each);
    *gathers = (bench_gathers){ 0 };
}

bench_copy bench_library_copy(const pr_tuning *tuning, pri_stores stores)
{
    const int isa = pri_isa_at_most(tuning->isa);

    for (size_t i = 0; i < bench_num_kernels(); i++) {
        const bench_kernel *k = bench_kernel_at(i);
        if (k->library && k->stores == stores && k->isa == isa &&
            (k->prefetch_to == 0 || k->prefetch_to == tuning->prefetch_to))
            return (bench_copy){ .kernel = k, .ahead = tuning->row_ahead };
    }
    bench_fail("no kernel has instruction set %d", isa);
}

void bench_kernels_check(const bench_plane *planes, uint32_t num_planes, const bench_rows *rows)
{
    for (uint32_t p = 0; p < num_planes; p++) {
        const bench_plane *plane = &planes[p];
        const size_t       bytes = rows->n * plane->cols * sizeof(float);
        const bench_copy   check = { .kernel = bench_kernel_at(0) };
        bench_plane        plain = *plane;

        plain.to = bench_block_new(bytes);
        bench_gather(&check, &plain, 1, rows, 1);
        for (size_t i = 0; i < bench_num_kernels(); i++) {
            const bench_copy how = { .kernel = bench_kernel_at(i), .ahead = 3 };
            memset(plane->to, 0, bytes);
            bench_gather(&how, plane, 1, rows, 2);
            BENCH_CHECK(!memcmp(plain.to, plane->to, bytes), "the copy \"%s\" is wrong",
                        how.kernel->name);
        }
        bench_block_free(plain.to, bytes);
    }
}
