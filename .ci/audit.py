"""Known vulnerabilities in what .venv has, by pip-audit: exit code 1 if there are some, 3 if its data cannot be had.

pip-audit itself calls it a success where it could look up none of the packages.
"""

import json
import pathlib
import subprocess
import sys

NO_DATA = 3


def main(environment: str) -> int:
    """Prints a line for each vulnerability, and what could not be checked."""
    (packages,) = pathlib.Path(environment).glob("lib/python3.*/site-packages")
    command = [sys.executable, "-m", "pip_audit", f"--path={packages}", "--format=json", "--progress-spinner=off"]
    result = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 (no word of it is from outside)
    return report(result.stdout, result.stderr)


def report(answer: str, errors: str) -> int:
    """Prints what pip-audit found, and returns the exit code."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError):
        last = (errors.strip().splitlines() or ["no answer"])[-1]
        print(f"NOT AUDITED: pip-audit could not do it ({last[:300]})")
        return NO_DATA
    checked = [package for package in packages if "vulns" in package]
    skipped = [package["name"] for package in packages if "vulns" not in package]
    for package in checked:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            print(f"VULNERABLE: {package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if any(package["vulns"] for package in checked):
        return 1
    if not checked:
        print(f"NOT AUDITED: no advisory could be had of any of the {len(skipped)} packages")
        return NO_DATA
    print(f"{len(checked)} packages have no known vulnerability")
    if skipped:
        print(f"NOT AUDITED: {', '.join(skipped)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
