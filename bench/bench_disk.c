/* bench_disk.c: rows that do not fit into memory: how long is a training step with ours, against
 * what else can be done?
 *
 * Over a dataset made before (--data; docs/out-of-memory.md has the commands). Each side is a
 * process in a memory group (cgroup) of its own (--cgroup-bytes), and takes its turns of --block
 * steps when it is told to, one side after the other; the first --settle steps of a turn do not
 * count (what was brought ahead is used up by then). Ours: rows in their file, read past the page
 * cache, look-ahead victims, labor with kappa 8. Against it, one at a time:
 *
 *   mmap      every row of every batch gathered from a mapping with MADV_RANDOM into a fresh block,
 *             by the number of threads that is fastest (1 .. 64, tried), one step ahead; uniform
 *   lru       the same cache and reader as ours, victims lru, uniform
 *   offline   the best evictions that can be known, planned from 500 batches drawn beforehand,
 * which counts; with ours' sampler and with uniform bare      no training: ours' own reads once
 * more, by a bare io_uring loop as deep memory    (--in-memory, where there is room) all rows in
 * memory, without a limit: cache off, and resident
 *
 * Capacity is a factor times the rows of the side's own first batch (what --cache.factor means): a
 * sampler that wants fewer rows has fewer slots; cases print them. Seeds are the same for all, and
 * the model is computed by the same calls. Before anything is timed the bench compares batch_hash
 * and losses of those who have the same sampler, step by step.
 *
 * The page cache: the file's pages are dropped first, and how many the kernel kept all the same is
 * printed (they would be another group's). What mmap reads is kept as far as its group's memory
 * goes; ours neither uses nor fills it. Each side opens the dataset in its own group.
 *
 * --quick makes a tiny dataset of its own and compares, times nothing. */
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/disk/data.h"
#include "bench/disk/side.h"
#include "bench/support/output.h"

enum { PLANNED = 500, CHECKED = 4 };

typedef struct bench_options {
    bool     quick, json, in_memory;
    uint32_t steps, block, settle, warm, batch, hidden, threads, faulters, depth, ahead;
    uint64_t gap, group_bytes;
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
    { "cgroup-bytes", "bytes", "memory of each side's group; 0: no limit", "1536M", PR_OPT_BYTES,
      AT(group_bytes), 0, 0x1p62, NULL },
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
    { "io.ahead", "batches", "whose rows are asked for early", "1", PR_OPT_U32, AT(ahead), 0,
      PR_MAX_WINDOW, NULL },
    { "io.gap", "bytes", "rows nearer than this come with one read", "4K", PR_OPT_BYTES, AT(gap), 0,
      1 << 20, NULL },
};
static const pr_option_table table = { "bench_disk", options, sizeof options / sizeof *options };

typedef struct contest {
    const char *name;
    int         kind;    /* disk_side_kind; DISK_OURS: the bare loop */
    int         sampler; /* the rival's */
    double      factor;  /* both's */
} contest;

static const contest contests[] = {
    { "mmap random", DISK_MMAP, PR_SAMPLER_UNIFORM, 2 },
    { "lru", DISK_LRU, PR_SAMPLER_UNIFORM, 2 },
    { "lru", DISK_LRU, PR_SAMPLER_UNIFORM, 4 },
    { "offline", DISK_OFFLINE, PR_SAMPLER_LABOR, 2 },
    { "offline uniform", DISK_OFFLINE, PR_SAMPLER_UNIFORM, 2 },
    { "bare", DISK_OURS, PR_SAMPLER_LABOR, 2 },
};

typedef struct bench {
    bench_options o;
    bench_output *out;
} bench;

