/*
 * draw.h - what the halves of drawing share: draw.c draws the model and the training, draw_layout.c
 * the deployments in between, which ask for what the training then gives.
 */
#ifndef MIMO_TESTS_RANDOM_DRAW_H
#define MIMO_TESTS_RANDOM_DRAW_H

#include "tests/random/sketch.h"

enum { DRAWING_MODULES_MAX = 4 };

struct drawn_module {
    char name[SKETCH_WORD_MAX];
    bool is_language;
    int heads, groups, layers; /* layers that are computed */
    int experts;               /* 0: dense */
    int twin;                  /* the module that it shares a projector with, or SKETCH_NONE */
};

struct drawing {
    struct sketch *sketch;
    struct dice *dice;
    bool is_runnable;
    struct drawn_module modules[DRAWING_MODULES_MAX]; /* the language model first */
    int module_count;
    int image_tokens;    /* of one image of each modality, or of the larger one */
    int samples_unit;    /* micro_batch is a multiple of it */
    int replicas;        /* global_batch is a multiple of micro_batch times it */
    int sequence_pieces; /* sequence_length is a multiple of it */
};

int draw_gcd(int a, int b);
int draw_lcm(int a, int b);

/* A random divisor of `number`, at most `most`. */
int draw_divisor(struct dice *dice, int number, int most);

/* Adds clusters and deployments, and raises what they ask for. */
void draw_deployments(struct drawing *drawing);

#endif
