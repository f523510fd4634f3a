/*
 * Layouts of the ACPI tables that Plinth reads from firmware and writes for guests (ACPI 6.5,
 * chapter 5; PCI Firmware 3.3, "MCFG"; IA-PC HPET 1.0a, "HPET description table"), and the fixed
 * hardware registers (ACPI 6.5, 4.8). All little-endian, unaligned.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* 5.2.3.2 Generic Address Structure */
struct acpi_gas {
	u8 space; /* enum acpi_space */
	u8 bit_width;
	u8 bit_offset;
	u8 access_size; /* 0: undefined, 1: byte, 2: word, 3: dword, 4: qword */
	u64 address;
} __packed;
static_assert(sizeof(struct acpi_gas) == 12, "ACPI 5.2.3.2");

enum acpi_space {
	ACPI_SPACE_MEMORY = 0,
	ACPI_SPACE_IO = 1,
	ACPI_SPACE_PCI_CONFIG =
		2, /* address: device 47..32, function 31..16, offset 15..0, on bus 0 */
};

/* 5.2.5.3 Root System Description Pointer */
struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	u8 checksum;       /* over the first 20 bytes */
	char oem_id[6];
	u8 revision; /* 0: ACPI 1.0, the structure ends after rsdt; 2: all of it */
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 ext_checksum; /* over length bytes */
	u8 reserved[3];
} __packed;
static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");
static_assert(offsetof(struct acpi_rsdp, length) == 20, "ACPI 1.0's part is 20 bytes");
#define ACPI_RSDP_SIGNATURE "RSD PTR "
#define ACPI_RSDP_V1_SIZE   20u
#define ACPI_RSDP_ALIGN     16u

/* 5.2.5.1: where BIOS machines keep the RSDP */
#define ACPI_EBDA_SEGMENT   0x40eu /* u16: real-mode segment of the EBDA */
#define ACPI_EBDA_SCAN_SIZE 0x400u
#define ACPI_BIOS_START     0xe0000u
#define ACPI_BIOS_END       0x100000u

/* 5.2.6 System Description Table Header */
struct acpi_header {
	char signature[4];
	u32 length; /* of the whole table */
	u8 revision;
	u8 checksum; /* makes the sum of all bytes 0 */
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;
static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");
#define ACPI_SIG_RSDT "RSDT"
#define ACPI_SIG_XSDT "XSDT"
#define ACPI_SIG_FADT "FACP"
#define ACPI_SIG_FACS "FACS"
#define ACPI_SIG_DSDT "DSDT"
#define ACPI_SIG_MADT "APIC"
#define ACPI_SIG_MCFG "MCFG"
#define ACPI_SIG_HPET "HPET"
#define ACPI_SIG_SPCR "SPCR"
#define ACPI_SIG_TPM2 "TPM2"
#define ACPI_SIG_SRAT "SRAT"
#define ACPI_SIG_SLIT "SLIT"

/* 5.2.7, 5.2.8: after the header come table addresses, u32 in the RSDT, u64 in the XSDT. */

/* 5.2.9 Fixed ACPI Description Table. ACPI 1.0's ends before reset_reg. */
struct acpi_fadt {
	struct acpi_header header;
	u32 firmware_ctrl; /* FACS */
	u32 dsdt;
	u8 int_model; /* ACPI 1.0 only */
	u8 preferred_profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable;
	u8 acpi_disable;
	u8 s4bios_req;
	u8 pstate_cnt;
	u32 pm1a_evt_blk;
	u32 pm1b_evt_blk;
	u32 pm1a_cnt_blk;
	u32 pm1b_cnt_blk;
	u32 pm2_cnt_blk;
	u32 pm_tmr_blk;
	u32 gpe0_blk;
	u32 gpe1_blk;
	u8 pm1_evt_len;
	u8 pm1_cnt_len;
	u8 pm2_cnt_len;
	u8 pm_tmr_len;
	u8 gpe0_blk_len;
	u8 gpe1_blk_len;
	u8 gpe1_base;
	u8 cst_cnt;
	u16 p_lvl2_lat;
	u16 p_lvl3_lat;
	u16 flush_size;
	u16 flush_stride;
	u8 duty_offset;
	u8 duty_width;
	u8 day_alarm;
	u8 month_alarm;
	u8 century; /* CMOS index of the century; 0: none */
	u16 iapc_boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_version;
	u64 x_firmware_ctrl;
	u64 x_dsdt;
	struct acpi_gas x_pm1a_evt_blk;
	struct acpi_gas x_pm1b_evt_blk;
	struct acpi_gas x_pm1a_cnt_blk;
	struct acpi_gas x_pm1b_cnt_blk;
	struct acpi_gas x_pm2_cnt_blk;
	struct acpi_gas x_pm_tmr_blk;
	struct acpi_gas x_gpe0_blk;
	struct acpi_gas x_gpe1_blk;
	struct acpi_gas sleep_control_reg; /* ACPI 5.0 on */
	struct acpi_gas sleep_status_reg;
	u64 hypervisor_vendor; /* ACPI 6.0 on */
} __packed;
static_assert(offsetof(struct acpi_fadt, pm_tmr_blk) == 76, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, flags) == 112, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, reset_reg) == 116, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI 5.2.9");
static_assert(offsetof(struct acpi_fadt, x_pm_tmr_blk) == 208, "ACPI 5.2.9");
static_assert(sizeof(struct acpi_fadt) == 276, "ACPI 5.2.9");
#define ACPI_FADT_V1_SIZE 116u
#define ACPI_FADT_V3_SIZE 244u
#define ACPI_FADT_V5_SIZE 268u

