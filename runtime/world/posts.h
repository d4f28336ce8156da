/*
 * posts.h - messages that were posted to MPI and are awaited together.
 */
#ifndef MIMO_RUNTIME_WORLD_POSTS_H
#define MIMO_RUNTIME_WORLD_POSTS_H

#include "runtime/world/world.h"

#include <mpi.h>

/* What an MPI request stands for. */
struct mimo_post {
    size_t bytes;
    uint32_t tag;
    bool is_receive;
};

/* The messages of one communicator that are on their way; the arrays grow to the most that ever
 * are. Those of one source, destination and tag arrive in the order in which they are posted. */
struct mimo_posts {
    struct mimo_world *world;
    MPI_Comm comm;
    const uint32_t *members; /* world rank of each rank of `comm` */
    size_t count, capacity;
    struct mimo_post *posts;
    uint32_t *peers; /* world ranks */
    MPI_Request *requests;
    MPI_Status *statuses;
};

/* Nothing is posted yet. `members` must outlive the posts. */
void mimo_posts_init(struct mimo_posts *posts, struct mimo_world *world, MPI_Comm comm,
                     const uint32_t *members);
void mimo_posts_release(struct mimo_posts *posts);

/* Posts a message from or to `peer`, a rank of the communicator; an empty one is left out. */
enum mimo_status mimo_posts_receive(struct mimo_posts *posts, uint32_t peer, uint32_t tag,
                                    void *data, size_t bytes, struct mimo_error *err);
enum mimo_status mimo_posts_send(struct mimo_posts *posts, uint32_t peer, uint32_t tag,
                                 const void *data, size_t bytes, struct mimo_error *err);

/* Waits for all that was posted, and checks that what came has the expected sizes. `operation` is
 * what the status board and errors say of it. */
enum mimo_status mimo_posts_wait(struct mimo_posts *posts, const char *operation,
                                 struct mimo_error *err);

#endif
