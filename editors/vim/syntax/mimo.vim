" Vim syntax file
" Language: mimo, declarations of multimodal parallel training
" Made by scripts/editors from the schema of the language.
if exists('b:current_syntax')
  finish
endif

let s:cpo_save = &cpo
set cpo&vim

syn case match
syn iskeyword @,48-57,_

syn match   mimoAllow "\<mimoc: allow\ze [EW]\d\{4}" contained
syn match   mimoComment "#.*$" contains=mimoAllow,@Spell

syn match   mimoEscape "\\["\\nt]" contained
syn region  mimoString start=+"+ skip=+\\.+ end=+"\|$+ contains=mimoEscape,@Spell

syn match   mimoNumber "\<0x\x\+\>"
syn match   mimoNumber "\<\d[0-9_]*\%(\.\d[0-9_]*\)\?\%([eE][+-]\?\d\+\)\?\%(kB\|MB\|GB\|TB\|KiB\|MiB\|GiB\|TiB\|GFLOPS\|TFLOPS\|PFLOPS\|MBps\|GBps\|TBps\|ms\|s\|min\|h\)\?\>"

" Of two matches at one place the later one counts. There are no keywords, which would come before all matches:
" a word may be a value and an attribute, as in class_token = keep and keep = 3.
syn match   mimoValue "\<\%(true\|false\|auto\|none\|gelu\|gelu_tanh\|quick_gelu\|relu\|silu\|drop\|keep\|colocated\|homogeneous\|heterogeneous\|hybrid\|longest\|full\|fp32\|bf16\|fp64\|1f1b\|gpipe\|synthetic\|llava\|plain\|vicuna\|stop\|skip\|all\)\>"
syn match   mimoBase "\<\%(llama\|gpt\|clip_vit\|mlp\|linear\|adamw\|constant\|cosine\)\>"
syn match   mimoStatement "\<\%(mimo\|import\|param\|assert\)\>"
syn match   mimoFunction "\<\%(min\|max\|ceil_div\)\ze\s*("
syn match   mimoBlock "\<\%(model\|language\|moe\|modality\|encoder\|projector\|cluster\|deployment\|parallelism\|training\|optimizer\|schedule\|data\|checkpoint\)\>"
syn match   mimoAttribute "\<\%(activation\|aux_loss_coefficient\|betas\|bias\|channels\|class_token\|clip_grad\|cluster\|context_parallel\|data_parallel\|directory\|distributed_optimizer\|encoder\|epochs\|epsilon\|eval_interval\|every\|expert_parallel\|expert_tensor_parallel\|feature_layer\|ffn_hidden_size\|format\|freeze\|global_batch\|gpus_per_node\|gradient_bucket\|head_dim\|hidden_size\|image_mean\|image_size\|image_std\|images_per_sample\|interval\|keep\|log_interval\|lr\|lr_scale\|marker\|max_images_per_sample\|max_sequence_length\|media\|memory\|micro_batch\|min_lr\|mode\|network_bandwidth\|node_bandwidth\|norm_epsilon\|num_attention_heads\|num_experts\|num_layers\|num_query_groups\|on_bad_sample\|padding\|patch_size\|peak\|pipeline_layout\|pipeline_parallel\|pipeline_schedule\|precision\|qkv_bias\|rank_offset\|recompute\|rotary_base\|seed\|sequence_length\|sequence_parallel\|shuffle\|special_token\|steps\|template\|tensor_parallel\|tie_embeddings\|tokenizer\|top_k\|train\|validation\|virtual_pipeline\|vocab_size\|warmup_steps\|weight_decay\|weights\|world_size\)\>\ze\s*=\%([^=]\|$\)"
syn match   mimoOperator "[-+*/%<>!=?&|]"
syn match   mimoDelimiter "[{}\[\](),:;]"

hi def link mimoAllow SpecialComment
hi def link mimoComment Comment
hi def link mimoEscape SpecialChar
hi def link mimoString String
hi def link mimoNumber Number
hi def link mimoStatement Statement
hi def link mimoBlock Structure
hi def link mimoAttribute Identifier
hi def link mimoBase Type
hi def link mimoValue Constant
hi def link mimoFunction Function
hi def link mimoOperator Operator
hi def link mimoDelimiter Delimiter

let b:current_syntax = 'mimo'
let &cpo = s:cpo_save
unlet s:cpo_save
