/* policy_reference.c: see policy_reference.h. */
#include "support/policy_reference.h"

void *test_room(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    assert_non_null(p);
    return p;
}

void reference_open(policy_reference *r, int policy, uint32_t n, uint32_t capacity,
                    const uint32_t *scores)
{
    *r = (policy_reference){ .policy = policy, .n = n, .capacity = capacity, .scores = scores };
    r->slot_of       = test_room(n, sizeof *r->slot_of);
    r->last_wanted   = test_room(n, sizeof *r->last_wanted);
    r->queue         = test_room(n, sizeof *r->queue);
    r->visited       = test_room(n, sizeof *r->visited);
    r->is_wanted     = test_room(n, sizeof *r->is_wanted);
    r->is_added      = test_room(n, sizeof *r->is_added);
    r->is_victim     = test_room(n, sizeof *r->is_victim);
    r->next_use      = test_room(n, sizeof *r->next_use);
    r->visited_after = test_room(n, sizeof *r->visited_after);
    for (uint32_t v = 0; v < n; v++) r->slot_of[v] = NOWHERE;
}

void reference_close(policy_reference *r)
{
    free(r->slot_of), free(r->last_wanted), free(r->queue), free(r->visited), free(r->is_wanted);
    free(r->is_added), free(r->is_victim), free(r->next_use), free(r->visited_after);
}

void reference_foresee(policy_reference *r, pr_vids wanted)
{
    assert_true(r->num_waiting - (r->taken ? 1 : 0) <= PR_MAX_WINDOW);
    r->waiting[r->num_waiting++] = wanted;
}

uint32_t reference_score(uint32_t score)
{
    uint32_t low = 0; /* bits that are dropped */
    while (score >> low >= 4096) low++;
    return score >> low << low;
}

/* How many lists pass until each row is wanted: the window begins behind the batch itself. */
static void find_next_uses(policy_reference *r)
{
    for (uint32_t v = 0; v < r->n; v++) r->next_use[v] = UINT32_MAX;
    for (uint32_t l = r->num_waiting; l-- > (r->taken ? 1u : 0u);)
        for (size_t i = 0; i < r->waiting[l].n; i++) r->next_use[r->waiting[l].at[i]] = l;
}

static bool goes_before(const policy_reference *r, uint32_t a, uint32_t b)
{
    if (r->policy == PR_POLICY_STATIC) {
        const uint32_t x = reference_score(r->scores[a]), y = reference_score(r->scores[b]);
        if (x != y) return x < y;
        return r->slot_of[a] < r->slot_of[b];
    }
    if (r->policy == PR_POLICY_LOOKAHEAD) {
        if (r->next_use[a] != r->next_use[b]) return r->next_use[a] > r->next_use[b];
        if (r->next_use[a] != UINT32_MAX) return r->slot_of[a] < r->slot_of[b];
    }
    if (r->last_wanted[a] != r->last_wanted[b]) return r->last_wanted[a] < r->last_wanted[b];
    return r->slot_of[a] < r->slot_of[b];
}

static bool may_go(const policy_reference *r, uint32_t v)
{
    return r->slot_of[v] != NOWHERE && !r->is_wanted[v] && !r->is_victim[v];
}

static void choose_first_in_order(policy_reference *r)
{
    for (uint32_t i = 0; i < r->num_victims; i++) {
        uint32_t first = UINT32_MAX;
        for (uint32_t v = 0; v < r->n; v++)
            if (may_go(r, v) && (first == UINT32_MAX || goes_before(r, v, first))) first = v;
        assert_true(first != UINT32_MAX);
        r->is_victim[first] = true;
    }
}

/* The hand goes from the oldest to the newest and round again. It passes rows that are wanted now,
 * which count as visited already; it clears the mark of a visited row and passes it too. */
