/* bench_disk.c: rows that do not fit into memory: how long is a training step with ours, against
 * what else can be done?
 *
 * Meant to run inside a memory group (cgroup) smaller than the rows, over a dataset made before
 * (--data; docs/out-of-memory.md has the commands). Ours: rows in their file, read past the page
 * cache, look-ahead victims, labor with kappa 8. Against it, one at a time, in turns of --block
 * steps in one process, the first --settle of a turn uncounted (what was brought ahead is used up
 * by then):
 *
 *   mmap      every row of every batch gathered from a mapping with MADV_RANDOM into a fresh block,
 *             by the number of threads that is fastest (1 .. 64, tried), one step ahead; uniform
 *   lru       the same cache and reader as ours, victims lru, uniform
 *   offline   the best evictions that can be known, planned from 500 batches drawn beforehand,
 * which counts; with ours' sampler and with uniform bare      no training: ours' own reads once
 * more, by a bare io_uring loop as deep memory    (--in-memory, where there is room: alone) all
 * rows in memory: cache off, and resident
 *
 * Capacity is --factor times the rows of the rival's own first batch (what --cache.factor means): a
 * sampler that wants fewer rows has fewer slots; cases print them. Seeds are the same for all, and
 * the model is computed by the same calls. Before anything is timed the bench compares batch_hash
 * and losses of those who have the same sampler, step by step.
 *
 * The page cache: the file's pages are dropped first, and how many the kernel kept all the same is
 * printed (pages read before by another group would be nobody's within ours). From then on what
 * mmap reads is kept as far as the group's memory goes beside slabs and blocks of the two that take
 * turns; ours neither uses nor fills it. The graph is locked in memory: those pages would drive it
 * out, and all read it.
 *
 * --quick makes a tiny dataset of its own and compares, times nothing. */
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/disk/bare.h"
#include "bench/disk/data.h"
#include "bench/disk/rival.h"
#include "bench/support/output.h"

enum { PLANNED = 500, MOST_READS = 1 << 20, CHECKED = 4 };

typedef struct bench_options {
    bool     quick, json, in_memory;
    uint32_t steps, block, settle, warm, batch, hidden, threads, faulters, depth, ahead;
    uint64_t gap;
    char     data[PR_TEXT_BYTES], csv[PR_TEXT_BYTES], fanout[PR_TEXT_BYTES], only[PR_TEXT_BYTES];
} bench_options;

#define AT(member) offsetof(bench_options, member)
static const pr_option options[] = {
    { "quick", "", "compare on a tiny dataset of its own, time nothing", "false", PR_OPT_FLAG,
      AT(quick), 0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG, AT(json), 0, 0,
      NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, AT(csv), 0, 0, NULL },
    { "data", "dir", "the dataset", "", PR_OPT_TEXT, AT(data), 0, 0, NULL },
    { "in-memory", "", "only train with all rows in memory, for comparison", "false", PR_OPT_FLAG,
      AT(in_memory), 0, 0, NULL },
    { "only", "rival", "only the cases whose name begins so: mmap, lru, offline, bare", "",
      PR_OPT_TEXT, AT(only), 0, 0, NULL },
    { "steps", "steps", "counted, of each", "50", PR_OPT_U32, AT(steps), 1, PLANNED, NULL },
    { "block", "steps", "of a turn that count", "10", PR_OPT_U32, AT(block), 1, PLANNED, NULL },
    { "settle", "steps", "of a turn that do not", "4", PR_OPT_U32, AT(settle), 0, PLANNED, NULL },
    { "warm", "steps", "before the first turn", "20", PR_OPT_U32, AT(warm), 0, PLANNED, NULL },
    { "batch-size", "seeds", "of a step", "512", PR_OPT_U32, AT(batch), 1, 1 << 20, NULL },
    { "fanout", "list", "neighbours a hop", "10,10", PR_OPT_TEXT, AT(fanout), 0, 0, NULL },
    { "hidden", "units", "of the model", "64", PR_OPT_U32, AT(hidden), 1, 4096, NULL },
    { "threads", "threads", "that compute; 0: as many as a run would take", "0", PR_OPT_U32,
      AT(threads), 0, 4096, NULL },
    { "faulters", "threads", "that gather from the mapping; 0: the best", "0", PR_OPT_U32,
      AT(faulters), 0, 64, NULL },
    { "io.depth", "reads", "most reads in flight", "64", PR_OPT_U32, AT(depth), 1, 1024, NULL },
    { "io.ahead", "batches", "whose rows are asked for early", "2", PR_OPT_U32, AT(ahead), 0,
      PR_MAX_WINDOW, NULL },
    { "io.gap", "bytes", "rows nearer than this come with one read", "4K", PR_OPT_BYTES, AT(gap), 0,
      1 << 20, NULL },
};
static const pr_option_table table = { "bench_disk", options, sizeof options / sizeof *options };

