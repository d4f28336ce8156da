/* The status board, process states and the report, without MPI. */
#include "runtime/world/board.h"
#include "runtime/world/process.h"
#include "runtime/world/report.h"
#include "tests/unit/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RANKS = 4 };

static struct mimo_board boards[RANKS];
static void *memory;

/* Four views of one board in this process, for world ranks 10 to 13. */
static void open_boards(void)
{
    memory = calloc(1, mimo_board_bytes(RANKS));
    CU_ASSERT_FATAL(memory != NULL);
    for (uint32_t i = 0; i < RANKS; i++) {
        mimo_board_init(&boards[i], memory, RANKS, i);
        mimo_board_enter(&boards[i], 10 + i);
    }
}

static void close_boards(void)
{
    free(memory);
}

static struct mimo_board_entry read_slot(uint32_t slot)
{
    struct mimo_board_entry entry;

    mimo_board_read(&boards[0], slot, &entry);
    return entry;
}

static void test_entry_says_who_and_what(void)
{
    const uint32_t peers[] = {10, 12};
    struct mimo_board_entry entry;

    open_boards();
    mimo_board_note(&boards[3], "step 7: forward");
    mimo_board_waits(&boards[3], "all-reduce of llm tp [10, 12, 13]", peers, 2);
    entry = read_slot(3);
    CHECK_INT(entry.rank, 13);
    CHECK_INT(entry.pid, getpid());
    CHECK(entry.is_open);
    CHECK_TEXT(entry.note, "step 7: forward");
    CHECK_TEXT(entry.operation, "all-reduce of llm tp [10, 12, 13]");
    CHECK_INT(entry.peer_count, 2);
    CHECK_INT(entry.peers[1], 12);
    CHECK(entry.wait_since_ns != 0);
    mimo_board_waits(&boards[3], NULL, NULL, 0);
    CHECK_INT(read_slot(3).wait_since_ns, 0);
    CHECK_TEXT(read_slot(1).note, "start");
    mimo_board_leave(&boards[3]);
    CHECK(!read_slot(3).is_open);
    close_boards();
}

static void test_texts_of_all_lengths(void)
{
    char text[MIMO_BOARD_TEXT_BYTES * 2];

    open_boards();
    for (size_t length = 0; length < sizeof text; length++) {
        memset(text, 'a' + (int)(length % 26), length);
        text[length] = '\0';
        mimo_board_note(&boards[1], text);
        if (length >= MIMO_BOARD_TEXT_BYTES)
            text[MIMO_BOARD_TEXT_BYTES - 1] = '\0'; /* what is too long is cut */
        CHECK_TEXT(read_slot(1).note, text);
    }
    CHECK_TEXT(read_slot(2).note, "start");
    close_boards();
}

static void test_more_peers_than_fit(void)
{
    uint32_t peers[20];

    open_boards();
    for (uint32_t i = 0; i < 20; i++)
        peers[i] = 100 + i;
    mimo_board_waits(&boards[0], "exchange", peers, 20);
    CHECK_INT(read_slot(0).peer_count, MIMO_BOARD_PEERS_MAX);
    CHECK_INT(read_slot(0).peers[MIMO_BOARD_PEERS_MAX - 1], 107);
    close_boards();
}

static void test_progress_is_notes_and_ends_of_waits(void)
{
    uint64_t before;

    open_boards();
    before = mimo_board_total(&boards[0]);
    mimo_board_waits(&boards[2], "exchange", NULL, 0);
    CHECK_INT(mimo_board_total(&boards[0]), before);
    mimo_board_waits(&boards[2], NULL, NULL, 0);
    CHECK_INT(mimo_board_total(&boards[0]), before + 1);
    mimo_board_note(&boards[1], "x");
    CHECK_INT(mimo_board_total(&boards[3]), before + 2);
    close_boards();
}

static void test_renewed_wait_keeps_its_start(void)
{
    uint64_t since;

    open_boards();
    mimo_board_waits(&boards[2], "exchange", NULL, 0);
    since = read_slot(2).wait_since_ns;
    mimo_board_waits(&boards[2], "exchange", NULL, 0);
    CHECK_INT(read_slot(2).wait_since_ns, since);
    close_boards();
}

static void test_one_claims_the_end(void)
{
    open_boards();
    CHECK(mimo_board_claim_end(&boards[2]));
    CHECK(!mimo_board_claim_end(&boards[2]));
    CHECK(!mimo_board_claim_end(&boards[0]));
    close_boards();
}

static void test_allowance_is_not_exceeded(void)
{
    open_boards();
    atomic_store(&boards[0].shared->window_bytes_left, 100);
    CHECK(mimo_board_reserve(&boards[1], 60));
    CHECK(!mimo_board_reserve(&boards[2], 41));
    CHECK(mimo_board_reserve(&boards[2], 40));
    CHECK(!mimo_board_reserve(&boards[3], 1));
    close_boards();
}

