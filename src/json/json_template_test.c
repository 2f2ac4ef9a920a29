/* Tests of --format templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "json/json_template.h"

static const char root_text[] =
    "{\"Id\":\"abc\",\"State\":{\"Running\":true,\"Pid\":12,\"Health\":null},"
    "\"Ports\":{\"80/tcp\":[{\"HostPort\":\"8080\"}],\"22/tcp\":null},"
    "\"Names\":[\"a\",\"b\"],\"Label\":{\"k\":\"v\"},\"Empty\":[]}";

static int render(const char *text, struct st_buf *to, struct st_err *err)
{
    static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 16};
    struct json_doc *doc = NULL;
    struct json_template *template = NULL;
    assert_int_equal(json_parse(root_text, strlen(root_text), &limits, &doc, NULL), 0);
    int r = json_template_new(text, &template, err);
    if (r == 0) {
        r = json_template_run(template, json_doc_root(doc), to, err);
    }
    json_template_free(template);
    json_doc_free(doc);
    return r;
}

static void renders_what_docker_renders(void **state)
{
    (void)state;
    static const struct {
        const char *template;
        const char *text;
    } cases[] = {
        {"{{.Id}} {{ .State.Pid }}", "abc 12"},
        {"{{json .State}}", "{\"Running\":true,\"Pid\":12,\"Health\":null}"},
        {"table {{.Id}}\\t{{.State.Running}}", "abc\ttrue"},
        {"{{range .Names}}<{{.}}>{{end}}", "<a><b>"},
        {"{{range $i, $n := .Names}}{{$i}}={{$n}} {{$.Id}};{{end}}", "0=a abc;1=b abc;"},
        {"{{range $p, $c := .Ports}}{{$p}} {{end}}", "22/tcp 80/tcp "},
        {"{{range .Empty}}x{{else}}none{{end}}", "none"},
        {"{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"},
        {"{{if .State.Running}}up{{else}}down{{end}}", "up"},
        {"{{if eq .Id \"x\"}}1{{else if and .State.Running (gt .State.Pid 3)}}2{{else}}3{{end}}",
         "2"},
        {"{{with .State}}{{.Pid}}{{end}}", "12"},
        {"{{join .Names \", \"}} {{.Id | upper | lower | title}}", "a, b Abc"},
        {"{{len .Names}} {{.Names}} {{.Label}}", "2 [a b] map[k:v]"},
        {"{{printf \"%-5s|%3d|%q\" .Id 7 \"x\"}}", "abc  |  7|\"x\""},
        {"{{.Label \"k\"}}{{.Label \"z\"}}", "v"},
        {"{{index .Label \"z\"}}{{.State.Health.Status}}", "<no value>"},
        {"a {{- /* c */ -}} b{{$x := .Id}}{{$x}}", "ababc"},
        {"{{index (split \"a:b:c\" \":\") 1}}{{truncate .Id 2}}{{println}}", "bab\n"},
        {"json", NULL},
    };
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        st_auto(buf) struct st_buf text = ST_BUF_HEAP(4096);
        struct st_err err = {0};
        int r = render(cases[i].template, &text, &err);
        if (r < 0) {
            print_message("%s: %s\n", cases[i].template, err.msg);
        }
        assert_int_equal(r, 0);
        assert_string_equal(st_buf_string(&text),
                            cases[i].text != NULL ? cases[i].text : root_text);
    }
}

static void says_what_is_wrong_with_a_template(void **state)
{
    (void)state;
    static const struct {
        const char *template;
        const char *message;
    } cases[] = {
        {"{{.Nope}}", "template: no entry for key \"Nope\""},
        {"{{.Id.X}}", "template: can't evaluate field X in a string"},
        {"{{nope .Id}}", "template: function \"nope\" is not defined"},
        {"{{if .Id}}", "template: character 11: {{end}} is expected"},
        {"{{end}}", "template: character 8: there is nothing to end here"},
        {"{{.Id", "template: character 6: \"}}\" is expected"},
        {"{{}}", "template: character 3: a value is expected"},
        {"{{\"a}}", "template: character 7: the string does not end"},
        {"{{index .Names 2}}", "template: error calling index: index out of range"},
        {"{{$y}}", "template: undefined variable \"y\""},
        {"{{len}}", "template: wrong number of arguments for \"len\""},
    };
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        st_auto(buf) struct st_buf text = ST_BUF_HEAP(4096);
        struct st_err err = {0};
        assert_int_equal(render(cases[i].template, &text, &err), -ST_EINVAL);
        assert_string_equal(err.msg, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_what_docker_renders),
        cmocka_unit_test(says_what_is_wrong_with_a_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
