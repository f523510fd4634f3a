/*
 * A virtual device as `vm/` sees it: a lock, a reset, a state function. vdev/table.c lists the
 * devices; struct vm names none of them.
 */
#pragma once

#include "arch/lock.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

struct vm;
struct vdev;
struct state;
struct domain;

struct vdev_ops {
	const char *name;                                 /* also the state section's */
	u32 version;                                      /* of its state */
	void (*reset)(struct vdev *dev);                  /* to power-on state; lock held */
	void (*state)(struct vdev *dev, struct state *s); /* saves or loads; lock held */
	void (*input)(struct vdev *dev); /* REQ_CHARDEV: bytes may wait; lock held; may be NULL */
	void (*power_button)(struct vdev *dev); /* it was pressed; lock held; may be NULL */
	void (*destroy)(struct vdev *dev); /* may be NULL: nothing but memory of the VM's heap */
};

struct vdev {
	struct list node; /* the VM's devices, in creation order */
	const struct vdev_ops *ops;
	struct vm *vm;
	u32 instance;
	struct spinlock lock; /* RANK_VDEV, or RANK_VIRQ for interrupt controllers */
};

/* One row of the device table: makes the device in vm's heap, claims its ranges, adds it. */
struct vdev_row {
	const char *name;
	int (*create)(struct vm *vm, const struct domain *cfg);
};

/* Initialises the base and adds it to vm's list. */
void vdev_add(struct vm *vm, struct vdev *dev, const struct vdev_ops *ops, u32 instance,
	      enum lock_rank rank);

/* The composition root hands the table over once; rows are created in order for each VM. */
void vdev_set_table(const struct vdev_row *rows, size_t count);

/*
 * For all devices of a VM, in the order of creation; in the VM's address space, on vCPU 0's thread.
 */

/* Makes all devices of the table. On an error those already made stay until vdev_destroy_all(). */
int vdev_create_all(struct vm *vm) __must_check;
void vdev_reset_all(struct vm *vm);
/*
 * Saves or loads, each device a section of its own; the result is state_result()'s. After an error in loading
 * all devices are as after a reset.
 */
void vdev_state_all(struct vm *vm, struct state *s);
void vdev_power_button(struct vm *vm);
/* Calls destroy in reverse order and empties the list. */
void vdev_destroy_all(struct vm *vm);
