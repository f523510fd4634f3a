/*
 * A domain's configuration as libvirt's domain XML: what domain_parse() reads.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct domain;

/* Enough for any domain that domain_parse() made. */
#define DOMAIN_XML_MAX (64 * KIB)

/*
 * Writes the document of cfg into buf of size bytes, ended by a NUL: its length, or -ENOSPC. Reading it
 * gives the same configuration. Nothing is locked: cfg must not change meanwhile.
 */
int domain_format(const struct domain *cfg, char *buf, size_t size) __must_check;
