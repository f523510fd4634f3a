/*
 * The NVMe driver's own structures. A controller has a *keeper*, the one thread that sends admin commands, brings the controller up and
 * recovers it; a *namespace thread*, that adds and removes block devices, so that the keeper never waits for I/O; and a thread for
 * each I/O queue pair, on the CPU that the pair is for.
 *
 * What the controller writes is copied once, checked, and the copy used. Files: controller.c (registers), queue.c (rings and command
 * ids), admin.c, namespace.c, io.c (requests), recovery.c, threads.c, pci_glue.c.
 */
#pragma once

#include "arch/lock.h"
#include "core/blkdev.h"
#include "core/dma.h"
#include "lib/compiler.h"
#include "lib/hw/nvme.h"
#include "lib/list.h"
#include "lib/types.h"

struct thread;

#define NVME_DEPTH       64u /* entries of a queue; command ids are one less */
#define NVME_ADMIN_DEPTH 16u
#define NVME_QUEUES_MAX  64u /* I/O queue pairs */
#define NVME_NS_MAX      32u
#define NVME_PIECES_MAX  32u  /* of a request */
#define NVME_LIST_LEN    128u /* entries of a PRP list: 1 KiB, that never crosses a page */
#define NVME_LEN_MAX     (NVME_LIST_LEN * 4096u)
#define NVME_NAME_MAX    16u

/* How long things may take, ns. */
#define NVME_SEC      1000000000ull
#define NVME_IO_NS    (30 * NVME_SEC)
#define NVME_ADMIN_NS (20 * NVME_SEC)
#define NVME_ABORT_NS (5 * NVME_SEC) /* an aborted command, to be done */
#define NVME_TICK_NS  NVME_SEC
#define NVME_SMART_NS (60 * NVME_SEC)
#define NVME_RETRIES  3u /* of one command, after errors that say it may be tried again */
#define NVME_REPLAYS  4u /* of one command, by resets that were not asked for */
#define NVME_RESETS_MAX                                                                            \
	8u /* not asked for, before the device is dead; each counts for NVME_FORGIVE_NS */
#define NVME_FORGIVE_NS (30 * NVME_SEC)

enum nvme_slot_state {
	NVME_FREE,
	NVME_TAKEN,  /* its submitter's */
	NVME_POSTED, /* in the ring, or waits for a reset to end */
	NVME_DONE,   /* of an admin command: the completion is in it */
};

/* One command id of a queue. lock: the queue's, unless its state says that one thread has it. */
struct nvme_slot {
	u8 state;
	u8 generation; /* bits 14..8 of the command id: a completion that comes twice is not taken for another's */
	u8 retries, replays;
	bool aborted,
		event; /* event: an asynchronous event request, that nobody waits for and no time ends */
	u16 cid;
	u64 deadline_ns;
	struct nvme_command cmd; /* as it was posted: for replay */
	struct nvme_completion completion;
	struct nvme_slot *head; /* of its request: the slot with what follows */
	struct nvme_ns *ns;
	struct blk_request *r; /* NULL: an admin command */
	u32 left;              /* commands that are not done */
	s32 status;            /* the first error of them */
	u32 map_count;
	struct dma_map maps[NVME_PIECES_MAX];
};

struct nvme_queue {
	struct nvme *c;
	u16 id, depth; /* const while live */
	struct spinlock lock;
	struct nvme_command *sq;
	struct nvme_completion *cq;
	u64 *lists; /* NVME_LIST_LEN entries for each slot; NULL: the admin queue */
	dma_addr_t sq_at, cq_at, lists_at;
	struct nvme_slot *slots; /* depth - 1 */
	/* lock: */
	bool live; /* the controller has the rings */
	bool dead; /* it never will again */
	bool rung_late;
	bool phase;
	u16 tail, head;
	u16 free_count;
	u16 free[NVME_DEPTH]; /* a stack of slots */
	u32 in_flight;
	u64 posted, completed, bad, lost,
		doorbells; /* lost: completions that no interrupt told of */
	/* threads.c's. */
	struct thread *thread;
	u32 cpu;
	bool woken; /* an interrupt came since it was last looked at; atomic */
};

enum nvme_ns_state {
	NVME_NS_NONE,
	NVME_NS_NEW, /* the namespace thread adds it */
	NVME_NS_LIVE,
	NVME_NS_LEAVING, /* the namespace thread removes it */
};

/* What Identify says of a namespace, checked. */
struct nvme_ns_info {
	u64 blocks;
	u32 shift; /* log2 of a block's bytes: 9 to 12 */
	u8 eui64[8];
};

struct nvme_ns {
	struct nvme *c;
	u32 id;
	u32 state; /* enum nvme_ns_state; atomic */
	struct nvme_ns_info info;
	struct blkdev blk;
	bool seen; /* by the scan that is under way; the keeper's */
};

/* What Identify Controller says, checked. */
struct nvme_ctrl_info {
	char serial[21], model[41], firmware[9];
	u32 version, namespaces; /* namespaces: the highest number */
	u32 max_len;             /* bytes in a command */
	u32 shutdown_us;
	bool cache, zeroes, discard, dbbuf, ns_events;
};

/* The bus below: drivers/nvme/pci_glue.c, or a test. */
struct nvme_bus {
	/* The device does no DMA after return. A thread. */
	void (*cut_off)(struct nvme *c);
};

enum nvme_state {
	NVME_STARTING,
	NVME_LIVE,
	NVME_RESETTING,
	NVME_DEAD,
};

struct nvme {
	char name[NVME_NAME_MAX]; /* "nvme0"; const */
	u32 number;
	const struct nvme_bus *bus;
	void *regs;
	u64 regs_len;
	struct dma_device *dma;
	struct hostdev *hostdev; /* what its namespaces hang below; const, NULL: nothing */
	u32 wanted_queues,
		vectors; /* const: I/O pairs that there are vectors and CPUs for; vectors, the admin queue's included */

	u64 cap;
	u32 stride; /* bytes from one doorbell to the next */
	u32 state;  /* enum nvme_state; the keeper writes it, atomic */
	struct nvme_ctrl_info info;
	struct nvme_queue admin;
	struct nvme_queue *io; /* queue_count of them */
	u32 queue_count;
	void *page; /* for Identify and log pages: the device's */
	dma_addr_t page_at;
	u8 *copy;    /* what was in page, taken once; the keeper's */
	u32 *shadow; /* shadow doorbells, by the offset of the doorbell; NULL: not in use */
	u32 *shadow_page, *event_idx; /* the memory for them; NULL: none */
	dma_addr_t shadow_at, event_at;

	struct nvme_ns *
		ns[NVME_NS_MAX]; /* the keeper fills, the namespace thread empties; const pointers once set */
	struct nvme_smart smart; /* the keeper's; read without a lock by nodedev-dumpxml */
	bool smart_valid;

	/* Requests to the keeper; atomic. */
	u32 reset_wanted, reset_cause, rescan_wanted, stop_wanted;
	bool blocked; /* by the IOMMU */

	/* The keeper's. */
	u64 smart_at, reset_score_ns;
	bool event_armed;
	u64 resets, aborts, replays, timeouts, retries, events; /* read by anyone */
	struct thread *keeper, *namespaces; /* const while the controller is there */
	struct list node;
	void *glue;
};

/* --- controller.c ---------------------------------------------------------------------------------- */

/* 32-bit accesses to registers: 64-bit ones are made of two (NVMe over PCIe, 3.1). */
u32 nvme_read(struct nvme *c, u32 reg);
void nvme_write(struct nvme *c, u32 reg, u32 v);

/* True: the device reads as all ones. */
bool nvme_gone(struct nvme *c);

/* Reads CAP and checks what we need of it. -ENODEV: gone; -ENOTSUP with the reason in the log. */
int nvme_capabilities(struct nvme *c) __must_check;

/* CC.EN off, and waits for RDY to go, and on with the admin queue. -ETIMEDOUT, -EIO (fatal status), -ENODEV. The keeper. */
int nvme_disable(struct nvme *c) __must_check;
int nvme_enable(struct nvme *c) __must_check;

/*
 * Memory for the controller, whose dma, regs and wanted_queues are set: what it needs beside the I/O queues, which come as
 * the controller grants them. -ENOMEM. Then all of it goes, the queues' too. A thread.
 */
int nvme_memory_create(struct nvme *c) __must_check;
void nvme_memory_destroy(struct nvme *c);

/* Tells it to save what it has (CC.SHN); nvme_shutdown_wait() waits for CSTS.SHST, busily, as long as the controller said it may take. Any context but NMI. */
void nvme_shutdown_begin(struct nvme *c);
bool nvme_shutdown_wait(struct nvme *c);

/* --- queue.c --------------------------------------------------------------------------------------- */

/* Memory for the queue with that number and depth. -ENOMEM. lists: it gets PRP lists. A thread. */
int nvme_queue_create(struct nvme *c, struct nvme_queue *q, u16 id, u16 depth, bool lists)
	__must_check;
/* Every slot is free. */
void nvme_queue_destroy(struct nvme_queue *q);

/* Empties the rings; what was posted stays in its slots. */
void nvme_queue_reset(struct nvme_queue *q);
/* The controller has the rings: posts all that is in slots. asked: no slot's replays count. */
void nvme_queue_live(struct nvme_queue *q, bool asked);
/* Nothing is posted any more until nvme_queue_live(), nothing is taken from the rings. */
void nvme_queue_stop(struct nvme_queue *q);

