"""Reads what ci.sh needs out of YAML and JSON: read_yaml.py WHAT FILE [ARGUMENT]."""
import json
import re
import sys

import yaml


def hooks(path):
    """ID COMMAND PATTERN of each hook; the entry is `mimoc COMMAND`."""
    for hook in yaml.safe_load(open(path)):
        program, command = hook["entry"].split()
        assert program == "mimoc" and hook["language"] == "system", hook
        print(hook["id"], command, hook["files"])


def step(path, name):
    """The commands of a step of the action. Every input that it names is declared."""
    action = yaml.safe_load(open(path))
    assert action["runs"]["using"] == "composite"
    used = set(re.findall(r"inputs\.(\w+)", open(path).read()))
    assert used == set(action["inputs"]), used ^ set(action["inputs"])
    print(next(step["run"] for step in action["runs"]["steps"] if step["name"] == name))


def sarif(path):
    results = json.load(open(path))["runs"][0]["results"]
    print(*sorted(result["ruleId"] for result in results))


def report(path):
    """What the matcher is to find, from mimoc's own JSON."""
    keys = ["file", "line", "column", "severity", "message", "code"]
    for item in json.load(open(path))["diagnostics"]:
        print(*(item[key] for key in keys), sep="|")


def matcher(path, text):
    """FILE|LINE|COLUMN|SEVERITY|MESSAGE|CODE of each line that the matcher of `path` takes."""
    content = json.load(open(path))
    pattern = content.get("contributes", {}).get("problemMatchers") or content["problemMatcher"]
    pattern = pattern[0]["pattern"]
    pattern = pattern[0] if isinstance(pattern, list) else pattern
    keys = ["file", "line", "column", "severity", "message", "code"]
    for line in open(text):
        found = re.search(pattern["regexp"], line.rstrip("\n"))
        if found:
            print(*(found.group(pattern[key]) for key in keys), sep="|")


def readme(path, root):
    """Every ```yaml block is valid; its inputs and hooks exist."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", open(path).read(), re.M | re.S)
    inputs = yaml.safe_load(open(root + "/action.yml"))["inputs"]
    ids = [hook["id"] for hook in yaml.safe_load(open(root + "/.pre-commit-hooks.yaml"))]
    workflow, config = (yaml.safe_load(block) for block in blocks)
    steps = workflow["jobs"]["mimo"]["steps"]
    assert steps[0]["uses"].startswith("actions/checkout@") and "/mimo@" in steps[1]["uses"], steps
    assert set(steps[1].get("with", {})) <= set(inputs), steps
    assert workflow[True] == ["push", "pull_request"]  # the key `on` is YAML 1.1's word for true
    for hook in config["repos"][0]["hooks"]:
        assert hook["id"] in ids, hook


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
