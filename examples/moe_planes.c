/* moe_planes.c: the active neurons of a gated layer, kept packed: three planes under one index.
 *
 *     y = Down (max(0, Gate x) * (Up x))      Gate, Up [N, H], Down [H, N]
 *
 * A router activates m of the N neurons, and a few others with every token. The cache holds the
 * rows of Gate and Up and the columns of Down of the active ones, so that the layer is three dense
 * products over m rows; a change of k neurons costs k row copies a plane, however large m is.
 *
 *     cc moe_planes.c $(pkg-config --cflags --libs packrat) -lm && ./a.out
 */
#include <packrat/packrat.h>

#include <math.h>
#include <stdlib.h>

enum { N = 2048, H = 96, NUM_ACTIVE = 256, CHANGE = 12, TOKENS = 50 };
enum { GATE, UP, DOWN, PLANES };
enum { IDLE, ACTIVE, LEAVING }; /* what a neuron is */

static float gate[N * H], up[N * H], down[H * N];

static int give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, pr_error_message());
    return 1;
}

static float draw(void) /* -0.5 .. 0.5 */
{
    static uint32_t state = 1;
    state                 = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (1u << 24) - 0.5f;
}

/* y = the layer over the packed rows. Row i of all planes belongs to the same neuron. */
static void run_packed(const pr_packed plane[PLANES], const float *x, float *y)
{
    for (uint32_t h = 0; h < H; h++) y[h] = 0;
    for (uint32_t i = 0; i < plane[GATE].num_rows; i++) {
        const float *g = plane[GATE].rows + i * plane[GATE].ld;
        const float *u = plane[UP].rows + i * plane[UP].ld;
        const float *d = plane[DOWN].rows + i * plane[DOWN].ld;
        float        a = 0, b = 0;
        for (uint32_t h = 0; h < H; h++) a += g[h] * x[h], b += u[h] * x[h];
        const float z = a > 0 ? a * b : 0;
        for (uint32_t h = 0; h < H; h++) y[h] += d[h] * z;
    }
}

/* The same over the whole matrices and a list of active neurons, to compare with. */
static float largest_error(const char *state, const float *x, const float *y)
{
    float want[H] = { 0 }, error = 0;

    for (uint32_t n = 0; n < N; n++) {
        float a = 0, b = 0;
        for (uint32_t h = 0; h < H; h++) a += gate[n * H + h] * x[h], b += up[n * H + h] * x[h];
        for (uint32_t h = 0; state[n] == ACTIVE && h < H; h++)
            want[h] += down[h * N + n] * (a > 0 ? a * b : 0);
    }
    for (uint32_t h = 0; h < H; h++) error = fmaxf(error, fabsf(want[h] - y[h]));
    return error;
}

/* Draw `num` distinct neurons in one state and put them into another. */
static pr_vids pick(char *state, char from, char to, uint32_t num, pr_vid *ids)
{
    for (uint32_t count = 0; count < num;) {
        const pr_vid id = (pr_vid)((draw() + 0.5f) * N);
        if (state[id] != from) continue;
        state[id]    = to;
        ids[count++] = id;
    }
    return (pr_vids){ ids, num };
}

static int run_tokens(pr_cache *cache)
{
    static char   state[N];
    static pr_vid come[NUM_ACTIVE], go[CHANGE];
    uint64_t      bytes = 0, bytes_gather = 0;
    float         error = 0;

    for (int token = 0; token < TOKENS; token++) {
        const pr_cache_plan *plan;
        pr_packed            plane[PLANES];
        float                x[H], y[H];
        const pr_vids        removed = pick(state, ACTIVE, LEAVING, token ? CHANGE : 0, go);
        const pr_vids        added   = pick(state, IDLE, ACTIVE, token ? CHANGE : NUM_ACTIVE, come);

        for (size_t i = 0; i < removed.n; i++) state[removed.at[i]] = IDLE;
        if (pr_cache_apply(cache, added, removed, &plan) != PR_OK) return give_up("apply");
        bytes += plan->bytes_moved;
        bytes_gather += plan->bytes_gather;
        for (uint32_t p = 0; p < PLANES; p++)
            if (pr_cache_packed(cache, p, &plane[p]) != PR_OK) return give_up("packed");
        for (int h = 0; h < H; h++) x[h] = draw();
        run_packed(plane, x, y);
        error = fmaxf(error, largest_error(state, x, y));
    }
    printf("%d tokens, %d of %d neurons active, %d change: %.1f MB moved, a gather moves %.1f MB; "
           "largest error %.1e\n",
           TOKENS, NUM_ACTIVE, N, CHANGE, (double)bytes / 1e6, (double)bytes_gather / 1e6,
           (double)error);
    return error < 1e-3f ? 0 : 1;
}

int main(void)
{
    const pr_features features[] = {
        { .kind = PR_FEATURES_DENSE, .num_rows = N, .num_cols = H, .rows = gate, .ld = H },
        { .kind = PR_FEATURES_DENSE, .num_rows = N, .num_cols = H, .rows = up, .ld = H },
    };
    const pr_cache_options options       = { .mode = PR_CACHE_PACKED };
    pr_store              *store[PLANES] = { NULL };
    pr_cache              *cache         = NULL;
    int                    status        = 0;

    for (int i = 0; i < N * H; i++) gate[i] = draw(), up[i] = draw(), down[i] = draw();
    if (pr_store_copied(&features[GATE], &store[GATE]) != PR_OK ||
        pr_store_copied(&features[UP], &store[UP]) != PR_OK ||
        pr_store_transposed(down, H, N, N, &store[DOWN]) != PR_OK)
        status = give_up("store");
    const pr_store *const stores[PLANES] = { store[GATE], store[UP], store[DOWN] };
    const pr_cache_setup  setup          = {
                  .options = &options, .stores = stores, .num_planes = PLANES, .max_wanted = NUM_ACTIVE
    };
    if (status == 0 && pr_cache_open(&setup, &cache) != PR_OK) status = give_up("open");
    if (status == 0) status = run_tokens(cache);
    pr_cache_free(cache);
    for (int p = 0; p < PLANES; p++) pr_store_free(store[p]);
    return status;
}
