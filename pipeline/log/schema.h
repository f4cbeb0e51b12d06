/* schema.h: the tables and views of a log, and their version. */
#ifndef PIPELINE_LOG_SCHEMA_H
#define PIPELINE_LOG_SCHEMA_H

#include <sqlite3.h>

#include "base/check.h"

#define PRI_SCHEMA_VERSION 7
#define PRI_APPLICATION_ID 0x70726c67 /* "prlg", in the database's header */

/* SQL for the longest stage of a row `s` of table step. */
#define PRI_LARGEST_STAGE_NS                                                                       \
    "max(coalesce(s.wait_ns, 0), coalesce(s.prepare_ns, 0), coalesce(s.place_ns, 0),"              \
    " coalesce(s.aggregate_ns, 0), coalesce(s.gemm_ns, 0), coalesce(s.backward_ns, 0),"            \
    " coalesce(s.update_ns, 0), coalesce(s.other_ns, 0))"
#define PRI_LARGEST_STAGE                                                                          \
    "CASE " PRI_LARGEST_STAGE_NS " WHEN s.wait_ns THEN 'wait' WHEN s.prepare_ns THEN 'prepare'"    \
    " WHEN s.place_ns THEN 'place' WHEN s.aggregate_ns THEN 'aggregate'"                           \
    " WHEN s.gemm_ns THEN 'gemm' WHEN s.backward_ns THEN 'backward'"                               \
    " WHEN s.update_ns THEN 'update' WHEN s.other_ns THEN 'other' END"

/* SQL for the one value a group's rows share, or 'mixed'. */
#define PRI_ONE_OF(column)                                                                         \
    "CASE WHEN min(" column ") = max(" column ") THEN min(" column ") WHEN min(" column            \
    ") IS NOT NULL THEN 'mixed' END"

/* A view: its name and the SELECT behind it. */
typedef struct pri_view {
    const char *name, *select;
} pri_view;

enum { PRI_NUM_VIEWS = 13 };
extern const pri_view pri_views[PRI_NUM_VIEWS];

/* Read meta.schema_version; *version is 0 when there is no table meta that holds one. Gives the
 * SQLite code. */
int pri_schema_version(sqlite3 *db, int64_t *version);

/* Expect a version this program knows: PR_E_INPUT names both otherwise. */
pr_status pri_schema_check(const char *path, int64_t version);

/* Create tables and views unless another process did so just now; one transaction. PR_E_INPUT when
 * the database already holds something else: it is unchanged then. */
pr_status pri_schema_install(sqlite3 *db, const char *path);

/* Bring a log of an older version to the present one; one transaction. Another process may have
 * done so just now. */
pr_status pri_schema_upgrade(sqlite3 *db, const char *path);

/* Expect the tables a report reads from a log of that version to be plain tables. */
pr_status pri_schema_check_tables(sqlite3 *db, const char *path, int64_t version);

/* Create our views as temporary ones, which hide those of the file: a report runs no SQL that came
 * with its input. Tables that the version did not have yet are there, empty, and columns NULL. */
pr_status pri_schema_temporary_views(sqlite3 *db, const char *path, int64_t version);

#endif
