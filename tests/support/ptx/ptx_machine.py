"""Interprets PTX, the assembly that nvcc makes, on the CPU: tests the compiler's real output. Only numpy is needed.

Length: one instruction set, and every instruction works on the same registers and memory; parts of it would import each other.

On the way it finds accesses out of bounds or misaligned, reads of memory that nobody wrote, data races on shared and global memory,
barriers that not all threads reach; and it counts the 32-byte sectors of each memory request (coalescing).

A kernel runs as all its threads side by side, one instruction at a time over the threads that stand at it (numpy arrays with one number
a thread). No textures, asynchronous copies, tensor cores or calls of device functions.

    module = Module(ptx_file)
    machine = module.run('gap_fill', grid=2, block=64, memory=Memory..., parameters=[bytes, ...])
"""

import re
import struct

import numpy as np

# Where shared, local and parameter memory begin among generic addresses; global memory begins at 0.
SHARED, LOCAL, PARAM = 1 << 60, 1 << 61, 1 << 62
# PTX types as numpy has them, unsigned integers by size, and what a register of a type is kept as.
DTYPE = {
    's8': np.int8,
    'u8': np.uint8,
    'b8': np.uint8,
    's16': np.int16,
    'u16': np.uint16,
    'b16': np.uint16,
    'f16': np.float16,
    's32': np.int32,
    'u32': np.uint32,
    'b32': np.uint32,
    'f32': np.float32,
    's64': np.int64,
    'u64': np.uint64,
    'b64': np.uint64,
    'f64': np.float64,
    'pred': np.bool_,
}
UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
REGISTER = {
    'b16': np.uint16,
    'u16': np.uint16,
    's16': np.uint16,
    'f16': np.uint16,
    'b32': np.uint32,
    'u32': np.uint32,
    's32': np.uint32,
    'f32': np.uint32,
    'b64': np.uint64,
    'u64': np.uint64,
    's64': np.uint64,
    'f64': np.uint64,
    'pred': np.bool_,
    'b8': np.uint8,
    'f16x2': np.uint32,
}


class PtxError(Exception):
    pass


class Memory:
    """Bytes, each with a state (0 no array, 1 never written, 2 written), and per four bytes who read and wrote them last and when."""

    def __init__(self, size, fill=0, state=0):
        size = (size + 15) // 8 * 8
        self.bytes = np.full(size, fill, np.uint8)
        self.state = np.full(size, state, np.uint8)
        words = size // 4 + 1
        self.writer = np.full(words, -1, np.int32)
        self.reader = np.full(words, -1, np.int32)
        self.write_epoch = np.zeros(words, np.int32)
        self.read_epoch = np.zeros(words, np.int32)


class GlobalMemory(Memory):
    """Arrays with a gap after each, so that accesses beyond the end are detected."""

    GAP = 256

    def __init__(self, sizes):
        self.addresses, end = [], 4096
        for size in sizes:
            self.addresses.append(end)
            end += (size + self.GAP - 1) // self.GAP * self.GAP + self.GAP
        super().__init__(end)
        self.sizes = list(sizes)
        for address, size in zip(self.addresses, sizes):
            self.state[address : address + size] = 1

    def put(self, number, data):
        address = self.addresses[number]
        self.bytes[address : address + len(data)] = np.frombuffer(data, np.uint8)
        self.state[address : address + len(data)] = 2

    def order_launches(self):
        """What has been done so far is ordered before what follows."""
        self.writer[:] = self.reader[:] = -1

    def get(self, number):
        address = self.addresses[number]
        return self.bytes[address : address + self.sizes[number]].tobytes()


class Kernel:
    """A parsed entry: parameters, registers, shared and local arrays, labels, and instructions
    (predicate negated, predicate, opcode parts, operands, text, source line)."""


