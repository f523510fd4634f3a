/*
 * Facts about this machine, filled once at start from firmware tables and CPUID, const after.
 */
#pragma once

#include "lib/addr.h"
#include "lib/sha256.h"
#include "lib/types.h"

#define HOST_MAX_CPUS         64
#define HOST_MAX_IOAPICS      8
#define HOST_MAX_MCFG         8
#define HOST_MAX_DMA_UNITS    16u
#define HOST_MAX_DMA_SCOPES   64u
#define HOST_MAX_DMA_RESERVED 16u
#define HOST_MAX_DMA_RANGES   256u
#define HOST_MAX_NODES        16
#define HOST_MAX_RANGES       64

struct host_ioapic {
	paddr_t base;
	u32 gsi_base;
	u8 id;
};

struct host_override { /* MADT interrupt source override */
	u8 isa_irq;
	u32 gsi;
	bool level, active_low;
};

struct host_mcfg {
	paddr_t base;
	u16 segment;
	u8 bus_first, bus_last;
};

/* The serial port that firmware has its console on (SPCR): a 16550. */
struct host_console {
	bool present, io; /* io: address is a port's */
	u64 address;
	u8 stride, width; /* bytes from one register to the next, and of an access; in memory */
	u32 baud, clock;  /* clock in Hz; 0: not said */
	u8 isa_irq;       /* 0: none */
	bool flow;        /* RTS and CTS are connected */
};

/* NUMA: a node is a proximity domain of the SRAT, numbered in the order in which that names them. */
struct host_affinity {
	u32 apic_id;
	u8 node;
};

struct host_range { /* memory near a node; ranges do not overlap */
	u64 base, len;
	u8 node;
};

/* IOMMUs as the DMAR table has them (VT-d 4.1, chapter 8). */
enum host_scope_type {
	HOST_SCOPE_ENDPOINT = 1,
	HOST_SCOPE_BRIDGE = 2, /* with all that is behind it */
	HOST_SCOPE_IOAPIC = 3,
	HOST_SCOPE_HPET = 4,
};

#define HOST_SCOPE_DEPTH 8

/* A device, by the way to it: from a bus on, one bridge after the other. */
struct host_dma_scope {
	u8 type; /* enum host_scope_type */
	u8 id;   /* of an I/O APIC or HPET */
	u8 bus, depth;
	u8 path[HOST_SCOPE_DEPTH]; /* device 7..3, function 2..0 */
	u8 owner;                  /* among the units, or what is reserved */
	bool reserved;
};

struct host_dma_unit {
	paddr_t base;
	u16 segment;
	bool all; /* all of its segment that no other has */
};

/* Memory that the firmware has a device use. */
struct host_dma_reserved {
	u16 segment;
	u64 base, len;
};

struct host_dmar {
	bool remaps_interrupts;
	u32 unit_count, scope_count, reserved_count;
	struct host_dma_unit units[HOST_MAX_DMA_UNITS];
	struct host_dma_scope scopes[HOST_MAX_DMA_SCOPES];
	struct host_dma_reserved reserved[HOST_MAX_DMA_RESERVED];
};

/* AMD's IOMMUs as the IVRS table has them (AMD IOMMU 3.08, chapter 5). */
struct host_ivrs_unit {
	paddr_t base;
	u16 segment, rid; /* rid: the unit's own */
	u8 flags;         /* bits 3..0: what its control register is to have */
};

struct host_ivrs_range { /* requester ids that come to a unit */
	u8 unit;
	bool aliased; /* they are seen as alias */
	u16 first, last, alias;
};

struct host_ivrs_reserved { /* memory that the firmware has those devices use */
	u16 first, last;
	u64 base, len;
};

struct host_ivrs_ioapic {
	u8 unit, id; /* whose interrupts come to that unit, with that requester id */
	u16 rid;
};

struct host_ivrs {
	u32 unit_count, range_count, reserved_count, ioapic_count;
	struct host_ivrs_ioapic ioapics[HOST_MAX_IOAPICS];
	struct host_ivrs_unit units[HOST_MAX_DMA_UNITS];
	struct host_ivrs_range ranges[HOST_MAX_DMA_RANGES];
	struct host_ivrs_reserved reserved[HOST_MAX_DMA_RESERVED];
};

enum host_tpm {
	HOST_TPM_NONE,
	HOST_TPM_FIFO,
	HOST_TPM_CRB,
};

struct host {
	u8 image_hash[SHA256_SIZE];  /* of the image as it was loaded */
	u32 cpu_count;               /* enabled in MADT (at most HOST_MAX_CPUS) */
	u32 apic_ids[HOST_MAX_CPUS]; /* the boot CPU first */
	bool have_madt;
	u32 ioapic_count;
	struct host_ioapic ioapics[HOST_MAX_IOAPICS];
	u32 override_count;
	struct host_override overrides[16];
	u32 mcfg_count;
	struct host_mcfg mcfg[HOST_MAX_MCFG];
	paddr_t hpet; /* .v 0: none */
	struct host_dmar dmar;
	struct host_ivrs ivrs;
	struct host_console console;
	enum host_tpm tpm; /* at TPM_BASE (lib/hw/tpm.h) */
	u32 node_count;    /* 0: there is no SRAT, and all is near */
	u32 node_domains[HOST_MAX_NODES];
	u32 affinity_count;
	struct host_affinity affinities[HOST_MAX_CPUS];
	u32 range_count;
	struct host_range ranges[HOST_MAX_RANGES];
	u32 slit_count; /* of proximity domains, from 0, whose distances are known */
	u8 slit[HOST_MAX_NODES][HOST_MAX_NODES];
	/* ACPI fixed hardware (ACPI 6.5, 4.8) */
	u16 pm1a_cnt, pm1b_cnt, pm_timer; /* I/O ports; 0: none */
	bool pm_timer_32bit;
	bool s5_found;
	u8 s5_typ_a, s5_typ_b;
	u8 reset_value;
	u8 reset_space;    /* ACPI address space id: 0 memory, 1 I/O, 2 PCI configuration */
	u64 reset_address; /* 0: none */
	u16 smi_cmd; /* I/O port that takes acpi_enable to switch to ACPI mode; 0: none needed */
	u8 acpi_enable;
	u8 rtc_century;  /* CMOS index of the century; 0: none */
	bool rtc_absent; /* FADT says that there is no CMOS clock */
};

extern struct host host;

/*
 * Puts the boot CPU first among apic_ids, adding it where the MADT does not name it (or there is
 * none). After the tables were read.
 */
void host_set_boot_cpu(struct host *h, u32 apic_id);

/* The node of the CPU with that APIC id; 0 where the SRAT does not name it. */
u32 host_node_of(const struct host *h, u32 apic_id);

/* How far node b's memory is from node a's CPUs, 10 being its own (ACPI 6.5, 5.2.17); 10 or 20 where no SLIT says it. */
u32 host_distance(const struct host *h, u32 a, u32 b);
