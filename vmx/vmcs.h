/*
 * The VMCS as the manual lays it out: field encodings, and the bits of its control and information
 * fields (Intel SDM vol. 3, "Virtual Machine Control Structures" and appendix "Field Encoding in
 * VMCS"). Nothing here does anything; vmx/access.h reads and writes.
 */
#pragma once

#include "lib/types.h"

/* Sorted by encoding. */
enum vmcs_field {
	/* 16-bit control, guest, host */
	VPID = 0x0000,
	POSTED_INTR_VECTOR = 0x0002,
	LAST_PID_POINTER = 0x0008,
	GUEST_ES_SELECTOR = 0x0800, /* the others follow in steps of 2, in the order of enum seg */
	GUEST_INTR_STATUS = 0x0810,
	HOST_ES_SELECTOR = 0x0c00,
	HOST_CS_SELECTOR = 0x0c02,
	HOST_SS_SELECTOR = 0x0c04,
	HOST_DS_SELECTOR = 0x0c06,
	HOST_FS_SELECTOR = 0x0c08,
	HOST_GS_SELECTOR = 0x0c0a,
	HOST_TR_SELECTOR = 0x0c0c,

	/* 64-bit control, read-only, guest, host */
	MSR_BITMAP = 0x2004,
	EXIT_MSR_STORE_ADDR = 0x2006,
	EXIT_MSR_LOAD_ADDR = 0x2008,
	ENTRY_MSR_LOAD_ADDR = 0x200a,
	TSC_OFFSET = 0x2010,
	VIRTUAL_APIC_PAGE = 0x2012,
	APIC_ACCESS_PAGE = 0x2014,
	POSTED_INTR_DESC = 0x2016,
	EPT_POINTER = 0x201a,
	EOI_EXIT_BITMAP0 = 0x201c, /* three more in steps of 2 */
	XSS_EXIT_BITMAP = 0x202c,
	TSC_MULTIPLIER = 0x2032,
	PROC3_CONTROLS = 0x2034,
	PID_POINTER_TABLE = 0x2042,
	GUEST_PHYSICAL_ADDRESS = 0x2400,
	VMCS_LINK_POINTER = 0x2800,
	GUEST_DEBUGCTL = 0x2802,
	GUEST_PAT = 0x2804,
	GUEST_EFER = 0x2806,
	GUEST_PDPTE0 = 0x280a, /* three more in steps of 2 */
	HOST_PAT = 0x2c00,
	HOST_EFER = 0x2c02,

	/* 32-bit control, read-only, guest, host */
	PIN_CONTROLS = 0x4000,
	PROC_CONTROLS = 0x4002,
	EXCEPTION_BITMAP = 0x4004,
	PAGE_FAULT_MASK = 0x4006,
	PAGE_FAULT_MATCH = 0x4008,
	CR3_TARGET_COUNT = 0x400a,
	EXIT_CONTROLS = 0x400c,
	EXIT_MSR_STORE_COUNT = 0x400e,
	EXIT_MSR_LOAD_COUNT = 0x4010,
	ENTRY_CONTROLS = 0x4012,
	ENTRY_MSR_LOAD_COUNT = 0x4014,
	ENTRY_INTR_INFO = 0x4016,
	ENTRY_INTR_ERROR = 0x4018,
	ENTRY_INSN_LENGTH = 0x401a,
	TPR_THRESHOLD = 0x401c,
	PROC2_CONTROLS = 0x401e,
	PLE_GAP = 0x4020,
	PLE_WINDOW = 0x4022,
	INSN_ERROR = 0x4400,
	EXIT_REASON = 0x4402,
	EXIT_INTR_INFO = 0x4404,
	EXIT_INTR_ERROR = 0x4406,
	IDT_VECTORING_INFO = 0x4408,
	IDT_VECTORING_ERROR = 0x440a,
	EXIT_INSN_LENGTH = 0x440c,
	EXIT_INSN_INFO = 0x440e,
	GUEST_ES_LIMIT = 0x4800, /* in steps of 2, as the selectors */
	GUEST_GDTR_LIMIT = 0x4810,
	GUEST_IDTR_LIMIT = 0x4812,
	GUEST_ES_RIGHTS = 0x4814, /* in steps of 2, as the selectors */
	GUEST_INTERRUPTIBILITY = 0x4824,
	GUEST_ACTIVITY = 0x4826,
	GUEST_SYSENTER_CS = 0x482a,
	PREEMPTION_TIMER = 0x482e,
	HOST_SYSENTER_CS = 0x4c00,

