/* topo_source.c: from where a machine is described to hwloc's topology of it. Descriptions of other
 * machines are input of users: they are bounded and checked before hwloc sees them. */
#include "numa/topo.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"

enum {
    MAX_SYNTHETIC_BYTES = 1024,
    MAX_CPUS            = 4096,
    MAX_CPU_INDEX       = 65535,
    MAX_XML_BYTES       = 16 << 20,
    MAX_XML_SECONDS     = 20,
    COMPLAINTS          = 2 /* where hwloc writes them */
};

/* Give what follows the first `end` in a text; its end when there is none. */
static const char *behind(const char *text, char end)
{
    const char *at = strchr(text, end);
    return at ? at + 1 : text + strlen(text);
}

/* Bound the CPUs of a description from above: the product of the numbers of its levels, read as
 * hwloc reads them ("0x10" and "+16" are 16; attributes go up to the next bracket, whatever is in
 * them). It takes time quadratic in them. */
static uint64_t synthetic_cpus(const char *text)
{
    const char *at      = *text == '(' ? behind(text, ')') : text;
    uint64_t    product = 1;

    while (*at && product <= MAX_CPUS) {
        if (isspace((unsigned char)*at)) {
            at++;
            continue;
        }
        if (*at == '[') { /* a memory beside the level */
            at = behind(at, ']');
            continue;
        }
        if (!isdigit((unsigned char)*at)) at = behind(at, ':');
        char               *end;
        const unsigned long n = strtoul(at, &end, 0);
        if (end == at) break; /* hwloc says so, too */
        product *= n == 0 ? 1 : n > MAX_CPUS ? MAX_CPUS + 1 : n;
        at = *end == '(' ? behind(end, ')') : end;
    }
    return product;
}

static pr_status set_synthetic(hwloc_topology_t hw, const char *text)
{
    pr_status st = PR_OK;

    PR_CHECK(strlen(text) <= MAX_SYNTHETIC_BYTES, PR_E_ARG,
             "the made-up machine's description has %zu bytes, at most %d are allowed",
             strlen(text), MAX_SYNTHETIC_BYTES);
    PR_CHECK(synthetic_cpus(text) <= MAX_CPUS, PR_E_ARG,
             "made-up machine '%s' has more than %d CPUs", text, MAX_CPUS);
    PR_CHECK(hwloc_topology_set_synthetic(hw, text) == 0, PR_E_ARG,
             "made-up machine '%s' is not hwloc's notation, such as \"numa:4 core:8 pu:1\"", text);
done:
    return st;
}

/* Read a whole file, ended by a 0. */
static pr_status read_file(const char *path, char **text, size_t *bytes)
{
    pr_status   st   = PR_OK;
    FILE       *file = fopen(path, "re");
    struct stat about;

    PR_CHECK(file && fstat(fileno(file), &about) == 0, PR_E_INPUT, "%s: cannot be read: %s", path,
             strerror(errno));
    PR_CHECK(S_ISREG(about.st_mode), PR_E_INPUT, "%s: is not a file", path);
    PR_CHECK(about.st_size > 0 && about.st_size <= MAX_XML_BYTES, PR_E_INPUT,
             "%s: has %lld bytes, a machine's description has 1 .. %d", path,
             (long long)about.st_size, MAX_XML_BYTES);
    *bytes = (size_t)about.st_size;
    PR_NEW(*text, *bytes + 1);
    PR_CHECK(fread(*text, 1, *bytes, file) == *bytes, PR_E_INPUT, "%s: is shorter than it was",
             path);
done:
    if (file) (void)fclose(file);
    return st;
}

/* A file's text, and what a child found out about it. */
typedef struct probe {
    const char *text;
    size_t      bytes;
    bool        good; /* out: hwloc loads it, without a word, and finds nothing wrong with it */
} probe;

/* In a child: load the text as the parent will, and check all of it. hwloc trusts its XML: what is
 * wrong there may be said on standard error, or end the process. */
static pr_status try_xml(void *context)
{
    probe              *own    = context;
    hwloc_topology_t    hw     = NULL;
    const int           said   = memfd_create("hwloc", MFD_CLOEXEC);
    const struct rlimit time   = { MAX_XML_SECONDS, MAX_XML_SECONDS };
    const struct rlimit nocore = { 0, 0 };

    (void)setrlimit(RLIMIT_CPU, &time);
    (void)setrlimit(RLIMIT_CORE, &nocore);
    if (said >= 0) (void)dup2(said, COMPLAINTS);
    own->good = hwloc_topology_init(&hw) == 0 &&
                hwloc_topology_set_xmlbuffer(hw, own->text, (int)own->bytes + 1) == 0 &&
                hwloc_topology_load(hw) == 0;
    if (own->good) {
        hwloc_topology_check(hw); /* aborts */
        hwloc_topology_destroy(hw);
    }
    if (said >= 0 && lseek(said, 0, SEEK_END) > 0) own->good = false;
    return PR_OK;
}

