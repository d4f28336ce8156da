#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER 1
#endif

#ifdef WITH_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <ucontext.h>
#define WITH_UCONTEXT 1
#endif

namespace emulation
{

struct fiber {
    void (*entry)();
    char *stack; /* its lowest usable byte; null at first for the home fiber */
    size_t size;
    void *fake_stack; /* of AddressSanitizer, while others run */
#ifdef WITH_UCONTEXT
    ucontext_t context;
#else
    void *stack_pointer;
#endif
};

namespace
{

constexpr size_t stack_size = size_t{256} * 1024;

/* Stacks begin at different cache lines: at one offset of the page all would share a few of the
 * cache. */
constexpr size_t colour_size = 128, colour_count = 61;

fiber home;
fiber *arrived_from;
size_t fiber_count;

/* ---- what AddressSanitizer must know ---- */

#ifdef WITH_ADDRESS_SANITIZER
void announce(fiber *from, const fiber *to)
{
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->size);
}

/* Tells that `self` runs again; on the first departure from home its stack becomes known. */
void settle(fiber *self)
{
    const void *bottom = nullptr;
    size_t size = 0;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (arrived_from == &home) {
        home.stack = static_cast<char *>(const_cast<void *>(bottom));
        home.size = size;
    }
}
#else
void announce(fiber *, const fiber *)
{
}

void settle(fiber *)
{
}
#endif

fiber *beginning;

[[noreturn]] void begin()
{
    settle(beginning);
    beginning->entry();
    abort();
}

} // namespace

/* ---- the switch: registers that a call preserves go to the old stack and come from the new one
 * ---- */

#ifdef WITH_UCONTEXT

namespace
{

void prepare(fiber *made)
{
    (void)getcontext(&made->context);
    made->context.uc_stack.ss_sp = made->stack;
    made->context.uc_stack.ss_size = made->size;
    made->context.uc_link = nullptr;
    makecontext(&made->context, begin, 0);
}

void switch_stacks(fiber *from, fiber *to)
{
    (void)swapcontext(&from->context, &to->context);
}

} // namespace

#else

extern "C" void mimo_emulation_switch(void **old_stack_pointer, void *new_stack_pointer);

#if defined(__x86_64__)

/* System V ABI, AMD64: rbx, rbp and r12 to r15 are the callee's to preserve. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl mimo_emulation_switch\n"
        ".type mimo_emulation_switch, @function\n"
        "mimo_emulation_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size mimo_emulation_switch, . - mimo_emulation_switch\n");

/* Six registers, the address of begin(), and a null return address for it: rsp % 16 is 8 there. */
constexpr size_t frame_words = 8;
constexpr size_t frame_begin = 6;

#else

/* Procedure Call Standard for AArch64: x19 to x30 and d8 to d15 are the callee's to preserve. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl mimo_emulation_switch\n"
        ".type mimo_emulation_switch, %function\n"
        "mimo_emulation_switch:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size mimo_emulation_switch, . - mimo_emulation_switch\n");

/* Twenty registers; x30, the twelfth, is where the switch returns to. */
constexpr size_t frame_words = 20;
constexpr size_t frame_begin = 11;

#endif

namespace
{

void prepare(fiber *made)
{
    void **frame = reinterpret_cast<void **>(made->stack + made->size) - frame_words;
    frame[frame_begin] = reinterpret_cast<void *>(begin);
    made->stack_pointer = frame;
}

void switch_stacks(fiber *from, fiber *to)
{
    mimo_emulation_switch(&from->stack_pointer, to->stack_pointer);
}

} // namespace

#endif

/* ---- fibers ---- */

fiber *fiber_new(void (*entry)())
{
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void *memory = mmap(nullptr, page + stack_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    fiber *made = new fiber{};
    if (memory == MAP_FAILED || mprotect(memory, page, PROT_NONE) != 0) {
        perror("emulated device: the stack of a thread");
        abort();
    }
    made->entry = entry;
    made->stack = static_cast<char *>(memory) + page;
    made->size = stack_size - colour_size * (fiber_count++ % colour_count);
    prepare(made);
    return made;
}

fiber *fiber_home()
{
    return &home;
}

void fiber_go(fiber *from, fiber *to)
{
    arrived_from = from;
    beginning = to;
    announce(from, to);
    switch_stacks(from, to);
    settle(from);
}

bool fiber_holds(const fiber *one, const void *address)
{
    return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(one->stack) <
           one->size;
}

} // namespace emulation
