/*
 * For sanitizer builds alone: no search for leaks in strata-oci.
 *
 * LeakSanitizer stops the program by ptrace at its end. strata-oci is not dumpable, so that no
 * container can trace it, and the sanitizer would try for ever.
 */
int __lsan_is_turned_off(void);

__attribute__((visibility("default"))) int __lsan_is_turned_off(void)
{
    return 1;
}
