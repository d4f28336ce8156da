/* The library that module_with_a_need.c needs: linked with, and not found when that is loaded. */
extern const char mimo_needed[];

const char mimo_needed[] = "needed";
