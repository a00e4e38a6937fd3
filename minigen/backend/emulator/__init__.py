"""Compile a .cu file for the CPU emulator and launch its kernels as cupy.RawKernel would be launched.

    mod = Module("kernels/softmax.cu", ["softmax_fwd<float>"], check=True)
    mod["softmax_fwd<float>"]((rows,), (128,), (x, y, rows, cols), shared_mem=0)

check=False  only runs the kernel (shared memory poisoned with NaN, guard page behind dynamic shared memory).
check=True   also verifies every load and store: bounds, initialisation, races, alignment, static array indices.
"""
import ctypes, hashlib, os, re, subprocess, tempfile, weakref
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("MG_EMU_CACHE", os.path.join(tempfile.gettempdir(), "mg_emu_cache"))
BASE = ["g++", "-std=c++17", "-fPIC", "-fno-exceptions", "-g1", "-gdwarf-4", "-O2", "-Wno-unknown-pragmas", "-Wno-psabi",
        "-fvisibility=hidden", "-fno-gnu-unique"]  # two builds of one kernel must not share a __shared__ variable
FAST = ["-march=native", "-fno-math-errno", "-fno-trapping-math"]
CHECK = ["-fsanitize=thread", "-fsanitize=bounds,alignment,integer-divide-by-zero,shift,signed-integer-overflow",
         "-fsanitize-undefined-trap-on-error", "-ftrivial-auto-var-init=pattern"]


class EmulatorError(RuntimeError):
    pass


def _build(cmd, text, deps=()):
    h = hashlib.sha256(repr((cmd, text)).encode())
    for d in deps:
        h.update(open(d, "rb").read())
    os.makedirs(CACHE, exist_ok=True)
    out = os.path.join(CACHE, h.hexdigest()[:20] + ".so")
    if not os.path.exists(out):
        src = out[:-3] + ".cpp"
        open(src, "w").write(text)
        tmp = out + f".{os.getpid()}"
        # two steps: linking with -fsanitize=thread would pull in libtsan, and its callbacks are ours
        for c in (cmd + ["-c", "-o", tmp + ".o", src], ["g++", "-shared", "-o", tmp, tmp + ".o"]):
            r = subprocess.run(c, capture_output=True, text=True)
            if r.returncode:
                raise EmulatorError(r.stderr)
        os.remove(tmp + ".o")
        os.replace(tmp, out)
    return out


_hdr, _rt_src = os.path.join(HERE, "cuda_emu.h"), os.path.join(HERE, "cuda_emu_rt.cpp")
_rt = None


def runtime():
    global _rt
    if _rt is None:
        so = _build(BASE + ["-I", HERE], open(_rt_src).read(), [_hdr])
        _rt = ctypes.CDLL(so, mode=ctypes.RTLD_GLOBAL)
        _rt.emu_report.restype = ctypes.c_char_p
        _rt.emu_unwritten.restype = ctypes.c_size_t
        _rt.emu_unwritten.argtypes = _rt.emu_unregister.argtypes = [ctypes.c_void_p]
        _rt.emu_register.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_char_p]
        _rt.emu_shared_var.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_char_p]
        _rt.emu_launch.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_int]
    return _rt


def empty(shape, dtype=np.float32):
    """An output buffer: filled with 0xFF bytes (NaN, -1); a checked launch knows it as uninitialised."""
    nb = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.full(nb + 256, 255, np.uint8)
    o = -raw.ctypes.data % 256                      # a GPU allocation is 256-byte aligned at least
    a = raw[o:o + nb].view(dtype).reshape(shape)
    _uninit.add(a.ctypes.data)
    weakref.finalize(a, _uninit.discard, a.ctypes.data)
    return a


def aligned(x):
    """A copy of x aligned as a GPU allocation is (only the memory profile depends on it)."""
    y = empty(x.shape, x.dtype)
    y[...] = x
    _uninit.discard(y.ctypes.data)
    return y


_uninit = set()


def unavailable():
    return ""


_KIND = {"f": "f", "i": "i", "u": "u", "b": "u", "V": "b"}


class Module:
    def __init__(self, path, names, check=False, defines=(), source=None):
        self.rt, self.check, self.names = runtime(), check, list(names)
        path = os.path.abspath(path)
        d = os.path.dirname(path)
        stub = f'#include "{path}"\nextern "C" {{ thread_local char emu_tls_; EMU_PUBLIC void* emu_tls() {{ return &emu_tls_; }} }}\n'
        stub += "".join(f"EMU_EXPORT({i}, {n})\n" for i, n in enumerate(names))
        cmd = BASE + (CHECK if check else FAST) + ["-include", _hdr, "-I", d] + [f"-D{x}" for x in defines]
        self.so = _build(cmd, stub, [path, _hdr] + [os.path.join(d, f) for f in sorted(os.listdir(d)) if f.endswith((".cuh", ".h"))])
        self.lib = ctypes.CDLL(self.so)
        self.lib.emu_tls.restype = ctypes.c_void_p

        # the module's __shared__ variables, from the symbol table: (offset in the TLS segment, size, name)
        syms = re.findall(r"^\s*\d+: ([0-9a-f]+)\s+(\d+) TLS\s+\w+\s+\w+\s+\w+ (\S+)$", subprocess.run(["readelf", "-sW", self.so], capture_output=True, text=True).stdout, re.M)
        names_ = subprocess.run(["c++filt"], input="\n".join(n for _, _, n in syms), capture_output=True, text=True).stdout.split("\n")
        self.shared = sorted({(int(o, 16), int(n), ("guard" if "guard variable" in d else d.split("::")[-1])) for (o, n, _), d in zip(syms, names_)})

    def __getitem__(self, name):
        return Kernel(self, name, self.names.index(name))

    def source_lines(self, report):
        pcs = sorted(set(re.findall(r"pc=0x([0-9a-f]+)", report)))
        for pc in pcs:
            out = subprocess.run(["addr2line", "-e", self.so, hex(int(pc, 16) - 1)], capture_output=True, text=True).stdout
            report = report.replace(f"pc=0x{pc}", os.path.basename(out.strip().split(" ")[0]))
        return report


