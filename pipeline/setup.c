/* setup.c: the option tables of train, eval and infer. */
#include <packrat/pipeline.h>

#define COUNT(array)  (sizeof(array) / sizeof *(array))
#define TRAIN(member) offsetof(pr_train_options, member)
#define EVAL(member)  offsetof(pr_eval_options, member)
#define INFER(member) offsetof(pr_infer_options, member)

static const pr_option train_options[] = {
    { "split", "", "which split of the dataset", "main", PR_OPT_CHOICE, TRAIN(split), 0, 0,
      "main|alt" },
    { "layers", "layers", "depth of the model; 0: as many as --fanout names, else 2", "0",
      PR_OPT_U32, TRAIN(layers), 0, PR_MAX_LAYERS, NULL },
    { "fanout", "list|all",
      "neighbours drawn for each hop, the seeds' hop first: 15,10,5; one value repeats with "
      "--layers; all: every neighbour; auto: 15,10,5,5,... cut to the layers",
      "auto", PR_OPT_TEXT, TRAIN(fanout), 0, 0, NULL },
    { "batch-size", "seeds", "seeds of a step", "1024", PR_OPT_U32, TRAIN(batch_size), 1, 1 << 24,
      NULL },
    { "epochs", "epochs", "passes over the training nodes; 0: 10, or as many as make 200 steps",
      "0", PR_OPT_U32, TRAIN(epochs), 0, 1000000, NULL },
    { "steps", "steps",
      "stop after this many steps, without evaluation unless --eval asks for it; "
      "0: no limit",
      "0", PR_OPT_U64, TRAIN(steps), 0, 1e15, NULL },
    { "eval", "",
      "evaluation on val and test: exact (every neighbour, all nodes), sampled (as in training), "
      "none; auto: exact, or none with --steps",
      "auto", PR_OPT_CHOICE, TRAIN(eval), 0, 0, "auto|exact|sampled|none" },
    { "eval-every", "epochs", "evaluate after every so many epochs and after the last", "1",
      PR_OPT_U32, TRAIN(eval_every), 1, 1000000, NULL },
    { "patience", "evaluations",
      "stop after so many evaluations without a better validation score (accuracy, or micro-F1 of "
      "labels); 0: never",
      "0", PR_OPT_U32, TRAIN(patience), 0, 1000000, NULL },
    { "sampler.threads", "threads",
      "threads of a lane that draw neighbours; 0: all, or 1 when pipelined; in line more than 1 is "
      "all; batches do not depend on it",
      "0", PR_OPT_U32, TRAIN(sampler_threads), 0, 4096, NULL },
    { "pipeline", "",
      "draw batches, and fetch rows that are slow, on threads beside those that compute; off: in "
      "line, just as far ahead; auto: on where rows are slow or a lane has cores beyond its "
      "threads",
      "auto", PR_OPT_CHOICE, TRAIN(pipeline), 0, 0, "auto|on|off" },
    { "seed", "number", "seed of weights, order, sampling and dropout", "1", PR_OPT_U64,
      TRAIN(seed), 0, 1.8446744073709552e19, NULL },
    { "log", "file", "the step log, appended to; none: no log", "packrat.db", PR_OPT_TEXT,
      TRAIN(log), 0, 0, NULL },
    { "checkpoint", "file", "where to keep the best model (the last without evaluation)", "",
      PR_OPT_TEXT, TRAIN(checkpoint), 0, 0, NULL },
    { "init", "file",
      "weights to start from instead of drawn ones: a checkpoint, or a .npz as packrat weights has "
      "it",
      "", PR_OPT_TEXT, TRAIN(init), 0, 0, NULL },
    { "task", "",
      "node: tell a vertex's class or labels; link: whether there is an edge between two", "node",
      PR_OPT_CHOICE, TRAIN(task), 0, 0, "node|link" },
    { "class-weights", "none|balanced|file",
      "what each class, or a label that is set, counts in the loss: none: 1; balanced: the fewer "
      "training nodes the more; or a .npy with one for each",
      "none", PR_OPT_TEXT, TRAIN(class_weights), 0, 0, NULL },
    { "resume", "",
      "go on where --checkpoint is, from the start where there is none yet; refused for another "
      "dataset, model, or option that changes batches or numbers; epochs and steps may be more",
      "false", PR_OPT_FLAG, TRAIN(resume), 0, 0, NULL },
    { "checkpoint-every", "steps",
      "save the state of the run so often; 0: with a better model, some seconds apart", "0",
      PR_OPT_U64, TRAIN(checkpoint_every), 0, 1e15, NULL },
    { "trace", "file", "write down which rows every step wanted, for packrat reorder", "",
      PR_OPT_TEXT, TRAIN(trace), 0, 0, NULL },
};
const pr_option_table pr_train_option_table = { "Training", train_options, COUNT(train_options) };

static const pr_option machine_options[] = {
    { "threads", "threads",
      "compute threads of the whole process; 0: one a core, within cpuset and CPU quota", "0",
      PR_OPT_U32, offsetof(pr_machine_options, threads), 0, 4096, NULL },
    { "numa", "",
      "auto: pin one lane of threads per NUMA node, best effort; strict: refusals are errors; "
      "off: one lane",
      "auto", PR_OPT_CHOICE, offsetof(pr_machine_options, numa), 0, 0, "auto|strict|off" },
    { "tuning", "file",
      "where packrat tune keeps how this host copies rows best; auto: packrat/tune.json in the "
      "user's cache directory, if there; none: what is good on most hosts",
      "auto", PR_OPT_TEXT, offsetof(pr_machine_options, tuning), 0, 0, NULL },
    { "memory", "bytes",
      "what the whole process may take; the cache gets what is left; refused, with the least that "
      "works, where that is too little; 0: no limit",
      "0", PR_OPT_BYTES, offsetof(pr_machine_options, memory), 0, 0x1p62, NULL },
    { "spill", "dir",
      "where temporary files of rows that do not fit go; empty: $TMPDIR, else /var/tmp", "",
      PR_OPT_TEXT, offsetof(pr_machine_options, spill), 0, 0, NULL },
};
const pr_option_table pr_machine_option_table = { "Machine", machine_options,
                                                  COUNT(machine_options) };

