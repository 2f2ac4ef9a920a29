/*
 * The JVM_ functions: what OpenJDK 17's native libraries call the machine for (jvm-interface.md 2).
 * Their names, arguments and meanings are the library's; each is called as a native method is, or
 * by one.
 */
#pragma once

#include <stdio.h>

#include "jvm/jdk/jdk_jni.h"

/* An exception handler as libverify wants it. */
typedef struct {
    jint start_pc, end_pc, handler_pc, catchType;
} JVM_ExceptionTableEntryType;

#pragma GCC visibility push(default)

/* Object, String, System, Runtime, libraries, assertions, shared archives, raw monitors, printf */
jint JVM_IHashCode(JNIEnv *env, jobject object);
jobject JVM_Clone(JNIEnv *env, jobject object);
void JVM_MonitorWait(JNIEnv *env, jobject object, jlong milliseconds);
void JVM_MonitorNotify(JNIEnv *env, jobject object);
void JVM_MonitorNotifyAll(JNIEnv *env, jobject object);
jstring JVM_InternString(JNIEnv *env, jstring string);
jlong JVM_CurrentTimeMillis(JNIEnv *env, jclass unused);
jlong JVM_NanoTime(JNIEnv *env, jclass unused);
jlong JVM_GetNanoTimeAdjustment(JNIEnv *env, jclass unused, jlong seconds);
void JVM_ArrayCopy(JNIEnv *env, jclass unused, jobject from, jint from_at, jobject to, jint to_at,
                   jint count);
jobject JVM_GetProperties(JNIEnv *env);
jobject JVM_GetVmArguments(JNIEnv *env);
/* The table of java.lang.management (jdk_management.h); NULL for another version. */
void *JVM_GetManagement(jint wanted);
jobject JVM_InitAgentProperties(JNIEnv *env, jobject properties);
void JVM_BeforeHalt(void);
void JVM_Halt(jint code);
void JVM_GC(void);
jlong JVM_TotalMemory(void);
jlong JVM_FreeMemory(void);
jlong JVM_MaxMemory(void);
jlong JVM_MaxObjectInspectionAge(void);
jint JVM_ActiveProcessorCount(void);
jboolean JVM_IsUseContainerSupport(void);
jboolean JVM_SupportsCX8(void);
jstring JVM_GetTemporaryDirectory(JNIEnv *env);
char *JVM_NativePath(char *path);
void *JVM_LoadLibrary(const char *name, jboolean throw_exception);
void JVM_UnloadLibrary(void *library);
void *JVM_FindLibraryEntry(void *library, const char *name);
jboolean JVM_IsSupportedJNIVersion(jint version);
jboolean JVM_DesiredAssertionStatus(JNIEnv *env, jclass unused, jclass of);
jobject JVM_AssertionStatusDirectives(JNIEnv *env, jclass unused);
jboolean JVM_IsCDSDumpingEnabled(JNIEnv *env);
jboolean JVM_IsSharingEnabled(JNIEnv *env);
jboolean JVM_IsDumpingClassList(JNIEnv *env);
jlong JVM_GetRandomSeedForDumping(void);
void JVM_InitializeFromArchive(JNIEnv *env, jclass class);
void JVM_RegisterLambdaProxyClassForArchiving(JNIEnv *env);
jclass JVM_LookupLambdaProxyClassFromArchive(JNIEnv *env);
void JVM_LogLambdaFormInvoker(JNIEnv *env, jstring line);
void JVM_DumpClassListToFile(JNIEnv *env, jstring name);
void JVM_DumpDynamicArchive(JNIEnv *env, jstring name);
void JVM_DefineArchivedModules(JNIEnv *env, jobject platform, jobject system);
void *JVM_RawMonitorCreate(void);
void JVM_RawMonitorDestroy(void *lock);
jint JVM_RawMonitorEnter(void *lock);
void JVM_RawMonitorExit(void *lock);
int jio_vsnprintf(char *text, size_t size, const char *format, va_list list) ST_PRINTF(3, 0);
int jio_snprintf(char *text, size_t size, const char *format, ...) ST_PRINTF(3, 4);
int jio_vfprintf(FILE *file, const char *format, va_list list) ST_PRINTF(2, 0);
int jio_fprintf(FILE *file, const char *format, ...) ST_PRINTF(2, 3);
int jio_printf(const char *format, ...) ST_PRINTF(1, 2);

