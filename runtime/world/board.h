/*
 * board.h - the status board: what every rank of one machine does and waits for.
 *
 * One slot for each rank of the machine, in memory that they share. A rank writes its own slot
 * only; all read all. There are no locks, so that a rank that is stopped or dead harms nobody: a
 * text that is read while it changes may come out mixed, but always ends. Times are
 * CLOCK_MONOTONIC, which the processes of a machine have in common.
 */
#ifndef MIMO_RUNTIME_WORLD_BOARD_H
#define MIMO_RUNTIME_WORLD_BOARD_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MIMO_BOARD_PEERS_MAX = 8,
    MIMO_BOARD_TEXT_BYTES = 160, /* with the NUL */
    MIMO_CACHE_LINE = 64,
};

struct mimo_board_text {
    _Atomic uint64_t words[MIMO_BOARD_TEXT_BYTES / sizeof(uint64_t)];
};

struct mimo_board_slot {
    alignas(MIMO_CACHE_LINE) _Atomic uint64_t progress; /* grows by one with each sign of life */
    _Atomic uint64_t note_since_ns;
    _Atomic uint64_t wait_since_ns; /* 0: waits for nothing */
    _Atomic uint64_t pid_namespace;
    _Atomic uint32_t pid;
    _Atomic uint32_t rank; /* in the world */
    _Atomic uint32_t is_open;
    _Atomic uint32_t peer_count;
    _Atomic uint32_t peers[MIMO_BOARD_PEERS_MAX];
    struct mimo_board_text note;
    struct mimo_board_text operation;
};

struct mimo_board_shared {
    alignas(MIMO_CACHE_LINE) _Atomic uint32_t is_ending; /* one rank has begun to end the job */
    _Atomic uint64_t window_bytes_left; /* of shared memory, for the windows of groups */
    struct mimo_board_slot slots[];
};

/* One rank's view of the board. */
struct mimo_board {
    struct mimo_board_shared *shared;
    uint32_t size; /* slots */
    uint32_t own;  /* this rank's slot */
};

/* What one slot said at one moment. */
struct mimo_board_entry {
    uint64_t progress, note_since_ns, wait_since_ns, pid_namespace;
    uint32_t pid, rank;
    bool is_open;
    uint32_t peer_count;
    uint32_t peers[MIMO_BOARD_PEERS_MAX];
    char note[MIMO_BOARD_TEXT_BYTES];
    char operation[MIMO_BOARD_TEXT_BYTES];
};

/* Bytes of shared memory that a board of `size` slots takes, with what its alignment may cost. */
size_t mimo_board_bytes(uint32_t size);

/* Places the view over `memory`, mimo_board_bytes(size) zeroed bytes shared by all. */
void mimo_board_init(struct mimo_board *board, void *memory, uint32_t size, uint32_t own);

/* Fills this process's slot; later, marks that it has left in good order. */
void mimo_board_enter(struct mimo_board *board, uint32_t rank);
void mimo_board_leave(struct mimo_board *board);

/* The three writes behind mimo_world_note and mimo_world_waits (world.h). */
void mimo_board_note(struct mimo_board *board, const char *text);
void mimo_board_waits(struct mimo_board *board, const char *operation, const uint32_t *peers,
                      uint32_t peer_count);
void mimo_board_progress(struct mimo_board *board);

void mimo_board_read(const struct mimo_board *board, uint32_t slot,
                     struct mimo_board_entry *out_entry);

/* Sum of the progress of all slots: changes whenever any rank makes progress. */
uint64_t mimo_board_total(const struct mimo_board *board);

/* True for the one rank of the machine that calls it first: that one ends the job. */
bool mimo_board_claim_end(struct mimo_board *board);

/* Takes `bytes` from the machine's allowance for windows; false where less is left. */
bool mimo_board_reserve(struct mimo_board *board, uint64_t bytes);
void mimo_board_give_back(struct mimo_board *board, uint64_t bytes);

uint64_t mimo_clock_ns(void);

#endif
