/* members.h: members of a JSON object in a file, read and written one by one. Reading names the
 * file and the member that is wrong, what was found and what is allowed.
 *
 * JSON has no 64-bit unsigned, and reals are printed in 12 digits, so both go as text here: what is
 * read is what was written, to the bit. */
#ifndef BASE_MEMBERS_H
#define BASE_MEMBERS_H

#include "base/json.h"

/* An object and the words that stand before a member's name in errors; borrowed. */
typedef struct pri_members {
    const char    *path;
    const pr_json *object;
} pri_members;

/* Read a member. PR_E_INPUT when it is missing or not what it should be. */
pr_status pri_member_int(const pri_members *m, const char *key, int64_t min, int64_t max,
                         int64_t *out);
pr_status pri_member_u32(const pri_members *m, const char *key, uint32_t *out);
pr_status pri_member_u64(const pri_members *m, const char *key, uint64_t *out); /* from text */
pr_status pri_member_real(const pri_members *m, const char *key, double *out);  /* from text */
pr_status pri_member_real_or_null(const pri_members *m, const char *key, double *out); /* NaN */
pr_status pri_member_text(const pri_members *m, const char *key, char *out, size_t bytes);

/* Borrow a member that is an object. */
pr_status pri_member_object(const pri_members *m, const char *key, const pr_json **out);

/* Set a member as pri_member_u64 and pri_member_real_or_null read it. */
pr_status pri_member_set_u64(pr_json *object, const char *key, uint64_t value);
pr_status pri_member_set_real(pr_json *object, const char *key, double value); /* NaN: null */

#endif
