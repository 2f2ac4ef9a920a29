/*
 * Methods of the library whose code is the machine's, by class, name and descriptor. The linker
 * marks them (jrt_method.intrinsic); the engine decides what it does with the number: an
 * instruction of its own, or a C function in place of the bytecode. INTRINSIC(id, "class", "name",
 * "descriptor"); descriptor NULL: any (signature-polymorphic).
 */
#pragma once

#define JRT_INTRINSICS(INTRINSIC)                                                                  \
    INTRINSIC(invokeBasic, "java/lang/invoke/MethodHandle", "invokeBasic", NULL)                   \
    INTRINSIC(linkToStatic, "java/lang/invoke/MethodHandle", "linkToStatic", NULL)                 \
    INTRINSIC(linkToVirtual, "java/lang/invoke/MethodHandle", "linkToVirtual", NULL)               \
    INTRINSIC(linkToSpecial, "java/lang/invoke/MethodHandle", "linkToSpecial", NULL)               \
    INTRINSIC(linkToInterface, "java/lang/invoke/MethodHandle", "linkToInterface", NULL)           \
    INTRINSIC(linkToNative, "java/lang/invoke/MethodHandle", "linkToNative", NULL)                 \
    INTRINSIC(objectInit, "java/lang/Object", "<init>", "()V")                                     \
    INTRINSIC(getClass, "java/lang/Object", "getClass", "()Ljava/lang/Class;")                     \
    INTRINSIC(hashCode, "java/lang/Object", "hashCode", "()I")                                     \
    INTRINSIC(arraycopy, "java/lang/System", "arraycopy",                                          \
              "(Ljava/lang/Object;ILjava/lang/Object;II)V")                                        \
    INTRINSIC(currentThread, "java/lang/Thread", "currentThread", "()Ljava/lang/Thread;")

enum jrt_intrinsic {
    JRT_INTRINSIC_NONE,
#define JRT_INTRINSIC_ENUM(id, class, name, descriptor) JRT_INTRINSIC_##id,
    JRT_INTRINSICS(JRT_INTRINSIC_ENUM) JRT_INTRINSIC_COUNT
#undef JRT_INTRINSIC_ENUM
};
