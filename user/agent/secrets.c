// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/secrets.c - files with a token or a key, and the check of what a client shows
 */
#include "agent/secrets.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_file(int fd, bool private, size_t *size)
{
	struct stat file;

	if (fstat(fd, &file))
		return -errno;
	if (!S_ISREG(file.st_mode))
		return -EINVAL;
	if (private && ((file.st_mode & 077) || (file.st_uid != 0 && file.st_uid != geteuid())))
		return -EPERM;
	if (file.st_size > SECRETS_FILE_MAX)
		return -EFBIG;
	*size = file.st_size;
	return 0;
}

/* Bytes, or -errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t end = 0;

	while (end < size) {
		ssize_t got = read(fd, text + end, size - end);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		end += got;
	}
	return end;
}

int secrets__read(const char *path, bool private, char **text)
{
	/* Not waiting: it may be a FIFO that nobody writes. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t size = 0;
	ssize_t got;
	int err;

	*text = NULL;
	if (fd < 0)
		return -errno;
	err = check_file(fd, private, &size);
	if (err)
		goto out;
	*text = calloc(1, size + 1);
	err = *text ? 0 : -ENOMEM;
	if (err)
		goto out;
	got = read_all(fd, *text, size);
	if (got < 0) {
		err = got;
		secrets__free(*text);
		*text = NULL;
	}
out:
	close(fd);
	return err;
}

int secrets__read_token(const char *path, char **token)
{
	size_t start, length;
	int err = secrets__read(path, true, token);

	if (err)
		return err;
	start = strspn(*token, " \t\r\n");
	length = strcspn(*token + start, " \t\r\n");
	err = length < TOKEN_MIN || length > TOKEN_MAX ? -EBADMSG : 0;
	for (size_t i = start; i < start + length; i++)
		if (!isascii((*token)[i]) || !isgraph((unsigned char)(*token)[i]))
			err = -EBADMSG;
	if ((*token)[start + length + strspn(*token + start + length, " \t\r\n")])
		err = -EBADMSG;
	if (err) {
		secrets__free(*token);
		*token = NULL;
		return err;
	}
	memmove(*token, *token + start, length);
	memset(*token + length, 0, start);
	(*token)[length] = '\0';
	return 0;
}

void secrets__free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* No shortcut at the first difference: how long it takes must not tell how much of a guess is right. */
static bool is_token(const char *shown, size_t length, const char *token)
{
	size_t wanted = strlen(token);
	unsigned char difference = length != wanted;

	for (size_t i = 0; i < wanted; i++)
		difference |= token[i] ^ (length ? shown[i % length] : 0);
	return !difference;
}

/* "user:password" in base64. */
static bool is_password(const char *encoded, const char *token)
{
	gnutls_datum_t from = {(unsigned char *)encoded, strlen(encoded)}, to = {NULL, 0};
	const unsigned char *colon;
	bool shown = false;

	if (from.size > 2 * TOKEN_MAX || gnutls_base64_decode2(&from, &to))
		return false;
	colon = to.size ? memchr(to.data, ':', to.size) : NULL;
	if (colon)
		shown = is_token((const char *)colon + 1, to.data + to.size - colon - 1, token);
	gnutls_free(to.data);
	return shown;
}

bool secrets__shown(const char *authorization, const char *token)
{
	if (!authorization)
		return false;
	if (!strncasecmp(authorization, "Bearer ", 7)) {
		authorization += 7 + strspn(authorization + 7, " ");
		return is_token(authorization, strlen(authorization), token);
	}
	if (!strncasecmp(authorization, "Basic ", 6))
		return is_password(authorization + 6 + strspn(authorization + 6, " "), token);
	return false;
}

const char *secrets__problem(int err)
{
	switch (-err) {
	case EPERM:
		return "must belong to root or to us and be readable by its owner alone (chmod "
		       "600)";
	case EBADMSG:
		return "must hold one word of 16 to 512 printable characters, for instance of: "
		       "openssl rand -hex 32";
	case EFBIG:
		return "is larger than 256 KiB";
	case EINVAL:
		return "is no regular file";
	default:
		return strerror(-err);
	}
}