/* iapc_boot_arch */
#define ACPI_BOOT_LEGACY_DEVICES BIT(0)
#define ACPI_BOOT_8042           BIT(1)
#define ACPI_BOOT_NO_VGA         BIT(2)
#define ACPI_BOOT_NO_MSI         BIT(3)
#define ACPI_BOOT_NO_ASPM        BIT(4)
#define ACPI_BOOT_NO_CMOS_RTC    BIT(5)

/* flags */
#define ACPI_FADT_WBINVD        BIT(0)
#define ACPI_FADT_WBINVD_FLUSH  BIT(1)
#define ACPI_FADT_PROC_C1       BIT(2)
#define ACPI_FADT_P_LVL2_UP     BIT(3)
#define ACPI_FADT_PWR_BUTTON    BIT(4) /* set: no fixed power button */
#define ACPI_FADT_SLP_BUTTON    BIT(5) /* set: no fixed sleep button */
#define ACPI_FADT_FIX_RTC       BIT(6) /* set: no fixed RTC wake */
#define ACPI_FADT_RTC_S4        BIT(7)
#define ACPI_FADT_TMR_VAL_EXT   BIT(8) /* the PM timer has 32 bits, else 24 */
#define ACPI_FADT_RESET_REG_SUP BIT(10)
#define ACPI_FADT_HW_REDUCED    BIT(20)

/* 5.2.10 Firmware ACPI Control Structure: no checksum, aligned to 64 bytes */
struct acpi_facs {
	char signature[4]; /* "FACS" */
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved1[3];
	u32 ospm_flags;
	u8 reserved2[24];
} __packed;
static_assert(sizeof(struct acpi_facs) == 64, "ACPI 5.2.10");

/* 5.2.12 Multiple APIC Description Table; entries follow */
struct acpi_madt {
	struct acpi_header header;
	u32 lapic_address;
	u32 flags;
} __packed;
static_assert(sizeof(struct acpi_madt) == 44, "ACPI 5.2.12");
#define ACPI_MADT_PCAT_COMPAT BIT(0) /* two 8259s, to be masked */

enum acpi_madt_type {
	ACPI_MADT_LAPIC = 0,
	ACPI_MADT_IOAPIC = 1,
	ACPI_MADT_OVERRIDE = 2,
	ACPI_MADT_NMI_SOURCE = 3,
	ACPI_MADT_LAPIC_NMI = 4,
	ACPI_MADT_LAPIC_ADDRESS = 5,
	ACPI_MADT_X2APIC = 9,
	ACPI_MADT_X2APIC_NMI = 10,
};

/* What entries of the MADT and the SRAT begin with. */
struct acpi_entry {
	u8 type;   /* enum acpi_madt_type, enum acpi_srat_type */
	u8 length; /* with these two bytes */
} __packed;
static_assert(sizeof(struct acpi_entry) == 2, "ACPI 5.2.12");