typedef enum rival_kind { RIVAL_MMAP, RIVAL_LRU, RIVAL_OFFLINE, RIVAL_BARE } rival_kind;

typedef struct contest {
    const char *name;
    rival_kind  kind;
    int         sampler; /* the rival's */
    double      factor;  /* both's */
} contest;

static const contest contests[] = {
    { "mmap random", RIVAL_MMAP, PR_SAMPLER_UNIFORM, 2 },
    { "lru", RIVAL_LRU, PR_SAMPLER_UNIFORM, 2 },
    { "lru", RIVAL_LRU, PR_SAMPLER_UNIFORM, 4 },
    { "offline", RIVAL_OFFLINE, PR_SAMPLER_LABOR, 2 },
    { "offline uniform", RIVAL_OFFLINE, PR_SAMPLER_UNIFORM, 2 },
    { "bare", RIVAL_BARE, PR_SAMPLER_LABOR, 2 },
};

typedef struct bench {
    bench_options      o;
    disk_data          data;
    pr_io_options      io;
    pr_sampler_options sampling[2]; /* by kind: uniform, labor with kappa 8 */
    bench_output      *out;
    disk_setting       base;
} bench;

static const pr_sampler_options *sampling_of(const bench *b, int kind)
{
    return &b->sampling[kind == PR_SAMPLER_LABOR];
}

static disk_setting setting_of(const bench *b, int sampler, double factor)
{
    disk_setting s = b->base;

    s.sampling = sampling_of(b, sampler);
    s.factor   = factor;
    return s;
}

static disk_rival *ours_of(const bench *b, int sampler, double factor)
{
    const disk_setting s = setting_of(b, sampler, factor);

    return disk_cached(&s, PR_POLICY_LOOKAHEAD);
}

static disk_rival *rival_of(const bench *b, const contest *c, uint32_t *faulters)
{
    const disk_setting s = setting_of(b, c->sampler, c->factor);

    switch (c->kind) {
    case RIVAL_MMAP: return disk_mapped(&s, b->o.faulters, faulters);
    case RIVAL_LRU: return disk_cached(&s, PR_POLICY_LRU);
    case RIVAL_OFFLINE: return disk_offline(&s);
    case RIVAL_BARE: break;
    }
    return NULL;
}

/* ---- everybody computes the same ---- */

static void compare(const char *name, uint32_t step, const disk_step *a, const disk_step *b)
{
    BENCH_CHECK(
        a->batch_hash == b->batch_hash && a->inputs == b->inputs &&
            memcmp(&a->loss, &b->loss, sizeof a->loss) == 0,
        "%s: step %u differs: hash %016llx, %llu inputs, loss %.9g; ours: %016llx, %llu, %.9g",
        name, step, (unsigned long long)b->batch_hash, (unsigned long long)b->inputs, b->loss,
        (unsigned long long)a->batch_hash, (unsigned long long)a->inputs, a->loss);
}

static void verify_one(const bench *b, const char *name, int sampler, disk_rival *rival)
{
    disk_rival *ours = ours_of(b, sampler, 2);

    for (uint32_t i = 0; i < CHECKED; i++) {
        const disk_step mine = ours->step(ours), theirs = rival->step(rival);
        compare(name, i, &mine, &theirs);
    }
    ours->close(ours);
    rival->close(rival);
}

static void verify(bench *b)
{
    uint32_t faulters = 8;

    for (size_t i = 0; i < sizeof contests / sizeof *contests; i++) {
        const contest *c = &contests[i];
        if (c->kind == RIVAL_BARE || c->factor != 2) continue;
        b->o.faulters = c->kind == RIVAL_MMAP && !b->o.faulters ? faulters : b->o.faulters;
        verify_one(b, c->name, c->sampler, rival_of(b, c, &faulters));
    }
    if (!b->o.quick) return; /* there is no room for all rows */
    const disk_setting s = setting_of(b, PR_SAMPLER_LABOR, 2);
    verify_one(b, "memory, off", PR_SAMPLER_LABOR, disk_in_memory(&s, PR_CACHE_OFF));
    verify_one(b, "memory, resident", PR_SAMPLER_LABOR, disk_in_memory(&s, PR_CACHE_RESIDENT));
}

