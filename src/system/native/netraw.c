// Sockets as the kernel has them, for Linux, on Node-API 8 in plain C: no libuv header, no C++ runtime.
// Nothing here knows a protocol: the layout of addresses, options, filters and control messages is made in TypeScript.
// Every function answers a number: what the system call answered, or -errno. A wrong argument throws a TypeError.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <node_api.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// The few libuv functions in use, exported by node itself and stable within libuv 1. Declared here so that no header of
// the running Node version has to be found; the one number among them is checked when the addon loads.
typedef void uv_handle;
enum { UV_POLL_TYPE = 8, UV_EVENTS = 1 | 2 };
extern size_t uv_handle_size(int type);
extern const char *uv_handle_type_name(int type);
extern int uv_poll_init_socket(struct uv_loop_s *loop, uv_handle *handle, int fd);
extern int uv_poll_start(uv_handle *handle, int events, void (*ready)(uv_handle *, int, int));
extern void uv_close(uv_handle *handle, void (*closed)(uv_handle *));
extern void uv_ref(uv_handle *handle);
extern void uv_unref(uv_handle *handle);
extern void *uv_handle_get_data(const uv_handle *handle);
extern void uv_handle_set_data(uv_handle *handle, void *data);

enum { MAX_ARGS = 5, MAX_BATCH = 64, MAX_ADDRESS = sizeof(struct sockaddr_storage) };

typedef struct {
  void *at;
  size_t length;
  int absent;
} Bytes;

// --- arguments and answers ---

static int refuse(napi_env env, const char *message) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) napi_throw_type_error(env, NULL, message);
  return 0;
}

static int take(napi_env env, napi_callback_info info, size_t want, napi_value *args) {
  size_t count = MAX_ARGS;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) != napi_ok) return refuse(env, "no arguments");
  return count >= want ? 1 : refuse(env, "an argument is missing");
}

static int take_int(napi_env env, napi_value value, int32_t *out) {
  double exact;
  if (napi_get_value_double(env, value, &exact) != napi_ok) return refuse(env, "not a number");
  if (!(exact >= INT32_MIN && exact <= INT32_MAX) || exact != (double)(int32_t)exact)
    return refuse(env, "not a 32-bit integer");
  *out = (int32_t)exact;
  return 1;
}

static int take_fd(napi_env env, napi_value value, int32_t *out) {
  if (!take_int(env, value, out)) return 0;
  return *out >= 0 ? 1 : refuse(env, "a file descriptor is not negative");
}

static int take_array(napi_env env, napi_value value, napi_typedarray_type wanted, Bytes *out) {
  napi_typedarray_type type;
  bool is = false;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return refuse(env, "not a typed array");
  if (napi_get_typedarray_info(env, value, &type, &out->length, &out->at, NULL, NULL) != napi_ok)
    return refuse(env, "not a typed array");
  out->absent = 0;
  return type == wanted ? 1 : refuse(env, "a typed array of the wrong kind");
}

static int take_bytes(napi_env env, napi_value value, Bytes *out) {
  return take_array(env, value, napi_uint8_array, out);
}

// undefined stands for "none".
static int take_optional(napi_env env, napi_value value, Bytes *out) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) return refuse(env, "no value");
  if (type != napi_undefined) return take_bytes(env, value, out);
  out->at = NULL;
  out->length = 0;
  out->absent = 1;
  return 1;
}

static int take_address(napi_env env, napi_value value, Bytes *out) {
  if (!take_optional(env, value, out)) return 0;
  return out->length <= MAX_ADDRESS ? 1 : refuse(env, "an address is at most 128 octets");
}

static napi_value number(napi_env env, int64_t value) {
  napi_value result = NULL;
  if (napi_create_int64(env, value, &result) != napi_ok) refuse(env, "no number");
  return result;
}

static napi_value answer(napi_env env, int64_t result) { return number(env, result < 0 ? -(int64_t)errno : result); }

// --- sockets ---