static disk_side_plan plan_of(const bench *b, int kind, int sampler, double factor)
{
    const bench_options  *o      = &b->o;
    disk_side_plan        plan   = { .data        = o->data,
                                     .fanout      = o->fanout,
                                     .kind        = kind,
                                     .sampler     = sampler,
                                     .factor      = factor,
                                     .hidden      = o->hidden,
                                     .batch       = o->batch,
                                     .threads     = o->threads,
                                     .faulters    = o->faulters,
                                     .num_steps   = PLANNED,
                                     .group_bytes = o->group_bytes };
    const pr_option_group group  = { &pr_io_option_table, &plan.io };
    const bool            memory = kind == DISK_MEMORY_OFF || kind == DISK_MEMORY_RESIDENT;

    pr_options_init(&group, 1);
    plan.io.depth = o->depth;
    plan.io.ahead = o->ahead;
    plan.io.gap   = o->gap;
    if (memory || o->quick) plan.group_bytes = 0;
    return plan;
}

static disk_side *start(const bench *b, int kind, int sampler, double factor)
{
    const disk_side_plan plan = plan_of(b, kind, sampler, factor);

    return disk_side_start(&plan);
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

static void verify_one(const bench *b, const char *name, int kind, int sampler)
{
    disk_side *ours = start(b, DISK_OURS, sampler, 2), *rival = start(b, kind, sampler, 2);
    disk_step  mine[CHECKED], theirs[CHECKED];

    (void)disk_side_steps(ours, CHECKED, false, mine);
    (void)disk_side_steps(rival, CHECKED, false, theirs);
    for (uint32_t i = 0; i < CHECKED; i++) compare(name, i, &mine[i], &theirs[i]);
    (void)disk_side_end(ours);
    (void)disk_side_end(rival);
}

/* Tell whether --only names the contest. */
static bool is_asked_for(const bench *b, const contest *c)
{
    return strncmp(c->name, b->o.only, strlen(b->o.only)) == 0;
}

static void verify(bench *b)
{
    const uint32_t faulters = b->o.faulters;

    if (!faulters) b->o.faulters = 8; /* which is best is not asked yet */
    for (size_t i = 0; i < sizeof contests / sizeof *contests; i++) {
        const contest *c = &contests[i];
        if (c->kind != DISK_OURS && c->factor == 2 && is_asked_for(b, c))
            verify_one(b, c->name, c->kind, c->sampler);
    }
    if (b->o.quick) { /* else there may be no room for all rows */
        verify_one(b, "memory, off", DISK_MEMORY_OFF, PR_SAMPLER_LABOR);
        verify_one(b, "memory, resident", DISK_MEMORY_RESIDENT, PR_SAMPLER_LABOR);
    }
    b->o.faulters = faulters;
}

/* ---- turns ---- */

/* What one side came to in its counted steps. */
typedef struct tally {
    bench_samples step;
    uint64_t      steps, inputs, moved, rows, reads, bytes, read_bytes, faults;
    uint64_t      capacity_rows, group_peak;
    uint32_t      faulters;
    int64_t       ns, wait_ns, disk_ns, ahead_ns;
} tally;

static uint32_t num_blocks(const bench_options *o)
{
    return (o->steps + o->block - 1) / o->block;
}

static tally tally_new(const bench_options *o)
{
    return (tally){ .step = bench_samples_new((size_t)num_blocks(o) * o->block) };
}

static disk_reply take_turn(disk_side *side, const bench_options *o, bool record, tally *t)
{
    static disk_step steps[PLANNED];

    (void)disk_side_steps(side, o->settle, false, steps);
    const disk_reply reply = disk_side_steps(side, o->block, record, steps);
    for (uint32_t i = 0; i < o->block; i++) {
        const disk_step *s = &steps[i];
        bench_samples_add(&t->step, s->step_ns + reply.ahead_ns);
        t->steps++;
        t->inputs += s->inputs;
        t->moved += s->rows_moved;
        t->rows += s->rows;
        t->reads += s->reads;
        t->bytes += s->bytes;
        t->ns += s->step_ns;
        t->wait_ns += s->wait_ns;
        t->disk_ns += s->disk_ns;
    }
    t->ahead_ns      = reply.ahead_ns;
    t->capacity_rows = reply.capacity_rows;
    t->faulters      = reply.faulters;
    t->read_bytes += reply.read_bytes;
    t->faults += reply.faults;
    return reply;
}

static void warm_up(disk_side *side, const bench_options *o)
{
    static disk_step steps[PLANNED];

    (void)disk_side_steps(side, o->warm, false, steps);
}

static void put_side(bench *b, const char *prefix, const tally *t)
{
    const double        n = (double)t->steps;
    const bench_figures f = bench_figures_of(&t->step, 1);
    char                key[64];

#define KEY(what) (snprintf(key, sizeof key, "%s_%s", prefix, what), key)
    bench_times(b->out, KEY("step"), &f);
    bench_int(b->out, KEY("rows"), t->capacity_rows);
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
    bench_real(b->out, KEY("group_mb"), (double)t->group_peak * 1e-6);
#undef KEY
}

static const char *sampler_name(int sampler)
{
    return sampler == PR_SAMPLER_LABOR ? "labor kappa 8" : "uniform";
}

static void begin_case(bench *b, const char *name, int sampler, double factor, uint64_t steps)
{
    bench_case(b->out);
    bench_text(b->out, "rival", name);
    bench_real(b->out, "capacity_factor", factor);
    bench_text(b->out, "rival_sampler", sampler_name(sampler));
    bench_int(b->out, "steps", steps);
    bench_int(b->out, "batch_size", b->o.batch);
    bench_text(b->out, "fanout", b->o.fanout);
    bench_real(b->out, "group_limit_mb", (double)b->o.group_bytes * 1e-6);
}

static void run_contest(bench *b, const contest *c)
{
    const bench_options *o    = &b->o;
    tally                mine = tally_new(o), theirs = tally_new(o);
    disk_side           *ours   = start(b, DISK_OURS, PR_SAMPLER_LABOR, c->factor);
    disk_side           *rival  = start(b, c->kind, c->sampler, c->factor);
    double               cached = 0, rate = 0;

    warm_up(ours, o);
    warm_up(rival, o);
    for (uint32_t i = 0; i < num_blocks(o); i++) {
        (void)take_turn(ours, o, false, &mine);
        (void)take_turn(rival, o, false, &theirs);
    }
    cached          = disk_side_cached(rival).cached;
    mine.group_peak = disk_side_end(ours);
    /* last: it reads 8 MiB for a row, which drives everything else out */
    if (c->kind == DISK_MMAP && !o->quick) rate = disk_side_fault_rate(rival).rate;
    theirs.group_peak = disk_side_end(rival);
    if (!o->quick) {
        begin_case(b, c->name, c->sampler, c->factor, mine.steps);
        bench_int(b->out, "faulters", theirs.faulters);
        bench_real(b->out, "rows_cached", cached);
        put_side(b, "ours", &mine);
        put_side(b, "rival", &theirs);
        bench_real(b->out, "speedup",
                   bench_median(theirs.step.ns, theirs.step.n) /
                       bench_median(mine.step.ns, mine.step.n));
        if (c->kind == DISK_MMAP) bench_real(b->out, "default_advice_rows_per_s", rate);
        bench_case_end(b->out);
    }
    bench_samples_free(&mine.step);
    bench_samples_free(&theirs.step);
}

/* ---- the device ---- */

/* Ours' reads of a turn, and right behind it the same ones once more, moved on by a part of the
 * file, in a bare loop. */
static void run_bare(bench *b, const contest *c)
{
    const bench_options *o     = &b->o;
    tally                mine  = tally_new(o);
    disk_side           *ours  = start(b, DISK_OURS, c->sampler, c->factor);
    uint64_t             reads = 0, bytes = 0;
    int64_t              ns = 0;

    warm_up(ours, o);
    for (uint32_t i = 0; i < num_blocks(o); i++) {
        (void)take_turn(ours, o, true, &mine);
        const disk_reply bare = disk_side_bare(ours);
        reads += bare.bare_reads;
        bytes += bare.bare_bytes;
        ns += bare.bare_ns;
    }
    mine.group_peak = disk_side_end(ours);
    if (!o->quick && ns > 0 && mine.disk_ns > 0) {
        const double bare    = (double)reads * 1e9 / (double)ns;
        const double reading = (double)mine.reads * 1e9 / (double)mine.disk_ns;
        begin_case(b, c->name, c->sampler, c->factor, mine.steps);
        bench_int(b->out, "depth", o->depth);
        bench_real(b->out, "read_bytes", (double)bytes / (double)reads);
        put_side(b, "ours", &mine);
        bench_real(b->out, "ours_reads_per_s_reading", reading);
        bench_real(b->out, "bare_reads_per_s", bare);
        bench_real(b->out, "bare_mb_per_s", (double)bytes * 1e3 / (double)ns);
        bench_real(b->out, "of_bare", (double)mine.reads * 1e9 / (double)mine.ns / bare);
        bench_real(b->out, "of_bare_reading", reading / bare);
        bench_case_end(b->out);
    }
    bench_samples_free(&mine.step);
}

/* ---- all rows in memory ---- */

static void run_in_memory(bench *b, int kind, int sampler, const char *name)
{
    const bench_options *o    = &b->o;
    tally                mine = tally_new(o);
    disk_side           *side = start(b, kind, sampler, 2);

    warm_up(side, o);
    for (uint32_t i = 0; i < num_blocks(o); i++) (void)take_turn(side, o, false, &mine);
    (void)disk_side_end(side);
    if (!o->quick) {
        begin_case(b, name, sampler, 2, mine.steps);
        put_side(b, "rival", &mine);
        bench_case_end(b->out);
    }
    bench_samples_free(&mine.step);
}

/* ---- set up ---- */

static void forget_rows(void *argument)
{
    bench    *b = argument;
    disk_data data;

    disk_data_open(&data, b->o.data, false);
    const double kept = disk_data_forget(&data);
    if (!b->o.quick)
        fprintf(stderr, "%.1f %% of the rows' file stay in the page cache; groups have %.0f MB\n",
                100 * kept, (double)b->o.group_bytes * 1e-6);
    disk_data_close(&data);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void generate(void *gen)
{
    pr_made made;

    BENCH_TRY(pr_generate(gen, NULL, &made));
}

/* Make the dataset of --quick; gives the directory to be removed. */
static const char *make_tiny(bench_options *o)
{
    static char           folder[512];
    static pr_gen_options gen;
    const pr_option_group group = { &pr_gen_option_table, &gen };
    const char           *where = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/bench-disk.XXXXXX", where && where[0] ? where : "/tmp");
    BENCH_CHECK(mkdtemp(folder), "%s cannot be made", folder);
    pr_options_init(&group, 1);
    gen.nodes    = 4000;
    gen.edges    = 40000;
    gen.features = 100;
    gen.classes  = 8;
    snprintf(gen.out, sizeof gen.out, "%s/tiny", folder);
    disk_apart(generate, &gen); /* it has threads */
    snprintf(o->data, sizeof o->data, "%s", gen.out);
    snprintf(o->fanout, sizeof o->fanout, "5,5");
    o->batch    = 40;
    o->hidden   = 16;
    o->steps    = 6;
    o->block    = 3;
    o->settle   = 1;
    o->warm     = 2;
    o->threads  = 1;
    o->faulters = 4;
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
        if (!is_asked_for(b, c)) continue;
        disk_apart(forget_rows, b);
        if (c->kind == DISK_OURS)
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
    b.out = bench_output_new("disk", b.o.json, b.o.quick, b.o.csv, argc, argv);
    bench_output_table(
        b.out, "a step of ours and of a rival",
        "rival:16 capacity_factor rival_sampler:14 ours_step_ns ours_reads "
        "ours_read_mb ours_waited rival_step_ns rival_moved rival_reads rival_read_mb "
        "speedup");
    if (b.o.in_memory || b.o.quick) {
        run_in_memory(&b, DISK_MEMORY_OFF, PR_SAMPLER_LABOR, "memory, off");
        run_in_memory(&b, DISK_MEMORY_RESIDENT, PR_SAMPLER_LABOR, "memory, resident");
        run_in_memory(&b, DISK_MEMORY_OFF, PR_SAMPLER_UNIFORM, "memory, off");
    }
    if (!b.o.in_memory) {
        verify(&b);
        run_all(&b);
    }
    bench_output_free(b.out);
    if (folder) {
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        printf("bench_disk: batches and losses are the same for everybody\n");
    }
    return 0;
}
