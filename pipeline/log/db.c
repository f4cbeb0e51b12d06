/* db.c: opening a log. The rules, in the order they are applied:
 *
 *   append   a new or empty file gets the schema in one exclusive transaction under a rollback
 *            journal, and only then WAL: so a file of some bytes either has our table meta or is
 *            somebody else's. That is looked at without a lock and without recovery
 *            (immutable), so that another program's file stays as it is.
 *   read     a file with nothing beside it is read as immutable, because an ordinary reader of a
 *            WAL database leaves its -wal and -shm behind. With a WAL beside it a read-only
 *            connection sees what the writer committed. A rollback journal left by a killed
 *            writer must be played back, which takes a connection that may write.
 *
 * The file is never opened outside SQLite: closing such a descriptor would drop the locks of
 * every other connection of the process. */
#include "pipeline/log/db.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/outfile.h"
#include "pipeline/log/median.h"
#include "pipeline/log/schema.h"

enum { BUSY_MS = 10000, MAX_CELL_BYTES = 16 << 20, URI_BYTES = 3 * PR_TEXT_BYTES + 64 };

static pr_status status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK: return PR_OK;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return PR_E_INPUT;
    case SQLITE_NOMEM: return PR_E_NOMEM;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return PR_E_IO;
    default: return PR_E_LIBRARY;
    }
}

pr_status pri_db_error(sqlite3 *db, const char *path, int rc, const char *file, int line,
                       const char *function)
{
    const int   system = db ? sqlite3_system_errno(db) : 0;
    const char *words  = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    const bool  show   = system != 0 && status_of(rc) == PR_E_IO && (rc & 0xff) != SQLITE_BUSY;

    return pri_error_set(status_of(rc), file, line, function, "%s: %s%s%s (SQLite %d)", path, words,
                         show ? ": " : "", show ? strerror(system) : "", rc);
}

pr_status pri_db_run(sqlite3 *db, const char *path, const char *sql)
{
    pr_status st = PR_OK;
    PR_SQL(db, path, sqlite3_exec(db, sql, NULL, NULL, NULL));
done:
    return st;
}

pr_status pri_db_prepare(sqlite3 *db, const char *path, const char *sql, sqlite3_stmt **out)
{
    pr_status st = PR_OK;
    PR_SQL(db, path, sqlite3_prepare_v2(db, sql, -1, out, NULL));
done:
    return st;
}

pr_status pri_db_int(sqlite3 *db, const char *path, const char *sql, int64_t *out)
{
    pr_status     st        = PR_OK;
    sqlite3_stmt *statement = NULL;

    PR_TRY(pri_db_prepare(db, path, sql, &statement));
    const int rc = sqlite3_step(statement);
    *out         = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) PR_SQL(db, path, rc);
done:
    (void)sqlite3_finalize(statement);
    return st;
}

