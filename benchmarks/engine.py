"""What the segmentation engine must show: speed beside its peers, memory, seams, kills.

    python benchmarks/engine.py pipeline [--tiatoolbox PYTHON]
    python benchmarks/engine.py real SLIDE MODEL [--fast PYTHON]
    python benchmarks/engine.py memory --plot memory.png
    python benchmarks/engine.py seams SLIDE MODEL --at X Y [--at X Y …]
    python benchmarks/engine.py kills [SLIDE [MODEL]] [--kills 50] [--planes]

Prints tables in Markdown. Peers have environments of their own, whose Python is named. Generated
slides go to --cache, by default a folder that is gone in the end. Every measured run is a process
of its own, unless the table says otherwise; peak memory is that of the process and its children.
"""

import engine_kills
import engine_memory
import engine_pipeline
import engine_real
import engine_seams
import parts

if __name__ == "__main__":
    parts.show(
        __doc__.splitlines()[0],
        {
            "pipeline": engine_pipeline,
            "real": engine_real,
            "memory": engine_memory,
            "seams": engine_seams,
            "kills": engine_kills,
        },
    )
