/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "base/mem.h"

/* A circular doubly linked list whose links are members of what they link: adding cannot fail. */

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_after(struct list *pos, struct list *elem)
{
	elem->prev = pos;
	elem->next = pos->next;
	pos->next->prev = elem;
	pos->next = elem;
}

static inline void list_add_head(struct list *l, struct list *elem)
{
	list_insert_after(l, elem);
}

static inline void list_add_tail(struct list *l, struct list *elem)
{
	list_insert_after(l->prev, elem);
}

/* Taking out leaves an element that is a list of itself: taking it out again is harmless. */
static inline void list_del(struct list *elem)
{
	elem->prev->next = elem->next;
	elem->next->prev = elem->prev;
	list_init(elem);
}

/* Everything on `from` moves to the end of `to`. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(l, type, member) list_entry((l)->next, type, member)

#define list_for_each_entry(pos, l, member)                                       \
	for (pos = list_entry((l)->next, __typeof__(*pos), member); &pos->member != (l); \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* pos itself may be taken out and freed by the body; nothing else may. */
#define list_for_each_entry_safe(pos, tmp, l, member)                             \
	for (pos = list_entry((l)->next, __typeof__(*pos), member),               \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);         \
	     &pos->member != (l);                                                 \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*pos), member))

#endif
