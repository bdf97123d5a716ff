/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_client.h - certificates made for a test, and a TLS client in the same thread as the server
 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

#include "http_client.h"

struct identity {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
};

/* Signed by issuer; NULL = by itself: an authority. purpose: GNUTLS_KP_TLS_WWW_..., NULL = none. */
static inline struct identity make_identity(const char *name, const struct identity *issuer,
					    const char *purpose)
{
	struct identity made;
	unsigned char serial = 1;

	gnutls_x509_privkey_init(&made.key);
	assert_int_equal(
		gnutls_x509_privkey_generate(made.key, GNUTLS_PK_ECDSA,
					     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
		0);
	gnutls_x509_crt_init(&made.certificate);
	gnutls_x509_crt_set_version(made.certificate, 3);
	gnutls_x509_crt_set_serial(made.certificate, &serial, 1);
	gnutls_x509_crt_set_activation_time(made.certificate, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(made.certificate, time(NULL) + 3600);
	gnutls_x509_crt_set_dn_by_oid(made.certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
				      strlen(name));
	gnutls_x509_crt_set_key(made.certificate, made.key);
	gnutls_x509_crt_set_ca_status(made.certificate, !issuer);
	if (purpose)
		gnutls_x509_crt_set_key_purpose_oid(made.certificate, purpose, 0);
	if (!issuer)
		gnutls_x509_crt_set_key_usage(made.certificate, GNUTLS_KEY_KEY_CERT_SIGN);
	assert_int_equal(gnutls_x509_crt_sign2(
				 made.certificate, issuer ? issuer->certificate : made.certificate,
				 issuer ? issuer->key : made.key, GNUTLS_DIG_SHA256, 0),
			 0);
	return made;
}

static inline void free_identity(struct identity *identity)
{
	gnutls_x509_privkey_deinit(identity->key);
	gnutls_x509_crt_deinit(identity->certificate);
}

/* PEM texts of it, in allocated memory of gnutls. */
static inline gnutls_datum_t certificate_text(const struct identity *identity)
{
	gnutls_datum_t text;

	assert_int_equal(gnutls_x509_crt_export2(identity->certificate, GNUTLS_X509_FMT_PEM, &text),
			 0);
	return text;
}

static inline gnutls_datum_t key_text(const struct identity *identity)
{
	gnutls_datum_t text;

	assert_int_equal(gnutls_x509_privkey_export2(identity->key, GNUTLS_X509_FMT_PEM, &text), 0);
	return text;
}

/* Reads until the server closes; what was read goes to out. */
static inline void read_session(struct http *http, gnutls_session_t session, int fd, FILE *out)
{
	double until_s = clock__s() + PATIENCE_S;
	char bytes[16384];

	while (clock__s() < until_s) {
		ssize_t got = gnutls_record_recv(session, bytes, sizeof(bytes));

		if (got > 0)
			fwrite(bytes, 1, got, out);
		else if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
			turn(http, fd, POLLIN);
		else
			return;
	}
	fail_msg("no end of the answer");
}

/* Trusts authority; shows own, NULL = no certificate. Status 0: refused before there was an answer. */
static inline struct reply ask_by_tls(struct http *http, const struct identity *authority,
				      const struct identity *own, const char *request)
{
	gnutls_certificate_credentials_t credentials;
	struct reply reply = {.text = NULL};
	FILE *out = open_memstream(&reply.text, &reply.size);
	double until_s = clock__s() + PATIENCE_S;
	gnutls_session_t session;
	int fd = dial(http), err;

	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_certificate_set_x509_trust(credentials, (gnutls_x509_crt_t *)&authority->certificate,
					  1);
	if (own)
		gnutls_certificate_set_x509_key(credentials, (gnutls_x509_crt_t *)&own->certificate,
						1, own->key);
	/* Shown whoever the server says that it trusts. */
	gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT);
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_session_set_verify_cert(session, NULL, 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	gnutls_transport_set_int(session, fd);
	while ((err = gnutls_handshake(session)) == GNUTLS_E_AGAIN) {
		assert_true(clock__s() < until_s);
		turn(http, fd, POLLIN);
	}
	if (!err && gnutls_record_send(session, request, strlen(request)) > 0)
		read_session(http, session, fd, out);
	fclose(out);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	close(fd);
	parse_reply(&reply);
	return reply;
}

#endif
