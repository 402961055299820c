import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from carcinomap.annotation.vertices import with_points, without_points

SQUARES = np.array(
    [shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 6, 6)), shapely.box(9, 0, 12, 4)]
)
POINTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), min_size=1, max_size=30)


@given(POINTS)
def test_points_on_edges_become_vertices_in_order_and_go_again(points):
    more = with_points(SQUARES, np.array(points))
    assert shapely.is_valid(more).all()
    assert shapely.equals(more, SQUARES).all()
    for before, after in zip(SQUARES, more, strict=True):
        vertices = {*map(tuple, shapely.get_coordinates(before).tolist())}
        touching = {point for point in points if before.boundary.intersects(shapely.Point(point))}
        assert {*map(tuple, shapely.get_coordinates(after).tolist())} == vertices | touching
        assert after.length == before.length
    # Corners are not straight, and stay.
    less = without_points(more, np.array([*points, (0, 0), (3, 6)]))
    assert shapely.equals_exact(shapely.normalize(less), shapely.normalize(SQUARES)).all()


def test_a_point_goes_from_a_slanting_edge_and_from_where_a_ring_begins():
    ring = [(2, 0), (4, 0), (4, 4), (2, 2), (0, 0), (2, 0)]
    (thin,) = without_points(np.array([shapely.Polygon(ring)]), np.array([(2, 0), (2, 2), (4, 4)]))
    assert shapely.get_coordinates(thin).tolist() == [[4, 0], [4, 4], [0, 0], [4, 0]]


def test_only_what_is_straight_goes():
    bent = shapely.Polygon([(0, 0), (5, 1), (9, 0), (9, 9), (0, 9)])
    (same,) = without_points(np.array([bent]), np.array([(5, 1)]))
    assert same.equals_exact(bent)
