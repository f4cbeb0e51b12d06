/* side.c: see side.h. The child reads asks from one pipe and writes replies to another, a reply
 * being followed by the steps that were done. */
#include "bench/disk/side.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/disk/bare.h"
#include "bench/disk/data.h"

enum { MOST_READS = 1 << 20 };

typedef enum ask_kind { ASK_STEPS, ASK_CACHED, ASK_FAULT_RATE, ASK_BARE, ASK_END } ask_kind;

typedef struct ask {
    ask_kind what;
    uint32_t num_steps;
    bool     record;
} ask;

struct disk_side {
    pid_t      pid;
    int        asks, replies; /* ends of pipes */
    disk_group group;
};

/* ---- in the child ---- */

typedef struct child {
    disk_side_plan     plan;
    disk_data          data;
    pr_sampler_options sampling;
    disk_setting       setting;
    disk_rival        *rival;
    uint32_t           faulters;
    disk_read         *reads;
    size_t             num_reads;
    uint64_t           shift;
} child;

static bool read_all(int fd, void *to, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const ssize_t n = read(fd, (char *)to + at, bytes - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const ssize_t n = write(fd, (const char *)from + at, bytes - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static disk_rival *open_rival(child *c)
{
    const disk_setting *s = &c->setting;

    switch ((disk_side_kind)c->plan.kind) {
    case DISK_OURS: return disk_cached(s, PR_POLICY_LOOKAHEAD);
    case DISK_LRU: return disk_cached(s, PR_POLICY_LRU);
    case DISK_MMAP: return disk_mapped(s, c->plan.faulters, &c->faulters);
    case DISK_OFFLINE: return disk_offline(s);
    case DISK_MEMORY_OFF: return disk_in_memory(s, PR_CACHE_OFF);
    case DISK_MEMORY_RESIDENT: return disk_in_memory(s, PR_CACHE_RESIDENT);
    }
    return NULL;
}

static void open_child(child *c)
{
    const disk_side_plan *p     = &c->plan;
    const pr_option_group group = { &pr_sampler_option_table, &c->sampling };

    pr_options_init(&group, 1);
    c->sampling.kind = p->sampler;
    if (p->sampler == PR_SAMPLER_LABOR) c->sampling.kappa = 8;
    disk_data_open(&c->data, p->data,
                   p->kind == DISK_MEMORY_OFF || p->kind == DISK_MEMORY_RESIDENT);
    c->setting = (disk_setting){ .world     = &c->data.world,
                                 .fanout    = p->fanout,
                                 .sampling  = &c->sampling,
                                 .io        = &p->io,
                                 .hidden    = p->hidden,
                                 .batch     = p->batch,
                                 .threads   = p->threads,
                                 .num_steps = p->num_steps,
                                 .factor    = p->factor };
    c->rival   = open_rival(c);
}

static void do_steps(child *c, const ask *a, disk_step *steps, disk_reply *reply)
{
    const uint64_t bytes = disk_read_bytes(), faults = disk_major_faults();

    if (a->record) {
        free(c->reads);
        disk_record_begin(MOST_READS);
    }
    for (uint32_t i = 0; i < a->num_steps; i++) steps[i] = c->rival->step(c->rival);
    if (a->record) c->num_reads = disk_record_end(&c->reads);
    reply->read_bytes = disk_read_bytes() - bytes;
    reply->faults     = disk_major_faults() - faults;
}

static void do_bare(child *c, disk_reply *reply)
{
    const pr_row_file *file = c->data.world.features.file;

    if (!c->num_reads) return;
    const uint64_t shift = bench_draw(&c->shift) % (file->file_bytes / 4096) * 4096;
    reply->bare_ns       = disk_bare(file->path, c->reads, c->num_reads, c->plan.io.depth, shift);
    reply->bare_reads    = c->num_reads;
    for (size_t i = 0; i < c->num_reads; i++) reply->bare_bytes += c->reads[i].bytes;
}

/* Take asks until there are no more. */
static void serve(child *c, int asks, int replies)
{
    disk_step *steps = bench_new(c->plan.num_steps, sizeof *steps);
    ask        a;

    while (read_all(asks, &a, sizeof a) && a.what != ASK_END) {
        disk_reply reply = { 0 };
        switch (a.what) {
        case ASK_STEPS: do_steps(c, &a, steps, &reply); break;
        case ASK_CACHED: reply.cached = disk_data_cached(&c->data); break;
        case ASK_FAULT_RATE:
            reply.rate = disk_fault_rate(&c->setting, c->faulters, false, 5000000000);
            break;
        case ASK_BARE: do_bare(c, &reply); break;
        case ASK_END: break;
        }
        reply.capacity_rows = c->rival->capacity_rows;
        reply.ahead_ns      = c->rival->ahead_ns;
        reply.faulters      = c->faulters;
        if (!write_all(replies, &reply, sizeof reply) ||
            !write_all(replies, steps, a.num_steps * sizeof *steps))
            break;
    }
    free(steps);
}

static void live(const disk_side_plan *plan, const disk_group *group, int asks, int replies)
{
    static child c;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    disk_group_enter(group);
    c = (child){ .plan = *plan, .shift = 5 };
    open_child(&c);
    serve(&c, asks, replies);
    c.rival->close(c.rival);
    disk_data_close(&c.data);
    free(c.reads);
}

/* ---- in the process that asks ---- */

static void wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status))
        bench_fail("a side was ended by signal %d%s", WTERMSIG(status),
                   WTERMSIG(status) == SIGKILL ? ": its memory group is too small?" : "");
    if (status != 0) bench_fail("a side failed");
}

