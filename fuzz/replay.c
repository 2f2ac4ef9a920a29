/* Replays the files of the folders and files named as arguments through a fuzz harness, without
 * libFuzzer. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    struct stat st;
    if (fstat(fileno(file), &st) < 0) {
        perror(path);
        fclose(file);
        return 1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size + 1); /* exactly sized below, so that a sanitizer sees an overrun */
    data = data != NULL ? realloc(data, size > 0 ? size : 1) : NULL;
    if (data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        fclose(file);
        free(data);
        return 1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    int replayed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            failed |= replay_file(argv[i]);
            replayed++;
            continue;
        }
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            char path[4096];
            if (entry->d_name[0] == '.') {
                continue;
            }
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            failed |= replay_file(path);
            replayed++;
        }
        closedir(dir);
    }
    if (replayed == 0) {
        fprintf(stderr, "no seed found: fuzz/corpus needs a folder for this fuzzer\n");
        return 1;
    }
    return failed;
}
