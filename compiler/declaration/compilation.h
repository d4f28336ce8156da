/*
 * compilation.h - one file with its imports on the way from text to declarations.
 *
 *     mimo_compilation_init(&compilation, &sources, &diagnostics, &request);
 *     mimo_compilation_load(&compilation, path, &err);   files and trees        load.c
 *     mimo_compilation_resolve(&compilation);            blocks, derivation     resolve.c
 *     mimo_compilation_choose(&compilation, ...);        what to combine        choose.c
 *     mimo_compilation_complete(&compilation, ...);      values, declaration    complete.c
 *
 * The last step may be repeated with other choices: it evaluates everything anew, so that the
 * values of an earlier declaration are gone. Mistakes of the user go to the diagnostics, each only
 * once.
 */
#ifndef MIMO_COMPILER_DECLARATION_COMPILATION_H
#define MIMO_COMPILER_DECLARATION_COMPILATION_H

#include "compiler/declaration/declaration.h"
#include "compiler/schema/schema.h"
#include "compiler/syntax/tree.h"
#include "compiler/text/source.h"
#include "plan/error.h"

/* The kinds of block of which a compilation combines one each. */
enum mimo_choice_kind {
    MIMO_CHOICE_MODEL,
    MIMO_CHOICE_DEPLOYMENT,
    MIMO_CHOICE_TRAINING,
    MIMO_CHOICE_DATA,
    MIMO_CHOICE_COUNT
};

/* --set NAME=VALUE */
struct mimo_setting {
    const char *name;
    const char *value;
    uint32_t file;                            /* the value as a text ... */
    const struct mimo_expression *expression; /* ... and parsed, once a file is loaded */
    bool is_used;                             /* a param of that name was found in some file */
};

/* A text that stands in for a file: what an editor has not saved yet. */
struct mimo_overlay {
    const char *path; /* resolved (realpath) */
    const char *text;
    size_t size;
};

enum { MIMO_CHOICES_MAX = 4096 }; /* combinations that one lint goes through */

/* What the command line asks of a compilation. */
struct mimo_request {
    struct mimo_setting *settings;
    size_t setting_count, setting_capacity;
    const char **folders; /* -I */
    size_t folder_count, folder_capacity;
    const char *presets;                 /* the folder of those that ship with mimoc, or NULL */
    const struct mimo_overlay *overlays; /* of imported files */
    size_t overlay_count;
    const char *names[MIMO_CHOICE_COUNT]; /* --model and the like, or NULL */
    int64_t world_size;                   /* or 0 */
    bool needs_model;                     /* a file without a model is not a library but wrong */
};

/* NULL where there is no such block. */
struct mimo_choice {
    const struct mimo_block *blocks[MIMO_CHOICE_COUNT];
};

enum mimo_progress { MIMO_PROGRESS_NONE, MIMO_PROGRESS_RUNNING, MIMO_PROGRESS_DONE };

/* An attribute of a block. */
struct mimo_field {
    const struct mimo_schema_attribute *schema;
    const struct mimo_tree_attribute *written; /* NULL: the default holds */
    bool is_inherited;                         /* written in the block that this one derives from */
    bool is_broken; /* given twice, or under a misspelt name: its value is unknown */
    enum mimo_progress progress;
    struct mimo_value value;
};

/* What stands behind mimo_block.fields. */
struct mimo_fields {
    struct mimo_field *items;
    size_t count;
    struct mimo_block **children; /* the same as mimo_block.children */
    size_t child_capacity;
    const struct mimo_tree_block *tree;
    struct mimo_block *base;     /* what a block of the file derives from */
    bool is_own;                 /* a nested block that is written here, not only inherited */
    bool has_lost_base;          /* derives, by way of others too, from what is in error */
    bool is_derived_from;        /* some other block derives from it */
    enum mimo_progress progress; /* of filling it in */
};

struct mimo_param {
    struct mimo_name name;
    const struct mimo_expression *value;
    struct mimo_span span;
    bool is_broken;
    enum mimo_progress progress;
    struct mimo_value result;
};

struct mimo_frame; /* a definition that is being evaluated, evaluate.c */

/* The parsed default of an attribute; `text` is the very pointer of the schema table. */
struct mimo_default {
    const char *text;
    const struct mimo_expression *expression;
};

struct mimo_compilation {
    struct mimo_arena *arena;
    struct mimo_sources *sources;
    struct mimo_diagnostics *diagnostics;
    struct mimo_request *request;

