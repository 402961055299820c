"""Many slides on many machines: speed, machines that die, slides that fail, ten thousand of them.

    python benchmarks/cluster.py speedup [--slides 40] [--side 4096] [--repeats 3]
    python benchmarks/cluster.py nodes [--slides 12] [--machines 3]
    python benchmarks/cluster.py failures [--slides 40] [--ray]
    python benchmarks/cluster.py many [--slides 10000]

Prints tables in Markdown. Machines are Ray's, several on this one: each is processes of its own, of
one core, to which it is bound. Slides are generated, and the model is the default U-Net, hardly
trained. All goes to --cache, by default a folder that is gone in the end.
"""

import cluster_failures
import cluster_many
import cluster_nodes
import cluster_speedup
import parts

if __name__ == "__main__":
    parts.show(
        __doc__.splitlines()[0],
        {
            "speedup": cluster_speedup,
            "nodes": cluster_nodes,
            "failures": cluster_failures,
            "many": cluster_many,
        },
    )