class Module:
    """The kernels of one PTX file."""

    def __init__(self, path):
        src = re.sub('/\\*.*?\\*/', '', open(path).read(), flags=re.S)
        src = re.sub('//[^\\n]*', '', src)
        self.src, self.kernels, self.globals = (src, {}, {})
        for m in re.finditer('\\.visible\\s+\\.entry\\s+([\\w$]+)\\s*\\((.*?)\\)([^{]*)\\{', src, re.S):
            depth, i = (1, m.end())
            while depth:
                depth += {'{': 1, '}': -1}.get(src[i], 0)
                i += 1
            self.kernels[m.group(1)] = self._kernel(m.group(1), m.group(2), src[m.end() : i - 1])
        top = re.sub('\\.visible\\s+\\.entry.*?\\n\\}', '', src, flags=re.S)
        for m in re.finditer(
            '\\.(global|const)\\s+(?:\\.align\\s+(\\d+)\\s+)?\\.(\\w+)\\s+([\\w$]+)(?:\\[(\\d*)\\])?\\s*(?:=\\s*(\\{[^}]*\\}|[^;{]+))?;',
            top,
        ):
            sp, al, ty, name, n, init = m.groups()
            size = np.dtype(DTYPE[ty]).itemsize
            vals = [self._imm(x.strip(), ty) for x in init.strip('{} ').split(',')] if init else []
            n = int(n) if n else max(1, len(vals))
            arr = np.zeros(n, DTYPE[ty])
            arr[: len(vals)] = vals
            self.globals[name] = arr.view(np.uint8)
        self.extern_shared = re.findall('\\.extern\\s+\\.shared\\s+(?:\\.align\\s+\\d+\\s+)?\\.\\w+\\s+([\\w$]+)\\[\\]', src)

    @staticmethod
    def _imm(t, ty):
        if t[:2] in ('0f', '0F') and len(t) == 10:
            return struct.unpack('>f', bytes.fromhex(t[2:]))[0]
        if t[:2] in ('0d', '0D') and len(t) == 18:
            return struct.unpack('>d', bytes.fromhex(t[2:]))[0]
        v = float(t) if re.search('[.eE]', t) and (not t.startswith('0x')) else int(t.rstrip('U'), 0)
        return v

    def _kernel(self, name, params, body):
        k = Kernel()
        k.name = name
        k.params = []
        off = 0
        for p in re.finditer(
            '\\.param\\s+(?:\\.align\\s+(\\d+)\\s+)?\\.(\\w+)(?:\\s+\\.ptr[^,]*?)?\\s+([\\w$]+)(?:\\[(\\d+)\\])?\\s*(?:,|$)', params.strip()
        ):
            al, ty, nm, n = p.groups()
            size = np.dtype(DTYPE[ty]).itemsize * int(n or 1)
            a = int(al or np.dtype(DTYPE[ty]).itemsize)
            off = (off + a - 1) // a * a
            k.params.append((nm, ty, off, size))
            off += size
        k.psize = off
        k.regs = {}
        k.shared = {}
        k.ssize = 0
        k.local = {}
        k.lsize = 0
        k.labels = {}
        k.tables = {}
        k.ins = []
        line = 0
        body = re.sub('(\\$[\\w$]+):', '\\1:;', body)
        depth_stmt = re.split(
            '[;]',
            re.sub('\\{\\s*(?=[\\.@a-z])', ';', re.sub('\\}\\s*(?=\\n|$|;)', ';', self._protect(body))),
        )
        for st in depth_stmt:
            st = ' '.join(st.replace('\x01', '{').replace('\x02', '}').split())
            if not st:
                continue
            m = re.match('\\.reg\\s+\\.(\\w+)\\s+(.*)', st)
            if m:
                for r in m.group(2).split(','):
                    q = re.match('\\s*(%?[\\w$]+)(?:<(\\d+)>)?', r)
                    for nm in [q.group(1) + str(i) for i in range(int(q.group(2)))] if q.group(2) else [q.group(1)]:
                        k.regs[nm] = m.group(1)
                continue
            m = re.match('\\.(shared|local)\\s+(?:\\.align\\s+(\\d+)\\s+)?\\.(\\w+)\\s+([\\w$]+)(?:\\[(\\d+)\\])?', st)
            if m:
                d = k.shared if m.group(1) == 'shared' else k.local
                at = 'ssize' if m.group(1) == 'shared' else 'lsize'
                al = int(m.group(2) or 4)
                o = (getattr(k, at) + al - 1) // al * al
                d[m.group(4)] = o
                setattr(k, at, o + np.dtype(DTYPE[m.group(3)]).itemsize * int(m.group(5) or 1))
                continue
            m = re.match('\\.loc\\s+\\d+\\s+(\\d+)', st)
            if m:
                line = int(m.group(1))
                st = re.sub('^\\.loc\\s+\\d+\\s+\\d+\\s+\\d+\\s*(, function_name [^,]*, inlined_at \\d+ \\d+ \\d+)?', '', st).strip()
                if not st:
                    continue
            q = re.match('([$%\\w]+):\\s*\\.branchtargets\\s+(.*)', st)
            if q:
                k.tables[q.group(1)] = [x.strip() for x in q.group(2).split(',')]
                continue
            if st.startswith('.'):
                continue
            if st.endswith(':'):
                k.labels[st[:-1]] = len(k.ins)
                continue
            m = re.match('(?:@(!?)(%?[\\w$]+)\\s+)?([a-z][\\w.:]*)\\s*(.*)', st)
            if not m:
                raise PtxError('parse: ' + st)
            k.ins.append((m.group(1) == '!', m.group(2), m.group(3).split('.'), self._ops(m.group(4)), st, line))
        k.ins.append((False, None, ['ret'], [], 'ret', line))
        k.leaders = set(k.labels.values())
        return k

    @staticmethod
    def _protect(b):
        b = re.sub('(\\.loc\\s+\\d+\\s+\\d+\\s+\\d+[^\\n]*)\\n', '\\1;\\n', b)
        return re.sub('\\{(\\s*%?[\\w$]+(?:\\s*,\\s*%?[\\w$]+)*\\s*)\\}', '\x01\\1\x02', b)

    @staticmethod
    def _ops(t):
        return [x.strip() for x in re.findall('\\s*(?:\\{[^}]*\\}|\\[[^\\]]*\\]|[^,]+)', t) if x.strip()]

    def find(self, name):
        if name in self.kernels:
            return self.kernels[name]
        c = [k for k in self.kernels if name in k]
        if len(c) != 1:
            raise PtxError('kernel %r: candidates %s' % (name, list(self.kernels)))
        return self.kernels[c[0]]

    def run(self, name, grid, block, memory, parameters, shared_bytes=0, races=True, metrics=False, max_threads=8192):
        """Runs the one kernel whose name contains `name`. parameters: the bytes of each; pointers in them are addresses in memory."""
        k = self.find(name)
        if any(i[2][0] == 'call' for i in k.ins):
            raise PtxError(k.name + ': calls of device functions cannot be interpreted')
        if len(parameters) != len(k.params):
            raise PtxError('%s takes %d parameters, %d given' % (k.name, len(k.params), len(parameters)))
        if self.globals:
            raise PtxError(k.name + ': module-level variables are not supported')
        packed = np.zeros(k.psize + 8, np.uint8)
        for value, (parameter, _, offset, size) in zip(parameters, k.params):
            if len(value) != size:
                raise PtxError('parameter %s: %d bytes given, %d wanted' % (parameter, len(value), size))
            packed[offset : offset + size] = np.frombuffer(value, np.uint8)
        triple = lambda v: tuple(list(v) + [1, 1, 1])[:3] if hasattr(v, '__len__') else (int(v), 1, 1)
        grid, block = triple(grid), triple(block)
        machine = Machine(self, k, memory, packed, grid, block, shared_bytes, metrics, races)
        blocks, threads = int(np.prod(grid)), int(np.prod(block))
        together = max(1, max_threads // ((threads + 31) // 32 * 32))
        for first in range(0, blocks, together):
            machine.batch(range(first, min(blocks, first + together)))
        return machine


class Machine:
    """One run of one kernel: registers, memories and the position of every thread."""

    def __init__(self, mod, k, memory, packed, grid, block, shared_bytes, metrics, races):
        self.mod, self.k, self.global_memory, self.packed, self.grid, self.block = mod, k, memory, packed, grid, block
        self.metrics, self.races = metrics, races
        self.stat = {}
        self.steps = 0
        self.lanes = 0
        self.winst = 0
        self.dyn_off = (k.ssize + 15) // 16 * 16
        self.shared_bytes = self.dyn_off + shared_bytes

    # Registers.

    def value(self, op, ty):
        """operand as array of numpy type DTYPE[ty] over the active threads (or a scalar array)"""
        dt = DTYPE.get(ty, np.uint32)
        neg = False
        if op in self.registers:
            a = self.registers[op]
            a = a if self.everyone else a[self.active]
            if a.dtype == np.bool_:
                return a
            n = np.dtype(dt).itemsize
            if a.dtype.itemsize > n:
                a = a.astype(UNSIGNED[n])
            elif a.dtype.itemsize < n:
                return (
                    a.view(np.int16 if ty[0] == 's' and a.dtype.itemsize == 2 else a.dtype).astype(dt)
                    if ty[0] != 'f'
                    else a.astype(UNSIGNED[n]).view(dt)
                )
            return a.view(dt)
        if op[0] == '%':
            return self.special(op).astype(dt)
        v = self.sym(op)
        if v is None:
            v = Module._imm(op, ty)
        if op[:2].lower() in ('0f', '0d') and ty[0] != 'f':
            return np.array([v], {'0f': np.float32, '0d': np.float64}[op[:2].lower()]).view(dt)
        if isinstance(v, int) and ty[0] != 'f':
            return (
                np.array([v & (1 << 8 * np.dtype(dt).itemsize) - 1], UNSIGNED[np.dtype(dt).itemsize]).view(dt)
                if ty != 'pred'
                else np.array([bool(v)])
            )
        return np.array([v], dt)

    def sym(self, n):
        if n in self.k.shared:
            return self.k.shared[n]
        if n in self.mod.extern_shared:
            return self.dyn_off
        if n in self.k.local:
            return self.k.local[n]
        return next((PARAM + offset for name, _, offset, _ in self.k.params if name == n), None)

    def assign(self, op, v, ty=None):
        if op == '_':
            return
        R = self.registers[op]
        v = np.asarray(v)
        if R.dtype != np.bool_:
            if v.dtype == np.bool_:
                v = v.astype(R.dtype)
            elif v.dtype.itemsize == R.dtype.itemsize:
                v = v.view(R.dtype)
            else:
                v = (
                    v.astype({1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}[R.dtype.itemsize]).view(R.dtype)
                    if v.dtype.kind == 'i'
                    else v.view(UNSIGNED[v.dtype.itemsize]).astype(R.dtype)
                )
        if self.everyone:
            R[:] = v
        else:
            R[self.active] = v

    def special(self, op):
        c = {'%tid': self.tid, '%ntid': self.block, '%ctaid': self.cta, '%nctaid': self.grid}
        b, _, d = op.partition('.')
        if b in c:
            v = c[b]['xyz'.index(d)]
            return np.array([v], np.uint32) if isinstance(v, int) else v if self.everyone else v[self.active]
        if op == '%laneid':
            v = self.lane
            return v if self.everyone else v[self.active]
        if op == '%warpid':
            v = self.in_block // 32
            return v if self.everyone else v[self.active]
        if op in ('%clock', '%clock64', '%globaltimer'):
            return np.array([self.steps])
        raise PtxError('special register ' + op)

    # Memory.

    def fail(self, what, bad, ins):
        t = self.active[np.flatnonzero(bad)[0]]
        raise PtxError('%s: block %d thread %d, "%s" line %d' % (what, self.block_of[t], self.in_block[t], ins[4], ins[5]))

    def addr(self, op, ins):
        q = re.match('\\[\\s*([%\\w$]+)\\s*(?:\\+\\s*(-?\\w+))?\\s*\\]', op)
        b, o = (q.group(1), int(q.group(2) or '0', 0))
        a = (
            self.value(b, 's64')
            if b not in self.registers or self.registers[b].dtype.itemsize == 8
            else self.value(b, 'u32').astype(np.int64)
        )
        return np.broadcast_to(a + o, self.active.shape)

    def space(self, sp, a):
        if sp is None:
            if len(a) and (a >= LOCAL).all():
                return (self.local_memory, a - LOCAL + self.active * self.local_stride, 'local')
            if len(a) and (a >= SHARED).all():
                return (self.shared_memory, a - SHARED + self.batch_block_of[self.active] * self.shared_stride, 'shared')
            return (self.global_memory, a, 'global')
        if sp == 'shared':
            return (self.shared_memory, a + self.batch_block_of[self.active] * self.shared_stride, sp)
        if sp == 'local':
            return (self.local_memory, a + self.active * self.local_stride, sp)
        return (self.global_memory, a, 'global')

    def check(self, M, a, n, ins, write, sp, atomic=False):
        bad = (a < 0) | (a + n > len(M.bytes))
        if bad.any():
            self.fail('out of bounds ' + sp, bad, ins)
        if (a % n).any():
            self.fail('misaligned ' + sp, a % n != 0, ins)
        st = M.state[a] if n == 1 else np.minimum(M.state[a], M.state[a + n - 1])
        if not st.all():
            self.fail('out of bounds ' + sp, st == 0, ins)
        if not write and (st < 2).any():
            self.fail('read of uninitialised ' + sp, st < 2, ins)
        if self.races and sp != 'local' and (n >= 4):
            w = a >> 2
            me = self.thread[self.active].astype(np.int32)
            ep = self.epoch[self.active]

            # Another thread's access is in conflict unless a barrier of the block lies between, or both are lanes of one warp.
            def conflict(o, e):
                return (o >= 0) & (o != me) & ((o // self.padded_block != me // self.padded_block) | (e == ep) & (o // 32 != me // 32))

            if not atomic:
                c = (
                    conflict(M.writer[w], M.write_epoch[w])
                    if not write
                    else conflict(M.writer[w], M.write_epoch[w]) | conflict(M.reader[w], M.read_epoch[w])
                )
                if write:  # and by two warps with this very instruction
                    order = np.argsort(w, kind='stable')
                    twice = (w[order][1:] == w[order][:-1]) & (me[order][1:] // 32 != me[order][:-1] // 32)
                    c[order[1:][twice]] = True
                if c.any():
                    self.fail('data race on ' + sp, c, ins)
                if write:
                    M.writer[w] = me
                    M.write_epoch[w] = ep
                else:
                    M.reader[w] = me
                    M.read_epoch[w] = ep

    def count(self, pc, sp, a, n, ins, kind):
        s = self.stat.setdefault(pc, [sp, kind, n, ins[5], 0, 0, 0, 0, ins[4]])
        wid = self.thread[self.active] // 32
        s[4] += len(a)
        s[5] += len(np.unique(wid))
        if sp == 'global':
            s[6] += len(np.unique(wid.astype(np.int64) << 36 | a >> 5))
            # The smallest number of sectors for the different numbers that a warp accesses.
            asked = np.unique(wid.astype(np.int64) << 36 | a // n)
            _, numbers = np.unique(asked >> 36, return_counts=True)
            s[7] += int(((numbers * n + 31) // 32).sum())
        elif sp == 'shared':
            key = np.unique(wid.astype(np.int64) << 36 | a >> 2)
            u, c = np.unique(key >> 36 << 5 | key & 31, return_counts=True)
            mx = {}
            for x, y in zip(u >> 5, c):
                mx[x] = max(mx.get(x, 0), y)
            s[6] += sum(mx.values())

    def load(self, M, a, dt):
        n = np.dtype(dt).itemsize
        return M.bytes.view(UNSIGNED[n])[a // n].view(dt) if n > 1 else M.bytes[a].view(dt)

    def store(self, M, a, v, n):
        (M.bytes.view(UNSIGNED[n]) if n > 1 else M.bytes)[a // n] = v
        for i in range(n):
            M.state[a + i] = 2

    # Running. A thread is 0 running, 1 at a barrier of its block, 2 at an operation of its warp, 3 ended. The threads at the
    # lowest instruction continue together, so that diverged threads join again.

    def batch(self, blocks):
        k = self.k
        bx, by, bz = self.block
        bt = bx * by * bz
        pad = (bt + 31) // 32 * 32
        nb = len(blocks)
        N = nb * pad
        self.n_threads = N
        t = np.arange(N)
        self.in_block = t % pad
        self.batch_block_of = (t // pad).astype(np.int64)
        self.block_of = self.batch_block_of + blocks[0]
        self.thread = self.block_of * pad + self.in_block
        self.padded_block = pad
        u = lambda x: x.astype(np.uint32)
        self.tid = [u(self.in_block % bx), u(self.in_block // bx % by), u(self.in_block // (bx * by))]
        self.lane = u(self.in_block % 32)
        self.cta = [
            u(self.block_of % self.grid[0]),
            u(self.block_of // self.grid[0] % self.grid[1]),
            u(self.block_of // (self.grid[0] * self.grid[1])),
        ]
        self.registers = {r: np.zeros(N, REGISTER[ty]) for r, ty in k.regs.items()}
        self.shared_stride = (self.shared_bytes + 255) // 256 * 256 + 256
        self.shared_memory = Memory(self.shared_stride * nb, 255)
        for i in range(nb):
            self.shared_memory.state[i * self.shared_stride : i * self.shared_stride + self.shared_bytes] = 1
        self.local_stride = (k.lsize + 31) // 16 * 16
        self.local_memory = Memory(self.local_stride * N, 255, 1) if k.lsize else Memory(16)
        self.epoch = np.zeros(N, np.int32)
        pc = np.zeros(N, np.int32)
        st = np.where(self.in_block < bt, 0, 3).astype(np.int8)
        self.counter, self.at = (pc, st)
        while True:
            run = np.flatnonzero(st == 0)
            if not len(run):
                if (st == 3).all():
                    return
                w = np.flatnonzero((st == 1) | (st == 2))[0]
                ins = k.ins[pc[w]]
                raise PtxError('deadlock: block %d thread %d waits at "%s" line %d' % (self.block_of[w], self.in_block[w], ins[4], ins[5]))
            p = int(pc[run].min())
            act = run[pc[run] == p]
            self.exec_from(p, act)

    def exec_from(self, p, act):
        k = self.k
        pc, st = (self.counter, self.at)
        while True:
            neg, pred, op, ops, txt, line = ins = k.ins[p]
            self.active = act
            self.everyone = len(act) == self.n_threads
            self.steps += 1
            self.lanes += len(act)
            if self.metrics:
                self.winst += len(np.unique(self.thread[act] >> 5))
            o = op[0]
            if pred is not None:
                c = self.registers[pred][act] ^ neg
                if o == 'bra':
                    tgt = k.labels[ops[0]]
                    pc[act] = np.where(c, tgt, p + 1)
                    return
                skip = act[~c]
                go = act[c]
                if o in ('ret', 'exit'):
                    st[go] = 3
                    pc[skip] = p + 1
                    self.exited()
                    return
                if len(go) == 0:
                    p += 1
                else:
                    if o in ('bar', 'barrier', 'shfl', 'vote', 'activemask', 'match', 'redux'):
                        raise PtxError('predicated ' + txt)
                    self.active = go
                    self.everyone = len(go) == self.n_threads
                    self.do(p, o, op, ops, ins)
                    p += 1
            elif o == 'brx':
                pc[act] = np.array([k.labels[x] for x in k.tables[ops[1]]], np.int32)[np.broadcast_to(self.value(ops[0], 'u32'), act.shape)]
                return
            elif o == 'bra':
                pc[act] = k.labels[ops[0]]
                return
            elif o in ('ret', 'exit'):
                st[act] = 3
                self.exited()
                return
            elif o in ('bar', 'barrier') and op[1] != 'warp':
                st[act] = 1
                pc[act] = p
                self.release()
                return
            elif o in ('shfl', 'vote', 'match', 'redux') or (o == 'bar' and op[1] == 'warp'):
                st[act] = 2
                pc[act] = p
                self.warp_op(p, o, op, ops, ins)
                return
            else:
                self.do(p, o, op, ops, ins)
                p += 1
            if p in k.leaders:
                pc[act] = p
                return

    def exited(self):
        self.release()

    def release(self):
        s = self.at.reshape(-1, self.padded_block)
        wait = (s == 1).any(1) & ~((s == 0) | (s == 2)).any(1)
        for b in np.flatnonzero(wait):
            i = np.arange(b * self.padded_block, (b + 1) * self.padded_block)
            w = i[self.at[i] == 1]
            pcs = np.unique(self.counter[w])
            if len(pcs) > 1:
                raise PtxError('divergent barrier in block %d: lines %s' % (self.block_of[w[0]], [self.k.ins[q][5] for q in pcs]))
            ex = (self.at[i] == 3) & (self.in_block[i] < int(np.prod(self.block)))
            if ex.any():
                raise PtxError(
                    'barrier after thread exit: block %d, %d threads left before "%s" line %d'
                    % (self.block_of[w[0]], ex.sum(), self.k.ins[pcs[0]][4], self.k.ins[pcs[0]][5])
                )
            self.at[w] = 0
            self.counter[w] += 1
            self.epoch[i] += 1

    def warp_op(self, p, o, op, ops, ins):
        here = (self.at == 2) & (self.counter == p)
        self.active = np.arange(self.n_threads)
        self.everyone = True
        mask = np.broadcast_to(self.value(ops[-1], 'u32'), self.n_threads)
        bit = np.uint32(1) << self.lane
        exists = (self.in_block < int(np.prod(self.block))).reshape(-1, 32)
        H = here.reshape(-1, 32)
        W = np.arange(self.n_threads).reshape(-1, 32)
        wm = np.array([mask[W[w][H[w]][0]] if H[w].any() else 0 for w in range(len(H))], np.uint32)
        need = (wm[:, None] >> np.arange(32, dtype=np.uint32) & 1).astype(bool) & exists
        ready = H.any(1) & ~(need & ~H).any(1)
        go = (H & ready[:, None]).reshape(-1)
        if not go.any():
            return
        outside = go & (mask & bit == 0)
        if outside.any():
            self.active = np.arange(self.n_threads)
            self.fail('executing lane not in mask', outside, ins)
        if o == 'shfl':
            mode, (d, dp) = (op[2], (ops[0].split('|') + ['_'])[:2])
            a = np.broadcast_to(self.value(ops[1], 'u32'), self.n_threads)
            b = np.broadcast_to(self.value(ops[2], 'u32'), self.n_threads).astype(np.int64) & 31
            c = np.broadcast_to(self.value(ops[3], 'u32'), self.n_threads).astype(np.int64)
            cl, sm = (c & 31, c >> 8 & 31)
            l = self.lane.astype(np.int64)
            mx = l & sm | cl & ~sm
            mn = l & sm
            if mode == 'up':
                j = l - b
                ok = j >= mx
            elif mode == 'down':
                j = l + b
                ok = j <= mx
            elif mode == 'bfly':
                j = l ^ b
                ok = j <= mx
            else:
                j = mn | b & ~sm & 31
                ok = j <= mx
            src = np.where(ok, np.arange(self.n_threads) - l + np.where(ok, j, l), np.arange(self.n_threads))
            bad = go & ~go[src]
            if bad.any():
                self.fail('shfl reads inactive lane', bad, ins)
            v = a[src]
            self.active = np.flatnonzero(go)
            self.everyone = False
            self.assign(d.strip(), v[self.active])
            if dp.strip() in self.registers:
                self.assign(dp.strip(), ok[self.active])
        elif o == 'vote':
            nega = ops[1][0] == '!'
            pr = self.registers[ops[1].lstrip('!')] ^ nega
            B = ((pr & go).reshape(-1, 32).astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(1).astype(np.uint32)
            A = (go.reshape(-1, 32).astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(1).astype(np.uint32)
            r = {'ballot': B, 'any': B != 0, 'all': B == A, 'uni': (B == A) | (B == 0)}[op[2]]
            r = np.repeat(r, 32)
            self.active = np.flatnonzero(go)
            self.everyone = False
            self.assign(ops[0], r[self.active])
        elif o == 'redux':
            v = np.broadcast_to(self.value(ops[1], op[-1]), self.n_threads).reshape(-1, 32)
            g2 = go.reshape(-1, 32)
            f = {'add': np.add, 'min': np.minimum, 'max': np.maximum, 'and': np.bitwise_and, 'or': np.bitwise_or, 'xor': np.bitwise_xor}[
                op[2]
            ]
            r = np.repeat(np.array([f.reduce(v[w][g2[w]], dtype=v.dtype) if g2[w].any() else 0 for w in range(len(v))], v.dtype), 32)
            self.active = np.flatnonzero(go)
            self.everyone = False
            self.assign(ops[0], r[self.active])
        elif o == 'match' and op[1] == 'any':
            v = np.broadcast_to(self.value(ops[1], op[-1]), self.n_threads).reshape(-1, 32)
            g2 = go.reshape(-1, 32)
            eq = (v[:, :, None] == v[:, None, :]) & g2[:, None, :]
            r = (eq.astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(2).astype(np.uint32).reshape(-1)
            self.active = np.flatnonzero(go)
            self.everyone = False
            self.assign(ops[0], r[self.active])
        elif o != 'bar':
            raise PtxError('not implemented: ' + ins[4])
        g = np.flatnonzero(go)
        self.at[g] = 0
        self.counter[g] = p + 1

    def do(self, p, o, op, ops, ins):
        f = getattr(self, 'i_' + o, None)
        if f is None:
            raise PtxError('not implemented: ' + ins[4])
        with np.errstate(all='ignore'):
            f(p, op, ops, ins)

    # Instructions.

    def i_ld(self, p, op, ops, ins):
        ty = op[-1]
        sp = next((x for x in op if x in ('global', 'shared', 'local', 'param', 'const')), None)
        vec = {'v2': 2, 'v4': 4}.get(next((x for x in op if x in ('v2', 'v4')), ''), 1)
        dst = [x.strip() for x in ops[0].strip('{}').split(',')]
        n = np.dtype(DTYPE[ty]).itemsize
        if sp == 'param':
            at = self.addr(ops[1], ins) - PARAM
            if ((at < 0) | (at + n * vec > self.k.psize)).any():
                self.fail('out of bounds parameter', (at < 0) | (at + n * vec > self.k.psize), ins)
            for i, d in enumerate(dst):
                part = self.packed[(at + i * n)[:, None] + np.arange(n)]
                self.assign(d, np.ascontiguousarray(part).view(DTYPE[ty])[:, 0])
            return
        a0 = self.addr(ops[1], ins)
        M, a, s = self.space(sp, a0)
        if (a % (n * vec)).any():
            self.fail('misaligned vector', a % (n * vec) != 0, ins)
        if self.metrics:
            self.count(p, s, a, n * vec, ins, 'ld')
        for i, d in enumerate(dst):
            self.check(M, a + i * n, n, ins, False, s, 'volatile' in op)
            self.assign(d, self.load(M, a + i * n, DTYPE[ty]))

    def i_st(self, p, op, ops, ins):
        ty = op[-1]
        sp = next((x for x in op if x in ('global', 'shared', 'local')), None)
        src = [x.strip() for x in ops[1].strip('{}').split(',')]
        n = np.dtype(DTYPE[ty]).itemsize
        M, a, s = self.space(sp, self.addr(ops[0], ins))
        if self.metrics:
            self.count(p, s, a, n * len(src), ins, 'st')
        for i, r in enumerate(src):
            self.check(M, a + i * n, n, ins, True, s, 'volatile' in op)
            self.store(M, a + i * n, np.broadcast_to(self.value(r, ty), self.active.shape).view(UNSIGNED[n]), n)

    def i_atom(self, p, op, ops, ins, ret=True):
        ty = op[-1]
        sp = next((x for x in op if x in ('global', 'shared')), None)
        n = np.dtype(DTYPE[ty]).itemsize
        what = next((x for x in op if x in ('add', 'min', 'max', 'and', 'or', 'xor', 'exch', 'cas', 'inc', 'dec')))
        d = ops[0] if ret else None
        rest = ops[1:] if ret else ops
        M, a, s = self.space(sp, self.addr(rest[0], ins))
        self.check(M, a, n, ins, False, s, True)
        v = np.broadcast_to(self.value(rest[1], ty), self.active.shape)
        w = np.broadcast_to(self.value(rest[2], ty), self.active.shape) if len(rest) > 2 else v
        old = np.zeros(len(a), DTYPE[ty])
        V = M.bytes.view(UNSIGNED[n]).view(DTYPE[ty])
        for i in range(len(a)):
            j = a[i] // n
            x = V[j]
            old[i] = x
            y = v[i]
            V[j] = {
                'add': lambda: x + y,
                'min': lambda: min(x, y),
                'max': lambda: max(x, y),
                'and': lambda: x & y,
                'or': lambda: x | y,
                'xor': lambda: x ^ y,
                'exch': lambda: y,
                'cas': lambda: w[i] if x == y else x,
                'inc': lambda: x * 0 if x >= y else x + 1,
                'dec': lambda: y if x == 0 or x > y else x - 1,
            }[what]()
        if ret:
            self.assign(d, old)

    def i_red(self, p, op, ops, ins):
        self.i_atom(p, op, ops, ins, False)

    def i_mov(self, p, op, ops, ins):
        ty = op[-1]
        if ops[1].startswith('{'):
            src = [x.strip() for x in ops[1].strip('{}').split(',')]
            n = np.dtype(REGISTER[ty]).itemsize // len(src)
            v = 0
            for i, x in enumerate(src):
                v = v | np.broadcast_to(self.value(x, 'b%d' % (8 * n)), self.active.shape).astype(REGISTER[ty]) << REGISTER[ty](8 * n * i)
            return self.assign(ops[0], v)
        if ops[0].startswith('{'):
            v = self.value(ops[1], ty)
            dst = [x.strip() for x in ops[0].strip('{}').split(',')]
            n = np.dtype(REGISTER[ty]).itemsize // len(dst)
            for i, x in enumerate(dst):
                self.assign(x, (v >> REGISTER[ty](8 * n * i)).astype(UNSIGNED[n]))
            return
        self.assign(ops[0], self.value(ops[1], ty))

    def i_cvta(self, p, op, ops, ins):
        a = self.value(ops[1], 'u64')
        sp = op[2] if op[1] == 'to' else op[1]
        base = {'shared': SHARED, 'local': LOCAL}.get(sp, 0)  # parameters keep their address
        self.assign(ops[0], a - np.uint64(base) if op[1] == 'to' else a + np.uint64(base))

    def bin2(self, op, ops, f):
        ty = op[-1]
        if ty == 'f16x2':
            a, b = (self.value(ops[1], 'b32'), self.value(ops[2], 'b32'))
            a, b = np.broadcast_arrays(a, b)
            r = f(np.ascontiguousarray(a).view(np.float16), np.ascontiguousarray(b).view(np.float16))
            return self.assign(ops[0], r.view(np.uint32))
        r = f(self.value(ops[1], ty), self.value(ops[2], ty)).astype(DTYPE[ty])
        if ty[0] == 'f' and 'ftz' in op:
            r = np.where(np.abs(r) < np.finfo(DTYPE[ty]).tiny, np.copysign(r * 0, r), r)
        if 'sat' in op and ty[0] == 'f':
            r = np.clip(np.nan_to_num(r, nan=0.0), 0, 1).astype(DTYPE[ty])
        self.assign(ops[0], r)

    def i_add(self, p, op, ops, ins):
        self.bin2(op, ops, lambda a, b: a + b)

    def i_sub(self, p, op, ops, ins):
        self.bin2(op, ops, lambda a, b: a - b)

    def i_and(self, p, op, ops, ins):
        self.bin2(op, ops, lambda a, b: a & b)

    def i_or(self, p, op, ops, ins):
        self.bin2(op, ops, lambda a, b: a | b)

    def i_xor(self, p, op, ops, ins):
        self.bin2(op, ops, lambda a, b: a ^ b)

    def i_not(self, p, op, ops, ins):
        self.assign(ops[0], ~self.value(ops[1], op[-1]))

    def i_neg(self, p, op, ops, ins):
        self.assign(ops[0], -self.value(ops[1], op[-1]))

    def i_abs(self, p, op, ops, ins):
        self.assign(ops[0], np.abs(self.value(ops[1], op[-1])))

    def i_min(self, p, op, ops, ins):
        self.bin2(op, ops, np.minimum if 'NaN' in op or op[-1][0] != 'f' else np.fmin)

    def i_max(self, p, op, ops, ins):
        self.bin2(op, ops, np.maximum if 'NaN' in op or op[-1][0] != 'f' else np.fmax)

    def wide(self, ty):
        return {'s16': 's32', 'u16': 'u32', 's32': 's64', 'u32': 'u64'}[ty]

    def prod(self, op, ops):
        ty = op[-1]
        a, b = (self.value(ops[1], ty), self.value(ops[2], ty))
        if 'wide' in op:
            w = DTYPE[self.wide(ty)]
            return (a.astype(w) * b.astype(w), self.wide(ty))
        if 'hi' in op:
            if ty in ('s64', 'u64'):
                a, b = np.broadcast_arrays(a, b)
                return (np.array([int(x) * int(y) >> 64 & 2**64 - 1 for x, y in zip(a, b)], np.uint64).view(DTYPE[ty]), ty)
            w = DTYPE[self.wide(ty)]
            return ((a.astype(w) * b.astype(w) >> w(8 * np.dtype(DTYPE[ty]).itemsize)).astype(DTYPE[ty]), ty)
        return (a * b, ty)

    def i_mul(self, p, op, ops, ins):
        if op[-1][0] == 'f':
            return self.bin2(op, ops, lambda a, b: a * b)
        self.assign(ops[0], self.prod(op, ops)[0])

    def i_mad(self, p, op, ops, ins):
        if op[-1][0] == 'f':
            return self.i_fma(p, op, ops, ins)
        v, ty = self.prod(op, ops)
        self.assign(ops[0], v + self.value(ops[3], ty))

    def i_fma(self, p, op, ops, ins):
        ty = op[-1]
        if ty == 'f16x2':
            x = [
                np.ascontiguousarray(np.broadcast_to(self.value(q, 'b32'), self.active.shape)).view(np.float16).astype(np.float64)
                for q in ops[1:4]
            ]
            return self.assign(ops[0], (x[0] * x[1] + x[2]).astype(np.float16).view(np.uint32))
        a, b, c = (self.value(x, ty).astype(np.float64) for x in ops[1:4])
        if ty == 'f64':
            import math
            from fractions import Fraction as F

            A, B, C = np.broadcast_arrays(a, b, c)
            r = np.array(
                [
                    float(F(x) * F(y) + F(z)) if all(map(math.isfinite, (x, y, z))) and x * y + z != 0 else x * y + z
                    for x, y, z in zip(A.tolist(), B.tolist(), C.tolist())
                ]
            )
            return self.assign(ops[0], r)
        # In double precision the product is exact; the sum is rounded to odd, so that rounding to float32 is the only rounding.
        q = a * b
        s = q + c
        t = s - q
        e = q - (s - t) + (c - t)
        bits = np.atleast_1d(s).view(np.int64).copy()
        fix = (e != 0) & np.isfinite(s) & np.isfinite(e) & (bits & 1 == 0)
        bits = np.where(fix, bits + np.where((e > 0) == (s > 0), 1, -1), bits)
        r = bits.view(np.float64).astype(DTYPE[ty])
        if 'ftz' in op:
            r = np.where(np.abs(r) < np.finfo(DTYPE[ty]).tiny, np.copysign(r * 0, r), r)
        self.assign(ops[0], r)

    def i_div(self, p, op, ops, ins):
        if op[-1][0] == 'f':
            return self.bin2(op, ops, lambda a, b: a / b)

        def f(a, b):
            a, b = np.broadcast_arrays(a, b)
            if (b == 0).any():
                self.fail('integer division by zero', b == 0, ins)
            q = np.abs(a) // np.abs(b) if a.dtype.kind == 'i' else a // b
            return np.where((a < 0) != (b < 0), -q, q) if a.dtype.kind == 'i' else q

        self.bin2(op, ops, f)

    def i_rem(self, p, op, ops, ins):

        def f(a, b):
            if (b == 0).any():
                self.fail('integer remainder by zero', np.broadcast_to(b == 0, self.active.shape), ins)
            return np.fmod(a, b)

        self.bin2(op, ops, f)

    def shift(self, op, ops, f):
        ty = op[-1]
        n = 8 * np.dtype(DTYPE[ty]).itemsize
        a = self.value(ops[1], ty)
        b = self.value(ops[2], 'u32')
        big = b >= n
        r = f(a, np.where(big, n - 1, b).astype(DTYPE[ty]))
        self.assign(ops[0], np.where(big, f(r, DTYPE[ty](1)), r).astype(DTYPE[ty]))

    def i_shl(self, p, op, ops, ins):
        self.shift(op, ops, lambda a, b: a << b)

    def i_shr(self, p, op, ops, ins):
        self.shift(op, ops, lambda a, b: a >> b)

    def i_shf(self, p, op, ops, ins):
        a, b, c = (
            self.value(ops[1], 'u32').astype(np.uint64),
            self.value(ops[2], 'u32').astype(np.uint64),
            self.value(ops[3], 'u32').astype(np.uint64),
        )
        c = c & np.uint64(31) if 'wrap' in op else np.minimum(c, np.uint64(32))
        v = b << np.uint64(32) | a
        self.assign(ops[0], (v << c >> np.uint64(32) if op[1] == 'l' else v >> c).astype(np.uint32))

    def i_bfe(self, p, op, ops, ins):
        ty = op[-1]
        n = 8 * np.dtype(DTYPE[ty]).itemsize
        a = self.value(ops[1], ty)
        b = self.value(ops[2], 'u32') & 255
        c = self.value(ops[3], 'u32') & 255
        A, B, C = np.broadcast_arrays(a, b, c)
        out = np.zeros(len(A), UNSIGNED[n // 8])
        for i in range(len(A)):
            v = int(A[i]) & (1 << n) - 1
            x = v >> int(B[i]) & (1 << int(C[i])) - 1
            sb = v >> min(int(B[i]) + int(C[i]) - 1, n - 1) & 1
            if ty[0] == 's' and C[i] and sb:
                x |= (1 << n) - 1 & ~((1 << int(C[i])) - 1)
            out[i] = x & (1 << n) - 1
        self.assign(ops[0], out)

    def i_bfi(self, p, op, ops, ins):
        ty = op[-1]
        n = 8 * np.dtype(DTYPE[ty]).itemsize
        A, B, C, D = np.broadcast_arrays(
            self.value(ops[1], ty), self.value(ops[2], ty), self.value(ops[3], 'u32') & 255, self.value(ops[4], 'u32') & 255
        )
        r = [
            (int(b) & ~((1 << int(d)) - 1 << int(c)) | (int(a) & (1 << int(d)) - 1) << int(c)) & (1 << n) - 1
            for a, b, c, d in zip(A, B, C, D)
        ]
        self.assign(ops[0], np.array(r, UNSIGNED[n // 8]))

    def i_prmt(self, p, op, ops, ins):
        A, B, C = np.broadcast_arrays(
            self.value(ops[1], 'u32').astype(np.uint64),
            self.value(ops[2], 'u32').astype(np.uint64),
            self.value(ops[3], 'u32').astype(np.uint64),
        )
        v = B << np.uint64(32) | A
        r = np.zeros(len(v), np.uint64)
        for i in range(4):
            s = C >> np.uint64(4 * i) & np.uint64(15)
            x = v >> (s & np.uint64(7)) * np.uint64(8) & np.uint64(255)
            x = np.where(s & np.uint64(8), np.where(x & np.uint64(128), np.uint64(255), np.uint64(0)), x)
            r |= x << np.uint64(8 * i)
        self.assign(ops[0], r.astype(np.uint32))

    def i_lop3(self, p, op, ops, ins):
        a, b, c = (self.value(x, 'u32') for x in ops[1:4])
        lut = int(ops[4], 0)
        r = np.zeros_like(a | b | c)
        for i in range(8):
            if lut >> i & 1:
                r |= (a if i & 4 else ~a) & (b if i & 2 else ~b) & (c if i & 1 else ~c)
        self.assign(ops[0], r)

    def i_popc(self, p, op, ops, ins):
        self.assign(ops[0], np.array([bin(int(x)).count('1') for x in self.value(ops[1], op[-1])], np.uint32))

    def i_clz(self, p, op, ops, ins):
        n = 8 * np.dtype(DTYPE[op[-1]]).itemsize
        self.assign(ops[0], np.array([n - int(x).bit_length() for x in self.value(ops[1], op[-1])], np.uint32))

    def i_bmsk(self, p, op, ops, ins):
        A, B = np.broadcast_arrays(self.value(ops[1], 'u32'), self.value(ops[2], 'u32'))
        w = 'wrap' in op
        self.assign(
            ops[0],
            np.array(
                [
                    (1 << (int(b) & 31 if w else min(int(b), 32))) - 1 << (int(a) & 31 if w else min(int(a), 32)) & 4294967295
                    for a, b in zip(A, B)
                ],
                np.uint32,
            ),
        )

    def i_bfind(self, p, op, ops, ins):
        n = 8 * np.dtype(DTYPE[op[-1]]).itemsize
        r = []
        for x in self.value(ops[1], op[-1]):
            x = int(x)
            x = ~x if x < 0 else x
            b = x.bit_length() - 1
            r.append(4294967295 if b < 0 else n - 1 - b if 'shiftamt' in op else b)
        self.assign(ops[0], np.array(r, np.uint32))

    def i_brev(self, p, op, ops, ins):
        n = 8 * np.dtype(DTYPE[op[-1]]).itemsize
        self.assign(ops[0], np.array([int(format(int(x), '0%db' % n)[::-1], 2) for x in self.value(ops[1], op[-1])], UNSIGNED[n // 8]))

    def i_selp(self, p, op, ops, ins):
        ty = op[-1]
        self.assign(ops[0], np.where(self.value(ops[3], 'pred'), self.value(ops[1], ty), self.value(ops[2], ty)))

    def cmp(self, c, a, b):
        un = c[-1] == 'u' and len(c) == 3
        if c in ('num', 'nan'):
            r = np.isnan(a) | np.isnan(b)
            return ~r if c == 'num' else r
        c2 = {'lo': 'lt', 'ls': 'le', 'hi': 'gt', 'hs': 'ge'}.get(c, c)[:2]
        r = {'eq': a == b, 'ne': a != b, 'lt': a < b, 'le': a <= b, 'gt': a > b, 'ge': a >= b}[c2]
        if a.dtype.kind == 'f':
            n = np.isnan(a) | np.isnan(b)
            r = r | n if un else r & ~n
        return r

    def i_setp(self, p, op, ops, ins):
        ty = op[-1]
        r = self.cmp(op[1], self.value(ops[1], ty), self.value(ops[2], ty))
        q = ~r
        if len(ops) > 3:
            x = self.value(ops[3].lstrip('!'), 'pred') ^ (ops[3][0] == '!')
            f = {'and': np.logical_and, 'or': np.logical_or, 'xor': np.logical_xor}[op[2]]
            r, q = (f(r, x), f(q, x))
        d = ops[0].split('|')
        self.assign(d[0].strip(), r)
        if len(d) > 1:
            self.assign(d[1].strip(), q)

    def i_set(self, p, op, ops, ins):
        r = self.cmp(op[1], self.value(ops[1], op[-1]), self.value(ops[2], op[-1]))
        self.assign(
            ops[0],
            (
                np.where(r, np.float32(1), np.float32(0)).astype(np.float32)
                if op[-2] == 'f32'
                else np.where(r, np.uint32(4294967295), np.uint32(0)).astype(np.uint32)
            ),
        )

    def i_cvt(self, p, op, ops, ins):
        d, s = (op[-2], op[-1])
        a = self.value(ops[1], s)
        mode = next((x for x in op if x in ('rni', 'rzi', 'rmi', 'rpi')), None)
        if mode:
            a = {'rni': np.rint, 'rzi': np.trunc, 'rmi': np.floor, 'rpi': np.ceil}[mode](a)
        if s[0] == 'f' and d[0] != 'f':
            ii = np.iinfo(DTYPE[d])
            x = a.astype(np.float64)
            x = np.where(np.isnan(x), 0, x)
            r = np.zeros(x.shape, DTYPE[d])
            lo, hi = (x <= float(ii.min), x >= float(ii.max))
            r[~(lo | hi)] = x[~(lo | hi)].astype(DTYPE[d])
            r[lo] = ii.min
            r[hi] = ii.max
        elif 'sat' in op and d[0] == 'f':
            r = np.clip(np.nan_to_num(a.astype(DTYPE[d]), nan=0.0), 0, 1)
        elif 'sat' in op:
            ii = np.iinfo(DTYPE[d])
            r = np.clip(a.astype(object), ii.min, ii.max).astype(DTYPE[d])
        elif 'rz' in op and d[0] == 'f' and (np.dtype(DTYPE[d]).itemsize < np.dtype(DTYPE[s]).itemsize) or ('rz' in op and s[0] != 'f'):
            r = a.astype(DTYPE[d])
            r = np.where(np.abs(r.astype(np.float64)) > np.abs(a.astype(np.float64)), np.nextafter(r, DTYPE[d](0)), r)
        else:
            r = a.astype(DTYPE[d])
        self.assign(ops[0], r)

    def un(self, op, ops, f):
        self.assign(ops[0], f(self.value(ops[1], op[-1]).astype(np.float64)).astype(DTYPE[op[-1]]))

    def i_sqrt(self, p, op, ops, ins):
        self.un(op, ops, np.sqrt)

    def i_rsqrt(self, p, op, ops, ins):
        self.un(op, ops, lambda x: 1 / np.sqrt(x))

    def i_rcp(self, p, op, ops, ins):
        self.un(op, ops, lambda x: 1 / x)

    def i_ex2(self, p, op, ops, ins):
        self.un(op, ops, np.exp2)

    def i_lg2(self, p, op, ops, ins):
        self.un(op, ops, np.log2)

    def i_sin(self, p, op, ops, ins):
        self.un(op, ops, np.sin)

    def i_cos(self, p, op, ops, ins):
        self.un(op, ops, np.cos)

    def i_tanh(self, p, op, ops, ins):
        self.un(op, ops, np.tanh)

    def i_copysign(self, p, op, ops, ins):
        self.bin2(op, ops, lambda a, b: np.copysign(b, a))

    def i_testp(self, p, op, ops, ins):
        a = self.value(ops[1], op[-1])
        self.assign(
            ops[0],
            {
                'finite': np.isfinite,
                'infinite': np.isinf,
                'number': lambda x: ~np.isnan(x),
                'notanumber': np.isnan,
                'normal': lambda x: np.isfinite(x) & (np.abs(x) >= np.finfo(x.dtype).tiny),
                'subnormal': lambda x: (x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny),
            }[op[1]](a),
        )

    def i_activemask(self, p, op, ops, ins):
        b = np.zeros(self.n_threads, bool)
        b[self.active] = True
        v = np.repeat((b.reshape(-1, 32).astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(1).astype(np.uint32), 32)
        self.assign(ops[0], v[self.active])

    def i_membar(self, *a):
        pass

    def i_fence(self, *a):
        pass

    def i_prefetch(self, *a):
        pass

    def i_trap(self, p, op, ops, ins):
        self.fail('trap', np.ones(len(self.active), bool), ins)

    def sectors_over_ideal(self):
        """Sectors of all requests to global memory over the fewest that the same numbers could lie in."""
        wanted = [s for s in self.stat.values() if s[0] == 'global']
        return sum(s[6] for s in wanted) / max(1, sum(s[7] for s in wanted))

    def report(self):
        out = ['kernel %s: %d PTX steps, %d lane-instructions' % (self.k.name, self.steps, self.lanes)]
        if not self.metrics:
            return out[0]
        out = [
            out[0] + ', %d warp-instructions (lane use %.0f%%)' % (self.winst, 100 * self.lanes / max(1, 32 * self.winst)),
            ' line  op  space   B/lane  requests  lanes/req  sectors/req (ideal)  or shared: passes/req',
        ]
        agg = {}
        for s in self.stat.values():
            t = agg.setdefault((s[3], s[1], s[0], s[2]), list(s[:4]) + [0, 0, 0, 0])
            for column in range(4, 8):
                t[column] += s[column]
        for pc, s in sorted(agg.items()):
            ideal = s[7] / s[5]
            out.append(
                '%5d  %s  %-7s %4d  %9d  %8.2f  %10.2f (%.2f)%s'
                % (
                    s[3],
                    s[1],
                    s[0],
                    s[2],
                    s[5],
                    s[4] / s[5],
                    s[6] / s[5],
                    ideal if s[0] == 'global' else 1,
                    '  <-- uncoalesced' if s[0] == 'global' and s[6] > 1.3 * s[7] else '',
                )
            )
        gb = sum((32 * s[6] for s in self.stat.values() if s[0] == 'global'))
        out.append('global traffic (32 B sectors, no cache): %d bytes' % gb)
        return '\n'.join(out)
