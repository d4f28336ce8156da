#include "nccl_operation.h"

#include "memory.h"
#include "nccl_message.h"
#include "nccl_reduce.h"
#include "nccl_result.h"
#include "nccl_world.h"

#include <algorithm>
#include <string.h>
#include <utility>

namespace emulation
{

namespace
{

/* What comes before the bytes of each message: what its sender is about. */
struct envelope {
    int32_t function, type, op, root;
    uint64_t count;
    uint64_t unused; /* the bytes begin at a multiple of 16 */
};

struct expected {
    size_t task;
    int peer; /* rank in the communicator */
    nccl_receipt receipt;
    bool is_here;
};

/* Counts the operations that live. */
struct hold {
    nccl_communicator comm;
    int ncclComm::*counter;

    hold(nccl_communicator of, int ncclComm::*which) : comm(std::move(of)), counter(which)
    {
        const nccl_guard guard = nccl_enter();
        (*comm).*counter += 1;
    }

    ~hold()
    {
        const nccl_guard guard = nccl_enter();
        (*comm).*counter -= 1;
        nccl_changed();
    }
};

} // namespace

/* An operation, and the state of its run. */
struct nccl_run {
    hold held;
    std::vector<nccl_task> tasks;
    bool is_addressable = false, has_begun = false;
    std::vector<nccl_transit_ptr> outgoing;
    std::vector<expected> incoming;

    nccl_run(const nccl_communicator &comm, std::vector<nccl_task> what, int ncclComm::*counter)
        : held(comm, counter), tasks(std::move(what))
    {
    }

    ~nccl_run()
    {
        const nccl_guard guard = nccl_enter();
        reset();
    }

