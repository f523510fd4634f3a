/*
 * The list of the machine's devices: each is behind its parent and what was added below that before.
 */
#include "core/hostdev.h"

#include "arch/lock.h"

static struct list all = LIST_INIT(all); /* lock */
static struct spinlock lock = SPINLOCK_INIT(RANK_HOSTDEV, "devices");

static bool is_below(const struct hostdev *h, const struct hostdev *parent)
{
	while (h && h != parent)
		h = h->parent;
	return h;
}

/* The list's element before which h belongs. */
static struct list *place_of_child(const struct hostdev *h)
{
	struct list *node = h->parent->node.next;

	while (node != &all && is_below(list_entry(node, struct hostdev, node), h->parent))
		node = node->next;
	return node;
}

void hostdev_add(struct hostdev *h)
{
	spin_lock(&lock);
	list_insert_before(h->parent ? place_of_child(h) : &all, &h->node);
	spin_unlock(&lock);
}

void hostdev_remove(struct hostdev *h)
{
	spin_lock(&lock);
	list_del(&h->node);
	spin_unlock(&lock);
}

int hostdev_each(int (*fn)(struct hostdev *h, void *arg), void *arg)
{
	int ret = 0;

	spin_lock(&lock);
	list_for_each(node, &all) {
		ret = fn(list_entry(node, struct hostdev, node), arg);
		if (ret)
			break;
	}
	spin_unlock(&lock);
	return ret;
}
