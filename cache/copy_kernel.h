/* copy_kernel.h: the copies of copy.h over the words of one instruction set. The file that includes
 * it defines TARGET, how the code is compiled; word, WORD_BYTES, load, store and stream; and
 * load_tail, which reads the last 4 to 60 bytes of a row and zeros behind them.
 *
 * Lines of the row `ahead` are prefetched beside those that are copied, so that requests to memory
 * come as evenly as they are answered; but in groups, for streamed stores come through fastest in a
 * row (512-byte rows on a Zen 4: 38 ns a row in groups of eight lines, 65 one by one). Stores
 * through the caches have the lines they will write prefetched as well, for those are read first.
 */

enum { LINE = 64, WORDS = LINE / WORD_BYTES, GROUP = 8 };

/* Copy a whole line. */
TARGET static inline void copy_line(const char *from, char *to, bool streamed)
{
    word w[WORDS];
    for (int i = 0; i < WORDS; i++) w[i] = load(from + i * WORD_BYTES);
    for (int i = 0; i < WORDS; i++) {
        if (streamed)
            stream(to + i * WORD_BYTES, w[i]);
        else
            store(to + i * WORD_BYTES, w[i]);
    }
}

/* Prefetch a line into the first (1) or second (2) level; 0: do not. */
TARGET static inline __attribute__((always_inline)) void fetch_line(const char *at, int to)
{
    if (to == 1) __builtin_prefetch(at, 0, 3);
    if (to == 2) __builtin_prefetch(at, 0, 2);
}

TARGET static inline __attribute__((always_inline)) void
copy_rows(const pri_copy *c, size_t begin, size_t end, int fetch_to, bool streamed)
{
    const size_t whole = c->row_bytes / LINE * LINE, rest = c->row_bytes % LINE;

    for (size_t i = begin; i < end; i++) {
        const char  *from = c->from + c->write[i].id * c->from_bytes;
        char        *to   = c->to + c->write[i].to * c->to_bytes;
        const size_t next = i + c->ahead < c->n ? i + c->ahead : i;
        const char  *far  = c->from + c->write[next].id * c->from_bytes;
        const char  *dest = c->to + c->write[next].to * c->to_bytes;
        size_t       at   = 0;
        for (; at + GROUP * LINE <= whole; at += GROUP * LINE) {
            for (int k = 0; k < GROUP; k++) {
                fetch_line(far + at + k * LINE, fetch_to);
                if (!streamed) fetch_line(dest + at + k * LINE, fetch_to);
            }
            for (int k = 0; k < GROUP; k++)
                copy_line(from + at + k * LINE, to + at + k * LINE, streamed);
        }
        for (size_t k = at; k < whole; k += LINE) {
            fetch_line(far + k, fetch_to);
            if (!streamed) fetch_line(dest + k, fetch_to);
        }
        for (; at < whole; at += LINE) copy_line(from + at, to + at, streamed);
        if (rest == 0) continue;
        word w[WORDS];
        fetch_line(far + whole, fetch_to);
        load_tail(from + whole, rest, w);
        for (int k = 0; k < WORDS; k++) {
            if (streamed)
                stream(to + whole + k * WORD_BYTES, w[k]);
            else
                store(to + whole + k * WORD_BYTES, w[k]);
        }
    }
}

#define COPY(name, fetch_to, streamed)                                                             \
    TARGET static void name(const pri_copy *c, size_t begin, size_t end)                           \
    {                                                                                              \
        copy_rows(c, begin, end, fetch_to, streamed);                                              \
    }

COPY(copy_plain, 0, false)
COPY(copy_cached_1, 1, false)
COPY(copy_cached_2, 2, false)
COPY(copy_streamed_1, 1, true)
COPY(copy_streamed_2, 2, true)

#define COPIES                                                                                     \
    {                                                                                              \
        { copy_plain, copy_plain }, { copy_cached_1, copy_cached_2 },                              \
        {                                                                                          \
            copy_streamed_1, copy_streamed_2                                                       \
        }                                                                                          \
    }
