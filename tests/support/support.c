/* support.c: see support.h. */
#include "support/support.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

const char *test_data(const char *name)
{
    static char path[4096];
    const char *root = getenv("PACKRAT_TEST_DATA");
    struct stat info;

    snprintf(path, sizeof path, "%s/%s", root && root[0] ? root : "../shared/data", name);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return path;
    printf("skipped: %s is not there (set PACKRAT_TEST_DATA)\n", path);
    return NULL;
}

static char directories[64][256];
static int  num_directories;

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info, (void)flag, (void)ftw;
    return remove(path);
}

static void remove_directories(void)
{
    for (int i = 0; i < num_directories; i++)
        (void)nftw(directories[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_directory(void)
{
    const char *root = getenv("TMPDIR");
    if (num_directories == 0) atexit(remove_directories);
    assert_true(num_directories < 64);
    char *path = directories[num_directories];
    snprintf(path, sizeof directories[0], "%s/packrat-test-XXXXXX",
             root && root[0] ? root : "/tmp");
    assert_non_null(mkdtemp(path));
    num_directories++;
    return path;
}

const char *test_path(const char *name)
{
    static const char *directory;
    static char        path[1024];

    if (!directory) directory = test_directory();
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

const char *test_file(const char *directory, const char *name, const void *bytes, size_t n)
{
    static char paths[512][512];
    static int  num_paths;
    assert_true(num_paths < 512);
    char *path = paths[num_paths++];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    return path;
}

void test_oom(const char *name, pr_status (*create)(void *context, void **out),
              void (*destroy)(void *), void *context)
{
    for (int64_t n = 0;; n++) {
        void         *out  = NULL;
        const int64_t live = pri_mem_live();
        pri_mem_fail_at(n);
        const pr_status st = create(context, &out);
        pri_mem_fail_at(-1);
        if (st == PR_OK) {
            assert_non_null(out);
            destroy(out);
            assert_int_equal(pri_mem_live(), live);
            assert_true(n > 0);
            printf("%s: %lld allocations failed in turn\n", name, (long long)n);
            return;
        }
        if (st != PR_E_NOMEM)
            fail_msg("%s: allocation %lld gave %s: %s", name, (long long)n, pr_status_name(st),
                     pr_error_message());
        assert_null(out);
        if (pri_mem_live() != live)
            fail_msg("%s: allocation %lld leaks %lld blocks", name, (long long)n,
                     (long long)(pri_mem_live() - live));
        assert_true(n < 10000);
    }
}

uint64_t test_seed(void)
{
    static int  printed;
    const char *text = getenv("PR_SEED");
    uint64_t    seed = text ? strtoull(text, NULL, 10) : 20261123;
    if (!printed++) printf("PR_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

pr_batch_room *test_batch_room(const pr_sampler *sampler)
{
    pr_batch_room *room;

    assert_ok(pr_batch_room_create(sampler, &room));
    return room;
}

uint32_t test_random(test_rng *rng)
{
    return pri_philox(rng->key, rng->at++, 0, 0, PRI_STREAM_TEST).at[0];
}

uint32_t test_below(test_rng *rng, uint32_t bound)
{
    return (uint32_t)(((uint64_t)test_random(rng) * bound) >> 32);
}
