#include "copy_async.h"

#include "block.h"
#include "emulated_tensor_core.h"
#include "random.h"

#include <string.h>

namespace emulation
{
namespace
{

void land(const copy_under_way &copy)
{
    if (copy.global != nullptr)
        memcpy(copy.shared, copy.global, 16);
    else
        memset(copy.shared, 0, 16);
}

/* Lands the copies that `is_due` chooses and keeps the others. */
template <typename Choice> void land_some(copy_queue &queue, Choice is_due)
{
    size_t kept = 0;
    for (const copy_under_way &copy : queue.under_way) {
        if (is_due(copy))
            land(copy);
        else
            queue.under_way[kept++] = copy;
    }
    queue.under_way.resize(kept);
}

} // namespace

void copies_may_land()
{
    copy_queue &queue = current_thread().copies;
    if (!queue.under_way.empty())
        land_some(queue, [](const copy_under_way &) { return random_once_in(8); });
}

void copy_async_wait(unsigned groups_pending)
{
    copy_queue &queue = current_thread().copies;
    land_some(queue, [&](const copy_under_way &copy) {
        return copy.group + groups_pending < queue.groups_committed;
    });
}

} // namespace emulation

void copy_async_16(void *shared, const void *global, bool is_valid)
{
    emulation::copy_queue &queue = emulation::current_thread().copies;
    emulation::check_shared_row("copy_async_16", shared);
    if (is_valid && reinterpret_cast<uintptr_t>(global) % 16 != 0)
        emulation::block_fail("copy_async_16 from %p, which is not 16-byte aligned", global);
    queue.under_way.push_back({shared, is_valid ? global : nullptr, queue.groups_committed});
    emulation::copies_may_land();
}

void copy_async_commit()
{
    emulation::current_thread().copies.groups_committed++;
}
