/* The nearest known name to one that was mistyped: edit distance with swaps of neighbours. */
#include "base/str.h"
#include "cli/cli_priv.h"

#define LONGEST 32u

static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned rows[3][LONGEST + 1];
    for (unsigned j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (unsigned i = 1; i <= n; i++) {
        const unsigned *before = rows[(i + 1) % 3]; /* row i - 2, where i > 1 */
        const unsigned *above = rows[(i - 1) % 3];
        unsigned *row = rows[i % 3];
        row[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = ST_MIN(best, above[j] + 1);
            best = ST_MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = ST_MIN(best, before[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

void cli_guess_try(struct cli_guess *guess, const char *name)
{
    size_t n = 0;
    size_t m = st_strlen(name);
    while (guess->typed[n] != '\0' && guess->typed[n] != '=') {
        n++;
    }
    if (n == 0 || n > LONGEST || m > LONGEST) {
        return;
    }
    unsigned found = distance(guess->typed, n, name, m);
    unsigned most = n <= 3 ? 1 : n <= 6 ? 2 : 3;
    if (found <= most && found < m && (guess->best == NULL || found < guess->distance)) {
        guess->best = name;
        guess->distance = found;
    }
}
