"""Known vulnerabilities in the locked distributions; says what could not be asked, and goes on.

python -m scripts.audit requirements.lock
"""

from __future__ import annotations

import json
import subprocess
import sys


def main(lock: str) -> int:
    command = [
        sys.executable, "-m", "pip_audit", "-r", lock, "--require-hashes", "--disable-pip",
        "--format", "json", "--progress-spinner", "off", "--timeout", "10",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(f"audit: no answer about {lock} ({type(error).__name__}); nothing was audited")
        return 0
    silent = [one["name"] for one in found if "skip_reason" in one]
    wrong = [(one, flaw) for one in found for flaw in one.get("vulns", ())]
    print(f"audit: {len(found) - len(silent)} of {len(found)} distributions of {lock} were audited")
    for one, flaw in wrong:
        mended = ", ".join(flaw["fix_versions"]) or "none yet"
        print(f"  {one['name']} {one['version']}: {flaw['id']}, mended in {mended}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
