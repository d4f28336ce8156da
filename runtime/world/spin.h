/*
 * spin.h - the pause between two looks at a value that another processor changes.
 */
#ifndef MIMO_RUNTIME_WORLD_SPIN_H
#define MIMO_RUNTIME_WORLD_SPIN_H

static inline void mimo_spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif
