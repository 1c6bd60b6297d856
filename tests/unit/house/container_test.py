"""scripts/container/millesime.def, as Apptainer reads it: a line of %files is one source and one destination, arguments are of their stage."""
import re
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]


def stages():
    text = (SOURCE / "scripts/container/millesime.def").read_text()
    return [part for part in re.split(r"^(?=Bootstrap:)", text, flags=re.MULTILINE) if part.startswith("Bootstrap:")]


def section(stage, name):
    found = re.search(rf"^%{name}\b.*\n((?:(?!%).*\n?)*)", stage, re.MULTILINE)
    return [line.split() for line in found.group(1).splitlines() if line.strip()] if found else []


class Container(unittest.TestCase):
    def test_files_exist_and_have_one_destination_each(self):
        files = section(stages()[0], "files")
        self.assertIn(["pipeline", "/src/pipeline"], files)
        for line in files:
            self.assertEqual(len(line), 2, " ".join(line))
            self.assertTrue((SOURCE / line[0]).exists(), line[0])
            self.assertEqual(line[1], "/src/" + line[0])

    def test_arguments_have_a_default_in_each_stage(self):
        self.assertEqual(len(stages()), 2)
        for stage in stages():
            defaults = {line[0].split("=")[0] for line in section(stage, "arguments")}
            self.assertLessEqual(set(re.findall(r"{{ *(\w+) *}}", stage)), defaults)


if __name__ == "__main__":
    unittest.main()