	/* natural width: control, read-only, guest, host */
	CR0_MASK = 0x6000,
	CR4_MASK = 0x6002,
	CR0_SHADOW = 0x6004,
	CR4_SHADOW = 0x6006,
	EXIT_QUALIFICATION = 0x6400,
	GUEST_LINEAR_ADDRESS = 0x640a,
	GUEST_CR0 = 0x6800,
	GUEST_CR3 = 0x6802,
	GUEST_CR4 = 0x6804,
	GUEST_ES_BASE = 0x6806, /* in steps of 2, as the selectors */
	GUEST_GDTR_BASE = 0x6816,
	GUEST_IDTR_BASE = 0x6818,
	GUEST_DR7 = 0x681a,
	GUEST_RSP = 0x681c,
	GUEST_RIP = 0x681e,
	GUEST_RFLAGS = 0x6820,
	GUEST_PENDING_DEBUG = 0x6822,
	GUEST_SYSENTER_ESP = 0x6824,
	GUEST_SYSENTER_EIP = 0x6826,
	GUEST_S_CET = 0x6828,
	GUEST_SSP = 0x682a,
	GUEST_SSP_TABLE = 0x682c,
	HOST_CR0 = 0x6c00,
	HOST_CR3 = 0x6c02,
	HOST_CR4 = 0x6c04,
	HOST_FS_BASE = 0x6c06,
	HOST_GS_BASE = 0x6c08,
	HOST_TR_BASE = 0x6c0a,
	HOST_GDTR_BASE = 0x6c0c,
	HOST_IDTR_BASE = 0x6c0e,
	HOST_SYSENTER_ESP = 0x6c10,
	HOST_SYSENTER_EIP = 0x6c12,
	HOST_RSP = 0x6c14,
	HOST_RIP = 0x6c16,
	HOST_S_CET = 0x6c18,
	HOST_SSP = 0x6c1a,
	HOST_SSP_TABLE = 0x6c1c,
};

/* Pin-based controls */
#define PIN_EXTERNAL_INTERRUPT BIT(0)
#define PIN_NMI                BIT(3)
#define PIN_VIRTUAL_NMI        BIT(5)
#define PIN_PREEMPTION_TIMER   BIT(6)
#define PIN_POSTED_INTERRUPTS  BIT(7)

/* Primary processor-based controls */
#define PROC_INTERRUPT_WINDOW BIT(2)
#define PROC_TSC_OFFSETTING   BIT(3)
#define PROC_HLT              BIT(7)
#define PROC_INVLPG           BIT(9)
#define PROC_MWAIT            BIT(10)
#define PROC_RDPMC            BIT(11)
#define PROC_RDTSC            BIT(12)
#define PROC_CR3_LOAD         BIT(15)
#define PROC_CR3_STORE        BIT(16)
#define PROC_TERTIARY         BIT(17)
#define PROC_CR8_LOAD         BIT(19)
#define PROC_CR8_STORE        BIT(20)
#define PROC_TPR_SHADOW       BIT(21)
#define PROC_NMI_WINDOW       BIT(22)
#define PROC_MOV_DR           BIT(23)
#define PROC_IO               BIT(24)
#define PROC_IO_BITMAPS       BIT(25)
#define PROC_MONITOR_TRAP     BIT(27)
#define PROC_MSR_BITMAPS      BIT(28)
#define PROC_MONITOR          BIT(29)
#define PROC_PAUSE            BIT(30)
#define PROC_SECONDARY        BIT(31)

/* Secondary processor-based controls */
#define PROC2_APIC_ACCESSES      BIT(0)
#define PROC2_EPT                BIT(1)
#define PROC2_DESCRIPTOR_TABLE   BIT(2)
#define PROC2_RDTSCP             BIT(3)
#define PROC2_X2APIC             BIT(4)
#define PROC2_VPID               BIT(5)
#define PROC2_WBINVD             BIT(6)
#define PROC2_UNRESTRICTED       BIT(7)
#define PROC2_APIC_REGISTERS     BIT(8)
#define PROC2_VIRTUAL_INTERRUPTS BIT(9)
#define PROC2_PAUSE_LOOP         BIT(10)
#define PROC2_INVPCID            BIT(12)
#define PROC2_XSAVES             BIT(20)
#define PROC2_TSC_SCALING        BIT(25)

/* Tertiary processor-based controls */
#define PROC3_IPIS BIT(4)

