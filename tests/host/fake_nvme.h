/*
 * An NVMe controller for host tests of drivers/nvme: registers, doorbells, queues, two namespaces, and everything
 * that one can do wrong. Besides, what the driver stands on: DMA, clock, threads' pauses, block devices.
 */
#pragma once

#include "core/blkdev.h"
#include "drivers/nvme/nvme.h"
#include "lib/types.h"

#define FAKE_NS_BYTES (1u << 20)
#define FAKE_FOREVER  0xffffffffu

struct fake_nvme {
	/* Registers. */
	u64 cap;
	u32 cc, csts, aqa;
	u64 asq, acq;

	/* What goes wrong. Numbers count down; FAKE_FOREVER does not. */
	bool never_ready, fatal_at_enable, never_idle, gone;
	u32 gone_after;  /* register accesses; 0: never */
	bool hold;       /* I/O commands wait */
	u32 swallow;     /* I/O commands that never end */
	bool deny_abort; /* an abort does nothing */
	u32 fail;        /* I/O commands that end with fail_status */
	u16 fail_status; /* as it is in a completion, without the phase */
	u32 bad_cid, bad_sqid, bad_sqhd, twice, old_phase; /* completions */
	u32 admin_swallow;
	u32 admin_fail;                     /* Identify and others that end with an error */
	void (*garble)(void *page, u8 cns); /* what Identify says */
	u32 io_queues;                      /* that it grants */
	bool dbbuf, no_list;
	u16 lbaf_ms;
	bool ns2_gone;

	/* What it has seen. */
	u32 shutdowns, enables, aborts, flushes, fuas, zeroes, discards, reads, writes, doorbells;
	u64 unflushed; /* writes that a power cut would lose */
	u8 *disk[2];

	/* What its driver was seen to do. */
	u32 done, maps, blkdevs, pauses;
	bool cut_off;
	u32 written_after_cut;
};

extern struct fake_nvme fake;
extern u64 fake_now;

/* A controller as it comes from the factory, and a struct nvme for it. */
struct nvme *fake_nvme_start(void);
/* Everything was given back: no maps, no memory. */
void fake_nvme_end(void);
/* The controller works through its queues. */
void fake_nvme_run(void);
/* The driver's threads run: interrupts if any, the keeper, namespaces. */
void fake_nvme_threads(void);
/* Time passes, the driver's threads run each second. */
void fake_nvme_pass(u32 seconds);
/* A namespace's block device; NULL: none. */
struct blkdev *fake_nvme_blkdev(u32 nsid);
/* Sends an event. */
void fake_nvme_event(u32 result);

/* A request with its memory, and what became of it. */
struct fake_request {
	struct blk_request r;
	struct dma_piece pieces[NVME_PIECES_MAX];
	bool submitted, done;
	int status;
};
/* Submits; true: it was taken. */
bool fake_submit(struct blkdev *b, struct fake_request *f, enum blk_op op, u64 offset, void *p,
		 u64 len);
