/*
 * The devices of a VM as a list: made from the table that the composition root handed over, then
 * reset, saved, loaded and destroyed all together.
 */
#include "vm/vdev.h"

#include "core/log.h"
#include "vm/state.h"
#include "vm/vm.h"

static const struct vdev_row *table; /* const after boot */
static size_t table_len;

void vdev_set_table(const struct vdev_row *rows, size_t count)
{
	table = rows;
	table_len = count;
}

void vdev_add(struct vm *vm, struct vdev *dev, const struct vdev_ops *ops, u32 instance,
	      enum lock_rank rank)
{
	dev->ops = ops;
	dev->vm = vm;
	dev->instance = instance;
	spin_init(&dev->lock, rank, ops->name);
	list_add_tail(&vm->devices, &dev->node);
}

int vdev_create_all(struct vm *vm)
{
	for (size_t i = 0; i < table_len; i++) {
		int err = table[i].create(vm, &vm->cfg);

		if (err) {
			log_error("%s: device %s could not be made: %d", vm->cfg.name,
				  table[i].name, err);
			return err;
		}
	}
	return 0;
}

void vdev_reset_all(struct vm *vm)
{
	list_for_each(node, &vm->devices) {
		struct vdev *dev = list_entry(node, struct vdev, node);

		spin_lock(&dev->lock);
		dev->ops->reset(dev);
		spin_unlock(&dev->lock);
	}
}

void vdev_state_all(struct vm *vm, struct state *s)
{
	list_for_each(node, &vm->devices) {
		struct vdev *dev = list_entry(node, struct vdev, node);

		state_begin(s, dev->ops->name, dev->instance, dev->ops->version);
		spin_lock(&dev->lock);
		dev->ops->state(dev, s);
		spin_unlock(&dev->lock);
		state_end(s);
	}
	if (s->loading && state_result(s))
		vdev_reset_all(vm); /* nothing stays that was not checked */
}

void vdev_power_button(struct vm *vm)
{
	list_for_each(node, &vm->devices) {
		struct vdev *dev = list_entry(node, struct vdev, node);

		if (!dev->ops->power_button)
			continue;
		spin_lock(&dev->lock);
		dev->ops->power_button(dev);
		spin_unlock(&dev->lock);
	}
}

void vdev_destroy_all(struct vm *vm)
{
	while (!list_empty(&vm->devices)) {
		struct vdev *dev = list_entry(vm->devices.prev, struct vdev, node);

		list_del(&dev->node);
		if (dev->ops->destroy)
			dev->ops->destroy(dev);
	}
}
