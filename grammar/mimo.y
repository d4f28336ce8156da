/*
 * mimo.y - the grammar of .mimo files. Builds the tree of compiler/syntax/tree.h and knows no meaning.
 *
 * Error recovery is described in compiler/syntax/parse.h: the token stream skips, and hands out SYNC or
 * SYNC_OPEN where parsing goes on. It also tells apart what the grammar cannot: a DEFINED is a word
 * before "="; a KIND is the word of a block on a new line where a value should stand; MIMO, IMPORT,
 * PARAM and ASSERT come only where they begin a statement, else as NAME.
 */
%require "3.8"
%define api.pure full
%define api.prefix {mimo_yy}
%define api.token.prefix {MIMO_TOKEN_}
%define api.token.raw
%define api.value.type union
%define api.location.type {struct mimo_span}
%define lr.type ielr
%define lr.default-reduction consistent
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {struct mimo_parser *parser}

%code requires {
#include "compiler/syntax/parser.h"
}

%code provides {
/* The token stream, compiler/syntax/parse.c. */
int mimo_yylex(MIMO_YYSTYPE *value, struct mimo_span *span, struct mimo_parser *parser);
}

%code {
#define YYMAXDEPTH 4000
#define YYLLOC_DEFAULT(current, rhs, count)                                                        \
    do {                                                                                           \
        if ((count) > 0)                                                                           \
            (current) = mimo_span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, count));                    \
        else                                                                                       \
            (current) = (struct mimo_span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end,            \
                                           YYRHSLOC(rhs, 0).end};                                  \
    } while (0)

static void mimo_yyerror(const struct mimo_span *span, struct mimo_parser *parser,
                         const char *message);
}

%token <struct mimo_name> NAME DEFINED KIND NUMBER STRING MIMO IMPORT PARAM ASSERT
%token SYNC SYNC_OPEN BEGIN_FILE BEGIN_EXPRESSION END
%token LEFT_BRACE RIGHT_BRACE LEFT_PAREN RIGHT_PAREN LEFT_BRACKET RIGHT_BRACKET
%token COLON SEMICOLON COMMA DOT ASSIGN QUESTION
%token PLUS MINUS STAR SLASH PERCENT BANG
%token EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL AND OR

%right QUESTION COLON
%left OR
%left AND
%nonassoc EQUAL NOT_EQUAL
%nonassoc LESS LESS_EQUAL GREATER GREATER_EQUAL
%left PLUS MINUS
%left STAR SLASH PERCENT
%precedence UNARY

%type <struct mimo_name> kind label base
%type <struct mimo_tree_block *> head block entries
%type <struct mimo_expression *> expression path list arguments

%%

input:
  BEGIN_FILE statements END
| BEGIN_EXPRESSION expression END { parser->expression = $expression; }

statements:
  %empty
| statements statement

statement:
  version end
| IMPORT STRING end
    { mimo_parser_statement(parser, (struct mimo_statement){.kind = MIMO_STATEMENT_IMPORT, .span = mimo_span_join(@1, @2), .name = $2}); }
| PARAM DEFINED ASSIGN expression end
    { mimo_parser_statement(parser, (struct mimo_statement){.kind = MIMO_STATEMENT_PARAM, .span = mimo_span_join(@2, @4), .name = $2, .value = $4}); }
| ASSERT expression COMMA STRING end
    { mimo_parser_statement(parser, (struct mimo_statement){.kind = MIMO_STATEMENT_ASSERT, .span = @2, .name = $4, .value = $2}); }
| DEFINED ASSIGN expression end
    { mimo_parser_statement(parser, (struct mimo_statement){.kind = MIMO_STATEMENT_ATTRIBUTE, .span = mimo_span_join(@1, @3), .name = $1, .value = $3}); }
| block
    { mimo_parser_statement(parser, (struct mimo_statement){.kind = MIMO_STATEMENT_BLOCK, .span = @1, .block = $1}); }
| error SYNC
    { yyerrok; mimo_parser_lost_statement(parser); }
| error reopen entries RIGHT_BRACE
    { mimo_parser_lost_statement(parser); }

/* Reduced before the next token is read, which an unknown version may spell in its own way. */
version:
  MIMO NUMBER
    { mimo_parser_statement(parser, (struct mimo_statement){.kind = MIMO_STATEMENT_VERSION, .span = @$, .name = $2}); }

end:
  %empty
| SEMICOLON

block:
  head LEFT_BRACE entries RIGHT_BRACE { $$ = mimo_parser_close(parser, $head, $entries); }

head:
  kind label base
    {
      $$ = MIMO_NEW(parser->arena, struct mimo_tree_block);
      $$->kind = $kind;
      $$->name = $label;
      $$->base = $base;
    }

