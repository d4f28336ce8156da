#include "runtime/world/report.h"

#include "runtime/world/process.h"

#include <stdarg.h>
#include <stdio.h>

struct output {
    char *text;
    size_t capacity, length;
};

/* What the report says of one rank, read once so that its parts agree. */
struct finding {
    struct mimo_board_entry entry;
    enum mimo_process_state state;
};

static void put(struct output *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct output *to, const char *format, ...)
{
    const size_t left = to->capacity - to->length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(to->text + to->length, left, format, arguments);
    va_end(arguments);
    if (length > 0)
        to->length += (size_t)length < left ? (size_t)length : left - 1;
}

static double seconds_since(uint64_t since_ns)
{
    const uint64_t now_ns = mimo_clock_ns();

    return now_ns > since_ns ? (double)(now_ns - since_ns) * 1e-9 : 0.0;
}

static struct finding look_at(const struct mimo_board *board, uint32_t slot)
{
    struct finding found;

    mimo_board_read(board, slot, &found.entry);
    found.state = mimo_process_state(found.entry.pid, found.entry.pid_namespace);
    return found;
}

static bool is_waiting(const struct finding *found)
{
    return found->entry.wait_since_ns != 0;
}

static const char *state_name(const struct finding *found)
{
    return found->entry.is_open ? mimo_process_state_name(found->state) : "ended";
}

static void put_wait(struct output *to, const struct mimo_board_entry *entry)
{
    put(to, "\n  %4s  %8s  %-7s  %7.1f s    waits: %s", "", "", "",
        seconds_since(entry->wait_since_ns), entry->operation);
    for (uint32_t i = 0; i < entry->peer_count && i < MIMO_BOARD_PEERS_MAX; i++)
        put(to, "%s%u", i == 0 ? ", for rank " : ", ", entry->peers[i]);
}

static void put_rank(struct output *to, const struct finding *found)
{
    const struct mimo_board_entry *entry = &found->entry;

    put(to, "\n  %4u  %8u  %-7s  %7.1f s  %s", entry->rank, entry->pid, state_name(found),
        seconds_since(entry->note_since_ns), entry->note);
    if (is_waiting(found))
        put_wait(to, entry);
}

/* One line on a rank for which the others may be waiting; true where there was one to write. */
static bool put_obstacle(struct output *to, const struct finding *found, bool others_wait)
{
    const struct mimo_board_entry *entry = &found->entry;

    if (!entry->is_open)
        put(to, "\nmimo-exec: rank %u has ended already", entry->rank);
    else if (found->state == MIMO_PROCESS_GONE)
        put(to, "\nmimo-exec: rank %u (process %u) is gone", entry->rank, entry->pid);
    else if (found->state == MIMO_PROCESS_STOPPED)
        put(to, "\nmimo-exec: rank %u (process %u) is stopped", entry->rank, entry->pid);
    else if (!is_waiting(found) && others_wait)
        put(to, "\nmimo-exec: rank %u waits for nothing and did not come to what others wait for",
            entry->rank);
    else
        return false;
    return true;
}

static bool is_here(const struct mimo_board *board, uint32_t rank)
{
    for (uint32_t slot = 0; slot < board->size; slot++)
        if (atomic_load(&board->shared->slots[slot].rank) == rank)
            return true;
    return false;
}

/* With all ranks of this machine waiting, what they wait for is elsewhere, or each other. */
static void put_elsewhere(struct output *to, const struct mimo_board *board)
{
    for (uint32_t slot = 0; slot < board->size; slot++) {
        const struct finding found = look_at(board, slot);
        for (uint32_t i = 0; i < found.entry.peer_count && i < MIMO_BOARD_PEERS_MAX; i++)
            if (is_waiting(&found) && !is_here(board, found.entry.peers[i])) {
                put(to, "\nmimo-exec: rank %u waits for rank %u on another machine",
                    found.entry.rank, found.entry.peers[i]);
                return;
            }
    }
    put(to, "\nmimo-exec: all ranks of this machine wait");
}

size_t mimo_report_bytes(uint32_t ranks)
{
    return 1024 + (size_t)ranks * 1024;
}

void mimo_report_write(const struct mimo_board *board, const char *headline, char *text,
                       size_t capacity)
{
    struct output to = {.text = text, .capacity = capacity};
    bool is_explained = false;
    uint32_t waiting = 0;

    put(&to, "%s\n  %4s  %8s  %-7s  %9s  %s", headline, "rank", "process", "state", "for", "doing");
    for (uint32_t slot = 0; slot < board->size; slot++) {
        const struct finding found = look_at(board, slot);
        put_rank(&to, &found);
        waiting += is_waiting(&found) ? 1 : 0;
    }
    for (uint32_t slot = 0; slot < board->size; slot++) {
        const struct finding found = look_at(board, slot);
        is_explained |= put_obstacle(&to, &found, waiting > 0);
    }
    if (!is_explained && waiting == board->size)
        put_elsewhere(&to, board);
}