def profile(mod, launch):
    """Run launch() on a checked module and list, per source line, warp requests, memory transactions (32-byte sectors of
    global memory, wavefronts of shared memory) and the fewest transactions those bytes could take."""
    mod.rt.emu_profile.restype = ctypes.c_char_p
    mod.rt.emu_profile_on(1)
    launch()
    rows = {}
    for line in mod.source_lines(mod.rt.emu_profile().decode()).splitlines():
        where, space, op, *v = line.split()
        rows[where, space, op] = [a + int(b) for a, b in zip(rows.get((where, space, op), [0] * 4), v)]
    mod.rt.emu_profile_on(0)
    return rows


class Kernel:
    def __init__(self, mod, name, i):
        self.mod, self.name = mod, name
        self.thunk = ctypes.cast(getattr(mod.lib, f"emu_thunk_{i}"), ctypes.c_void_p)
        f = getattr(mod.lib, f"emu_sig_{i}")
        f.restype = ctypes.c_char_p
        self.sig = f().decode().rstrip(",").split(",")

    def __call__(self, grid, block, args, shared_mem=0, order=0, seed=0, all_written=True, also=()):
        """order: threads run 0 ascending, 1 descending, 2 shuffled (seed) between synchronisation points.
        also: arrays that the kernel reaches through an array of pointers."""
        rt, mod = self.mod.rt, self.mod
        if len(args) != len(self.sig):
            raise TypeError(f"{self.name} takes {len(self.sig)} arguments, {len(args)} given")
        vals, regs = [], [(f"also{i}", a, False) for i, a in enumerate(also)]
        for i, (a, s) in enumerate(zip(args, self.sig)):
            if s[0] in "pc":
                kind, size = s[1], int(s[2:])
                if a is None:
                    vals.append(ctypes.c_void_p(0))
                    continue
                if not isinstance(a, np.ndarray) or (kind != "s" and (a.itemsize != size or _KIND[a.dtype.kind] != kind and not (size == 1 or kind == "b"))):
                    raise TypeError(f"{self.name} argument {i}: pointer to {s[1:]} wanted, got {getattr(a, 'dtype', type(a))}")
                if not a.flags.c_contiguous:
                    raise TypeError(f"{self.name} argument {i}: not contiguous (a raw kernel ignores strides)")
                vals.append(ctypes.c_void_p(a.ctypes.data))
                regs.append((i, a, s[0] == "c"))
            else:
                want = np.dtype(f"{s[0]}{s[1:]}")
                if type(a) is float or (isinstance(a, np.generic) and a.dtype != want):
                    raise TypeError(f"{self.name} argument {i}: wants {want}, got {getattr(a, 'dtype', 'a Python float (CuPy would pass float64)')}")
                vals.append(np.ctypeslib.as_ctypes(np.array(a).astype(want)))
        arr = (ctypes.c_void_p * max(1, len(vals)))(*[ctypes.addressof(v) for v in vals])
        gb = (ctypes.c_uint * 6)(*(list(grid) + [1] * (3 - len(grid)) + list(block) + [1] * (3 - len(block))))
        outs = []
        if mod.check:
            for i, a, ro in regs:
                lo, hi = np.lib.array_utils.byte_bounds(a)
                un = a.ctypes.data in _uninit
                rt.emu_register(lo, hi - lo, not un, ro, (f"arg{i}" if isinstance(i, int) else i).encode())
                if un:
                    outs.append((i, a))
        rt.emu_shared_var(0, 0, None)
        for o, n, name in mod.shared if mod.check else ():
            rt.emu_shared_var(o, n, name.encode())
        mod.lib.emu_tls()
        bad = rt.emu_launch(self.thunk, ctypes.addressof(arr), ctypes.addressof(gb), shared_mem, order, seed, int(mod.check))
        msg = mod.source_lines(rt.emu_report().decode()) if bad else ""
        if not bad and all_written:
            msg = "".join(f"UNWRITTEN: argument {i}, {k} of {a.nbytes} bytes\n" for i, a in outs if (k := rt.emu_unwritten(a.ctypes.data)))
        for i, a, ro in regs if mod.check else ():
            rt.emu_unregister(np.lib.array_utils.byte_bounds(a)[0])
        for i, a, ro in regs:
            if not ro:
                _uninit.discard(a.ctypes.data)
        if msg:
            raise EmulatorError(f"{self.name}: {msg.rstrip()}")
