/*
 * fixture.h - what the programs here that drive an engine themselves stand on: the world, a plan,
 * its synthetic data, the CPU backend over MPI. Run under mpirun. What fails ends the job.
 */
#ifndef MIMO_TESTS_EQUIVALENCE_FIXTURE_H
#define MIMO_TESTS_EQUIVALENCE_FIXTURE_H

#include "runtime/train/engine.h"

struct fixture {
    struct mimo_world *world;
    uint32_t rank;
    char *bytes; /* of the plan */
    struct mimo_plan plan;
    struct mimo_transport *transport;
    struct mimo_dataset *data;
    struct mimo_backend backend; /* while an engine is open */
    struct mimo_engine engine;
    struct mimo_error err;
};

/* Ends the job with the fixture's error where the status is one. */
void require(struct fixture *fixture, enum mimo_status status);

/* The plan is the first of `arguments` arguments; another number of them exits with 2. */
void fixture_open(struct fixture *fixture, int argc, char **argv, int arguments);
void fixture_close(struct fixture *fixture);

/* An engine with initial weights, on `transport`. */
void fixture_open_engine(struct fixture *fixture, struct mimo_transport *transport, bool trains);
void fixture_close_engine(struct fixture *fixture);

/* Step `step` of training. */
void fixture_step(struct fixture *fixture, uint64_t step);

#endif
