// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http_tls.c - certificates: ours, and those of clients
 */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "agent/http_private.h"
#include "agent/secrets.h"
#include "lib/log.h"

static int read_file(const char *option, const char *path, bool private, char **text)
{
	int err = path ? secrets__read(path, private, text) : 0;

	if (err)
		return log__fail(EXIT_FAILED, "%s: %s %s", option, path, secrets__problem(err));
	return 0;
}

int tls__read(const struct http_options *options, struct tls_files *files)
{
	int err;

	*files = (struct tls_files){.key = NULL};
	if (!options->tls_certificate != !options->tls_key)
		return log__fail(EXIT_USAGE, "--tls-cert and --tls-key belong together");
	if (options->tls_client_ca && !options->tls_key)
		return log__fail(EXIT_USAGE, "--tls-client-ca needs --tls-cert and --tls-key");
	err = read_file("--tls-cert", options->tls_certificate, false, &files->certificate);
	if (!err)
		err = read_file("--tls-key", options->tls_key, true, &files->key);
	if (!err)
		err = read_file("--tls-client-ca", options->tls_client_ca, false,
				&files->client_ca);
	if (err)
		tls__free(files);
	return err;
}

void tls__free(struct tls_files *files)
{
	secrets__free(files->certificate);
	secrets__free(files->key);
	secrets__free(files->client_ca);
	*files = (struct tls_files){.key = NULL};
}

/* libmicrohttpd asks clients for a certificate, and lets those without one in as well. */
bool tls__is_trusted(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (void *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned int status = ~0u;

	return info && info->tls_session &&
	       !gnutls_certificate_verify_peers(info->tls_session, &purpose, 1, &status) && !status;
}
