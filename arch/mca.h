/*
 * Machine-check architecture: the banks of this CPU, and what an error in them means (Intel SDM vol. 3,
 * "Machine-Check Architecture"; AMD APM vol. 2, "Machine Check Architecture"). AMD's scalable banks are
 * reached by their legacy registers.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

#define MCA_BANKS_MAX 64
#define MCA_TEXT_MAX  160

/* MCi_STATUS. Bits 56, 55 are Intel's, 55, 44, 43 AMD's. */
#define MCI_VAL      BIT(63)
#define MCI_OVER     BIT(62) /* another error was lost */
#define MCI_UC       BIT(61) /* not corrected */
#define MCI_EN       BIT(60) /* MCi_CTL asks for #MC */
#define MCI_MISCV    BIT(59)
#define MCI_ADDRV    BIT(58)
#define MCI_PCC      BIT(57)      /* the CPU's context may be wrong */
#define MCI_S        BIT(56)      /* with SER_P: #MC was signalled for it */
#define MCI_AR       BIT(55)      /* with SER_P: to be handled before the CPU goes on */
#define MCI_TCC      BIT(55)      /* the thread's context is wrong */
#define MCI_DEFERRED BIT(44)      /* found, but not used so far */
#define MCI_COUNT    BITS(52, 38) /* corrected errors, with CMCI_P */

#define MCI_MISC_LSB      BITS(5, 0) /* lowest bit of the address that counts */
#define MCI_MISC_MODE     BITS(8, 6)
#define MCI_MISC_PHYSICAL (2u << 6)

#define MCG_STATUS_RIPV BIT(0) /* the interrupted code can go on */
#define MCG_STATUS_EIPV BIT(1) /* it is what the error is about */
#define MCG_STATUS_MCIP BIT(2)
#define MCG_STATUS_LMCE BIT(3) /* no other CPU was told */

struct mca_caps {
	u32 banks;    /* 0: no MCA */
	bool control; /* MCG_CTL */
	bool cmci;
	bool ser;       /* Intel: errors that software can recover from are told apart */
	bool succor;    /* AMD: the same */
	bool broadcast; /* #MC comes to all CPUs at once, unless LMCE says else */
};

struct mca_error {
	u64 status, addr, misc; /* addr, misc: 0 where status says that there is none */
	u32 bank;
};

enum mca_severity {
	MCA_NONE,
	MCA_CORRECTED,
	MCA_DEFERRED, /* not corrected, not used yet, and no #MC */
	MCA_OPTIONAL, /* not corrected, not used yet: the memory is to be taken away */
	MCA_REQUIRED, /* used: who used it cannot go on, everyone else can */
	MCA_FATAL,
};

/* What this CPU has. */
struct mca_caps mca_probe(void);

/*
 * Switches all banks' reporting on; errors from before the start stay in them. Once on each CPU, before
 * CR4.MCE matters.
 */
void mca_enable(const struct mca_caps *caps);

/* Asks for an interrupt at each corrected error in banks that no other CPU has done so for; how many. */
u32 mca_cmci_claim(const struct mca_caps *caps);

/* Reads a bank; false: it holds no error. */
bool mca_read(u32 bank, struct mca_error *e);
void mca_clear(u32 bank);

u64 mca_global_status(void);
void mca_global_clear(void);

enum mca_severity mca_severity(const struct mca_caps *caps, const struct mca_error *e);

/* The page that e is about; false: e names none, or not exactly enough. */
bool mca_page(const struct mca_caps *caps, const struct mca_error *e, paddr_t *page);

/* e for people, without the CPU. */
void mca_text(const struct mca_caps *caps, const struct mca_error *e, char buf[MCA_TEXT_MAX]);
