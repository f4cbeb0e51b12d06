/* mapped.c: rows gathered from a mapping of their file. Each page that is not in the page cache is
 * a fault, which blocks its thread: so many threads gather. Whatever the kernel keeps of the file,
 * it keeps within the memory group that the bench runs in. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/disk/fed.h"

enum { MOST_THREADS = 64, GRAIN = 16, PROBE_ROWS = 4096 };

/* Threads that gather rows together. */
typedef struct crew {
    pthread_t       thread[MOST_THREADS];
    uint32_t        num_threads;
    pthread_mutex_t lock;
    pthread_cond_t  begin, done;
    uint64_t        round;
    uint32_t        busy;
    bool            ending;
    const char     *from; /* row 0 */
    size_t          row_bytes, ld_bytes;
    char           *to;
    pr_vids         ids;
    int64_t         until_ns; /* 0: all of them */
    _Atomic size_t  next, gathered;
} crew;

static void gather_some(crew *c)
{
    for (;;) {
        const size_t begin = atomic_fetch_add(&c->next, GRAIN);
        if (begin >= c->ids.n || (c->until_ns && pr_now_ns() > c->until_ns)) return;
        const size_t end = begin + GRAIN < c->ids.n ? begin + GRAIN : c->ids.n;
        for (size_t i = begin; i < end; i++)
            memcpy(c->to + i * c->ld_bytes, c->from + c->ids.at[i] * c->row_bytes, c->row_bytes);
        atomic_fetch_add(&c->gathered, end - begin);
    }
}

static void *work(void *argument)
{
    crew    *c    = argument;
    uint64_t seen = 0;

    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->ending && c->round == seen) pthread_cond_wait(&c->begin, &c->lock);
        if (c->ending) break;
        seen = c->round;
        pthread_mutex_unlock(&c->lock);
        gather_some(c);
        pthread_mutex_lock(&c->lock);
        if (--c->busy == 0) pthread_cond_signal(&c->done);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static void crew_open(crew *c, uint32_t threads, const char *from, size_t row_bytes)
{
    *c = (crew){ .num_threads = threads,
                 .from        = from,
                 .row_bytes   = row_bytes,
                 .ld_bytes    = (row_bytes + 63) / 64 * 64 };
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->begin, NULL);
    pthread_cond_init(&c->done, NULL);
    for (uint32_t i = 0; i < threads; i++)
        BENCH_CHECK(pthread_create(&c->thread[i], NULL, work, c) == 0,
                    "thread %u of %u that gather cannot be started", i, threads);
}

static void crew_close(crew *c)
{
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_broadcast(&c->begin);
    pthread_mutex_unlock(&c->lock);
    for (uint32_t i = 0; i < c->num_threads; i++) pthread_join(c->thread[i], NULL);
    pthread_cond_destroy(&c->begin);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->lock);
}

/* Gather rows, all or as many as come in time; gives how many did. */
static size_t crew_gather(crew *c, pr_vids ids, char *to, int64_t until_ns)
{
    pthread_mutex_lock(&c->lock);
    c->ids      = ids;
    c->to       = to;
    c->until_ns = until_ns;
    atomic_store(&c->next, 0);
    atomic_store(&c->gathered, 0);
    c->busy = c->num_threads;
    c->round++;
    pthread_cond_broadcast(&c->begin);
    while (c->busy) pthread_cond_wait(&c->done, &c->lock);
    pthread_mutex_unlock(&c->lock);
    return atomic_load(&c->gathered);
}

/* ---- a mapping of its own, so that its advice is nobody else's ---- */

typedef struct mapping {
    char       *at;
    size_t      bytes;
    const char *rows;
    size_t      row_bytes;
} mapping;

static mapping map_rows(const pr_features *features, bool random)
{
    const pr_row_file *file = features->file;

    BENCH_CHECK(file, "the rows have no file");
    mapping   m  = { .bytes = file->file_bytes, .row_bytes = file->row_bytes };
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    BENCH_CHECK(fd >= 0, "%s cannot be opened", file->path);
    m.at = mmap(NULL, m.bytes, PROT_READ, MAP_SHARED, fd, 0);
    BENCH_CHECK(m.at != MAP_FAILED, "%s cannot be mapped", file->path);
    if (random) BENCH_CHECK(madvise(m.at, m.bytes, MADV_RANDOM) == 0, "MADV_RANDOM is refused");
    (void)close(fd);
    m.rows = m.at + file->first_byte;
    return m;
}

/* Rows as batches want them: the inputs of one batch of a later epoch. The batch's room is freed
 * with the sampler. */