void pri_db_rollback(sqlite3 *db)
{
    if (db && !sqlite3_get_autocommit(db)) (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

void pri_db_close(sqlite3 *db)
{
    const int rc = sqlite3_close(db);
    PR_ASSERT(rc == SQLITE_OK);
    (void)rc;
}

/* Size of the file `path` + `suffix`; 0 when there is none. */
static int64_t size_beside(const char *path, const char *suffix)
{
    char        name[PR_TEXT_BYTES + 16];
    struct stat info;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &info) == 0 ? (int64_t)info.st_size : 0;
}

uint64_t pri_db_bytes(const char *path)
{
    return (uint64_t)(size_beside(path, "") + size_beside(path, "-wal") +
                      size_beside(path, "-journal"));
}

static bool exists_beside(const char *path, const char *suffix)
{
    char name[PR_TEXT_BYTES + 16];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return access(name, F_OK) == 0;
}

/* Give the path as a URI, so that no name (":memory:", "file:x?mode=memory") means anything but a
 * file. */
static void uri_of(const char *path, const char *query, char uri[URI_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    size_t            n = (size_t)snprintf(uri, URI_BYTES, "file:%s", path[0] == '/' ? "" : "./");

    for (const char *c = path; *c && n + 4 < URI_BYTES; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte <= ' ' || byte >= 0x7f || strchr("%?#", *c)) {
            uri[n++] = '%';
            uri[n++] = hex[byte >> 4];
            uri[n++] = hex[byte & 15];
        } else {
            uri[n++] = *c;
        }
    }
    snprintf(uri + n, URI_BYTES - n, "%s", query);
}

/* Open a connection and set what protects us from the file. Gives the SQLite code; *db may be set
 * on failure too. */
static int connect_to(const char *path, const char *query, int flags, sqlite3 **db)
{
    char uri[URI_BYTES];

    uri_of(path, query, uri);
    const int rc = sqlite3_open_v2(uri, db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (!*db) return SQLITE_NOMEM;
    (void)sqlite3_extended_result_codes(*db, 1);
    if (rc != SQLITE_OK) return rc;
    (void)sqlite3_busy_timeout(*db, BUSY_MS);
    (void)sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES);
    (void)sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    return sqlite3_exec(*db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", NULL, NULL,
                        NULL);
}

/* Check the name; gives the file's size, 0 when there is none yet. */
static pr_status check_path(const char *path, bool must_exist, bool *found, int64_t *bytes)
{
    pr_status   st = PR_OK;
    struct stat info;

    PR_CHECK(path && path[0], PR_E_ARG, "the log's file name is empty");
    PR_CHECK(strlen(path) < PR_TEXT_BYTES, PR_E_ARG,
             "the log's file name has %zu bytes, at most %d are allowed", strlen(path),
             PR_TEXT_BYTES - 1);
    *found           = stat(path, &info) == 0;
    *bytes           = *found ? (int64_t)info.st_size : 0;
    const int reason = *found ? 0 : errno;
    PR_CHECK(*found || !must_exist, pri_input_status(reason), "%s: cannot be read: %s", path,
             strerror(reason));
    PR_CHECK(!*found || S_ISREG(info.st_mode), PR_E_INPUT,
             "%s: is not a regular file; a log is one SQLite database", path);
done:
    return st;
}

/* Look at an existing file without touching it: PR_E_INPUT when it is not a log of ours. Other
 * troubles are left to the real opening. */
static pr_status probe(const char *path)
{
    pr_status st      = PR_OK;
    sqlite3  *db      = NULL;
    int64_t   version = 0, objects = 1;

    int rc = connect_to(path, "?immutable=1", SQLITE_OPEN_READONLY, &db);
    if (rc == SQLITE_OK) rc = pri_schema_version(db, &version);
    PR_CHECK((rc & 0xff) != SQLITE_NOTADB, PR_E_INPUT,
             "%s: exists and is not an SQLite database; it was left as it is", path);
    if (rc != SQLITE_OK) goto done;
    PR_TRY(pri_db_int(db, path, "SELECT count(*) FROM sqlite_master", &objects));
    if (objects > 0) PR_TRY(pri_schema_check(path, version)); /* 0: an empty database will do */
done:
    pri_db_close(db);
    return st;
}

/* Whether several machines may share the file: then there is no shared memory to be had. */
static bool on_network(const char *path)
{
    static const long magic[] = {
        0x6969 /* NFS */,      0x517b /* SMB */,     0xff534d42 /* CIFS */,
        0xfe534d42 /* SMB2 */, 0x01021997 /* 9P */,  0x0bd00bd0 /* Lustre */,
        0x00c36400 /* Ceph */, 0x5346414f /* AFS */, 0x47504653 /* GPFS */,
    };
    struct statfs info;

    if (statfs(path, &info) != 0) return false;
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
        if ((info.f_type & 0xffffffff) == magic[i]) return true;
    return false;
}

/* Ask for a journal mode; true when the database has it now. Waits for other connections. */
static bool set_journal(sqlite3 *db, const char *mode)
{
    char          sql[64];
    bool          done      = false;
    sqlite3_stmt *statement = NULL;

    snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s", mode);
    const int64_t give_up = pr_now_ns() + (int64_t)BUSY_MS * 1000000;
    while (!done && pr_now_ns() < give_up) {
        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) break;
        const int rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW) {
            const char *got = (const char *)sqlite3_column_text(statement, 0);
            done            = got && sqlite3_stricmp(got, mode) == 0;
        }
        (void)sqlite3_finalize(statement);
        if (done || (rc & 0xff) != SQLITE_BUSY) break;
        (void)sqlite3_sleep(20);
    }
    return done;
}

