#include "block.h"

#include "emulated_device_code.h"
#include "memory.h"
#include "random.h"
#include "symbol.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utility>
#include <vector>

namespace emulation
{
namespace
{

struct barrier {
    unsigned arrived, true_count;
    barrier_kind kind;
    int result; /* of the last time: nobody comes again before all have read it */
};

struct running_block {
    const grid *launched;
    uint3 index;
    dim3 block_dim, grid_dim;
    std::vector<thread> threads;
    std::vector<unsigned> ready; /* numbers of threads, unordered */
    barrier gate;
    void *shared;
    uint3 thread_index; /* of the current thread */
    thread *current;
};

/* They live for ever: the device thread may outlive static objects. */
running_block &block = *new running_block;
std::vector<fiber *> &idle_fibers = *new std::vector<fiber *>;

/* ---- messages ---- */

std::string text_of(uint3 index)
{
    char text[64];
    (void)snprintf(text, sizeof text, "(%u,%u,%u)", index.x, index.y, index.z);
    return text;
}

[[noreturn]] void end_program()
{
    (void)fprintf(stderr, "emulated device: MIMO_EMULATION_SEED=%" PRIu64 "\n", random_seed());
    abort();
}

void print_place()
{
    (void)fprintf(stderr, "emulated device: kernel %s, block %s",
                  symbol_name(block.launched->kernel).c_str(), text_of(block.index).c_str());
}

bool stand_alike(const thread &a, const thread &b)
{
    return a.state == b.state && a.waiting == b.waiting && a.lanes == b.lanes;
}

void print_thread(const thread &stuck, size_t count)
{
    (void)fprintf(stderr, "  thread %s", text_of(stuck.index).c_str());
    if (count > 1)
        (void)fprintf(stderr, " and %zu more", count - 1);
    if (stuck.state == thread_state::ended)
        (void)fprintf(stderr, ": ended\n");
    else if (stuck.lanes == 0)
        (void)fprintf(stderr, ": in %s\n", stuck.waiting);
    else
        (void)fprintf(stderr, ": in %s of lanes 0x%08x\n", stuck.waiting, stuck.lanes);
}

/* One line for all threads that stand alike, at the first of them. */
void print_threads()
{
    for (size_t i = 0; i < block.threads.size(); i++) {
        size_t before = 0, count = 0;
        for (size_t j = 0; j < block.threads.size(); j++) {
            const bool is_alike = stand_alike(block.threads[i], block.threads[j]);
            before += is_alike && j < i;
            count += is_alike;
        }
        if (before == 0)
            print_thread(block.threads[i], count);
    }
}

[[noreturn]] void fail_stuck()
{
    print_place();
    (void)fprintf(stderr, ": threads wait for others that do not come\n");
    print_threads();
    end_program();
}

/* ---- whose turn it is ---- */

bool has_waiting()
{
    for (const thread &each : block.threads)
        if (each.state == thread_state::waiting)
            return true;
    return false;
}

void make_ready(thread &one)
{
    one.state = thread_state::ready;
    block.ready.push_back(one.number);
}

/* A ready thread, at random; null when all have ended. */
thread *take_ready()
{
    if (block.ready.empty() && has_waiting())
        fail_stuck();
    if (block.ready.empty())
        return nullptr;
    std::swap(block.ready[random_below(static_cast<uint32_t>(block.ready.size()))],
              block.ready.back());
    thread *taken = &block.threads[block.ready.back()];
    block.ready.pop_back();
    return taken;
}

void set_current(thread *one)
{
    block.current = one;
    block.thread_index = one->index;
    one->state = thread_state::running;
}

/* ---- threads on fibers ---- */

/* What every fiber does for ever: runs a thread to its end, then the next, here if it has not
 * begun. */
void run_threads()
{
    for (;;) {
        thread *self = block.current;
        fiber *stack = self->stack;
        block.launched->body();
        self->state = thread_state::ended;
        thread *next = take_ready();
        if (next != nullptr && next->stack == nullptr) {
            next->stack = stack;
            set_current(next);
            continue;
        }
        idle_fibers.push_back(stack);
        if (next != nullptr)
            set_current(next);
        fiber_go(stack, next != nullptr ? next->stack : fiber_home());
    }
}

fiber *take_idle_fiber()
{
    if (idle_fibers.empty())
        return fiber_new(run_threads);
    fiber *taken = idle_fibers.back();
    idle_fibers.pop_back();
    return taken;
}

void go_on_with(thread *next, fiber *from)
{
    if (next->stack == nullptr)
        next->stack = take_idle_fiber();
    set_current(next);
    if (next->stack != from)
        fiber_go(from, next->stack);
}

/* ---- grids ---- */

uint3 index_in(dim3 extent, unsigned number)
{
    return uint3{number % extent.x, number / extent.x % extent.y, number / extent.x / extent.y};
}

void make_threads(dim3 extent)
{
    block.threads.resize(static_cast<size_t>(extent.x) * extent.y * extent.z);
    for (unsigned i = 0; i < block.threads.size(); i++) {
        block.threads[i].index = index_in(extent, i);
        block.threads[i].number = i;
    }
}

void reset(thread &one)
{
    one.stack = nullptr;
    one.waiting = nullptr;
    one.lanes = 0;
    one.copies.under_way.clear();
    one.copies.groups_committed = 0;
    make_ready(one);
}

void run_block(const grid &launched, unsigned number)
{
    block.index = index_in(launched.blocks, number);
    block.gate = barrier{};
    memset(block.shared, 0xff, launched.shared_size);
    for (thread &each : block.threads)
        reset(each);
    go_on_with(take_ready(), fiber_home());
}

std::vector<unsigned> shuffled_blocks(dim3 extent)
{
    std::vector<unsigned> order(static_cast<size_t>(extent.x) * extent.y * extent.z);
    for (unsigned i = 0; i < order.size(); i++) {
        const unsigned j = random_below(i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

/* Memory of just the size that was asked for, so that AddressSanitizer sees what goes beyond it. */
void *shared_memory_new(size_t size)
{
    void *memory = nullptr;
    if (posix_memalign(&memory, 1024, size > 0 ? size : 1) != 0)
        abort();
    return memory;
}

/* ---- the barrier of the block ---- */

int barrier_result(const barrier &full, unsigned thread_count)
{
    switch (full.kind) {
    case barrier_kind::plain:
        return 0;
    case barrier_kind::count:
        return static_cast<int>(full.true_count);
    case barrier_kind::all:
        return full.true_count == thread_count;
    case barrier_kind::any:
        return full.true_count > 0;
    }
    abort();
}

void open_barrier()
{
    block.gate.result = barrier_result(block.gate, static_cast<unsigned>(block.threads.size()));
    block.gate.arrived = 0;
    block.gate.true_count = 0;
    for (thread &each : block.threads)
        block_wake(each);
}

const char *name_of(barrier_kind kind)
{
    switch (kind) {
    case barrier_kind::plain:
        return "__syncthreads";
    case barrier_kind::count:
        return "__syncthreads_count";
    case barrier_kind::all:
        return "__syncthreads_and";
    case barrier_kind::any:
        return "__syncthreads_or";
    }
    abort();
}

} // namespace

void grid_run(const grid &launched)
{
    block.launched = &launched;
    block.block_dim = launched.threads;
    block.grid_dim = launched.blocks;
    block.shared = shared_memory_new(launched.shared_size);
    make_threads(launched.threads);
    for (unsigned number : shuffled_blocks(launched.blocks))
        run_block(launched, number);
    free(block.shared);
}

thread &current_thread()
{
    return *block.current;
}

unsigned current_warp()
{
    return block.current->number / warpSize;
}

unsigned current_lane()
{
    return block.current->number % warpSize;
}

thread *lane_thread(unsigned lane)
{
    const size_t number = current_warp() * warpSize + lane;
    return number < block.threads.size() ? &block.threads[number] : nullptr;
}

void block_wait(const char *function, unsigned lanes)
{
    thread *self = block.current;
    if (self->state == thread_state::running) { /* else woken already, by its own arrival */
        self->state = thread_state::waiting;
        self->waiting = function;
        self->lanes = lanes;
    }
    go_on_with(take_ready(), self->stack);
}

void block_wake(thread &waiting)
{
    make_ready(waiting);
}

void block_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_place();
    (void)fprintf(stderr, ", thread %s: ", text_of(block.thread_index).c_str());
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    end_program();
}

void check_shared_row(const char *function, const void *address)
{
    const uintptr_t offset =
        reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(block.shared);
    if (reinterpret_cast<uintptr_t>(address) % 16 != 0)
        block_fail("%s of %p, which is not 16-byte aligned", function, address);
    if (offset < block.launched->shared_size)
        return;
    if (memory_is_global(address) || fiber_holds(block.current->stack, address))
        block_fail("%s of %p, which is not shared memory", function, address);
}

int block_barrier(barrier_kind kind, bool predicate)
{
    copies_may_land();
    if (block.gate.arrived > 0 && block.gate.kind != kind)
        block_fail("comes to %s while others wait in %s", name_of(kind), name_of(block.gate.kind));
    block.gate.kind = kind;
    block.gate.true_count += predicate;
    if (++block.gate.arrived == block.threads.size())
        open_barrier();
    block_wait(name_of(kind), 0);
    return block.gate.result;
}

void *dynamic_shared_memory()
{
    return block.shared;
}

} // namespace emulation

const uint3 &threadIdx = emulation::block.thread_index;
const uint3 &blockIdx = emulation::block.index;
const dim3 &blockDim = emulation::block.block_dim;
const dim3 &gridDim = emulation::block.grid_dim;
