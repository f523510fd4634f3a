/*
 * The guest's ACPI tables: found from the root pointer as a guest does, with lengths and checksums, then
 * taken apart and put together again by iasl, which must neither complain nor get other bytes.
 *
 * sources: tests/host/fake_vm.c vdev/acpi_tables.c vm/topology.c vdev/aml.c vm/iobus.c vm/state.c vm/vdev.c
 * sources: core/chardev.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "lib/hw/acpi.h"
#include "tests/host/fake_vm.h"
#include "tests/host/harness.h"
#include "vdev/aml.h"
#include "vdev/vdevs.h"

#define HEADER 36u /* bytes of a table's header */

static const u8 *table(const char *signature); /* below: NULL when the XSDT lists none */

static u8 sum(const u8 *p, size_t n)
{
	u8 s = 0;

	while (n--)
		s += *p++;
	return s;
}

static u32 get32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static u64 get64(const u8 *p)
{
	return get32(p) | (u64)get32(p + 4) << 32;
}

static void start_as(const struct domain *cfg)
{
	struct vm *vm = fake_vm_new(cfg);

	vm->vcpu_count = cfg->vcpus;
	vm->topology = topology_of(cfg);
	CHECK_EQ(acpi_tables_create(vm, &vm->cfg), 0);
	vdev_reset_all(vm);
}

static void start(u32 vcpus, u32 serials, bool apic)
{
	struct domain cfg = { .acpi = true, .apic = apic, .serials = serials, .vcpus = vcpus };

	start_as(&cfg);
}

/* The table at a guest address; its header is checked. */
static const u8 *at(u64 gpa)
{
	CHECK(gpa >= 0xe0000 && gpa <= 0x100000 - HEADER);
	if (gpa < 0xe0000 || gpa > 0x100000 - HEADER)
		exit(1);

	const u8 *t = fake_memory + gpa;

	CHECK(get32(t + 4) >= HEADER && get32(t + 4) <= 0x100000 - gpa);
	return t;
}

static const u8 *xsdt(void)
{
	const u8 *rsdp = fake_memory + 0xe0000; /* on a 16-byte boundary of the BIOS area */

	return at(get64(rsdp + 24));
}

