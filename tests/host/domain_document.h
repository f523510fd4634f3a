/*
 * A domain's document for tests of its reading: a good one, of which pieces are replaced.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "core/random.h"
#include "lib/string.h"
#include "mgmt/domain_xml.h"
#include "vm/domain.h"

u64 random_u64(void)
{
	return 1;
}

static const char good[] = "<?xml version='1.0'?>\n" /* line 1 */
			   "<domain type='plinth'>\n"
			   "<name>web-1</name>\n"
			   "<memory unit='MiB'>256</memory>\n"
			   "<vcpu>1</vcpu>\n" /* 5 */
			   "<os>\n"
			   "<type arch='x86_64' machine='q35'>hvm</type>\n"
			   "<kernel>vmlinuz</kernel>\n"
			   "<initrd>dir/initrd.gz</initrd>\n"
			   "<cmdline>console=ttyS0 quiet</cmdline>\n" /* 10 */
			   "</os>\n"
			   "<features>\n"
			   "<acpi/>\n"
			   "<apic/>\n"
			   "</features>\n" /* 15 */
			   "<clock offset='utc'/>\n"
			   "<on_poweroff>destroy</on_poweroff>\n"
			   "<on_reboot>restart</on_reboot>\n"
			   "<on_crash>destroy</on_crash>\n"
			   "<devices>\n" /* 20 */
			   "<serial type='pty'>\n"
			   "<target port='0'/>\n"
			   "</serial>\n"
			   "<console type='pty'>\n"
			   "<target type='serial' port='0'/>\n" /* 25 */
			   "</console>\n"
			   "</devices>\n"
			   "</domain>\n";

static char document[8192];
static struct domain d;
static char err[DOMAIN_ERROR_MAX];

/* The good document with the first from replaced by to. */
static void replace(const char *from, const char *to)
{
	const char *at = good;

	while (*at && !str_prefix(at, from))
		at++;
	if (!*at) {
		printf("not in the good document: %s\n", from);
		abort();
	}
	snprintf(document, sizeof(document), "%.*s%s%s", (int)(at - good), good, to,
		 at + strlen(from));
}

static int parse(const char *text)
{
	size_t n = strlen(text);
	/* A block of exactly that size: the sanitizer sees any byte too many. */
	u8 *copy = malloc(n ? n : 1);
	int ret;

	memcpy(copy, text, n);
	memset(&d, 0xa5, sizeof(d));
	memset(err, 0, sizeof(err));
	ret = domain_parse("web.xml", copy, n, &d, err, sizeof(err));
	free(copy);
	return ret;
}

static int parse_with(const char *from, const char *to)
{
	replace(from, to);
	return parse(document);
}