    void reset()
    {
        std::deque<nccl_run *> &order = held.comm->order;
        order.erase(std::remove(order.begin(), order.end(), this), order.end());
        has_begun = false;
        outgoing.clear();
        incoming.clear();
    }
};

namespace
{

/* ---- what goes from whom to whom ---- */

bool is_transfer(const nccl_task &task)
{
    return task.function == nccl_function::send || task.function == nccl_function::receive;
}

bool has_root(const nccl_task &task)
{
    return task.function == nccl_function::reduce || task.function == nccl_function::broadcast;
}

size_t bytes_of(const nccl_task &task)
{
    return task.count * nccl_type_bytes(task.type);
}

/* A receive expects the envelope of a send. */
envelope envelope_of(const nccl_task &task)
{
    const nccl_function function = is_transfer(task) ? nccl_function::send : task.function;

    return {static_cast<int32_t>(function), task.type,  task.op,
            has_root(task) ? task.peer : 0, task.count, 0};
}

/* The bytes that the rank `from` has for the rank `to`; what there is not has none. */
size_t payload_bytes(const nccl_task &task, int from, int to)
{
    const bool is_sent = task.function == nccl_function::reduce      ? to == task.peer
                         : task.function == nccl_function::broadcast ? from == task.peer
                                                                     : true;
    return is_sent ? bytes_of(task) : 0;
}

/* Where this rank has what is for the rank `to`, itself included. */
const unsigned char *own_part(const nccl_task &task, int to)
{
    const unsigned char *const send = static_cast<const unsigned char *>(task.send);

    return task.function == nccl_function::reduce_scatter
               ? send + static_cast<size_t>(to) * bytes_of(task)
               : send;
}

nccl_bytes message_for(const nccl_task &task, int from, int to)
{
    const envelope head = envelope_of(task);
    const size_t payload = payload_bytes(task, from, to);
    nccl_bytes bytes(sizeof head + payload);

    memcpy(bytes.data(), &head, sizeof head);
    if (payload > 0)
        memcpy(&bytes[sizeof head], own_part(task, to), payload);
    return bytes;
}

/* ---- begin ---- */

int tag_of(const ncclComm &comm, const nccl_task &task)
{
    return nccl_tag(comm.number,
                    is_transfer(task) ? nccl_channel::transfer : nccl_channel::collective);
}

void post(nccl_run &self, const nccl_task &task, int peer)
{
    const ncclComm &comm = *self.held.comm;

    self.outgoing.push_back(nccl_post(comm.members[static_cast<size_t>(peer)], tag_of(comm, task),
                                      message_for(task, comm.rank, peer)));
}

void expect(nccl_run &self, size_t task, int peer)
{
    const ncclComm &comm = *self.held.comm;

    self.incoming.push_back(
        {task,
         peer,
         {comm.members[static_cast<size_t>(peer)], tag_of(comm, self.tasks[task]), nullptr},
         false});
}

/* In a collective every rank hears from every other, so that all notice a contradiction. */
void begin_task(nccl_run &self, size_t index)
{
    const nccl_task &task = self.tasks[index];
    const int count = static_cast<int>(self.held.comm->members.size());

    for (int peer = 0; peer < count; peer++) {
        const bool is_partner =
            is_transfer(task) ? peer == task.peer : peer != self.held.comm->rank;
        if (is_partner && task.function != nccl_function::receive)
            post(self, task, peer);
        if (is_partner && task.function != nccl_function::send)
            expect(self, index, peer);
    }
}

/* One operation of a communicator at a time, as on a device, whatever streams they are on. */
bool begin(nccl_run &self)
{
    if (self.held.comm->order.front() != &self)
        return false;
    self.has_begun = true;
    for (size_t i = 0; i < self.tasks.size(); i++)
        begin_task(self, i);
    return true;
}

/* ---- exchange ---- */

void fail(ncclComm &comm, ncclResult_t error)
{
    comm.state = error;
    nccl_changed();
}

ncclResult_t check_envelope(const nccl_run &self, const expected &message)
{
    const ncclComm &comm = *self.held.comm;
    const nccl_task &task = self.tasks[message.task];
    const envelope ours = envelope_of(task);
    envelope theirs;

    memcpy(&theirs, message.receipt.transit->bytes.data(), sizeof theirs);
    if (memcmp(&ours, &theirs, sizeof ours) == 0)
        return ncclSuccess;
    return nccl_fail(ncclInvalidUsage,
                     "%s of %zu elements (type %d, op %d, root %d) at rank %d meets %s of %zu "
                     "elements (type %d, op %d, root %d) at rank %d",
                     nccl_name(task.function), task.count, ours.type, ours.op, ours.root, comm.rank,
                     nccl_name(static_cast<nccl_function>(theirs.function)),
                     static_cast<size_t>(theirs.count), theirs.type, theirs.op, theirs.root,
                     message.peer);
}

ncclResult_t advance_outgoing(nccl_run &self)
{
    ncclResult_t all = ncclSuccess;

    for (const nccl_transit_ptr &each : self.outgoing) {
        const ncclResult_t result = each == nullptr ? ncclSystemError : nccl_advance(*each);
        if (result != ncclSuccess)
            all = all == ncclSystemError ? all : result;
    }
    return all;
}

/* A message is looked for when those that its channel brings before it have been found. */
bool is_next(const nccl_run &self, const expected &message)
{
    for (const expected &earlier : self.incoming) {
        if (&earlier == &message)
            return true;
        if (earlier.receipt.transit == nullptr &&
            earlier.receipt.source == message.receipt.source &&
            earlier.receipt.tag == message.receipt.tag)
            return false;
    }
    return true;
}

ncclResult_t advance_incoming(nccl_run &self)
{
    ncclResult_t all = ncclSuccess;

    for (expected &each : self.incoming) {
        if (each.is_here)
            continue;
        ncclResult_t result = is_next(self, each) ? nccl_advance(each.receipt) : ncclInProgress;
        each.is_here = result == ncclSuccess;
        if (each.is_here)
            result = check_envelope(self, each);
        if (result != ncclSuccess && (all == ncclSuccess || all == ncclInProgress))
            all = result;
    }
    return all;
}

/* ---- results ---- */

/* The part that the rank `from` has for this one. */
const unsigned char *part(const nccl_run &self, size_t task, int from)
{
    if (from == self.held.comm->rank && !is_transfer(self.tasks[task]))
        return own_part(self.tasks[task], from);
    for (const expected &each : self.incoming)
        if (each.task == task && each.peer == from)
            return each.receipt.transit->bytes.data() + sizeof(envelope);
    return nullptr;
}

void move(void *to, const void *from, size_t bytes)
{
    if (bytes > 0 && to != from)
        memmove(to, from, bytes);
}

void combine(const nccl_run &self, size_t index)
{
    const nccl_task &task = self.tasks[index];
    const int count = static_cast<int>(self.held.comm->members.size());
    const unsigned char *const first = part(self, index, 0);
    nccl_bytes sum(first, first + bytes_of(task));

    for (int from = 1; from < count; from++)
        nccl_combine(task.type, task.op, sum.data(), part(self, index, from), task.count);
    move(task.receive, sum.data(), sum.size());
}

void gather(const nccl_run &self, size_t index)
{
    const nccl_task &task = self.tasks[index];
    const int count = static_cast<int>(self.held.comm->members.size());
    unsigned char *const to = static_cast<unsigned char *>(task.receive);

    for (int from = 0; from < count; from++)
        move(to + static_cast<size_t>(from) * bytes_of(task), part(self, index, from),
             bytes_of(task));
}

void store_result(const nccl_run &self, size_t index)
{
    const nccl_task &task = self.tasks[index];

    switch (task.function) {
    case nccl_function::all_reduce:
    case nccl_function::reduce_scatter:
        return combine(self, index);
    case nccl_function::reduce:
        if (self.held.comm->rank == task.peer)
            combine(self, index);
        return;
    case nccl_function::broadcast:
    case nccl_function::receive:
        return move(task.receive, part(self, index, task.peer), bytes_of(task));
    case nccl_function::all_gather:
        return gather(self, index);
    case nccl_function::send:
        return;
    }
}

/* ---- a run ---- */

bool is_addressable(const nccl_task &task)
{
    return task.count == 0 || ((task.send == nullptr || memory_is_global(task.send)) &&
                               (task.receive == nullptr || memory_is_global(task.receive)));
}

/* A graph's operation comes before those not begun, for they may be waiting for the graph. */
void enter_order(nccl_run &self)
{
    std::deque<nccl_run *> &order = self.held.comm->order;
    const bool is_first_running = !order.empty() && order.front()->has_begun;

    if (std::find(order.begin(), order.end(), &self) == order.end())
        order.insert(order.begin() + is_first_running, &self);
}

void start(nccl_run &self)
{
    self.is_addressable = std::all_of(self.tasks.begin(), self.tasks.end(),
                                      [](const nccl_task &task) { return is_addressable(task); });

    const nccl_guard guard = nccl_enter();
    enter_order(self);
}

/* Whether all messages are through; an error becomes the communicator's. */
bool is_exchanged(nccl_run &self)
{
    const ncclResult_t received = advance_incoming(self), sent = advance_outgoing(self);

    for (ncclResult_t each : {sent, received})
        if (each != ncclSuccess && each != ncclInProgress)
            fail(*self.held.comm, each);
    return received == ncclSuccess && sent == ncclSuccess;
}

/* As on a device, an operation that has failed goes on until the communicator is aborted. */
progress poll(nccl_run &self)
{
    const nccl_guard guard = nccl_enter();
    ncclComm &comm = *self.held.comm;

    if (!comm.is_aborted && nccl_world_is_open()) {
        if (!self.is_addressable)
            return progress::failed;
        if (comm.state != ncclSuccess || (!self.has_begun && !begin(self)) || !is_exchanged(self))
            return progress::pending;
        for (size_t i = 0; i < self.tasks.size(); i++)
            store_result(self, i);
    }
    self.reset();
    return progress::done;
}

} // namespace

const char *nccl_name(nccl_function function)
{
    switch (function) {
    case nccl_function::all_reduce:
        return "ncclAllReduce";
    case nccl_function::reduce:
        return "ncclReduce";
    case nccl_function::broadcast:
        return "ncclBroadcast";
    case nccl_function::all_gather:
        return "ncclAllGather";
    case nccl_function::reduce_scatter:
        return "ncclReduceScatter";
    case nccl_function::send:
        return "ncclSend";
    case nccl_function::receive:
        return "ncclRecv";
    }
    return "an unknown call";
}

operation nccl_operation(const nccl_communicator &comm, std::vector<nccl_task> tasks,
                         int ncclComm::*counter)
{
    const std::string name = nccl_name(tasks[0].function);
    const auto self = std::make_shared<nccl_run>(comm, std::move(tasks), counter);
    const nccl_guard guard = nccl_enter();

    if (counter == &ncclComm::outstanding_count)
        comm->order.push_back(self.get());
    return {name, [self] { start(*self); }, [self] { return poll(*self); }};
}

} // namespace emulation