static void choose_by_sieve(policy_reference *r)
{
    memcpy(r->visited_after, r->visited, r->n * sizeof *r->visited);
    r->hand_after = r->hand;
    for (uint32_t chosen = 0; chosen < r->num_victims;) {
        if (r->hand_after == r->num_queued) r->hand_after = 0;
        const uint32_t v = r->queue[r->hand_after++];
        if (!may_go(r, v)) continue;
        if (r->visited_after[v]) {
            r->visited_after[v] = false;
        } else {
            r->is_victim[v] = true;
            chosen++;
        }
    }
}

static void decide(policy_reference *r)
{
    const uint32_t n = (uint32_t)r->wanted.n;

    r->num_hit = r->num_compacted = 0;
    for (uint32_t v = 0; v < r->n; v++) r->is_wanted[v] = r->is_added[v] = r->is_victim[v] = false;
    for (size_t i = 0; i < n; i++) {
        assert_false(r->is_wanted[r->wanted.at[i]]);
        r->is_wanted[r->wanted.at[i]] = true;
        r->num_hit += r->slot_of[r->wanted.at[i]] != NOWHERE;
    }
    const uint32_t misses = n - r->num_hit, room = r->capacity - r->num_hit;
    r->num_added    = misses < room ? misses : room;
    r->num_bypassed = misses - r->num_added;
    for (size_t i = 0, left = r->num_added; left > 0; i++) { /* the first misses come in */
        if (r->slot_of[r->wanted.at[i]] != NOWHERE) continue;
        r->is_added[r->wanted.at[i]] = true;
        left--;
    }
    const uint32_t rows = r->num_resident + r->num_added;
    r->num_victims      = rows > r->capacity ? rows - r->capacity : 0;
    if (r->packed) r->num_victims = r->num_resident - r->num_hit;
    r->rows_after = rows - r->num_victims;
    if (r->packed) {
        for (uint32_t v = 0; v < r->n; v++) {
            r->is_victim[v] = may_go(r, v);
            r->num_compacted += r->is_wanted[v] && r->slot_of[v] >= (int)r->rows_after;
        }
    } else if (r->policy == PR_POLICY_SIEVE) {
        choose_by_sieve(r);
    } else {
        if (r->policy == PR_POLICY_LOOKAHEAD) find_next_uses(r);
        choose_first_in_order(r);
    }
}

void reference_prepare(policy_reference *r, pr_vids wanted)
{
    r->wanted = wanted;
    r->taken  = false;
    decide(r);
}

void reference_prepare_next(policy_reference *r)
{
    assert_true(r->num_waiting > 0);
    r->wanted = r->waiting[0];
    r->taken  = true;
    decide(r);
}

void reference_drop(policy_reference *r)
{
    r->taken = false;
}

void reference_check_plan(const policy_reference *r, const pr_cache_plan *plan)
{
    assert_int_equal(plan->num_wanted, r->wanted.n);
    assert_int_equal(plan->rows_direct, 0);
    assert_int_equal(plan->rows_hit, r->num_hit);
    assert_int_equal(plan->rows_added, r->num_added);
    assert_int_equal(plan->rows_bypassed, r->num_bypassed);
    assert_int_equal(plan->rows_victim, r->num_victims);
    assert_int_equal(plan->rows_compacted, r->num_compacted);
    assert_int_equal(plan->lookahead, r->num_waiting - (r->taken ? 1 : 0));
}

/* Mark the slots that rows which come in (packed: or move) may take. */
static void mark_open_slots(const policy_reference *r, bool *open)
{
    for (uint32_t v = 0; v < r->n; v++)
        if (r->is_victim[v] && (uint32_t)r->slot_of[v] < r->rows_after) open[r->slot_of[v]] = true;
    for (uint32_t s = r->num_resident; s < r->rows_after; s++) open[s] = true;
}

