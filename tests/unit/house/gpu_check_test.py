"""scripts/gpu-check builds its kernels without CMake, from a list: whatever one of these sources includes is in it, too."""
import re
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]


def included(path):
    return re.findall(r'^#include "(.*)"', (SOURCE / path).read_text(), re.MULTILINE)


class GpuCheck(unittest.TestCase):
    def test_sources_are_complete(self):
        sources = subprocess.run([SOURCE / "scripts/gpu-check", "--sources"], check=True, capture_output=True, text=True).stdout.split()
        self.assertIn("tests/gpu/kernels_check.cpp", sources)
        self.assertEqual([source for source in sources if not (SOURCE / source).is_file()], [])
        missing = {}
        for source in sources:
            for header in included(source):
                beside = str(Path(header).with_suffix(".cpp"))
                if (SOURCE / beside).is_file() and beside not in sources:
                    missing.setdefault(beside, source)
        self.assertEqual(missing, {}, "a source to add to kernel_sources in scripts/gpu-check, and who includes it")


if __name__ == "__main__":
    unittest.main()