/* ---- turns ---- */

/* What one side came to in its counted steps. */
typedef struct tally {
    bench_samples step;
    uint64_t      steps, inputs, moved, rows, reads, bytes, read_bytes, faults;
    int64_t       ns, wait_ns, disk_ns, ahead_ns;
} tally;

static void take_turn(disk_rival *rival, const bench_options *o, tally *t)
{
    for (uint32_t i = 0; i < o->settle; i++) (void)rival->step(rival);
    const uint64_t bytes = disk_read_bytes(), faults = disk_major_faults();
    for (uint32_t i = 0; i < o->block; i++) {
        const disk_step s = rival->step(rival);
        bench_samples_add(&t->step, s.step_ns + rival->ahead_ns);
        t->steps++;
        t->inputs += s.inputs;
        t->moved += s.rows_moved;
        t->rows += s.rows;
        t->reads += s.reads;
        t->bytes += s.bytes;
        t->ns += s.step_ns;
        t->wait_ns += s.wait_ns;
        t->disk_ns += s.disk_ns;
    }
    t->ahead_ns = rival->ahead_ns;
    t->read_bytes += disk_read_bytes() - bytes;
    t->faults += disk_major_faults() - faults;
}

static void put_side(bench *b, const char *prefix, const tally *t, uint64_t capacity)
{
    const double        n = (double)t->steps;
    const bench_figures f = bench_figures_of(&t->step, 1);
    char                key[64];

#define KEY(what) (snprintf(key, sizeof key, "%s_%s", prefix, what), key)
    bench_times(b->out, KEY("step"), &f);
    bench_int(b->out, KEY("rows"), capacity);
    bench_real(b->out, KEY("inputs"), (double)t->inputs / n);
    bench_real(b->out, KEY("moved"), (double)t->moved / n);
    bench_real(b->out, KEY("rows_read"), (double)t->rows / n);
    bench_real(b->out, KEY("reads"), (double)t->reads / n);
    bench_real(b->out, KEY("read_mb"), (double)(t->bytes ? t->bytes : t->read_bytes) / n * 1e-6);
    bench_real(b->out, KEY("kernel_mb"), (double)t->read_bytes / n * 1e-6);
    bench_real(b->out, KEY("faults"), (double)t->faults / n);
    bench_real(b->out, KEY("waited"), (double)t->wait_ns / (double)t->ns);
    bench_real(b->out, KEY("reads_per_s"), (double)t->reads * 1e9 / (double)t->ns);
    bench_ns(b->out, KEY("ahead_ns"), (double)t->ahead_ns);
#undef KEY
}

/* What a mapping without advice gives, from a few seconds of faults. */
static void put_default_advice(bench *b, const contest *c, uint32_t faulters)
{
    const disk_setting s    = setting_of(b, c->sampler, c->factor);
    const double       rate = disk_fault_rate(&s, faulters, false, 5000000000);

    bench_real(b->out, "default_advice_rows_per_s", rate);
    (void)disk_data_forget(&b->data);
}

static void put_contest(bench *b, const contest *c, const tally *ours, const tally *theirs,
                        uint64_t ours_rows, uint64_t their_rows, uint32_t faulters)
{
    bench_case(b->out);
    bench_text(b->out, "rival", c->name);
    bench_real(b->out, "capacity_factor", c->factor);
    bench_text(b->out, "rival_sampler",
               c->sampler == PR_SAMPLER_LABOR ? "labor kappa 8" : "uniform");
    bench_int(b->out, "steps", ours->steps);
    bench_int(b->out, "faulters", faulters);
    bench_real(b->out, "memory_limit_mb", (double)disk_memory_limit() * 1e-6);
    bench_real(b->out, "rows_cached", disk_data_cached(&b->data));
    put_side(b, "ours", ours, ours_rows);
    put_side(b, "rival", theirs, their_rows);
    bench_real(b->out, "speedup",
               bench_median(theirs->step.ns, theirs->step.n) /
                   bench_median(ours->step.ns, ours->step.n));
    if (c->kind == RIVAL_MMAP) put_default_advice(b, c, faulters);
    bench_case_end(b->out);
}

static uint32_t num_blocks(const bench_options *o)
{
    return (o->steps + o->block - 1) / o->block;
}

