/*
 * A small encoder of AML (ACPI 6.5, chapter 20) into a buffer: definitions and resource templates,
 * as far as the DSDT of Plinth's machine needs them.
 */
#pragma once

#include "lib/types.h"

struct aml {
	u8 *buf;
	size_t cap, len;
	bool overflow; /* something did not fit: the contents are worthless */
};

/* What an open object began with; aml_end() closes it. Objects nest. */
struct aml_mark {
	size_t start; /* of what its PkgLength counts */
};

void aml_init(struct aml *a, void *buf, size_t cap);

/* Scope (name) {...}; name is one NameSeg behind a root character ("\\_SB_") or none. */
struct aml_mark aml_scope(struct aml *a, const char *name);
/* Device (name) {...}; name is one NameSeg. */
struct aml_mark aml_device(struct aml *a, const char *name);
/* Package (count) {...}; its elements follow. At most 255. */
struct aml_mark aml_package(struct aml *a, u8 count);
void aml_end(struct aml *a, struct aml_mark m);

/* Name (name, <the next object>). */
void aml_name(struct aml *a, const char *name);
void aml_int(struct aml *a, u64 value);
/* A compressed EISA identifier: EisaId ("PNP0501"). */
void aml_eisa_id(struct aml *a, const char *id);

/* ResourceTemplate () {...}: a buffer of descriptors (ACPI 6.5, 6.4). */
struct aml_mark aml_resources(struct aml *a);
void aml_resource_io(struct aml *a, u16 port, u8 len);
/* An ISA interrupt: edge-triggered, active high, exclusive; shared where said. */
void aml_resource_irq(struct aml *a, u8 irq, bool shared);
/* A window of a host bridge (6.4.3.5): bus numbers, ports, memory. It includes last. */
void aml_resource_buses(struct aml *a, u8 first, u8 last);
void aml_resource_ports(struct aml *a, u16 first, u16 last);
void aml_resource_window(struct aml *a, u32 first, u32 last);
/* Memory that nobody may move (6.4.3.4). */
void aml_resource_memory(struct aml *a, u32 base, u32 len);
void aml_resources_end(struct aml *a, struct aml_mark m);
