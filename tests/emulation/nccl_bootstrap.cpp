#include "nccl_bootstrap.h"

#include "nccl_message.h"
#include "nccl_result.h"
#include "nccl_world.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <stdlib.h>
#include <string.h>
#include <thread>
#include <tuple>
#include <utility>

namespace emulation
{

namespace
{

/* ---- errands: what is to be done for communicators in the making ---- */

using errand = std::function<bool()>; /* true: it is finished */
using std::chrono::microseconds;

constexpr microseconds NAP_MIN(50), NAP_MAX(2000);

/* Lives for ever: the thread may outlive static objects. */
struct errands {
    std::list<errand> open;
    microseconds nap = NAP_MIN;
    bool is_running = false;
};

errands &the_errands()
{
    static errands &instance = *new errands;
    return instance;
}

void rest(nccl_guard &guard, microseconds nap)
{
    guard.unlock();
    std::this_thread::sleep_for(nap);
    guard.lock();
}

void run_errands()
{
    errands &self = the_errands();
    nccl_guard guard = nccl_enter();

    for (;;) {
        while (self.open.empty())
            nccl_wait(guard);
        const size_t count = self.open.size();
        self.open.remove_if([](const errand &step) { return !nccl_world_is_open() || step(); });
        self.nap = self.open.size() < count ? NAP_MIN : std::min(2 * self.nap, NAP_MAX);
        nccl_changed();
        rest(guard, self.nap);
    }
}

void add_errand(errand step)
{
    errands &self = the_errands();

    self.open.push_back(std::move(step));
    self.nap = NAP_MIN;
    nccl_changed();
    if (!self.is_running)
        std::thread(run_errands).detach();
    self.is_running = true;
}

/* ---- the answer to an enrolment ---- */

/* Followed by `count` ranks of the world, by rank of the communicator. */
struct answer {
    int32_t result;
    int32_t number;
    int32_t rank, count;
    char text[112]; /* of an error */
};

using enrolments = std::vector<nccl_enrolment>;

nccl_bytes failure(const char *text)
{
    answer head = {ncclInvalidUsage, -1, 0, 0, {}};
    nccl_bytes bytes(sizeof head);

    (void)strncpy(head.text, text, sizeof head.text - 1);
    memcpy(bytes.data(), &head, sizeof head);
    return bytes;
}

nccl_bytes membership(int number, size_t rank, const enrolments &members)
{
    const answer head = {
        ncclSuccess, number, static_cast<int32_t>(rank), static_cast<int32_t>(members.size()), {}};
    nccl_bytes bytes(sizeof head + members.size() * sizeof(int32_t));

    memcpy(bytes.data(), &head, sizeof head);
    for (size_t i = 0; i < members.size(); i++)
        memcpy(&bytes[sizeof head + i * sizeof(int32_t)], &members[i].source, sizeof(int32_t));
    return bytes;
}

/* ---- serving ---- */

struct service {
    int number;
    size_t count; /* 0: what the first to enrol says */
    bool is_split;
    const char *error = nullptr; /* what is told to all that enrol */
    enrolments enrolled;
    nccl_receipt receipt;
    std::vector<nccl_transit_ptr> answers;
};

void reply(service &self, const nccl_enrolment &to, nccl_bytes bytes)
{
    const int tag = nccl_tag(self.number, nccl_channel::answer);

    self.answers.push_back(nccl_post(to.source, tag, std::move(bytes)));
}

bool shares_device(const nccl_enrolment &a, const nccl_enrolment &b)
{
    return a.machine == b.machine && a.device == b.device;
}

bool may_share_devices()
{
    const char *value = getenv("NCCL_MULTI_RANK_GPU_ENABLE");

    return value != nullptr && strcmp(value, "1") == 0;
}

/* Why the newcomer cannot be one of them; null: it can. */
const char *contradiction(const service &self, const nccl_enrolment &newcomer)
{
    for (const nccl_enrolment &other : self.enrolled) {
        if (newcomer.count != other.count)
            return "the ranks disagree about their number";
        if (newcomer.rank == other.rank)
            return "two processes have the same rank";
        if (!self.is_split && shares_device(newcomer, other) && !may_share_devices())
            return "two ranks use the same device";
    }
    return nullptr;
}

void answer_new(service &self)
{
    std::sort(self.enrolled.begin(), self.enrolled.end(),
              [](const nccl_enrolment &a, const nccl_enrolment &b) { return a.rank < b.rank; });
    for (size_t i = 0; i < self.enrolled.size(); i++)
        reply(self, self.enrolled[i], membership(self.number, i, self.enrolled));
}

bool comes_before(const nccl_enrolment &a, const nccl_enrolment &b)
{
    return std::tie(a.color, a.key, a.rank) < std::tie(b.color, b.key, b.rank);
}

/* NCCL_SPLIT_NOCOLOR is the least color. */
void answer_split(service &self)
{
    std::sort(self.enrolled.begin(), self.enrolled.end(), comes_before);
    for (auto first = self.enrolled.cbegin(); first != self.enrolled.cend();) {
        const auto last = std::find_if(first, self.enrolled.cend(), [&](const nccl_enrolment &e) {
            return e.color != first->color;
        });
        const enrolments members(first, last);
        const int number = first->color == NCCL_SPLIT_NOCOLOR ? -1 : nccl_number_new();
        for (size_t i = 0; i < members.size(); i++)
            reply(self, members[i], membership(number, i, members));
        first = last;
    }
}

void fail(service &self)
{
    for (const nccl_enrolment &each : self.enrolled)
        reply(self, each, failure(self.error));
    self.enrolled.clear();
}

void take_in(service &self, nccl_enrolment newcomer)
{
    if (self.count == 0)
        self.count = static_cast<size_t>(newcomer.count);
    if (self.error == nullptr)
        self.error = contradiction(self, newcomer);
    self.enrolled.push_back(newcomer);
    if (self.error != nullptr)
        fail(self);
    else if (self.enrolled.size() == self.count)
        self.is_split ? answer_split(self) : answer_new(self);
}

void look_for_one(service &self)
{
    if (nccl_advance(self.receipt) != ncclSuccess)
        return;
    nccl_enrolment newcomer;

    memcpy(&newcomer, self.receipt.transit->bytes.data(), sizeof newcomer);
    newcomer.source = self.receipt.source;
    self.receipt.transit.reset();
    self.receipt.source = MPI_ANY_SOURCE;
    take_in(self, newcomer);
}

/* After a contradiction it goes on for ever, for those who are still to come. */
bool serve(service &self)
{
    if (self.count == 0 || self.enrolled.size() < self.count) {
        look_for_one(self);
        return false;
    }
    return std::all_of(self.answers.begin(), self.answers.end(), [](const nccl_transit_ptr &each) {
        return each == nullptr || nccl_advance(*each) != ncclInProgress;
    });
}

void add_service(int number, size_t count, bool is_split)
{
    const auto self = std::make_shared<service>();

    self->number = number;
    self->count = count;
    self->is_split = is_split;
    self->receipt.source = MPI_ANY_SOURCE;
    self->receipt.tag = nccl_tag(number, nccl_channel::enrolment);
    add_errand([self] { return serve(*self); });
}

/* ---- enrolling ---- */

struct application {
    nccl_communicator comm, parent;
    nccl_transit_ptr sent;
    nccl_receipt receipt;
};

void complete(ncclComm &comm, const nccl_bytes &bytes)
{
    answer head;

    memcpy(&head, bytes.data(), sizeof head);
    comm.number = head.number;
    comm.rank = head.rank;
    comm.members.resize(static_cast<size_t>(head.count));
    if (head.count > 0)
        memcpy(comm.members.data(), &bytes[sizeof head], comm.members.size() * sizeof(int32_t));
    comm.state = static_cast<ncclResult_t>(head.result);
    if (comm.state != ncclSuccess)
        (void)nccl_fail(comm.state, "%s", head.text);
    else if (comm.number < 0)
        comm.state = nccl_fail(ncclSystemError, "there are too many communicators");
}

bool is_given_up(const application &self)
{
    return self.parent != nullptr ? self.parent->is_aborted : self.comm->is_aborted;
}

bool advance(application &self)
{
    if (is_given_up(self))
        return true;
    if (self.sent == nullptr || nccl_advance(*self.sent) == ncclInProgress ||
        nccl_advance(self.receipt) != ncclSuccess)
        return false;
    if (self.comm != nullptr)
        complete(*self.comm, self.receipt.transit->bytes);
    if (self.parent != nullptr)
        self.parent->is_splitting = false;
    return true;
}

nccl_bytes bytes_of(const nccl_enrolment &enrolment)
{
    nccl_bytes bytes(sizeof enrolment);

    memcpy(bytes.data(), &enrolment, sizeof enrolment);
    return bytes;
}

} // namespace

void nccl_serve_new(int number)
{
    add_service(number, 0, false);
}

void nccl_serve_split(int number, int count)
{
    add_service(number, static_cast<size_t>(count), true);
}

void nccl_enrol(int server, int number, const nccl_enrolment &enrolment, nccl_communicator comm,
                nccl_communicator parent)
{
    const auto self = std::make_shared<application>();

    self->comm = std::move(comm);
    self->parent = std::move(parent);
    self->sent = nccl_post(server, nccl_tag(number, nccl_channel::enrolment), bytes_of(enrolment));
    self->receipt.source = server;
    self->receipt.tag = nccl_tag(number, nccl_channel::answer);
    add_errand([self] { return advance(*self); });
}

} // namespace emulation