/* VM-exit controls */
#define EXIT_SAVE_DEBUG    BIT(2)
#define EXIT_HOST_64BIT    BIT(9)
#define EXIT_ACK_INTERRUPT BIT(15)
#define EXIT_SAVE_PAT      BIT(18)
#define EXIT_LOAD_PAT      BIT(19)
#define EXIT_SAVE_EFER     BIT(20)
#define EXIT_LOAD_EFER     BIT(21)
#define EXIT_LOAD_CET      BIT(28)

/* VM-entry controls */
#define ENTRY_LOAD_DEBUG   BIT(2)
#define ENTRY_IA32E        BIT(9)
#define ENTRY_SMM          BIT(10)
#define ENTRY_DUAL_MONITOR BIT(11)
#define ENTRY_LOAD_PAT     BIT(14)
#define ENTRY_LOAD_EFER    BIT(15)
#define ENTRY_LOAD_CET     BIT(20)

/* Exit reason */
#define REASON_BASIC        BITS(15, 0)
#define REASON_ENTRY_FAILED BIT(31)

/* Interruption information (entry, exit, IDT vectoring) */
#define INTR_VECTOR             BITS(7, 0)
#define INTR_TYPE_SHIFT         8
#define INTR_TYPE               BITS(10, 8)
#define INTR_ERROR              BIT(11)
#define INTR_IRET_UNBLOCKED_NMI BIT(12) /* exit only */
#define INTR_VALID              BIT(31)

enum intr_type {
	INTR_EXTERNAL = 0,
	INTR_NMI = 2,
	INTR_HW_EXCEPTION = 3,
	INTR_SOFT_INT = 4,
	INTR_PRIV_SOFT_EXC = 5, /* INT1 */
	INTR_SOFT_EXC = 6,      /* INT3, INTO */
};

/* Interruptibility state */
#define BLOCK_STI   BIT(0)
#define BLOCK_MOVSS BIT(1)
#define BLOCK_SMI   BIT(2)
#define BLOCK_NMI   BIT(3)

/* Pending debug exceptions */
#define PENDING_DEBUG_BS BIT(14)

/* Segment access rights: bits 0-7 and 12-15 as in a descriptor's high half, from its bit 8 on */
#define RIGHTS_UNUSABLE BIT(16)

/* EPT pointer: memory type in 2:0, page walk length minus 1 in 5:3 */
#define EPTP_WB       6ULL
#define EPTP_LEVELS_4 (3ULL << 3)

/* Basic exit reasons (SDM vol. 3, appendix "VMX Basic Exit Reasons"). */
enum exit_reason {
	REASON_EXCEPTION = 0, /* or NMI */
	REASON_EXTERNAL_INTERRUPT = 1,
	REASON_TRIPLE_FAULT = 2,
	REASON_INIT = 3,
	REASON_SIPI = 4,
	REASON_INTERRUPT_WINDOW = 7,
	REASON_NMI_WINDOW = 8,
	REASON_TASK_SWITCH = 9,
	REASON_CPUID = 10,
	REASON_GETSEC = 11,
	REASON_HLT = 12,
	REASON_INVD = 13,
	REASON_RDPMC = 15,
	REASON_RSM = 17,
	REASON_VMCALL = 18,
	REASON_VMCLEAR = 19,
	REASON_VMLAUNCH = 20,
	REASON_VMPTRLD = 21,
	REASON_VMPTRST = 22,
	REASON_VMREAD = 23,
	REASON_VMRESUME = 24,
	REASON_VMWRITE = 25,
	REASON_VMXOFF = 26,
	REASON_VMXON = 27,
	REASON_CR = 28,
	REASON_IO = 30,
	REASON_RDMSR = 31,
	REASON_WRMSR = 32,
	REASON_BAD_GUEST_STATE = 33,
	REASON_BAD_MSR_LOAD = 34,
	REASON_MWAIT = 36,
	REASON_MONITOR = 39,
	REASON_PAUSE = 40,
	REASON_ENTRY_MACHINE_CHECK = 41,
	REASON_TPR_BELOW = 43,
	REASON_APIC_ACCESS = 44,
	REASON_EOI = 45,
	REASON_EPT_VIOLATION = 48,
	REASON_EPT_MISCONFIG = 49,
	REASON_INVEPT = 50,
	REASON_PREEMPTION_TIMER = 52,
	REASON_INVVPID = 53,
	REASON_WBINVD = 54,
	REASON_XSETBV = 55,
	REASON_APIC_WRITE = 56,
	REASON_INVPCID = 58,
	REASON_VMFUNC = 59,
	REASON_ENCLS = 60,
	REASON_UMWAIT = 67,
	REASON_TPAUSE = 68,
	REASON_COUNT = 80,
};