static pr_status choose_journal(sqlite3 *db, const char *path)
{
    pr_status st = PR_OK;

    if (on_network(path) || !set_journal(db, "wal")) {
        PR_CHECK(set_journal(db, "truncate"), PR_E_IO,
                 "%s: has no usable journal, neither WAL nor TRUNCATE: %s", path,
                 sqlite3_errmsg(db));
        pr_diag(PR_INFO, "%s: no shared memory for a WAL there; journal mode is TRUNCATE", path);
    }
    PR_TRY(pri_db_run(db, path, "PRAGMA synchronous = NORMAL"));
done:
    return st;
}

/* Say why a file cannot be made, as far as its directory is the reason. */
static pr_status check_directory(const char *path)
{
    pr_status st = PR_OK;
    char      directory[PR_TEXT_BYTES];

    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash) slash[slash == directory] = '\0';
    const char *name = slash ? directory : ".";
    PR_CHECK(access(name, W_OK | X_OK) == 0, PR_E_IO, "%s: cannot be created: directory %s: %s",
             path, name, strerror(errno));
done:
    return st;
}

pr_status pri_db_append(const char *path, sqlite3 **out)
{
    pr_status st      = PR_OK;
    sqlite3  *db      = NULL;
    bool      found   = true;
    int64_t   version = 0, bytes;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(check_path(path, false, &found, &bytes));
    if (bytes > 0 && size_beside(path, "-journal") == 0) PR_TRY(probe(path));
    const int rc = connect_to(path, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db);
    if (!found && (rc & 0xff) == SQLITE_CANTOPEN) PR_TRY(check_directory(path));
    PR_SQL(db, path, rc);
    PR_CHECK(!sqlite3_db_readonly(db, "main"), PR_E_IO, "%s: cannot be written: %s", path,
             access(path, W_OK) ? strerror(errno) : "it opens for reading only");
    PR_SQL(db, path, pri_schema_version(db, &version));
    if (version == 0)
        PR_TRY(pri_schema_install(db, path));
    else
        PR_TRY(pri_schema_check(path, version));
    if (version > 0 && version < PRI_SCHEMA_VERSION) PR_TRY(pri_schema_upgrade(db, path));
    PR_TRY(choose_journal(db, path));
    *out = db;
    db   = NULL;
done:
    pri_db_close(db);
    if (st != PR_OK && !found && path && size_beside(path, "") == 0) (void)unlink(path);
    return st;
}

/* Connect in one of the ways below and read something; gives the SQLite code. */
static int try_reading(const char *path, const char *query, int flags, sqlite3 **db,
                       int64_t *version)
{
    pri_db_close(*db);
    *db          = NULL;
    const int rc = connect_to(path, query, flags, db);
    return rc == SQLITE_OK ? pri_schema_version(*db, version) : rc;
}

pr_status pri_db_read(const char *path, sqlite3 **out)
{
    pr_status st      = PR_OK;
    sqlite3  *db      = NULL;
    int64_t   version = 0, bytes;
    bool      found;

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    *out = NULL;
    PR_TRY(check_path(path, true, &found, &bytes));
    PR_CHECK(bytes > 0, PR_E_INPUT, "%s: is empty; a log is an SQLite database", path);

    const bool alone = !exists_beside(path, "-wal") && !exists_beside(path, "-journal");
    int        rc = alone ? try_reading(path, "?immutable=1", SQLITE_OPEN_READONLY, &db, &version)
                          : try_reading(path, "", SQLITE_OPEN_READONLY, &db, &version);
    if (rc == SQLITE_READONLY_ROLLBACK)
        rc = try_reading(path, "", SQLITE_OPEN_READWRITE, &db, &version);
    if (!alone && ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY)) {
        pr_diag(PR_INFO, "%s: its WAL cannot be opened here; the newest steps may be missing",
                path);
        rc = try_reading(path, "?immutable=1", SQLITE_OPEN_READONLY, &db, &version);
    }
    PR_CHECK((rc & 0xff) != SQLITE_NOTADB, PR_E_INPUT, "%s: is not an SQLite database", path);
    PR_SQL(db, path, rc);
    PR_TRY(pri_schema_check(path, version));
    PR_TRY(pri_schema_check_tables(db, path, version));
    PR_TRY(pri_schema_temporary_views(db, path, version));
    PR_SQL(db, path, pri_median_register(db));
    PR_TRY(pri_db_run(db, path, "PRAGMA query_only = ON; BEGIN"));
    *out = db;
    db   = NULL;
done:
    pri_db_rollback(db);
    pri_db_close(db);
    return st;
}