#define PLACE(member) offsetof(pr_placement_options, member)

static const pr_option placement_options[] = {
    { "lanes", "lanes",
      "lanes, each with threads, batches and cache partition of its own; 0: one a NUMA node, as "
      "far "
      "as the batches are worth it; more than nodes: nodes are cut into runs of cores",
      "0", PR_OPT_U32, PLACE(lanes), 0, PR_MAX_LANES, NULL },
    { "shards", "",
      "how feature rows, and with them seeds, are dealt to lanes: range (runs of ids), hash, part "
      "(as --shards.file says); auto: part with a file, else range",
      "auto", PR_OPT_CHOICE, PLACE(shards), 0, 0, "auto|range|hash|part" },
    { "shards.file", "file", "a part for every node, .npy: what packrat partition writes", "",
      PR_OPT_TEXT, PLACE(shards_file), 0, 0, NULL },
    { "graph-copies", "",
      "a copy of the graph on each lane's node; auto: where it takes at most an eighth of the node",
      "auto", PR_OPT_CHOICE, PLACE(graph_copies), 0, 0, "auto|on|off" },
    { "verify-every", "steps",
      "ask the kernel where pages are after every so many steps; 0: after the first and at the end",
      "0", PR_OPT_U64, PLACE(verify_every), 0, 1e15, NULL },
};
const pr_option_table pr_placement_option_table = { "Placement", placement_options,
                                                    COUNT(placement_options) };

static const pr_option eval_options[] = {
    { "checkpoint", "file", "the model", "", PR_OPT_TEXT, EVAL(checkpoint), 0, 0, NULL },
    { "split", "", "which nodes to score", "test", PR_OPT_CHOICE, EVAL(which), 0, 0,
      "train|val|test|all" },
    { "split-set", "", "which split of the dataset they belong to; auto: the one trained on",
      "auto", PR_OPT_CHOICE, EVAL(split), 0, 0, "auto|main|alt" },
    { "log", "file", "a step log to append to; none: no log", "none", PR_OPT_TEXT, EVAL(log), 0, 0,
      NULL },
};
const pr_option_table pr_eval_option_table = { "Evaluation", eval_options, COUNT(eval_options) };

static const pr_option infer_options[] = {
    { "checkpoint", "file", "the model", "", PR_OPT_TEXT, INFER(checkpoint), 0, 0, NULL },
    { "out", "file", "answers, .npy or .csv by its ending", "", PR_OPT_TEXT, INFER(out), 0, 0,
      NULL },
    { "nodes", "file", "a .npy of node ids; without it all nodes in order", "", PR_OPT_TEXT,
      INFER(nodes), 0, 0, NULL },
    { "output", "",
      "what to write; embeddings: the inputs of the last layer, or the outputs of a model for "
      "links",
      "class", PR_OPT_CHOICE, INFER(output), 0, 0, "class|logits|probabilities|embeddings" },
    { "mode", "",
      "exact: every neighbour, layer by layer over all nodes; sampled: as training does", "exact",
      PR_OPT_CHOICE, INFER(mode), 0, 0, "exact|sampled" },
    { "resume", "",
      "exact: keep what each layer made in a directory until the file is complete, and go on "
      "behind the last one that is there",
      "false", PR_OPT_FLAG, INFER(resume), 0, 0, NULL },
    { "work", "dir", "that directory; empty: that of --out with .work behind it", "", PR_OPT_TEXT,
      INFER(work), 0, 0, NULL },
    { "dry-run", "", "say what it would take, and end", "false", PR_OPT_FLAG, INFER(dry_run), 0, 0,
      NULL },
    { "fanout", "list|all",
      "sampled: neighbours drawn for each hop, as for train; empty: as the model was trained", "",
      PR_OPT_TEXT, INFER(fanout), 0, 0, NULL },
    { "batch-size", "nodes", "sampled: nodes of a step; answers do not depend on it", "1024",
      PR_OPT_U32, INFER(batch_size), 1, 1 << 24, NULL },
    { "seed", "number", "sampled: seed of what is drawn", "1", PR_OPT_U64, INFER(seed), 0,
      1.8446744073709552e19, NULL },
    { "log", "file", "a step log to append to; none: no log", "none", PR_OPT_TEXT, INFER(log), 0, 0,
      NULL },
};
const pr_option_table pr_infer_option_table = { "Inference", infer_options, COUNT(infer_options) };

void pr_train_groups(pr_train_setup *setup, pr_option_group out[PR_TRAIN_GROUPS])
{
    const pr_option_group groups[PR_TRAIN_GROUPS] = {
        { &pr_dataset_option_table, &setup->dataset },
        { &pr_train_option_table, &setup->train },
        { &pr_sampler_option_table, &setup->sampler },
        { &pr_order_option_table, &setup->order },
        { &pr_model_option_table, &setup->model },
        { &pr_optimizer_option_table, &setup->optimizer },
        { &pr_cache_option_table, &setup->cache },
        { &pr_machine_option_table, &setup->machine },
        { &pr_placement_option_table, &setup->placement },
        { &pr_io_option_table, &setup->io },
        { &pr_link_option_table, &setup->link },
    };
    for (int i = 0; i < PR_TRAIN_GROUPS; i++) out[i] = groups[i];
}