static pid_t start_child(void)
{
    const pid_t child = fork();

    if (child == 0)
        for (;;)
            (void)pause();
    CU_ASSERT_FATAL(child > 0);
    return child;
}

static void test_process_states(void)
{
    const uint64_t space = mimo_process_namespace();
    const pid_t child = start_child();
    int status;

    CHECK(space != 0);
    CHECK_INT(mimo_process_state((uint32_t)child, space), MIMO_PROCESS_RUNNING);
    (void)kill(child, SIGSTOP);
    (void)waitpid(child, &status, WUNTRACED);
    CHECK_INT(mimo_process_state((uint32_t)child, space), MIMO_PROCESS_STOPPED);
    CHECK_INT(mimo_process_state((uint32_t)child, space + 1), MIMO_PROCESS_UNKNOWN);
    (void)kill(child, SIGKILL);
    (void)waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT);
    CHECK_INT(mimo_process_state((uint32_t)child, space), MIMO_PROCESS_GONE); /* a zombie */
    (void)waitpid(child, &status, 0);
    CHECK_INT(mimo_process_state((uint32_t)child, space), MIMO_PROCESS_GONE);
}

static void test_report_names_obstacles(void)
{
    const uint32_t peers[] = {11, 13};
    const pid_t child = start_child();
    char text[8192];
    int status;

    open_boards();
    (void)kill(child, SIGSTOP);
    (void)waitpid(child, &status, WUNTRACED);
    mimo_board_note(&boards[0], "step 3: reduce");
    mimo_board_waits(&boards[0], "all-reduce of llm dp [10, 11, 13]", peers, 2);
    atomic_store(&boards[0].shared->slots[1].pid, (uint32_t)child);
    mimo_board_leave(&boards[2]);
    mimo_board_note(&boards[3], "step 3: load");
    mimo_report_write(&boards[0], "no progress for 5 s; ended", text, sizeof text);
    CHECK(strncmp(text, "no progress for 5 s; ended\n", 27) == 0);
    CHECK_CONTAINS(text, "step 3: reduce");
    CHECK_CONTAINS(text, "waits: all-reduce of llm dp [10, 11, 13], for rank 11, 13");
    CHECK_CONTAINS(text, "mimo-exec: rank 11 (process ");
    CHECK_CONTAINS(text, ") is stopped");
    CHECK_CONTAINS(text, "rank 12 has ended already");
    CHECK_CONTAINS(text, "rank 13 waits for nothing");
    CHECK(strstr(text, "rank 10 ") == NULL); /* it is the one that waits */
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &status, 0);
    close_boards();
}

static void test_report_of_waits_on_another_machine(void)
{
    const uint32_t here = 11, elsewhere = 77;
    char text[8192];

    open_boards();
    for (uint32_t i = 0; i < RANKS; i++)
        mimo_board_waits(&boards[i], "exchange", i == 2 ? &elsewhere : &here, 1);
    mimo_report_write(&boards[0], "x", text, sizeof text);
    CHECK_CONTAINS(text, "rank 12 waits for rank 77 on another machine");
    close_boards();
}

static void test_report_is_cut_at_its_capacity(void)
{
    char text[8192], part[200];

    open_boards();
    mimo_report_write(&boards[0], "no progress", text, sizeof text);
    for (size_t capacity = 1; capacity < sizeof part; capacity++) {
        memset(part, '#', sizeof part);
        mimo_report_write(&boards[0], "no progress", part, capacity);
        CHECK_INT(strlen(part), capacity - 1);
        CHECK(capacity == sizeof part || part[capacity] == '#');
    }
    CHECK(strlen(text) < mimo_report_bytes(RANKS));
    close_boards();
}

static const struct mimo_test tests[] = {
    {"an entry says who and what", test_entry_says_who_and_what},
    {"texts of all lengths", test_texts_of_all_lengths},
    {"more peers than fit", test_more_peers_than_fit},
    {"progress is notes and ends of waits", test_progress_is_notes_and_ends_of_waits},
    {"a renewed wait keeps its start", test_renewed_wait_keeps_its_start},
    {"one claims the end", test_one_claims_the_end},
    {"the allowance is not exceeded", test_allowance_is_not_exceeded},
    {"process states", test_process_states},
    {"the report names obstacles", test_report_names_obstacles},
    {"the report of waits on another machine", test_report_of_waits_on_another_machine},
    {"the report is cut at its capacity", test_report_is_cut_at_its_capacity},
};

MIMO_TEST_MAIN("board", tests)
