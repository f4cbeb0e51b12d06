/* train_planted.c: packrat as a library: make a graph, train on it, print what was learned.
 *
 *     cc train_planted.c $(pkg-config --cflags --libs packrat) && ./a.out /tmp/planted
 */
#include <packrat/packrat.h>

static int give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, pr_error_message());
    return 1;
}

int main(int argc, char **argv)
{
    static pr_gen_options gen;
    static pr_train_setup setup;
    pr_option_group       groups[PR_TRAIN_GROUPS];
    pr_train_result       result;
    pr_made               made;

    if (argc != 2) {
        fprintf(stderr, "usage: %s NEW_FOLDER\n", argv[0]);
        return 2;
    }
    const pr_option_group gen_group = { &pr_gen_option_table, &gen };
    pr_options_init(&gen_group, 1);
    gen.nodes = 5000;
    gen.edges = 50000;
    snprintf(gen.out, sizeof gen.out, "%s", argv[1]);
    if (pr_generate(&gen, NULL, &made) != PR_OK) return give_up("gen");

    pr_train_groups(&setup, groups);
    pr_options_init(groups, PR_TRAIN_GROUPS);
    snprintf(setup.dataset.data, sizeof setup.dataset.data, "%s", argv[1]);
    snprintf(setup.train.log, sizeof setup.train.log, "none");
    setup.train.epochs = 5;
    setup.model.hidden = 64;
    if (pr_train(&setup, NULL, &result) != PR_OK) return give_up("train");
    printf("%llu nodes, %llu steps, test accuracy %.3f, %.0f of %.0f rows moved a step\n",
           (unsigned long long)made.nodes, (unsigned long long)result.steps, result.test_accuracy,
           result.rows_moved_per_step, result.rows_wanted_per_step);
    return 0;
}