struct acpi_madt_lapic {
	struct acpi_entry entry;
	u8 processor_uid;
	u8 apic_id;
	u32 flags;
} __packed;
static_assert(sizeof(struct acpi_madt_lapic) == 8, "ACPI 5.2.12.2");
#define ACPI_MADT_ENABLED        BIT(0)
#define ACPI_MADT_ONLINE_CAPABLE BIT(1)

struct acpi_madt_ioapic {
	struct acpi_entry entry;
	u8 id;
	u8 reserved;
	u32 address;
	u32 gsi_base;
} __packed;
static_assert(sizeof(struct acpi_madt_ioapic) == 12, "ACPI 5.2.12.3");

struct acpi_madt_override {
	struct acpi_entry entry;
	u8 bus; /* 0: ISA */
	u8 source;
	u32 gsi;
	u16 flags;
} __packed;
static_assert(sizeof(struct acpi_madt_override) == 10, "ACPI 5.2.12.5");
/* MPS INTI flags: "conforms" means the bus's default, for ISA edge and active high */
#define ACPI_INTI_POLARITY    BITS(1, 0)
#define ACPI_INTI_ACTIVE_HIGH 0x1
#define ACPI_INTI_ACTIVE_LOW  0x3
#define ACPI_INTI_TRIGGER     BITS(3, 2)
#define ACPI_INTI_EDGE        0x4
#define ACPI_INTI_LEVEL       0xc

struct acpi_madt_lapic_nmi {
	struct acpi_entry entry;
	u8 processor_uid; /* 0xff: all */
	u16 flags;
	u8 lint;
} __packed;
static_assert(sizeof(struct acpi_madt_lapic_nmi) == 6, "ACPI 5.2.12.7");

struct acpi_madt_lapic_address {
	struct acpi_entry entry;
	u16 reserved;
	u64 address;
} __packed;
static_assert(sizeof(struct acpi_madt_lapic_address) == 12, "ACPI 5.2.12.8");

struct acpi_madt_x2apic {
	struct acpi_entry entry;
	u16 reserved;
	u32 apic_id;
	u32 flags;
	u32 processor_uid;
} __packed;
static_assert(sizeof(struct acpi_madt_x2apic) == 16, "ACPI 5.2.12.12");

/* 5.2.16 System Resource Affinity Table: entries follow */
struct acpi_srat {
	struct acpi_header header;
	u32 reserved1; /* 1 */
	u64 reserved2;
} __packed;
static_assert(sizeof(struct acpi_srat) == 48, "ACPI 5.2.16");
#define ACPI_SRAT_WIDE_REV 2 /* from this revision on proximity domains have 32 bits everywhere */

enum acpi_srat_type {
	ACPI_SRAT_LAPIC = 0,
	ACPI_SRAT_MEMORY = 1,
	ACPI_SRAT_X2APIC = 2,
};

struct acpi_srat_lapic {
	struct acpi_entry entry;
	u8 domain_low;
	u8 apic_id;
	u32 flags;
	u8 sapic_eid;
	u8 domain_high[3];
	u32 clock_domain;
} __packed;
static_assert(sizeof(struct acpi_srat_lapic) == 16, "ACPI 5.2.16.1");

struct acpi_srat_memory {
	struct acpi_entry entry;
	u32 domain;
	u16 reserved1;
	u64 base;
	u64 length;
	u32 reserved2;
	u32 flags;
	u64 reserved3;
} __packed;
static_assert(sizeof(struct acpi_srat_memory) == 40, "ACPI 5.2.16.2");

struct acpi_srat_x2apic {
	struct acpi_entry entry;
	u16 reserved1;
	u32 domain;
	u32 x2apic_id;
	u32 flags;
	u32 clock_domain;
	u32 reserved2;
} __packed;
static_assert(sizeof(struct acpi_srat_x2apic) == 24, "ACPI 5.2.16.3");
#define ACPI_SRAT_ENABLED BIT(0) /* in all three */

/* 5.2.17 System Locality Information Table: count * count bytes follow, a row for each domain */
struct acpi_slit {
	struct acpi_header header;
	u64 count;
} __packed;
static_assert(sizeof(struct acpi_slit) == 44, "ACPI 5.2.17");
#define ACPI_SLIT_LOCAL 10u /* a domain's distance from itself; nothing is nearer */