static void check_slots(const policy_reference *r, const pr_slot *slot_of_input)
{
    bool    *open      = test_room(r->rows_after, sizeof *open);
    bool    *tail      = test_room(r->num_bypassed, sizeof *tail);
    uint32_t num_tails = 0;

    mark_open_slots(r, open);
    for (size_t i = 0; i < r->wanted.n; i++) {
        const uint32_t v = r->wanted.at[i], slot = slot_of_input[i];
        const int      old = r->slot_of[v];
        if (old != NOWHERE && (uint32_t)old < r->rows_after) {
            if (slot != (uint32_t)old) fail_msg("hit %u went from slot %d to %u", v, old, slot);
        } else if (old != NOWHERE || r->is_added[v]) {
            if (slot >= r->rows_after || !open[slot])
                fail_msg("batch %llu: row %u came to slot %u, whose row was not to go",
                         (unsigned long long)r->now, v, slot);
            open[slot] = false;
        } else {
            const uint32_t at = slot - r->capacity;
            assert_true(slot >= r->capacity && at < r->num_bypassed && !tail[at]);
            tail[at] = true;
            num_tails++;
        }
    }
    for (uint32_t s = 0; s < r->rows_after; s++) assert_false(open[s]);
    assert_int_equal(num_tails, r->num_bypassed);
    free(open), free(tail);
}

static void follow_queue(policy_reference *r)
{
    uint32_t kept = 0, hand = 0;

    for (uint32_t i = 0; i < r->num_queued; i++) {
        if (r->is_victim[r->queue[i]]) continue;
        hand += i < r->hand_after;
        r->queue[kept++] = r->queue[i];
    }
    r->hand = hand == kept ? 0 : hand; /* past the newest: from the oldest again */
    for (size_t i = 0; i < r->wanted.n; i++) {
        const uint32_t v = r->wanted.at[i];
        if (r->is_added[v]) r->queue[kept++] = v;
        r->visited_after[v] = !r->is_added[v];
    }
    r->num_queued = kept;
    memcpy(r->visited, r->visited_after, r->n * sizeof *r->visited);
}

void reference_place(policy_reference *r, const pr_slot *slot_of_input)
{
    check_slots(r, slot_of_input);
    if (r->policy == PR_POLICY_SIEVE && !r->packed) follow_queue(r);
    r->now++;
    for (uint32_t v = 0; v < r->n; v++)
        if (r->is_victim[v]) r->slot_of[v] = NOWHERE;
    for (size_t i = 0; i < r->wanted.n; i++) {
        const uint32_t v = r->wanted.at[i];
        if (r->slot_of[v] == NOWHERE && !r->is_added[v]) continue;
        r->slot_of[v]     = (int)slot_of_input[i];
        r->last_wanted[v] = r->now;
    }
    r->num_resident = r->rows_after;
    if (r->taken) {
        r->num_waiting--;
        memmove(r->waiting, r->waiting + 1, r->num_waiting * sizeof *r->waiting);
        r->taken = false;
    }
}

uint64_t reference_key(const policy_reference *r)
{
    uint64_t key = 1;

    assert_true(r->n <= 5);
    for (uint32_t v = 0; v < r->n; v++) key = key * 8 + (uint64_t)(r->slot_of[v] + 1);
    if (r->packed || r->policy == PR_POLICY_STATIC) return key;
    if (r->policy == PR_POLICY_SIEVE) {
        for (uint32_t i = 0; i < r->num_queued; i++)
            key = key * 16 + 2 * r->queue[i] + r->visited[r->queue[i]];
        return key * 8 + r->hand;
    }
    for (uint32_t v = 0; v < r->n; v++) { /* how many resident rows were wanted longer ago */
        uint64_t older = 0;
        for (uint32_t u = 0; u < r->n && r->slot_of[v] != NOWHERE; u++)
            older += r->slot_of[u] != NOWHERE && r->last_wanted[u] < r->last_wanted[v];
        key = key * 8 + older;
    }
    for (uint32_t l = 0; l < r->num_waiting; l++) {
        key = key * 2 + 1;
        for (size_t i = 0; i < r->waiting[l].n; i++) key = key * 8 + r->waiting[l].at[i] + 1;
    }
    return key;
}