static pr_vid *rows_to_probe(const disk_setting *setting, uint64_t nth, size_t *n)
{
    const bench_world *w = setting->world;
    pr_sampler        *sampler;
    pr_batch_room     *room;
    pr_batch           batch;
    pr_fanout          fanout;
    uint64_t           state = 77 + nth;
    pr_vid            *seeds = bench_new(setting->batch, sizeof *seeds);

    for (uint32_t i = 0; i < setting->batch; i++) { /* distinct: every stride-th training node */
        const size_t stride = w->seeds.n / setting->batch ? w->seeds.n / setting->batch : 1;
        if (i * stride >= w->seeds.n)
            bench_fail("--batch %u of %zu seeds", setting->batch, w->seeds.n);
        seeds[i] = w->seeds.at[i * stride + bench_draw_below(&state, (uint32_t)stride)];
    }
    BENCH_TRY(pr_fanout_parse(setting->fanout, 0, &fanout));
    BENCH_TRY(pr_sampler_create(&w->graph, &fanout, setting->sampling, BENCH_SEED, setting->batch,
                                1, &sampler));
    BENCH_TRY(pr_batch_room_create(sampler, &room));
    BENCH_TRY(pr_sampler_draw(sampler, room, (pr_vids){ seeds, setting->batch },
                              (pr_draw){ .phase = PR_PHASE_EVAL, .step = 1000000 + nth }, &batch));
    *n          = batch.nodes.n;
    pr_vid *ids = bench_new(*n, sizeof *ids);
    memcpy(ids, batch.nodes.at, *n * sizeof *ids);
    pr_batch_room_free(room);
    pr_sampler_free(sampler);
    free(seeds);
    return ids;
}

double disk_fault_rate(const disk_setting *setting, uint32_t threads, bool random, int64_t most_ns)
{
    mapping         m = map_rows(&setting->world->features, random);
    crew            c;
    size_t          n;
    static uint64_t nth;
    pr_vid         *ids = rows_to_probe(setting, nth++, &n);

    if (n > PROBE_ROWS) n = PROBE_ROWS;
    crew_open(&c, threads, m.rows, m.row_bytes);
    char         *to       = bench_new(n, c.ld_bytes);
    const int64_t start    = pr_now_ns();
    const size_t  gathered = crew_gather(&c, (pr_vids){ ids, n }, to, start + most_ns);
    const double  rate     = (double)gathered * 1e9 / (double)(pr_now_ns() - start);
    crew_close(&c);
    free(to);
    free(ids);
    (void)munmap(m.at, m.bytes);
    return rate;
}

/* ---- the rival ---- */

typedef struct mapped {
    disk_rival head;
    disk_fed  *fed;
    mapping    map;
    crew       crew;
    char      *block[2]; /* [max_inputs, ld] */
    pr_slot   *identity;
    size_t     max_inputs;
} mapped;

static void bring(void *argument, uint64_t step, const pr_batch *batch)
{
    mapped *own = argument;

    (void)crew_gather(&own->crew, batch->nodes, own->block[step % 2], 0);
}

static void view(void *argument, uint64_t step, const pr_batch *batch, pr_slab *slab)
{
    mapped *own = argument;

    *slab = (pr_slab){ .rows          = (const float *)(const void *)own->block[step % 2],
                       .ld            = own->crew.ld_bytes / sizeof(float),
                       .num_cols      = disk_fed_run(own->fed)->world->features.num_cols,
                       .num_inputs    = (uint32_t)batch->nodes.n,
                       .slot_of_input = own->identity };
}

static disk_step step(disk_rival *rival)
{
    mapped   *own = (mapped *)rival;
    disk_step s   = disk_fed_step(own->fed);

    s.rows_moved = s.inputs;
    return s;
}

static void close_mapped(disk_rival *rival)
{
    mapped      *own   = (mapped *)rival;
    const size_t bytes = own->max_inputs * own->crew.ld_bytes;

    disk_fed_close(own->fed); /* its thread gathers */
    crew_close(&own->crew);
    for (int i = 0; i < 2; i++) (void)munmap(own->block[i], bytes);
    (void)munmap(own->map.at, own->map.bytes);
    free(own->identity);
    free(own);
}

static uint32_t best_threads(const disk_setting *setting)
{
    uint32_t best      = 1;
    double   best_rate = 0;

    for (int pass = 0; pass < 2; pass++)
        for (uint32_t t = 1; t <= MOST_THREADS; t *= 2) {
            const double rate = disk_fault_rate(setting, t, true, 4000000000);
            if (rate <= best_rate) continue;
            best_rate = rate;
            best      = t;
        }
    return best;
}

disk_rival *disk_mapped(const disk_setting *setting, uint32_t threads, uint32_t *best)
{
    mapped           *own    = bench_new(1, sizeof *own);
    const disk_feeder feeder = { bring, view, own };

    *best     = threads ? threads : best_threads(setting);
    own->head = (disk_rival){ .step = step, .close = close_mapped };
    own->map  = map_rows(&setting->world->features, true);
    crew_open(&own->crew, *best, own->map.rows, own->map.row_bytes);
    own->fed        = disk_fed_open(setting, &feeder, 0);
    own->max_inputs = pr_sampler_max_inputs(disk_fed_run(own->fed)->lane[0]->sampler);
    own->identity   = bench_new(own->max_inputs, sizeof *own->identity);
    for (size_t i = 0; i < own->max_inputs; i++) own->identity[i] = (pr_slot)i;
    for (int i = 0; i < 2; i++) { /* pages follow use */
        own->block[i] = mmap(NULL, own->max_inputs * own->crew.ld_bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        BENCH_CHECK(own->block[i] != MAP_FAILED, "no room for a block of %zu rows",
                    own->max_inputs);
        (void)madvise(own->block[i], own->max_inputs * own->crew.ld_bytes, MADV_HUGEPAGE);
    }
    return &own->head;
}
