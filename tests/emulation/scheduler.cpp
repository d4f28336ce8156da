#include "scheduler.h"

#include "random.h"

#include <algorithm>
#include <condition_variable>
#include <thread>
#include <utility>

namespace emulation
{
namespace
{

using std::chrono::microseconds;

/* Lives for ever: the device thread may outlive static objects. */
struct scheduler {
    std::vector<work_reference> candidates; /* nothing before them is left; some are under way */
    std::vector<size_t> outstanding;        /* by device: handed over and not done */
    unsigned hosts_waiting = 0;
    unsigned pending_in_a_row = 0;
    bool is_running = false, is_lost = false, was_idle = true;
    std::condition_variable for_device, for_hosts;
};

scheduler &the_scheduler()
{
    static scheduler &instance = *new scheduler;
    return instance;
}

/* ---- done ---- */

void release_dependents(const work_reference &finished)
{
    for (const work_reference &dependent : finished->dependents)
        if (--dependent->blockers == 0)
            the_scheduler().candidates.push_back(dependent);
    finished->dependents.clear();
}

void finish(const work_reference &finished)
{
    std::vector<work_reference> &candidates = the_scheduler().candidates;
    candidates.erase(std::find(candidates.begin(), candidates.end(), finished));
    finished->is_done = true;
    finished->what.reset(); /* what it refers to may go before the stream's next work comes */
    finished->done_at = std::chrono::steady_clock::now();
    the_scheduler().outstanding[static_cast<size_t>(finished->device)]--;
    release_dependents(finished);
    the_scheduler().for_hosts.notify_all();
}

/* ---- dawdling ---- */

/* Rests for a random while, for as long as no host thread waits for the device. */
void dawdle(guard &lock)
{
    const microseconds rest(random_below(300));
    (void)the_scheduler().for_device.wait_for(lock, rest,
                                              [] { return the_scheduler().hosts_waiting > 0; });
}

/* Everything under way is pending: leaves the processor to those it waits for, longer by and by. */
void nap(guard &lock)
{
    const unsigned rounds = the_scheduler().pending_in_a_row;
    (void)the_scheduler().for_device.wait_for(lock, microseconds(std::min(20 * rounds, 500u)));
}

/* ---- the device thread ---- */

work_reference choose(guard &lock)
{
    scheduler &self = the_scheduler();
    if (self.candidates.empty()) {
        self.was_idle = true;
        self.for_device.wait(lock, [&self] { return !self.candidates.empty(); });
    }
    if (random_once_in(self.was_idle ? 2 : 16))
        dawdle(lock);
    self.was_idle = false;
    return self.candidates[random_below(static_cast<uint32_t>(self.candidates.size()))];
}

progress step(work &chosen)
{
    if (!chosen.is_started && chosen.what->start)
        chosen.what->start();
    chosen.is_started = true;
    return chosen.what->poll ? chosen.what->poll() : progress::done;
}

void take_in(guard &lock, const work_reference &chosen, progress outcome)
{
    scheduler &self = the_scheduler();
    if (outcome == progress::pending) {
        if (++self.pending_in_a_row >= self.candidates.size())
            nap(lock);
        return;
    }
    self.pending_in_a_row = 0;
    self.is_lost = self.is_lost || outcome == progress::failed;
    finish(chosen);
}

/* On a lost device nothing runs any more, and nobody has to wait for it. */
void run_device()
{
    guard lock(runtime_lock());
    for (;;) {
        const work_reference chosen = choose(lock);
        progress outcome = progress::done;
        if (!the_scheduler().is_lost) {
            lock.unlock();
            outcome = step(*chosen);
            lock.lock();
        }
        take_in(lock, chosen, outcome);
    }
}

void start_device_thread()
{
    if (!the_scheduler().is_running)
        std::thread(run_device).detach();
    the_scheduler().is_running = true;
}

template <typename Condition> void wait_until(guard &lock, Condition is_met)
{
    the_scheduler().hosts_waiting++;
    the_scheduler().for_device.notify_one();
    the_scheduler().for_hosts.wait(lock, is_met);
    the_scheduler().hosts_waiting--;
}

} // namespace

work_reference submit_locked(std::shared_ptr<const operation> what, int device,
                             const std::vector<work_reference> &before)
{
    scheduler &self = the_scheduler();
    const work_reference made = std::make_shared<work>();
    made->what = std::move(what);
    made->device = device;
    for (const work_reference &each : before)
        if (!is_done_locked(each)) {
            each->dependents.push_back(made);
            made->blockers++;
        }
    if (made->blockers == 0)
        self.candidates.push_back(made);
    self.outstanding.resize(static_cast<size_t>(device_count()));
    self.outstanding[static_cast<size_t>(device)]++;
    start_device_thread();
    self.for_device.notify_one();
    return made;
}

bool is_done_locked(const work_reference &what)
{
    return what == nullptr || what->is_done;
}

void wait_locked(guard &lock, const work_reference &what)
{
    wait_until(lock, [&what] { return is_done_locked(what); });
}

void wait_for_device_locked(guard &lock, int device)
{
    const size_t i = static_cast<size_t>(device);
    const std::vector<size_t> &outstanding = the_scheduler().outstanding;
    wait_until(lock, [&] { return i >= outstanding.size() || outstanding[i] == 0; });
}

bool is_lost_locked()
{
    return the_scheduler().is_lost;
}

} // namespace emulation