/* Hand a file's text to hwloc. Entities are refused: they let a small file become a large one, or
 * name other files. */
static pr_status set_xml(hwloc_topology_t hw, const char *path)
{
    pr_status      st   = PR_OK;
    char          *text = NULL;
    uint64_t       peak;
    probe          mine = { 0 };
    pri_child_work work = {
        .name = path, .run = try_xml, .context = &mine, .result = &mine, .result_bytes = sizeof mine
    };

    PR_TRY(read_file(path, &text, &mine.bytes));
    PR_CHECK(!memchr(text, 0, mine.bytes) && strstr(text, "<topology") && !strstr(text, "<!ENTITY"),
             PR_E_INPUT, "%s: is not a machine as hwloc writes it (lstopo machine.xml)", path);
    mine.text          = text;
    const size_t bytes = mine.bytes;
    st                 = pri_child_run(&work, &peak);
    PR_CHECK(st != PR_E_LIBRARY, PR_E_INPUT, "%s: hwloc fails on this XML: it is damaged", path);
    PR_TRY(st);
    PR_CHECK(mine.good && hwloc_topology_set_xmlbuffer(hw, text, (int)bytes + 1) == 0, PR_E_INPUT,
             "%s: hwloc cannot read this XML", path);
done:
    pri_free(text);
    return st;
}

pr_status pri_topo_load(const pr_topo_source *source, hwloc_topology_t *hw, bool *real)
{
    pr_status   st   = PR_OK;
    const bool  ours = !source->synthetic && !source->xml;
    const char *xml  = source->xml;

    PR_CHECK(!source->synthetic || !xml, PR_E_ARG,
             "a made-up machine ('%s') and one from a file (%s) exclude each other",
             source->synthetic, xml);
    PR_CHECK(hwloc_topology_init(hw) == 0, PR_E_NOMEM, "cannot create an hwloc topology");
    if (source->synthetic) PR_TRY(set_synthetic(*hw, source->synthetic));
    if (xml) PR_TRY(set_xml(*hw, xml));
    if (hwloc_topology_load(*hw) != 0) {
        PR_CHECK(!xml, PR_E_INPUT, "%s: hwloc cannot load this machine", xml);
        PR_RAISE(PR_E_LIBRARY, "hwloc cannot load the topology: %s", strerror(errno));
    }
    const int cpus  = hwloc_get_nbobjs_by_type(*hw, HWLOC_OBJ_PU);
    const int nodes = hwloc_get_nbobjs_by_type(*hw, HWLOC_OBJ_NUMANODE);
    PR_CHECK(ours || (cpus > 0 && cpus <= MAX_CPUS), xml ? PR_E_INPUT : PR_E_ARG,
             "%s: has %d CPUs, must have 1 .. %d", xml ? xml : source->synthetic, cpus, MAX_CPUS);
    PR_CHECK(nodes > 0 && nodes <= (int)PR_MAX_NUMA_NODES,
             ours  ? PR_E_LIBRARY
             : xml ? PR_E_INPUT
                   : PR_E_ARG,
             "%s: has %d NUMA nodes, must have 1 .. %u",
             ours  ? "this machine"
             : xml ? xml
                   : source->synthetic,
             nodes, PR_MAX_NUMA_NODES);
    *real = ours && hwloc_topology_is_thissystem(*hw);
done:
    return st;
}

/* Read a number of a list; false unless there is one that may be a CPU. */
static bool read_index(const char **at, unsigned *out)
{
    char *end;

    if (!isdigit((unsigned char)**at)) return false;
    const unsigned long n = strtoul(*at, &end, 10);
    *at                   = end;
    *out                  = (unsigned)n;
    return n <= MAX_CPU_INDEX;
}

/* hwloc's list syntax, but strict: hwloc itself takes what it cannot read for 0, and numbers of any
 * size. */
pr_status pri_topo_read_cpus(const char *list, hwloc_bitmap_t out)
{
    pr_status   st = PR_OK;
    const char *at = list;
    unsigned    first, last;

    hwloc_bitmap_zero(out);
    for (;;) {
        bool good = read_index(&at, &first);
        last      = first;
        if (good && *at == '-') {
            at++;
            if (isdigit((unsigned char)*at))
                good = read_index(&at, &last) && last >= first;
            else
                last = MAX_CPU_INDEX; /* "8-": from there on */
        }
        PR_CHECK(good && (*at == ',' || *at == '\0'), PR_E_ARG,
                 "the list of CPUs '%s' cannot be read at '%s', must be like 0-3,8 with numbers "
                 "0 .. %d",
                 list, at, MAX_CPU_INDEX);
        PR_CHECK(hwloc_bitmap_set_range(out, first, (int)last) == 0, PR_E_NOMEM,
                 "cannot keep a set of CPUs");
        if (*at++ == '\0') break;
    }
done:
    return st;
}
