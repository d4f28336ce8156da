"""Checks the SARIF logs of mimoc: sarif.py MIMOC FILE...

Each log must have the structure that SARIF 2.1.0 asks for, hold what --format json says, and give, with its
fixes carried out, the text that lint --fix makes. Where MIMO_SARIF_SCHEMA names the official schema
(sarif-schema-2.1.0.json, by OASIS) and python3-jsonschema is installed, logs are validated against it too.
"""

import json
import os
import subprocess
import sys
import urllib.parse

failures = 0


def check(claim, *context):
    global failures
    if not claim:
        failures += 1
        print("FAILED:", *context)


def run(mimoc, form, path):
    result = subprocess.run([mimoc, "lint", "--format", form, path], capture_output=True)
    return json.loads(result.stdout), result.returncode


def load_validator():
    path = os.environ.get("MIMO_SARIF_SCHEMA")
    if not path:
        return None
    import jsonschema

    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    return jsonschema.validators.validator_for(schema)(schema)


def check_driver(driver):
    check(driver["name"] == "mimoc" and driver["version"], "the driver", driver["name"])
    ids = [rule["id"] for rule in driver["rules"]]
    check(len(ids) == len(set(ids)), "rules are listed twice")
    names = [rule["name"] for rule in driver["rules"]]
    check(len(names) == len(set(names)), "two rules have one name")
    for rule in driver["rules"]:
        check(rule["name"].isalnum() and rule["name"][0].isupper(), "the name of", rule["id"], rule["name"])
        for text in (rule["shortDescription"], rule["fullDescription"], rule["help"]):
            check(text["text"].strip(), "an empty text of", rule["id"])
        check("## What to do" in rule["help"]["markdown"], "the help of", rule["id"])
        level = "error" if rule["id"][0] == "E" else "warning"
        check(rule["defaultConfiguration"]["level"] == level, "the level of", rule["id"])


def place_of(physical):
    region = physical["region"]
    return (
        urllib.parse.unquote(physical["artifactLocation"]["uri"]),
        region["startLine"],
        region["startColumn"],
        region["endLine"],
        region["endColumn"],
    )


def check_result(result, rules):
    check(rules[result["ruleIndex"]]["id"] == result["ruleId"], "ruleIndex of", result["ruleId"])
    check(result["level"] in ("error", "warning"), "level", result["level"])
    check(len(result["locations"]) == 1, "locations of", result["ruleId"])
    check(result["partialFingerprints"], "fingerprints of", result["ruleId"])
    for number, related in enumerate(result.get("relatedLocations", [])):
        check(related["id"] == number and related["message"]["text"], "a related location", related)
    for suppression in result.get("suppressions", []):
        check(suppression["kind"] == "inSource" and result["level"] == "warning", "a suppression", suppression)


def as_json(result):
    """What the JSON form says of the same diagnostic."""
    message, _, advice = result["message"]["text"].partition("\nhelp: ")
    related = [
        (note["message"]["text"], *place_of(note["physicalLocation"])[:3])
        for note in result.get("relatedLocations", [])
    ]
    place = place_of(result["locations"][0]["physicalLocation"])
    return (result["ruleId"], result["level"], message, advice, place, related)


def from_json(item):
    place = (item["file"], item["line"], item["column"], item["end_line"], item["end_column"])
    notes = [(note["message"], note["file"], note["line"], note["column"]) for note in item["notes"]]
    return (item["code"], item["severity"], item["message"], item.get("help", ""), place, notes)


def replacements_in(results, path):
    for result in results:
        for fix in result.get("fixes", []):
            check(fix["description"]["text"], "a fix without description")
            for change in fix["artifactChanges"]:
                if urllib.parse.unquote(change["artifactLocation"]["uri"]) == path:
                    yield from change["replacements"]


def offset(lines, line, column):
    """Lines end at line feeds alone, as in mimoc; a byte order mark is no column."""
    before = sum(len(text) + 1 for text in lines[: line - 1])
    has_mark = line == 1 and lines[0].startswith("\ufeff")
    return before + column - 1 + (1 if has_mark else 0)


def apply(text, replacements):
    lines = text.split("\n")
    edits = []
    for replacement in replacements:
        region = replacement["deletedRegion"]
        begin = offset(lines, region["startLine"], region["startColumn"])
        end = offset(lines, region["endLine"], region["endColumn"])
        edits.append((begin, end, replacement["insertedContent"]["text"]))
    for begin, end, inserted in sorted(edits, reverse=True):
        text = text[:begin] + inserted + text[end:]
    return text


def check_fixes(mimoc, results, path):
    """One file whose fixes do not touch each other: all of them at once are one round of --fix."""
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    fixed = apply(text, list(replacements_in(results, path)))
    made = subprocess.run([mimoc, "lint", "--fix", "-"], input=text.encode(), capture_output=True)
    again = subprocess.run([mimoc, "lint", "--fix", "-"], input=fixed.encode(), capture_output=True)
    check(made.stdout == again.stdout, path, "its fixes in SARIF are not those of --fix")
    check(fixed != text or not list(replacements_in(results, path)), path, "its fixes change nothing")


def check_file(mimoc, path, validator):
    log, status = run(mimoc, "sarif", path)
    plain, plain_status = run(mimoc, "json", path)
    check(status == plain_status, path, "exit status", status, plain_status)
    check(log["version"] == "2.1.0" and len(log["runs"]) == 1, path, "version, runs")
    sarif = log["runs"][0]
    check(sarif["columnKind"] == "unicodeCodePoints", path, "columnKind")
    check_driver(sarif["tool"]["driver"])
    invocation = sarif["invocations"][0]
    check(invocation["executionSuccessful"] is True, path, "executionSuccessful")
    check(invocation["exitCode"] == status, path, "exitCode", invocation["exitCode"], status)
    for result in sarif["results"]:
        check_result(result, sarif["tool"]["driver"]["rules"])
    given = [as_json(result) for result in sarif["results"] if "suppressions" not in result]
    wanted = [from_json(item) for item in plain["diagnostics"]]
    check(given == wanted, path, "SARIF and JSON differ:", given, wanted)
    check_fixes(mimoc, sarif["results"], path)
    if validator:
        for error in validator.iter_errors(log):
            check(False, path, error.json_path, error.message)
    return sarif


def main():
    mimoc, files = os.path.realpath(sys.argv[1]), sys.argv[2:]
    validator = load_validator()
    suppressed = []
    for path in files:
        results = check_file(mimoc, path, validator)["results"]
        suppressed += [result for result in results if "suppressions" in result]
    reasons = [result["suppressions"][0].get("justification") for result in suppressed]
    check("two spares" in reasons, "no suppression has its reason:", reasons)
    log, status = run(mimoc, "sarif", "absent.mimo")
    check(status == 2, "an absent file has status", status)
    check(log["runs"][0]["invocations"][0]["executionSuccessful"] is False, "an absent file is a success")
    print(f"{len(files)} files", "and the official schema" if validator else "without the official schema")
    sys.exit(1 if failures else 0)


main()