static const u8 *table(const char *signature)
{
	const u8 *x = xsdt();

	for (u32 i = HEADER; i < get32(x + 4); i += 8) {
		const u8 *t = at(get64(x + i));

		if (!memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}

static void check_table(const u8 *t, const char *signature)
{
	CHECK(!memcmp(t, signature, 4));
	CHECK_EQ(sum(t, get32(t + 4)), 0);
	CHECK(!memcmp(t + 10, "PLINTH", 6));
}

TEST(not_there_without_acpi)
{
	struct domain cfg = { .vcpus = 1 };

	fake_vm_with(acpi_tables_create, &cfg);
	CHECK_EQ(fake_memory[0xe0000], 0);
}

TEST(root_pointer)
{
	const u8 *rsdp = fake_memory + 0xe0000;

	start(1, 1, true);
	CHECK(!memcmp(rsdp, "RSD PTR ", 8));
	CHECK_EQ(sum(rsdp, 20), 0);
	CHECK_EQ(rsdp[15], 2);
	CHECK_EQ(get32(rsdp + 20), 36);
	CHECK_EQ(sum(rsdp, 36), 0);
	check_table(xsdt(), "XSDT");
	CHECK_EQ(get32(xsdt() + 4), HEADER + 3 * 8);
}

TEST(fadt)
{
	const u8 *f;

	start(1, 1, true);
	f = table("FACP");
	CHECK(f != NULL);
	check_table(f, "FACP");
	CHECK_EQ(f[8], 6);
	CHECK_EQ(get32(f + 4), 276);
	check_table(at(get32(f + 40)), "DSDT");
	CHECK_EQ(get64(f + 140), get32(f + 40));
	CHECK(!memcmp(fake_memory + get32(f + 36), "FACS", 4));
	CHECK_EQ(get32(f + 36) % 64, 0);
	CHECK_EQ(get32(fake_memory + get32(f + 36) + 4), 64);
	CHECK_EQ(f[46], 9);         /* SCI_INT */
	CHECK_EQ(get32(f + 48), 0); /* SMI_CMD: ACPI mode is always on */
	CHECK_EQ(get32(f + 56), 0x600);
	CHECK_EQ(get32(f + 64), 0x604);
	CHECK_EQ(get32(f + 76), 0x608);
	CHECK(f[88] == 4 && f[89] == 2 && f[91] == 4);
	CHECK_EQ(f[108], 0x32); /* CENTURY */
	CHECK_EQ(get32(f + 112) & (BIT(4) | BIT(8) | BIT(10) | BIT(20)), BIT(8) | BIT(10));
	CHECK(f[116] == 1 && f[117] == 8); /* RESET_REG: I/O, 8 bits */
	CHECK_EQ(get64(f + 120), 0xcf9);
	CHECK_EQ(f[128], 6);
}

/* The ids are those of the vCPUs' local APICs, with gaps where a level is no power of two. */
TEST(madt_topology)
{
	static const u8 ids[] = { 0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13 };
	struct domain cfg = { .acpi = true, .apic = true, .vcpus = 12 };
	u32 n = 0;

	cfg.sockets = cfg.threads = 2;
	cfg.dies = 1;
	cfg.cores = 3;
	start_as(&cfg);
	for (const u8 *m = table("APIC"), *e = m + 44; e < m + get32(m + 4); e += e[1]) {
		if (e[0])
			continue;
		CHECK_EQ(e[2], n); /* its number */
		CHECK_EQ(e[3], ids[n++]);
	}
	CHECK_EQ(n, 12);
}

TEST(madt)
{
	const u8 *m;
	u32 cpus = 0, ioapics = 0, overrides = 0, nmis = 0;

	start(3, 1, true);
	m = table("APIC");
	CHECK(m != NULL);
	check_table(m, "APIC");
	CHECK_EQ(get32(m + 36), 0xfee00000);
	CHECK_EQ(get32(m + 40), 1); /* two 8259s */
	for (const u8 *e = m + 44; e < m + get32(m + 4); e += e[1]) {
		switch (e[0]) {
		case 0:
			CHECK_EQ(e[1], 8);
			CHECK_EQ(e[3], cpus);
			CHECK_EQ(get32(e + 4), 1);
			cpus++;
			break;
		case 1:
			CHECK_EQ(get32(e + 4), 0xfec00000);
			CHECK_EQ(get32(e + 8), 0);
			ioapics++;
			break;
		case 2:
			/* IRQ 0 is pin 2; the SCI is level-triggered, active high */
			CHECK((e[3] == 0 && get32(e + 4) == 2 && e[8] == 0) ||
			      (e[3] == 9 && get32(e + 4) == 9 && e[8] == 0x0d));
			overrides++;
			break;
		case 4:
			CHECK(e[2] == 0xff && e[5] == 1);
			nmis++;
			break;
		default:
			CHECK(0);
		}
		if (e[1] < 2)
			break;
	}
	CHECK(cpus == 3 && ioapics == 1 && overrides == 2 && nmis == 1);

	start(1, 1, false);
	CHECK(table("APIC") == NULL);
	CHECK(table("FACP") != NULL);
}

/* IA-PC HPET 1.0a, 3.2.4: where the domain has one. */
TEST(hpet)
{
	struct domain cfg = { .acpi = true, .apic = true, .vcpus = 1, .timers = 1u << TIMER_HPET };
	const u8 *h;

	start_as(&cfg);
	h = table("HPET");
	CHECK(h != NULL);
	check_table(h, "HPET");
	CHECK_EQ(get32(h + 4), 56);
	CHECK_EQ(get32(h + 36), 0x8086a201); /* the low half of its capabilities */
	CHECK(h[40] == 0 && h[41] == 64);    /* in memory */
	CHECK_EQ(get64(h + 44), 0xfed00000);
	CHECK(h[53] == 0x88 && h[54] == 0x13); /* no faster than each 5000 counts */
	start(1, 1, true);
	CHECK(table("HPET") == NULL);
}

/* As a bounded scan finds the sleep type that switches off. */
TEST(s5_can_be_scanned)
{
	static const u8 s5[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0 };
	const u8 *d;

	start(1, 1, true);
	d = at(get32(table("FACP") + 40));
	CHECK(!memcmp(d + HEADER, s5, sizeof(s5)));
}

TEST(largest_machine_fits)
{
	start(VM_MAX_VCPUS, VM_MAX_SERIALS, true);
	CHECK_EQ(get32(table("APIC") + 4), 44 + 64 * 8 + 12 + 2 * 10 + 6);
}

/* Written again at each reset. */
TEST(reset_restores_them)
{
	struct vm *vm = fake_vm_with(acpi_tables_create, NULL);

	memset(fake_memory, 0xff, sizeof(fake_memory));
	vdev_reset_all(vm);
	check_table(table("FACP"), "FACP");
	fake_state_torture();
}

static char dir[256];

static void path(char *out, size_t size, const char *name, const char *suffix)
{
	if (!dir[0]) {
		const char *given = getenv("TEST_DIR");

		if (given)
			snprintf(dir, sizeof(dir), "%s", given);
		else if (snprintf(dir, sizeof(dir), "/tmp/acpiXXXXXX"), !mkdtemp(dir))
			exit(1);
	}
	snprintf(out, size, "%s/%s%s", dir, name, suffix);
}

static size_t read_file(const char *name, const char *suffix, u8 *buf, size_t cap)
{
	char file[300];
	FILE *f;
	size_t n;

	path(file, sizeof(file), name, suffix);
	f = fopen(file, "rb");
	if (!f)
		return 0;
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

/* Runs iasl on NAME+suffix; true when it ended with status 0 and said nothing bad. */
static bool iasl(const char *options, const char *name, const char *suffix)
{
	char file[300], log[300], command[1024];
	static u8 text[65536];
	size_t n;
	int status;

	path(file, sizeof(file), name, suffix);
	path(log, sizeof(log), name, ".log");
	snprintf(command, sizeof(command), "iasl %s '%s' >'%s' 2>&1", options, file, log);
	status = system(command);
	n = read_file(name, ".log", text, sizeof(text) - 1);
	text[n] = 0;

	bool bad = status || strstr((char *)text, "Error ") || strstr((char *)text, "Warning ") ||
		   strstr((char *)text, "rror:") || strstr((char *)text, "Invalid") ||
		   strstr((char *)text, "checksum");

	if (bad)
		printf("iasl %s, status %d:\n%s\n", file, status, text);
	return !bad;
}

/* Disassembles t, compiles that, compares. iasl writes its own creator fields, so checksums differ. */
static void check_by_iasl(const u8 *t, const char *name)
{
	static u8 again[65536];
	u32 len = get32(t + 4);
	char file[300];
	FILE *f;

	path(file, sizeof(file), name, ".dat");
	f = fopen(file, "wb");
	CHECK(f && fwrite(t, 1, len, f) == len);
	if (f)
		fclose(f);
	CHECK(iasl("-d", name, ".dat"));
	CHECK(iasl("-ve -oa", name, ".dsl"));
	CHECK_EQ(read_file(name, ".aml", again, sizeof(again)), len);
	memcpy(again + 9, t + 9, 1);   /* checksum */
	memcpy(again + 28, t + 28, 8); /* creator */
	CHECK(!memcmp(again, t, len));
}

TEST(configuration_space_by_memory)
{
	const u8 *t;

	start(1, 1, true);
	t = table("MCFG");
	CHECK(t);
	check_table(t, "MCFG");
	CHECK_EQ(get32(t + 4), 60);
	CHECK_EQ(get64(t + 44), 0xe0000000);
	CHECK(!t[52] && !t[53] && !t[54] && t[55] == 255); /* segment 0, buses 0 to 255 */
}

TEST(iasl_agrees)
{
	static const struct {
		u32 vcpus, serials;
	} machines[] = { { 1, 1 }, { 1, 0 }, { 4, 2 }, { 64, 4 } };

	for (u32 i = 0; i < ARRAY_LEN(machines); i++) {
		start(machines[i].vcpus, machines[i].serials, true);
		check_by_iasl(table("FACP"), "facp");
		check_by_iasl(table("APIC"), "apic");
		check_by_iasl(table("MCFG"), "mcfg");
		check_by_iasl(at(get32(table("FACP") + 40)), "dsdt");
		check_by_iasl(xsdt(), "xsdt");
	}

	struct domain cfg = { .acpi = true, .vcpus = 1, .timers = 1u << TIMER_HPET };

	start_as(&cfg);
	check_by_iasl(table("HPET"), "hpet");
}

/* The encoder by itself: package lengths around their borders (ACPI 20.2.4). */
TEST(package_length)
{
	static u8 buf[70000];
	static const struct {
		u32 body; /* bytes behind the count */
		u8 head[4];
		u32 bytes;
	} cases[] = {
		{ 0, { 0x02 }, 1 },
		{ 61, { 0x3f }, 1 },                /* 63, the longest of one byte */
		{ 62, { 0x41, 0x04 }, 2 },          /* 65: low four bits, then the others */
		{ 4092, { 0x4f, 0xff }, 2 },        /* 4095, the longest of two */
		{ 4093, { 0x81, 0x00, 0x01 }, 3 },  /* 4097 */
		{ 60000, { 0x84, 0xa6, 0x0e }, 3 }, /* 60004 */
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		struct aml a;
		struct aml_mark m;

		aml_init(&a, buf, sizeof(buf));
		m = aml_package(&a, 7);
		for (u32 n = 0; n < cases[i].body; n++)
			aml_int(&a, n & 1);
		aml_end(&a, m);
		CHECK(!a.overflow);
		CHECK_EQ(a.len, 1 + cases[i].bytes + 1 + cases[i].body);
		CHECK_EQ(buf[0], 0x12);
		CHECK(!memcmp(buf + 1, cases[i].head, cases[i].bytes));
		CHECK_EQ(buf[1 + cases[i].bytes], 7);
		if (cases[i].body)
			CHECK_EQ(buf[a.len - 1], (cases[i].body - 1) & 1);
	}
}

TEST(encoder_overflow)
{
	for (size_t cap = 0; cap < 60; cap++) {
		u8 *buf = malloc(cap ? cap : 1);
		struct aml_mark m, r;
		struct aml a;

		aml_init(&a, buf, cap);
		m = aml_device(&a, "DEV0"); /* 56 bytes in all */
		aml_name(&a, "_HID");
		aml_eisa_id(&a, "PNP0501");
		aml_name(&a, "_VAL");
		aml_int(&a, 0x123456789aULL);
		aml_name(&a, "_CRS");
		r = aml_resources(&a);
		aml_resource_io(&a, 0x3f8, 8);
		aml_resource_irq(&a, 4, false);
		aml_resources_end(&a, r);
		aml_end(&a, m);
		CHECK_EQ(a.overflow, cap < 53);
		free(buf);
	}
}
