/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/secrets.h - files with a token or a key, and the check of what a client shows
 */
#ifndef AGENT_SECRETS_H
#define AGENT_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#define SECRETS_FILE_MAX (256 << 10)
#define TOKEN_MIN 16
#define TOKEN_MAX 512

/*
 * A whole file, NUL behind it; caller frees, secrets__free(). private: only its owner, root or us, may read it; else -EPERM. -EFBIG above
 * SECRETS_FILE_MAX; -EINVAL if it is no regular file; -errno.
 */
int secrets__read(const char *path, bool private, char **text);

/* The file's one word of TOKEN_MIN to TOKEN_MAX printable characters, blanks around it taken off. 0, -EBADMSG, or as above. */
int secrets__read_token(const char *path, char **token);

/* Overwrites it first. NULL is fine. */
void secrets__free(char *text);

/*
 * Whether an Authorization header shows the token: "Bearer TOKEN", or "Basic ..." with it as password, as browsers send it. Takes the same
 * time for all tokens of one length. NULL: it does not.
 */
bool secrets__shown(const char *authorization, const char *token);

/* "must be readable by its owner alone (chmod 600)", for a person: of secrets__read() and its kin. */
const char *secrets__problem(int err);

#endif