/* Class, ClassLoader */
jclass JVM_FindPrimitiveClass(JNIEnv *env, const char *name);
jclass JVM_FindClassFromBootLoader(JNIEnv *env, const char *name);
jclass JVM_FindClassFromCaller(JNIEnv *env, const char *name, jboolean init, jobject loader,
                               jclass caller);
jclass JVM_FindClassFromClass(JNIEnv *env, const char *name, jboolean init, jclass from);
jclass JVM_FindLoadedClass(JNIEnv *env, jobject loader, jstring name);
jclass JVM_DefineClassWithSource(JNIEnv *env, const char *name, jobject loader, const jbyte *bytes,
                                 jsize size, jobject domain, const char *source);
jclass JVM_DefineClass(JNIEnv *env, const char *name, jobject loader, const jbyte *bytes,
                       jsize size, jobject domain);
jclass JVM_LookupDefineClass(JNIEnv *env, jclass lookup, const char *name, const jbyte *bytes,
                             jsize size, jobject domain, jboolean init, int flags,
                             jobject class_data);
jstring JVM_InitClassName(JNIEnv *env, jclass of);
jobject JVM_GetClassInterfaces(JNIEnv *env, jclass of);
jboolean JVM_IsInterface(JNIEnv *env, jclass of);
jboolean JVM_IsArrayClass(JNIEnv *env, jclass of);
jboolean JVM_IsPrimitiveClass(JNIEnv *env, jclass of);
jboolean JVM_IsHiddenClass(JNIEnv *env, jclass of);
jobject JVM_GetClassSigners(JNIEnv *env, jclass of);
void JVM_SetClassSigners(JNIEnv *env, jclass of, jobject signers);
jobject JVM_GetProtectionDomain(JNIEnv *env, jclass of);
jint JVM_GetClassAccessFlags(JNIEnv *env, jclass of);
jint JVM_GetClassModifiers(JNIEnv *env, jclass of);
jobject JVM_GetDeclaredClasses(JNIEnv *env, jclass of);
jclass JVM_GetDeclaringClass(JNIEnv *env, jclass of);
jstring JVM_GetSimpleBinaryName(JNIEnv *env, jclass of);
jobject JVM_GetEnclosingMethodInfo(JNIEnv *env, jclass of);
jstring JVM_GetClassSignature(JNIEnv *env, jclass of);
jobject JVM_GetClassAnnotations(JNIEnv *env, jclass of);
jobject JVM_GetClassTypeAnnotations(JNIEnv *env, jclass of);
jboolean JVM_AreNestMates(JNIEnv *env, jclass one, jclass other);
jclass JVM_GetNestHost(JNIEnv *env, jclass of);
jobject JVM_GetNestMembers(JNIEnv *env, jclass of);
jboolean JVM_IsRecord(JNIEnv *env, jclass of);
jobject JVM_GetPermittedSubclasses(JNIEnv *env, jclass of);
jstring JVM_GetSystemPackage(JNIEnv *env, jstring name);
jobject JVM_GetSystemPackages(JNIEnv *env);

/* java.lang.reflect */
jobject JVM_GetClassDeclaredMethods(JNIEnv *env, jclass of, jboolean public_only);
jobject JVM_GetClassDeclaredConstructors(JNIEnv *env, jclass of, jboolean public_only);
jobject JVM_GetClassDeclaredFields(JNIEnv *env, jclass of, jboolean public_only);
jobject JVM_GetRecordComponents(JNIEnv *env, jclass of);
jobject JVM_GetMethodParameters(JNIEnv *env, jobject executable);
jobject JVM_GetFieldTypeAnnotations(JNIEnv *env, jobject of);
jobject JVM_GetMethodTypeAnnotations(JNIEnv *env, jobject of);
jobject JVM_InvokeMethod(JNIEnv *env, jobject method, jobject receiver, jobject arguments);
jobject JVM_NewInstanceFromConstructor(JNIEnv *env, jobject constructor, jobject arguments);