static void run_contest(bench *b, const contest *c)
{
    const bench_options *o        = &b->o;
    uint32_t             faulters = 0;
    const size_t         room     = (size_t)num_blocks(o) * o->block;
    tally mine = { .step = bench_samples_new(room) }, theirs = { .step = bench_samples_new(room) };
    disk_rival *ours  = ours_of(b, PR_SAMPLER_LABOR, c->factor);
    disk_rival *rival = rival_of(b, c, &faulters);

    for (uint32_t i = 0; i < o->warm; i++) (void)ours->step(ours);
    for (uint32_t i = 0; i < o->warm; i++) (void)rival->step(rival);
    for (uint32_t i = 0; i < num_blocks(o); i++) {
        take_turn(ours, o, &mine);
        take_turn(rival, o, &theirs);
    }
    if (!o->quick)
        put_contest(b, c, &mine, &theirs, ours->capacity_rows, rival->capacity_rows, faulters);
    ours->close(ours);
    rival->close(rival);
    bench_samples_free(&mine.step);
    bench_samples_free(&theirs.step);
}

/* ---- the device ---- */

/* Ours' reads of a turn, and right behind it the same ones once more, moved on by a part of the
 * file, in a bare loop. */
static void run_bare(bench *b, const contest *c)
{
    const bench_options *o     = &b->o;
    const pr_row_file   *file  = b->data.world.features.file;
    disk_rival          *ours  = ours_of(b, c->sampler, c->factor);
    tally                mine  = { .step = bench_samples_new((size_t)num_blocks(o) * o->block) };
    uint64_t             reads = 0, bytes = 0, state = 5;
    int64_t              ns = 0;

    for (uint32_t i = 0; i < o->warm; i++) (void)ours->step(ours);
    for (uint32_t i = 0; i < num_blocks(o); i++) {
        disk_read *list;
        disk_record_begin(MOST_READS);
        take_turn(ours, o, &mine);
        const size_t n = disk_record_end(&list);
        if (n)
            ns += disk_bare(file->path, list, n, o->depth,
                            bench_draw(&state) % (file->file_bytes / 4096) * 4096);
        for (size_t k = 0; k < n; k++) bytes += list[k].bytes;
        reads += n;
        free(list);
    }
    if (!o->quick && ns > 0) {
        const double bare = (double)reads * 1e9 / (double)ns;
        bench_case(b->out);
        bench_text(b->out, "rival", c->name);
        bench_real(b->out, "capacity_factor", c->factor);
        bench_int(b->out, "steps", mine.steps);
        bench_int(b->out, "depth", o->depth);
        bench_real(b->out, "read_bytes", (double)bytes / (double)reads);
        put_side(b, "ours", &mine, ours->capacity_rows);
        bench_real(b->out, "ours_reads_per_s_reading",
                   (double)mine.reads * 1e9 / (double)mine.disk_ns);
        bench_real(b->out, "bare_reads_per_s", bare);
        bench_real(b->out, "bare_mb_per_s", (double)bytes * 1e3 / (double)ns);
        bench_real(b->out, "of_bare", (double)mine.reads * 1e9 / (double)mine.ns / bare);
        bench_real(b->out, "of_bare_reading",
                   (double)mine.reads * 1e9 / (double)mine.disk_ns / bare);
        bench_case_end(b->out);
    }
    ours->close(ours);
    bench_samples_free(&mine.step);
}

/* ---- all rows in memory ---- */

static void run_in_memory(bench *b, int mode, int sampler, const char *name)
{
    const bench_options *o    = &b->o;
    const disk_setting   s    = setting_of(b, sampler, 2);
    disk_rival          *own  = disk_in_memory(&s, mode);
    tally                mine = { .step = bench_samples_new((size_t)num_blocks(o) * o->block) };

    for (uint32_t i = 0; i < o->warm; i++) (void)own->step(own);
    for (uint32_t i = 0; i < num_blocks(o); i++) take_turn(own, o, &mine);
    if (!o->quick) {
        bench_case(b->out);
        bench_text(b->out, "rival", name);
        bench_text(b->out, "rival_sampler",
                   sampler == PR_SAMPLER_LABOR ? "labor kappa 8" : "uniform");
        bench_int(b->out, "steps", mine.steps);
        put_side(b, "rival", &mine, own->capacity_rows);
        bench_case_end(b->out);
    }
    own->close(own);
    bench_samples_free(&mine.step);
}

/* ---- set up ---- */

