// cuda_entry.h: how a launch calls a kernel, and learns what arguments it takes.
//
// Idea: for each kernel that Python names, EMU_EXPORT makes two C functions: one that calls it with
// arguments from an array of addresses, and one that spells its signature, read off its C++ type.
// Python compares it with the arguments (arguments.py), because the device would not: it takes 8
// bytes for 4 without a word.
//
// Invariant: three letters a parameter. "pf4cf4vi4" is (float*, const float*, int):
//   p pointer, c pointer to const, v value
//   f floating, b bfloat16, i signed, u unsigned, o bool, a address, s structure, x unknown (void)
//   bytes of an element (a float4* points to elements of 4 bytes)
#pragma once

template <typename T>
struct emu_kind {
    static constexpr char letter = 's';
    static constexpr char digit = '0';
};
template <typename T>
struct emu_kind<T*> {
    static constexpr char letter = 'a';
    static constexpr char digit = '8';
};
template <>
struct emu_kind<void> {
    static constexpr char letter = 'x';
    static constexpr char digit = '0';
};
#define EMU_KIND(type, kind)                                                                       \
    template <>                                                                                    \
    struct emu_kind<type> {                                                                        \
        static constexpr char letter = kind;                                                       \
        static constexpr char digit = '0' + sizeof(type);                                          \
    };
EMU_KIND(bool, 'o')
EMU_KIND(char, 'i')
EMU_KIND(signed char, 'i')
EMU_KIND(unsigned char, 'u')
EMU_KIND(short, 'i')
EMU_KIND(unsigned short, 'u')
EMU_KIND(int, 'i')
EMU_KIND(unsigned, 'u')
EMU_KIND(long, 'i')
EMU_KIND(unsigned long, 'u')
EMU_KIND(long long, 'i')
EMU_KIND(unsigned long long, 'u')
EMU_KIND(__half, 'f')
EMU_KIND(__nv_bfloat16, 'b')
EMU_KIND(float, 'f')
EMU_KIND(double, 'f')
#undef EMU_KIND

template <typename T>
struct emu_parameter {
    using kind = emu_kind<T>;
    static constexpr char how = 'v';
    static_assert(kind::letter != 's', "a kernel's parameters are numbers and pointers: put "
                                       "structures and vectors into an array");
};
template <typename T>
struct emu_parameter<T*> {
    using kind = emu_kind<typename emu_element<T>::type>;
    static constexpr char how = 'p';
};
template <typename T>
struct emu_parameter<const T*> {
    using kind = emu_kind<typename emu_element<T>::type>;
    static constexpr char how = 'c';
};

#define EMU_NOT_CHECKED __attribute__((no_sanitize("thread")))

template <typename... Parameters>
EMU_NOT_CHECKED const char* emu_signature(void (*)(Parameters...)) {
    static const char text[] = {emu_parameter<Parameters>::how..., '\0'};
    static char letters[3 * sizeof(text)];
    char* end = letters;
    ((*end++ = emu_parameter<Parameters>::how,
      *end++ = emu_parameter<Parameters>::kind::letter,
      *end++ = emu_parameter<Parameters>::kind::digit),
     ...);
    *end = '\0';
    return letters;
}

template <int... I>
struct emu_indices {};

template <typename... Parameters, int... I>
EMU_NOT_CHECKED inline void emu_call(void (*kernel)(Parameters...), void** arguments,
                                     emu_indices<I...>) {
    kernel(*static_cast<typename emu_plain<Parameters>::type*>(arguments[I])...);
}
template <typename... Parameters>
EMU_NOT_CHECKED inline void emu_call_all(void (*kernel)(Parameters...), void** arguments) {
    emu_call(kernel, arguments, emu_indices<__integer_pack(int(sizeof...(Parameters)))...>());
}

#define EMU_PUBLIC extern "C" __attribute__((visibility("default")))
#define EMU_EXPORT(number, ...)                                                                    \
    EMU_PUBLIC EMU_NOT_CHECKED void emu_entry_##number(void** arguments) {                         \
        emu_call_all(&__VA_ARGS__, arguments);                                                     \
    }                                                                                              \
    EMU_PUBLIC EMU_NOT_CHECKED const char* emu_signature_##number() {                              \
        return emu_signature(&__VA_ARGS__);                                                        \
    }

// A variable in the module's segment of __shared__ variables, so that there is one, and a function
// that makes the calling CPU thread's copy of the segment exist.
static thread_local char emu_marker;
EMU_PUBLIC EMU_NOT_CHECKED void* emu_touch_shared() {
    return &emu_marker;
}
