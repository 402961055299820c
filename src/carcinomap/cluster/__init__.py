"""The same work on many machines.

``RayCluster`` runs the tasks of ``carcinomap.work`` on a Ray cluster: Ray decides where each of
them runs, this room how many wait there at a time, and what happens when a machine dies under them.
Whatever a task reads and writes has to be where all machines of the cluster find it.
"""

from carcinomap.cluster.ray_cluster import RayCluster

__all__ = ["RayCluster"]