    const struct mimo_tree **trees; /* imports before what imports them, the main file's last */
    size_t tree_count, tree_capacity;
    struct mimo_block **blocks; /* those of the file, in order */
    size_t block_count, block_capacity;
    struct mimo_param *params;
    size_t param_count, param_capacity;
    struct mimo_name *misspelt; /* what unknown names were probably meant to be */
    size_t misspelt_count, misspelt_capacity;
    const struct mimo_statement **asserts;
    size_t assert_count, assert_capacity;

    struct mimo_choice choice;
    struct mimo_default *defaults; /* those that were needed so far */
    size_t default_count, default_capacity;
    struct mimo_frame *frame; /* the innermost definition that is being evaluated */
    unsigned depth;           /* of expressions within expressions and definitions */
};

void mimo_compilation_init(struct mimo_compilation *compilation, struct mimo_sources *sources,
                           struct mimo_diagnostics *diagnostics, struct mimo_request *request);

/* Reads and parses `path` ("-": standard input) and what it imports. Fails with MIMO_E_USAGE where
 * the file itself cannot be read, or a --set value is no expression. */
enum mimo_status mimo_compilation_load(struct mimo_compilation *compilation, const char *path,
                                       struct mimo_error *err);

/* The same for `size` bytes at `text` in place of what `path` holds. */
enum mimo_status mimo_compilation_load_draft(struct mimo_compilation *compilation, const char *path,
                                             const char *text, size_t size, struct mimo_error *err);

/* The same for `size` bytes at `text`, called `name`; imports are relative to the current folder.
 */
enum mimo_status mimo_compilation_load_text(struct mimo_compilation *compilation, const char *name,
                                            const char *text, size_t size, struct mimo_error *err);

/* The tree of the file itself, not of what it imports. */
const struct mimo_tree *mimo_compilation_main_tree(const struct mimo_compilation *compilation);

/* Builds the blocks: checks names and nesting, carries out derivation. */
void mimo_compilation_resolve(struct mimo_compilation *compilation);

/* True where the files hold no model: a library, of which less is required. */
bool mimo_compilation_is_library(const struct mimo_compilation *compilation);

/* The one combination to compile. Fails with MIMO_E_USAGE where it is open or names no block. */
enum mimo_status mimo_compilation_choose(const struct mimo_compilation *compilation,
                                         struct mimo_choice *out_choice, struct mimo_error *err);

/* All combinations, for lint. Fails with MIMO_E_USAGE where an option names no block. */
enum mimo_status mimo_compilation_choices(const struct mimo_compilation *compilation,
                                          struct mimo_choice **out_choices, size_t *out_count,
                                          struct mimo_error *err);

/* Evaluates all attributes, params and asserts under `choice`, reports what is missing. */
void mimo_compilation_complete(struct mimo_compilation *compilation,
                               const struct mimo_choice *choice,
                               struct mimo_declaration *out_declaration);

/* Takes back the warnings that an allow comment silences; reports the comments that silence nothing
 * where `is_whole`, that is, where every combination has been checked. */
void mimo_compilation_allow(struct mimo_compilation *compilation, bool is_whole);

/* ---- between the passes ---- */

/* The block's attribute of that name, or NULL. */
struct mimo_field *mimo_block_field(const struct mimo_block *block, const char *word);

/* A fresh block with a field for each attribute that its architecture has. */
struct mimo_block *mimo_block_new(struct mimo_arena *arena, enum mimo_block_kind kind,
                                  const char *architecture);
void mimo_block_add_child(struct mimo_arena *arena, struct mimo_block *block,
                          struct mimo_block *child);

/* True where entries of the block may stand in a base that is in error. */
bool mimo_block_inherits_unknown(const struct mimo_block *block);

/* "language 'llm'", "training" */
const char *mimo_block_title(struct mimo_arena *arena, const struct mimo_block *block);

/* True where `word` is not to be called missing: a syntax error in that file may have swallowed its
 * definition, or an unknown name, already reported, was probably meant to be it. */
bool mimo_compilation_lost(const struct mimo_compilation *compilation, uint32_t file,
                           const char *word);

/* The block of the file of that kind and name, or NULL. */
struct mimo_block *mimo_compilation_find(const struct mimo_compilation *compilation,
                                         enum mimo_block_kind kind, const char *name);

#endif
