/*
 * compare-metrics A B BOUND [NORM_BOUND]: two files of --metrics tell the same story. Loss (that of
 * balance too, where there is one) and gradient norm of each step agree to the relative bound (0:
 * the same numbers), the norm to a bound of its own where one is given; the other results agree
 * exactly. Prints the worst relative difference of each; exits 1 where one exceeds its bound.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double number(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}

static double difference(const json_t *a, const json_t *b, const char *key)
{
    const double left = number(a, key), right = number(b, key);
    const double scale = fmax(fabs(left), fabs(right));

    if (!json_is_number(json_object_get(a, key)) || !json_is_number(json_object_get(b, key)))
        return INFINITY;
    return scale == 0.0 ? 0.0 : fabs(left - right) / scale;
}

/* The next line of a file, or NULL at its end. */
static json_t *next(FILE *file)
{
    json_error_t error;

    return json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
}

/* The worst differences so far, of losses and of gradient norms. */
struct worst {
    double loss, norm;
};

static void compare_step(struct worst *worst, const json_t *a, const json_t *b)
{
    static const char *const same[] = {"step", "lr", "tokens", "samples"};

    worst->loss = fmax(worst->loss, difference(a, b, "loss"));
    if (json_object_get(a, "aux_loss") != NULL || json_object_get(b, "aux_loss") != NULL)
        worst->loss = fmax(worst->loss, difference(a, b, "aux_loss"));
    worst->norm = fmax(worst->norm, difference(a, b, "grad_norm"));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (number(a, same[i]) != number(b, same[i]))
            worst->loss = INFINITY;
}

int main(int argc, char **argv)
{
    FILE *left, *right;
    struct worst worst = {0.0, 0.0};
    double bound, norm_bound;
    int steps = 0;

    if (argc != 4 && argc != 5)
        return 2;
    left = fopen(argv[1], "re");
    right = fopen(argv[2], "re");
    if (left == NULL || right == NULL)
        return 2;
    bound = strtod(argv[3], NULL);
    norm_bound = argc == 5 ? strtod(argv[4], NULL) : bound;
    for (;;) {
        json_t *a = next(left), *b = next(right);
        if (a == NULL && b == NULL)
            break;
        if (a == NULL || b == NULL)
            worst.loss = INFINITY;
        else
            compare_step(&worst, a, b);
        steps++;
        json_decref(a);
        json_decref(b);
        if (isinf(worst.loss))
            break;
    }
    (void)fclose(left);
    (void)fclose(right);
    (void)printf("%d steps, worst relative difference of losses %.2e, bound %g, of gradient norms "
                 "%.2e, bound %g\n",
                 steps, worst.loss, bound, worst.norm, norm_bound);
    return steps > 0 && worst.loss <= bound && worst.norm <= norm_bound ? 0 : 1;
}