/* PCI Firmware 3.3, 4.1.2: allocations follow */
/* VT-d 4.1, chapter 8 */
#define ACPI_SIG_DMAR         "DMAR"
#define ACPI_DMAR_REMAPS      BIT(0) /* flags: interrupts, too */
#define ACPI_DMAR_UNIT        0
#define ACPI_DMAR_RESERVED    1
#define ACPI_DMAR_INCLUDE_ALL BIT(0) /* a unit's flags */

struct acpi_dmar {
	struct acpi_header header;
	u8 width, flags;
	u8 reserved38[10];
} __packed;
static_assert(sizeof(struct acpi_dmar) == 48, "VT-d 8.1");

struct acpi_dmar_entry {
	u16 type, length;
} __packed;

struct acpi_dmar_unit {
	struct acpi_dmar_entry entry;
	u8 flags, size;
	u16 segment;
	u64 base;
} __packed;
static_assert(sizeof(struct acpi_dmar_unit) == 16, "VT-d 8.3");

struct acpi_dmar_reserved {
	struct acpi_dmar_entry entry;
	u16 reserved4, segment;
	u64 base, limit;
} __packed;
static_assert(sizeof(struct acpi_dmar_reserved) == 24, "VT-d 8.4");

struct acpi_dmar_scope {
	u8 type, length;
	u16 reserved2;
	u8 id, bus;
} __packed;
static_assert(sizeof(struct acpi_dmar_scope) == 6, "VT-d 8.3.1");

/* AMD IOMMU 3.08, chapter 5 */
#define ACPI_SIG_IVRS        "IVRS"
#define ACPI_IVRS_UNIT       0x10 /* three forms of one block, the last that is there counts */
#define ACPI_IVRS_UNIT_11    0x11
#define ACPI_IVRS_UNIT_40    0x40
#define ACPI_IVRS_MEMORY_ALL 0x20
#define ACPI_IVRS_MEMORY_ONE 0x21
#define ACPI_IVRS_MEMORY     0x22 /* for a range */

struct acpi_ivrs {
	struct acpi_header header;
	u32 info;
	u64 reserved;
} __packed;
static_assert(sizeof(struct acpi_ivrs) == 48, "AMD IOMMU 5.2.1");

struct acpi_ivrs_block {
	u8 type, flags;
	u16 length, rid;
} __packed;

struct acpi_ivrs_unit {
	struct acpi_ivrs_block block;
	u16 capability;
	u64 base;
	u16 segment, info;
	u32 features;
} __packed;
static_assert(sizeof(struct acpi_ivrs_unit) == 24, "AMD IOMMU 5.2.2.1");
#define ACPI_IVRS_UNIT_11_SIZE 40u

struct acpi_ivrs_memory {
	struct acpi_ivrs_block block;
	u16 last;
	u64 reserved;
	u64 base, len;
} __packed;
static_assert(sizeof(struct acpi_ivrs_memory) == 32, "AMD IOMMU 5.2.2.8");

struct acpi_mcfg {
	struct acpi_header header;
	u64 reserved;
} __packed;
static_assert(sizeof(struct acpi_mcfg) == 44, "PCI Firmware 4.1.2");

struct acpi_mcfg_allocation {
	u64 base; /* of bus 0, even when bus_first is not 0 */
	u16 segment;
	u8 bus_first;
	u8 bus_last;
	u32 reserved;
} __packed;
static_assert(sizeof(struct acpi_mcfg_allocation) == 16, "PCI Firmware 4.1.2");
#define ACPI_MCFG_BUS_SIZE (1ULL << 20) /* bytes of configuration space for each bus */

/* HPET 1.0a, 3.2.4 */
struct acpi_hpet {
	struct acpi_header header;
	u32 block_id; /* the low half of its capabilities register */
	struct acpi_gas address;
	u8 number;
	u16 min_tick;
	u8 page_protection;
} __packed;
static_assert(sizeof(struct acpi_hpet) == 56, "HPET 3.2.4");

