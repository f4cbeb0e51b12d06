/* bench_epoch.c: what does a training epoch over a whole small graph cost?
 *
 * Full batch: all training nodes in one step, every neighbour, sparse rows used as they are, one
 * thread. What is reported is CPU time of the process an epoch, of whole runs as a user starts
 * them: that of a long run less that of a short one, so opening the dataset is out, and drawing,
 * logging of no log and everything else between two steps is in. The rival is the same model in
 * torch (Debian's python3-torch, bench/epoch/torch_epoch.py), measured in the same way, in turns
 * with ours.
 *
 * Before anything is timed, a step without dropout must give the loss that exact evaluation gives.
 * --quick checks that on a made graph and times nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/support/bench.h"
#include "bench/support/output.h"

enum { MAX_ROUNDS = 64 };

typedef struct bench_options {
    bool     quick, json, no_torch;
    char     csv[PR_TEXT_BYTES], data[PR_TEXT_BYTES];
    int      model;
    uint32_t hidden, epochs, rounds;
} bench_options;

#define AT(member) offsetof(bench_options, member)

static const pr_option options[] = {
    { "quick", "", "check on a made graph only", "false", PR_OPT_FLAG, AT(quick), 0, 0, NULL },
    { "json", "", "one JSON object a case instead of tables", "false", PR_OPT_FLAG, AT(json), 0, 0,
      NULL },
    { "csv", "file", "write the cases as CSV too", "", PR_OPT_TEXT, AT(csv), 0, 0, NULL },
    { "data", "dir", "the dataset", "", PR_OPT_TEXT, AT(data), 0, 0, NULL },
    { "model", "", "its kind", "gcn", PR_OPT_CHOICE, AT(model), 0, 0, "sage|gcn|gin|gat" },
    { "hidden", "columns", "width of the hidden layer", "16", PR_OPT_U32, AT(hidden), 1, 4096,
      NULL },
    { "epochs", "epochs", "that a long run has more than a short one", "400", PR_OPT_U32,
      AT(epochs), 1, 1000000, NULL },
    { "rounds", "rounds", "of ours and torch in turns", "5", PR_OPT_U32, AT(rounds), 1, MAX_ROUNDS,
      NULL },
    { "no-torch", "", "leave torch out", "false", PR_OPT_FLAG, AT(no_torch), 0, 0, NULL },
};
static const pr_option_table table = { "bench_epoch", options, sizeof options / sizeof *options };

/* CPU time of the process, all threads. */
static int64_t cpu_ns(void)
{
    struct timespec t;

    BENCH_CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0, "there is no CPU clock");
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Give the setup of a full-batch run. */
static pr_train_setup *setup_of(const bench_options *o, const char *data, uint32_t epochs)
{
    pr_train_setup *setup = bench_new(1, sizeof *setup);
    pr_option_group groups[PR_TRAIN_GROUPS];

    pr_train_groups(setup, groups);
    pr_options_init(groups, PR_TRAIN_GROUPS);
    (void)snprintf(setup->dataset.data, sizeof setup->dataset.data, "%s", data);
    (void)snprintf(setup->train.fanout, sizeof setup->train.fanout, "all");
    (void)snprintf(setup->train.log, sizeof setup->train.log, "none");
    setup->model.kind          = o->model;
    setup->model.hidden        = o->hidden;
    setup->model.input_dropout = 0.5;
    setup->train.layers        = 2;
    setup->train.batch_size    = 65536;
    setup->train.epochs        = epochs;
    setup->train.eval          = PR_EVAL_NONE;
    setup->machine.threads     = 1;
    return setup;
}

/* The loss of a step without dropout, at the weights that a run begins with, must be that of exact
 * evaluation. */
static void check_loss(const bench_options *o, const char *data, const char *checkpoint)
{
    pr_train_setup *setup = setup_of(o, data, 1);
    pr_train_result trained;
    pr_eval_setup   eval = { 0 };
    pr_eval_result  exact;

    setup->model.dropout = setup->model.input_dropout = 0.0;
    setup->optimizer.lr                               = 0.0;
    (void)snprintf(setup->train.checkpoint, sizeof setup->train.checkpoint, "%s", checkpoint);
    BENCH_TRY(pr_train(setup, NULL, &trained));
    const pr_option_group groups[] = { { &pr_dataset_option_table, &eval.dataset },
                                       { &pr_machine_option_table, &eval.machine },
                                       { &pr_eval_option_table, &eval.eval } };
    pr_options_init(groups, 3);
    (void)snprintf(eval.dataset.data, sizeof eval.dataset.data, "%s", data);
    (void)snprintf(eval.eval.checkpoint, sizeof eval.eval.checkpoint, "%s", checkpoint);
    eval.eval.which      = 0;
    eval.machine.threads = 1;
    BENCH_TRY(pr_evaluate(&eval, NULL, &exact));
    (void)unlink(checkpoint);
    BENCH_CHECK(fabs(trained.train_loss - exact.loss) < 1e-5 * exact.loss,
                "a step's loss is %.9g, exact evaluation says %.9g", trained.train_loss,
                exact.loss);
    free(setup);
}