static disk_reply tell(disk_side *side, ask a, disk_step *out)
{
    disk_reply reply;

    if (!write_all(side->asks, &a, sizeof a) || !read_all(side->replies, &reply, sizeof reply) ||
        !read_all(side->replies, out, a.num_steps * sizeof *out)) {
        const disk_group group = side->group;
        int              status;
        (void)close(side->asks);
        while (waitpid(side->pid, &status, 0) < 0 && errno == EINTR) {
        }
        disk_group_remove(&group);
        bench_fail("a side ended before its time%s",
                   WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                       ? ": killed, as its memory group is too small for it"
                       : "");
    }
    return reply;
}

disk_side *disk_side_start(const disk_side_plan *plan)
{
    disk_side *side = bench_new(1, sizeof *side);
    int        asks[2], replies[2];

    disk_group_make(&side->group, plan->group_bytes);
    BENCH_CHECK(pipe(asks) == 0 && pipe(replies) == 0, "no pipe: %s", strerror(errno));
    (void)signal(SIGPIPE, SIG_IGN);
    (void)fflush(NULL);
    side->pid = fork();
    BENCH_CHECK(side->pid >= 0, "no process: %s", strerror(errno));
    if (side->pid == 0) {
        (void)close(asks[1]);
        (void)close(replies[0]);
        live(plan, &side->group, asks[0], replies[1]);
        _exit(0);
    }
    (void)close(asks[0]);
    (void)close(replies[1]);
    side->asks    = asks[1];
    side->replies = replies[0];
    (void)tell(side, (ask){ .what = ASK_STEPS }, NULL); /* it answers when it is open */
    return side;
}

disk_reply disk_side_steps(disk_side *side, uint32_t n, bool record, disk_step *out)
{
    return tell(side, (ask){ ASK_STEPS, n, record }, out);
}

disk_reply disk_side_cached(disk_side *side)
{
    return tell(side, (ask){ .what = ASK_CACHED }, NULL);
}

disk_reply disk_side_fault_rate(disk_side *side)
{
    return tell(side, (ask){ .what = ASK_FAULT_RATE }, NULL);
}

disk_reply disk_side_bare(disk_side *side)
{
    return tell(side, (ask){ .what = ASK_BARE }, NULL);
}

/* Sides that were started later hold this one's pipe too: it must be told. */
uint64_t disk_side_end(disk_side *side)
{
    const ask end = { .what = ASK_END };

    (void)write_all(side->asks, &end, sizeof end);
    (void)close(side->asks);
    wait_for(side->pid);
    (void)close(side->replies);
    const uint64_t peak = disk_group_peak(&side->group);
    disk_group_remove(&side->group);
    free(side);
    return peak;
}

void disk_apart(void (*work)(void *argument), void *argument)
{
    (void)fflush(NULL);
    const pid_t pid = fork();

    BENCH_CHECK(pid >= 0, "no process: %s", strerror(errno));
    if (pid == 0) {
        work(argument);
        _exit(0);
    }
    wait_for(pid);
}