/* Serial Port Console Redirection Table (Microsoft); revision 2 ends before clock */
struct acpi_spcr {
	struct acpi_header header;
	u8 interface; /* enum acpi_spcr_interface */
	u8 reserved1[3];
	struct acpi_gas address; /* 0: no console */
	u8 interrupts;           /* ACPI_SPCR_IRQ_* */
	u8 irq;                  /* of the 8259s */
	u32 gsi;
	u8 baud_code; /* enum acpi_spcr_baud */
	u8 parity;    /* 0: none */
	u8 stop_bits; /* 1 */
	u8 flow;      /* ACPI_SPCR_FLOW_* */
	u8 terminal;
	u8 language;
	u16 pci_device; /* 0xffff: no PCI device */
	u16 pci_vendor;
	u8 pci_bus, pci_dev, pci_fn;
	u32 pci_flags;
	u8 pci_segment;
	u32 clock;        /* Hz; 0: not said; reserved before revision 3 */
	u32 precise_baud; /* 0: not said; from revision 4 on */
	u16 name_length, name_offset;
} __packed;
static_assert(offsetof(struct acpi_spcr, interrupts) == 52, "SPCR");
static_assert(offsetof(struct acpi_spcr, pci_device) == 64, "SPCR");
static_assert(offsetof(struct acpi_spcr, clock) == 76, "SPCR");
static_assert(sizeof(struct acpi_spcr) == 88, "SPCR");
#define ACPI_SPCR_V2_SIZE      80u /* with clock, which is reserved there */
#define ACPI_SPCR_CLOCK_REV    3
#define ACPI_SPCR_PRECISE_REV  4
#define ACPI_SPCR_IRQ_8259     BIT(0)
#define ACPI_SPCR_FLOW_RTS_CTS BIT(1)

enum acpi_spcr_interface {
	ACPI_SPCR_16550 = 0,
	ACPI_SPCR_16550_SUBSET = 1,
	ACPI_SPCR_16550_GAS = 0x12, /* the address structure says width and distance of registers */
};

enum acpi_spcr_baud {
	ACPI_SPCR_BAUD_AS_IS = 0,
	ACPI_SPCR_BAUD_9600 = 3,
	ACPI_SPCR_BAUD_19200 = 4,
	ACPI_SPCR_BAUD_57600 = 6,
	ACPI_SPCR_BAUD_115200 = 7,
};

/* TPM2 (TCG ACPI Specification 1.3, 7.3); revisions from 4 on have more */
struct acpi_tpm2 {
	struct acpi_header header;
	u16 platform_class;
	u16 reserved;
	u64 control_area; /* physical, of the CRB interface */
	u32 start_method; /* enum acpi_tpm2_start */
} __packed;
static_assert(sizeof(struct acpi_tpm2) == 52, "TPM2");

enum acpi_tpm2_start {
	ACPI_TPM2_FIFO = 6,
	ACPI_TPM2_CRB = 7,
};

/* 4.8.3.1 PM1 event registers: status, then enable, each half the block */
#define ACPI_PM1_TMR_STS    BIT(0) /* the same bit in enable, as the next four */
#define ACPI_PM1_BM_STS     BIT(4)
#define ACPI_PM1_GBL_STS    BIT(5)
#define ACPI_PM1_PWRBTN_STS BIT(8)
#define ACPI_PM1_SLPBTN_STS BIT(9)
#define ACPI_PM1_RTC_STS    BIT(10)
#define ACPI_PM1_WAK_STS    BIT(15)

/* 4.8.3.2 PM1 control register */
#define ACPI_PM1_SCI_EN        BIT(0)
#define ACPI_PM1_BM_RLD        BIT(1)
#define ACPI_PM1_GBL_RLS       BIT(2)
#define ACPI_PM1_SLP_TYP       BITS(12, 10)
#define ACPI_PM1_SLP_TYP_SHIFT 10
#define ACPI_PM1_SLP_EN        BIT(13) /* write-only */

/* 4.8.3.3 power management timer */
#define ACPI_PM_TIMER_HZ 3579545u

/* 20.2 AML encodings, as far as the scan for _S5_ and generated tables need them */
enum acpi_aml {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_QWORD = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_METHOD = 0x14,
	AML_ROOT_CHAR = 0x5c,
	AML_EXT_PREFIX = 0x5b,
	AML_RETURN = 0xa4,
	AML_ONES = 0xff,
};
/* 20.2.4 PkgLength: bits 7..6 of the lead byte say how many bytes follow */
#define AML_PKG_FOLLOW_SHIFT 6
#define AML_PKG_SHORT        BITS(5, 0) /* the length, when none follow */
#define AML_PKG_LOW          BITS(3, 0) /* its low four bits, when some do */
#define AML_NAME_SIZE        4u
