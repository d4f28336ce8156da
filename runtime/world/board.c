#include "runtime/world/board.h"

#include "plan/error.h"
#include "runtime/world/process.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static struct mimo_board_slot *own_slot(const struct mimo_board *board)
{
    return &board->shared->slots[board->own];
}

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static uint32_t load_32(const _Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic uint64_t *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static void store_32(_Atomic uint32_t *value, uint32_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

/* By words, up to and with the one that holds the NUL; what is too long is cut. */
static void store_text(struct mimo_board_text *to, const char *text)
{
    const size_t length = strnlen(text, MIMO_BOARD_TEXT_BYTES - 1);

    for (size_t at = 0; at <= length; at += sizeof(uint64_t)) {
        const size_t rest = length - at;
        uint64_t word = 0;
        memcpy(&word, text + at, rest < sizeof word ? rest : sizeof word);
        store(&to->words[at / sizeof word], word);
    }
}

static void load_text(const struct mimo_board_text *from, char *out_text)
{
    for (size_t at = 0; at < MIMO_BOARD_TEXT_BYTES; at += sizeof(uint64_t)) {
        const uint64_t word = load(&from->words[at / sizeof word]);
        memcpy(out_text + at, &word, sizeof word);
    }
    out_text[MIMO_BOARD_TEXT_BYTES - 1] = '\0';
}

uint64_t mimo_clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

size_t mimo_board_bytes(uint32_t size)
{
    return sizeof(struct mimo_board_shared) + (size_t)size * sizeof(struct mimo_board_slot) +
           MIMO_CACHE_LINE;
}

void mimo_board_init(struct mimo_board *board, void *memory, uint32_t size, uint32_t own)
{
    const uintptr_t past = (uintptr_t)memory % MIMO_CACHE_LINE;

    MIMO_ASSERT(own < size);
    board->shared = (void *)((char *)memory + (past == 0 ? 0 : MIMO_CACHE_LINE - past));
    board->size = size;
    board->own = own;
}

void mimo_board_enter(struct mimo_board *board, uint32_t rank)
{
    struct mimo_board_slot *slot = own_slot(board);

    store_32(&slot->rank, rank);
    store_32(&slot->pid, (uint32_t)getpid());
    store(&slot->pid_namespace, mimo_process_namespace());
    mimo_board_note(board, "start");
    atomic_store(&slot->is_open, 1);
}

void mimo_board_leave(struct mimo_board *board)
{
    atomic_store(&own_slot(board)->is_open, 0);
}

void mimo_board_progress(struct mimo_board *board)
{
    struct mimo_board_slot *slot = own_slot(board);

    store(&slot->progress, load(&slot->progress) + 1);
}

void mimo_board_note(struct mimo_board *board, const char *text)
{
    struct mimo_board_slot *slot = own_slot(board);

    store_text(&slot->note, text);
    store(&slot->note_since_ns, mimo_clock_ns());
    mimo_board_progress(board);
}

void mimo_board_waits(struct mimo_board *board, const char *operation, const uint32_t *peers,
                      uint32_t peer_count)
{
    struct mimo_board_slot *slot = own_slot(board);

    if (operation == NULL) {
        store(&slot->wait_since_ns, 0);
        mimo_board_progress(board);
        return;
    }
    if (peer_count > MIMO_BOARD_PEERS_MAX)
        peer_count = MIMO_BOARD_PEERS_MAX;
    for (uint32_t i = 0; i < peer_count; i++)
        store_32(&slot->peers[i], peers[i]);
    store_32(&slot->peer_count, peer_count);
    store_text(&slot->operation, operation);
    if (load(&slot->wait_since_ns) == 0) /* else the same wait, now for fewer peers */
        store(&slot->wait_since_ns, mimo_clock_ns());
}

void mimo_board_read(const struct mimo_board *board, uint32_t index,
                     struct mimo_board_entry *out_entry)
{
    const struct mimo_board_slot *slot = &board->shared->slots[index];

    out_entry->progress = load(&slot->progress);
    out_entry->note_since_ns = load(&slot->note_since_ns);
    out_entry->wait_since_ns = load(&slot->wait_since_ns);
    out_entry->pid_namespace = load(&slot->pid_namespace);
    out_entry->pid = load_32(&slot->pid);
    out_entry->rank = load_32(&slot->rank);
    out_entry->is_open = atomic_load(&slot->is_open) != 0;
    out_entry->peer_count = load_32(&slot->peer_count);
    for (uint32_t i = 0; i < MIMO_BOARD_PEERS_MAX; i++)
        out_entry->peers[i] = load_32(&slot->peers[i]);
    load_text(&slot->note, out_entry->note);
    load_text(&slot->operation, out_entry->operation);
}

uint64_t mimo_board_total(const struct mimo_board *board)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < board->size; i++)
        total += load(&board->shared->slots[i].progress);
    return total;
}

bool mimo_board_claim_end(struct mimo_board *board)
{
    uint32_t nobody = 0;

    return atomic_compare_exchange_strong(&board->shared->is_ending, &nobody, 1);
}

bool mimo_board_reserve(struct mimo_board *board, uint64_t bytes)
{
    uint64_t left = atomic_load(&board->shared->window_bytes_left);

    while (left >= bytes)
        if (atomic_compare_exchange_weak(&board->shared->window_bytes_left, &left, left - bytes))
            return true;
    return false;
}

void mimo_board_give_back(struct mimo_board *board, uint64_t bytes)
{
    (void)atomic_fetch_add(&board->shared->window_bytes_left, bytes);
}
