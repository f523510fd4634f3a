/*
 * Domains for tests of commands: a list of VMs that are not there, and a boot set. What is done to them
 * is written down.
 */
#pragma once

#include "lib/types.h"

struct vm;

/* No domain, nothing written down. */
void fake_domains_clear(void);

/* Adds one. The VM has its name and configuration, nothing else. */
struct vm *fake_domain(const char *name, bool active);

/* What was done since: "start a; pin a 0 0-1; "... */
extern struct thermal fake_thermal; /* what thermal_all() says */
extern const char *fake_last_panic; /* a line of it; NULL: none */
extern char fake_did[1024];

/* References that were taken and not given back. */
extern int fake_references;

/* The next thing that is done fails with this text. */
extern const char *fake_failure;

/* Called when a command waits for a key; may be NULL. */
extern void (*fake_at_key)(void);

/* What commands printed, and whether they wanted a console. */
extern char fake_output[262144];
extern const struct session fake_session;
extern struct vm *fake_attached;