kind:
  NAME
| KIND

label:
  %empty { $$ = (struct mimo_name){.span = @$}; }
| NAME

base:
  %empty { $$ = (struct mimo_name){.span = @$}; }
| COLON NAME { $$ = $NAME; }

entries:
  %empty { $$ = mimo_parser_entries(parser); }
| entries DEFINED ASSIGN expression end { $$ = $1; mimo_parser_attribute(parser, $$, $2, $4); }
| entries block { $$ = $1; MIMO_APPEND(parser->arena, $$->blocks, $$->block_count, $$->block_capacity, $2); }
| entries error SYNC { yyerrok; $$ = $1; $$->is_damaged = true; }
| entries error reopen entries RIGHT_BRACE { $$ = $1; $$->is_damaged = true; }

reopen:
  SYNC_OPEN { yyerrok; }

expression:
  NUMBER { $$ = mimo_expression_leaf(parser->arena, MIMO_EXPRESSION_NUMBER, $1); }
| STRING { $$ = mimo_expression_leaf(parser->arena, MIMO_EXPRESSION_STRING, $1); }
| path
| NAME LEFT_PAREN arguments RIGHT_PAREN { $$ = $arguments; $$->kind = MIMO_EXPRESSION_CALL; $$->name = $NAME; $$->span = @$; }
| LEFT_BRACKET list RIGHT_BRACKET { $$ = $list; $$->span = @$; }
| LEFT_PAREN expression RIGHT_PAREN { $$ = $2; $$->span = @$; }
| MINUS expression %prec UNARY { $$ = mimo_parser_node(parser, MIMO_OPERATOR_NEGATE, @$, $2, NULL, NULL); }
| BANG expression %prec UNARY { $$ = mimo_parser_node(parser, MIMO_OPERATOR_NOT, @$, $2, NULL, NULL); }
| expression PLUS expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_ADD, @$, $1, $3, NULL); }
| expression MINUS expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_SUBTRACT, @$, $1, $3, NULL); }
| expression STAR expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_MULTIPLY, @$, $1, $3, NULL); }
| expression SLASH expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_DIVIDE, @$, $1, $3, NULL); }
| expression PERCENT expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_REMAINDER, @$, $1, $3, NULL); }
| expression EQUAL expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_EQUAL, @$, $1, $3, NULL); }
| expression NOT_EQUAL expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_NOT_EQUAL, @$, $1, $3, NULL); }
| expression LESS expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_LESS, @$, $1, $3, NULL); }
| expression LESS_EQUAL expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_LESS_EQUAL, @$, $1, $3, NULL); }
| expression GREATER expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_GREATER, @$, $1, $3, NULL); }
| expression GREATER_EQUAL expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_GREATER_EQUAL, @$, $1, $3, NULL); }
| expression AND expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_AND, @$, $1, $3, NULL); }
| expression OR expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_OR, @$, $1, $3, NULL); }
| expression QUESTION expression COLON expression { $$ = mimo_parser_node(parser, MIMO_OPERATOR_COUNT, @$, $1, $3, $5); }

path:
  NAME { $$ = mimo_expression_path(parser->arena, NULL, $1); }
| path DOT NAME { $$ = mimo_expression_path(parser->arena, $1, $3); }

list:
  %empty { $$ = mimo_expression_node(parser->arena, MIMO_EXPRESSION_LIST, MIMO_OPERATOR_COUNT, @$); }
| arguments

arguments:
  expression
    {
      $$ = mimo_expression_node(parser->arena, MIMO_EXPRESSION_LIST, MIMO_OPERATOR_COUNT, @$);
      mimo_parser_add(parser, $$, $1);
    }
| arguments COMMA expression { $$ = $1; mimo_parser_add(parser, $$, $3); }

%%

/* With api.token.raw the numbers of symbols and of tokens are the same. */
static int yyreport_syntax_error(const yypcontext_t *context, struct mimo_parser *parser)
{
    yysymbol_kind_t symbols[YYNTOKENS];
    int tokens[YYNTOKENS];
    const int count = yypcontext_expected_tokens(context, symbols, YYNTOKENS);

    for (int i = 0; i < count; i++)
        tokens[i] = (int)symbols[i];
    mimo_parser_report(parser, tokens, count);
    return 0;
}

/* Called where bison's own stack is full; syntax errors are reported above. */
static void mimo_yyerror(const struct mimo_span *span, struct mimo_parser *parser,
                         const char *message)
{
    (void)span;
    (void)message;
    mimo_parser_exhausted(parser);
}
