/*
 * compare-metrics A B BOUND: two files of --metrics tell the same story. Loss and gradient norm of
 * each step agree to the relative bound (0: the same numbers), the other results exactly. Prints
 * the worst relative difference; exits 1 where it exceeds the bound.
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

static double compare_step(const json_t *a, const json_t *b)
{
    static const char *const near[] = {"loss", "grad_norm"};
    static const char *const same[] = {"step", "lr", "tokens", "samples"};
    double worst = 0.0;

    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        worst = fmax(worst, difference(a, b, near[i]));
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (number(a, same[i]) != number(b, same[i]))
            worst = INFINITY;
    return worst;
}

int main(int argc, char **argv)
{
    FILE *left, *right;
    double worst = 0.0, bound;
    int steps = 0;

    if (argc != 4)
        return 2;
    left = fopen(argv[1], "re");
    right = fopen(argv[2], "re");
    if (left == NULL || right == NULL)
        return 2;
    bound = strtod(argv[3], NULL);
    for (;;) {
        json_t *a = next(left), *b = next(right);
        if (a == NULL && b == NULL)
            break;
        worst = a == NULL || b == NULL ? INFINITY : fmax(worst, compare_step(a, b));
        steps++;
        json_decref(a);
        json_decref(b);
        if (isinf(worst))
            break;
    }
    (void)fclose(left);
    (void)fclose(right);
    (void)printf("%d steps, worst relative difference %.2e, bound %g\n", steps, worst, bound);
    return steps > 0 && worst <= bound ? 0 : 1;
}
