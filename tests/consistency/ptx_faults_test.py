"""The interpreter of PTX finds deliberate faults, one in each kernel of tests/support/ptx/faults.cu, compiled by nvcc."""

import os
import pathlib
import struct
import sys
import tempfile
import unittest

source = pathlib.Path(os.environ['MILLESIME_SOURCE'])
sys.path.insert(0, str(source / 'tests/support/ptx'))
from cuda_toolkit import NO_NVCC, compile_cuda, find_nvcc  # noqa: E402
from ptx_machine import GlobalMemory, Module, PtxError  # noqa: E402

N = 64


class Faults(unittest.TestCase):
    def run_kernel(self, name, grid=1, n=N, **options):
        memory = GlobalMemory([4 * N, 4 * N])
        memory.put(0, struct.pack('<%di' % N, *range(N)))
        parameters = [struct.pack('<Q', address) for address in memory.addresses] + [struct.pack('<i', n)]
        machine = self.module.run(name, grid, N, memory, parameters, **options)
        return struct.unpack('<%di' % N, memory.get(1)), machine

    def fault(self, name, **options):
        with self.assertRaises(PtxError) as caught:
            self.run_kernel(name, **options)
        return str(caught.exception)

    def test_right_kernels_pass(self):
        self.assertEqual(self.run_kernel('copies')[0], tuple(range(N)))
        self.assertEqual(self.run_kernel('reverses')[0], tuple(reversed(range(N))))

    def test_a_write_beyond_the_end(self):
        self.assertIn('out of bounds global', self.fault('copies_one_too_many', grid=2))

    def test_a_missing_barrier(self):
        self.assertIn('data race on shared', self.fault('reverses_without_barrier'))

    def test_memory_that_nobody_wrote(self):
        self.assertIn('read of uninitialised shared', self.fault('reads_what_nobody_wrote'))

    def test_a_barrier_that_not_all_threads_reach(self):
        self.assertIn('barrier after thread exit', self.fault('leaves_before_the_barrier'))

    def test_a_race_between_blocks(self):
        self.assertIn('data race on global', self.fault('blocks_write_one_number', grid=4))

    def test_an_index_that_wraps(self):
        self.assertIn('out of bounds global', self.fault('counts_in_32_bits', n=48))

    def test_scattered_requests_are_counted(self):
        self.assertAlmostEqual(self.run_kernel('copies', metrics=True)[1].sectors_over_ideal(), 1.0)
        self.assertGreater(self.run_kernel('gathers', metrics=True)[1].sectors_over_ideal(), 1.3)


if __name__ == '__main__':
    nvcc = find_nvcc()
    if not nvcc:
        print(NO_NVCC)
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        ptx = pathlib.Path(folder) / 'faults.ptx'
        compile_cuda(nvcc, source / 'tests/support/ptx/faults.cu', ptx, ['-ptx', '-arch=compute_75'])
        Faults.module = Module(ptx)
        unittest.main(verbosity=2)