static void open_bench(bench *b)
{
    const pr_option_group groups[] = { { &pr_io_option_table, &b->io },
                                       { &pr_sampler_option_table, &b->sampling[0] },
                                       { &pr_sampler_option_table, &b->sampling[1] } };

    pr_options_init(groups, 3);
    b->io.depth          = b->o.depth;
    b->io.ahead          = b->o.ahead;
    b->io.gap            = b->o.gap;
    b->sampling[0].kind  = PR_SAMPLER_UNIFORM;
    b->sampling[1].kind  = PR_SAMPLER_LABOR;
    b->sampling[1].kappa = 8;
    disk_data_open(&b->data, b->o.data, b->o.in_memory || b->o.quick);
    b->base = (disk_setting){ .world     = &b->data.world,
                              .fanout    = b->o.fanout,
                              .io        = &b->io,
                              .hidden    = b->o.hidden,
                              .batch     = b->o.batch,
                              .threads   = b->o.threads,
                              .num_steps = PLANNED };
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

/* Make the dataset of --quick; gives the directory to be removed. */
static const char *make_tiny(bench_options *o)
{
    static char           folder[512];
    static pr_gen_options gen;
    const pr_option_group group = { &pr_gen_option_table, &gen };
    const char           *where = getenv("TMPDIR");
    pr_made               made;

    snprintf(folder, sizeof folder, "%s/bench-disk.XXXXXX", where && where[0] ? where : "/tmp");
    BENCH_CHECK(mkdtemp(folder), "%s cannot be made", folder);
    pr_options_init(&group, 1);
    gen.nodes    = 4000;
    gen.edges    = 40000;
    gen.features = 100;
    gen.classes  = 8;
    snprintf(gen.out, sizeof gen.out, "%s/tiny", folder);
    BENCH_TRY(pr_generate(&gen, NULL, &made));
    snprintf(o->data, sizeof o->data, "%s", gen.out);
    snprintf(o->fanout, sizeof o->fanout, "5,5");
    o->batch   = 40;
    o->hidden  = 16;
    o->steps   = 6;
    o->block   = 3;
    o->settle  = 1;
    o->warm    = 2;
    o->threads = 1;
    return folder;
}

static void check_lengths(const bench_options *o)
{
    const uint64_t steps = o->warm + (uint64_t)num_blocks(o) * (o->block + o->settle);

    BENCH_CHECK(steps + 1 < PLANNED, "%llu steps in all, at most %d can be planned",
                (unsigned long long)steps, PLANNED - 2);
    BENCH_CHECK(o->data[0], "--data is missing: a dataset directory");
}

static void run_all(bench *b)
{
    for (size_t i = 0; i < sizeof contests / sizeof *contests; i++) {
        const contest *c = &contests[i];
        if (strncmp(c->name, b->o.only, strlen(b->o.only)) != 0) continue;
        if (i == 0 || c->kind != RIVAL_BARE) (void)disk_data_forget(&b->data);
        if (c->kind == RIVAL_BARE)
            run_bare(b, c);
        else
            run_contest(b, c);
    }
}

int main(int argc, char **argv)
{
    static bench          b;
    const pr_option_group group = { &table, &b.o };

    bench_read_options("bench_disk", &group, argc, argv);
    const char *folder = b.o.quick ? make_tiny(&b.o) : NULL;
    check_lengths(&b.o);
    const uint32_t faulters = b.o.faulters;
    b.out                   = bench_output_new("disk", b.o.json, b.o.quick, b.o.csv, argc, argv);
    open_bench(&b);
    bench_output_table(
        b.out, "a step of ours and of a rival",
        "rival:16 capacity_factor rival_sampler:14 ours_step_ns ours_reads "
        "ours_read_mb ours_waited rival_step_ns rival_moved rival_reads rival_read_mb "
        "speedup");
    const double kept = disk_data_forget(&b.data);
    bench_output_note(b.out,
                      "%.1f %% of the rows' file is in the page cache at first; the memory "
                      "group has %.0f MB (0: no limit)",
                      100 * kept, (double)disk_memory_limit() * 1e-6);
    if (b.o.in_memory || b.o.quick) {
        run_in_memory(&b, PR_CACHE_OFF, PR_SAMPLER_LABOR, "memory, off");
        run_in_memory(&b, PR_CACHE_RESIDENT, PR_SAMPLER_LABOR, "memory, resident");
        run_in_memory(&b, PR_CACHE_OFF, PR_SAMPLER_UNIFORM, "memory, off");
    }
    if (!b.o.in_memory) {
        verify(&b);
        b.o.faulters = b.o.quick ? 4 : faulters;
        run_all(&b);
    }
    disk_data_close(&b.data);
    bench_output_free(b.out);
    if (folder) {
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        printf("bench_disk: batches and losses are the same for everybody\n");
    }
    return 0;
}