/* A free slot, TAKEN, or NULL. lock held. */
struct nvme_slot *nvme_slot_take(struct nvme_queue *q);
void nvme_slot_free(struct nvme_queue *q, struct nvme_slot *s);
/* Gives s->cmd to the controller, or keeps it until it is live; the doorbell waits for nvme_queue_ring(). lock held; not dead. */
void nvme_post(struct nvme_queue *q, struct nvme_slot *s, u64 deadline_ns);
void nvme_queue_ring(struct nvme_queue *q);
u32 nvme_slot_index(const struct nvme_queue *q, const struct nvme_slot *s);

/* Takes completions and ends what they are for; how many. A thread. */
u32 nvme_queue_drain(struct nvme_queue *q);

/* --- admin.c: the keeper alone --------------------------------------------------------------------- */

/* Sends and waits. 0; -EIO: the controller says no (*status has why); -ETIMEDOUT; -ENODEV; -EAGAIN: no slot. result may be NULL. */
int nvme_admin(struct nvme *c, const struct nvme_command *cmd, u32 *result, u32 *status)
	__must_check;
/* Identify or a log page into c->copy, zeroed before. */
int nvme_identify(struct nvme *c, u8 cns, u32 nsid) __must_check;
int nvme_get_log(struct nvme *c, u8 log, u32 len) __must_check;
/* What Identify Controller holds. -EPROTO: it cannot be. min_shift: log2 of the controller's smallest page. */
int nvme_check_ctrl(const struct nvme_id_ctrl *id, u32 min_shift, struct nvme_ctrl_info *out)
	__must_check;
/* Identify; how many I/O queues; creates them. What was created before a reset must be had again. */
int nvme_setup_queues(struct nvme *c) __must_check;
/*
 * Ends what the controller does for the I/O queues, which are stopped: politely, so that it has nothing under way when it is
 * reset. One that no longer listens is reset as it is.
 */
void nvme_delete_queues(struct nvme *c);
void nvme_arm_events(struct nvme *c);
/* Looks at what the admin queue's completions say of events. */
void nvme_serve_events(struct nvme *c);
void nvme_read_smart(struct nvme *c);

/* --- namespace.c ------------------------------------------------------------------------------------- */

/* -ENOTSUP: a format that we refuse; -EPROTO: it cannot be; -ENOENT: no such namespace. */
int nvme_check_ns(const struct nvme_id_ns *id, struct nvme_ns_info *out) __must_check;
/* Looks which namespaces there are; the namespace thread does the rest. The keeper. */
int nvme_scan(struct nvme *c) __must_check;
/* All are LEAVING. The keeper. */
void nvme_drop_namespaces(struct nvme *c);
/* One round of the namespace thread: true: there are none left. */
bool nvme_serve_namespaces(struct nvme *c);

/* --- io.c -------------------------------------------------------------------------------------------- */

extern const struct blkdev_ops nvme_blkdev_ops;
/* An I/O command has ended, by its completion in s, or (completion NULL) with err. No lock held. */
void nvme_io_done(struct nvme_queue *q, struct nvme_slot *s, int err);
/* What a status means for a request. */
int nvme_error(u32 status);

/* --- recovery.c: the keeper -------------------------------------------------------------------------- */

/* First start. On an error the controller is dead. */
int nvme_bring_up(struct nvme *c) __must_check;
/* One round: looks for fatal status, time-outs, events; aborts, resets, or gives up. */
void nvme_service(struct nvme *c);
/* Never again: all requests end with -ENODEV. why: for the log. */
void nvme_die(struct nvme *c, const char *why);

/* The IOMMU has shut it out: it is dead. Any context. */
void nvme_blocked(struct nvme *c);

/* A reset. asked: by somebody, not by a fault. Any context. */
void nvme_want_reset(struct nvme *c, bool asked);

/* --- threads.c ---------------------------------------------------------------------------------------- */

/* Makes the threads of the controller; -ENOMEM. The queues' come with nvme_queue_thread(). */
int nvme_threads_start(struct nvme *c) __must_check;
int nvme_queue_thread(struct nvme_queue *q) __must_check;
/* Ends them all; the controller is dead, and all namespaces are gone. A thread. */
void nvme_threads_stop(struct nvme *c);
void nvme_wake_namespaces(struct nvme *c);
/* An interrupt handler: vector n. */
void nvme_interrupt(struct nvme *c, u32 vector);
/* Any context. */
void nvme_wake_keeper(struct nvme *c);
/* A pause of the keeper, until something happens or ns have passed. */
void nvme_pause(struct nvme *c, u64 ns);