// socket(domain, type, protocol) -> fd: never blocking, and closed when another program is started
static napi_value Socket(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t domain, type, protocol;
  if (!take(env, info, 3, args) || !take_int(env, args[0], &domain) || !take_int(env, args[1], &type) ||
      !take_int(env, args[2], &protocol))
    return NULL;
  return answer(env, socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

// close(fd)
static napi_value Close(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd;
  if (!take(env, info, 1, args) || !take_fd(env, args[0], &fd)) return NULL;
  return answer(env, close(fd));
}

static napi_value with_address(napi_env env, napi_callback_info info, int (*call)(int, const struct sockaddr *, socklen_t)) {
  napi_value args[MAX_ARGS];
  int32_t fd;
  Bytes address;
  if (!take(env, info, 2, args) || !take_fd(env, args[0], &fd) || !take_address(env, args[1], &address)) return NULL;
  if (address.absent) return refuse(env, "an address is missing"), NULL;
  return answer(env, call(fd, address.at, (socklen_t)address.length));
}

// bind(fd, address)
static napi_value Bind(napi_env env, napi_callback_info info) { return with_address(env, info, bind); }

// connect(fd, address)
static napi_value Connect(napi_env env, napi_callback_info info) { return with_address(env, info, connect); }

// getsockname(fd, address) -> its length
static napi_value Getsockname(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd;
  Bytes address;
  if (!take(env, info, 2, args) || !take_fd(env, args[0], &fd) || !take_bytes(env, args[1], &address)) return NULL;
  socklen_t length = (socklen_t)(address.length > MAX_ADDRESS ? MAX_ADDRESS : address.length);
  return answer(env, getsockname(fd, address.at, &length) < 0 ? -1 : (int64_t)length);
}

// setsockopt(fd, level, name, number | bytes)
static napi_value Setsockopt(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd, level, name, value;
  napi_valuetype type;
  if (!take(env, info, 4, args) || !take_fd(env, args[0], &fd) || !take_int(env, args[1], &level) ||
      !take_int(env, args[2], &name))
    return NULL;
  if (napi_typeof(env, args[3], &type) != napi_ok) return refuse(env, "no value"), NULL;
  if (type == napi_number) {
    if (!take_int(env, args[3], &value)) return NULL;
    return answer(env, setsockopt(fd, level, name, &value, sizeof value));
  }
  Bytes bytes;
  if (!take_bytes(env, args[3], &bytes)) return NULL;
  return answer(env, setsockopt(fd, level, name, bytes.at, (socklen_t)bytes.length));
}

// getsockopt(fd, level, name, bytes) -> length
static napi_value Getsockopt(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd, level, name;
  Bytes bytes;
  if (!take(env, info, 4, args) || !take_fd(env, args[0], &fd) || !take_int(env, args[1], &level) ||
      !take_int(env, args[2], &name) || !take_bytes(env, args[3], &bytes))
    return NULL;
  socklen_t length = (socklen_t)bytes.length;
  return answer(env, getsockopt(fd, level, name, bytes.at, &length) < 0 ? -1 : (int64_t)length);
}

// attachFilter(fd, program): eight octets for each instruction; the kernel checks and copies the program
static napi_value AttachFilter(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd;
  Bytes program;
  if (!take(env, info, 2, args) || !take_fd(env, args[0], &fd) || !take_bytes(env, args[1], &program)) return NULL;
  size_t count = program.length / sizeof(struct sock_filter);
  if (count == 0 || count > BPF_MAXINSNS || program.length % sizeof(struct sock_filter) != 0)
    return refuse(env, "not a filter program"), NULL;
  struct sock_fprog filter = {.len = (unsigned short)count, .filter = program.at};
  return answer(env, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter));
}

// send(fd, bytes, address | undefined) -> octets taken
static napi_value Send(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd;
  Bytes bytes, address;
  if (!take(env, info, 3, args) || !take_fd(env, args[0], &fd) || !take_bytes(env, args[1], &bytes) ||
      !take_address(env, args[2], &address))
    return NULL;
  ssize_t sent;
  do sent = sendto(fd, bytes.at, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address.at, (socklen_t)address.length);
  while (sent < 0 && errno == EINTR);
  return answer(env, sent);
}

// recvmsg(fd, bytes, address | undefined, control | undefined, lengths: Int32Array(3)) -> length of the whole message,
// also when `bytes` is shorter; lengths become those of address and control, and the message's flags
static napi_value Recvmsg(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd;
  Bytes bytes, address, control, lengths;
  if (!take(env, info, 5, args) || !take_fd(env, args[0], &fd) || !take_bytes(env, args[1], &bytes) ||
      !take_address(env, args[2], &address) || !take_optional(env, args[3], &control) ||
      !take_array(env, args[4], napi_int32_array, &lengths))
    return NULL;
  if (lengths.length < 3) return refuse(env, "three lengths are wanted"), NULL;
  struct iovec part = {.iov_base = bytes.at, .iov_len = bytes.length};
  struct msghdr message = {.msg_name = address.at,
                           .msg_namelen = (socklen_t)address.length,
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.at,
                           .msg_controllen = control.length};
  ssize_t received;
  do received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
  while (received < 0 && errno == EINTR);
  if (received >= 0) {
    int32_t *out = lengths.at;
    out[0] = (int32_t)message.msg_namelen;
    out[1] = (int32_t)message.msg_controllen;
    out[2] = message.msg_flags;
  }
  return answer(env, received);
}

// recvBatch(fd, bytes, slot, lengths: Int32Array) -> messages received: message i lies at i * slot, cut to the slot
static napi_value RecvBatch(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t fd, slot;
  Bytes bytes, lengths;
  if (!take(env, info, 4, args) || !take_fd(env, args[0], &fd) || !take_bytes(env, args[1], &bytes) ||
      !take_int(env, args[2], &slot) || !take_array(env, args[3], napi_int32_array, &lengths))
    return NULL;
  if (slot <= 0 || (size_t)slot > bytes.length || lengths.length == 0) return refuse(env, "no room for a message"), NULL;
  size_t count = bytes.length / (size_t)slot;
  if (count > lengths.length) count = lengths.length;
  if (count > MAX_BATCH) count = MAX_BATCH;
  struct mmsghdr messages[MAX_BATCH];
  struct iovec parts[MAX_BATCH];
  memset(messages, 0, sizeof messages[0] * count);
  for (size_t i = 0; i < count; i++) {
    parts[i].iov_base = (uint8_t *)bytes.at + i * (size_t)slot;
    parts[i].iov_len = (size_t)slot;
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int received;
  do received = recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT, NULL);
  while (received < 0 && errno == EINTR);
  for (int i = 0; i < received; i++) ((int32_t *)lengths.at)[i] = (int32_t)messages[i].msg_len;
  return answer(env, received);
}

// --- being told when a socket is ready, on the loop of the thread that asked ---

typedef struct {
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  uv_handle *handle;
  int closing;
  int owners; // the loop and the JavaScript object: freed when both have let go
} Watch;

static const napi_type_tag WATCH_TAG = {0x6865726c64776174ULL, 0x63686e6574726177ULL};

static void watch_release(Watch *watch) {
  if (--watch->owners == 0) free(watch);
}

static void watch_finalize(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  watch_release(data);
}

static void watch_closed(uv_handle *handle) {
  Watch *watch = uv_handle_get_data(handle);
  napi_async_cleanup_hook_handle hook = watch->hook;
  free(handle);
  watch_release(watch);
  if (hook != NULL) napi_remove_async_cleanup_hook(hook); // the thread may end now
}

static void watch_close(Watch *watch) {
  if (watch->closing) return;
  watch->closing = 1;
  if (watch->callback != NULL) napi_delete_reference(watch->env, watch->callback);
  if (watch->context != NULL) napi_async_destroy(watch->env, watch->context);
  watch->callback = NULL;
  watch->context = NULL;
  uv_close(watch->handle, watch_closed);
}

static void watch_end_of_thread(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  watch_close(data);
}

static void watch_call(Watch *watch, int status, int events) {
  napi_env env = watch->env;
  napi_value function, receiver, args[2], result;
  if (napi_get_reference_value(env, watch->callback, &function) != napi_ok || function == NULL) return;
  if (napi_get_global(env, &receiver) != napi_ok || napi_create_int32(env, status, &args[0]) != napi_ok ||
      napi_create_int32(env, events, &args[1]) != napi_ok)
    return;
  if (napi_make_callback(env, watch->context, receiver, function, 2, args, &result) != napi_pending_exception) return;
  napi_value thrown;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

static void watch_ready(uv_handle *handle, int status, int events) {
  Watch *watch = uv_handle_get_data(handle);
  napi_handle_scope scope;
  if (watch->closing || napi_open_handle_scope(watch->env, &scope) != napi_ok) return;
  napi_env env = watch->env;
  watch_call(watch, status, events);
  napi_close_handle_scope(env, scope);
}

// Everything of a watch that JavaScript's side needs; on failure watch_close() undoes what was done.
static int watch_attach(napi_env env, Watch *watch, napi_value callback, napi_value *object) {
  napi_value name;
  if (napi_create_string_utf8(env, "netraw", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, callback, 1, &watch->callback) != napi_ok ||
      napi_async_init(env, NULL, name, &watch->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, watch_end_of_thread, watch, &watch->hook) != napi_ok ||
      napi_create_object(env, object) != napi_ok || napi_type_tag_object(env, *object, &WATCH_TAG) != napi_ok)
    return 0;
  watch->owners++;
  if (napi_wrap(env, *object, watch, watch_finalize, NULL, NULL) == napi_ok) return 1;
  watch->owners--;
  return 0;
}

// poll(fd, events, callback(status, events)) -> watch | -errno; events: 1 to read, 2 to write
static napi_value Poll(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS], object;
  int32_t fd, events;
  napi_valuetype type;
  struct uv_loop_s *loop;
  if (!take(env, info, 3, args) || !take_fd(env, args[0], &fd) || !take_int(env, args[1], &events)) return NULL;
  if (events < 1 || events > UV_EVENTS) return refuse(env, "events to wait for: 1, 2 or 3"), NULL;
  if (napi_typeof(env, args[2], &type) != napi_ok || type != napi_function) return refuse(env, "not a function"), NULL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return refuse(env, "no event loop"), NULL;
  Watch *watch = calloc(1, sizeof *watch);
  uv_handle *handle = calloc(1, uv_handle_size(UV_POLL_TYPE));
  int status = watch == NULL || handle == NULL ? -ENOMEM : uv_poll_init_socket(loop, handle, fd);
  if (status != 0) {
    free(handle);
    free(watch);
    return number(env, status);
  }
  watch->env = env;
  watch->handle = handle;
  watch->owners = 1;
  uv_handle_set_data(handle, watch);
  if (!watch_attach(env, watch, args[2], &object)) {
    watch_close(watch);
    return refuse(env, "the watch cannot be made"), NULL;
  }
  status = uv_poll_start(handle, events, watch_ready);
  if (status == 0) return object;
  watch_close(watch);
  return number(env, status);
}

// pollControl(watch, operation, events): 0 close, 1 wait for these events, 2 keeps the program alive, 3 does not
static napi_value PollControl(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  int32_t operation, events;
  bool ours = false;
  Watch *watch = NULL;
  if (!take(env, info, 3, args) || !take_int(env, args[1], &operation) || !take_int(env, args[2], &events)) return NULL;
  if (napi_check_object_type_tag(env, args[0], &WATCH_TAG, &ours) != napi_ok || !ours ||
      napi_unwrap(env, args[0], (void **)&watch) != napi_ok)
    return refuse(env, "not a watch"), NULL;
  if (watch->closing) return number(env, 0);
  switch (operation) {
  case 0: watch_close(watch); return number(env, 0);
  case 1:
    if (events < 1 || events > UV_EVENTS) return refuse(env, "events to wait for: 1, 2 or 3"), NULL;
    return number(env, uv_poll_start(watch->handle, events, watch_ready));
  case 2: uv_ref(watch->handle); return number(env, 0);
  case 3: uv_unref(watch->handle); return number(env, 0);
  default: return refuse(env, "no such operation"), NULL;
  }
}

// --- the thread that calls ---

// schedule(policy, priority): by the system call itself, because musl's function does nothing
static napi_value Schedule(napi_env env, napi_callback_info info) {
  napi_value args[MAX_ARGS];
  struct sched_param param = {0};
  int32_t policy, priority;
  if (!take(env, info, 2, args) || !take_int(env, args[0], &policy) || !take_int(env, args[1], &priority)) return NULL;
  param.sched_priority = priority;
  return answer(env, syscall(SYS_sched_setscheduler, 0, policy, &param));
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
  } FUNCTIONS[] = {
      {"socket", Socket},         {"close", Close},           {"bind", Bind},
      {"connect", Connect},       {"getsockname", Getsockname}, {"setsockopt", Setsockopt},
      {"getsockopt", Getsockopt}, {"attachFilter", AttachFilter}, {"send", Send},
      {"recvmsg", Recvmsg},       {"recvBatch", RecvBatch},   {"poll", Poll},
      {"pollControl", PollControl}, {"schedule", Schedule},
  };
  const char *name = uv_handle_type_name(UV_POLL_TYPE);
  if (name == NULL || strcmp(name, "poll") != 0) {
    napi_throw_error(env, NULL, "this Node has another libuv than the addon was written for");
    return NULL;
  }
  for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
    napi_value function;
    if (napi_create_function(env, FUNCTIONS[i].name, NAPI_AUTO_LENGTH, FUNCTIONS[i].call, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, FUNCTIONS[i].name, function) != napi_ok) {
      napi_throw_error(env, NULL, "the addon's functions cannot be made");
      return NULL;
    }
  }
  return exports;
}
