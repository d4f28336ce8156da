/*
 * verify.h - the parts of mimo_plan_verify(); nobody else includes it.
 *
 * verify.c proves the container: header, table, checksums. What follows here proves the records, in
 * this order, and each part relies on those before it: no part divides by, indexes with or adds up
 * a number that has not been checked. All return MIMO_OK or MIMO_E_PLAN and keep no memory.
 */
#ifndef MIMO_PLAN_VERIFY_H
#define MIMO_PLAN_VERIFY_H

#include "plan/sections.h"

#include <stdbool.h>

/* The plan under proof, and the record that a message is about. */
struct mimo_verifier {
    const struct mimo_plan *plan;
    struct mimo_error *err;
    enum mimo_section section;
    uint32_t record;
};

/* META, TRNG, DATA, CKPT, CLUS, each for itself (verify_settings.c). */
enum mimo_status mimo_verify_settings(const struct mimo_plan *plan, struct mimo_error *err);

/* MDLT, MODL, PROJ, STAG: shapes, layouts, stages, the batch (verify_model.c). */
enum mimo_status mimo_verify_model(const struct mimo_plan *plan, struct mimo_error *err);

/* PARM (verify_parameters.c). */
enum mimo_status mimo_verify_parameters(const struct mimo_plan *plan, struct mimo_error *err);

/* GRPS, EDGE, ROLE, PLAC, RANG, PROG (verify_programs.c). */
enum mimo_status mimo_verify_programs(const struct mimo_plan *plan, struct mimo_error *err);

/* COMM (verify_communication.c). */
enum mimo_status mimo_verify_communication(const struct mimo_plan *plan, struct mimo_error *err);

/* MEMO (verify_memory.c). Takes memory for tables of micro-steps while it runs. */
enum mimo_status mimo_verify_memory(const struct mimo_plan *plan, struct mimo_error *err);

/* Records "section PARM, record 17: ..." and returns MIMO_E_PLAN. */
enum mimo_status mimo_verify_fail(const struct mimo_verifier *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns from the calling function where `condition` does not hold; the rest is the message. */
#define MIMO_REQUIRE(at, condition, ...)                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return mimo_verify_fail((at), __VA_ARGS__);                                            \
    } while (0)

/* One field each; `name` is the field's. */
enum mimo_status mimo_verify_string(const struct mimo_verifier *at, struct mimo_plan_string string,
                                    const char *name);
enum mimo_status mimo_verify_choice(const struct mimo_verifier *at, uint32_t value, uint32_t count,
                                    const char *name);
enum mimo_status mimo_verify_flag(const struct mimo_verifier *at, uint32_t value, const char *name);
enum mimo_status mimo_verify_positive(const struct mimo_verifier *at, uint64_t value,
                                      const char *name);
enum mimo_status mimo_verify_zero(const struct mimo_verifier *at, uint32_t value, const char *name);
enum mimo_status mimo_verify_finite(const struct mimo_verifier *at, double value, const char *name);
enum mimo_status mimo_verify_not_negative(const struct mimo_verifier *at, double value,
                                          const char *name);

#endif
