"""A run in a service, where all is imported: `python -m bench.speed_service CONFIG START/END`.

The window is run twice in one process; what the second run costs is printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path

from monitor.core.allocators import give_back, keep_freed

keep_freed()  # as the command line does, before Arrow is there

from monitor.config import load  # noqa: E402
from monitor.core.window import Window  # noqa: E402
from monitor.pipeline import Pipeline  # noqa: E402
from monitor.store.store import Store  # noqa: E402


def main(path: Path, span: str) -> None:
    """Run the window of the only monitor twice."""
    config = load(path)
    window = Window(*map(datetime.fromisoformat, span.split("/")))
    with Store.open(config.store.url) as store:
        pipeline = Pipeline(config, store)
        pipeline.run(config.monitors[0], window)
        give_back()  # as `driftloop serve` does between windows
        wall, cpu = time.perf_counter(), time.process_time()
        document = pipeline.run(config.monitors[0], window)
        cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({**cost, "findings": len(document["findings"])}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
