// cuda_atomics.h: atomicAdd and its kin.
//
// Idea: threads run one at a time and change only where they meet, so reading, computing and
// writing in turn is atomic. g++ is kept from watching these accesses; the checker is told of one
// atomic access instead, which does not race with other atomic ones.
#pragma once

enum { EMU_READ, EMU_WRITE, EMU_ATOMIC };
extern "C" void emu_access(const volatile void* place, unsigned bytes, int kind, void* site);

#define EMU_UNSEEN __attribute__((noinline, no_sanitize("thread")))
#define EMU_ATOMIC_FUNCTION(name, expression)                                                      \
    template <typename T>                                                                          \
    EMU_UNSEEN T name(T* place, typename emu_identity<T>::type value) {                            \
        emu_access(place, sizeof(T), EMU_ATOMIC, __builtin_return_address(0));                     \
        const T old = *place;                                                                      \
        *place = expression;                                                                       \
        return old;                                                                                \
    }
EMU_ATOMIC_FUNCTION(atomicAdd, T(old + value))
EMU_ATOMIC_FUNCTION(atomicSub, T(old - value))
EMU_ATOMIC_FUNCTION(atomicExch, value)
EMU_ATOMIC_FUNCTION(atomicMax, old < value ? value : old)
EMU_ATOMIC_FUNCTION(atomicMin, value < old ? value : old)
EMU_ATOMIC_FUNCTION(atomicOr, T(old | value))
EMU_ATOMIC_FUNCTION(atomicAnd, T(old & value))
EMU_ATOMIC_FUNCTION(atomicXor, T(old ^ value))
EMU_ATOMIC_FUNCTION(atomicInc, old >= value ? T(0) : T(old + 1))
EMU_ATOMIC_FUNCTION(atomicDec, old == 0 || old > value ? value : T(old - 1))
#undef EMU_ATOMIC_FUNCTION

template <typename T>
EMU_UNSEEN T atomicCAS(T* place, typename emu_identity<T>::type expected,
                       typename emu_identity<T>::type value) {
    emu_access(place, sizeof(T), EMU_ATOMIC, __builtin_return_address(0));
    const T old = *place;
    if (old == expected)
        *place = value;
    return old;
}