/* java.lang.reflect.Array */
jobject JVM_NewArray(JNIEnv *env, jclass of, jint length);
jobject JVM_NewMultiArray(JNIEnv *env, jclass of, jobject lengths);
jint JVM_GetArrayLength(JNIEnv *env, jobject of);
jobject JVM_GetArrayElement(JNIEnv *env, jobject of, jint index);
void JVM_SetArrayElement(JNIEnv *env, jobject of, jint index, jobject element);
jvalue JVM_GetPrimitiveArrayElement(JNIEnv *env, jobject of, jint index, jint code);
void JVM_SetPrimitiveArrayElement(JNIEnv *env, jobject of, jint index, jvalue element,
                                  unsigned char code);

/* Module */
void JVM_DefineModule(JNIEnv *env, jobject module, jboolean open, jstring version, jstring location,
                      jobject packages);
void JVM_SetBootLoaderUnnamedModule(JNIEnv *env, jobject module);
void JVM_AddReadsModule(JNIEnv *env, jobject from, jobject to);
void JVM_AddModuleExports(JNIEnv *env, jobject from, jstring package, jobject to);
void JVM_AddModuleExportsToAll(JNIEnv *env, jobject from, jstring package);
void JVM_AddModuleExportsToAllUnnamed(JNIEnv *env, jobject from, jstring package);

/* Thread, java.lang.ref */
void JVM_StartThread(JNIEnv *env, jobject of);
void JVM_StopThread(JNIEnv *env, jobject of, jobject exception);
void JVM_SuspendThread(JNIEnv *env, jobject of);
void JVM_ResumeThread(JNIEnv *env, jobject of);
void JVM_SetThreadPriority(JNIEnv *env, jobject of, jint priority);
void JVM_Yield(JNIEnv *env, jclass unused);
void JVM_Sleep(JNIEnv *env, jclass unused, jlong milliseconds);
jobject JVM_CurrentThread(JNIEnv *env, jclass unused);
void JVM_Interrupt(JNIEnv *env, jobject of);
jboolean JVM_HoldsLock(JNIEnv *env, jclass unused, jobject object);
void JVM_SetNativeThreadName(JNIEnv *env, jobject of, jstring name);
jobject JVM_GetAllThreads(JNIEnv *env, jclass unused);
jobject JVM_GetAndClearReferencePendingList(JNIEnv *env);
jboolean JVM_HasReferencePendingList(JNIEnv *env);
void JVM_WaitForReferencePendingList(JNIEnv *env);
jboolean JVM_ReferenceRefersTo(JNIEnv *env, jobject reference, jobject object);
jboolean JVM_PhantomReferenceRefersTo(JNIEnv *env, jobject reference, jobject object);
void JVM_ReferenceClear(JNIEnv *env, jobject reference);

/* stack traces and callers */
void JVM_FillInStackTrace(JNIEnv *env, jobject throwable);
void JVM_InitStackTraceElementArray(JNIEnv *env, jobject elements, jobject throwable);
void JVM_InitStackTraceElement(JNIEnv *env, jobject element, jobject frame_info);
jstring JVM_GetExtendedNPEMessage(JNIEnv *env, jthrowable throwable);
jclass JVM_GetCallerClass(JNIEnv *env);
jobject JVM_GetClassContext(JNIEnv *env);
jobject JVM_LatestUserDefinedLoader(JNIEnv *env);
jobject JVM_DumpThreads(JNIEnv *env, jclass unused, jobject threads);

/* StackWalker */
jobject JVM_CallStackWalk(JNIEnv *env, jobject stream, jlong mode, jint skip, jint count, jint at,
                          jobject frames);
jint JVM_MoreStackWalk(JNIEnv *env, jobject stream, jlong mode, jlong anchor, jint count, jint at,
                       jobject frames);

/* AccessController */
jobject JVM_GetInheritedAccessControlContext(JNIEnv *env, jclass unused);
jobject JVM_GetStackAccessControlContext(JNIEnv *env, jclass unused);

/* constant pools */
jobject JVM_GetClassConstantPool(JNIEnv *env, jclass of);
jint JVM_ConstantPoolGetSize(JNIEnv *env, jobject pool, jobject unused);
jclass JVM_ConstantPoolGetClassAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jclass JVM_ConstantPoolGetClassAtIfLoaded(JNIEnv *env, jobject pool, jobject unused, jint index);
jint JVM_ConstantPoolGetClassRefIndexAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jobject JVM_ConstantPoolGetMethodAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jobject JVM_ConstantPoolGetMethodAtIfLoaded(JNIEnv *env, jobject pool, jobject unused, jint index);
jobject JVM_ConstantPoolGetFieldAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jobject JVM_ConstantPoolGetFieldAtIfLoaded(JNIEnv *env, jobject pool, jobject unused, jint index);
jobject JVM_ConstantPoolGetMemberRefInfoAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jobject JVM_ConstantPoolGetNameAndTypeRefInfoAt(JNIEnv *env, jobject pool, jobject unused,
                                                jint index);
