/*
 * fiber.h - a stack of its own on which code runs until it hands over to another one.
 *
 * The thread of the operating system that makes fibers runs on them all; its own stack is
 * fiber_home(). Stacks end at a page without access, so that an overflow is a fault and not a
 * surprise.
 */
#ifndef MIMO_EMULATION_FIBER_H
#define MIMO_EMULATION_FIBER_H

#include <stddef.h>

namespace emulation
{

struct fiber;

/* A fiber that calls `entry` when it is first gone to; `entry` does not return. Lives for ever. */
fiber *fiber_new(void (*entry)());

/* The stack that the device thread began with. */
fiber *fiber_home();

/* Leaves the running fiber `from` and goes on in `to`; returns when someone goes back to `from`. */
void fiber_go(fiber *from, fiber *to);

/* Whether the address lies on its stack. */
bool fiber_holds(const fiber *one, const void *address);

} // namespace emulation

#endif