/* Give the CPU time of a run of so many epochs. */
static int64_t run_ns(const bench_options *o, uint32_t epochs)
{
    pr_train_setup *setup = setup_of(o, o->data, epochs);
    pr_train_result result;
    const int64_t   begin = cpu_ns();

    BENCH_TRY(pr_train(setup, NULL, &result));
    const int64_t took = cpu_ns() - begin;
    BENCH_CHECK(result.steps == epochs, "%llu steps in %u epochs: the training nodes are too many",
                (unsigned long long)result.steps, epochs);
    BENCH_CHECK(isfinite(result.train_loss), "the loss is not a number");
    free(setup);
    return took;
}

/* Give torch's CPU time an epoch; 0 where there is no torch. */
static int64_t torch_ns(const bench_options *o)
{
    static const char *const models[] = { "sage", "gcn", "gin", "gat" };
    char                     command[3 * PR_TEXT_BYTES];
    long long                ns = 0;

    if (strchr(o->data, '\'')) bench_fail("--data %s: a quote in it", o->data);
    (void)snprintf(command, sizeof command,
                   "/usr/bin/python3 " BENCH_SOURCE_DIR
                   "/bench/epoch/torch_epoch.py --data '%s' --model %s --hidden %u --epochs %u",
                   o->data, models[o->model], o->hidden, o->epochs);
    FILE *out = popen(command, "r");
    BENCH_CHECK(out, "cannot start python3");
    const int got    = fscanf(out, "%lld", &ns);
    const int status = pclose(out);
    BENCH_CHECK(status == 0, "torch_epoch.py failed");
    return got == 1 ? ns : 0;
}

static void run(bench_output *out, const bench_options *o)
{
    static const char *const names[] = { "sage", "gcn", "gin", "gat" };
    bench_samples ours = bench_samples_new(o->rounds), torch = bench_samples_new(o->rounds);
    int64_t       rival = 0;

    (void)run_ns(o, 10);
    for (uint32_t r = 0; r < o->rounds; r++) {
        const int64_t begun = run_ns(o, 20);
        bench_samples_add(&ours, (run_ns(o, 20 + o->epochs) - begun) / o->epochs);
        if (!o->no_torch && (r == 0 || rival)) rival = torch_ns(o);
        if (rival) bench_samples_add(&torch, rival);
    }
    const bench_figures mine = bench_figures_of(&ours, 1);
    bench_output_table(out, "CPU time of a full-batch training epoch",
                       "model hidden epoch_ns:12 epoch_spread:13 torch_epoch_ns:15 ratio");
    bench_case(out);
    bench_text(out, "model", names[o->model]);
    bench_int(out, "hidden", o->hidden);
    bench_int(out, "epochs", o->epochs);
    bench_int(out, "rounds", o->rounds);
    bench_times(out, "epoch", &mine);
    if (torch.n) {
        const bench_figures theirs = bench_figures_of(&torch, 1);
        bench_times(out, "torch_epoch", &theirs);
        bench_real(out, "ratio", theirs.median / mine.median);
    }
    bench_case_end(out);
    if (!torch.n) bench_output_note(out, "torch is left out: python3-torch is not installed");
    bench_samples_free(&ours);
    bench_samples_free(&torch);
}

/* Make a small planted graph. */
static void make_graph(const char *dir)
{
    pr_gen_options        gen;
    pr_made               made;
    const pr_option_group group = { &pr_gen_option_table, &gen };

    pr_options_init(&group, 1);
    gen.nodes = 400;
    gen.edges = 3000;
    (void)snprintf(gen.out, sizeof gen.out, "%s", dir);
    BENCH_TRY(pr_generate(&gen, NULL, &made));
}

int main(int argc, char **argv)
{
    static bench_options  o;
    const pr_option_group group  = { &table, &o };
    char                  base[] = "/tmp/packrat-bench-XXXXXX", path[64], graph[64];

    bench_read_options("bench_epoch", &group, argc, argv);
    BENCH_CHECK(o.quick || o.data[0], "--data is missing: a dataset, such as cora");
    BENCH_CHECK(mkdtemp(base), "cannot make a directory in /tmp");
    (void)snprintf(path, sizeof path, "%s/model.prc", base);
    (void)snprintf(graph, sizeof graph, "%s/graph", base);
    bench_output *out = bench_output_new("epoch", o.json, o.quick, o.csv, argc, argv);
    if (o.quick) make_graph(graph);
    for (int model = 0; o.quick && model < 4; model++) {
        o.model = model;
        check_loss(&o, graph, path);
    }
    if (!o.quick) {
        check_loss(&o, o.data, path);
        run(out, &o);
    }
    bench_output_free(out);
    (void)snprintf(path, sizeof path, "rm -r %s", base);
    BENCH_CHECK(system(path) == 0, "cannot remove %s", base);
    if (o.quick) printf("bench_epoch: a step's loss is that of exact evaluation\n");
    return 0;
}
