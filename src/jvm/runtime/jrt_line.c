/*
 * Lines of stack traces.
 */
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

int32_t jrt_line_number(const struct jrt_method *method, uint32_t bytecode_index)
{
    if (method->access & JCF_ACC_NATIVE) {
        return -2;
    }
    if (!method->file) {
        return -1;
    }
    struct jcf_class class;
    struct jcf_method attributes;
    jrt_class_attributes(jrt_class_at(method->class_at), &class);
    jrt_method_attributes(method, &attributes);
    return jcf_line_of(&class, &attributes, bytecode_index);
}

/* Stores a string made of text, where there is any. */
static bool set_text(struct jrt_thread *thread, struct job_object *element, uint32_t at,
                     job_offset_t symbol)
{
    struct job_object *string = symbol ? jrt_intern_symbol(thread, symbol) : NULL;
    if (symbol && !string) {
        return false;
    }
    jrt_set_ref(element, at, string);
    return true;
}

static bool set_module(struct jrt_thread *thread, struct job_object *element,
                       const struct jrt_class *class)
{
    const struct jrt_module *module = class->module ? jrt_module_at(class->module) : NULL;
    if (!module || !module->name) {
        return true;
    }
    return set_text(thread, element, JRT_AT(StackTraceElement, moduleName), module->name) &&
           set_text(thread, element, JRT_AT(StackTraceElement, moduleVersion), module->version);
}

bool jrt_fill_element(struct jrt_thread *thread, struct job_object *element,
                      struct jrt_method *method, uint32_t bytecode_index)
{
    struct jrt_class *class = jrt_class_at(method->class_at);
    struct job_object *string = jrt_intern_name(thread, class);
    if (!string) {
        return false;
    }
    jrt_set_ref(element, JRT_AT(StackTraceElement, declaringClass), string);
    jrt_set_ref(element, JRT_AT(StackTraceElement, declaringClassObject), jrt_mirror(class));
    const struct job_object *loader = jrt_loader_object(jrt_loader_at(class->loader));
    const struct job_object *loader_name =
        loader ? jrt_ref(loader, JRT_AT(ClassLoader, name)) : NULL;
    jrt_set_ref(element, JRT_AT(StackTraceElement, classLoaderName), loader_name);
    struct jcf_class attributes;
    jrt_class_attributes(class, &attributes);
    jrt_set_int(element, JRT_AT(StackTraceElement, lineNumber),
                jrt_line_number(method, bytecode_index));
    return set_module(thread, element, class) &&
           set_text(thread, element, JRT_AT(StackTraceElement, methodName), method->name) &&
           set_text(thread, element, JRT_AT(StackTraceElement, fileName),
                    jrt_pool_symbol(class, attributes.source_file));
}
