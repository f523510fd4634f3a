/*
 * SRAT and SLIT (ACPI 6.5, 5.2.16, 5.2.17): nodes by proximity domain, and what cannot be.
 *
 * sources: drivers/acpi/table.c drivers/acpi/numa.c core/host.c lib/string.c
 */
#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "tests/host/acpi_build.h"
#include "tests/host/acpi_hostile.h"
#include "tests/host/harness.h"

TEST(srat)
{
	struct host h = { 0 };
	struct table t;

	build_srat(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) == NULL);
	CHECK_EQ(h.node_count, 2);
	CHECK_EQ(h.node_domains[0], 0);
	CHECK_EQ(h.node_domains[1], 7);
	CHECK_EQ(h.affinity_count, 4); /* the last one is not enabled */
	CHECK_EQ(host_node_of(&h, 0), 0);
	CHECK_EQ(host_node_of(&h, 1), 0);
	CHECK_EQ(host_node_of(&h, 4), 1);
	CHECK_EQ(host_node_of(&h, 256), 1);
	CHECK_EQ(host_node_of(&h, 9), 0); /* nobody's */
	CHECK_EQ(h.range_count, 3);
	CHECK_EQ(h.ranges[1].base, MIB);
	CHECK_EQ(h.ranges[1].len, 1023 * MIB);
	CHECK_EQ(h.ranges[1].node, 0);
	CHECK_EQ(h.ranges[2].base, 1024 * MIB);
	CHECK_EQ(h.ranges[2].node, 1);
	check_hostile(acpi_parse_srat, &t);
}

TEST(srat_of_old_revisions_has_domains_of_8_bits)
{
	struct host h = { 0 };
	struct table t;

	build_srat(&t);
	put8(&t, 48 + 9, 3); /* of CPU 0's domain, bits 15 to 8 */
	table_close(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) == NULL);
	CHECK_EQ(h.node_domains[0], 0x300);
	t.b[8] = 1;
	table_close(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) == NULL);
	CHECK_EQ(h.node_domains[0], 0);
	CHECK_EQ(h.node_count, 2);
}

TEST(srat_bad_memory)
{
	struct host h = { 0 }, before = h;
	struct table t;

	build_srat(&t);
	put_n(&t, t.len - 40 + 8, ~0ULL - MIB, 8); /* wraps */
	table_close(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) != NULL);
	put_n(&t, t.len - 40 + 8, 1023 * MIB, 8); /* the first node's, too */
	table_close(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) != NULL);
	CHECK(!memcmp(&h, &before, sizeof(h)));
	put_n(&t, t.len - 40 + 28, 0, 4); /* but it is not there */
	table_close(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) == NULL);
	CHECK_EQ(h.range_count, 2);
}

TEST(srat_more_than_fits)
{
	struct host h = { 0 };
	struct table t;

	table_open(&t, "SRAT", 3, 48);
	for (u8 i = 0; i < 40; i++)
		TABLE_ADD(&t, 0, 16, i, i, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	table_close(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) == NULL);
	CHECK_EQ(h.node_count, HOST_MAX_NODES);
	CHECK_EQ(h.affinity_count, HOST_MAX_NODES);
	CHECK_EQ(host_node_of(&h, 15), 15);
	CHECK_EQ(host_node_of(&h, 39), 0);
	h = (struct host){ 0 };
	table_open(&t, "SRAT", 3, 48);
	for (u8 i = 0; i < 60; i++)
		TABLE_ADD(&t, 0, 16, 0, i, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	TABLE_ADD(&t, 0, 16, 5, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		  0); /* again: the first counts */
	table_close(&t);
	CHECK(parse(acpi_parse_srat, &t, t.len, &h) == NULL);
	CHECK_EQ(h.affinity_count, 60);
	CHECK_EQ(h.node_count, 1);
}

TEST(slit)
{
	struct host h = { .node_count = 3, .node_domains = { 2, 0, 7 } };
	struct table t;

	build_slit(&t);
	CHECK_EQ(host_distance(&h, 0, 0), 10);
	CHECK_EQ(host_distance(&h, 0, 1), 20);
	CHECK(parse(acpi_parse_slit, &t, t.len, &h) == NULL);
	CHECK_EQ(host_distance(&h, 0, 1), 32); /* by domains, not by nodes */
	CHECK_EQ(host_distance(&h, 1, 0), 30);
	CHECK_EQ(host_distance(&h, 1, 1), 10);
	CHECK_EQ(host_distance(&h, 2, 0), 20); /* of which it says nothing */
	CHECK_EQ(host_distance(&h, 2, 2), 10);
	check_hostile(acpi_parse_slit, &t);
}

TEST(slit_that_cannot_be)
{
	struct host h = { 0 }, before = h;
	struct table t;

	build_slit(&t);
	put8(&t, 45, 10); /* another node as near as the own one */
	table_close(&t);
	CHECK(parse(acpi_parse_slit, &t, t.len, &h) != NULL);
	build_slit(&t);
	put8(&t, 44, 11);
	table_close(&t);
	CHECK(parse(acpi_parse_slit, &t, t.len, &h) != NULL);
	build_slit(&t);
	put_n(&t, 36, 0x100000003, 8); /* its square is 9 in 32 bits */
	table_close(&t);
	CHECK(parse(acpi_parse_slit, &t, t.len, &h) != NULL);
	put_n(&t, 36, 0x100000000, 8); /* and this one's 0 in 64 */
	table_close(&t);
	CHECK(parse(acpi_parse_slit, &t, t.len, &h) != NULL);
	CHECK(!memcmp(&h, &before, sizeof(h)));
}

TEST(slit_of_more_domains_than_nodes)
{
	struct host h = { 0 };
	struct table t;

	table_open(&t, "SLIT", 1, 44);
	put_n(&t, 36, 20, 8);
	for (u32 i = 0; i < 400; i++)
		TABLE_ADD(&t, i % 21 ? (u8)(20 + i / 20) : 10);
	table_close(&t);
	CHECK(parse(acpi_parse_slit, &t, t.len, &h) == NULL);
	CHECK_EQ(h.slit_count, HOST_MAX_NODES);
	CHECK_EQ(h.slit[3][2], 23);
	CHECK_EQ(h.slit[15][15], 10);
}
