/* machines.c: see machines.h. */
#include "support/machines.h"

#include "support/support.h"

#include <hwloc.h>
#include <hwloc/distances.h>

char *test_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes     = (size_t)ftell(file);
    char *text = malloc(*bytes + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, *bytes, file), *bytes);
    text[*bytes] = '\0';
    fclose(file);
    return text;
}

/* Give `text` with one edit made; frees it. */
static char *edited(char *text, const test_edit *edit)
{
    char *at = strstr(text, edit->from);

    if (!at) fail_msg("the machine's XML has no '%s'", edit->from);
    const size_t before = (size_t)(at - text);
    const size_t bytes  = strlen(text) + strlen(edit->to) + 1;
    char        *out    = malloc(bytes);
    assert_non_null(out);
    snprintf(out, bytes, "%.*s%s%s", (int)before, text, edit->to, at + strlen(edit->from));
    free(text);
    return out;
}

static hwloc_topology_t made(const char *synthetic)
{
    hwloc_topology_t hw;

    assert_int_equal(hwloc_topology_init(&hw), 0);
    assert_int_equal(hwloc_topology_set_synthetic(hw, synthetic), 0);
    assert_int_equal(hwloc_topology_load(hw), 0);
    return hw;
}

/* Write a topology, edited, to a file of its own; frees the topology. */
static const char *written(hwloc_topology_t hw, const test_edit *edits, size_t num_edits)
{
    static const char *directory;
    static int         number;
    char              *xml, name[32];
    int                bytes;

    assert_int_equal(hwloc_topology_export_xmlbuffer(hw, &xml, &bytes, 0), 0);
    char *text = strdup(xml);
    assert_non_null(text);
    hwloc_free_xmlbuffer(hw, xml);
    hwloc_topology_destroy(hw);
    for (size_t i = 0; i < num_edits; i++) text = edited(text, &edits[i]);
    snprintf(name, sizeof name, "machine%d.xml", number++);
    if (!directory) directory = test_directory();
    const char *path = test_file(directory, name, text, strlen(text));
    free(text);
    return path;
}

const char *test_machine_xml(const char *synthetic, const test_edit *edits, size_t num_edits)
{
    return written(made(synthetic), edits, num_edits);
}

const char *test_machine_far_xml(const char *synthetic, const uint64_t *latency)
{
    enum { MOST = 16 };
    hwloc_topology_t hw = made(synthetic);
    const int        n  = hwloc_get_nbobjs_by_type(hw, HWLOC_OBJ_NUMANODE);
    hwloc_obj_t      node[MOST];
    hwloc_uint64_t   value[MOST * MOST];

    assert_true(n <= MOST);
    for (int i = 0; i < n; i++) node[i] = hwloc_get_numanode_obj_by_os_index(hw, (unsigned)i);
    for (int i = 0; i < n * n; i++) value[i] = latency[i];
    hwloc_distances_add_handle_t handle = hwloc_distances_add_create(
        hw, "NUMALatency", HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0);
    assert_non_null(handle);
    assert_int_equal(hwloc_distances_add_values(hw, handle, (unsigned)n, node, value, 0), 0);
    assert_int_equal(hwloc_distances_add_commit(hw, handle, 0), 0);
    return written(hw, NULL, 0);
}