jint JVM_ConstantPoolGetNameAndTypeRefIndexAt(JNIEnv *env, jobject pool, jobject unused,
                                              jint index);
jint JVM_ConstantPoolGetIntAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jlong JVM_ConstantPoolGetLongAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jfloat JVM_ConstantPoolGetFloatAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jdouble JVM_ConstantPoolGetDoubleAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jstring JVM_ConstantPoolGetStringAt(JNIEnv *env, jobject pool, jobject unused, jint index);
jstring JVM_ConstantPoolGetUTF8At(JNIEnv *env, jobject pool, jobject unused, jint index);
jbyte JVM_ConstantPoolGetTagAt(JNIEnv *env, jobject pool, jobject unused, jint index);

/* what libverify asks */
const char *JVM_GetClassNameUTF(JNIEnv *env, jclass of);
jint JVM_GetClassCPEntriesCount(JNIEnv *env, jclass of);
void JVM_GetClassCPTypes(JNIEnv *env, jclass of, unsigned char *types);
jint JVM_GetClassFieldsCount(JNIEnv *env, jclass of);
jint JVM_GetClassMethodsCount(JNIEnv *env, jclass of);
jboolean JVM_IsSameClassPackage(JNIEnv *env, jclass one, jclass other);
void JVM_ReleaseUTF(const char *text);
jint JVM_GetFieldIxModifiers(JNIEnv *env, jclass of, int number);
jint JVM_GetMethodIxModifiers(JNIEnv *env, jclass of, int number);
void JVM_GetMethodIxByteCode(JNIEnv *env, jclass of, jint number, unsigned char *code);
void JVM_GetMethodIxExceptionTableEntry(JNIEnv *env, jclass of, jint number, jint at,
                                        JVM_ExceptionTableEntryType *entry);
jint JVM_GetMethodIxExceptionsCount(JNIEnv *env, jclass of, jint number);
void JVM_GetMethodIxExceptionIndexes(JNIEnv *env, jclass of, jint number, unsigned short *indices);
jboolean JVM_IsConstructorIx(JNIEnv *env, jclass of, int number);
jboolean JVM_IsVMGeneratedMethodIx(JNIEnv *env, jclass of, int number);
const char *JVM_GetMethodIxNameUTF(JNIEnv *env, jclass of, jint number);
const char *JVM_GetMethodIxSignatureUTF(JNIEnv *env, jclass of, jint number);
const char *JVM_GetCPClassNameUTF(JNIEnv *env, jclass of, jint index);
jint JVM_GetCPFieldModifiers(JNIEnv *env, jclass of, int index, jclass called);
jint JVM_GetCPMethodModifiers(JNIEnv *env, jclass of, int index, jclass called);

/* signals */
jint JVM_FindSignal(const char *name);
void *JVM_RegisterSignal(jint number, void *handler);
jboolean JVM_RaiseSignal(jint number);

jint JVM_GetMethodIxArgsSize(JNIEnv *env, jclass of, jint index);
jint JVM_GetMethodIxByteCodeLength(JNIEnv *env, jclass of, jint index);
jint JVM_GetMethodIxExceptionTableLength(JNIEnv *env, jclass of, jint index);
jint JVM_GetMethodIxLocalsCount(JNIEnv *env, jclass of, jint index);
jint JVM_GetMethodIxMaxStack(JNIEnv *env, jclass of, jint index);
const char *JVM_GetCPFieldClassNameUTF(JNIEnv *env, jclass of, jint index);
const char *JVM_GetCPFieldNameUTF(JNIEnv *env, jclass of, jint index);
const char *JVM_GetCPFieldSignatureUTF(JNIEnv *env, jclass of, jint index);
const char *JVM_GetCPMethodClassNameUTF(JNIEnv *env, jclass of, jint index);
const char *JVM_GetCPMethodNameUTF(JNIEnv *env, jclass of, jint index);
const char *JVM_GetCPMethodSignatureUTF(JNIEnv *env, jclass of, jint index);

#pragma GCC visibility pop
